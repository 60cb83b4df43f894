"""Pairwise Granger tests against statsmodels, their size, and degenerate panels."""

import contextlib
import io

import numpy as np
import pytest
from scipy import stats

from offtape_assets.quant.granger import granger_tests


def panel(seed: int, n_time: int = 600, n: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n_time, n)) + 0.5
    values[1:, 1] += 0.3 * values[:-1, 0]
    values[2:, 2] += 0.2 * values[:-2, 2]
    return values


def test_f_equals_statsmodels() -> None:
    from statsmodels.tsa.stattools import grangercausalitytests

    values = panel(1)
    result = granger_tests(values, 4)
    for cause, effect in ((0, 1), (1, 0), (3, 2), (4, 1)):
        with contextlib.redirect_stdout(io.StringIO()):
            theirs = grangercausalitytests(values[:, [effect, cause]], [4])[4][0]["ssr_ftest"]
        assert abs(result.f_statistic[cause, effect] / theirs[0] - 1.0) < 1e-9
        assert abs(result.p_value[cause, effect] / theirs[1] - 1.0) < 1e-8


def test_white_statistic_equals_statsmodels() -> None:
    import statsmodels.api as sm

    values = panel(2) * np.linspace(0.5, 2.0, 600)[:, None]
    lags = 3
    own, other = (
        np.column_stack([values[lags - k : 600 - k, j] for k in range(1, lags + 1)]) for j in (1, 0)
    )
    design = np.column_stack([np.ones(600 - lags), own, other])
    fit = sm.OLS(values[lags:, 1], design).fit(cov_type="HC0")
    restriction = np.eye(2 * lags + 1)[lags + 1 :]
    theirs = float(fit.wald_test(restriction, use_f=False, scalar=True).statistic)
    assert abs(granger_tests(values, lags).wald[0, 1] / theirs - 1.0) < 1e-9


def test_planted_cause_is_found_and_its_direction() -> None:
    result = granger_tests(panel(3, 2000), 2)
    assert result.p_value_adjusted[0, 1] < 1e-10
    assert result.p_value_adjusted[1, 0] > 0.01


def test_p_values_are_uniform_without_causes() -> None:
    values = np.random.default_rng(4).standard_normal((1500, 20))
    result = granger_tests(values, 3)
    off = ~np.eye(20, dtype=bool)
    assert stats.kstest(result.p_value[off], "uniform").pvalue > 0.001
    assert stats.kstest(result.p_value_white[off], "uniform").pvalue > 0.001
    assert (result.p_value_adjusted[off] >= result.p_value_white[off]).all()
    assert (result.p_value_adjusted[off] < 0.05).sum() == 0


def test_white_holds_its_size_where_f_does_not() -> None:
    """Common bursts of volatility: the cross-products of a quiet and a wild hour."""
    rejected = np.zeros(2)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        burst = np.exp(np.abs(np.sin(np.arange(800) / 40.0)) * 2.5)[:, None]
        result = granger_tests(rng.standard_normal((800, 4)) * burst, 2)
        off = ~np.eye(4, dtype=bool)
        rejected += (result.p_value[off] < 0.05).mean(), (result.p_value_white[off] < 0.05).mean()
    classical, white = rejected / 60
    assert classical > 0.10
    assert white < 0.09


def test_without_the_robust_pass_the_classical_p_is_adjusted() -> None:
    values = panel(5)
    fast, full = granger_tests(values, 2, robust=False), granger_tests(values, 2)
    np.testing.assert_array_equal(fast.f_statistic, full.f_statistic)
    assert np.isnan(fast.wald).all()
    off = ~np.eye(5, dtype=bool)
    expected = stats.false_discovery_control(full.p_value[off])
    np.testing.assert_allclose(fast.p_value_adjusted[off], expected)


def test_degenerate_columns_have_no_tests() -> None:
    values = panel(6)
    values[:, 3] = 2.0
    values[:, 4] = values[:, 0]
    values[50:60, 2] = np.nan
    result = granger_tests(values, 2)
    assert np.isnan(result.f_statistic[3]).all()
    assert np.isnan(result.f_statistic[:, 3]).all()
    assert np.isnan(result.f_statistic[0, 4])
    assert np.isnan(np.diag(result.p_value)).all()
    assert np.isfinite(result.p_value_adjusted[0, 1])
    assert np.isfinite(result.p_value_adjusted[2, 1])


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="returns"):
        granger_tests(np.zeros(10), 1)
    with pytest.raises(ValueError, match="lags is 9"):
        granger_tests(np.zeros((10, 2)), 9)
