"""Two conditional laws as non-negative mixtures of narrow lognormals, fitted to a day of chains.

The means' ratio, the probability and the common volatility level are given (`demixing_panel`); what
is fitted is shape. Nothing here decides which state is the better one.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numba import njit
from numpy.typing import NDArray

from offtape_assets.quant.vector_math import SQRT_HALF

Array = NDArray[np.float64]
KERNELS = 36  # per law
LOWEST, HIGHEST = -4.2, 3.6  # centres of the kernels, in total volatilities
KERNEL_WIDTH = 0.28  # of a kernel, in total volatilities; a little over their spacing
ROUGHNESS = 200.0  # weight of second differences of the kernels' masses
PINNED = 1e3  # weight of unit mass and mean against the data


@dataclass(frozen=True)
class KernelLaws:
    """Laws of mean one given yes (row 0) and no (row 1).

    Attributes
    ----------
    mass : (2, J)
        Mass on each kernel; rows sum to 1.
    centre : (J,)
        ln of each kernel's mean at scale 1.
    width : float
        Log standard deviation of a kernel at scale 1.
    chi_square : float
        Weighted squared misfit per price.
    """

    mass: Array
    centre: Array
    width: float
    chi_square: float

    def means(self, scale: Array) -> Array:
        """Kernel means (2, T, J) at volatility scales (T,), so that each law has mean one."""
        spread = 0.5 * self.width**2 * (scale**2 - 1.0)
        raw = np.exp(np.outer(scale, self.centre) + spread[:, None])
        return raw / (raw @ self.mass.T).T[:, :, None]

    def relative_sd(self, scale: Array) -> Array:
        """Standard deviation over mean (2, T)."""
        widths = np.exp((self.width * scale) ** 2)
        second = np.einsum("stj,sj->st", self.means(scale) ** 2, self.mass) * widths
        return np.sqrt(np.maximum(second - 1.0, 0.0))

    def density(self, price: Array, mean: Array, scale: Array) -> Array:
        """Density per dollar (2, T, K) at prices (K,), for conditional means (2, T)."""
        means = self.means(scale) * mean[:, :, None]
        out = np.empty((2, scale.size, price.size))
        _densities(price, means, self.mass, self.width * scale, out)
        return out


@njit(cache=True, nogil=True)
def _densities(price, means, mass, width, out):  # type: ignore[no-untyped-def]
    for s in range(2):
        for t in range(width.size):
            norm = 1.0 / (np.sqrt(2.0 * np.pi) * width[t])
            for k in range(price.size):
                total = 0.0
                for j in range(mass.shape[1]):
                    if mass[s, j] > 0.0:
                        z = np.log(price[k] / means[s, t, j]) / width[t] + 0.5 * width[t]
                        if abs(z) < 9.0:
                            total += mass[s, j] * np.exp(-0.5 * z * z)
                out[s, t, k] = total * norm / price[k]


@njit(cache=True, nogil=True, error_model="numpy")
def premium(mean: float, strike: float, width: float, is_put: bool) -> float:
    """Undiscounted price on a lognormal."""
    d = np.log(mean / strike) / width + 0.5 * width
    call = 0.5 * (mean * math.erfc(-d * SQRT_HALF) - strike * math.erfc(-(d - width) * SQRT_HALF))
    return call - (mean - strike) if is_put else call


@njit(cache=True, nogil=True)
def _normal_equations(strikes, prices, price_sd, forward, share, means, width, ratio):  # type: ignore[no-untyped-def]
    """Gram matrix, right side and square of the weighted prices on both laws' kernels."""
    count = means.shape[1]
    gram, right = np.zeros((2 * count, 2 * count)), np.zeros(2 * count)
    row, square, used = np.empty(2 * count), 0.0, 0
    for t in range(forward.size):
        base = forward[t] / (share[t] * ratio + 1.0 - share[t])
        for k in range(strikes.size):
            if not prices[t, k] > 0.0:
                continue
            weight = 1.0 / price_sd[t, k]
            is_put = strikes[k] < forward[t]
            for j in range(count):
                mean = base * means[t, j]
                row[j] = share[t] * weight * premium(mean * ratio, strikes[k], width[t], is_put)
                row[count + j] = (
                    (1.0 - share[t]) * weight * premium(mean, strikes[k], width[t], is_put)
                )
            target = prices[t, k] * weight
            square += target * target
            used += 1
            for i in range(2 * count):
                right[i] += row[i] * target
                for j in range(i + 1):
                    gram[i, j] += row[i] * row[j]
    for i in range(2 * count):
        for j in range(i):
            gram[j, i] = gram[i, j]
    return gram, right, square, used


def fit_kernel_laws(
    strikes: Array,
    prices: Array,
    price_sd: Array,
    forward: Array,
    probability: Array,
    log_ratio: float,
    total_vol: Array,
) -> KernelLaws:
    """Fit both laws' shapes to all snapshots at once.

    Parameters
    ----------
    strikes : (K,)
    prices, price_sd : (T, K)
        Undiscounted out-of-the-money premiums and their standard deviations; NaN where unquoted.
    forward, probability : (T,)
    log_ratio : float
        ln of the conditional means' ratio, held fixed.
    total_vol : (T,)
        Total volatility common to both laws; its ratio to the middle one widens the kernels.

    Returns
    -------
    KernelLaws, at scale 1 in the middle snapshot.

    Raises
    ------
    ValueError
        Where shapes differ or `total_vol` is not positive.

    Notes
    -----
    Non-negative least squares of prices = p C_yes + (1 - p) C_no, whose solution is found from the
    normal equations [1]_; unit mass and mean one of each law as heavily weighted rows, then exact by
    an exponential tilt; second differences of the masses are penalised.

    References
    ----------
    .. [1] Lawson, Hanson (1974), Solving Least Squares Problems, ch. 23.
    """
    if prices.shape != (forward.size, strikes.size) or price_sd.shape != prices.shape:
        raise ValueError(f"prices and price_sd must be ({forward.size}, {strikes.size})")
    if not (total_vol > 0.0).all():
        raise ValueError("total_vol must be positive")
    unit = float(total_vol[forward.size // 2])
    scale = total_vol / unit
    centre = np.linspace(LOWEST, HIGHEST, KERNELS) * unit
    width = KERNEL_WIDTH * unit
    spread = 0.5 * (scale**2 - 1.0) * (width**2 - unit**2)
    means = np.exp(np.outer(scale, centre) + spread[:, None])
    gram, right, square, used = _normal_equations(
        *(np.ascontiguousarray(a) for a in (strikes, prices, price_sd, forward, probability)),
        means,
        width * scale,
        float(np.exp(log_ratio)),
    )
    mass = _solve(gram, right, np.exp(centre))
    flat = mass.ravel()
    misfit = float(flat @ gram @ flat - 2.0 * right @ flat + square) / max(used, 1)
    return KernelLaws(_tilted(mass, np.exp(centre)), centre, width, misfit)


def _solve(gram: Array, right: Array, kernel_mean: Array) -> Array:
    """Masses (2, J) by non-negative least squares with pinned mass and mean."""
    count = kernel_mean.size
    gram, right = gram.copy(), right.copy()
    weight = PINNED * float(gram.max()) / count
    for law in range(2):
        own = slice(law * count, (law + 1) * count)
        for row in (np.ones(count), kernel_mean):
            gram[own, own] += weight * np.outer(row, row)
            right[own] += weight * row
        bend = ROUGHNESS * np.diff(np.eye(count), 2, axis=0)
        gram[own, own] += bend.T @ bend
    values, vectors = np.linalg.eigh(gram)
    kept = values > values[-1] * 1e-15
    root = np.sqrt(values[kept])
    columns = vectors[:, kept]
    solution, _ = scipy.optimize.nnls(
        root[:, None] * columns.T, (columns.T @ right) / root, maxiter=100 * count
    )
    return solution.reshape(2, count)


def _tilted(mass: Array, kernel_mean: Array) -> Array:
    """Masses with sum one and mean one, by the least exponential tilt."""
    out = np.empty_like(mass)
    for law, own in enumerate(mass):
        tilt = 0.0
        for _ in range(50):
            tilted = own * np.exp(tilt * (kernel_mean - 1.0))
            tilted /= tilted.sum()
            away = float(tilted @ kernel_mean) - 1.0
            if abs(away) < 1e-13:
                break
            tilt -= away / float(tilted @ (kernel_mean - 1.0 - away) ** 2)
        out[law] = tilted
    return out
