"""One joint law of many names under basket constraints, from marginals to verdict.

Ties together the start, the rearrangement and the feasibility verdict. It knows nothing of
tickers or snapshots (`estimates.joint`), nor of what is priced on the states (`joint_options`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offtape_assets.quant.block_rearrangement import rearrange_columns
from offtape_assets.quant.block_rearrangement_kernels import sort_rows
from offtape_assets.quant.joint_feasibility import BasketBounds, basket_bounds
from offtape_assets.quant.joint_starts import TiltedCorrelation, arrange_by, tilt_correlation

Floats = NDArray[np.float64]

OBJECTIVE_GOAL = 1e-6
"""Sum of relative residual variances at which the constraints count as met (and moves stop)."""
ACCEPTED_RESIDUAL = 1e-3
"""Relative residual variance up to which one constraint is feasible: 3 % of the basket's sd."""
NEGLIGIBLE_HOLDING = 0.02
"""A name whose spread in every basket is below this part of the largest holding's stays as it
started: sorting it could gain next to nothing and would put noise in place of its dependence."""


@dataclass(frozen=True)
class JointProblem:
    """Marginal laws of names and baskets, and the baskets' holdings.

    Attributes
    ----------
    names
        (n, d) equiprobable values of each name, each column ascending.
    baskets
        (n, K) the same for the baskets; K may be 0.
    weights
        (d, K) coefficient of a name in a basket: basket_k = sum_j weights_jk name_j + constant.
    """

    names: Floats
    baskets: Floats
    weights: Floats

    def __post_init__(self) -> None:
        shapes = (self.names.shape, self.baskets.shape, self.weights.shape)
        if self.names.ndim != 2 or self.baskets.ndim != 2 or len(self.names) != len(self.baskets):
            raise ValueError(f"names, baskets have shapes {shapes[:2]}; allowed are (n, d), (n, K)")
        if self.weights.shape != (self.names.shape[1], self.baskets.shape[1]):
            raise ValueError(f"weights has shape {shapes[2]}; allowed is (d, K) of {shapes[:2]}")
        if len(self.names) < 2:
            raise ValueError(f"names has {len(self.names)} states; allowed are at least two")
        spread = np.concatenate([np.ptp(self.names, axis=0), np.ptp(self.baskets, axis=0)])
        if not (np.isfinite(spread).all() and (spread > 0).all()):
            raise ValueError("names or baskets holds a column that is constant or not finite")

    @cached_property
    def bounds(self) -> BasketBounds:
        """Necessary conditions on each basket by itself."""
        return basket_bounds(self.names, self.baskets, self.weights)


@dataclass(frozen=True)
class JointLaw:
    """A joint law and how far the constraints hold.

    Attributes
    ----------
    names, baskets
        (n, d) and (n, K) states; every column is a permutation of the marginal given.
    objective
        Sum over the baskets of var(holdings - basket) / var(basket).
    relative_residuals
        (K,) its terms.
    is_feasible
        (K,) whether a term is at most ACCEPTED_RESIDUAL.
    reasons
        Per basket '' or why it cannot hold.
    sweeps
        Sweeps made.
    status
        'ok' (objective at the goal), 'approximate' (every basket within ACCEPTED_RESIDUAL, the
        floor of tail states), 'infeasible' (a basket is not, and a bound or the Gaussian law
        says why), 'not_converged' (a basket is not, without such a reason).
    """

    names: Floats
    baskets: Floats
    objective: float
    relative_residuals: Floats
    is_feasible: NDArray[np.bool_]
    reasons: tuple[str, ...]
    sweeps: int
    status: str


def nearest_correlation(problem: JointProblem, prior: ArrayLike) -> TiltedCorrelation:
    """Copula correlation nearest to a prior with the baskets' variances (`tilt_correlation`).

    Parameters
    ----------
    problem
        Names, baskets and holdings.
    prior
        (d, d) prior correlation of the names.

    Returns
    -------
    TiltedCorrelation
    """
    exposures = problem.weights * problem.names.std(axis=0)[:, None]
    return tilt_correlation(prior, exposures, problem.baskets.var(axis=0))


def solve_joint(
    problem: JointProblem,
    start: ArrayLike,
    rng: np.random.Generator,
    *,
    tilted: TiltedCorrelation | None = None,
    tolerance: float = OBJECTIVE_GOAL,
    max_sweeps: int = 200,
) -> JointLaw:
    """Impose the baskets on a starting arrangement of the names.

    Parameters
    ----------
    problem
        Names, baskets and holdings.
    start
        (n, d) starting states of the names: each column a permutation of `problem.names`.
    rng
        Source of the visiting orders.
    tilted
        What `nearest_correlation` said of the problem, for the reason of an infeasible one.
    tolerance
        Objective at which moves stop.
    max_sweeps
        Most sweeps over all columns.

    Returns
    -------
    JointLaw

    Raises
    ------
    ValueError
        A start whose columns are not permutations of the names' values.

    Notes
    -----
    The baskets start in the order of their holdings' value and are rearranged like the names,
    with coefficient -1. Without baskets the start is the answer, and so it is for names in no
    basket or with a negligible holding (NEGLIGIBLE_HOLDING).
    """
    arranged = np.asarray(start, dtype=float)
    if arranged.shape != problem.names.shape:
        raise ValueError(
            f"start has shape {arranged.shape}; allowed is {problem.names.shape} of the names"
        )
    ordered = np.array(arranged.T, order="C")
    sort_rows(ordered)
    if not np.array_equal(ordered, problem.names.T):
        raise ValueError("start holds other values than names; allowed are permutations of them")
    count = arranged.shape[1]
    states = np.hstack([arranged, arrange_by(arranged @ problem.weights, problem.baskets)])
    coefficients = np.vstack([problem.weights, -np.eye(problem.baskets.shape[1])])
    outcome = rearrange_columns(
        states,
        coefficients,
        scales=problem.baskets.var(axis=0),
        movable=_movable(problem),
        tolerance=tolerance,
        max_sweeps=max_sweeps,
        rng=rng,
    )
    feasible = outcome.relative_residuals <= ACCEPTED_RESIDUAL
    reasons = _reasons(problem.bounds, tilted, feasible)
    return JointLaw(
        outcome.states[:, :count],
        outcome.states[:, count:],
        outcome.objective,
        outcome.relative_residuals,
        feasible,
        reasons,
        outcome.moves,
        _status(outcome.status, feasible, reasons),
    )


def previous_start(problem: JointProblem, previous: ArrayLike) -> Floats:
    """Ranks of an earlier snapshot's states, with today's values.

    Parameters
    ----------
    problem
        The new snapshot.
    previous
        (n, d) states of the names at the earlier one, with the same number of states.

    Returns
    -------
    ndarray
        (n, d) start for `solve_joint`.
    """
    return arrange_by(previous, problem.names)


def _movable(problem: JointProblem) -> NDArray[np.bool_]:
    """Which columns may be rearranged: the baskets and the names that matter to one."""
    spread = np.abs(problem.weights) * problem.names.std(axis=0)[:, None]
    largest = spread.max(axis=0, initial=np.finfo(float).tiny)
    matters = (spread >= NEGLIGIBLE_HOLDING * largest).any(axis=1)
    return np.concatenate([matters, np.ones(spread.shape[1], dtype=bool)])


def _reasons(
    bounds: BasketBounds, tilted: TiltedCorrelation | None, feasible: NDArray[np.bool_]
) -> tuple[str, ...]:
    """Per basket, the bound it breaks, else the verdict on the Gaussian law, else ''."""
    gaussian = "variances_contradict" if tilted and tilted.status == "infeasible" else ""
    return tuple(
        reason or ("" if holds else gaussian)
        for reason, holds in zip(bounds.reasons, feasible, strict=True)
    )


def _status(moved: str, feasible: NDArray[np.bool_], reasons: tuple[str, ...]) -> str:
    """Verdict on the whole law."""
    if moved == "ok":
        return "ok"
    if feasible.all():
        return "approximate"
    return "infeasible" if any(reasons) else "not_converged"
