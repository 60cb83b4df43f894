"""factors: returns of five portfolios of all stocks, loadings of the names, what remains."""

import polars as pl

from offtape_assets.assets.declare import raw_asset, table_asset
from offtape_assets.assets.inputs import Inputs
from offtape_assets.estimates.factor_betas import measure_betas
from offtape_assets.estimates.factor_days import (
    measure_amplifications,
    reconcile,
    replicate_funds,
)
from offtape_assets.estimates.factors import daily_factor_returns, measure_factors
from offtape_assets.market.calendar import session
from offtape_assets.market.universe import kind_of
from offtape_assets.partitions import window
from offtape_assets.report.factors import beta_and_return_paths, factor_paths
from offtape_assets.tables import features, features_factors, raw
from offtape_assets.tables import model_factors as model

quotes_1s = raw_asset(raw.QUOTES_1S)
factor_weights = raw_asset(raw.FACTOR_WEIGHTS)
factor_library = raw_asset(raw.FACTOR_LIBRARY)

SIDES = "ticker, ts, bid_price::double as bid_price, ask_price::double as ask_price"


@table_asset(
    features_factors.FACTOR_RETURNS_1S,
    features_factors.FACTOR_LEGS_1S,
    features_factors.SESSION_MIDS,
    reads=(raw.QUOTES_1S, raw.FACTOR_WEIGHTS),
    settings=["factor_max_age_seconds", "factor_coverage_floor"],
    picture=factor_paths,
)
def factor_seconds(inputs: Inputs) -> tuple[pl.DataFrame, ...]:
    """One second of the five factors, one leg of one of them, one member's first and last mid."""
    return measure_factors(
        inputs.frame(raw.QUOTES_1S, SIDES),
        inputs.frame(raw.FACTOR_WEIGHTS),
        session(inputs.day),
        inputs.day,
        inputs.settings.factor_max_age_seconds,
        inputs.settings.factor_coverage_floor,
    )


@table_asset(
    features_factors.FACTOR_RETURNS_1D,
    reads=(
        window(features_factors.SESSION_MIDS, days_back=5, is_optional=True),
        raw.FACTOR_WEIGHTS,
    ),
)
def factor_days(inputs: Inputs) -> pl.DataFrame:
    """One factor's return over the session and the night before it."""
    mids, weights = inputs.frame(features_factors.SESSION_MIDS), inputs.frame(raw.FACTOR_WEIGHTS)
    return daily_factor_returns(mids, weights, inputs.day)


@table_asset(
    features_factors.FACTOR_BETAS,
    features_factors.RETURN_DECOMPOSITION_1S,
    features_factors.FACTOR_EXPOSURES_1D,
    reads=(features.MID_TICKS, features_factors.FACTOR_RETURNS_1S),
    settings=["beta_window_seconds", "beta_method"],
    picture=beta_and_return_paths,
)
def betas(inputs: Inputs) -> tuple[pl.DataFrame, ...]:
    """One name's loadings by one method, one second of its return, its day's variances."""
    return measure_betas(
        inputs.frame(features.MID_TICKS),
        inputs.frame(features_factors.FACTOR_RETURNS_1S),
        session(inputs.day),
        inputs.settings.beta_window_seconds,
        inputs.settings.beta_method,
    )


@table_asset(
    model.ETF_REPLICATIONS,
    reads=(features_factors.FACTOR_EXPOSURES_1D,),
    settings=["tickers"],
)
def etf_replications(inputs: Inputs) -> pl.DataFrame:
    """Weight of one stock in the portfolio that loads on the factors as one fund does."""
    return replicate_funds(
        inputs.frame(features_factors.FACTOR_EXPOSURES_1D),
        {ticker: kind_of(ticker) for ticker in inputs.settings.tickers},
    )


@table_asset(
    model.IDIOSYNCRATIC_AMPLIFICATIONS,
    reads=(
        window(features_factors.FACTOR_EXPOSURES_1D, days_back=32, is_optional=True),
        window(raw.DAILY_BARS, days_back=32),
        window(raw.FACTOR_LIBRARY, days_back=32, is_optional=True),
    ),
    settings=["tickers"],
)
def amplifications(inputs: Inputs) -> pl.DataFrame:
    """How much larger one name's own variance was on the date than on the sessions before."""
    return measure_amplifications(
        inputs.frame(features_factors.FACTOR_EXPOSURES_1D),
        inputs.frame(raw.DAILY_BARS),
        inputs.frame(raw.FACTOR_LIBRARY),
        {ticker: kind_of(ticker) for ticker in inputs.settings.tickers},
        inputs.day,
    )


@table_asset(
    model.FACTOR_RECONCILIATIONS,
    reads=(
        window(features_factors.FACTOR_RETURNS_1D, days_back=32, is_optional=True),
        window(raw.FACTOR_LIBRARY, days_back=32),
    ),
)
def reconciliations(inputs: Inputs) -> pl.DataFrame:
    """One factor of one vintage of the official library beside ours."""
    ours = inputs.frame(features_factors.FACTOR_RETURNS_1D)
    return reconcile(ours, inputs.frame(raw.FACTOR_LIBRARY), inputs.day)
