"""conditional: chains split into the laws given each outcome of the event, and hedges of it."""

import polars as pl

from offtape_assets.assets.declare import table_asset
from offtape_assets.assets.inputs import Inputs
from offtape_assets.estimates.conditional import (
    factor_levels,
    minute_prices,
    read_event,
    split_by_event,
)
from offtape_assets.market.calendar import session
from offtape_assets.partitions import optional
from offtape_assets.report.conditional import two_worlds
from offtape_assets.tables import (
    features,
    features_factors,
    model_conditional,
    model_event,
    model_options,
    raw,
)


@table_asset(
    model_conditional.EVENT_READINGS,
    reads=(model_event.KALSHI_PROBABILITIES,),
    settings=("event_yes",),
)
def event_readings(inputs: Inputs) -> pl.DataFrame:
    """The event's probability read in one minute of the session, and smoothed over all of it."""
    trades = inputs.frame(model_event.KALSHI_PROBABILITIES, "ts, contract, price, method")
    return read_event(
        trades.filter(pl.col("method") == "continuous"),
        inputs.settings.event_yes,
        session(inputs.day),
    )


@table_asset(
    model_conditional.CONDITIONAL_FITS,
    model_conditional.CONDITIONAL_DENSITIES,
    model_conditional.EVENT_HEDGES,
    reads=(
        model_conditional.EVENT_READINGS,
        optional(features.MICROSTRUCTURE_1M),
        optional(raw.MINUTE_BARS),
        optional(features_factors.FACTOR_RETURNS_1S),
        features.OPTION_SMILES,
        model_options.RISK_NEUTRAL_DENSITIES,
    ),
    settings=("event_hedge_factors",),
    version="2",
    picture=two_worlds,
)
def conditional_laws(inputs: Inputs) -> tuple[pl.DataFrame, ...]:
    """The law of one expiry at one instant given yes and given no, by one of four methods."""
    return split_by_event(
        inputs.frame(model_conditional.EVENT_READINGS, "ts, reading, reading_sd"),
        minute_prices(
            inputs.frame(features.MICROSTRUCTURE_1M, "bucket, last_mid"),
            inputs.frame(raw.MINUTE_BARS, "ticker, ts, close"),
            inputs.ticker,
        ),
        inputs.frame(features.OPTION_SMILES),
        inputs.frame(model_options.RISK_NEUTRAL_DENSITIES),
        session(inputs.day),
        factor_levels(
            inputs.frame(features_factors.FACTOR_RETURNS_1S),
            inputs.settings.event_hedge_factors,
            session(inputs.day),
        ),
    )
