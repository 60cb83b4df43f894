"""What every source of raw rows must answer. Implementations live beside this file.

A source is asked once per table and date for all tickers wanted, so that a day's file is read
once. It yields typed rows; rows whose text cannot be read as the declared type come apart, with
the reason, and are never dropped.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

import polars as pl

from offtape_assets.tables.table import Table

Arriving = Callable[[str, int, int], None]
"""Called with what arrives, the megabytes there are and those there will be."""
REJECT_SCHEMA = {"reason": pl.String, "row_json": pl.String}


class SourceError(Exception):
    """A file or an answer of a source that cannot be used; the message names the remedy."""


@dataclass(frozen=True)
class RawRows:
    """The rows of one partition as a source delivers them.

    Parameters
    ----------
    ticker
        The ticker of the partition; empty for tables partitioned by date only.
    rows
        The table's stored columns, in a frame or in a Parquet file of the scratch folder (whose
        deletion is the reader's business).
    rejects
        Rows whose text is not of the declared type: `reason`, `row_json`.
    """

    ticker: str
    rows: pl.DataFrame | Path
    rejects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECT_SCHEMA))


class Source(Protocol):
    """Where raw rows come from.

    `fingerprint` answers cheaply what `read` would read: None where the source has nothing for
    the table on that date, else a string that changes when the rows would change. Reference
    tables are asked for with `date.max`.
    """

    name: str
    reads_day_files: bool
    """True where one file holds a day's rows of all tickers and must be read in one pass."""

    def arrive(self, table: Table, day: date, tickers: Sequence[str], progress: Arriving) -> None:
        """Bring within reach what is behind a table and date; called before a run reads.

        What cannot be had is told by `fingerprint` and `read`, ticker by ticker.
        """
        ...

    def fingerprint(self, table: Table, day: date, ticker: str = "") -> str | None:
        """Identity of the rows behind one partition, or None where there are none."""
        ...

    def read(
        self, table: Table, day: date, tickers: Sequence[str], scratch: Path
    ) -> Iterator[RawRows]:
        """Yield each partition of one table and date; `scratch` may hold intermediate files.

        Tables partitioned by date only yield once, with an empty ticker. A ticker the source
        does not know yields nothing.

        Raises
        ------
        SourceError
            Naming the file, the row and the remedy.
        """
        ...
