"""The terminal law under RiskMetrics variance, by the transform."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import ndtr

from offtape_assets.quant.contract_transform import (
    characteristic_function,
    riskmetrics_interval_probabilities,
)
from offtape_assets.quant.merton import lognormal_interval_probabilities

VARIANCE = 0.6**2 / 8760


def _edges(steps, spread=4.0):
    reach = np.sqrt(VARIANCE * steps) * np.linspace(-spread, spread, 9)
    return np.r_[0.0, 100.0 * np.exp(reach), np.inf]


def _probabilities(decay, steps, drift=0.0):
    edges = _edges(steps)
    return riskmetrics_interval_probabilities(
        edges[:-1], edges[1:], 100.0, VARIANCE, decay, drift, steps
    )


@pytest.mark.parametrize("decay", [0.998, 0.94])
def test_two_steps_equal_an_integral(decay):
    spread = np.sqrt(VARIANCE)
    for strike in (98.0, 99.5, 100.2, 101.0):
        k = np.log(strike / 100.0)

        def beyond(z, k=k):
            after = VARIANCE * (decay + (1 - decay) * z**2)
            reached = spread * z - VARIANCE / 2 - after / 2
            density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
            return ndtr((reached - k) / np.sqrt(after)) * density

        truth = integrate.quad(beyond, -9, 9, epsabs=1e-12, limit=400, points=[-2, -1, 0, 1, 2])[0]
        found = riskmetrics_interval_probabilities(
            [strike], [np.inf], 100.0, VARIANCE, decay, 0.0, 2
        )
        assert found[0] == pytest.approx(truth, abs=1e-9)


@pytest.mark.parametrize("steps", [3, 12])
def test_steps_equal_a_grid_of_nested_expectations(steps):
    """The same recursion on probabilities instead of transforms: slow, real, two-dimensional."""
    decay, nodes = 0.97, 60
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / np.sqrt(2 * np.pi)
    low, high = 99.0, 101.0
    draws = np.random.default_rng(5).standard_normal((200_000, steps - 2))
    move, variance = np.zeros(200_000), np.full(200_000, VARIANCE)
    for column in draws.T:
        move += np.sqrt(variance) * column - variance / 2
        variance = variance * (decay + (1 - decay) * column**2)
    total = np.zeros(200_000)
    for z, weight in zip(points, weights, strict=True):
        last = variance * (decay + (1 - decay) * z**2)
        at = move + np.sqrt(variance) * z - variance / 2 - last / 2
        upper, lower = (np.log(k / 100.0) for k in (high, low))
        total += weight * (ndtr((upper - at) / np.sqrt(last)) - ndtr((lower - at) / np.sqrt(last)))
    found = riskmetrics_interval_probabilities([low], [high], 100.0, VARIANCE, decay, 0.0, steps)
    assert abs(found[0] - total.mean()) < 4 * total.std() / np.sqrt(total.size)


@pytest.mark.parametrize(
    ("decay", "steps", "tolerance"),
    [
        (0.998, 3, 1e-9),
        (0.998, 168, 1e-7),
        (0.998, 720, 1e-7),
        (0.97, 168, 1e-7),
        (0.94, 168, 1e-6),
    ],
)
def test_refined_grids_change_nothing(decay, steps, tolerance, monkeypatch):
    coarse = _probabilities(decay, steps)
    module = "offtape_assets.quant.contract_transform."
    monkeypatch.setattr(module + "_HALF_WIDTH", 18.0)
    monkeypatch.setattr(module + "_HIGHEST_FREQUENCY", 11.0)
    monkeypatch.setattr(module + "_FEWEST_NODES", 48)
    monkeypatch.setattr(characteristic_function, "__defaults__", (0.05, 100))
    assert np.abs(coarse - _probabilities(decay, steps)).max() < tolerance


def test_constant_volatility_is_black_scholes():
    edges = _edges(168)
    black = lognormal_interval_probabilities(edges[:-1], edges[1:], 100.0, 0.6, 0.05, 168 / 8760)
    found = riskmetrics_interval_probabilities(
        edges[:-1], edges[1:], 100.0, VARIANCE, 1.0, 0.05 / 8760, 168
    )
    np.testing.assert_allclose(found, black, atol=1e-14)
    nearly = riskmetrics_interval_probabilities(
        edges[:-1], edges[1:], 100.0, VARIANCE, 1.0 - 1e-9, 0.05 / 8760, 168
    )
    np.testing.assert_allclose(nearly, black, atol=1e-8)


def test_the_price_is_a_martingale():
    steps, decay = 96, 0.97
    reach = np.linspace(-0.6, 0.6, 4001)
    grid = 100.0 * np.exp(reach)
    mass = riskmetrics_interval_probabilities(
        grid[:-1], grid[1:], 100.0, VARIANCE, decay, 2e-5, steps
    )
    assert mass.sum() == pytest.approx(1.0, abs=1e-7)
    mean = mass @ np.sqrt(grid[1:] * grid[:-1])
    assert mean == pytest.approx(100.0 * np.exp(2e-5 * steps), rel=1e-6)


def test_variance_of_the_log_price_and_fat_tails():
    """The variance forecast is flat, so Var = steps * variance to first order; kurtosis exceeds 3."""
    steps, decay, h = 168, 0.97, 0.02
    spread = np.sqrt(VARIANCE * steps)
    w = np.array([h, 2 * h]) / spread
    real = np.log(np.abs(characteristic_function(w, VARIANCE, decay, steps)))
    second, fourth = np.linalg.solve(
        np.array([[-(h**2) / 2, h**4 / 24], [-2 * h**2, 16 * h**4 / 24]]), real
    )
    assert second == pytest.approx(1.0, abs=0.002)
    assert 0.5 < fourth < 6.0


@settings(max_examples=25, deadline=None)
@given(st.floats(0.9, 0.9999), st.integers(1, 200), st.floats(1e-7, 1e-4), st.floats(-1e-4, 1e-4))
def test_probabilities_tile_and_fall_in_strike(decay, steps, variance, drift):
    edges = np.r_[0.0, np.linspace(60.0, 150.0, 19), np.inf]
    found = riskmetrics_interval_probabilities(
        edges[:-1], edges[1:], 100.0, variance, decay, drift, steps
    )
    assert found.min() >= 0.0
    assert found.sum() == pytest.approx(1.0, abs=2e-6)
    above = riskmetrics_interval_probabilities(
        edges[1:-1], np.full(19, np.inf), 100.0, variance, decay, drift, steps
    )
    assert np.all(np.diff(above) < 1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variance": 0.0}, "variance is 0"),
        ({"decay": 1.5}, "decay is 1.5"),
        ({"steps": 0}, "steps is 0"),
        ({"drift": np.nan}, "drift is nan"),
        ({"spot": 0.0}, "spot is 0"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    right = {
        "low": [90.0],
        "high": [110.0],
        "spot": 100.0,
        "variance": VARIANCE,
        "decay": 0.998,
        "drift": 0.0,
        "steps": 24,
    }
    with pytest.raises(ValueError, match=message):
        riskmetrics_interval_probabilities(**(right | change))
