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
    edges = bucket_edges(open_ns, close_ns, width_ns)
    bounds = np.searchsorted(quote_ts, edges)
    whole, (relative, integral) = _sum_quotes(bounds, edges, quote_ts, bid, ask)
    changes, usable, twice_mids, spreads, usable_ns = whole
    last_twice_mid, last_spread = _in_force(bounds[1:], bid, ask)
    is_carried = usable == 0
    rows = np.maximum(usable, 1)
    return QuoteBuckets(
        mean_mid=np.where(is_carried, last_twice_mid, twice_mids / rows) / (2 * PER_DOLLAR),
        last_mid=last_twice_mid / (2 * PER_DOLLAR),
        price_changes=changes,
        mean_spread=np.where(is_carried, last_spread, spreads / rows) / PER_DOLLAR,
        mean_relative_spread=np.where(
            is_carried, 2 * last_spread / last_twice_mid, relative / rows
        ),
        time_weighted_relative_spread=_ratio(integral, usable_ns),
    )


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
    check_ascending(**{"prints.ts": prints.ts})
    bounds = np.searchsorted(prints.ts, bucket_edges(open_ns, close_ns, width_ns))
    counts, price, size = prints.counts_in_volume, prints.price, prints.size
    trades, volume, odd_lots, signable, signed, flow = _sum_prints(
        bounds, price, size, counts, prints.is_odd_lot, prints.is_signable, flow_sign, lee_ready
    )
    iso_trades, iso_volume, iso_signed, iso_flow = _sum_sweeps(
        bounds, price, size, counts, prints.is_iso, flow_sign
    )
    slippage, paid, paid_volume, kept, kept_volume = _sum_costs(
        bounds, price, size, counts, lee_ready, twice_mids, twice_mids_later
    )
    return TradeBuckets(
        trades=trades.astype(np.int64),
        iso_trades=iso_trades.astype(np.int64),
        volume=volume,
        iso_volume=iso_volume,
        odd_lot_volume=odd_lots,
        signable_volume=signable,
        lee_ready_volume=signed,
        flow=flow / PER_DOLLAR,
        iso_flow=iso_flow / PER_DOLLAR,
        iso_signed_volume=iso_signed,
        slippage=slippage / (2 * PER_DOLLAR),
        effective_spread=_ratio(paid, paid_volume),
        realized_spread=_ratio(kept, kept_volume),
    )


def bucket_edges(open_ns: int, close_ns: int, width_ns: int) -> Ints:
    """Instants that bound the buckets of [open, close), shape (buckets + 1,)."""
    if width_ns <= 0 or close_ns <= open_ns or (close_ns - open_ns) % width_ns:
        raise ValueError(
            f"width_ns = {width_ns} must be positive and divide the session [{open_ns}, {close_ns})"
        )
    return np.arange(open_ns, close_ns + 1, width_ns, dtype=np.int64)


def _in_force(ends: Ints, bid: Ints, ask: Ints) -> tuple[Floats, Floats]:
    """Twice the mid and the spread of the last quote before each row number; NaN without a mid."""
    mids, spreads = np.full(ends.size, np.nan), np.full(ends.size, np.nan)
    (buckets,) = np.nonzero(ends)
    last_bid, last_ask = bid[ends[buckets] - 1], ask[ends[buckets] - 1]
    usable = (last_bid > 0) & (last_bid <= last_ask)
    mids[buckets[usable]] = (last_bid + last_ask)[usable]
    spreads[buckets[usable]] = (last_ask - last_bid)[usable]
    return mids, spreads


def _ratio(part: Floats, whole: NDArray) -> Floats:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


@njit(cache=True, nogil=True)
def _sum_quotes(bounds, edges, ts, bid, ask):  # type: ignore[no-untyped-def]
    """Per bucket: changes, usable rows, their twice mids, spreads, lives; relative spreads.

    The quote in force at the start lives in the bucket but is none of its rows. A bucket's quotes
    are read twice while they are in the cache.
    """
    whole = np.zeros((5, bounds.size - 1), np.int64)
    parts = np.zeros((2, bounds.size - 1))
    for bucket in range(bounds.size - 1):
        first, last, end = bounds[bucket], bounds[bucket + 1], edges[bucket + 1]
        usable, mids, spreads, lives, total, integral = _sum_rows(
            ts[first:last], bid[first:last], ask[first:last], end
        )
        before = max(first - 1, 0)
        changes = _count_changes(bid[before:last], ask[before:last])
        if first:
            mid = twice_mid(bid[before], ask[before])
            if mid:
                life = (ts[first] if last > first else end) - edges[bucket]
                lives += life
                integral += 2.0 * (ask[before] - bid[before]) / mid * life
        elif last:
            changes += bid[0] > 0 or ask[0] > 0
        whole[0, bucket], whole[1, bucket], whole[2, bucket] = changes, usable, mids
        whole[3, bucket], whole[4, bucket] = spreads, lives
        parts[0, bucket], parts[1, bucket] = total, integral
    return whole, parts


# Reassociation lets the sums run in SIMD lanes. It changes only the order of addition, and every
# sum is of integers or of floats of one sign, which no order can spoil.
@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _sum_rows(ts, bid, ask, end):  # type: ignore[no-untyped-def]
    usable, mids, spreads, lives = 0, 0, 0, 0
    total, integral = 0.0, 0.0
    for row in range(ts.size):
        mid = twice_mid(bid[row], ask[row])
        spread = ask[row] - bid[row] if mid else 0
        relative = 2.0 * spread / (mid if mid else 1)
        until = ts[row + 1] if row < ts.size - 1 else end
        life = until - ts[row] if mid else 0
        usable += mid > 0
        mids += mid
        spreads += spread
        lives += life
        total += relative
        integral += relative * life
    return usable, mids, spreads, lives, total, integral


@njit(cache=True, nogil=True)
def _count_changes(bid, ask):  # type: ignore[no-untyped-def]
    """Rows whose bid or ask differs from the row before; the first row has none before."""
    count = 0
    for row in range(1, bid.size):
        count += (max(bid[row], 0) != max(bid[row - 1], 0)) | (
            max(ask[row], 0) != max(ask[row - 1], 0)
        )
    return count


@njit(cache=True, nogil=True)
def _sum_prints(bounds, price, size, counts, is_odd_lot, is_signable, flow_sign, lee_ready):  # type: ignore[no-untyped-def]
    """Prints; shares of all, odd lots, signable and signed ones; D P Q with P in millionths.

    Millionths times whole shares are integers, so such sums are exact below 2**53.
    """
    sums = np.zeros((6, bounds.size - 1))
    for bucket in range(bounds.size - 1):
        trades, volume, odd_lots, signable, signed, flow = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for row in range(bounds[bucket], bounds[bucket + 1]):
            shares = counts[row] * (size[row] / PER_DOLLAR)
            trades += counts[row]
            volume += shares
            odd_lots += is_odd_lot[row] * shares
            signable += is_signable[row] * shares
            signed += (lee_ready[row] != 0) * shares
            flow += flow_sign[row] * shares * price[row]
        sums[0, bucket], sums[1, bucket], sums[2, bucket] = trades, volume, odd_lots
        sums[3, bucket], sums[4, bucket], sums[5, bucket] = signable, signed, flow
    return sums


@njit(cache=True, nogil=True)
def _sum_sweeps(bounds, price, size, counts, is_iso, flow_sign):  # type: ignore[no-untyped-def]
    """Sweeps, their shares, signed shares and D P Q with P in millionths."""
    sums = np.zeros((4, bounds.size - 1))
    for bucket in range(bounds.size - 1):
        trades, volume, signed, flow = 0.0, 0.0, 0.0, 0.0
        for row in range(bounds[bucket], bounds[bucket + 1]):
            is_sweep = counts[row] and is_iso[row]
            shares = is_sweep * (size[row] / PER_DOLLAR)
            trades += is_sweep
            volume += shares
            signed += flow_sign[row] * shares
            flow += flow_sign[row] * shares * price[row]
        sums[0, bucket], sums[1, bucket] = trades, volume
        sums[2, bucket], sums[3, bucket] = signed, flow
    return sums


@njit(cache=True, nogil=True)
def _sum_costs(bounds, price, size, counts, sign, twice_mids, later):  # type: ignore[no-untyped-def]
    """Slippage in half millionths; both spreads times shares, and those shares."""
    sums = np.zeros((5, bounds.size - 1))
    for bucket in range(bounds.size - 1):
        slippage, paid, paid_volume, kept, kept_volume = 0.0, 0.0, 0.0, 0.0, 0.0
        for row in range(bounds[bucket], bounds[bucket + 1]):
            mid = twice_mids[row]
            shares = (sign[row] != 0) * counts[row] * (size[row] / PER_DOLLAR)
            if shares and mid:
                gap = sign[row] * (2 * price[row] - mid)
                slippage += gap
                paid += shares * (2.0 * gap / mid)
                paid_volume += shares
                if later[row]:
                    kept += shares * (2.0 * sign[row] * (2 * price[row] - later[row]) / mid)
                    kept_volume += shares
        sums[0, bucket], sums[1, bucket], sums[2, bucket] = slippage, paid, paid_volume
        sums[3, bucket], sums[4, bucket] = kept, kept_volume
    return sums
