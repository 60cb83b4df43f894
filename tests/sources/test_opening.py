"""Which source the settings name, and what they may plant."""

import pytest

from offtape_assets.settings import Settings
from offtape_assets.sources.opening import simulated_market
from offtape_assets.sources.source import SourceError


def test_planted_quantities_are_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("OFFTAPE_PLANTED", "exercise=american, dividend_yield=0.03,market_names=60")
    settings = Settings()
    world = simulated_market(settings).world
    assert (world.exercise, world.dividend_yield, world.market_names) == ("american", 0.03, 60)
    assert settings.has_american_options
    assert not Settings(planted={}).has_american_options


@pytest.mark.parametrize(
    ("planted", "told"),
    [
        ("dividends=0.02", "OFFTAPE_PLANTED names dividends; choose from .*dividend_yield"),
        ("seed=7", "OFFTAPE_PLANTED names seed"),
        ("exercise=bermudan", "choose one of european, american"),
        ("first_probability=2", "must lie in"),
        ("market_names=many", "OFFTAPE_PLANTED: "),
    ],
)
def test_what_cannot_be_planted_is_refused_with_what_can(planted, told):
    with pytest.raises(SourceError, match=told):
        simulated_market(Settings(planted=planted))


def test_minutes_between_chains_are_a_setting(monkeypatch):
    monkeypatch.setenv("OFFTAPE_CHAIN_MINUTES", "1")
    assert simulated_market(Settings()).world.chain_minutes == 1
