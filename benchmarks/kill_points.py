"""Writers killed at random moments: no partition may be lost or torn.

    python benchmarks/kill_points.py [--format table|csv] [--kills 100] [--seed 1]

A child process replaces four partitions again and again, as backfills do. It is killed with
SIGKILL after a random time; then every partition must be whole (its seal holds) and of one
version, and none may be older than the last one that the child reported as published.
"""

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path

from harness import Row, report

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import duckdb

from offtape_assets.storage import seal
from offtape_assets.storage.warehouse import Lineage, Partition, Warehouse
from offtape_assets.tables import raw

DAY = date(2024, 11, 5)
TARGETS = [Partition(raw.TRADES, DAY, f"T{number}") for number in range(4)]
ROWS = 20_000


def rows_of(version: int) -> str:
    """A SELECT of rows of raw.trades whose price is the version."""
    return (
        "select make_timestamp_ns(range) as ts, make_timestamp_ns(range) as participant_ts,"
        f" range as sequence_number, {version + 1} as price, 1 as size, 1 as exchange,"
        " []::smallint[] as conditions, 0 as correction, range::varchar as trade_id"
        f" from range({ROWS})"
    )


def replace(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, target: Partition, version: int
) -> None:
    """Publish one version of one partition, as a backfill does."""
    scratch = warehouse.store.scratch()
    lineage = Lineage("run", "code", "test", str(version), {}, ROWS)
    file = warehouse.write(connection, rows_of(version), target, lineage, scratch)
    warehouse.publish(file, target)
    scratch.rmdir()


def write_for_ever(root: str, first: int, told: Connection) -> None:
    """Replace the partitions in turn and tell what was published."""
    warehouse, version = Warehouse(root), first
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        while True:
            for number, target in enumerate(TARGETS):
                replace(connection, warehouse, target, version)
                told.send((number, version))
            version += 1


def damage(warehouse: Warehouse, published: Sequence[int]) -> list[str]:
    """What is wrong with the partitions."""
    found = []
    with duckdb.connect() as connection:
        for target, version in zip(TARGETS, published, strict=True):
            content = warehouse.store.read_bytes(target.file)
            if content is None:
                found += [f"{target} is lost"] * (version >= 0)
                continue
            try:
                seal.check(content)
            except seal.BrokenSealError as broken:
                found.append(f"{target}: {broken}")
                continue
            query = f"select count(*), min(price)::int, max(price)::int from ({warehouse.source_sql(raw.TRADES, [target])})"
            count, low, high = connection.execute(query).fetchall()[0]
            if count != ROWS or low != high or low - 1 < version:
                found.append(f"{target}: {count} rows of {low}..{high}, {version} was published")
    return found


def kill_at_random(root: str, kills: int, seed: int) -> tuple[list[str], int]:
    """Kill a writer again and again; what was damaged, and the versions that were published."""
    rng, warehouse = random.Random(seed), Warehouse(root)
    context = multiprocessing.get_context("forkserver")
    published, damaged, count = [-1] * len(TARGETS), list[str](), 0
    for _ in range(kills):
        here, there = context.Pipe(duplex=False)
        writer = context.Process(target=write_for_ever, args=(root, max(published) + 1, there))
        writer.start()
        there.close()
        here.poll(60)  # it works: the first partition was published
        time.sleep(rng.uniform(0, 1.0))
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join()
        try:
            while here.poll():
                number, version = here.recv()
                published[number], count = version, count + 1
        except EOFError:
            pass
        damaged += damage(warehouse, published)
    warehouse.store.sweep()
    return damaged, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--format", choices=("table", "csv"), default="table")
    parser.add_argument("--quick", action="store_true", help="10 kills")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    kills = 10 if options.quick else options.kills
    with tempfile.TemporaryDirectory() as folder:
        damaged, published = kill_at_random(folder, kills, options.seed)
    for line in damaged:
        print(line, file=sys.stderr)
    accuracy = f"{len(damaged)} partitions lost or torn in {published} replacements"
    row = Row(f"{kills} kill points", len(damaged), 0, "none", 1.0, accuracy, "0", not damaged)
    report("Kill points", [row], options.format)


if __name__ == "__main__":
    main()
