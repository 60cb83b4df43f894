"""Lines of a quotes file as integers, parsed in place: who, when, bid and ask.

Only what a one-second best bid and offer needs is read from a line. A line that cannot be read
is pointed at, not guessed; what becomes of it is decided elsewhere.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from offtape_assets.market.conditions import QUOTE_CONDITIONS_WITHOUT_SIDES

NAME_LIMIT = 1 << 16
"""Names a day may hold; there are about 12,000."""
_SLOTS = NAME_LIMIT << 1
NAME_BYTES = 16
FIELDS = 14
_TICKER, _ASK, _ASK_SIZE, _BID, _BID_SIZE, _CONDITIONS, _SEQUENCE, _TS = 0, 2, 3, 5, 6, 7, 10, 11
_COMMA, _NEWLINE, _RETURN, _QUOTE, _DOT = 44, 10, 13, 34, 46
_SHORTEST_LINE = 2 * FIELDS
"""Bytes of a line that can be read: a digit in some fields and all commas."""
_BLANK, _BAD = -1, -2
_PLACES = 6
_MOST_DIGITS = 18
VOID = np.array([code in QUOTE_CONDITIONS_WITHOUT_SIDES for code in range(256)])
"""Whether a quote condition takes the force from both sides."""


@dataclass
class Names:
    """The names met so far, numbered in the order of their first line: a hash table of bytes."""

    low: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(NAME_LIMIT, np.uint64))
    high: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(NAME_LIMIT, np.uint64))
    slots: NDArray[np.int32] = field(default_factory=lambda: np.full(_SLOTS, -1, np.int32))
    count: int = 0

    def texts(self) -> list[str]:
        """The names."""
        pairs = zip(self.low[: self.count].tolist(), self.high[: self.count].tolist(), strict=True)
        return [
            (low.to_bytes(8, "little") + high.to_bytes(8, "little")).rstrip(b"\0").decode()
            for low, high in pairs
        ]


class QuoteLines(NamedTuple):
    """The readable lines of a block in their order, shape (m,), and the others.

    Attributes
    ----------
    name
        Number of the ticker.
    ts, sequence
        SIP time in nanoseconds and the vendor's sequence number.
    bid, ask
        Millionths of a dollar; 0 where the side is absent: no price, size 0, or a condition
        that takes the force from the quote.
    start
        Where each line starts in the block.
    unreadable
        Where the unreadable lines start.
    """

    name: NDArray[np.int32]
    ts: NDArray[np.int64]
    sequence: NDArray[np.int64]
    bid: NDArray[np.int64]
    ask: NDArray[np.int64]
    start: NDArray[np.int64]
    unreadable: NDArray[np.int64]


def parse_quote_lines(block: bytes, names: Names) -> QuoteLines:
    """Read the lines of a block that ends with a newline; `names` grows.

    Raises
    ------
    ValueError
        If there are more than `NAME_LIMIT` names: the first column holds no tickers.
    """
    text = np.frombuffer(block, np.uint8)
    room = len(block) // _SHORTEST_LINE + 1
    whole = np.empty((5, room), np.int64)
    name, bad = np.empty(room, np.int32), np.empty(len(block) // 2 + 1, np.int64)
    rows, wrong, names.count = _parse(
        text, names.low, names.high, names.slots, names.count, VOID, name, whole, bad
    )
    if names.count >= NAME_LIMIT:
        raise ValueError(f"more than {NAME_LIMIT} tickers; a day of US stocks has 12,000")
    ts, sequence, bid, ask, start = whole[:, :rows]
    return QuoteLines(name[:rows], ts, sequence, bid, ask, start, bad[:wrong])


@njit(cache=True, nogil=True)
def _parse(text, low, high, slots, count, void, name, whole, bad):  # type: ignore[no-untyped-def]
    rows, wrong, position = 0, 0, 0
    ends = np.empty(FIELDS + 1, np.int64)
    while position < len(text):
        start = position
        fields, position = _split(text, start, ends)
        if (ends[1] == start and fields == 1) or text[start] == _RETURN:
            continue
        if fields == FIELDS and _read(text, start, ends, void, whole, rows):
            first, last = _unquoted(text, start, ends[1])
            who, count = _number(text, first, last, low, high, slots, count)
            if who >= 0:
                name[rows] = who
                whole[4, rows] = start
                rows += 1
                continue
        bad[wrong] = start
        wrong += 1
    return rows, wrong, count


@njit(cache=True, nogil=True)
def _split(text, start, ends):  # type: ignore[no-untyped-def]
    """Ends of the fields (`ends[k + 1]` is the k-th field's), their number, the next line."""
    fields, position, is_quoted = 0, start, False
    ends[0] = start - 1
    while True:
        byte = text[position]
        if byte > _COMMA:
            position += 1
            continue
        if byte == _QUOTE:
            is_quoted = not is_quoted
        elif byte == _NEWLINE or (byte == _COMMA and not is_quoted):
            fields += 1
            if fields <= FIELDS:
                ends[fields] = position
            if byte == _NEWLINE:
                return fields, position + 1
        position += 1


@njit(cache=True, nogil=True)
def _read(text, start, ends, void, whole, row):  # type: ignore[no-untyped-def]
    """Write time, sequence and sides of one line; False where one of them cannot be read."""
    ts = _decimal(text, ends[_TS] + 1, ends[_TS + 1], 0)
    sequence = _decimal(text, ends[_SEQUENCE] + 1, ends[_SEQUENCE + 1], 0)
    if ts <= 0 or sequence < 0:
        return False
    whole[0, row], whole[1, row] = ts, sequence
    has_force = _has_force(text, ends[_CONDITIONS] + 1, ends[_CONDITIONS + 1], void)
    for side, price_field, size_field in ((2, _BID, _BID_SIZE), (3, _ASK, _ASK_SIZE)):
        price = _decimal(text, ends[price_field] + 1, ends[price_field + 1], _PLACES)
        size = _decimal(text, ends[size_field] + 1, ends[size_field + 1], _PLACES)
        if price == _BAD or size == _BAD:
            return False
        whole[side, row] = price if has_force and price > 0 and size != 0 else 0
    return True


@njit(cache=True, nogil=True)
def _decimal(text, first, last, places):  # type: ignore[no-untyped-def]
    """Digits with at most `places` decimals as a whole number of 10 ** -places."""
    first, last = _unquoted(text, first, last)
    if first == last:
        return _BLANK
    value, digits, decimals = 0, 0, -1
    for position in range(first, last):
        byte = text[position]
        if byte == _DOT and decimals < 0 and places > 0:
            decimals = 0
            continue
        digit = np.int64(byte) - 48
        if digit < 0 or digit > 9:
            return _BAD
        if decimals >= 0:
            decimals += 1
            if decimals > places:
                if digit:
                    return _BAD
                continue
        value = value * 10 + digit
        digits += 1
    if digits == 0 or digits > _MOST_DIGITS + (places == 0):
        return _BAD
    for _ in range(places - min(max(decimals, 0), places)):
        value *= 10
        digits += value > 0
    return value if digits <= _MOST_DIGITS + (places == 0) else _BAD


@njit(cache=True, nogil=True)
def _has_force(text, first, last, void):  # type: ignore[no-untyped-def]
    """Whether no condition of a list such as `1,81` voids the quote."""
    code = 0
    for position in range(first, last):
        digit = np.int64(text[position]) - 48
        if 0 <= digit <= 9:
            code = min(code * 10 + digit, len(void))
        else:
            if code < len(void) and void[code]:
                return False
            code = 0
    return not (code < len(void) and void[code])


@njit(cache=True, nogil=True)
def _unquoted(text, first, last):  # type: ignore[no-untyped-def]
    if last - first >= 2 and text[first] == _QUOTE and text[last - 1] == _QUOTE:
        return first + 1, last - 1
    return first, last


@njit(cache=True, nogil=True)
def _number(text, first, last, low, high, slots, count):  # type: ignore[no-untyped-def]
    """Number of a name, -1 where it is empty or too long, and the number of names."""
    if first == last or last - first > NAME_BYTES:
        return -1, count
    a, b = np.uint64(0), np.uint64(0)
    for position in range(first, min(last, first + 8)):
        a |= np.uint64(text[position]) << np.uint64(8 * (position - first))
    for position in range(first + 8, last):
        b |= np.uint64(text[position]) << np.uint64(8 * (position - first - 8))
    mixed = (a ^ (b * np.uint64(0xC2B2AE3D27D4EB4F))) * np.uint64(0x9E3779B97F4A7C15)
    slot = np.int64(mixed >> np.uint64(40)) % len(slots)
    while slots[slot] >= 0:
        who = slots[slot]
        if low[who] == a and high[who] == b:
            return who, count
        slot = (slot + 1) % len(slots)
    if count >= len(low):
        return -1, count
    slots[slot], low[count], high[count] = count, a, b
    return count, count + 1
