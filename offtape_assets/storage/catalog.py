"""The file analysts open: views over all partitions, the mart, comments, the data dictionary.

It is built beside the old one and put in its place, so that a reader always finds a whole file.
"""

import shutil

import duckdb

from offtape_assets.storage.connection import prepare
from offtape_assets.storage.sql import quoted, views
from offtape_assets.storage.warehouse import Warehouse
from offtape_assets.tables.mart import DATA_DICTIONARY
from offtape_assets.tables.registry import SCHEMAS, mart_tables, stored_tables
from offtape_assets.tables.table import Table

CATALOG = "offtape.duckdb"


def build_catalog(warehouse: Warehouse) -> str:
    """Rebuild the catalog file of a warehouse and return where it is."""
    scratch = warehouse.store.scratch()
    file = scratch / CATALOG
    try:
        with duckdb.connect(str(file)) as connection:
            prepare(connection, warehouse.store)
            create_views(connection, warehouse)
        warehouse.store.put(file, CATALOG)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return warehouse.store.url(CATALOG)


def create_views(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> None:
    """Create every schema, view and comment of the warehouse in a connection."""
    for schema in SCHEMAS:
        connection.execute(f"create schema if not exists {schema}")
    for table in stored_tables():
        query = warehouse.source_sql(table)
        connection.execute(f"create or replace view {table.full_name} as {query}")
        _comment(connection, table, "view")
    _create_dictionary(connection)
    waiting = views("mart")
    while waiting:  # a mart view may read another one, so those that fail to bind wait a round
        errors: dict[str, duckdb.Error] = {}
        for name, query in waiting.items():
            try:
                connection.execute(f"create or replace view mart.{name} as {query}")
            except duckdb.CatalogException as error:
                errors[name] = error
        if len(errors) == len(waiting):
            raise next(iter(errors.values()))
        waiting = {name: waiting[name] for name in errors}
    for table in mart_tables():
        if table is not DATA_DICTIONARY:
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
    """A read-only connection to the catalog.

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
    return connection
