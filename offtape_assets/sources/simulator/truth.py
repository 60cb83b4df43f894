"""The truth tables: what was planted, written down for the scoring of estimates.

Nothing here is visible to an estimator; every number comes from the settings and the world, none
from an estimate.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from offtape_assets.quant.ucbm import probit_slope
from offtape_assets.sources.simulator import dirt
from offtape_assets.sources.simulator.event import Event, utc_midnight
from offtape_assets.sources.simulator.laws import exposures
from offtape_assets.sources.simulator.levels import SESSIONS_PER_YEAR, Levels, factor_variance
from offtape_assets.sources.simulator.names import FACTORS, NO_LOADINGS, Planted
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


def event_path(world: World, event: Event, day: date) -> pl.DataFrame:
    """The event at every second of a UTC day between listing and settlement.

    The prediction market knows with its planted lag what the first to know see at once; clock and
    jumps are told on the prediction market's time.
    """
    first = max(utc_midnight(day), event.listed)
    last = min(utc_midnight(day) + 86_400, event.settled + 1)
    seconds = np.arange(first, max(first, last))
    known = seconds - world.prediction_market_lag
    slot = np.clip(known - event.listed, 0, len(event.clock.rate) - 1)
    moves = world.kind != "constant"
    is_jump = event.clock.is_jump[slot] & moves
    before = event.probability(known - 1)
    slope = probit_slope(before)
    moved = np.where(is_jump, event.probability(known) - before, 0.0)
    scaled = np.divide(moved, slope, np.zeros_like(slope), where=slope > 0)
    return pl.DataFrame({
        "ts": (seconds * 1_000_000).astype("datetime64[us]"),
        "probability": event.probability(known),
        "probability_informed": event.probability(seconds),
        "clock_rate": event.clock.rate[slot] * moves,
        "is_jump": is_jump,
        "jump_information": scaled**2,
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


def attribution(levels: Levels, name: Planted) -> pl.DataFrame:
    """Expected shares of price variance by quotes alone and with trades.

    Each second's move is of one kind, whichever the second before was. Where a share h of the
    news arrives late, moves correlate, and so do the two kinds: with r the sum of the
    autocorrelations of one second's moves, share_kind = (s + s^2 r) / (1 + r).
    """
    late = 0.0
    if _has_delay(name):
        part = 1.0
        if name.loadings != NO_LOADINGS:
            news = factor_variance(name)
            part = news / (news + name.own_volatility**2 / SESSIONS_PER_YEAR)
        late = part * 2 * name.late_share * (1 - name.late_share)
    excess = late / (1 - late)
    shares = np.array([1 - name.trade_share, name.trade_share])
    quote, trade = (shares + shares**2 * excess) / (1 + excess)
    return pl.DataFrame({"omega_quote": [quote], "omega_trade": [trade]})


def factor_loadings(levels: Levels, name: Planted) -> pl.DataFrame:
    """Loadings on the five factors; a fund's are its basket's at reference prices."""
    loadings, _ = exposures(levels, name)
    names = [f"beta_{factor}" for factor in FACTORS]
    return pl.DataFrame({key: [value] for key, value in zip(names, loadings, strict=True)})


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
