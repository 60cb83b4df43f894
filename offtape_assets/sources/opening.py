"""Which source a settings object names."""

from typing import TYPE_CHECKING

from offtape_assets.settings import Settings
from offtape_assets.sources.source import Source, SourceError

if TYPE_CHECKING:
    from offtape_assets.sources.simulator.simulator import SimulatorSource


def open_source(settings: Settings) -> Source:
    """The source of raw rows.

    Raises
    ------
    SourceError
        If the landing folder is not named or does not exist.
    """
    if settings.source == "simulator":
        return simulated_market(settings)
    if settings.landing is None:
        raise SourceError(
            f"source {settings.source!r} reads a landing folder;"
            " name it with --landing or OFFTAPE_LANDING"
        )
    from offtape_assets.sources.landing.landing import LandingSource  # a second to load

    return LandingSource(settings.landing)


def simulated_market(settings: Settings) -> "SimulatorSource":
    """The simulated market of the settings' seed, world, event and rates."""
    from offtape_assets.sources.simulator.simulator import SimulatorSource  # a second to load

    return SimulatorSource(
        settings.seed,
        settings.world,
        settings.event_date,
        settings.rates,
        settings.event_yes,
        settings.event_no,
        settings.workers,
    )
