"""`offtape verify`: whether every partition is what was written, and its repair.

Seals (bytes), row counts, claims and lineage fingerprints are compared; what is damaged is put
aside under `.damaged/` and computed again. Nothing is deleted here.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from offtape_assets.agenda import is_open
from offtape_assets.assets.declare import TableAsset
from offtape_assets.assets.house import House
from offtape_assets.assets.materialize import day_job
from offtape_assets.backfill import Backfill, Problem
from offtape_assets.definitions import declared
from offtape_assets.storage import seal
from offtape_assets.storage.claims import judge
from offtape_assets.storage.connection import only_row
from offtape_assets.storage.sql import quoted
from offtape_assets.storage.warehouse import Partition
from offtape_assets.tables.table import Partitions

DAMAGED = ".damaged"
"""Damaged files are kept here, outside every view, until `offtape vacuum` removes them."""
BAD_BYTES = {"checksum", "row count"}


@dataclass(frozen=True)
class Fault:
    """What is wrong with one partition."""

    partition: Partition
    kind: str
    """'checksum', 'row count', 'claim', 'lineage', 'failed' or 'missing'."""
    detail: str


def faults(house: House, first: date | None = None, last: date | None = None) -> Iterator[Fault]:
    """Everything wrong on the dates (None: all there are) with the tables of the graph.

    A partition is missing where its table has others on that date.
    """
    assets = [asset for _, asset in declared()]
    scratch = house.warehouse.store.scratch()
    try:
        with house.connection(house.settings.workers) as connection:
            for asset in assets:
                for day in _days(house, asset, first, last):
                    tickers = house.settings.tickers if asset.tables[0].has_ticker else ("",)
                    job = day_job(house, asset, day, tickers, scratch)
                    for ticker in tickers:
                        targets = [Partition(table, day, ticker) for table in asset.tables]
                        found = [f for t in targets for f in _bytes_of(connection, house, t)]
                        standing = job.standing(ticker)
                        if day is None and standing == "missing":
                            continue  # a reference table nobody asked for yet
                        yield from found or _lineage(targets, standing)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def repair(house: House, found: Sequence[Fault]) -> list[Problem]:
    """Put damaged files aside and build again whatever is damaged, failed, stale or missing."""
    for fault in found:
        if fault.kind in BAD_BYTES:
            _put_aside(house, fault.partition)
    problems: list[Problem] = []
    days = sorted({fault.partition.day for fault in found if fault.partition.day})
    names = {fault.partition.table.full_name for fault in found if fault.kind != "claim"}
    for day in days or [house.settings.start_date]:
        settings = house.settings.model_copy(
            update={"start_date": min([*days, house.settings.start_date]), "last_date": days[-1]}
            if days
            else {}
        )
        rebuilt = House(settings, house.warehouse, house.open_source, house.connect, house.progress)
        problems += Backfill(settings, rebuilt, day, day, ",".join(sorted(names))).run()
    return problems


def _days(
    house: House, asset: TableAsset, first: date | None, last: date | None
) -> list[date | None]:
    if asset.partitions is Partitions.NONE:
        return [None]
    return [
        day
        for day in house.warehouse.days(asset.tables[0])
        if (first is None or day >= first)
        and (last is None or day <= last)
        and is_open(asset.partitions, day)
    ]


def _bytes_of(
    connection: duckdb.DuckDBPyConnection, house: House, target: Partition
) -> Iterator[Fault]:
    """Faults of the file itself; none where there is no file."""
    content = house.warehouse.store.read_bytes(target.file)
    if content is None:
        return
    try:
        seal.check(content)
    except seal.BrokenSealError as broken:
        yield Fault(target, "checksum", str(broken))
        return
    url = quoted(house.warehouse.store.url(target.file))
    rows = only_row(connection, f"select sum(num_rows) from parquet_file_metadata({url})")[0]
    state = house.warehouse.state(target)
    if state and state.status == "done" and state.rows != rows:
        yield Fault(target, "row count", f"{rows} rows, {state.rows} were written")
        return
    for verdict in judge(connection, house.warehouse.store.url(target.file), target):
        if verdict.is_blocking and not verdict.passed:
            yield Fault(
                target, "claim", f"{verdict.claim}: {verdict.violations} of {verdict.rows} rows"
            )


def _lineage(targets: Sequence[Partition], standing: str) -> Iterator[Fault]:
    detail = {
        "stale": "its inputs, settings or code changed since",
        "failed": "its last build failed",
        "missing": "there are others on this date",
    }
    kind = {"stale": "lineage"}.get(standing, standing)
    if standing in detail:
        yield from (Fault(target, kind, detail[standing]) for target in targets)


def _put_aside(house: House, target: Partition) -> None:
    store = house.warehouse.store
    content = store.read_bytes(target.file)
    if content is None:
        return
    scratch = store.scratch()
    try:
        copy = scratch / "data.parquet"
        copy.write_bytes(content)
        store.put(copy, f"{DAMAGED}/{target.file}")
        store.delete(target.file)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
