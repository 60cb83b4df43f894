"""Vocabulary of prediction contracts: terms, prices, what is known of the underlying, profits."""

from offtape_assets.tables.table import Column

CONTRACT_COLUMNS = (
    # terms and prices
    Column(
        "contract_id", "VARCHAR", "", "token that pays one dollar if the contract's answer is yes"
    ),
    Column("venue", "VARCHAR", "", "where the contract trades"),
    Column("family", "VARCHAR", "", "event whose contracts settle on the same price"),
    Column("question", "VARCHAR", "", "the contract's question as the venue words it"),
    Column(
        "range_low", "DOUBLE", "USD", "pays if the price settles at or above; NULL without bound"
    ),
    Column("range_high", "DOUBLE", "USD", "pays if the price settles below; NULL without bound"),
    Column("opens_ts", "TIMESTAMP", "UTC", "when the contract opened"),
    Column("expires_ts", "TIMESTAMP", "UTC", "when the contract settles"),
    Column("symbol", "VARCHAR", "", "coin the bar is of; of an index, the coin it looks at"),
    Column("market_price", "DOUBLE", "USD", "price of the contract that pays one dollar"),
    Column(
        "price_sum", "DOUBLE", "USD", "prices of the family's ranges added; NULL if not complete"
    ),
    Column("is_placeholder", "BOOLEAN", "", "whether nobody stands behind the price yet"),
    # what is known of the underlying
    Column("spot", "DOUBLE", "USD", "close of the last bar complete by ts"),
    Column("spot_ts", "TIMESTAMP", "UTC", "end of that bar: when the spot price became known"),
    Column("implied_volatility", "DOUBLE", "per sqrt year", "last index close complete by ts"),
    Column("implied_age_hours", "DOUBLE", "hours", "how old that close is; above 1 it is carried"),
    Column("riskmetrics_volatility", "DOUBLE", "per sqrt year", "RiskMetrics forecast, decay .998"),
    Column(
        "realised_volatility", "DOUBLE", "per sqrt year", "RiskMetrics forecast of short memory"
    ),
    Column("jump_intensity", "DOUBLE", "per year", "hours beyond two forecast sd, seven days"),
    Column("jump_mean", "DOUBLE", "log", "mean log move of those hours; 0 if there are none"),
    Column("jump_sd", "DOUBLE", "log", "standard deviation of those moves; 0 if there are none"),
    Column("n_jumps", "BIGINT", "", "hours flagged as jumps in the trailing seven days"),
    Column("n_hours", "BIGINT", "", "hours used"),
    Column("drift", "DOUBLE", "per year", "one-month bill yield, continuously compounded"),
    # models
    Column("model", "VARCHAR", "", "'gbm_riskmetrics' or 'merton'"),
    Column("standard_error", "DOUBLE", "fraction", "of the simulated probability; 0 where exact"),
    Column("probability_scaled", "DOUBLE", "fraction", "the same with volatility scaled to expiry"),
    Column("volatility", "DOUBLE", "per sqrt year", "diffusion volatility the model started from"),
    Column("volatility_scaled", "DOUBLE", "per sqrt year", "implied level pulled to the realised"),
    Column("hours_left", "DOUBLE", "hours", "from the last known spot price to the settlement"),
    Column("settlement_price", "DOUBLE", "USD", "spot price at the expiry"),
    Column("outcome", "DOUBLE", "USD", "1 if the contract paid, 0 if not; NULL if not known"),
    # dislocations and what trading them brings
    Column("dislocation", "DOUBLE", "USD", "market price minus model probability"),
    Column("threshold", "DOUBLE", "USD", "bootstrapped sd of the contract's past dislocations"),
    Column("rule", "VARCHAR", "", "what decides the position, see docs/methods/contracts.md"),
    Column("position", "DOUBLE", "units", "units held after the decision at ts; negative is short"),
    Column("profit", "DOUBLE", "USD", "change of value of the units held into ts, before costs"),
    Column("cost", "DOUBLE", "USD", "half spread and fee of the units traded"),
    Column("units_traded", "DOUBLE", "units", "units bought or sold at ts; settling is no trade"),
    Column("entry_ts", "TIMESTAMP", "UTC", "price at which the trade was entered"),
    Column("exit_ts", "TIMESTAMP", "UTC", "price or settlement at which it ended"),
    Column("side", "VARCHAR", "", "'long' or 'short'"),
    Column("entry_price", "DOUBLE", "USD", "market price at the entry"),
    Column("exit_price", "DOUBLE", "USD", "market price at the exit, 0 or 1 at settlement"),
    Column("pnl", "DOUBLE", "USD", "profit of one unit; of a trade, before its cost"),
    Column("exit_reason", "VARCHAR", "", "'reverted', 'expired' or 'data_end'"),
    Column("costs", "VARCHAR", "", "'without' or 'with' half spread and fee"),
    Column("pnl_se", "DOUBLE", "USD", "standard error of the profit, autocorrelation allowed for"),
    Column("sharpe_hourly", "DOUBLE", "", "mean over sd of hourly profit"),
    Column("sharpe_annual", "DOUBLE", "", "hourly times the root of 8760"),
    Column("sharpe_se", "DOUBLE", "", "standard error of the hourly ratio (Newey-West, one day)"),
    Column("sharpe_annual_se", "DOUBLE", "", "standard error of the annual ratio"),
    Column("hit_ratio", "DOUBLE", "fraction", "hours with profit among hours with profit or loss"),
    Column("hit_ratio_se", "DOUBLE", "fraction", "binomial standard error of it"),
    Column("trade_hit_ratio", "DOUBLE", "fraction", "trades with profit among finished trades"),
    Column("max_drawdown", "DOUBLE", "USD", "largest fall of the profit added up, per unit traded"),
    Column("turnover", "DOUBLE", "units", "units bought and sold"),
    Column("n_trades", "BIGINT", "", "finished trades"),
    Column("n_contracts", "BIGINT", "", "contracts the statement rests on"),
    Column("n_expiries", "BIGINT", "", "settlements the statement rests on: independent outcomes"),
    Column("first_ts", "TIMESTAMP", "UTC", "first hour the statement covers"),
    # calibration
    Column("forecaster", "VARCHAR", "", "model, model with scaled volatility, or market"),
    Column("horizon", "VARCHAR", "", "hours left when the forecast was made"),
    Column("brier", "DOUBLE", "", "mean squared error of the forecast probability"),
    Column("brier_se", "DOUBLE", "", "standard error over expiries; NULL with fewer than two"),
    Column("brier_baseline", "DOUBLE", "", "score of always saying the base rate"),
    Column("log_score", "DOUBLE", "nats", "mean minus log probability of what happened"),
    Column("log_score_se", "DOUBLE", "nats", "standard error over expiries"),
    Column("n_forecasts", "BIGINT", "", "contract-hours scored"),
    Column("bin_low", "DOUBLE", "fraction", "lowest probability of the bin"),
    Column("bin_high", "DOUBLE", "fraction", "highest probability of the bin"),
    Column("mean_probability", "DOUBLE", "fraction", "mean forecast in the bin"),
    Column("frequency", "DOUBLE", "fraction", "share of the bin's contract-hours that paid"),
    Column("frequency_se", "DOUBLE", "fraction", "standard error over expiries"),
)
"""Taken into the vocabulary of tables/columns.py."""
