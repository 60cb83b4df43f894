"""A clock's parameter recovered from simulated martingales, jumps or none."""

import numpy as np
import pytest

from offtape_assets.quant.event_clock_fit import (
    clock_log_likelihood,
    fit_digital_clock,
    fit_taleb_clock,
)
from offtape_assets.quant.ucbm import add_jumps, digital_clock, probit, simulate_ucbm, taleb_clock


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


def test_strength_is_that_between_the_jumps():
    """Ten jumps of a quarter in the probit, as on an event night: c counts them, or does not."""
    times, rng, every, between = np.linspace(0.0, 0.85, 408), np.random.default_rng(7), [], []
    for _ in range(60):
        atoms = np.zeros(times.size)
        atoms[rng.choice(np.arange(30, times.size), 10, replace=False)] = 0.062
        clock = add_jumps(digital_clock(times, 1.0), atoms)
        path = simulate_ucbm(0.5, clock, 1, rng)[:, 0]
        every.append(fit_digital_clock(times, path, 1.0, 0.05).parameter)
        fit = fit_digital_clock(times, path, 1.0, 0.05, 3.0)
        between.append((fit.parameter - 1.0, fit.standard_error))
    error, stated = np.array(between).T
    assert np.median(every) > 1.1
    assert abs(error.mean()) < 0.05
    assert 0.7 < (error / stated).std() < 1.3


def test_leaving_out_what_no_jump_did_costs_no_bias():
    times = np.linspace(0.0, 0.98, 1000)
    paths = simulate_ucbm(0.5, digital_clock(times, 1.0, 1.3), 60, np.random.default_rng(8))
    cut = np.array([fit_digital_clock(times, b, 1.0, 0.0, 2.0)[:2] for b in paths.T])
    z = (cut[:, 0] - 1.3) / cut[:, 1]
    assert abs(z.mean()) < 3 / np.sqrt(z.size) + 0.1
    assert 0.75 < z.std() < 1.3


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


def test_too_little_data_say_so():
    times = np.arange(5.0)
    assert fit_digital_clock(times, np.full(5, 0.5), 10.0).status == "too_few"
    still = fit_digital_clock(np.arange(50.0), np.full(50, 0.5), 100.0)
    assert (still.status, np.isnan(still.parameter)) == ("at_bound", True)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: clock_log_likelihood(np.array([0.0, 0.5]), np.arange(2.0)), "probability"),
        (lambda: clock_log_likelihood(np.array([0.4, 0.5]), np.zeros(2)), "clock"),
        (lambda: fit_digital_clock(np.arange(9.0), np.full(8, 0.5), 9.0), "times"),
        (lambda: fit_digital_clock(np.arange(20.0), np.full(20, 0.5), 30.0, 0.5), "edge"),
        (lambda: fit_taleb_clock(np.arange(20.0), np.full(20, 0.5), 30.0, 0.0, 0.0), "threshold"),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()
