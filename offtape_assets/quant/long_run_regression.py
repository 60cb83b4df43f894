"""Betas of a whole session when prices are late: least squares on long-run covariances.

Covariances are summed over leads and lags, so a return that reaches a price some seconds after
the factor is counted in full; standard errors come from blocks much longer than the lags.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

REACH = 30
"""Rows of leads and of lags: most late quotes have come after 30 s."""
BLOCK = 600
"""Rows of a block; twenty reaches, and 39 blocks in a session."""
MIN_BLOCKS = 12
"""Below it the standard errors of five betas mean nothing."""
OK, TOO_FEW, SINGULAR = "ok", "too_few", "singular"


@dataclass(frozen=True)
class LongRunBetas:
    """One regression; NaN where status is not 'ok'.

    Attributes
    ----------
    alpha
        Mean return per row that the factors leave.
    beta, standard_error
        Shape (K,); the errors by leaving out blocks.
    r_squared
        Of the returns' sums over blocks a tenth as long.
    n_obs, dof
        Complete rows; blocks less betas.
    status
        'ok', 'too_few' or 'singular'.
    """

    alpha: float
    beta: Array
    standard_error: Array
    r_squared: float
    n_obs: int
    dof: int
    status: str


def long_run_betas(
    returns: Array, factors: Array, reach: int = REACH, block: int = BLOCK
) -> LongRunBetas:
    """Regress returns on factors by covariances summed over `reach` leads and lags.

    Parameters
    ----------
    returns, factors
        Shapes (T,) and (T, K); NaN rows count as no move.
    reach
        Rows; 0 is ordinary least squares.
    block
        Rows of a block of the standard errors, more than twice the reach.

    Raises
    ------
    ValueError
        If shapes disagree or the block is too short.

    Notes
    -----
    With z_t = sum over |k| <= reach of F_{t+k}, beta = (sum z_t F_t')^-1 sum z_t r_t: Dimson's
    sum of lead and lag betas [1] with one matrix instead of 2 reach + 1 slopes a factor, the
    flat-top long-run covariance of [2] in both moments. Rows are weighted by the inverse residual
    variance of their block, from a first pass without weights, so that the open and a name's own
    jumps do not drown the rest. Standard errors are those of the delete-one-block jackknife,
    (B - 1)/B sum_b (beta_(-b) - beta)^2.

    References
    ----------
    .. [1] Dimson (1979), "Risk measurement when shares are subject to infrequent trading",
       J. Financial Economics 7, 197-226.
    .. [2] Politis and Romano (1995), "Bias-corrected nonparametric spectral estimation",
       J. Time Series Analysis 16, 67-103.
    """
    if returns.ndim != 1 or factors.ndim != 2 or len(returns) != len(factors):
        raise ValueError(f"returns {returns.shape}, factors {factors.shape}: want (T,), (T, K)")
    if reach < 0 or block <= 2 * reach:
        raise ValueError(f"reach={reach}, block={block}: want 0 or more, and more than 2 reach")
    complete = np.isfinite(returns) & np.isfinite(factors).all(axis=1)
    n_obs, width = int(complete.sum()), factors.shape[1]
    blocks = len(returns) // block
    if blocks < MIN_BLOCKS or n_obs < block * MIN_BLOCKS or blocks <= width:
        return _nothing(width, n_obs, TOO_FEW)
    moves = np.where(complete[:, None], factors - factors[complete].mean(axis=0), 0.0)
    target = np.where(complete, returns - returns[complete].mean(), 0.0)
    instruments = _moving_sum(moves, reach)
    cross = instruments.T @ moves
    scale = np.sqrt(np.einsum("tk,tk->k", moves, moves))
    if not (scale > 0).all() or np.linalg.cond(cross / np.outer(scale, scale)) > 1e8:
        return _nothing(width, n_obs, SINGULAR)
    starts = np.arange(blocks) * block
    residual = target - moves @ np.linalg.solve(cross, instruments.T @ target)
    weighted = instruments * _block_weights(residual, starts)[:, None]
    beta, error = _jackknifed(weighted, moves, target, starts[:blocks])
    residual = target - moves @ beta
    short = np.arange(0, len(returns), max(1, block // 10))
    left, whole = (np.add.reduceat(series, short) for series in (residual, target))
    r_squared = 1.0 - float(left @ left / (whole @ whole)) if whole.any() else np.nan
    alpha = float(returns[complete].mean() - factors[complete].mean(axis=0) @ beta)
    return LongRunBetas(alpha, beta, error, r_squared, n_obs, blocks - width, OK)


def _moving_sum(series: Array, reach: int) -> Array:
    """Sum of the rows at most `reach` away, shape (T, K)."""
    padded = np.concatenate([np.zeros((1, series.shape[1])), np.cumsum(series, axis=0)])
    rows = np.arange(len(series))
    last = np.minimum(rows + reach + 1, len(series))
    return padded[last] - padded[np.maximum(rows - reach, 0)]


def _jackknifed(
    instruments: Array, moves: Array, target: Array, starts: NDArray[np.intp]
) -> tuple[Array, Array]:
    """Betas of all rows and their errors from leaving out one block at a time, both (K,)."""
    edges = np.append(starts, len(target))
    pieces = [slice(a, b) for a, b in pairwise(edges)]
    crosses = np.array([instruments[piece].T @ moves[piece] for piece in pieces])
    products = np.array([instruments[piece].T @ target[piece] for piece in pieces])
    cross, product = crosses.sum(axis=0), products.sum(axis=0)
    beta = np.linalg.solve(cross, product)
    without = np.linalg.solve(cross - crosses, (product - products)[..., None])[..., 0]
    count = len(starts)
    return beta, np.sqrt((count - 1) / count * ((without - beta) ** 2).sum(axis=0))


def _block_weights(residual: Array, starts: NDArray[np.intp]) -> Array:
    """One over the mean squared residual of the row's block, relative to the median block, (T,)."""
    rows = np.diff(np.append(starts, len(residual)))
    squares = np.add.reduceat(residual**2, starts) / rows
    typical = np.median(squares)
    return (
        np.repeat(typical / np.maximum(squares, 1e-3 * typical), rows)
        if typical
        else (np.ones(len(residual)))
    )


def _nothing(width: int, n_obs: int, status: str) -> LongRunBetas:
    empty = np.full(width, np.nan)
    return LongRunBetas(np.nan, empty, empty, np.nan, n_obs, 0, status)
