"""Where Dagster begins: every asset, job, schedule and sensor, built from one Settings object."""

from functools import partial
from types import ModuleType

import dagster as dg
from dagster_duckdb import DuckDBResource

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
from offtape_assets.assets.house import House
from offtape_assets.assets.materialize import to_dagster
from offtape_assets.partitions import Axes
from offtape_assets.schedules import automation
from offtape_assets.settings import Settings
from offtape_assets.sources.opening import open_source
from offtape_assets.storage.warehouse import Warehouse

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


def open_house(settings: Settings) -> House:
    """The warehouse, source and connections that a settings object names."""
    duckdb = DuckDBResource(database=":memory:")
    return House(
        settings,
        Warehouse(settings.warehouse),
        partial(open_source, settings),
        duckdb.get_connection,
    )


def build_definitions(settings: Settings, house: House | None = None) -> dg.Definitions:
    """Everything Dagster is told, for one settings object."""
    axes = Axes(settings)
    made = [to_dagster(asset, axes, group) for group, asset in declared()]
    return dg.Definitions(
        assets=[asset for asset, _ in made],
        asset_checks=[check for _, check in made],
        resources={"house": house or open_house(settings)},
        executor=dg.in_process_executor,
        **automation(settings, axes, declared()),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` loads: the definitions for the settings in the environment."""
    return build_definitions(Settings())
