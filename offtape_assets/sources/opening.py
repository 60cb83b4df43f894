"""Which source a settings object names."""

from dataclasses import fields
from typing import TYPE_CHECKING

from offtape_assets.settings import Settings
from offtape_assets.sources.source import Source, SourceError

if TYPE_CHECKING:
    from offtape_assets.sources.simulator.simulator import SimulatorSource
    from offtape_assets.sources.vendors.source import Restated


_OWN_SETTINGS = {"seed", "kind", "event_date", "rates", "chain_minutes"}
"""Fields of the simulated world that have a setting of their own."""


def open_source(settings: Settings) -> Source:
    """The source of raw rows.

    Raises
    ------
    SourceError
        If the landing folder is not named or does not exist.
    """
    if settings.source == "simulator":
        return simulated_market(settings)
    if settings.source == "vendors":
        from offtape_assets.sources.vendors.source import VendorSource  # polars, a second to load

        return VendorSource(settings)
    if settings.landing is None:
        raise SourceError(
            f"source {settings.source!r} reads a landing folder;"
            " name it with --landing or OFFTAPE_LANDING"
        )
    from offtape_assets.sources.landing.landing import LandingSource  # a second to load

    return LandingSource(settings.landing)


def restated_files(settings: Settings) -> "list[Restated]":
    """Files whose vendors have another version now than the landing folder; asks the vendors."""
    from offtape_assets.sources.vendors.source import VendorSource  # polars, a second to load

    return VendorSource(settings).look()


def simulated_market(settings: Settings) -> "SimulatorSource":
    """The simulated market of the settings' seed, world, event, rates and planted quantities.

    Raises
    ------
    SourceError
        If `planted` names an unknown quantity or gives it a value it cannot have.
    """
    from offtape_assets.sources.simulator.settings import World
    from offtape_assets.sources.simulator.simulator import SimulatorSource  # a second to load

    known = {field.name for field in fields(World)} - _OWN_SETTINGS
    unknown = sorted(set(settings.planted) - known)
    if unknown:
        raise SourceError(
            f"OFFTAPE_PLANTED names {', '.join(unknown)}; choose from {', '.join(sorted(known))}"
        )
    for name, value in settings.planted.items():
        if isinstance(value, str) != isinstance(getattr(World, name), str):
            raise SourceError(
                f"OFFTAPE_PLANTED: {name} is {value!r}; it is like {getattr(World, name)!r}"
            )
    try:
        return SimulatorSource(
            settings.seed,
            settings.world,
            settings.event_date,
            settings.rates,
            settings.event_yes,
            settings.event_no,
            settings.workers,
            chain_minutes=settings.chain_minutes,
            **settings.planted,
        )
    except ValueError as wrong:
        raise SourceError(f"OFFTAPE_PLANTED: {wrong}") from None
