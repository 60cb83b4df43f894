"""The recorded weeks that settled on 2025-03-07 and 2025-03-14, from vendor files to performance."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from offtape_assets.estimates.contract_features import contract_prices, crypto_volatility
from offtape_assets.estimates.contract_trading import (
    contract_performance,
    contract_settlements,
    trade_contracts,
)
from offtape_assets.estimates.contracts import contract_probabilities
from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.tables import raw
from offtape_assets.tables.table import Table

FIRST, LAST = date(2025, 2, 28), date(2025, 3, 14)
NO_BILLS = pl.DataFrame(schema={"date": pl.Date, "tenor_days": pl.Int32, "rate": pl.Float64})

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


def _days(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


@pytest.fixture(scope="module")
def made(landing_folder: Path) -> dict[str, pl.DataFrame]:
    source = LandingSource(landing_folder)

    def read(table: Table, first: date, last: date) -> pl.DataFrame:
        found = [source.read(table, day, [], landing_folder) for day in _days(first, last)]
        return pl.concat([delivery.rows for day in found for delivery in day])

    frames: dict[str, list[pl.DataFrame]] = {}
    prices, chances = [], []
    for day in _days(FIRST, LAST):
        known = crypto_volatility(
            read(raw.CRYPTO_BARS, day - timedelta(days=30), day),
            read(raw.VOLATILITY_INDEX, day - timedelta(days=2), day),
            NO_BILLS,
            day,
            None,
        )
        markets = read(raw.PREDICTION_MARKETS, day, day)
        prices.append(contract_prices(markets, read(raw.PREDICTION_PRICES, day, day)))
        chances.append(contract_probabilities(prices[-1], known, 1, 2000))
        settled = contract_settlements(markets, known, day)
        gaps, profits, trades = trade_contracts(
            pl.concat(prices[-9:]), pl.concat(chances[-9:]), settled, day, 1
        )
        rows = {"known": known, "prices": prices[-1], "chances": chances[-1], "settled": settled}
        for name, frame in (rows | {"gaps": gaps, "profits": profits, "trades": trades}).items():
            frames.setdefault(name, []).append(frame)
    return {name: pl.concat(parts) for name, parts in frames.items()}


def test_settlements_are_the_venues(made, landing_folder):
    answers = json.loads((landing_folder / "polymarket" / "markets.json").read_bytes())
    paid = {
        json.loads(answer["clobTokenIds"])[0]: round(float(json.loads(answer["outcomePrices"])[0]))
        for answer in answers
    }
    settled = made["settled"]
    assert dict(zip(settled["contract_id"], settled["outcome"], strict=True)) == paid
    assert settled["settlement_price"].unique().sort().to_list() == [84724.58, 87237.37]


def test_first_hours_are_placeholders_and_the_rest_are_prices(made):
    prices = made["prices"]
    flagged = prices.filter("is_placeholder")
    assert flagged.height == 14
    assert sorted(flagged["price_sum"].unique().to_list()) == pytest.approx([1.65, 1.795])
    assert prices.filter(~pl.col("is_placeholder"))["price_sum"].is_between(0.9, 1.12).all()
    assert prices["ts"].max() <= datetime(2025, 3, 14, 16)
    traded = made["profits"].join(flagged, on=["contract_id", "ts"])
    assert traded.height > 0
    assert traded["units_traded"].max() == 0


def test_the_hole_of_the_index_is_carried_and_counted(made):
    carried = made["known"].filter(pl.col("implied_age_hours") > 0)
    assert carried.height == 23
    assert carried["implied_age_hours"].max() == 23
    assert made["known"]["status"].unique().to_list() == ["ok"]
    assert made["chances"]["probability"].null_count() == 0


def test_probabilities_sum_to_one(made):
    sums = made["chances"].group_by("family", "ts", "model", "method").agg(pl.sum("probability"))
    assert (sums["probability"] - 1).abs().max() < 1e-6


def test_simulation_agrees_with_the_closed_form(made):
    wide = made["chances"].pivot(
        "method", index=["contract_id", "ts", "model"], values=["probability", "standard_error"]
    )
    ratio = wide.select(
        (pl.col("probability_simulation") - pl.col("probability_closed_form")).abs()
        / pl.col("standard_error_simulation")
    ).to_series()
    assert (ratio <= 3).mean() >= 0.99
    assert ratio.max() < 5


def test_no_trade_before_fifty_prices_and_figures_are_modest(made):
    trades = made["trades"]
    opened = made["prices"].group_by("contract_id").agg(pl.min("opens_ts"))
    wait = trades.join(opened, on="contract_id").select(
        (pl.col("entry_ts") - pl.col("opens_ts")).min()
    )
    assert wait.item() >= timedelta(hours=50)
    rows, _ = contract_performance(made["profits"], trades)
    assert rows["n_expiries"].to_list() == [2] * 4
    assert rows["n_contracts"].max() <= 14
    for row in rows.iter_rows(named=True):
        own = trades.filter(model=row["model"])
        total = own["pnl"].sum() - (own["cost"].sum() if row["costs"] == "with" else 0.0)
        assert row["pnl"] == pytest.approx(total)
        assert abs(row["sharpe_hourly"]) < 4 * row["sharpe_se"]  # nothing is proved by two weeks
