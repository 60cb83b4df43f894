"""Local-level filter, smoother and fit against dense algebra, statsmodels and planted truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from offtape_assets.quant.kalman import filter_local_level, fit_local_level, smooth_local_level


def draw(count: int, seed: int, q: float = 1e-5, r: float = 1e-3, irregular: bool = True):
    rng = np.random.default_rng(seed)
    steps = rng.exponential(1.0, count) if irregular else np.ones(count)
    level = 0.5 + np.cumsum(np.sqrt(q * steps) * rng.standard_normal(count))
    return level + np.sqrt(r) * rng.standard_normal(count), steps, level


def slow_filter(y, q, r, steps):
    """The textbook recursion, one observation at a time."""
    r = np.broadcast_to(r, y.shape)
    mean, variance = [y[0]], [r[0]]
    z, likelihood = [np.nan], 0.0
    for t in range(1, len(y)):
        prior = variance[-1] + q * steps[t]
        total = prior + r[t]
        surprise = y[t] - mean[-1]
        if np.isnan(surprise):
            mean.append(mean[-1])
            variance.append(prior)
            z.append(np.nan)
            continue
        gain = prior / total
        mean.append(mean[-1] + gain * surprise)
        variance.append((1 - gain) * prior)
        z.append(surprise / np.sqrt(total))
        likelihood -= 0.5 * (np.log(2 * np.pi * total) + surprise**2 / total)
    return np.array(mean), np.array(variance), np.array(z), likelihood


def dense_conditional(y, q, r, steps):
    """Mean and variance of every level given all observations after a diffuse start, by solving
    the joint Gaussian's normal equations."""
    n = len(y)
    precision = np.diag(np.full(n, 1.0 / r))
    for t in range(1, n):
        weight = 1.0 / (q * steps[t])
        precision[t, t] += weight
        precision[t - 1, t - 1] += weight
        precision[t, t - 1] -= weight
        precision[t - 1, t] -= weight
    covariance = np.linalg.inv(precision)
    return covariance @ (y / r), np.diag(covariance)


def test_filter_equals_the_textbook_recursion():
    y, steps, _ = draw(5000, 1)
    y[[7, 100, 101, 4000]] = np.nan
    steps[50] = 0.0
    noise = np.random.default_rng(2).uniform(0.5e-3, 2e-3, y.size)
    for r in (1e-3, noise):
        ours = filter_local_level(y, 1e-5, r, steps)
        mean, variance, z, likelihood = slow_filter(y, 1e-5, r, steps)
        assert_allclose(ours.mean, mean, rtol=0, atol=1e-12)
        assert_allclose(ours.variance, variance, rtol=1e-11)
        assert_allclose(ours.standardized_innovation, z, rtol=0, atol=1e-9)
        assert_allclose(ours.log_likelihood, likelihood, rtol=1e-12)
        assert_allclose(np.nansum(ours.log_likelihood_terms), likelihood, rtol=1e-12)


def test_gain_is_the_weight_of_the_innovation():
    y, steps, _ = draw(400, 3)
    y[9] = np.nan
    ours = filter_local_level(y, 1e-5, 1e-3, steps)
    gain = ours.gain(1e-3)
    assert gain[0] == 1.0
    assert gain[9] == 0.0
    moved = np.diff(ours.mean)
    assert_allclose(moved, gain[1:] * np.nan_to_num(ours.innovation[1:]), rtol=0, atol=1e-13)


def test_filter_equals_the_dense_gaussian_conditional():
    y, steps, _ = draw(60, 4)
    ours = filter_local_level(y, 1e-5, 1e-3, steps)
    for stop in (2, 17, 60):
        mean, variance = dense_conditional(y[:stop], 1e-5, 1e-3, steps)
        assert ours.mean[stop - 1] == pytest.approx(mean[-1], abs=1e-12)
        assert ours.variance[stop - 1] == pytest.approx(variance[-1], rel=1e-9)


def test_smoother_equals_the_dense_gaussian_conditional():
    y, steps, _ = draw(60, 5)
    smooth = smooth_local_level(filter_local_level(y, 1e-5, 1e-3, steps), 1e-5, steps)
    mean, variance = dense_conditional(y, 1e-5, 1e-3, steps)
    assert_allclose(smooth.mean, mean, rtol=0, atol=1e-11)
    assert_allclose(smooth.variance, variance, rtol=1e-8)


@pytest.mark.parametrize("irregular", [False, True])
def test_agrees_with_statsmodels_to_1e_9(irregular):
    from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother

    y, steps, _ = draw(3000, 6, irregular=irregular)
    q, r = 1e-5, 1e-3
    peer = KalmanSmoother(k_endog=1, k_states=1)
    peer.bind(y[1:].copy())
    peer["design"] = peer["transition"] = peer["selection"] = np.ones((1, 1))
    peer["obs_cov"] = np.array([[r]])
    peer["state_cov"] = (q * np.append(steps[2:], 1.0))[None, None, :]
    peer.initialize_known(np.array([y[0]]), np.array([[r + q * steps[1]]]))
    peer.tolerance = 0
    theirs = peer.smooth()
    ours = filter_local_level(y, q, r, steps)
    smooth = smooth_local_level(ours, q, steps)
    assert_allclose(ours.mean[1:], theirs.filtered_state[0], rtol=0, atol=1e-9)
    assert_allclose(ours.variance[1:], theirs.filtered_state_cov[0, 0], rtol=1e-9)
    z = theirs.forecasts_error[0] / np.sqrt(theirs.forecasts_error_cov[0, 0])
    assert_allclose(ours.standardized_innovation[1:], z, rtol=0, atol=1e-9)
    assert_allclose(smooth.mean[1:], theirs.smoothed_state[0], rtol=0, atol=1e-9)
    assert_allclose(smooth.variance[1:], theirs.smoothed_state_cov[0, 0], rtol=1e-8)
    assert ours.log_likelihood == pytest.approx(theirs.llf, rel=1e-12)


def test_agrees_with_statsmodels_local_level():
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    y, _, _ = draw(2000, 7, irregular=False)
    peer = UnobservedComponents(y, "local level")
    peer.ssm.initialize_known(np.array([y[0]]), np.array([[1e-3 * 1e6]]))  # all but diffuse
    peer.ssm.tolerance = 0
    theirs = peer.filter([1e-3, 1e-5])
    ours = filter_local_level(y, 1e-5, 1e-3)
    later = slice(900, None)  # where the two starts are forgotten
    assert_allclose(ours.mean[later], theirs.filtered_state[0][later], rtol=0, atol=1e-9)


def test_fit_agrees_with_statsmodels():
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    y, _, _ = draw(3000, 8, q=1e-4, irregular=False)
    ours = fit_local_level(y)
    fit = UnobservedComponents(y, "local level").fit(disp=0, method="powell", xtol=1e-10)
    assert ours.noise_variance == pytest.approx(fit.params[0], rel=2e-3)
    assert ours.level_variance == pytest.approx(fit.params[1], rel=2e-3)


def test_fit_is_the_maximum_of_the_filter_likelihood():
    y, steps, _ = draw(4000, 9)
    fit = fit_local_level(y, steps)
    best = filter_local_level(y, fit.level_variance, fit.noise_variance, steps).log_likelihood
    assert fit.log_likelihood == pytest.approx(best, rel=1e-9)
    for dq in (-1e-3, 0.0, 1e-3):
        for dr in (-1e-3, 0.0, 1e-3):
            q, r = fit.level_variance * (1 + dq), fit.noise_variance * (1 + dr)
            assert filter_local_level(y, q, r, steps).log_likelihood <= best + 1e-7


def test_fit_recovers_both_variances_within_its_standard_errors():
    z = []
    for seed in range(60):
        y, steps, _ = draw(2000, 100 + seed, q=2e-5)
        fit = fit_local_level(y, steps)
        assert fit.status == "ok"
        z.append(
            [
                np.log(fit.level_variance / 2e-5) / fit.log_level_variance_sd,
                np.log(fit.noise_variance / 1e-3) / fit.log_noise_variance_sd,
            ]
        )
    z = np.array(z)
    assert (np.abs(z.mean(axis=0)) < 3 / np.sqrt(60)).all()
    assert ((z.std(axis=0) > 0.7) & (z.std(axis=0) < 1.35)).all()


def test_fit_knows_relative_noise():
    rng = np.random.default_rng(10)
    weights = rng.uniform(0.2, 5.0, 20_000)
    level = np.cumsum(np.sqrt(1e-5) * rng.standard_normal(weights.size))
    y = level + np.sqrt(1e-3 * weights) * rng.standard_normal(weights.size)
    fit = fit_local_level(y, 1.0, weights)
    assert fit.noise_variance == pytest.approx(1e-3, rel=4 * fit.log_noise_variance_sd)


def test_band_covers_nine_in_ten():
    y, steps, level = draw(50_000, 11)
    ours = filter_local_level(y, 1e-5, 1e-3, steps)
    inside = np.abs(ours.mean - level) < 1.6449 * np.sqrt(ours.variance)
    z = ours.standardized_innovation[1:]
    assert inside.mean() == pytest.approx(0.9, abs=0.015)
    assert z.mean() == pytest.approx(0, abs=0.02)
    assert z.var() == pytest.approx(1, abs=0.03)


def test_boundary_fits_say_so():
    white = fit_local_level(0.5 + 0.01 * np.random.default_rng(12).standard_normal(4000))
    assert (white.status, white.level_variance) == ("no_level_noise", 0.0)
    assert white.noise_variance == pytest.approx(1e-4, rel=0.07)
    walk = fit_local_level(np.cumsum(np.random.default_rng(13).standard_normal(4000)))
    assert (walk.status, walk.noise_variance) == ("no_observation_noise", 0.0)
    assert walk.level_variance == pytest.approx(1.0, rel=0.07)
    assert fit_local_level(np.linspace(0, 1, 9)).status == "too_few"
    constant = fit_local_level(np.full(100, 0.5))
    assert constant.status == "constant"
    assert np.isnan(constant.level_variance)
    assert fit_local_level(np.arange(50.0), 0.0).status == "too_few"


@given(shift=st.floats(-10, 10), scale=st.floats(0.01, 100), seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_filter_follows_units(shift, scale, seed):
    y, steps, _ = draw(50, seed)
    base = filter_local_level(y, 1e-5, 1e-3, steps)
    other = filter_local_level(shift + scale * y, 1e-5 * scale**2, 1e-3 * scale**2, steps)
    assert_allclose(other.mean, shift + scale * base.mean, rtol=1e-9, atol=1e-9)
    assert_allclose(other.variance, scale**2 * base.variance, rtol=1e-9)


@given(seed=st.integers(0, 999), at=st.integers(2, 48))
@settings(max_examples=30, deadline=None)
def test_a_missing_observation_only_lets_time_pass(seed, at):
    y, steps, _ = draw(50, seed)
    missing, merged = y.copy(), steps.copy()
    missing[at] = np.nan
    merged[at + 1] += merged[at]
    full = filter_local_level(missing, 1e-5, 1e-3, steps)
    short = filter_local_level(np.delete(y, at), 1e-5, 1e-3, np.delete(merged, at))
    assert full.mean[-1] == pytest.approx(short.mean[-1], abs=1e-12)
    assert full.log_likelihood == pytest.approx(short.log_likelihood, rel=1e-11)


@given(seed=st.integers(0, 999))
@settings(max_examples=20, deadline=None)
def test_order_inside_one_stamp_does_not_matter(seed):
    y, steps, _ = draw(30, seed)
    steps[11:15] = 0.0
    swapped = y.copy()
    swapped[10:15] = y[10:15][::-1]
    one, two = (filter_local_level(v, 1e-5, 1e-3, steps) for v in (y, swapped))
    assert one.mean[14] == pytest.approx(two.mean[14], abs=1e-12)
    assert one.log_likelihood == pytest.approx(two.log_likelihood, rel=1e-11)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"y": np.empty(0)}, "y"),
        ({"y": np.array([np.nan, 1.0])}, "y"),
        ({"y": np.array([1.0, np.inf])}, "y"),
        ({"level_variance": -1.0}, "level_variance"),
        ({"noise_variance": 0.0}, "noise_variance"),
        ({"time_steps": np.array([0.0, -1.0])}, "time_steps"),
        ({"time_steps": np.ones(7)}, "time_steps"),
    ],
)
def test_wrong_arguments_are_named(change, named):
    arguments = {"y": np.array([0.5, 0.6])} | change
    with pytest.raises(ValueError, match=named):
        filter_local_level(**arguments)
