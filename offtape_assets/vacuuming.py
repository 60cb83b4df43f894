"""`offtape vacuum`: remove what nothing reads: scratch of dead processes, orphans, old versions."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from offtape_assets.storage.store import S3Store
from offtape_assets.storage.warehouse import Warehouse
from offtape_assets.tables.quality import QUARANTINE, RESULTS
from offtape_assets.tables.registry import SCHEMAS, stored_tables
from offtape_assets.verifying import DAMAGED

_FILES = ("data.parquet", "state.json")
_VERDICTS = (RESULTS.name, QUARANTINE.name)
"""Tables of schema quality with a file for every partition they speak of."""


class Waste(NamedTuple):
    """Something nothing reads."""

    kind: str
    """'orphan', 'damaged', 'old version' or 'unfinished upload'."""
    key: str
    size: int
    version: str = ""


def waste(warehouse: Warehouse, keep_hours: float) -> Iterator[Waste]:
    """What `remove` would remove; files younger than `keep_hours` are never waste.

    An orphan belongs to a table that is no longer declared, or is a verdict on a partition that
    is gone.
    """
    store = warehouse.store
    before = datetime.now(UTC) - timedelta(hours=keep_hours)
    names = {table.full_name for table in stored_tables()}
    entries = [entry for schema in SCHEMAS for entry in store.listing(f"{schema}/")]
    partitions = {entry.key.rpartition("/")[0] for entry in entries}
    for key, size, modified in entries:
        folder, _, name = key.rpartition("/")
        if modified < before and name in _FILES and _is_orphan(folder, names, partitions):
            yield Waste("orphan", key, size)
    for key, size, modified in store.listing(f"{DAMAGED}/"):
        if modified < before:
            yield Waste("damaged", key, size)
    if isinstance(store, S3Store):
        for key, version, size in store.old_versions(before):
            yield Waste("old version", key, size, version)
        for key, upload in store.unfinished_uploads(before):
            yield Waste("unfinished upload", key, 0, upload)


def remove(warehouse: Warehouse, found: Waste) -> None:
    """Remove one piece of waste."""
    store = warehouse.store
    if isinstance(store, S3Store) and found.kind == "old version":
        store.delete_version(found.key, found.version)
    elif isinstance(store, S3Store) and found.kind == "unfinished upload":
        store.abort_upload(found.key, found.version)
    else:
        store.delete(found.key)


def _is_orphan(folder: str, names: set[str], partitions: set[str]) -> bool:
    """Whether a partition's folder belongs to nothing that is declared or there."""
    schema, table, *rest = folder.split("/")
    if f"{schema}.{table}" not in names:
        return True
    is_about_a_partition = schema == "quality" and table in _VERDICTS
    return is_about_a_partition and "/".join(rest) not in partitions
