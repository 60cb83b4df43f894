"""Bootstrapped thresholds and placeholder prices."""

import numpy as np
import pytest

from offtape_assets.quant.dislocation import bootstrap_threshold, placeholder_prices


def test_threshold_equals_a_bootstrap_written_out():
    values = np.random.default_rng(1).normal(0.02, 0.05, 90)
    values[[3, 60]] = np.nan
    found = bootstrap_threshold(values, np.random.default_rng(9), points=20, resamples=30)
    uniforms = np.random.default_rng(9).random((30, 20))
    for t in (20, 21, 22, 61, 89):
        past = values[:t][np.isfinite(values[:t])]
        if past.size < 20:
            assert np.isnan(found[t])
            continue
        draws = past[(uniforms * past.size).astype(int)]
        assert found[t] == pytest.approx(draws.std(axis=1, ddof=1).mean(), rel=1e-12)
    assert np.isnan(found[20])
    assert np.isfinite(found[21])


def test_threshold_recovers_the_standard_deviation():
    values = np.random.default_rng(2).normal(0.0, 0.05, 5000)
    found = bootstrap_threshold(values, np.random.default_rng(3))[-1]
    sample, bootstrap = 0.05 / np.sqrt(2 * 5000), 0.05 / np.sqrt(2 * 49 * 100)
    bias = -0.05 / (4 * 49)
    assert abs(found - 0.05 - bias) < 4 * np.hypot(sample, bootstrap)


def test_the_future_changes_nothing():
    values = np.random.default_rng(4).normal(0, 0.05, 170)
    other = np.r_[values[:100], values[100:] * 9 + 1]
    one, two = (bootstrap_threshold(v, np.random.default_rng(5)) for v in (values, other))
    np.testing.assert_array_equal(one[:101], two[:101])
    assert not np.any(one[101:] == two[101:])


def test_first_hour_and_wild_sums_are_placeholders():
    age = np.array([0.0, 0.9, 1.0, 5.0, 5.0, 5.0])
    total = np.array([1.65, 1.0, 1.115, np.nan, 2.9, 0.7])
    np.testing.assert_array_equal(
        placeholder_prices(age, total), [True, True, False, False, True, True]
    )


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="dislocation has 2 axes"):
        bootstrap_threshold(np.zeros((3, 2)), np.random.default_rng(0))
    with pytest.raises(ValueError, match="points 1"):
        bootstrap_threshold(np.zeros(3), np.random.default_rng(0), points=1)
