"""Suites say what the declarations say, no more and no less."""

import duckdb
import pytest

from offtape_assets.quality.suites import (
    COLUMNS,
    COUNT,
    code_of,
    expected_of,
    judged_rows,
    repeated_codes,
    suite_of,
)
from offtape_assets.storage.claims import UNIQUE
from offtape_assets.storage.sql import group_checks
from offtape_assets.tables import model_options, raw
from offtape_assets.tables.registry import stored_tables
from offtape_assets.tables.table import Table

JUDGED = [table for table in stored_tables() if table.schema != "quality"]


@pytest.mark.parametrize("table", JUDGED, ids=lambda table: table.full_name)
def test_every_claim_key_and_group_check_is_expected_once(table: Table) -> None:
    claims = [expected.claim for expected in expected_of(table)]
    declared = [claim.name for claim in table.claims] + list(group_checks(table))
    assert sorted(claims) == sorted(declared + ([UNIQUE] if table.key else []))


def test_what_was_set_aside_on_arrival_must_hold_at_the_gate() -> None:
    blocking = {expected.claim: expected.is_blocking for expected in expected_of(raw.TRADES)}
    assert blocking["price_is_positive"]
    assert not blocking["conditions_are_known_ids"]


def test_the_suite_adds_the_shape_of_the_table() -> None:
    suite = suite_of(model_options.RISK_NEUTRAL_DENSITIES)
    claims = [expectation.meta["claim"] for expectation in suite.expectations]
    assert claims[:2] == [COLUMNS, COUNT]
    assert {"mass_is_one", "cdf_rises", UNIQUE, "density_is_not_negative"} <= set(claims)
    assert all(expectation.description for expectation in suite.expectations)


@pytest.mark.parametrize("table", JUDGED, ids=lambda table: table.full_name)
def test_every_expectation_binds_to_the_declared_columns(table: Table) -> None:
    with duckdb.connect() as connection:
        rows = judged_rows(table, table.empty_select())
        assert connection.execute(rows).fetchall() == []
        if table.key:
            codes = f"select {code_of(table)} as code from ({table.empty_select()})"
            connection.execute(f"create table {repeated_codes(table)} as {codes}")
        for expected in expected_of(table):
            if expected.guilty:
                query = expected.guilty.format(batch=f"({rows})")
                assert connection.execute(query).fetchall() == []


def test_a_group_check_holds_over_several_tickers_at_once() -> None:
    """Two good laws of two tickers are no bad law of one."""
    table = model_options.RISK_NEUTRAL_DENSITIES
    law = (
        "select date '2024-11-05' as date, '{ticker}' as ticker, timestamp '2024-11-05 15:00' as ts,"
        " date '2024-11-15' as expiry, strike, 0.5 as density, (strike - {low}) / 2 as cdf"
        " from (values ({low}), ({low} + 1), ({low} + 2)) as grid (strike)"
    )
    both = f"{law.format(ticker='AAA', low=10)} union all {law.format(ticker='BBB', low=11)}"
    with duckdb.connect() as connection:
        for expected in expected_of(table):
            if expected.claim in group_checks(table):
                query = expected.guilty.format(batch=f"({both})")
                assert connection.execute(query).fetchall() == [], expected.claim
