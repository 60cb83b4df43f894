"""Prices for leadership: mids in event time from quotes, grids of seconds, baskets of funds.

Nothing is tested here; every series of a group comes out as ticks and as one column of a grid.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.estimates.ticks import clean_quotes, nanoseconds
from offtape_assets.market.calendar import Session
from offtape_assets.market.groups import Group, Member
from offtape_assets.quant.lead_lag_test import TickPart
from offtape_assets.quant.mid_price import PER_DOLLAR

Array = NDArray[np.float64]
Instants = NDArray[np.int64]

SECOND_NS = 1_000_000_000
BIN_NS = 100_000_000
MAX_AGE_SECONDS = 300  # a mid without any quote for longer is unknown: a halt, a broken feed
MIN_BASKET_COVERAGE = 0.98  # of a fund's price that its known constituents must explain


@dataclass(frozen=True)
class Ticks:
    """One series in event time: instants in ns, ascending, and log mids from then on."""

    ts: Instants
    log_mid: Array

    def between(self, start: int, end: int) -> "Ticks":
        """Ticks in [start, end) ns."""
        first, last = np.searchsorted(self.ts, (start, end))
        return Ticks(self.ts[first:last], self.log_mid[first:last])

    def changes(self) -> "Ticks":
        """The ticks at which the mid is another one than before."""
        moved = np.append(True, np.diff(self.log_mid) != 0.0)[: len(self.ts)]
        return Ticks(self.ts[moved], self.log_mid[moved])

    def on_grid(self, edges: Instants) -> Array:
        """Log mid in force just before each edge; NaN before the first tick and when too old."""
        if not len(self.ts):
            return np.full(len(edges), np.nan)
        at = np.searchsorted(self.ts, edges, side="left") - 1
        known = (at >= 0) & (edges - self.ts[at] <= MAX_AGE_SECONDS * SECOND_NS)
        return np.where(known, self.log_mid[at], np.nan)


class Part(NamedTuple):
    """Ticks that enter a series: with a weight in its log price, and as a number of shares."""

    weight: float
    ticks: Ticks
    shares: float = 1.0


class Series(NamedTuple):
    """One member of a group: a ticker, or the constituents of a fund's basket."""

    parts: tuple[Part, ...]
    is_basket: bool = False

    def between(self, start: int, end: int) -> tuple[TickPart, ...]:
        """The parts' changes in [start, end) ns, as the lead test takes them."""
        inside = [(part.weight, part.ticks.between(start, end).changes()) for part in self.parts]
        return tuple(TickPart(weight, ticks.ts, ticks.log_mid) for weight, ticks in inside)

    def on_grid(self, edges: Instants) -> Array:
        """Log price in force just before each edge; NaN where a part is unknown."""
        if not self.is_basket:
            return self.parts[0].weight * self.parts[0].ticks.on_grid(edges)
        values = [part.shares * np.exp(part.ticks.on_grid(edges)) for part in self.parts]
        return np.log(np.sum(values, axis=0))

    def fresh(self, edges: Instants) -> NDArray[np.bool_]:
        """Whether every part had a quote in the second that ends at each edge."""
        return np.all([fresh_seconds(part.ticks, edges) for part in self.parts], axis=0)


def mid_ticks(quotes: pl.DataFrame, hours: Session) -> pl.DataFrame:
    """Thin one ticker's quotes to its last usable mid in each 100 ms bin that has a quote.

    Parameters
    ----------
    quotes
        Rows of raw.quotes of one ticker and day.
    hours
        Regular hours.

    Notes
    -----
    A quote that repeats the mid is kept: it says that the price is fresh. Times are those of the
    quotes, not of the bins. Crossed and one-sided quotes have no mid and leave the bin to others.
    """
    clean = clean_quotes(quotes)
    usable = (clean.bid > 0) & (clean.bid <= clean.ask)
    usable &= (clean.ts >= nanoseconds(hours.open)) & (clean.ts < nanoseconds(hours.close))
    ts = clean.ts[usable]
    twice = (clean.bid + clean.ask)[usable]
    last = np.append(np.diff(ts // BIN_NS) > 0, True) if len(ts) else np.zeros(0, bool)
    return pl.DataFrame(
        {
            "ts": ts[last].astype("datetime64[ns]"),
            "log_mid_price": np.log(twice[last] / (2.0 * PER_DOLLAR)),
        },
        schema={"ts": pl.Datetime("ns"), "log_mid_price": pl.Float64},
    )


def by_ticker(ticks: pl.DataFrame) -> dict[str, Ticks]:
    """Ticks of every ticker from rows of features.mid_ticks (ticker, ts, log_mid_price)."""
    series = {}
    for (ticker,), rows in ticks.group_by("ticker"):
        rows = rows.sort("ts")
        stamps = rows["ts"].cast(pl.Datetime("ns")).to_physical().to_numpy()
        series[str(ticker)] = Ticks(stamps, rows["log_mid_price"].to_numpy())
    return series


def group_series(
    group: Group, series: dict[str, Ticks], baskets: pl.DataFrame
) -> dict[str, Series] | None:
    """Every member of a group, in units of its leverage; None if a member has no prices.

    Parameters
    ----------
    group
        Members; `@SMH` stands for the fund's basket.
    series
        Ticks by ticker.
    baskets
        Rows of raw.etf_baskets (etf, ticker, shares_per_share); may be empty.
    """
    found: dict[str, Series] = {}
    for member in group.members:
        own = _basket(member.fund, series, baskets) if member.fund else _single(member, series)
        if own is None:
            return None
        found[member.ticker] = own
    return found


def _single(member: Member, series: dict[str, Ticks]) -> Series | None:
    ticks = series.get(member.ticker)
    if ticks is None or len(ticks.ts) < 2:
        return None
    return Series((Part(1.0 / member.leverage, ticks),))


def _basket(fund: str, series: dict[str, Ticks], baskets: pl.DataFrame) -> Series | None:
    """A fund's constituents, weighted by value; None if they are not its whole value."""
    held = baskets.filter(pl.col("etf") == fund) if baskets.height else baskets
    whole = series.get(fund)
    if held.height == 0 or whole is None or len(whole.ts) < 2:
        return None
    price = np.exp(np.median(whole.log_mid))
    parts = []
    for ticker, shares in held.select("ticker", "shares_per_share").iter_rows():
        own = series.get(ticker)
        if own is not None and len(own.ts) >= 2:
            weight = float(shares) * float(np.exp(np.median(own.log_mid))) / price
            parts.append(Part(weight, own, float(shares)))
    covered = sum(part.weight for part in parts)
    return Series(tuple(parts), True) if covered >= MIN_BASKET_COVERAGE else None


def seconds_of(hours: Session) -> Instants:
    """Right ends of the session's seconds, in ns: the grid of every series."""
    return np.arange(nanoseconds(hours.open), nanoseconds(hours.close) + 1, SECOND_NS)[1:]


def fresh_seconds(ticks: Ticks, edges: Instants) -> NDArray[np.bool_]:
    """Whether a quote came in the second that ends at each edge."""
    before = np.searchsorted(ticks.ts, edges - SECOND_NS, side="left")
    return np.searchsorted(ticks.ts, edges, side="left") > before
