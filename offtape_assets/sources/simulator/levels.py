"""Where each name stands on the evening before a session: daily returns summed from the event.

Every day's number comes from a hash of (stream, date), so any date costs the same and no date
needs another's simulation. The path within a day lives in world.py and ends exactly here.
"""

from collections.abc import Sequence
from datetime import date, time
from functools import lru_cache

import numpy as np

from offtape_assets.market.calendar import sessions
from offtape_assets.sources.simulator.event import Event, seconds_at
from offtape_assets.sources.simulator.names import (
    FACTOR_DAILY_SD,
    FACTORS,
    Planted,
    innovation_name,
    planted,
)
from offtape_assets.sources.simulator.settings import World
from offtape_assets.sources.simulator.streams import indexed_normals, indexed_uniforms, stream_key

SESSIONS_PER_YEAR = 252
AFTERMATH_PROBABILITY = 0.2
EVENING = time(20, 0)

_between = lru_cache(maxsize=4096)(sessions)


class Levels:
    """Daily variances, returns and levels of every name in one world."""

    def __init__(self, world: World, event: Event) -> None:
        self._world = world
        self._event = event

    def name(self, ticker: str) -> Planted:
        """The truth about a ticker in this world."""
        return planted(ticker, self._world.kind)

    def own_variance(self, name: Planted, day: date) -> float:
        """Variance of a session's own log return: amplified on the event's day, new after it."""
        world = self._world
        if day > world.event_date:
            return self.own_variance_after(name, self._event.outcome)
        own = name.own_volatility**2 / SESSIONS_PER_YEAR
        return own * (world.own_variance_on_event_day if day == world.event_date else 1.0)

    def own_variance_after(self, name: Planted, outcome: bool) -> float:
        """The same for a session after an outcome, so that all of it has the planted volatility."""
        if self._world.kind == "constant":
            return name.own_volatility**2 / SESSIONS_PER_YEAR
        after = name.volatility_yes if outcome else name.volatility_no
        total = after**2 / SESSIONS_PER_YEAR
        return max(total - factor_variance(name), 0.1 * total)

    def factor_return(self, factor: int, days: Sequence[date]) -> np.ndarray:
        """Log return of a factor over each session; shape (days,)."""
        key = stream_key(self._world.seed, "factor", FACTORS[factor])
        sd = FACTOR_DAILY_SD[factor]
        return sd * indexed_normals(key, _ordinals(days))

    def own_return(self, ticker: str, days: Sequence[date]) -> np.ndarray:
        """A name's own log return over each session, before what it takes from another name."""
        name = self.name(ticker)
        key = stream_key(self._world.seed, "own", innovation_name(ticker))
        sd = np.sqrt([self.own_variance(name, day) for day in days])
        return sd * indexed_normals(key, _ordinals(days))

    def drift(self, name: Planted, day: date) -> float:
        """Minus half the session's variance: the price, not its log, is a martingale."""
        variance = factor_variance(name) + self.own_variance(name, day)
        if name.follows:
            boss = self.name(name.follows)
            variance += name.follow_loading**2 * self.own_variance(boss, day)
        return -0.5 * variance

    def returns(self, ticker: str, days: Sequence[date]) -> np.ndarray:
        """Log return of a name over each session without the event; shape (days,)."""
        name = self.name(ticker)
        total = self.own_return(ticker, days)
        for factor, loading in enumerate(name.loadings):
            total = total + loading * self.factor_return(factor, days)
        if name.follows:
            total = total + name.follow_loading * self.own_return(name.follows, days)
        return total + np.array([self.drift(name, day) for day in days])

    def level(self, ticker: str, day: date) -> float:
        """Log level on the evening before `day`, the event left out; 0 before the event's day."""
        event_date = self._world.event_date
        if day > event_date:
            days = _between(event_date, day)
            return float(self.returns(ticker, days[:-1] if days[-1] == day else days).sum())
        days = _between(day, event_date)
        return -float(self.returns(ticker, days[:-1] if days[-1] == event_date else days).sum())

    def event_value(self, name: Planted, probability: np.ndarray) -> np.ndarray:
        """What the event's probability makes of a price; 1 at the first probability."""
        ratio, first = np.exp(name.log_ratio), self._world.first_probability
        return (probability * ratio + 1 - probability) / (first * ratio + 1 - first)

    def aftermath(self, ticker: str) -> float:
        """Log of the factor that settlement brings: a fall in one of five aftermaths, mean 1."""
        name = self.name(ticker)
        fall = name.crash_yes if self._event.outcome else name.crash_no
        key = stream_key(self._world.seed, "aftermath", innovation_name(ticker))
        draw = indexed_uniforms(key, np.zeros(1))[0]
        mean = 1 - AFTERMATH_PROBABILITY + AFTERMATH_PROBABILITY * np.exp(-fall)
        return float(-fall * (draw < AFTERMATH_PROBABILITY) - np.log(mean))

    def evening_values(self, ticker: str, days: Sequence[date]) -> np.ndarray:
        """A basket fund's value relative to reference on the evenings before each of `days`.

        The days are successive sessions.
        """
        name = self.name(ticker)
        evenings = np.array([seconds_at(day, time(0)) - 4 * 3600 for day in days])
        probability = self._event.probability(evenings)
        is_settled = evenings >= self._event.settled
        total = np.zeros(len(days))
        for stock, weight in name.weights:
            moves = self.returns(stock, days[:-1])
            level = self.level(stock, days[0]) + np.concatenate([[0.0], np.cumsum(moves)])
            level = level + is_settled * self.aftermath(stock)
            total += weight * np.exp(level) * self.event_value(self.name(stock), probability)
        return total

    def leveraged_level(self, name: Planted, day: date) -> float:
        """Log level of a leveraged fund on the evening before `day`; 0 before the event's day."""
        event_date = self._world.event_date
        if day == event_date:
            return 0.0
        days = list(_between(min(day, event_date), max(day, event_date)))
        values = self.evening_values(name.multiple_of, days)
        total = float(np.log1p(name.multiple * np.diff(values) / values[:-1]).sum())
        return total if day > event_date else -total


def factor_variance(name: Planted) -> float:
    """Variance of a session's log return that the factors bring."""
    pairs = zip(name.loadings, FACTOR_DAILY_SD, strict=True)
    return sum((loading * sd) ** 2 for loading, sd in pairs)


def _ordinals(days: Sequence[date]) -> np.ndarray:
    return np.array([day.toordinal() for day in days], np.int64)
