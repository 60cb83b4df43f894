"""What a connector answers: which files it can fill, which version there is now, and its bytes.

A connector never writes to the landing folder and never reads rows; fetching.py does the rest.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

from offtape_assets.sources.manifest import Entry


@dataclass(frozen=True)
class Wanted:
    """One file of the landing folder that a vendor can fill.

    Parameters
    ----------
    path
        Relative to the landing folder, with forward slashes.
    day, through
        First and last date whose rows are wanted from it.
    subject
        Ticker, contract, token or series, where the file holds one.
    is_expected
        Whether the vendor should have it: False for weekends, holidays, days to come.
    """

    vendor: str
    dataset: str
    path: str
    day: date
    through: date
    subject: str = ""
    is_expected: bool = True


class Offer(NamedTuple):
    """The version of a file that a vendor has now; no etag where it tells none."""

    url: str
    etag: str = ""
    size: int | None = None
    last_modified: str = ""


class Probe(NamedTuple):
    """One thing that `offtape doctor` asked a vendor."""

    subject: str
    is_well: bool
    detail: str
    remedy: str = ""


class Vendor(Protocol):
    """One vendor's protocol. All methods may be called from several threads."""

    @property
    def name(self) -> str:
        """How the settings and the manifest call it."""
        ...

    @property
    def connections(self) -> int:
        """Files that may be fetched at once."""
        ...

    @property
    def datasets(self) -> Sequence[str]:
        """In the order of fetching: a later one may need the files of an earlier one."""
        ...

    @property
    def tables(self) -> Mapping[str, Sequence[str]]:
        """Full name of a raw table to the datasets behind it."""
        ...

    @property
    def is_by_day(self) -> bool:
        """Whether a file holds one date, so that the manifest alone tells what was read."""
        ...

    @property
    def has_versions(self) -> bool:
        """Whether `offer` tells versions apart without reading the file."""
        ...

    @property
    def settles_days(self) -> int:
        """Days after a date until a file fetched then holds all of it."""
        ...

    def wanted(self, dataset: str, first: date, last: date, tickers: Sequence[str]) -> list[Wanted]:
        """The files that hold a dataset on the dates; asks nobody."""
        ...

    def offer(self, wanted: Wanted, held: Entry | None) -> Offer:
        """The version there is now.

        Raises
        ------
        Refusal
            If there is none, or the vendor would not say.
        """
        ...

    def read(self, wanted: Wanted, offer: Offer, start: int) -> Iterator[bytes]:
        """The bytes of the file from `start` on; `start` is 0 where the offer has no etag.

        Raises
        ------
        Refusal
            If the vendor refuses or the connection breaks.
        ChangedError
            If the version is no longer the offered one.
        """
        ...

    def probe(self, day: date) -> Iterator[Probe]:
        """What the credentials and the plan allow, asked with a few small requests."""
        ...
