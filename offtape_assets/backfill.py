"""Running the graph over a range of dates: what to build, in which order, one run per wave.

A wave is a set of assets with the same kind of partition whose inputs are built; each wave of a
date is one Dagster run, whatever the number of tickers.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
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


@dataclass
class Backfill:
    """A range of dates and a selection of tables, built wave by wave."""

    settings: Settings
    house: House
    first: date
    last: date
    select: str | None = None
    force: bool = False
    announce: Callable[[str], None] = lambda line: None

    def run(self) -> list[Problem]:
        """Build everything asked for; return what could not be built."""
        self._crashes: list[Problem] = []
        assets, wanted = chosen(self.select)
        if isinstance(self.house.warehouse.store, LocalStore):
            self.house.warehouse.store.sweep()
        definitions = build_definitions(self.settings, self.house)
        job = definitions.resolve_implicit_global_asset_job_def()
        logging.getLogger("dagster").setLevel(logging.CRITICAL)
        plan = waves(assets)
        with open_instance(self.settings.warehouse) as instance:
            self._run_wave(instance, job, plan, None, wanted)
            for day in calendar_days(self.first, self.last):
                self.announce(day.isoformat())
                self._run_wave(instance, job, plan, day, wanted)
        build_catalog(self.house.warehouse)
        return [*self._crashes, *self._problems(assets, wanted)]

    def _run_wave(
        self,
        instance: dg.DagsterInstance,
        job: dg.JobDefinition,
        plan: Sequence[Sequence[TableAsset]],
        day: date | None,
        wanted: set[str],
    ) -> None:
        for wave in plan:
            kind = wave[0].partitions
            if (kind is Partitions.NONE) != (day is None):
                continue
            if day and kind is not Partitions.CALENDAR_DAY and not is_session(day):
                continue
            keys = {asset_key(table) for asset in wave for table in asset.tables}
            tags = range_tags(day, self.settings.tickers, kind) if day else {}
            if self.force:
                tags[FORCE_TAG] = ",".join(sorted(wanted))
            result = job.get_subset(asset_selection=keys).execute_in_process(
                instance=instance, raise_on_error=False, tags=tags, run_config=QUIET
            )
            self._crashes += list(_crashes(result))

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
            if asset.partitions is Partitions.CALENDAR_DAY or is_session(day):
                yield from ((day, ticker) for ticker in tickers)


def _crashes(result: dg.ExecuteInProcessResult) -> Iterator[Problem]:
    """Steps that ended in an error of ours or of Dagster, not in partitions that failed."""
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error:
            cause = event.step_failure_data.error.cause or event.step_failure_data.error
            if cause.cls_name != "Failure":
                yield Problem(str(event.step_key), "crashed", cause.message.strip())
