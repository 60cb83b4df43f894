"""Trades of the event's two contracts: one truth, two books, whole cents.

Each book's fair price is the probability as the market knows it, half a cent dear (the two sides
sum to more than a dollar) and off by a slow error of its own. A trade is at a cent near it, dear
or cheap at random without bias, so successive prices bounce far more than the truth moves.
"""

from datetime import date

import numpy as np
import polars as pl
import pyarrow as pa
from scipy.signal import lfilter

from offtape_assets.sources.simulator.event import Event, utc_midnight
from offtape_assets.sources.simulator.rows import decimals
from offtape_assets.sources.simulator.settings import World
from offtape_assets.sources.simulator.streams import generator

DAY_SECONDS = 86_400
VIG = 0.01
"""What the two fair prices sum to above one dollar."""
BASIS_SD = 0.002
BASIS_SECONDS = 900
BOUNCE_CENTS = 0.35
TRADES_ON_EVENT_DAY = 15_000
TRADES_ON_NIGHT = 40_000
BUSIEST = 10.0
_ROUND_SIZES = np.array([1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2500])


def fair_prices(world: World, event: Event, day: date) -> np.ndarray:
    """Fair prices of the yes and the no contract at each second of a UTC day; (86,400, 2)."""
    seconds = utc_midnight(day) + np.arange(DAY_SECONDS)
    probability = event.probability(seconds - world.prediction_market_lag)
    fair = np.column_stack([probability, 1 - probability]) + VIG / 2
    persistence = 1 - 1 / BASIS_SECONDS
    for side in range(2):
        shocks = generator(world.seed, day, "event basis", side).standard_normal(DAY_SECONDS)
        shocks *= BASIS_SD * np.sqrt(1 - persistence**2)
        fair[:, side] += lfilter([1.0], [1.0, -persistence], shocks)
    return fair


def trade_rate(world: World, event: Event, day: date) -> np.ndarray:
    """Expected trades of both contracts in each second of a UTC day: they come with the news."""
    start = utc_midnight(day)
    seconds = start + np.arange(DAY_SECONDS)
    known = event.probability(seconds - world.prediction_market_lag)
    before = event.probability(seconds - world.prediction_market_lag - 60)
    pace = 1 + 120 * np.abs(known - before)
    pace *= 1 + 0.6 * np.cos(2 * np.pi * (seconds % DAY_SECONDS / DAY_SECONDS - 20 / 24))
    is_open = (seconds >= event.listed) & (seconds < event.settled)
    is_night = seconds >= event.night
    days_left = max((world.event_date - day).days, 0)
    quiet = max(250.0, TRADES_ON_EVENT_DAY * np.exp(-days_left / 8))
    per_second = np.where(is_night, TRADES_ON_NIGHT / (8 * 3600), quiet / DAY_SECONDS)
    return np.where(is_open, per_second * pace, 0.0) * min(world.traffic, BUSIEST)


def trades(world: World, event: Event, day: date, contracts: tuple[str, str]) -> pl.DataFrame:
    """Rows of raw.kalshi_trades of one UTC day."""
    rng = generator(world.seed, day, "event trades")
    rate = trade_rate(world, event, day)
    counts = rng.poisson(rate * rng.gamma(2.0, 0.5, DAY_SECONDS))
    second = np.repeat(np.arange(DAY_SECONDS), counts)
    micros = second * 1_000_000 + rng.integers(0, 1_000_000, len(second))
    order = np.argsort(micros, kind="stable")
    second, micros = second[order], micros[order]
    side = (rng.random(len(second)) < 0.5).astype(int)
    fair = fair_prices(world, event, day)[second, side] * 100
    noise = rng.normal(0, BOUNCE_CENTS, len(second)) + rng.random(len(second))
    cents = np.clip(np.floor(fair + noise), 1, 99).astype(np.int64)
    fills = rng.geometric(0.94, len(second))
    size = _sizes(rng, int(fills.sum()))
    names = np.array(contracts)[side]
    stamps = utc_midnight(day) * 1_000_000 + micros
    table = pa.table({
        "ts": pa.array(np.repeat(stamps, fills).astype("datetime64[us]")),
        "contract": pa.array(np.repeat(names, fills)),
        "contracts_traded": decimals(size * 1_000_000),
        "price": decimals(np.repeat(cents, fills) * 10_000),
    })  # fmt: skip
    return pl.DataFrame(pl.from_arrow(table))


def _sizes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Contracts per fill: round numbers or whatever a dollar amount buys."""
    bought = np.ceil(rng.lognormal(3.6, 1.7, count)).clip(1, 500_000)
    return np.where(rng.random(count) < 0.4, rng.choice(_ROUND_SIZES, count), bought).astype(int)
