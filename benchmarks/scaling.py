"""Weak scaling of the per-ticker stages: one worker builds a date, two workers build two dates.

    python benchmarks/scaling.py [--format table|csv] [--quick]

Workers are processes of one thread on this machine; Dagster's own bookkeeping is left out (see
orchestration.py). Workers are warm, imports and compiled kernels loaded. Both sides are timed in turn and the
best of four repeats counts, since other processes of the machine only add time.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Row, arguments, report

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from offtape_assets.agenda import chosen, waves
from offtape_assets.assets.cluster import NOT_SENT
from offtape_assets.assets.declare import TableAsset
from offtape_assets.assets.house import open_house
from offtape_assets.assets.materialize import build_targets
from offtape_assets.market.universe import STUDY_TICKERS
from offtape_assets.settings import Settings
from offtape_assets.tables.table import Partitions
from tests.cluster import cluster

if TYPE_CHECKING:
    from distributed import Client

SELECT = (
    "raw.trades,raw.quotes,raw.option_quotes,features.microstructure_1m,model.risk_neutral_fits"
)
DAYS = [date(2024, 11, 6), date(2024, 11, 7), date(2024, 11, 8)]
NAMES = STUDY_TICKERS[:16]
REPEATS = 4
GOAL = 1.7


def build(settings: str, asset_name: str, days: list[date]) -> int:
    """One step, run on a worker: an asset's partitions of some dates; how many were built."""
    chosen_settings = Settings(**json.loads(settings), cluster="this one", workers=1)
    house = open_house(chosen_settings)
    asset = next(asset for asset in chosen(None)[0] if asset.name == asset_name)
    tickers = chosen_settings.tickers if asset.tables[0].has_ticker else ("",)
    dates: list[date | None] = list(days) if asset.partitions is not Partitions.NONE else [None]
    targets = [(day, ticker) for day in dates for ticker in tickers]
    outcomes = list(build_targets(house, asset, targets, "benchmark", force=True))
    bad = [outcome for outcome in outcomes if outcome.status == "failed"]
    if bad:
        raise RuntimeError(f"{asset_name}: {bad[0].reason}")
    return len(outcomes)


def seconds_of(
    client: "Client", settings: str, assets: Sequence[TableAsset], days: list[date]
) -> tuple[float, int]:
    """Seconds of the per-ticker steps of some dates on a cluster, and their tasks."""
    total, tasks = 0.0, 0
    for asset in assets:
        start = time.perf_counter()
        count = client.submit(build, settings, asset.name, days, pure=False).result()
        if asset.tables[0].has_ticker:
            total, tasks = total + time.perf_counter() - start, tasks + count
    return total, tasks


def measured(names: tuple[str, ...]) -> dict[int, tuple[float, int]]:
    """Best seconds and tasks of one worker on one date and of two on two, in turn."""
    from distributed import Client

    assets = [asset for wave in waves(chosen(SELECT)[0]) for asset in wave]
    taken: dict[int, list[tuple[float, int]]] = {1: [], 2: []}
    with ExitStack() as stack:
        sides = {}
        for workers in taken:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            settings = Settings(warehouse=str(folder / "warehouse"), tickers=",".join(names))
            sent = json.dumps(settings.model_dump(mode="json", exclude=NOT_SENT))
            made = stack.enter_context(cluster(folder, workers, {"OPENBLAS_NUM_THREADS": "1"}))
            sides[workers] = stack.enter_context(Client(made.address)), sent
            seconds_of(*sides[workers], assets, DAYS[2:])  # warms the workers up
        for _ in range(REPEATS):
            for workers, (client, sent) in sides.items():
                taken[workers].append(seconds_of(client, sent, assets, DAYS[:workers]))
    return {workers: min(found) for workers, found in taken.items()}


def main() -> None:
    options = arguments("weak scaling of the per-ticker stages")
    names = NAMES[:4] if options.quick else NAMES
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    (alone, few), (both, many) = measured(names).values()
    ratio = (many / both) / (few / alone)
    accuracy = f"{few} tasks in {alone:.1f} s, {many} in {both:.1f} s"
    row = Row("tasks/s, 2 workers beside 1", many / both, few / alone, "1 worker", ratio,
              accuracy, f">= {GOAL}x", ratio >= GOAL)  # fmt: skip
    report("Scaling", [row], options.format)


if __name__ == "__main__":
    main()
