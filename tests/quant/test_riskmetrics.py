"""RiskMetrics variance, jump statistics and variance to expiry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.quant.riskmetrics import (
    ewma_variance,
    jump_statistics,
    variance_to_expiry,
)


def _moves(hours=600, missing=(40, 41, 200)):
    moves = np.random.default_rng(7).standard_t(4, hours) * 0.004
    moves[list(missing)] = np.nan
    return moves


def test_variance_equals_the_weighted_sum_written_out():
    moves, decay = _moves(), 0.97
    forecast = ewma_variance(moves, decay)
    for t in (1, 2, 40, 42, 43, 201, 600):
        weights = decay ** np.arange(t - 1, -1, -1)
        used = np.isfinite(moves[:t])
        expected = (weights[used] @ moves[:t][used] ** 2) / weights[used].sum()
        assert forecast[t] == pytest.approx(expected, rel=1e-12)
    assert np.isnan(forecast[0])


def test_variance_recovers_a_constant_one():
    moves = np.random.default_rng(1).normal(0, 0.005, 20_000)
    weight_sum_squares = (1 - 0.998) / (1 + 0.998)
    stated_sd = 0.005**2 * np.sqrt(2 * weight_sum_squares)
    assert abs(ewma_variance(moves)[-1] - 0.005**2) < 4 * stated_sd


def test_jump_statistics_equal_a_loop():
    moves = _moves()
    variance = ewma_variance(moves, 0.98)
    found = jump_statistics(moves, variance, window=100, threshold=1.5)
    for t in (0, 1, 5, 42, 100, 101, 250, 600):
        sizes = [
            moves[s]
            for s in range(max(0, t - 100), t)
            if abs(moves[s]) > 1.5 * np.sqrt(variance[s])
        ]
        hours = sum(
            np.isfinite(moves[s]) and np.isfinite(variance[s]) for s in range(max(0, t - 100), t)
        )
        assert found.n_jumps[t] == len(sizes)
        assert found.n_hours[t] == hours
        if hours:
            assert found.intensity[t] == pytest.approx(len(sizes) / hours)
            assert found.mean[t] == pytest.approx(np.mean(sizes) if sizes else 0.0, abs=1e-15)
            assert found.sd[t] == pytest.approx(np.std(sizes) if sizes else 0.0, abs=1e-15)
        else:
            assert np.isnan(found.intensity[t])


def test_planted_jumps_are_recovered():
    rng = np.random.default_rng(3)
    moves = rng.normal(0, 0.001, 4000)
    at = rng.choice(np.arange(100, 4000), 80, replace=False)
    moves[at] = rng.normal(-0.02, 0.002, 80)
    found = jump_statistics(moves, np.full(4001, 0.001**2), window=4000, threshold=4.5)
    assert found.n_jumps[-1] == 80
    assert abs(found.mean[-1] + 0.02) < 4 * 0.002 / np.sqrt(80)
    assert abs(found.sd[-1] - 0.002) < 4 * 0.002 / np.sqrt(160)


def test_the_future_changes_nothing():
    moves = _moves()
    other = moves.copy()
    other[300:] *= -7.0
    for one, two in zip(
        (ewma_variance(moves), *jump_statistics(moves, ewma_variance(moves))),
        (ewma_variance(other), *jump_statistics(other, ewma_variance(other))),
        strict=True,
    ):
        np.testing.assert_array_equal(one[:301], two[:301])
    assert not np.any(ewma_variance(moves)[301:] == ewma_variance(other)[301:])


@settings(deadline=None, max_examples=50)
@given(st.floats(1e-6, 1e-3), st.floats(1e-6, 1e-3), st.floats(0.01, 720.0), st.floats(1.0, 500.0))
def test_variance_to_expiry_lies_between_its_levels(implied, realised, hours, half_life):
    found = variance_to_expiry(implied, realised, hours, half_life)
    low, high = sorted((implied, realised))
    assert low * (1 - 1e-12) <= found <= high * (1 + 1e-12)


def test_variance_to_expiry_has_its_limits_and_equals_the_integral():
    assert variance_to_expiry(4e-5, 1e-5, 1e-9, 48.0) == pytest.approx(1e-5, rel=1e-6)
    assert variance_to_expiry(4e-5, 1e-5, 720.0, 48.0) == pytest.approx(4e-5, rel=1e-12)
    rate, far = np.log(2) / 48.0, 720.0
    grid = (np.arange(720_000) + 0.5) / 1000
    pull = np.exp(-rate * grid)
    level = (4e-5 - 1e-5 * pull.mean()) / (1 - pull.mean())  # the long level the index implies
    path = level + (1e-5 - level) * pull
    assert path.mean() == pytest.approx(4e-5, rel=1e-9)
    assert variance_to_expiry(4e-5, 1e-5, 24.0, 48.0, far) == pytest.approx(
        path[:24_000].mean(), rel=1e-6
    )


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="decay is 1"):
        ewma_variance(np.zeros(3), 1.0)
    with pytest.raises(ValueError, match="moves has 2 axes"):
        ewma_variance(np.zeros((3, 1)))
    with pytest.raises(ValueError, match="window 0"):
        jump_statistics(np.zeros(3), np.ones(4), window=0)
    with pytest.raises(ValueError, match="variance"):
        jump_statistics(np.zeros(3), np.ones(7))
    with pytest.raises(ValueError, match="realised"):
        variance_to_expiry(1e-5, 0.0, 5.0)
