"""Replication: exact loadings, smallest of all exact portfolios, normalization, failures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.quant.etf_replication import replicate


def loadings(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return rng.normal(size=(5, 20)), rng.normal(size=5), rng.lognormal(size=20)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_matches_exactly_and_no_exact_portfolio_has_less_variance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stocks, fund, variances = loadings(rng)
    found = replicate(stocks, fund, variances)
    assert found.exposure_error < 1e-10
    np.testing.assert_allclose(stocks @ found.weights, fund, atol=1e-10)
    kernel = np.linalg.svd(stocks)[2][5:]
    other = found.weights + kernel.T @ rng.normal(size=15)
    np.testing.assert_allclose(stocks @ other, fund, atol=1e-9)
    assert other**2 @ variances > found.tracking_variance


def test_equal_variances_give_the_minimum_norm_of_the_pseudo_inverse() -> None:
    stocks, fund, _ = loadings(np.random.default_rng(1))
    found = replicate(stocks, fund)
    np.testing.assert_allclose(found.weights, np.linalg.pinv(stocks) @ fund, atol=1e-12)
    assert found.weights_normalized.sum() == pytest.approx(1.0)
    scaled = stocks @ found.weights_normalized - fund
    assert found.exposure_error_normalized == pytest.approx(np.abs(scaled).max())


def test_a_sum_of_zero_is_not_normalized() -> None:
    found = replicate(np.array([[1.0, -1.0]]), np.array([2.0]))
    np.testing.assert_allclose(found.weights, [1.0, -1.0])
    assert np.isnan(found.weights_normalized).all()


def test_dependent_loadings_and_too_few_stocks_are_singular() -> None:
    stocks, fund, _ = loadings(np.random.default_rng(2))
    stocks[4] = stocks[0]
    for found in (replicate(stocks, fund), replicate(stocks[:, :4], fund)):
        assert found.status == "singular"
        assert np.isnan(found.weights).all()


def test_arguments_are_checked() -> None:
    stocks, fund, variances = loadings(np.random.default_rng(3))
    with pytest.raises(ValueError, match="want \\(K, N\\)"):
        replicate(stocks.T, fund)
    with pytest.raises(ValueError, match="20 positive"):
        replicate(stocks, fund, -variances)
    with pytest.raises(ValueError, match="finite"):
        replicate(stocks, fund * np.nan)
