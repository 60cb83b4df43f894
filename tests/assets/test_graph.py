"""The graph as Dagster sees it: keys, groups, columns, dependencies, partitions, checks, waves."""

import subprocess
import sys
from datetime import date

import dagster as dg
import pytest

from offtape_assets.agenda import SelectionError, agenda, chosen, waves
from offtape_assets.assets.materialize import asset_key
from offtape_assets.definitions import build_definitions, declared
from offtape_assets.settings import Settings
from offtape_assets.storage.sql import SQL_FOLDER
from offtape_assets.tables import features, raw
from offtape_assets.tables.registry import SCHEMAS, stored_tables, table_named
from offtape_assets.tables.table import Partitions

TUESDAY = date(2024, 11, 5)


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_definitions(Settings(tickers="SPY,NVDA"))


def test_every_stored_table_but_quality_is_an_asset_with_its_columns(
    definitions: dg.Definitions,
) -> None:
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
    for table in stored_tables():
        if table.schema == "quality":
            continue
        spec = specs[asset_key(table)]
        schema = spec.metadata["dagster/column_schema"]
        names = [column.name for column in getattr(schema, "schema", schema).columns]
        assert names == [column.name for column in table.all_columns]
        assert spec.description
        assert spec.owners
        assert spec.kinds
        assert spec.group_name


def test_assets_load_as_one_job_and_every_dependency_is_an_asset(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    known = graph.get_all_asset_keys()
    for key in known:
        assert graph.get(key).parent_keys <= known


def test_a_cross_section_reads_all_tickers_of_its_date(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    node = graph.get(asset_key(features.MICROSTRUCTURE_1M))
    assert isinstance(node.partitions_def, dg.MultiPartitionsDefinition)
    keys = node.partitions_def.get_partition_keys_in_range(
        dg.PartitionKeyRange("2024-11-05|SPY", "2024-11-05|NVDA")
    )
    assert [str(key) for key in keys] == ["2024-11-05|SPY", "2024-11-05|NVDA"]


def test_holidays_and_weekends_are_no_partitions(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    axis = graph.get(asset_key(raw.DAILY_BARS)).partitions_def
    assert axis is not None
    keys = set(axis.get_partition_keys())
    assert "2024-11-05" in keys
    assert not keys & {"2024-11-28", "2024-11-09", "2024-12-25"}


def test_claims_are_asset_checks(definitions: dg.Definitions) -> None:
    checks = {
        (key.asset_key, key.name) for key in definitions.resolve_asset_graph().asset_check_keys
    }
    assert (asset_key(raw.TRADES), "price_is_positive") in checks
    assert (asset_key(features.MICROSTRUCTURE_1M), "flow_adds_up") in checks
    assert (asset_key(features.MICROSTRUCTURE_1M), "key_is_unique") in checks


def test_waves_build_inputs_first() -> None:
    assets = [asset for _, asset in declared() if asset.partitions is not Partitions.NONE]
    inside = {table for asset in assets for table in asset.tables}
    built: set[object] = set()
    for wave in waves(assets):
        assert len({asset.partitions for asset in wave}) == 1
        for asset in wave:
            assert all(r.table in built for r in asset.reads if r.table in inside)
            built |= set(asset.tables)


def test_a_selection_brings_its_inputs_and_refuses_unknown_names() -> None:
    assets, wanted = chosen("features.microstructure_1m")
    tables = {table.full_name for asset in assets for table in asset.tables}
    assert wanted == {"features.microstructure_1m"}
    assert {"raw.trades", "raw.quotes", "raw.trade_conditions"} <= tables
    assert "features.universe" not in tables
    with pytest.raises(SelectionError, match=r"features\.univers"):
        chosen("features.univers")


def test_the_days_before_are_built_for_the_universe_only() -> None:
    plan = agenda(chosen("features.universe")[0], TUESDAY, TUESDAY)
    assert (len(plan), min(plan)) == (21, date(2024, 10, 8))
    assert {asset.tables[0] for asset in plan[min(plan)]} == {raw.DAILY_BARS}


def test_every_sql_file_belongs_to_a_declared_table() -> None:
    for file in SQL_FOLDER.rglob("*.sql"):
        layer = file.parent.name
        if layer in SCHEMAS:
            assert table_named(f"{layer}.{file.stem.split('.check_')[0]}")


def test_heavy_packages_are_not_imported_by_definitions() -> None:
    heavy = ["statsmodels", "great_expectations", "pandas", "exchange_calendars", "sklearn"]
    heavy += ["matplotlib", "sqlglot", "boto3", "scipy.optimize", "scipy.linalg", "scipy.stats"]
    code = (
        "import sys; from offtape_assets.definitions import defs; defs();"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
