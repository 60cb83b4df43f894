"""One name's partition of raw.trades, raw.quotes or raw.minute_bars: the tape, then its dirt.

A quotes partition too large for memory is written to a Parquet file hour by hour.
"""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from offtape_assets.sources.simulator import bars, dirt, prints, rows, tape
from offtape_assets.sources.simulator.streams import generator
from offtape_assets.sources.simulator.world import SessionWorld

_FEW_VALUES = ["bid_size", "ask_size", "bid_exchange", "ask_exchange"]
ROWS_IN_MEMORY = 3_000_000
"""Expected quotes above which a partition goes through a file."""


def trades(market: SessionWorld, ticker: str) -> pl.DataFrame:
    """Rows of raw.trades, the planted dirt last."""
    planted = dirt.counts(market.world, market.day, ticker, "trades")
    rng = generator(market.world.seed, market.day, ticker, "dirty trades")
    return rows.trade_frame(*dirt.spoil_trades(clean_trades(market, ticker), planted, rng))


def clean_trades(market: SessionWorld, ticker: str) -> np.ndarray:
    """All prints of a session without dirt; shape (10, rows)."""
    plan = tape.plan(market, ticker)
    hours = [printed for _, printed in tape.run(market, plan, quotes=False, trades=True)]
    return prints.with_other_prints(market, plan, np.hstack(hours))


def initiators(market: SessionWorld, ticker: str) -> pl.DataFrame:
    """Rows of truth.trade_initiators."""
    return rows.initiator_frame(clean_trades(market, ticker))


def minute_bars(market: SessionWorld, ticker: str) -> pl.DataFrame:
    """Rows of raw.minute_bars."""
    return bars.minute_bars(market, ticker, clean_trades(market, ticker))


def quotes(market: SessionWorld, ticker: str, scratch: Path) -> pl.DataFrame | Path:
    """Rows of raw.quotes, in a frame or, where they are too many, in a Parquet file."""
    plan = tape.plan(market, ticker)
    planted = dirt.counts(market.world, market.day, ticker, "quotes")
    rng = generator(market.world.seed, market.day, ticker, "dirty quotes")
    hours = (
        _hour(hour, shown, planted, rng)
        for hour, (shown, _) in enumerate(tape.run(market, plan, quotes=True, trades=False))
    )
    if plan.quote_rate.sum() < ROWS_IN_MEMORY:
        return pl.concat(list(hours), rechunk=False)
    file = scratch / f"quotes-{market.day}-{ticker}.parquet"
    writer: pq.ParquetWriter | None = None
    for frame in hours:
        table: pa.Table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        writer = writer or pq.ParquetWriter(
            file,
            table.schema,
            compression="lz4",
            use_dictionary=_FEW_VALUES,
            write_statistics=False,
        )
        writer.write_table(table)
    if writer is not None:
        writer.close()
    return file


def _hour(
    hour: int, shown: np.ndarray, planted: dict[str, int], rng: np.random.Generator
) -> pl.DataFrame:
    n = shown.shape[1]
    if hour == dirt.DIRTY_HOUR:
        shown = dirt.spoil_quotes(shown, planted, rng)
    kinds = np.zeros(shown.shape[1], np.int8)
    if n:
        kinds[:n] = dirt.irregular_quotes(shown[:, :n], rng)
    return rows.quote_frame(shown, kinds)
