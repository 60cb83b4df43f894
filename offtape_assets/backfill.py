"""Running the graph over a range of dates: one Dagster run per date and wave, unchanged skipped."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg

from offtape_assets.agenda import agenda, batches, calendar_days, chosen, is_open, waves
from offtape_assets.assets.declare import TableAsset
from offtape_assets.assets.house import House
from offtape_assets.assets.mart import KEYS as MART_KEYS
from offtape_assets.assets.mart import STEP as MART_STEP
from offtape_assets.assets.materialize import FORCE_TAG, asset_key, day_job
from offtape_assets.assets.quality import is_unjudged
from offtape_assets.instance import open_instance
from offtape_assets.launching import dates_at_once, launcher
from offtape_assets.schedules import range_tags
from offtape_assets.settings import Settings
from offtape_assets.storage.catalog import build_catalog
from offtape_assets.storage.warehouse import Partition, State
from offtape_assets.tables.table import Partitions


@dataclass(frozen=True)
class Problem:
    """A partition that was asked for and is not there."""

    partition: str
    status: str
    reason: str


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
        self.house.warehouse.store.sweep()
        crashes: list[Problem] = []
        together = dates_at_once(self.settings)
        with open_instance(self.settings) as instance:
            run = launcher(self.settings, self.house, instance)

            launched: list[Partitions] = []

            def launch(wave: Sequence[TableAsset], days: Sequence[date]) -> None:
                kind = wave[0].partitions
                keys = [asset_key(table) for asset in wave for table in asset.tables]
                tags = range_tags(days, self.settings.tickers, kind) if days else {}
                tags |= self._tags(days)
                if self.force:
                    tags[FORCE_TAG] = ",".join(sorted(wanted))
                crashes.extend(_crashes(run(keys, tags)))
                launched.append(kind)

            for wave in waves([a for a in assets if a.partitions is Partitions.NONE]):
                unsettled = self._unsettled(wave, [None], wanted)
                if unsettled:
                    launch(unsettled, [])
            dated = [asset for asset in assets if asset.partitions is not Partitions.NONE]
            plan = agenda(dated, self.first, self.last)
            for days, needed in batches(plan, self.first, together):
                for wave in waves(needed):
                    open_days = [day for day in days if is_open(wave[0].partitions, day)]
                    unsettled = self._unsettled(wave, open_days, wanted)
                    if unsettled:
                        launch(unsettled, open_days)
            if launched:
                crashes.extend(_crashes(run(MART_KEYS, self._tags([]))))
            else:
                build_catalog(self.house.warehouse)
        return [*crashes, *self._problems(assets, wanted)]

    def _tags(self, days: Sequence[date]) -> dict[str, str]:
        """What the UI shows of a run beside its partitions."""
        tags = {"offtape/source": self.settings.source, "offtape/select": self.select or "all"}
        return tags | ({"offtape/dates": f"{days[0]}..{days[-1]}"} if days else {})

    def _unsettled(
        self, wave: Sequence[TableAsset], days: Sequence[date | None], wanted: set[str]
    ) -> list[TableAsset]:
        """Assets of a wave with a partition to build or to judge, and those that read them."""
        changing: list[TableAsset] = []
        scratch = self.house.warehouse.store.scratch()
        try:
            for asset in wave:
                upstream = {table for other in changing for table in other.tables}
                forced = self.force and any(table.full_name in wanted for table in asset.tables)
                tickers = self.settings.tickers if asset.tables[0].has_ticker else ("",)
                if (
                    forced
                    or any(read.table in upstream for read in asset.reads)
                    or any(
                        any(job.standing(ticker) not in ("done", "absent") for ticker in tickers)
                        or is_unjudged(self.house, asset, job.day, job.states)
                        for job in (
                            day_job(self.house, asset, day, tickers, scratch) for day in days
                        )
                    )
                ):
                    changing.append(asset)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return changing

    def _problems(self, assets: Sequence[TableAsset], wanted: set[str]) -> Iterator[Problem]:
        """Partitions of the range that are not done; absence counts only where asked by name."""
        by_name = {name.strip() for name in (self.select or "").split(",")}
        for asset in assets:
            table = asset.tables[0]
            targets = list(self._targets(asset))
            states: dict[Partition, State] = {}
            for day in {day for day, _ in targets}:
                states |= self.house.warehouse.states([table], day)
            for target in (Partition(table, day, ticker) for day, ticker in targets):
                state = states.get(target)
                status = state.status if state else "missing"
                if status == "absent" and table.full_name not in by_name:
                    continue
                if status == "missing" and table.full_name not in wanted:
                    continue
                if status != "done":
                    yield Problem(str(target), status, state.reason if state else "not built")

    def _targets(self, asset: TableAsset) -> Iterator[tuple[date | None, str]]:
        if asset.partitions is Partitions.NONE:
            yield None, ""
            return
        tickers = self.settings.tickers if asset.tables[0].has_ticker else ("",)
        for day in calendar_days(self.first, self.last):
            if is_open(asset.partitions, day):
                yield from ((day, ticker) for ticker in tickers)


def _crashes(events: Sequence[dg.DagsterEvent]) -> Iterator[Problem]:
    """Steps that ended in an error of ours or of Dagster, not in partitions that failed."""
    failed = False
    for event in events:
        failed |= event.is_step_failure
        if event.is_step_failure and event.step_failure_data.error:
            cause = event.step_failure_data.error.cause or event.step_failure_data.error
            if cause.cls_name != "Failure" or event.step_key == MART_STEP:
                yield Problem(str(event.step_key), "crashed", cause.message.strip())
        if event.event_type is dg.DagsterEventType.RUN_FAILURE and not failed:
            error = event.job_failure_data.error
            yield Problem("run", "crashed", error.message.strip() if error else "no reason given")
