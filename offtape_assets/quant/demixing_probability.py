"""A day's noisy readings of an event probability as a smoothed path whose error is carried along.

The path uses the whole day, so it describes and never predicts. Regressions on it live in
`event_regression`; causal filters of single trades in `kalman_event`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offtape_assets.quant.kalman import filter_local_level, smooth_local_level

Array = NDArray[np.float64]
RATIOS = np.geomspace(3e-4, 1e3, 40)  # level variance per minute over the noise variance
FACTORS = np.linspace(-2.0, 2.0, 15)  # sds of an uncertain noise
FEWEST_READINGS = 30
UNKNOWN_NOISE = 1.0  # log sd of a noise that only the readings tell
LEAST_WEIGHT = 0.01  # of a ratio's likelihood; less likely ones are left out


@dataclass(frozen=True)
class SmoothedProbability:
    """The probability at every minute given all readings of the day.

    Attributes
    ----------
    mean, sd : (M,)
        Averaged over what the readings leave open about how fast the probability moves.
    paths : (C, M)
        The smoothed path under each likely speed.
    weights : (C,)
        Likelihood of each, summing to 1.
    likelihood_ratio : float
        Twice the log-likelihood gained by a moving over a constant probability.
    spread : float
        Range of `mean`.
    readings, noise : (M,)
        What was smoothed, and the variance of each reading's noise.
    noise_log_sd : float
        How well that is known: sd of the log of one factor on all noise sds.
    status : str
        'ok', 'too_few' or 'constant' (readings that never differ).
    """

    mean: Array
    sd: Array
    paths: Array
    weights: Array
    likelihood_ratio: float
    spread: float
    readings: Array
    noise: Array
    noise_log_sd: float
    status: str


def smooth_probability(
    readings: Array, noise_sd: Array | float | None = None, noise_log_sd: float = 0.0
) -> SmoothedProbability:
    """Smooth one day's readings by a local level of unknown speed.

    Parameters
    ----------
    readings : (M,)
        Probability read in each minute; NaN where there was no trade.
    noise_sd : float or (M,), optional
        Standard deviation of each reading's noise, > 0, as trades within a minute tell it. None: one
        unknown value, estimated too; where p moves by more than its noise every minute the readings
        alone hardly tell the two apart, and slopes on p lose precision.
    noise_log_sd : float
        How well `noise_sd` is known: standard deviation of the log of one factor on all of them. A
        noise wrongly held for certain biases slopes on p, by a tenth or more for an error of 25 %.

    Returns
    -------
    SmoothedProbability

    Raises
    ------
    ValueError
        Where `readings` is not a vector of probabilities or NaN, or a noise_sd is not positive.

    Notes
    -----
    p_m = p_{m-1} + w, y_m = p_m + v. The likelihood is evaluated on a grid of Var(w)/Var(v) (an
    unknown noise variance concentrated out) and the smoothed paths are averaged by it. A smoothed
    path is E[p | y], so its error is uncorrelated with it (Berkson): a regression on it is not
    attenuated, one on raw readings is [1]_.

    References
    ----------
    .. [1] Carroll, Ruppert, Stefanski, Crainiceanu (2006), Measurement Error in Nonlinear Models,
       2nd ed., ch. 1.4 and 3.
    """
    y = np.asarray(readings, dtype=np.float64)
    seen = np.isfinite(y)
    if y.ndim != 1 or (y[seen] < 0).any() or (y[seen] > 1).any():
        raise ValueError("readings must be a vector of probabilities in [0, 1] or NaN")
    if seen.sum() < FEWEST_READINGS:
        return _unknown(y, "too_few")
    if np.ptp(y[seen]) == 0.0:
        return _unknown(y, "constant")
    first = int(np.argmax(seen))
    noise, unit = _noise(noise_sd, seen, first)
    y, is_known = y[first:], noise_sd is not None
    factors = FACTORS * noise_log_sd if is_known and noise_log_sd > 0.0 else np.zeros(1)
    levels = [
        (ratio * unit, noise * np.exp(2.0 * factor)) for factor in factors for ratio in RATIOS
    ]
    fits = [_fit(y, *level, is_known) for level in levels]
    prior = -0.5 * (factors / max(noise_log_sd, 1e-9)) ** 2
    likelihoods = np.array([fit[0] for fit in fits]) + np.repeat(prior, RATIOS.size)
    chance = np.exp(likelihoods - likelihoods.max())
    kept = np.flatnonzero(chance / chance.sum() >= LEAST_WEIGHT)
    chance = chance[kept] / chance[kept].sum()
    smoothed = [_smooth(y, *levels[k], fits[k][1]) for k in kept]
    paths = np.array([np.r_[np.full(first, path[0]), path] for path, _ in smoothed])
    variances = np.array([np.r_[np.full(first, var[0]), var] for _, var in smoothed])
    mean = chance @ paths
    sd = np.sqrt(chance @ (variances + (paths - mean) ** 2))
    gained = 2.0 * float(likelihoods.max() - _fit(y, 0.0, noise, is_known)[0])
    mean = np.clip(mean, 0.0, 1.0)
    scale = fits[int(likelihoods.argmax())][1]
    return SmoothedProbability(
        mean,
        sd,
        paths,
        chance,
        max(gained, 0.0),
        float(np.ptp(mean)),
        np.asarray(readings, dtype=np.float64),
        np.r_[np.full(first, noise[0]), noise] * scale,
        noise_log_sd if is_known else UNKNOWN_NOISE,
        "ok",
    )


def _noise(
    noise_sd: Array | float | None, seen: NDArray[np.bool_], first: int
) -> tuple[Array, float]:
    """Noise variances from the first reading on, and the unit of the level's variance."""
    if noise_sd is None:
        return np.ones(seen.size - first), 1.0
    variance = np.broadcast_to(np.asarray(noise_sd, dtype=np.float64), seen.shape) ** 2
    if not (variance[seen] > 0.0).all():
        raise ValueError("noise_sd must be positive at every reading")
    unit = float(np.median(variance[seen]))
    return np.ascontiguousarray(np.where(seen, variance, unit)[first:]), unit


def _fit(y: Array, level: float, noise: Array, is_known: bool) -> tuple[float, float]:
    """Log-likelihood and the scale of both variances: 1, or the concentrated one."""
    found = filter_local_level(y, level, noise)
    if is_known:
        return found.log_likelihood, 1.0
    used = np.isfinite(found.innovation)
    square = found.innovation[used] ** 2 / found.innovation_variance[used]
    scale = float(square.mean())
    logs = float(np.log(found.innovation_variance[used]).sum())
    return -0.5 * (square.size * np.log(scale) + logs), scale


def _smooth(y: Array, level: float, noise: Array, scale: float) -> tuple[Array, Array]:
    found = smooth_local_level(filter_local_level(y, level, noise), level)
    return found.mean, found.variance * scale


def _unknown(readings: Array, status: str) -> SmoothedProbability:
    nothing = np.full(readings.size, np.nan)
    paths = np.empty((0, readings.size))
    return SmoothedProbability(
        nothing, nothing, paths, np.empty(0), 0.0, np.nan, readings, nothing, 0.0, status
    )
