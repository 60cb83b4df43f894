"""How a DuckDB connection is made ready for a warehouse: threads, clock, object store access."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from offtape_assets.storage.sql import quoted
from offtape_assets.storage.store import ATTEMPTS, LocalStore, S3Store


def prepare(
    connection: duckdb.DuckDBPyConnection,
    store: LocalStore | S3Store,
    threads: int | None = None,
    memory_mb: int | None = None,
) -> None:
    """Fix the time zone, bound threads and memory and, for a bucket, load httpfs and credentials.

    What does not fit the memory is spilled to the store's scratch disk. All connections to the
    same database are made ready at once, cursors included.
    """
    connection.execute("set global timezone = 'UTC'")
    connection.execute(f"set temp_directory = {quoted(str(store.spill()))}")
    if threads is not None:
        connection.execute(f"set threads = {int(threads)}")
    if memory_mb is not None:
        connection.execute(f"set memory_limit = '{int(memory_mb)}MB'")
    if isinstance(store, S3Store):
        _use_s3(connection, store)


def _use_s3(connection: duckdb.DuckDBPyConnection, store: S3Store) -> None:
    connection.execute(f"load {quoted(str(_httpfs()))}")
    connection.execute(f"set global http_retries = {int(ATTEMPTS - 1)}")
    connection.execute("set global http_retry_backoff = 2")  # 0.1, 0.2, 0.4, ... seconds
    options = ", ".join(
        f"{name} {quoted(value)}" for name, value in store.access().items() if value
    )
    connection.execute(f"create or replace secret warehouse (type s3, {options})")


def _httpfs() -> Path:
    import duckdb_extension_httpfs  # remote warehouses only

    folder = Path(duckdb_extension_httpfs.__file__).parent / "extensions"
    file = folder / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    if not file.is_file():
        raise RuntimeError(
            f"duckdb-extension-httpfs holds no extension for duckdb {duckdb.__version__};"
            " install the release of the same number"
        )
    return file


def only_row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """The single row of an aggregate query."""
    row = connection.execute(query).fetchone()
    if row is None:
        raise ValueError(f"no row from {query!r}")
    return row


def ascends(
    connection: duckdb.DuckDBPyConnection, rows: str, names: Sequence[str], strictly: bool = False
) -> bool:
    """Whether rows come in ascending order of some columns, NULL last as in ORDER BY.

    One pass without memory: a tenth of what sorting or grouping the rows takes.
    """
    key = "row(" + ", ".join(f'"{name}"' for name in names) + ")"
    is_later = f"{key} {'>' if strictly else '>='} lag({key}) over ()"
    query = f"select count(*) from (select {is_later} as is_later from {rows}) where is_later is not true"
    return bool(only_row(connection, query)[0] <= 1)  # the first row has none before it


def raise_unless_damaged(error: duckdb.Error, store: LocalStore | S3Store) -> None:
    """Raise an error of reading that says nothing of the file: the bucket did not answer.

    DuckDB's errors of a torn file are of other classes; 404 is a file removed meanwhile.
    """
    is_unanswered = isinstance(store, S3Store) and isinstance(error, duckdb.IOException)
    if is_unanswered and getattr(error, "status_code", None) != 404:
        raise error
