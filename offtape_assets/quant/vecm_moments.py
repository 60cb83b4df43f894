"""Moment matrices of error-correction regressions over overlapping windows.

Windows add the rows that enter and subtract those that leave; `vecm_rolling.py` solves the models.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

REFRESH_EVERY = 64  # windows between full recomputations, so that rounding cannot drift
SHORT = 12  # rows up to which rank-1 updates beat a matrix product


def vecm_design(levels: Array, lags: int) -> Array:
    """Stack the regression rows [lagged differences, 1 | levels, first column last | differences].

    Parameters
    ----------
    levels : ndarray, shape (n_time, n)
        Log prices. They are measured from their column means and, but for the first column, as
        spreads over the first column: any such change of basis leaves rank tests and residuals
        alone, and the known-spread model is the same matrix without one column.
    lags : int
        Lagged differences.

    Returns
    -------
    ndarray, shape (n_time - 1 - lags, n * lags + 1 + 2 n)
        Rows with a NaN are all zero (including the constant), so moments skip them.

    Raises
    ------
    ValueError
        If there are fewer than 2 columns, a negative lag or too few rows.
    """
    if levels.ndim != 2 or levels.shape[1] < 2:
        raise ValueError(f"levels has shape {levels.shape}; it must be (n_time, n) with n >= 2")
    if lags < 0 or len(levels) <= lags + 1:
        raise ValueError(f"lags is {lags}; it must lie in 0..{len(levels) - 2}")
    n = levels.shape[1]
    basis = np.column_stack([levels[:, 1:] - levels[:, :1], levels[:, 0]])
    with np.errstate(invalid="ignore"):
        count = np.maximum(np.isfinite(basis).sum(0), 1)
        basis = basis - np.nansum(basis, axis=0) / count
    changes = np.diff(levels, axis=0)
    n_rows = len(changes) - lags
    design = np.empty((n_rows, n * lags + 1 + 2 * n))
    for k in range(1, lags + 1):
        design[:, (k - 1) * n : k * n] = changes[lags - k : lags - k + n_rows]
    design[:, n * lags] = 1.0
    design[:, n * lags + 1 : n * lags + 1 + n] = basis[lags:-1]
    design[:, n * lags + 1 + n :] = changes[lags:]
    design[~np.isfinite(design).all(axis=1)] = 0.0
    return design


def window_moments(design: Array, starts: NDArray[np.int64], length: int) -> Array:
    """Second-moment matrices of overlapping windows.

    Parameters
    ----------
    design : ndarray, shape (n_rows, m)
        Regression rows.
    starts : ndarray of int, shape (n_windows,)
        First row of each window, ascending.
    length : int
        Rows a window.

    Returns
    -------
    ndarray, shape (n_windows, m, m)
        design[s : s + length]' design[s : s + length] for every start s.

    Raises
    ------
    ValueError
        If starts descend or a window leaves the design.
    """
    starts = np.asarray(starts, dtype=np.int64)
    if len(starts) == 0 or (np.diff(starts) < 0).any():
        raise ValueError("starts must be ascending and not empty")
    if length < 1 or starts[0] < 0 or starts[-1] + length > len(design):
        raise ValueError(f"length {length} leaves the {len(design)} rows of design")
    moments = np.empty((len(starts), design.shape[1], design.shape[1]))
    for w, start in enumerate(starts):
        if w % REFRESH_EVERY == 0 or start >= starts[w - 1] + length:
            rows = design[start : start + length]
            np.dot(rows.T, rows, out=moments[w])
            continue
        leaving = design[starts[w - 1] : start]
        entering = design[starts[w - 1] + length : start + length]
        if 0 < len(leaving) <= SHORT:
            _shift_window(moments[w - 1], leaving, entering, moments[w])
        else:
            moments[w] = moments[w - 1] + (entering.T @ entering - leaving.T @ leaving)
    return moments


@njit(cache=True, nogil=True)
def _shift_window(moment: Array, leaving: Array, entering: Array, shifted: Array) -> None:
    """Write into `shifted` the moment less leaving'leaving plus entering'entering."""
    before = moment
    for t in range(len(leaving)):
        out, new = leaving[t], entering[t]
        for i in range(len(out)):
            scaled_out, scaled_new = out[i], new[i]
            for j in range(len(out)):
                shifted[i, j] = before[i, j] + (scaled_new * new[j] - scaled_out * out[j])
        before = shifted
