"""raw: the tables that come from the source, and the reference table of sale conditions."""

import polars as pl

from offtape_assets.assets.declare import raw_asset, table_asset
from offtape_assets.assets.inputs import Inputs
from offtape_assets.market.conditions import SALE_CONDITIONS
from offtape_assets.tables import raw

trades = raw_asset(raw.TRADES)
quotes = raw_asset(raw.QUOTES)
minute_bars = raw_asset(raw.MINUTE_BARS)
daily_bars = raw_asset(raw.DAILY_BARS)
prediction_markets = raw_asset(raw.PREDICTION_MARKETS)
prediction_prices = raw_asset(raw.PREDICTION_PRICES)
volatility_index = raw_asset(raw.VOLATILITY_INDEX)
crypto_bars = raw_asset(raw.CRYPTO_BARS)
etf_baskets = raw_asset(raw.ETF_BASKETS)
vendor_conditions = raw_asset(raw.VENDOR_CONDITIONS)


@table_asset(raw.TRADE_CONDITIONS, reads=())
def trade_conditions(inputs: Inputs) -> pl.DataFrame:
    """A sale condition and what a print carrying it may be used for."""
    names = [column.name for column in raw.TRADE_CONDITIONS.columns]
    return pl.DataFrame(SALE_CONDITIONS, schema=names, orient="row")
