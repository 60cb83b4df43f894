"""Equiprobable states of a marginal law: quantiles of tabulated densities, tails included.

The law comes as a density on a price grid, with the mass the grid leaves outside; pairing the
states of several names is not done here.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def state_levels(count: int) -> Floats:
    """Probability levels (i - 1/2)/n, i = 1..n, of `count` equiprobable states."""
    if count < 2:
        raise ValueError(f"count is {count}; allowed is a whole number of at least 2 states")
    return (np.arange(count) + 0.5) / count


def density_quantiles(
    prices: ArrayLike,
    density: ArrayLike,
    levels: ArrayLike,
    *,
    mass_below: float = 0.0,
    mass_above: float = 0.0,
) -> Floats:
    """Quantiles of a law whose density is linear between the points of a grid.

    Parameters
    ----------
    prices
        (g,) positive, strictly increasing prices (USD).
    density
        (g,) non-negative density (per USD); scaled to the mass left by the tails.
    levels
        (n,) probabilities in (0, 1).
    mass_below, mass_above
        Probabilities beyond the first and the last price.

    Returns
    -------
    ndarray
        (n,) prices F^-1(level).

    Raises
    ------
    ValueError
        A grid that does not increase, a negative or empty density, levels outside (0, 1), tail
        masses that are negative or leave nothing between them.

    Notes
    -----
    Between grid points F is quadratic and is inverted exactly. Below the grid F(x) =
    m (x/x_1)^a with a = f(x_1) x_1 / m, above it 1 - F(x) = m exp(-b (x - x_g)) with
    b = f(x_g) / m: the density is continuous at both edges and prices stay positive. A density
    that nearly vanishes at an edge with mass beyond says nothing of where that mass is: a is kept
    at 1 or more (uniform down to zero) and the mean excess 1/b within the width of the grid.
    """
    grid, weight, wanted = _checked_law(prices, density, levels)
    inside = 1.0 - mass_below - mass_above
    if min(mass_below, mass_above) < 0 or not inside > 0:
        raise ValueError(
            f"mass_below is {mass_below} and mass_above {mass_above}; allowed are non-negative"
            " masses that sum to less than 1"
        )
    width = np.diff(grid)
    cells = 0.5 * (weight[1:] + weight[:-1]) * width
    weight = weight * (inside / cells.sum())
    cumulative = mass_below + np.concatenate([[0.0], np.cumsum(cells)]) * (inside / cells.sum())
    cell = np.clip(np.searchsorted(cumulative, wanted, side="left") - 1, 0, len(width) - 1)
    slope = (weight[cell + 1] - weight[cell]) / width[cell]
    missing = np.clip(wanted - cumulative[cell], 0.0, None)
    root = np.sqrt(np.maximum(weight[cell] ** 2 + 2.0 * slope * missing, 0.0))
    divisor = np.maximum(weight[cell] + root, np.finfo(float).tiny)
    found = grid[cell] + np.clip(2.0 * missing / divisor, 0.0, width[cell])
    below, above = wanted < mass_below, wanted > 1.0 - mass_above
    if below.any():
        power = max(weight[0] * grid[0] / mass_below, 1.0)
        found[below] = grid[0] * (wanted[below] / mass_below) ** (1.0 / power)
    if above.any():
        decay = max(weight[-1] / mass_above, 1.0 / (grid[-1] - grid[0]))
        found[above] = grid[-1] - np.log((1.0 - wanted[above]) / mass_above) / decay
    return found


def centre_states(states: ArrayLike, mean: float) -> Floats:
    """Scale positive states so that their average is `mean` (a forward) exactly.

    Parameters
    ----------
    states
        (n,) positive prices.
    mean
        Positive price the average must have.

    Returns
    -------
    ndarray
        (n,) states times mean / average: order and positivity are kept.

    Raises
    ------
    ValueError
        A mean or an average that is not positive.
    """
    values = np.asarray(states, dtype=float)
    average = values.mean()
    if not (average > 0 and mean > 0):
        raise ValueError(f"mean is {mean}, average {average}; allowed are positive prices")
    return values * (mean / average)


def _checked_law(
    prices: ArrayLike, density: ArrayLike, levels: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """Grid, density and levels as checked arrays."""
    grid = np.asarray(prices, dtype=float)
    weight = np.asarray(density, dtype=float)
    wanted = np.asarray(levels, dtype=float)
    if grid.ndim != 1 or grid.size < 2 or not (np.diff(grid) > 0).all() or not grid[0] > 0:
        raise ValueError(
            f"prices has shape {grid.shape}; allowed are at least two positive, strictly"
            " increasing prices"
        )
    if weight.shape != grid.shape or not (weight >= 0).all() or not weight.sum() > 0:
        raise ValueError(
            f"density has shape {weight.shape}; allowed is a non-negative density, somewhere"
            f" positive, at each of the {grid.size} prices"
        )
    if wanted.ndim != 1 or not ((wanted > 0) & (wanted < 1)).all():
        raise ValueError("levels holds values outside (0, 1); allowed are probabilities inside")
    return grid, weight, wanted
