"""What the gates cost: the simulated event day through the whole graph, gates timed inside it.

    python benchmarks/gates.py [--format table|csv] [--quick]

Seconds are wall time inside the gates (judging all rows, pages, verdicts; the first includes what is
left of the import) beside those of the whole backfill. 40 names, 4 with --quick.
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
    inside: list[float] = []
    through_gates = materialize.through_gates

    def timed(*given):
        start = time.perf_counter()
        found = through_gates(*given)
        inside.append(time.perf_counter() - start)
        return found

    materialize.through_gates = timed
    try:
        start = time.perf_counter()
        problems = Backfill(settings, open_house(settings), day, day).run()
        whole = time.perf_counter() - start
    finally:
        materialize.through_gates = through_gates
        shutil.rmtree(folder)
    share = sum(inside) / whole
    rows = [
        Row(f"event day, {len(tickers)} names", sum(inside), whole, "the whole day", whole / sum(inside),
            f"{share:.1%} of the run; {len(problems)} not done", f"< {GOAL:.0%}", share < GOAL),
        Row("slowest gate", max(inside), whole, "the whole day", whole / max(inside),
            f"{len(inside)} steps", "reported", True),
    ]  # fmt: skip
    report("Cost of the gates", rows, options.format)


if __name__ == "__main__":
    main()
