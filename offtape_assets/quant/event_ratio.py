"""ln of the ratio of the conditional means, yes over no, from a day's prices and readings of p.

Efficient where the probability is noisy and where its noise is not well known: prices and readings
are used jointly (`event_likelihood`). Slopes of anything on p by plain regression: `event_regression`.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from offtape_assets.quant.demixing_probability import SmoothedProbability
from offtape_assets.quant.event_likelihood import Posterior, PriceAndReadings, innovations, weigh
from offtape_assets.quant.event_regression import FEWEST_CHANGES, long_run_variance, without
from offtape_assets.quant.kalman import filter_local_level, smooth_local_level

Array = NDArray[np.float64]
LARGEST_BEND = 1.0  # of ln R, beyond which it is noise over hardly any movement of p
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
PATHS = 32  # draws, evenly spaced in posterior probability, of the smoothed path
STEP = 0.1  # of log variances, for numerical derivatives of the likelihood


class EventRatio(NamedTuple):
    """ln R and the probability on the price's clock; NaN and as given unless status is 'ok'.

    sd : standard error: the larger of the posterior's and of one robust to changing volatility and
    serial correlation. r_squared : share of the price's variance that p explains. lag : minutes the
    price is behind, posterior mean. event : paths given prices and readings.
    """

    value: float
    sd: float
    r_squared: float
    lag: float
    event: SmoothedProbability
    status: str

    @property
    def likelihood_ratio(self) -> float:
        """(value / sd)^2: twice the log-likelihood gained over no gap of the means."""
        return (self.value / self.sd) ** 2

    def half_band(self, level: float = 0.90) -> float:
        """Half the width of the normal band."""
        return float(scipy.stats.norm.ppf(0.5 + level / 2)) * self.sd


def fit_event_ratio(
    log_price: Array, event: SmoothedProbability, factors: Array | None = None
) -> EventRatio:
    """Ratio of the conditional means by the joint likelihood of prices and readings.

    Parameters
    ----------
    log_price : (M,)
        At each minute of the event's clock; NaN where unknown.
    event : SmoothedProbability
        Of the same M minutes; its readings and their noise are used, its path is not.
    factors : (M, K), optional
        Log levels of what else moves the price and does NOT itself move with the event (a hedge
        that does takes the event's effect out with it). NaN where unknown.

    Returns
    -------
    EventRatio
        status 'ok', 'too_few', or the event's status.

    Raises
    ------
    ValueError
        Where lengths differ.

    Notes
    -----
    F = M (p R + 1 - p), so ln F = ln R b(p) + what does not depend on p, with
    b = ln(p R + 1 - p)/ln R, nearly p. Readings are bent by b at a first ln R. With kappa and q' of
    `event_likelihood.weigh` and V the variance of the price, ln R = kappa V/(q' + kappa^2 V). Its
    mean over the grid, Gauss-Hermite in kappa. The robust error is the long-run variance [1]_ of the
    influence of each minute on ln R through kappa, V, q' and the noise factor.

    References
    ----------
    .. [1] Lazarus, Lewis, Stock, Watson (2018), "HAR inference: recommendations for practice",
       Journal of Business and Economic Statistics 36(4), 541-559.
    """
    price = np.asarray(log_price, dtype=np.float64)
    if price.shape != event.mean.shape:
        raise ValueError(f"log_price has shape {price.shape}, the event {event.mean.shape}")
    levels = np.empty((price.size, 0)) if factors is None else np.asarray(factors, np.float64)
    if levels.ndim != 2 or levels.shape[0] != price.size:
        raise ValueError(f"factors must be ({price.size}, K), got {levels.shape}")
    known = np.isfinite(price) & np.isfinite(levels).all(axis=1)
    if event.status != "ok" or known.sum() < FEWEST_CHANGES + levels.shape[1]:
        status = event.status if event.status != "ok" else "too_few"
        return EventRatio(np.nan, np.nan, np.nan, 0.0, event, status)
    flat = _price_alone(price, levels, known)
    first = int(np.argmax(np.isfinite(event.readings)))
    bend = 0.0
    for _ in range(2):
        data = _joined(flat, event, known, bend, first)
        posterior = weigh(data)
        value, variance, explained = _moments(posterior, data)
        used, bend = bend, float(np.clip(value, -LARGEST_BEND, LARGEST_BEND))
    robust = _robust_variance(posterior, data)
    sd = float(np.sqrt(max(variance, robust)))
    lag = float(posterior.weight.sum(axis=(0, 1)) @ posterior.lag)
    found = _smoothed(posterior, data, event, used, first)
    return EventRatio(value, sd, explained, lag, found, "ok")


def bent_probability(probability: Array, log_ratio: float) -> Array:
    """ln(p R + 1 - p) / ln R, the log forward's dependence on p per unit of ln R; any shape."""
    if abs(log_ratio) < 1e-6:
        return np.asarray(probability, dtype=np.float64)
    return np.log1p(np.asarray(probability) * np.expm1(log_ratio)) / log_ratio


def _unbent(bent: Array, log_ratio: float) -> tuple[Array, Array]:
    """Probability of a bent one, and its derivative."""
    if abs(log_ratio) < 1e-6:
        return bent, np.ones_like(bent)
    grown = np.exp(log_ratio * bent)
    return (grown - 1.0) / np.expm1(log_ratio), log_ratio * grown / np.expm1(log_ratio)


def _price_alone(price: Array, levels: Array, known: NDArray[np.bool_]) -> Array:
    """Log price with gaps bridged by straight lines and the factors' moves projected out."""
    clock = np.arange(price.size)
    filled = [np.interp(clock, clock[known], own[known]) for own in (price, *levels.T)]
    changes, others = np.diff(filled[0]), np.diff(np.array(filled[1:]).reshape(-1, price.size)).T
    changes, _ = without(others, changes, np.empty((0, changes.size)))
    return np.r_[0.0, np.cumsum(changes)]


def _joined(
    flat: Array, event: SmoothedProbability, known: NDArray[np.bool_], bend: float, first: int
) -> PriceAndReadings:
    """Readings bent by a log ratio, from the first one on, with the price."""
    at = np.flatnonzero(known)
    variance = float(np.sum(np.diff(flat[at]) ** 2)) / float(at[-1] - at[0])
    _, back = _unbent(bent_probability(event.mean, bend), bend)
    return PriceAndReadings(
        bent_probability(event.readings, bend)[first:],
        (event.noise / back**2)[first:],
        flat[first:],
        variance,
        event.noise_log_sd,
    )


def _moments(posterior: Posterior, data: PriceAndReadings) -> tuple[float, float, float]:
    """Mean and variance of ln R, and the price's share of variance that p explains."""
    weight = posterior.weight[..., None] * (NODE_WEIGHTS / NODE_WEIGHTS.sum())
    kappa = posterior.slope[..., None] + np.sqrt(posterior.slope_variance)[..., None] * NODES
    explained = kappa**2 * data.variance
    total = posterior.level[:, None, None, None] + explained
    ratio = kappa * data.variance / total
    value = float((weight * ratio).sum())
    share = float((weight * explained / total).sum())
    sampled = (value * (1.0 - share)) ** 2 * 2.0 / (data.log_price.size - 1)  # of the variance
    return value, float((weight * (ratio - value) ** 2).sum()) + sampled, share


def _robust_variance(posterior: Posterior, data: PriceAndReadings) -> float:
    """Long-run variance of each minute's influence on ln R, and the lag's part; 0 if none."""
    a, b, j = posterior.mode
    kappa, level = posterior.slope[a, b, j], posterior.level[a]
    price = data.at_lags(posterior.lag[j : j + 1])[:, 0]
    noise = data.noise * posterior.factor[b]

    def terms(of_level: float, of_noise: float) -> Array:
        own = noise * np.exp(of_noise) + posterior.bridge[j]
        left, right, total = innovations(data.reading, own, price, level * np.exp(of_level))
        return -0.5 * (np.log(total) + (left - kappa * right) ** 2 / total)

    left, right, total = innovations(data.reading, noise + posterior.bridge[j], price, level)
    explained = kappa**2 * data.variance
    whole = level + explained
    by_kappa = data.variance * (level - explained) / whole**2
    by_variance = kappa * level / whole**2
    by_level = -kappa * data.variance * level / whole**2
    influence = by_kappa * right * (left - kappa * right) / total / (right**2 / total).sum()
    squares = np.r_[0.0, np.diff(data.log_price) ** 2 - data.variance]
    influence += by_variance * squares / (squares.size - 1)
    score, curvature, prior = _nuisance(terms, data.noise_log_sd)
    if not (np.linalg.eigvalsh(curvature) > 0.0).all():
        return 0.0
    weights = np.linalg.solve(curvature, np.r_[by_level, np.zeros(len(score) - 1)])
    influence += weights @ score
    own = _lag_variance(posterior, data) + float(weights[-1] ** 2 * prior)
    return long_run_variance(influence) + own


def _nuisance(terms, noise_log_sd: float) -> tuple[Array, Array, float]:  # type: ignore[no-untyped-def]
    """Scores (P, M) and information (P, P) of the log level and, if unknown, the log noise.

    Also the noise's prior precision, which is the variance of its prior's score.
    """
    centre, up, down = terms(0.0, 0.0), terms(STEP, 0.0), terms(-STEP, 0.0)
    score = [(up - down) / (2 * STEP)]
    by_level = -float((up + down - 2 * centre).sum()) / STEP**2
    if noise_log_sd == 0.0:
        return np.array(score), np.array([[by_level]]), 0.0
    prior = 1.0 / (2.0 * noise_log_sd) ** 2
    high, low = terms(0.0, STEP), terms(0.0, -STEP)
    score.append((high - low) / (2 * STEP))
    by_noise = -float((high + low - 2 * centre).sum()) / STEP**2 + prior
    corners = terms(STEP, STEP) + terms(-STEP, -STEP) - terms(STEP, -STEP) - terms(-STEP, STEP)
    both = -float(corners.sum()) / (4 * STEP**2)
    return np.array(score), np.array([[by_level, both], [both, by_noise]]), prior


def _lag_variance(posterior: Posterior, data: PriceAndReadings) -> float:
    """Variance of ln R between lags."""
    explained = posterior.slope**2 * data.variance
    ratio = posterior.slope * data.variance / (posterior.level[:, None, None] + explained)
    weight = posterior.weight.sum(axis=(0, 1))
    by_lag = (posterior.weight * ratio).sum(axis=(0, 1)) / np.maximum(weight, 1e-300)
    return float(weight @ (by_lag - weight @ by_lag) ** 2)


def _smoothed(
    posterior: Posterior,
    data: PriceAndReadings,
    event: SmoothedProbability,
    bend: float,
    first: int,
) -> SmoothedProbability:
    """Paths of p on the price's clock given prices and readings, at cells drawn by weight."""
    at = np.searchsorted(np.cumsum(posterior.weight), (np.arange(PATHS) + 0.5) / PATHS)
    cells, count = np.unique(np.minimum(at, posterior.weight.size - 1), return_counts=True)
    weights = count / PATHS
    clock = np.arange(data.log_price.size, dtype=np.float64)
    paths, variances = np.empty((2, cells.size, event.mean.size))
    for row, cell in enumerate(cells):
        a, b, j = (int(at) for at in np.unravel_index(cell, posterior.weight.shape))
        lag, kappa = posterior.lag[j], posterior.slope[a, b, j]
        rest = data.reading - kappa * data.at_lags(np.array([lag]))[:, 0]
        noise = data.noise * posterior.factor[b] + posterior.bridge[j]
        filtered = filter_local_level(rest, float(posterior.level[a]), noise)
        smooth = smooth_local_level(filtered, float(posterior.level[a]))
        level = np.interp(clock - lag, clock, smooth.mean) + kappa * data.log_price
        path, back = _unbent(level, bend)
        spread = smooth.variance * back**2
        paths[row] = np.r_[np.full(first, path[0]), path]
        variances[row] = np.r_[np.full(first, spread[0]), spread]
    mean = weights @ paths
    sd = np.sqrt(weights @ (variances + (paths - mean) ** 2))
    return replace(event, mean=np.clip(mean, 0.0, 1.0), sd=sd, paths=paths, weights=weights)
