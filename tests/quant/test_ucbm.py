"""The binary martingale: martingale law, revelation, clocks and the digital-option identity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.special import ndtr

from offtape_assets.quant.event_clock_fit import fit_digital_clock
from offtape_assets.quant.ucbm import add_jumps, digital_clock, probit, simulate_ucbm, taleb_clock

PATHS = 40_000


@pytest.mark.parametrize("start", [0.03, 0.5, 0.57, 0.95])
@pytest.mark.parametrize("name", ["digital", "taleb", "jumps"])
def test_simulation_is_a_martingale(start, name):
    times = np.linspace(0.0, 1.0, 25)
    clock = digital_clock(times, 1.0, 0.8)
    if name == "taleb":
        clock = taleb_clock(times, 1.0, 1.5)
    if name == "jumps":
        sizes = np.zeros(times.size)
        sizes[[5, 18]] = 0.4, 1.2
        clock = add_jumps(clock, sizes)
    b = simulate_ucbm(start, clock, PATHS, np.random.default_rng(1))
    error = b.std(axis=1)[1:] / np.sqrt(PATHS)
    assert (np.abs(b.mean(axis=1)[1:] - start) < 3.5 * error).all()
    assert set(np.unique(b[-1])) == {0.0, 1.0}
    early = b[12] > start  # the martingale property holds given the past, too
    gap = (b[18] - b[12])[early]
    assert abs(gap.mean()) < 3.5 * gap.std() / np.sqrt(gap.size)


def test_transition_is_the_explosive_ou_law():
    b = simulate_ucbm(0.6, np.array([0.0, 0.7]), PATHS, np.random.default_rng(2))
    u = probit(b[1])
    assert u.mean() == pytest.approx(probit(0.6) * np.exp(0.35), abs=4 * u.std() / np.sqrt(PATHS))
    assert u.var() == pytest.approx(np.expm1(0.7), rel=0.03)


def test_small_steps_follow_the_stochastic_equation():
    """Euler steps of dU = nu^2 U dt/2 + nu dW have the law of the exact simulation."""
    rng = np.random.default_rng(3)
    u, steps = np.full(PATHS, probit(0.7)), 400
    for _ in range(steps):
        u += 0.5 * u / steps + np.sqrt(1.0 / steps) * rng.standard_normal(PATHS)
    exact = probit(simulate_ucbm(0.7, np.array([0.0, 1.0]), PATHS, rng)[1])
    for level in (0.1, 0.5, 0.9):
        assert np.quantile(u, level) == pytest.approx(np.quantile(exact, level), abs=0.05)


@pytest.mark.parametrize("c", [0.5, 1.0, 2.0])
def test_digital_clock_integrates_its_rate(c):
    clock = digital_clock(np.array([0.0, 0.6, 0.99]), 1.0, c)
    for at, tau in zip((0.6, 0.99), clock[1:], strict=True):
        assert tau == pytest.approx(quad(lambda t: c**2 / (1 - t), 0, at)[0], rel=1e-9)
    assert digital_clock(np.array([0.0, 1.0]), 1.0, c)[-1] == np.inf


@pytest.mark.parametrize("sigma", [0.05, 0.7, 3.0])
def test_taleb_clock_integrates_its_rate(sigma):
    clock = taleb_clock(np.array([0.0, 0.6, 0.99]), 1.0, sigma)
    rate = lambda t: 2 * sigma**2 / np.expm1(2 * sigma**2 * (1 - t))  # noqa: E731
    for at, tau in zip((0.6, 0.99), clock[1:], strict=True):
        assert tau == pytest.approx(quad(rate, 0, at)[0], rel=1e-8)


def test_taleb_clock_tends_to_the_digital_one():
    times = np.linspace(0, 0.9, 10)
    assert_allclose(taleb_clock(times, 1.0, 1e-4), digital_clock(times, 1.0), atol=1e-7)


@given(spot=st.floats(80, 125), vol=st.floats(0.1, 0.8), seed=st.integers(0, 999))
@settings(max_examples=25, deadline=None)
def test_black_scholes_digital_is_the_clock_with_strength_one(spot, vol, seed):
    """N(d2) along a simulated log-price path IS the martingale driven by the same noise."""
    rng, expiry = np.random.default_rng(seed), 0.25
    times = np.linspace(0, 0.95 * expiry, 60)
    shocks = rng.standard_normal(times.size - 1)
    log_price = np.log(spot) + np.concatenate(
        ([0.0], np.cumsum(vol * np.sqrt(np.diff(times)) * shocks - 0.5 * vol**2 * np.diff(times)))
    )
    left = expiry - times
    digital = ndtr((log_price - np.log(100.0) - 0.5 * vol**2 * left) / (vol * np.sqrt(left)))
    keep = np.exp(-digital_clock(times, expiry, 1.0))  # (T - t) / T
    score = probit(digital[0]) + np.concatenate(
        ([0.0], np.cumsum(np.sqrt(keep[:-1] - keep[1:]) * shocks))
    )
    assert_allclose(ndtr(score / np.sqrt(keep)), digital, rtol=0, atol=1e-9)


def test_black_scholes_digital_gives_back_strength_one():
    rng, expiry, vol = np.random.default_rng(4), 1.0, 0.3
    times = np.linspace(0, 0.999, 4000)
    walk = np.cumsum(np.sqrt(np.diff(times)) * rng.standard_normal(times.size - 1))
    log_price = vol * np.concatenate(([0.0], walk)) - 0.5 * vol**2 * times
    left = expiry - times
    digital = ndtr((log_price - 0.5 * vol**2 * left) / (vol * np.sqrt(left)))
    fit = fit_digital_clock(times, digital, expiry)
    assert fit.status == "ok"
    assert fit.parameter == pytest.approx(1.0, abs=0.05)
    assert fit.standard_error < 0.02


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda rng: simulate_ucbm(1.0, np.array([0.0, 1.0]), 5, rng), "start_probability"),
        (lambda rng: simulate_ucbm(0.5, np.array([0.1, 1.0]), 5, rng), "clock"),
        (lambda rng: simulate_ucbm(0.5, np.array([0.0, 1.0, 0.5]), 5, rng), "clock"),
        (lambda rng: simulate_ucbm(0.5, np.array([0.0, 1.0]), 0, rng), "paths"),
        (lambda rng: digital_clock(np.array([0.0, 2.0]), 1.0), "expiry"),
        (lambda rng: digital_clock(np.array([0.0, 0.0]), 1.0), "times"),
        (lambda rng: digital_clock(np.array([0.0, 0.5]), 1.0, 0.0), "strength"),
        (lambda rng: taleb_clock(np.array([0.0, 0.5]), 1.0, -1.0), "volatility"),
        (lambda rng: add_jumps(np.zeros(2), np.array([0.0, -1.0])), "sizes"),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call(np.random.default_rng(0))
