"""The last quote of every second of every name, in one pass over quotes that keeps only a state.

The state is one open second per name, so memory depends on the number of names and not on that
of the quotes, whether these come grouped by name or by time. Where quotes come from is not known
here.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Integers = NDArray[np.int64]

SECOND_NS = 1_000_000_000
NO_SECOND = np.iinfo(np.int64).min


class SecondQuotes(NamedTuple):
    """Closed seconds, in the order in which they were closed, shape (n,).

    Attributes
    ----------
    name
        Number of the name.
    second
        Start of the second, in seconds since the epoch.
    bid, ask
        As given, of the last quote in [second, second + 1).
    """

    name: NDArray[np.int32]
    second: Integers
    bid: Integers
    ask: Integers


@dataclass(frozen=True)
class OpenSeconds:
    """The second that is still open for each name, all of shape (names,).

    `second` is NO_SECOND for a name without a quote so far.
    """

    second: Integers
    ts: Integers
    sequence: Integers
    bid: Integers
    ask: Integers

    @classmethod
    def of(cls, names: int) -> "OpenSeconds":
        """The state before the first quote of `names` names."""
        if names < 1:
            raise ValueError(f"names={names}: at least one name")
        return cls(np.full(names, NO_SECOND), *(np.zeros(names, np.int64) for _ in range(4)))


def last_of_seconds(
    name: NDArray[np.int32],
    ts: Integers,
    sequence: Integers,
    bid: Integers,
    ask: Integers,
    state: OpenSeconds,
) -> tuple[SecondQuotes, NDArray[np.bool_]]:
    """Take further quotes and hand out the seconds that they close.

    Parameters
    ----------
    name
        Number of each quote's name, below the state's number of names, shape (m,).
    ts
        Nanoseconds since the epoch, shape (m,).
    sequence
        Breaks ties of `ts`: the higher comes later; of equal ones the later in the file, (m,).
    bid, ask
        Shape (m,).
    state
        Carried from call to call and changed in place.

    Returns
    -------
    closed
        Seconds of names for which a quote of a later second came.
    is_late
        Quotes of a second that was already closed; they enter nothing, shape (m,).

    Raises
    ------
    ValueError
        If the arrays differ in length.
    """
    lengths = {len(array) for array in (name, ts, sequence, bid, ask)}
    if len(lengths) != 1:
        raise ValueError(f"name, ts, sequence, bid, ask have lengths {sorted(lengths)}: want one")
    room = len(name)
    second, closing_bid, closing_ask = np.empty((3, room), np.int64)
    closed = SecondQuotes(np.empty(room, np.int32), second, closing_bid, closing_ask)
    is_late = np.zeros(len(name), np.bool_)
    count = _advance(
        name, ts, sequence, bid, ask,
        state.second, state.ts, state.sequence, state.bid, state.ask,
        closed.name, closed.second, closed.bid, closed.ask, is_late,
    )  # fmt: skip
    taken = slice(0, count)
    inside = SecondQuotes(
        closed.name[taken], closed.second[taken], closed.bid[taken], closed.ask[taken]
    )
    return inside, is_late


def still_open(state: OpenSeconds) -> SecondQuotes:
    """The last second of every name, once all quotes were taken, in the order of the names."""
    name = np.flatnonzero(state.second != NO_SECOND).astype(np.int32)
    return SecondQuotes(name, state.second[name], state.bid[name], state.ask[name])


@njit(cache=True, nogil=True)
def _advance(  # type: ignore[no-untyped-def]
    name, ts, sequence, bid, ask,
    open_second, open_ts, open_sequence, open_bid, open_ask,
    out_name, out_second, out_bid, out_ask, is_late,
):  # fmt: skip
    count = 0
    for i in range(len(name)):
        who = name[i]
        second = ts[i] // SECOND_NS
        if second < open_second[who]:
            is_late[i] = True
            continue
        if second > open_second[who]:
            if open_second[who] != NO_SECOND:
                out_name[count] = who
                out_second[count] = open_second[who]
                out_bid[count] = open_bid[who]
                out_ask[count] = open_ask[who]
                count += 1
        elif ts[i] < open_ts[who] or (ts[i] == open_ts[who] and sequence[i] < open_sequence[who]):
            continue
        open_second[who] = second
        open_ts[who] = ts[i]
        open_sequence[who] = sequence[i]
        open_bid[who] = bid[i]
        open_ask[who] = ask[i]
    return count
