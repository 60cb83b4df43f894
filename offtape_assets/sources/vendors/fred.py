"""FRED: the yields of Treasury bills and short notes, one CSV a series with its whole history."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from types import MappingProxyType

from offtape_assets.sources.landing.fred import FOLDER, TENOR_DAYS
from offtape_assets.sources.manifest import Entry
from offtape_assets.sources.vendors.refusal import Patience, Refusal
from offtape_assets.sources.vendors.vendor import Offer, Probe, Wanted
from offtape_assets.sources.vendors.web import Web, shown
from offtape_assets.tables import raw
from offtape_assets.vendor_settings import VendorSettings

SETTLES_DAYS = 5
"""A fixing is published the day after; a long weekend lies between at most."""


class Fred:
    """The graph server's CSV, which asks for no key."""

    name = "fred"
    connections = 2
    datasets = ("series",)
    tables: Mapping[str, Sequence[str]] = MappingProxyType(
        {raw.TREASURY_BILLS.full_name: ("series",)}
    )
    is_by_day = False
    has_versions = False
    settles_days = SETTLES_DAYS

    def __init__(self, settings: VendorSettings, patience: Patience) -> None:
        self._url = settings.fred_url
        self._web = Web(self.name, patience, per_second=2)

    def wanted(self, dataset: str, first: date, last: date, tickers: Sequence[str]) -> list[Wanted]:
        """One file a tenor."""
        return [
            Wanted(self.name, dataset, f"{FOLDER}/{series}.csv", last, last, series)
            for series in TENOR_DAYS
        ]

    def offer(self, wanted: Wanted, held: Entry | None) -> Offer:
        """The address; the vendor tells no version."""
        return Offer(f"{shown(self._url)}?id={wanted.subject}")

    def read(self, wanted: Wanted, offer: Offer, start: int) -> Iterator[bytes]:
        """The series as received, if it is one: the server answers a page to a wrong name."""
        content = self._web.get(self._url, {"id": wanted.subject}).content
        header, _, rest = content.partition(b"\n")
        try:
            date.fromisoformat(rest[:10].decode())
            is_series = header.strip().count(b",") == 1
        except ValueError:
            is_series = False
        if not is_series:
            raise Refusal("failed", f"{offer.url} answered no series: {header[:80]!r}")
        yield content

    def probe(self, day: date) -> Iterator[Probe]:
        """Ask for a week of one series."""
        span = {"id": "DGS1MO", "cosd": day.isoformat(), "coed": day.isoformat()}
        try:
            self._web.get(self._url, span)
        except Refusal as refusal:
            yield Probe("fred", False, refusal.standing, str(refusal))
        else:
            yield Probe("fred", True, "series can be read")
