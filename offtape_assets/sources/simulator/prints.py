"""Prints that are not the book's: auctions, blocks, late reports, corrections and cancels.

They are what a real tape holds beside ordinary trades, so an estimate must know their condition
codes. The closing auction takes what is missing to the day's volume.
"""

import numpy as np

from offtape_assets.sources.simulator import tape_kernels as kernels
from offtape_assets.sources.simulator.streams import generator
from offtape_assets.sources.simulator.tape import TapePlan, pauses
from offtape_assets.sources.simulator.world import SessionWorld

EXTENDED = 4
"""Bit of a code: the print was made outside regular hours."""
(
    OPENING, OFFICIAL_OPEN, CLOSING, OFFICIAL_CLOSE, QUALIFIED_CONTINGENT, AVERAGE_PRICE,
    DERIVATIVELY_PRICED, SOLD_LATE, PRIOR_REFERENCE, CONTINGENT, FORM_T_LATE, CROSS, REOPENING,
) = range(8, 21)  # fmt: skip
CONDITIONS: tuple[tuple[int, ...], ...] = (
    (), (14, 41), (37,), (14, 37, 41), (12,), (12, 14, 41), (12, 37), (12, 14, 37, 41),
    (17,), (16,), (19,), (15,), (41, 53), (2,), (10,), (32,), (22,), (52,), (12,), (9,), (28,),
)  # fmt: skip
"""Condition ids of each code."""
NO_VOLUME = (OFFICIAL_OPEN, OFFICIAL_CLOSE, FORM_T_LATE)
NO_RANGE = (
    OFFICIAL_OPEN, OFFICIAL_CLOSE, QUALIFIED_CONTINGENT, AVERAGE_PRICE, DERIVATIVELY_PRICED,
    SOLD_LATE, PRIOR_REFERENCE, CONTINGENT, FORM_T_LATE,
)  # fmt: skip
"""Codes that set no high, low, open or close; odd lots do not either."""
_BLOCKS = (
    (QUALIFIED_CONTINGENT, 2.5e-4, 40.0, 6.0),
    (AVERAGE_PRICE, 4e-4, 12.0, 15.0),
    (DERIVATIVELY_PRICED, 2e-4, 25.0, 20.0),
    (SOLD_LATE, 3e-4, 1.0, 3.0),
    (PRIOR_REFERENCE, 1.5e-4, 2.0, 12.0),
    (CONTINGENT, 1e-4, 8.0, 10.0),
    (FORM_T_LATE, 1.5e-4, 3.0, 4.0),
    (CROSS, 1e-4, 20.0, 1.0),
)
"""Code, share of prints, size in mean prints, distance from the mid in basis points."""
REOPENED = 5000
"""Shares of a reopening print."""
BOOK_SHARE = 0.84
"""Share of the day's volume that the book's prints have; auctions and blocks have the rest."""
CORRECTION = kernels.TRADE_COLUMNS
"""Row of the correction code, after the kernel's columns."""


def with_other_prints(market: SessionWorld, tape: TapePlan, trades: np.ndarray) -> np.ndarray:
    """All prints of the session in tape order; shape (10, rows), the last row the corrections."""
    rng = generator(market.world.seed, market.day, tape.name.ticker, "prints")
    trades = np.vstack([trades, np.zeros((1, trades.shape[1]), np.int64)])
    _mark_extended(market, trades)
    _scale_sizes(trades, BOOK_SHARE * tape.volume)
    trades = np.hstack([trades, _blocks(market, tape, trades, rng)])
    trades = np.hstack([trades, _corrected(trades, rng)])
    trades = np.hstack([trades, _auctions(market, tape, trades)])
    trades = trades[:, np.argsort(trades[kernels.TS], kind="stable")]
    steps = 1 + (trades[kernels.TRADE_ID] & 1) + (trades[kernels.TS] // 1000 & 1)
    trades[kernels.SEQUENCE] = 1000 + np.cumsum(steps)
    return trades


def _scale_sizes(trades: np.ndarray, shares: float) -> None:
    """Make the round lots of the session larger or smaller until all prints have `shares`."""
    regular = trades[kernels.CODE] & EXTENDED == 0
    lots = regular & (trades[kernels.CODE] & kernels.IS_ODD_LOT == 0)
    wanted = shares - trades[kernels.SIZE, regular & ~lots].sum()
    for _ in range(3):
        factor = max(wanted, 0.0) / max(trades[kernels.SIZE, lots].sum(), 1)
        scaled = np.rint(trades[kernels.SIZE, lots] * factor / 100).astype(int) * 100
        trades[kernels.SIZE, lots] = np.maximum(scaled, 100)


def counts_in_volume(trades: np.ndarray) -> np.ndarray:
    """Whether each print adds to the volume of its bar."""
    return ~np.isin(trades[kernels.CODE], NO_VOLUME) & (trades[CORRECTION] == 0)


def sets_price(trades: np.ndarray) -> np.ndarray:
    """Whether each print may set a bar's open, high, low or close."""
    codes = trades[kernels.CODE]
    is_odd = (codes < OPENING) & (codes & kernels.IS_ODD_LOT > 0)
    return ~np.isin(codes, NO_RANGE) & ~is_odd & (trades[CORRECTION] == 0)


def _mark_extended(market: SessionWorld, trades: np.ndarray) -> None:
    second = trades[kernels.TS] // 1_000_000_000 - market.start
    outside = (second < market.open) | (second >= market.close)
    trades[kernels.CODE] += EXTENDED * outside


def _blocks(
    market: SessionWorld, tape: TapePlan, trades: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    parts = []
    mean = max(100.0, 0.3 * tape.volume / max(trades.shape[1], 1))
    for code, share, size, distance in _BLOCKS:
        count = 1 + rng.poisson(share * trades.shape[1])
        second = rng.integers(market.open + 60, market.close - 60, count)
        at = tape.values[second] * (1 + rng.normal(0, distance * 1e-4, count))
        delay = rng.integers(10**5, 10**7, count)
        if code in (SOLD_LATE, FORM_T_LATE):
            delay = rng.integers(15 * 10**9, 50 * 10**9, count)
        part = np.zeros((kernels.TRADE_COLUMNS + 1, count), np.int64)
        part[kernels.TS] = (market.start + second) * 10**9 + rng.integers(0, 10**9, count)
        part[kernels.TS] += delay
        part[kernels.PARTICIPANT] = part[kernels.TS] - delay
        part[kernels.PRICE] = np.maximum(np.rint(at), 1)
        part[kernels.SIZE] = 100 * np.maximum(1, rng.exponential(size * mean / 100, count)).astype(
            int
        )
        part[kernels.VENUE] = 12 if code == CROSS else 4
        part[kernels.CODE] = code
        part[kernels.TRADE_ID] = 10**9 + code * 10**6 + np.arange(count)
        parts.append(part)
    return np.hstack(parts)


def _corrected(trades: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mark a few originals as corrected (1) or cancelled (8); return the records 12 and 10."""
    count = 2 + rng.poisson(4e-5 * trades.shape[1])
    chosen = rng.choice(trades.shape[1], min(2 * count, trades.shape[1]), replace=False)
    is_correction = np.arange(len(chosen)) % 2 == 0
    trades[CORRECTION, chosen] = np.where(is_correction, 1, 8)
    records = trades[:, chosen].copy()
    records[kernels.INITIATOR] = 0
    records[CORRECTION] = np.where(is_correction, 12, 10)
    records[kernels.TS] += rng.integers(5 * 10**9, 60 * 10**9, len(chosen))
    records[kernels.PRICE] += np.where(is_correction, 100, 0)
    return records


def _auctions(market: SessionWorld, tape: TapePlan, trades: np.ndarray) -> np.ndarray:
    tick = int(tape.traits[kernels.T_TICK])
    second = trades[kernels.TS] // 1_000_000_000 - market.start
    in_session = (second >= market.open) & (second < market.close)
    regular = counts_in_volume(trades) & in_session
    traded = trades[kernels.SIZE, regular].sum() + REOPENED * len(pauses(market, tape.name))
    opening = round(0.015 * tape.volume, -2) + 100
    closing = max(100, int(tape.volume - traded - opening))
    rows = []
    for at, moment, auction, official, size in (
        (market.open, 900_000_000, OPENING, OFFICIAL_OPEN, opening),
        (market.close, -200_000_000, CLOSING, OFFICIAL_CLOSE, closing),
    ):
        price = round(float(tape.values[at]) / tick) * tick
        ts = (market.start + at) * 10**9 + moment
        for code, later in ((auction, 0), (official, 1_000_000)):
            identity = 2 * 10**9 + code
            rows.append([ts + later, 0, ts - 50_000, price, size, 12, code, identity, 0, 0])
    for number, (_, last) in enumerate(pauses(market, tape.name)):
        ts = (market.start + last) * 10**9
        price = round(float(tape.values[last]) / tick) * tick
        rows.append([ts, 0, ts - 50_000, price, REOPENED, 12, REOPENING, 3 * 10**9 + number, 0, 0])
    return np.array(rows, np.int64).T
