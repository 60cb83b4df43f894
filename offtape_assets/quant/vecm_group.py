"""Information shares of a group with one common price, window by window, with bootstrap bands.

Block moment matrices serve the rank test, the model with price spreads imposed and the bootstrap,
so a day of one-second prices with bands takes milliseconds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offtape_assets.quant.information_share import InformationShares, information_shares
from offtape_assets.quant.vecm import trace_rank
from offtape_assets.quant.vecm_critical import critical_values_95
from offtape_assets.quant.vecm_moments import vecm_design
from offtape_assets.quant.vecm_rolling import vecm_from_moments

Array = NDArray[np.float64]

LAGS = 10  # seconds of short-run dynamics
BLOCK = 300  # rows a bootstrap block: longer than any lead or the life of quote noise
DRAWS = 200
BAND = (2.5, 97.5)  # percentiles of the band
MIN_BLOCKS = 6  # fewer blocks give no band


@dataclass(frozen=True)
class GroupShares:
    """One window of a group.

    Attributes
    ----------
    status : str
        "ok"; "too_few" rows; "singular" (a constant or duplicate series); "no_cointegration" (the
        trace test does not find n - 1 vectors, so there is no one common trend). Shares are NaN
        unless it is "ok".
    n_obs : int
        Complete rows.
    rank : int or None
        Cointegration rank by the trace test.
    eigenvalues, trace, max_eigen : ndarray, shape (n,)
        Johansen's statistics by null rank.
    shares : InformationShares
        Every field of shape (n,).
    band_low, band_high : ndarray, shape (n,)
        95 % bootstrap band of `shares.mean`; NaN with fewer than six blocks.
    """

    status: str
    n_obs: int
    rank: int | None
    eigenvalues: Array
    trace: Array
    max_eigen: Array
    shares: InformationShares
    band_low: Array
    band_high: Array


def group_shares(
    levels: Array,
    rng: np.random.Generator,
    lags: int = LAGS,
    block: int = BLOCK,
    draws: int = DRAWS,
) -> GroupShares:
    """Estimate the shares of one window with spreads over the first series imposed.

    Parameters
    ----------
    levels : ndarray, shape (n_time, n)
        Log prices in common units (a leveraged fund's divided by its leverage); NaN where unknown.
    rng : numpy.random.Generator
        Draws the bootstrap.
    lags : int
        Lagged differences.
    block : int
        Rows a bootstrap block.
    draws : int
        Bootstrap draws.

    Returns
    -------
    GroupShares
        Shares with bounds and band, rank statistics and status.

    Raises
    ------
    ValueError
        If the shape or a setting is not allowed.

    Notes
    -----
    dy_t = alpha z_{t-1} + Gamma lags + mu + e_t with z the spreads over the first series, by OLS.
    The band resamples whole blocks of rows: a draw is a multinomial reweighting of the blocks'
    moment matrices. It measures sampling error of a share; that a share's band excludes another's
    is no test of leadership, because a cleaner series has the larger share with nobody leading.
    """
    if block < 1 or draws < 1:
        raise ValueError(f"block is {block} and draws {draws}; both must be at least 1")
    n = levels.shape[1]
    design = vecm_design(levels, lags)
    size = min(block, len(design))
    n_blocks = len(design) // size
    used = design[len(design) - n_blocks * size :]  # the oldest rows make way
    parts = used.reshape(n_blocks, size, -1)
    moments = np.matmul(parts.transpose(0, 2, 1), parts)
    whole = moments.sum(axis=0)[None]
    test = vecm_from_moments(whole, n)
    rank = trace_rank(test.trace[0], critical_values_95(n, "constant")[0])
    status = str(test.status[0])
    if status == "ok" and rank is not None and rank < n - 1:
        status = "no_cointegration"
    point = vecm_from_moments(whole, n, known_spreads=True)
    shares = information_shares(point.permanent[0], point.omega[0])
    if status == "ok" and not np.isfinite(shares.mean).all():
        status = "singular"
    if status != "ok":
        shares = InformationShares(*(np.full(n, np.nan) for _ in shares))
    low, high = np.full(n, np.nan), np.full(n, np.nan)
    if status == "ok" and n_blocks >= MIN_BLOCKS:
        weights = rng.multinomial(n_blocks, np.full(n_blocks, 1.0 / n_blocks), draws)
        drawn = vecm_from_moments(np.tensordot(weights.astype(float), moments, 1), n, True)
        resampled = information_shares(drawn.permanent, drawn.omega).mean
        resampled = resampled[np.isfinite(resampled).all(axis=1)]
        if len(resampled) > draws // 2:
            low, high = np.percentile(resampled, BAND, axis=0)
    return GroupShares(
        status,
        int(test.n_obs[0]),
        rank,
        test.eigenvalues[0],
        test.trace[0],
        test.max_eigen[0],
        shares,
        low,
        high,
    )
