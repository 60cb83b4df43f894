"""Quotes and signed prints of one symbol and day, summed over equal buckets of the session.

A bucket is [T - width, T). Prices and sizes enter as whole millionths; NaN leaves where a
quantity does not exist. What the quantities are called in the warehouse is not known here.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from offtape_assets.quant.mid_price import (
    PER_DOLLAR,
    check_ascending,
    check_same_length,
    twice_mid,
)

__all__ = ["MINUTE_NS", "Prints", "QuoteBuckets", "TradeBuckets", "bucket_quotes", "bucket_trades"]

MINUTE_NS = 60_000_000_000

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class QuoteBuckets(NamedTuple):
    """Quote measures per bucket, shape (buckets,); dollars and fractions."""

    mean_mid: Floats
    last_mid: Floats
    price_changes: Ints
    mean_spread: Floats
    mean_relative_spread: Floats
    time_weighted_relative_spread: Floats


class Prints(NamedTuple):
    """Prints of one symbol in the order they became public, shape (n,)."""

    ts: Ints
    """Nanoseconds."""
    price: Ints
    """Millionths of a dollar."""
    size: Ints
    """Millionths of a share."""
    is_iso: NDArray[np.bool_]
    is_odd_lot: NDArray[np.bool_]
    is_signable: NDArray[np.bool_]
    counts_in_volume: NDArray[np.bool_]


class TradeBuckets(NamedTuple):
    """Sums over the prints of each bucket, shape (buckets,); shares and dollars."""

    trades: Ints
    iso_trades: Ints
    volume: Floats
    iso_volume: Floats
    odd_lot_volume: Floats
    signable_volume: Floats
    lee_ready_volume: Floats
    """Shares that Lee-Ready gave a direction."""
    flow: Floats
    """Sum of D P Q."""
    iso_flow: Floats
    iso_signed_volume: Floats
    """Sum of D Q over sweeps."""
    slippage: Floats
    """Sum of D (P - M)."""
    effective_spread: Floats
    """Size-weighted mean, NaN without a signed print."""
    realized_spread: Floats


class _QuoteSums(NamedTuple):
    usable: Ints
    twice_mid: Ints
    spread: Ints
    relative_spread: Floats
    changes: Ints
    spread_time: Floats
    usable_ns: Ints
    last_bid: Ints
    last_ask: Ints


class _TradeSums(NamedTuple):
    trades: Ints
    iso_trades: Ints
    volume: Floats
    iso_volume: Floats
    odd_lot_volume: Floats
    signable_volume: Floats
    lee_ready_volume: Floats
    flow: Floats
    iso_flow: Floats
    iso_signed_volume: Floats
    slippage: Ints
    effective: Floats
    effective_volume: Floats
    realized: Floats
    realized_volume: Floats


def bucket_quotes(
    quote_ts: Ints,
    bid: Ints,
    ask: Ints,
    open_ns: int,
    close_ns: int,
    width_ns: int = MINUTE_NS,
) -> QuoteBuckets:
    """Mids, spreads and price changes of the quotes per bucket of [open, close).

    Parameters
    ----------
    quote_ts, bid, ask
        Quotes in the order they became public, shape (m,): nanoseconds and millionths of a dollar,
        0 for an absent side. Quotes before the open are in force at the open.
    open_ns, close_ns, width_ns
        Session and bucket width; the width divides the session.

    Raises
    ------
    ValueError
        If an axis is not ascending, lengths differ or the width does not divide the session.

    Notes
    -----
    Means run over the bucket's rows with a usable mid (two sides, not crossed); a bucket without
    one carries the quote in force at its end. The last mid is NaN while the quote in force has
    none. A price change is a row whose bid or ask differs from the row before, from an empty book
    for the first. The time-weighted spread weighs each usable quote by its life in the bucket.
    """
    check_same_length(quote_ts=quote_ts, bid=bid, ask=ask)
    check_ascending(quote_ts=quote_ts)
    count = bucket_count(open_ns, close_ns, width_ns)
    sums = _empty(_QuoteSums, count, floats=("relative_spread", "spread_time"))
    _sum_quotes(quote_ts, bid, ask, open_ns, width_ns, sums)
    return _finish_quotes(sums)


def bucket_trades(
    prints: Prints,
    twice_mids: Ints,
    twice_mids_later: Ints,
    flow_sign: NDArray[np.int8],
    lee_ready: NDArray[np.int8],
    open_ns: int,
    close_ns: int,
    width_ns: int = MINUTE_NS,
) -> TradeBuckets:
    """Counts, volumes, signed flow and spreads paid per bucket of [open, close).

    Parameters
    ----------
    prints
        Prints of one symbol; only those that count in volume enter.
    twice_mids, twice_mids_later
        Twice the mid before each print and at the horizon of the realized spread, millionths of a
        dollar, shape (n,); 0 where there is none.
    flow_sign, lee_ready
        Directions, shape (n,): the one that signs flow and Lee-Ready, which signs the spreads.

    Raises
    ------
    ValueError
        If lengths differ or the width does not divide the session.

    Notes
    -----
    With direction D, price P, size Q and mid M: flow is sum D P Q, slippage sum D (P - M), the
    effective spread sum Q 2D(P - M)/M / sum Q over prints with a direction and a mid, and the
    realized spread the same with the later mid in the difference (M stays in the denominator)
    [1]_.

    References
    ----------
    .. [1] Holden, Jacobsen (2014), Liquidity measurement problems in fast, competitive markets,
       Journal of Finance 69, eq. 2-4.
    """
    check_same_length(
        **prints._asdict(),
        twice_mids=twice_mids,
        twice_mids_later=twice_mids_later,
        flow_sign=flow_sign,
        lee_ready=lee_ready,
    )
    count = bucket_count(open_ns, close_ns, width_ns)
    whole = ("trades", "iso_trades", "slippage")
    sums = _empty(_TradeSums, count, floats=[f for f in _TradeSums._fields if f not in whole])
    _sum_trades(prints, twice_mids, twice_mids_later, flow_sign, lee_ready, open_ns, width_ns, sums)
    return _finish_trades(sums)


def bucket_count(open_ns: int, close_ns: int, width_ns: int) -> int:
    """Buckets of `width_ns` in [open, close)."""
    if width_ns <= 0 or close_ns <= open_ns or (close_ns - open_ns) % width_ns:
        raise ValueError(
            f"width_ns = {width_ns} must be positive and divide the session [{open_ns}, {close_ns})"
        )
    return (close_ns - open_ns) // width_ns


def _empty(kind, count, floats):  # type: ignore[no-untyped-def]
    return kind(
        *(np.zeros(count, np.float64 if name in floats else np.int64) for name in kind._fields)
    )


def _finish_quotes(sums: _QuoteSums) -> QuoteBuckets:
    last = np.where((sums.last_bid > 0) & (sums.last_bid <= sums.last_ask), 1.0, np.nan)
    last_twice_mid = last * (sums.last_bid + sums.last_ask)
    last_spread = last * (sums.last_ask - sums.last_bid)
    carried = sums.usable == 0
    rows = np.maximum(sums.usable, 1)
    return QuoteBuckets(
        mean_mid=np.where(carried, last_twice_mid, sums.twice_mid / rows) / (2 * PER_DOLLAR),
        last_mid=last_twice_mid / (2 * PER_DOLLAR),
        price_changes=sums.changes,
        mean_spread=np.where(carried, last_spread, sums.spread / rows) / PER_DOLLAR,
        mean_relative_spread=np.where(
            carried, 2 * last_spread / last_twice_mid, sums.relative_spread / rows
        ),
        time_weighted_relative_spread=_ratio(sums.spread_time, sums.usable_ns),
    )


def _finish_trades(sums: _TradeSums) -> TradeBuckets:
    return TradeBuckets(
        *sums[:7],
        flow=sums.flow / PER_DOLLAR,
        iso_flow=sums.iso_flow / PER_DOLLAR,
        iso_signed_volume=sums.iso_signed_volume,
        slippage=sums.slippage / (2 * PER_DOLLAR),
        effective_spread=_ratio(sums.effective, sums.effective_volume),
        realized_spread=_ratio(sums.realized, sums.realized_volume),
    )


def _ratio(part: Floats, whole: NDArray) -> Floats:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


@njit(cache=True, nogil=True)
def _sum_quotes(ts, bid, ask, open_ns, width_ns, sums):  # type: ignore[no-untyped-def]
    """Walk the quotes once; `bucket` is -1 before the open."""
    bucket, end, since = -1, open_ns, open_ns
    last_bid, last_ask, mid = np.int64(0), np.int64(0), np.int64(0)
    relative = 0.0
    for row in range(ts.size):
        while ts[row] >= end:
            if bucket >= 0:
                _close_bucket(sums, bucket, last_bid, last_ask, mid, relative, end - since)
            bucket += 1
            since = end
            end += width_ns
            if bucket == sums.usable.size:
                return
        changed = max(bid[row], 0) != last_bid or max(ask[row], 0) != last_ask
        if bucket >= 0:
            if mid:
                sums.spread_time[bucket] += relative * (ts[row] - since)
                sums.usable_ns[bucket] += ts[row] - since
            since = ts[row]
        if changed:
            last_bid, last_ask = max(bid[row], 0), max(ask[row], 0)
            mid = twice_mid(last_bid, last_ask)
            relative = 2.0 * (last_ask - last_bid) / mid if mid else 0.0
        if bucket >= 0:
            sums.changes[bucket] += changed
            if mid:
                sums.usable[bucket] += 1
                sums.twice_mid[bucket] += mid
                sums.spread[bucket] += last_ask - last_bid
                sums.relative_spread[bucket] += relative
    while bucket < sums.usable.size:
        if bucket >= 0:
            _close_bucket(sums, bucket, last_bid, last_ask, mid, relative, end - since)
        bucket += 1
        since = end
        end += width_ns


@njit(cache=True, nogil=True, inline="always")
def _close_bucket(sums, bucket, bid, ask, mid, relative, remaining):  # type: ignore[no-untyped-def]
    sums.last_bid[bucket] = bid
    sums.last_ask[bucket] = ask
    if mid:
        sums.spread_time[bucket] += relative * remaining
        sums.usable_ns[bucket] += remaining


@njit(cache=True, nogil=True)
def _sum_trades(  # type: ignore[no-untyped-def]
    prints, twice_mids, twice_mids_later, flow_sign, lee_ready, open_ns, width_ns, sums
):
    """Price in millionths times whole shares is an integer: such sums are exact below 2**53."""
    for row in range(prints.ts.size):
        if prints.ts[row] < open_ns or not prints.counts_in_volume[row]:
            continue
        bucket = (prints.ts[row] - open_ns) // width_ns
        if bucket >= sums.trades.size:
            break
        shares = prints.size[row] / PER_DOLLAR
        flow = flow_sign[row] * shares * prints.price[row]
        sums.trades[bucket] += 1
        sums.volume[bucket] += shares
        sums.flow[bucket] += flow
        if prints.is_iso[row]:
            sums.iso_trades[bucket] += 1
            sums.iso_volume[bucket] += shares
            sums.iso_flow[bucket] += flow
            sums.iso_signed_volume[bucket] += flow_sign[row] * shares
        if prints.is_odd_lot[row]:
            sums.odd_lot_volume[bucket] += shares
        if prints.is_signable[row]:
            sums.signable_volume[bucket] += shares
        if lee_ready[row]:
            sums.lee_ready_volume[bucket] += shares
            _add_spreads(
                sums,
                bucket,
                shares,
                lee_ready[row],
                2 * prints.price[row],
                twice_mids[row],
                twice_mids_later[row],
            )


@njit(cache=True, nogil=True, inline="always")
def _add_spreads(sums, bucket, shares, side, price, mid, later):  # type: ignore[no-untyped-def]
    """`price`, `mid` and `later` are all twice their value."""
    if mid:
        sums.slippage[bucket] += side * (price - mid)
        sums.effective[bucket] += shares * 2.0 * side * (price - mid) / mid
        sums.effective_volume[bucket] += shares
        if later:
            sums.realized[bucket] += shares * 2.0 * side * (price - later) / mid
            sums.realized_volume[bucket] += shares
