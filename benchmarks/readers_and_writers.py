"""Readers while writers replace what they read: no query may fail or see half a partition.

    python benchmarks/readers_and_writers.py [--format table|csv] [--minutes 3]

Eight reader processes ask the catalog (views over all files) while two writer processes replace
the partitions of 16 tickers and rebuild the catalog now and then.
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from datetime import date
from multiprocessing.queues import Queue
from pathlib import Path

from harness import Row, report
from kill_points import ROWS, replace

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import duckdb

from offtape_assets.storage.catalog import build_catalog, open_catalog
from offtape_assets.storage.warehouse import Partition, Warehouse
from offtape_assets.tables import raw

DAY = date(2024, 11, 5)
TICKERS = [f"T{number:02}" for number in range(16)]
READERS, WRITERS = 8, 2
QUERY = "select ticker, count(*) as rows, count(distinct price) as versions from raw.trades group by all"


def read(root: str, until: float, answers: "Queue[tuple[str, int, list[str]]]") -> None:
    """Ask until the time is over."""
    warehouse, count, errors = Warehouse(root), 0, list[str]()
    while time.time() < until:
        try:
            with open_catalog(warehouse) as connection:
                found = connection.execute(QUERY).fetchall()
        except duckdb.Error as error:
            errors.append(str(error).splitlines()[0])
            continue
        errors += [f"{t}: {n} rows, {v} versions" for t, n, v in found if (n, v) != (ROWS, 1)]
        if len(found) != len(TICKERS):
            errors.append(f"{len(found)} tickers")
        count += 1
    answers.put(("reads", count, errors))


def write(root: str, until: float, part: int, answers: "Queue[tuple[str, int, list[str]]]") -> None:
    """Replace every second ticker in turn until the time is over."""
    warehouse, count = Warehouse(root), 0
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        while time.time() < until:
            for ticker in TICKERS[part::WRITERS]:
                replace(connection, warehouse, Partition(raw.TRADES, DAY, ticker), count)
                count += 1
            build_catalog(warehouse)
    answers.put(("writes", count, []))


def contend(root: str, seconds: float) -> tuple[int, int, list[str]]:
    """Reads, writes and errors of all processes."""
    warehouse = Warehouse(root)
    with duckdb.connect() as connection:
        for ticker in TICKERS:
            replace(connection, warehouse, Partition(raw.TRADES, DAY, ticker), 0)
    build_catalog(warehouse)
    context = multiprocessing.get_context("spawn")
    answers: Queue[tuple[str, int, list[str]]] = context.Queue()
    until = time.time() + seconds
    work = [context.Process(target=read, args=(root, until, answers)) for _ in range(READERS)]
    work += [
        context.Process(target=write, args=(root, until, part, answers)) for part in range(WRITERS)
    ]
    for process in work:
        process.start()
    found = [answers.get() for _ in work]
    for process in work:
        process.join()
    reads, writes = (sum(n for kind, n, _ in found if kind == name) for name in ("reads", "writes"))
    return reads, writes, [error for _, _, errors in found for error in errors]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--format", choices=("table", "csv"), default="table")
    parser.add_argument("--quick", action="store_true", help="a quarter of a minute")
    parser.add_argument("--minutes", type=float, default=3.0)
    options = parser.parse_args()
    seconds = 15 if options.quick else 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder:
        reads, writes, errors = contend(folder, seconds)
    for error in errors[:20]:
        print(error, file=sys.stderr)
    accuracy = f"{reads} reads, {writes} replaced partitions, {len(errors)} errors"
    case = f"{READERS} readers, {WRITERS} writers, {seconds:.0f} s"
    row = Row(case, len(errors), 0, "none", 1.0, accuracy, "0", not errors and reads > 0)
    report("Readers and writers", [row], options.format)


if __name__ == "__main__":
    main()
