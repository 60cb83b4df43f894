"""How much a series moves with an event's probability: slope, standard error, R2.

Works on changes, so that only co-movement within the day counts. What the slope means for the
conditional laws of a price is `demixing_panel`.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from offtape_assets.quant.demixing_probability import SmoothedProbability

Array = NDArray[np.float64]
FEWEST_CHANGES = 20
LAGS = np.r_[-3.0, np.arange(-2.0, 2.01, 0.25), 3.0, 5.0]  # minutes the price is behind p
LAG_PRIOR = 1.0  # minutes; the prior weight of a lag falls by e over each
LEAST_WEIGHT = 0.01  # of a speed and lag together


class EventSlope(NamedTuple):
    """Change of the series per unit of probability; NaN unless status is 'ok'."""

    slope: float
    sd: float
    """Standard error, serial correlation and the unknown speed of p included."""
    degrees_of_freedom: int
    r_squared: float
    """Share of the variance of the changes, factors taken out."""
    n_changes: int
    status: str

    @property
    def likelihood_ratio(self) -> float:
        """(slope / sd)^2: twice the log-likelihood gained over no slope."""
        return (self.slope / self.sd) ** 2

    def half_band(self, level: float = 0.90) -> float:
        """Half the width of the band around the slope, by Student's t."""
        return float(scipy.stats.t.ppf(0.5 + level / 2, self.degrees_of_freedom)) * self.sd


def event_slope(
    series: Array, event: SmoothedProbability, factors: Array | None = None, step: int = 1
) -> EventSlope:
    """Regress changes of a series on changes of the smoothed probability.

    Parameters
    ----------
    series : (M,)
        Level at each minute of the event's clock (a log price, a volatility); NaN where unknown.
    event : SmoothedProbability
        Of the same M minutes.
    factors : (M, K), optional
        Levels of what else moves the series and does NOT itself move with the event (a hedge that
        does takes the event's effect out with it). NaN where unknown.
    step : int
        Minutes per change.

    Returns
    -------
    EventSlope
        status 'ok', 'too_few', or the event's status.

    Raises
    ------
    ValueError
        Where lengths differ or `step` is not positive.

    Notes
    -----
    No intercept: prices and probabilities are martingales at this horizon. Long-run variance of the
    score by equally weighted cosine transforms, nu = .4 T^(2/3) of them and Student's t with nu
    degrees of freedom [1]_; never below the variance under white residuals. Averaged over the
    likely speeds of p, their disagreement added.

    References
    ----------
    .. [1] Lazarus, Lewis, Stock, Watson (2018), "HAR inference: recommendations for practice",
       Journal of Business and Economic Statistics 36(4), 541-559.
    """
    y = np.asarray(series, dtype=np.float64)
    if y.shape != event.mean.shape:
        raise ValueError(f"series has shape {y.shape}, the event {event.mean.shape}")
    if step < 1:
        raise ValueError(f"step is {step}; it must be at least 1 minute")
    levels = np.empty((y.size, 0)) if factors is None else np.asarray(factors, dtype=np.float64)
    if levels.ndim != 2 or levels.shape[0] != y.size:
        raise ValueError(f"factors must be ({y.size}, K), got {levels.shape}")
    if event.status != "ok":
        return _failed(event.status)
    changes, others = np.diff(y[::step]), np.diff(levels[::step], axis=0)
    used = np.isfinite(changes) & np.isfinite(others).all(axis=1)
    count = int(used.sum())
    if count < FEWEST_CHANGES + others.shape[1]:
        return _failed("too_few")
    moves = np.diff(event.paths[:, ::step], axis=1)[:, used]
    changes, moves = without(others[used], changes[used], moves)
    terms = cosine_terms(count)
    found = np.array([_one_slope(changes, move, terms) for move in moves])
    slope = float(event.weights @ found[:, 0])
    variance = float(event.weights @ (found[:, 1] + (found[:, 0] - slope) ** 2))
    explained = float(event.weights @ found[:, 2])
    return EventSlope(slope, variance**0.5, terms, explained, count, "ok")


def align_event(
    log_price: Array, event: SmoothedProbability, factors: Array | None = None
) -> tuple[SmoothedProbability, float]:
    """The event on the price's clock: its paths under every likely lag between the two.

    Parameters
    ----------
    log_price, event, factors
        As `event_slope`, in logs.

    Returns
    -------
    SmoothedProbability, float
        Paths and weights over speeds and lags, what the lag leaves open in `sd`; the mean lag in
        minutes, positive where the price is behind. As given, and lag 0, where nothing can be told.

    Raises
    ------
    ValueError
        As `event_slope`.

    Notes
    -----
    A slope at the wrong lag is attenuated: by about the lag over the smoothed path's memory. The
    Gaussian likelihood of the price's changes at each lag, times a prior e^-|lag|, weighs the lags.
    """
    y = np.asarray(log_price, dtype=np.float64)
    if event.status != "ok" or event_slope(y, event, factors).status != "ok":
        return event, 0.0
    clock = np.arange(y.size, dtype=np.float64)
    paths = np.array(
        [[np.interp(clock - lag, clock, path) for lag in LAGS] for path in event.paths]
    )
    levels = np.empty((y.size, 0)) if factors is None else factors
    changes, others = np.diff(y), np.diff(levels, axis=0)
    used = np.isfinite(changes) & np.isfinite(others).all(axis=1)
    moves = np.diff(paths, axis=2)[:, :, used].reshape(-1, int(used.sum()))
    changes, moves = without(others[used], changes[used], moves)
    explained = (moves @ changes) ** 2 / np.einsum("ij,ij->i", moves, moves)
    likelihood = -0.5 * changes.size * np.log(changes @ changes - explained)
    likelihood = likelihood.reshape(event.weights.size, LAGS.size) - np.abs(LAGS) / LAG_PRIOR
    chance = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    chance *= (event.weights / chance.sum(axis=1))[:, None]
    kept = chance.ravel() >= LEAST_WEIGHT * chance.max()
    weights = chance.ravel()[kept] / chance.ravel()[kept].sum()
    shifted = paths.reshape(-1, y.size)[kept]
    mean = weights @ shifted
    lag = float(weights @ np.tile(LAGS, event.weights.size)[kept])
    sd = np.hypot(event.sd, np.sqrt(weights @ (shifted - mean) ** 2))
    aligned = replace(event, mean=np.clip(mean, 0, 1), sd=sd, paths=shifted, weights=weights)
    return aligned, lag


def without(others: Array, changes: Array, moves: Array) -> tuple[Array, Array]:
    """Changes (T,) and moves (C, T) with the factors' changes (T, K) projected out."""
    if others.shape[1] == 0:
        return changes, moves
    basis, _ = np.linalg.qr(others)
    return changes - basis @ (basis.T @ changes), moves - (moves @ basis) @ basis.T


def cosine_terms(count: int) -> int:
    """Number of cosine transforms for `count` changes: .4 T^(2/3) [1]_ of `event_slope`."""
    return max(int(0.4 * count ** (2 / 3)), 1)


def long_run_variance(terms: Array, cosines: int | None = None) -> float:
    """Variance of the sum of serially correlated terms (T,) by equally weighted cosines."""
    count = terms.size
    at = (np.arange(count) + 0.5) / count
    order = np.arange(1, (cosines or cosine_terms(count)) + 1)
    return 2.0 * float(np.mean((np.cos(np.pi * np.outer(order, at)) @ terms) ** 2))


def _one_slope(changes: Array, move: Array, terms: int) -> tuple[float, float, float]:
    """Slope, its variance and R2 at one speed of p."""
    square = float(move @ move)
    slope = float(move @ changes) / square
    residual = changes - slope * move
    robust = long_run_variance(move * residual, terms) / square**2
    white = float(residual @ residual) / (changes.size - 1) / square
    total = float(changes @ changes)
    return slope, max(robust, white), slope**2 * square / total if total > 0 else np.nan


def _failed(status: str) -> EventSlope:
    return EventSlope(np.nan, np.nan, 1, np.nan, 0, status)
