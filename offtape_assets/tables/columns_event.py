"""Vocabulary of the event probability: filter outputs, information clocks, diagnostics."""

from offtape_assets.tables.table import Column

EVENT_COLUMNS = (
    Column("variance", "DOUBLE", "fraction^2", "variance of the estimate at ts"),
    Column("gain", "DOUBLE", "", "weight the trade's surprise was given; 0: it added nothing"),
    Column("innovation", "DOUBLE", "USD", "price less its prediction from earlier trades"),
    Column(
        "standardized_innovation",
        "DOUBLE",
        "",
        "z: innovation over its predicted sd, or normal score",
    ),
    Column("log_likelihood", "DOUBLE", "nats", "log-density of the price given earlier trades"),
    Column("probability_low", "DOUBLE", "fraction", "lower end of the 90 % band"),
    Column("probability_high", "DOUBLE", "fraction", "upper end of the 90 % band"),
    Column("vig", "DOUBLE", "USD", "half of what the two contracts' prices exceed a dollar by"),
    Column("active_share", "DOUBLE", "fraction", "chance that the level is not in its calm mode"),
    Column("n_fitted", "BIGINT", "", "trades behind the parameters; 0: the named defaults"),
    # clocks
    Column("probit", "DOUBLE", "", "U = Phi^-1(probability)"),
    Column("clock_rate_error", "DOUBLE", "per second", "standard error of clock_rate"),
    Column("clock_parameter", "DOUBLE", "", "c, or sigma per sqrt second; NULL for local rates"),
    Column("clock_parameter_error", "DOUBLE", "", "standard error of clock_parameter"),
    Column("jump_statistic", "DOUBLE", "", "normal score of the minute's move"),
    Column("jump_information", "DOUBLE", "", "(dB / phi(U))^2 of a jump; 0 where there is none"),
    # diagnostics
    Column("n_trades_used", "BIGINT", "", "trades with an innovation"),
    Column("z_mean", "DOUBLE", "", "mean of z; 0 where the filter is right"),
    Column("z_variance", "DOUBLE", "", "variance of z; 1 where the filter is right"),
    Column("share_beyond_two", "DOUBLE", "fraction", "share of |z| > 2; .046 for a normal z"),
    Column("ljung_box", "DOUBLE", "", "Ljung-Box statistic of z, 20 lags"),
    Column("ljung_box_p", "DOUBLE", "fraction", "its p value"),
    Column("level_variance", "DOUBLE", "per second", "Q, fitted last; per trade for the seed's"),
    Column("noise_variance", "DOUBLE", "USD^2", "R of a large trade, rounding included"),
    Column("tick_persistence", "DOUBLE", "fraction", "share of rounding error that stays"),
    Column("level_variance_mle", "DOUBLE", "per second", "Q of the plain local level, whole day"),
    Column("noise_variance_mle", "DOUBLE", "USD^2", "R of the plain local level, whole day"),
    # per minute
    Column("shock", "DOUBLE", "", "largest |z| of the minute"),
    Column("probability_change", "DOUBLE", "fraction", "change since the minute before"),
)
