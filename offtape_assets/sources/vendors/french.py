"""Ken French's library: the daily five factors, one zip that restates the whole history.

Every vintage is kept: the newest under its own name, an older one in a folder named by the vintage
that its first line tells, where the reader finds it too.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType

from offtape_assets.sources.inflation import BombError, check_archive
from offtape_assets.sources.manifest import Entry
from offtape_assets.sources.vendors.refusal import Patience, Refusal
from offtape_assets.sources.vendors.vendor import Offer, Probe, Wanted
from offtape_assets.sources.vendors.web import Web, shown
from offtape_assets.tables import raw
from offtape_assets.vendor_settings import VendorSettings

ARCHIVE = "F-F_Research_Data_5_Factors_2x3_daily_CSV.zip"
FILE = "french/F-F_Research_Data_5_Factors_2x3_daily.csv"
RELEASE_LAG_DAYS = 62
"""A day's factors are released one to two months later."""
_VINTAGE = re.compile(rb"\b(\d{6}) CRSP")
_DAY = re.compile(rb"^\s*\d{8}\s*,", re.MULTILINE)


class French:
    """The daily five-factor file."""

    name = "french"
    connections = 1
    datasets = ("five_factors_daily",)
    tables: Mapping[str, Sequence[str]] = MappingProxyType(
        {raw.FACTOR_LIBRARY.full_name: ("five_factors_daily",)}
    )
    is_by_day = False
    has_versions = False
    settles_days = RELEASE_LAG_DAYS

    def __init__(self, settings: VendorSettings, patience: Patience) -> None:
        self._url = f"{settings.french_url}/{ARCHIVE}"
        self._web = Web(self.name, patience, per_second=1)

    def wanted(self, dataset: str, first: date, last: date, tickers: Sequence[str]) -> list[Wanted]:
        """The one file, which holds the whole history."""
        return [Wanted(self.name, dataset, FILE, last, last)]

    def offer(self, wanted: Wanted, held: Entry | None) -> Offer:
        """The address; vintages are told apart by content."""
        return Offer(shown(self._url))

    def read(self, wanted: Wanted, offer: Offer, start: int) -> Iterator[bytes]:
        """The only CSV of the archive, whatever its name."""
        content = self._web.get(self._url).content
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                check_archive(shown(self._url), archive)
                (name,) = (n for n in archive.namelist() if n.lower().endswith(".csv"))
                text = archive.read(name)
        except (zipfile.BadZipFile, ValueError, EOFError, BombError) as error:
            raise Refusal("failed", f"{shown(self._url)}: no zip of one CSV ({error})") from None
        if not _DAY.search(text):
            raise Refusal("failed", f"{shown(self._url)}: {name} holds no line of a date")
        yield text

    def probe(self, day: date) -> Iterator[Probe]:
        """Ask for the archive's headers."""
        try:
            with self._web.open(self._url, method="HEAD") as answer:
                stamp = answer.headers.get("Last-Modified", "an unknown date")
        except Refusal as refusal:
            yield Probe("french", False, refusal.standing, str(refusal))
        else:
            yield Probe("french", True, f"the library is of {stamp}")


def vintage_folder(file: Path) -> str:
    """The folder that keeps a replaced vintage: `french/202409`."""
    with file.open("rb") as opened:
        found = _VINTAGE.search(opened.read(2000))
    return f"french/{found[1].decode() if found else 'unknown'}"
