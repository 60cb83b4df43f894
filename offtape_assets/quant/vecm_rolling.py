"""Error-correction models of many windows from moment matrices: one Cholesky factor a window.

The moments themselves are in `vecm_moments.py`; the readable one-sample version, which also has
the other deterministic cases, is `vecm.py`.
"""

import math
from dataclasses import dataclass, fields

import numpy as np
from numba import njit
from numpy.typing import NDArray

from offtape_assets.quant.symmetric_eigenvalues import symmetric_eigenvalues
from offtape_assets.quant.vecm_moments import REFRESH_EVERY, vecm_design, window_moments

Array = NDArray[np.float64]

PIVOT_TOLERANCE = 1e-9  # smallest pivot (a residual variance) relative to the raw second moment
VECTOR = 16  # rows of a factor are padded to this many doubles, so that no loop has a remainder
ROWS_PER_COLUMN = 2  # fewer rows than this per column of the design: too few

EIGEN_SHIFT = 1e-4  # distance of the inverse iteration's shift, in spectral gaps
EIGEN_STEPS = 4  # each step shrinks the error by EIGEN_SHIFT

OK, TOO_FEW, SINGULAR = 0, 1, 2
STATUS_NAMES = ("ok", "too_few", "singular")


@dataclass(frozen=True)
class RollingVecm:
    """Error-correction models of many windows, each with one common trend.

    Attributes
    ----------
    status : ndarray of str, shape (n_windows,)
        "ok", "too_few" or "singular"; NaN elsewhere unless it is "ok".
    n_obs : ndarray of int, shape (n_windows,)
        Complete rows of the window.
    permanent : ndarray, shape (n_windows, n)
        The direction psi with psi'alpha = 0 (alpha_perp), unit length.
    omega : ndarray, shape (n_windows, n, n)
        Residual covariance of the rank n-1 model.
    eigenvalues : ndarray, shape (n_windows, n)
        Squared canonical correlations, descending; NaN if the vectors are imposed.
    trace, max_eigen : ndarray, shape (n_windows, n)
        Johansen's statistics by null rank; NaN if the vectors are imposed.
    """

    status: NDArray[np.str_]
    n_obs: NDArray[np.int64]
    permanent: Array
    omega: Array
    eigenvalues: Array
    trace: Array
    max_eigen: Array


def rolling_vecm(
    levels: Array, starts: NDArray[np.int64], length: int, lags: int = 1
) -> RollingVecm:
    """Johansen's rank n-1 model (unrestricted constant) in every window of a panel.

    Parameters
    ----------
    levels : ndarray, shape (n_time, n)
        Log prices; rows touched by a NaN are left out.
    starts : ndarray of int, shape (n_windows,)
        First level of each window, ascending.
    length : int
        Levels a window (it then has length - 1 - lags regression rows).
    lags : int
        Lagged differences.

    Returns
    -------
    RollingVecm
        Common-trend direction, residual covariance and rank statistics of each window.

    Raises
    ------
    ValueError
        If a shape, start or length does not fit.
    """
    rows = length - 1 - lags
    n_series = levels.shape[1]
    if rows < 1:
        raise ValueError(f"length is {length}; with {lags} lags it must be at least {lags + 2}")
    design = vecm_design(levels, lags)
    chunks = [
        vecm_from_moments(window_moments(design, starts[i : i + REFRESH_EVERY], rows), n_series)
        for i in range(0, len(starts), REFRESH_EVERY)
    ]  # a chunk at a time, so that the moments stay in the cache
    return RollingVecm(
        *(np.concatenate([getattr(c, f.name) for c in chunks]) for f in fields(RollingVecm))
    )


def vecm_from_moments(moments: Array, n_series: int, known_spreads: bool = False) -> RollingVecm:
    """Rank n-1 models from moment matrices of `vecm_design` rows.

    Parameters
    ----------
    moments : ndarray, shape (n_windows, m, m)
        Moment matrices; any weighted sum of block moments will do.
    n_series : int
        Number of series n.
    known_spreads : bool
        Impose the spreads over the first series as cointegrating vectors instead of estimating
        them.

    Returns
    -------
    RollingVecm
        One model a window.

    Raises
    ------
    ValueError
        If the matrices are too small for `n_series`.

    Notes
    -----
    The lower Cholesky factor of [regressors | levels | differences] moments holds, in its last two
    block rows, A = S01 S11^{-T/2} and D with D D' = residual moments at full rank. With G = D^-1 A
    the eigenvalues of G G' are mu = l / (1 - l) for Johansen's roots l. Dropping the smallest root
    gives rank n-1: with its eigenvector u, psi = D^-T u and Omega = D D' + mu (D u)(D u)'.
    With known spreads the level column is left out and psi is the left null vector of A.
    """
    n = n_series
    free = moments.shape[-1] - 2 * n
    if moments.ndim != 3 or moments.shape[1] != moments.shape[2] or free < 1:
        raise ValueError(f"moments has shape {moments.shape}; it does not fit {n} series")
    if known_spreads:
        keep = np.delete(np.arange(moments.shape[1]), free + n - 1)
        moments = np.ascontiguousarray(moments[:, keep][:, :, keep])
    n_windows = len(moments)
    permanent = np.full((n_windows, n), np.nan)
    omega = np.full((n_windows, n, n), np.nan)
    roots = np.full((n_windows, n), np.nan)
    codes = _solve_windows(moments, n, free, known_spreads, permanent, omega, roots)
    counts = moments[:, free - 1, free - 1]
    eigenvalues = roots / (1.0 + roots)
    terms = counts[:, None] * np.log1p(roots)
    return RollingVecm(
        np.asarray(STATUS_NAMES)[codes],
        np.rint(counts).astype(np.int64),
        permanent,
        omega,
        eigenvalues,
        np.cumsum(terms[:, ::-1], axis=1)[:, ::-1],
        terms,
    )


@njit(cache=True, nogil=True)
def _solve_windows(
    moments: Array,
    n: int,
    free: int,
    known_spreads: bool,
    permanent: Array,
    omega: Array,
    roots: Array,
) -> NDArray[np.int64]:
    """Fill permanent, omega, roots; return a status code a window."""
    codes = np.empty(len(moments), dtype=np.int64)
    size = moments.shape[1]
    factor = np.zeros((size, (size + VECTOR - 1) // VECTOR * VECTOR))
    for w in range(len(moments)):
        count = moments[w, free - 1, free - 1]
        if count < ROWS_PER_COLUMN * size:
            codes[w] = TOO_FEW
            continue
        factor[:, :size] = moments[w]
        if not _cholesky(factor):
            codes[w] = SINGULAR
            continue
        codes[w] = OK
        top = size - n
        scale = np.tril(factor[top:, top:size].T)  # D, without the spoilt half
        loading = factor[free:top, top:size].T.copy()  # A
        if known_spreads:
            _known_spread_trend(scale, loading, count, permanent[w], omega[w])
        else:
            _johansen_trend(scale, loading, count, permanent[w], omega[w], roots[w])
    return codes


# Reassociation only reorders the sums of dot products; no-NaN assumptions are not made.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _cholesky(matrix: Array) -> bool:
    """Upper factor in place (what is below the diagonal is spoilt); False at a negligible pivot.

    Two rows are finished at a time, so that the rows above are read from memory half as often.
    """
    for i in range(0, len(matrix), 2):
        start = i // VECTOR * VECTOR
        at = i - start
        pair = i + 1 < len(matrix)
        row = matrix[i, start:]
        after = matrix[i + 1, start:] if pair else np.zeros(len(row))
        beside = at + 1 if pair else at
        size, size_after = row[at], after[beside]
        k = 0
        while k + 4 <= i:
            a, b = matrix[k, start:], matrix[k + 1, start:]
            c, d = matrix[k + 2, start:], matrix[k + 3, start:]
            fa, fb, fc, fd = a[at], b[at], c[at], d[at]
            ga, gb, gc, gd = a[beside], b[beside], c[beside], d[beside]
            for j in range(len(row)):
                w, x, y, z = a[j], b[j], c[j], d[j]
                row[j] -= fa * w + fb * x + fc * y + fd * z
                after[j] -= ga * w + gb * x + gc * y + gd * z
            k += 4
        while k < i:
            _subtract(row, matrix[k, start:], matrix[k, i])
            _subtract(after, matrix[k, start:], matrix[k, start + beside])
            k += 1
        if not _scale(row, at, size):
            return False
        if pair:
            _subtract(after, row, row[beside])
            if not _scale(after, beside, size_after):
                return False
    return True


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _subtract(row: Array, other: Array, factor: float) -> None:
    for j in range(len(row)):
        row[j] -= factor * other[j]


@njit(cache=True, nogil=True, error_model="numpy")
def _scale(row: Array, at: int, size: float) -> bool:
    """Divide by the root of the pivot; False if it is negligible beside its first size."""
    pivot = row[at]
    if not pivot > PIVOT_TOLERANCE * size:
        return False
    inverse = 1.0 / math.sqrt(pivot)
    for j in range(len(row)):
        row[j] *= inverse
    return True


@njit(cache=True, nogil=True)
def _johansen_trend(
    scale: Array, loading: Array, count: float, permanent: Array, omega: Array, roots: Array
) -> None:
    """Estimated vectors: eigenvectors of G G' with G = D^-1 A."""
    n = len(scale)
    _forward_solve(scale, loading)
    product = loading @ loading.T
    values = symmetric_eigenvalues(product.copy())
    for i in range(n):
        roots[i] = max(values[n - 1 - i], 0.0)
    direction = _smallest_eigenvector(product, values)
    shift = scale @ direction
    _residual_covariance(scale, shift, roots[n - 1], count, omega)
    for i in range(n - 1, -1, -1):  # psi = D^-T u
        direction[i] /= scale[i, i]
        for k in range(i):
            direction[k] -= scale[i, k] * direction[i]
    _unit(direction, permanent)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _smallest_eigenvector(product: Array, values: Array) -> Array:
    """Inverse iteration from just below the smallest eigenvalue; eigh where that is too close."""
    n = len(product)
    gap = values[1] - values[0]
    shifted = np.zeros((n, (n + VECTOR - 1) // VECTOR * VECTOR))
    shifted[:, :n] = product
    for i in range(n):
        shifted[i, i] -= values[0] - EIGEN_SHIFT * gap
    if gap < 1e-6 * values[n - 1] or not _cholesky(shifted):
        return np.linalg.eigh(product)[1][:, 0].copy()
    direction = np.ones(n)
    for _ in range(EIGEN_STEPS):
        for i in range(n):  # U'U x = direction
            direction[i] /= shifted[i, i]
            for k in range(i + 1, n):
                direction[k] -= shifted[i, k] * direction[i]
        for i in range(n - 1, -1, -1):
            for k in range(i + 1, n):
                direction[i] -= shifted[i, k] * direction[k]
            direction[i] /= shifted[i, i]
        direction /= math.sqrt((direction * direction).sum())
    return direction


@njit(cache=True, nogil=True)
def _known_spread_trend(
    scale: Array, loading: Array, count: float, permanent: Array, omega: Array
) -> None:
    """Imposed spreads: psi spans the left null space of A."""
    n = len(scale)
    left = np.linalg.svd(loading, True)[0]
    _residual_covariance(scale, np.zeros(n), 0.0, count, omega)
    _unit(left[:, n - 1].copy(), permanent)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _forward_solve(triangle: Array, rows: Array) -> None:
    """Replace rows (n, k) by triangle^-1 rows."""
    for i in range(len(triangle)):
        row = rows[i]
        k = 0
        while k + 4 <= i:
            a, b, c, d = rows[k], rows[k + 1], rows[k + 2], rows[k + 3]
            fa, fb = triangle[i, k], triangle[i, k + 1]
            fc, fd = triangle[i, k + 2], triangle[i, k + 3]
            for j in range(len(row)):
                row[j] -= fa * a[j] + fb * b[j] + fc * c[j] + fd * d[j]
            k += 4
        while k < i:
            _subtract(row, rows[k], triangle[i, k])
            k += 1
        for j in range(len(row)):
            row[j] /= triangle[i, i]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _residual_covariance(
    scale: Array, shift: Array, root: float, count: float, omega: Array
) -> None:
    """Omega = (D D' + root shift shift') / count."""
    for i in range(len(scale)):
        for j in range(i + 1):
            total = root * shift[i] * shift[j]
            for k in range(j + 1):
                total += scale[i, k] * scale[j, k]
            omega[i, j] = total / count
            omega[j, i] = total / count


@njit(cache=True, nogil=True)
def _unit(direction: Array, permanent: Array) -> None:
    """Scale to length 1 with a positive sum."""
    length = math.sqrt((direction * direction).sum())
    sign = 1.0 if direction.sum() >= 0.0 else -1.0
    for i in range(len(direction)):
        permanent[i] = sign * direction[i] / length
