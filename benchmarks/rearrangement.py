"""Rearrangement and block rearrangement beside careful numpy and PyPI rearrangement-algorithm.

Both sides make the same number of moves from the same start, in turn, on one thread; seconds are
processor time per sweep over all columns (or per that many block steps), medians. The accuracy is
the row-sum variance left over the initial one, ours and the peer's.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
from harness import Row, arguments, report
from rearrangement_algorithm import basic_rearrange
from scipy.special import ndtri

from offtape_assets.quant.block_rearrangement import (
    random_subsets,
    rearrange_blocks,
    rearrange_columns,
    visiting_orders,
)
from offtape_assets.quant.joint_quantiles import state_levels

SIZES = [(1_000, 6), (1_000, 40), (10_000, 6), (10_000, 20), (10_000, 40), (100_000, 20)]
REPEATS = 11
LEAST_SECONDS = 0.02
SHUFFLES = 9
"""Starts over which floors are compared where the two sides visit columns in another order."""
MOST_SWEEPS = 10
"""Ours stops sooner where a sweep gains no more; the peer then makes as many."""


def lognormal_columns(n: int, d: int) -> np.ndarray:
    """(n, d) shuffled lognormal columns of mixed scale."""
    rng = np.random.default_rng(0)
    scores = ndtri(state_levels(n))
    columns = np.exp(rng.uniform(0.02, 0.4, d) * scores[:, None]) * rng.uniform(0.5, 1.5, d)
    return rng.permuted(columns, axis=0)


def numpy_sweeps(start: np.ndarray, sweeps: int) -> np.ndarray:
    """Column-major numpy with its vectorised argsort, in the visiting order ours draws."""
    visits = visiting_orders(start.std(axis=0), MOST_SWEEPS, np.random.default_rng(1))
    columns = np.asfortranarray(start)
    ordered = np.sort(columns, axis=0)
    total = columns.sum(axis=1)
    for visit in visits[:sweeps]:
        for j in visit:
            rest = total - columns[:, j]
            placed = np.empty_like(rest)
            placed[np.argsort(-rest)] = ordered[:, j]
            columns[:, j] = placed
            total = rest + placed
    return total


def numpy_blocks(start: np.ndarray, steps: int) -> np.ndarray:
    """The same random subsets of columns in careful numpy."""
    columns = np.asfortranarray(start)
    d = columns.shape[1]
    total = columns.sum(axis=1)
    for order, size in zip(*random_subsets(d, steps, np.random.default_rng(1)), strict=True):
        block = order[:size]
        part = columns[:, block].sum(axis=1)
        rest = total - part
        source = np.empty(len(part), dtype=np.int64)
        source[np.argsort(-rest)] = np.argsort(part)
        for j in block:
            columns[:, j] = columns[source, j]
        total = rest + part[source]
    return total


def processor_seconds(
    ours: Callable[[], object], peer: Callable[[], object], repeats: int
) -> tuple[float, float]:
    """Median processor seconds of both, in turn after a warm-up; cores may be shared.

    A side is called as often in one turn as LEAST_SECONDS take, so that neither is timed on the
    caches the other one left.
    """
    calls = []
    for run in (ours, peer):
        run()
        begun = time.process_time()
        run()
        calls.append(1 + int(LEAST_SECONDS / max(time.process_time() - begun, 1e-6)))
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for side, run, count in zip(spent, (ours, peer), calls, strict=True):
            begun = time.process_time()
            for _ in range(count):
                run()
            side.append((time.process_time() - begun) / count)
    return statistics.median(spent[0]), statistics.median(spent[1])


def median_floors(start: np.ndarray, sweeps: int) -> tuple[float, float]:
    """Row-sum variance left by ours and by the package, medians over shuffled starts."""
    ours, theirs = [], []
    d = start.shape[1]
    for shuffle in range(SHUFFLES):
        rng = np.random.default_rng(shuffle)
        shuffled = rng.permuted(start, axis=0)
        done = rearrange_columns(
            shuffled, np.ones((d, 1)), tolerance=0.0, max_sweeps=MOST_SWEEPS, rng=rng
        )
        ours.append(done.objective)
        left = basic_rearrange(shuffled, np.min, lookback=d, tol=-1.0, max_ra=sweeps * d)
        theirs.append(left.sum(axis=1).var())
    return statistics.median(ours), statistics.median(theirs)


def row(
    case: str, ours: tuple, peer: tuple, name: str, goal: float, initial: float, sweeps: int
) -> Row:
    """One comparison from (callable, its row-sum variance) on each side."""
    seconds = [s / sweeps for s in processor_seconds(ours[0], peer[0], REPEATS)]
    mine, theirs = ours[1] / initial, peer[1] / initial
    ratio = seconds[1] / seconds[0]
    # numpy makes the same moves; the package visits columns in another order
    reached = mine <= theirs * (1.0 + 1e-6 if name == "numpy" else 1.05)
    accuracy = f"objective {mine:.2e} / {theirs:.2e}"
    goal_text = f">= {goal:g}x, objective no higher"
    return Row(case, *seconds, name, ratio, accuracy, goal_text, ratio >= goal and reached)


def compare_sizes(sizes: list[tuple[int, int]]) -> list[Row]:
    """Every size: columns against numpy and the package, blocks against numpy."""
    rows = []
    for n, d in sizes:
        start = lognormal_columns(n, d)
        initial, ones = start.sum(axis=1).var(), np.ones((d, 1))

        def columns(start=start, ones=ones):
            rng = np.random.default_rng(1)
            return rearrange_columns(start, ones, tolerance=0.0, max_sweeps=MOST_SWEEPS, rng=rng)

        done = columns()
        sweeps = done.moves

        def blocks(start=start, ones=ones, steps=sweeps * d):
            rng = np.random.default_rng(1)
            return rearrange_blocks(start, ones, None, tolerance=0.0, max_steps=steps, rng=rng)

        def plain(start=start, sweeps=sweeps):
            return numpy_sweeps(start, sweeps)

        def plain_blocks(start=start, steps=sweeps * d):
            return numpy_blocks(start, steps)

        def package(start=start, d=d, steps=sweeps * d):
            return basic_rearrange(start, np.min, lookback=d, tol=-1.0, max_ra=steps)

        size = f"{n} x {d}, {sweeps} sweeps"
        scaled = (columns, done.objective)
        goal = 3.0 if n <= 10_000 else 1.5
        fixed = plain().var()
        rows.append(row(f"columns {size}", scaled, (plain, fixed), "numpy", goal, initial, sweeps))
        if n * d <= 1_000_000:
            name, floors = "rearrangement-algorithm", median_floors(start, sweeps)
            sides = (columns, floors[0]), (package, floors[1])
            rows.append(row(f"columns {size}", *sides, name, 10.0, initial, sweeps))
        moved = (blocks, blocks().objective)
        other = (plain_blocks, plain_blocks().var())
        rows.append(row(f"blocks {size}", moved, other, "numpy", 4.0, initial, sweeps))
    return rows


def main() -> None:
    """Run and print."""
    flags = arguments(__doc__)
    sizes = SIZES[:3] if flags.quick else SIZES
    report("rearrangement", compare_sizes(sizes), flags.format)


if __name__ == "__main__":
    main()
