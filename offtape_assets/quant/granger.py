"""Granger tests of all ordered pairs of a panel, from one Gram matrix.

F statistics with the classical variance, Wald statistics with White's, and p values adjusted for
the number of pairs.
"""

import math
from typing import NamedTuple

import numpy as np
import scipy
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

PIVOT_TOLERANCE = 1e-10  # smallest residual variance of a regressor, relative to its own
CHUNK = 1024  # rows of the robust pass held in the cache at a time


class GrangerTests(NamedTuple):
    """Entry (i, j): does column i help to predict column j? The diagonal is NaN.

    `f_statistic` and `p_value` take equal variances; `wald` and `p_value_white` are White's;
    `p_value_adjusted` is the Benjamini-Hochberg adjustment over all pairs.
    """

    f_statistic: Array
    p_value: Array
    wald: Array
    p_value_white: Array
    p_value_adjusted: Array
    n_obs: int


def granger_tests(returns: Array, lags: int, robust: bool = True) -> GrangerTests:
    """Test every ordered pair of columns.

    Parameters
    ----------
    returns : ndarray, shape (n_time, n)
        Stationary series on one grid; a NaN counts as the column's mean.
    lags : int
        Lags p of both series.
    robust : bool
        Compute the White statistics too (a pass over the rows a pair); if not, they are NaN and
        the adjustment is that of `p_value`.

    Returns
    -------
    GrangerTests
        Matrices of shape (n, n); NaN for a pair whose regressors are collinear (a constant
        column, a copy of the other).

    Raises
    ------
    ValueError
        If the shape is wrong or there are too few rows for `lags`.

    Notes
    -----
    y_t on 1, y_{t-1..t-p} (restricted) and x_{t-1..t-p} as well:
    F = ((RSS0 - RSS1) / p) / (RSS1 / (T - 2p - 1)). By Frisch-Waugh both residual sums and the
    coefficients of x come from Schur complements of one moment matrix of all lags. The White
    statistic is c' V^-1 c with V = S^-1 (sum e_t^2 u_t u_t') S^-1, u the lags of x freed of the
    other regressors and S = sum u u'; chi-squared with p degrees of freedom.

    References
    ----------
    .. [1] Granger, C. (1969). Investigating causal relations by econometric models. Econometrica
       37, 424-438.
    .. [2] White, H. (1980). A heteroskedasticity-consistent covariance matrix estimator.
       Econometrica 48, 817-838.
    .. [3] Benjamini, Y. & Hochberg, Y. (1995). Controlling the false discovery rate. JRSS B 57,
       289-300.
    """
    if returns.ndim != 2 or returns.shape[1] < 2:
        raise ValueError(f"returns has shape {returns.shape}; it must be (n_time, n) with n >= 2")
    n_obs = len(returns) - lags
    freedom = n_obs - 2 * lags - 1
    if lags < 1 or freedom < 1:
        raise ValueError(f"lags is {lags}; {len(returns)} rows allow 1..{(len(returns) - 2) // 3}")
    series = _centred(returns)
    moments, means = _lag_moments(series, lags)
    n = returns.shape[1]
    f_statistic = np.full((n, n), np.nan)
    wald = np.full((n, n), np.nan)
    rows = np.ascontiguousarray(series.T)
    _all_pairs(rows, moments, means, freedom, robust, f_statistic, wald)
    p_value = scipy.stats.f.sf(f_statistic, lags, freedom)
    p_white = scipy.stats.chi2.sf(wald, lags)
    adjusted = np.full((n, n), np.nan)
    tested = p_white if robust else p_value
    known = np.isfinite(tested)
    if known.any():
        adjusted[known] = scipy.stats.false_discovery_control(tested[known], method="bh")
    return GrangerTests(f_statistic, p_value, wald, p_white, adjusted, n_obs)


def _centred(returns: Array) -> Array:
    known = np.isfinite(returns)
    filled = np.where(known, returns, 0.0)
    return np.where(known, filled - filled.sum(axis=0) / np.maximum(known.sum(axis=0), 1), 0.0)


def _lag_moments(series: Array, lags: int) -> tuple[Array, Array]:
    """Covariance sums of all lags, shape (lags+1, lags+1, n, n), and the lags' means.

    Entry (a, b, i, j) is sum over t of x_i(t-a) x_j(t-b) about the means. The sums of one distance
    b - a differ by a few rows at the ends only, so lags + 1 matrix products give them all.
    """
    n_time, n = series.shape
    n_obs = n_time - lags
    moments = np.empty((lags + 1, lags + 1, n, n))
    means = np.stack([series[lags - a : n_time - a].sum(axis=0) / n_obs for a in range(lags + 1)])
    for h in range(lags + 1):
        base = series[lags:].T @ series[lags - h : n_time - h]
        for a in range(lags + 1 - h):
            entering = series[lags - a : lags].T @ series[lags - a - h : lags - h]
            leaving = series[n_time - a :].T @ series[n_time - a - h : n_time - h]
            block = base + entering - leaving - n_obs * np.outer(means[a], means[a + h])
            moments[a, a + h] = block
            moments[a + h, a] = block.T
    return moments, means


@njit(cache=True, nogil=True)
def _all_pairs(
    series: Array,
    moments: Array,
    means: Array,
    freedom: int,
    robust: bool,
    f_statistic: Array,
    wald: Array,
) -> None:
    """Fill both statistics; a collinear pair stays NaN."""
    n = len(series)
    lags = len(moments) - 1
    own = np.empty((lags, lags))
    schur = np.empty((lags, lags))
    for i in range(n):
        for a in range(lags):
            for b in range(lags):
                own[a, b] = moments[a + 1, b + 1, i, i]
        if not _factor(own, moments[1:, 1:, i, i]):
            continue
        slope = _solve(own, moments[1:, 0, i, i].copy())
        restricted = moments[0, 0, i, i]
        for a in range(lags):
            restricted -= slope[a] * moments[a + 1, 0, i, i]
        residual = _own_residual(series[i], means[:, i], slope)
        for j in range(n):
            if j == i:
                continue
            project, gradient = _free_of_own(own, slope, moments, i, j, schur)
            outer = schur.copy()
            if not _factor(schur, moments[1:, 1:, j, j]):
                continue
            effect = _solve(schur, gradient.copy())
            gain = (effect * gradient).sum()
            f_statistic[j, i] = gain / lags / ((restricted - gain) / freedom)
            if not robust:
                continue
            _white_meat(series[i], series[j], means[:, i], means[:, j], project, residual, effect,
                        outer)  # fmt: skip
            if _factor(outer, outer.copy()):
                wald[j, i] = (_solve(outer, gradient.copy()) * gradient).sum()


@njit(cache=True, nogil=True)
def _factor(matrix: Array, reference: Array) -> bool:
    """Lower Cholesky factor in place; False if a pivot is negligible beside the reference's."""
    for i in range(len(matrix)):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            if i == j:
                if not total > PIVOT_TOLERANCE * reference[i, i]:
                    return False
                matrix[i, i] = math.sqrt(total)
            else:
                matrix[i, j] = total / matrix[j, j]
    return True


@njit(cache=True, nogil=True)
def _solve(factor: Array, right: Array) -> Array:
    """(L L')^-1 right, in place."""
    n = len(factor)
    for i in range(n):
        for k in range(i):
            right[i] -= factor[i, k] * right[k]
        right[i] /= factor[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            right[i] -= factor[k, i] * right[k]
        right[i] /= factor[i, i]
    return right


@njit(cache=True, nogil=True)
def _free_of_own(
    own: Array, slope: Array, moments: Array, i: int, j: int, schur: Array
) -> tuple[Array, Array]:
    """Regress the lags of j on those of i: coefficients, covariance with the residual of i, S."""
    lags = len(own)
    project = np.empty((lags, lags))  # row: lag of j, column: lag of i
    gradient = np.empty(lags)
    for b in range(lags):
        project[b] = _solve(own, moments[1:, b + 1, i, j].copy())
        gradient[b] = moments[b + 1, 0, j, i]
        for a in range(lags):
            gradient[b] -= slope[a] * moments[b + 1, a + 1, j, i]
    for b in range(lags):
        for c in range(lags):
            schur[b, c] = moments[b + 1, c + 1, j, j]
            for a in range(lags):
                schur[b, c] -= project[b, a] * moments[a + 1, c + 1, i, j]
    return project, gradient


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _own_residual(target: Array, means: Array, slope: Array) -> Array:
    """Residual of the target on its own lags."""
    lags = len(slope)
    n_obs = len(target) - lags
    residual = target[lags:] - means[0]
    for a in range(lags):
        shifted = target[lags - 1 - a : lags - 1 - a + n_obs]
        for t in range(n_obs):
            residual[t] -= slope[a] * (shifted[t] - means[a + 1])
    return residual


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _white_meat(
    target: Array,
    other: Array,
    target_means: Array,
    other_means: Array,
    project: Array,
    residual: Array,
    effect: Array,
    meat: Array,
) -> None:
    """sum e^2 u u' with u the lags of `other` freed of the target's, chunk by chunk."""
    lags = len(effect)
    n_obs = len(residual)
    free = np.empty((lags, CHUNK))
    squared = np.empty(CHUNK)
    meat[:] = 0.0
    for begin in range(0, n_obs, CHUNK):
        size = min(CHUNK, n_obs - begin)
        error = squared[:size]
        error[:] = residual[begin : begin + size]
        for b in range(lags):
            row = free[b, :size]
            start = begin + lags - 1
            row[:] = other[start - b : start - b + size] - other_means[b + 1]
            for a in range(lags):
                shifted = target[start - a : start - a + size]
                weight, mean = project[b, a], target_means[a + 1]
                for t in range(size):
                    row[t] -= weight * (shifted[t] - mean)
            for t in range(size):
                error[t] -= effect[b] * row[t]
        for t in range(size):
            error[t] *= error[t]
        for b in range(lags):
            for c in range(b + 1):
                total = 0.0
                for t in range(size):
                    total += error[t] * free[b, t] * free[c, t]
                meat[b, c] += total
    for b in range(lags):
        for c in range(b):
            meat[c, b] = meat[b, c]
