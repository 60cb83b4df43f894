"""A name against the probability of an event: association in time, never cointegration.

Market-adjusted returns against increments of a two-sided (zero-phase) smoothed probability. The
causally filtered probability and last-trade prices are late by construction and must not be used.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offtape_assets.quant.kalman import filter_local_level, fit_local_level, smooth_local_level
from offtape_assets.quant.lead_lag_test import LeadTest, grid_lead_test

Array = NDArray[np.float64]

TICK = 0.01  # dollars: the smallest price step of the contracts
MARKET_LAGS = 2  # leads and lags of the market return that are taken out
REACHES = (15, 60)  # seconds over which the asymmetry is summed
BLOCK = 600  # seconds a block
MIN_TRADES = 50


class SmoothedEvent(NamedTuple):
    """Probability on a one-second grid given the whole day's trades; NaN unless status is "ok".

    `probability` has shape (n_seconds,); the variances are per second and per trade.
    """

    status: str
    probability: Array
    level_variance: float
    noise_variance: float


def smooth_event(seconds: Array, prices: Array, n_seconds: int) -> SmoothedEvent:
    """Smooth an event contract's trades over a one-second grid, both ways in time.

    Parameters
    ----------
    seconds : ndarray, shape (n_trades,)
        Trade instants in seconds from the start of the grid, ascending.
    prices : ndarray, shape (n_trades,)
        Trade prices, 0..1.
    n_seconds : int
        Length of the grid.

    Returns
    -------
    SmoothedEvent
        Status "ok", "too_few" (trades) or "no_news" (the best fit is a constant).

    Raises
    ------
    ValueError
        If shapes differ, or an instant lies outside the grid.

    Notes
    -----
    Second s observes the mean of its trades with noise variance R / count; a second without a trade
    is missing. Q and R are fitted by maximum likelihood, R no smaller than a cent tick's rounding
    variance tick^2 / 12; then the fixed-interval smoother, which has no phase delay.
    """
    if seconds.shape != prices.shape or seconds.ndim != 1:
        raise ValueError(f"seconds and prices have shapes {seconds.shape} and {prices.shape}")
    if len(seconds) and not (seconds.min() >= 0 and seconds.max() < n_seconds):
        raise ValueError(f"seconds must lie in [0, {n_seconds})")
    empty = np.full(n_seconds, np.nan)
    if len(seconds) < MIN_TRADES:
        return SmoothedEvent("too_few", empty, np.nan, np.nan)
    second = seconds.astype(np.int64)
    count = np.bincount(second, minlength=n_seconds).astype(float)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(second, prices, minlength=n_seconds) / count
    first = second[0]
    weights = 1.0 / np.maximum(count[first:], 1.0)
    fit = fit_local_level(mean[first:], noise_weights=weights)
    if fit.status not in ("ok", "no_observation_noise"):
        status = "too_few" if fit.status == "too_few" else "no_news"
        return SmoothedEvent(status, empty, np.nan, np.nan)
    noise = max(fit.noise_variance, TICK**2 / 12.0)
    filtered = filter_local_level(mean[first:], fit.level_variance, noise * weights)
    probability = empty
    probability[first:] = smooth_local_level(filtered, fit.level_variance).mean
    return SmoothedEvent("ok", probability, fit.level_variance, noise)


def market_adjusted(returns: Array, market: Array, lags: int = MARKET_LAGS) -> Array:
    """Residuals of a name's returns on leading, current and lagged market returns.

    Parameters
    ----------
    returns, market : ndarray, shape (n_time,)
        Returns on one grid; NaN where unknown.
    lags : int
        Leads and lags of the market.

    Returns
    -------
    ndarray, shape (n_time,)
        OLS residuals; NaN where a return is unknown and at the ends.

    Raises
    ------
    ValueError
        If shapes differ or `lags` is negative.
    """
    if returns.shape != market.shape or returns.ndim != 1:
        raise ValueError(f"returns and market have shapes {returns.shape} and {market.shape}")
    if not 0 <= lags < len(returns) // 2:
        raise ValueError(f"lags is {lags}; it must lie in 0..{len(returns) // 2 - 1}")
    padded = np.pad(market, lags, constant_values=np.nan)
    columns = np.lib.stride_tricks.sliding_window_view(padded, 2 * lags + 1)
    design = np.column_stack([columns, np.ones(len(returns))])
    known = np.isfinite(design).all(axis=1) & np.isfinite(returns)
    residuals = np.full(len(returns), np.nan)
    if known.sum() > 2 * design.shape[1]:
        rows, target = design[known], returns[known]
        slope = np.linalg.lstsq(rows.T @ rows, rows.T @ target, rcond=None)[0]
        residuals[known] = target - rows @ slope
    return residuals


def event_lead_test(
    adjusted: Array, probability: Array, reach: int = REACHES[0], block: int = BLOCK
) -> LeadTest:
    """Test whether the event probability moves before a name's own returns do.

    Parameters
    ----------
    adjusted : ndarray, shape (n_seconds - 1,)
        Market-adjusted returns from second to second.
    probability : ndarray, shape (n_seconds,)
        Two-sided smoothed probability at the same seconds, from `smooth_event`.
    reach, block : int
        Seconds of the asymmetry and of a block.

    Returns
    -------
    LeadTest
        Positive asymmetry: news that moves the probability reaches the name later (or, if the two
        move against each other, still later: the sign of the association is taken out).

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Both signs of association occur among names, so the products are multiplied by the sign of
    sum_t x_t (y_{t-L} + .. + y_{t+L}). Under "no association" that sign is a coin, which leaves
    the test's size alone.
    """
    if probability.shape != (len(adjusted) + 1,):
        raise ValueError(
            f"probability has shape {probability.shape}; it must be ({len(adjusted) + 1},)"
        )
    steps = np.diff(probability)
    test = grid_lead_test(steps, adjusted, reach, block)
    if test.status != "ok" or _association(steps, adjusted, reach) >= 0.0:
        return test
    return test._replace(asymmetry=-test.asymmetry, z=-test.z)


def _association(steps: Array, adjusted: Array, reach: int) -> float:
    """Sum of cross-products over all lags up to the reach; its sign is the association's."""
    known = np.isfinite(steps) & np.isfinite(adjusted)
    x, y = (np.where(known, v - v[known].mean(), 0.0) for v in (steps, adjusted))
    total = np.concatenate([[0.0], np.cumsum(y)])
    ahead = np.minimum(np.arange(len(y)) + reach + 1, len(y))
    behind = np.maximum(np.arange(len(y)) - reach, 0)
    return float(x @ (total[ahead] - total[behind]))
