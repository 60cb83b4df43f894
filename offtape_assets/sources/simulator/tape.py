"""The tape of one name and session as arrays: rates, the book's run, prints of the auctions.

Everything here belongs to the market; what is wrong on purpose comes from dirt.py, and the
frames of the raw tables from rows.py.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from offtape_assets.market.universe import NAMES
from offtape_assets.sources.simulator import tape_kernels as kernels
from offtape_assets.sources.simulator.names import Planted
from offtape_assets.sources.simulator.streams import generator, stream_key
from offtape_assets.sources.simulator.world import SECONDS, SessionWorld

UNITS = 10_000
"""Price units per dollar."""
PAUSE_SECONDS = 300
CHUNK = 3600
"""Seconds simulated at a time: a busy name's day is never held whole."""
_WEIGHTS = {ticker: name.volume_dollars_millions**0.55 for ticker, name in NAMES.items()}
_ALL_WEIGHTS = sum(_WEIGHTS.values())
_ROUND_LOT = 100.0
_MEAN_ODD_LOT = 34.0


class TapePlan(NamedTuple):
    """What the book's run needs: values in price units, rates per second, traits of the name."""

    name: Planted
    values: np.ndarray
    quote_rate: np.ndarray
    trade_rate: np.ndarray
    half_spread: np.ndarray
    traits: np.ndarray
    volume: float
    """Shares that the session's eligible prints add up to."""


def plan(market: SessionWorld, ticker: str) -> TapePlan:
    """Rates, spreads and traits of one name on one day."""
    name = market.levels.name(ticker)
    world = market.world
    rng = generator(world.seed, market.day, ticker, "plan")
    values = market.price(ticker) * UNITS
    weight = _WEIGHTS.get(ticker, (name.volume_millions * name.price_usd) ** 0.55) / _ALL_WEIGHTS
    day_traffic = world.traffic * weight * float(rng.lognormal(0.0, 0.15))
    per_second = market.activity * market.market_pace[1:] ** 0.7
    per_second /= per_second.sum()
    quote_rate = world.quotes_per_day * day_traffic * per_second
    trade_rate = world.trades_per_day * day_traffic * per_second
    tick = 100 if name.price_usd >= 1 else 1
    scale = np.exp(0.25 * rng.standard_normal(SECONDS // 60)).repeat(60)
    near = 1.0 + 0.8 * np.exp(-np.abs(np.arange(SECONDS) - market.open) / 600.0)
    outside = np.ones(SECONDS)
    outside[: market.open] = outside[market.close :] = 3.0
    wished = max(name.spread_cents * 100 - tick, 0.1 * tick) / 2
    half_spread = wished * scale * near * outside
    volume = daily_volume(market, name)
    smallest = name.odd_lot_share * _MEAN_ODD_LOT + (1 - name.odd_lot_share) * _ROUND_LOT
    trade_rate = trade_rate * min(1.0, 0.45 * volume / smallest / trade_rate.sum())
    depth = 2.0 + 40.0 / (1.0 + name.price_usd / 20.0)
    traits = np.array([
        tick, name.trade_share, name.odd_lot_share, depth, 2.0 * (name.spread_cents * 100 + tick),
    ])  # fmt: skip
    return TapePlan(name, values, quote_rate, trade_rate, half_spread, traits, volume)


def daily_volume(market: SessionWorld, name: Planted) -> float:
    """Shares traded in the session, whole hundreds."""
    rng = generator(market.world.seed, market.day, name.ticker, "volume")
    busy = 1.35 if market.day == market.world.event_date else 1.0
    shares = name.volume_millions * 1e6 * float(rng.lognormal(-0.02, 0.2)) * busy
    return max(100.0, round(shares, -2))


def pauses(market: SessionWorld, name: Planted) -> list[tuple[int, int]]:
    """Trading pauses of a very volatile name: seconds [first, last) after the first quote."""
    if name.own_volatility < market.world.pause_volatility:
        return []
    rng = generator(market.world.seed, market.day, name.ticker, "pauses")
    starts = np.sort(rng.integers(market.open + 900, market.close - 1800, rng.integers(0, 3)))
    return [
        (int(start), int(start) + PAUSE_SECONDS)
        for before, start in zip([-PAUSE_SECONDS * 2, *starts], starts, strict=False)
        if start - before > PAUSE_SECONDS
    ]


def _without_pauses(
    market: SessionWorld, name: Planted, quotes: np.ndarray, trades: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Take out what falls into a pause; its first quote stays, without its two sides."""
    for first, last in pauses(market, name):
        begin, end = ((market.start + second) * 1_000_000_000 for second in (first, last))
        paused = [
            (rows[kernels.TS] >= begin) & (rows[kernels.TS] < end) for rows in (quotes, trades)
        ]
        trades = trades[:, ~paused[1]]
        inside = np.flatnonzero(paused[0])
        if len(inside):
            quotes = np.delete(quotes, inside[1:], axis=1)
            quotes[kernels.BID : kernels.ASK_SIZE + 1, inside[0]] = 0
    return quotes, trades


def run(
    market: SessionWorld, tape: TapePlan, quotes: bool, trades: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of the book hour by hour: arrays of shape (8 or 9, rows), see tape_kernels for the axes."""
    book = np.zeros(kernels.BOOK_LENGTH, np.int64)
    book[kernels.B_SIDE] = 1
    key = stream_key(market.world.seed, market.day, tape.name.ticker, "tape")
    state = np.array([key], np.uint64)
    for first in range(0, SECONDS, CHUNK):
        last = min(first + CHUNK, SECONDS)
        expected = tape.quote_rate[first:last].sum() + 2 * tape.trade_rate[first:last].sum()
        capacity = int(1.2 * expected) + 12 * (last - first) + 20_000
        while True:
            before = book.copy(), state.copy()
            written = (
                np.empty((kernels.QUOTE_COLUMNS, capacity if quotes else 0), np.int64),
                np.empty((kernels.TRADE_COLUMNS, capacity if trades else 0), np.int64),
            )
            done = kernels.run_book(
                tape.values[first : last + 1],
                tape.quote_rate[first:last],
                tape.trade_rate[first:last],
                tape.half_spread[first:last],
                tape.traits,
                (market.start + first) * 1_000_000_000,
                book,
                state,
                *written,
            )
            if done == last - first:
                break
            book[:], state[:] = before
            capacity *= 2
        counts = book[kernels.B_QUOTES], book[kernels.B_TRADES]
        rows = written[0][:, : counts[0]], written[1][:, : counts[1]]
        yield _without_pauses(market, tape.name, *rows)
        book[kernels.B_QUOTES] = book[kernels.B_TRADES] = 0
