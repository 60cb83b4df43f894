"""The local-level model: a random walk seen through noise, on regular or irregular times.

Filter, likelihood, maximum likelihood of both variances and the smoother of one scalar series.
The event model built on it (two contracts, a vig, ticks, jumps) is in kalman_event.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.polynomial import Polynomial

SEED_LEVEL_VARIANCE = 1e-5  # per trade; the seed's Q
SEED_NOISE_VARIANCE = 1e-3  # the seed's R
LOG_TWO_PI = 1.8378770664093453
FEWEST_FOR_FIT = 10
LANES = 8  # ratios evaluated in one pass over the data; one AVX-512 register of doubles
LOG_EVERY = 16  # factors multiplied before one logarithm; ratios are bounded so that none overflows
RATIO_DECADES = 8.0  # the search covers 10^-8 .. 10^8 around 1 / median(time step)
PASSES = 5  # of 8 ratios each: the bracket shrinks from 37 to 0.25 in ln(Q/R), a polynomial does the rest


@dataclass(frozen=True)
class LocalLevelFilter:
    """What the filter knows after each observation; what follows from that is computed when asked.

    Attributes
    ----------
    mean, variance : (T,) float64
        Filtered level and its variance, in units of y and y^2.
    log_likelihood : float
        Of all observations after the first, in nats.
    observations, steps, noise
        As filtered; steps and noise of one element are constants.
    level_variance : float
        Q.
    """

    mean: np.ndarray
    variance: np.ndarray
    log_likelihood: float
    observations: np.ndarray
    steps: np.ndarray
    noise: np.ndarray
    level_variance: float

    @property
    def innovation(self) -> np.ndarray:
        """Observation less its prediction; NaN for the first and for missing observations."""
        surprise = np.full(self.mean.size, np.nan)
        np.subtract(self.observations[1:], self.mean[:-1], out=surprise[1:])
        return surprise

    @property
    def innovation_variance(self) -> np.ndarray:
        """Variance of the innovation; NaN where the innovation is."""
        spread = np.full(self.mean.size, np.nan)
        steps = self.steps[1:] if self.steps.size > 1 else self.steps
        noise = self.noise[1:] if self.noise.size > 1 else self.noise
        spread[1:] = self.variance[:-1] + self.level_variance * steps + noise
        spread[np.isnan(self.observations)] = np.nan
        return spread

    @property
    def standardized_innovation(self) -> np.ndarray:
        """Innovation over its standard deviation, z."""
        return self.innovation / np.sqrt(self.innovation_variance)

    @property
    def log_likelihood_terms(self) -> np.ndarray:
        """Contribution of each observation to the log-likelihood; NaN where there is none."""
        scaled = self.innovation**2 / self.innovation_variance
        return -0.5 * (LOG_TWO_PI + np.log(self.innovation_variance) + scaled)

    def gain(self, noise_variance: float | np.ndarray) -> np.ndarray:
        """Weight of each observation; 1 for the first, 0 for a missing one."""
        weight = 1.0 - noise_variance / self.innovation_variance
        weight[0] = 1.0
        return np.nan_to_num(weight, nan=0.0)


class LocalLevelFit(NamedTuple):
    """Maximum-likelihood variances; NaN unless status is 'ok', 'no_level_noise' or
    'no_observation_noise' (a variance at its boundary, reported as 0)."""

    level_variance: float  # per unit of time
    noise_variance: float
    log_likelihood: float
    log_level_variance_sd: float  # standard error of ln Q; NaN at a boundary
    log_noise_variance_sd: float
    status: str


class SmoothedLevel(NamedTuple):
    """Level given ALL observations, later ones too: never an input of a causal estimate."""

    mean: np.ndarray
    variance: np.ndarray


@njit(cache=True, nogil=True, error_model="numpy")
def _filter(
    y: np.ndarray,
    steps: np.ndarray,
    level_variance: float,
    noise: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
) -> tuple[float, int]:
    """Fill both outputs; the log-likelihood and how many inputs are outside their ranges."""
    per_step, per_noise = int(steps.size > 1), int(noise.size > 1)
    x, p = y[0], noise[0]
    mean[0], variance[0] = x, p
    squares, logs, product, seen = 0.0, 0.0, 1.0, 0
    wrong = int(not abs(x) < np.inf) + int(not 0.0 < p < np.inf)
    for t in range(1, y.size):
        step, value, r = steps[t * per_step], y[t], noise[t * per_noise]
        wrong += int(not 0.0 <= step < np.inf) + int(not 0.0 < r < np.inf)
        p += level_variance * step
        if value == value:
            wrong += int(abs(value) == np.inf)
            surprise = value - x
            f = p + r
            inverse = 1.0 / f
            x += p * inverse * surprise
            p = r * p / f  # not r * gain: the next step waits for one division and no more
            squares += surprise * surprise * inverse
            product *= f
            seen += 1
            if not 1e-200 < product < 1e200 or seen % 32 == 0:
                logs += np.log(product)
                product = 1.0
        mean[t], variance[t] = x, p
    return -0.5 * (squares + logs + np.log(product) + seen * LOG_TWO_PI), wrong


@njit(cache=True, nogil=True, error_model="numpy")
def _profile(
    y: np.ndarray, steps: np.ndarray, weights: np.ndarray, ratios: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """Sum of squared scaled innovations and log-determinant for each ratio Q/R, in one pass."""
    lanes = ratios.size
    per_step, per_weight = int(steps.size > 1), int(weights.size > 1)
    x, p = np.full(lanes, y[0]), np.full(lanes, weights[0])
    squares, logs, product = np.zeros(lanes), np.zeros(lanes), np.ones(lanes)
    seen = 0
    for t in range(1, y.size):
        step, value, weight = steps[t * per_step], y[t], weights[t * per_weight]
        if value != value:
            for k in range(lanes):
                p[k] += ratios[k] * step
            continue
        for k in range(lanes):
            prior = p[k] + ratios[k] * step
            f = prior + weight
            inverse = 1.0 / f
            surprise = value - x[k]
            gain = prior * inverse
            x[k] += gain * surprise
            p[k] = weight * gain
            squares[k] += surprise * surprise * inverse
            product[k] *= f
        seen += 1
        if seen % LOG_EVERY == 0:
            for k in range(lanes):
                logs[k] += np.log(product[k])
                product[k] = 1.0
    for k in range(lanes):
        logs[k] += np.log(product[k])
    return squares, logs, seen


@njit(cache=True, nogil=True, error_model="numpy")
def _smooth(
    mean: np.ndarray, variance: np.ndarray, steps: np.ndarray, level_variance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rauch-Tung-Striebel recursion, backward."""
    level, spread = mean.copy(), variance.copy()
    for t in range(mean.size - 2, -1, -1):
        prior = variance[t] + level_variance * steps[t + 1]
        if prior > 0.0:
            weight = variance[t] / prior
            level[t] = mean[t] + weight * (level[t + 1] - mean[t])
            spread[t] = variance[t] + weight * weight * (spread[t + 1] - prior)
    return level, spread


@njit(cache=True, nogil=True)
def _all_within(values: np.ndarray, first: int, low: float, nan_allowed: bool) -> bool:
    """Whether every value from `first` on is finite and at least `low` (or NaN where allowed)."""
    for t in range(first, values.size):
        value = values[t]
        if not (low <= value < np.inf) and not (nan_allowed and value != value):
            return False
    return True


def _vectors(
    y: np.ndarray, time_steps: np.ndarray | float, noise: np.ndarray | float, name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors (of one element for a constant), or a ValueError that names the wrong shape."""
    y = np.ascontiguousarray(y, dtype=np.float64)
    if y.ndim != 1 or y.size == 0:
        raise ValueError(f"y must be a non-empty vector, got shape {y.shape}")
    steps = np.atleast_1d(np.ascontiguousarray(time_steps, dtype=np.float64))
    noises = np.atleast_1d(np.ascontiguousarray(noise, dtype=np.float64))
    for label, values in (("time_steps", steps), (name, noises)):
        if values.shape not in ((1,), y.shape):
            raise ValueError(f"{label} must be a number or of shape {y.shape}, got {values.shape}")
    return y, steps, noises


def _require_ranges(y: np.ndarray, steps: np.ndarray, noises: np.ndarray, name: str) -> None:
    """A ValueError that names what is out of its range."""
    if not np.isfinite(y[0]) or not _all_within(y, 1, -1.7e308, True):
        raise ValueError("y must start with a finite value and hold finite values or NaN")
    if not _all_within(steps, int(steps.size > 1), 0.0, False):
        raise ValueError("time_steps must be finite and at least 0 (sort the observations)")
    if not _all_within(noises, 0, 5e-324, False):
        raise ValueError(f"{name} must be finite and above 0")


def filter_local_level(
    y: np.ndarray,
    level_variance: float = SEED_LEVEL_VARIANCE,
    noise_variance: float | np.ndarray = SEED_NOISE_VARIANCE,
    time_steps: float | np.ndarray = 1.0,
) -> LocalLevelFilter:
    """Filter a random walk seen through noise, starting at the first observation.

    Parameters
    ----------
    y : (T,) float64
        Observations in time order; NaN where missing (not the first).
    level_variance : float
        Q, variance of the level's increment per unit of time, >= 0.
    noise_variance : float or (T,) float64
        R, variance of each observation's noise, > 0.
    time_steps : float or (T,) float64
        Time since the observation before, >= 0; the first is not used. 1 counts in trades.

    Returns
    -------
    LocalLevelFilter

    Raises
    ------
    ValueError
        An argument is empty, not finite, negative or of another length than y.

    Notes
    -----
    p_t = p_{t-1} + w_t, w ~ N(0, Q dt);  y_t = p_t + v_t, v ~ N(0, R_t).
    Start: mean y_0, variance R_0, which is the limit of a diffuse prior after y_0.
    Two observations at one instant (dt = 0) are two looks at one level.

    References
    ----------
    .. [1] Durbin, Koopman (2012), Time Series Analysis by State Space Methods, 2nd ed., ch. 2.
    """
    y, steps, noise = _vectors(y, time_steps, noise_variance, "noise_variance")
    if not np.isfinite(level_variance) or level_variance < 0:
        raise ValueError(f"level_variance must be finite and at least 0, got {level_variance}")
    mean, variance = np.empty(y.size), np.empty(y.size)
    likelihood, wrong = _filter(y, steps, level_variance, noise, mean, variance)
    if wrong or y.size == 1:
        _require_ranges(y, steps, noise, "noise_variance")
    return LocalLevelFilter(mean, variance, likelihood, y, steps, noise, level_variance)


def smooth_local_level(
    filtered: LocalLevelFilter, level_variance: float, time_steps: float | np.ndarray = 1.0
) -> SmoothedLevel:
    """Level given all observations (uses the future; the filter does not).

    Parameters
    ----------
    filtered : LocalLevelFilter
        Of T observations.
    level_variance, time_steps
        As given to `filter_local_level`.

    Returns
    -------
    SmoothedLevel

    References
    ----------
    .. [1] Rauch, Tung, Striebel (1965), AIAA Journal 3(8).
    """
    steps = np.ascontiguousarray(
        np.broadcast_to(np.asarray(time_steps, dtype=np.float64), filtered.mean.shape)
    )
    return SmoothedLevel(*_smooth(filtered.mean, filtered.variance, steps, level_variance))


def fit_local_level(
    y: np.ndarray,
    time_steps: float | np.ndarray = 1.0,
    noise_weights: float | np.ndarray = 1.0,
) -> LocalLevelFit:
    """Maximum likelihood of Q and R, R concentrated out.

    Parameters
    ----------
    y : (T,) float64
        Observations in time order; NaN where missing (not the first).
    time_steps : float or (T,) float64
        Time since the observation before, >= 0.
    noise_weights : float or (T,) float64
        Relative noise variances: observation t has noise variance R * weight_t.

    Returns
    -------
    LocalLevelFit
        status 'ok'; 'no_level_noise' (Q = 0 is the maximum); 'no_observation_noise' (R = 0 is,
        to the search's limit); 'too_few' (under 10 observations); 'constant' (no variation).

    Raises
    ------
    ValueError
        As `filter_local_level`.

    Notes
    -----
    With q = Q/R the likelihood is maximal in R at R(q) = sum(nu^2/f)/n, leaving one dimension,
    ln q, searched from end to end (the profile can have two maxima) with 8 ratios per pass over
    the data; in the last bracket, 0.25 wide, a polynomial through the 8 values gives the maximum
    and the observed information in (ln q, ln R), hence the standard errors.
    """
    y, steps, weights = _vectors(y, time_steps, noise_weights, "noise_weights")
    _require_ranges(y, steps, weights, "noise_weights")
    seen = int(np.isfinite(y[1:]).sum())
    moving = steps[1:][steps[1:] > 0] if steps.size > 1 else steps[steps > 0]
    if seen + 1 < FEWEST_FOR_FIT or moving.size == 0:
        return _without_fit("too_few")
    if np.nanmax(y) == np.nanmin(y):
        return _without_fit("constant")
    typical = float(np.log(np.median(weights) / np.median(moving)))
    low, high = typical + np.array([-1.0, 1.0]) * RATIO_DECADES * np.log(10.0)
    for _ in range(PASSES):
        grid = np.linspace(low, high, LANES)
        squares, logs, _ = _profile(y, steps, weights, np.exp(grid))
        best = int(np.argmin(seen * np.log(squares) + logs))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, LANES - 1)]
    status = "ok"
    if abs(grid[best] - typical) > (RATIO_DECADES - 0.5) * np.log(10.0):
        status = "no_level_noise" if grid[best] < typical else "no_observation_noise"
    return _at_maximum(grid, squares, logs, seen, status)


def _without_fit(status: str) -> LocalLevelFit:
    nan = float("nan")
    return LocalLevelFit(nan, nan, nan, nan, nan, status)


def _at_maximum(
    grid: np.ndarray, squares: np.ndarray, logs: np.ndarray, seen: int, status: str
) -> LocalLevelFit:
    """Variances, likelihood and standard errors from the last pass over the ratios."""
    square, log = (Polynomial.fit(grid, values, 5) for values in (squares, logs))
    ratio = float(grid[np.argmin(seen * np.log(squares) + logs)])
    for _ in range(4):  # Newton on the profile's derivative; the bracket is 0.25 wide
        relative = square.deriv()(ratio) / square(ratio)
        slope = seen * relative + log.deriv()(ratio)
        bend = seen * (square.deriv(2)(ratio) / square(ratio) - relative**2) + log.deriv(2)(ratio)
        ratio = float(np.clip(ratio - slope / bend, grid[0], grid[-1])) if bend > 0 else ratio
    noise = float(square(ratio)) / seen
    likelihood = -0.5 * float(seen * (np.log(noise) + 1.0 + LOG_TWO_PI) + log(ratio))
    level = noise * float(np.exp(ratio))
    if status == "no_level_noise":
        return LocalLevelFit(0.0, noise, likelihood, np.nan, np.nan, status)
    if status == "no_observation_noise":
        return LocalLevelFit(level, 0.0, likelihood, np.nan, np.nan, status)
    cross = -square.deriv()(ratio) / noise
    information = 0.5 * np.array(
        [[square.deriv(2)(ratio) / noise + log.deriv(2)(ratio), cross], [cross, seen]]
    )
    covariance = np.linalg.inv(information)
    level_sd, noise_sd = np.sqrt([covariance.sum(), covariance[1, 1]])
    return LocalLevelFit(level, noise, likelihood, float(level_sd), float(noise_sd), status)
