"""Where a day goes: the simulated event day through all stages in one process, by what the process did.

    python benchmarks/day_profile.py [--format table|csv] [--quick]

Processor seconds of one worker (other work on the machine does not stretch them), beside those of the
whole run: building each asset's partitions, the gates, Dagster's history, deciding what is to build.
A light day and a heavy one (200 million quotes), 40 names, 4 with --quick. The largest parts are shown.
"""

import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from benchmarks.harness import Row, arguments, report
from offtape_assets.agenda import first_day_needed
from offtape_assets.assets import materialize
from offtape_assets.assets.house import open_house
from offtape_assets.backfill import Backfill
from offtape_assets.market.universe import STUDY_TICKERS
from offtape_assets.settings import Settings

SHOWN = 14


class Clock:
    """Processor and wall seconds of each part; a part inside another counts for itself only."""

    def __init__(self) -> None:
        self.parts: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0])
        self._running: list[str] = []
        self._since = self._now()

    def _now(self) -> tuple[float, float]:
        return time.process_time(), time.perf_counter()

    def switch(self, enter: str | None = None) -> None:
        """Book the time since the last switch; enter a part, or leave the present one."""
        now = self._now()
        part = self.parts[self._running[-1] if self._running else "the rest"]
        part[0] += now[0] - self._since[0]
        part[1] += now[1] - self._since[1]
        self._since = now
        if enter is None:
            self._running.pop()
        else:
            self._running.append(enter)
            self.parts[enter][2] += 1

    def timed(self, part: str, call: Callable[..., object]) -> Callable[..., object]:
        """The same function, booked under a part."""

        def run(*given: object, **named: object) -> object:
            self.switch(part)
            try:
                return call(*given, **named)
            finally:
                self.switch()

        return run


def watch(clock: Clock) -> None:
    """Put the clock into the places where a day's time goes."""
    build = materialize.build_targets

    def built(house: object, asset: object, *given: object) -> Iterator[object]:
        clock.switch(f"build {asset.name}")  # type: ignore[attr-defined]
        try:
            yield from list(build(house, asset, *given))  # type: ignore[arg-type]
        finally:
            clock.switch()

    materialize.build_targets = built  # type: ignore[assignment]
    materialize.through_gates = clock.timed("gates", materialize.through_gates)  # type: ignore[assignment]
    SqliteEventLogStorage.store_event = clock.timed("history of runs", SqliteEventLogStorage.store_event)  # type: ignore[assignment,method-assign]  # fmt: skip
    Backfill._unsettled = clock.timed("what is to build", Backfill._unsettled)  # type: ignore[assignment,method-assign]  # fmt: skip


def profile(rates: Literal["light", "heavy"], count: int) -> list[Row]:
    """Build the event day of so many names in this process; its largest parts and its peak memory."""
    tickers, day, clock = STUDY_TICKERS[:count], Settings().event_date, Clock()
    watch(clock)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            warehouse=folder,
            tickers=",".join(tickers),
            start_date=first_day_needed(None, day, day),
            last_date=day,
            workers=1,
            rates=rates,
        )
        for problem in Backfill(settings, open_house(settings), day, day).run()[:5]:
            print(problem, file=sys.stderr)
    clock.switch("end")
    whole = sum(part[0] for part in clock.parts.values())
    wall = sum(part[1] for part in clock.parts.values())
    ordered = sorted(clock.parts.items(), key=lambda item: -item[1][0])[:SHOWN]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    case = f"{rates} day, {count} names"
    rows = [Row(f"{case}: processor seconds", whole, wall, "wall seconds", whole / wall, f"peak memory {peak:.0f} MB", "reported", True)]  # fmt: skip
    for name, (processor, seconds, calls) in ordered:
        note = f"{processor / whole:.1%} of the day, wall {seconds:.0f} s, {calls} times"
        part = f"{case}: {name.replace('__', ', ')}"
        rows.append(Row(part, processor, whole, "the whole day", processor / whole, note, "reported", True))  # fmt: skip
    return rows


def main() -> None:
    options = arguments("where a day goes")
    rows: list[Row] = []
    for rates in ("light", "heavy"):
        with ProcessPoolExecutor(1, get_context("spawn")) as alone:  # peaks do not mix
            rows += alone.submit(profile, rates, 4 if options.quick else 40).result()
    report("Where a day goes, processor seconds", rows, options.format)


if __name__ == "__main__":
    main()
