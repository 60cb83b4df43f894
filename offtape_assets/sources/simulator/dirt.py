"""Rows that are wrong on purpose, and how many: what the claims of the raw tables must catch.

Counts come from a stream of their own, so truth.planted_dirt knows them without a tape. What is
merely awkward (odd lots, one-sided or crossed quotes, corrections) is part of the market.
"""

from datetime import date

import numpy as np

from offtape_assets.sources.simulator import tape_kernels as kernels
from offtape_assets.sources.simulator.settings import World
from offtape_assets.sources.simulator.streams import generator

DIRTY_HOUR = 10
"""Hour after the first quote that receives the bad rows: 14:00 in New York."""
OTHER_DAY = 3 * 86_400 * 10**9
_SEQUENCE_GAP = 10**9
TRADE_REASONS = (
    "price_is_positive",
    "size_is_positive",
    "is_within_its_date",
    "conditions_are_known_lists",
    "key_is_not_repeated",
)
QUOTE_REASONS = (
    "prices_are_not_negative",
    "sizes_are_not_negative",
    "is_within_its_date",
    "key_is_not_repeated",
)
BAR_REASONS = ("range_holds_open_and_close", "volume_is_not_negative", "key_is_not_repeated")
PLANTED = {
    "trades": TRADE_REASONS,
    "quotes": QUOTE_REASONS,
    "minute_bars": BAR_REASONS,
}


def counts(world: World, day: date, ticker: str, table: str) -> dict[str, int]:
    """Bad rows planted in one partition of a raw table, by the claim that must catch them."""
    rng = generator(world.seed, day, ticker, "dirt", table)
    most = 2 if table == "minute_bars" else 4
    return {reason: int(rng.integers(0, most)) for reason in PLANTED[table]}


def spoil_trades(
    trades: np.ndarray, planted: dict[str, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Append the bad prints; also which rows must have NULL conditions."""
    rows, reasons = _copies(trades, planted, rng)
    original = reasons == "key_is_not_repeated"
    rows[kernels.SEQUENCE, ~original] += _SEQUENCE_GAP
    rows[kernels.PRICE, reasons == "price_is_positive"] *= -1
    rows[kernels.SIZE, reasons == "size_is_positive"] = 0
    rows[kernels.TS, reasons == "is_within_its_date"] += OTHER_DAY
    unknown = np.concatenate([
        np.zeros(trades.shape[1], bool), reasons == "conditions_are_known_lists"
    ])  # fmt: skip
    return np.hstack([trades, rows]), unknown


def spoil_quotes(
    quotes: np.ndarray, planted: dict[str, int], rng: np.random.Generator
) -> np.ndarray:
    """Append the bad quotes."""
    rows, reasons = _copies(quotes, planted, rng)
    original = reasons == "key_is_not_repeated"
    rows[kernels.SEQUENCE, ~original] += _SEQUENCE_GAP
    rows[kernels.BID, reasons == "prices_are_not_negative"] = -100
    rows[kernels.ASK_SIZE, reasons == "sizes_are_not_negative"] = -100
    rows[kernels.TS, reasons == "is_within_its_date"] += OTHER_DAY
    return np.hstack([quotes, rows])


def _copies(
    rows: np.ndarray, planted: dict[str, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    reasons = np.array([reason for reason, count in planted.items() for _ in range(count)], "U40")
    chosen = rng.choice(rows.shape[1], len(reasons), replace=False)
    return rows[:, chosen].copy(), reasons


def irregular_quotes(quotes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make a few quotes of an hour one-sided or crossed, in place; their kinds.

    Returns
    -------
    numpy.ndarray
        Shape (rows,): 0 ordinary, 1 one-sided, 2 a trading pause.
    """
    n = quotes.shape[1]
    kinds = np.zeros(n, np.int8)
    one_sided = rng.integers(0, n, 1 + int(2e-5 * n))
    bids = rng.random(len(one_sided)) < 0.5
    for price, size, chosen in (
        (kernels.BID, kernels.BID_SIZE, one_sided[bids]),
        (kernels.ASK, kernels.ASK_SIZE, one_sided[~bids]),
    ):
        quotes[price, chosen] = quotes[size, chosen] = 0
    kinds[one_sided] = 1
    kinds[(quotes[kernels.BID] == 0) & (quotes[kernels.ASK] == 0)] = 2
    crossed = rng.integers(0, n, 1 + int(1e-4 * n))
    crossed = crossed[kinds[crossed] == 0]
    quotes[kernels.BID, crossed] = quotes[kernels.ASK, crossed] + 100
    return kinds
