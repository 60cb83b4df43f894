"""mart.recovery: what estimators are scored on binds to the declared tables, and adds up."""

import duckdb
import pytest

from offtape_assets.storage.sql import views
from offtape_assets.tables import features, mart, model_joint, quality, truth
from offtape_assets.tables.registry import SCHEMAS, stored_tables


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    """Every stored table, empty, and the two views."""
    connection = duckdb.connect()
    for schema in SCHEMAS:
        connection.execute(f"create schema {schema}")
    for table in stored_tables():
        connection.execute(f"create table {table.full_name} as {table.empty_select()}")
    for name in ("recovery", "recovery_scores"):
        connection.execute(f"create view mart.{name} as {views('mart')[name]}")
    return connection


@pytest.mark.parametrize("table", [mart.RECOVERY, mart.RECOVERY_SCORES], ids=lambda t: t.name)
def test_columns_and_types_are_the_declared(connection, table):
    found = connection.execute(f"select * from {table.full_name}").description
    declared = [(column.name, column.dtype) for column in table.columns]
    assert [(name, str(dtype)) for name, dtype, *_ in found] == declared


def fill(connection: duckdb.DuckDBPyConnection, table, **values) -> None:
    names = ", ".join(values)
    marks = ", ".join("?" for _ in values)
    connection.execute(
        f"insert into {table.full_name} ({names}) values ({marks})", list(values.values())
    )


def test_an_estimate_stands_beside_its_truth(connection):
    key = {"date": "2024-11-05", "ticker": "SPY"}
    fill(connection, truth.ATTRIBUTION, **key, omega_quote=0.45, omega_trade=0.55)
    fill(connection, features.PRICE_ATTRIBUTION_1D, **key, omega_quote=0.4, status="ok")
    rows = connection.execute(
        "select quantity, estimate, truth, error, z from mart.recovery"
        " where estimator = 'price_attribution' order by quantity"
    ).fetchall()
    assert rows[0] == ("omega_quote", 0.4, 0.45, pytest.approx(-0.05), None)
    assert rows[1][1:] == (None, 0.55, None, None)


def test_planted_dirt_is_scored_against_the_quarantine(connection):
    planted = {"date": "2024-11-05", "table_name": "trades", "reason": "price_is_positive"}
    fill(connection, truth.PLANTED_DIRT, **planted, ticker="SPY", rows=2)
    caught = {
        "schema_name": "raw", "table_name": "trades", "partition_date": "2024-11-05",
        "partition_ticker": "SPY", "reason": "price_is_positive",
    }  # fmt: skip
    fill(connection, quality.QUARANTINE, **caught)
    score = "select bias, rmse, estimates from mart.recovery_scores"
    assert connection.execute(score).fetchall() == [(-1.0, 1.0, 1)]
    fill(connection, quality.QUARANTINE, **caught)
    assert connection.execute(score).fetchall() == [(0.0, 0.0, 1)]


def test_a_factor_law_is_scored_where_it_holds_the_planted_names(connection):
    key = {"date": "2024-11-05", "ts": "2024-11-05 21:00:00", "expiry": "2024-11-15"}
    for factor, coverage in (("mkt_rf", 0.25), ("hml", 0.2)):
        planted = {"mean": 20.0, "variance": 4.0, "implied_vol": 2.0, "weight_coverage": 0.25}
        found = {"mean": 20.0, "variance": 4.84, "implied_vol": 2.2, "weight_coverage": coverage}
        fill(connection, truth.FACTOR_LAWS, **key, factor=factor, **planted)
        fill(connection, model_joint.FACTOR_MOMENTS, **key, factor=factor, **found, status="ok")
    rows = connection.execute(
        "select ticker, error, status from mart.recovery"
        " where estimator = 'factor_laws' and quantity = 'log_implied_vol' order by ticker"
    ).fetchall()
    log_error = pytest.approx(0.0953, abs=1e-4)
    assert rows == [("hml", log_error, "other_names"), ("mkt_rf", log_error, "ok")]
