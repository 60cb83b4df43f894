"""Weak scaling of the per-ticker stages: one worker builds a date, two workers build two dates.

    python benchmarks/scaling.py [--format table|csv] [--quick]

Workers are processes of one thread on this machine; Dagster's own bookkeeping is left out (see
orchestration.py). Workers are warm, imports and compiled kernels loaded; the best of three repeats
counts, since other processes of the machine only add time.
"""

import os
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from harness import Row, arguments, report

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from offtape_assets.agenda import chosen, waves
from offtape_assets.assets.cluster import NOT_SENT
from offtape_assets.assets.house import open_house
from offtape_assets.assets.materialize import build_targets
from offtape_assets.settings import Settings
from offtape_assets.tables.table import Partitions
from tests.cluster import cluster

SELECT = (
    "raw.trades,raw.quotes,raw.option_quotes,features.microstructure_1m,model.risk_neutral_fits"
)
DAYS = [date(2024, 11, 6), date(2024, 11, 7), date(2024, 11, 8)]
NAMES = ("SPY", "NVDA", "QQQ", "META", "DJT", "XLF", "AMD", "IWM")
REPEATS = 3
GOAL = 1.7


def build(settings: str, asset_name: str, days: list[date]) -> int:
    """One step, run on a worker: an asset's partitions of some dates; how many were built."""
    import json

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


def seconds_of(workers: int, folder: Path, names: tuple[str, ...]) -> tuple[float, int]:
    """Best seconds of the per-ticker steps on so many workers and dates, and their tasks."""
    import json

    from distributed import Client

    settings = Settings(warehouse=str(folder / "warehouse"), tickers=",".join(names))
    sent = json.dumps(settings.model_dump(mode="json", exclude=NOT_SENT))
    best, tasks = 0.0, 0
    with cluster(folder, workers, {"OPENBLAS_NUM_THREADS": "1"}) as made, Client(made.address) as c:
        assets = [asset for wave in waves(chosen(SELECT)[0]) for asset in wave]
        per_ticker = {asset.name for asset in assets if asset.tables[0].has_ticker}
        for repeat in range(1 + REPEATS):  # the first, on another date, warms the workers up
            total, tasks = 0.0, 0
            for asset in assets:
                days = DAYS[:workers] if repeat else DAYS[2:]
                start = time.perf_counter()
                count = c.submit(build, sent, asset.name, days, pure=False).result()
                if asset.name in per_ticker:
                    total, tasks = total + time.perf_counter() - start, tasks + count
            best = min(best, total) if repeat > 1 else total
    return best, tasks


def main() -> None:
    options = arguments("weak scaling of the per-ticker stages")
    names = NAMES[:4] if options.quick else NAMES
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        alone, few = seconds_of(1, Path(one), names)
        both, many = seconds_of(2, Path(two), names)
    ratio = (many / both) / (few / alone)
    accuracy = f"{few} tasks in {alone:.1f} s, {many} in {both:.1f} s"
    row = Row("tasks/s, 2 workers beside 1", many / both, few / alone, "1 worker", ratio,
              accuracy, f">= {GOAL}x", ratio >= GOAL)  # fmt: skip
    report("Scaling", [row], options.format)


if __name__ == "__main__":
    main()
