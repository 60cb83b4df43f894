"""Acceptance of the cluster: a backfill on a scheduler, two workers, Postgres and a bucket, one worker
killed on the way, beside the same backfill in one process. Every table must be equal, row for row.

    python benchmarks/study_cluster.py --folder DIR [--from 2024-11-04] [--to 2024-11-06] [--names 40]

What one process built stays in the folder, so that an interrupted study goes on from there.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.table import Table as Grid

from offtape_assets.assets.house import House, open_house
from offtape_assets.market.universe import STUDY_TICKERS
from offtape_assets.settings import Settings
from offtape_assets.tables.registry import stored_tables
from offtape_assets.tables.table import Partitions, Table
from tests.cluster import Cluster, bucket, cluster, kill, postgres, wait_for

PROJECT = Path(__file__).resolve().parent.parent
OF_THE_RUN = {"run_id", "ts", "page"}
"""Columns of the quality tables that name the run, its time and its page, not the data."""
CLOCKED = {"fit_ms", "solve_ms"}
"""Columns that tell how long an estimate took."""
PATIENCE_SECONDS = 4 * 3600.0
KILLED_AFTER = 0.4
"""Share of the partitions that exist when the worker is killed."""
REPLACED_AFTER_SECONDS = 30.0


@dataclass(frozen=True)
class Ran:
    """A backfill in a process of its own."""

    code: int
    seconds: float
    peak_mb: int
    text: str


@dataclass(frozen=True)
class Compared:
    """One table in both warehouses."""

    table: str
    rows: int
    only_alone: int
    only_cluster: int

    @property
    def is_equal(self) -> bool:
        """Whether both hold the same rows, as often."""
        return not self.only_alone and not self.only_cluster


def start(
    folder: Path, days: tuple[date, date], names: tuple[str, ...], warehouse: str,
    environment: Mapping[str, str], *more: str,
) -> subprocess.Popen[bytes]:  # fmt: skip
    """A backfill whose words go to a file."""
    words = ["backfill", "--from", str(days[0]), "--to", str(days[1])]
    words += ["--tickers", ",".join(names), "--warehouse", warehouse, *more]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "backfill.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "offtape_assets", *words],
            env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def finish(process: subprocess.Popen[bytes], folder: Path, since: float) -> Ran:
    """Wait for a backfill; its exit code, time and peak memory."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    text = (folder / "backfill.log").read_text()
    seconds = time.perf_counter() - since
    return Ran(process.returncode, seconds, usage.ru_maxrss // 1024, text)


def peak_mb(process: subprocess.Popen[bytes]) -> int:
    """Largest memory of a running process so far."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def kill_one(made: Cluster, house: House, partitions: int, running: subprocess.Popen[bytes]) -> str:
    """Kill a worker when enough partitions are there, and start another one later."""
    enough = int(KILLED_AFTER * partitions)

    def is_time() -> bool:
        time.sleep(5)
        return running.poll() is not None or _count(house) >= enough

    wait_for(is_time, "too few partitions", PATIENCE_SECONDS)
    victim = random.Random(1).randrange(len(made.workers))
    kill(made.workers.pop(victim))
    told = f"worker {victim + 1} killed with {_count(house)} of {partitions} partitions there"
    time.sleep(REPLACED_AFTER_SECONDS)
    made.add_worker()
    return told


def _count(house: House) -> int:
    keys = house.warehouse.store.keys("")
    return sum(key.endswith("data.parquet") and not key.startswith("quality/") for key in keys)


def on_cluster(
    folder: Path, days: tuple[date, date], names: tuple[str, ...], other: House,
    environment: Mapping[str, str], partitions: int,
) -> Ran:  # fmt: skip
    """The same backfill on two workers, one of which dies on the way."""
    driver, since = folder / "driver", time.perf_counter()
    with cluster(folder / "dask", 2, environment) as made:
        words = ("--cluster", made.address)
        running = start(driver, days, names, other.settings.warehouse, environment, *words)
        print(kill_one(made, other, partitions, running), flush=True)
        ran = finish(running, driver, since)
        peaks = ", ".join(str(peak_mb(worker)) for worker in made.workers)
    print(
        f"cluster: exit code {ran.code}, {ran.seconds:.0f} s, peak {ran.peak_mb} MB,"
        f" workers {peaks} MB\n{ran.text}",
        flush=True,
    )
    return ran


def compared(alone: House, other: House) -> Iterator[Compared]:
    """Every stored table, date by date, in both warehouses."""
    with alone.connection() as here, other.connection() as there:
        for table in stored_tables():
            rows = only_alone = only_other = 0
            for day in _dates(table, alone, other):
                mine, theirs = (
                    connection.execute(_rows_sql(house, table, day)).pl()
                    for connection, house in ((here, alone), (there, other))
                )
                here.register("mine", mine.to_arrow())
                here.register("theirs", theirs.to_arrow())
                rows += mine.height
                only_alone += _left_over(here, "mine", "theirs")
                only_other += _left_over(here, "theirs", "mine")
            yield Compared(table.full_name, rows, only_alone, only_other)


def _dates(table: Table, *houses: House) -> list[date | None]:
    if table.partitions is Partitions.NONE:
        return [None]
    return sorted({day for house in houses for day in house.warehouse.days(table)})


def _rows_sql(house: House, table: Table, day: date | None) -> str:
    left_out = CLOCKED | (OF_THE_RUN if table.schema == "quality" else set())
    names = ", ".join(f'"{c.name}"' for c in table.all_columns if c.name not in left_out)
    at = f" where date = date '{day}'" if day and table.schema != "quality" else ""
    return f"select {names} from ({house.warehouse.source_sql(table)}){at}"


def _left_over(connection: object, first: str, second: str) -> int:
    """Rows of the first that the second lacks, counted as often as they are missing."""
    query = f"select count(*) from (from {first} except all from {second})"
    return int(connection.execute(query).fetchone()[0])  # type: ignore[attr-defined]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--from", dest="first", type=date.fromisoformat, default=date(2024, 11, 4))
    parser.add_argument("--to", dest="last", type=date.fromisoformat, default=date(2024, 11, 6))
    parser.add_argument("--names", type=int, default=40)
    options = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    folder, days = options.folder.absolute(), (options.first, options.last)
    names = STUDY_TICKERS[: options.names]
    local = {"OFFTAPE_WORKERS": "1"}

    since = time.perf_counter()
    here = finish(start(folder, days, names, str(folder / "alone"), local), folder, since)
    print(f"one process: exit code {here.code}, {here.seconds:.0f} s, peak {here.peak_mb} MB")
    alone = open_house(Settings(warehouse=str(folder / "alone"), tickers=",".join(names)))
    with postgres() as database, bucket() as access:
        os.environ.update(access)
        environment = {**access, "OFFTAPE_POSTGRES": database.url, "PYTHONPATH": str(PROJECT)}
        other = open_house(Settings(warehouse="s3://offtape/study", tickers=",".join(names)))
        there = on_cluster(folder, days, names, other, environment, _count(alone))
        found = list(compared(alone, other))
    grid = Grid("table", "rows", "only in one process", "only on the cluster", "equal")
    for one in found:
        counts = (one.rows, one.only_alone, one.only_cluster)
        grid.add_row(one.table, *(f"{n:,}" for n in counts), "yes" if one.is_equal else "NO")
    Console(width=120).print(grid)
    differing = [one.table for one in found if not one.is_equal]
    print(f"{len(found)} tables, {sum(one.rows for one in found):,} rows, differing: {differing}")
    return 1 if differing or here.code or there.code else 0


if __name__ == "__main__":
    sys.exit(main())
