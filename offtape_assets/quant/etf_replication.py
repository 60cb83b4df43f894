"""The smallest stock portfolio with a fund's factor loadings, and what its estimates are worth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

OK, SINGULAR = "ok", "singular"
LARGEST_CONDITION = 1e8
"""Of L L': beyond it the weights are noise."""
SMALLEST_SUM = 1e-6
"""A weight sum below it cannot be normalized to one."""


@dataclass(frozen=True)
class Replication:
    """Weights of N stocks; NaN where status is not 'ok'.

    Attributes
    ----------
    weights
        Exact in the loadings, smallest in w'Dw, shape (N,).
    weights_normalized
        The same over their sum, NaN where that is about zero, shape (N,).
    exposure_error, exposure_error_normalized
        Largest |L w - beta| over the factors, of either weights.
    tracking_variance
        w'Dw: variance of what the stocks bring besides the factors.
    status
        'ok' or 'singular'.
    """

    weights: Array
    weights_normalized: Array
    exposure_error: float
    exposure_error_normalized: float
    tracking_variance: float
    status: str


def replicate(
    stock_loadings: Array, fund_loadings: Array, own_variances: Array | None = None
) -> Replication:
    """Minimum-variance weights that match a fund's loadings exactly.

    Parameters
    ----------
    stock_loadings
        L, shape (K, N) with N >= K.
    fund_loadings
        beta, shape (K,).
    own_variances
        Idiosyncratic variances D, positive, shape (N,); None for equal ones, the seed's case.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite or a variance not positive.

    Notes
    -----
    w = D^-1 L'(L D^-1 L')^-1 beta; with D = I the seed's w = L'(LL')^-1 beta (Appendix D), the
    minimum norm. Normalizing to sum one scales the exposures too, hence the second error.
    """
    if stock_loadings.ndim != 2 or fund_loadings.shape != stock_loadings.shape[:1]:
        raise ValueError(
            f"stock_loadings {stock_loadings.shape}, fund_loadings {fund_loadings.shape}:"
            " want (K, N) and (K,)"
        )
    factors, stocks = stock_loadings.shape
    variances = np.ones(stocks) if own_variances is None else own_variances
    if variances.shape != (stocks,) or not (variances > 0).all():
        raise ValueError(f"own_variances of shape {variances.shape}: want {stocks} positive")
    if not (np.isfinite(stock_loadings).all() and np.isfinite(fund_loadings).all()):
        raise ValueError("stock_loadings, fund_loadings: want finite numbers")
    scaled = stock_loadings / variances
    gram = scaled @ stock_loadings.T
    if stocks < factors or np.linalg.cond(gram) > LARGEST_CONDITION:
        empty = np.full(stocks, np.nan)
        return Replication(empty, empty, np.nan, np.nan, np.nan, SINGULAR)
    weights = scaled.T @ np.linalg.solve(gram, fund_loadings)
    total = weights.sum()
    normalized = weights / total if abs(total) > SMALLEST_SUM else np.full(stocks, np.nan)
    return Replication(
        weights,
        normalized,
        float(np.abs(stock_loadings @ weights - fund_loadings).max()),
        float(np.abs(stock_loadings @ normalized - fund_loadings).max()),
        float(weights**2 @ variances),
        OK,
    )
