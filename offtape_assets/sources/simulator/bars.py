"""Bars of the simulated market: minutes aggregated from the prints, days from the values.

A session's bar has the auctions' prices and the day's whole volume; its high and low are those of
the value, so they may differ from the prints' by a spread.
"""

from collections.abc import Sequence
from datetime import time

import numpy as np
import polars as pl
import pyarrow as pa

from offtape_assets.sources.simulator import dirt, prints, tape
from offtape_assets.sources.simulator import tape_kernels as kernels
from offtape_assets.sources.simulator.event import seconds_at
from offtape_assets.sources.simulator.rows import decimals
from offtape_assets.sources.simulator.streams import generator
from offtape_assets.sources.simulator.world import SessionWorld

_MINUTE_NS = 60 * 10**9
_PRICES = ("open", "high", "low", "close")


def daily_bar(market: SessionWorld, ticker: str) -> pl.DataFrame:
    """The session's bar of one ticker as a row of raw.daily_bars."""
    name = market.levels.name(ticker)
    tick = 0.01 if name.price_usd >= 1 else 0.0001
    path = market.price(ticker)[market.open : market.close + 1]
    in_ticks = np.rint(np.array([path[0], path.max(), path.min(), path[-1]]) / tick)
    micros = in_ticks * round(tick * 1e6)
    micros = np.maximum(micros, tick * 1e6).astype(np.int64).reshape(4, 1)
    volume = np.array([tape.daily_volume(market, name)], np.int64)
    midnight = np.array([seconds_at(market.day, time(0))]) * 1_000_000
    return _frame(ticker, midnight, micros, volume)


def minute_bars(market: SessionWorld, ticker: str, trades: np.ndarray) -> pl.DataFrame:
    """Minutes with eligible prints as rows of raw.minute_bars, the planted dirt among them."""
    second = trades[kernels.TS]
    minute = second // _MINUTE_NS
    traded = prints.counts_in_volume(trades)
    priced = np.flatnonzero(prints.sets_price(trades))
    minutes, first = np.unique(minute[priced], return_index=True)
    price = trades[kernels.PRICE, priced] * 100
    last = np.append(first[1:], len(priced)) - 1
    micros = np.stack([
        price[first], np.maximum.reduceat(price, first), np.minimum.reduceat(price, first),
        price[last],
    ])  # fmt: skip
    slot = np.searchsorted(minutes, minute[traded]).clip(0, len(minutes) - 1)
    has_bar = minutes[slot] == minute[traded]
    sizes = trades[kernels.SIZE, traded]
    volume = np.bincount(slot[has_bar], sizes[has_bar], len(minutes)).astype(np.int64)
    stamps = minutes * (_MINUTE_NS // 1000)
    return _frame(ticker, *_spoil(market, ticker, stamps, micros, volume))


def _spoil(
    market: SessionWorld, ticker: str, stamps: np.ndarray, micros: np.ndarray, volume: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    planted = dirt.counts(market.world, market.day, ticker, "minute_bars")
    reasons = np.array([reason for reason, count in planted.items() for _ in range(count)], "U40")
    rng = generator(market.world.seed, market.day, ticker, "dirty minutes")
    chosen = rng.choice(len(stamps), len(reasons), replace=False)
    micros, volume = micros.copy(), volume.copy()
    micros[2, chosen[reasons == "range_holds_open_and_close"]] *= 3
    volume[chosen[reasons == "volume_is_not_negative"]] *= -1
    again = np.append(np.arange(len(stamps)), chosen[reasons == "key_is_not_repeated"])
    return stamps[again], micros[:, again], volume[again]


def _frame(ticker: str, stamps: np.ndarray, micros: np.ndarray, volume: np.ndarray) -> pl.DataFrame:
    prices = {name: decimals(row) for name, row in zip(_PRICES, micros, strict=True)}
    table = pa.table({
        "ticker": pa.array([ticker] * len(stamps), pa.string()),
        "ts": pa.array(stamps.astype("datetime64[us]")),
        **prices,
        "volume": decimals(volume * 1_000_000),
    })  # fmt: skip
    return pl.DataFrame(pl.from_arrow(table))


def empty() -> pl.DataFrame:
    """No bar, with the columns of one."""
    return _frame("", np.zeros(0, np.int64), np.zeros((4, 0), np.int64), np.zeros(0, np.int64))


def stacked(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Bars of several tickers in one frame."""
    return pl.concat([empty(), *frames])
