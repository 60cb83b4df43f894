"""One Dagster run: some assets, a range of partitions, in this process or on a Dask cluster."""

import json
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import dagster as dg

from offtape_assets.assets.house import House
from offtape_assets.definitions import build_definitions
from offtape_assets.settings import Settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
MOST_DATES_AT_ONCE = 20
"""A run holds the outcomes of its dates in memory, so a batch is bounded."""

Launch = Callable[[Sequence[dg.AssetKey], Mapping[str, str]], Sequence[dg.DagsterEvent]]


class ClusterError(Exception):
    """The cluster cannot be reached; the message names the remedy."""


def launcher(settings: Settings, house: House, instance: dg.DagsterInstance) -> Launch:
    """What runs assets over the partitions that run tags name, and returns the events."""
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    if settings.cluster:
        return _on_cluster(settings, instance)
    job = build_definitions(settings, house).resolve_implicit_global_asset_job_def()

    def launch(keys: Sequence[dg.AssetKey], tags: Mapping[str, str]) -> Sequence[dg.DagsterEvent]:
        result = job.get_subset(asset_selection=set(keys)).execute_in_process(
            instance=instance, raise_on_error=False, tags=dict(tags), run_config=QUIET
        )
        return result.all_events

    return launch


def dates_at_once(settings: Settings) -> int:
    """Dates that make up one run: one here, on a cluster as many as there are threads.

    A table of a date is one task, so that fewer dates would leave workers idle.

    Raises
    ------
    ClusterError
        If no scheduler answers at the address.
    """
    if not settings.cluster:
        return 1
    from distributed import Client

    try:
        with Client(settings.cluster, timeout="20s") as client:
            threads = sum(client.nthreads().values())
    except OSError as error:
        raise ClusterError(
            f"no Dask scheduler at {settings.cluster}: start one with `dask scheduler`"
        ) from error
    if not threads:
        raise ClusterError(
            f"the scheduler at {settings.cluster} has no workers:"
            f" start some with `dask worker {settings.cluster} --nthreads 1`"
        )
    return min(threads, MOST_DATES_AT_ONCE)


def _on_cluster(settings: Settings, instance: dg.DagsterInstance) -> Launch:
    """Steps go to the workers, which rebuild the job from the settings sent with it."""
    sent = settings.model_dump_json(exclude={"postgres"})

    def launch(keys: Sequence[dg.AssetKey], tags: Mapping[str, str]) -> Sequence[dg.DagsterEvent]:
        names = ",".join(sorted(key.to_user_string() for key in keys))
        # Dask knows a step by the job's name, which must therefore differ between runs
        arguments = {"settings": sent, "assets": names, "name": f"backfill_{uuid.uuid4().hex[:8]}"}
        job = dg.build_reconstructable_job(
            __name__, cluster_job.__name__, reconstructable_kwargs=arguments
        )
        with dg.execute_job(
            job, instance, run_config=QUIET, tags=dict(tags), raise_on_error=False
        ) as result:
            return result.all_events

    return launch


def cluster_job(settings: str, assets: str, name: str) -> dg.JobDefinition:
    """The job of one run, rebuilt alike in the driver and on every worker."""
    whole = _whole_job(settings)
    keys = {dg.AssetKey.from_user_string(key) for key in assets.split(",")}
    return whole.get_subset(asset_selection=keys)._copy(name=name)


@lru_cache(maxsize=2)
def _whole_job(settings: str) -> dg.JobDefinition:
    definitions = build_definitions(Settings(**json.loads(settings)))
    return definitions.resolve_implicit_global_asset_job_def()
