"""Eigenvalues of small symmetric matrices in a compiled loop, without LAPACK's call overhead.

Householder reduction to a tridiagonal matrix, then implicit QL; for matrices of tens of rows.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

MAX_SWEEPS = 60  # QL needs about two sweeps an eigenvalue


@njit(cache=True, nogil=True)
def symmetric_eigenvalues(matrix: Array) -> Array:
    """Eigenvalues in ascending order; NaN if the iteration does not end.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)
        Symmetric; overwritten.

    Returns
    -------
    ndarray, shape (n,)
        To a few times machine precision of the largest.

    References
    ----------
    .. [1] Golub, G. & Van Loan, C. (2013). Matrix Computations, 4th ed., section 8.3.
    """
    diagonal, beside = _tridiagonalize(matrix)
    if not _ql_iterate(diagonal, beside):
        diagonal[:] = np.nan
    return np.sort(diagonal)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _tridiagonalize(matrix: Array) -> tuple[Array, Array]:
    """Diagonal and what is beside it (last entry 0) of an orthogonally similar matrix."""
    n = len(matrix)
    diagonal, beside, image = np.empty(n), np.zeros(n), np.empty(n)
    for k in range(n - 1, 0, -1):
        row = matrix[k, :k]
        square = 0.0
        for j in range(k):
            square += row[j] * row[j]
        diagonal[k] = matrix[k, k]
        length = -math.sqrt(square) if row[k - 1] > 0.0 else math.sqrt(square)
        beside[k - 1] = length if k > 1 else row[0]
        half = square - row[k - 1] * length
        if k == 1 or half == 0.0:
            continue
        row[k - 1] -= length
        overlap = 0.0
        for i in range(k):
            total = 0.0
            for j in range(k):
                total += matrix[i, j] * row[j]
            image[i] = total / half
            overlap += image[i] * row[i]
        for i in range(k):
            image[i] -= 0.5 * overlap / half * row[i]
        for i in range(k):
            for j in range(k):
                matrix[i, j] -= row[i] * image[j] + image[i] * row[j]
    diagonal[0] = matrix[0, 0]
    return diagonal, beside


@njit(cache=True, nogil=True, error_model="numpy")
def _ql_iterate(diagonal: Array, beside: Array) -> bool:
    """Turn the diagonal into the eigenvalues, in place; False if a value takes too long."""
    n = len(diagonal)
    for low in range(n):
        for sweep in range(MAX_SWEEPS + 1):
            high = low
            while high < n - 1:
                size = abs(diagonal[high]) + abs(diagonal[high + 1])
                if abs(beside[high]) <= 2.3e-16 * size:
                    break
                high += 1
            if high == low:
                break
            if sweep == MAX_SWEEPS:
                return False
            _ql_sweep(diagonal, beside, low, high)
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _ql_sweep(diagonal: Array, beside: Array, low: int, high: int) -> None:
    """One implicit QL sweep from `high` down to `low`, with Wilkinson's shift."""
    g = (diagonal[low + 1] - diagonal[low]) / (2.0 * beside[low])
    r = math.sqrt(g * g + 1.0)
    g = diagonal[high] - diagonal[low] + beside[low] / (g + (r if g >= 0.0 else -r))
    sine, cosine, shift = 1.0, 1.0, 0.0
    for i in range(high - 1, low - 1, -1):
        f, b = sine * beside[i], cosine * beside[i]
        r = math.sqrt(f * f + g * g)
        beside[i + 1] = r
        if r == 0.0:  # the matrix splits here
            diagonal[i + 1] -= shift
            beside[high] = 0.0
            return
        sine, cosine = f / r, g / r
        g = diagonal[i + 1] - shift
        r = (diagonal[i] - g) * sine + 2.0 * cosine * b
        shift = sine * r
        diagonal[i + 1] = g + shift
        g = cosine * r - b
    diagonal[low] -= shift
    beside[low] = g
    beside[high] = 0.0
