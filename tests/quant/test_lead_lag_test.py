"""The lead test: planted leaders found, no leader invented, failures silent."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.leadership_worlds import SESSION, tracker_day, updates
from offtape_assets.quant.lead_lag_test import (
    TickPart,
    asymmetry_test,
    find_leader,
    grid_lead_test,
    tick_lead_test,
)

EDGES = np.arange(0, SESSION + 1, 300) * 1_000_000_000


def ticker(times: np.ndarray, values: np.ndarray) -> tuple[TickPart, ...]:
    return (TickPart(1.0, times, values),)


def leader_on_grid(prices: np.ndarray) -> int | None:
    returns = np.diff(prices, axis=0)
    z, p_value = np.zeros((3, 3)), np.ones((3, 3))
    for i in range(3):
        for j in range(i):
            test = grid_lead_test(returns[:, i], returns[:, j], 10, 300)
            z[i, j], z[j, i] = test.z, -test.z
            p_value[i, j] = p_value[j, i] = test.p_value
    return find_leader(z, p_value)


def leader_on_ticks(times: list, values: list) -> int | None:
    z, p_value = np.zeros((3, 3)), np.ones((3, 3))
    for i in range(3):
        for j in range(i):
            test = tick_lead_test(ticker(times[i], values[i]), ticker(times[j], values[j]), EDGES)
            z[i, j], z[j, i] = test.z, -test.z
            p_value[i, j] = p_value[j, i] = test.p_value
    return find_leader(z, p_value)


def test_grid_asymmetry_equals_the_double_sum() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal(400), rng.standard_normal(400)
    test = grid_lead_test(x, y, 3, 40)
    x, y = x - x.mean(), y - y.mean()
    sums = []
    for block in range(9):
        rows = range(block * 40, block * 40 + 40)
        sums.append(sum(x[t] * y[t + k] - y[t] * x[t + k] for t in rows for k in (1, 2, 3)))
    mean, spread = np.mean(sums), np.std(sums, ddof=1)
    assert test.n_blocks == 9
    assert abs(test.z - mean / spread * 3.0) < 1e-10
    assert abs(test.asymmetry - np.sum(sums) / np.sqrt((x @ x) * (y @ y))) < 1e-12


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_test_is_antisymmetric_and_free_of_units(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal(500), rng.standard_normal(500)
    ahead, back = grid_lead_test(x, y, 4, 50), grid_lead_test(y, 3.0 * x + 1.0, 4, 50)
    assert abs(ahead.z + back.z) < 1e-7
    assert abs(ahead.p_value - back.p_value) < 1e-7


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_planted_leader_is_named(share: float) -> None:
    for seed in range(6):
        prices = tracker_day(np.random.default_rng([20, seed]), lag=1, share=share)
        assert leader_on_grid(prices) == 0


def test_nobody_leads_whatever_the_noise() -> None:
    named = [
        leader_on_grid(tracker_day(np.random.default_rng([30, seed]), lag=0, noise=noise))
        for seed in range(15)
        for noise in ((0.1, 1.0, 1.0), (1.0, 0.3, 0.3))
    ]
    assert sum(n is not None for n in named) <= 3  # 30 draws at no more than 5 %


def test_stale_followers_fool_the_grid_and_not_the_ticks() -> None:
    """What not to believe: on a grid the fresher series always leads."""
    on_grid, on_ticks = [], []
    for seed in range(15):
        rng = np.random.default_rng([40, seed])
        times, values, grid = updates(rng, tracker_day(rng, lag=0), (1.0, 0.5, 0.5))
        on_grid.append(leader_on_grid(grid))
        on_ticks.append(leader_on_ticks(times, values))
    assert on_grid == [0] * 15
    assert sum(n is not None for n in on_ticks) <= 2


def test_ticks_find_a_leader_behind_stale_quotes() -> None:
    found = []
    for seed in range(8):
        rng = np.random.default_rng([50, seed])
        times, values, _ = updates(rng, tracker_day(rng, lag=2, share=0.5), (0.7, 0.2, 0.2))
        found.append(leader_on_ticks(times, values))
    assert found.count(0) >= 7
    assert set(found) <= {0, None}


def test_a_basket_is_the_sum_of_its_parts() -> None:
    """Its price at the parts' last ticks is late; the parts' own sums are not."""
    of_parts, of_price = [], []
    for seed in range(12):
        rng = np.random.default_rng([70, seed])
        own = np.cumsum(rng.standard_normal((SESSION, 4)), axis=0)
        fund = own.mean(axis=1)
        times, values, _ = updates(rng, np.column_stack([own, fund]), (0.4, 0.4, 0.4, 0.4, 0.9))
        parts = tuple(TickPart(0.25, t, v) for t, v in zip(times[:4], values[:4], strict=True))
        whole = ticker(times[4], values[4])
        of_parts.append(tick_lead_test(parts, whole, EDGES).z)
        every = np.unique(np.concatenate(times[:4]))
        price = sum(
            0.25 * v[np.searchsorted(t, every, side="right") - 1]
            for t, v in zip(times[:4], values[:4], strict=True)
        )
        of_price.append(tick_lead_test(ticker(every, price), whole, EDGES).z)
    assert np.mean(np.abs(of_parts) > 1.96) <= 0.25
    assert max(of_price) < -5.0  # the fund "leads" a basket that is only seen late


def test_minutes_are_blind_to_seconds() -> None:
    """What not to believe: a lead of two seconds is invisible in one-minute data."""
    named = [
        leader_on_grid(tracker_day(np.random.default_rng([60, s]), lag=2, share=0.5)[::60])
        for s in range(10)
    ]
    assert named.count(None) >= 8


def test_failures_have_a_status_and_no_numbers() -> None:
    rng = np.random.default_rng(7)
    x = rng.standard_normal(1000)
    gap = np.where(np.arange(1000) < 900, np.nan, x)
    for y, status in (
        (np.zeros(1000), "singular"),
        (gap, "too_few"),
        (np.full(1000, np.nan), "too_few"),
    ):
        test = grid_lead_test(x, y, 5, 50)
        assert test.status == status
        assert np.isnan([test.asymmetry, test.z, test.p_value]).all()
    assert grid_lead_test(x[:100], x[:100], 5, 50).status == "too_few"
    times = np.arange(1000) * 1_000_000_000
    edges = np.arange(0, 1001, 50) * 1_000_000_000
    assert (
        tick_lead_test(ticker(times, x), ticker(times, np.ones(1000)), edges).status == "singular"
    )
    assert tick_lead_test(ticker(times[:5], x[:5]), ticker(times, x), edges).status == "too_few"
    assert tick_lead_test(ticker(times[:200], x[:200]), ticker(times, x), edges).status == "too_few"
    assert asymmetry_test(np.zeros(20)).status == "singular"


def test_a_failed_test_never_names_a_leader() -> None:
    z = np.array([[0.0, 9.0, np.nan], [-9.0, 0.0, 9.0], [np.nan, -9.0, 0.0]])
    p_value = np.where(np.isnan(z), np.nan, 0.0)
    assert find_leader(z, p_value) is None


def test_a_leader_wins_against_every_other_member() -> None:
    z = np.array([[0.0, 9.0, 1.0], [-9.0, 0.0, 9.0], [-1.0, -9.0, 0.0]])
    p_value = np.where(np.abs(z) > 5.0, 1e-6, 0.3)
    assert find_leader(z, p_value) is None
    z[0, 2], z[2, 0] = 9.0, -9.0
    p_value[0, 2] = p_value[2, 0] = 1e-6
    assert find_leader(z, p_value) == 0


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="x and y"):
        grid_lead_test(np.zeros(5), np.zeros(6), 1, 1)
    with pytest.raises(ValueError, match="max_lag"):
        grid_lead_test(np.zeros(5), np.zeros(5), 0, 1)
    with pytest.raises(ValueError, match="z and p_value"):
        find_leader(np.zeros((2, 3)), np.zeros((2, 3)))
