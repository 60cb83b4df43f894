"""Who moves first, decided: a test of lead-lag asymmetry and the rule that names a leader.

Block sums of lagged cross-products, forward less backward, on a grid and on ticks; a leader of a
group must win against every other member by both. Descriptive statistics are in `lead_lag.py`.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from offtape_assets.quant.lead_lag import Instants, hayashi_yoshida_asymmetry

Array = NDArray[np.float64]

MIN_BLOCKS = 8  # fewer block sums than this cannot carry a t statistic
MIN_COVERAGE = 0.5  # share of known products a block must have to count
SIZE = 0.05  # chance, over a whole group, of naming a leader where nobody leads
TICK_LAGS_NS = tuple(int(s * 1e9) for s in (0.05, 0.1, 0.2, 0.5, 1, 2, 3, 5, 10))


class LeadTest(NamedTuple):
    """Asymmetry of one ordered pair; NaN unless `status` is "ok".

    `asymmetry` is the sum of forward less backward cross-covariances over the lags, divided by the
    two series' standard deviations (> 0: the first series leads); `z` is the t ratio of its block
    sums and `p_value` two-sided from the t law with n_blocks - 1 degrees of freedom.
    """

    status: str
    asymmetry: float
    z: float
    p_value: float
    n_blocks: int


def grid_lead_test(x: Array, y: Array, max_lag: int, block: int) -> LeadTest:
    """Test whether x leads y, from returns on a regular grid.

    A stale price makes the other one lead: `confirm` it by the ticks.

    Parameters
    ----------
    x, y : ndarray, shape (n_time,)
        Returns; NaN where unknown.
    max_lag : int
        Largest lag L, in steps.
    block : int
        Steps a block.

    Returns
    -------
    LeadTest
        Status "ok", "too_few" (blocks) or "singular" (a series does not vary).

    Raises
    ------
    ValueError
        If shapes differ or a number is below 1.

    Notes
    -----
    A = sum_t sum_{k=1..L} [x_t y_{t+k} - x_t y_{t-k}] = sum_t [x_t Y_t - y_t X_t], X_t and Y_t the
    next L returns of x and y. Unequal noise that is not shared drops out of A, which is why it
    tests "nobody leads" where information shares do not.
    """
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"x and y have shapes {x.shape} and {y.shape}; both must be (n_time,)")
    if max_lag < 1 or block < 1:
        raise ValueError(f"max_lag is {max_lag} and block {block}; both must be at least 1")
    known = np.isfinite(x) & np.isfinite(y)
    n_blocks = max(len(x) - max_lag, 0) // block
    if n_blocks < MIN_BLOCKS or not known.any():
        return _failed("too_few", n_blocks)
    x, y = (np.where(known, v - v[known].mean(), 0.0) for v in (x, y))
    scale = np.sqrt((x @ x) * (y @ y))
    if not scale > 0.0:
        return _failed("singular", n_blocks)
    products = x[:-max_lag] * _next_sum(y, max_lag) - y[:-max_lag] * _next_sum(x, max_lag)
    used = n_blocks * block
    sums = products[:used].reshape(n_blocks, block).sum(axis=1)
    filled = known[:used].reshape(n_blocks, block).mean(axis=1) >= MIN_COVERAGE
    return asymmetry_test(sums[filled], float(scale))


class TickPart(NamedTuple):
    """Ticks that make up a series, with its weight in the series' log price (1 for a ticker).

    `times` (n,) are int64 instants in ns, strictly ascending; `values` (n,) log prices from then on.
    """

    weight: float
    times: Instants
    values: Array


def tick_lead_test(
    x: tuple[TickPart, ...],
    y: tuple[TickPart, ...],
    block_starts: Instants,
    lags: tuple[int, ...] = TICK_LAGS_NS,
) -> LeadTest:
    """Test whether x leads y, from the ticks themselves (Hayashi-Yoshida sums).

    Parameters
    ----------
    x, y : tuple of TickPart
        The series: one part for a ticker, several for a basket.
    block_starts : ndarray of int64, shape (n_blocks + 1,)
        Edges of the blocks in ns.
    lags : tuple of int
        Lags in ns, above 0.

    Returns
    -------
    LeadTest
        Status "ok", "too_few" or "singular".

    Raises
    ------
    ValueError
        If instants are not ascending or shapes differ.

    Notes
    -----
    A = sum over lags of HY(k) - HY(-k). Each product pairs whole intervals between ticks, so a
    series that ticks rarely is not late by construction, as it is on a grid. Covariance is linear
    in each series: a basket's sums are those of its parts. Its price at its parts' last ticks would
    be late, like any grid.
    """
    n_blocks = len(block_starts) - 1
    if n_blocks < MIN_BLOCKS or min(len(part.times) for part in x + y) < MIN_BLOCKS:
        return _failed("too_few", n_blocks)
    scale = np.sqrt(_quadratic_variation(x) * _quadratic_variation(y))
    if not scale > 0.0:
        return _failed("singular", n_blocks)
    reach = np.asarray(lags, dtype=np.int64)
    sums = np.zeros(n_blocks)
    for a in x:
        for b in y:
            pair = hayashi_yoshida_asymmetry(
                a.times, a.values, b.times, b.values, reach, block_starts
            )
            sums += a.weight * b.weight * pair
    alive = np.ones(n_blocks, dtype=bool)
    for part in x + y:
        alive &= np.histogram(part.times, block_starts)[0] > 0
    return asymmetry_test(sums[alive], float(scale))


def asymmetry_test(sums: Array, scale: float = 1.0) -> LeadTest:
    """The t test that independent block sums have mean zero.

    Parameters
    ----------
    sums : ndarray, shape (n_blocks,)
        Forward less backward cross-products of each block.
    scale : float
        Divisor of their total.

    Returns
    -------
    LeadTest
        "too_few" below eight blocks, "singular" if the sums do not vary.
    """
    n = len(sums)
    if n < MIN_BLOCKS:
        return _failed("too_few", n)
    spread = sums.std(ddof=1)
    if not spread > 0.0:
        return _failed("singular", n)
    z = float(sums.mean() / spread * np.sqrt(n))
    p_value = float(2.0 * scipy.stats.t.sf(abs(z), n - 1))
    return LeadTest("ok", float(sums.sum() / scale), z, p_value, n)


def confirm(on_ticks: LeadTest, on_grid: LeadTest) -> LeadTest:
    """The weaker of two tests that must both reject "nobody leads".

    Parameters
    ----------
    on_ticks, on_grid : LeadTest
        The same pair by `tick_lead_test` and `grid_lead_test`.

    Returns
    -------
    LeadTest
        Their statistics with the larger p value; status "disagree" (NaN) if the signs differ, the
        first failure if one failed.

    Notes
    -----
    The two err in opposite directions. On a grid the fresher, finer-ticked series seems to lead:
    it shows a move before the other one does. Ticks pair whole intervals between changes, but a
    coarse price changes just when the last increments of value push it over its threshold, so
    these sit at the interval's end and the coarser series seems to lead. An intersection of both
    keeps the size of each, wherever one of them is right.
    """
    for test in (on_ticks, on_grid):
        if test.status != "ok":
            return test
    if on_ticks.z * on_grid.z <= 0.0:
        return _failed("disagree", min(on_ticks.n_blocks, on_grid.n_blocks))
    return on_ticks if on_ticks.p_value >= on_grid.p_value else on_grid


def find_leader(z: Array, p_value: Array) -> int | None:
    """Name the member that leads every other one, if there is one.

    Parameters
    ----------
    z, p_value : ndarray, shape (n, n)
        Entry (i, j): the test that i leads j, antisymmetric and symmetric; the diagonal is unused
        and NaN stands for a failed test.

    Returns
    -------
    int or None
        The leader, or None. With the threshold 5 % / (n - 1) two-sided a pair, some member is
        named with a chance of at most 5 % * n / (2 (n - 1)) if nobody leads.

    Raises
    ------
    ValueError
        If the matrices are not square and of one shape.
    """
    n = len(z)
    if z.shape != (n, n) or p_value.shape != (n, n) or n < 2:
        raise ValueError(f"z and p_value have shapes {z.shape} and {p_value.shape}; both (n, n)")
    wins = (z > 0.0) & (p_value <= SIZE / (n - 1))
    np.fill_diagonal(wins, True)
    leaders = np.flatnonzero(wins.all(axis=1))
    return int(leaders[0]) if len(leaders) == 1 else None


def _next_sum(values: Array, reach: int) -> Array:
    """Sum of the next `reach` values, for all but the last `reach` rows."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    return total[reach + 1 :] - total[1 : len(values) - reach + 1]


def _quadratic_variation(parts: tuple[TickPart, ...]) -> float:
    return float(sum(np.sum((part.weight * np.diff(part.values)) ** 2) for part in parts))


def _failed(status: str, n_blocks: int) -> LeadTest:
    return LeadTest(status, np.nan, np.nan, np.nan, n_blocks)
