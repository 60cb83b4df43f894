"""Clock rates and jumps recovered from simulated martingales."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import ndtr

from offtape_assets.quant.event_clock import bipower_rate, detect_jumps, local_variance_rate
from offtape_assets.quant.ucbm import add_jumps, simulate_ucbm

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


def test_jumps_taken_out_leave_bipower_as_it_was():
    """Two neighbouring jumps, which bipower alone does not survive."""
    path, jumped = steady(2e-5, 1, 10)[:, 0], np.zeros(MINUTES.size)
    jumped[700:] += 0.1
    jumped[701:] += 0.1
    plain = bipower_rate(MINUTES, path, 240).rate[800]
    assert bipower_rate(MINUTES, path + jumped, 240).rate[800] > 2 * plain
    found = bipower_rate(MINUTES, path + jumped, 240, jumped=jumped).rate[800]
    assert found == pytest.approx(plain, rel=0.1)  # the slope is that of the level, which jumped


def test_increments_that_start_at_the_edge_are_left_out():
    path = steady(2e-4, 1, 11, 0.93)[:, 0]
    found = local_variance_rate(MINUTES, path, 240, 0.05)
    usable = (path[:-1] > 0.05) & (path[:-1] < 0.95)
    assert 0 < usable.sum() < usable.size
    latest = np.array([usable[max(0, k - 240) : k].sum() for k in range(MINUTES.size)])
    assert (found.n_increments == latest).all()


def test_planted_jumps_are_found_and_few_others():
    false, found = 0, 0
    atoms = np.zeros(MINUTES.size)
    paths = steady(2e-5, 150, 7, 0.5).T
    for path in paths:
        false += detect_jumps(MINUTES, path, 240, 1440).is_jump.any()
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
        jumps = detect_jumps(MINUTES, ndtr(u), 240, 1440)
        found += jumps.is_jump[600] and jumps.is_jump[900]
    assert found >= 38


def test_jump_statistic_never_sees_the_future():
    path = steady(2e-5, 1, 9)[:, 0]
    changed = path.copy()
    changed[1000:] = 0.5
    one, two = detect_jumps(MINUTES, path, 240, 1440), detect_jumps(MINUTES, changed, 240, 1440)
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


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: local_variance_rate(np.arange(3.0), np.zeros(4), 20), "times"),
        (lambda: local_variance_rate(np.zeros(3), np.zeros(3), 20), "times"),
        (lambda: local_variance_rate(np.arange(3.0), np.full(3, 1.2), 20), "probability"),
        (lambda: bipower_rate(np.arange(3.0), np.full(3, 0.2), 3), "window"),
        (lambda: bipower_rate(np.arange(3.0), np.full(3, 0.2), 20, 0.5), "edge"),
        (lambda: detect_jumps(np.arange(3.0), np.full(3, 0.2), 20, 100, 0.0), "level"),
        (lambda: detect_jumps(np.arange(3.0), np.full(3, 0.2), 20, 1), "looks"),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()
