"""One session of the simulated market: the value of every name at every second.

A value is its level the evening before, factor and own moves with an intraday volatility curve,
and the event's probability; what a name shows is late by its planted lags. Funds are baskets of
the values of their stocks. Quotes and trades around these values live in tape.py.
"""

from datetime import date, time
from functools import cached_property

import numpy as np
from scipy.signal import lfilter

from offtape_assets.market.calendar import session
from offtape_assets.sources.simulator.event import Event, seconds_at
from offtape_assets.sources.simulator.levels import Levels
from offtape_assets.sources.simulator.names import FACTOR_DAILY_SD, Planted, innovation_name
from offtape_assets.sources.simulator.settings import World
from offtape_assets.sources.simulator.streams import generator

FIRST_QUOTE = time(4, 0)
SECONDS = 16 * 3600
"""From the first quote at 04:00 New York time to the last at 20:00."""
COMMON_PACE, OWN_PACE = 0.7, 0.6
"""Standard deviations of the log variance that lasts an hour, of all names and of each."""
BURSTINESS = 1.5
"""Standard deviation of the log variance of single seconds."""


class SessionWorld:
    """What is true on one trading day; paths have shape (SECONDS + 1,), one value a second."""

    def __init__(self, world: World, event: Event, levels: Levels, day: date) -> None:
        self.world = world
        self.event = event
        self.levels = levels
        self.day = day
        self.start = seconds_at(day, FIRST_QUOTE)
        hours = session(day)
        self.open = int(hours.open.timestamp()) - self.start
        self.close = int(hours.close.timestamp()) - self.start
        self._own: dict[str, np.ndarray] = {}
        self._bases: dict[str, np.ndarray] = {}
        self._baskets: dict[tuple[tuple[str, float], ...], tuple[np.ndarray, np.ndarray]] = {}
        self._probabilities: dict[int, np.ndarray] = {}

    @cached_property
    def activity(self) -> np.ndarray:
        """Expected messages of each second relative to the day's mean second in the session."""
        seconds = np.arange(SECONDS)
        part = (seconds + 0.5 - self.open) / (self.close - self.open)
        curve = 0.58 + 1.9 * np.exp(-part / 0.05) + 2.4 * np.exp(-(1 - part) / 0.035)
        curve /= curve[self.open : self.close].mean()
        curve = np.where(part < 0, 0.012 + 0.12 * np.exp(part / 0.10), curve)
        curve = np.where(part > 1, 0.012 + 0.20 * np.exp(-(part - 1) / 0.08), curve)
        if self.day == self.world.event_date:
            curve[max(self.event.night - self.start, 0) :] *= 6.0
        return curve

    @cached_property
    def variance_shares(self) -> np.ndarray:
        """Shares of a day's variance: the night before, then each second; shape (SECONDS + 1,)."""
        world = self.world
        shares = np.empty(SECONDS + 1)
        shares[0] = world.overnight_variance
        regular = self.activity[self.open : self.close] ** 0.8
        regular_total = 1 - world.overnight_variance - world.extended_variance
        outside = world.extended_variance / (SECONDS - (self.close - self.open))
        shares[1:] = outside
        shares[1 + self.open : 1 + self.close] = regular_total * regular / regular.sum()
        return shares

    @cached_property
    def market_pace(self) -> np.ndarray:
        """Volatility of volatility common to all names, mean about 1; shape (SECONDS + 1,)."""
        return self._pace(generator(self.world.seed, self.day, "market pace"), COMMON_PACE)

    def _pace(self, rng: np.random.Generator, size: float) -> np.ndarray:
        minutes = SECONDS // 60 + 1
        persistence = 0.985
        shocks = rng.standard_normal(minutes) * size * np.sqrt(1 - persistence**2)
        return np.repeat(np.exp(lfilter([1.0], [1.0, -persistence], shocks)), 60)[: SECONDS + 1]

    def _bridge(self, rng: np.random.Generator, total: float, sd: float) -> np.ndarray:
        """A log path that moves `total` over the day, the night's gap at its first second."""
        shares = self.variance_shares * self.market_pace * self._pace(rng, OWN_PACE)
        bursts = np.exp(rng.standard_normal(SECONDS + 1) * BURSTINESS)
        shares = shares * np.where(np.arange(SECONDS + 1) == 0, 1.0, bursts)
        shares /= shares.sum()
        moves = rng.standard_normal(SECONDS + 1) * np.sqrt(shares) * sd
        return np.cumsum(moves + shares * (total - moves.sum()))

    @cached_property
    def factor_paths(self) -> np.ndarray:
        """Log moves of the five factors since the evening before; shape (SECONDS + 1, 5)."""
        paths = []
        for factor, sd in enumerate(FACTOR_DAILY_SD):
            total = float(self.levels.factor_return(factor, [self.day])[0])
            rng = generator(self.world.seed, self.day, "factor", factor)
            paths.append(self._bridge(rng, total, sd))
        return np.column_stack(paths)

    def own_path(self, ticker: str) -> np.ndarray:
        """Log move of a name's own innovations since the evening before."""
        source = innovation_name(ticker)
        if source not in self._own:
            sd = np.sqrt(self.levels.own_variance(self.levels.name(ticker), self.day))
            total = float(self.levels.own_return(ticker, [self.day])[0])
            rng = generator(self.world.seed, self.day, source, "own")
            self._own[source] = self._bridge(rng, total, sd)
        return self._own[source]

    def probability(self, lag: int) -> np.ndarray:
        """The event's true probability as known `lag` seconds late."""
        if lag not in self._probabilities:
            seconds = np.arange(SECONDS + 1) + self.start - lag
            self._probabilities[lag] = self.event.probability(seconds)
        return self._probabilities[lag]

    def base(self, ticker: str) -> np.ndarray:
        """Log value of a stock without the event and without delays."""
        if ticker not in self._bases:
            name = self.levels.name(ticker)
            self._bases[ticker] = self._innovations(name) + self.factor_paths @ name.loadings
        return self._bases[ticker]

    def _innovations(self, name: Planted) -> np.ndarray:
        path = self.own_path(name.ticker) + self.levels.level(name.ticker, self.day)
        if name.follows:
            path = path + name.follow_loading * late(self.own_path(name.follows), name.follow_lag)
        drift = self.levels.drift(name, self.day) * np.cumsum(self.variance_shares)
        if self.start >= self.event.settled:
            drift = drift + self.levels.aftermath(name.ticker)
        return path + drift

    def price(self, ticker: str) -> np.ndarray:
        """What a name shows: its value with its planted delays, in dollars."""
        name = self.levels.name(ticker)
        if name.multiple_of:
            parent = self.levels.name(name.multiple_of)
            value = self._leveraged(name, self._basket(parent, name.event_lag))
        elif name.weights:
            value = self._basket(name, name.event_lag)
        else:
            return self._stock_price(name)
        noise = self._tracking_noise(ticker)
        return name.price_usd * np.exp(partly_late(np.log(value), name) + noise)

    def _stock_price(self, name: Planted) -> np.ndarray:
        news = self.factor_paths @ name.loadings
        delay = partly_late(news, name) - news
        event = self.levels.event_value(name, self.probability(name.event_lag))
        return name.price_usd * np.exp(self.base(name.ticker) + delay) * event

    def basket_parts(self, name: Planted) -> tuple[np.ndarray, np.ndarray]:
        """A fund's value if no, and what yes adds: the value is linear in the probability."""
        if name.weights not in self._baskets:
            if_no, if_yes = np.zeros(SECONDS + 1), np.zeros(SECONDS + 1)
            for stock, weight in name.weights:
                value = weight * np.exp(self.base(stock))
                no, yes = self.levels.event_value(self.levels.name(stock), np.array([0.0, 1.0]))
                if_no += no * value
                if_yes += yes * value
            self._baskets[name.weights] = if_no, if_yes - if_no
        return self._baskets[name.weights]

    def _basket(self, name: Planted, event_lag: int) -> np.ndarray:
        if_no, gain = self.basket_parts(name)
        return if_no + gain * self.probability(event_lag)

    def _leveraged(self, name: Planted, parent: np.ndarray) -> np.ndarray:
        evening = self.levels.evening_values(name.multiple_of, [self.day])[0]
        level = np.exp(self.levels.leveraged_level(name, self.day))
        return level * np.maximum(1 + name.multiple * (parent / evening - 1), 0.01)

    def _tracking_noise(self, ticker: str) -> np.ndarray:
        rng = generator(self.world.seed, self.day, ticker, "tracking")
        persistence = 0.9
        sd = self.world.tracking_noise_bp * 1e-4 * np.sqrt(1 - persistence**2)
        return lfilter([1.0], [1.0, -persistence], rng.standard_normal(SECONDS + 1) * sd)


def late(path: np.ndarray, lag: int) -> np.ndarray:
    """The path `lag` seconds ago; before the first second, the first value."""
    return np.concatenate([np.full(lag, path[0]), path[: len(path) - lag]]) if lag else path


def partly_late(path: np.ndarray, name: Planted) -> np.ndarray:
    """The path with a name's planted share of it late by its planted lag."""
    if not name.information_lag:
        return path
    return path - name.late_share * (path - late(path, name.information_lag))
