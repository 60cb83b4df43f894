"""Positions taken on dislocations, their profit to settlement, and what a statement of it is worth.

A position decided at an hour is entered at that hour's price and earns the next hour's change;
thresholds are in dislocation, probabilities in contract_transform, merton, contract_simulation.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from offtape_assets.quant.riskmetrics import HOURS_PER_YEAR

ENTER_SD, LEAVE_SD = 1.0, 0.1
"""The article's rule: in at one standard deviation, out at a tenth of one."""
REVERTED, EXPIRED, DATA_END = "reverted", "expired", "data_end"


class RoundTrips(NamedTuple):
    """Trades of one contract; arrays of shape (trades,).

    entry, exit : hour indices (exit = hours where held to the end); side : +1 long, -1 short;
    entry_price, exit_price, cost, pnl : dollars a unit, pnl after cost; reason : why it ended.
    """

    entry: NDArray[np.int64]
    exit: NDArray[np.int64]
    side: NDArray[np.int64]
    entry_price: NDArray[np.float64]
    exit_price: NDArray[np.float64]
    cost: NDArray[np.float64]
    pnl: NDArray[np.float64]
    reason: NDArray[np.str_]


class Performance(NamedTuple):
    """Figures of an hourly profit series in dollars a unit; se = standard error, NaN if undefined.

    Sharpe ratios are of dollar profit (no capital is defined); hit_ratio is the share of hours with
    profit among hours with profit or loss; max_drawdown is in dollars, not negative.
    """

    pnl: float
    pnl_se: float
    sharpe_hourly: float
    sharpe_hourly_se: float
    sharpe_annual: float
    sharpe_annual_se: float
    hit_ratio: float
    hit_ratio_se: float
    max_drawdown: float
    n_hours: int


def threshold_positions(
    dislocation: NDArray[np.float64],
    threshold: NDArray[np.float64],
    enter: float = ENTER_SD,
    leave: float = LEAVE_SD,
) -> NDArray[np.float64]:
    """Short one unit above `enter` thresholds, until the dislocation is back to `leave` of one.

    Parameters
    ----------
    dislocation : (hours, contracts) market minus model; NaN where nothing may be traded.
    threshold : same shape, positive; NaN where not known yet.
    enter, leave : in thresholds, 0 <= leave < enter.

    Returns
    -------
    (hours, contracts) position held after each hour's decision: -1, 0 or 1. Hours that may not be
    traded keep the position; a dislocation of the other sign beyond `enter` turns it around.

    Raises
    ------
    ValueError : shapes that differ or leave not below enter.
    """
    if dislocation.ndim != 2 or dislocation.shape != threshold.shape:
        raise ValueError(
            f"dislocation {dislocation.shape} and threshold {threshold.shape}: "
            "both must be (hours, contracts)"
        )
    if not 0.0 <= leave < enter:
        raise ValueError(f"leave {leave} and enter {enter}: 0 <= leave < enter is allowed")
    return _threshold_positions(
        np.asarray(dislocation, float), np.asarray(threshold, float), enter, leave
    )


@njit(cache=True, nogil=True)
def _threshold_positions(
    dislocation: NDArray[np.float64], threshold: NDArray[np.float64], enter: float, leave: float
) -> NDArray[np.float64]:
    position = np.zeros(dislocation.shape)
    for c in range(dislocation.shape[1]):
        held = 0.0
        for t in range(dislocation.shape[0]):
            gap, unit = dislocation[t, c], threshold[t, c]
            if np.isfinite(gap) and np.isfinite(unit):
                if held * gap >= -leave * unit:
                    held = 0.0
                if gap > enter * unit:
                    held = -1.0
                elif gap < -enter * unit:
                    held = 1.0
            position[t, c] = held
    return position


def sigmoid_positions(
    dislocation: NDArray[np.float64], threshold: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The article's first idea: minus the sigmoid 2 / (1 + exp(-x)) - 1 of x = dislocation/threshold.

    Parameters
    ----------
    dislocation, threshold : (hours, contracts), as in `threshold_positions`.

    Returns
    -------
    (hours, contracts) position in (-1, 1); hours that may not be traded keep the position.
    """
    wanted = -np.tanh(0.5 * dislocation / threshold)
    hours = np.arange(wanted.shape[0])[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(wanted), hours, -1), axis=0)
    held = np.take_along_axis(wanted, np.maximum(last, 0), axis=0)
    return np.where(last >= 0, held, 0.0)


def hourly_profit(
    position: NDArray[np.float64],
    price: NDArray[np.float64],
    settlement: NDArray[np.float64],
    half_spread: float,
    fee_rate: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Profit of each hour by marking to the market price, and the cost of each hour's trades.

    Parameters
    ----------
    position : (hours, contracts) held after each hour's decision.
    price : (hours, contracts) market price in dollars, no gaps.
    settlement : (contracts,) 0 or 1; NaN where unknown: then closed at the last price, at a cost.
    half_spread : dollars a unit traded. fee_rate : (contracts,), fee = rate p (1 - p) a unit.

    Returns
    -------
    profit, cost : (hours + 1, contracts); element t is what arrives with hour t's price, the last
    one with the settlement. profit is before cost.

    Raises
    ------
    ValueError : shapes that do not match or a negative half_spread.
    """
    if position.shape != price.shape or settlement.shape != price.shape[1:]:
        raise ValueError(
            f"position {position.shape}, price {price.shape}, settlement {settlement.shape}: "
            "(hours, contracts) twice and (contracts,) are allowed"
        )
    if half_spread < 0.0:
        raise ValueError(f"half_spread is {half_spread}; a number >= 0 is allowed")
    closed = np.where(np.isfinite(settlement), settlement, price[-1])
    path = np.vstack([price, closed])
    profit = np.zeros(path.shape)
    profit[1:] = position * np.diff(path, axis=0)
    traded = np.abs(np.diff(position, axis=0, prepend=0.0))
    sold = np.where(np.isfinite(settlement), 0.0, np.abs(position[-1]))
    unit = half_spread + fee_rate * path * (1.0 - path)
    return profit, np.vstack([traded, sold]) * unit


def round_trips(
    position: NDArray[np.float64],
    price: NDArray[np.float64],
    cost: NDArray[np.float64],
    settlement: float,
) -> RoundTrips:
    """Trades of one contract from its position of -1, 0, 1.

    Parameters
    ----------
    position, price : (hours,); cost : (hours + 1,) as `hourly_profit` gives it.
    settlement : 0, 1 or NaN (closed at the last price, reason data_end).

    Returns
    -------
    RoundTrips; a turn-around's cost is split evenly between the trade it ends and the one it starts.
    """
    hours = position.size
    change = np.flatnonzero(np.diff(position, prepend=0.0))
    starts = change[position[change] != 0.0]
    follow = np.searchsorted(change, starts, side="right")
    ends = np.r_[change, hours][follow]
    final = settlement if np.isfinite(settlement) else price[-1]
    path = np.r_[price, final]
    side = position[starts]
    turns = np.r_[np.abs(np.diff(position, prepend=0.0)), 1.0]
    paid = cost[starts] / turns[starts] + cost[ends] / turns[ends]
    last = EXPIRED if np.isfinite(settlement) else DATA_END
    return RoundTrips(
        starts,
        ends,
        side.astype(np.int64),
        path[starts],
        path[ends],
        paid,
        side * (path[ends] - path[starts]) - paid,
        np.where(ends == hours, last, REVERTED),
    )


def performance(profit: NDArray[np.float64], lags: int = 24) -> Performance:
    """Figures of an hourly profit series and how far they can be trusted.

    Parameters
    ----------
    profit : (hours,) dollars of every hour in the sample, quiet hours included.
    lags : hours of autocorrelation the standard errors allow for.

    Returns
    -------
    Performance; with fewer than 2 `lags` hours the Sharpe ratio and the errors are NaN (the errors
    would be far too small), and without variation the ratios.

    Raises
    ------
    ValueError : more than one axis or a value that is not finite.

    Notes
    -----
    The Sharpe ratio's standard error is the delta method on (mean, variance) with Newey-West
    long-run variance [1]_; annual = hourly sqrt(8760). It does not know that a handful of weekly
    contracts share one path of the underlying: read it beside the number of expiries.

    References
    ----------
    .. [1] A. Lo (2002), The statistics of Sharpe ratios, Financial Analysts Journal 58(4), 36-52.
    """
    profit = np.asarray(profit, dtype=np.float64)
    if profit.ndim != 1 or not np.all(np.isfinite(profit)):
        raise ValueError(f"profit {profit.shape} must be one axis of finite dollars")
    hours = profit.size
    total = np.r_[0.0, np.cumsum(profit)]
    drawdown = float(np.max(np.maximum.accumulate(total) - total))
    mean, sd = (profit.mean(), profit.std()) if hours else (0.0, 0.0)
    sharpe = sharpe_se = np.nan
    is_enough = hours >= 2 * lags and hours > 1
    if is_enough and sd > 0.0:
        sharpe = mean / sd
        unit = (profit - mean) / sd
        sharpe_se = np.sqrt(_long_run_variance(unit - 0.5 * sharpe * (unit**2 - 1.0), lags) / hours)
    moved = np.count_nonzero(profit)
    hits = np.count_nonzero(profit > 0.0) / moved if moved else np.nan
    year = np.sqrt(HOURS_PER_YEAR)
    return Performance(
        float(profit.sum()),
        float(np.sqrt(_long_run_variance(profit - mean, lags) * hours)) if is_enough else np.nan,
        float(sharpe),
        float(sharpe_se),
        float(sharpe * year),
        float(sharpe_se * year),
        float(hits),
        float(np.sqrt(hits * (1.0 - hits) / moved)) if moved else np.nan,
        drawdown,
        hours,
    )


def _long_run_variance(centred: NDArray[np.float64], lags: int) -> float:
    """Newey-West variance of a mean times its length (Bartlett weights, never negative)."""
    total = centred @ centred
    for lag in range(1, min(lags, centred.size - 1) + 1):
        total += 2.0 * (1.0 - lag / (lags + 1)) * (centred[lag:] @ centred[:-lag])
    return max(float(total), 0.0) / centred.size
