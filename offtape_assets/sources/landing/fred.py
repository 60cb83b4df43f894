"""Treasury bill yields as FRED's CSV files, one series a file.

Values are percent a year; blanks and '.' are days without a fixing. A value is published the day after,
so a date sees the latest one before it. DTB* series are bank discount, DGS* bond-equivalent.
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from offtape_assets.sources.source import RawRows, SourceError

FOLDER = "fred"
TENOR_DAYS = {
    "DTB4WK": 28,
    "DTB3": 91,
    "DTB6": 182,
    "DTB1YR": 364,
    "DGS1MO": 30,
    "DGS3MO": 91,
    "DGS6MO": 182,
    "DGS1": 365,
}
MAX_AGE_DAYS = 10  # a bill fixing older than that is another market's
SCHEMA = {"tenor_days": pl.Int64, "rate": pl.Float64}


class BillReader:
    """Reads raw.treasury_bills; a DGS series stands for its tenor where the DTB one is there too."""

    def __init__(self, landing: Path) -> None:
        self._folder = landing / FOLDER

    def files(self, day: date, ticker: str = "") -> list[Path]:
        """Series files with a fixing in the days before; empty where none has one."""
        paths = [self._folder / f"{series}.csv" for series in TENOR_DAYS]
        return [path for path in paths if path.is_file() and _latest(path, day) is not None]

    def read(self, day: date, tickers: Sequence[str], scratch: Path) -> Iterator[RawRows]:
        """Yield one row a tenor.

        Raises
        ------
        SourceError
            If a file is not FRED's CSV.
        """
        rates: dict[int, float] = {}
        for path in self.files(day):
            value = _latest(path, day)
            if value is not None:
                tenor = TENOR_DAYS[path.stem]
                is_discount = path.stem.startswith("DTB")
                rates[tenor] = bond_equivalent(value, tenor) if is_discount else value
        if rates:
            yield RawRows("", pl.DataFrame(sorted(rates.items()), SCHEMA, orient="row"))


def bond_equivalent(discount: float, days: int) -> float:
    """Simple yearly yield (365 days) of a bill quoted at a bank discount (360 days)."""
    return 365.0 * discount / (360.0 - days * discount)


def _latest(path: Path, day: date) -> float | None:
    """The last fixing before `day`, as a decimal."""
    found: tuple[date, float] | None = None
    with path.open(newline="") as file:
        rows = csv.reader(file)
        next(rows, None)
        for row in rows:
            try:
                stamp, text = date.fromisoformat(row[0]), row[1].strip()
                value = float(text) / 100.0 if text not in ("", ".") else None
            except (ValueError, IndexError) as error:
                raise SourceError(
                    f"{path}: {row} is not 'date,percent'; fetch the series again"
                ) from error
            if stamp < day and value is not None and (found is None or stamp > found[0]):
                found = stamp, value
    if found is None or (day - found[0]).days > MAX_AGE_DAYS:
        return None
    return found[1]
