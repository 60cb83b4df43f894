"""Simulated interval probabilities: random numbers, agreement with the exact laws, stated errors."""

import numpy as np
import pytest
from scipy import stats

from offtape_assets.quant import contract_paths
from offtape_assets.quant.contract_paths import riskmetrics_walk
from offtape_assets.quant.contract_simulation import (
    simulate_merton_intervals,
    simulate_riskmetrics_intervals,
)
from offtape_assets.quant.contract_transform import riskmetrics_interval_probabilities
from offtape_assets.quant.merton import merton_interval_probabilities

VARIANCE = 0.6**2 / 8760


def _normals(draws=2000, seed=11):
    rng = np.random.default_rng(seed)
    lanes = contract_paths._LANES
    state = rng.integers(0, 2**32, size=(4, lanes), dtype=np.uint32)
    first, second = np.empty((2, lanes), dtype=np.uint32)
    out = np.empty((draws, 2, lanes), dtype=np.float32)
    for row in out:
        contract_paths._draw(state, first)
        contract_paths._draw(state, second)
        contract_paths._box_muller(first, second, row)
    return out.astype(np.float64)


def test_generator_equals_the_published_algorithm():
    """xoshiro128++ written with Python integers."""
    state = np.arange(1, 5, dtype=np.uint32)[:, None] * np.ones(
        contract_paths._LANES, dtype=np.uint32
    )
    s, found = [1, 2, 3, 4], np.empty(contract_paths._LANES, dtype=np.uint32)

    def rotate(x, k):
        return ((x << k) | (x >> (32 - k))) & 0xFFFFFFFF

    for _ in range(50):
        expected = (rotate((s[0] + s[3]) & 0xFFFFFFFF, 7) + s[0]) & 0xFFFFFFFF
        t = (s[1] << 9) & 0xFFFFFFFF
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotate(s[3], 11)
        contract_paths._draw(state, found)
        assert found[0] == found[-1] == expected


def test_normals_are_normal_and_independent():
    z = _normals()
    n = z.size
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-3
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert abs((z**power).mean() - mean) < 4 * np.sqrt(variance / n)
    for one, two in ((z[:, 0], z[:, 1]), (z[1:], z[:-1]), (z[..., 1:], z[..., :-1])):
        assert abs((one * two).mean()) < 4 / np.sqrt(one.size)
        assert abs((one**2 * two**2).mean() - 1) < 4 * np.sqrt(8 / one.size)


def test_walk_equals_the_recursion_in_double_precision():
    shocks, steps, decay = [], 30, 0.97
    rng = np.random.default_rng(2)
    walk = riskmetrics_walk(VARIANCE, decay, steps, 2 * contract_paths._LANES, rng)
    rng = np.random.default_rng(2)
    state = rng.integers(0, 2**32, size=(1, 4, contract_paths._LANES), dtype=np.uint32)[0]
    first, second = np.empty((2, contract_paths._LANES), dtype=np.uint32)
    for _ in range(steps - 1):
        row = np.empty((2, contract_paths._LANES), dtype=np.float32)
        contract_paths._draw(state, first)
        contract_paths._draw(state, second)
        contract_paths._box_muller(first, second, row)
        shocks.append(row.ravel().astype(np.float64))
    move, spent = np.zeros(2 * contract_paths._LANES), np.zeros(2 * contract_paths._LANES)
    variance = np.full(2 * contract_paths._LANES, VARIANCE)
    for z in shocks:
        move += np.sqrt(variance) * z
        spent += variance
        variance = variance * (decay + (1 - decay) * z**2)
    np.testing.assert_allclose(walk.log_move, move, atol=1e-7)
    np.testing.assert_allclose(walk.spent, spent, rtol=1e-5)
    np.testing.assert_allclose(walk.variance, variance, rtol=2e-5)
    np.testing.assert_allclose(walk.plain, np.sum(shocks, axis=0), atol=1e-5)


def _numpy_paths(steps, decay, drift, paths, seed):
    """Terminal log moves step by step, nothing clever."""
    rng = np.random.default_rng(seed)
    move, variance = np.zeros(paths), np.full(paths, VARIANCE)
    for _ in range(steps):
        z = rng.standard_normal(paths)
        move += drift - variance / 2 + np.sqrt(variance) * z
        variance = variance * (decay + (1 - decay) * z**2)
    return move


@pytest.mark.parametrize("decay", [0.998, 0.94])
def test_plain_paths_agree_with_transform_and_simulation(decay):
    edges = np.array([0.0, 94.0, 98.0, 101.0, 106.0, np.inf])
    steps, drift, paths = 72, 1e-5, 100_000
    ends = 100.0 * np.exp(_numpy_paths(steps, decay, drift, paths, 3))
    plain = np.histogram(ends, np.r_[edges[:-1], 1e9])[0] / paths
    exact = riskmetrics_interval_probabilities(
        edges[:-1], edges[1:], 100.0, VARIANCE, decay, drift, steps
    )
    ours = simulate_riskmetrics_intervals(
        edges[:-1],
        edges[1:],
        100.0,
        VARIANCE,
        decay,
        drift,
        steps,
        np.random.default_rng(4),
        20_000,
    )
    assert np.all(np.abs(plain - exact) < 4 * np.sqrt(exact * (1 - exact) / paths))
    assert np.all(np.abs(ours.probability - exact) < 4 * ours.standard_error)
    assert ours.probability.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.slow
def test_simulation_and_exact_law_agree_as_stated():
    """99 % of rows within 3 standard errors, all within 5, over random contracts of both models."""
    rng, ratios = np.random.default_rng(8), []
    for _ in range(400):
        steps = int(rng.integers(1, 170))
        variance = rng.uniform(0.3, 0.9) ** 2 / 8760
        centre = 100.0 * np.exp(rng.normal(0.0, 2 * np.sqrt(variance * steps)))
        edges = np.r_[0.0, centre + rng.uniform(0.5, 3.0) * np.arange(-3, 4), np.inf]
        low, high = edges[:-1], edges[1:]
        args = (low, high, 100.0, variance, 0.998, 5e-6, steps)
        exact = riskmetrics_interval_probabilities(*args)
        ours = simulate_riskmetrics_intervals(*args, rng, 10_000)
        ratios.append((ours.probability - exact) / ours.standard_error)
        jumps = (rng.uniform(0, 600), rng.normal(0, 0.003), rng.uniform(0, 0.01))
        merton = (low, high, 100.0, np.sqrt(variance * 8760), 0.04, *jumps, steps / 8760)
        exact = merton_interval_probabilities(*merton)
        ours = simulate_merton_intervals(*merton, rng, 10_000)
        ratios.append((ours.probability - exact) / ours.standard_error)
    size = np.abs(np.concatenate(ratios))
    assert size.size == 6400
    assert (size < 3).mean() >= 0.99
    assert size.max() < 5


def test_standard_errors_are_those_of_repeated_runs():
    edges = np.array([0.0, 94.0, 98.0, 101.0, 106.0, np.inf])
    args = (edges[:-1], edges[1:], 100.0, VARIANCE, 0.97, 0.0, 120)
    rng = np.random.default_rng(6)
    runs = [simulate_riskmetrics_intervals(*args, rng, 4000) for _ in range(150)]
    spread = np.std([run.probability for run in runs], axis=0)
    stated = np.mean([run.standard_error for run in runs], axis=0)
    np.testing.assert_allclose(spread / stated, 1.0, atol=0.25)
    mean = np.mean([run.probability for run in runs], axis=0)
    exact = riskmetrics_interval_probabilities(*args)
    assert np.all(np.abs(mean - exact) < 4 * spread / np.sqrt(150))


def test_variance_reduction_is_worth_it():
    """At the article's decay the error is a small part of a plain simulation's."""
    args = ([104.0], [np.inf], 100.0, VARIANCE, 0.998, 0.0, 168)
    ours = simulate_riskmetrics_intervals(*args, np.random.default_rng(1))
    plain = np.sqrt(ours.probability * (1 - ours.probability) / 50_000)
    assert ours.standard_error[0] < plain[0] / 10


def test_merton_without_jumps_is_exact():
    args = ([90.0, 100.0], [100.0, np.inf], 100.0, 0.6, 0.04, 0.0, 0.0, 0.0, 0.02)
    ours = simulate_merton_intervals(*args, np.random.default_rng(1), 1000)
    np.testing.assert_allclose(ours.probability, merton_interval_probabilities(*args), atol=1e-12)


def test_same_seed_same_numbers_and_odd_paths_refused():
    args = ([90.0], [np.inf], 100.0, VARIANCE, 0.998, 0.0, 24)
    one, two = (
        simulate_riskmetrics_intervals(*args, np.random.default_rng(5), 2000) for _ in range(2)
    )
    assert one.probability[0] == two.probability[0]
    for paths in (2, 1001):
        with pytest.raises(ValueError, match=f"paths is {paths}"):
            simulate_riskmetrics_intervals(*args, np.random.default_rng(5), paths)
