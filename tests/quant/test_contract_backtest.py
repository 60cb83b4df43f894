"""Positions, profit and figures of the dislocation rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from offtape_assets.quant.contract_backtest import (
    hourly_profit,
    performance,
    round_trips,
    sigmoid_positions,
    threshold_positions,
)
from offtape_assets.quant.dislocation import bootstrap_threshold

NAN = np.nan


def _column(*values):
    return np.array(values, dtype=float)[:, None]


def test_rule_by_hand():
    gap = _column(0.0, 0.9, 1.1, 0.5, 0.11, 0.10, 0.2, -1.5, -0.2, NAN, 0.0, -1.2, 1.3)
    position = threshold_positions(gap, np.ones_like(gap))
    assert position[:, 0].tolist() == [0, 0, -1, -1, -1, 0, 0, 1, 1, 1, 0, 1, -1]


def test_unknown_threshold_is_never_traded():
    gap, unit = _column(5.0, 5.0, 5.0), _column(NAN, NAN, 1.0)
    assert threshold_positions(gap, unit)[:, 0].tolist() == [0, 0, -1]


def test_profit_by_hand():
    position, price = _column(0, -1, -1, 0, 1), _column(0.5, 0.6, 0.55, 0.5, 0.4)
    fee = np.array([0.07])
    profit, cost = hourly_profit(position, price, np.array([1.0]), 0.01, fee)
    np.testing.assert_allclose(profit[:, 0], [0, 0, 0.05, 0.05, 0, 0.6], atol=1e-15)
    paid = [0, 0.01 + 0.07 * 0.24, 0, 0.01 + 0.07 * 0.25, 0.01 + 0.07 * 0.24, 0]
    np.testing.assert_allclose(cost[:, 0], paid, atol=1e-15)
    trips = round_trips(position[:, 0], price[:, 0], cost[:, 0], 1.0)
    assert trips.entry.tolist() == [1, 4]
    assert trips.exit.tolist() == [3, 5]
    assert trips.side.tolist() == [-1, 1]
    assert trips.reason.tolist() == ["reverted", "expired"]
    np.testing.assert_allclose(trips.exit_price, [0.5, 1.0])
    np.testing.assert_allclose(trips.pnl, [0.1 - paid[1] - paid[3], 0.6 - paid[4]])


def test_unknown_settlement_closes_at_the_last_price_at_a_cost():
    position, price = _column(1, 1), _column(0.5, 0.7)
    profit, cost = hourly_profit(position, price, np.array([NAN]), 0.01, np.zeros(1))
    np.testing.assert_allclose(profit[:, 0], [0, 0.2, 0])
    np.testing.assert_allclose(cost[:, 0], [0.01, 0, 0.01])
    trips = round_trips(position[:, 0], price[:, 0], cost[:, 0], NAN)
    assert trips.reason.tolist() == ["data_end"]
    assert trips.pnl[0] == pytest.approx(0.18)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 60), st.booleans())
def test_trades_add_up_to_the_hourly_profit(seed, hours, settled):
    rng = np.random.default_rng(seed)
    position = rng.integers(-1, 2, (hours, 1)).astype(float)
    price = rng.random((hours, 1))
    settlement = np.array([float(rng.integers(0, 2)) if settled else NAN])
    profit, cost = hourly_profit(position, price, settlement, 0.02, np.array([0.05]))
    trips = round_trips(position[:, 0], price[:, 0], cost[:, 0], settlement[0])
    assert trips.pnl.sum() == pytest.approx((profit - cost).sum(), abs=1e-12)
    assert trips.cost.sum() == pytest.approx(cost.sum(), abs=1e-12)
    assert np.all(trips.exit > trips.entry)
    assert np.all(trips.exit[:-1] <= trips.entry[1:])


def test_the_future_changes_no_decision():
    rng = np.random.default_rng(3)
    gap = np.cumsum(rng.normal(0, 0.02, (170, 6)), axis=0)
    other = gap.copy()
    other[100:] = rng.normal(0, 0.5, (70, 6))
    held = []
    for values in (gap, other):
        unit = np.column_stack(
            [bootstrap_threshold(column, np.random.default_rng(1)) for column in values.T]
        )
        held.append((threshold_positions(values, unit), sigmoid_positions(values, unit)))
    for one, two in zip(*held, strict=True):
        np.testing.assert_array_equal(one[:100], two[:100])
        assert not np.array_equal(one[100:], two[100:])
        assert np.any(one[:100] != 0.0)


def test_sigmoid_is_the_articles():
    gap, unit = _column(0.0, NAN, 1.0, -3.0, NAN), _column(0.5, NAN, 0.5, 0.5, 0.5)
    found = sigmoid_positions(gap, unit)[:, 0]
    expected = [-(2 / (1 + np.exp(-x)) - 1) for x in (0.0, 0.0, 2.0, -6.0, -6.0)]
    np.testing.assert_allclose(found, expected, atol=1e-15)


def _planted(contracts, half_life, spread, seed, hours=170):
    """Fair prices that are martingales settling at 0 or 1, and a market that strays and returns."""
    rng = np.random.default_rng(seed)
    total = np.cumsum(rng.normal(0, 1, (hours + 1, contracts)), axis=0)
    left = np.arange(hours, 0, -1.0)[:, None]
    fair = ndtr(total[:-1] / np.sqrt(left))
    settlement = (total[-1] > 0).astype(float)
    stray = np.zeros((hours, contracts))
    keep = 0.5 ** (1 / half_life)
    for t in range(1, hours):
        stray[t] = keep * stray[t - 1] + rng.normal(0, spread * np.sqrt(1 - keep**2), contracts)
    return fair, stray, settlement


def _thresholds(gap, seed=1):
    return np.column_stack(
        [bootstrap_threshold(column, np.random.default_rng(seed)) for column in gap.T]
    )


def test_planted_dislocation_is_found_and_its_profit_recovered():
    fair, stray, settlement = _planted(150, 5.0, 0.04, 11)
    position = threshold_positions(stray, _thresholds(stray))
    profit, _ = hourly_profit(position, fair + stray, settlement, 0.0, np.zeros(150))
    by_contract = profit.sum(axis=0)
    truth = np.vstack([position[:-1] * np.diff(stray, axis=0), -position[-1:] * stray[-1:]])
    error = (by_contract - truth.sum(axis=0)).std(ddof=1) / np.sqrt(150)
    assert abs(by_contract.mean() - truth.sum(axis=0).mean()) < 3 * error
    assert by_contract.mean() > 10 * error
    trips = np.count_nonzero(np.diff(position, axis=0)) / 150
    assert trips > 5


def test_no_edge_no_profit():
    """The market is fair, the model strays: gross profit is zero, net profit is minus the costs."""
    fair, stray, settlement = _planted(250, 5.0, 0.04, 12)
    gap = -stray
    position = threshold_positions(gap, _thresholds(gap))
    assert np.abs(position).mean() > 0.2
    profit, cost = hourly_profit(position, fair, settlement, 0.01, np.zeros(250))
    gross = profit.sum(axis=0)
    assert abs(gross.mean()) < 3 * gross.std(ddof=1) / np.sqrt(250)
    net = gross - cost.sum(axis=0)
    assert abs(net.mean() + cost.sum(axis=0).mean()) < 3 * gross.std(ddof=1) / np.sqrt(250)
    assert net.mean() < 0


def test_rounding_alone_earns_less_than_half_a_tick_costs():
    """A fair market quoted in ticks, an exact model: the rounding error returns and is earned.

    A tick is the least spread such a market can have, so half of one is the least cost.
    """
    fair, _, settlement = _planted(250, 5.0, 0.0, 15)
    tick = 0.005
    price = np.round(fair / tick) * tick
    gap = price - fair
    position = threshold_positions(gap, _thresholds(gap))
    profit, cost = hourly_profit(position, price, settlement, tick / 2, np.zeros(250))
    gross = profit.sum(axis=0)
    truth = (position * np.diff(np.vstack([gap, np.zeros(250)]), axis=0)).sum(axis=0)
    error = (gross - truth).std(ddof=1) / np.sqrt(250)
    assert abs(gross.mean() - truth.mean()) < 3 * error
    assert truth.min() > 0
    assert np.all(cost.sum(axis=0) > truth)


def test_sharpe_error_is_that_of_repeated_samples():
    rng = np.random.default_rng(13)
    runs = []
    for _ in range(400):
        noise = rng.standard_normal(1200)
        runs.append(performance(0.1 + noise[1:] + 0.5 * noise[:-1], lags=6))
    spread = np.std([run.sharpe_hourly for run in runs])
    stated = np.mean([run.sharpe_hourly_se for run in runs])
    assert stated == pytest.approx(spread, rel=0.15)
    pnl = np.std([run.pnl for run in runs])
    assert np.mean([run.pnl_se for run in runs]) == pytest.approx(pnl, rel=0.15)


def test_independent_profit_has_lo_error():
    profit = np.random.default_rng(14).normal(0.2, 1.0, 50_000)
    found = performance(profit, lags=1)
    lo = np.sqrt((1 + found.sharpe_hourly**2 / 2) / 50_000)
    assert found.sharpe_hourly_se == pytest.approx(lo, rel=0.03)
    assert found.sharpe_annual == pytest.approx(found.sharpe_hourly * np.sqrt(8760))


def test_figures_by_hand_and_empty_series():
    found = performance(np.array([1.0, -0.5, 0.0, -1.0, 2.0]))
    assert found.pnl == pytest.approx(1.5)
    assert found.hit_ratio == pytest.approx(0.5)
    assert found.max_drawdown == pytest.approx(1.5)
    assert np.isnan([found.sharpe_hourly, found.sharpe_hourly_se, found.pnl_se]).all()  # too short
    assert np.isfinite(performance(np.tile([1.0, -0.5], 24)).sharpe_hourly_se)
    flat = performance(np.zeros(50))
    assert flat.pnl == 0.0
    assert np.isnan([flat.sharpe_hourly, flat.sharpe_hourly_se, flat.hit_ratio]).all()
    assert np.isnan(performance(np.zeros(0)).sharpe_annual)


def test_wrong_arguments_are_named():
    square = np.zeros((3, 2))
    with pytest.raises(ValueError, match="threshold"):
        threshold_positions(square, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="leave 2"):
        threshold_positions(square, square, 1.0, 2.0)
    with pytest.raises(ValueError, match="settlement"):
        hourly_profit(square, square, np.zeros(3), 0.0, np.zeros(2))
    with pytest.raises(ValueError, match="half_spread is -1"):
        hourly_profit(square, square, np.zeros(2), -1.0, np.zeros(2))
    with pytest.raises(ValueError, match="profit"):
        performance(np.array([NAN]))
