"""Partitions built on a Dask cluster: one task per date and ticker, sent from inside a step.

A step of Dagster's Dask executor runs on one worker; it leaves that worker's thread, hands its
partitions to all workers and reports what became of them. What a task needs travels with it.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from importlib import import_module
from typing import NamedTuple

from offtape_assets.assets.day_job import DayJob, Outcome
from offtape_assets.assets.declare import TableAsset, raw_asset
from offtape_assets.assets.house import House, open_house
from offtape_assets.settings import Settings
from offtape_assets.storage.warehouse import Partition, State
from offtape_assets.tables.registry import stored_tables, table_named

NOT_SENT = {"cluster", "postgres", "workers", "memory_mb"}
"""Settings of the driver: a task builds on the worker it runs on, with that worker's threads."""

StateRow = tuple[str, date | None, str, State]


class Errand(NamedTuple):
    """One task: some tickers of one date of one asset, and what is known of their inputs."""

    job: type[DayJob]
    asset: str
    settings: str
    day: date | None
    tickers: tuple[str, ...]
    run_id: str
    force: bool
    keeps_frames: bool
    states: tuple[StateRow, ...]


def build_on_cluster(jobs: Iterable[DayJob]) -> Iterator[Outcome]:
    """Build the partitions of several dates on all workers; yield outcomes as they come.

    A task whose worker dies is run again elsewhere; one that killed several workers fails its
    own partitions only.
    """
    from distributed import as_completed, worker_client  # a second to load, clusters only

    sent: dict[str, tuple[DayJob, Errand]] = {}
    with worker_client() as client:
        futures = []
        for job in jobs:
            for errand in errands(job):
                futures.append(client.submit(run_errand, errand, pure=False))
                sent[futures[-1].key] = job, errand
        for future in as_completed(futures):
            job, errand = sent.pop(future.key)
            if future.status == "finished":
                yield from future.result()
            else:
                reason = f"the task was lost: {future.exception()!r}"
                yield from (job.give_up(ticker, "failed", reason) for ticker in errand.tickers)
            future.release()


def errands(job: DayJob) -> Iterator[Errand]:
    """The tasks of one date: a ticker each, but a file that holds all tickers is read once."""
    reads_once = job.asset.is_raw and job.house.source.reads_day_files
    groups = [tuple(job.tickers)] if reads_once else [(ticker,) for ticker in job.tickers]
    settings = json.dumps(job.house.settings.model_dump(mode="json", exclude=NOT_SENT))
    for number, tickers in enumerate(groups):
        yield Errand(
            type(job),
            _address(job.asset),
            settings,
            job.day,
            tickers,
            job.run_id,
            job.force,
            keeps_frames=number == 0,
            states=tuple(_relevant(job.states, tickers)),
        )


def run_errand(errand: Errand) -> list[Outcome]:
    """Build the partitions of one task on this worker."""
    house = _house(errand.settings, _threads())
    tables = {table.full_name: table for table in stored_tables()}
    states = {Partition(tables[t], day, ticker): state for t, day, ticker, state in errand.states}
    asset = _asset(errand.asset)
    scratch = house.warehouse.store.scratch()
    try:
        job = errand.job(
            house,
            asset,
            errand.day,
            errand.tickers,
            errand.run_id,
            errand.force,
            scratch,
            states,
        )
        outcomes = list(job.run())
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if errand.keeps_frames:  # one picture is drawn per step, so other frames need not travel
        return outcomes
    return [replace(outcome, frames=()) for outcome in outcomes]


def _relevant(states: dict[Partition, State], tickers: Sequence[str]) -> Iterator[StateRow]:
    for (table, day, ticker), state in states.items():
        if not ticker or ticker in tickers or tickers == ("",):
            yield table.full_name, day, ticker, state


def _address(asset: TableAsset) -> str:
    """Where a worker finds the asset: its module and name, or the table a source fills."""
    if asset.build is None:
        return asset.tables[0].full_name
    return f"{asset.build.__module__}:{asset.build.__name__}"


@lru_cache(maxsize=256)
def _asset(address: str) -> TableAsset:
    module, is_derived, name = address.partition(":")
    if not is_derived:
        return raw_asset(table_named(address))
    asset: TableAsset = getattr(import_module(module), name)
    return asset


@lru_cache(maxsize=2)
def _house(settings: str, threads: int) -> House:
    return open_house(Settings(**json.loads(settings), workers=threads))


def _threads() -> int:
    from distributed import get_worker

    return int(get_worker().state.nthreads)
