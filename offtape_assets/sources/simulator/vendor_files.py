"""Simulated rows as the vendors would deliver them: a landing folder in their own layouts.

Reading such a folder back gives the simulator's rows again, planted dirt included; a print whose
conditions are NULL becomes one whose conditions are not numbers. Files of coins and of contracts
on them are in contract_files.py.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow.parquet as pq
from isal import igzip

from offtape_assets.market.calendar import NEW_YORK, sessions, sessions_before
from offtape_assets.sources.simulator.contract_files import write_contracts
from offtape_assets.sources.simulator.names import FACTORS
from offtape_assets.sources.simulator.simulator import SimulatorSource
from offtape_assets.tables import raw
from offtape_assets.tables.table import Table

FLAT_FILES = Path("massive", "us_stocks_sip")
OPTION_FILES = Path("thetadata", "option", "history")
HISTORY_SESSIONS = 20
"""Sessions before the first date whose daily bars are written too."""
DISCOUNT_SERIES = {28: "DTB4WK", 91: "DTB3", 182: "DTB6", 364: "DTB1YR"}
_COMPRESSION = 1
_NO_CONDITIONS = "unknown"

Progress = Callable[[Path], None]


def write_landing(
    source: SimulatorSource,
    first: date,
    last: date,
    tickers: Sequence[str],
    folder: Path,
    progress: Progress = lambda path: None,
) -> list[Path]:
    """Write every vendor file of the dates [first, last] and return their paths.

    Parameters
    ----------
    progress
        Called with each file when it is complete.

    Raises
    ------
    ValueError
        If `last` is before `first`.
    """
    if last < first:
        raise ValueError(f"last is {last}; it must not be before first, {first}")
    written = []
    names = sorted(set(tickers))
    for path in _files(source, first, last, names, folder):
        written.append(path)
        progress(path)
    written += write_contracts(source.coin, first, last, folder)
    return written


def _files(
    source: SimulatorSource, first: date, last: date, tickers: list[str], folder: Path
) -> Iterator[Path]:
    days = sessions(first, last)
    for day in sessions_before(first, HISTORY_SESSIONS) + days:
        yield _bars(source, raw.DAILY_BARS, "day_aggs_v1", day, tickers, folder)
    for day in days:
        yield from _baskets(source, day, tickers, folder)
        yield _bars(source, raw.MINUTE_BARS, "minute_aggs_v1", day, tickers, folder)
        yield _ticks(source, raw.TRADES, "trades_v1", _trade_lines, day, tickers, folder)
        yield _ticks(source, raw.QUOTES, "quotes_v1", _quote_lines, day, tickers, folder)
        for ticker in tickers:
            yield _options(source, raw.OPTION_QUOTES, "quote", _option_lines, day, ticker, folder)
            yield _options(
                source, raw.OPEN_INTEREST, "open_interest", _interest_lines, day, ticker, folder
            )
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        if source.fingerprint(raw.KALSHI_TRADES, day):
            yield _event_report(source, day, folder)
    if days:
        yield _factor_library(source, days, folder)
        yield _factor_weights(source, days[-1], folder)
        yield from _bill_series(source, days, folder)


def _frame(
    source: SimulatorSource, table: Table, day: date, tickers: Sequence[str]
) -> pl.DataFrame:
    with TemporaryDirectory() as scratch:
        delivery = next(iter(source.read(table, day, tickers, Path(scratch))))
        if isinstance(delivery.rows, Path):
            return pl.read_parquet(delivery.rows)
        return delivery.rows


def _flat_file(folder: Path, dataset: str, day: date) -> Path:
    path = folder / FLAT_FILES / dataset / f"{day:%Y}" / f"{day:%m}" / f"{day}.csv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _bars(
    source: SimulatorSource,
    table: Table,
    dataset: str,
    day: date,
    tickers: list[str],
    folder: Path,
) -> Path:
    path = _flat_file(folder, dataset, day)
    rows = _frame(source, table, day, tickers).select(
        "ticker",
        pl.col("volume").cast(pl.Int64),
        *(pl.col(name).cast(pl.Float64) for name in ("open", "close", "high", "low")),
        pl.col("ts").cast(pl.Datetime("ns")).dt.epoch("ns").alias("window_start"),
        pl.lit(None, pl.Int64).alias("transactions"),
    )
    with igzip.open(path, "wb", _COMPRESSION) as file:
        rows.write_csv(file)
    return path


def _ticks(
    source: SimulatorSource,
    table: Table,
    dataset: str,
    lines: Callable[[str, pl.DataFrame], pl.DataFrame],
    day: date,
    tickers: list[str],
    folder: Path,
) -> Path:
    """One gzip member of header and first rows, then ticker by ticker, bounded in memory."""
    path = _flat_file(folder, dataset, day)
    header = True
    with igzip.open(path, "wb", _COMPRESSION) as file, TemporaryDirectory() as scratch:
        for delivery in source.read(table, day, tickers, Path(scratch)):
            for rows in _parts(delivery.rows):
                lines(delivery.ticker, rows).write_csv(file, include_header=header)
                header = False
    return path


def _parts(rows: pl.DataFrame | Path) -> Iterator[pl.DataFrame]:
    if isinstance(rows, pl.DataFrame):
        yield rows
        return
    with pq.ParquetFile(rows) as file:
        for group in range(file.num_row_groups):
            yield pl.DataFrame(pl.from_arrow(file.read_row_group(group)))
    rows.unlink()


def _nanoseconds(name: str) -> pl.Expr:
    return pl.col(name).dt.epoch("ns")


def _joined(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.List(pl.String)).list.join(",")


def _tape(ticker: str) -> int:
    """Listing of a symbol as the tape numbers it: any fixed rule will do."""
    return 1 + sum(ticker.encode()) % 3


def _trade_lines(ticker: str, rows: pl.DataFrame) -> pl.DataFrame:
    off_exchange = pl.col("exchange") == 4
    return rows.select(
        pl.lit(ticker).alias("ticker"),
        _joined("conditions").fill_null(_NO_CONDITIONS),
        "correction",
        "exchange",
        pl.col("trade_id").alias("id"),
        _nanoseconds("participant_ts").alias("participant_timestamp"),
        pl.col("price").cast(pl.Float64),
        "sequence_number",
        _nanoseconds("ts").alias("sip_timestamp"),
        pl.col("size").cast(pl.Int64),
        pl.lit(_tape(ticker)).alias("tape"),
        pl.when(off_exchange).then(202).otherwise(0).alias("trf_id"),
        pl.when(off_exchange).then(_nanoseconds("ts") - 20_000).otherwise(0).alias("trf_timestamp"),
    )


def _quote_lines(ticker: str, rows: pl.DataFrame) -> pl.DataFrame:
    sides = {
        f"{side}_{part}": pl.col(f"{side}_{part}").fill_null(0)
        for side in ("ask", "bid")
        for part in ("exchange", "price", "size")
    }
    sides |= {name: sides[name].cast(pl.Float64) for name in ("ask_price", "bid_price")}
    return rows.select(
        pl.lit(ticker).alias("ticker"),
        *(value.alias(name) for name, value in sides.items()),
        _joined("conditions"),
        pl.lit("").alias("indicators"),
        (_nanoseconds("ts") - 15_000).alias("participant_timestamp"),
        "sequence_number",
        _nanoseconds("ts").alias("sip_timestamp"),
        pl.lit(_tape(ticker)).alias("tape"),
        pl.lit(0).alias("trf_timestamp"),
    )


def _options(
    source: SimulatorSource,
    table: Table,
    dataset: str,
    lines: Callable[[str, date, pl.DataFrame], pl.DataFrame],
    day: date,
    ticker: str,
    folder: Path,
) -> Path:
    path = folder / OPTION_FILES / dataset / day.isoformat() / f"{ticker}.csv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = lines(ticker, day, _frame(source, table, day, [ticker]))
    with igzip.open(path, "wb", _COMPRESSION) as file:
        rows.write_csv(file)
    return path


def _contract_columns(ticker: str) -> list[pl.Expr]:
    return [
        pl.lit(ticker).alias("symbol"),
        pl.col("expiry").alias("expiration"),
        pl.col("strike").cast(pl.Float64).round(3),
        pl.col("option_right").replace({"C": "CALL", "P": "PUT"}).alias("right"),
    ]


def _option_lines(ticker: str, day: date, rows: pl.DataFrame) -> pl.DataFrame:
    local = pl.col("ts").dt.replace_time_zone("UTC").dt.convert_time_zone(NEW_YORK.key)
    return rows.select(
        *_contract_columns(ticker),
        local.dt.strftime("%Y-%m-%dT%H:%M:%S").alias("timestamp"),
        pl.col("bid_size").fill_null(0),
        pl.lit(5).alias("bid_exchange"),
        pl.col("bid_price").fill_null(0).cast(pl.Float64).alias("bid"),
        pl.lit(50).alias("bid_condition"),
        pl.col("ask_size").fill_null(0),
        pl.lit(5).alias("ask_exchange"),
        pl.col("ask_price").fill_null(0).cast(pl.Float64).alias("ask"),
        pl.lit(50).alias("ask_condition"),
    )


def _interest_lines(ticker: str, day: date, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        *_contract_columns(ticker),
        pl.lit(f"{day}T06:30:00").alias("timestamp"),
        "open_interest",
    )


def _event_report(source: SimulatorSource, day: date, folder: Path) -> Path:
    path = folder / "kalshi" / "reporting" / f"trade_data_{day}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = _frame(source, raw.KALSHI_TRADES, day, [])
    rows.select(
        pl.col("contract").alias("ticker_name"),
        pl.col("contract").str.split("-").list.first().alias("report_ticker"),
        pl.lit(day.isoformat()).alias("date"),
        pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").alias("create_ts"),
        pl.col("contracts_traded").cast(pl.Int64),
        (pl.col("price") * 100).cast(pl.Int64),
    ).write_json(path)
    return path


def _factor_library(source: SimulatorSource, days: list[date], folder: Path) -> Path:
    path = folder / "french" / "F-F_Research_Data_5_Factors_2x3_daily.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["This file was created by the simulator.", "", ",Mkt-RF,SMB,HML,RMW,CMA,RF"]
    for day in days:
        row = _frame(source, raw.FACTOR_LIBRARY, day, []).row(0, named=True)
        percent = ",".join(f"{100 * row[name]:.6f}" for name in (*FACTORS, "rf"))
        lines.append(f"{day:%Y%m%d},{percent}")
    path.write_text("\n".join(lines) + "\n\nCopyright nobody\n")
    return path


def _factor_weights(source: SimulatorSource, day: date, folder: Path) -> Path:
    path = folder / "factors" / "factor_weights_tickers.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = _frame(source, raw.FACTOR_WEIGHTS, day, [])
    weights = {
        factor.upper().replace("_", "-"): dict(
            rows.filter(pl.col("factor") == factor).select("ticker", "weight").iter_rows()
        )
        for factor in FACTORS
    }
    path.write_text(json.dumps(weights))
    return path


def _baskets(
    source: SimulatorSource, day: date, tickers: list[str], folder: Path
) -> Iterator[Path]:
    """One file a fund, in the folder of the evening the holdings are of."""
    rows = _frame(source, raw.ETF_BASKETS, day, tickers)
    for (as_of, fund), held in rows.group_by("as_of", "etf", maintain_order=True):
        path = folder / "baskets" / f"{as_of}" / f"{fund}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        held.select("ticker", "shares_per_share").write_csv(path)
        yield path


def _bill_series(source: SimulatorSource, days: list[date], folder: Path) -> Iterator[Path]:
    """Discount yields in percent, one file a tenor, a fixing each day from the evening before."""
    rows = dict(_frame(source, raw.TREASURY_BILLS, days[0], []).iter_rows())
    fixings = [sessions_before(days[0], 1)[0], *days]
    for tenor, series in DISCOUNT_SERIES.items():
        path = folder / "fred" / f"{series}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        discount = 100 * 360 * rows[tenor] / (365 + tenor * rows[tenor])
        lines = [f"observation_date,{series}", *(f"{day},{discount:.8f}" for day in fixings)]
        path.write_text("\n".join(lines) + "\n")
        yield path
