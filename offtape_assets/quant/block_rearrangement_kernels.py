"""Numba kernels of the rearrangement: sorting keys with their states, moving a column, a block.

Everything here is column-major (`columns[j]` is one column over the states) and in place; the
public face, with checks and results, is `block_rearrangement`. Random orders are arguments.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Order = NDArray[np.uint32]
Columns = NDArray[np.int64]
Scratch = tuple[Order, Order, Floats, Order, Order, Order]
Sides = tuple[Floats, Order, Floats]

MOST_DIGITS = 1 << 11
"""Counters of one radix pass over many keys: two sets of them stay in the first-level cache."""
FEW_KEYS = 4096
"""Up to so many keys 8-bit digits win: clearing and summing the counters is the larger part."""
INSERTION_BUDGET = 4
"""Moves per state after which repairing the previous order costs more than sorting afresh."""
STALL = 1e-4
"""Relative gain of a sweep below which the arrangement is at a fixed point, for all one can use."""
OBJECTIVE_EVERY = 8
"""Block steps between two looks at the objective, which cost a third of a step each."""
RADIX_BUDGET = 32
"""Moves per state after which keys crowd on few integers and a comparison sort is cheaper."""
PLACE_BITS = 21
"""Bits of the key's place beside an 11-bit digit in one 32-bit word; beyond, a comparison sort."""


@njit(cache=True, nogil=True)
def insertion_sort(keys: Floats, order: Order, budget: int) -> bool:
    """Sort nearly sorted keys, moving `order` along; False once `budget` moves are spent."""
    moves = 0
    previous = keys[0]
    for i in range(1, keys.size):
        key = keys[i]
        if key >= previous:
            previous = key
            continue
        state = order[i]
        hole = i
        while hole > 0 and keys[hole - 1] > key:
            keys[hole] = keys[hole - 1]
            order[hole] = order[hole - 1]
            hole -= 1
        keys[hole] = key
        order[hole] = state
        previous = keys[i]
        moves += i - hole
        if moves > budget:
            return False
    return True


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})  # keys are finite: vectorises min, max
def quantise(keys: Floats, digits: Order, low_counts: Order, high_counts: Order) -> int:
    """Scale keys to integers of two digits and turn their counts into places; returns bits a digit.

    0 where no digits can tell the keys apart: all are equal.
    """
    low = keys[0]
    high = keys[0]
    for i in range(keys.size):
        low = min(low, keys[i])
        high = max(high, keys[i])
    if not high > low:
        return 0
    bits = 8 if keys.size <= FEW_KEYS else 11
    mask = np.uint32((1 << bits) - 1)
    scale = ((1 << (2 * bits)) - 1) / (high - low)
    low_counts[: mask + 1] = 0
    high_counts[: mask + 1] = 0
    for i in range(keys.size):
        digits[i] = np.int32((keys[i] - low) * scale)
    for i in range(keys.size):
        low_counts[digits[i] & mask] += np.uint32(1)
        high_counts[digits[i] >> np.uint32(bits)] += np.uint32(1)
    places = np.uint32(0)
    higher_places = np.uint32(0)
    for b in range(mask + 1):
        count = low_counts[b]
        low_counts[b] = places
        places += count
        count = high_counts[b]
        high_counts[b] = higher_places
        higher_places += count
    return bits


@njit(cache=True, nogil=True)
def sort_places(keys: Floats, places: Order, scratch: Scratch) -> None:
    """Sort keys ascending; `places` says where each stood. Ties keep their order.

    Two counting passes that move one word a key, its higher digit and its place, and an exact
    repair.
    """
    digits, words, former, low_counts, high_counts, _ = scratch
    bits = np.uint32(0)
    if keys.size <= 1 << PLACE_BITS:
        bits = np.uint32(quantise(keys, digits, low_counts, high_counts))
    if bits == 0:
        merge_sort(keys, places)
        return
    mask = np.uint32((1 << bits) - 1)
    shift = np.uint32(PLACE_BITS)
    for i in range(keys.size):
        digit = digits[i] & mask
        place = low_counts[digit]
        low_counts[digit] = place + np.uint32(1)
        words[place] = ((digits[i] >> bits) << shift) | np.uint32(i)
        former[i] = keys[i]
    inside = np.uint32((1 << PLACE_BITS) - 1)
    for i in range(keys.size):
        word = words[i]
        digit = word >> shift
        place = high_counts[digit]
        high_counts[digit] = place + np.uint32(1)
        places[place] = word & inside
    for r in range(keys.size):
        keys[r] = former[places[r]]
    if not insertion_sort(keys, places, RADIX_BUDGET * keys.size):
        keys[:] = former
        merge_sort(keys, places)


@njit(cache=True, nogil=True)
def merge_sort(keys: Floats, places: Order) -> None:
    """Sort keys ascending by comparison; `places` says where each stood."""
    exact = np.argsort(keys, kind="mergesort")
    places[:] = exact.astype(np.uint32)
    keys[:] = keys[exact]


@njit(cache=True, nogil=True)
def make_scratch(n: int) -> Scratch:
    """Work arrays for n keys: digits, words, former keys, two sets of counters, places."""
    return (
        np.empty(n, np.uint32),
        np.empty(n, np.uint32),
        np.empty(n),
        np.empty(MOST_DIGITS, np.uint32),
        np.empty(MOST_DIGITS, np.uint32),
        np.empty(n, np.uint32),
    )


@njit(cache=True, nogil=True)
def sort_keys(keys: Floats, order: Order, is_nearly_sorted: bool, scratch: Scratch) -> bool:
    """Sort keys, moving `order` along: by repair in place where that is cheap, else afresh.

    Returns whether to try a repair the next time: not right after one that was too long.
    """
    if is_nearly_sorted and insertion_sort(keys, order, INSERTION_BUDGET * keys.size):
        return True
    words, places = scratch[1], scratch[5]
    sort_places(keys, places, scratch)
    words[:] = order
    for r in range(keys.size):
        order[r] = words[places[r]]
    return not is_nearly_sorted


@njit(cache=True, nogil=True)
def sort_rows(rows: Floats) -> Order:
    """Sort each row ascending in place; returns the former places, ties in their order."""
    orders = np.empty(rows.shape, np.uint32)
    scratch = make_scratch(rows.shape[1])
    for j in range(rows.shape[0]):
        sort_places(rows[j], orders[j], scratch)
    return orders


@njit(cache=True, nogil=True)
def move_single(
    sides: Sides,
    residual: Floats,
    constraint: int,
    keys: Floats,
    is_warm: bool,
    scratch: Scratch,
) -> bool:
    """Rearrange a column that enters one constraint only; returns as `sort_keys`.

    `sides` are the column's values ascending, `order` with order[r] the state of value r, and the
    column's weights. The column is taken out of the residual and put back in opposite order, so
    a step costs one gather and one scatter of the residual.
    """
    values, order, weights = sides
    sign = 1.0 if weights[constraint] > 0 else -1.0
    size = abs(weights[constraint])
    for r in range(values.size):
        keys[r] = size * values[r] - sign * residual[order[r]]
    will_be_warm = sort_keys(keys, order, is_warm, scratch)
    for r in range(values.size):
        residual[order[r]] = sign * (size * values[r] - keys[r])
    return will_be_warm


@njit(cache=True, nogil=True)
def move_shared(
    sides: Sides,
    residuals: Floats,
    held: Columns,
    column: Floats,
    work: tuple[Floats, Floats],
    is_warm: bool,
    scratch: Scratch,
) -> bool:
    """Rearrange a column of several constraints (`held`) opposite to its projected residual.

    `sides` as in `move_single`; `column` holds the values by state and is rewritten. Returns as
    `sort_keys`.
    """
    values, order, weights = sides
    projected, keys = work
    square = 0.0
    projected[:] = 0.0
    for k in held:
        weight = weights[k]
        residual = residuals[k]
        square += weight * weight
        for i in range(values.size):
            projected[i] -= weight * residual[i]
    for r in range(values.size):
        keys[r] = projected[order[r]] + square * values[r]
    will_be_warm = sort_keys(keys, order, is_warm, scratch)
    for r in range(values.size):
        projected[order[r]] = values[r]
    for i in range(values.size):
        value = projected[i]
        projected[i] = value - column[i]
        column[i] = value
    for k in held:
        weight = weights[k]
        residual = residuals[k]
        for i in range(values.size):
            residual[i] += weight * projected[i]
    return will_be_warm


@njit(cache=True, nogil=True, fastmath={"reassoc"})  # sums of squares in any order
def objective(residuals: Floats) -> float:
    """Sum over the constraints of the variance of their residual."""
    total = 0.0
    for k in range(residuals.shape[0]):
        residual = residuals[k]
        mean = 0.0
        for i in range(residual.size):
            mean += residual[i]
        mean /= residual.size
        square = 0.0
        for i in range(residual.size):
            square += (residual[i] - mean) ** 2
        total += square / residual.size
    return total


@njit(cache=True, nogil=True)
def project(columns: Floats, weights: Floats) -> Floats:
    """Residual of every constraint by state: sum over columns of weight times value."""
    residuals = np.zeros((weights.shape[1], columns.shape[1]))
    for j in range(columns.shape[0]):
        for k in range(weights.shape[1]):
            weight = weights[j, k]
            if weight != 0.0:
                for i in range(columns.shape[1]):
                    residuals[k, i] += weight * columns[j, i]
    return residuals


@njit(cache=True, nogil=True)
def sweep_columns(
    columns: Floats,
    weights: Floats,
    members: Columns,
    counts: Columns,
    visits: Columns,
    tolerance: float,
) -> tuple[float, int, bool]:
    """Visit columns in the given orders until within the tolerance or at a fixed point.

    `members[j, :counts[j]]` are the constraints column j enters.
    Returns the objective, the sweeps made and whether they stalled.
    """
    residuals = project(columns, weights)
    n = columns.shape[1]
    scratch = make_scratch(n)
    work = (np.empty(n), np.empty(n))
    values = columns.copy()
    orders = sort_rows(values)
    is_warm = np.zeros(columns.shape[0], np.bool_)
    reached = objective(residuals)
    stalled = False
    sweep = 0
    while sweep < visits.shape[0] and reached > tolerance and not stalled:
        for j in visits[sweep]:
            held, warm = members[j, : counts[j]], is_warm[j]
            sides = (values[j], orders[j], weights[j])
            if held.size == 1:
                is_warm[j] = move_single(sides, residuals[held[0]], held[0], work[1], warm, scratch)
            elif held.size > 1:
                is_warm[j] = move_shared(sides, residuals, held, columns[j], work, warm, scratch)
        sweep += 1
        before, reached = reached, objective(residuals)
        stalled = reached > before * (1.0 - STALL)
    for j in range(columns.shape[0]):
        if counts[j] == 1:
            for r in range(n):
                columns[j, orders[j, r]] = values[j, r]
    return reached, sweep, stalled


@njit(cache=True, nogil=True)
def add_up_block(
    columns: Floats,
    block: Columns,
    weights: Floats,
    residuals: Floats,
    total: Floats,
    rest: Floats,
) -> None:
    """Sum of a block in units of its first column, and minus the projected residual without it."""
    first = block[0]
    total[:] = 0.0
    rest[:] = 0.0
    lead = np.argmax(np.abs(weights[first]))
    for j in block:
        scale = weights[j, lead] / weights[first, lead]
        column = columns[j]
        for i in range(total.size):
            total[i] += scale * column[i]
    for k in range(weights.shape[1]):
        weight = weights[first, k]
        if weight != 0.0:
            residual = residuals[k]
            for i in range(total.size):
                rest[i] += weight * (weight * total[i] - residual[i])


@njit(cache=True, nogil=True)
def move_block(
    columns: Floats,
    block: Columns,
    weights: Floats,
    residuals: Floats,
    work: tuple[Floats, Floats, Floats, Order, Order, Order],
    scratch: Scratch,
) -> None:
    """Permute the states of a block of proportional columns so that its sum opposes the rest."""
    total, rest, moved, by_total, by_rest, source = work
    first = block[0]
    add_up_block(columns, block, weights, residuals, total, rest)
    for i in range(total.size):
        moved[i] = total[i]
    sort_places(moved, by_total, scratch)
    sort_places(rest, by_rest, scratch)
    for r in range(total.size):
        source[by_rest[r]] = by_total[r]
    for j in block:
        column = columns[j]
        moved[:] = column
        for i in range(total.size):
            column[i] = moved[source[i]]
    for i in range(total.size):
        moved[i] = total[source[i]] - total[i]
    for k in range(weights.shape[1]):
        weight = weights[first, k]
        if weight != 0.0:
            residual = residuals[k]
            for i in range(total.size):
                residual[i] += weight * moved[i]


@njit(cache=True, nogil=True)
def step_blocks(
    columns: Floats, weights: Floats, moves: Columns, sizes: Columns, tolerance: float
) -> tuple[float, int]:
    """Move block after block (`moves[s, :sizes[s]]` in step s) until within the tolerance.

    Returns the objective and the steps made.
    """
    n = columns.shape[1]
    residuals = project(columns, weights)
    scratch = make_scratch(n)
    places = np.empty((3, n), np.uint32)
    work = (np.empty(n), np.empty(n), np.empty(n), places[0], places[1], places[2])
    reached = objective(residuals)
    step = 0
    while step < sizes.size and reached > tolerance:
        move_block(columns, moves[step, : sizes[step]], weights, residuals, work, scratch)
        step += 1
        if step % OBJECTIVE_EVERY == 0 or step == sizes.size:
            reached = objective(residuals)
    return reached, step
