"""Rearrangement: permutations to the bit, the obvious twin, the paper's example, laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from offtape_assets.quant import block_rearrangement_kernels as kernels
from offtape_assets.quant.block_rearrangement import (
    proportional_blocks,
    random_subsets,
    rearrange_blocks,
    rearrange_columns,
    visiting_orders,
)


def slow_sweeps(states, weights, visits):
    """One column at a time with numpy's stable sort and residuals recomputed from scratch."""
    arranged = states.copy()
    for visit in visits:
        for j in visit:
            if weights[j].any():
                rest = (arranged @ weights - np.outer(arranged[:, j], weights[j])) @ weights[j]
                arranged[np.argsort(-rest, kind="stable"), j] = np.sort(arranged[:, j])
    return arranged


def spread(states, weights):
    """Sum of the residual variances."""
    return (states @ weights).var(axis=0).sum()


@pytest.mark.parametrize(("n", "count"), [(300, 1), (5000, 3)])
def test_agrees_with_recomputed_residuals_and_stable_sorts(n, count):
    rng = np.random.default_rng(3)
    states = rng.standard_normal((n, 7)) * np.arange(1, 8)
    weights = rng.normal(size=(7, count)) * (rng.random((7, count)) < 0.7)
    weights[0] = 0.0
    outcome = rearrange_columns(
        states, weights, tolerance=0.0, max_sweeps=3, rng=np.random.default_rng(5)
    )
    exposures = np.abs(weights).max(axis=1) * np.array(states.T, order="C").std(axis=1)
    visits = visiting_orders(exposures, 3, np.random.default_rng(5))
    expected = slow_sweeps(states, weights, visits)
    np.testing.assert_array_equal(outcome.states, expected)
    assert outcome.objective == pytest.approx(spread(expected, weights), rel=1e-9)
    assert outcome.relative_residuals.sum() == pytest.approx(outcome.objective, rel=1e-9)


def test_blocks_agree_with_a_slow_block_move():
    rng = np.random.default_rng(4)
    states = rng.standard_normal((400, 5))
    weights = np.array([[1.0, 0.5], [2.0, 1.0], [-1.0, -0.5], [0.3, -0.4], [-1.0, 0.0]])
    blocks = [[0, 1, 2], [3], [4]]
    draws = np.random.default_rng(8)
    outcome = rearrange_blocks(
        states, weights, blocks, tolerance=0.0, max_steps=25, rng=np.random.default_rng(8)
    )
    expected = states.copy()
    for pick in draws.choice(3, 25, p=np.full(3, 1 / 3)):
        block = blocks[pick]
        total = expected[:, block] @ (weights[block, 0] / weights[block[0], 0])
        rest = (expected @ weights - np.outer(total, weights[block[0]])) @ weights[block[0]]
        source = np.empty(400, dtype=int)
        source[np.argsort(-rest)] = np.argsort(total)
        expected[:, block] = expected[np.ix_(source, block)]
    np.testing.assert_allclose(outcome.states, expected, atol=1e-14)


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 60),
    m=st.integers(1, 6),
    count=st.integers(0, 3),
    digits=st.integers(0, 3),
)
@settings(max_examples=60, deadline=None)
def test_columns_stay_permutations_and_the_objective_never_rises(seed, n, m, count, digits):
    rng = np.random.default_rng(seed)
    states = np.round(rng.standard_normal((n, m)), digits)  # few digits make ties
    weights = np.round(rng.standard_normal((m, count)), 1)
    before = spread(states, weights)
    outcome = rearrange_columns(states, weights, tolerance=0.0, max_sweeps=4, rng=rng)
    np.testing.assert_array_equal(np.sort(outcome.states, axis=0), np.sort(states, axis=0))
    assert spread(outcome.states, weights) <= before + 1e-9
    idle = ~weights.any(axis=1)
    np.testing.assert_array_equal(outcome.states[:, idle], states[:, idle])


def test_orders_are_permutations_that_favour_large_columns():
    orders = visiting_orders([1.0, 0.0, 3.0], 20_000, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(orders, axis=1)[[0, -1]], [[0, 1, 2]] * 2)
    assert np.mean(orders[:, 0] == 2) == pytest.approx(0.9, abs=0.01)
    assert (orders[:, 2] == 1).all()


def test_fixed_columns_stay_but_count():
    rng = np.random.default_rng(1)
    states = rng.standard_normal((300, 3))
    outcome = rearrange_columns(
        states, np.ones((3, 1)), movable=[False, True, True], tolerance=0.0, rng=rng
    )
    np.testing.assert_array_equal(outcome.states[:, 0], states[:, 0])
    assert outcome.objective == pytest.approx(outcome.states.sum(axis=1).var(), rel=1e-9)
    assert outcome.objective < 0.1
    with pytest.raises(ValueError, match="movable"):
        rearrange_columns(states, np.ones((3, 1)), movable=[True], rng=rng)


@pytest.mark.parametrize("shape", ["normal", "ties", "crowded", "constant", "sorted", "two"])
@pytest.mark.parametrize("n", [2, 700, 9000])
def test_sort_is_exact_for_any_keys(shape, n):
    rng = np.random.default_rng(1)
    keys = {
        "normal": rng.standard_normal(n),
        "ties": rng.integers(0, 5, n).astype(float),
        "crowded": np.where(np.arange(n) == n - 1, 1e18, rng.standard_normal(n)),
        "constant": np.ones(n),
        "sorted": np.arange(n, dtype=float),
        "two": (np.arange(n) % 2).astype(float),
    }[shape]
    for is_nearly_sorted in (False, True):
        sorted_keys, order = keys.copy(), np.arange(n, dtype=np.int32)
        kernels.sort_keys(sorted_keys, order, is_nearly_sorted, kernels.make_scratch(n))
        np.testing.assert_array_equal(sorted_keys, np.sort(keys))
        np.testing.assert_array_equal(keys[order], sorted_keys)
        np.testing.assert_array_equal(np.sort(order), np.arange(n))


def test_objective_falls_to_the_floor_of_a_feasible_sum():
    rng = np.random.default_rng(2)
    states = rng.permuted(np.tile(np.linspace(-1, 1, 3001)[:, None], (1, 4)), axis=0)
    outcome = rearrange_columns(states, np.ones((4, 1)), tolerance=1e-7, rng=rng)
    assert outcome.status == "ok"
    assert np.ptp(outcome.states.sum(axis=1)) < 0.05


def test_contradiction_stalls_above_the_tolerance():
    rng = np.random.default_rng(2)
    narrow = np.linspace(-1, 1, 500)
    states = rng.permuted(np.column_stack([narrow, narrow, 5 * narrow]), axis=0)
    outcome = rearrange_columns(states, np.array([[1.0], [1.0], [-1.0]]), rng=rng)
    assert outcome.status == "stalled"
    assert outcome.objective == pytest.approx((3 * narrow).var(), rel=1e-6)
    short = rearrange_blocks(states, [[1.0], [1.0], [-1.0]], [[0], [1]], max_steps=3, rng=rng)
    assert short.status == "not_converged"


def test_block_weights_choose_the_moves():
    rng = np.random.default_rng(6)
    states = rng.standard_normal((200, 3))
    outcome = rearrange_blocks(
        states, np.ones((3, 1)), [[0], [1], [2]], block_weights=[0, 0, 1], max_steps=20, rng=rng
    )
    np.testing.assert_array_equal(outcome.states[:, :2], states[:, :2])
    assert np.corrcoef(outcome.states[:, 2], states[:, :2].sum(axis=1))[0, 1] < -0.9


@pytest.mark.parametrize(
    ("variances", "residual", "averages"),
    [
        ((10.0, 10.0, 24.0), (0.0, 2.5e-4), (0.5006, 0.5006, 0.5993)),
        ((6.0, 6.0, 24.0), (0.135, 2e-3), (0.2297, 0.2297, 0.5051)),
    ],
)
def test_published_example_of_bernard_bondarenko_vanduffel(variances, residual, averages):
    """Sections 4.1 and 4.2 (2020): six N(0, 1) names and three normal sums."""
    scores = ndtri((np.arange(10_000) + 0.5) / 10_000)
    members = np.array([[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]], dtype=float).T
    marginals = np.column_stack([*[scores] * 6, *[np.sqrt(v) * scores for v in variances]])
    rng = np.random.default_rng(1)
    outcome = rearrange_blocks(
        rng.permuted(marginals, axis=0),
        np.vstack([members, -np.eye(3)]),
        [*([column] for column in range(9)), [0, 1], [2, 3], [4, 5]],
        rng=rng,
    )
    assert outcome.objective == pytest.approx(residual[0], abs=residual[1])
    matrix = np.corrcoef(outcome.states[:, :6].T)
    for held, published in zip(members.T.astype(bool), averages, strict=True):
        pairs = matrix[np.ix_(held, held)][np.triu_indices(held.sum(), 1)]
        assert pairs.mean() == pytest.approx(published, abs=2e-3)


def test_random_subsets_are_proper_and_small():
    orders, sizes = random_subsets(9, 300, np.random.default_rng(0))
    assert set(sizes.tolist()) == {1, 2, 3, 4}
    np.testing.assert_array_equal(np.sort(orders, axis=1), np.tile(np.arange(9), (300, 1)))


def test_proportional_blocks():
    weights = [[1, 2], [0, 0], [2, 4], [-1, -2], [1, 0], [0, 3]]
    assert proportional_blocks(weights) == [[0, 2, 3], [4], [5]]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"states": np.zeros((1, 3))}, "states"),
        ({"states": np.full((9, 3), np.nan)}, "states"),
        ({"weights": np.ones((4, 1))}, "weights"),
        ({"scales": [0.0]}, "scales"),
        ({"max_sweeps": 0}, "max_sweeps"),
    ],
)
def test_wrong_columns_are_named(change, word):
    given_ = {"states": np.zeros((9, 3)), "weights": np.ones((3, 1))} | change
    with pytest.raises(ValueError, match=word):
        rearrange_columns(**given_, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("blocks", "block_weights", "word"),
    [
        ([[0, 1]], None, "proportional"),
        ([[]], None, "distinct"),
        ([[3]], None, "distinct"),
        ([[0], [1]], [1.0], "block_weights"),
        ([[0]], [-1.0], "block_weights"),
        (None, None, "blocks"),
    ],
)
def test_wrong_blocks_are_named(blocks, block_weights, word):
    with pytest.raises(ValueError, match=word):
        rearrange_blocks(
            np.zeros((9, 2)),
            np.eye(2),
            blocks,
            block_weights=block_weights,
            rng=np.random.default_rng(0),
        )
