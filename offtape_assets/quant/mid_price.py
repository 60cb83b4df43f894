"""The mid of a quote in whole millionths of a dollar, and what arrays of ticks must satisfy.

Twice the mid is `bid + ask`, an integer, so comparisons with a price are exact. A side is absent
where its price is not positive; twice the mid is 0 where there is none.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["PER_DOLLAR", "check_ascending", "check_same_length", "twice_mid"]

PER_DOLLAR = 1_000_000
"""Integer prices and sizes are in millionths, the resolution of DECIMAL(18,6)."""


@njit(cache=True, nogil=True, inline="always")
def twice_mid(bid, ask):  # type: ignore[no-untyped-def]
    """`bid + ask` where both sides are present and not crossed, else 0; locked is usable."""
    if 0 < bid <= ask:
        return bid + ask
    return 0


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
