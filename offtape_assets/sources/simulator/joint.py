"""How the names depend on each other at an expiry, in closed form.

Given an outcome the log prices are Gaussian with shared factors and innovations; the outcome
itself moves all names at once. Funds are taken as lognormal with their basket's exposures.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl

from offtape_assets.market.calendar import sessions
from offtape_assets.sources.simulator import chain
from offtape_assets.sources.simulator.laws import aftermaths, conditional_laws, exposures
from offtape_assets.sources.simulator.names import FACTOR_DAILY_SD, innovation_name
from offtape_assets.sources.simulator.world import SessionWorld


def horizon(market: SessionWorld) -> date:
    """The first expiry a week or more after the event, else the first there is."""
    listed = chain.expiries(market)
    late = [day for day in listed if day >= market.world.event_date + timedelta(days=7)]
    return late[0] if late else listed[0]


def correlations(market: SessionWorld, tickers: Sequence[str], expiry: date) -> np.ndarray:
    """Correlation matrix of prices at an expiry as of the session's open; (names, names)."""
    second = np.zeros((len(tickers), len(tickers)))
    mean = np.zeros(len(tickers))
    opening = np.array([market.open])
    laws = [conditional_laws(market, ticker, opening, expiry) for ticker in tickers]
    probability = market.probability(0)[market.open]
    firms = np.array([innovation_name(ticker) for ticker in tickers])
    shared_falls = firms[:, None] == firms
    for outcome, share in ((True, probability), (False, 1 - probability)):
        covariance = log_covariance(market, tickers, expiry, outcome)
        gains = np.array([(law.gain_yes if outcome else law.gain_no)[0] for law in laws])
        falls = [law.fall_yes if outcome else law.fall_no for law in laws]
        squares = np.array([weights @ factors**2 for weights, factors in map(aftermaths, falls)])
        moments = np.outer(gains, gains) * np.exp(covariance)
        moments *= np.where(shared_falls, squares, 1.0)
        second += share * moments
        mean += share * gains
    covariance = second - np.outer(mean, mean)
    sd = np.sqrt(np.diag(covariance))
    return covariance / np.outer(sd, sd)


def log_covariance(
    market: SessionWorld, tickers: Sequence[str], expiry: date, outcome: bool
) -> np.ndarray:
    """Covariance of log prices at an expiry given an outcome, falls left out; (names, names)."""
    levels, event_date = market.levels, market.world.event_date
    held = [exposures(levels, levels.name(ticker)) for ticker in tickers]
    loadings = np.array([factors for factors, _ in held])
    sources = sorted({source for _, own in held for source in own})
    own = np.array([[part.get(source, 0.0) for source in sources] for _, part in held])
    left = float(1 - np.cumsum(market.variance_shares)[market.open])
    days = sessions(market.day, expiry)
    spans = [(left if day == market.day else 1.0, day) for day in days]
    total = sum(span for span, _ in spans)
    variances = np.array([
        sum(
            span
            * (
                levels.own_variance_after(levels.name(source), outcome)
                if day > event_date
                else levels.own_variance(levels.name(source), day)
            )
            for span, day in spans
        )
        for source in sources
    ])  # fmt: skip
    shared = loadings * np.array(FACTOR_DAILY_SD)
    return total * shared @ shared.T + own * variances @ own.T


def correlation_rows(market: SessionWorld, tickers: Sequence[str]) -> pl.DataFrame:
    """Rows of truth.joint_correlations."""
    names = sorted(tickers)
    expiry = horizon(market)
    matrix = correlations(market, names, expiry)
    first, second = np.triu_indices(len(names), 1)
    listed = np.array(names)
    return pl.DataFrame({
        "expiry": [expiry] * len(first),
        "ticker_a": listed[first],
        "ticker_b": listed[second],
        "correlation": matrix[first, second],
    })  # fmt: skip
