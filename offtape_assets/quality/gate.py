"""The gate behind a table: its suite run by Great Expectations on DuckDB over a date's rows.

One gate serves a process: importing Great Expectations takes seconds, a validation a fraction of
one. What becomes of guilty partitions is decided in assets/quality.py.
"""

import logging
import threading
import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import numpy as np
import polars as pl

from offtape_assets.quality.suites import (
    COLUMNS,
    COUNT,
    ROWS_WRITTEN,
    Expected,
    code_of,
    expected_of,
    judged_rows,
    repeated_codes,
    suite_of,
)
from offtape_assets.storage.claims import UNIQUE
from offtape_assets.storage.connection import ascends, only_row, prepare, raise_unless_damaged
from offtape_assets.storage.sql import quoted
from offtape_assets.storage.warehouse import Partition, Warehouse
from offtape_assets.tables.table import Table

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.datasource.fluent.interfaces import Batch

READABLE = "files_can_be_read"
UNJUDGED = -1
"""Violations of an expectation that could not be evaluated."""
_CHATTY = ("great_expectations", "great_expectations.data_context.types.base")
"""Loggers of Great Expectations that tell of folders it makes; the second sets its own level."""
CODES_AT_ONCE = 1 << 25
"""Hashes of keys that are sorted in memory, a quarter of a gigabyte."""
ROWS_TOGETHER = 1_000_000
"""More rows are judged date by date: what a scan costs outweighs what a gate costs."""


class Expectation(NamedTuple):
    """What became of one expectation; `guilty` names the partitions that violate it."""

    claim: str
    rows: int
    violations: int
    is_blocking: bool
    guilty: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no row violates the expectation and it could be evaluated."""
        return self.violations == 0


class Passage(NamedTuple):
    """The verdict of a gate on one table and date, or on several dates on which all is well."""

    table: Table
    rows: dict[date | None, int]
    """The dates, and how many rows the readable files of each promise."""
    expectations: list[Expectation]
    result: "ExpectationSuiteValidationResult"

    @property
    def label(self) -> str:
        """The date, or the first and the last of several."""
        days = sorted(str(day or "reference") for day in self.rows)
        return days[0] if len(days) == 1 else f"{days[0]}..{days[-1]}"

    @property
    def is_clean(self) -> bool:
        """Whether every expectation holds."""
        return all(expectation.passed for expectation in self.expectations)


class Gate:
    """Judges tables of one warehouse; a lock lets one table through at a time."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._lock = threading.Lock()
        self._validations: dict[str, tuple[Batch, ExpectationSuite]] = {}
        self._source: Any = None
        self._context: Any = None
        self._connection: duckdb.DuckDBPyConnection | None = None

    def judge(
        self, table: Table, dates: Mapping[date | None, dict[Partition, int]]
    ) -> list[Passage]:
        """Judge all rows of a table on some dates.

        Small dates are judged together; where one of them is guilty, each is judged by itself.

        Parameters
        ----------
        dates
            The partitions of each date that have rows, and how many their footers promise.
        """
        with self._lock:
            self._open()
            count = sum(sum(rows.values()) for rows in dates.values())
            if len(dates) > 1 and count <= ROWS_TOGETHER:
                together = self._judge(table, dates)
                promised = {day: rows for day, rows in together.rows.items() if rows}
                if together.is_clean and self._counts(table) == promised:
                    return [together]
            return [self._judge(table, {day: rows}) for day, rows in dates.items()]

    def _judge(self, table: Table, dates: Mapping[date | None, dict[Partition, int]]) -> Passage:
        rows = {partition: n for found in dates.values() for partition, n in found.items()}
        unreadable: list[Partition] = []
        try:
            self._show(table, list(rows))
        except duckdb.Error:  # one bad file must not hide what is wrong, or right, with others
            unreadable = [p for p in rows if not self._is_readable(p)]
            rows = {p: n for p, n in rows.items() if p not in unreadable}
            self._show(table, list(rows))
        batch, suite = self._validation(table)
        with self._source.get_execution_engine().get_connection() as kept:
            kept.rollback()  # or its transaction would still see the view of another date
        result = batch.validate(
            suite,
            result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
            expectation_parameters={ROWS_WRITTEN: sum(rows.values())},
        )
        found = [self._read(table, outcome, rows) for outcome in result.results]
        if unreadable:
            guilty = tuple(partition.ticker for partition in unreadable)
            found.append(Expectation(READABLE, 0, UNJUDGED, True, guilty))
        read = {day: sum(rows.get(p, 0) for p in own) for day, own in dates.items()}
        return Passage(table, read, found, result)

    def _counts(self, table: Table) -> dict[date | None, int]:
        """Rows of each date: too many on one and too few on another are no good sum."""
        query = f"select date, count(*) from {_view(table)} group by date"
        return dict(self._shared.execute(query).fetchall())

    def _open(self) -> None:
        """Make the connection whose views Great Expectations reads, on the first passage.

        Great Expectations opens several; a named database in memory is one for all of them, and
        no other gate's. Ours leaves their pool, whose connections are rolled back when collected.
        """
        if self._connection is None:
            import great_expectations as gx

            from offtape_assets.quality.duckdb_dialect import keep_connections_open

            keep_connections_open()
            for name in _CHATTY:
                logging.getLogger(name).setLevel(logging.WARNING)
            self._context = gx.get_context(mode="ephemeral")
            self._context.enable_analytics(False)
            self._context.variables.progress_bars = {"globally": False}
            self._source = self._context.data_sources.add_sql(
                "warehouse",
                connection_string=f"duckdb:///:memory:gate-{uuid.uuid4().hex}",
                create_temp_table=False,
            )
            shared = self._source.get_engine().raw_connection()
            self._connection = shared.driver_connection
            shared.detach()
            prepare(self._shared, self._warehouse.store)

    @property
    def _shared(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise RuntimeError("the gate is not open")
        return self._connection

    def _show(self, table: Table, partitions: Sequence[Partition]) -> None:
        """Make the view of the rows to be judged, and find repeated keys once for all queries."""
        rows = self._rows_of(table, partitions)
        self._shared.execute(f"create or replace view {_view(table)} as {judged_rows(table, rows)}")
        if table.key:
            self._shared.register("codes", self._repeated(table, rows))
            name = repeated_codes(table)
            self._shared.execute(f"create or replace table {name} as select code from codes")
            self._shared.unregister("codes")
        for expected in expected_of(table):
            if expected.guilty:
                self._find(table, expected, partitions)

    def _find(self, table: Table, expected: Expected, partitions: Sequence[Partition]) -> None:
        """Find guilty groups once for all queries, date by date: no group goes over midnight."""
        days = sorted({partition.day for partition in partitions}, key=str) or [None]
        batches = [
            f"(from {_view(table)} where date = date '{day}')" if len(days) > 1 else _view(table)
            for day in days
        ]
        rows = " union all ".join(f"({expected.guilty.format(batch=batch)})" for batch in batches)
        self._shared.execute(f"create or replace table {expected.found_in(table)} as {rows}")

    def _repeated(self, table: Table, rows: str) -> pl.DataFrame:
        """Hashes of the key that occur twice; none where the files are in the order of their keys.

        Else they are sorted, which takes a third of DuckDB's grouping.
        """
        names = [*table.path_columns, *table.sorted_key]
        if ascends(self._shared, f"({rows})", names, strictly=True):
            return pl.DataFrame(schema={"code": pl.UInt64})
        hashes = f"select {code_of(table)} as code from ({rows})"
        parts = only_row(self._shared, f"select count(*) from ({rows})")[0] // CODES_AT_ONCE + 1
        found = []
        for part in range(parts):
            some = f"{hashes} where code % {parts} = {part}" if parts > 1 else hashes
            codes = self._shared.execute(some).fetchnumpy()["code"]
            codes.sort()
            found.append(codes[1:][codes[1:] == codes[:-1]])
        return pl.DataFrame({"code": np.unique(np.concatenate(found))})

    def _is_readable(self, partition: Partition) -> bool:
        rows = judged_rows(partition.table, self._rows_of(partition.table, [partition]))
        try:
            self._shared.execute(f"select count(*) from ({rows})").fetchall()
        except duckdb.Error as error:
            raise_unless_damaged(error, self._warehouse.store)
            return False
        return True

    def _validation(self, table: Table) -> "tuple[Batch, ExpectationSuite]":
        if table.full_name not in self._validations:
            asset = self._source.add_table_asset(table.full_name, table_name=_view(table))
            batch = asset.add_batch_definition_whole_table("rows of a date").get_batch()
            self._validations[table.full_name] = batch, suite_of(table)
        return self._validations[table.full_name]

    def _rows_of(self, table: Table, partitions: Sequence[Partition]) -> str:
        """A SELECT of the rows as the files hold them, with the columns of the path."""
        if not partitions:
            return table.empty_select()
        files = sorted(partitions, key=lambda p: (str(p.day), p.ticker))
        urls = ", ".join(quoted(self._warehouse.store.url(p.file)) for p in files)
        hive = "hive_partitioning=false"
        if len(table.all_columns) > len(table.columns):
            types = "'date': DATE" + (", 'ticker': VARCHAR" if table.has_ticker else "")
            hive = f"hive_partitioning=true, hive_types={{{types}}}"
        return f"select * from read_parquet([{urls}], {hive}, union_by_name=true)"

    def _read(self, table: Table, outcome: Any, rows: dict[Partition, int]) -> Expectation:
        """An expectation's outcome in our words; guilty partitions are looked for on failure."""
        meta = outcome.expectation_config.meta
        claim, is_blocking = meta["claim"], meta["is_blocking"]
        total = sum(rows.values())
        if outcome.success:
            return Expectation(claim, total, 0, is_blocking)
        found = outcome.result
        observed = found.get("unexpected_count", found.get("observed_value"))
        if claim == COUNT and observed is not None:
            violations = abs(observed - total)
        elif claim == COLUMNS and observed is not None:
            wanted = outcome.expectation_config.kwargs["column_set"]
            violations = len(set(observed) ^ set(wanted))
        else:
            violations = UNJUDGED if observed is None else observed
        guilty = tuple(p.ticker for p in rows if self._is_guilty(p, claim, rows[p]))
        return Expectation(claim, total, violations, is_blocking, guilty)

    def _is_guilty(self, partition: Partition, claim: str, promised: int) -> bool:
        """Whether this partition alone violates the claim or cannot be read."""
        rows = self._rows_of(partition.table, [partition])
        try:
            if claim == COUNT:
                return only_row(self._shared, f"select count(*) from ({rows})")[0] != promised
            if claim == COLUMNS:
                names = self._shared.execute(f"describe {rows}").fetchall()
                return {row[0] for row in names} != {c.name for c in partition.table.all_columns}
            if claim == UNIQUE:
                return not self._repeated(partition.table, rows).is_empty()
            (expected,) = (e for e in expected_of(partition.table) if e.claim == claim)
            guilty = expected.guilty.format(batch=f"({rows})") or (
                f"select 1 from ({rows}) where ({expected.holds}) is not true"
            )
            return only_row(self._shared, f"select count(*) from ({guilty})")[0] > 0
        except duckdb.Error as error:
            raise_unless_damaged(error, self._warehouse.store)
            return True


def _view(table: Table) -> str:
    return f"{table.schema}_{table.name}"
