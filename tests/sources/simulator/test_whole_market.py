"""The whole market: factor portfolios load as they must and return their factors."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from offtape_assets.sources.simulator import factors, whole_market
from offtape_assets.sources.simulator.simulator import SimulatorSource
from offtape_assets.tables import raw

DAY = date(2024, 11, 5)
OTHERS = 480


@pytest.fixture(scope="module")
def source() -> SimulatorSource:
    return SimulatorSource(message_scale=0.1, market_names=OTHERS)


def test_legs_sum_to_one_and_portfolios_load_on_their_own_factor():
    market = factors.members(OTHERS)
    long = np.where(market.weights > 0, market.weights, 0).sum(1)
    short = np.where(market.weights < 0, market.weights, 0).sum(1)
    assert long == pytest.approx(np.ones(5))
    assert short == pytest.approx([0, -1, -1, -1, -1])
    assert market.weights @ market.loadings == pytest.approx(np.eye(5), abs=1e-12)


def test_study_names_keep_their_planted_loadings(source):
    market = factors.members(OTHERS)
    for ticker, loadings in zip(market.tickers, market.loadings[market.is_study], strict=False):
        assert tuple(loadings) == source.levels.name(ticker).loadings


def test_portfolio_returns_are_the_factors(source, tmp_path):
    path = next(iter(source.read(raw.QUOTES_1S, DAY, (), tmp_path))).rows
    rows = pl.read_parquet(path).drop_nulls()
    assert rows.select("ts", "ticker").equals(rows.select("ts", "ticker").sort("ts", "ticker"))
    mid = (pl.col("bid_price").cast(float) + pl.col("ask_price").cast(float)) / 2
    market = factors.members(OTHERS)
    session = source.session(DAY)
    instants = np.arange(session.open + 121, session.close + 1, 120)
    grid = pl.DataFrame({"ts": ((session.start + instants) * 10**6).astype("datetime64[us]")})
    probes = grid.join(pl.DataFrame({"ticker": market.tickers}), how="cross").sort("ts")
    wide = (
        probes.join_asof(
            rows.select("ts", "ticker", mid=mid.log()), on="ts", by="ticker", check_sortedness=False
        )
        .pivot(on="ticker", index="ts", values="mid")
        .select(market.tickers.tolist())
        .to_numpy()
    )
    found = np.diff(wide, axis=0) @ market.weights.T
    planted = np.diff(session.factor_paths[instants], axis=0)
    for column in range(5):
        assert np.corrcoef(found[:, column], planted[:, column])[0, 1] > 0.93


def test_weights_are_known_the_evening_before(source, tmp_path):
    rows = next(iter(source.read(raw.FACTOR_WEIGHTS, DAY, (), tmp_path))).rows
    assert set(rows["as_of"]) == {date(2024, 11, 4)}
    assert set(rows["factor"]) == {"mkt_rf", "smb", "hml", "rmw", "cma"}


def test_the_library_compounds_to_the_sum_of_sessions(source, tmp_path):
    days = [date(2024, 11, 4), date(2024, 11, 5), date(2024, 11, 6)]
    logs = [
        np.log1p(next(iter(source.read(raw.FACTOR_LIBRARY, day, (), tmp_path))).rows["mkt_rf"][0])
        for day in days
    ]
    totals = source.levels.factor_return(0, days)
    first, last = source.session(date(2024, 11, 1)), source.session(days[-1])
    before = first.factor_paths[-1, 0] - first.factor_paths[first.close, 0]
    after = last.factor_paths[-1, 0] - last.factor_paths[last.close, 0]
    assert sum(logs) == pytest.approx(before + totals.sum() - after)


def test_other_stocks_go_on_overnight_from_where_they_closed(source):
    """Yesterday's level is not forgotten, and a portfolio's night is its factor's."""
    members = factors.members(OTHERS)
    today, tomorrow = source.session(DAY), source.session(date(2024, 11, 6))
    own = whole_market.own_totals(today, members)
    total = whole_market.own_return(today, members, DAY)
    assert own.sum(axis=0) == pytest.approx(total)
    opened = whole_market.opening_level(today, members, own[0])
    night = whole_market.own_totals(tomorrow, members)[0]
    loadings = members.loadings[~members.is_study]
    news = today.factor_paths[-1] - today.factor_paths[today.open]
    reopened = whole_market.opening_level(tomorrow, members, night)
    news += tomorrow.factor_paths[tomorrow.open]
    study = [
        np.log(tomorrow.price(ticker)[tomorrow.open] / today.price(ticker)[today.open])
        for ticker in members.tickers[members.is_study]
    ]
    moved = members.weights[:, members.is_study] @ study
    held = members.weights[:, ~members.is_study]
    assert moved + held @ (reopened - opened) == pytest.approx(news, abs=1e-9)
    offset = reopened - opened - loadings @ news - own[1:].sum(axis=0) - night
    assert held.T @ np.linalg.lstsq(held.T, offset)[0] == pytest.approx(offset, abs=1e-9)
    shares = today.variance_shares[: today.open + 1].sum()
    expected = members.own_daily_sd[~members.is_study] * np.sqrt(shares)
    assert np.std(own[0] / expected) == pytest.approx(1, abs=0.1)
