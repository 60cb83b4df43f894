"""Partitions of tables as Parquet files: their keys, their atomic replacement, their lineage.

A partition is one file, `<schema>/<table>/date=D[/ticker=T]/data.parquet`, whose footer says how
it was made. A partition that failed, or for which the source has nothing, has a note beside it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import duckdb

from offtape_assets.storage import seal
from offtape_assets.storage.connection import ascends, prepare, raise_unless_damaged
from offtape_assets.storage.sql import quoted
from offtape_assets.storage.store import LocalStore, S3Store, open_store
from offtape_assets.tables.table import Table

_NULL_WORDS = {"NULL", "__HIVE_DEFAULT_PARTITION__"}
"""Path values DuckDB reads as NULL; a percent-encoded first letter keeps them text."""


class Partition(NamedTuple):
    """One partition of one table; `day` is None for reference tables, `ticker` may be empty."""

    table: Table
    day: date | None = None
    ticker: str = ""

    @property
    def folder(self) -> str:
        """Key of the folder that holds the partition's file."""
        parts = [self.table.schema, self.table.name]
        if self.day is not None:
            parts.append(f"date={self.day.isoformat()}")
        if self.ticker:
            parts.append(f"ticker={encode(self.ticker)}")
        return "/".join(parts)

    @property
    def file(self) -> str:
        """Key of the partition's rows."""
        return f"{self.folder}/data.parquet"

    @property
    def note(self) -> str:
        """Key of the note that says why there are no rows, or no good ones."""
        return f"{self.folder}/state.json"

    def __str__(self) -> str:
        return " ".join(
            part
            for part in (self.table.full_name, self.day and self.day.isoformat(), self.ticker)
            if part
        )


def encode(ticker: str) -> str:
    """A ticker as a path segment that DuckDB decodes to the same text."""
    if ticker in _NULL_WORDS:
        return f"%{ord(ticker[0]):02X}{ticker[1:]}"
    return quote(ticker, safe="")


@dataclass(frozen=True)
class Lineage:
    """How a partition was made, stored in its file's footer."""

    run_id: str
    code_version: str
    source: str
    fingerprint: str
    inputs: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    seal: str = seal.OPEN


@dataclass(frozen=True)
class State:
    """What is known of a partition: 'done', 'failed' or 'absent'; a missing one has no state."""

    status: str
    fingerprint: str = ""
    rows: int = 0
    reason: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    seal: str = ""
    run_id: str = ""


class Warehouse:
    """The store of record. All methods may be called from several threads and processes."""

    def __init__(self, root: str) -> None:
        self.store: LocalStore | S3Store = open_store(root)

    @property
    def root(self) -> str:
        """Absolute folder, or s3:// URL."""
        return self.store.root

    def write(
        self,
        connection: duckdb.DuckDBPyConnection,
        query: str,
        partition: Partition,
        lineage: Lineage,
        scratch: Path,
    ) -> Path:
        """Write the rows of `query`, typed and ordered as declared, to a file not yet visible."""
        table = partition.table
        names = table.sort_columns
        is_sorted = not names or ascends(connection, f"({query})", names)
        order = "" if is_sorted else " order by " + ", ".join(f'"{name}"' for name in names)
        file = scratch / f"{table.schema}.{table.name}.{encode(partition.ticker)}.parquet"
        footer = quoted(json.dumps(asdict(lineage), sort_keys=True))
        connection.execute(
            f"copy (select {table.select_list()} from ({query}){order})"
            f" to {quoted(str(file))} (format parquet, compression zstd, kv_metadata {{offtape: {footer}}})"
        )
        return file

    def publish(self, file: Path, partition: Partition, seconds: float = 0.0) -> None:
        """Replace the partition's rows by `file`; an older note about it is withdrawn."""
        seal.close(file, seconds)
        self.store.put(file, partition.file)
        self.store.delete(partition.note)

    def note(self, partition: Partition, status: str, reason: str, scratch: Path) -> None:
        """Record that a partition failed or is absent, and why."""
        file = scratch / f"note.{partition.table.full_name}.{encode(partition.ticker)}.json"
        file.write_text(json.dumps({"status": status, "reason": reason}))
        self.store.put(file, partition.note)

    def source_sql(self, table: Table, partitions: Iterable[Partition] | None = None) -> str:
        """A SELECT of the table's declared columns over the given partitions, or over all.

        Files written before a column was declared yield NULL for it.
        """
        if partitions is None:
            urls = [self.store.url(key) for key in self._globs(table)]
        else:
            urls = [self.store.url(partition.file) for partition in partitions]
        if not urls:
            return table.empty_select()
        files = ", ".join(quoted(url) for url in urls)
        names = ", ".join(f'"{column.name}"' for column in table.all_columns)
        hive = "hive_partitioning=false"
        if len(table.all_columns) > len(table.columns):
            types = "'date': DATE" + (", 'ticker': VARCHAR" if table.has_ticker else "")
            hive = f"hive_partitioning=true, hive_types={{{types}}}"
        return (
            f"select {names} from ({table.empty_select()} union all by name"
            f" select * from read_parquet([{files}], {hive}, union_by_name=true))"
        )

    def has_partitions(self, table: Table) -> bool:
        """Whether any partition of `table` has rows."""
        prefix = f"{table.schema}/{table.name}/"
        return any(key.endswith("/data.parquet") for key in self.store.keys(prefix))

    def state(self, partition: Partition) -> State | None:
        """What is known of one partition."""
        return self.states([partition.table], partition.day).get(partition)

    def states(self, tables: Sequence[Table], day: date | None) -> dict[Partition, State]:
        """States of all partitions of the tables on one day (None: reference tables)."""
        known: dict[Partition, State] = {}
        found = {
            key: self._partition(table, day, key)
            for table in tables
            for key in self.store.keys(f"{Partition(table, day).folder}/")
        }
        files = [key for key in found if key.endswith("/data.parquet")]
        for key, lineage in self._footers(files):
            known[found[key]] = (
                State("failed", reason="unreadable file; run the backfill again")
                if lineage is None
                else _done(lineage)
            )
        for key in (key for key in found if key.endswith("/state.json")):
            content = self.store.read_bytes(key)
            if content:  # withdrawn since it was listed
                known[found[key]] = State(**json.loads(content))
        return known

    def rows_written(self, table: Table, day: date | None) -> dict[Partition, int]:
        """Rows each file of a table and date promises; 0 where its footer cannot be read."""
        prefix = f"{Partition(table, day).folder}/"
        files = [key for key in self.store.keys(prefix) if key.endswith("/data.parquet")]
        return {
            self._partition(table, day, key): lineage.rows if lineage else 0
            for key, lineage in self._footers(files)
        }

    def lineage(self, key: str) -> Lineage | None:
        """The footer of one file; None where there is none, or none that can be read."""
        return self._footers([key])[0][1]

    def days(self, table: Table) -> list[date]:
        """Dates on which `table` has rows or a note, in order."""
        prefix = f"{table.schema}/{table.name}/date="
        stamps = {key.removeprefix(prefix)[:10] for key in self.store.keys(prefix)}
        return sorted(date.fromisoformat(stamp) for stamp in stamps)

    def _globs(self, table: Table) -> list[str]:
        if not self.has_partitions(table):
            return []
        levels = [table.schema, table.name]
        if table.schema == "quality":
            levels.append("**")
        elif len(table.all_columns) > len(table.columns):
            levels.append("date=*")
            if table.has_ticker:
                levels.append("ticker=*")
        return ["/".join([*levels, "data.parquet"])]

    def _partition(self, table: Table, day: date | None, key: str) -> Partition:
        segment = key.split("/")[-2]
        ticker = unquote(segment.removeprefix("ticker=")) if table.has_ticker else ""
        return Partition(table, day, ticker)

    @cached_property
    def _reader(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        prepare(connection, self.store)
        connection.execute("set enable_external_file_cache = false")  # files are replaced
        return connection

    def _footers(self, keys: list[str]) -> list[tuple[str, Lineage | None]]:
        if not keys:
            return []
        urls = {self.store.url(key): key for key in keys}
        with self._reader.cursor() as connection:
            try:
                found = _lineages(connection, list(urls))
            except duckdb.Error:  # one unreadable file fails the batch: ask for each apart
                found = {}
                for url in urls:
                    try:
                        found |= _lineages(connection, [url])
                    except duckdb.Error as error:
                        raise_unless_damaged(error, self.store)
        return [(key, found.get(url)) for url, key in urls.items()]


def _done(made: Lineage) -> State:
    return State("done", made.fingerprint, made.rows, "", made.inputs, made.seal, made.run_id)


def _lineages(connection: duckdb.DuckDBPyConnection, urls: list[str]) -> dict[str, Lineage]:
    rows = connection.execute(
        "select file_name, decode(value) from parquet_kv_metadata(?) where decode(key) = 'offtape'",
        [urls],
    ).fetchall()
    return {url: _lineage(json.loads(text)) for url, text in rows}


def _lineage(footer: dict[str, Any]) -> Lineage:
    """A footer as read by this version: files of older ones lack fields, newer ones bring more."""
    known = {field.name for field in fields(Lineage)}
    return Lineage(**{"seal": ""} | {name: x for name, x in footer.items() if name in known})
