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


def sign_prints(
    print_ts: NDArray[np.int64],
    price: NDArray[np.int64],
    is_signable: NDArray[np.bool_],
    quote_ts: NDArray[np.int64],
    bid: NDArray[np.int64],
    ask: NDArray[np.int64],
) -> SignedPrints:
    """Sign the prints of one symbol and day.

    Parameters
    ----------
    print_ts, price, is_signable
        Prints in the order they became public, shape (n,): nanoseconds, millionths of a dollar,
        whether a print may be given a direction.
    quote_ts, bid, ask
        Quotes in the order they became public, shape (m,); 0 for an absent side.

    Raises
    ------
    ValueError
        If an axis is not ascending or lengths differ.

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
    count = print_ts.size
    signed = SignedPrints(
        bid=np.zeros(count, np.int64),
        ask=np.zeros(count, np.int64),
        quote_rule=np.zeros(count, np.int8),
        lee_ready=np.zeros(count, np.int8),
        route=np.zeros(count, np.int8),
    )
    _sign(print_ts, price, is_signable, quote_ts, bid, ask, *signed)
    return signed


@njit(cache=True, nogil=True)
def _sign(  # type: ignore[no-untyped-def]
    print_ts, price, is_signable, quote_ts, bid, ask, bids, asks, quote_rule, lee_ready, route
):
    following = 0
    last_price = np.int64(0)
    tick = 0
    for row in range(print_ts.size):
        while following < quote_ts.size and quote_ts[following] < print_ts[row]:
            following += 1
        if following:
            bids[row] = max(bid[following - 1], 0)
            asks[row] = max(ask[following - 1], 0)
        if not is_signable[row]:
            continue
        move = _direction(price[row], last_price) if last_price else 0
        tick = move if move else tick
        last_price = price[row]
        mid = twice_mid(bids[row], asks[row])
        side = _direction(2 * price[row], mid) if mid else 0
        quote_rule[row] = side
        lee_ready[row] = side if side else tick
        route[row] = BY_QUOTE if side else BY_TICK if tick else UNSIGNED


@njit(cache=True, nogil=True, inline="always")
def _direction(price, other):  # type: ignore[no-untyped-def]
    return (price > other) - (price < other)
