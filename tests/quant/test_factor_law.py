"""Factor laws: exact moments, densities against scipy and against truth."""

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import gaussian_kde, norm

from offtape_assets.quant.factor_law import factor_density, factor_moments, factor_states
from offtape_assets.quant.joint_quantiles import state_levels


def test_moments_are_those_of_the_weighted_sum():
    rng = np.random.default_rng(0)
    states = rng.standard_normal((500, 4)) * [1, 2, 3, 4] + 10
    weights = rng.normal(size=(4, 2))
    moments = factor_moments(factor_states(states, weights))
    covariance = np.cov(states.T, bias=True)
    np.testing.assert_allclose(moments.mean, states.mean(axis=0) @ weights)
    np.testing.assert_allclose(moments.variance, np.diag(weights.T @ covariance @ weights))
    np.testing.assert_allclose(moments.volatility**2, moments.variance)


def test_densities_agree_with_scipy_and_with_the_truth():
    values = 3.0 + 2.0 * ndtri(state_levels(5000))
    law = factor_density(values)
    interquartile = np.diff(np.quantile(values, [0.25, 0.75]))[0]
    width = 0.9 * min(values.std(), interquartile / 1.349) * 5000**-0.2
    reference = gaussian_kde(values, bw_method=width / values.std(ddof=1))
    np.testing.assert_allclose(law.kernel, reference(law.values), rtol=1e-9, atol=1e-12)
    truth = norm(3.0, 2.0).pdf(law.values)
    step = law.values[1] - law.values[0]
    assert np.abs(law.kernel - truth).sum() * step < 0.02
    assert np.abs(law.histogram - truth).sum() * step < 0.03


def test_densities_carry_the_whole_mass():
    values = np.concatenate([np.full(50, -1.0), np.linspace(0, 1, 949), [40.0]])
    law = factor_density(values, points=501)
    step = law.values[1] - law.values[0]
    assert law.histogram.sum() * step == pytest.approx(1.0, abs=1e-12)
    assert np.trapezoid(law.kernel, law.values) == pytest.approx(1.0, abs=0.01)


def test_two_humps_stay_two():
    humps = np.concatenate([ndtri(state_levels(3000)) - 4, ndtri(state_levels(2000)) + 4])
    kernel = factor_density(humps).kernel
    peaks = (kernel[1:-1] > kernel[:-2]) & (kernel[1:-1] > kernel[2:])
    assert peaks.sum() == 2


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: factor_states(np.ones((3, 2)), np.ones((3, 1))), "states"),
        (lambda: factor_states([[np.nan]], [[1.0]]), "finite"),
        (lambda: factor_moments(np.ones(3)), "factors"),
        (lambda: factor_density(np.ones(3)), "factor"),
        (lambda: factor_density([1.0, 2.0], points=1), "points"),
    ],
)
def test_wrong_input_is_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()
