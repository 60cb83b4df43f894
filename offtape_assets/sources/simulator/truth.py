"""The truth tables: what was planted, written down for the scoring of estimates.

Nothing here is visible to an estimator; every number comes from the settings and the world, none
from an estimate.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from offtape_assets.sources.simulator import dirt
from offtape_assets.sources.simulator.event import Event, utc_midnight
from offtape_assets.sources.simulator.levels import Levels
from offtape_assets.sources.simulator.names import Planted
from offtape_assets.sources.simulator.settings import World

GROUPS = {
    "sp500_trackers": ("SPY", "IVV", "VOO"),
    "alphabet": ("GOOGL", "GOOG"),
    "nasdaq_leverage": ("QQQ", "TQQQ", "SQQQ"),
    "semiconductor_leverage": ("SMH", "SOXL"),
}
"""Series with one common trend."""
EVENT_GROUP = "event"
PANEL_GROUP = "panel"


def event_path(event: Event, day: date) -> pl.DataFrame:
    """The true probability at every second of a UTC day between listing and settlement."""
    first = max(utc_midnight(day), event.listed)
    last = min(utc_midnight(day) + 86_400, event.settled + 1)
    seconds = np.arange(first, max(first, last))
    return pl.DataFrame({
        "ts": (seconds * 1_000_000).astype("datetime64[us]"),
        "probability": event.probability(seconds),
    })  # fmt: skip


def leaders(world: World, levels: Levels, tickers: Sequence[str], yes: str) -> pl.DataFrame:
    """Planted delays by group: against the group's news, the event, and other names' own news.

    In 'panel' a name that others follow leads with lag 0, and a follower has its lag; names
    without any planted relation are absent.
    """
    rows: list[tuple[str, str, float, bool]] = []
    nobody = world.kind == "null"
    for group, members in GROUPS.items():
        names = [levels.name(ticker) for ticker in members]
        rows += [
            (group, n.ticker, n.information_lag * _has_delay(n), not nobody and not _has_delay(n))
            for n in names
        ]
    if world.kind not in ("null", "constant"):
        lags = {yes: world.prediction_market_lag}
        lags |= {ticker: levels.name(ticker).event_lag for ticker in tickers}
        first = min(lags.values())
        rows += [(EVENT_GROUP, ticker, lag, lag == first) for ticker, lag in lags.items()]
    followers = [levels.name(ticker) for ticker in tickers if levels.name(ticker).follows]
    bosses = sorted({name.follows for name in followers})
    rows += [(PANEL_GROUP, boss, 0.0, True) for boss in bosses]
    rows += [(PANEL_GROUP, name.ticker, name.follow_lag, False) for name in followers]
    schema = {
        "group_name": pl.String,
        "ticker": pl.String,
        "lag_seconds": pl.Float64,
        "is_leader": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _has_delay(name: Planted) -> bool:
    return name.information_lag > 0 and name.late_share > 0


def attribution(name: Planted) -> pl.DataFrame:
    """Planted shares of price variance by quotes alone and with trades."""
    return pl.DataFrame({
        "omega_quote": [1 - name.trade_share],
        "omega_trade": [name.trade_share],
    })  # fmt: skip


def planted_dirt(world: World, day: date, tickers: Sequence[str]) -> pl.DataFrame:
    """How many bad rows each claim must set aside, by raw table and ticker."""
    rows = [
        (table, ticker, reason, count)
        for table in dirt.PLANTED
        for ticker in tickers
        for reason, count in dirt.counts(world, day, ticker, table).items()
    ]
    schema = {
        "table_name": pl.String,
        "ticker": pl.String,
        "reason": pl.String,
        "rows": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
