"""What `offtape plan` predicts beside what backfills take: time, memory and disk at three sizes.

    python benchmarks/plan.py [--format table|csv] [--quick]

The record learnt from is two dates of a warehouse, of 4 and of 12 names; the backfills predicted are
other dates and names, each into a warehouse of its own by one worker. Names are drawn at random,
since the study's first names are its busiest. Every side is a command of its own, timed from its
start to its end.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.harness import Row, arguments, report
from offtape_assets import planning
from offtape_assets.assets.house import open_house
from offtape_assets.market.universe import STUDY_TICKERS
from offtape_assets.settings import Settings

LEARNT = ((date(2024, 10, 29), 4), (date(2024, 10, 30), 12))
SIZES = ((date(2024, 10, 31), date(2024, 10, 31), 5), (date(2024, 11, 1), date(2024, 11, 1), 20), (date(2024, 10, 29), date(2024, 10, 31), 10))  # fmt: skip
TOLERANCE = 0.25


class Taken(NamedTuple):
    """What a backfill took, or is predicted to take."""

    seconds: float
    memory_mb: float
    disk_mb: float


def drawn(count: int) -> tuple[str, ...]:
    """So many of the study's names, the same ones every time."""
    return tuple(random.Random(count).sample(STUDY_TICKERS, count))


def backfill(first: date, last: date, names: tuple[str, ...], warehouse: Path) -> Taken:
    """Run the command; its seconds, peak memory and what it stored."""
    words = ["backfill", "--from", str(first), "--to", str(last), "--tickers", ",".join(names)]
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "offtape_assets", *words, "--warehouse", str(warehouse)],
        env={**os.environ, "OFFTAPE_WORKERS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=sys.stderr,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    files = (f for f in warehouse.rglob("*") if f.is_file() and ".dagster" not in f.parts)
    size = sum(f.stat().st_size for f in files if f.name != "offtape.duckdb")
    return Taken(seconds, usage.ru_maxrss / 1024, size / 1e6)


def predicted(first: date, last: date, names: tuple[str, ...], record: Path) -> Taken:
    """What the plan says of the same backfill."""
    house = open_house(Settings(warehouse=str(record), tickers=",".join(names)))
    plan = planning.predict(house, planning.learn(house), first, last, workers=1)
    return Taken(plan.wall_seconds, float(plan.memory_mb), plan.size / 1e6)


def main() -> None:
    options = arguments("predicted beside measured backfills")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record"
        backfill(LEARNT[0][0], LEARNT[0][0], drawn(4), Path(folder) / "warm")  # compiles kernels
        for day, count in LEARNT:
            backfill(day, day, drawn(count), record)
        for number, (first, last, count) in enumerate(SIZES[:1] if options.quick else SIZES):
            names = drawn(count)
            foretold = predicted(first, last, names, record)
            taken = backfill(first, last, names, Path(folder) / str(number))
            for what, ours, real in zip(Taken._fields, foretold, taken, strict=True):
                case = f"{(last - first).days + 1} days x {count} names, {what}"
                error = ours / real - 1
                rows.append(
                    Row(case, ours, real, "measured", ours / real, f"predicted {error:+.0%}",
                        f"within {TOLERANCE:.0%}", abs(error) <= TOLERANCE)
                )  # fmt: skip
    report("Predicted and measured backfills", rows, options.format)


if __name__ == "__main__":
    main()
