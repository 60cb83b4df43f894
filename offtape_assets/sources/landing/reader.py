"""What a reader of one vendor's files answers; `landing.py` maps tables to readers."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Protocol

from offtape_assets.sources.source import RawRows


class Reader(Protocol):
    """Reads one table out of a landing folder."""

    def files(self, day: date, ticker: str = "") -> list[Path]:
        """The files behind one partition; empty where the vendor delivered nothing."""
        ...

    def read(self, day: date, tickers: Sequence[str], scratch: Path) -> Iterator[RawRows]:
        """Yield the partitions of one date, as `Source.read` describes."""
        ...
