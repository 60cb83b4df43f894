"""Every name against the event's probability: association in time within one session.

Not a cointegrated pair, so there are no shares here. The probability is smoothed both ways in
time and is never an input of another estimate.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl
import scipy
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
from offtape_assets.quant.lead_lag_test import SIZE, LeadTest
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
    `is_leader` is decided at the shorter reach, at 5 % after the Benjamini-Hochberg adjustment over
    all names; `p_value` is the unadjusted one.
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
    found: list[_Association] = []
    for ticker in sorted(series) if trades.height else []:
        returns = np.diff(series[ticker].on_grid(edges))
        adjusted = returns if ticker == MARKET else _adjusted(returns, market)
        stale = 1.0 - float(fresh_seconds(series[ticker], edges).mean())
        tests = tuple(_test(event, adjusted, reach) for reach in REACHES)
        found.append(_Association(ticker, stale, tests))
    decided = _adjusted_p(found)
    rows = [
        {**label, **row}
        for association, p_value in zip(found, decided, strict=True)
        for row in _both_orders(association, yes, p_value)
    ]
    return frame_of(LEAD_TESTS, rows)


class _Association(NamedTuple):
    """One name's tests against the event, one for each reach."""

    ticker: str
    stale_share: float
    tests: tuple[LeadTest, ...]


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


def _test(event: SmoothedEvent, adjusted: Array, reach: int) -> LeadTest:
    if event.status != "ok":
        return LeadTest(event.status, np.nan, np.nan, np.nan, 0)
    return event_lead_test(adjusted, event.probability, reach)


def _adjusted_p(found: list[_Association]) -> Array:
    """Benjamini-Hochberg over the names' tests at the shorter reach; NaN for a failed one."""
    p_value = np.array([association.tests[0].p_value for association in found])
    known_p = np.isfinite(p_value)
    if known_p.any():
        p_value[known_p] = scipy.stats.false_discovery_control(p_value[known_p])
    return p_value


def _both_orders(association: _Association, yes: str, p_value: float) -> Iterator[Row]:
    for reach, test in zip(REACHES, association.tests, strict=True):
        decides = test.status == "ok" and reach == REACHES[0] and p_value <= SIZE
        for sign, leader, follower in (
            (1.0, yes, association.ticker),
            (-1.0, association.ticker, yes),
        ):
            yield {
                "leader": leader,
                "follower": follower,
                "reach_seconds": float(reach),
                "asymmetry": known(sign * test.asymmetry),
                "z": known(sign * test.z),
                "p_value": known(test.p_value),
                "n_blocks": test.n_blocks,
                "stale_share": association.stale_share,
                "status": test.status,
                "is_leader": bool(sign * test.z > 0) if decides else None,
            }
