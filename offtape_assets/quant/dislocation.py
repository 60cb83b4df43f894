"""How far a contract's market price stands from a model's, and how far is usual for it.

Thresholds come from the contract's own past only. Trading rules and profit live in
contract_backtest.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

BOOTSTRAP_POINTS = 50
BOOTSTRAP_RESAMPLES = 100


def bootstrap_threshold(
    dislocation: NDArray[np.float64],
    rng: np.random.Generator,
    points: int = BOOTSTRAP_POINTS,
    resamples: int = BOOTSTRAP_RESAMPLES,
) -> NDArray[np.float64]:
    """Standard deviation of `points` dislocations drawn from the past, mean over resamples.

    Parameters
    ----------
    dislocation : (hours,) market minus model price of one contract; NaN where it must not count.
    rng : draws one (resamples, points) set of uniforms, used at every hour.
    points : draws a resample, and the past values needed before a threshold is stated; at least 2.
    resamples : at least 1.

    Returns
    -------
    (hours,) threshold; element t uses dislocation[:t], NaN until `points` values are known.

    Raises
    ------
    ValueError : more than one axis, points below 2 or resamples below 1.

    Notes
    -----
    The article bootstraps "50 data points from each contract" over its whole life, which looks
    ahead; here the draws come from the hours before the decision.
    """
    dislocation = np.asarray(dislocation, dtype=np.float64)
    if dislocation.ndim != 1:
        raise ValueError(f"dislocation has {dislocation.ndim} axes; one axis (hours) is allowed")
    if points < 2 or resamples < 1:
        raise ValueError(f"points {points} must be at least 2, resamples {resamples} at least 1")
    return _bootstrap_threshold(dislocation, rng.random((resamples, points)))


@njit(cache=True, nogil=True)
def _bootstrap_threshold(
    dislocation: NDArray[np.float64], uniforms: NDArray[np.float64]
) -> NDArray[np.float64]:
    resamples, points = uniforms.shape
    threshold = np.full(dislocation.size, np.nan)
    past, known = np.empty(dislocation.size), 0
    for t in range(dislocation.size):
        if known >= points:
            total = 0.0
            for b in range(resamples):
                mean, square = 0.0, 0.0
                for k in range(points):
                    value = past[int(uniforms[b, k] * known)]
                    gap = value - mean
                    mean += gap / (k + 1)
                    square += gap * (value - mean)
                total += np.sqrt(square / (points - 1))
            threshold[t] = total / resamples
        if np.isfinite(dislocation[t]):
            past[known] = dislocation[t]
            known += 1
    return threshold


def placeholder_prices(
    age_hours: NDArray[np.float64], price_sum: NDArray[np.float64], tolerance: float = 0.25
) -> NDArray[np.bool_]:
    """Prices that nobody stands behind yet: the first hour, or a set whose sum is far from one.

    Parameters
    ----------
    age_hours : hours since the contract's first price. price_sum : sum of the prices of all
    contracts of the expiry at that hour, NaN where they do not tile the line.
    tolerance : allowed distance of the sum from 1. After the first hour recorded sums stay within
    .94 and 1.12, in the first hour they reach 1.65 to 3.

    Returns
    -------
    Boolean, broadcast shape.
    """
    with np.errstate(invalid="ignore"):
        return (np.asarray(age_hours) < 1.0) | (np.abs(np.asarray(price_sum) - 1.0) > tolerance)
