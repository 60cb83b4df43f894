"""quality: the verdict of every claim on every partition, and the rows that were set aside."""

from offtape_assets.tables.columns import columns
from offtape_assets.tables.table import Partitions, Table

RESULTS = Table(
    "quality",
    "results",
    "one claim's verdict on one partition",
    columns(
        "schema_name table_name partition_date partition_ticker claim rows violations is_blocking"
        " passed run_id ts"
    ),
    Partitions.NONE,
)

GATES = Table(
    "quality",
    "gates",
    "one expectation's verdict on all rows of one table and date",
    columns(
        "schema_name table_name partition_date claim rows violations is_blocking passed"
        " guilty_tickers page run_id ts"
    ),
    Partitions.NONE,
)

QUARANTINE = Table(
    "quality",
    "quarantine",
    "one row that was set aside, with the reason",
    columns("schema_name table_name partition_date partition_ticker reason row_json"),
    Partitions.NONE,
)
