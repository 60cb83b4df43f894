"""Signing and one-minute features from memory, beside polars and DuckDB.

    python benchmarks/microstructure.py [--format table|csv] [--quick]

50 million quotes and 5 million prints of 40 symbols (--quick: 1 million and 100,000). Every peer
signs prints by the quote rule with a tick test and computes the counts, volumes, flows, slippage,
mean mid and mean relative spread of the minutes; ours computes all columns of
features.microstructure_1m and both signs. Accuracy is the share of prints whose sign differs from
the sign in exact integers. Memory is how far the process grows while it runs.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event, Thread
from typing import NamedTuple

os.environ.setdefault("POLARS_MAX_THREADS", "2")

import duckdb
import numpy as np
import polars as pl
import psutil
from harness import Row, arguments, compare, report
from numpy.typing import NDArray

from offtape_assets.quant.microstructure import (
    MINUTE_NS,
    Prints,
    bucket_quotes,
    bucket_trades,
)
from offtape_assets.quant.mid_price import PER_DOLLAR
from offtape_assets.quant.trade_signing import sign_prints

SYMBOLS = 40
SESSION_NS = 390 * MINUTE_NS
THREADS = 2
HALF_CENT = PER_DOLLAR // 200
"""Bids move by half cents under spreads of whole cents, so midpoint prints are exact."""


class Tape(NamedTuple):
    """Rows of all symbols, symbol after symbol; `starts` bounds them, prices in millionths."""

    starts: NDArray[np.int64]
    symbol: NDArray[np.int16]
    ts: NDArray[np.int64]
    columns: dict[str, NDArray]

    def rows_of(self, number: int) -> slice:
        return slice(self.starts[number], self.starts[number + 1])


def simulate(count_quotes: int, count_prints: int) -> tuple[Tape, Tape]:
    """Random-walk quotes one to three cents wide; prints at the bid, the ask or the exact mid."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(SYMBOLS, 3.0))
    quote_starts, print_starts = (
        np.append(0, np.round(np.cumsum(shares) * count)).astype(np.int64)
        for count in (count_quotes, count_prints)
    )
    quotes = _empty_tape(quote_starts, "bid", "ask")
    prints = _empty_tape(print_starts, "price", "size")
    prints.columns["is_iso"] = rng.random(count_prints) < 0.3
    prints.columns["size"][:] = rng.integers(1, 500, count_prints) * PER_DOLLAR
    for number in range(SYMBOLS):
        here, there = quotes.rows_of(number), prints.rows_of(number)
        size = quotes.ts[here].size
        quotes.ts[here] = np.sort(rng.integers(0, SESSION_NS, size))
        bid = (20_000 + np.cumsum(rng.integers(-1, 2, size))) * HALF_CENT
        quotes.columns["bid"][here] = bid
        quotes.columns["ask"][here] = bid + rng.integers(1, 4, size) * 2 * HALF_CENT
        prints.ts[there] = np.sort(
            rng.integers(SESSION_NS // 1000, SESSION_NS, prints.ts[there].size)
        )
        place = np.maximum(np.searchsorted(quotes.ts[here], prints.ts[there]) - 1, 0)
        near, far = quotes.columns["bid"][here][place], quotes.columns["ask"][here][place]
        draw = rng.random(place.size)
        prints.columns["price"][there] = np.where(
            draw < 0.42, near, np.where(draw < 0.84, far, (near + far) // 2)
        )
    return quotes, prints


def _empty_tape(starts: NDArray[np.int64], *names: str) -> Tape:
    symbol = np.repeat(np.arange(SYMBOLS, dtype=np.int16), np.diff(starts))
    columns = {name: np.empty(starts[-1], np.int64) for name in names}
    return Tape(starts, symbol, np.empty(starts[-1], np.int64), columns)


def exact_signs(quotes: Tape, prints: Tape) -> NDArray[np.int8]:
    """Quote rule and tick test in integers, with array operations and no kernel of ours."""
    signs = np.zeros(prints.ts.size, np.int8)
    for number in range(SYMBOLS):
        here, there = quotes.rows_of(number), prints.rows_of(number)
        price = prints.columns["price"][there]
        place = np.searchsorted(quotes.ts[here], prints.ts[there]) - 1
        mid = sum(quotes.columns[side][here][np.maximum(place, 0)] for side in ("bid", "ask"))
        by_quote = np.where(place >= 0, np.sign(2 * price - mid), 0)
        moved = np.append(0, np.sign(np.diff(price)))
        last_move = np.maximum.accumulate(np.where(moved != 0, np.arange(price.size), 0))
        signs[there] = np.where(by_quote != 0, by_quote, moved[last_move])
    return signs


def run_ours(quotes: Tape, prints: Tape) -> NDArray[np.int8]:
    """All features of all symbols in a thread pool; returns the Lee-Ready signs."""
    signs = np.empty(prints.ts.size, np.int8)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(partial(_one_symbol, quotes, prints, signs), range(SYMBOLS)))
    return signs


def _one_symbol(quotes: Tape, prints: Tape, signs: NDArray[np.int8], number: int) -> None:
    here, there = quotes.rows_of(number), prints.rows_of(number)
    book = quotes.ts[here], quotes.columns["bid"][here], quotes.columns["ask"][here]
    size = prints.columns["size"][there]
    every = np.ones(size.size, bool)
    tape = Prints(
        prints.ts[there],
        prints.columns["price"][there],
        size,
        prints.columns["is_iso"][there],
        size < 100 * PER_DOLLAR,
        every,
        every,
    )
    signed = sign_prints(tape.ts, tape.price, every, *book, horizon_ns=5 * MINUTE_NS)
    bucket_quotes(*book, 0, SESSION_NS)
    bucket_trades(
        tape,
        signed.twice_mid,
        signed.twice_mid_later,
        signed.quote_rule,
        signed.lee_ready,
        0,
        SESSION_NS,
    )
    signs[there] = signed.lee_ready


def polars_runner(quotes: Tape, prints: Tape) -> Callable[[], NDArray]:
    """An as-of join, window expressions and two group-bys, lazily, on dollars as floats."""
    book, tape = _frame(quotes, ("bid", "ask")), _frame(prints, ("price",))
    price, mid = pl.col("price"), (pl.col("bid") + pl.col("ask")) / 2
    side, size, iso = pl.col("side"), pl.col("size"), pl.col("is_iso")
    minute = pl.col("ts") // MINUTE_NS

    def run() -> NDArray:
        signed = (
            tape.lazy()
            .join_asof(
                book.lazy(),
                on="ts",
                by="symbol",
                strategy="backward",
                allow_exact_matches=False,
                check_sortedness=False,
            )
            .with_columns(mid=mid, minute=minute, move=price.diff().over("symbol").sign())
            .with_columns(
                tick=pl.when(pl.col("move") == 0)
                .then(None)
                .otherwise(pl.col("move"))
                .forward_fill()
                .over("symbol")
            )
            .with_columns(
                side=pl.when(price > pl.col("mid"))
                .then(1.0)
                .when(price < pl.col("mid"))
                .then(-1.0)
                .otherwise(pl.col("tick").fill_null(0.0))
            )
            .with_columns(flow=side * size * price, slippage=side * (price - pl.col("mid")))
            .collect()
        )
        by_trade = (
            signed.lazy()
            .group_by("symbol", "minute")
            .agg(
                num_trades=pl.len(),
                num_trades_iso=iso.sum(),
                total_volume=size.sum(),
                volume_iso=size.filter(iso).sum(),
                total_flow=pl.col("flow").sum(),
                total_flow_iso=pl.col("flow").filter(iso).sum(),
                slippage=pl.col("slippage").sum(),
            )
        )
        (
            book.lazy()
            .with_columns(mid=mid, minute=minute)
            .group_by("symbol", "minute")
            .agg(
                mean_mid=pl.col("mid").mean(),
                avg_rsprd=((pl.col("ask") - pl.col("bid")) / pl.col("mid")).mean(),
            )
            .join(by_trade, on=["symbol", "minute"], how="left")
            .with_columns(log_mid=pl.col("mean_mid").log())
            .collect()
        )
        return signed["side"].to_numpy()

    return run


DUCKDB_SIGNED = """
create or replace temp table signed as
with moves as (
    select *, sign(price - lag(price) over day) as move
    from prints window day as (partition by symbol order by ts)
),
ticks as (
    select *, last_value(nullif(move, 0) ignore nulls) over (
        partition by symbol order by ts rows unbounded preceding) as tick
    from moves
)
select ticks.symbol, ticks.ts, price, size, is_iso, (bid + ask) / 2 as mid,
    cast(case when price > (bid + ask) / 2 then 1 when price < (bid + ask) / 2 then -1
        else coalesce(tick, 0) end as tinyint) as side
from ticks asof left join quotes on ticks.symbol = quotes.symbol and ticks.ts > quotes.ts
"""

DUCKDB_MINUTES = f"""
create or replace temp table minutes as
with by_trade as (
    select symbol, ts // {MINUTE_NS} as minute, count(*) as num_trades,
        sum(is_iso::int) as num_trades_iso, sum(size) as total_volume,
        sum(size) filter (is_iso) as volume_iso, sum(side * size * price) as total_flow,
        sum(side * size * price) filter (is_iso) as total_flow_iso,
        sum(side * (price - mid)) as slippage
    from signed group by all
),
by_quote as (
    select symbol, ts // {MINUTE_NS} as minute, ln(avg((bid + ask) / 2)) as log_mid,
        avg((ask - bid) / ((bid + ask) / 2)) as avg_rsprd
    from quotes group by all
)
select * from by_quote left join by_trade using (symbol, minute)
"""


def duckdb_runner(quotes: Tape, prints: Tape) -> Callable[[], NDArray]:
    """ASOF join and window functions over tables in memory, on dollars as doubles."""
    connection = duckdb.connect()
    connection.execute(f"set threads = {THREADS}")
    for name, tape, prices in (("quotes", quotes, ("bid", "ask")), ("prints", prints, ("price",))):
        connection.register("arriving", _frame(tape, prices))
        connection.execute(f"create table {name} as select * from arriving")
        connection.unregister("arriving")

    def run() -> NDArray:
        connection.execute(DUCKDB_SIGNED)
        connection.execute(DUCKDB_MINUTES)
        return connection.execute("select side from signed order by symbol, ts").fetchnumpy()[
            "side"
        ]

    return run


def _frame(tape: Tape, prices: tuple[str, ...]) -> pl.DataFrame:
    """The tape as these engines would hold it: dollars as floats, whole shares."""
    data = {"symbol": tape.symbol, "ts": tape.ts}
    for name, column in tape.columns.items():
        if name in prices:
            data[name] = column / PER_DOLLAR
        else:
            data[name] = column // PER_DOLLAR if name == "size" else column
    return pl.DataFrame(data)


def memory_growth(run: Callable[[], object]) -> float:
    """Megabytes by which the process grows at most while `run` runs."""
    process = psutil.Process()
    before = peak = process.memory_info().rss
    done = Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, process.memory_info().rss)

    watcher = Thread(target=watch)
    watcher.start()
    run()
    done.set()
    watcher.join()
    return (peak - before) / 2**20


def differing(signs: NDArray, exact: NDArray) -> str:
    return f"{np.mean(signs != exact):.3%} mis-signed"


PEERS = (("polars", polars_runner, 8, 7), ("duckdb", duckdb_runner, 20, 3))
"""Name, how to run it, the ratio to reach, repeats."""


def main() -> None:
    options = arguments(__doc__.splitlines()[0])
    count_quotes, count_prints = (1_000_000, 100_000) if options.quick else (50_000_000, 5_000_000)
    quotes, prints = simulate(count_quotes, count_prints)
    exact = exact_signs(quotes, prints)
    ours = partial(run_ours, quotes, prints)
    accuracy = differing(ours(), exact)
    growth = memory_growth(ours)
    size = f"{count_quotes / 1e6:g}M quotes"
    rows = []
    for name, runner, goal, repeats in PEERS:
        peer = runner(quotes, prints)
        score = f"ours {accuracy}, {name} {differing(peer(), exact)}"
        rows.append(compare(f"features, {size}", ours, peer, name, goal, score, repeats))
        peer_growth = memory_growth(peer)
        rows.append(
            Row(
                f"MB over the data, {size}",
                growth,
                peer_growth,
                name,
                peer_growth / max(growth, 1.0),
                "peak resident size",
                "<= 50 MB",
                growth <= 50,
            )
        )
    report("Signing and one-minute features", rows, options.format)


if __name__ == "__main__":
    main()
