"""Judging partitions that are already there: `offtape check`, after claims changed or on doubt."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import duckdb

from offtape_assets.assets.house import House
from offtape_assets.storage.claims import Verdict, judge
from offtape_assets.storage.connection import raise_unless_damaged
from offtape_assets.storage.warehouse import Partition
from offtape_assets.tables.registry import stored_tables
from offtape_assets.tables.table import Partitions


class Judged(NamedTuple):
    """A claim's verdict on one partition; an unreadable file violates `file_is_readable`."""

    partition: Partition
    verdict: Verdict


def judged_again(house: House, first: date | None, last: date | None) -> Iterator[Judged]:
    """Verdicts of all claims on all partitions of the dates (None: all there are)."""
    tables = [table for table in stored_tables() if table.schema != "quality"]
    with house.connection(house.settings.workers) as connection:
        for table in tables:
            days: list[date | None] = [None]
            if table.partitions is not Partitions.NONE:
                days = [
                    day
                    for day in house.warehouse.days(table)
                    if (first is None or day >= first) and (last is None or day <= last)
                ]
            for day in days:
                for partition, state in house.warehouse.states([table], day).items():
                    if state.status != "absent":
                        yield from _judged(connection, house, partition)


def _judged(
    connection: duckdb.DuckDBPyConnection, house: House, partition: Partition
) -> Iterator[Judged]:
    try:
        verdicts = judge(connection, house.warehouse.store.url(partition.file), partition)
    except duckdb.Error as error:
        raise_unless_damaged(error, house.warehouse.store)
        verdicts = [Verdict("file_is_readable", 0, 1, True)]
    for verdict in verdicts:
        yield Judged(partition, verdict)
