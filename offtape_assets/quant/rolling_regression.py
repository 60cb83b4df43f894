"""Least squares of one return on K factors over a window that moves second by second.

Moments of the window are updated by the row that enters and the one that leaves, with the
rounding of every sum carried along, so a jump that has left leaves no trace. Betas that move by themselves live in
kalman_regression.py, betas of a whole session in long_run_regression.py.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

OK, TOO_FEW, SINGULAR, NO_VARIATION = "ok", "too_few", "singular", "no_variation"
STATUSES = (OK, TOO_FEW, SINGULAR, NO_VARIATION)
WINDOW = 300
"""Seconds; the seed's W."""
MIN_OBS = 60
"""Below it five betas say nothing."""
SMALLEST_PIVOT = 1e-10
"""Of the factors' correlation matrix: the share of a factor's variance the others leave."""


@dataclass(frozen=True)
class RollingBetas:
    """Regressions on the rows (t - window, t], one per row t; NaN where status is not 'ok'.

    Attributes
    ----------
    alpha
        Intercept, shape (T,).
    beta, standard_error
        Slopes and their classical standard errors, shape (T, K).
    r_squared
        Share of variance explained, shape (T,).
    residual_variance
        Sum of squared residuals over the degrees of freedom, shape (T,).
    n_obs, dof
        Complete rows of the window and degrees of freedom left, shape (T,).
    status
        Position in STATUSES, shape (T,).
    """

    alpha: Array
    beta: Array
    standard_error: Array
    r_squared: Array
    residual_variance: Array
    n_obs: NDArray[np.int64]
    dof: NDArray[np.int64]
    status: NDArray[np.int8]


def rolling_betas(
    returns: Array, factors: Array, window: int = WINDOW, min_obs: int = MIN_OBS
) -> RollingBetas:
    """Regress returns on factors and an intercept over the last `window` rows.

    Parameters
    ----------
    returns
        Shape (T,); NaN rows are left out of every window they fall into.
    factors
        Shape (T, K); a row with a NaN is left out.
    window
        Rows of a window, at least K + 2.
    min_obs
        Complete rows below which the status is 'too_few'; never less than K + 2.

    Raises
    ------
    ValueError
        If shapes disagree or the window is too short.

    Notes
    -----
    With centred moments C of the window, beta = C_xx^-1 C_xy, alpha = mean(y) - beta'mean(x),
    SSR = C_yy - beta'C_xy, s2 = SSR / (n - K - 1), se_k^2 = s2 (C_xx^-1)_kk. C_xx is scaled to
    correlations and factored by Cholesky.
    """
    if returns.ndim != 1 or factors.ndim != 2 or len(returns) != len(factors):
        raise ValueError(f"returns {returns.shape}, factors {factors.shape}: want (T,), (T, K)")
    rows, width = factors.shape
    if width < 1 or window < width + 2:
        raise ValueError(f"window={window}: want at least K + 2 = {width + 2} rows, K >= 1")
    need = max(min_obs, width + 2)
    table = np.column_stack([factors, returns]).astype(np.float64)
    slopes, single = np.full((2, rows, width), np.nan), np.full((3, rows), np.nan)
    n_obs, status = np.zeros(rows, np.int64), np.full(rows, 1, np.int8)
    _roll(table, np.isfinite(table).all(axis=1), window, need, slopes, single, n_obs, status)
    dof = np.where(status == 0, n_obs - width - 1, 0)
    return RollingBetas(single[0], slopes[0], slopes[1], single[1], single[2], n_obs, dof, status)


@njit(cache=True, nogil=True)
def _roll(table, complete, window, need, slopes, single, n_obs, status):  # type: ignore[no-untyped-def]
    rows, columns = table.shape
    sums, products = np.zeros((2, columns)), np.zeros((2, columns, columns))
    centred = np.empty((columns, columns))
    count = 0
    for t in range(rows):
        leaving = t - window
        if leaving >= 0:
            count -= complete[leaving]
            _change(table[leaving], complete[leaving], -1.0, sums, products)
        count += complete[t]
        _change(table[t], complete[t], 1.0, sums, products)
        n_obs[t] = count
        if count < need:
            continue
        means = (sums[0] + sums[1]) / count
        for i in range(columns):
            for j in range(i + 1):
                whole = products[0, i, j] + products[1, i, j]
                centred[i, j] = whole - count * means[i] * means[j]
        status[t] = _solve(centred, means, count, slopes[:, t], single[:, t])


@njit(cache=True, nogil=True)
def _change(row, is_complete, sign, sums, products):  # type: ignore[no-untyped-def]
    """Add (sign 1) or remove (-1) a complete row; part 1 of each sum is what part 0 rounded off."""
    if is_complete:
        for i in range(len(row)):
            scaled = sign * row[i]
            sums[0, i], lost = _two_sum(sums[0, i], scaled)
            sums[1, i] += lost
            for j in range(i + 1):
                products[0, i, j], lost = _two_sum(products[0, i, j], scaled * row[j])
                products[1, i, j] += lost


@njit(cache=True, nogil=True)
def _two_sum(a, b):  # type: ignore[no-untyped-def]
    """Sum and its rounding error (Knuth, The Art of Computer Programming, vol. 2, 4.2.2)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@njit(cache=True, nogil=True)
def _solve(centred, means, count, slopes, single):  # type: ignore[no-untyped-def]
    """Betas of one window from its centred moments (lower triangle); returns the status."""
    width = len(centred) - 1
    total = centred[width, width]
    if total <= 1e-12 * (total + count * means[width] ** 2):
        return 3
    lower, scale = np.zeros((width, width)), np.empty(width)
    for i in range(width):
        if centred[i, i] <= 1e-12 * (centred[i, i] + count * means[i] ** 2):
            return 2
        scale[i] = 1.0 / np.sqrt(centred[i, i])
    for i in range(width):
        for j in range(i + 1):
            value = centred[i, j] * scale[i] * scale[j]
            for k in range(j):
                value -= lower[i, k] * lower[j, k]
            if i == j:
                if value < SMALLEST_PIVOT:
                    return 2
                lower[i, i] = np.sqrt(value)
            else:
                lower[i, j] = value / lower[j, j]
    inverse = _inverse(lower)
    alpha, explained = means[width], 0.0
    for i in range(width):
        beta = 0.0
        for j in range(width):
            beta += inverse[i, j] * scale[j] * centred[width, j]
        slopes[0, i] = beta * scale[i]
        alpha -= slopes[0, i] * means[i]
        explained += slopes[0, i] * centred[width, i]
    residual = max(total - explained, 0.0) / (count - width - 1)
    for i in range(width):
        slopes[1, i] = np.sqrt(residual * inverse[i, i]) * scale[i]
    single[0], single[1], single[2] = alpha, explained / total, residual
    return 0


@njit(cache=True, nogil=True)
def _inverse(lower):  # type: ignore[no-untyped-def]
    """Inverse of L L' from its lower factor."""
    width = len(lower)
    half, whole = np.zeros((width, width)), np.empty((width, width))
    for column in range(width):
        for i in range(column, width):
            value = 1.0 if i == column else 0.0
            for k in range(column, i):
                value -= lower[i, k] * half[k, column]
            half[i, column] = value / lower[i, i]
    for i in range(width):
        for j in range(width):
            value = 0.0
            for k in range(max(i, j), width):
                value += half[k, i] * half[k, j]
            whole[i, j] = value
    return whole
