"""The order book of one name as compiled loops: quotes and prints around a path of values.

Each second the value steps once. When the best bid and offer must follow, they do so either
with trades (a burst that sweeps the book) or by quotes alone, at least `GUARD` seconds away from
any print: this is what plants the shares of price attribution. All other messages are noise.
Prices are whole numbers of 1e-4 dollars, instants nanoseconds, columns the first axis.
"""

import numpy as np
from numba import njit

TS, SEQUENCE, BID, BID_SIZE, ASK, ASK_SIZE, BID_VENUE, ASK_VENUE = range(8)
QUOTE_COLUMNS = 8
PARTICIPANT, PRICE, SIZE, VENUE, CODE, TRADE_ID, INITIATOR = 2, 3, 4, 5, 6, 7, 8
TRADE_COLUMNS = 9

IS_SWEEP, IS_ODD_LOT = 1, 2
"""Bits of a print's code: intermarket sweep (with trade-through exempt), odd lot."""
GUARD = 0.057

# book: the state carried from second to second
B_BID, B_ASK, B_BID_SIZE, B_ASK_SIZE, B_BID_VENUE, B_ASK_VENUE = range(6)
B_SIDE, B_QUOTES, B_TRADES, B_QUOTE_SEQ, B_TRADE_SEQ, B_LAST_TS = range(6, 12)
BOOK_LENGTH = 12

# traits: what does not change within the day
T_TICK, T_TRADE_SHARE, T_ODD_LOT, T_DEPTH, T_BURST = range(5)

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_VENUES = np.array([12, 11, 19, 8, 21, 10, 15, 7, 18, 2], np.int64)


@njit(cache=True, nogil=True, inline="always")
def _uniform(state: np.ndarray) -> float:
    state[0] += _STEP
    z = state[0]
    z = (z ^ (z >> _S30)) * _MIX_A
    z = (z ^ (z >> _S27)) * _MIX_B
    return (float((z ^ (z >> _S31)) >> _S11) + 0.5) * 2.0**-53


@njit(cache=True, nogil=True, inline="always")
def _venue(state: np.ndarray) -> int:
    u = _uniform(state)
    return _VENUES[int(10.0 * u * u)]


@njit(cache=True, nogil=True)
def _depth(state: np.ndarray, traits: np.ndarray) -> int:
    """Shares shown at a best price: whole lots, heavy to the right."""
    return 100 * (1 + int(-np.log(_uniform(state)) * traits[T_DEPTH]))


@njit(cache=True, nogil=True, inline="always")
def _stamp(book: np.ndarray, second_ns: int, t: float) -> int:
    ts = second_ns + int(t * 1e9)
    if ts <= book[B_LAST_TS]:
        ts = book[B_LAST_TS] + 1
    book[B_LAST_TS] = ts
    return ts


@njit(cache=True, nogil=True, inline="always")
def _show(book: np.ndarray, quotes: np.ndarray, state: np.ndarray, ts: int) -> None:
    """Write the book as one quote row."""
    n = book[B_QUOTES]
    book[B_QUOTE_SEQ] += 1 + int(3.0 * _uniform(state))
    if quotes.shape[1] > 0:
        quotes[TS, n] = ts
        quotes[SEQUENCE, n] = book[B_QUOTE_SEQ]
        quotes[BID, n] = book[B_BID]
        quotes[BID_SIZE, n] = book[B_BID_SIZE]
        quotes[ASK, n] = book[B_ASK]
        quotes[ASK_SIZE, n] = book[B_ASK_SIZE]
        quotes[BID_VENUE, n] = book[B_BID_VENUE]
        quotes[ASK_VENUE, n] = book[B_ASK_VENUE]
    book[B_QUOTES] = n + 1


@njit(cache=True, nogil=True)
def _print_trade(
    book: np.ndarray,
    trades: np.ndarray,
    state: np.ndarray,
    ts: int,
    price: int,
    size: int,
    venue: int,
    code: int,
    side: int,
) -> None:
    """Write one print; the venue saw it before the tape did, off-exchange much before."""
    n = book[B_TRADES]
    book[B_TRADE_SEQ] += 1 + int(3.0 * _uniform(state))
    latency = 2e4 + 2e5 * -np.log(_uniform(state))
    if venue == 4:
        latency += 6e6 * -np.log(_uniform(state)) / _uniform(state) ** 0.5
    if trades.shape[1] > 0:
        trades[TS, n] = ts
        trades[SEQUENCE, n] = book[B_TRADE_SEQ]
        trades[PARTICIPANT, n] = ts - int(min(latency, 9e9))
        trades[PRICE, n] = price
        trades[SIZE, n] = size
        trades[VENUE, n] = venue
        trades[CODE, n] = code
        trades[TRADE_ID, n] = n + 1
        trades[INITIATOR, n] = side
    book[B_TRADES] = n + 1


@njit(cache=True, nogil=True)
def _shares(state: np.ndarray, traits: np.ndarray) -> tuple[int, int]:
    """Size of a print before scaling to the day's volume, and whether it is an odd lot."""
    if _uniform(state) < traits[T_ODD_LOT]:
        return 1 + int(99.0 * _uniform(state) ** 2), IS_ODD_LOT
    u = _uniform(state)
    if u > 0.4:
        return 100, 0
    return 100 * (1 + int(0.9 / u**0.7 - 0.9)), 0


@njit(cache=True, nogil=True)
def _noise_trade(
    book: np.ndarray,
    quotes: np.ndarray,
    trades: np.ndarray,
    state: np.ndarray,
    traits: np.ndarray,
    second_ns: int,
    t: float,
) -> float:
    """One or a few prints that move no value: a side that persists, on or off exchange."""
    if _uniform(state) < 0.3:
        book[B_SIDE] = -book[B_SIDE]
    side = book[B_SIDE]
    while True:
        ts = _stamp(book, second_ns, t)
        size, code = _shares(state, traits)
        touch = book[B_ASK] if side > 0 else book[B_BID]
        spread = book[B_ASK] - book[B_BID]
        venue = _venue(state)
        u = _uniform(state)
        if u < 0.42:
            venue = 4
            if u < 0.10:
                touch = (book[B_ASK] + book[B_BID]) // 2
            elif u < 0.33 and spread > 0:
                touch -= side * (1 + int(_uniform(state) * 0.45 * spread))
        elif u < 0.46:
            touch = (book[B_ASK] + book[B_BID]) // 2
        elif u < 0.73:
            code |= IS_SWEEP
        _print_trade(book, trades, state, ts, touch, size, venue, code, side)
        if u >= 0.46 and _uniform(state) < 0.6:
            if side > 0:
                book[B_ASK_SIZE] = max(100, book[B_ASK_SIZE] - size // 100 * 100)
            else:
                book[B_BID_SIZE] = max(100, book[B_BID_SIZE] - size // 100 * 100)
            t += 2e-4
            _show(book, quotes, state, _stamp(book, second_ns, t))
        if _uniform(state) > 0.25:
            return t
        t += 5e-5 + 1e-3 * _uniform(state)


@njit(cache=True, nogil=True)
def _flicker(
    book: np.ndarray, quotes: np.ndarray, state: np.ndarray, tick: int, second_ns: int, t: float
) -> float:
    """A price one tick better or worse that goes again within milliseconds; rarely a lock."""
    bid, ask = book[B_BID], book[B_ASK]
    u = _uniform(state)
    inward = ask - bid > tick and u < 0.6
    if ask - bid == tick and u < 0.12:
        inward = True
    if _uniform(state) < 0.5 and bid > 2 * tick:
        book[B_BID] += tick if inward else -tick
    else:
        book[B_ASK] -= tick if inward else -tick
    _show(book, quotes, state, _stamp(book, second_ns, t))
    t += 4e-4 + 6e-3 * _uniform(state)
    book[B_BID], book[B_ASK] = bid, ask
    _show(book, quotes, state, _stamp(book, second_ns, t))
    return t


@njit(cache=True, nogil=True)
def _noise_quote(
    book: np.ndarray,
    quotes: np.ndarray,
    state: np.ndarray,
    traits: np.ndarray,
    second_ns: int,
    t: float,
) -> float:
    """A change of size, or a price that flickers."""
    u = _uniform(state)
    if u < 0.06:
        return _flicker(book, quotes, state, int(traits[T_TICK]), second_ns, t)
    if u < 0.53:
        book[B_BID_SIZE] = _depth(state, traits)
        book[B_BID_VENUE] = _venue(state)
    else:
        book[B_ASK_SIZE] = _depth(state, traits)
        book[B_ASK_VENUE] = _venue(state)
    _show(book, quotes, state, _stamp(book, second_ns, t))
    return t


@njit(cache=True, nogil=True)
def _sweep(
    book: np.ndarray,
    trades: np.ndarray,
    state: np.ndarray,
    traits: np.ndarray,
    second_ns: int,
    t: float,
    target: int,
    strength: float,
) -> float:
    """A burst of prints from the touch towards the price the book will show next."""
    side = 1 if target > 0 else -1
    touch = book[B_ASK] if side > 0 else book[B_BID]
    reach = abs(target)
    count = 1
    while count < 6 and _uniform(state) < 0.35 + 0.4 * strength:
        count += 1
    swept = _uniform(state) < 0.45 + 0.5 * strength
    tick = int(traits[T_TICK])
    if _uniform(state) > 0.4:
        reach = 0
    for i in range(count):
        size, code = _shares(state, traits)
        step = reach * i // count // tick * tick
        code |= IS_SWEEP if swept else 0
        ts = _stamp(book, second_ns, t)
        price, venue = touch + side * step, _venue(state)
        _print_trade(book, trades, state, ts, price, size, venue, code, side)
        t += 2e-5 + 4e-4 * _uniform(state)
    book[B_SIDE] = side
    return t


@njit(cache=True, nogil=True)
def _follow(
    book: np.ndarray,
    quotes: np.ndarray,
    trades: np.ndarray,
    state: np.ndarray,
    traits: np.ndarray,
    second_ns: int,
    t: float,
    bid: int,
    ask: int,
    by_trade: bool,
    strength: float,
) -> float:
    """Move the book to a new bid and ask, with or without prints."""
    up = bid + ask > book[B_BID] + book[B_ASK]
    if by_trade:
        reach = ask - book[B_ASK] if up else book[B_BID] - bid
        reach = max(reach, 1)
        t = _sweep(book, trades, state, traits, second_ns, t, reach if up else -reach, strength)
    first_ask = (up and book[B_ASK] != ask) or (not up and book[B_BID] == bid)
    for part in range(2):
        if (part == 0) == first_ask:
            if book[B_ASK] == ask:
                continue
            book[B_ASK] = ask
            book[B_ASK_SIZE] = _depth(state, traits)
            book[B_ASK_VENUE] = _venue(state)
        else:
            if book[B_BID] == bid:
                continue
            book[B_BID] = bid
            book[B_BID_SIZE] = _depth(state, traits)
            book[B_BID_VENUE] = _venue(state)
        t += 3e-4
        _show(book, quotes, state, _stamp(book, second_ns, t))
        t += 2e-3 * _uniform(state)
    return t


@njit(cache=True, nogil=True)
def _target(
    book: np.ndarray, state: np.ndarray, traits: np.ndarray, value: float, half: float
) -> tuple[int, int]:
    """The bid and ask that a value asks for; the present ones while they still hold it."""
    tick = int(traits[T_TICK])
    bid, ask = book[B_BID], book[B_ASK]
    if bid > 0 and abs(value - 0.5 * (bid + ask)) <= max(0.8 * tick, 0.35 * (ask - bid)):
        return bid, ask
    width = half * (0.5 - 0.5 * np.log(_uniform(state)))
    bid = max(tick, int(np.floor((value - width) / tick)) * tick)
    ask = int(np.ceil((value + width) / tick)) * tick
    return bid, max(ask, bid + tick)


@njit(cache=True, nogil=True)
def run_book(
    values: np.ndarray,
    quote_rate: np.ndarray,
    trade_rate: np.ndarray,
    half_spread: np.ndarray,
    traits: np.ndarray,
    start_ns: int,
    book: np.ndarray,
    state: np.ndarray,
    quotes: np.ndarray,
    trades: np.ndarray,
) -> int:
    """Simulate the seconds of `values` (one more value than seconds).

    Returns the number of seconds done: fewer than asked when an output array is nearly full.
    `quotes` and `trades` have shapes (8, capacity) and (9, capacity); a capacity of 0 counts rows without writing.
    """
    for s in range(len(quote_rate)):
        room = 64 + 40 * int(quote_rate[s] + trade_rate[s])
        if 0 < quotes.shape[1] < book[B_QUOTES] + 4 * room:
            return s
        if 0 < trades.shape[1] < book[B_TRADES] + 4 * room:
            return s
        second = start_ns + s * 1_000_000_000
        burst = 0.12 + 0.44 * np.log(_uniform(state)) ** 2
        to_quote, to_trade = quote_rate[s] * burst, trade_rate[s] * burst
        rate = to_quote + to_trade
        moment = 0.06 + 0.88 * _uniform(state)
        bid, ask = _target(book, state, traits, values[s + 1], half_spread[s])
        moves = bid != book[B_BID] or ask != book[B_ASK]
        by_trade = _uniform(state) < traits[T_TRADE_SHARE] and book[B_BID] > 0
        strength = min(1.0, abs(bid - book[B_BID]) / (traits[T_BURST] + 1.0))
        count, t = 0, 0.0
        while True:
            t -= np.log(_uniform(state)) / rate
            if moves and t >= moment:
                t = max(t, _follow(book, quotes, trades, state, traits, second, moment, bid, ask,
                                   by_trade, strength))  # fmt: skip
                moves = False
            if t >= 1.0 or count >= room:
                break
            count += 1
            clear = by_trade or abs(t - moment) > GUARD or bid + ask == 0
            if book[B_BID] == 0:
                continue
            if clear and _uniform(state) * rate < to_trade:
                t = _noise_trade(book, quotes, trades, state, traits, second, t)
            else:
                t = _noise_quote(book, quotes, state, traits, second, t)
    return len(quote_rate)
