"""The law a factor portfolio inherits from joint states: values, moments, densities.

Works on equiprobable states and portfolio weights; where the states come from and which weights
make a factor is decided elsewhere.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

GRID_SPAN = 4.0
"""Half-width of the density grid in standard deviations of the factor."""
BLOCK = 256
"""Grid points evaluated at a time: bounds the kernel matrix at 256 n numbers."""


class FactorMoments(NamedTuple):
    """Moments of each factor; every field has shape (F,)."""

    mean: Floats
    variance: Floats
    volatility: Floats
    """Square root of the variance, per horizon of the states."""


class FactorDensity(NamedTuple):
    """One factor's density on a common grid, by two estimators."""

    values: Floats
    kernel: Floats
    histogram: Floats


def factor_states(states: ArrayLike, weights: ArrayLike) -> Floats:
    """Factor values state by state, F_ik = sum_j w_jk x_ij.

    Parameters
    ----------
    states
        (n, d) equiprobable values of the names: dollars (the seed's definition) or returns (what
        portfolio weights are meant for).
    weights
        (d, F) weight of a name in a factor.

    Returns
    -------
    ndarray
        (n, F) factor values.

    Raises
    ------
    ValueError
        Shapes that do not match, values that are not finite.
    """
    values = np.asarray(states, dtype=float)
    loads = np.asarray(weights, dtype=float)
    if values.ndim != 2 or loads.ndim != 2 or values.shape[1] != loads.shape[0]:
        raise ValueError(
            f"states has shape {values.shape} and weights {loads.shape}; allowed are (n, d), (d, F)"
        )
    if not (np.isfinite(values).all() and np.isfinite(loads).all()):
        raise ValueError("states or weights holds values that are not finite; allowed are finite")
    return values @ loads


def factor_moments(factors: ArrayLike) -> FactorMoments:
    """Mean, variance (divisor n: the states are the whole law) and volatility.

    Parameters
    ----------
    factors
        (n, F) factor values.

    Returns
    -------
    FactorMoments

    Notes
    -----
    Where the names were paired at random because nothing ties them, the variance is that of
    independent names: for a long-only factor of positively related names a lower bound.
    """
    values = np.asarray(factors, dtype=float)
    if values.ndim != 2 or len(values) < 1:
        raise ValueError(f"factors has shape {values.shape}; allowed is (n, F) with n >= 1")
    variance = values.var(axis=0)
    return FactorMoments(values.mean(axis=0), variance, np.sqrt(variance))


def factor_density(factor: ArrayLike, points: int = 200) -> FactorDensity:
    """Density of one factor by Gaussian kernels and by histogram, on the same grid.

    Parameters
    ----------
    factor
        (n,) values, not all equal.
    points
        Grid points; the histogram's bins are centred on them, the outer ones collect what lies
        beyond.

    Returns
    -------
    FactorDensity
        `values` (points,), `kernel` and `histogram` (points,), per unit of the factor.

    Raises
    ------
    ValueError
        Fewer than two distinct values, fewer than two points.

    Notes
    -----
    Kernel density (1/n) sum_i K_h(x - F_i) with Silverman's h = 0.9 min(sd, IQR/1.349) n^(-1/5)
    [1]_, eq. 3.31, which does not oversmooth two humps as the rule for one Gaussian does.

    References
    ----------
    .. [1] Silverman (1986), Density Estimation for Statistics and Data Analysis.
    """
    values = np.asarray(factor, dtype=float)
    if values.ndim != 1 or not np.isfinite(values).all() or not np.ptp(values) > 0:
        raise ValueError(
            f"factor has shape {values.shape}; allowed is (n,) with at least two distinct values"
        )
    if points < 2:
        raise ValueError(f"points is {points}; allowed is at least 2")
    spread = values.std()
    quartiles = np.quantile(values, [0.25, 0.75])
    narrow = min(spread, (quartiles[1] - quartiles[0]) / 1.349) or spread
    bandwidth = 0.9 * narrow * values.size**-0.2
    centre = values.mean()
    grid = centre + np.linspace(-GRID_SPAN, GRID_SPAN, points) * spread
    step = grid[1] - grid[0]
    bins = np.clip(np.rint((values - grid[0]) / step).astype(np.int64), 0, points - 1)
    histogram = np.bincount(bins, minlength=points) / (values.size * step)
    kernel = np.concatenate(
        [
            np.exp(-0.5 * ((part[:, None] - values) / bandwidth) ** 2).mean(axis=1)
            for part in np.array_split(grid, -(-points // BLOCK))
        ]
    ) / (bandwidth * np.sqrt(2.0 * np.pi))
    return FactorDensity(grid, kernel, histogram)
