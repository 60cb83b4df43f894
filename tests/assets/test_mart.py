"""The mart in Dagster's eyes, and a broken view that costs only itself."""

from datetime import date
from pathlib import Path

import duckdb
import pytest
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from offtape_assets.assets.described import asset_key
from offtape_assets.assets.house import open_house
from offtape_assets.backfill import Backfill
from offtape_assets.definitions import build_definitions
from offtape_assets.settings import Settings
from offtape_assets.storage import catalog as catalog_module
from offtape_assets.storage.catalog import build_catalog
from offtape_assets.storage.sql import query_text
from offtape_assets.storage.warehouse import Warehouse
from offtape_assets.tables import mart, model_event, raw
from offtape_assets.tables.registry import mart_tables

TUESDAY = date(2024, 11, 5)
PROMISED = (
    "event_timeline density_moments conditional_moves leadership_by_window iso_and_leadership"
    " factor_laws joint_correlations contract_performance quality_by_day data_dictionary recovery"
)


@pytest.fixture(scope="module")
def graph() -> BaseAssetGraph:
    return build_definitions(Settings(tickers="SPY")).resolve_asset_graph()


def test_every_promised_view_is_an_asset_with_owner_kinds_columns_and_freshness(
    graph: BaseAssetGraph,
) -> None:
    assert set(PROMISED.split()) <= {table.name for table in mart_tables()}
    for table in mart_tables():
        node = graph.get(asset_key(table))
        assert node.owners
        assert "view" in node.kinds
        assert node.group_name == "mart"
        assert node.freshness_policy_or_from_metadata is not None
        names = [c.name for c in node.metadata["dagster/column_schema"].columns]
        assert names == [c.name for c in table.columns]


def test_every_column_of_the_mart_says_what_it_means() -> None:
    for table in mart_tables():
        assert table.grain
        for column in table.columns:
            assert column.meaning, f"{table.full_name}.{column.name}"


def test_the_lineage_leads_from_raw_to_the_mart(graph: BaseAssetGraph) -> None:
    upstream = graph.get_ancestor_asset_keys(asset_key(mart.EVENT_TIMELINE))
    assert {asset_key(raw.KALSHI_TRADES), asset_key(model_event.KALSHI_PROBABILITIES)} <= upstream


def broken_text(table):
    return "select nonsense from raw.trades" if table is mart.RECOVERY else query_text(table)


def test_a_view_that_does_not_bind_costs_itself_and_its_readers_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_module, "query_text", broken_text)
    built = build_catalog(Warehouse(str(tmp_path)))
    assert set(built.broken) == {"mart.recovery", "mart.recovery_scores"}
    assert "nonsense" in built.broken["mart.recovery"]
    with duckdb.connect(built.url, read_only=True) as connection:
        assert connection.execute("from mart.event_timeline").fetchall() == []


def test_a_backfill_reports_a_broken_view_and_builds_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_module, "query_text", broken_text)
    settings = Settings(
        warehouse=str(tmp_path), tickers="SPY", start_date=TUESDAY, last_date=TUESDAY, workers=1
    )
    select = raw.TREASURY_BILLS.full_name
    (problem,) = Backfill(settings, open_house(settings), TUESDAY, TUESDAY, select).run()
    assert "mart.recovery" in problem.reason
    with duckdb.connect(str(tmp_path / "offtape.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) > 0 from raw.treasury_bills").fetchone() == (
            True,
        )
