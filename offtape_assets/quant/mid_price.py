"""The mid of a quote in whole millionths of a dollar, and the mid in force at given instants.

Twice the mid is `bid + ask`, an integer, so comparisons with a price are exact. A side is absent
where its price is not positive; twice the mid is 0 where there is none.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["PER_DOLLAR", "check_ascending", "check_same_length", "twice_mid", "twice_mids_before"]

PER_DOLLAR = 1_000_000
"""Integer prices and sizes are in millionths, the resolution of DECIMAL(18,6)."""


@njit(cache=True, nogil=True, inline="always")
def twice_mid(bid, ask):  # type: ignore[no-untyped-def]
    """`bid + ask` where both sides are present and not crossed, else 0; locked is usable."""
    if 0 < bid <= ask:
        return bid + ask
    return 0


def twice_mids_before(
    instants: NDArray[np.int64],
    quote_ts: NDArray[np.int64],
    bid: NDArray[np.int64],
    ask: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Twice the mid of the last quote strictly before each instant.

    Parameters
    ----------
    instants
        Nanoseconds, ascending, shape (n,).
    quote_ts, bid, ask
        Quotes in the order they became public, shape (m,); nanoseconds and millionths of a
        dollar, 0 for an absent side.

    Returns
    -------
    ndarray of int64, shape (n,)
        Millionths of a dollar; 0 before the first quote and where the quote in force is crossed
        or one-sided.

    Raises
    ------
    ValueError
        If an axis is not ascending or lengths differ.
    """
    check_ascending(instants=instants, quote_ts=quote_ts)
    check_same_length(quote_ts=quote_ts, bid=bid, ask=ask)
    return _twice_mids_before(instants, quote_ts, bid, ask)


def check_ascending(**axes: NDArray[np.int64]) -> None:
    """Raise ValueError unless every named array of instants never falls."""
    for name, axis in axes.items():
        if _count_falls(axis):
            row = int(np.argmax(axis[1:] < axis[:-1])) + 1
            raise ValueError(
                f"{name} falls at row {row} ({axis[row - 1]} then {axis[row]});"
                " sort by instant and sequence number"
            )


def check_same_length(**columns: NDArray) -> None:
    """Raise ValueError unless the named arrays are one-dimensional and equally long."""
    shapes = {name: column.shape for name, column in columns.items()}
    if len(set(shapes.values())) > 1 or any(len(shape) != 1 for shape in shapes.values()):
        raise ValueError(f"arrays must be one-dimensional and equally long, got {shapes}")


@njit(cache=True, nogil=True)
def _count_falls(axis):  # type: ignore[no-untyped-def]
    falls = 0
    for row in range(1, axis.size):
        falls += axis[row] < axis[row - 1]
    return falls


@njit(cache=True, nogil=True)
def _twice_mids_before(instants, quote_ts, bid, ask):  # type: ignore[no-untyped-def]
    mids = np.zeros(instants.size, np.int64)
    following = 0
    for row in range(instants.size):
        while following < quote_ts.size and quote_ts[following] < instants[row]:
            following += 1
        if following:
            mids[row] = twice_mid(bid[following - 1], ask[following - 1])
    return mids
