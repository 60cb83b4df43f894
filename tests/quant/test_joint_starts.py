"""Starts: the nearest Gaussian law against a general optimiser, exact copula moments, events."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import ndtri

from offtape_assets.quant.joint_quantiles import state_levels
from offtape_assets.quant.joint_starts import (
    arrange_by,
    copula_start,
    equicorrelation,
    event_start,
    tilt_correlation,
)

SUMS = np.array([[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]], dtype=float).T


def divergence(correlation, prior):
    """Kullback-Leibler divergence of two centred Gaussian laws (nats)."""
    inverse = np.linalg.inv(prior)
    logs = np.linalg.slogdet(prior)[1] - np.linalg.slogdet(correlation)[1]
    return 0.5 * (np.trace(inverse @ correlation) - len(prior) + logs)


def test_nearest_law_agrees_with_a_general_optimiser():
    prior = equicorrelation(4, 0.3)
    loads = np.array([[1.0, 0.0], [1.0, 0.5], [0.0, 1.0], [2.0, 1.0]])
    variances = np.array([11.0, 4.0])
    upper = np.triu_indices(4, 1)

    def matrix(values):
        full = np.eye(4)
        full[upper] = values
        return full + full.T - np.eye(4)

    found = minimize(
        lambda v: divergence(matrix(v), prior),
        np.full(6, 0.3),
        constraints={
            "type": "eq",
            "fun": lambda v: np.einsum("jk,jl,lk->k", loads, matrix(v), loads) - variances,
        },
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    ours = tilt_correlation(prior, loads, variances)
    assert ours.status == "ok"
    np.testing.assert_allclose(ours.correlation[upper], found.x, atol=2e-5)
    assert ours.divergence == pytest.approx(found.fun, abs=1e-6)
    assert np.abs(ours.variance_gaps).max() < 1e-5


def test_precision_has_the_stated_form():
    prior = equicorrelation(6, 0.2)
    ours = tilt_correlation(prior, SUMS, [10.0, 10.0, 24.0])
    names, baskets = ours.multipliers[:6], ours.multipliers[6:]
    precision = np.linalg.inv(prior) + np.diag(names) + (SUMS * baskets) @ SUMS.T
    np.testing.assert_allclose(np.linalg.inv(precision), ours.correlation, atol=1e-5)


def test_prior_that_fits_is_kept():
    prior = equicorrelation(6, 0.35)
    variances = np.einsum("jk,jl,lk->k", SUMS, prior, SUMS)
    ours = tilt_correlation(prior, SUMS, variances)
    np.testing.assert_allclose(ours.correlation, prior, atol=1e-9)
    assert ours.divergence == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("variances", [(6.0, 6.0, 24.0), (10.0, 10.0, 37.0), (10.0, 10.0, 0.01)])
def test_contradictory_variances_are_infeasible(variances):
    assert tilt_correlation(np.eye(6), SUMS, variances).status == "infeasible"


@given(seed=st.integers(0, 10_000), names=st.integers(2, 8), count=st.integers(1, 4))
@example(seed=748, names=2, count=1)
@settings(max_examples=40, deadline=None)
def test_variances_of_a_true_law_are_always_reached(seed, names, count):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((names, names + 3))
    truth = root @ root.T
    truth /= np.sqrt(np.outer(np.diag(truth), np.diag(truth)))
    loads = rng.uniform(0.0, 1.0, (names, count))
    ours = tilt_correlation(np.eye(names), loads, np.einsum("jk,jl,lk->k", loads, truth, loads))
    assert ours.status == "ok"
    assert np.abs(ours.variance_gaps).max() < 1e-3
    assert np.linalg.eigvalsh(ours.correlation)[0] > 0


def test_copula_start_has_its_correlation_without_sampling_noise():
    scores = ndtri(state_levels(5000))
    correlation = tilt_correlation(np.eye(6), SUMS, [10.0, 10.0, 24.0]).correlation
    states = copula_start(np.tile(scores[:, None], (1, 6)), correlation, np.random.default_rng(0))
    np.testing.assert_allclose(np.corrcoef(states.T), correlation, atol=0.005)
    np.testing.assert_array_equal(np.sort(states, axis=0)[:, 2], scores)


def test_event_start_joins_names_through_the_event():
    n, yes = 4000, 2400
    levels_yes, levels_no = ndtri(state_levels(yes)), ndtri(state_levels(n - yes))
    gaps = np.array([4.0, -4.0, 0.0])
    law_yes = levels_yes[:, None] + gaps
    law_no = levels_no[:, None] - gaps
    observed = np.sort(np.concatenate([law_yes, law_no]), axis=0)
    states = event_start(observed, law_yes, law_no, np.eye(3), np.eye(3), np.random.default_rng(0))
    between = 4 * 0.6 * 0.4 * np.outer(gaps, gaps)
    truth = between + np.eye(3)
    truth /= np.sqrt(np.outer(np.diag(truth), np.diag(truth)))
    np.testing.assert_allclose(np.corrcoef(states.T), truth, atol=0.01)
    np.testing.assert_array_equal(np.sort(states, axis=0), observed)
    assert states[:yes, 0].mean() == pytest.approx(4.0, abs=0.01)


def test_arrange_by_gives_the_rank_and_keeps_ties_in_order():
    arranged = arrange_by([[2.0], [1.0], [1.0]], [[10.0], [20.0], [30.0]])
    np.testing.assert_array_equal(arranged, [[30.0], [10.0], [20.0]])


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: equicorrelation(3, 1.0), "correlation"),
        (lambda: equicorrelation(3, -0.5), "correlation"),
        (lambda: tilt_correlation(np.ones((2, 2)), np.ones((2, 1)), [1.0]), "prior"),
        (lambda: tilt_correlation(np.eye(2) * 2, np.ones((2, 1)), [1.0]), "prior"),
        (lambda: tilt_correlation(np.eye(2), np.ones((3, 1)), [1.0]), "exposures"),
        (lambda: tilt_correlation(np.eye(2), np.ones((2, 1)), [0.0]), "variances"),
        (lambda: arrange_by(np.zeros((3, 1)), np.zeros((2, 1))), "scores"),
        (lambda: copula_start(np.zeros((5, 3)), np.eye(2), np.random.default_rng(0)), "marginals"),
        (
            lambda: event_start(
                np.zeros((5, 1)),
                np.zeros((2, 1)),
                np.zeros((2, 1)),
                np.eye(1),
                np.eye(1),
                np.random.default_rng(0),
            ),
            "yes",
        ),
    ],
)
def test_wrong_input_is_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()
