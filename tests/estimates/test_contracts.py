"""Prediction contracts from raw rows to trades: recovery of a simulated market, and no look-ahead."""

from datetime import date, datetime, timedelta
from functools import cache
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from offtape_assets.estimates.contract_features import contract_prices, crypto_volatility
from offtape_assets.estimates.contract_scores import contract_scores
from offtape_assets.estimates.contract_trading import (
    contract_performance,
    contract_settlements,
    trade_contracts,
)
from offtape_assets.estimates.contracts import contract_probabilities
from offtape_assets.sources.simulator.contracts import CoinMarket
from offtape_assets.sources.simulator.settings import World
from offtape_assets.tables import features
from offtape_assets.tables import model_contracts as model

NO_BILLS = pl.DataFrame(schema={"date": pl.Date, "tenor_days": pl.Int32, "rate": pl.Float64})
SEED, PATHS = 1, 400


class Raw(NamedTuple):
    """Raw rows of consecutive days."""

    bars: pl.DataFrame
    index: pl.DataFrame
    markets: dict[date, pl.DataFrame]
    prices: pl.DataFrame
    fair: pl.DataFrame


class Made(NamedTuple):
    """What the estimates make of them, all days together."""

    known: pl.DataFrame
    prices: pl.DataFrame
    probabilities: pl.DataFrame
    settlements: pl.DataFrame
    dislocations: pl.DataFrame
    profits: pl.DataFrame
    trades: pl.DataFrame


def _days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=offset) for offset in range(count)]


@cache
def _raw(first: date, count: int, kind: str = "standard", seed: int = 3) -> Raw:
    market = CoinMarket(World(seed=seed, kind=kind))
    days, before = _days(first, count), _days(first - timedelta(days=30), 30)
    return Raw(
        pl.concat([market.bars(day) for day in before + days]),
        pl.concat([market.index(day) for day in before[-2:] + days]),
        {day: market.markets(day) for day in days},
        pl.concat([market.prices(day) for day in days]),
        pl.concat([market.fair_values(day) for day in days]),
    )


def _made(raw: Raw, probabilities: pl.DataFrame | None = None) -> Made:
    known, prices, chances, settled, traded = [], [], [], [], []
    for day, markets in raw.markets.items():
        end = datetime(day.year, day.month, day.day) + timedelta(days=1)
        start = end - timedelta(days=31)
        past = (pl.col("ts") >= start) & (pl.col("ts") < end)
        known.append(
            crypto_volatility(raw.bars.filter(past), raw.index.filter(past), NO_BILLS, day, 0.05)
        )
        prices.append(contract_prices(markets, raw.prices.filter(pl.col("ts").dt.date() == day)))
        if probabilities is None:
            chances.append(contract_probabilities(prices[-1], known[-1], SEED, PATHS))
        settled.append(contract_settlements(markets, known[-1], day))
        own = probabilities if probabilities is not None else pl.concat(chances)
        life = pl.col("ts").is_between(end - timedelta(days=9), end)
        traded.append(
            trade_contracts(
                pl.concat(prices).filter(life), own.filter(life), settled[-1], day, SEED
            )
        )
    return Made(
        pl.concat(known),
        pl.concat(prices),
        pl.concat(chances) if chances else probabilities,
        pl.concat(settled),
        *(pl.concat(frames) for frames in zip(*traded, strict=True)),
    )


@cache
def _month() -> Made:
    return _made(_raw(date(2024, 10, 4), 22))


@cache
def _week() -> Made:
    return _made(_raw(date(2024, 10, 11), 8))


def _declared(table) -> set[str]:
    return {column.name for column in table.columns}


def test_frames_have_the_declared_columns():
    made = _month()
    performance, comparisons = contract_performance(made.profits, made.trades)
    scores, curves = contract_scores(made.dislocations, made.settlements)
    for frame, table in (
        (made.known, features.CRYPTO_VOLATILITY_1H),
        (made.prices, features.CONTRACT_PRICES),
        (made.probabilities, model.CONTRACT_PROBABILITIES),
        (made.settlements, model.CONTRACT_SETTLEMENTS),
        (made.dislocations, model.DISLOCATIONS),
        (made.profits, model.CONTRACT_PROFITS),
        (made.trades, model.CONTRACT_TRADES),
        (performance, model.CONTRACT_PERFORMANCE),
        (comparisons, model.CONTRACT_RULE_COMPARISONS),
        (scores, model.CONTRACT_SCORES),
        (curves, model.CONTRACT_RELIABILITY),
    ):
        assert set(frame.columns) == _declared(table)
        assert frame.height > 0


def test_a_bar_is_known_one_hour_after_its_stamp():
    raw = _raw(date(2024, 10, 4), 22)
    row = _month().known.filter(pl.col("ts") == datetime(2024, 10, 10, 15)).row(0, named=True)
    bar = raw.bars.filter(pl.col("ts") == datetime(2024, 10, 10, 14)).row(0, named=True)
    index = raw.index.filter(pl.col("ts") == datetime(2024, 10, 10, 14)).row(0, named=True)
    assert row["spot"] == bar["close"]
    assert row["spot_ts"] == row["ts"]
    assert row["implied_volatility"] == pytest.approx(index["close"] / 100)
    assert row["implied_age_hours"] == 0


def test_fair_probabilities_are_recovered():
    """The simulated coin has constant volatility: the RiskMetrics model must find the fair price."""
    fair = _raw(date(2024, 10, 4), 22).fair.rename({"probability": "truth"})
    found = _month().probabilities.filter(model="gbm_riskmetrics", method="closed_form")
    error = found.join(fair, on=["contract_id", "ts"]).select(
        pl.col("probability") - pl.col("truth")
    )
    assert error.height > 3000
    # index noise of .2 points is .4 % of the volatility; one hour of unsettled news is nothing here
    assert error.to_series().abs().max() < 0.006
    assert error.to_series().std() < 0.001


def test_simulation_agrees_with_the_closed_form():
    wide = _month().probabilities.pivot(
        "method", index=["contract_id", "ts", "model"], values=["probability", "standard_error"]
    )
    ratio = wide.select(
        (pl.col("probability_simulation") - pl.col("probability_closed_form")).abs()
        / pl.col("standard_error_simulation")
    ).to_series()
    assert (ratio <= 3).mean() >= 0.99
    assert ratio.max() < 5


def test_ranges_sum_to_one_and_one_contract_wins():
    made = _month()
    sums = made.probabilities.group_by("family", "ts", "model", "method").agg(
        pl.col("probability").sum()
    )
    assert (sums["probability"] - 1).abs().max() < 1e-6
    paid = made.settlements.group_by("family").agg(pl.col("outcome").sum())
    assert paid["outcome"].to_list() == [1.0] * paid.height
    assert paid.height == 4


def test_placeholders_are_flagged_and_never_traded():
    made = _month()
    flagged = made.prices.filter("is_placeholder")
    assert (flagged["ts"] - flagged["opens_ts"]).max() < timedelta(hours=1)
    assert flagged["price_sum"].min() > 2
    at = made.profits.join(flagged.select("contract_id", "ts"), on=["contract_id", "ts"])
    assert at.height > 0
    assert at["units_traded"].max() == 0


def test_planted_dislocation_is_found_and_its_profit_recovered():
    """Profit of the rule = profit of its positions on the planted error, up to martingale noise."""
    made, raw = _month(), _raw(date(2024, 10, 4), 22)
    own = made.profits.filter(model="gbm_riskmetrics", rule="threshold").sort("contract_id", "ts")
    planted = own.join(raw.fair, on=["contract_id", "ts"], how="left").with_columns(
        stray=pl.col("dislocation").fill_null(0.0),  # settled at the truth
        held=pl.col("position").shift(1).over("contract_id").fill_null(0.0),
    )
    planted = planted.with_columns(
        earned=pl.col("held") * pl.col("stray").diff().over("contract_id").fill_null(0.0)
    )
    weekly = planted.group_by("family").agg(pl.col("profit").sum(), pl.col("earned").sum())
    gap = (weekly["profit"] - weekly["earned"]).to_numpy()
    assert weekly["earned"].min() >= 0
    assert weekly["earned"].sum() > 2
    assert abs(gap.sum()) < 3 * np.sqrt(np.sum(gap**2))
    rows, _ = contract_performance(made.profits, made.trades)
    best = rows.filter(model="gbm_riskmetrics", costs="without").row(0, named=True)
    assert abs(best["pnl"] - weekly["earned"].sum()) < 3 * best["pnl_se"]
    assert best["n_expiries"] >= 3


def test_no_edge_no_profit():
    """In the null world the market is fair: nothing is earned, and costs are what is lost."""
    made = _made(_raw(date(2024, 10, 4), 22, "null"), _month().probabilities)
    rows, _ = contract_performance(made.profits, made.trades)
    for name in ("gbm_riskmetrics", "merton"):
        gross, net = (
            rows.filter(model=name, costs=costs).row(0, named=True) for costs in ("without", "with")
        )
        weekly = (
            made.profits.filter(model=name, rule="threshold")
            .group_by("family")
            .agg(pl.sum("profit"))
        )["profit"].to_numpy()
        error = max(gross["pnl_se"], np.sqrt(np.sum(weekly**2)))
        assert abs(gross["pnl"]) < 3 * error
        assert net["pnl"] < gross["pnl"]
        cost = made.profits.filter(model=name, rule="threshold")["cost"].sum()
        assert net["pnl"] == pytest.approx(gross["pnl"] - cost)


def test_the_future_changes_nothing():
    """Other prices, bars and index values from an instant on: rows before it stay as they were.

    The bar that ends at the instant changes too: at its stamp, an hour before, it is not known.
    """
    cut = datetime(2024, 10, 16, 9)
    raw = _raw(date(2024, 10, 11), 8)
    later, is_unknown = pl.col("ts") >= cut, pl.col("ts") >= cut - timedelta(hours=1)
    shaken = raw._replace(
        bars=raw.bars.with_columns(
            pl.when(is_unknown).then(pl.col("close") * 1.3).otherwise("close").alias("close")
        ),
        index=raw.index.with_columns(
            pl.when(is_unknown).then(pl.col("close") * 2).otherwise("close").alias("close")
        ),
        prices=raw.prices.with_columns(
            pl.when(later).then(0.9 - pl.col("price") * 0.8).otherwise("price").alias("price")
        ),
    )
    one, two = _week(), _made(shaken)
    for name in ("known", "prices", "probabilities", "dislocations", "profits"):
        before, after = (getattr(made, name).filter(pl.col("ts") < cut) for made in (one, two))
        assert before.equals(after), name
        assert before.height > 50
        rest = [getattr(made, name).filter(pl.col("ts") > cut) for made in (one, two)]
        assert not rest[0].equals(rest[1]), name
    ended = [made.trades.filter(pl.col("exit_ts") < cut) for made in (one, two)]
    assert ended[0].equals(ended[1])
    entered = [made.trades.filter(pl.col("entry_ts") < cut) for made in (one, two)]
    key = ["contract_id", "model", "entry_ts", "side", "entry_price"]
    assert entered[0].select(key).sort(key).equals(entered[1].select(key).sort(key))
    assert entered[0].height > 0


def test_days_and_longer_windows_give_the_same_rows():
    """A date's rows do not depend on which later dates were built."""
    raw = _raw(date(2024, 10, 11), 8)
    short, long = _made(raw._replace(markets=dict(list(raw.markets.items())[:6]))), _week()
    for name, frame in short._asdict().items():
        whole = getattr(long, name)
        column = {"trades": "exit_ts", "settlements": "expires_ts"}.get(name, "ts")
        assert frame.equals(whole.filter(pl.col(column) < datetime(2024, 10, 17))), name


def test_holes_of_the_index_are_carried_a_day_and_then_refused():
    raw = _raw(date(2024, 10, 11), 3)
    hole = pl.col("ts").is_between(datetime(2024, 10, 12, 3), datetime(2024, 10, 13, 5))
    day = date(2024, 10, 13)
    past = pl.col("ts") < datetime(2024, 10, 14)
    known = crypto_volatility(
        raw.bars.filter(past), raw.index.filter(past & ~hole), NO_BILLS, day, None
    )
    last = raw.index.filter(pl.col("ts") == datetime(2024, 10, 12, 2))["close"][0] / 100
    at_three, at_four, at_seven = (known.row(hour, named=True) for hour in (3, 4, 7))
    assert at_three["implied_age_hours"] == 24
    assert at_three["status"] == "ok"
    assert at_three["implied_volatility"] == pytest.approx(last)
    assert at_four["status"] == "no_implied_volatility"
    assert at_seven["status"] == "ok"
    markets = raw.markets[day]
    prices = contract_prices(markets, raw.prices.filter(pl.col("ts").dt.date() == day))
    chances = contract_probabilities(prices, known, SEED, PATHS)
    refused = chances.filter(pl.col("ts").dt.hour().is_in([4, 5, 6]))
    assert refused["status"].unique().to_list() == ["no_implied_volatility"]
    assert refused["probability"].null_count() == refused.height
    assert chances.filter(status="ok")["probability"].null_count() == 0


def test_missing_bars_age_the_spot_and_lengthen_the_horizon():
    raw = _raw(date(2024, 10, 11), 3)
    day, past = date(2024, 10, 12), pl.col("ts") < datetime(2024, 10, 13)
    gone = pl.col("ts").is_between(datetime(2024, 10, 12, 5), datetime(2024, 10, 12, 9))
    known = crypto_volatility(
        raw.bars.filter(past & ~gone), raw.index.filter(past), NO_BILLS, day, None
    )
    row = known.row(7, named=True)
    assert row["spot_ts"] == datetime(2024, 10, 12, 5)
    assert row["status"] == "ok"
    assert known.row(9, named=True)["status"] == "no_spot"
    prices = contract_prices(raw.markets[day], raw.prices.filter(pl.col("ts").dt.date() == day))
    chances = contract_probabilities(prices, known, SEED, PATHS)
    at = chances.filter(pl.col("ts").dt.hour() == 7)
    assert at["hours_left"].max() == pytest.approx(
        (prices["expires_ts"].max() - datetime(2024, 10, 12, 5)).total_seconds() / 3600
    )


def test_drift_is_the_months_bill_and_else_the_seeds_rate():
    raw = _raw(date(2024, 10, 11), 3)
    day, past = date(2024, 10, 12), pl.col("ts") < datetime(2024, 10, 13)
    bills = pl.DataFrame(
        {
            "date": [date(2024, 10, 10)] * 2 + [date(2024, 10, 11)] * 2,
            "tenor_days": [28, 91, 30, 91],
            "rate": [0.9, 0.9, 0.05, 0.9],
        }
    )
    for given, rate, expected in (
        (bills, None, 365 / 30 * np.log1p(0.05 * 30 / 365)),
        (NO_BILLS, None, 0.05431),
        (bills, 0.01, 0.01),
    ):
        known = crypto_volatility(raw.bars.filter(past), raw.index.filter(past), given, day, rate)
        assert known["drift"][0] == pytest.approx(expected)


def test_an_unknown_settlement_ends_with_the_data():
    raw = _raw(date(2024, 10, 11), 8)
    expiry = datetime(2024, 10, 18, 16)
    made = _made(raw._replace(bars=raw.bars.filter(pl.col("ts") != expiry - timedelta(hours=1))))
    own = made.settlements.filter(pl.col("expires_ts") == expiry)
    assert own["status"].unique().to_list() == ["no_spot"]
    assert own["outcome"].null_count() == own.height
    ended = made.trades.join(own, on="contract_id")["exit_reason"].to_list()
    assert "expired" not in ended
    assert "data_end" in ended
