"""The event filter against dense algebra and the plain filter, and on tapes with known truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import ndtr, ndtri

from offtape_assets.quant.kalman import filter_local_level
from offtape_assets.quant.kalman_event import (
    EventModel,
    event_log_likelihood,
    event_tape,
    filter_event,
)
from offtape_assets.quant.kalman_event_fit import (
    LEVEL_PRIOR,
    PROBIT_PRIOR,
    filter_event_causally,
    fit_event,
    fit_schedule,
)

ONE_MODE = EventModel(
    level_variance=4e-8,
    bounce_variance=3e-5,
    small_trade_variance=0.0,
    tick_persistence=0.0,
    mode_ratio=1.0,
    jump_rate=0.0,
    vig_variance=0.0,
    vig_drift=0.0,
    basis_variance=0.0,
)


def draw_tape(seed, hours=6.0, rate=0.7, speed=2e-4, tick=0.01, bounce=0.005, noise=0.0, vig=0.005):
    """Times, is_yes, prices, sizes and the true probability at each trade of a quiet day."""
    rng = np.random.default_rng(seed)
    count = rng.poisson(hours * 3600 * rate)
    seconds = np.sort(rng.uniform(0, hours * 3600, count))
    steps = np.diff(seconds, prepend=0.0)
    truth = 0.55 + speed * np.cumsum(np.sqrt(steps) * rng.standard_normal(count))
    is_yes = rng.random(count) < 0.5
    sizes = np.maximum(1.0, np.round(np.exp(rng.normal(4.0, 1.5, count))))
    prices = np.where(is_yes, truth, 1 - truth) + vig + bounce * rng.choice([-1.0, 1.0], count)
    prices += noise * rng.standard_normal(count)
    if tick:
        prices = np.round(prices / tick) * tick
    return seconds, is_yes, np.clip(prices, 0, 1), sizes, truth


def coverage(filtered, truth):
    return np.mean(np.abs(filtered.probability - truth) < 1.6449 * np.sqrt(filtered.variance))


def test_one_contract_one_mode_is_the_local_level():
    seconds, is_yes, prices, sizes, _ = draw_tape(1, hours=1.0, vig=0.0)
    prices = np.where(is_yes, prices, 1 - prices)
    tape = event_tape(seconds, np.ones(seconds.size, bool), prices, sizes)
    ours = filter_event(tape, ONE_MODE)
    noise = 3e-5 + 0.01**2 / 12
    plain = filter_local_level(prices, 4e-8, noise, tape.steps)
    assert_allclose(ours.probability, plain.mean, rtol=0, atol=1e-9)
    assert_allclose(ours.variance, plain.variance, rtol=1e-9)
    assert_allclose(ours.gain, plain.gain(noise), rtol=0, atol=1e-9)
    z = plain.standardized_innovation
    assert_allclose(ours.standardized_innovation, z, rtol=0, atol=1e-9)
    assert_allclose(ours.log_likelihood, plain.log_likelihood_terms, rtol=0, atol=1e-9)


def dense_event(tape, model):
    """Mean and variance of the last level given all trades: one Gaussian vector (p_t, s_t, a_t)
    over all times, conditioned at once; a wide prior stands for the diffuse one."""
    n, wide = tape.prices.size, 1e4
    at = np.cumsum(tape.steps)
    earlier = np.minimum.outer(at, at)
    level = wide + model.level_variance * earlier
    vig = model.vig_variance + model.vig_drift * earlier
    tick = tape.ticks[0]
    fade = np.exp(
        -2 * np.pi**2 * model.level_variance * np.abs(np.subtract.outer(at, at)) / tick**2
    )
    stays = model.tick_persistence * tick**2 / 12
    book = np.equal.outer(tape.sides, tape.sides) * model.basis_variance
    book = book * np.exp(-np.abs(np.subtract.outer(at, at)) / 900.0)
    noise = model.bounce_variance + model.small_trade_variance / tape.sizes + tick**2 / 12 - stays
    sides = tape.sides
    observed = level + np.outer(sides, sides) * vig + stays * fade + book + np.diag(noise)
    y = np.where(sides > 0, tape.prices, 1 - tape.prices)
    weights = np.linalg.solve(observed, level[-1])
    ones = np.linalg.solve(observed, np.ones(n))  # an unknown constant is what wide leaves
    constant = (ones @ y) / ones.sum()
    return constant + weights @ (y - constant), level[-1, -1] - weights @ level[-1]


def test_two_contracts_with_vig_and_ticks_equal_the_dense_conditional():
    seconds, is_yes, prices, sizes, _ = draw_tape(2, hours=0.02)
    model = ONE_MODE._replace(
        tick_persistence=0.85,
        vig_variance=2.5e-5,
        vig_drift=3e-9,
        small_trade_variance=1e-4,
        basis_variance=4e-6,
    )
    tape = event_tape(seconds, is_yes, prices, sizes)
    ours = filter_event(tape, model)
    for stop in (2, 9, seconds.size):
        mean, variance = dense_event(tape.window(0, stop), model)
        assert ours.probability[stop - 1] == pytest.approx(mean, abs=2e-7)
        assert ours.variance[stop - 1] == pytest.approx(variance, rel=1e-2, abs=2e-8)


def test_likelihood_without_the_path_is_the_sum_of_its_terms():
    seconds, is_yes, prices, sizes, _ = draw_tape(3)
    tape = event_tape(seconds, is_yes, prices, sizes)
    for probit, model in ((False, LEVEL_PRIOR), (True, PROBIT_PRIOR)):
        terms = filter_event(tape, model, probit=probit).log_likelihood
        total = event_log_likelihood(tape, model, probit)
        assert np.nansum(terms) == pytest.approx(total, rel=1e-12)


@given(seed=st.integers(0, 999))
@settings(max_examples=15, deadline=None)
def test_renaming_the_contracts_mirrors_the_probability(seed):
    seconds, is_yes, prices, sizes, _ = draw_tape(seed, hours=0.1)
    for probit, model in ((False, LEVEL_PRIOR), (True, PROBIT_PRIOR)):
        one, two = (
            filter_event(event_tape(seconds, side, prices, sizes), model, probit=probit)
            for side in (is_yes, ~is_yes)
        )
        assert_allclose(one.probability, 1 - two.probability, rtol=0, atol=1e-10)
        assert_allclose(one.variance, two.variance, rtol=1e-6)
        assert_allclose(one.innovation, two.innovation, rtol=0, atol=1e-10)
        assert_allclose(one.vig, two.vig, rtol=0, atol=1e-10)


def test_the_vig_is_told_from_the_level():
    seconds, is_yes, prices, sizes, truth = draw_tape(4, vig=0.015)
    ours = filter_event(event_tape(seconds, is_yes, prices, sizes), LEVEL_PRIOR)
    assert ours.vig[-1] == pytest.approx(0.015, abs=0.002)
    assert np.sqrt(np.mean((ours.probability - truth)[500:] ** 2)) < 0.004


@pytest.mark.parametrize("probit", [False, True])
def test_prices_at_the_ends_duplicates_and_halts_are_defined(probit):
    seconds = np.array([0.0, 0.0, 0.0, 5.0, 5.0, 20_000.0, 20_001.0, 90_000.0])
    prices = np.array([1.0, 1.0, 0.0, 0.99, 0.99, 0.0, 1.0, 1.0])
    is_yes = np.array([1, 1, 0, 1, 1, 0, 1, 1], bool)
    tape = event_tape(seconds, is_yes, prices, np.ones(8))
    ours = filter_event(tape, PROBIT_PRIOR if probit else LEVEL_PRIOR, probit=probit)
    for name in ("probability", "variance", "gain", "active_share", "vig"):
        assert np.isfinite(getattr(ours, name)).all()
    for name in ("innovation", "standardized_innovation", "log_likelihood"):
        assert np.isfinite(getattr(ours, name)[1:]).all()
    assert (ours.variance > 0).all()
    if not probit:
        assert ours.variance[5] > ours.variance[4]  # hours without a trade widen the band
    if probit:
        assert ((ours.probability > 0) & (ours.probability < 1)).all()


def test_one_trade_starts_the_filter():
    ours = filter_event(event_tape([0.0], [True], [0.63], [10.0]), LEVEL_PRIOR)
    assert ours.probability[0] == pytest.approx(0.63, abs=1e-15)
    assert ours.gain[0] == 1.0
    assert np.isnan(ours.standardized_innovation[0])
    tick, model = 0.01**2 / 12, LEVEL_PRIOR
    noise = model.bounce_variance + model.small_trade_variance / 10 + tick
    assert ours.variance[0] == pytest.approx(
        noise + model.vig_variance + model.basis_variance, rel=1e-9
    )


def test_a_jump_is_followed_at_once_and_an_outlier_is_not():
    seconds, is_yes, prices, sizes, _ = draw_tape(5, hours=2, tick=0.0, bounce=0.0, noise=0.005)
    half = seconds.size // 2
    jump, outlier = prices.copy(), prices.copy()
    jump[half:] += np.where(is_yes[half:], 0.1, -0.1)
    outlier[half] += 0.1 if is_yes[half] else -0.1
    base, moved, fooled = (
        filter_event(event_tape(seconds, is_yes, values, sizes, 0.0), LEVEL_PRIOR).probability
        for values in (prices, jump, outlier)
    )
    assert (moved - base)[half + 2] > 0.08
    assert abs((fooled - base)[half + 10]) < 0.01


@pytest.mark.parametrize("near", [0.99, 0.01])
@pytest.mark.parametrize("speed", [1e-5, 1e-4, 1e-3])
@pytest.mark.parametrize("calm", [50, 500])
def test_a_reversal_out_of_certainty_is_followed(near, speed, calm):
    """Where Phi is flat a tangent would lay the move to the vig and never come back."""
    seconds = np.concatenate([np.arange(calm) * 10.0, calm * 10.0 + 0.5 * np.arange(60)])
    prices = np.concatenate([np.full(calm, near), np.full(60, 0.4)])
    tape = event_tape(seconds, np.ones(calm + 60, bool), prices, np.full(calm + 60, 50.0))
    model = PROBIT_PRIOR._replace(level_variance=speed)
    filtered = filter_event(tape, model, probit=True)
    assert np.abs(filtered.probability[calm:] - 0.4).max() < 0.04
    assert np.abs(filtered.standardized_innovation[calm + 5 :]).max() < 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        {},
        {"rate": 2.0, "hours": 3.0},
        {"bounce": 0.0, "noise": 0.006},
        {"tick": 0.0, "bounce": 0.0, "noise": 0.006},
    ],
)
def test_causal_filter_is_calibrated(case):
    """Cent ticks with a half-cent bounce hide the level for minutes; the band must know."""
    z, inside = [], []
    for seed in range(3):
        seconds, is_yes, prices, sizes, truth = draw_tape(40 + seed, **case)
        tape = event_tape(seconds, is_yes, prices, sizes, case.get("tick", 0.01))
        filtered = filter_event_causally(tape).filtered
        z.append(filtered.standardized_innovation[1:])
        inside.append(coverage(filtered, truth))
    z = np.concatenate(z)
    assert z.mean() == pytest.approx(0, abs=0.02)
    assert z.var() == pytest.approx(1, abs=0.05)
    # no book errs here, which some thousand trades cannot rule out: the band may be too wide
    assert 0.865 < np.mean(inside) < 0.95


@pytest.mark.slow
def test_white_rounding_noise_would_not_be_calibrated():
    """What the tick state is for: the same tape, rounding taken as white noise."""
    seconds, is_yes, prices, sizes, truth = draw_tape(44, rate=2.0, hours=2.0)
    tape = event_tape(seconds, is_yes, prices, sizes)
    fit = fit_event(tape)
    naive = filter_event(tape, fit.model._replace(tick_persistence=0.0))
    assert fit.model.tick_persistence > 0
    assert coverage(naive, truth) < 0.7 < coverage(filter_event(tape, fit.model), truth)


def test_fit_recovers_noise_and_speed():
    seconds, is_yes, prices, sizes, _ = draw_tape(
        6, hours=3.0, tick=0.0, bounce=0.0, noise=0.006, speed=3e-4
    )
    fit = fit_event(event_tape(seconds, is_yes, prices, sizes, 0.0))
    assert fit.status == "ok"
    assert fit.model.bounce_variance == pytest.approx(0.006**2, rel=0.1)
    assert np.sqrt(fit.model.level_variance) == pytest.approx(3e-4, rel=0.35)


def test_fit_knows_that_small_trades_are_noisier():
    seconds, is_yes, prices, sizes, _ = draw_tape(7, hours=3.0, tick=0.0, bounce=0.0, noise=0.003)
    rng = np.random.default_rng(8)
    noisy = prices + 0.03 * rng.standard_normal(sizes.size) / np.sqrt(sizes)
    fit = fit_event(event_tape(seconds, is_yes, noisy.clip(0, 1), sizes, 0.0))
    assert np.sqrt(fit.model.small_trade_variance) == pytest.approx(0.03, rel=0.15)


def test_estimates_never_see_the_future():
    seconds, is_yes, prices, sizes, _ = draw_tape(9, hours=0.6)
    changed = prices.copy()
    changed[900:] = 0.5
    for probit in (False, True):
        one, two = (
            filter_event_causally(event_tape(seconds, is_yes, p, sizes), probit).filtered
            for p in (prices, changed)
        )
        assert_allclose(one.probability[:900], two.probability[:900], rtol=0, atol=0)
        assert_allclose(one.variance[:900], two.variance[:900], rtol=0, atol=0)


@pytest.mark.slow
def test_probit_gauge_stays_calibrated_near_certainty():
    z, inside = [], []
    for seed in range(4):
        rng = np.random.default_rng(60 + seed)
        seconds = np.sort(rng.uniform(0, 6 * 3600, 6_000))
        u = np.empty(seconds.size)
        u[0], rate = ndtri(0.95), 6e-6
        for k, step in enumerate(np.diff(seconds), start=1):
            grow = np.exp(0.5 * rate * step)
            u[k] = u[k - 1] * grow + np.sqrt(grow**2 - 1) * rng.standard_normal()
        truth = ndtr(u)
        is_yes = rng.random(u.size) < 0.5
        prices = np.where(is_yes, truth, 1 - truth) + 0.005 * rng.choice([-1, 1], u.size)
        prices = (np.round(prices * 100) / 100).clip(0, 1)
        tape = event_tape(seconds, is_yes, prices, np.full(u.size, 50.0))
        filtered = filter_event_causally(tape, probit=True).filtered
        z.append(filtered.standardized_innovation[1:])
        inside.append(coverage(filtered, truth))
    z = np.concatenate(z)
    assert abs(z.mean()) < 0.02
    assert z.var() == pytest.approx(1, abs=0.06)
    assert 0.84 < np.mean(inside) < 0.96


def test_schedule_triples_from_50():
    assert fit_schedule(50) == []
    assert fit_schedule(500) == [50, 150, 450]


def test_too_few_trades_have_no_fit():
    seconds, is_yes, prices, sizes, _ = draw_tape(10, hours=0.005)
    fit = fit_event(event_tape(seconds[:9], is_yes[:9], prices[:9], sizes[:9]))
    assert fit.status == "too_few"
    assert np.isnan(fit.model).all()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seconds": np.array([])}, "seconds"),
        ({"seconds": np.array([1.0, 0.0])}, "seconds"),
        ({"prices": np.array([0.5, 1.2])}, "prices"),
        ({"prices": np.array([0.5, np.nan])}, "prices"),
        ({"prices": np.array([0.5])}, "prices"),
        ({"sizes": np.array([1.0, 0.0])}, "sizes"),
        ({"ticks": -0.01}, "ticks"),
    ],
)
def test_wrong_arguments_are_named(change, named):
    arguments = {
        "seconds": np.array([0.0, 1.0]),
        "is_yes": np.array([True, False]),
        "prices": np.array([0.5, 0.5]),
        "sizes": np.array([1.0, 2.0]),
    } | change
    with pytest.raises(ValueError, match=named):
        event_tape(**arguments)


def test_negative_parameters_are_refused():
    tape = event_tape([0.0, 1.0], [True, True], [0.5, 0.5], [1.0, 1.0])
    with pytest.raises(ValueError, match="models"):
        filter_event(tape, LEVEL_PRIOR._replace(level_variance=-1.0))
