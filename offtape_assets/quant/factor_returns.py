"""Returns of factor portfolios every second from the quotes of their members, legs apart.

A member counts in a second when its mid is known at both ends; what a leg returns is the mean
return of those that count, so a missing name changes the mean a little and never the scale.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

MAX_AGE_SECONDS = 300
"""A mid without any quote for longer is unknown: a halt, a broken feed."""
COVERAGE_FLOOR = 0.8
"""Share of a leg's weight that must count, else the leg's return is unknown."""


@dataclass(frozen=True)
class FactorReturns:
    """Log returns over [T - 1 s, T) of K portfolios at S seconds; arrays of shape (S, K).

    Attributes
    ----------
    total
        Long less short leg; NaN where a leg is covered below the floor.
    long_leg, short_leg
        Mean return of each leg's members that count; NaN where none does, the short leg's 0
        where a portfolio has none.
    long_coverage, short_coverage
        Share of each leg's weight that counts; the short one's NaN where there is no short leg.
    renewed_share
        Share of a portfolio's absolute weight whose quote was renewed within the second.
    """

    total: Array
    long_leg: Array
    short_leg: Array
    long_coverage: Array
    short_coverage: Array
    renewed_share: Array

    @property
    def coverage(self) -> Array:
        """The smaller coverage of the two legs, shape (S, K)."""
        return np.fmin(self.long_coverage, self.short_coverage)


def factor_returns(
    second: NDArray[np.integer],
    name: NDArray[np.integer],
    log_mid: Array,
    weights: Array,
    seconds: int,
    max_age: int = MAX_AGE_SECONDS,
    coverage_floor: float = COVERAGE_FLOOR,
) -> FactorReturns:
    """Portfolio returns from last-of-second mids.

    Parameters
    ----------
    second
        Row of the grid to which each mid belongs, ascending, shape (m,).
    name
        Column of the name in `weights`, shape (m,).
    log_mid
        Log of the mid at the end of the second; NaN where the quote has none (one-sided,
        crossed): the name is then unknown until its next usable quote, shape (m,). Of several
        mids of a name in one second the last counts.
    weights
        Signed weights, long positive, shape (K, N). Only their proportions within a leg matter.
    seconds
        S, the number of rows of the grid.
    max_age
        Seconds for which a mid stays known without a further quote.
    coverage_floor
        Smallest share of a leg's weight that gives a return.

    Raises
    ------
    ValueError
        If shapes disagree, seconds fall, a number is outside its range or a weight is no number.

    Notes
    -----
    F = sum_L w r / sum_L w - sum_S |w| r / sum_S |w| over the names that count in the second,
    r = ln(mid_T / mid_{T-1}). Dividing by the sum of all weights, as if they summed to one, is
    wrong for the four long-short portfolios: their sum is zero, and of what is left when a few
    names are missing it is anything. Logs add up over the day; simple returns of a mid that
    flickers drift upwards (Blume and Stambaugh 1983, J. Financial Economics 12, 387-404).
    """
    _check(second, name, log_mid, weights, seconds, max_age, coverage_floor)
    longs = np.ascontiguousarray(np.maximum(weights, 0.0).T)
    shorts = np.ascontiguousarray(np.maximum(-weights, 0.0).T)
    shape = (seconds, len(weights))
    legs = [np.empty(shape) for _ in range(5)]
    _run(
        np.searchsorted(second, np.arange(seconds + 1)),
        np.ascontiguousarray(name, np.int64),
        np.ascontiguousarray(log_mid, np.float64),
        *(longs, shorts, max_age, *legs),
    )
    long_return, short_return, long_known, short_known, renewed = legs
    gross_long, gross_short = longs.sum(axis=0), shorts.sum(axis=0)
    has_short = gross_short > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        long_leg = long_return / long_known
        short_leg = np.where(has_short, short_return / short_known, 0.0)
        long_coverage = long_known / gross_long
        short_coverage = np.where(has_short, short_known / gross_short, np.nan)
        renewed_share = renewed / (gross_long + gross_short)
    covered = np.fmin(long_coverage, short_coverage) >= coverage_floor
    total = np.where(covered, long_leg - short_leg, np.nan)
    return FactorReturns(total, long_leg, short_leg, long_coverage, short_coverage, renewed_share)


def _check(
    second: NDArray[np.integer],
    name: NDArray[np.integer],
    log_mid: Array,
    weights: Array,
    seconds: int,
    max_age: int,
    coverage_floor: float,
) -> None:
    lengths = (len(second), len(name), len(log_mid))
    if len(set(lengths)) != 1:
        raise ValueError(f"second, name, log_mid have lengths {lengths}: want one length")
    if weights.ndim != 2 or not np.isfinite(weights).all():
        raise ValueError(f"weights of shape {weights.shape}: want finite numbers, (K, N)")
    if not (weights > 0).any(axis=1).all():
        raise ValueError("weights: every portfolio needs a long leg")
    if seconds < 1 or max_age < 1 or not 0 < coverage_floor <= 1:
        raise ValueError(
            f"seconds={seconds}, max_age={max_age}, coverage_floor={coverage_floor}: want at least"
            " 1, at least 1, and a share in (0, 1]"
        )
    if not len(second):
        return
    if (np.diff(second) < 0).any() or second[0] < 0 or second[-1] >= seconds:
        raise ValueError(f"second: want ascending rows of a grid of {seconds}")
    if name.min() < 0 or name.max() >= weights.shape[1]:
        raise ValueError(f"name: want columns of weights, 0 to {weights.shape[1] - 1}")


@njit(cache=True, nogil=True)
def _run(  # type: ignore[no-untyped-def]
    first, name, log_mid, longs, shorts, max_age,
    long_return, short_return, long_known, short_known, renewed,
):  # fmt: skip
    names, factors = longs.shape
    mid, seen = np.full(names, np.nan), np.full(names, -1)
    mid_before, seen_before = np.full(names, np.nan), np.full(names, -1)
    moved = np.full(names, -1)
    for t in range(len(first) - 1):
        for k in range(factors):
            long_return[t, k] = short_return[t, k] = renewed[t, k] = 0.0
        for i in range(first[t], first[t + 1]):
            who = name[i]
            mid[who] = log_mid[i]
            seen[who] = -1 if np.isnan(log_mid[i]) else t
        for i in range(first[t], first[t + 1]):
            who = name[i]
            if seen[who] < 0 or moved[who] == t:
                continue
            moved[who] = t
            is_known = seen_before[who] >= 0 and t - 1 - seen_before[who] <= max_age
            move = mid[who] - mid_before[who] if is_known else 0.0
            for k in range(factors):
                long_return[t, k] += longs[who, k] * move
                short_return[t, k] += shorts[who, k] * move
                renewed[t, k] += longs[who, k] + shorts[who, k]
        _add_known(t, seen, seen_before, max_age, longs, shorts, long_known[t], short_known[t])
        for i in range(first[t], first[t + 1]):
            who = name[i]
            mid_before[who], seen_before[who] = mid[who], seen[who]


@njit(cache=True, nogil=True)
def _add_known(  # type: ignore[no-untyped-def]
    t, seen, seen_before, max_age, longs, shorts, long_known, short_known
):
    """Weight of the names known at both ends of second t."""
    names, factors = longs.shape
    for k in range(factors):
        long_known[k] = short_known[k] = 0.0
    for who in range(names):
        ends = seen[who] >= 0 and t - seen[who] <= max_age
        if ends and seen_before[who] >= 0 and t - 1 - seen_before[who] <= max_age:
            for k in range(factors):
                long_known[k] += longs[who, k]
                short_known[k] += shorts[who, k]
