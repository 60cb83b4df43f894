"""Simulated days with a known leader, for the leadership study and the tests.

Small worlds, one mechanism each: trackers of one index, a name beside a prediction market, and a
wide panel. Prices are in basis points of log price, one second a row.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.signal import lfilter

Array = NDArray[np.float64]

SESSION = 23_400  # seconds
HALF_CENT_BP = (0.0877, 0.0862, 0.0953)  # half a cent of prices near 570, 580 and 525


class NameDay(NamedTuple):
    """One name, the market and the trades of the event contract."""

    name: Array
    market: Array
    trade_seconds: Array
    trade_prices: Array


class PanelDay(NamedTuple):
    """A wide panel: prices, and the leader each column follows (-1: none)."""

    prices: Array
    follows: NDArray[np.int64]


def tracker_day(
    rng: np.random.Generator,
    lag: int = 1,
    share: float = 1.0,
    noise: tuple[float, float, float] = (0.3, 0.3, 0.3),
    persistence: float = 0.5,
    volatility: float = 0.65,
    n_seconds: int = SESSION,
) -> Array:
    """Three trackers of one random walk; column 0 leads if lag and share are above 0.

    `share` of each innovation reaches the followers `lag` seconds late. Noise is AR(1) with the
    standard deviations `noise`; mids live on a half-cent grid.
    """
    walk = np.cumsum(rng.standard_normal(n_seconds) * volatility)
    late = np.concatenate([np.zeros(lag), walk[: n_seconds - lag]])
    prices = np.empty((n_seconds, 3))
    for i in range(3):
        shocks = rng.standard_normal(n_seconds) * noise[i] * np.sqrt(1.0 - persistence**2)
        base = walk if i == 0 else (1.0 - share) * walk + share * late
        price = base + lfilter([1.0], [1.0, -persistence], shocks)
        tick = HALF_CENT_BP[i]
        prices[:, i] = np.round(price / tick + rng.uniform()) * tick
    return prices


def updates(
    rng: np.random.Generator, prices: Array, rates: tuple[float, ...]
) -> tuple[list[NDArray[np.int64]], list[Array], Array]:
    """Let series i be quoted with probability rates[i] a second.

    Returns the instants (ns) and prices of each series' updates, and the stale grid that carries
    the last update forward.
    """
    times, values = [], []
    grid = np.empty_like(prices)
    for i, rate in enumerate(rates):
        fresh = rng.uniform(size=len(prices)) < rate
        fresh[0] = True
        at = np.flatnonzero(fresh)
        times.append(at.astype(np.int64) * 1_000_000_000)
        values.append(prices[at, i])
        grid[:, i] = prices[at, i][np.cumsum(fresh) - 1]
    return times, values, grid


def sticky_day(
    rng: np.random.Generator,
    thresholds: tuple[float, ...] = (0.1, 0.6, 1.2),
    n_seconds: int = SESSION,
) -> tuple[list[NDArray[np.int64]], list[Array], Array]:
    """Nobody leads: quotes that follow one value, each only once it is a threshold (bp) away.

    The value moves every tenth of a second; a quote moves to it at once when it is too far off. What
    a market maker with a wide spread does: coarse prices move rarely and late, by no design.
    """
    value = np.cumsum(rng.standard_normal(n_seconds * 10) * 0.65 / np.sqrt(10.0))
    times, values = [], []
    grid = np.empty((n_seconds, len(thresholds)))
    for i, threshold in enumerate(thresholds):
        at, shown = _crossings(value, threshold)
        times.append(at.astype(np.int64) * 100_000_000)
        values.append(shown)
        last = np.searchsorted(at, np.arange(1, n_seconds + 1) * 10, side="left") - 1
        grid[:, i] = shown[last]
    return times, values, grid


@njit
def _crossings(value: Array, threshold: float) -> tuple[NDArray[np.int64], Array]:
    at = [0]
    shown = [value[0]]
    for t in range(1, len(value)):
        if abs(value[t] - shown[-1]) > threshold:
            at.append(t)
            shown.append(value[t])
    return np.array(at), np.array(shown)


def name_day(
    rng: np.random.Generator,
    delay: int = 5,
    explained: float = 0.05,
    trades_per_second: float = 1.0,
    daily_step: float = 2e-4,
    jumps: int = 0,
    volatility: float = 1.5,
    bounce: float = 0.5,
    n_seconds: int = SESSION,
) -> NameDay:
    """A name that reacts to the event and a contract that trades on it.

    `delay` > 0: the probability moves first; < 0: the name does; 0: at once. `explained` is the
    share of the name's market-adjusted variance that is news about the event, `daily_step` the
    probability's standard deviation per second (3 points a day at 2e-4, a night at 2e-3). The
    contract trades in cents with a bounce of half a cent.
    """
    news = rng.standard_normal(n_seconds) * daily_step * np.sqrt(0.5)
    if jumps:
        at = rng.integers(300, n_seconds - 300, jumps)
        news[at] += rng.choice([-1.0, 1.0], jumps) * rng.uniform(0.01, 0.03, jumps)
    own_news = rng.standard_normal(n_seconds) * daily_step * np.sqrt(0.5)
    probability = 0.55 + np.cumsum(_late(news, max(-delay, 0)) + own_news)
    market = rng.standard_normal(n_seconds)
    own_variance = volatility**2 - 0.8**2
    beta = np.sqrt(explained * own_variance) / (daily_step * np.sqrt(0.5))
    own = rng.standard_normal(n_seconds) * np.sqrt(own_variance * (1.0 - explained))
    returns = 0.8 * market + beta * _late(news, max(delay, 0)) + own
    name = np.cumsum(returns) + 0.2 * rng.standard_normal(n_seconds)
    index = np.cumsum(market) + 0.1 * rng.standard_normal(n_seconds)
    seconds = np.sort(rng.uniform(0, n_seconds, rng.poisson(trades_per_second * n_seconds)))
    seen = probability[seconds.astype(np.int64)]
    traded = np.round(seen / 0.01 + bounce * rng.choice([-1.0, 1.0], len(seen))) * 0.01
    return NameDay(name, index, seconds, np.clip(traded, 0.01, 0.99))


def panel_day(
    rng: np.random.Generator,
    explained: float = 0.01,
    n_names: int = 40,
    n_factors: int = 5,
    n_leaders: int = 4,
    n_followers: int = 5,
    n_seconds: int = SESSION,
) -> PanelDay:
    """Names with factors; columns 0..n_leaders-1 each lead n_followers others by 1-3 seconds."""
    volatility = rng.uniform(0.5, 4.0, n_names)
    loadings = rng.normal(0.0, 0.35, (n_names, n_factors))
    loadings[:, 0] = rng.uniform(0.5, 1.0, n_names)
    size = np.sqrt((loadings**2).sum(axis=1))
    loadings *= (volatility / size * np.sqrt(0.5))[:, None]
    own = rng.standard_normal((n_seconds, n_names))
    follows = np.full(n_names, -1)
    for leader in range(n_leaders):
        first = n_leaders + leader * n_followers
        for j in range(first, first + n_followers):
            follows[j] = leader
            heard = _late(own[:, leader], int(rng.integers(1, 4)))
            own[:, j] = np.sqrt(1.0 - explained) * own[:, j] + np.sqrt(explained) * heard
    factors = rng.standard_normal((n_seconds, n_factors))
    prices = np.cumsum(factors @ loadings.T + own * volatility * np.sqrt(0.5), axis=0)
    prices += 0.2 * rng.standard_normal((n_seconds, n_names))
    return PanelDay(prices, follows)


def _late(values: Array, lag: int) -> Array:
    return np.concatenate([np.zeros(lag), values[: len(values) - lag]]) if lag else values
