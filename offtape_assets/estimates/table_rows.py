"""Rows (dicts) to a frame with a declared table's columns and types; a missing cell is NULL."""

from collections.abc import Iterable, Mapping

import polars as pl

from offtape_assets.tables.table import Table

TYPES: dict[str, pl.DataType] = {
    "BIGINT": pl.Int64(),
    "BOOLEAN": pl.Boolean(),
    "DATE": pl.Date(),
    "DOUBLE": pl.Float64(),
    "INTEGER": pl.Int32(),
    "TIMESTAMP": pl.Datetime("us"),
    "TIMESTAMP_NS": pl.Datetime("ns"),
    "VARCHAR": pl.String(),
}


def frame_of(table: Table, rows: Iterable[Mapping[str, object]]) -> pl.DataFrame:
    """Rows as a frame of the table's stored columns, in their order.

    Raises
    ------
    ValueError
        If a row names a column that the table does not have.
    """
    schema = pl.Schema({column.name: TYPES[column.dtype] for column in table.columns})
    found = list(rows)
    unknown = {name for row in found for name in row} - set(schema)
    if unknown:
        raise ValueError(f"{table.full_name} has no column {sorted(unknown)}")
    return pl.DataFrame(found, schema=schema)
