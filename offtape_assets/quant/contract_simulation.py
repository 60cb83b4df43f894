"""Interval probabilities of a terminal price by simulation, with their standard errors.

One set of paths prices every interval of an expiry. Antithetic pairs, the last step (or, for jumps,
the whole diffusion) integrated instead of drawn, and control variates of known mean; the exact
counterparts are in contract_transform and merton.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import ndtr

from offtape_assets.quant.contract_paths import riskmetrics_walk
from offtape_assets.quant.contract_transform import check_steps
from offtape_assets.quant.merton import check_intervals, merton_moments, normal_interval

PATHS = 50_000
_CELLS, _CELLS_PER_SD = 4096 * 2, 1024
_NORMAL_TAIL = ndtr(-np.arange(-_CELLS, _CELLS + 2) / _CELLS_PER_SD)
"""Normal tail on +-8 standard deviations; linear between its cells to 3e-8."""
_PRIOR_PAIRS = 10.0
_FEW, _LEAST = 10.0, 0.1


class IntervalProbabilities(NamedTuple):
    """probability and standard_error, both (contracts,)."""

    probability: NDArray[np.float64]
    standard_error: NDArray[np.float64]


def simulate_riskmetrics_intervals(
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    spot: float,
    variance: float,
    decay: float,
    drift: float,
    steps: int,
    rng: np.random.Generator,
    paths: int = PATHS,
) -> IntervalProbabilities:
    """Chance that the price ends in [low, high), variance updated by RiskMetrics on each path.

    Parameters
    ----------
    low, high : (contracts,) price bounds; 0 and inf where there is none.
    spot : price now. variance : of the next step's log return. decay : lambda in (0, 1].
    drift : of the price, per step. steps : hours left. paths : an even number, at least 4.

    Returns
    -------
    IntervalProbabilities; where the intervals tile the line the probabilities sum to 1.

    Raises
    ------
    ValueError : an argument out of range.

    Notes
    -----
    The model is that of `riskmetrics_interval_probabilities`. A pair's value is the mean over the
    sign of its shocks of the chance of the interval given the path up to the last step; its control
    is the same for the constant-volatility path of the same normals, whose mean is the
    Black-Scholes digital [1]_ (section 4.1).

    References
    ----------
    .. [1] P. Glasserman (2003), Monte Carlo Methods in Financial Engineering, Springer.
    """
    log_low, log_high = check_intervals(low, high, spot)
    check_steps(variance, decay, drift, steps)
    pairs = _pairs(paths)
    walk = riskmetrics_walk(variance, decay, steps, pairs, rng)
    edges, place = np.unique(np.concatenate([log_low, log_high]), return_inverse=True)
    edges = edges - steps * drift
    beyond, plain = np.empty((2, edges.size, pairs))
    last, flat = np.sqrt(walk.variance), np.float32(np.sqrt(variance))
    pull, flat_move = 0.5 * (walk.spent + walk.variance), flat * walk.plain
    for e, edge in enumerate(edges):
        _mean_of_signs(beyond[e], edge, walk.log_move, pull, last)
        _mean_of_signs(
            plain[e],
            edge,
            flat_move,
            np.full_like(pull, 0.5 * steps * variance),
            np.full_like(pull, flat),
        )
    whole = np.sqrt(steps * variance)
    known = normal_interval((edges + 0.5 * whole**2) / whole, np.full(edges.size, np.inf))
    return _between(_own_control(beyond, plain, known), place.reshape(2, -1), known)


def simulate_merton_intervals(
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    spot: float,
    volatility: float,
    drift: float,
    jump_intensity: float,
    jump_mean: float,
    jump_sd: float,
    years: float,
    rng: np.random.Generator,
    paths: int = PATHS,
) -> IntervalProbabilities:
    """Chance that a Merton jump diffusion ends in [low, high), jumps drawn, diffusion integrated.

    Parameters
    ----------
    As `merton_interval_probabilities`, with `paths` an even number of at least 4.

    Returns
    -------
    IntervalProbabilities; where the intervals tile the line the probabilities sum to 1.

    Raises
    ------
    ValueError : an argument out of range.

    Notes
    -----
    The hourly steps of a jump diffusion add up exactly: the number of jumps to expiry is Poisson
    and their sum given it is normal, so one draw of both replaces the steps without error. The
    controls are the jumps' sum and its square, whose means are known.
    """
    log_low, log_high = check_intervals(low, high, spot)
    centre, spread = merton_moments(volatility, drift, jump_intensity, jump_mean, jump_sd, years)
    pairs = _pairs(paths)
    count = rng.poisson(jump_intensity * years, pairs)
    noise = np.sqrt(count) * jump_sd * rng.standard_normal(pairs)
    edges, place = np.unique(np.concatenate([log_low, log_high]), return_inverse=True)
    jumps = np.stack([count * jump_mean + noise, count * jump_mean - noise])
    reach = (edges[:, None] - centre - jumps[:, None, :]) / spread
    beyond = ndtr(-reach).mean(axis=0)
    controls = np.stack([jumps.mean(axis=0), (jumps**2).mean(axis=0)])
    first = jump_intensity * years * jump_mean
    second = jump_intensity * years * (jump_mean**2 + jump_sd**2) + first**2
    centred = controls - controls.mean(axis=1, keepdims=True)
    slope = np.linalg.lstsq(centred @ centred.T, centred @ beyond.T, rcond=1e-12)[0]
    beyond = beyond - slope.T @ (controls - np.array([[first], [second]]))
    return _between(beyond, place.reshape(2, -1), beyond.mean(axis=1))


def _pairs(paths: int) -> int:
    if paths < 4 or paths % 2:
        raise ValueError(f"paths is {paths}; an even number of at least 4 is allowed")
    return paths // 2


def _between(
    beyond: NDArray[np.float64], place: NDArray[np.intp], about: NDArray[np.float64]
) -> IntervalProbabilities:
    """Intervals from the chances beyond their edges.

    beyond (edges, pairs), edges ascending; place (2, contracts) says which edges bound a contract;
    about (edges,) is a rough chance beyond each. Controls can make a chance rise with its edge; it
    is kept from rising, so no interval is negative and a tiling sums to one. The spread of the
    pairs says little where only a few paths reach an interval (those that missed it agree by
    chance): the plain binomial error fades in below some `_FEW` paths, and a tenth of one path is
    the least error stated.
    """
    pairs = beyond.shape[1]
    falling = np.clip(np.minimum.accumulate(beyond.mean(axis=1)), 0.0, 1.0)
    probability = falling[place[0]] - falling[place[1]]
    values = beyond[place[0]] - beyond[place[1]]
    likely = np.clip(np.maximum(probability, about[place[0]] - about[place[1]]), 0.0, 1.0)
    rare = np.minimum(likely, 1.0 - likely)
    binomial = np.sqrt(rare * (1.0 - rare) / (2 * pairs))
    few = _FEW / (_FEW + 2 * pairs * rare)
    error = np.hypot(values.std(axis=1, ddof=1) / np.sqrt(pairs), few * binomial)
    return IntervalProbabilities(probability, np.maximum(error, _LEAST / (2 * pairs)))


def _own_control(
    beyond: NDArray[np.float64], plain: NDArray[np.float64], known: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each edge less its control's error; slopes estimated, drawn to 1 where few pairs pass."""
    pairs = beyond.shape[1]
    centred = plain - plain.mean(axis=1, keepdims=True)
    covariance = np.einsum("ep,ep->e", centred, beyond) / pairs
    variance = np.einsum("ep,ep->e", centred, centred) / pairs
    prior = _PRIOR_PAIRS * known * (1.0 - known) / pairs + 1e-12
    slope = (covariance + prior) / (variance + prior)
    return beyond - slope[:, None] * (plain - known[:, None])


@njit(cache=True, nogil=True, error_model="numpy")
def _mean_of_signs(
    total: NDArray[np.float64],
    edge: float,
    move: NDArray[np.float32],
    pull: NDArray[np.float32],
    sd: NDArray[np.float32],
) -> None:
    """Chance beyond an edge given all but the last step, averaged over the sign of the shocks."""
    table = _NORMAL_TAIL
    for p in range(move.size):
        need = edge + pull[p]
        scale = _CELLS_PER_SD / sd[p]
        up = min(max((need - move[p]) * scale + _CELLS, 0.0), 2.0 * _CELLS)
        down = min(max((need + move[p]) * scale + _CELLS, 0.0), 2.0 * _CELLS)
        i, j = int(up), int(down)
        above = table[i] + (up - i) * (table[i + 1] - table[i])
        below = table[j] + (down - j) * (table[j + 1] - table[j])
        total[p] = 0.5 * (above + below)
