"""The file analysts open: views over all partitions, the mart, comments, the data dictionary.

It is built beside the old one and put in its place, so that a reader always finds a whole file.
"""

import shutil
from typing import NamedTuple

import duckdb

from offtape_assets.storage.connection import prepare
from offtape_assets.storage.sql import query_text, quoted
from offtape_assets.storage.warehouse import Warehouse
from offtape_assets.tables.mart import DATA_DICTIONARY
from offtape_assets.tables.registry import SCHEMAS, mart_tables, stored_tables
from offtape_assets.tables.table import Table

CATALOG = "offtape.duckdb"


class Catalog(NamedTuple):
    """A catalog that was built: where it is, and the mart views that did not bind, with the error."""

    url: str
    broken: dict[str, str]


def build_catalog(warehouse: Warehouse) -> Catalog:
    """Rebuild the catalog file of a warehouse."""
    scratch = warehouse.store.scratch()
    file = scratch / CATALOG
    try:
        with duckdb.connect(str(file)) as connection:
            prepare(connection, warehouse.store)
            connection.begin()  # one write to the disk instead of one for every comment
            broken = create_views(connection, warehouse)
            connection.commit()
        warehouse.store.put(file, CATALOG)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Catalog(warehouse.store.url(CATALOG), broken)


def create_views(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> dict[str, str]:
    """Create every schema, view and comment; return the mart views that do not bind, with why."""
    for schema in SCHEMAS:
        connection.execute(f"create schema if not exists {schema}")
    for table in stored_tables():
        query = warehouse.source_sql(table)
        connection.execute(f"create or replace view {table.full_name} as {query}")
        _comment(connection, table, "view")
    _create_dictionary(connection)
    return _create_mart(connection)


def _create_mart(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    waiting = {table.full_name: table for table in mart_tables() if table is not DATA_DICTIONARY}
    broken: dict[str, str] = {}
    while waiting:  # a mart view may read another one, so those that fail to bind wait a round
        broken = {}
        for name, table in waiting.items():
            try:
                _create_view(connection, table)
            except (duckdb.Error, ValueError) as error:
                broken[name] = str(error).splitlines()[0]
        if len(broken) == len(waiting):
            break
        waiting = {name: waiting[name] for name in broken}
    return broken


def _create_view(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Create one mart view if it yields the declared columns."""
    name = table.full_name
    query = query_text(table)
    found = [column[0] for column in connection.execute(f"describe {query}").fetchall()]
    declared = [column.name for column in table.columns]
    if found != declared:
        raise ValueError(f"{name} yields {sorted(set(found) ^ set(declared))} other than declared")
    connection.execute(f"create or replace view {name} as {query}")
    _comment(connection, table, "view")


def _create_dictionary(connection: duckdb.DuckDBPyConnection) -> None:
    name = DATA_DICTIONARY.full_name
    declared = ", ".join(f"{column.name} {column.dtype}" for column in DATA_DICTIONARY.columns)
    connection.execute(f"create or replace table {name} ({declared})")
    rows = [
        (table.schema, table.name, c.name, c.dtype, c.unit, c.meaning, table.grain)
        for table in (*stored_tables(), *mart_tables())
        for c in table.all_columns
    ]
    connection.executemany(f"insert into {name} values (?, ?, ?, ?, ?, ?, ?)", rows)
    _comment(connection, DATA_DICTIONARY, "table")


def _comment(connection: duckdb.DuckDBPyConnection, table: Table, kind: str) -> None:
    connection.execute(
        f"comment on {kind} {table.full_name} is {quoted(f'One row: {table.grain}.')}"
    )
    for column in table.all_columns:
        unit = f" [{column.unit}]" if column.unit else ""
        text = quoted(column.meaning + unit)
        connection.execute(f'comment on column {table.full_name}."{column.name}" is {text}')


class CatalogMissingError(Exception):
    """The warehouse has no catalog file yet."""


def open_catalog(warehouse: Warehouse) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the catalog, which sees no file outside the warehouse.

    Raises
    ------
    CatalogMissingError
        If nothing was built yet.
    """
    if warehouse.store.read_bytes(CATALOG) is None:
        raise CatalogMissingError(
            f"no catalog at {warehouse.root}: run `offtape demo` or `offtape backfill` first,"
            " or `offtape catalog` if the partitions are there"
        )
    connection = duckdb.connect()
    prepare(connection, warehouse.store)
    url = warehouse.store.url(CATALOG)
    connection.execute(f"attach {quoted(url)} as offtape (read_only)")
    connection.execute("use offtape")
    connection.execute(f"set allowed_directories = [{quoted(warehouse.store.url(''))}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


class NotReadingError(Exception):
    """A statement that does more than read."""


def check_reads_only(query: str) -> None:
    """Refuse what could write: DuckDB's COPY writes files though its catalog is read-only.

    Raises
    ------
    NotReadingError
        Naming the statement.
    """
    for statement in duckdb.extract_statements(query):
        kind = statement.type
        explains = kind == duckdb.StatementType.EXPLAIN and "analyze" not in query.lower()
        if kind != duckdb.StatementType.SELECT and not explains:
            raise NotReadingError(f"the catalog is read-only: {kind.name} is not answered")
