"""Tails of the normal law in compiled code: exact far out, where differences of Phi vanish."""

import math

from numba import njit

ROOT_HALF = math.sqrt(0.5)
ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
TINY = 1e-300


@njit(cache=True, nogil=True, error_model="numpy")
def log_tail(alpha: float) -> tuple[float, float]:
    """Log of P(Z >= alpha) and E[Z | Z >= alpha] of a standard normal Z."""
    if alpha > 8.0:  # asymptotic series, relative error below 5e-6
        ratio = alpha + 1.0 / alpha - 2.0 / alpha**3 + 10.0 / alpha**5
        return -0.5 * alpha * alpha - math.log(ROOT_TWO_PI * ratio), ratio
    tail = 0.5 * math.erfc(alpha * ROOT_HALF)
    return math.log(tail), math.exp(-0.5 * alpha * alpha) / (ROOT_TWO_PI * tail)


@njit(cache=True, nogil=True, error_model="numpy")
def upper_quantile(tail: float) -> float:
    """The z >= 0 with P(Z >= z) = tail <= 1/2: a rational start, then Newton on log P."""
    if tail < TINY:
        return 37.0
    root = math.sqrt(-2.0 * math.log(tail))
    z = root - (2.515517 + 0.802853 * root + 0.010328 * root**2) / (
        1.0 + 1.432788 * root + 0.189269 * root**2 + 0.001308 * root**3
    )  # Abramowitz, Stegun 26.2.23
    for _ in range(3):
        value, ratio = log_tail(z)
        z += (value - math.log(tail)) / ratio
    return z


@njit(cache=True, nogil=True, error_model="numpy")
def normal_score(above: float, below: float, edge: float) -> float:
    """z of a price from its predicted chances of more and of less; of a bound, z expected."""
    if edge == 0.0:
        return upper_quantile(above) if above < below else -upper_quantile(below)
    tail = above if edge > 0.0 else below
    z = upper_quantile(tail) if tail <= 0.5 else -upper_quantile(1.0 - tail)
    return edge * log_tail(z)[1]
