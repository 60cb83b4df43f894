"""event: the probability that two contracts' trades tell, its clock, how good the filter is."""

import polars as pl

from offtape_assets.assets.declare import raw_asset, table_asset
from offtape_assets.assets.inputs import Inputs
from offtape_assets.estimates.event import filter_probabilities
from offtape_assets.estimates.event_clocks import event_clocks as estimate_clocks
from offtape_assets.report import event as pictures
from offtape_assets.tables import model_event as model
from offtape_assets.tables import raw

kalshi_trades = raw_asset(raw.KALSHI_TRADES)


@table_asset(
    model.KALSHI_PROBABILITIES,
    model.EVENT_DIAGNOSTICS,
    reads=(raw.KALSHI_TRADES,),
    settings=("event_yes", "event_no"),
    picture=pictures.filtered_band,
)
def kalshi_probabilities(inputs: Inputs) -> tuple[pl.DataFrame, ...]:
    """One trade of the event's contracts and the probability right after it, by one filter."""
    settings = inputs.settings
    trades = inputs.frame(raw.KALSHI_TRADES)
    return filter_probabilities(trades, settings.event_yes, settings.event_no)


@table_asset(
    model.EVENT_CLOCKS,
    reads=(model.KALSHI_PROBABILITIES,),
    settings=("event_date", "event_settled_hour"),
    picture=pictures.clock_rates,
)
def event_clocks(inputs: Inputs) -> pl.DataFrame:
    """How fast information arrives, known at the end of one minute, by one estimator."""
    settings = inputs.settings
    probabilities = inputs.frame(model.KALSHI_PROBABILITIES, "ts, method, probability, variance")
    return estimate_clocks(
        probabilities, inputs.day, settings.event_date, settings.event_settled_hour
    )
