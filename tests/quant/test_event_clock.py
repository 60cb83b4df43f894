"""Clock rates, clock parameters and jumps recovered from simulated martingales."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import ndtr

from offtape_assets.quant.event_clock import (
    bipower_rate,
    clock_log_likelihood,
    detect_jumps,
    fit_digital_clock,
    fit_taleb_clock,
    local_variance_rate,
)
from offtape_assets.quant.ucbm import (
    add_jumps,
    digital_clock,
    probit,
    simulate_ucbm,
    taleb_clock,
)

MINUTES = np.arange(1440.0)


def steady(rate: float, paths: int, seed: int, start: float = 0.6, atoms=None) -> np.ndarray:
    """Paths sampled each minute whose clock runs at a constant rate per minute."""
    clock = rate * MINUTES
    if atoms is not None:
        clock = add_jumps(clock, atoms)
    return simulate_ucbm(start, clock, paths, np.random.default_rng(seed))


@pytest.mark.parametrize("estimate", [local_variance_rate, bipower_rate])
@pytest.mark.parametrize("start", [0.5, 0.95])
def test_clock_rate_is_recovered_with_its_standard_error(estimate, start):
    rate, z = 2e-5, []
    for path in steady(rate, 60, 1, start).T:
        found = estimate(MINUTES, path, 240)
        z.append((found.rate[240] - rate) / found.standard_error[240])
    assert abs(np.mean(z)) < 0.5
    assert 0.75 < np.std(z) < 1.35


def test_probit_increments_are_not_divided_by_phi():
    """At B = .95 a second division would overstate the rate by 1/phi(1.645)^2 = 94."""
    found = [local_variance_rate(MINUTES, b, 1000).rate[-1] for b in steady(1e-5, 40, 2, 0.95).T]
    assert np.mean(found) == pytest.approx(1e-5, rel=0.05)


def test_bipower_ignores_a_jump_that_local_variance_does_not():
    atoms = np.zeros(MINUTES.size)
    atoms[700] = 0.09  # a jump of about .1 at even odds
    plain, robust = [], []
    for path in steady(2e-5, 30, 3, 0.5, atoms).T:
        plain.append(local_variance_rate(MINUTES, path, 240).rate[800])
        robust.append(bipower_rate(MINUTES, path, 240).rate[800])
    assert np.median(robust) < 1.6 * 2e-5
    assert np.mean(plain) > 5 * 2e-5


@pytest.mark.parametrize("c", [0.6, 1.0, 1.7])
def test_strength_is_recovered_within_its_standard_error(c):
    times = np.linspace(0.0, 0.98, 600)
    z = []
    paths = simulate_ucbm(0.55, digital_clock(times, 1.0, c), 60, np.random.default_rng(4))
    for path in paths.T:
        fit = fit_digital_clock(times, path, 1.0)
        assert fit.status == "ok"
        z.append((fit.parameter - c) / fit.standard_error)
    assert abs(np.mean(z)) < 3 / np.sqrt(len(z)) + 0.1
    assert 0.75 < np.std(z) < 1.3


def test_taleb_volatility_is_recovered_within_its_standard_error():
    times, sigma, z = np.linspace(0.0, 0.98, 1500), 1.5, []
    paths = simulate_ucbm(0.55, taleb_clock(times, 1.0, sigma), 40, np.random.default_rng(5))
    for path in paths.T:
        fit = fit_taleb_clock(times, path, 1.0)
        assert fit.status == "ok"
        z.append((fit.parameter - sigma) / fit.standard_error)
    assert abs(np.mean(z)) < 0.6
    assert 0.7 < np.std(z) < 1.4


def test_likelihood_equals_the_dense_gaussian_one():
    """U at the readings is jointly Gaussian given the first: one multivariate density."""
    clock = np.array([0.0, 0.2, 0.5, 0.9])
    b = simulate_ucbm(0.4, clock, 1, np.random.default_rng(6))[:, 0]
    u, grow = probit(b), np.exp(0.5 * clock[1:])
    early = np.minimum.outer(clock[1:], clock[1:])
    covariance = np.outer(grow, grow) * (1 - np.exp(-early))
    gap = u[1:] - grow * u[0]
    sign, logdet = np.linalg.slogdet(covariance)
    dense = -0.5 * (gap @ np.linalg.solve(covariance, gap) + logdet + 3 * np.log(2 * np.pi))
    assert sign == 1
    assert clock_log_likelihood(b, clock) == pytest.approx(dense, rel=1e-10)


def test_planted_jumps_are_found_and_few_others():
    false, found = 0, 0
    atoms = np.zeros(MINUTES.size)
    paths = steady(2e-5, 150, 7, 0.5).T
    for path in paths:
        false += detect_jumps(MINUTES, path, 240).is_jump.any()
    assert false <= 8  # 1 % of 150 days expected; P(Binomial > 8) < 1e-4
    atoms[[600, 900]] = 0.02
    rng = np.random.default_rng(8)
    for _ in range(40):
        clock = 2e-5 * MINUTES
        u = np.empty(MINUTES.size)
        u[0] = 0.1
        for k in range(1, u.size):
            u[k] = u[k - 1] * np.exp(1e-5) + np.sqrt(clock[1]) * rng.standard_normal()
            u[k] += 0.08 if atoms[k] else 0.0
        jumps = detect_jumps(MINUTES, ndtr(u), 240)
        found += jumps.is_jump[600] and jumps.is_jump[900]
    assert found >= 38


def test_jump_statistic_never_sees_the_future():
    path = steady(2e-5, 1, 9)[:, 0]
    changed = path.copy()
    changed[1000:] = 0.5
    one, two = detect_jumps(MINUTES, path, 240), detect_jumps(MINUTES, changed, 240)
    assert_allclose(one.statistic[:1000], two.statistic[:1000])


@given(probability=st.lists(st.sampled_from([0.0, 1.0, 0.3, 0.5, 0.99]), min_size=30, max_size=60))
@settings(max_examples=40, deadline=None)
def test_prices_at_the_ends_leave_defined_rates(probability):
    times = np.arange(float(len(probability)))
    for estimate in (local_variance_rate, bipower_rate):
        found = estimate(times, np.array(probability), 20)
        usable = np.array([0 < b < 1 for b in probability[:-1]])
        count = np.concatenate(
            ([0], [usable[max(0, k - 20) : k].sum() for k in range(1, times.size)])
        )
        if estimate is local_variance_rate:
            assert (np.isfinite(found.rate) == (count >= 10)).all()
        assert (found.rate[np.isfinite(found.rate)] >= 0).all()


def test_too_little_data_say_so():
    times = np.arange(5.0)
    assert fit_digital_clock(times, np.full(5, 0.5), 10.0).status == "too_few"
    still = fit_digital_clock(np.arange(50.0), np.full(50, 0.5), 100.0)
    assert (still.status, np.isnan(still.parameter)) == ("at_bound", True)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: local_variance_rate(np.arange(3.0), np.zeros(4), 20), "times"),
        (lambda: local_variance_rate(np.zeros(3), np.zeros(3), 20), "times"),
        (lambda: local_variance_rate(np.arange(3.0), np.full(3, 1.2), 20), "probability"),
        (lambda: bipower_rate(np.arange(3.0), np.full(3, 0.2), 3), "window"),
        (lambda: detect_jumps(np.arange(3.0), np.full(3, 0.2), 20, 0.0), "level"),
        (lambda: clock_log_likelihood(np.array([0.0, 0.5]), np.arange(2.0)), "probability"),
        (lambda: clock_log_likelihood(np.array([0.4, 0.5]), np.zeros(2)), "clock"),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()
