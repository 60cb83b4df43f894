"""Cross-correlations and Hayashi-Yoshida sums against slow twins and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate

from offtape_assets.quant.lead_lag import (
    cross_correlations,
    hayashi_yoshida,
    hayashi_yoshida_asymmetry,
    lead_lag_summary,
)

SECOND = 1_000_000_000


@pytest.mark.parametrize(("n_time", "max_lag"), [(700, 5), (5000, 300), (400, 399), (50, 0)])
def test_cross_correlations_equal_scipy(n_time: int, max_lag: int) -> None:
    returns = np.random.default_rng(n_time).standard_normal((n_time, 4)) + 3.0
    pairs, correlations = cross_correlations(returns, max_lag)
    assert pairs.tolist() == [[i, j] for i in range(4) for j in range(i, 4)]
    standard = (returns - returns.mean(axis=0)) / returns.std(axis=0)
    for (i, j), row in zip(pairs, correlations, strict=True):
        full = correlate(standard[:, j], standard[:, i], method="direct") / n_time
        np.testing.assert_allclose(row, full[n_time - 1 - max_lag : n_time + max_lag], atol=1e-12)


def test_positive_lag_means_that_the_first_series_leads() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal(4000)
    y = np.concatenate([np.zeros(7), x[:-7]]) + rng.standard_normal(4000)
    _, correlations = cross_correlations(np.column_stack([x, y, -y]), 30)
    summary = lead_lag_summary(correlations)
    assert summary.lag[1] == 7  # the pair (x, y)
    assert summary.indicator[1] > 0.5
    assert summary.lag[2] == 7  # the pair (x, -y): the largest absolute correlation
    assert summary.correlation[2] < -0.5


def test_a_constant_column_has_no_correlations() -> None:
    returns = np.random.default_rng(2).standard_normal((500, 3))
    returns[:, 1] = 0.25
    returns[100:120, 2] = np.nan
    pairs, correlations = cross_correlations(returns, 10)
    touched = (pairs == 1).any(axis=1)
    assert np.isnan(correlations[touched]).all()
    assert np.isfinite(correlations[~touched]).all()
    summary = lead_lag_summary(correlations)
    assert np.isnan(summary.indicator[touched]).all()


def slow_hayashi_yoshida(tx, x, ty, y, lag):
    """Every pair of intervals, x's moved by the lag, that overlap."""
    total = 0.0
    for i in range(1, len(x)):
        for j in range(1, len(y)):
            if max(tx[i - 1] + lag, ty[j - 1]) < min(tx[i] + lag, ty[j]):
                total += (x[i] - x[i - 1]) * (y[j] - y[j - 1])
    return total


@given(st.integers(0, 10_000), st.integers(-20, 20))
@settings(max_examples=40, deadline=None)
def test_hayashi_yoshida_equals_the_definition(seed: int, lag: int) -> None:
    rng = np.random.default_rng(seed)
    tx = np.unique(rng.integers(0, 100, 25))
    ty = np.unique(rng.integers(0, 100, 40))
    x, y = rng.standard_normal(len(tx)), rng.standard_normal(len(ty))
    ours = hayashi_yoshida(tx, x, ty, y, np.array([lag]))[0]
    assert abs(ours - slow_hayashi_yoshida(tx, x, ty, y, lag)) < 1e-10
    mirrored = hayashi_yoshida(ty, y, tx, x, np.array([-lag]))[0]
    assert abs(ours - mirrored) < 1e-10


def test_block_sums_add_up_to_the_difference_of_lags() -> None:
    rng = np.random.default_rng(3)
    tx = np.unique(rng.integers(0, 3600, 900)) * SECOND
    ty = np.unique(rng.integers(0, 3600, 500)) * SECOND
    x, y = rng.standard_normal(len(tx)).cumsum(), rng.standard_normal(len(ty)).cumsum()
    lags = np.array([1, 2, 5]) * SECOND
    edges = np.arange(0, 3601, 600) * SECOND
    blocks = hayashi_yoshida_asymmetry(tx, x, ty, y, lags, edges)
    ahead, behind = (hayashi_yoshida(tx, x, ty, y, k).sum() for k in (lags, -lags))
    assert abs(blocks.sum() - (ahead - behind)) < 1e-8
    back = hayashi_yoshida_asymmetry(ty, y, tx, x, lags, edges)
    assert abs(blocks.sum() + back.sum()) < 1e-8


def test_asynchronous_ticks_recover_the_covariance_and_the_lag() -> None:
    rng = np.random.default_rng(4)
    walk = rng.standard_normal(200_000).cumsum()  # 10 a second
    tx, ty = (np.unique(rng.integers(0, 199_000, 8000)) for _ in range(2))
    late = 25  # 2.5 seconds
    x, y = walk[tx], walk[np.maximum(ty - late, 0)]
    lags = np.arange(-60, 61, 5)
    covariance = hayashi_yoshida(tx, x, ty, y, lags)
    assert lags[covariance.argmax()] == late
    # overlapping intervals widen the peak by the mean gap, about 25 steps on each side
    assert 0.6 < covariance.max() / 199_000 < 1.1


def test_wrong_arguments_are_named() -> None:
    t = np.array([1, 2, 3])
    with pytest.raises(ValueError, match="x_times"):
        hayashi_yoshida(t[::-1].copy(), t * 1.0, t, t * 1.0, t)
    with pytest.raises(ValueError, match="y has shapes"):
        hayashi_yoshida(t, t * 1.0, t, np.ones(2), t)
    with pytest.raises(ValueError, match="lags"):
        hayashi_yoshida_asymmetry(t, t * 1.0, t, t * 1.0, np.array([0]), t)
    with pytest.raises(ValueError, match="max_lag"):
        cross_correlations(np.zeros((10, 2)), 10)
    with pytest.raises(ValueError, match="returns"):
        cross_correlations(np.zeros(10), 2)
    with pytest.raises(ValueError, match="correlations"):
        lead_lag_summary(np.zeros((3, 4)))
