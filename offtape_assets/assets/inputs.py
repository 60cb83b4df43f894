"""What an asset's function is handed for one partition: its date, its ticker, the tables it reads.

Only the partitions the asset declared are visible; another table is an error, not an empty frame.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from offtape_assets.partitions import Read
from offtape_assets.settings import Settings
from offtape_assets.storage.sql import parameters, query_text
from offtape_assets.storage.warehouse import Partition, Warehouse
from offtape_assets.tables.table import Table


class Inputs:
    """The inputs of one partition of one asset."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        warehouse: Warehouse,
        settings: Settings,
        target: Partition,
        found: Mapping[Read, list[Partition]],
    ) -> None:
        self.settings = settings
        self._connection = connection
        self._target = target
        self._tables = {read.table.full_name for read in found}
        for read, partitions in found.items():
            connection.execute(f"create schema if not exists {read.table.schema}")
            query = warehouse.source_sql(read.table, partitions)
            connection.execute(f"create or replace view {read.table.full_name} as {query}")

    @property
    def day(self) -> date:
        """The date of the partition being built."""
        if self._target.day is None:
            raise ValueError(f"{self._target.table.full_name} is not partitioned by date")
        return self._target.day

    @property
    def ticker(self) -> str:
        """The ticker of the partition being built; empty where the table has none."""
        return self._target.ticker

    def frame(self, table: Table, columns: str = "*") -> pl.DataFrame:
        """Rows of a declared input, in the order they were stored; `columns` is a select list."""
        if table.full_name not in self._tables:
            raise ValueError(f"{table.full_name} is not among the declared reads of this asset")
        if columns == "*" and table.has_ticker and self.ticker:
            columns = "* exclude (date, ticker)"
        return self._connection.execute(f"select {columns} from {table.full_name}").pl()

    def sql(self, table: Table, **relations: pl.DataFrame) -> pl.DataFrame:
        """Run the SQL file of `table` over the declared inputs and the named frames."""
        for name, frame in relations.items():
            self._connection.register(name, frame.to_arrow())
        text = query_text(table)
        given = parameters(text, date=self._target.day, ticker=self.ticker)
        return self._connection.execute(text, given).pl()

    def scratch_file(self, name: str, folder: Path) -> Path:
        """A path for an intermediate file of this partition."""
        return folder / f"{self._target.table.full_name}.{self.ticker}.{name}"
