"""Direction of each print from the quote in force before it: quote rule and Lee-Ready.

Prices are whole millionths of a dollar: floating point mis-signs a quarter of midpoint prints.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from offtape_assets.quant.mid_price import check_ascending, check_same_length, twice_mid

__all__ = ["ROUTES", "SignedPrints", "sign_prints"]

UNSIGNED, BY_QUOTE, BY_TICK = 0, 1, 2
ROUTES = ("unsigned", "quote", "tick")
"""Words for the values of `SignedPrints.route`."""


class SignedPrints(NamedTuple):
    """Signs of n prints and the quote they were judged by; all arrays have shape (n,)."""

    bid: NDArray[np.int64]
    """Bid in force, millionths of a dollar; 0 where absent."""
    ask: NDArray[np.int64]
    quote_rule: NDArray[np.int8]
    """+1 buy, -1 sell; 0 at the midpoint and without a usable mid."""
    lee_ready: NDArray[np.int8]
    """The quote rule, the tick test where it cannot decide."""
    route: NDArray[np.int8]
    """What decided `lee_ready`: an index into ROUTES."""
    twice_mid: NDArray[np.int64]
    """Twice the mid in force, millionths of a dollar; 0 where there is none."""
    twice_mid_later: NDArray[np.int64]
    """The same a horizon after the print."""


def sign_prints(
    print_ts: NDArray[np.int64],
    price: NDArray[np.int64],
    is_signable: NDArray[np.bool_],
    quote_ts: NDArray[np.int64],
    bid: NDArray[np.int64],
    ask: NDArray[np.int64],
    horizon_ns: int = 0,
) -> SignedPrints:
    """Sign the prints of one symbol and day.

    Parameters
    ----------
    print_ts, price, is_signable
        Prints in the order they became public, shape (n,): nanoseconds, millionths of a dollar,
        whether a print may be given a direction.
    quote_ts, bid, ask
        Quotes in the order they became public, shape (m,); 0 for an absent side.
    horizon_ns
        How long after each print the later mid is taken.

    Raises
    ------
    ValueError
        If an axis is not ascending, lengths differ or the horizon is negative.

    Notes
    -----
    The quote in force is the last one strictly before the print. With M = (bid + ask)/2 the quote
    rule is sign(P - M), computed as the sign of 2P - (bid + ask). A locked mid is usable; a crossed
    or one-sided quote has none and the quote rule says 0. Lee-Ready then, and at the midpoint,
    takes the sign of P minus the last different price [1]_; before the first change of price it
    is 0. Prices of prints that may not be signed (auctions, late and negotiated prints) do not
    enter the tick test, and they get 0. The five-second lag of [1]_ is not applied: quotes and
    prints carry the same clock [2]_.

    References
    ----------
    .. [1] Lee, Ready (1991), Inferring trade direction from intraday data, Journal of Finance 46.
    .. [2] Holden, Jacobsen (2014), Liquidity measurement problems in fast, competitive markets,
       Journal of Finance 69.
    """
    check_same_length(print_ts=print_ts, price=price, is_signable=is_signable)
    check_same_length(quote_ts=quote_ts, bid=bid, ask=ask)
    check_ascending(print_ts=print_ts, quote_ts=quote_ts)
    if horizon_ns < 0:
        raise ValueError(f"horizon_ns = {horizon_ns} must not be negative")
    count = print_ts.size
    signed = SignedPrints(
        bid=np.zeros(count, np.int64),
        ask=np.zeros(count, np.int64),
        quote_rule=np.zeros(count, np.int8),
        lee_ready=np.zeros(count, np.int8),
        route=np.zeros(count, np.int8),
        twice_mid=np.zeros(count, np.int64),
        twice_mid_later=np.zeros(count, np.int64),
    )
    _find_quotes(
        print_ts, horizon_ns, quote_ts, bid, ask, signed.bid, signed.ask, signed.twice_mid_later
    )
    _sign(
        price,
        is_signable,
        signed.bid,
        signed.ask,
        signed.quote_rule,
        signed.lee_ready,
        signed.route,
        signed.twice_mid,
    )
    return signed


@njit(cache=True, nogil=True)
def _find_quotes(print_ts, horizon, quote_ts, bid, ask, bids, asks, twice_mid_later):  # type: ignore[no-untyped-def]
    """Two pointers walk the quotes together, so the second finds them in the cache."""
    following, later = 0, 0
    for row in range(print_ts.size):
        while following < quote_ts.size and quote_ts[following] < print_ts[row]:
            following += 1
        if following:
            bids[row] = max(bid[following - 1], 0)
            asks[row] = max(ask[following - 1], 0)
        while later < quote_ts.size and quote_ts[later] < print_ts[row] + horizon:
            later += 1
        if later:
            twice_mid_later[row] = twice_mid(bid[later - 1], ask[later - 1])


@njit(cache=True, nogil=True)
def _sign(price, is_signable, bids, asks, quote_rule, lee_ready, route, twice_mids):  # type: ignore[no-untyped-def]
    last_price, tick = np.int64(0), 0
    for row in range(price.size):
        mid = twice_mid(bids[row], asks[row])
        twice_mids[row] = mid
        if not is_signable[row]:
            continue
        move = _direction(price[row], last_price) if last_price else 0
        tick = move if move else tick
        last_price = price[row]
        side = _direction(2 * price[row], mid) if mid else 0
        quote_rule[row] = side
        lee_ready[row] = side if side else tick
        route[row] = BY_QUOTE if side else BY_TICK if tick else UNSIGNED


@njit(cache=True, nogil=True, inline="always")
def _direction(price, other):  # type: ignore[no-untyped-def]
    return (price > other) - (price < other)
