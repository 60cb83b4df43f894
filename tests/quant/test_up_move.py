"""The up-move model: agreement with scikit-learn, no leak through time, honest scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.quant.up_move import (
    area_under_curve,
    fit_logistic,
    reliability,
    score,
    walk_forward_folds,
)


def sample(seed: int, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, 4)) * [1.0, 10.0, 0.1, 1.0] + [0.0, 5.0, 1.0, 0.0]
    log_odds = 0.3 + 0.6 * features[:, 0] - 0.05 * (features[:, 1] - 5.0)
    outcome = (rng.uniform(size=n) < 1.0 / (1.0 + np.exp(-log_odds))).astype(float)
    return features, outcome


def test_equals_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model", reason="benchmark extra")
    features, outcome = sample(1)
    ours = fit_logistic(features, outcome, ridge=2.0)
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    theirs = linear_model.LogisticRegression(C=0.5, tol=1e-12, max_iter=2000).fit(standard, outcome)
    np.testing.assert_allclose(ours.coefficient, theirs.coef_[0], atol=1e-6)
    np.testing.assert_allclose(
        ours.predict(features), theirs.predict_proba(standard)[:, 1], atol=1e-6
    )


def test_errors_equal_statsmodels() -> None:
    import statsmodels.api as sm

    features, outcome = sample(2)
    ours = fit_logistic(features, outcome, ridge=1e-9)
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    theirs = sm.Logit(outcome, sm.add_constant(standard)).fit(disp=0)
    np.testing.assert_allclose(ours.standard_error, theirs.bse[1:], rtol=1e-5)
    assert abs(ours.intercept_error / theirs.bse[0] - 1.0) < 1e-5


def test_coefficients_are_recovered() -> None:
    estimates = np.array(
        [
            (f.coefficient[:2] / f.scale[:2] - [0.6, -0.05]) / (f.standard_error[:2] / f.scale[:2])
            for f in (fit_logistic(*sample(seed), ridge=1e-6) for seed in range(30))
        ]
    )
    assert (np.abs(estimates.mean(axis=0)) < 0.6).all()  # 30 z scores: 3 standard errors of a mean
    assert (np.abs(estimates.std(axis=0) - 1.0) < 0.4).all()


@given(
    st.integers(20, 200), st.integers(1, 5), st.integers(0, 8), st.integers(0, 5), st.integers(1, 4)
)
@settings(max_examples=60, deadline=None)
def test_no_training_outcome_reaches_the_test(
    n: int, folds: int, horizon: int, embargo: int, names: int
) -> None:
    times = np.repeat(np.arange(n) * 3, names)
    tested = []
    for fold in walk_forward_folds(times, folds, horizon, embargo):
        first = times[fold.test].min()
        assert (times[fold.train] + horizon + embargo <= first).all()
        left = np.setdiff1d(np.flatnonzero(times < first), fold.train)
        assert (times[left] + horizon + embargo > first).all()
        tested.append(fold.test)
    every = np.concatenate(tested)
    assert len(np.unique(every)) == len(every)
    assert every.max() == len(times) - 1


def test_scores_of_a_calibrated_and_an_overconfident_forecast() -> None:
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.2, 0.8, 20_000)
    outcome = (rng.uniform(size=20_000) < truth).astype(float)
    good = score(truth, outcome)
    assert abs(good.calibration_slope - 1.0) < 0.1
    assert abs(good.calibration_intercept) < 0.05
    odds = (truth / (1.0 - truth)) ** 3
    bad = score(odds / (1.0 + odds), outcome)
    assert abs(bad.calibration_slope - 1.0 / 3.0) < 0.05
    assert bad.log_loss > good.log_loss
    assert bad.brier > good.brier
    assert abs(bad.auc - good.auc) < 1e-12
    curve = reliability(truth, outcome, 5)
    np.testing.assert_allclose(curve[:, 0], curve[:, 1], atol=0.03)
    assert curve[:, 2].sum() == 20_000


def test_useless_features_do_not_beat_the_base_rate() -> None:
    rng = np.random.default_rng(4)
    features, outcome = rng.standard_normal((3000, 5)), (rng.uniform(size=3000) < 0.4).astype(float)
    times = np.arange(3000)
    forecast = np.full(3000, np.nan)
    base = np.full(3000, np.nan)
    for fold in walk_forward_folds(times, 5, 1, 1):
        fit = fit_logistic(features[fold.train], outcome[fold.train])
        forecast[fold.test] = fit.predict(features[fold.test])
        base[fold.test] = outcome[fold.train].mean()
    tested = np.isfinite(forecast)
    ours, flat = score(forecast[tested], outcome[tested]), score(base[tested], outcome[tested])
    assert abs(ours.auc - 0.5) < 0.05
    assert ours.log_loss > flat.log_loss - 0.002


def test_auc_equals_the_pairs() -> None:
    rng = np.random.default_rng(5)
    probability = rng.integers(1, 9, 60) / 10.0
    outcome = rng.integers(0, 2, 60).astype(float)
    pairs = [
        (u > d) + 0.5 * (u == d)
        for u in probability[outcome == 1]
        for d in probability[outcome == 0]
    ]
    assert abs(area_under_curve(probability, outcome) - np.mean(pairs)) < 1e-12
    assert area_under_curve(probability, np.ones(60)) == 0.5


def test_failures_have_a_status() -> None:
    features, outcome = sample(6, 400)
    assert fit_logistic(features[:20], outcome[:20]).status == "too_few"
    one = fit_logistic(features, np.ones(400))
    assert one.status == "one_class"
    assert np.isnan(one.predict(features)).all()
    features[:, 2] = 4.0
    flat = fit_logistic(features, outcome)
    assert flat.status == "ok"
    assert flat.coefficient[2] == 0.0
    extreme = flat.predict(1e6 * features)
    assert ((extreme > 0.0) & (extreme < 1.0)).all()
    separable = fit_logistic(features, (features[:, 0] > 0).astype(float))
    assert separable.status == "ok"
    assert np.isfinite(separable.coefficient).all()


def test_wrong_arguments_are_named() -> None:
    features, outcome = sample(7, 100)
    with pytest.raises(ValueError, match="outcome"):
        fit_logistic(features, outcome + 0.5)
    with pytest.raises(ValueError, match="ridge"):
        fit_logistic(features, outcome, 0.0)
    with pytest.raises(ValueError, match="folds"):
        walk_forward_folds(np.arange(5), 10, 1, 1)
    with pytest.raises(ValueError, match="n_folds 0"):
        walk_forward_folds(np.arange(50), 0, 1, 1)
    with pytest.raises(ValueError, match="probability"):
        score(np.array([0.0, 0.5]), np.array([0.0, 1.0]))
