"""The variance of a price in each state of the event, from how the chain's variance moves with p.

Second moments of a mixture are exactly linear in p, whatever the two laws' shapes. Means enter as
the log ratio from `event_regression`; whole densities are `conditional_density`.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numba import njit
from numpy.typing import NDArray
from scipy.special import expit

from offtape_assets.quant.kalman import filter_local_level, smooth_local_level

Array = NDArray[np.float64]
WHITE_RATIOS = np.r_[0.0, np.geomspace(0.03, 300.0, 17)]  # white noise over one random-walk step
GAUSS_NEWTON_STEPS = 12
LARGEST_LOG_GAP = 4.0  # ln of the ratio of variances beyond which there is no estimate
LEAST_WITHIN_SHARE = 0.02  # of the variance that must lie within the laws, not between their means
FEWEST_STRIKES = 6
FEWEST_SNAPSHOTS = 6


class ImpliedVariance(NamedTuple):
    """Variance of the price over the squared forward (T,), and its part beyond the quotes."""

    relative: Array
    tail_share: Array


@njit(cache=True, nogil=True)
def _segment(a: float, b: float, width: float) -> float:
    """Integral of the log-linear function from a to b over `width`."""
    if abs(a - b) < 1e-9 * a:
        return 0.5 * (a + b) * width
    return (b - a) / np.log(b / a) * width


@njit(cache=True, nogil=True)
def _decay(strike, log_price, first, last):  # type: ignore[no-untyped-def]
    """Slope of the log price over strikes first..last-1."""
    count = last - first
    x, y, xx, xy = 0.0, 0.0, 0.0, 0.0
    for k in range(first, last):
        x += strike[k]
        y += log_price[k]
        xx += strike[k] * strike[k]
        xy += strike[k] * log_price[k]
    return (xy - x * y / count) / (xx - x * x / count)


@njit(cache=True, nogil=True)
def _at_forward(k0: float, p0: float, k1: float, c1: float, forward: float) -> float:
    """Price at the money between the last put and the first call, calls log-linear in strike."""
    c0 = p0 + forward - k0
    part = (forward - k0) / (k1 - k0)
    return np.exp((1.0 - part) * np.log(c0) + part * np.log(max(c1, 1e-300)))


@njit(cache=True, nogil=True)
def _variances(strikes, prices, forward, out, tail):  # type: ignore[no-untyped-def]
    for t in range(prices.shape[0]):
        good = np.flatnonzero(prices[t] > 0.0)
        puts = np.sum(strikes[good] < forward[t])
        end = max(4, good.size // 8)
        out[t] = tail[t] = np.nan
        if puts < 3 or good.size - puts < 3:
            continue
        k, o = strikes[good], prices[t][good]
        logs = np.log(o)
        down = _decay(k, logs, 0, min(end, puts))
        up = _decay(k, logs, max(k.size - end, puts), k.size)
        if not (down > 0.0 and up < 0.0):
            continue
        wings = o[0] / down * (1.0 - np.exp(-down * k[0])) - o[-1] / up
        total = wings
        middle = _at_forward(k[puts - 1], o[puts - 1], k[puts], o[puts], forward[t])
        total += _segment(o[puts - 1], middle, forward[t] - k[puts - 1])
        total += _segment(middle, o[puts], k[puts] - forward[t])
        for j in range(k.size - 1):
            if j != puts - 1:
                total += _segment(o[j], o[j + 1], k[j + 1] - k[j])
        out[t] = 2.0 * total / (forward[t] * forward[t])
        tail[t] = wings / total


def implied_variance(strikes: Array, prices: Array, forward: Array) -> ImpliedVariance:
    """Relative variance of the price at expiry from out-of-the-money premiums.

    Parameters
    ----------
    strikes : (K,)
        Ascending, dollars.
    prices : (T, K)
        Undiscounted premium of the put below the forward and the call above; NaN where unquoted.
    forward : (T,)

    Returns
    -------
    ImpliedVariance; NaN for a snapshot without three quotes on each side or with a flat wing.

    Raises
    ------
    ValueError
        Where shapes differ or strikes do not ascend.

    Notes
    -----
    E[(S - F)^2] = 2 int O(K) dK with O the out-of-the-money premium, log-linear between strikes and
    beyond the last ones, there with the slope of the outer eighth.

    References
    ----------
    .. [1] Bakshi, Kapadia, Madan (2003), Review of Financial Studies 16(1), 101-143 (spanning).
    """
    if prices.shape != (forward.size, strikes.size) or (np.diff(strikes) <= 0).any():
        raise ValueError(
            f"prices must be ({forward.size}, {strikes.size}) on ascending strikes, got {prices.shape}"
        )
    out, tail = np.empty(forward.size), np.empty(forward.size)
    _variances(strikes, np.ascontiguousarray(prices), forward, out, tail)
    return ImpliedVariance(out, tail)


class VarianceSplit(NamedTuple):
    """Relative variances of the two laws along the day; NaN unless status is 'ok'.

    log_sd_yes, log_sd_no : (T,) ln of sd over conditional mean. error_yes, error_no : (T,) standard
    errors of these for a known log ratio of means.
    """

    log_sd_yes: Array
    log_sd_no: Array
    error_yes: Array
    error_no: Array
    log_gap: float
    """ln(variance given yes / variance given no), relative to the squared means."""
    log_gap_sd: float
    status: str


def split_variance(
    variance: Array, tau: Array, probability: Array, log_ratio: float
) -> VarianceSplit:
    """Relative variance given yes and given no, from the changes of the whole with p.

    Parameters
    ----------
    variance, tau, probability : (T,)
        Relative variance of the mixture, years to expiry, smoothed probability; no NaN.
    log_ratio : float
        ln R, of the conditional means.

    Returns
    -------
    VarianceSplit
        status 'ok', 'too_few', 'inconsistent' (means this far apart need more variance than the
        chain has), 'not_converged'.

    Raises
    ------
    ValueError
        Where lengths differ.

    Notes
    -----
    With d = p R + 1 - p and V the variance over F^2, d^2 (1 + V) - p R^2 - (1 - p)
    = p R^2 x_yes + (1 - p) x_no exactly. Both x share a level that walks at random (volatility moves
    for other reasons too) and is seen through white noise: ln of the left side = level + ln(p R^2
    e^g + 1 - p), g by generalized least squares on changes, the ratio of the two noises by maximum
    likelihood. The covariance of the changes is a tridiagonal Toeplitz matrix: sines diagonalize it.
    """
    if not variance.shape == tau.shape == probability.shape:
        raise ValueError(f"lengths differ: {variance.shape}, {tau.shape}, {probability.shape}")
    if variance.size < FEWEST_SNAPSHOTS:
        return _no_split(variance.size, "too_few")
    ratio = np.exp(log_ratio)
    mean = probability * ratio + 1.0 - probability
    within = mean**2 * (1.0 + variance) - probability * ratio**2 - (1.0 - probability)
    if not (within > LEAST_WITHIN_SHARE * variance).all():
        return _no_split(variance.size, "inconsistent")
    level = np.log(within / tau)
    odds = np.log(probability / (1.0 - probability)) + 2.0 * log_ratio
    quiet = np.log1p(-probability)
    fits = (_generalized(level - quiet, odds, white) for white in WHITE_RATIOS)
    best = min(fits, key=lambda fit: fit.cost)
    if not abs(best.gap) < LARGEST_LOG_GAP:
        return _no_split(variance.size, "not_converged")
    lift = quiet + np.logaddexp(0.0, odds + best.gap)
    pull = expit(odds + best.gap)
    filtered = filter_local_level(
        level - lift, best.step, max(best.white * best.step, 1e-9 * best.step + 1e-14)
    )
    smooth = smooth_local_level(filtered, best.step)
    log_no = 0.5 * (smooth.mean + np.log(tau))
    return VarianceSplit(
        log_no + 0.5 * best.gap,
        log_no,
        0.5 * np.sqrt(((1.0 - pull) * best.gap_sd) ** 2 + smooth.variance),
        0.5 * np.sqrt((pull * best.gap_sd) ** 2 + smooth.variance),
        best.gap,
        best.gap_sd,
        "ok",
    )


class _Generalized(NamedTuple):
    cost: float
    gap: float
    gap_sd: float
    step: float
    white: float


def _generalized(level: Array, odds: Array, white: float) -> _Generalized:
    """Gap of log variances with white-noise variance `white` times the random walk's step."""
    count = level.size - 1
    spectrum = 1.0 + 2.0 * white * (1.0 - np.cos(np.pi * np.arange(1, count + 1) / (count + 1)))
    root = np.sqrt(spectrum)
    gap = 0.0
    for _ in range(GAUSS_NEWTON_STEPS):
        pull = expit(odds + gap)
        residual = (
            scipy.fft.dst(np.diff(level - np.logaddexp(0.0, odds + gap)), type=1, norm="ortho")
            / root
        )
        slope = scipy.fft.dst(np.diff(pull), type=1, norm="ortho") / root
        square = float(slope @ slope)
        move = float(slope @ residual) / square
        gap += float(np.clip(move, -1.0, 1.0))
        if abs(move) < 1e-7:
            break
    step = float(residual @ residual) / (count - 1)
    cost = 0.5 * count * np.log(step) + 0.5 * float(np.log(spectrum).sum())
    few = float(
        scipy.stats.t.ppf(0.95, count - 1) / scipy.stats.t.ppf(0.95, np.inf)
    )  # few changes, wider
    return _Generalized(cost, gap, few * np.sqrt(step / square), step, white)


def _no_split(size: int, status: str) -> VarianceSplit:
    nothing = np.full(size, np.nan)
    return VarianceSplit(nothing, nothing, nothing, nothing, np.nan, np.nan, status)
