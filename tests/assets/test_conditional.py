"""Conditional assets through the whole house: a simulated event day, its claims, its truth."""

import json
from datetime import date

import duckdb
import numpy as np
import pytest

from offtape_assets.backfill import Backfill
from offtape_assets.definitions import declared, open_house
from offtape_assets.settings import Settings
from offtape_assets.tables import (
    features,
    features_factors,
    model_conditional,
    model_options,
    raw,
)

DAY = date(2024, 11, 5)


def test_conditional_laws_are_declared_with_their_reads():
    made = {asset.name: (group, asset) for group, asset in declared()}
    group, laws = next(
        (group, asset)
        for group, asset in made.values()
        if model_conditional.CONDITIONAL_FITS in asset.tables
    )
    assert group == "conditional"
    assert [read.table for read in laws.reads] == [
        model_conditional.EVENT_READINGS,
        features.MICROSTRUCTURE_1M,
        raw.MINUTE_BARS,
        features_factors.FACTOR_RETURNS_1S,
        features.OPTION_SMILES,
        model_options.RISK_NEUTRAL_DENSITIES,
    ]
    assert [read.is_optional for read in laws.reads] == [
        False,
        True,
        True,
        True,
        False,
        False,
    ]
    assert laws.settings == ("event_hedge_factors",)
    assert laws.picture is not None


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    settings = Settings(
        warehouse=str(tmp_path_factory.mktemp("conditional")), tickers="JPM", snapshot_minutes=15
    )
    wanted = "model.conditional_fits,truth.conditional_laws"
    problems = Backfill(settings, open_house(settings), DAY, DAY, wanted).run()
    assert not problems
    with duckdb.connect(f"{settings.warehouse}/offtape.duckdb", read_only=True) as connection:
        yield connection


@pytest.mark.slow
def test_every_claim_holds(warehouse):
    violated = warehouse.sql(
        "select table_name, claim from quality.results where not passed and schema_name = 'model'"
        " and (table_name like 'conditional%' or table_name like 'event_%')"
    ).fetchall()
    assert violated == []


@pytest.mark.slow
def test_the_log_ratio_is_within_its_error_of_the_truth(warehouse):
    rows = warehouse.sql(
        "select z, status from mart.recovery"
        " where estimator = 'conditional_panel' and quantity = 'log_ratio'"
    ).fetchall()
    assert len(rows) == 1
    z, status = rows[0]
    assert (status == "ok") == (z is not None)
    assert z is None or abs(z) < 3


@pytest.mark.slow
def test_moves_are_told_where_they_are_identified(warehouse):
    rows = warehouse.sql(
        "select count(*), count(*) filter (where status = 'ok'), count(forward_return_yes),"
        " count(hedge_r_squared) from mart.conditional_moves"
    ).fetchone()
    assert rows[0] == rows[3] == 26
    assert rows[1] == rows[2]


@pytest.mark.slow
def test_hedges_are_within_their_error_of_the_truth(warehouse):
    rows = warehouse.sql(
        "select quantity, z from mart.recovery where estimator = 'event_hedge' order by quantity"
    ).fetchall()
    assert [row[0] for row in rows] == ["spot_15m", "spot_1m", "spot_5m"]
    assert all(abs(row[1]) < 3 for row in rows)


def scripted_trades(span):
    """A half day's trades of an event that never was; p spans about `span`."""
    rng = np.random.default_rng(20151224)
    path = 0.5 + span * np.cumsum(rng.normal(size=210)) / 24
    rows = []
    for minute in range(210):
        for second in np.sort(rng.integers(0, 60, 6)):
            is_yes = rng.random() < 0.5
            value = path[minute] if is_yes else 1 - path[minute]
            rows.append(
                {
                    "ticker_name": "PRES-2024-DJT" if is_yes else "PRES-2024-KH",
                    "report_ticker": "PRES",
                    "date": "2015-12-24",
                    "create_ts": f"2015-12-24T{14 + (30 + minute) // 60}:{(30 + minute) % 60:02d}"
                    f":{second:02d}.000000Z",
                    "contracts_traded": int(rng.integers(1, 500)),
                    "price": int(np.clip(round(100 * value + 0.5 + 0.6 * rng.normal()), 1, 99)),
                }
            )
    return json.dumps(rows)


@pytest.mark.realdata
@pytest.mark.slow
def test_recorded_chains_with_a_scripted_event(tmp_path, landing_folder):
    """A half day of GOOG, whose price knows nothing of the event: format, statuses, no gap found."""
    landing, day = tmp_path / "landing", date(2015, 12, 24)
    report = landing / "kalshi" / "reporting" / f"trade_data_{day}.json"
    report.parent.mkdir(parents=True)
    for name in ("massive", "thetadata"):
        landing.joinpath(name).symlink_to(landing_folder / name)
    settings = Settings(
        source="landing",
        landing=landing,
        warehouse=str(tmp_path / "warehouse"),
        tickers="GOOG",
        event_date=day,
        start_date=day,
        last_date=day,
        option_expiries="2016-01-15",
        snapshot_minutes=30,
    )
    for span, status in ((0.01, "not_identified"), (0.30, "ok")):
        report.write_text(scripted_trades(span))
        assert not Backfill(
            settings, open_house(settings), day, day, "model.conditional_fits"
        ).run()
        with duckdb.connect(f"{settings.warehouse}/offtape.duckdb", read_only=True) as connection:
            rows = connection.sql(
                "select method, status, count(*), count(mean_yes),"
                " max(abs(log_ratio / log_ratio_sd)) from model.conditional_fits group by all"
            ).fetchall()
        assert {row[0] for row in rows} == {"panel", "two_lognormal", "shift", "max_entropy"}
        assert all(row[3] == (row[2] if row[1] in ("ok", "family_only") else 0) for row in rows)
        ((found, snapshots, z),) = [row[1:3] + row[4:] for row in rows if row[0] == "panel"]
        assert (found, snapshots) == (status, 7)
        assert status != "ok" or z < 3
