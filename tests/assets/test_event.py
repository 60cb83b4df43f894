"""The event through the graph: a simulated day, a recorded day, and days that have nothing."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from offtape_assets.backfill import Backfill
from offtape_assets.definitions import open_house
from offtape_assets.settings import Settings
from offtape_assets.storage.catalog import build_catalog, open_catalog

SELECT = "model.event_clocks,model.event_diagnostics,truth.event_path"


def backfill(settings: Settings, day: date, select: str = SELECT) -> Backfill:
    return Backfill(settings, open_house(settings), day, day, select=select)


def query(job: Backfill, text: str) -> pl.DataFrame:
    build_catalog(job.house.warehouse)
    with open_catalog(job.house.warehouse) as connection:
        return connection.execute(text).pl()


def test_a_simulated_day_is_recovered(tmp_path: Path) -> None:
    day = date(2024, 10, 21)
    pair = {"event_yes": "CONTROLH-2024-R", "event_no": "CONTROLH-2024-D"}
    settings = Settings(warehouse=str(tmp_path), tickers="SPY", start_date=day, workers=1, **pair)
    job = backfill(settings, day)
    assert job.run() == []
    contracts = query(job, "select distinct contract from model.kalshi_probabilities")
    assert set(contracts["contract"]) == set(pair.values())  # another event by settings alone
    scores = query(
        job,
        "select quantity, estimates_ok, rmse, coverage_90 from mart.recovery_scores"
        " where estimator = 'event_probability' order by quantity",
    )
    assert scores["quantity"].to_list() == ["continuous", "probit"]
    assert (scores["estimates_ok"] > 500).all()
    assert (scores["rmse"] < 0.004).all()
    assert (scores["coverage_90"] > 0.85).all()
    timeline = query(job, "select * from mart.event_timeline order by bucket")
    assert timeline["probability"].null_count() == 0
    assert timeline["bucket"].is_sorted()
    assert timeline["ticker"].is_null().all()  # no name was built
    assert job.run() == []  # nothing is stale


@pytest.mark.realdata
def test_another_event_by_settings_alone_and_a_missing_day(
    tmp_path: Path, landing_folder: Path
) -> None:
    settings = Settings(
        source="landing",
        landing=landing_folder,
        warehouse=str(tmp_path),
        event_yes="SENATENV-2022-R",
        event_no="SENATENV-2022-D",
        event_date=date(2022, 11, 8),
        tickers="SPY",
        start_date=date(2022, 11, 1),
        workers=1,
    )
    job = backfill(settings, date(2022, 11, 9), "model.event_clocks")
    assert job.run() == []
    rows = query(job, "select * from model.kalshi_probabilities where method = 'continuous'")
    assert rows.height == 453
    assert rows["probability"].is_between(0, 1).all()
    missing = backfill(settings, date(2022, 11, 10), "model.event_clocks").run()
    assert [problem.status for problem in missing] == ["absent"]
