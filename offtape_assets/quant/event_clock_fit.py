"""The parameter of an event's clock by exact maximum likelihood, with or without its jumps.

Clocks are in ucbm, rates without a parameter in event_clock.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy
from scipy.special import erf, ndtri

from offtape_assets.quant.ucbm import digital_clock, taleb_clock

FEWEST_INCREMENTS = 10
TRUNCATION_PASSES = 3  # fits with the limits of the fit before
JUMPS_LEFT = 1.0 / 6.0  # judgement: of what the jumps taken out added, what smaller ones may
IMPOSSIBLE = 1e300  # loss of a clock that stands still between two readings


class ClockFit(NamedTuple):
    """Maximum-likelihood clock parameter; NaN unless status is 'ok'.

    status: 'ok', 'too_few', 'at_bound' (the maximum is at the end of the search).
    """

    parameter: float
    standard_error: float
    log_likelihood: float
    status: str


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
    return float(_log_densities(u[:-1], u[1:], steps).sum())


def _log_densities(before: np.ndarray, after: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The same, written so that long steps of the clock do not overflow."""
    variance = -np.expm1(-steps)  # of U_{k+1} exp(-d/2)
    surprise = after * np.exp(-0.5 * steps) - before
    return -0.5 * (np.log(2.0 * np.pi * variance) + steps + surprise**2 / variance)


def fit_digital_clock(
    times: np.ndarray,
    probability: np.ndarray,
    expiry: float,
    edge: float = 0.0,
    threshold: float = np.inf,
) -> ClockFit:
    """Maximum likelihood of c in nu = c / sqrt(T - t).

    Parameters
    ----------
    times, probability : (K,) float64
        Increasing instants before the expiry; B, of which 0, 1 and NaN are left out.
    expiry : float
        T.
    edge : float
        Increments that start within this of 0 or 1 are left out, 0 <= edge < 0.5.
    threshold : float
        Standard deviations beyond which an increment is a jump and left out, > 0.

    Returns
    -------
    ClockFit

    Raises
    ------
    ValueError
        Unequal input, instants past the expiry, edge or threshold out of range.

    Notes
    -----
    What is below the threshold has a truncated normal law, so leaving out no jump costs no bias.
    Jumps below it stay: the stated error adds JUMPS_LEFT of the difference that those above made.

    References
    ----------
    .. [1] Mancini (2009), Non-parametric threshold estimation for models with stochastic diffusion
       coefficient and jumps, Scandinavian Journal of Statistics 36(2).
    """
    return _fit_clock(
        times,
        probability,
        lambda t, c: digital_clock(t, expiry, c),
        _Search((1e-4, 1e3), edge, threshold),
    )


def fit_taleb_clock(
    times: np.ndarray,
    probability: np.ndarray,
    expiry: float,
    edge: float = 0.0,
    threshold: float = np.inf,
) -> ClockFit:
    """Maximum likelihood of sigma in nu = sqrt2 sigma / sqrt(exp(2 sigma^2 (T-t)) - 1).

    Parameters
    ----------
    times, probability, expiry, edge, threshold
        As `fit_digital_clock`.

    Notes
    -----
    As sigma -> 0 the clock tends to the digital one with c = 1 and sigma cannot be told from 0:
    then status is 'at_bound'.
    """
    span = expiry - float(np.asarray(times)[0])
    scale = 1.0 / np.sqrt(span) if span > 0 else 1.0
    return _fit_clock(
        times,
        probability,
        lambda t, s: taleb_clock(t, expiry, s),
        _Search((1e-2 * scale, 15.0 * scale), edge, threshold),
    )


class _Search(NamedTuple):
    """Where a clock's parameter is sought and which increments count."""

    bounds: tuple[float, float]
    edge: float
    threshold: float


class _Increments(NamedTuple):
    """Steps of U that count, each below its limit."""

    before: np.ndarray
    after: np.ndarray
    counted: np.ndarray
    limits: np.ndarray

    def log_densities(self, steps: np.ndarray) -> np.ndarray:
        """Truncated at the limits, of the counted increments, given every step of the clock."""
        own = steps[self.counted]
        inside = erf(self.limits / np.sqrt(2.0 * -np.expm1(-own)))
        return _log_densities(self.before, self.after, own) - np.log(inside)

    def truncated(self, steps: np.ndarray, threshold: float) -> "_Increments":
        """Those of all increments within so many standard deviations of a clock with these steps."""
        limits = threshold * np.sqrt(-np.expm1(-steps[self.counted]))
        surprise = self.after * np.exp(-0.5 * steps[self.counted]) - self.before
        kept = np.abs(surprise) < limits
        return _Increments(self.before[kept], self.after[kept], self.counted[kept], limits[kept])


def _fit_clock(
    times: np.ndarray,
    probability: np.ndarray,
    clock: Callable[[np.ndarray, float], np.ndarray],
    search: _Search,
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
    if not 0.0 <= search.edge < 0.5 or not search.threshold > 0:
        raise ValueError(f"edge must be in [0, 0.5) and threshold above 0, got {search[1:]}")
    inside = (b > 0) & (b < 1)
    times, b = times[inside], b[inside]
    counted = np.flatnonzero((b[:-1] > search.edge) & (b[:-1] < 1.0 - search.edge))
    if counted.size < FEWEST_INCREMENTS:
        return ClockFit(np.nan, np.nan, np.nan, "too_few")
    u = ndtri(b)
    every = _Increments(u[counted], u[counted + 1], counted, np.full(counted.size, np.inf))
    steps_of = lambda at: np.diff(clock(times, float(np.exp(at))))  # noqa: E731
    at = first = _largest(every, steps_of, np.log(search.bounds))
    sample = every
    for _ in range(TRUNCATION_PASSES if np.isfinite(search.threshold) else 0):
        sample = every.truncated(steps_of(at), search.threshold)
        at = _largest(sample, steps_of, np.log(search.bounds))
    if min(at - np.log(search.bounds[0]), np.log(search.bounds[1]) - at) < 1e-3:
        return ClockFit(np.nan, np.nan, np.nan, "at_bound")
    width = 1e-3
    low, middle, high = (
        sample.log_densities(steps_of(at + shift)) for shift in (-width, 0.0, width)
    )
    bend = (2.0 * middle.sum() - low.sum() - high.sum()) / width**2
    scores = (high - low) / (2.0 * width)
    sandwich = np.sqrt((scores**2).sum()) / bend  # [1]_
    parameter = float(np.exp(at))
    left = JUMPS_LEFT * (float(np.exp(first)) - parameter)
    error = float(np.hypot(parameter * sandwich, left))
    return ClockFit(parameter, error, float(middle.sum()), "ok")


def _largest(
    sample: _Increments, steps_of: Callable[[float], np.ndarray], bounds: np.ndarray
) -> float:
    """Logarithm of the parameter with the largest likelihood."""

    def loss(at: float) -> float:
        steps = steps_of(at)
        return -float(sample.log_densities(steps).sum()) if (steps > 0).all() else IMPOSSIBLE

    grid = np.linspace(bounds[0], bounds[1], 24)
    best = int(np.argmin([loss(at) for at in grid]))
    around = (grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)])
    return float(
        scipy.optimize.minimize_scalar(
            loss, bounds=around, method="bounded", options={"xatol": 1e-8}
        ).x
    )
