"""How the names depend on each other at an expiry, in closed form, and what factors inherit.

Given an outcome the log prices are Gaussian with shared factors and innovations; the outcome
itself moves all names at once. Funds are taken as lognormal with their basket's exposures.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl

from offtape_assets.market.calendar import sessions
from offtape_assets.sources.simulator import chain
from offtape_assets.sources.simulator.factors import members
from offtape_assets.sources.simulator.laws import aftermaths, conditional_laws, exposures
from offtape_assets.sources.simulator.names import FACTOR_DAILY_SD, FACTORS, innovation_name
from offtape_assets.sources.simulator.world import SessionWorld


def horizon(market: SessionWorld) -> date:
    """The first expiry a week or more after the event, else the first there is."""
    listed = chain.expiries(market)
    late = [day for day in listed if day >= market.world.event_date + timedelta(days=7)]
    return late[0] if late else listed[0]


def correlations(market: SessionWorld, tickers: Sequence[str], expiry: date) -> np.ndarray:
    """Correlation matrix of prices at an expiry as of the session's open; (names, names)."""
    covariance = covariance_over_forwards(market, tickers, expiry, market.open)
    sd = np.sqrt(np.diag(covariance))
    return covariance / np.outer(sd, sd)


def covariance_over_forwards(
    market: SessionWorld, tickers: Sequence[str], expiry: date, second: int
) -> np.ndarray:
    """Covariance of prices at an expiry over their forwards, as of a second; (names, names)."""
    shared = np.zeros((len(tickers), len(tickers)))
    mean = np.zeros(len(tickers))
    laws = [conditional_laws(market, ticker, np.array([second]), expiry) for ticker in tickers]
    probability = market.probability(0)[second]
    firms = np.array([innovation_name(ticker) for ticker in tickers])
    shared_falls = firms[:, None] == firms
    for outcome, share in ((True, probability), (False, 1 - probability)):
        covariance = log_covariance(market, tickers, expiry, outcome, second)
        gains = np.array([(law.gain_yes if outcome else law.gain_no)[0] for law in laws])
        falls = [law.fall_yes if outcome else law.fall_no for law in laws]
        squares = np.array([weights @ factors**2 for weights, factors in map(aftermaths, falls)])
        moments = np.outer(gains, gains) * np.exp(covariance)
        moments *= np.where(shared_falls, squares, 1.0)
        shared += share * moments
        mean += share * gains
    return shared - np.outer(mean, mean)


def log_covariance(
    market: SessionWorld, tickers: Sequence[str], expiry: date, outcome: bool, second: int
) -> np.ndarray:
    """Covariance of log prices at an expiry given an outcome as of a second; (names, names).

    Falls are left out.
    """
    levels, event_date = market.levels, market.world.event_date
    held = [exposures(levels, levels.name(ticker)) for ticker in tickers]
    loadings = np.array([factors for factors, _ in held])
    sources = sorted({source for _, own in held for source in own})
    own = np.array([[part.get(source, 0.0) for source in sources] for _, part in held])
    left = float(1 - np.cumsum(market.variance_shares)[second])
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


def factor_rows(market: SessionWorld, tickers: Sequence[str]) -> pl.DataFrame:
    """Rows of truth.factor_laws, on the chain's instants; none for a factor that holds no ticker."""
    everyone = members(market.world.market_names)
    is_held = np.isin(everyone.tickers, list(tickers))
    names = [str(ticker) for ticker in everyone.tickers[is_held]]
    weights = everyone.weights[:, is_held]
    expiry = horizon(market)
    seconds = chain.snapshot_seconds(market)
    spots = np.reshape([market.price(ticker)[seconds] for ticker in names], (-1, len(seconds)))
    forwards = chain.forward_price(market, spots, (expiry - market.day).days)
    covariances = np.array([
        covariance_over_forwards(market, names, expiry, second) if names else np.zeros((0, 0))
        for second in seconds
    ])  # fmt: skip
    rows = []
    for factor, own, whole in zip(FACTORS, weights, everyone.weights, strict=True):
        dollars = own[:, None] * forwards
        variance = np.einsum("it,tij,jt->t", dollars, covariances, dollars)
        rows.append(
            pl.DataFrame(
                {
                    "ts": ((market.start + seconds) * 1_000_000).astype("datetime64[us]"),
                    "mean": dollars.sum(axis=0),
                    "variance": variance,
                    "implied_vol": np.sqrt(variance),
                }
            ).with_columns(
                pl.lit(expiry).alias("expiry"),
                pl.lit(factor).alias("factor"),
                pl.lit(np.abs(own).sum() / np.abs(whole).sum()).alias("weight_coverage"),
            )
        )
    return (
        pl.concat(rows)
        .filter(pl.col("weight_coverage") > 0)
        .select("ts", "expiry", "factor", "mean", "variance", "implied_vol", "weight_coverage")
    )
