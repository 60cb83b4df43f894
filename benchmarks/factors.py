"""Factors: one-second quotes of a whole day, factor returns, rolling and filtered betas, beside peers.

Readers of the quotes file run in processes of their own, so that peak memory is their own. The
full run also reduces a day of 300 million quotes with ours alone, to show that memory stays.
"""

import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from harness import Row, arguments, compare, report
from ingest import HEADER, alone

DAY = date(2024, 11, 5)
OPENING = 1730793600
NAMES = 8000


def write_day(path: Path, rows: int, members: int) -> None:
    """A quotes file of `members` gzip members, each `rows` quotes of its share of the names.

    Names are quoted in proportion to rank ** -0.8 over 16 hours, sorted by ticker and time. One
    member is made and repeated with other names: the reader cannot tell.
    """
    import numpy as np
    import polars as pl
    from isal import igzip

    rng = np.random.default_rng(1)
    names = NAMES // members
    weights = np.arange(1, names + 1) ** -0.8
    rank = np.repeat(np.arange(names), rng.multinomial(rows, weights / weights.sum()))
    stamp = OPENING * 10**9 + rng.integers(0, 57600 * 10**9, rows)
    order = np.lexsort((stamp, rank))
    rank, stamp = rank[order], stamp[order]
    mid = 5000 + rank * 7 % 20000 + rng.integers(-20, 20, rows)
    tickers = np.array([f"@@{name:04d}" for name in range(names)])
    columns = (
        *(tickers[rank], rng.integers(1, 22, rows), (mid + 1) / 100),
        *(rng.integers(1, 20, rows) * 100, rng.integers(1, 22, rows), mid / 100),
        *(rng.integers(1, 20, rows) * 100, np.full(rows, "1,81"), [None] * rows),
        *(stamp - rng.integers(10**4, 10**6, rows), np.arange(rows) * 3, stamp),
        *(np.ones(rows, np.int64), np.zeros(rows, np.int64)),
    )
    frame = pl.DataFrame(dict(zip(HEADER, columns, strict=True)))
    text = frame.write_csv(include_header=False, float_precision=2).encode()
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.write(igzip.compress((",".join(HEADER) + "\n").encode()))
        for member in range(members):
            letters = bytes((65 + member // 26, 65 + member % 26))
            file.write(igzip.compress(text.replace(b"@@", letters), 0))


def ours(landing: Path, file: Path, folder: Path) -> Callable[[], object]:
    """The landing source's one file of seconds."""
    from offtape_assets.sources.landing.landing import LandingSource
    from offtape_assets.tables import raw

    source = LandingSource(landing)
    return lambda: list(source.read(raw.QUOTES_1S, DAY, [], folder))


def duckdb(landing: Path, file: Path, folder: Path) -> Callable[[], object]:
    """DuckDB: the last row of each ticker and second by arg_max."""
    import duckdb

    types = {name: "VARCHAR" for name in HEADER}
    types |= {"sip_timestamp": "BIGINT", "sequence_number": "BIGINT"}
    types |= {"bid_price": "DECIMAL(18,6)", "ask_price": "DECIMAL(18,6)"}
    query = f"""
        copy (
            select ticker, make_timestamp((second + 1) * 1000000) as ts,
                last.bid_price as bid_price, last.ask_price as ask_price
            from (
                select ticker, sip_timestamp // 1000000000 as second,
                    arg_max(
                        struct_pack(
                            bid_price := nullif(bid_price, 0), ask_price := nullif(ask_price, 0)
                        ),
                        (sip_timestamp, sequence_number)
                    ) as last
                from read_csv('{file}', header = true, auto_detect = false, nullstr = '',
                    compression = 'gzip', delim = ',', quote = '"', columns = {types})
                group by ticker, second
            )
        ) to '{folder}/quotes_1s.parquet' (format parquet)"""
    connection = duckdb.connect()
    connection.execute("set preserve_insertion_order = false")
    return lambda: connection.execute(query)


def polars(landing: Path, file: Path, folder: Path) -> Callable[[], object]:
    """polars: the lazy scan, grouped by ticker and second, streaming engine."""
    import polars as pl

    schema: dict[str, Any] = {name: pl.String for name in HEADER}
    schema |= {"sip_timestamp": pl.Int64, "sequence_number": pl.Int64}
    schema |= {"bid_price": pl.Decimal(18, 6), "ask_price": pl.Decimal(18, 6)}
    second = (pl.col("sip_timestamp") // 10**9 + 1).alias("second")
    seconds = (
        pl.scan_csv(file, schema=schema)
        .group_by("ticker", second, maintain_order=True)
        .agg(pl.col("bid_price", "ask_price").last())
        .select(
            "ticker",
            (pl.col("second") * 10**6).cast(pl.Datetime("us")).alias("ts"),
            *(pl.when(pl.col(side) != 0).then(side) for side in ("bid_price", "ask_price")),
        )
    )
    return lambda: seconds.sink_parquet(folder / "quotes_1s.parquet")


READERS = {"ours": ours, "duckdb": duckdb, "polars": polars}


def measure(name: str, landing: Path, file: Path, folder: Path) -> tuple[float, float, float]:
    """Seconds, processor seconds and peak memory in MB of one reader in this process."""
    work = READERS[name](landing, file, folder)
    start, busy = time.perf_counter(), time.process_time()
    work()
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    status = Path("/proc/self/status").read_text()
    return seconds, busy, int(status.split("VmHWM:")[1].split()[0]) / 1024


def checksum(folder: Path) -> tuple[Any, ...]:
    """Rows and sums of what a reader wrote."""
    import duckdb

    (row,) = duckdb.sql(
        "select count(*), count(distinct ticker), sum(epoch_us(ts)::hugeint), sum(bid_price),"
        f" sum(ask_price) from read_parquet('{folder}/*.parquet')"
    ).fetchall()
    return row


def downsampling(rows: int, members: int, names: tuple[str, ...], repeats: int) -> list[Row]:
    """Processor time and memory of ours and the peers on one generated day."""
    runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
    sums = {}
    with tempfile.TemporaryDirectory(prefix="offtape-factors-") as folder:
        landing = Path(folder)
        file = landing / f"massive/us_stocks_sip/quotes_v1/{DAY:%Y/%m}/{DAY}.csv.gz"
        alone(write_day, file, rows // members, members)
        for _ in range(repeats):
            for name in names:
                with tempfile.TemporaryDirectory(dir=landing) as scratch:
                    runs[name].append(alone(measure, name, landing, file, Path(scratch)))
                    sums[name] = alone(checksum, Path(scratch))
    best = {
        name: [sorted(column)[repeats // 2] for column in zip(*done, strict=True)]
        for name, done in runs.items()
    }
    case = f"{rows / 1e6:g}M quotes to seconds"
    answer = [
        Row(
            f"{case}, M rows/s",
            rows / 1e6 / best["ours"][0],
            float("nan"),
            "",
            float("nan"),
            f"{sums['ours'][0]} seconds of {sums['ours'][1]} names",
            "",
            True,
        )
    ]
    answer.append(
        Row(
            f"{case}, peak MB",
            best["ours"][2],
            float("nan"),
            "",
            float("nan"),
            "",
            "<= 600",
            best["ours"][2] <= 600,
        )
    )
    for peer in names[1:]:
        equal = sums[peer] == sums["ours"]
        told = "sums equal" if equal else f"sums DIFFER {sums[peer]} {sums['ours']}"
        for place, what, goal in (
            (0, "elapsed s", 1.0),
            (1, "processor s", 1.0),
            (2, "peak MB", 2.0),
        ):
            mine, theirs = best["ours"][place], best[peer][place]
            answer.append(
                Row(
                    f"{case}, {what}",
                    mine,
                    theirs,
                    peer,
                    theirs / mine,
                    told,
                    f">= {goal:g}x",
                    equal and theirs >= goal * mine,
                )
            )
    return answer


def kernels(names: int, repeats: int) -> list[Row]:
    """Rolling and filtered betas and factor returns beside statsmodels, a Python filter, pandas."""
    import numpy as np
    from statsmodels.regression.rolling import RollingOLS

    from offtape_assets.quant.factor_returns import factor_returns
    from offtape_assets.quant.kalman_regression import filtered_betas
    from offtape_assets.quant.long_run_regression import long_run_betas
    from offtape_assets.quant.rolling_regression import rolling_betas

    rng = np.random.default_rng(1)
    seconds = 23_400
    factors = rng.standard_normal((seconds, 5)) * 5e-5
    returns = (factors @ rng.normal(1, 0.3, (5, names))).T
    returns = returns + 1e-4 * rng.standard_normal(returns.shape)
    design = np.column_stack([np.ones(seconds), factors])

    def mine() -> object:
        return [rolling_betas(series, factors) for series in returns]

    def peer() -> object:
        return [RollingOLS(series, design, 300).fit() for series in returns]

    gap = 0.0
    theirs = RollingOLS(returns[0], design * np.array([1, *[1e4] * 5]), 300).fit()
    gap = np.nanmax(
        np.abs(rolling_betas(returns[0], factors).beta[300:] - 1e4 * theirs.params[300:, 1:])
    )
    case = f"rolling betas, {names} names x 23,400 s"
    answer = [
        compare(case, mine, peer, "statsmodels RollingOLS", 20.0, f"largest gap {gap:.1e}", repeats)
    ]
    stocks, members = 3240, rng.random((5, 3240))
    ticks = 6_000_000
    second = np.sort(rng.integers(0, seconds, ticks))
    name, level = rng.integers(0, stocks, ticks), 4 + 1e-3 * rng.standard_normal(ticks)
    many = [returns[i % names] for i in range(40)]
    for label, run in (
        ("rolling betas, 40 names, s", lambda: [rolling_betas(r, factors) for r in many]),
        ("session betas, 40 names, s", lambda: [long_run_betas(r, factors) for r in many]),
        ("filtered betas, 40 names, s", lambda: [filtered_betas(r, factors) for r in many]),
        ("factor returns, 3,240 names, 6M mids, s", lambda: factor_returns(second, name, level, members, seconds)),
    ):  # fmt: skip
        run()
        start = time.process_time()
        run()
        spent = time.process_time() - start
        answer.append(
            Row(label, spent, float("nan"), "", float("nan"), "processor s", "<= 5", spent <= 5)
        )
    return answer


if __name__ == "__main__":
    flags = arguments(__doc__.splitlines()[0])
    every = ("ours", "duckdb", "polars")
    if flags.quick:
        found = [*kernels(4, 1), *downsampling(2_000_000, 2, every, 1)]
    else:
        found = [
            *kernels(4, 3),
            *downsampling(10_000_000, 20, every, 3),
            *downsampling(300_000_000, 100, ("ours",), 1),
        ]
    report("factors", found, flags.format)
