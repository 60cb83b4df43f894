"""A whole day of option chains through the warehouse: every minute of the study's 40 names, from stored
quotes to stored laws, in seconds and peak memory.

    python benchmarks/option_day.py [--format table|csv] [--quick]

The quotes are simulated and stored first; that part is timed, too, but is not the warehouse's work.
"""

import resource
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.harness import Row, arguments, report
from offtape_assets.backfill import Backfill
from offtape_assets.definitions import open_house
from offtape_assets.settings import Settings

DAY = date(2024, 11, 5)
QUICK_TICKERS = ("SPY", "NVDA")
STAGES = (
    ("simulated quotes, stored", "raw.option_quotes,raw.open_interest,raw.treasury_bills"),
    ("quotes to volatilities", "features.option_smiles"),
    ("volatilities to laws", "model.risk_neutral_fits"),
)
NAN = float("nan")


def stage_row(settings: Settings, case: str, wanted: str) -> Row:
    """Build one stage of the day and report its seconds and the process's peak memory so far."""
    start, worked = time.perf_counter(), time.process_time()
    failed = Backfill(settings, open_house(settings), DAY, DAY, wanted).run()
    seconds, worked = time.perf_counter() - start, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    note = f"{worked:.0f} s of processor time, peak {peak:.0f} MB"
    return Row(case, seconds, NAN, "", NAN, note, "none failed", failed == [])


def result_row(settings: Settings) -> Row:
    """What the day came to: instants by status, rows and bytes of the laws."""
    import polars as pl

    root = Path(settings.warehouse) / "model"
    fits = pl.read_parquet(f"{root}/risk_neutral_fits/**/*.parquet")
    laws = pl.scan_parquet(f"{root}/risk_neutral_densities/**/*.parquet")
    size = sum(f.stat().st_size for f in (root / "risk_neutral_densities").rglob("*.parquet"))
    good = fits.filter(pl.col("status") == "ok").height
    updates = (fits["update_kind"] == "update").mean()
    note = (
        f"{fits.height} instants of {len(settings.tickers)} names, {updates:.0%} updates,"
        f" {laws.select(pl.len()).collect().item():,} rows of laws, {size / 2**20:.0f} MB stored"
    )
    return Row("instants with a law", float(good), NAN, "", NAN, note, "all", good == fits.height)


def main() -> None:
    """Print the table."""
    options = arguments(__doc__ or "")
    with tempfile.TemporaryDirectory() as folder:
        chosen = {"tickers": QUICK_TICKERS} if options.quick else {}
        settings = Settings(
            warehouse=folder, chain_minutes=1, snapshot_minutes=1, last_date=DAY, **chosen
        )
        rows = [stage_row(settings, case, wanted) for case, wanted in STAGES]
        seconds = sum(row.ours for row in rows[1:])
        rows.append(Row("stored quotes to stored laws", seconds, NAN, "", NAN, "", "", True))
        rows.append(result_row(settings))
    report("A day of option chains, seconds", rows, options.format)


if __name__ == "__main__":
    main()
