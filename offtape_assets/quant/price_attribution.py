"""Changes of the mid split by whether a print happened around them: quote-driven or trade-driven."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from offtape_assets.quant.microstructure import MINUTE_NS, bucket_edges
from offtape_assets.quant.mid_price import (
    PER_DOLLAR,
    check_ascending,
    check_same_length,
    twice_mid,
)

__all__ = ["Attribution", "VarianceShares", "attribute_changes", "share_variance"]

MIN_BUCKETS = 30
"""A variance from 30 values is known to sqrt(2/29) = 26 %; from fewer, its shares say nothing."""


class Attribution(NamedTuple):
    """Mid changes per bucket in dollars, shape (buckets,); NaN before the first mid."""

    total: NDArray[np.float64]
    quote_part: NDArray[np.float64]
    trade_part: NDArray[np.float64]


class VarianceShares(NamedTuple):
    """Shares of the variance of bucket changes; they sum to 1. NaN unless status is 'ok'."""

    quote: float
    trade: float
    covariance: float
    status: str
    """'ok', 'too_few' buckets, or 'no_change' of the mid."""


def attribute_changes(
    quote_ts: NDArray[np.int64],
    bid: NDArray[np.int64],
    ask: NDArray[np.int64],
    print_ts: NDArray[np.int64],
    window_ns: int,
    open_ns: int,
    close_ns: int,
    width_ns: int = MINUTE_NS,
) -> Attribution:
    """Quote-driven and trade-driven change of the mid per bucket of [open, close).

    Parameters
    ----------
    quote_ts, bid, ask
        Quotes in the order they became public, shape (m,): nanoseconds and millionths of a dollar,
        0 for an absent side.
    print_ts
        Prints that happened when they were published, ascending nanoseconds, shape (n,).
    window_ns
        Half-width tau of the window that links a print to a change.
    open_ns, close_ns, width_ns
        Session and bucket width; the width divides the session.

    Raises
    ------
    ValueError
        If an axis is not ascending, lengths differ, the window is negative or the width does not
        divide the session.

    Notes
    -----
    A change of the mid at t is trade-driven if a print lies in [t - tau, t + tau], both ends
    included, else quote-driven. Quotes without a usable mid (one-sided, crossed) are passed over:
    the next usable one carries the whole change. Sums are of integers, so the parts add up to the
    change exactly. A bucket in which the first mid of the day appears counts from that mid.
    """
    check_same_length(quote_ts=quote_ts, bid=bid, ask=ask)
    check_ascending(quote_ts=quote_ts, print_ts=print_ts)
    if window_ns < 0:
        raise ValueError(f"window_ns = {window_ns} must not be negative")
    count = bucket_edges(open_ns, close_ns, width_ns).size - 1
    by_quote, by_trade = np.zeros(count, np.int64), np.zeros(count, np.int64)
    first = _attribute(
        quote_ts, bid, ask, print_ts, window_ns, open_ns, width_ns, by_quote, by_trade
    )
    before_first = np.where(np.arange(count) < first, np.nan, 1.0) / (2 * PER_DOLLAR)
    return Attribution(
        total=(by_quote + by_trade) * before_first,
        quote_part=by_quote * before_first,
        trade_part=by_trade * before_first,
    )


def share_variance(attribution: Attribution) -> VarianceShares:
    """Shares of Var(total) due to the quote part, the trade part and twice their covariance.

    Parameters
    ----------
    attribution
        Changes per bucket; buckets before the first mid are left out.

    Notes
    -----
    Var(q + t) = Var(q) + Var(t) + 2 Cov(q, t), each divided by the left side.
    """
    known = ~np.isnan(attribution.total)
    parts = np.stack((attribution.quote_part[known], attribution.trade_part[known]))
    if parts.shape[1] < MIN_BUCKETS:
        return VarianceShares(np.nan, np.nan, np.nan, "too_few")
    covariance = np.cov(parts)
    variance = covariance.sum()
    if not variance > 0 or not np.ptp(attribution.total[known]):
        return VarianceShares(np.nan, np.nan, np.nan, "no_change")
    return VarianceShares(
        quote=float(covariance[0, 0] / variance),
        trade=float(covariance[1, 1] / variance),
        covariance=float(2 * covariance[0, 1] / variance),
        status="ok",
    )


@njit(cache=True, nogil=True)
def _attribute(  # type: ignore[no-untyped-def]
    quote_ts, bid, ask, print_ts, window_ns, open_ns, width_ns, by_quote, by_trade
):
    """Fill both parts in half millionths; return the first bucket with a mid."""
    last_mid = np.int64(0)
    first = by_quote.size
    candidate = 0
    for row in range(quote_ts.size):
        mid = twice_mid(bid[row], ask[row])
        if not mid or mid == last_mid:
            continue
        bucket = (quote_ts[row] - open_ns) // width_ns
        if bucket >= by_quote.size:
            break
        if not last_mid:
            first = max(bucket, 0)
        elif bucket >= 0:
            while candidate < print_ts.size and print_ts[candidate] < quote_ts[row] - window_ns:
                candidate += 1
            if candidate < print_ts.size and print_ts[candidate] <= quote_ts[row] + window_ns:
                by_trade[bucket] += mid - last_mid
            else:
                by_quote[bucket] += mid - last_mid
        last_mid = mid
    return first
