"""RiskMetrics volatility of hourly moves, the jump statistics read from it, and the variance left to an expiry.

Everything is causal: element t of a result uses moves [0, t) only. Laws of the terminal price that
use these numbers live in merton, contract_transform and contract_simulation.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

HOURS_PER_YEAR = 8760.0
SEED_DECAY = 0.998
"""The contract article's lambda. Its half-life is 346 hours (14 days), its mean age 500 hours; the
article calls it "approx. 7 days"."""
JUMP_WINDOW_HOURS = 168
JUMP_THRESHOLD_SD = 2.0
IMPLIED_HORIZON_HOURS = 720.0
"""DVOL is an expected volatility of 30 days."""
VARIANCE_HALF_LIFE_HOURS = 24.0
"""Speed at which realised variance returns to the implied level; see docs/methods/contracts.md."""


class JumpStatistics(NamedTuple):
    """Jumps of the trailing window before each hour; arrays of shape (hours + 1,).

    intensity is jumps per hour, mean and sd are of log moves, n_jumps and n_hours count the flagged
    and the usable moves. No flagged move: intensity, mean and sd are 0. No usable move: NaN.
    """

    intensity: NDArray[np.float64]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    n_jumps: NDArray[np.int64]
    n_hours: NDArray[np.int64]


def ewma_variance(moves: NDArray[np.float64], decay: float = SEED_DECAY) -> NDArray[np.float64]:
    """Forecast variance of each hour's move from the moves before it.

    Parameters
    ----------
    moves : (hours,) log moves; NaN where an hour is missing (its weight is lost, time still passes).
    decay : lambda in (0, 1), per hour.

    Returns
    -------
    (hours + 1,) variance per hour; element t uses moves[:t], the last one is the forecast of the
    hour to come. NaN before the first usable move.

    Raises
    ------
    ValueError : moves not one-dimensional or decay outside (0, 1).

    Notes
    -----
    v_t = sum_k decay^k r_{t-1-k}^2 / sum_k decay^k over the usable moves: the RiskMetrics average
    with weights that sum to one in a finite history, which needs no starting value [1]_.

    References
    ----------
    .. [1] J.P. Morgan/Reuters (1996), RiskMetrics Technical Document, 4th ed., section 5.2.
    """
    moves = np.asarray(moves, dtype=np.float64)
    if moves.ndim != 1:
        raise ValueError(f"moves has {moves.ndim} axes; one axis (hours) is allowed")
    if not 0.0 < decay < 1.0:
        raise ValueError(f"decay is {decay}; a number in (0, 1) is allowed")
    return _ewma_variance(moves, decay)


@njit(cache=True, nogil=True)
def _ewma_variance(moves: NDArray[np.float64], decay: float) -> NDArray[np.float64]:
    forecast = np.empty(moves.size + 1)
    weighted, weight = 0.0, 0.0
    for t in range(moves.size + 1):
        forecast[t] = weighted / weight if weight > 0.0 else np.nan
        if t == moves.size:
            break
        weighted *= decay
        weight *= decay
        if np.isfinite(moves[t]):
            weighted += moves[t] ** 2
            weight += 1.0
    return forecast


def jump_statistics(
    moves: NDArray[np.float64],
    variance: NDArray[np.float64],
    window: int = JUMP_WINDOW_HOURS,
    threshold: float = JUMP_THRESHOLD_SD,
) -> JumpStatistics:
    """Intensity, mean and sd of the moves beyond `threshold` forecast standard deviations.

    Parameters
    ----------
    moves : (hours,) log moves, NaN where missing.
    variance : (hours + 1,) or (hours,) forecast variance per hour, as `ewma_variance` gives it.
    window : trailing hours.
    threshold : standard deviations.

    Returns
    -------
    JumpStatistics, shape (hours + 1,): element t looks at moves [t - window, t).

    Raises
    ------
    ValueError : shapes that do not match, window below 1 or threshold not positive.

    Notes
    -----
    Two standard deviations flag 4.6 % of Gaussian hours (7.6 a week), so these "jumps" include
    plain diffusion: with DVOL as the diffusion volatility their variance is counted twice.
    sd is the population one (a single jump has sd 0).
    """
    moves, variance = np.asarray(moves, float), np.asarray(variance, float)
    if moves.ndim != 1 or variance.shape not in ((moves.size,), (moves.size + 1,)):
        raise ValueError(
            f"moves {moves.shape} and variance {variance.shape}: (hours,) and (hours + 1,) are allowed"
        )
    if window < 1 or threshold <= 0.0:
        raise ValueError(f"window {window} must be at least 1 and threshold {threshold} positive")
    usable = np.isfinite(moves) & np.isfinite(variance[: moves.size])
    with np.errstate(invalid="ignore"):
        flagged = usable & (np.abs(moves) > threshold * np.sqrt(variance[: moves.size]))
    lead = np.zeros(window)
    count = sliding_window_view(np.r_[lead, flagged], window).sum(axis=1).astype(np.int64)
    hours = sliding_window_view(np.r_[lead, usable], window).sum(axis=1).astype(np.int64)
    jumps = sliding_window_view(np.r_[lead, np.where(flagged, moves, 0.0)], window)
    inside = sliding_window_view(np.r_[lead, flagged], window) > 0
    mean = jumps.sum(axis=1) / np.maximum(count, 1)
    squares = np.where(inside, (jumps - mean[:, None]) ** 2, 0.0).sum(axis=1)
    known = hours > 0
    return JumpStatistics(
        np.where(known, count / np.maximum(hours, 1), np.nan),
        np.where(known, mean, np.nan),
        np.where(known, np.sqrt(squares / np.maximum(count, 1)), np.nan),
        count,
        hours,
    )


def variance_to_expiry(
    implied: NDArray[np.float64],
    realised: NDArray[np.float64],
    hours: NDArray[np.float64],
    half_life: float = VARIANCE_HALF_LIFE_HOURS,
    implied_horizon: float = IMPLIED_HORIZON_HOURS,
) -> NDArray[np.float64]:
    """Mean variance over the hours left, when variance reverts from its present to its implied level.

    Parameters
    ----------
    implied : variance per hour that a volatility index of `implied_horizon` hours states.
    realised : present variance per hour (a short RiskMetrics average).
    hours : hours to expiry, positive; implied, realised and hours broadcast together.
    half_life : hours in which half of the gap to the long level closes.
    implied_horizon : hours the index looks ahead.

    Returns
    -------
    Variance per hour, broadcast shape; `realised` as hours -> 0 and `implied` at `implied_horizon`.

    Raises
    ------
    ValueError : an argument that is not positive.

    Notes
    -----
    With dv = k (theta - v) dt the mean variance over h hours is theta + (v - theta) a(h),
    a(h) = (1 - exp(-k h)) / (k h). The index fixes theta at its own horizon H, so
    implied + (realised - implied) (a(h) - a(H)) / (1 - a(H)).
    A 30-day index states nothing about the last hours; this is the correction the article lacks.
    """
    implied, realised, hours = (np.asarray(x, float) for x in (implied, realised, hours))
    for name, value in (("implied", implied), ("realised", realised), ("hours", hours)):
        if np.any(value <= 0.0):
            raise ValueError(f"{name} has a value of {np.min(value)}; only positive is allowed")
    if half_life <= 0.0 or implied_horizon <= 0.0:
        raise ValueError(f"half_life {half_life} and implied_horizon {implied_horizon} must be > 0")
    rate = np.log(2.0) / half_life
    near, far = (-np.expm1(-rate * h) / (rate * h) for h in (hours, np.float64(implied_horizon)))
    weight = np.clip((near - far) / (1.0 - far), 0.0, 1.0)
    return implied + (realised - implied) * weight
