"""Every name against the event's probability: association in time within one session.

Not a cointegrated pair, so there are no shares here. The probability is smoothed both ways in
time and is never an input of another estimate.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.estimates.leadership import Row, known
from offtape_assets.estimates.leadership_prices import (
    SECOND_NS,
    by_ticker,
    fresh_seconds,
    seconds_of,
)
from offtape_assets.estimates.table_rows import frame_of
from offtape_assets.estimates.ticks import nanoseconds
from offtape_assets.market.calendar import Session
from offtape_assets.quant.lead_lag_event import (
    REACHES,
    SmoothedEvent,
    event_lead_test,
    market_adjusted,
    smooth_event,
)
from offtape_assets.quant.lead_lag_test import SIZE
from offtape_assets.tables.model_leadership import LEAD_TESTS

Array = NDArray[np.float64]

EVENT_GROUP = "event"
MARKET = "SPY"  # whose return is taken out of every other name's


def measure_event_leads(
    ticks: pl.DataFrame, trades: pl.DataFrame, yes: str, no: str, hours: Session
) -> pl.DataFrame:
    """Test the event's first contract against every name, in both orders.

    Parameters
    ----------
    ticks
        Rows of features.mid_ticks (ticker, ts, log_mid_price) of one day.
    trades
        Rows of raw.kalshi_trades; may be empty.
    yes, no
        The two contracts of the event.
    hours
        Regular hours: what trades outside them has no counterpart among the names.

    Notes
    -----
    `is_leader` is decided at the shorter reach, one pair at a time at 5 %: with forty names two
    pairs are expected to be named by chance.
    """
    event = smooth_session(trades, yes, no, hours)
    edges = seconds_of(hours)
    series = by_ticker(ticks)
    label = {
        "window_end": hours.close.replace(tzinfo=None),
        "window_minutes": len(edges) // 60,
        "group_name": EVENT_GROUP,
        "method": EVENT_GROUP,
    }
    market = np.diff(series[MARKET].on_grid(edges)) if MARKET in series else None
    rows: list[Row] = []
    for ticker in sorted(series) if trades.height else []:
        returns = np.diff(series[ticker].on_grid(edges))
        adjusted = returns if ticker == MARKET else _adjusted(returns, market)
        stale = 1.0 - float(fresh_seconds(series[ticker], edges).mean())
        for reach in REACHES:
            for row in _both_orders(event, adjusted, reach, yes, ticker):
                rows.append({**label, **row, "stale_share": stale})
    return frame_of(LEAD_TESTS, rows)


def smooth_session(trades: pl.DataFrame, yes: str, no: str, hours: Session) -> SmoothedEvent:
    """The first contract's probability at every second of the session, from both contracts.

    A trade of the second contract at q counts as one of the first at 1 - q less the usual gap
    between the two.
    """
    start, end = nanoseconds(hours.open), nanoseconds(hours.close)
    own = trades.filter(pl.col("contract").is_in([yes, no])).sort("ts", maintain_order=True)
    stamps = own["ts"].cast(pl.Datetime("ns")).to_physical().to_numpy()
    inside = (stamps >= start) & (stamps < end)
    is_yes = (own["contract"] == yes).to_numpy()[inside]
    price = own["price"].cast(pl.Float64).to_numpy()[inside]
    seconds = (stamps[inside] - start) / SECOND_NS
    implied = np.where(is_yes, price, 1.0 - price)
    if is_yes.any() and not is_yes.all():
        latest = np.maximum.accumulate(np.where(is_yes, np.arange(len(price)), -1))
        paired = ~is_yes & (latest >= 0)
        if paired.any():
            implied[~is_yes] -= np.median(implied[paired] - implied[latest[paired]])
    return smooth_event(seconds, implied, (end - start) // SECOND_NS)


def _adjusted(returns: Array, market: Array | None) -> Array:
    return returns if market is None else market_adjusted(returns, market)


def _both_orders(
    event: SmoothedEvent, adjusted: Array, reach: int, yes: str, ticker: str
) -> list[Row]:
    if event.status == "ok":
        test = event_lead_test(adjusted, event.probability, reach)
        status, z, p_value = test.status, test.z, test.p_value
        asymmetry, n_blocks = test.asymmetry, test.n_blocks
    else:
        status, z, p_value, asymmetry, n_blocks = event.status, np.nan, np.nan, np.nan, 0
    decides = status == "ok" and reach == REACHES[0] and p_value <= SIZE
    return [
        {
            "leader": leader,
            "follower": follower,
            "reach_seconds": float(reach),
            "asymmetry": known(sign * asymmetry),
            "z": known(sign * z),
            "p_value": known(p_value),
            "n_blocks": n_blocks,
            "status": status,
            "is_leader": bool(sign * z > 0) if decides else None,
        }
        for sign, leader, follower in ((1.0, yes, ticker), (-1.0, ticker, yes))
    ]
