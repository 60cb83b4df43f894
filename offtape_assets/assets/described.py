"""How a declared table is described to Dagster: its key, owners, columns and their lineage."""

import dagster as dg

from offtape_assets.storage.lineage import column_lineage
from offtape_assets.tables.registry import table_named
from offtape_assets.tables.table import Table

OWNERS = ["team:offtape"]


def asset_key(table: Table) -> dg.AssetKey:
    """The Dagster key of a table: [schema, table]."""
    return dg.AssetKey([table.schema, table.name])


def column_schema(table: Table) -> dg.TableSchema:
    """The columns of a table with their types, meanings and units."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                c.name, c.dtype, description=f"{c.meaning}{f' [{c.unit}]' if c.unit else ''}"
            )
            for c in table.all_columns
        ]
    )


def lineage_of(table: Table) -> dict[str, dg.TableColumnLineage | dg.MetadataValue]:
    """Where each column of a table filled by SQL comes from: for Dagster, and to be read.

    The open-source UI keeps column lineage and answers questions about it, but draws none.
    """
    found = column_lineage(table)
    lines = [
        f"| {column} | {', '.join(f'{s.table}.{s.column}' for s in sources) or 'no column'} |"
        for column, sources in found.items()
    ]
    return {
        "dagster/column_lineage": dg.TableColumnLineage(
            {
                column: [
                    dg.TableColumnDep(asset_key(table_named(source.table)), source.column)
                    for source in sources
                ]
                for column, sources in found.items()
            }
        ),
        "columns_come_from": dg.MetadataValue.md(
            "\n".join(["| column | comes from |", "|---|---|", *lines])
        ),
    }
