"""Whether the sizes of a quotes file count shares or round lots, judged from the sizes alone.

The vendor switched to shares on 2025-11-03 and regenerated its history, so the trading date says
nothing: two copies of one day differ. Trade sizes are always shares.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date

import numpy as np

SHARES, ROUND_LOTS = "shares", "round_lots"
ROUND_LOT = 100
"""Shares; the lot of nearly every name before 2025-11-03, when the tape still counted lots."""
SMALL_LOTS_FROM = date(2025, 11, 3)
SMALL_LOT_STEP = 10
"""Shares; from that date lots of 40 and 10 exist, and a name keeps its lot for months after its
price has left the tier, so that cheap names too show multiples of 40 or 10."""
PRICE_LIMIT = 250
"""USD; dearer names may have smaller lots."""
ENOUGH_SIZES = 500
"""Below this count a file says too little; it is taken as shares."""
MOST = 0.99
"""Share of sizes that must be multiples of the lot where sizes are shares."""
FEW = 0.10
"""Highest share of such multiples where sizes are lots: even spread digits give 1 in 100."""
LIKELY_LOTS = range(1, 6)
"""The commonest size of a file in round lots."""


@dataclass(frozen=True)
class SizeUnit:
    """The unit of a file's quote sizes and the evidence for it.

    Attributes
    ----------
    unit
        'shares' or 'round_lots'.
    shares_per_unit
        What a size is multiplied with to become shares.
    sizes
        Count of sizes judged.
    share_of_multiples
        Fraction of them that are whole lots when read as shares; NaN where none was judged.
    is_assumed
        Whether there were too few sizes to judge.
    """

    unit: str
    shares_per_unit: int
    sizes: int
    share_of_multiples: float
    is_assumed: bool = False


def count_sizes(prices: np.ndarray, sizes: np.ndarray) -> Counter[int]:
    """How often each size occurs beside a price that `PRICE_LIMIT` admits.

    Parameters
    ----------
    prices
        USD, NaN where the side is absent, shape (n,).
    sizes
        In the file's unit, shape (n,).
    """
    values, counts = np.unique(
        sizes[(sizes > 0) & (prices > 0) & (prices < PRICE_LIMIT)], return_counts=True
    )
    return Counter(dict(zip(values.astype(int).tolist(), counts.tolist(), strict=True)))


def size_unit(counts: Counter[int], day: date) -> SizeUnit:
    """The unit that the counted sizes of one file are in.

    Raises
    ------
    ValueError
        If there are enough sizes and they fit neither unit; the message holds the evidence.
    """
    total = counts.total()
    step = SMALL_LOT_STEP if day >= SMALL_LOTS_FROM else ROUND_LOT
    multiples = sum(count for size, count in counts.items() if size % step == 0)
    share = multiples / total if total else float("nan")
    if total < ENOUGH_SIZES:
        return SizeUnit(SHARES, 1, total, share, is_assumed=True)
    if share > MOST:
        return SizeUnit(SHARES, 1, total, share)
    mode = counts.most_common(1)[0][0]
    if share < FEW and mode in LIKELY_LOTS:
        return SizeUnit(ROUND_LOTS, ROUND_LOT, total, share)
    raise ValueError(
        f"of {total} quote sizes {share:.1%} are multiples of {step} and the commonest is {mode}: "
        "neither shares nor round lots"
    )
