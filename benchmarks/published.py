"""Numbers of the literature beside ours: case, quantity, published, ours, tolerance, ok.

python benchmarks/published.py [--format table|csv]
"""

import argparse
import csv
import sys

import published_joint
import published_leadership
import published_options
from rich.console import Console
from rich.table import Table

SUBJECTS = (published_leadership, published_options, published_joint)
HEADER = ("case", "quantity", "published", "ours", "tolerance", "ok")


def main() -> int:
    parser = argparse.ArgumentParser(description="published numbers beside ours")
    parser.add_argument("--format", choices=("table", "csv"), default="table")
    style = parser.parse_args().format
    rows = [
        (*case, abs(case[3] - case[2]) <= case[4])
        for subject in SUBJECTS
        for case in subject.cases()
    ]
    if style == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows)
    else:
        table = Table(*HEADER, title="the literature reproduced")
        for row in rows:
            table.add_row(*(f"{x:.6g}" if isinstance(x, float) else str(x) for x in row))
        Console(width=150).print(table)
    return 0 if all(row[-1] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
