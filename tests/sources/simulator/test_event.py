"""The event's probability is a martingale that ends at 0 or 1, on the planted clock."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.special import ndtri

from offtape_assets.sources.simulator import kalshi, truth
from offtape_assets.sources.simulator.event import Event
from offtape_assets.sources.simulator.settings import World

DAY = date(2024, 11, 5)
CONTRACTS = ("PRES-2024-DJT", "PRES-2024-KH")


@pytest.fixture(scope="module")
def paths() -> np.ndarray:
    """Probabilities at listing, on the day, in the night and at settlement of 400 worlds."""
    rows = []
    for seed in range(400):
        event = Event(World(seed=seed, days_listed=1))
        at = [event.listed, event.night - 7200, event.night + 14_400, event.settled]
        rows.append(event.probability(np.array(at)))
    return np.array(rows)


def test_the_probability_is_a_martingale(paths):
    first = World().first_probability
    assert paths[:, 0] == pytest.approx(first)
    for instant in (1, 2, 3):
        error = paths[:, instant].std() / np.sqrt(len(paths))
        assert abs(paths[:, instant].mean() - first) < 3 * error


def test_it_ends_at_zero_or_one(paths):
    assert set(paths[:, 3]) == {0.0, 1.0}
    assert paths[:, 1].std() < paths[:, 2].std() < paths[:, 3].std()


def test_probit_moves_follow_the_clock():
    """With information a(t) the probit U = X / sqrt(A - a): Var(dU) = nu^2 dt between jumps."""
    event = Event(World(seed=3))
    clock = event.clock
    seconds = np.arange(event.night + 60, event.settled - 1800)
    slot = seconds - event.listed
    moves = np.diff(ndtri(event.probability(seconds)))
    rate = clock.rate[slot[:-1]]
    smooth = ~clock.is_jump[slot[1:]] & np.isfinite(moves)
    ratio = (moves[smooth] ** 2).sum() / rate[smooth].sum()
    assert abs(ratio - 1) < 4 * np.sqrt(2 / smooth.sum())
    assert rate[0] * (event.settled - seconds[0]) == pytest.approx(World().night_clock ** 2)


def test_constant_world_has_no_news():
    event = Event(World(kind="constant"))
    assert set(event.probability(np.arange(event.listed, event.settled, 997))) == {0.55}


def test_trades_are_whole_cents_of_both_books_and_bounce():
    world = World()
    event = Event(world)
    trades = kalshi.trades(world, event, date(2024, 11, 4), CONTRACTS)
    assert set(trades["contract"]) == set(CONTRACTS)
    assert trades["ts"].is_sorted()
    for contract in CONTRACTS:
        price = trades.filter(pl.col("contract") == contract)["price"].cast(float).to_numpy()
        assert np.allclose(price * 100, np.rint(price * 100))
        ratio = np.var(price[2:] - price[:-2]) / (2 * np.var(np.diff(price)))
        assert 0.45 < ratio < 0.62


def test_the_two_books_agree_with_the_truth_on_average():
    world = World()
    event = Event(world)
    fair = kalshi.fair_prices(world, event, DAY)
    assert (fair.sum(1) - 1).mean() == pytest.approx(kalshi.VIG, abs=0.003)
    path = truth.event_path(world, event, DAY)
    trades = kalshi.trades(world, event, DAY, CONTRACTS).filter(pl.col("contract") == CONTRACTS[0])
    joined = trades.join_asof(path, on="ts")
    error = joined["price"].cast(float) - joined["probability"] - kalshi.VIG / 2
    assert abs(error.mean()) < 0.003
    assert error.std() < 0.008


def test_truth_tells_what_the_market_knows_and_what_the_first_know():
    world = World()
    path = truth.event_path(world, Event(world), DAY)
    known, informed = path["probability"].to_numpy(), path["probability_informed"].to_numpy()
    lag = world.prediction_market_lag
    assert (known[lag:] == informed[:-lag]).all()
