"""mart: what an analyst reads. Views over features, model and quality; the only promised layer."""

from offtape_assets.tables.columns import columns
from offtape_assets.tables.columns_joint import FACTOR_VALUE, FACTOR_VARIANCE, FACTOR_VOL
from offtape_assets.tables.table import DATE, TICKER, Column, Partitions, Table

DATA_DICTIONARY = Table(
    "mart",
    "data_dictionary",
    "one column of one table of the warehouse",
    (
        *columns("schema_name table_name"),
        Column("column_name", "VARCHAR", "", "column described"),
        Column("dtype", "VARCHAR", "", "DuckDB type"),
        Column("unit", "VARCHAR", "", "unit of measure; empty where there is none"),
        Column("meaning", "VARCHAR", "", "what the column says"),
        Column("grain", "VARCHAR", "", "what a row of the table is"),
    ),
    Partitions.NONE,
    key=("schema_name", "table_name", "column_name"),
)

QUALITY_BY_DAY = Table(
    "mart",
    "quality_by_day",
    "one table on one date: claims judged, claims violated, rows set aside",
    (
        DATE,
        *columns("schema_name table_name"),
        Column("claims", "BIGINT", "", "verdicts recorded"),
        Column("claims_violated", "BIGINT", "", "verdicts that are violations"),
        Column("partitions", "BIGINT", "", "partitions judged"),
        Column("rows_quarantined", "BIGINT", "", "rows set aside with a reason"),
        Column("gate_expectations", "BIGINT", "", "expectations judged over all rows of the date"),
        Column("gate_violated", "BIGINT", "", "those violated, warnings included"),
        Column("gate_stopped", "BIGINT", "", "blocking ones violated; they stop the readers"),
        Column("gate_page", "VARCHAR", "", "page below quality/data_docs that shows the verdict"),
    ),
    Partitions.NONE,
    key=("date", "schema_name", "table_name"),
)

_ESTIMATOR = Column("estimator", "VARCHAR", "", "what made the estimate")
_QUANTITY = Column("quantity", "VARCHAR", "", "what was estimated")

RECOVERY = Table(
    "mart",
    "recovery",
    "one estimate on simulated data beside the truth that was planted",
    (
        _ESTIMATOR,
        DATE,
        TICKER,
        _QUANTITY,
        Column("estimate", "DOUBLE", "the quantity's", "what the estimator says"),
        Column("truth", "DOUBLE", "the quantity's", "what was planted"),
        Column("error", "DOUBLE", "the quantity's", "estimate less truth"),
        Column("stated_sd", "DOUBLE", "the quantity's", "standard deviation the estimator states"),
        Column("z", "DOUBLE", "", "error over stated standard deviation"),
        *columns("status"),
    ),
    Partitions.NONE,
)

RECOVERY_SCORES = Table(
    "mart",
    "recovery_scores",
    "one quantity of one estimator: how far off it is on simulated data, and whether it knows",
    (
        _ESTIMATOR,
        _QUANTITY,
        Column("estimates", "BIGINT", "", "estimates compared"),
        Column("estimates_ok", "BIGINT", "", "those with status ok"),
        Column("bias", "DOUBLE", "the quantity's", "mean error"),
        Column("rmse", "DOUBLE", "the quantity's", "root mean square error"),
        Column("mean_z", "DOUBLE", "", "mean of z; 0 where unbiased"),
        Column("sd_z", "DOUBLE", "", "standard deviation of z; 1 where the stated one is right"),
        Column("coverage_90", "DOUBLE", "fraction", "share of errors within the stated 90 % band"),
    ),
    Partitions.NONE,
    key=("estimator", "quantity"),
)

DENSITY_MOMENTS = Table(
    "mart",
    "density_moments",
    "the risk-neutral law of one name and expiry at one instant: moments, quality, dealers' gamma",
    (
        DATE,
        TICKER,
        *columns("ts expiry status forward mean sd"),
        Column("annual_sd", "DOUBLE", "per sqrt year", "sd over forward and root of time"),
        *columns("skew kurtosis n_quotes in_spread_share mass_outside_quotes negative_mass"),
        *columns("gex gex_net"),
    ),
    Partitions.NONE,
    key=("date", "ticker", "ts", "expiry"),
)

CONTRACT_PERFORMANCE = Table(
    "mart",
    "contract_performance",
    "the article's threshold rule on one model, with or without costs, as of the last date built",
    (
        Column("stated_on", "DATE", "day", "date of the statement"),
        *columns(
            "model costs sharpe_hourly sharpe_annual sharpe_se sharpe_annual_se hit_ratio"
            " hit_ratio_se trade_hit_ratio max_drawdown turnover pnl pnl_se n_trades n_contracts"
            " n_expiries n_hours first_ts"
        ),
        Column("statement", "VARCHAR", "", "the figures in a sentence, with what they rest on"),
    ),
    Partitions.NONE,
    key=("model", "costs"),
)

CONTRACT_PNL_BY_STRIKE = Table(
    "mart",
    "contract_pnl_by_strike",
    "one contract on one model: what the threshold rule earned on it",
    columns("model family range_low range_high contract_id n_trades pnl cost"),
    Partitions.NONE,
    key=("model", "contract_id"),
)

JOINT_CORRELATIONS = Table(
    "mart",
    "joint_correlations",
    "correlation of two names' prices at expiry at one snapshot, and what does not determine it",
    (
        DATE,
        *columns("ts expiry ticker_a ticker_b prior correlation correlation_sd"),
        *columns("correlation_low correlation_high restart_sd n_priors"),
        *columns("correlation_given_yes correlation_given_no"),
    ),
    Partitions.NONE,
    key=("date", "ts", "expiry", "ticker_a", "ticker_b"),
)

FACTOR_LAWS = Table(
    "mart",
    "factor_laws",
    "one point of one factor's law at expiry as the joint law of the names implies it",
    (
        DATE,
        *columns("ts expiry factor"),
        FACTOR_VALUE,
        *columns("density_kde density_histogram factor_return return_density_kde"),
        *columns("return_density_histogram mean"),
        FACTOR_VARIANCE,
        FACTOR_VOL,
        *columns("return_mean return_vol return_vol_independent weight_coverage status"),
    ),
    Partitions.NONE,
    key=("date", "ts", "factor", "value"),
)

LEADERSHIP_BY_WINDOW = Table(
    "mart",
    "leadership_by_window",
    "one series of one group in one window: shares, lead tests, and the event's regime",
    (
        DATE,
        *columns("window_end window_minutes group_name ticker status is_leader weakest_z"),
        *columns("is_mean is_lower is_upper is_width band_low band_high is_modified is_diagonal"),
        *columns("component_share leadership_share trace_share rms_innovation regime"),
    ),
    Partitions.NONE,
    key=("date", "group_name", "window_minutes", "window_end", "ticker"),
)

ISO_AND_LEADERSHIP = Table(
    "mart",
    "iso_and_leadership",
    "one measure of ISO activity in one group: does it precede leading",
    columns(
        "group_name window_minutes iso_measure n_windows correlation t_statistic mean_z_high"
        " mean_z_low"
    ),
    Partitions.NONE,
    key=("group_name", "window_minutes", "iso_measure"),
)

EVENT_TIMELINE = Table(
    "mart",
    "event_timeline",
    "one minute of the event beside one name's move in it; ticker is NULL where no name traded",
    (
        DATE,
        TICKER,
        *columns("bucket probability probability_low probability_high probability_change"),
        Column("event_trades", "BIGINT", "", "trades of the event's contracts in the minute"),
        *columns("contracts_traded shock"),
        Column("regime", "VARCHAR", "", "of the minute's largest |z|: baseline, moderate, high"),
        *columns("clock_rate is_jump last_mid"),
        Column("return_bp", "DOUBLE", "bp", "log change of the name's mid over the minute"),
        *columns("total_flow"),
    ),
    Partitions.NONE,
    key=("bucket", "ticker"),
)

CONDITIONAL_MOVES = Table(
    "mart",
    "conditional_moves",
    "one name and expiry at one instant: where it goes and how much it moves in each outcome of the"
    " event, by the panel of the day's changes; no figures where the day does not identify them",
    (
        DATE,
        TICKER,
        *columns("ts expiry status probability forward forward_return_yes forward_return_no"),
        *columns("log_ratio log_ratio_sd mean_yes mean_yes_low mean_yes_high"),
        *columns("mean_no mean_no_low mean_no_high"),
        Column("annual_sd_yes", "DOUBLE", "per sqrt year", "sd over mean given yes, annualised"),
        Column("annual_sd_no", "DOUBLE", "per sqrt year", "sd over mean given no, annualised"),
        *columns("identification probability_range price_lag_minutes"),
        Column(
            "spot_sensitivity", "DOUBLE", "USD", "share price change as p goes from 0 to 1, 1 min"
        ),
        *columns("hedge_contracts hedge_r_squared"),
        Column(
            "vol_sensitivity",
            "DOUBLE",
            "per sqrt year",
            "change of at-the-money volatility as p goes from 0 to 1",
        ),
    ),
    Partitions.NONE,
    key=("date", "ticker", "ts", "expiry"),
)
