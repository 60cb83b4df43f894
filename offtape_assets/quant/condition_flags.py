"""Lists of condition ids folded into one bit mask per row: membership by id, never by substring."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["combine_flags"]


def combine_flags(
    offsets: NDArray[np.int64],
    ids: NDArray[np.int16],
    flags_of_id: NDArray[np.uint8],
    unknown: int,
) -> NDArray[np.uint8]:
    """Bitwise or of the flags of each row's ids.

    Parameters
    ----------
    offsets
        Row r holds `ids[offsets[r]:offsets[r + 1]]`; shape (rows + 1,).
    ids
        Condition ids of all rows, one after the other.
    flags_of_id
        Bit mask of ids 0, 1, ..., shape (number of ids,).
    unknown
        Bit mask of an id outside that range.

    Returns
    -------
    ndarray of uint8, shape (rows,)

    Raises
    ------
    ValueError
        If there is no first offset or the last one exceeds the ids.
    """
    if offsets.size == 0 or offsets[-1] > ids.size:
        raise ValueError(f"offsets must have rows + 1 entries that end within {ids.size} ids")
    return _combine(offsets, ids, flags_of_id, np.uint8(unknown))


@njit(cache=True, nogil=True)
def _combine(offsets, ids, flags_of_id, unknown):  # type: ignore[no-untyped-def]
    combined = np.zeros(offsets.size - 1, np.uint8)
    for row in range(combined.size):
        flags = np.uint8(0)
        for position in range(offsets[row], offsets[row + 1]):
            condition = ids[position]
            if 0 <= condition < flags_of_id.size:
                flags |= flags_of_id[condition]
            else:
                flags |= unknown
        combined[row] = flags
    return combined
