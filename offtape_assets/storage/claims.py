"""Judging rows: the claims of a table as one SQL scan, and the setting aside of bad raw rows.

A claim is a predicate on a row, or a SELECT of guilty rows over the whole partition. A NULL
verdict is a violation.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl

from offtape_assets.storage.connection import ascends, only_row
from offtape_assets.storage.sql import group_checks, quoted
from offtape_assets.storage.warehouse import Partition
from offtape_assets.tables.quality import QUARANTINE, RESULTS
from offtape_assets.tables.table import Table

UNIQUE = "key_is_unique"
DUPLICATE = "key_is_not_repeated"
ARRIVAL_CLAIMS = ("rows_in_are_kept_or_set_aside", "most_rows_are_kept")


class Verdict(NamedTuple):
    """One claim's outcome on one partition."""

    claim: str
    rows: int
    violations: int
    is_blocking: bool

    @property
    def passed(self) -> bool:
        """Whether no row violates the claim."""
        return self.violations == 0


def set_aside(
    connection: duckdb.DuckDBPyConnection, rows: str, partition: Partition
) -> tuple[str, int, pl.DataFrame]:
    """Divide raw rows into those that satisfy the quarantining claims and those that do not.

    Parameters
    ----------
    rows
        A SELECT of the table's stored columns.

    Returns
    -------
    kept, arrived, quarantined
        A SELECT of the good rows, the number of all rows, and the bad ones as `reason`,
        `row_json`. A second row of the same key is a duplicate and set aside too.
    """
    table = partition.table
    connection.execute(
        f"create or replace temp table staged as select row_number() over () as _row,"
        f" {_constants(partition)} {table.select_list()} from ({rows})"
    )
    arrived = only_row(connection, "select count(*) from staged")[0]
    reasons = [
        f"when ({claim.predicate}) is not true then {quoted(claim.name)}"
        for claim in table.claims
        if claim.quarantines
    ]
    if table.key:
        _find_copies(connection, table)
        reasons.append(f"when _row in (from copies) then {quoted(DUPLICATE)}")
    kept = "select * exclude (_row) from staged"
    if not reasons:
        return kept, arrived, pl.DataFrame(schema=_QUARANTINED)
    connection.execute(
        "create or replace temp table guilty as select _row, _reason from"
        f" (select _row, case {' '.join(reasons)} end as _reason from staged)"
        " where _reason is not null"
    )
    json = ", ".join(f'{quoted(c.name)}, "{c.name}"' for c in table.columns)
    quarantined = connection.execute(
        f"select _reason as reason, json_object({json})::varchar as row_json"
        " from staged join guilty using (_row) order by _row"
    ).pl()
    if quarantined.height:
        connection.execute("delete from staged where _row in (select _row from guilty)")
    return kept, arrived, quarantined


def verdicts_of_arrival(
    table: Table, arrived: int, stored: int, bad: pl.DataFrame, rejects: pl.DataFrame
) -> list[Verdict]:
    """What became of the rows that arrived: set aside with a reason, or stored, none lost."""
    total = arrived + rejects.height
    reasons = dict(bad.group_by("reason").len().iter_rows())
    names = [claim.name for claim in table.claims if claim.quarantines]
    if table.key:
        names.append(DUPLICATE)
    aside = bad.height + rejects.height
    return [
        Verdict("rows_in_are_kept_or_set_aside", total, abs(total - stored - aside), True),
        Verdict("most_rows_are_kept", total, aside if 2 * aside > total else 0, True),
        Verdict("text_is_of_the_declared_type", total, rejects.height, False),
        *(Verdict(name, arrived, reasons.get(name, 0), False) for name in names),
    ]


def judge(
    connection: duckdb.DuckDBPyConnection, file: Path | str, partition: Partition
) -> list[Verdict]:
    """Every claim that rows are not set aside for, on the rows of a partition's file."""
    table = partition.table
    claims = [claim for claim in table.claims if not claim.quarantines]
    connection.execute(
        f"create or replace temp view judged as select {_constants(partition)} *"
        f" from read_parquet({quoted(str(file))}, hive_partitioning=false)"
    )
    counts = ["count(*)"]
    if table.key:
        is_unique = ascends(connection, "judged", table.sorted_key, strictly=True)
        distinct = f"count(distinct ({', '.join(_names(table.key))}))"
        counts.append("0" if is_unique else f"count(*) - {distinct}")
    counts += [f"count(*) filter (where ({c.predicate}) is not true)" for c in claims]
    rows, *violations = only_row(connection, f"select {', '.join(counts)} from judged")
    names = [(UNIQUE, True)] if table.key else []
    names += [(claim.name, claim.is_blocking) for claim in claims]
    verdicts = [
        Verdict(name, rows, guilty, blocking)
        for (name, blocking), guilty in zip(names, violations, strict=True)
    ]
    return verdicts + _judge_groups(connection, rows, file, partition)


def how_to_see(partition: Partition, claim: str) -> str:
    """A command that shows the rows that violate a claim on a partition."""
    table = partition.table
    places = []
    if partition.day is not None:
        places.append(f"date = {quoted(partition.day.isoformat())}")
    if partition.ticker:
        places.append(f"ticker = {quoted(partition.ticker)}")
    where = " and ".join(places) or "true"
    predicates = {c.name: c.predicate for c in table.claims}
    checks = group_checks(table)
    if claim == UNIQUE:
        key = ", ".join(_names(table.key))
        query = (
            f"select {key}, count(*) from {table.full_name} where {where}"
            " group by all having count(*) > 1"
        )
    elif claim in predicates:
        query = (
            f"select * from {table.full_name} where {where} and ({predicates[claim]}) is not true"
        )
    elif claim in checks:
        query = f"with judged as (from {table.full_name} where {where}) {_one_line(checks[claim])}"
    else:
        place = "quarantine" if claim in ARRIVAL_CLAIMS else "gates"
        query = (
            f"from quality.{place} where schema_name = {quoted(table.schema)} and table_name ="
            f" {quoted(table.name)} and partition_date = {quoted(str(partition.day))}"
        )
    return "see them: offtape sql " + '"' + query.replace('"', '\\"') + '"'


def _one_line(query: str) -> str:
    lines = [line.strip() for line in query.strip().removesuffix(";").splitlines()]
    text = " ".join(line for line in lines if line and not line.startswith("--"))
    return text.replace("with ", ", ", 1) if text.startswith("with ") else text


def verdict_rows(partition: Partition, verdicts: Sequence[Verdict], run_id: str) -> pl.DataFrame:
    """Verdicts as rows of quality.results."""
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = [
        (*_identity(partition), v.claim, v.rows, v.violations, v.is_blocking, v.passed, run_id, now)
        for v in verdicts
    ]
    return pl.DataFrame(rows, schema=[c.name for c in RESULTS.columns], orient="row")


def quarantine_rows(partition: Partition, quarantined: pl.DataFrame) -> pl.DataFrame:
    """Rows set aside as rows of quality.quarantine."""
    names = [column.name for column in QUARANTINE.columns[:4]]
    identity = [
        pl.lit(value).alias(name) for name, value in zip(names, _identity(partition), strict=True)
    ]
    return quarantined.select(*identity, "reason", "row_json")


def _find_copies(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Numbers of the rows that come after another one of the same key, in order of the key."""
    names = ", ".join(_names(table.sorted_key))
    rows = f"(select _row, {names} from staged)"
    if not ascends(connection, "staged", table.sorted_key):
        rows = f"(from {rows} order by {names}, _row)"
    connection.execute(
        "create or replace temp table copies as select _row from"
        f" (select _row, row({names}) = lag(row({names})) over () as is_copy from {rows})"
        " where is_copy"
    )


def _judge_groups(
    connection: duckdb.DuckDBPyConnection, rows: int, file: Path | str, partition: Partition
) -> list[Verdict]:
    table = partition.table
    checks = group_checks(table)
    if not checks:
        return []
    connection.execute(f"create schema if not exists {table.schema}")
    connection.execute(
        f"create or replace view {table.full_name} as select {_constants(partition)} *"
        f" from read_parquet({quoted(str(file))}, hive_partitioning=false)"
    )
    verdicts = []
    for claim, query in checks.items():
        guilty = only_row(connection, f"select count(*) from ({query.rstrip().rstrip(';')})")[0]
        verdicts.append(Verdict(claim, rows, guilty, True))
    return verdicts


def _constants(partition: Partition) -> str:
    parts = []
    if partition.day is not None:
        parts.append(f"date {quoted(partition.day.isoformat())} as date,")
    if partition.ticker:
        parts.append(f"{quoted(partition.ticker)} as ticker,")
    return " ".join(parts)


def _names(columns: Sequence[str]) -> list[str]:
    return [f'"{name}"' for name in columns]


def _identity(partition: Partition) -> tuple[object, ...]:
    return partition.table.schema, partition.table.name, partition.day, partition.ticker


_QUARANTINED = {"reason": pl.String, "row_json": pl.String}
