"""Lineage from SQL: what a view reads, table by table and column by column."""

import pytest

from offtape_assets.storage.lineage import Source, column_lineage, tables_read
from offtape_assets.storage.sql import has_query, query_text
from offtape_assets.tables import mart
from offtape_assets.tables.registry import mart_tables, table_named
from offtape_assets.tables.table import Table

VIEWS = [table for table in mart_tables() if has_query(table)]


def test_tables_are_found_outside_comments_only() -> None:
    query = "-- like raw.quotes\nselect * from raw.trades join model.nothing using (ts), raw.trades"
    assert tables_read(query) == ["raw.trades"]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.full_name)
def test_every_source_of_a_column_is_a_declared_column_the_view_reads(view: Table) -> None:
    reads = tables_read(query_text(view))
    assert reads
    lineage = column_lineage(view)
    assert list(lineage) == [column.name for column in view.columns]
    for sources in lineage.values():
        for source in sources:
            assert source.table in reads
            assert source.column in {c.name for c in table_named(source.table).all_columns}


def test_columns_are_followed_through_common_tables_unions_and_aliases() -> None:
    timeline = column_lineage(mart.EVENT_TIMELINE)
    assert timeline["clock_rate"] == [Source("model.event_clocks", "clock_rate")]
    assert timeline["total_flow"] == [Source("features.microstructure_1m", "total_flow")]
    assert Source("model.kalshi_probabilities", "probability") in timeline["probability_change"]
    recovery = column_lineage(mart.RECOVERY)
    assert Source("model.event_clocks", "clock_rate") in recovery["estimate"]
    assert Source("truth.event_path", "clock_rate") in recovery["truth"]
    scores = column_lineage(mart.RECOVERY_SCORES)
    assert scores["bias"] == [Source("mart.recovery", "error")]
    assert scores["estimates"] == []


@pytest.mark.parametrize("name", ["density_moments", "leadership_by_window", "conditional_moves"])
def test_lineage_agrees_with_the_reference_walk(name: str) -> None:
    """sqlglot's own lineage, which takes a hundred times as long, finds the same columns."""
    import sqlglot
    from sqlglot import expressions
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify

    from offtape_assets.storage.lineage import _schema

    view = table_named(f"mart.{name}")
    resolved = qualify(
        sqlglot.parse_one(query_text(view), dialect="duckdb"),
        schema=_schema(), dialect="duckdb", validate_qualify_columns=False, identify=False,
    )  # fmt: skip
    for column, sources in column_lineage(view).items():
        walked = lineage(column, resolved.copy(), schema=_schema(), dialect="duckdb")
        found = {
            Source(f"{node.source.db}.{node.source.name}", node.name.rpartition(".")[2])
            for node in walked.walk()
            if not node.downstream and isinstance(node.source, expressions.Table)
        }
        assert found <= set(sources), column
