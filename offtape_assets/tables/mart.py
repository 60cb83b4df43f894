"""mart: what an analyst reads. Views over features, model and quality; the only promised layer."""

from offtape_assets.tables.columns import columns
from offtape_assets.tables.table import DATE, Column, Partitions, Table

DATA_DICTIONARY = Table(
    "mart",
    "data_dictionary",
    "one column of one table of the warehouse",
    (
        *columns("schema_name table_name"),
        Column("column_name", "VARCHAR", "", "column described"),
        Column("dtype", "VARCHAR", "", "DuckDB type"),
        Column("unit", "VARCHAR", "", "unit of measure; empty where there is none"),
        Column("meaning", "VARCHAR", "", "what the column says"),
        Column("grain", "VARCHAR", "", "what a row of the table is"),
    ),
    Partitions.NONE,
    key=("schema_name", "table_name", "column_name"),
)

QUALITY_BY_DAY = Table(
    "mart",
    "quality_by_day",
    "one table on one date: claims judged, claims violated, rows set aside",
    (
        DATE,
        *columns("schema_name table_name"),
        Column("claims", "BIGINT", "", "verdicts recorded"),
        Column("claims_violated", "BIGINT", "", "verdicts that are violations"),
        Column("partitions", "BIGINT", "", "partitions judged"),
        Column("rows_quarantined", "BIGINT", "", "rows set aside with a reason"),
    ),
    Partitions.NONE,
    key=("date", "schema_name", "table_name"),
)
