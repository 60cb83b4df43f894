"""model: weekly prediction contracts, their model prices, dislocations, trades and scores."""

from offtape_assets.tables.columns import columns
from offtape_assets.tables.table import Claim, Column, Partitions, Table

_METHOD = Column("method", "VARCHAR", "", "'simulation' or 'closed_form' (series or transform)")
_MODEL_IS_KNOWN = Claim(
    "model_is_known", "model in ('gbm_riskmetrics', 'merton')", "the two models of the article"
)

CONTRACT_PROBABILITIES = Table(
    "model",
    "contract_probabilities",
    "chance that one contract pays, by one model and method, from what was known at ts",
    (
        *columns("contract_id ts model"),
        _METHOD,
        *columns("probability standard_error probability_scaled"),
        *columns("spot volatility volatility_scaled hours_left family range_low range_high status"),
    ),
    Partitions.CALENDAR_DAY,
    key=("contract_id", "ts", "model", "method"),
    order_by=("family", "ts", "model", "method", "range_low", "contract_id"),
    claims=(
        _MODEL_IS_KNOWN,
        Claim("method_is_known", "method in ('simulation', 'closed_form')", "two ways to each law"),
        Claim(
            "probability_is_a_probability",
            "probability between 0 and 1 or status <> 'ok'",
            "a chance; NULL where there is none",
        ),
        Claim(
            "error_is_stated",
            "(standard_error = 0) = (method = 'closed_form') or status <> 'ok'",
            "a simulation has a standard error, a closed form has none",
        ),
    ),
)

CONTRACT_SETTLEMENTS = Table(
    "model",
    "contract_settlements",
    "what one contract that expires on the date paid",
    columns(
        "contract_id family venue range_low range_high expires_ts settlement_price outcome status"
    ),
    Partitions.CALENDAR_DAY,
    key=("contract_id",),
    order_by=("family", "range_low", "contract_id"),
    claims=(
        Claim(
            "outcome_is_zero_or_one",
            "outcome in (0, 1) or status <> 'ok'",
            "a contract pays a dollar or nothing",
        ),
    ),
)

DISLOCATIONS = Table(
    "model",
    "dislocations",
    "market price of one contract minus one model's probability, and how large is usual for it",
    columns(
        "contract_id ts model market_price probability dislocation threshold is_placeholder"
        " probability_scaled price_sum hours_left family expires_ts venue"
    ),
    Partitions.CALENDAR_DAY,
    key=("contract_id", "ts", "model"),
    order_by=("family", "model", "contract_id", "ts"),
    claims=(
        _MODEL_IS_KNOWN,
        Claim(
            "dislocation_is_the_difference",
            "coalesce(abs(market_price - probability - dislocation) <= 1e-12, dislocation is null)",
            "its definition",
        ),
        Claim("threshold_is_positive", "coalesce(threshold >= 0, true)", "a standard deviation"),
    ),
)

CONTRACT_PROFITS = Table(
    "model",
    "contract_profits",
    "one contract-hour of one rule on one model: the position after it and what it brought",
    columns("contract_id ts model rule position market_price profit cost units_traded family"),
    Partitions.CALENDAR_DAY,
    key=("contract_id", "ts", "model", "rule"),
    order_by=("model", "rule", "contract_id", "ts"),
    claims=(
        _MODEL_IS_KNOWN,
        Claim("position_is_at_most_one_unit", "abs(position) <= 1", "the rules trade one unit"),
        Claim("cost_is_not_negative", "cost >= 0", "trading never pays a fee"),
    ),
)

CONTRACT_TRADES = Table(
    "model",
    "contract_trades",
    "one trade of the threshold rule that ended on the date",
    columns("contract_id model entry_ts exit_ts side entry_price exit_price pnl cost exit_reason"),
    Partitions.CALENDAR_DAY,
    key=("contract_id", "model", "entry_ts"),
    order_by=("model", "exit_ts", "contract_id", "entry_ts"),
    claims=(
        _MODEL_IS_KNOWN,
        Claim("exit_follows_entry", "exit_ts > entry_ts", "a trade lasts"),
        Claim("side_is_known", "side in ('long', 'short')", "one unit either way"),
        Claim(
            "reason_is_known",
            "exit_reason in ('reverted', 'expired', 'data_end')",
            "a trade ends at the rule's exit, at settlement, or with the data",
        ),
        Claim(
            "settlement_pays_zero_or_one",
            "exit_reason <> 'expired' or exit_price in (0, 1)",
            "the contract's terms",
        ),
        Claim(
            "pnl_is_the_price_difference",
            "abs(pnl - if(side = 'long', 1, -1) * (exit_price - entry_price)) <= 1e-12",
            "one unit, before cost",
        ),
    ),
)

_FIGURES = columns(
    "model costs sharpe_hourly sharpe_annual sharpe_se hit_ratio max_drawdown turnover pnl"
    " n_trades pnl_se sharpe_annual_se hit_ratio_se trade_hit_ratio n_contracts n_expiries n_hours"
    " first_ts"
)
_FIGURE_CLAIMS = (
    Claim("costs_are_known", "costs in ('without', 'with')", "each statement is made twice"),
    Claim(
        "error_comes_with_the_ratio",
        "(sharpe_hourly is null) = (sharpe_se is null)",
        "a ratio without its standard error says nothing",
    ),
    Claim("drawdown_is_not_negative", "max_drawdown >= 0", "a fall from a peak"),
)

CONTRACT_PERFORMANCE = Table(
    "model",
    "contract_performance",
    "the article's threshold rule on one model, over the dates built of the 92 that end on the date",
    _FIGURES,
    Partitions.CALENDAR_DAY,
    key=("model", "costs"),
    claims=_FIGURE_CLAIMS,
)

CONTRACT_RULE_COMPARISONS = Table(
    "model",
    "contract_rule_comparisons",
    "one rule on one model over the same dates: what sizing, delay and scaled volatility change",
    (*columns("rule"), *_FIGURES),
    Partitions.CALENDAR_DAY,
    key=("rule", "model", "costs"),
    claims=_FIGURE_CLAIMS,
)

CONTRACT_SCORES = Table(
    "model",
    "contract_scores",
    "one forecaster's scores at one horizon, over contracts settled in the 92 days that end on the date",
    columns(
        "forecaster horizon brier brier_se brier_baseline log_score log_score_se n_forecasts"
        " n_contracts n_expiries"
    ),
    Partitions.CALENDAR_DAY,
    key=("forecaster", "horizon"),
    claims=(Claim("brier_is_a_mean_square", "brier between 0 and 1", "errors of probabilities"),),
)

CONTRACT_RELIABILITY = Table(
    "model",
    "contract_reliability",
    "one forecaster's contract-hours with a forecast in one tenth of [0, 1], over the same contracts",
    columns(
        "forecaster bin_low bin_high n_forecasts mean_probability frequency frequency_se n_expiries"
    ),
    Partitions.CALENDAR_DAY,
    key=("forecaster", "bin_low"),
    claims=(
        Claim(
            "mean_lies_in_its_bin",
            "mean_probability between bin_low - 1e-12 and bin_high + 1e-12",
            "the bin's definition",
        ),
    ),
)
