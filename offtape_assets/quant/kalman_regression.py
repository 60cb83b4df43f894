"""Betas that wander: a Kalman filter of a regression whose coefficients are random walks.

The noise variance is learned from past innovations, so nothing stamped t knows a later return.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

BETA_SD_PER_ROW = 0.3 / np.sqrt(23_400.0)
"""Standard deviation of a beta's step; 0.3 over the 23,400 seconds of a session."""
START_SD = 1.0
"""Of the betas before the first return, about one for the first factor and zero for the others."""
NOISE_HALF_LIFE = 900.0
"""Complete rows after which a squared innovation weighs half in the noise variance."""
MIN_OBS = 60
"""Rows that set the first noise variance; no estimate before."""
MIN_MOVES = 10
"""Returns other than zero among them; a quiet name starts later."""
OUTLIER = 8.0
"""Innovations beyond so many standard deviations move nothing: a jump of the name itself."""


@dataclass(frozen=True)
class FilteredBetas:
    """Coefficients after each row; NaN before `MIN_OBS` complete rows and `MIN_MOVES` moves, and never looking ahead.

    Attributes
    ----------
    alpha
        Shape (T,).
    beta, standard_error
        Shape (T, K); the latter are roots of the filter's variances.
    noise_variance
        In force after the row, shape (T,).
    innovation, innovation_sd
        Return less its forecast, and the forecast's standard deviation, NaN at rows left out, (T,).
    n_obs
        Complete rows so far, shape (T,).
    """

    alpha: Array
    beta: Array
    standard_error: Array
    noise_variance: Array
    innovation: Array
    innovation_sd: Array
    n_obs: NDArray[np.int64]


def filtered_betas(
    returns: Array,
    factors: Array,
    beta_sd: float = BETA_SD_PER_ROW,
    noise_half_life: float = NOISE_HALF_LIFE,
    min_obs: int = MIN_OBS,
) -> FilteredBetas:
    """Filter the state (beta_1 .. beta_K, alpha) of r_t = beta_t'F_t + alpha_t + v_t.

    Parameters
    ----------
    returns, factors
        Shapes (T,) and (T, K). A row with a NaN only lets time pass.
    beta_sd
        Standard deviation of a beta's step per row.
    noise_half_life
        In complete rows; infinite for a noise variance that is the mean of all so far.
    min_obs
        Complete rows before the first update; their variance is the first noise variance.

    Raises
    ------
    ValueError
        If shapes disagree or an argument is not positive.

    Notes
    -----
    Predict P += diag(q); S = x'Px + R; K = Px/S; m += K v; P -= K S K' (`seeds/2` 3.3). Alpha
    steps by 1e-3 of the noise's standard deviation a row. R is an exponentially weighted mean of
    v^2 - x'Px floored at v^2 R/S, a value known before the row it is applied to. The rows before
    the first estimate are read twice, for R and through the filter; nothing is reported on them.
    """
    if returns.ndim != 1 or factors.ndim != 2 or len(returns) != len(factors):
        raise ValueError(f"returns {returns.shape}, factors {factors.shape}: want (T,), (T, K)")
    if not (beta_sd >= 0 and noise_half_life > 0 and min_obs >= 2):
        raise ValueError(
            f"beta_sd={beta_sd}, noise_half_life={noise_half_life}, min_obs={min_obs}: want at"
            " least 0, above 0 and at least 2"
        )
    rows, width = factors.shape
    table = np.column_stack([factors, np.ones(rows), returns]).astype(np.float64)
    complete = np.isfinite(table).all(axis=1)
    state, deviation = np.full((2, rows, width + 1), np.nan)
    single = np.full((3, rows), np.nan)
    present = np.flatnonzero(complete)
    moved = np.flatnonzero(complete & (returns != 0.0))
    if len(present) >= min_obs and len(moved) >= MIN_MOVES:
        warm = max(present[min_obs - 1], moved[MIN_MOVES - 1])
        noise = float(np.var(returns[present[present <= warm]]))
        forget = 0.5 ** (1.0 / noise_half_life)
        _filter(table, complete, warm, noise, forget, beta_sd**2, state, deviation, single)
    return FilteredBetas(
        state[:, width], state[:, :width], deviation[:, :width],
        single[0], single[1], single[2], np.cumsum(complete),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _filter(table, complete, warm, noise, forget, step, state, deviation, single):  # type: ignore[no-untyped-def]
    rows, width = table.shape[0], table.shape[1] - 1
    mean, spread = np.zeros(width), np.zeros((width, width))
    mean[0] = 1.0
    for k in range(width):
        spread[k, k] = START_SD**2
    spread[width - 1, width - 1] = noise
    carried, weight = np.empty(width), 1.0 / (1.0 - forget) if forget < 1.0 else 1e30
    weight = min(weight, MIN_OBS)
    for t in range(rows):
        for k in range(width - 1):
            spread[k, k] += step
        spread[width - 1, width - 1] += 1e-6 * noise
        if complete[t]:
            noise, weight = _update(
                table[t], mean, spread, carried, noise, weight, forget, single[:, t]
            )
        if t >= warm:
            for k in range(width):
                state[t, k] = mean[k]
                deviation[t, k] = np.sqrt(spread[k, k])
            single[0, t] = noise
        else:
            single[1, t] = single[2, t] = np.nan


@njit(cache=True, nogil=True)
def _update(row, mean, spread, carried, noise, weight, forget, single):  # type: ignore[no-untyped-def]
    """Take one return; the state is changed in place, the next noise variance returned."""
    width = len(mean)
    innovation, explained = row[width], 0.0
    for i in range(width):
        innovation -= mean[i] * row[i]
        carried[i] = 0.0
        for j in range(width):
            carried[i] += spread[i, j] * row[j]
        explained += carried[i] * row[i]
    variance = explained + noise
    single[1], single[2] = innovation, np.sqrt(variance)
    squared = innovation**2
    if squared > OUTLIER**2 * variance:
        squared = OUTLIER**2 * variance
    else:
        for i in range(width):
            mean[i] += carried[i] * innovation / variance
            for j in range(width):
                spread[i, j] -= carried[i] * carried[j] / variance
    sample = max(squared - explained, squared * noise / variance)
    weight = forget * weight + 1.0
    return noise + (sample - noise) / weight, weight
