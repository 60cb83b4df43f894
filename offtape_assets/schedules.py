"""When Dagster acts by itself: jobs by kind of partition, the daily schedule, new landing files."""

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple, TypedDict

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from offtape_assets.assets.declare import TableAsset
from offtape_assets.assets.mart import KEYS as MART_KEYS
from offtape_assets.assets.materialize import asset_key
from offtape_assets.market.calendar import NEW_YORK, sessions_before
from offtape_assets.partitions import Axes
from offtape_assets.settings import Settings
from offtape_assets.sources.opening import restated_files
from offtape_assets.tables.table import Partitions, Table

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
MART_JOB = "views_of_the_mart"
_JOB_NAMES = {
    Partitions.NONE: "reference_tables",
    Partitions.CALENDAR_DAY: "tables_of_a_calendar_day",
    Partitions.DAY_AND_TICKER: "tables_of_a_day_and_ticker",
    Partitions.DAY: "tables_of_a_trading_day",
}


class Automation(TypedDict):
    """What definitions.py hands on to Dagster."""

    jobs: list[UnresolvedAssetJobDefinition]
    schedules: list[dg.ScheduleDefinition]
    sensors: list[dg.SensorDefinition]


def range_tags(days: Sequence[date], tickers: Sequence[str], kind: Partitions) -> dict[str, str]:
    """Run tags that stand for all partitions from the first to the last of the days."""
    first, last = days[0].isoformat(), days[-1].isoformat()
    if kind is Partitions.DAY_AND_TICKER:
        first, last = f"{first}|{tickers[0]}", f"{last}|{tickers[-1]}"
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def automation(
    settings: Settings, axes: Axes, assets: Sequence[tuple[str, TableAsset]]
) -> Automation:
    """Jobs, schedules and sensors for one settings object."""
    jobs = [
        dg.define_asset_job(name, _selection(assets, kind), partitions_def=axes.of(kind))
        for kind, name in _JOB_NAMES.items()
        if any(asset.partitions is kind for _, asset in assets)
    ]
    jobs.append(dg.define_asset_job(MART_JOB, dg.AssetSelection.assets(*MART_KEYS)))
    landings = [
        Landing(_JOB_NAMES[kind], kind, tables, settings.tickers)
        for kind in _JOB_NAMES
        if (tables := [t for _, a in assets if a.is_raw and a.partitions is kind for t in a.tables])
    ]
    return {
        "jobs": jobs,
        "schedules": [_daily(landing) for landing in landings],
        "sensors": [
            _landing_sensor(settings, landings, jobs),
            _restatement_sensor(settings, landings, jobs),
        ],
    }


class Landing(NamedTuple):
    """The raw tables with one kind of partition, and the job that fills them."""

    job: str
    kind: Partitions
    tables: Sequence[Table]
    tickers: Sequence[str]

    def request(self, day: date, key: str, names: Collection[str] | None = None) -> dg.RunRequest:
        """A run that fills the tables, or the named ones, on one date."""
        return dg.RunRequest(
            run_key=f"{key}:{self.kind.value}",
            job_name=self.job,
            asset_selection=[
                asset_key(table)
                for table in self.tables
                if names is None or table.full_name in names
            ],
            tags=range_tags([day], self.tickers, self.kind),
        )


def _daily(landing: Landing) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{landing.job}_of_the_day_before",
        job_name=landing.job,
        cron_schedule="30 11 * * 2-6",
        execution_timezone="America/New_York",
        description="Land the last session once the vendors published it, about 11:00.",
    )
    def land(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        now = context.scheduled_execution_time.astimezone(NEW_YORK)
        day = sessions_before(now.date(), 1)[0]
        return landing.request(day, day.isoformat())

    return land


def _landing_sensor(
    settings: Settings, landings: Sequence[Landing], jobs: Sequence[UnresolvedAssetJobDefinition]
) -> dg.SensorDefinition:
    @dg.sensor(jobs=jobs, minimum_interval_seconds=60)
    def new_landing_files(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
        """Ask for the raw tables of every date whose landing files are new or were restated."""
        if settings.landing is None or not settings.landing.is_dir():
            yield from ()
            return
        newest, days = _changed_since(int(context.cursor or 0), settings.landing)
        for day in sorted(days):
            for landing in landings:
                yield landing.request(date.fromisoformat(day), f"{day}:{newest}")
        context.update_cursor(str(newest))

    return new_landing_files


def _changed_since(seen: int, folder: Path) -> tuple[int, set[str]]:
    """When the newest file changed, and the dates in the names of files changed after `seen`."""
    newest, days = seen, set[str]()
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if name.startswith("."):  # what is still arriving, and versions that were replaced
            continue
        changed = path.stat().st_mtime_ns
        found = _DATE.search(name)
        if path.is_file() and found and changed > seen:
            days.add(found.group())
            newest = max(newest, changed)
    return newest, days


def _restatement_sensor(
    settings: Settings, landings: Sequence[Landing], jobs: Sequence[UnresolvedAssetJobDefinition]
) -> dg.SensorDefinition:
    @dg.sensor(jobs=jobs, minimum_interval_seconds=3600)
    def restated_vendor_files(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
        """Ask for the raw tables of every date of which a vendor has another version now."""
        if settings.source != "vendors":
            return
        found = restated_files(settings)
        for landing in landings:
            known = {table.full_name for table in landing.tables}
            for restated in found:
                names = known.intersection(restated.tables)
                if names:
                    yield landing.request(restated.day, restated.version, names)

    return restated_vendor_files


def _selection(assets: Sequence[tuple[str, TableAsset]], kind: Partitions) -> dg.AssetSelection:
    keys = [asset_key(t) for _, asset in assets if asset.partitions is kind for t in asset.tables]
    return dg.AssetSelection.assets(*keys)
