"""What the gates cost: the simulated event day through the whole graph, gates timed inside it.

    python benchmarks/gates.py [--format table|csv] [--quick]

Time inside the gates (judging all rows, pages, verdicts; the first includes what is left of the
import) beside that of the whole backfill: wall seconds, and processor seconds of all threads, which
other work on the machine does not stretch. 40 names, 4 with --quick.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from harness import Row, arguments, report

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from offtape_assets.agenda import first_day_needed
from offtape_assets.assets import materialize
from offtape_assets.assets.house import open_house
from offtape_assets.backfill import Backfill
from offtape_assets.market.universe import STUDY_TICKERS
from offtape_assets.settings import Settings

GOAL = 0.10


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(start: tuple[float, float]) -> tuple[float, float]:
    wall, processor = _clocks()
    return wall - start[0], processor - start[1]


def main() -> None:
    options = arguments("what the gates cost in a day's run")
    tickers = STUDY_TICKERS[:4] if options.quick else STUDY_TICKERS
    day = Settings().event_date
    folder = Path(tempfile.mkdtemp())
    settings = Settings(
        warehouse=str(folder),
        tickers=",".join(tickers),
        start_date=first_day_needed(None, day, day),
        last_date=day,
    )
    inside: list[tuple[float, float]] = []
    through_gates = materialize.through_gates

    def timed(*given):
        start = _clocks()
        found = through_gates(*given)
        inside.append(_since(start))
        return found

    materialize.through_gates = timed
    try:
        start = _clocks()
        problems = Backfill(settings, open_house(settings), day, day).run()
        whole = _since(start)
        for problem in problems[:5]:
            print(problem, file=sys.stderr)
    finally:
        materialize.through_gates = through_gates
        shutil.rmtree(folder)
    rows = []
    for number, clock in enumerate(("wall", "processor")):
        gates = sum(passage[number] for passage in inside)
        share = gates / whole[number]
        told = f"{share:.1%} of the run, {len(inside)} steps, {len(problems)} not done"
        case = f"event day, {len(tickers)} names, {clock} seconds"
        rows.append(
            Row(case, gates, whole[number], "the whole day", 1 / share, told,
                f"< {GOAL:.0%}", share < GOAL)
        )  # fmt: skip
    report("Cost of the gates", rows, options.format)


if __name__ == "__main__":
    main()
