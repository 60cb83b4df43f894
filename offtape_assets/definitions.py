"""Where Dagster begins: every asset, job, schedule and sensor, built from one Settings object."""

from types import ModuleType

import dagster as dg

from offtape_assets.assets import (
    conditional,
    contracts,
    event,
    factors,
    features,
    joint,
    leadership,
    options,
    raw,
    truth,
)
from offtape_assets.assets.declare import TableAsset
from offtape_assets.assets.house import House, open_house
from offtape_assets.assets.mart import mart_assets
from offtape_assets.assets.materialize import to_dagster
from offtape_assets.partitions import Axes
from offtape_assets.schedules import automation
from offtape_assets.settings import Settings

SUBJECTS: tuple[ModuleType, ...] = (
    raw,
    features,
    factors,
    event,
    contracts,
    options,
    conditional,
    truth,
    leadership,
    joint,
)
"""Modules of assets; a module's name is the group its assets are shown in."""


def declared() -> list[tuple[str, TableAsset]]:
    """Every declared asset with its group, in the order of the stages."""
    return [
        (module.__name__.rpartition(".")[2], value)
        for module in SUBJECTS
        for value in vars(module).values()
        if isinstance(value, TableAsset)
    ]


def build_definitions(settings: Settings, house: House | None = None) -> dg.Definitions:
    """Everything Dagster is told, for one settings object."""
    axes = Axes(settings)
    made = [to_dagster(asset, axes, group) for group, asset in declared()]
    return dg.Definitions(
        assets=[*(asset for asset, _ in made), *mart_assets()],
        asset_checks=[check for _, check in made],
        resources={"house": house or open_house(settings)},
        executor=_executor(settings),
        **automation(settings, axes, declared()),
    )


def _executor(settings: Settings) -> dg.ExecutorDefinition:
    """Steps in this process, or on the workers of an existing Dask cluster."""
    if settings.cluster is None:
        return dg.in_process_executor
    from offtape_assets.dask_steps import dask_steps  # the cluster extra

    return dask_steps.configured({"address": settings.cluster}, "dask")


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` loads: the definitions for the settings in the environment."""
    return build_definitions(Settings())
