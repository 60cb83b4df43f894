"""Option quotes and open interest: ThetaData's v3 CSV files and snapshots of whole chains in Parquet.

ThetaData stamps New York wall time without a zone, repeats the quote in force at each interval and
writes 0 for an absent side. Parquet snapshots carry UTC stamps; vendors without sizes leave them empty.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from offtape_assets.sources.inflation import check_file
from offtape_assets.sources.source import REJECT_SCHEMA, RawRows, SourceError
from offtape_assets.tables import raw

THETADATA = Path("thetadata", "option", "history")
SNAPSHOTS = Path("option_chains")
AGAIN = "remove it and fetch it again"
QUOTE_CSV = [
    "symbol",
    "expiration",
    "strike",
    "right",
    "timestamp",
    "bid_size",
    "bid_exchange",
    "bid",
    "bid_condition",
    "ask_size",
    "ask_exchange",
    "ask",
    "ask_condition",
]
INTEREST_CSV = ["symbol", "expiration", "strike", "right", "timestamp", "open_interest"]
_OPTION = ("expiry", "strike", "option_right")
_COLUMNS = {
    raw.OPTION_QUOTES.full_name: [column.name for column in raw.OPTION_QUOTES.columns],
    raw.OPEN_INTEREST.full_name: [column.name for column in raw.OPEN_INTEREST.columns],
}


class OptionReader:
    """Reads raw.option_quotes or raw.open_interest of one ticker from whichever layout is there."""

    def __init__(self, table_name: str, landing: Path) -> None:
        self._table = table_name
        self._dataset = "quote" if table_name == raw.OPTION_QUOTES.full_name else "open_interest"
        self._landing = landing

    def files(self, day: date, ticker: str = "") -> list[Path]:
        """The ticker's CSV file if there is one, else the day's snapshots of its chain."""
        csv = self._landing / THETADATA / self._dataset / day.isoformat() / f"{ticker}.csv.gz"
        if csv.is_file():
            return [csv]
        return sorted((self._landing / SNAPSHOTS / day.isoformat() / ticker).glob("*.parquet"))

    def read(self, day: date, tickers: Sequence[str], scratch: Path) -> Iterator[RawRows]:
        """Yield the rows of each ticker.

        Raises
        ------
        SourceError
            If a file lacks a column or is damaged.
        """
        for ticker in tickers:
            files = self.files(day, ticker)
            if not files:
                continue
            if files[0].suffix == ".gz":
                parts = [self._csv(files[0], ticker)]
            elif self._dataset == "quote":
                parts = [_guarded(_snapshot_quotes, path) for path in files]
            else:
                parts = [_guarded(_snapshot_interest, files[-1])]
            rows = pl.concat([part[0] for part in parts])
            rejects = pl.concat([part[1] for part in parts])
            yield RawRows(ticker, rows.select(_COLUMNS[self._table]), rejects)

    def _csv(self, path: Path, ticker: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        read = _theta_quotes if self._dataset == "quote" else _theta_interest
        rows, rejects = _guarded(read, path)
        roots = {ticker, ticker.replace(".", "")}  # class shares lose their dot
        strangers = rows.filter(~pl.col("symbol").is_in(list(roots)))
        if strangers.height:
            named = strangers["symbol"][0]
            raise SourceError(f"{path}: holds {named}, not {ticker}; {AGAIN}")
        return rows, rejects


def _guarded(
    read: Callable[[Path], tuple[pl.DataFrame, pl.DataFrame]], path: Path
) -> tuple[pl.DataFrame, pl.DataFrame]:
    try:
        return read(path)
    except (PolarsError, OSError, EOFError) as error:
        line = str(error).splitlines()[0]
        raise SourceError(f"{path}: cannot be read ({line}); {AGAIN}") from error


def _theta_quotes(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    text = _text(path, QUOTE_CSV)
    numbers = [
        *(pl.col(n).cast(pl.Float64, strict=False).alias(f"{n}_price") for n in ("bid", "ask")),
        *(pl.col(n).cast(pl.Int64, strict=False) for n in ("bid_size", "ask_size")),
    ]
    typed = text.with_columns(
        *_theta_option(), _new_york(pl.col("timestamp")).alias("ts"), *numbers
    )
    needed = ("ts", "bid_price", "ask_price", "bid_size", "ask_size", *_OPTION)
    rows, rejects = _apart(text, typed, needed)
    quiet = [
        pl.when(pl.col(n) == 0.0).then(None).otherwise(pl.col(n)).alias(n)
        for n in ("bid_price", "ask_price")
    ]
    nothing = pl.lit(None, pl.Float64).alias("underlying_price")
    return rows.with_columns(*quiet, nothing), rejects


def _theta_interest(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    text = _text(path, INTEREST_CSV)
    count = pl.col("open_interest").cast(pl.Int64, strict=False)
    typed = text.with_columns(*_theta_option(), count)
    return _apart(text, typed, ("open_interest", *_OPTION))


def _snapshot_quotes(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    frame = pl.read_parquet(path)
    absent = [name for name in ("ts", "underlying_price") if name not in frame.columns]
    if "ts" in absent:
        raise SourceError(f"{path}: has no column ts (UTC instant of the snapshot); add it")
    if absent:
        frame = frame.with_columns(underlying_price=pl.lit(None, pl.Float64))
    sizes = [
        (pl.col(n) if n in frame.columns else pl.lit(None)).cast(pl.Int64).alias(n)
        for n in ("bid_size", "ask_size")
    ]
    prices = [
        pl.when(pl.col(n) > 0).then(pl.col(n).cast(pl.Float64)).alias(f"{n}_price")
        for n in ("bid", "ask")
    ]
    rows = frame.select(
        _naive_utc(frame),
        pl.col("expiry").cast(pl.Date),
        pl.col("strike").cast(pl.Float64),
        _right(pl.col("right")).alias("option_right"),
        *prices,
        *sizes,
        pl.col("underlying_price").cast(pl.Float64),
    )
    return rows, pl.DataFrame(schema=REJECT_SCHEMA)


def _snapshot_interest(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    frame = pl.read_parquet(path)
    none = pl.DataFrame(schema=REJECT_SCHEMA)
    if "open_interest" not in frame.columns:
        schema = {name: frame.schema.get(name, pl.String) for name in ("expiry", "strike")}
        empty = pl.DataFrame(
            schema={**schema, "option_right": pl.String, "open_interest": pl.Int64}
        )
        return empty, none
    rows = frame.filter(pl.col("open_interest").is_not_null()).select(
        pl.col("expiry").cast(pl.Date),
        pl.col("strike").cast(pl.Float64),
        _right(pl.col("right")).alias("option_right"),
        pl.col("open_interest").cast(pl.Int64),
    )
    return rows, none


def _text(path: Path, header: list[str]) -> pl.DataFrame:
    """All cells as text, so that one unreadable cell does not lose the file."""
    check_file(path)
    frame = pl.read_csv(path, infer_schema=False)
    if missing := [name for name in header if name not in frame.columns]:
        raise SourceError(f"{path}: lacks {missing}; the v3 layout is expected, {AGAIN}")
    return frame


def _theta_option() -> list[pl.Expr]:
    return [
        pl.col("expiration").str.to_date(strict=False).alias("expiry"),
        pl.col("strike").cast(pl.Float64, strict=False),
        _right(pl.col("right")).alias("option_right"),
    ]


def _right(column: pl.Expr) -> pl.Expr:
    """'C' or 'P' from C, P, call, PUT; NULL for anything else."""
    first = column.str.to_uppercase().str.slice(0, 1)
    return pl.when(first.is_in(["C", "P"])).then(first)


def _new_york(column: pl.Expr) -> pl.Expr:
    stamps = column.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    zoned = stamps.dt.replace_time_zone("America/New_York", ambiguous="null", non_existent="null")
    return zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _naive_utc(frame: pl.DataFrame) -> pl.Expr:
    stamp = pl.col("ts").cast(pl.Datetime("us", getattr(frame.schema["ts"], "time_zone", None)))
    if getattr(frame.schema["ts"], "time_zone", None):
        stamp = stamp.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return stamp


def _apart(
    text: pl.DataFrame, typed: pl.DataFrame, needed: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows whose cells could all be read, and the others with the name of the first bad column."""
    bad = pl.coalesce(
        pl.when(pl.col(name).is_null()).then(pl.lit(f"{name} is unreadable")) for name in needed
    )
    verdict = typed.select(bad.alias("reason"))["reason"]
    is_bad = verdict.is_not_null()
    if not is_bad.any():
        return typed, pl.DataFrame(schema=REJECT_SCHEMA)
    rejects = pl.DataFrame(
        {
            "reason": verdict.filter(is_bad),
            "row_json": text.filter(is_bad)
            .select(pl.struct(pl.all()).struct.json_encode())
            .to_series(),
        },
        schema=REJECT_SCHEMA,
    )
    return typed.filter(~is_bad), rejects
