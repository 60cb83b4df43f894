"""The law of a price at an expiry, given each outcome of the event: what chains are priced from.

Given an outcome the price is lognormal until the event is decided and after it, times the fall
that one aftermath in five brings. The forward is the mixture's mean, so spot and chain agree.
A basket fund's law is lognormal with its stocks' exact mean and their joint variance.
"""

from collections.abc import Callable
from datetime import date
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from offtape_assets.market.calendar import sessions
from offtape_assets.sources.simulator.levels import (
    AFTERMATH_PROBABILITY,
    Levels,
)
from offtape_assets.sources.simulator.names import FACTOR_DAILY_SD, Planted, innovation_name
from offtape_assets.sources.simulator.world import SessionWorld

_sessions = lru_cache(maxsize=512)(sessions)


class ConditionalLaws(NamedTuple):
    """Laws at one expiry as of several instants; every array has shape (instants,).

    `gain_*` is the mean over the forward, `variance_*` that of the log price without falls,
    `fall_*` the log size of the fall.
    """

    probability: np.ndarray
    gain_yes: np.ndarray
    gain_no: np.ndarray
    variance_yes: np.ndarray
    variance_no: np.ndarray
    fall_yes: float
    fall_no: float

    def spread(self, outcome: str) -> tuple[np.ndarray, np.ndarray]:
        """Standard deviation of the price over its mean, and of its log, given 'yes' or 'no'."""
        is_yes = outcome == "yes"
        variance = self.variance_yes if is_yes else self.variance_no
        fall = self.fall_yes if is_yes else self.fall_no
        weights, factors = aftermaths(fall)
        second = np.exp(variance) * (weights @ factors**2)
        logs = np.log(factors)
        log_variance = variance + weights @ logs**2 - (weights @ logs) ** 2
        return np.sqrt(second - 1), np.sqrt(log_variance)


def aftermaths(fall: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and factors, of mean one, of the two aftermaths."""
    weights = np.array([1 - AFTERMATH_PROBABILITY, AFTERMATH_PROBABILITY])
    factors = np.array([1.0, np.exp(-fall)])
    return weights, factors / (weights @ factors)


def conditional_laws(
    market: SessionWorld, ticker: str, seconds: np.ndarray, expiry: date
) -> ConditionalLaws:
    """Laws of a ticker at `expiry` as of seconds after the first quote."""
    levels, world, event = market.levels, market.world, market.event
    name = levels.name(ticker)
    probability = market.probability(name.event_lag)[seconds]
    left = 1 - np.cumsum(market.variance_shares)[seconds]
    to_come = _sessions(market.day, expiry)[1:]
    before = [day for day in to_come if day <= world.event_date]
    known = left * variance(levels, name, lambda n: levels.own_variance(n, market.day))
    for day in before:
        known = known + variance(levels, name, partial(levels.own_variance, day=day))
    after = len(to_come) - len(before)
    is_decided = market.start >= event.settled
    if is_decided or world.kind == "constant" or expiry <= world.event_date:
        outcome = event.outcome
        same = known + after * variance(levels, name, _after(levels, outcome))
        even = np.ones(len(seconds))
        return ConditionalLaws(probability, even, even, same, same, 0.0, 0.0)
    yes, no = (
        known + after * variance(levels, name, _after(levels, outcome)) for outcome in (True, False)
    )
    gains = _gains(market, name, seconds)
    if name.weights or name.multiple_of:
        yes, no = yes + _fall_variance(levels, name, True), no + _fall_variance(levels, name, False)
        return ConditionalLaws(probability, *gains, yes, no, 0.0, 0.0)
    return ConditionalLaws(probability, *gains, yes, no, name.crash_yes, name.crash_no)


def _after(levels: Levels, outcome: bool) -> Callable[[Planted], float]:
    return lambda name: levels.own_variance_after(name, outcome)


def _gains(
    market: SessionWorld, name: Planted, seconds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the forward given yes and given no."""
    parent = market.levels.name(name.multiple_of) if name.multiple_of else name
    now = market.probability(name.event_lag)[seconds]
    if parent.weights:
        if_no, gain = (part[seconds] for part in market.basket_parts(parent))
        value = if_no + gain * now
        yes, no = (if_no + gain) / value, if_no / value
    else:
        value = market.levels.event_value(name, now)
        if_no, if_yes = market.levels.event_value(name, np.array([0.0, 1.0]))
        yes, no = if_yes / value, if_no / value
    if name.multiple_of:
        held = _leverage(market, name)[seconds]
        yes, no = 1 + held * (yes - 1), 1 + held * (no - 1)
    return yes, no


def _leverage(market: SessionWorld, name: Planted) -> np.ndarray:
    """Exposure of a leveraged fund to its parent's next return, at each second."""
    evening = market.levels.evening_values(name.multiple_of, [market.day])[0]
    if_no, gain = market.basket_parts(market.levels.name(name.multiple_of))
    change = (if_no + gain * market.probability(name.event_lag)) / evening
    return name.multiple * change / np.maximum(1 + name.multiple * (change - 1), 0.01)


def variance(levels: Levels, name: Planted, own: Callable[[Planted], float]) -> float:
    """Variance of one session's log return, where `own` gives each name's own part."""
    if name.multiple_of:
        return name.multiple**2 * variance(levels, levels.name(name.multiple_of), own)
    loadings, sources = exposures(levels, name)
    factors = float(((loadings * FACTOR_DAILY_SD) ** 2).sum())
    return factors + sum(held**2 * own(levels.name(source)) for source, held in sources.items())


def exposures(levels: Levels, name: Planted) -> tuple[np.ndarray, dict[str, float]]:
    """Loadings on the factors and on each name's own innovations, at reference prices."""
    loadings = np.array(name.loadings)
    own: dict[str, float] = {}
    for ticker, weight in name.weights or ((name.ticker, 1.0),):
        stock = levels.name(ticker)
        if name.weights:
            loadings = loadings + weight * np.array(stock.loadings)
        for source, held in ((innovation_name(ticker), 1.0), (stock.follows, stock.follow_loading)):
            if source:
                own[source] = own.get(source, 0.0) + weight * held
    if name.multiple_of:
        loadings, own = exposures(levels, levels.name(name.multiple_of))
        loadings = name.multiple * loadings
        own = {source: name.multiple * held for source, held in own.items()}
    return loadings, own


def _fall_variance(levels: Levels, name: Planted, outcome: bool) -> float:
    parent = levels.name(name.multiple_of) if name.multiple_of else name
    total = 0.0
    for ticker, weight in parent.weights:
        stock = levels.name(ticker)
        fall = stock.crash_yes if outcome else stock.crash_no
        total += (weight * fall) ** 2 * AFTERMATH_PROBABILITY * (1 - AFTERMATH_PROBABILITY)
    return name.multiple**2 * total
