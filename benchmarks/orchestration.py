"""What orchestration costs: a small day of 40 tickers built by Dagster, and the same without it.

    python benchmarks/orchestration.py [--format table|csv] [--quick]

Seconds are per partition (a table, a date, a ticker) of raw.trades, raw.quotes and the four minute
feature tables, 300 rows a tick file. The last row is the second run of the date, when every
partition is up to date.
"""

import shutil
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from harness import Row, arguments, report

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from offtape_assets.agenda import chosen, waves
from offtape_assets.assets.materialize import build_targets
from offtape_assets.backfill import Backfill
from offtape_assets.definitions import open_house
from offtape_assets.settings import Settings
from offtape_assets.tables.table import Partitions
from tests import small_day

DAY = date(2024, 11, 5)
SELECT = "raw.trades,raw.quotes,features.microstructure_1m"


def _settings(folder: Path, name: str, tickers: list[str]) -> Settings:
    return Settings(
        source="landing",
        landing=folder / "landing",
        warehouse=str(folder / name),
        tickers=",".join(tickers),
        start_date=DAY,
        last_date=DAY,
    )


def _with_dagster(settings: Settings) -> float:
    start = time.perf_counter()
    problems = Backfill(settings, open_house(settings), DAY, DAY, SELECT).run()
    if problems:
        raise RuntimeError(f"the benchmark's day did not build: {problems[0]}")
    return time.perf_counter() - start


def _without_dagster(settings: Settings) -> tuple[float, int]:
    start, house, partitions = time.perf_counter(), open_house(settings), 0
    for wave in waves(chosen(SELECT)[0]):
        for asset in wave:
            days = [None] if asset.partitions is Partitions.NONE else [DAY]
            tickers = settings.tickers if asset.tables[0].has_ticker else ("",)
            targets = [(day, ticker) for day in days for ticker in tickers]
            outcomes = list(build_targets(house, asset, targets, "benchmark"))
            if any(outcome.status != "built" for outcome in outcomes):
                raise RuntimeError(f"{asset.name} was not built")
            partitions += len(outcomes) * len(asset.tables)
    return time.perf_counter() - start, partitions


def main() -> None:
    options = arguments("what orchestration costs per partition")
    tickers = [f"T{number:02}" for number in range(8 if options.quick else 40)]
    folder = Path(tempfile.mkdtemp())
    try:
        small_day.land(folder / "landing", DAY, tickers)
        _without_dagster(_settings(folder, "warm", tickers[:1]))
        bare, partitions = _without_dagster(_settings(folder, "bare", tickers))
        full = _with_dagster(_settings(folder, "full", tickers))
        again = _with_dagster(_settings(folder, "full", tickers))
    finally:
        shutil.rmtree(folder)
    bare, full, again = (seconds / partitions for seconds in (bare, full, again))
    rows = [
        Row("seconds per partition", full, bare, "without Dagster", bare / full,
            f"{partitions} partitions", "reported", True),
        Row("overhead per partition", full - bare, bare, "its own work", bare / (full - bare),
            f"{partitions} partitions", "reported", True),
        Row("second run, unchanged", again, bare, "first run's work", bare / again,
            "nothing rebuilt", "reported", True),
    ]  # fmt: skip
    report("Cost of orchestration", rows, options.format)


if __name__ == "__main__":
    main()
