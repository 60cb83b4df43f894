"""The simulated coin and its contracts: what is planted is there, whatever is asked for first."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from offtape_assets.sources.simulator.contracts import (
    DRIFT,
    STRAY_HALF_LIFE_HOURS,
    STRAY_SD_USD,
    VOLATILITY,
    CoinMarket,
)
from offtape_assets.sources.simulator.settings import World
from offtape_assets.sources.simulator.simulator import SimulatorSource
from offtape_assets.tables import raw, truth

FRIDAY = date(2024, 11, 8)


@pytest.fixture(scope="module")
def market() -> CoinMarket:
    return CoinMarket(World(seed=5))


def test_the_coin_moves_as_planted(market):
    moves = np.diff(np.log(market.closes(40_000)))
    stated = VOLATILITY / np.sqrt(8760)
    assert moves.std() == pytest.approx(stated, rel=4 / np.sqrt(2 * moves.size))
    mean = (DRIFT - VOLATILITY**2 / 2) / 8760
    assert abs(moves.mean() - mean) < 4 * stated / np.sqrt(moves.size)
    np.testing.assert_array_equal(market.closes(100), market.closes(5000)[:100])


def test_bars_join_and_hold_their_ends(market):
    one, two = market.bars(FRIDAY), market.bars(FRIDAY + timedelta(days=1))
    assert two["open"][0] == one["close"][-1]
    for frame in (one, two, market.index(FRIDAY)):
        assert frame.height == 24
        assert frame.select(
            (pl.col("low") <= pl.min_horizontal("open", "close")).all()
            & (pl.col("high") >= pl.max_horizontal("open", "close")).all()
        ).item()


def test_contracts_tile_the_line_and_expire_at_noon_in_new_york(market):
    for day, hour in ((date(2024, 10, 31), 16), (FRIDAY, 17)):
        for family in market.families(day):
            assert family.low[0] == 0
            assert np.isinf(family.high[-1])
            np.testing.assert_array_equal(family.low[1:], family.high[:-1])
            assert len(set(family.contracts)) == 7
        first = next(market.families(day))
        assert first.expires.hour == hour
    assert len(list(market.families(FRIDAY))) == 2
    assert len(list(market.families(FRIDAY + timedelta(days=2)))) == 1


def test_fair_prices_are_martingales_that_settle(market):
    """Over many weeks the fair price of a contract equals the share of times it pays."""
    gaps = []
    for week in range(60):
        family = market._family(date(2021, 1, 1) + timedelta(days=7 * week))
        fair, _ = market._values(family)
        np.testing.assert_allclose(fair.sum(axis=1), 1.0, atol=1e-12)
        hours = int((family.expires - datetime(2020, 1, 1)) / timedelta(hours=1))
        last = market.closes(hours)[-1]
        paid = (family.low <= last) & (last < family.high)
        gaps.append((fair[0] - paid)[3])
    assert abs(np.mean(gaps)) < 3 * np.std(gaps) / np.sqrt(60)


def test_the_market_strays_and_returns_as_planted(market):
    strays = []
    for week in range(40):
        fair, stray = market._values(market._family(date(2021, 1, 1) + timedelta(days=7 * week)))
        unit = stray / (4 * fair * (1 - fair) + 1e-12)
        strays.append(unit[40:100][:, fair[100] > 0.05])
    before = np.concatenate([s[:-1].ravel() for s in strays])
    after = np.concatenate([s[1:].ravel() for s in strays])
    keep = 0.5 ** (1 / STRAY_HALF_LIFE_HOURS)
    assert np.corrcoef(before, after)[0, 1] == pytest.approx(keep, abs=0.02)
    assert before.std() == pytest.approx(STRAY_SD_USD, rel=0.1)
    assert not np.any(CoinMarket(World(kind="null"))._values(market._family(FRIDAY))[1])


def test_prices_are_fair_plus_stray_in_ticks(market):
    rows = market.prices(FRIDAY).join(market.fair_values(FRIDAY), on=["contract_id", "ts"])
    rows = rows.filter(pl.col("price") != 0.35)
    gap = rows.select(pl.col("price") - pl.col("probability") - pl.col("dislocation")).to_series()
    assert gap.abs().max() <= 0.0025 + 0.0005
    assert rows["price"].is_between(0.0005, 0.9995).all()


def test_the_source_answers_on_weekends_and_not_before_the_coin(tmp_path):
    source = SimulatorSource(seed=5)
    sunday = date(2024, 11, 10)
    for table in (
        raw.CRYPTO_BARS,
        raw.VOLATILITY_INDEX,
        raw.PREDICTION_MARKETS,
        raw.PREDICTION_PRICES,
        truth.CONTRACT_FAIR_VALUES,
    ):
        (found,) = source.read(table, sunday, [], tmp_path)
        assert set(found.rows.columns) == {column.name for column in table.columns}
        assert found.rows.height > 0
        assert source.fingerprint(table, sunday) != source.fingerprint(table, FRIDAY)
        assert source.fingerprint(table, date(2019, 1, 1)) is None
