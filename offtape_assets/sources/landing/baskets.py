"""Fund baskets as one small CSV per fund and evening: what one share of the fund holds.

`baskets/YYYY-MM-DD/ETF.csv` with the header `ticker,shares_per_share`; the folder is the evening
the holdings are of. A date sees the latest evening before it, not one older than a few days.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from offtape_assets.sources.source import RawRows, SourceError

FOLDER = "baskets"
COLUMNS = ("ticker", "shares_per_share")
MAX_AGE_DAYS = 7
"""Holdings drift with flows and corporate actions; a week-old basket is another fund's."""


class BasketReader:
    """Reads raw.etf_baskets."""

    def __init__(self, landing: Path) -> None:
        self._folder = landing / FOLDER

    def files(self, day: date, ticker: str = "") -> list[Path]:
        """The funds' files of the latest evening before the date."""
        if not self._folder.is_dir():
            return []
        evenings = [
            (as_of, folder)
            for folder in self._folder.iterdir()
            if folder.is_dir() and (as_of := _evening(folder)) and as_of < day
        ]
        if not evenings:
            return []
        as_of, folder = max(evenings)
        return sorted(folder.glob("*.csv")) if (day - as_of).days <= MAX_AGE_DAYS else []

    def read(self, day: date, tickers: Sequence[str], scratch: Path) -> Iterator[RawRows]:
        """Yield one row per fund and holding.

        Raises
        ------
        SourceError
            If a file has other columns.
        """
        frames = [_holdings(path) for path in self.files(day)]
        if not frames:
            return
        rows = pl.concat(frames)
        number = pl.col("shares_per_share").cast(pl.Float64, strict=False)
        is_bad = number.is_null() | pl.col("ticker").is_null()
        rejects = rows.filter(is_bad).select(
            pl.lit("text_is_of_the_declared_type").alias("reason"),
            pl.struct("etf", *COLUMNS).struct.json_encode().alias("row_json"),
        )
        yield RawRows("", rows.filter(~is_bad).with_columns(number), rejects)


def _holdings(path: Path) -> pl.DataFrame:
    """Rows of one fund's file as text."""
    rows = pl.read_csv(path, infer_schema=False)
    if tuple(rows.columns) != COLUMNS:
        raise SourceError(f"{path}: columns are {rows.columns}; write ticker,shares_per_share")
    return rows.select(
        pl.lit(_evening(path.parent)).alias("as_of"), pl.lit(path.stem).alias("etf"), *COLUMNS
    )


def _evening(folder: Path) -> date | None:
    """The date a folder is named for, if it is one."""
    try:
        return date.fromisoformat(folder.name)
    except ValueError:
        return None
