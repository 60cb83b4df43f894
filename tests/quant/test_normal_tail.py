"""Tails of the normal law beside scipy's."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import log_ndtr
from scipy.stats import norm

from offtape_assets.quant.normal_tail import log_tail, normal_score, upper_quantile


def test_tail_and_inverse_mills_ratio_equal_scipy():
    alphas = np.concatenate([np.linspace(-8, 8, 161), np.geomspace(8.01, 40, 20)])
    logs, ratios = np.array([log_tail(alpha) for alpha in alphas]).T
    assert_allclose(logs, log_ndtr(-alphas), rtol=0, atol=5e-6)
    assert_allclose(ratios, np.exp(norm.logpdf(alphas) - log_ndtr(-alphas)), rtol=5e-6)


@pytest.mark.parametrize("tail", [0.5, 0.3, 0.01, 1e-6, 1e-20, 1e-200])
def test_quantile_equals_scipy(tail):
    assert upper_quantile(tail) == pytest.approx(norm.isf(tail), abs=1e-6)


def test_score_of_a_price_is_its_normal_quantile_and_that_of_a_bound_expected():
    assert normal_score(0.975, 0.025, 0.0) == pytest.approx(norm.ppf(0.025), abs=1e-8)
    assert normal_score(0.1, 0.9, 0.0) == pytest.approx(norm.ppf(0.9), abs=1e-8)
    for chance in (0.2, 0.8):
        z = norm.isf(chance)
        assert normal_score(chance, 1 - chance, 1.0) == pytest.approx(norm.pdf(z) / chance)
