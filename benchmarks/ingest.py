"""One day's quotes file read for 40 of 8,000 tickers: the landing reader beside DuckDB and polars.

Every reader writes one typed Parquet file per ticker in a process of its own, so that peak
memory is its own; runs are interleaved. What each has written is then counted and summed.
"""

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from harness import Row, arguments, report

DAY = date(2024, 11, 5)
NAMES, WANTED = 8000, 40
HEADER = (
    *("ticker", "ask_exchange", "ask_price", "ask_size", "bid_exchange", "bid_price", "bid_size"),
    *("conditions", "indicators", "participant_timestamp", "sequence_number", "sip_timestamp"),
    *("tape", "trf_timestamp"),
)
SPEED_GOAL, MEMORY_GOAL = 1.0, 2.0


class Run(NamedTuple):
    """What one reader did in its process."""

    seconds: float
    peak_mb: float
    checksum: tuple[Any, ...]


def tickers() -> list[str]:
    """The wanted names: every tenth of the 400 most quoted."""
    return [f"T{rank:04d}" for rank in range(0, 10 * WANTED, 10)]


def generate(path: Path, rows: int, is_grouped: bool) -> None:
    """Write a quotes file whose names are quoted in proportion to rank ** -0.8."""
    import numpy as np
    import polars as pl
    from isal import igzip

    rng = np.random.default_rng(1)
    weights = np.arange(1, NAMES + 1) ** -0.8
    counts = rng.multinomial(rows, weights / weights.sum())
    names = np.array([f"T{rank:04d}" for rank in range(NAMES)])
    ranks = np.repeat(np.arange(NAMES), counts)
    if not is_grouped:
        rng.shuffle(ranks)
    opening = 1730793600 * 10**9
    path.parent.mkdir(parents=True)
    with igzip.open(path, "wb", compresslevel=1) as file:
        file.write((",".join(HEADER) + "\n").encode())
        for start in range(0, rows, 1_000_000):
            rank = ranks[start : start + 1_000_000]
            count = len(rank)
            stamp = opening + np.sort(rng.integers(0, 57600 * 10**9, count))
            mid = 5000 + rank * 7 % 20000 + rng.integers(-20, 20, count)
            columns = (
                *(names[rank], rng.integers(1, 22, count), (mid + 1) / 100),
                *(rng.integers(1, 20, count) * 100, rng.integers(1, 22, count), mid / 100),
                *(rng.integers(1, 20, count) * 100, np.full(count, "1,81"), [None] * count),
                *(stamp - rng.integers(10**4, 10**6, count), np.arange(start, start + count) * 3),
                *(stamp, np.ones(count, np.int64), np.zeros(count, np.int64)),
            )
            frame = pl.DataFrame(dict(zip(HEADER, columns, strict=True)))
            frame.write_csv(file, include_header=False, float_precision=2)


def ours(landing: Path, file: Path, folder: Path) -> Callable[[], object]:
    """The landing source's staged files."""
    from offtape_assets.sources.landing.landing import LandingSource
    from offtape_assets.tables import raw

    source = LandingSource(landing)
    return lambda: list(source.read(raw.QUOTES, DAY, tickers(), folder))


def duckdb(landing: Path, file: Path, folder: Path) -> Callable[[], object]:
    """DuckDB's CSV reader with declared types, a filter and a partitioned COPY."""
    import duckdb

    types = {name: "BIGINT" for name in HEADER}
    types |= {"ticker": "VARCHAR", "conditions": "VARCHAR", "indicators": "VARCHAR"}
    types |= {name: "DECIMAL(18,6)" for name in HEADER if name.endswith("price")}
    types |= {name: "SMALLINT" for name in HEADER if name.endswith("exchange")}
    query = f"""
        copy (
            select ticker, make_timestamp_ns(sip_timestamp) as ts, sequence_number,
                nullif(bid_price, 0) as bid_price, bid_size, nullif(ask_price, 0) as ask_price,
                ask_size, bid_exchange, ask_exchange,
                cast(string_split(conditions, ',') as SMALLINT[]) as conditions
            from read_csv('{file}', header = true, auto_detect = false, nullstr = '',
                compression = 'gzip', delim = ',', quote = '"', columns = {types})
            where ticker in {tuple(tickers())}
        ) to '{folder}' (format parquet, partition_by (ticker), overwrite_or_ignore)"""
    connection = duckdb.connect()
    connection.execute("set preserve_insertion_order = false")
    return lambda: connection.execute(query)


def polars(landing: Path, file: Path, folder: Path) -> Callable[[], object]:
    """polars' lazy CSV scan with declared types and a filter, collected, one file per ticker."""
    import polars as pl

    schema: dict[str, Any] = {name: pl.Int64 for name in HEADER}
    schema |= {"ticker": pl.String, "conditions": pl.String, "indicators": pl.String}
    schema |= {name: pl.Decimal(18, 6) for name in HEADER if name.endswith("price")}
    schema |= {name: pl.Int16 for name in HEADER if name.endswith("exchange")}
    wanted = (
        pl.scan_csv(file, schema=schema)
        .filter(pl.col("ticker").is_in(tickers()))
        .select(
            "ticker",
            pl.col("sip_timestamp").cast(pl.Datetime("ns")).alias("ts"),
            "sequence_number",
            pl.when(pl.col("bid_price") != 0).then("bid_price"),
            "bid_size",
            pl.when(pl.col("ask_price") != 0).then("ask_price"),
            *("ask_size", "bid_exchange", "ask_exchange"),
            pl.col("conditions").str.split(",").cast(pl.List(pl.Int16)),
        )
    )

    def write() -> None:
        parts = wanted.collect(engine="streaming").partition_by("ticker", as_dict=True)
        for (ticker,), frame in parts.items():
            frame.drop("ticker").write_parquet(folder / f"{ticker}.parquet", compression="snappy")

    return write


READERS = {"ours": ours, "duckdb": duckdb, "polars": polars}
DECOMPRESSORS = ("isal", "rapidgzip")


def measure(name: str, landing: Path, file: Path, folder: Path) -> tuple[float, float]:
    """Seconds of one reader, imports apart, and the peak memory of this process in MB."""
    work = READERS[name](landing, file, folder)
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    status = Path("/proc/self/status").read_text()
    return seconds, int(status.split("VmHWM:")[1].split()[0]) / 1024


def decompress(name: str, file: Path) -> float:
    """Megabytes a second that come out of a decompressor on all cores."""
    if name == "isal":
        from isal import igzip_threaded

        opened = igzip_threaded.open(file, "rb", threads=1)
    else:
        import rapidgzip

        opened = rapidgzip.open(str(file), parallelization=0)
    size, start = 0, time.perf_counter()
    with opened as stream:
        while chunk := stream.read(1 << 18):
            size += len(chunk)
    return size / 1e6 / (time.perf_counter() - start)


def checksum(folder: Path) -> tuple[Any, ...]:
    """Rows, files and sums over the columns of what a reader wrote."""
    import duckdb

    query = f"""
        select count(*), count(distinct filename), sum(epoch_ns(ts)::HUGEINT),
            sum(sequence_number), sum(bid_price), sum(ask_price), sum(bid_size), sum(ask_size),
            sum(bid_exchange), sum(ask_exchange), sum(list_sum(conditions))
        from read_parquet('{folder}/**/*.parquet', filename = true, hive_partitioning = false)"""
    (row,) = duckdb.sql(query).fetchall()
    return row


def alone(function: Callable[..., Any], *given: Any) -> Any:
    """Call a function in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, given)


def run(name: str, landing: Path, file: Path) -> Run:
    """One measured run of a reader and what it wrote."""
    with tempfile.TemporaryDirectory(dir=landing) as folder:
        seconds, peak_mb = alone(measure, name, landing, file, Path(folder))
        return Run(seconds, peak_mb, alone(checksum, Path(folder)))


def compare(case: str, rows: int, is_grouped: bool, repeats: int) -> list[Row]:
    """Speed and memory of ours against each peer on one generated file."""
    with tempfile.TemporaryDirectory(prefix="offtape-ingest-") as folder:
        landing = Path(folder)
        file = landing / f"massive/us_stocks_sip/quotes_v1/{DAY:%Y/%m}/{DAY}.csv.gz"
        alone(generate, file, rows, is_grouped)
        run("ours", landing, file)
        runs: dict[str, list[Run]] = {name: [] for name in READERS}
        speeds: dict[str, list[float]] = {name: [] for name in DECOMPRESSORS}
        for _ in range(repeats):
            for name, done in runs.items():
                done.append(run(name, landing, file))
            for name, rates in speeds.items():
                rates.append(alone(decompress, name, file))
    answer = [row for peer in ("duckdb", "polars") for row in rows_of(case, rows, peer, runs)]
    mine, theirs = (statistics.median(speeds[name]) for name in DECOMPRESSORS)
    ratio, name = mine / theirs, f"{case}, inflated MB/s"
    return [*answer, Row(name, mine, theirs, "rapidgzip", ratio, "", ">= 1x", ratio >= 1)]


def rows_of(case: str, rows: int, peer: str, runs: dict[str, list[Run]]) -> list[Row]:
    """Speed in rows per second and peak memory in MB, ours beside one peer."""
    sums = {done.checksum for name in ("ours", peer) for done in runs[name]}
    kept = runs["ours"][0].checksum[0]
    accuracy = f"{kept} rows kept, sums {'equal' if len(sums) == 1 else 'DIFFER'}"
    speed = [rows / _median(runs[name], "seconds") for name in ("ours", peer)]
    peak = [_median(runs[name], "peak_mb") for name in ("ours", peer)]
    answer = []
    for what, mine, theirs, ratio, goal in (
        ("rows/s", *speed, speed[0] / speed[1], SPEED_GOAL),
        ("peak MB", *peak, peak[1] / peak[0], MEMORY_GOAL),
    ):
        ok = ratio >= goal and len(sums) == 1
        answer.append(
            Row(f"{case}, {what}", mine, theirs, peer, ratio, accuracy, f">= {goal:g}x", ok)
        )
    return answer


def _median(runs: Sequence[Run], field: str) -> float:
    return statistics.median(getattr(done, field) for done in runs)


if __name__ == "__main__":
    flags = arguments(__doc__.splitlines()[0])
    if flags.quick:
        plan = [("1M rows by ticker", 1_000_000, True, 1)]
    else:
        plan = [
            ("20M rows by ticker", 20_000_000, True, 3),
            ("5M rows mixed", 5_000_000, False, 3),
        ]
    report("ingest", [row for case in plan for row in compare(*case)], flags.format)
