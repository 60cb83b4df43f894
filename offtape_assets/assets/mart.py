"""mart: the views analysts read, as assets of one step that rebuilds the catalog file.

A view has no rows of its own: materializing it binds it anew to the partitions that are there. A
view that does not bind is left out of the catalog and reported; the others stay.
"""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from offtape_assets.assets.described import OWNERS, asset_key, column_schema, lineage_of
from offtape_assets.assets.house import House
from offtape_assets.quality.data_docs import entries_of, write_index
from offtape_assets.storage.catalog import build_catalog, open_catalog
from offtape_assets.storage.lineage import tables_read
from offtape_assets.storage.sql import has_query, query_text
from offtape_assets.tables.quality import GATES, QUARANTINE, RESULTS
from offtape_assets.tables.registry import mart_tables, table_named
from offtape_assets.tables.table import Table

STEP = "mart_views"
KEYS = [asset_key(table) for table in mart_tables()]
BINDS = "binds_to_its_tables"


def mart_assets() -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The views of the mart, and the tables of quality that every step writes beside its own.

    Vendors publish a session the next morning; a mart not rebuilt by noon is late.
    """
    due = dg.FreshnessPolicy.cron(
        deadline_cron="0 12 * * 2-6",
        lower_bound_delta=timedelta(hours=24),
        timezone="America/New_York",
    )

    @dg.multi_asset(
        name=STEP,
        specs=[_view_spec(table, due) for table in mart_tables()],
        check_specs=[_check_spec(table) for table in mart_tables()],
        required_resource_keys={"house"},
    )
    def step(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        """Rebuild offtape.duckdb and the index of the gates."""
        house: House = context.resources.house
        broken = build_catalog(house.warehouse).broken
        with open_catalog(house.warehouse) as catalog:
            write_index(house.warehouse, entries_of(catalog))
        for table in mart_tables():
            yield dg.MaterializeResult(
                asset_key=asset_key(table),
                metadata=lineage_of(table) if has_query(table) else {},
                check_results=[_check_result(table, broken.get(table.full_name))],
            )
        if broken:
            told = "; ".join(f"{name}: {error}" for name, error in broken.items())
            raise dg.Failure(f"left out of the catalog: {told}", allow_retries=False)

    return [step, *(_quality_spec(table) for table in (RESULTS, GATES, QUARANTINE))]


def _view_spec(table: Table, due: dg.FreshnessPolicy) -> dg.AssetSpec:
    reads = tables_read(query_text(table)) if has_query(table) else []
    sql = f"```sql\n{query_text(table)}\n```" if has_query(table) else "the declarations of tables/"
    return dg.AssetSpec(
        asset_key(table),
        deps=[asset_key(table_named(name)) for name in reads],
        description=f"One row: {table.grain}.",
        group_name="mart",
        owners=OWNERS,
        kinds={"duckdb", "view", "sql"},
        metadata={
            "dagster/column_schema": column_schema(table),
            "dagster/table_name": table.full_name,
            "sql": dg.MetadataValue.md(sql),
        },
        freshness_policy=due,
        automation_condition=dg.AutomationCondition.eager(),
    )


def _quality_spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset_key(table),
        description=f"One row: {table.grain}. Every step writes it beside its own table.",
        group_name="quality",
        owners=OWNERS,
        kinds={"duckdb", "parquet"},
        metadata={
            "dagster/column_schema": column_schema(table),
            "dagster/table_name": table.full_name,
        },
    )


def _check_spec(table: Table) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        BINDS,
        asset=asset_key(table),
        description="The view's SQL binds to the tables it reads and yields the declared columns.",
    )


def _check_result(table: Table, error: str | None) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset_key(table),
        check_name=BINDS,
        passed=error is None,
        severity=dg.AssetCheckSeverity.ERROR,
        description=error or "bound",
    )
