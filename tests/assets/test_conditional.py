"""Conditional assets through the whole house: a simulated event day, its claims, its truth."""

from datetime import date

import duckdb
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
