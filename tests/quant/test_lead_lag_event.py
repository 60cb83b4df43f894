"""A name against an event's probability: planted order found, none invented."""

import numpy as np
import pytest

from benchmarks.leadership_worlds import SESSION, NameDay, name_day
from offtape_assets.quant.kalman import filter_local_level
from offtape_assets.quant.lead_lag_event import event_lead_test, market_adjusted, smooth_event
from offtape_assets.quant.lead_lag_test import LeadTest, grid_lead_test


def run(day: NameDay, reach: int = 15) -> LeadTest:
    event = smooth_event(day.trade_seconds, day.trade_prices, SESSION)
    adjusted = market_adjusted(np.diff(day.name), np.diff(day.market))
    return event_lead_test(adjusted, event.probability, reach)


@pytest.mark.parametrize("delay", [5, -5])
def test_planted_order_is_found_at_night(delay: int) -> None:
    tests = [
        run(name_day(np.random.default_rng([1, s]), delay, daily_step=2e-3)) for s in range(12)
    ]
    signs = [np.sign(t.z) for t in tests if t.p_value < 0.05]
    assert len(signs) >= 9
    assert set(signs) == {np.sign(delay)}


def test_order_is_found_where_the_name_moves_against_the_event() -> None:
    for seed in range(4):
        day = name_day(np.random.default_rng([2, seed]), 5, 0.1, daily_step=2e-3)
        mirrored = run(day._replace(trade_prices=1.0 - day.trade_prices))
        plain = run(day)
        assert plain.z > 2.0
        assert abs(plain.z - mirrored.z) < 1e-6


def test_no_order_is_invented_at_zero_lag() -> None:
    tests = [
        run(name_day(np.random.default_rng([3, s]), 0, 0.2, trades, 2e-3))
        for s in range(15)
        for trades in (0.2, 1.0)
    ]
    assert sum(t.p_value < 0.05 for t in tests) <= 6  # 30 draws at no more than 8 % a side


def test_causal_filter_makes_names_lead() -> None:
    """What not to believe: the filter's delay, and last-trade prices, look like a lead."""
    filtered, last, right = [], [], []
    for seed in range(20):
        day = name_day(np.random.default_rng([4, seed]), 0, 0.2, 1.0, 2e-3)
        event = smooth_event(day.trade_seconds, day.trade_prices, SESSION)
        adjusted = market_adjusted(np.diff(day.name), np.diff(day.market))
        second = day.trade_seconds.astype(int)
        latest = np.full(SESSION, np.nan)
        latest[second] = day.trade_prices
        known = np.flatnonzero(np.isfinite(latest))
        carried = latest[known[np.maximum(np.cumsum(np.isfinite(latest)) - 1, 0)]]
        causal = filter_local_level(carried, event.level_variance, event.noise_variance).mean
        for series, found in ((causal, filtered), (carried, last), (event.probability, right)):
            test = grid_lead_test(np.diff(series), adjusted, 15, 600)
            found.append(test.p_value < 0.05 and test.z < 0)
    assert np.mean(filtered) >= 0.5
    assert np.mean(last) >= 0.5
    assert np.mean(right) <= 0.2


def test_market_moves_are_taken_out() -> None:
    rng = np.random.default_rng(5)
    market, own = rng.standard_normal(5000), rng.standard_normal(5000)
    returns = 0.8 * market + 0.3 * np.roll(market, 1) + own
    adjusted = market_adjusted(returns, market)
    known = np.isfinite(adjusted)
    assert known.sum() == 4996  # two leads and two lags
    assert np.corrcoef(adjusted[known], own[known])[0, 1] > 0.999
    market[100:110] = np.nan
    assert np.isnan(market_adjusted(returns, market)[98:112]).all()


def test_smoothing_has_no_delay() -> None:
    rng = np.random.default_rng(6)
    truth = 0.5 + np.cumsum(rng.standard_normal(6000)) * 2e-3
    seconds = np.sort(rng.uniform(0, 6000, 6000))
    prices = truth[seconds.astype(int)] + 0.01 * rng.standard_normal(6000)
    event = smooth_event(seconds, prices, 6000)
    assert event.status == "ok"
    assert 0.5 < event.level_variance / 4e-6 < 2.0
    known = np.isfinite(event.probability)
    shifted = [
        np.mean((event.probability[known][100:-100] - truth[known][100 + k : k - 100]) ** 2)
        for k in range(-5, 6)
    ]
    assert abs(int(np.argmin(shifted)) - 5) <= 1


def test_failures_have_a_status() -> None:
    quiet = smooth_event(np.arange(100.0), np.full(100, 0.55), 1000)
    assert quiet.status == "no_news"
    assert np.isnan(quiet.probability).all()
    few = smooth_event(np.arange(10.0), np.linspace(0.4, 0.6, 10), 1000)
    assert few.status == "too_few"
    test = event_lead_test(np.random.default_rng(7).standard_normal(999), quiet.probability)
    assert test.status == "too_few"
    assert np.isnan(test.z)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="seconds and prices"):
        smooth_event(np.zeros(3), np.zeros(4), 10)
    with pytest.raises(ValueError, match="seconds must lie"):
        smooth_event(np.array([11.0]), np.array([0.5]), 10)
    with pytest.raises(ValueError, match="probability"):
        event_lead_test(np.zeros(10), np.zeros(10))
    with pytest.raises(ValueError, match="returns and market"):
        market_adjusted(np.zeros(10), np.zeros(9))
    with pytest.raises(ValueError, match="lags"):
        market_adjusted(np.zeros(10), np.zeros(10), 6)
