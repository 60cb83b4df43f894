"""How fast the simulated market is made: tape rows a second on one core, days, a heavy day's memory.

    python benchmarks/simulator.py [--format table|csv] [--quick]

There is no peer to a market of our own: the second figure is the target. `--quick` leaves out the
heavy day of some 200 million quotes.
"""

import resource
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow.parquet as pq
from harness import Row, arguments, report

from offtape_assets.market.universe import STUDY_TICKERS
from offtape_assets.sources.simulator import tape, tape_rows
from offtape_assets.sources.simulator.simulator import SimulatorSource
from offtape_assets.tables import raw
from offtape_assets.tables import truth as truth_tables

DAY = date(2024, 11, 5)
ROWS_A_SECOND = 5e6
LIGHT_SECONDS = 30.0
HEAVY_ROWS = 200e6
HEAVY_MEGABYTES = 3000.0
PRODUCTS = (
    raw.TRADES, raw.QUOTES, raw.MINUTE_BARS, raw.DAILY_BARS, raw.KALSHI_TRADES, raw.OPTION_QUOTES,
    raw.OPEN_INTEREST, raw.TREASURY_BILLS, raw.FACTOR_WEIGHTS, raw.FACTOR_LIBRARY, raw.ETF_BASKETS,
    raw.QUOTES_1S, truth_tables.EVENT_PATH, truth_tables.LEADERS, truth_tables.ATTRIBUTION,
    truth_tables.CONDITIONAL_LAWS, truth_tables.FACTOR_LOADINGS, truth_tables.JOINT_CORRELATIONS,
)  # fmt: skip


def rate_row(case: str, rows: int, seconds: float) -> Row:
    """Rows a second beside the target."""
    rate = rows / seconds
    return Row(
        case, rate / 1e6, ROWS_A_SECOND / 1e6, "target, M rows/s/core", rate / ROWS_A_SECOND,
        f"{rows:,} rows", ">= 5 M rows/s", rate >= ROWS_A_SECOND,
    )  # fmt: skip


def processor_seconds(work: Callable[[], int]) -> tuple[int, float]:
    """What the work returns and the processor time of the best of three runs."""
    best, count = float("inf"), 0
    for _ in range(3):
        start = time.process_time()
        count = work()
        best = min(best, time.process_time() - start)
    return count, best


def book_rows(market: SimulatorSource, ticker: str) -> int:
    """Quotes of one name's book, as arrays."""
    session = market.session(DAY)
    plan = tape.plan(session, ticker)
    return sum(quotes.shape[1] for quotes, _ in tape.run(session, plan, quotes=True, trades=False))


def frame_rows(market: SimulatorSource, ticker: str) -> int:
    """Quotes of one name as delivered."""
    with TemporaryDirectory() as scratch:
        delivered = tape_rows.quotes(market.session(DAY), ticker, Path(scratch))
        if isinstance(delivered, pl.DataFrame):
            return delivered.height
        return int(pq.read_metadata(delivered).num_rows)


def light_day() -> Row:
    """Every product of the demo's day for all names."""
    start, rows = time.perf_counter(), 0
    market = SimulatorSource(workers=2)
    with TemporaryDirectory() as scratch:
        for table in PRODUCTS:
            for delivery in market.read(table, DAY, STUDY_TICKERS, Path(scratch)):
                rows += _count(delivery.rows)
    seconds = time.perf_counter() - start
    return Row(
        "light day, 40 names, all products, 2 workers", seconds, LIGHT_SECONDS, "target, s",
        LIGHT_SECONDS / seconds, f"{rows:,} rows", "<= 30 s", seconds <= LIGHT_SECONDS,
    )  # fmt: skip


def heavy_day() -> list[Row]:
    """A day of the heavy setting, every name's quotes written to Parquet and removed."""
    start, rows = time.perf_counter(), 0
    market = SimulatorSource(rates="heavy", message_scale=2.0, workers=2)
    with TemporaryDirectory() as scratch:
        for delivery in market.read(raw.QUOTES, DAY, STUDY_TICKERS, Path(scratch)):
            rows += _count(delivery.rows)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        Row("heavy day: quotes written, 2 workers, M rows/s", rows / seconds / 1e6, 0.0, "",
            0.0, f"{rows:,} rows in {seconds:.0f} s", ">= 200 M rows", rows >= HEAVY_ROWS),
        Row("heavy day: peak memory, MB", peak, HEAVY_MEGABYTES, "target, MB",
            HEAVY_MEGABYTES / peak, "", "<= 3000 MB", peak <= HEAVY_MEGABYTES),
    ]  # fmt: skip


def _count(rows: pl.DataFrame | Path) -> int:
    if isinstance(rows, pl.DataFrame):
        return rows.height
    count = int(pq.read_metadata(rows).num_rows)
    rows.unlink()
    return count


def main() -> None:
    """Run the cases and print them."""
    given = arguments(__doc__ or "")
    light, heavy = SimulatorSource(), SimulatorSource(rates="heavy")
    for market in (light, heavy):
        market.session(DAY).price("NVDA")
    rows = [
        rate_row("book, light NVDA", *processor_seconds(lambda: book_rows(light, "NVDA"))),
        rate_row("book, heavy NVDA", *processor_seconds(lambda: book_rows(heavy, "NVDA"))),
        rate_row("frame, light NVDA", *processor_seconds(lambda: frame_rows(light, "NVDA"))),
        rate_row("parquet, heavy NVDA", *processor_seconds(lambda: frame_rows(heavy, "NVDA"))),
        light_day(),
    ]
    if not given.quick:
        rows += heavy_day()
    report("simulated market", rows, given.format)


if __name__ == "__main__":
    main()
