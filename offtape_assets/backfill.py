"""Running the graph over a range of dates: what to build, in which order, one run per wave.

A wave is a set of assets with the same kind of partition whose inputs are built; each wave of a
date is one Dagster run, whatever the number of tickers.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

import dagster as dg

from offtape_assets.assets.declare import TableAsset
from offtape_assets.assets.house import House
from offtape_assets.assets.materialize import FORCE_TAG, asset_key
from offtape_assets.definitions import build_definitions, declared
from offtape_assets.market.calendar import is_session
from offtape_assets.schedules import range_tags
from offtape_assets.settings import Settings
from offtape_assets.storage.catalog import build_catalog
from offtape_assets.storage.store import LocalStore
from offtape_assets.storage.warehouse import Partition
from offtape_assets.tables.table import Partitions

_ORDER = (
    Partitions.NONE,
    Partitions.CALENDAR_DAY,
    Partitions.DAY_AND_TICKER,
    Partitions.DAY,
)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class SelectionError(Exception):
    """A name in --select is no table and no schema."""


@dataclass(frozen=True)
class Problem:
    """A partition that was asked for and is not there."""

    partition: str
    status: str
    reason: str


def chosen(select: str | None) -> tuple[list[TableAsset], set[str]]:
    """The assets to run for a selection, upstream included, and the names of its tables."""
    assets = [asset for _, asset in declared()]
    by_table = {table.full_name: asset for asset in assets for table in asset.tables}
    names = [part.strip() for part in (select or "").split(",") if part.strip()]
    wanted = {
        full_name
        for full_name in by_table
        if not names or full_name in names or full_name.split(".")[0] in names
    }
    known = set(by_table) | {full_name.split(".")[0] for full_name in by_table}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SelectionError(
            f"{', '.join(unknown)}: no such table or schema; known are {', '.join(sorted(known))}"
        )
    needed: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        asset = by_table[name]
        needed |= {table.full_name for table in asset.tables}
        waiting += [r.table.full_name for r in asset.reads if r.table.full_name in by_table]
    return [a for a in assets if any(t.full_name in needed for t in a.tables)], wanted


def waves(assets: Sequence[TableAsset]) -> list[list[TableAsset]]:
    """Assets in an order that builds inputs first, grouped by kind of partition."""
    remaining = list(assets)
    inside = {table.full_name for asset in assets for table in asset.tables}
    built: set[str] = set()
    ordered: list[list[TableAsset]] = []
    while remaining:
        best = max((_wave(remaining, kind, built, inside) for kind in _ORDER), key=len)
        if not best:
            raise ValueError(f"a circle of reads among {[a.name for a in remaining]}")
        ordered.append(best)
        built |= {table.full_name for asset in best for table in asset.tables}
        remaining = [asset for asset in remaining if asset not in best]
    return ordered


def _wave(
    remaining: Sequence[TableAsset], kind: Partitions, built: set[str], inside: set[str]
) -> list[TableAsset]:
    wave: list[TableAsset] = []
    done = set(built)
    grew = True
    while grew:
        grew = False
        for asset in remaining:
            needs = {r.table.full_name for r in asset.reads} & inside
            if asset.partitions is kind and asset not in wave and needs <= done:
                wave.append(asset)
                done |= {table.full_name for table in asset.tables}
                grew = True
    return wave


def open_instance(warehouse: str) -> dg.DagsterInstance:
    """The Dagster instance whose files lie in the warehouse's folder."""
    return dg.DagsterInstance.from_config(str(instance_folder(warehouse)))


def instance_folder(warehouse: str) -> Path:
    """DAGSTER_HOME of a warehouse, made on first use."""
    base = Path("warehouse") if warehouse.startswith("s3://") else Path(warehouse)
    folder = base.absolute() / ".dagster"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "dagster.yaml"
    if not config.exists():
        config.write_text("telemetry:\n  enabled: false\n")
    return folder


def calendar_days(first: date, last: date) -> Iterator[date]:
    """All dates in [first, last]."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def agenda(assets: Sequence[TableAsset], first: date, last: date) -> dict[date, list[TableAsset]]:
    """Which assets to build on which date: the range, and the days before it that they read."""
    by_table = {table.full_name: asset for asset in assets for table in asset.tables}
    needed: dict[date, list[TableAsset]] = {}
    waiting = [
        (asset, day)
        for asset in assets
        for day in calendar_days(first, last)
        if is_open(asset.partitions, day)
    ]
    while waiting:
        asset, day = waiting.pop()
        if asset in needed.setdefault(day, []):
            continue
        needed[day].append(asset)
        for read in asset.reads:
            upstream = by_table.get(read.table.full_name)
            waiting += [
                (upstream, other)
                for other in read.days_to_build(day)
                if upstream and is_open(upstream.partitions, other)
            ]
    return {day: [a for a in assets if a in needed[day]] for day in sorted(needed)}


def is_open(kind: Partitions, day: date) -> bool:
    """Whether tables of this kind have a partition on `day`."""
    if kind is Partitions.NONE:
        return False
    return kind is Partitions.CALENDAR_DAY or is_session(day)


def first_day_needed(select: str | None, first: date, last: date) -> date:
    """The earliest date a backfill must build, days read before the range included."""
    return min(agenda(chosen(select)[0], first, last), default=first)


@dataclass
class Backfill:
    """A range of dates and a selection of tables, built wave by wave."""

    settings: Settings
    house: House
    first: date
    last: date
    select: str | None = None
    force: bool = False

    def run(self) -> list[Problem]:
        """Build everything asked for; return what could not be built."""
        assets, wanted = chosen(self.select)
        if isinstance(self.house.warehouse.store, LocalStore):
            self.house.warehouse.store.sweep()
        job = build_definitions(self.settings, self.house).resolve_implicit_global_asset_job_def()
        logging.getLogger("dagster").setLevel(logging.CRITICAL)
        crashes: list[Problem] = []
        with open_instance(self.settings.warehouse) as instance:

            def launch(wave: Sequence[TableAsset], days: Sequence[date]) -> None:
                kind = wave[0].partitions
                keys = {asset_key(table) for asset in wave for table in asset.tables}
                tags = range_tags(days, self.settings.tickers, kind) if days else {}
                if self.force:
                    tags[FORCE_TAG] = ",".join(sorted(wanted))
                result = job.get_subset(asset_selection=keys).execute_in_process(
                    instance=instance, raise_on_error=False, tags=tags, run_config=QUIET
                )
                crashes.extend(_crashes(result))

            for wave in waves([a for a in assets if a.partitions is Partitions.NONE]):
                launch(wave, [])
            for days, needed in self._batches(assets):
                for wave in waves(needed):
                    launch(wave, [day for day in days if is_open(wave[0].partitions, day)])
        build_catalog(self.house.warehouse)
        return [*crashes, *self._problems(assets, wanted)]

    def _batches(
        self, assets: Sequence[TableAsset]
    ) -> Iterator[tuple[list[date], list[TableAsset]]]:
        """Dates that make up one run per wave: single ones, but the days before the range at once."""
        dated = [asset for asset in assets if asset.partitions is not Partitions.NONE]
        plan = agenda(dated, self.first, self.last)
        before = [day for day in plan if day < self.first]
        for needed, days in groupby(before, key=lambda day: plan[day]):
            yield list(days), needed
        for day in plan:
            if day >= self.first:
                yield [day], plan[day]

    def _problems(self, assets: Sequence[TableAsset], wanted: set[str]) -> Iterator[Problem]:
        """Partitions of the range that are not done; absence counts only where asked by name."""
        by_name = {name.strip() for name in (self.select or "").split(",")}
        for asset in assets:
            table = asset.tables[0]
            for day, ticker in self._targets(asset):
                state = self.house.warehouse.states([table], day).get(Partition(table, day, ticker))
                status = state.status if state else "missing"
                if status == "absent" and table.full_name not in by_name:
                    continue
                if status == "missing" and table.full_name not in wanted:
                    continue
                if status != "done":
                    target = Partition(table, day, ticker)
                    yield Problem(str(target), status, state.reason if state else "not built")

    def _targets(self, asset: TableAsset) -> Iterator[tuple[date | None, str]]:
        if asset.partitions is Partitions.NONE:
            yield None, ""
            return
        tickers = self.settings.tickers if asset.tables[0].has_ticker else ("",)
        for day in calendar_days(self.first, self.last):
            if is_open(asset.partitions, day):
                yield from ((day, ticker) for ticker in tickers)


def _crashes(result: dg.ExecuteInProcessResult) -> Iterator[Problem]:
    """Steps that ended in an error of ours or of Dagster, not in partitions that failed."""
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error:
            cause = event.step_failure_data.error.cause or event.step_failure_data.error
            if cause.cls_name != "Failure":
                yield Problem(str(event.step_key), "crashed", cause.message.strip())
