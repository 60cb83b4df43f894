"""contracts: weekly prediction contracts, what models and markets say of them, and trading the gap."""

import polars as pl

from offtape_assets.assets.declare import table_asset
from offtape_assets.assets.inputs import Inputs
from offtape_assets.estimates import contract_features, contract_trading, contracts
from offtape_assets.estimates import contract_scores as scores
from offtape_assets.partitions import optional, window
from offtape_assets.report import contracts as pictures
from offtape_assets.tables import features, raw
from offtape_assets.tables import model_contracts as model

_SETTLED_DAYS = contract_trading.PERFORMANCE_DAYS


@table_asset(
    features.CRYPTO_VOLATILITY_1H,
    reads=(
        window(raw.CRYPTO_BARS, contract_features.HISTORY_DAYS),
        window(raw.VOLATILITY_INDEX, contract_features.HISTORY_DAYS),
        window(raw.TREASURY_BILLS, 7, is_optional=True),
    ),
    settings=("risk_free_rate",),
)
def crypto_volatility_1h(inputs: Inputs) -> pl.DataFrame:
    """What is known at one hour of a coin's price, its volatility, its jumps and the bill yield."""
    return contract_features.crypto_volatility(
        inputs.frame(raw.CRYPTO_BARS),
        inputs.frame(raw.VOLATILITY_INDEX),
        inputs.frame(raw.TREASURY_BILLS),
        inputs.day,
        inputs.settings.risk_free_rate,
    )


@table_asset(
    features.CONTRACT_PRICES,
    reads=(raw.PREDICTION_MARKETS, raw.PREDICTION_PRICES),
    picture=pictures.price_sums,
)
def contract_prices(inputs: Inputs) -> pl.DataFrame:
    """First price of one contract at or after one hour of its life, with its terms."""
    return contract_features.contract_prices(
        inputs.frame(raw.PREDICTION_MARKETS), inputs.frame(raw.PREDICTION_PRICES)
    )


@table_asset(
    model.CONTRACT_PROBABILITIES,
    reads=(features.CONTRACT_PRICES, features.CRYPTO_VOLATILITY_1H),
    settings=("seed",),
    picture=pictures.probability_heat_map,
)
def contract_probabilities(inputs: Inputs) -> pl.DataFrame:
    """Chance that one contract pays, by one model and method, from what was known at ts."""
    return contracts.contract_probabilities(
        inputs.frame(features.CONTRACT_PRICES),
        inputs.frame(features.CRYPTO_VOLATILITY_1H),
        inputs.settings.seed,
    )


@table_asset(
    model.CONTRACT_SETTLEMENTS, reads=(raw.PREDICTION_MARKETS, features.CRYPTO_VOLATILITY_1H)
)
def contract_settlements(inputs: Inputs) -> pl.DataFrame:
    """What one contract that expires on the date paid."""
    return contract_trading.contract_settlements(
        inputs.frame(raw.PREDICTION_MARKETS),
        inputs.frame(features.CRYPTO_VOLATILITY_1H),
        inputs.day,
    )


@table_asset(
    model.DISLOCATIONS,
    model.CONTRACT_PROFITS,
    model.CONTRACT_TRADES,
    reads=(
        window(features.CONTRACT_PRICES, contracts.LIFE_DAYS),
        window(model.CONTRACT_PROBABILITIES, contracts.LIFE_DAYS),
        optional(model.CONTRACT_SETTLEMENTS),
    ),
    settings=("seed",),
    picture=pictures.contract_lives,
    picture_reads=(model.CONTRACT_PROBABILITIES,),
)
def dislocations(inputs: Inputs) -> tuple[pl.DataFrame, ...]:
    """Market minus model by contract-hour; what each rule earned; trades that ended on the date."""
    return contract_trading.trade_contracts(
        inputs.frame(features.CONTRACT_PRICES),
        inputs.frame(model.CONTRACT_PROBABILITIES),
        inputs.frame(model.CONTRACT_SETTLEMENTS),
        inputs.day,
        inputs.settings.seed,
    )


@table_asset(
    model.CONTRACT_PERFORMANCE,
    model.CONTRACT_RULE_COMPARISONS,
    reads=(
        window(model.CONTRACT_PROFITS, _SETTLED_DAYS, is_optional=True),
        window(model.CONTRACT_TRADES, _SETTLED_DAYS, is_optional=True),
    ),
)
def contract_performance(inputs: Inputs) -> tuple[pl.DataFrame, ...]:
    """Figures of each rule over the dates built of the 92 that end on the date."""
    return contract_trading.contract_performance(
        inputs.frame(model.CONTRACT_PROFITS), inputs.frame(model.CONTRACT_TRADES)
    )


@table_asset(
    model.CONTRACT_SCORES,
    model.CONTRACT_RELIABILITY,
    reads=(
        window(model.DISLOCATIONS, _SETTLED_DAYS, is_optional=True),
        window(model.CONTRACT_SETTLEMENTS, _SETTLED_DAYS, is_optional=True),
    ),
    picture=pictures.reliability_curves,
)
def contract_scores(inputs: Inputs) -> tuple[pl.DataFrame, ...]:
    """How good the forecasts of contracts settled in the 92 days that end on the date were."""
    return scores.contract_scores(
        inputs.frame(model.DISLOCATIONS), inputs.frame(model.CONTRACT_SETTLEMENTS)
    )
