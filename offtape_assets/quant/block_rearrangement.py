"""Constrained block rearrangement: permute columns until linear constraints hold in every state.

States are equiprobable rows; a constraint is a weighted sum of columns that should be constant.
Marginals are kept to the bit, only their pairing changes. Which pairing to start from is the
business of `joint_starts`, whether the constraints can hold at all that of `joint_feasibility`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offtape_assets.quant import block_rearrangement_kernels as kernels

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rearrangement:
    """Outcome of a rearrangement.

    Attributes
    ----------
    states
        (n, m) rearranged columns; each is a permutation of the column given.
    objective
        Sum over constraints of var(residual) / scale reached.
    relative_residuals
        (K,) var(residual_k) / scale_k, recomputed from `states`.
    moves
        Sweeps over all columns, or block steps, made.
    status
        'ok'; above the tolerance 'stalled' where a sweep no longer gains (a local floor, or
        constraints that contradict one another) and 'not_converged' where moves ran out.
    """

    states: Floats
    objective: float
    relative_residuals: Floats
    moves: int
    status: str


def rearrange_columns(
    states: ArrayLike,
    weights: ArrayLike,
    *,
    scales: ArrayLike | None = None,
    movable: ArrayLike | None = None,
    tolerance: float = 1e-6,
    max_sweeps: int = 200,
    rng: np.random.Generator,
) -> Rearrangement:
    """Rearrange single columns, sweep after sweep in random order.

    Parameters
    ----------
    states
        (n, m) equiprobable states by columns, in any units; the start.
    weights
        (m, K) coefficients of the columns in the K constraints; a basket's own column has -1.
        A column without any coefficient is left as it is: every order of it is optimal, and
        sorting it on an empty key would destroy the dependence it started with.
    scales
        (K,) variances the residuals are measured in; ones by default.
    movable
        (m,) whether a column may be rearranged; all by default. A fixed one still counts.
    tolerance
        Stop once the objective is at most this.
    max_sweeps
        Most sweeps over all columns.
    rng
        Source of the visiting orders.

    Returns
    -------
    Rearrangement

    Raises
    ------
    ValueError
        Shapes that do not match, fewer than two states, values that are not finite.

    Notes
    -----
    With L_k = sum_j w_jk x_j, moving column j changes V = sum_k var(L_k) / scale_k only through
    the covariance of x_j with sum_k w_jk (L_k - w_jk x_j) / scale_k; V is smallest over the
    permutations of x_j when the two are oppositely ordered, so no step ever raises V [1]_.
    The order of visits is random but not uniform, see `visiting_orders`.

    References
    ----------
    .. [1] Bernard, Bondarenko, Vanduffel (2020), "A model-free approach to multivariate option
       pricing", Review of Derivatives Research 24.
    """
    start, scaled, size = _checked(states, weights, scales)
    _require_positive("max_sweeps", max_sweeps)
    columns = np.array(start.T, order="C")
    visits = visiting_orders(
        np.abs(scaled).max(axis=1, initial=0.0) * columns.std(axis=1), max_sweeps, rng
    )
    counts = np.count_nonzero(scaled, axis=1) * _checked_movable(movable, len(columns))
    members = np.argsort(scaled == 0.0, axis=1, kind="stable")
    objective, sweeps, stalled = kernels.sweep_columns(
        columns, scaled, members, counts, visits, tolerance
    )
    return _result(columns, weights, size, objective, sweeps, tolerance, stalled)


def rearrange_blocks(
    states: ArrayLike,
    weights: ArrayLike,
    blocks: Sequence[Sequence[int]] | None,
    *,
    block_weights: ArrayLike | None = None,
    scales: ArrayLike | None = None,
    tolerance: float = 1e-4,
    max_steps: int = 3000,
    rng: np.random.Generator,
) -> Rearrangement:
    """Rearrange one randomly drawn block of columns a step.

    Parameters
    ----------
    states, weights, scales, tolerance, rng
        As in `rearrange_columns`.
    blocks
        Sets of columns moved together; columns of one block must have proportional weights
        (see `proportional_blocks`). None draws a fresh random subset of the columns each step,
        which only a single constraint allows.
    block_weights
        Relative frequencies of the blocks; equal by default. The dependence reached depends on
        them: on the first example of [1]_ the correlation of the first two columns runs from
        .68 to .95 with the schedule, while the objective is equally small.
    max_steps
        Most block moves.

    Returns
    -------
    Rearrangement

    Raises
    ------
    ValueError
        As `rearrange_columns`; a block that is empty, out of range, in no constraint or not
        proportional; block weights that are negative or of another length.

    References
    ----------
    .. [1] Bernard, Bondarenko, Vanduffel (2020), section 4.1.
    """
    start, scaled, size = _checked(states, weights, scales)
    _require_positive("max_steps", max_steps)
    columns = np.array(start.T, order="C")
    if blocks is None:
        if scaled.shape[1] != 1 or not scaled.all():
            raise ValueError(
                "blocks: None (random subsets) needs one constraint in which every column has a"
                f" weight, got {scaled.shape[1]} constraints; name the blocks"
            )
        moves, sizes = random_subsets(len(columns), max_steps, rng)
    else:
        _check_blocks(blocks, scaled)
        picks = rng.choice(len(blocks), max_steps, p=_frequencies(block_weights, len(blocks)))
        listed = np.zeros((len(blocks), len(columns)), dtype=np.int64)
        for row, block in zip(listed, blocks, strict=True):
            row[: len(block)] = block
        moves, sizes = listed[picks], np.array([len(block) for block in blocks])[picks]
    objective, steps = kernels.step_blocks(columns, scaled, moves, sizes, tolerance)
    return _result(columns, weights, size, objective, steps, tolerance)


def visiting_orders(
    exposures: ArrayLike, sweeps: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Random orders of the columns in which much exposed ones tend to come first.

    Parameters
    ----------
    exposures
        (m,) largest spread a column brings to a constraint, in the constraint's own scale.
    sweeps
        Number of orders.
    rng
        Source of the draws.

    Returns
    -------
    ndarray
        (sweeps, m) permutations, drawn without replacement in proportion to exposure squared
        (by the exponential races behind the Gumbel trick).

    Notes
    -----
    A column whose own contribution is smaller than the residual of the moment is sorted by that
    residual and loses the dependence it started with, so the large ones have to take the
    residual down first. On worlds with uneven baskets this halves the departure from the start
    against uniformly random orders, at no more sweeps (docs/methods/joint.md).
    """
    sizes = np.asarray(exposures, dtype=float)
    races = rng.exponential(size=(sweeps, sizes.size))
    return np.argsort(races / np.maximum(sizes, 1e-150) ** 2, axis=1)


def proportional_blocks(weights: ArrayLike) -> list[list[int]]:
    """Largest sets of columns whose weights are proportional to one another.

    Parameters
    ----------
    weights
        (m, K) coefficients of the columns in the constraints.

    Returns
    -------
    list of list of int
        Blocks in order of their first column; columns without any weight are in none.
    """
    coefficients = np.asarray(weights, dtype=float)
    blocks: list[list[int]] = []
    for column in np.flatnonzero(coefficients.any(axis=1)):
        for block in blocks:
            if _are_proportional(coefficients[block[0]], coefficients[column]):
                block.append(int(column))
                break
        else:
            blocks.append([int(column)])
    return blocks


def random_subsets(
    count: int, draws: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Random proper subsets of columns, as `rearrange_blocks` draws them for one constraint.

    Parameters
    ----------
    count
        Number of columns.
    draws
        Number of subsets.
    rng
        Source of the draws.

    Returns
    -------
    orders, sizes
        (draws, count) permutations of the columns and (draws,) how many of them, from the
        first, are in the subset: s or count - s, whichever is smaller, s uniform on
        1..count - 1. Moving a set or its complement is the same move, and the smaller one
        costs less.
    """
    drawn = rng.integers(1, max(count, 2), draws)
    orders = np.argsort(rng.random((draws, count)), axis=1)
    return orders, np.maximum(np.minimum(drawn, count - drawn), 1)


def _are_proportional(first: Floats, other: Floats) -> bool:
    """Whether two weight vectors span one line (to rounding)."""
    bound = np.linalg.norm(first) * np.linalg.norm(other)
    return bool(bound > 0 and abs(first @ other) >= bound * (1 - 1e-12))


def _checked(
    states: ArrayLike, weights: ArrayLike, scales: ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    """States, weights in units of the scales' root, and scales, all checked."""
    start = np.asarray(states, dtype=float)
    coefficients = np.asarray(weights, dtype=float)
    if start.ndim != 2 or start.shape[0] < 2:
        raise ValueError(
            f"states has shape {start.shape}; allowed is (n, m) with at least two states n"
        )
    if coefficients.ndim != 2 or coefficients.shape[0] != start.shape[1]:
        raise ValueError(
            f"weights has shape {coefficients.shape}; allowed is (m, K) with the m ="
            f" {start.shape[1]} columns of states"
        )
    size = np.ones(coefficients.shape[1]) if scales is None else np.asarray(scales, dtype=float)
    if size.shape != (coefficients.shape[1],) or not (size > 0).all():
        raise ValueError(f"scales is {size}; allowed are {coefficients.shape[1]} positive numbers")
    for name, array in (("states", start), ("weights", coefficients), ("scales", size)):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that are not finite; allowed are finite numbers")
    return start, np.ascontiguousarray(coefficients / np.sqrt(size)), size


def _checked_movable(movable: ArrayLike | None, count: int) -> NDArray[np.bool_]:
    """Mask of the columns that may move."""
    mask = np.ones(count, dtype=bool) if movable is None else np.asarray(movable)
    if mask.shape != (count,) or mask.dtype != np.bool_:
        raise ValueError(f"movable has shape {mask.shape}; allowed are {count} booleans")
    return mask


def _require_positive(name: str, count: int) -> None:
    """Refuse a limit on moves below one."""
    if count < 1:
        raise ValueError(f"{name} is {count}; allowed is a whole number of at least 1")


def _check_blocks(blocks: Sequence[Sequence[int]], weights: Floats) -> None:
    """Refuse blocks that cannot be moved together."""
    if not blocks:
        raise ValueError("blocks is empty; allowed is at least one block")
    for block in blocks:
        inside = all(0 <= column < len(weights) for column in block)
        if not block or not inside or len(set(block)) < len(block):
            raise ValueError(
                f"blocks holds {list(block)}; allowed are distinct columns 0 to {len(weights) - 1}"
            )
        if not all(_are_proportional(weights[block[0]], weights[column]) for column in block):
            raise ValueError(
                f"blocks holds {list(block)}, whose weights are zero or not proportional;"
                " allowed are columns with proportional weights"
            )


def _frequencies(block_weights: ArrayLike | None, count: int) -> Floats:
    """Probabilities of drawing each block."""
    given = np.ones(count) if block_weights is None else np.asarray(block_weights, dtype=float)
    if given.shape != (count,) or not (given >= 0).all() or not given.sum() > 0:
        raise ValueError(
            f"block_weights is {given}; allowed are {count} non-negative numbers, not all zero"
        )
    return given / given.sum()


def _result(
    columns: Floats,
    weights: ArrayLike,
    scales: Floats,
    objective: float,
    moves: int,
    tolerance: float,
    stalled: bool = False,
) -> Rearrangement:
    """Rearrangement with residuals recomputed from the columns."""
    residuals = np.asarray(weights, dtype=float).T @ columns
    status = "stalled" if stalled else "not_converged"
    if objective <= tolerance:
        status = "ok"
    return Rearrangement(columns.T, objective, residuals.var(axis=1) / scales, moves, status)
