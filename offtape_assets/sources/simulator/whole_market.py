"""Every stock of the market at one second: raw.quotes_1s, written five minutes at a time.

A row is a second in which the name's quote was renewed; small names skip most seconds. The forty
study names come from their own tapes, the others from factor loadings and noise that cancels in
the factor portfolios.
"""

from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from offtape_assets.market.calendar import sessions
from offtape_assets.market.universe import STUDY_TICKERS
from offtape_assets.sources.simulator import factors, tape
from offtape_assets.sources.simulator import tape_kernels as kernels
from offtape_assets.sources.simulator.factors import Members
from offtape_assets.sources.simulator.names import FACTORS
from offtape_assets.sources.simulator.rows import decimals
from offtape_assets.sources.simulator.streams import generator
from offtape_assets.sources.simulator.world import SECONDS, SessionWorld

BLOCK = 300
"""Seconds written at a time."""
_SCHEMA = pa.schema([
    ("ticker", pa.string()),
    ("ts", pa.timestamp("us")),
    ("bid_price", pa.decimal128(18, 6)),
    ("ask_price", pa.decimal128(18, 6)),
])  # fmt: skip

Each = Callable[[Callable[[str], np.ndarray], tuple[str, ...]], Iterator[np.ndarray]]


def write(market: SessionWorld, others: int, scratch: Path, each: Each) -> Path:
    """Write the session's seconds of all names to a Parquet file.

    `each` maps a function over the study's names, in threads where there are any.
    """
    members = factors.members(others)
    study = np.stack(list(each(lambda ticker: last_quotes(market, ticker), STUDY_TICKERS)))
    tickers = np.array([*STUDY_TICKERS, *members.tickers[~members.is_study]])
    order = np.argsort(tickers)
    names = pa.array(tickers[order])
    own = own_totals(market, members)
    level = opening_level(market, members, own[0])
    file = scratch / f"quotes_1s-{market.day}.parquet"
    with pq.ParquetWriter(file, _SCHEMA, compression="lz4") as writer:
        for block, (first, last) in enumerate(pairwise(block_edges(market)), start=1):
            moves = np.cumsum(_moves(market, members, first, last, own[block]), axis=0) + level
            level = moves[-1]
            bid, ask, renewed = _quotes(market, members, first, np.exp(moves))
            mine = study[:, :, first - market.open : last - market.open].transpose(1, 2, 0)
            bid = np.hstack([mine[0], bid])[:, order]
            ask = np.hstack([mine[1], ask])[:, order]
            renewed = np.hstack([mine[0] + mine[1] > 0, renewed])[:, order]
            writer.write_table(_table(market.start + first, names, bid, ask, renewed))
    return file


def last_quotes(market: SessionWorld, ticker: str) -> np.ndarray:
    """Bid and ask in price units at the end of each second of the session; (2, seconds).

    Zeros where no quote arrived within the second, or where a side is absent.
    """
    plan = tape.plan(market, ticker)
    closing = np.zeros((2, market.close - market.open), np.int64)
    for quotes, _ in tape.run(market, plan, quotes=True, trades=False):
        second = quotes[kernels.TS] // 1_000_000_000 - market.start - market.open
        is_last = np.append(second[1:] != second[:-1], True)
        is_last &= (second >= 0) & (second < closing.shape[1])
        closing[:, second[is_last]] = quotes[[kernels.BID, kernels.ASK]][:, is_last]
    return closing


def block_edges(market: SessionWorld) -> list[int]:
    """Seconds at which the blocks of the session begin, and its close."""
    return [*range(market.open, market.close, BLOCK), market.close]


def own_totals(market: SessionWorld, members: Members) -> np.ndarray:
    """Own log moves of the names outside the study: before the open, by block, after the close.

    Shape (blocks + 2, others); a column sums to the day's own return, so days follow each other.
    """
    edges = [0, *(edge + 1 for edge in block_edges(market)), SECONDS + 1]
    shares = np.add.reduceat(market.variance_shares, edges[:-1])[:, None]
    total = own_return(market, members, market.day)
    rng = generator(market.world.seed, market.day, "market own blocks")
    moves = rng.standard_normal((len(shares), len(total))) * np.sqrt(shares)
    moves *= members.own_daily_sd[~members.is_study]
    return moves + shares / shares.sum() * (total - moves.sum(axis=0))


def own_return(market: SessionWorld, members: Members, day: date) -> np.ndarray:
    """Own log return of each name outside the study from one evening to the next."""
    others = ~members.is_study
    rng = generator(market.world.seed, day, "market own day")
    return rng.standard_normal(int(others.sum())) * members.own_daily_sd[others]


def opening_level(market: SessionWorld, members: Members, night: np.ndarray) -> np.ndarray:
    """Log price of each name outside the study at the open; `night` is its own move since the evening.

    Own moves of all nights and days so far cancel in the portfolios, as those of a session do.
    """
    event_date = market.world.event_date
    first, last = sorted((market.day, event_date))
    days = [day for day in sessions(first, last) if day < last]
    way = 1 if market.day > event_date else -1
    news = [market.levels.factor_return(factor, days).sum() for factor in range(len(FACTORS))]
    own = sum((own_return(market, members, day) for day in days), np.zeros(len(night)))
    others = ~members.is_study
    since = way * np.array(news) + market.factor_paths[market.open]
    own = way * own + night
    study = np.array([
        np.log(market.price(ticker)[market.open] / market.levels.name(ticker).price_usd)
        for ticker in members.tickers[members.is_study]
    ])  # fmt: skip
    excess = study - members.loadings[members.is_study] @ since
    gaps = members.weights[:, members.is_study] @ excess + members.weights[:, others] @ own
    level = np.log(members.price[others]) + members.loadings[others] @ since + own
    return level + factors.offset(members, gaps[None])[0]


def _moves(
    market: SessionWorld, members: Members, first: int, last: int, total: np.ndarray
) -> np.ndarray:
    """Log moves of the names outside the study in each second; (seconds, others).

    A name's own moves sum to its `total` of the block.
    """
    rng = generator(market.world.seed, market.day, "market moves", first)
    others = ~members.is_study
    shares = market.variance_shares[first + 1 : last + 1, None]
    own = rng.standard_normal((last - first, int(others.sum())))
    own *= members.own_daily_sd[others] * np.sqrt(shares)
    own += shares / shares.sum() * (total - own.sum(axis=0))
    news = np.diff(market.factor_paths[first : last + 1], axis=0)
    study = np.column_stack([
        np.diff(np.log(market.price(ticker)[first : last + 1]))
        for ticker in members.tickers[members.is_study]
    ])  # fmt: skip
    excess = study - news @ members.loadings[members.is_study].T
    gaps = excess @ members.weights[:, members.is_study].T + own @ members.weights[:, others].T
    return news @ members.loadings[others].T + own + factors.offset(members, gaps)


def _quotes(
    market: SessionWorld, members: Members, first: int, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bids, asks in price units and whether the quote was renewed; (seconds, others)."""
    rng = generator(market.world.seed, market.day, "market quotes", first)
    others = ~members.is_study
    half = members.half_spread[others] * (0.6 + 0.8 * rng.random(value.shape))
    bid = np.floor((value - half) * 100).astype(np.int64) * 100
    ask = np.ceil((value + half) * 100).astype(np.int64) * 100
    bid[rng.random(bid.shape) < 1e-5] = 0
    renewed = rng.random(value.shape) < members.update_share[others]
    if first == market.open:
        renewed[0] = True
    return np.maximum(bid, 0), ask, renewed


def _table(
    start: int, names: pa.Array, bid: np.ndarray, ask: np.ndarray, renewed: np.ndarray
) -> pa.Table:
    second, name = np.nonzero(renewed)
    bids, asks = bid[renewed], ask[renewed]
    stamps = ((start + second + 1) * 1_000_000).astype("datetime64[us]")
    return pa.table(
        [
            names.take(pa.array(name)),
            pa.array(stamps),
            decimals(bids * 100, bids == 0),
            decimals(asks * 100, asks == 0),
        ],
        schema=_SCHEMA,
    )
