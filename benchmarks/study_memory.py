"""Memory over the number of days: one backfill of six sessions, its peaks after each, in one process
or, with --cluster, of the driver and two workers beside Postgres and a bucket.

    python benchmarks/study_memory.py [--cluster] [--names 3]

A row tells the largest memory any process had when so many dates were done. Flat means that neither the
driver nor the larger worker of the last row is above that of half the dates by more than a tenth: which
worker gets a large task is chance.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.table import Table as Grid

from benchmarks.plan import drawn
from benchmarks.study_cluster import PROJECT, peak_mb, start
from offtape_assets.agenda import chosen, waves
from offtape_assets.assets.house import House, open_house
from offtape_assets.market.calendar import is_session
from offtape_assets.settings import Settings
from offtape_assets.tables.table import Partitions
from tests.cluster import bucket, cluster, postgres

DAYS = (date(2024, 10, 28), date(2024, 11, 4))
TOLERANCE = 0.10


def peaks_by_dates(
    house: House, driver: subprocess.Popen[bytes], workers: Sequence[subprocess.Popen[bytes]]
) -> dict[int, list[int]]:
    """Peaks of the driver and of the workers, last seen with so many dates done."""
    dated = [a for a in chosen(None)[0] if a.partitions is Partitions.DAY]
    last = waves(dated)[-1][-1].tables[0]
    seen: dict[int, list[int]] = {}
    while driver.poll() is None:
        done = sum(DAYS[0] <= day <= DAYS[1] for day in house.warehouse.days(last))
        try:
            seen[done] = [peak_mb(process) for process in (driver, *workers)]
        except (FileNotFoundError, StopIteration):  # it ended meanwhile
            break
        time.sleep(3)
    return seen


def in_one_process(folder: Path, names: tuple[str, ...]) -> tuple[int, dict[int, list[int]]]:
    """Exit code and peaks of a backfill here."""
    root = str(folder / "warehouse")
    house = open_house(Settings(warehouse=root, tickers=",".join(names)))
    running = start(folder, DAYS, names, root, {"OFFTAPE_WORKERS": "1"})
    seen = peaks_by_dates(house, running, [])
    return running.wait(), seen


def on_cluster(folder: Path, names: tuple[str, ...]) -> tuple[int, dict[int, list[int]]]:
    """Exit code and peaks of a backfill on two workers."""
    with postgres() as database, bucket() as access:
        os.environ.update(access)
        environment = {**access, "OFFTAPE_POSTGRES": database.url, "PYTHONPATH": str(PROJECT)}
        house = open_house(Settings(warehouse="s3://offtape/memory", tickers=",".join(names)))
        with cluster(folder / "dask", 2, environment) as made:
            words = ("--cluster", made.address)
            running = start(folder, DAYS, names, house.settings.warehouse, environment, *words)
            seen = peaks_by_dates(house, running, made.workers)
            return running.wait(), seen


def largest(peaks: Sequence[int]) -> tuple[int, int]:
    """Of the driver and of its workers; a driver without workers works itself."""
    driver, *workers = peaks
    return driver, max(workers, default=driver)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cluster", action="store_true", help="two workers, Postgres, a bucket")
    parser.add_argument("--names", type=int, default=3)
    options = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        run = on_cluster if options.cluster else in_one_process
        code, seen = run(Path(folder), drawn(options.names))
    sessions = sum(is_session(date.fromordinal(d)) for d in range(DAYS[0].toordinal(), DAYS[1].toordinal() + 1))  # fmt: skip
    names = ["process"] if not options.cluster else ["driver", "worker 1", "worker 2"]
    grid = Grid("dates done", *(f"{name}, MB" for name in names))
    for done, peaks in sorted(seen.items()):
        grid.add_row(str(done), *map(str, peaks))
    Console(width=100).print(grid)
    half = seen[min(done for done in seen if done >= sessions / 2)]
    sides = zip(largest(half), largest(seen[max(seen)]), strict=True)
    growth = max(last / middle - 1 for middle, last in sides)
    print(f"exit code {code}; from half of the {sessions} dates to all: {growth:+.1%}")
    return 1 if code or growth > TOLERANCE else 0


if __name__ == "__main__":
    sys.exit(main())
