"""Eigenvalues of small symmetric matrices in a compiled loop, without LAPACK's call overhead.

Householder reduction to a tridiagonal matrix, then QL without square roots; for matrices of tens
of rows.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

MAX_SWEEPS = 60  # QL needs about two sweeps an eigenvalue
NEGLIGIBLE = 2.3e-16**2  # square of an element beside the diagonal over its neighbours' product
SMALLEST = 1e-280  # squares below it are not divided by


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
    .. [2] Parlett, B. (1998). The Symmetric Eigenvalue Problem, section 8.15 (the root-free QL of
       Pal, Walker and Kahan).
    """
    diagonal, beside = _tridiagonalize(matrix)
    if not _ql_iterate(diagonal, beside * beside):
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
def _ql_iterate(diagonal: Array, squares: Array) -> bool:
    """Turn the diagonal into the eigenvalues, in place; False if a value takes too long.

    `squares` are those of the elements beside the diagonal.
    """
    n = len(diagonal)
    for low in range(n):
        for sweep in range(MAX_SWEEPS + 1):
            high = low
            while high < n - 1:
                size = abs(diagonal[high] * diagonal[high + 1])
                if squares[high] <= NEGLIGIBLE * size or squares[high] < SMALLEST:
                    break
                high += 1
            if high == low:
                break
            if sweep == MAX_SWEEPS:
                return False
            _ql_sweep(diagonal, squares, low, high)
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _ql_sweep(diagonal: Array, squares: Array, low: int, high: int) -> None:
    """One QL sweep from `high` down to `low`, with Wilkinson's shift ([2]_)."""
    beside = math.sqrt(squares[low])
    slope = (diagonal[low + 1] - diagonal[low]) / (2.0 * beside)
    root = math.sqrt(slope * slope + 1.0)
    shift = diagonal[low] - beside / (slope + (root if slope >= 0.0 else -root))
    cosine, sine = 1.0, 0.0  # squared
    gamma = diagonal[high] - shift
    pivot = gamma * gamma
    for i in range(high - 1, low - 1, -1):
        square = squares[i]
        total = pivot + square
        if i < high - 1:
            squares[i + 1] = sine * total
        before, cosine, sine = cosine, pivot / total, square / total
        inverse = total / pivot
        former, entry = gamma, diagonal[i]
        gamma = cosine * (entry - shift) - sine * former
        diagonal[i + 1] = former + (entry - gamma)
        pivot = gamma * gamma * inverse if pivot > SMALLEST else before * square
    squares[low] = sine * pivot
    diagonal[low] = shift + gamma
