"""Kalshi's daily reports: one JSON array of all markets' trades per report day, plain or gzipped.

Prices are cents of the contract's own yes side; numbers may come as strings. Identical records
are different trades and are all kept; a report that was rewritten is read again as a whole.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import cast

import duckdb
import polars as pl
from isal import igzip, isal_zlib

from offtape_assets.sources.inflation import check_growth
from offtape_assets.sources.source import RawRows, SourceError

FOLDER = Path("kalshi", "reporting")
FIELDS = ("ticker_name", "report_ticker", "date", "create_ts", "contracts_traded", "price")
CHUNK_BYTES = 1 << 20
UNREADABLE = (
    EOFError,
    OSError,
    ValueError,
    cast("type[Exception]", isal_zlib.IsalError),  # its stub declares an instance
)
AGAIN = "remove it and download it again"
REJECT_LIMIT = 10_000
"""Unreadable records of one report; more of them are another layout, not stray values."""

_RECORDS = """
create temp table records as
select
    *,
    try_cast(create_ts as timestamptz)::timestamp as ts,
    try_cast(contracts_traded as decimal(18, 6)) as contracts,
    try_cast(price as decimal(9, 4)) * 0.01::decimal(3, 2) as dollars
from read_json(?, format = 'array', maximum_object_size = 1048576, columns = {columns})
"""
_READABLE = " and ".join(
    f"{name} is not null" for name in ("ticker_name", "ts", "contracts", "dollars")
)
_ROWS = f"""
select ts, ticker_name as contract, contracts as contracts_traded, dollars as price
from records where {_READABLE} order by rowid
"""
_REJECTS = f"""
select
    case
        when ticker_name is null then 'ticker_name is missing'
        when ts is null then 'create_ts is not an instant'
        when contracts is null then 'contracts_traded is not a number'
        else 'price is not a number'
    end as reason,
    json_object({", ".join(f"'{name}', {name}" for name in FIELDS)})::varchar as row_json
from records where ({_READABLE}) is not true order by rowid limit {REJECT_LIMIT + 1}
"""


class DailyReportReader:
    """Reads raw.kalshi_trades: the report file of one day, every market in it."""

    def __init__(self, landing: Path) -> None:
        self._folder = landing / FOLDER

    def files(self, day: date, ticker: str = "") -> list[Path]:
        """The day's report; the gzipped one if both kinds are there."""
        stem = self._folder / f"trade_data_{day}.json"
        candidates = (stem.with_suffix(".json.gz"), stem)
        return [path for path in candidates if path.is_file()][:1]

    def read(self, day: date, tickers: Sequence[str], scratch: Path) -> Iterator[RawRows]:
        """Yield the day's trades in the order of the file; an instant without offset is UTC.

        Raises
        ------
        SourceError
            If the file is torn or no JSON array, or more than REJECT_LIMIT records are unreadable.
        """
        for path in self.files(day):
            _check_whole(path)
            staged = scratch / f"kalshi_trades-{day}.parquet"
            with duckdb.connect() as connection:
                rejects = _stage(connection, path, staged)
            yield RawRows("", staged, rejects)


def _check_whole(path: Path) -> None:
    """Refuse a torn download: DuckDB reads an array without its end as a shorter one."""
    tail, compressed, inflated = b"", path.stat().st_size, 0
    try:
        with igzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            if path.suffix != ".gz":
                file.seek(max(0, path.stat().st_size - CHUNK_BYTES))
            while chunk := file.read(CHUNK_BYTES):
                inflated += len(chunk)
                check_growth(path, compressed, inflated)
                tail = (tail + chunk)[-CHUNK_BYTES:]
    except UNREADABLE as error:
        raise SourceError(f"{path}: {error}; {AGAIN}") from error
    if not tail.rstrip().endswith(b"]"):
        raise SourceError(f"{path}: the JSON array has no end; {AGAIN}")


def _stage(connection: duckdb.DuckDBPyConnection, path: Path, staged: Path) -> pl.DataFrame:
    """Write the readable records to a Parquet file and return the others."""
    connection.execute("set timezone = 'UTC'")
    columns = "{" + ", ".join(f"{name}: 'VARCHAR'" for name in FIELDS) + "}"
    try:
        connection.execute(_RECORDS.replace("{columns}", columns), [str(path)])
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise SourceError(f"{path}: {reason}; {AGAIN}") from error
    rejects = connection.execute(_REJECTS).pl()
    if rejects.height > REJECT_LIMIT:
        raise SourceError(
            f"{path}: more than {REJECT_LIMIT} records cannot be read, the last because its"
            f" {rejects['reason'][-1]}; download it again, or tell the reader of its new layout"
        )
    connection.execute(f"copy ({_ROWS}) to '{staged}' (format parquet)")
    return rejects
