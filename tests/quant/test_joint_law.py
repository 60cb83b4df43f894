"""Joint laws: feasible worlds solved, dependence decided by the start, contradictions named."""

import numpy as np
import pytest
from scipy.special import ndtri

from offtape_assets.quant.joint_law import (
    JointProblem,
    nearest_correlation,
    previous_start,
    solve_joint,
)
from offtape_assets.quant.joint_quantiles import state_levels
from offtape_assets.quant.joint_starts import copula_start, equicorrelation
from tests.quant.joint_worlds import correlation_error, gaussian_world


@pytest.mark.parametrize(("names", "baskets"), [(40, 10), (20, 5)])
@pytest.mark.parametrize("prior", [0.0, 0.4])
def test_feasible_worlds_are_solved_and_stay_at_the_theory(names, baskets, prior):
    world = gaussian_world(names, baskets)
    tilted = nearest_correlation(world.problem, equicorrelation(names, prior))
    assert tilted.status == "ok"
    for seed in range(3):
        rng = np.random.default_rng(seed)
        start = copula_start(world.problem.names, tilted.correlation, rng)
        law = solve_joint(world.problem, start, rng, tilted=tilted)
        assert law.status == "ok"
        assert law.objective <= 1e-6
        assert law.is_feasible.all()
        assert correlation_error(law.names, tilted.correlation, world.held) <= 0.02
        np.testing.assert_array_equal(np.sort(law.names, axis=0), world.problem.names)
        np.testing.assert_array_equal(np.sort(law.baskets, axis=0), world.problem.baskets)
        gap = law.names @ world.problem.weights - law.baskets
        reached = (gap.var(axis=0) / law.baskets.var(axis=0)).sum()
        assert reached == pytest.approx(law.objective, rel=1e-6)


def test_the_start_decides_the_dependence_though_the_constraints_hold_equally():
    world = gaussian_world()
    errors = {}
    starts = {"independent": np.eye(40), "truth": world.correlation}
    for label, correlation in starts.items():
        rng = np.random.default_rng(1)
        start = copula_start(world.problem.names, correlation, rng)
        law = solve_joint(world.problem, start, rng)
        assert law.status == "ok"
        errors[label] = correlation_error(law.names, world.correlation, world.held)
    assert errors["truth"] < 0.02
    assert errors["independent"] > 0.3


def test_names_in_no_basket_keep_their_start():
    world = gaussian_world(20, 3)
    idle = np.flatnonzero(~world.held)
    assert len(idle) > 0
    rng = np.random.default_rng(0)
    start = copula_start(world.problem.names, world.correlation, rng)
    law = solve_joint(world.problem, start, rng)
    np.testing.assert_array_equal(law.names[:, idle], start[:, idle])


def test_negligible_holdings_keep_their_dependence():
    world = gaussian_world(20, 5)
    weights = world.problem.weights.copy()
    small = int(np.flatnonzero(world.held)[0])
    weights[small] *= 1e-3
    exposures = weights * world.problem.names.std(axis=0)[:, None]
    widths = np.sqrt(np.einsum("jk,jl,lk->k", exposures, world.correlation, exposures))
    scores = world.problem.names[:, :1] / world.problem.names[:, 0].std()
    problem = JointProblem(world.problem.names, widths * scores, weights)
    rng = np.random.default_rng(0)
    start = copula_start(problem.names, world.correlation, rng)
    law = solve_joint(problem, start, rng)
    assert law.status == "ok"
    np.testing.assert_array_equal(law.names[:, small], start[:, small])
    assert correlation_error(law.names, world.correlation, world.held) < 0.01


def test_contradictory_baskets_are_infeasible_with_a_reason():
    scores = ndtri(state_levels(2000))[:, None]
    members = np.array([[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]], dtype=float).T
    widths = np.sqrt([6.0, 6.0, 24.0])
    problem = JointProblem(np.tile(scores, (1, 6)), widths * scores, members)
    tilted = nearest_correlation(problem, np.eye(6))
    rng = np.random.default_rng(0)
    start = copula_start(problem.names, np.eye(6), rng)
    law = solve_joint(problem, start, rng, tilted=tilted)
    assert law.status == "infeasible"
    assert "variances_contradict" in law.reasons
    assert not law.is_feasible.all()
    assert law.objective > 1e-3
    wide = JointProblem(np.tile(scores, (1, 2)), 3 * scores, np.ones((2, 1)))
    verdict = solve_joint(wide, copula_start(wide.names, np.eye(2), rng), rng)
    assert (verdict.status, verdict.reasons) == ("infeasible", ("wider_than_comonotone",))


def test_without_baskets_the_start_is_the_answer():
    names = np.tile(ndtri(state_levels(100))[:, None], (1, 3))
    problem = JointProblem(names, np.empty((100, 0)), np.empty((3, 0)))
    rng = np.random.default_rng(0)
    start = copula_start(names, np.eye(3), rng)
    law = solve_joint(problem, start, rng)
    assert law.status == "ok"
    np.testing.assert_array_equal(law.names, start)


def test_ties_in_the_marginals_are_no_obstacle():
    world = gaussian_world(20, 5, n=1000)
    rounded = JointProblem(
        np.round(world.problem.names, 2), world.problem.baskets, world.problem.weights
    )
    rng = np.random.default_rng(0)
    start = copula_start(rounded.names, world.correlation, rng)
    law = solve_joint(rounded, start, rng)
    assert law.is_feasible.all()
    np.testing.assert_array_equal(np.sort(law.names, axis=0), rounded.names)


def test_previous_ranks_carry_over():
    world = gaussian_world(20, 5, n=1000)
    rng = np.random.default_rng(0)
    start = copula_start(world.problem.names, world.correlation, rng)
    law = solve_joint(world.problem, start, rng)
    wider = JointProblem(
        1.02 * world.problem.names, 1.02 * world.problem.baskets, world.problem.weights
    )
    carried = previous_start(wider, law.names)
    np.testing.assert_allclose(carried, 1.02 * law.names)
    assert solve_joint(wider, carried, rng).sweeps <= law.sweeps


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"names": np.zeros((4, 2))}, "constant"),
        ({"baskets": np.full((4, 1), np.nan)}, "finite"),
        ({"baskets": np.arange(3.0)[:, None]}, "shapes"),
        ({"weights": np.ones((3, 1))}, "weights"),
        (
            {"names": np.ones((1, 2)), "baskets": np.ones((1, 1))},
            "states",
        ),
    ],
)
def test_wrong_problems_are_named(change, word):
    ramp = np.arange(4.0)[:, None]
    given = {"names": np.hstack([ramp, ramp]), "baskets": ramp, "weights": np.ones((2, 1))}
    with pytest.raises(ValueError, match=word):
        JointProblem(**(given | change))


def test_wrong_starts_are_named():
    world = gaussian_world(20, 5, n=100)
    with pytest.raises(ValueError, match="permutations"):
        solve_joint(world.problem, world.problem.names + 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="start has shape"):
        solve_joint(world.problem, world.problem.names[:, 1:], np.random.default_rng(0))
    with pytest.raises(ValueError, match="scores has shape"):
        previous_start(world.problem, np.zeros((50, 20)))
