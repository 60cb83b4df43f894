"""All benchmarks, one after the other, into one table: docs/benchmarks.csv and docs/benchmarks.md.

    python benchmarks/collect.py                     # every script; run it on a machine alone
    python benchmarks/collect.py kalman lead_lag     # these only; the others' rows stay
    python benchmarks/collect.py --page              # only write the page again

Rows are kept in the CSV file, the page is made from it. A script that ends in an error keeps a row
that says so. Quick runs are marked.
"""

import argparse
import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.harness import Row

HERE = Path(__file__).resolve().parent
RECORD = HERE.parent / "docs" / "benchmarks.csv"
PAGE = HERE.parent / "docs" / "benchmarks.md"

TOPICS = {
    "ingest": "reading a vendor's flat file",
    "fetch": "fetching and landing a flat file",
    "simulator": "the simulated market",
    "microstructure": "trade signing and minute features",
    "implied_vol": "implied volatility and greeks",
    "density": "smile to density",
    "option_day": "a day of option chains",
    "vecm": "rolling error correction, information shares",
    "lead_lag": "lead-lag, Granger, Hayashi-Yoshida",
    "kalman": "local-level filter",
    "contracts": "digital and range contracts",
    "demixing": "conditional laws",
    "factors": "factor returns and betas",
    "rearrangement": "rearrangement, joint laws",
    "gates": "cost of the quality gates",
    "orchestration": "cost of orchestration",
    "day_profile": "where a day goes",
    "plan": "predicted and measured backfills",
    "scaling": "one worker and two",
    "kill_points": "writers killed",
    "readers_and_writers": "readers beside writers",
}
"""Script and subject, in the order of the page."""

ROW_NAMES = tuple(field.name for field in fields(Row))


class Measured(NamedTuple):
    """One row of the record: a script's row and the run it comes from."""

    script: str
    measured: str
    """UTC, to the minute."""
    seconds: str
    """How long the script took."""
    load: str
    """Load average of the machine before the script began."""
    size: str
    """'whole' or 'quick'."""
    row: tuple[str, ...]
    """The fields of `Row`, as text."""


RUN_NAMES = Measured._fields[:-1]


def rows_printed(text: str) -> list[tuple[str, ...]]:
    """The rows of a script's output; what it printed before them is left out."""
    lines = text.splitlines()
    header = ",".join(ROW_NAMES)
    if header not in lines:
        return []
    return [tuple(row) for row in csv.reader(lines[lines.index(header) + 1 :]) if row]


def measure(script: str, quick: bool, folder: Path = HERE) -> list[Measured]:
    """Run a script; its rows, or one row that says how it failed."""
    load, start = os.getloadavg()[0], time.perf_counter()
    command = [sys.executable, str(folder / f"{script}.py"), "--format", "csv"]
    done = subprocess.run(
        command + ["--quick"] * quick, stdout=subprocess.PIPE, text=True, check=False
    )
    seconds = time.perf_counter() - start
    found = rows_printed(done.stdout)
    if done.returncode or not found:
        failed = Row("the script ended in an error", *[float("nan")] * 2, "", float("nan"), "", f"exit code {done.returncode}", False)  # fmt: skip
        found.append(tuple(str(x) for x in astuple(failed)))
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    size = "quick" if quick else "whole"
    return [Measured(script, now, f"{seconds:.0f}", f"{load:.1f}", size, row) for row in found]


def recorded(file: Path) -> list[Measured]:
    """All rows of the record; none where there is no file yet."""
    if not file.exists():
        return []
    with file.open(newline="") as opened:
        rows = list(csv.reader(opened))[1:]
    return [Measured(*row[: len(RUN_NAMES)], tuple(row[len(RUN_NAMES) :])) for row in rows]


def replaced(before: Iterable[Measured], script: str, new: Sequence[Measured]) -> list[Measured]:
    """The record with a script's rows replaced, in the order of the topics."""
    order = list(TOPICS)
    kept = [one for one in before if one.script != script and one.script in TOPICS]
    return sorted([*kept, *new], key=lambda one: order.index(one.script))


def keep(file: Path, record: Iterable[Measured]) -> None:
    """Write the record; readers see the old one or the new one."""
    beside = file.with_suffix(".unfinished")
    with beside.open("w", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow([*RUN_NAMES, *ROW_NAMES])
        writer.writerows([*one[:-1], *one.row] for one in record)
    beside.replace(file)


def page(record: Sequence[Measured]) -> str:
    """The record as Markdown: the comparisons, then the runs they come from."""
    reached = sum(one.row[-1] == "True" for one in record)
    missing = [script for script in TOPICS if script not in {one.script for one in record}]
    parts = [
        "# Benchmarks",
        "Ours beside the peer in the same run. Written by `make bench`, from `benchmarks.csv`; one"
        "\nscript again: `python benchmarks/collect.py NAME`. Ratios above one are in our favour;"
        "\nabsolute times belong to the machine and its load.",
        f"{reached} of {len(record)} rows reach their goal."
        + (f" Not measured: {', '.join(missing)}." if missing else ""),
        _grid(
            ("script", "case", "ours", "peer", "peer is", "ratio", "accuracy", "goal", "ok"),
            [(one.script, *_cells(one.row)) for one in record],
        ),
        "## Runs",
        _grid(
            ("script", "subject", "measured, UTC", "seconds", "load before", "size"),
            dict.fromkeys(
                (one.script, TOPICS[one.script], one.measured, one.seconds, one.load, one.size)
                for one in record
            ),
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _cells(row: tuple[str, ...]) -> list[str]:
    numbers = {field.name for field in fields(Row) if field.type is float}
    cells = []
    for name, text in zip(ROW_NAMES, row, strict=True):
        if name in numbers:
            cells.append("" if text == "nan" else f"{float(text):.4g}")
        else:
            cells.append({"True": "yes", "False": "**no**"}.get(text, text))
    return cells


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help=", ".join(TOPICS))
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer repeats")
    parser.add_argument("--page", action="store_true", help="measure nothing, write the page")
    options = parser.parse_args()
    unknown = sorted(set(options.scripts) - set(TOPICS))
    if unknown:
        parser.error(f"no such script: {', '.join(unknown)}; known are {', '.join(TOPICS)}")
    failed = 0
    for script in [] if options.page else options.scripts or TOPICS:
        found = measure(script, options.quick)
        failed += found[-1].row[0] == "the script ended in an error"
        keep(RECORD, replaced(recorded(RECORD), script, found))
        PAGE.write_text(page(recorded(RECORD)))
        missed = [one.row[0] for one in found if one.row[-1] != "True"]
        print(f"{script}: {len(found)} rows in {found[0].seconds} s, goal missed: {missed or 0}")
    PAGE.write_text(page(recorded(RECORD)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
