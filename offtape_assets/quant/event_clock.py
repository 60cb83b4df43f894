"""How fast information about an event arrives: clock rates, clock parameters and jumps.

Estimators on sampled probabilities, each with its standard error. The model is in ucbm.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtri

from offtape_assets.quant.ucbm import digital_clock, taleb_clock

FEWEST_INCREMENTS = 10
BIPOWER_RELATIVE_VARIANCE = np.pi**2 / 4 + np.pi - 3  # 2.61, of bipower variation times n

IMPOSSIBLE = 1e300  # loss of a clock that stands still between two readings


class ClockRates(NamedTuple):
    """Trailing clock rate nu^2 per unit of time and its standard error at each sample; NaN
    where fewer than FEWEST_INCREMENTS increments or none off the boundary are known."""

    rate: np.ndarray
    standard_error: np.ndarray
    n_increments: np.ndarray


class ClockFit(NamedTuple):
    """Maximum-likelihood clock parameter; NaN unless status is 'ok'.

    status: 'ok', 'too_few', 'at_bound' (the maximum is at the end of the search).
    """

    parameter: float
    standard_error: float
    log_likelihood: float
    status: str


class Jumps(NamedTuple):
    """Whether each sample ends a jump, the statistic and its critical value.

    The statistic is NaN while the trailing window has fewer than FEWEST_INCREMENTS increments.
    """

    is_jump: np.ndarray
    statistic: np.ndarray
    critical: float


def _steps(times: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time steps, increments in units of their slope (dB / phi(U)) and which are usable."""
    times, b = np.asarray(times, np.float64), np.asarray(probability, np.float64)
    if times.ndim != 1 or times.shape != b.shape or times.size < 2:
        raise ValueError(
            f"times and probability must be equal vectors, got {times.shape}, {b.shape}"
        )
    dt = np.diff(times)
    if not (dt > 0).all():
        raise ValueError("times must be increasing")
    if ((b < 0) | (b > 1)).any():
        raise ValueError("probability must lie in 0 to 1 (or be NaN)")
    with np.errstate(invalid="ignore"):
        slope = np.exp(-0.5 * ndtri(b[:-1]) ** 2) / np.sqrt(2.0 * np.pi)
    usable = np.isfinite(np.diff(b)) & (slope > 0)
    scaled = np.divide(np.diff(b), slope, out=np.zeros_like(dt), where=usable)
    return dt, scaled, usable


def _trailing(values: np.ndarray, window: int) -> np.ndarray:
    """Sum of the latest `window` values at each increment."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    start = np.maximum(np.arange(1, total.size) - window, 0)
    return total[1:] - total[start]


def local_variance_rate(times: np.ndarray, probability: np.ndarray, window: int) -> ClockRates:
    """Trailing clock rate from squared increments.

    Parameters
    ----------
    times : (K,) float64
        Increasing.
    probability : (K,) float64
        B, 0 to 1; NaN where unknown. Increments that start at 0 or 1 are left out.
    window : int
        Increments used, >= FEWEST_INCREMENTS.

    Returns
    -------
    ClockRates
        At sample k from increments up to k; NaN at the first.

    Raises
    ------
    ValueError
        Unequal or unsorted input, probabilities outside 0 to 1, a window too short.

    Notes
    -----
    dB = phi(U) nu dW, so nu^2 = sum (dB/phi(U))^2 / sum dt; its standard error is
    nu^2 sqrt(2/n). U's own increments carry nu already and are NOT divided by phi.
    """
    dt, scaled, usable = _steps(times, probability)
    return _rates(scaled**2, dt, usable, window, 2.0)


def bipower_rate(times: np.ndarray, probability: np.ndarray, window: int) -> ClockRates:
    """Trailing clock rate from products of neighbouring increments, which a jump hardly moves.

    Parameters, Raises
    ------------------
    As `local_variance_rate`.

    Notes
    -----
    nu^2 = (pi/2) mean(|e_k e_{k-1}|), e = dB / (phi(U) sqrt(dt)); standard error
    nu^2 sqrt(2.61/n) [1]_.

    References
    ----------
    .. [1] Barndorff-Nielsen, Shephard (2004), Journal of Financial Econometrics 2(1).
    """
    dt, scaled, usable = _steps(times, probability)
    unit = np.abs(scaled) / np.sqrt(dt)
    pair = usable & np.concatenate(([False], usable[:-1]))
    product = 0.5 * np.pi * unit * np.concatenate(([0.0], unit[:-1]))
    return _rates(product, np.ones_like(dt), pair, window, BIPOWER_RELATIVE_VARIANCE)


def _rates(
    squares: np.ndarray, dt: np.ndarray, usable: np.ndarray, window: int, relative: float
) -> ClockRates:
    if window < FEWEST_INCREMENTS:
        raise ValueError(f"window must be at least {FEWEST_INCREMENTS} increments, got {window}")
    count = _trailing(usable.astype(np.float64), window)
    enough = count >= FEWEST_INCREMENTS
    rate = np.full(dt.size + 1, np.nan)
    total, span = _trailing(np.where(usable, squares, 0.0), window), _trailing(dt * usable, window)
    rate[1:][enough] = np.maximum(total[enough], 0.0) / span[enough]
    counts = np.concatenate(([0.0], count))
    error = rate * np.sqrt(relative / np.maximum(counts, 1.0))
    return ClockRates(rate, error, counts.astype(np.int64))


def detect_jumps(
    times: np.ndarray, probability: np.ndarray, window: int, level: float = 0.01
) -> Jumps:
    """Jumps of the probability against its own trailing, jump-robust speed.

    Parameters
    ----------
    times, probability, window
        As `local_variance_rate`.
    level : float
        Probability of any false find over the whole sample, 0 < level < 1.

    Returns
    -------
    Jumps

    Notes
    -----
    L_k = |dB_k| / (phi(U) nu sqrt(dt)), nu by bipower variation up to k-1 (no look-ahead). The
    critical value is the Gumbel quantile of the largest of n such statistics [1]_; because nu is
    itself estimated from w increments, the statistic is Student-like and is first mapped to a
    normal one through a t law of w/1.3 degrees of freedom.

    References
    ----------
    .. [1] Lee, Mykland (2008), Review of Financial Studies 21(6), eq. 11-13.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    dt, scaled, usable = _steps(times, probability)
    rates = bipower_rate(times, probability, window)
    speed, freedom = rates.rate[:-1], np.maximum(rates.n_increments[:-1], 1) / 1.3
    statistic = np.full(dt.size + 1, np.nan)
    known = usable & (speed > 0)
    raw = np.abs(scaled[known]) / np.sqrt(speed[known] * dt[known])
    statistic[1:][known] = _normal_score(raw, freedom[known])
    n = max(int(known.sum()), 2)
    root = np.sqrt(2.0 * np.log(n))
    centre = root - np.log(np.pi * np.log(n)) / (2.0 * root)
    critical = centre - np.log(-np.log1p(-level)) / root
    return Jumps(np.nan_to_num(statistic) > critical, statistic, float(critical))


def _normal_score(ratio: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """|z| with the tail probability of |t| at the same place (Wallace 1959, within 1 % of z)."""
    shrink = (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    return shrink * np.sqrt(freedom * np.log1p(ratio**2 / freedom))


def clock_log_likelihood(probability: np.ndarray, clock: np.ndarray) -> float:
    """Exact log-likelihood of U at the clock's readings, in nats.

    Parameters
    ----------
    probability, clock : (K,) float64
        B strictly between 0 and 1, and tau at the same instants, finite and increasing.

    Notes
    -----
    U_{k+1} | U_k ~ N(U_k exp(d/2), exp(d) - 1), d = tau_{k+1} - tau_k.
    """
    u, steps = ndtri(np.asarray(probability, np.float64)), np.diff(clock)
    if not np.isfinite(u).all():
        raise ValueError("probability must lie strictly between 0 and 1")
    if not (steps > 0).all() or not np.isfinite(steps).all():
        raise ValueError("clock must be finite and increasing")
    return float(_log_densities(u, steps).sum())


def _log_densities(u: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The same, written so that long steps of the clock do not overflow."""
    variance = -np.expm1(-steps)  # of U_{k+1} exp(-d/2)
    surprise = u[1:] * np.exp(-0.5 * steps) - u[:-1]
    return -0.5 * (np.log(2.0 * np.pi * variance) + steps + surprise**2 / variance)


def fit_digital_clock(times: np.ndarray, probability: np.ndarray, expiry: float) -> ClockFit:
    """Maximum likelihood of c in nu = c / sqrt(T - t).

    Parameters
    ----------
    times, probability : (K,) float64
        Increasing instants before the expiry; B, of which 0, 1 and NaN are left out.
    expiry : float
        T.

    Returns
    -------
    ClockFit
    """
    return _fit_clock(times, probability, lambda t, c: digital_clock(t, expiry, c), (1e-4, 1e3))


def fit_taleb_clock(times: np.ndarray, probability: np.ndarray, expiry: float) -> ClockFit:
    """Maximum likelihood of sigma in nu = sqrt2 sigma / sqrt(exp(2 sigma^2 (T-t)) - 1).

    Parameters
    ----------
    times, probability, expiry
        As `fit_digital_clock`.

    Notes
    -----
    As sigma -> 0 the clock tends to the digital one with c = 1 and sigma cannot be told from 0:
    then status is 'at_bound'.
    """
    span = expiry - float(np.asarray(times)[0])
    scale = 1.0 / np.sqrt(span) if span > 0 else 1.0
    return _fit_clock(
        times, probability, lambda t, s: taleb_clock(t, expiry, s), (1e-2 * scale, 15.0 * scale)
    )


def _fit_clock(
    times: np.ndarray,
    probability: np.ndarray,
    clock: Callable[[np.ndarray, float], np.ndarray],
    bounds: tuple[float, float],
) -> ClockFit:
    """The maximum over the logarithm, with the error that holds where the increments' law does not.

    References
    ----------
    .. [1] White (1982), Maximum likelihood estimation of misspecified models, Econometrica 50(1).
    """
    times, b = np.asarray(times, np.float64), np.asarray(probability, np.float64)
    if times.shape != b.shape or times.ndim != 1:
        raise ValueError(
            f"times and probability must be equal vectors, got {times.shape}, {b.shape}"
        )
    inside = (b > 0) & (b < 1)
    times, b = times[inside], b[inside]
    if b.size <= FEWEST_INCREMENTS:
        return ClockFit(np.nan, np.nan, np.nan, "too_few")

    u = ndtri(b)

    def terms(log_parameter: float) -> np.ndarray:
        return _log_densities(u, np.diff(clock(times, float(np.exp(log_parameter)))))

    def loss(log_parameter: float) -> float:
        steps = np.diff(clock(times, float(np.exp(log_parameter))))
        return -float(_log_densities(u, steps).sum()) if (steps > 0).all() else IMPOSSIBLE

    low, high = np.log(bounds)
    grid = np.linspace(low, high, 24)
    best = int(np.argmin([loss(at) for at in grid]))
    around = (grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)])
    found = minimize_scalar(loss, bounds=around, method="bounded", options={"xatol": 1e-8})
    if min(found.x - low, high - found.x) < 1e-3:
        return ClockFit(np.nan, np.nan, np.nan, "at_bound")
    width = 1e-3
    bend = (loss(found.x + width) - 2.0 * found.fun + loss(found.x - width)) / width**2
    scores = (terms(found.x + width) - terms(found.x - width)) / (2.0 * width)
    error = float(np.sqrt((scores**2).sum()) / bend)  # the sandwich of [1]_: jumps make it larger
    parameter = float(np.exp(found.x))
    return ClockFit(parameter, parameter * error, -float(found.fun), "ok")
