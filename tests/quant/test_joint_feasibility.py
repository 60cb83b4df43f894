"""Feasibility: exact projections of forwards, bounds that true sums respect and false ones break."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.quant.joint_feasibility import basket_bounds, reconcile_forwards


def test_consistent_forwards_stay():
    outcome = reconcile_forwards([100.0, 50.0], [125.0], [[1.0], [0.5]])
    np.testing.assert_allclose(outcome.names, [100.0, 50.0])
    assert outcome.largest_move < 1e-12


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_reconciled_forwards_add_up_by_the_smallest_move(seed):
    rng = np.random.default_rng(seed)
    names, weights = rng.uniform(50, 200, 5), rng.uniform(0, 1, (5, 2))
    baskets = names @ weights * (1 + 0.01 * rng.standard_normal(2))
    outcome = reconcile_forwards(names, baskets, weights)
    np.testing.assert_allclose(outcome.names @ weights, outcome.baskets, rtol=1e-10)
    moved = np.concatenate([outcome.names / names, outcome.baskets / baskets]) - 1
    free = np.concatenate([names, weights.T @ names]) - np.concatenate([names, baskets])
    only_baskets = np.concatenate([np.zeros(5), free[5:] / baskets])
    assert moved @ moved <= only_baskets @ only_baskets + 1e-15
    np.testing.assert_allclose(outcome.gaps, weights.T @ names / baskets - 1)


def test_two_funds_with_the_same_holdings_are_averaged():
    weights = np.ones((1, 2))
    outcome = reconcile_forwards([100.0], [101.0, 99.0], weights)
    np.testing.assert_allclose(outcome.baskets[0], outcome.baskets[1], rtol=1e-12)
    assert outcome.largest_move == pytest.approx(0.01, rel=0.02)


@given(seed=st.integers(0, 10_000), shorts=st.booleans())
@settings(max_examples=60, deadline=None)
def test_true_sums_respect_the_bounds(seed, shorts):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((4, 4))
    states = np.exp(0.3 * rng.standard_normal((200, 4)) @ root)
    weights = rng.uniform(-1 if shorts else 0, 1, (4, 3))
    bounds = basket_bounds(np.sort(states, axis=0), np.sort(states @ weights, axis=0), weights)
    assert bounds.reasons == ("", "", "")


def test_false_sums_break_them():
    scores = np.linspace(-2, 2, 500)[:, None]
    names = np.hstack([scores, scores])
    wide = basket_bounds(names, 2.1 * scores, np.ones((2, 1)))
    assert wide.reasons == ("wider_than_comonotone",)
    narrow = basket_bounds(np.hstack([5 * scores, scores]), 3.9 * scores, np.ones((2, 1)))
    assert narrow.reasons == ("narrower_than_largest",)
    assert narrow.missing_spread[0] == pytest.approx(0.1 / 3.9, rel=1e-6)
    limits = basket_bounds(names, np.hstack([2 * scores, 1e-3 * scores]), np.ones((2, 2)))
    assert limits.reasons == ("", "")


def test_short_positions_bound_by_the_opposite_order():
    scores = np.linspace(-2, 2, 500)[:, None]
    spread = basket_bounds(np.hstack([scores, scores]), 2 * scores, [[1.0], [-1.0]])
    assert spread.reasons == ("",)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: reconcile_forwards([1.0], [1.0], [[1.0, 2.0]]), "weights"),
        (lambda: reconcile_forwards([0.0], [1.0], [[1.0]]), "positive"),
        (lambda: basket_bounds(np.zeros((3, 1)), np.zeros((2, 1)), [[1.0]]), "names"),
        (lambda: basket_bounds(np.zeros((3, 1)), np.zeros((3, 1)), [1.0]), "weights"),
        (lambda: basket_bounds([[1.0], [0.0]], [[0.0], [1.0]], [[1.0]]), "ascending"),
    ],
)
def test_wrong_input_is_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()
