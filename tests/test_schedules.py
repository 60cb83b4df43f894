"""When Dagster acts by itself: what its schedules and the sensor of the landing folder ask for."""

from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from offtape_assets.definitions import build_definitions
from offtape_assets.market.calendar import NEW_YORK
from offtape_assets.settings import Settings


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("landing")


@pytest.fixture(scope="module")
def definitions(landing: Path) -> dg.Definitions:
    return build_definitions(
        Settings(source="landing", landing=landing, tickers=("AAA", "BBB"), warehouse="unused")
    )


def test_the_session_before_is_landed_on_the_next_morning(definitions: dg.Definitions) -> None:
    monday = datetime(2024, 11, 4, 11, 30, tzinfo=NEW_YORK)
    schedule = definitions.resolve_schedule_def("tables_of_a_day_and_ticker_of_the_day_before")
    with dg.build_schedule_context(scheduled_execution_time=monday) as context:
        (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.tags["dagster/asset_partition_range_start"] == "2024-11-01|AAA"
    assert request.tags["dagster/asset_partition_range_end"] == "2024-11-01|BBB"
    assert dg.AssetKey(["raw", "trades"]) in (request.asset_selection or [])
    assert request.job_name == "tables_of_a_day_and_ticker"


def test_a_new_landing_file_asks_for_its_date_once(
    definitions: dg.Definitions, landing: Path
) -> None:
    sensor = definitions.resolve_sensor_def("new_landing_files")

    def ask(cursor: str | None) -> Any:
        with dg.build_sensor_context(cursor=cursor) as context:
            return sensor.evaluate_tick(context)

    for name in ("quotes/2024-11-05.csv.gz", ".incoming/2024-11-06.csv.gz", "markets.json"):
        (landing / name).parent.mkdir(exist_ok=True)
        (landing / name).write_text("rows")
    first = ask(None)
    starts = {r.tags["dagster/asset_partition_range_start"] for r in first.run_requests}
    assert starts == {"2024-11-05", "2024-11-05|AAA"}
    assert len({request.run_key for request in first.run_requests}) == len(first.run_requests)
    assert not ask(first.cursor).run_requests
