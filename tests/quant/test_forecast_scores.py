"""Scores of probability forecasts."""

import numpy as np
import pytest

from offtape_assets.quant.forecast_scores import reliability, score_forecasts


def _forecasts(count=4000, seed=1):
    rng = np.random.default_rng(seed)
    probability = rng.beta(0.6, 1.4, count)
    return probability, (rng.random(count) < probability).astype(float), np.arange(count)


def test_scores_by_hand():
    found = score_forecasts(
        np.array([0.8, 0.3, 0.5]), np.array([1.0, 0.0, 1.0]), np.array([1, 1, 2])
    )
    assert found.brier == pytest.approx((0.04 + 0.09 + 0.25) / 3)
    assert found.log_score == pytest.approx(-(np.log(0.8) + np.log(0.7) + np.log(0.5)) / 3)
    assert found.brier_baseline == pytest.approx(2 / 9)
    assert (found.n_forecasts, found.n_clusters) == (3, 2)


def test_scikit_learn_agrees():
    metrics = pytest.importorskip("sklearn.metrics")
    probability, outcome, cluster = _forecasts()
    found = score_forecasts(probability, outcome, cluster)
    assert found.brier == pytest.approx(metrics.brier_score_loss(outcome, probability))
    clipped = np.clip(probability, 1e-4, 1 - 1e-4)
    assert found.log_score == pytest.approx(metrics.log_loss(outcome, clipped))


def test_true_probabilities_are_reliable_and_wrong_ones_are_not():
    probability, outcome, cluster = _forecasts(20_000)
    good = reliability(probability, outcome, cluster)
    assert np.all(np.abs(good.frequency - good.mean_probability) < 4 * good.frequency_se)
    assert good.n_forecasts.sum() == 20_000
    bad = reliability(np.sqrt(probability), outcome, cluster)
    assert np.any(np.abs(bad.frequency - bad.mean_probability) > 10 * bad.frequency_se)
    better, worse = (
        score_forecasts(p, outcome, cluster) for p in (probability, np.sqrt(probability))
    )
    assert better.brier + 4 * better.brier_se < worse.brier
    assert better.log_score < worse.log_score


def test_clustered_error_is_that_of_repeated_samples():
    rng, means, stated = np.random.default_rng(5), [], []
    for _ in range(300):
        outcome = np.repeat((rng.random(40) < 0.3).astype(float), 25)
        found = score_forecasts(np.full(1000, 0.3), outcome, np.repeat(np.arange(40), 25))
        means.append(found.brier)
        stated.append(found.brier_se)
    assert np.mean(stated) == pytest.approx(np.std(means), rel=0.15)


def test_one_cluster_has_no_error():
    found = score_forecasts(np.array([0.2, 0.4]), np.array([0.0, 1.0]), np.array([7, 7]))
    assert np.isnan(found.brier_se)
    assert np.isnan(found.log_score_se)


def test_certain_forecasts_stay_finite():
    found = score_forecasts(np.array([0.0, 1.0]), np.array([1.0, 0.0]), np.array([1, 2]))
    assert found.log_score == pytest.approx(-np.log(1e-4))
    curve = reliability(np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([1, 2]))
    assert curve.low.tolist() == [0.0, 0.9]
    assert curve.frequency.tolist() == [0.0, 1.0]


def test_wrong_arguments_are_named():
    one = np.array([0.5])
    with pytest.raises(ValueError, match="shapes"):
        score_forecasts(one, np.array([0.0, 1.0]), np.array([1]))
    with pytest.raises(ValueError, match="outside"):
        score_forecasts(np.array([1.5]), np.array([1.0]), np.array([1]))
    with pytest.raises(ValueError, match="other than 0 and 1"):
        score_forecasts(one, one, np.array([1]))
    with pytest.raises(ValueError, match="bins is 0"):
        reliability(one, np.array([1.0]), np.array([1]), bins=0)
