"""Can these names and baskets hold together at all? Asked before any rearrangement.

Necessary conditions only: forwards that add up, a basket no wider than its names moving as one
and no narrower than its largest name minus the rest. Whether they hold jointly is told by the
multipliers of `joint_starts.tilt_correlation` and by the residual `block_rearrangement` reaches.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

BOUND_SLACK = 1e-3
"""Part of a basket's standard deviation by which a bound may be missed: rounding of quantiles."""


@dataclass(frozen=True)
class ReconciledForwards:
    """Forwards moved as little as possible until every basket equals its holdings.

    Attributes
    ----------
    names, baskets
        (d,) and (K,) reconciled forwards (USD).
    gaps
        (K,) value of the holdings over the basket's forward, minus one, before.
    largest_move
        Largest relative move of a forward.
    """

    names: Floats
    baskets: Floats
    gaps: Floats
    largest_move: float


@dataclass(frozen=True)
class BasketBounds:
    """Bounds a basket's law must respect given the laws of its names alone.

    Attributes
    ----------
    excess_tail
        (K,) largest excess of the basket's tail expectation over that of its names moving as
        one, in standard deviations of the basket; positive means it cannot be their sum.
    missing_spread
        (K,) shortfall of the basket's standard deviation below that of its most volatile
        holding less all others, in standard deviations of the basket.
    reasons
        Per basket '' or the bound it breaks: 'wider_than_comonotone', 'narrower_than_largest'.
    """

    excess_tail: Floats
    missing_spread: Floats
    reasons: tuple[str, ...]


def reconcile_forwards(
    names: ArrayLike, baskets: ArrayLike, weights: ArrayLike
) -> ReconciledForwards:
    """Smallest relative moves of the forwards that make every basket worth its holdings.

    Parameters
    ----------
    names, baskets
        (d,) and (K,) positive forwards (USD).
    weights
        (d, K) shares of a name in one share of the basket.

    Returns
    -------
    ReconciledForwards

    Raises
    ------
    ValueError
        Forwards that are not positive, shapes that do not match.

    Notes
    -----
    Minimises the sum of squared relative moves under W'(names + dn) = baskets + db: a projection,
    by the pseudo-inverse, so that baskets with the same holdings are averaged.
    """
    prices = np.asarray(names, dtype=float)
    worth = np.asarray(baskets, dtype=float)
    shares = np.asarray(weights, dtype=float)
    if shares.shape != (prices.size, worth.size):
        raise ValueError(
            f"weights has shape {shares.shape}; allowed is ({prices.size}, {worth.size}) to match"
            " names and baskets"
        )
    if not ((prices > 0).all() and (worth > 0).all()):
        raise ValueError("names or baskets holds a forward that is not positive")
    gap = shares.T @ prices - worth
    levers = np.hstack([shares.T * prices, -np.diag(worth)])
    moves = -np.linalg.pinv(levers, rcond=1e-12) @ gap
    return ReconciledForwards(
        prices * (1.0 + moves[: prices.size]),
        worth * (1.0 + moves[prices.size :]),
        gap / worth,
        float(np.abs(moves).max(initial=0.0)),
    )


def basket_bounds(names: ArrayLike, baskets: ArrayLike, weights: ArrayLike) -> BasketBounds:
    """Necessary conditions on each basket by itself.

    Parameters
    ----------
    names, baskets
        (n, d) and (n, K) equiprobable values, each column ascending.
    weights
        (d, K) coefficients of the names in the baskets; negative ones are short positions.

    Returns
    -------
    BasketBounds

    Raises
    ------
    ValueError
        Shapes that do not match, columns that are not ascending.

    Notes
    -----
    A sum is below the comonotone sum of its terms in convex order [1]_: with both centred, the
    average of the basket's largest values at any level is at most that of the comonotone sum,
    and likewise below. And sd(sum) >= sd(one term) - sum of the others' by the triangle
    inequality. Neither knows about the other baskets.

    References
    ----------
    .. [1] Kaas, Dhaene, Goovaerts (2000), "Upper and lower bounds for sums of random variables",
       Insurance: Mathematics and Economics 27.
    """
    terms = np.asarray(names, dtype=float)
    sums = np.asarray(baskets, dtype=float)
    shares = np.asarray(weights, dtype=float)
    if terms.ndim != 2 or sums.ndim != 2 or len(terms) != len(sums):
        raise ValueError(
            f"names has shape {terms.shape} and baskets {sums.shape}; allowed are (n, d) and (n, K)"
        )
    if shares.shape != (terms.shape[1], sums.shape[1]):
        raise ValueError(
            f"weights has shape {shares.shape}; allowed is ({terms.shape[1]}, {sums.shape[1]})"
        )
    if (np.diff(terms, axis=0) < 0).any() or (np.diff(sums, axis=0) < 0).any():
        raise ValueError("names or baskets holds a column that is not ascending")
    together = terms @ np.maximum(shares, 0.0) + terms[::-1] @ np.minimum(shares, 0.0)
    width = np.maximum(sums.std(axis=0), np.finfo(float).tiny)
    lower = np.cumsum((together - together.mean(axis=0)) - (sums - sums.mean(axis=0)), axis=0)
    excess = lower.max(axis=0) / len(sums) / width
    spread = np.abs(shares) * terms.std(axis=0)[:, None]
    floor = 2.0 * spread.max(axis=0, initial=0.0) - spread.sum(axis=0)
    missing = (floor - sums.std(axis=0)) / width
    reasons = tuple(
        "wider_than_comonotone"
        if wide > BOUND_SLACK
        else "narrower_than_largest"
        if narrow > BOUND_SLACK
        else ""
        for wide, narrow in zip(excess, missing, strict=True)
    )
    return BasketBounds(excess, missing, reasons)
