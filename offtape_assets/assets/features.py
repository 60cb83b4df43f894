"""features: raw rows cleaned, keyed and in our units."""

import polars as pl

from offtape_assets.assets.declare import table_asset
from offtape_assets.assets.inputs import Inputs
from offtape_assets.estimates.microstructure import measure_microstructure
from offtape_assets.market.calendar import session
from offtape_assets.market.universe import kind_of
from offtape_assets.partitions import trailing
from offtape_assets.tables import features, raw


@table_asset(
    features.UNIVERSE, reads=(trailing(raw.DAILY_BARS, sessions=20),), settings=["tickers"]
)
def universe(inputs: Inputs) -> pl.DataFrame:
    """One of the most traded names of its kind over the 20 sessions before."""
    tickers = inputs.settings.tickers
    kinds = pl.DataFrame({"ticker": tickers, "kind": [kind_of(ticker) for ticker in tickers]})
    return inputs.sql(features.UNIVERSE, universe_kinds=kinds)


@table_asset(
    features.SIGNED_TRADES,
    features.MICROSTRUCTURE_1M,
    features.PRICE_ATTRIBUTION_1M,
    features.PRICE_ATTRIBUTION_1D,
    reads=(raw.TRADES, raw.QUOTES, raw.TRADE_CONDITIONS),
    settings=["flow_sign", "attribution_window_ms"],
)
def microstructure(inputs: Inputs) -> tuple[pl.DataFrame, ...]:
    """Signed prints of one name, its minutes, and what moved its mid."""
    measured = measure_microstructure(
        inputs.frame(raw.TRADES),
        inputs.frame(raw.QUOTES),
        inputs.frame(raw.TRADE_CONDITIONS),
        session(inputs.day),
        inputs.settings.flow_sign,
        inputs.settings.attribution_window_ms,
    )
    return measured[:4]
