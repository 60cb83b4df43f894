"""truth: what the simulated market knows and no estimator may read."""

from offtape_assets.tables.columns import columns
from offtape_assets.tables.table import Partitions, Table

EVENT_PATH = Table(
    "truth",
    "event_path",
    "the true event probability at one instant",
    columns("ts probability"),
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

PLANTED_DIRT = Table(
    "truth",
    "planted_dirt",
    "one kind of bad row planted in one ticker's part of a raw table, and how many",
    columns("table_name ticker reason rows"),
    Partitions.DAY,
    key=("table_name", "ticker", "reason"),
)
