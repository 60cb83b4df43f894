"""How every benchmark is timed and printed: ours and the peer interleaved in one run, medians, a ratio.

A benchmark script builds `Row`s and hands them to `report`; the figures it prints are ratios
measured side by side, because absolute times on shared cores mean little.
"""

import argparse
import csv
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One comparison: seconds (or another unit) of ours and the peer, their ratio, an accuracy."""

    case: str
    ours: float
    peer: float
    peer_name: str
    ratio: float
    accuracy: str
    goal: str
    ok: bool


def interleave(
    ours: Callable[[], object], peer: Callable[[], object], repeats: int = 5
) -> tuple[float, float]:
    """Median seconds of both, run in turn after one warm-up each."""
    ours()
    peer()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for side, run in zip(seconds, (ours, peer), strict=True):
            start = time.perf_counter()
            run()
            side.append(time.perf_counter() - start)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def compare(
    case: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    peer_name: str,
    goal: float,
    accuracy: str,
    repeats: int = 5,
) -> Row:
    """Time both sides and say whether peer/ours reaches the goal ratio."""
    mine, theirs = interleave(ours, peer, repeats)
    ratio = theirs / mine
    return Row(case, mine, theirs, peer_name, ratio, accuracy, f">= {goal:g}x", ratio >= goal)


def arguments(description: str) -> argparse.Namespace:
    """The flags all benchmark scripts share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--format", choices=("table", "csv"), default="table")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer repeats")
    return parser.parse_args()


def report(title: str, rows: Sequence[Row], style: str) -> None:
    """Print the rows as a table for people or as CSV for programs."""
    names = [field.name for field in fields(Row)]
    if style == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(names)
        writer.writerows(astuple(row) for row in rows)
        return
    table = Table(title=title)
    for name in names:
        table.add_column(name)
    for row in rows:
        table.add_row(*(f"{x:.4g}" if isinstance(x, float) else str(x) for x in astuple(row)))
    Console(width=160).print(table)
