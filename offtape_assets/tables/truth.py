"""truth: what the simulated market knows and no estimator may read."""

from offtape_assets.tables.columns import TICK_TS, columns
from offtape_assets.tables.columns_joint import FACTOR_VARIANCE, FACTOR_VOL
from offtape_assets.tables.table import Partitions, Table

EVENT_PATH = Table(
    "truth",
    "event_path",
    "the true event probability at one instant, as the prediction market knows it",
    columns("ts probability probability_informed clock_rate is_jump jump_information"),
    Partitions.CALENDAR_DAY,
    key=("ts",),
)

LEADERS = Table(
    "truth",
    "leaders",
    "one series of a group and its planted delay behind the information",
    columns("group_name ticker lag_seconds is_leader"),
    Partitions.DAY,
    key=("group_name", "ticker"),
)

ATTRIBUTION = Table(
    "truth",
    "attribution",
    "one name's planted shares of price variance driven by quotes and by trades",
    columns("omega_quote omega_trade"),
    Partitions.DAY_AND_TICKER,
)

TRADE_INITIATORS = Table(
    "truth",
    "trade_initiators",
    "one print that somebody started, and which side did; auctions and blocks have none",
    (TICK_TS, *columns("sequence_number initiator")),
    Partitions.DAY_AND_TICKER,
    key=("sequence_number",),
)

PLANTED_DIRT = Table(
    "truth",
    "planted_dirt",
    "one kind of bad row planted in one ticker's part of a raw table, and how many",
    columns("table_name ticker reason rows"),
    Partitions.DAY,
    key=("table_name", "ticker", "reason"),
)

CONDITIONAL_LAWS = Table(
    "truth",
    "conditional_laws",
    "one name's law at an expiry in each outcome of the event, as it stood at ts",
    columns("ts expiry probability mean_yes mean_no sd_yes sd_no log_sd_yes log_sd_no"),
    Partitions.DAY_AND_TICKER,
    key=("ts", "expiry"),
)

FACTOR_LOADINGS = Table(
    "truth",
    "factor_loadings",
    "one name's loadings on the five factors",
    columns("beta_mkt_rf beta_smb beta_hml beta_rmw beta_cma"),
    Partitions.DAY_AND_TICKER,
)

JOINT_CORRELATIONS = Table(
    "truth",
    "joint_correlations",
    "correlation of two names' prices at an expiry, as of the session's open",
    columns("expiry ticker_a ticker_b correlation"),
    Partitions.DAY,
    key=("expiry", "ticker_a", "ticker_b"),
)

FACTOR_LAWS = Table(
    "truth",
    "factor_laws",
    "moments at an expiry of the part of one factor's portfolio that the study's names hold",
    (*columns("ts expiry factor mean"), FACTOR_VARIANCE, FACTOR_VOL, *columns("weight_coverage")),
    Partitions.DAY,
    key=("ts", "factor"),
)

CONTRACT_FAIR_VALUES = Table(
    "truth",
    "contract_fair_values",
    "true probability of one contract at one hour, and the planted error of the market's price",
    columns("contract_id ts probability dislocation"),
    Partitions.CALENDAR_DAY,
    key=("contract_id", "ts"),
)
