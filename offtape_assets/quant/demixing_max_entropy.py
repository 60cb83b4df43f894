"""The split of one observed law that says least beyond given conditional means.

It cannot find means: without them both laws are the observed one. The gap of volatilities follows
from the method, not from data. Means come from `event_regression`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[np.float64]
NEWTON_STEPS = 100
TOLERANCE = 1e-9


class DensitySplit(NamedTuple):
    """Densities per dollar on the observed law's prices (K,); NaN unless status is 'ok'."""

    density_yes: Array
    density_no: Array
    status: str


def max_entropy_split(
    price: Array, mass: Array, density: Array, probability: float, mean_yes: float
) -> DensitySplit:
    """Divide an observed law in two with a given mean in the first state.

    Parameters
    ----------
    price, mass, density : (K,)
        Ascending prices, quadrature mass of each (sums to 1), density per dollar.
    probability : float
        Of the first state, in (0, 1).
    mean_yes : float
        Mean given the first state; the second's follows, for the mixture's mean is the observed one.

    Returns
    -------
    DensitySplit
        status 'ok', or 'not_converged' where no split of this law has that mean.

    Raises
    ------
    ValueError
        Where `probability` is not inside (0, 1) or shapes differ.

    Notes
    -----
    Minimises p E_yes[ln f_yes] + (1 - p) E_no[ln f_no] under p f_yes + (1 - p) f_no = f, unit masses
    and the means: the least information between state and price. The solution is a logistic
    probability of the state given the price, P(yes | s) = 1/(1 + e^-(a + b s)), found by Newton on
    the convex dual. The seed weighs both entropies alike, whose solution is no probability of the
    state for p away from a half; at a half both agree [1]_.

    References
    ----------
    .. [1] Buchen, Kelly (1996), "The maximum entropy distribution of an asset inferred from option
       prices", JFQA 31(1), 143-159 (the principle, for one law).
    """
    if not 0.0 < probability < 1.0:
        raise ValueError(f"probability is {probability}; it must lie inside (0, 1)")
    if not price.shape == mass.shape == density.shape:
        raise ValueError(f"shapes differ: {price.shape}, {mass.shape}, {density.shape}")
    centre = float(price @ mass)
    unit = float(np.sqrt((price - centre) ** 2 @ mass))
    z = (price - centre) / unit
    basis = np.column_stack([np.ones_like(z), z])
    target = probability * np.array([1.0, (mean_yes - centre) / unit])
    at = np.array([np.log(probability / (1.0 - probability)), 0.0])
    for _ in range(NEWTON_STEPS):
        chance = expit(basis @ at)
        away = target - basis.T @ (mass * chance)
        if np.abs(away).max() < TOLERANCE:
            yes = density * chance / probability
            return DensitySplit(yes, density * (1.0 - chance) / (1.0 - probability), "ok")
        weight = mass * chance * (1.0 - chance)
        curve = basis.T @ (basis * weight[:, None])
        if not np.linalg.det(curve) > 1e-14:
            break
        move = np.linalg.solve(curve, away)
        at = at + move * min(1.0, 2.0 / max(float(np.abs(move).max()), 1e-300))
    nothing = np.full(price.size, np.nan)
    return DensitySplit(nothing, nothing, "not_converged")
