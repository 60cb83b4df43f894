"""Days whose conditional laws are known and lie outside every estimator's family.

Two laws given the event (variance-gamma, skewed, of different shapes, with a common volatility
level that moves), a probability path of a given daily range, readings of it with noise, minute
prices with a factor, and option chains with strike errors and cent ticks every five minutes.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import roots_genlaguerre
from scipy.stats import norm

Array = NDArray[np.float64]
MINUTES, STEP, YEAR_DAYS = 390, 5, 252.0
FINE = 2
"""Steps of the probability in a minute, so that half a minute's lag is a lag and no average."""
SHAPES = {
    "lognormal": ((0.0, 0.0), (0.0, 0.0)),
    "skewed": ((-0.5, 0.4), (-0.5, 0.4)),
    "different": ((-0.2, 0.3), (-0.7, 0.4)),
}
"""Skew and tail of the variance-gamma law given yes and no."""


@dataclass(frozen=True)
class Case:
    """What a day is made of; means are returns over the factor, vols per year."""

    probability_range: float = 0.10
    mean_yes: float = 0.03
    mean_no: float = -0.04
    vol_yes: float = 0.35
    vol_no: float = 0.45
    law: str = "different"
    strikes: int = 40
    reading_noise: float = 0.0075
    factor_vol: float = 0.012
    hedge_vol: float = 0.0
    """The part of the factor's volatility that an observed factor carries."""
    level_vol: float = 0.03
    start: float | None = None
    price_lag: float = 0.0
    """Minutes the price is behind the probability."""
    factor_correlation: float = 0.0
    """Of the factor's and the probability's minute changes."""
    jumps: int = 0
    """Number of jumps that make all of the probability's moves beyond a tenth of the range."""
    bursts: float = 0.0
    """Sd of the log variance of the factor's and the probability's moves, common to both."""


@dataclass(frozen=True)
class Day:
    """One day: what an estimator sees, and the truth at the middle snapshot and along the day."""

    readings: Array
    log_price: Array
    hedge: Array | None
    """(M, 1) log level of the observed factor."""
    snapshot_minute: NDArray[np.int64]
    strikes: Array
    prices: Array
    price_sd: Array
    forward: Array
    tau: Array
    probability: Array
    log_ratio: float
    relative_mean: Array
    """(T, 2): conditional mean over forward, yes and no."""
    relative_sd: Array
    """(T, 2): conditional sd over conditional mean."""
    total_vol: Array
    """(T, 2): total volatility of the standardized laws."""
    laws: tuple["Law", "Law"]


@dataclass(frozen=True)
class Law:
    """A conditional law of mean 1 as normal components of the standardized log."""

    weight: Array
    centre: Array
    width: Array

    def components(self, total: float) -> tuple[Array, Array]:
        """Means and log widths of the lognormals at total volatility `total`; means mix to 1."""
        means = np.exp(self.centre * total + 0.5 * (self.width * total) ** 2)
        return means / (self.weight @ means), self.width * total

    def relative_sd(self, total: float) -> float:
        """Standard deviation over mean."""
        means, widths = self.components(total)
        return math.sqrt(self.weight @ (means**2 * np.exp(widths**2)) - 1.0)

    def density(self, price: Array, mean: float, total: float) -> Array:
        """Density at prices (point,) of the law with this mean."""
        means, widths = self.components(total)
        score = np.log(price[:, None] / (mean * means)) / widths + 0.5 * widths
        bell = np.exp(-0.5 * score**2) / (math.sqrt(2 * math.pi) * widths * price[:, None])
        return bell @ self.weight


def variance_gamma(skew: float, tail: float) -> Law:
    """Standardized variance-gamma law by Gauss-Laguerre; tail 0 is the normal law."""
    if tail == 0.0:
        return Law(np.array([1.0]), np.array([0.0]), np.array([1.0]))
    node, weight = roots_genlaguerre(14, 1.0 / tail - 1.0)
    clock = node * tail
    return Law(weight / weight.sum(), skew * (clock - 1), np.sqrt((1 - skew**2 * tail) * clock))


@njit(cache=True)
def _add_prices(price, share, means, widths, weights, mean, strikes, forward):  # type: ignore[no-untyped-def]
    for t in range(price.shape[0]):
        for k in range(strikes.size):
            is_put = strikes[k] < forward[t]
            for j in range(weights.size):
                f = mean[t] * means[t, j]
                s = widths[t, j]
                d = math.log(f / strikes[k]) / s
                call = f * 0.5 * math.erfc(-(d + s / 2) / 1.4142135623730951) - strikes[
                    k
                ] * 0.5 * math.erfc(-(d - s / 2) / 1.4142135623730951)
                value = call - (f - strikes[k]) if is_put else call
                price[t, k] += share[t] * weights[j] * value


def _walk(rng: np.random.Generator, pace: Array) -> Array:
    """Random walk of unit variance over the day; pace (steps,) is the variance of each step."""
    return np.r_[0.0, np.cumsum(rng.normal(size=pace.size) * np.sqrt(pace))] / math.sqrt(pace.size)


def _pace(rng: np.random.Generator, bursts: float) -> Array:
    """Variance of each minute's moves, persistent over half an hour, with mean one; (M - 1,)."""
    if not bursts:
        return np.ones(MINUTES - 1)
    persistence = 0.97
    shocks = rng.normal(size=MINUTES - 1) * bursts * math.sqrt(1 - persistence**2)
    pace = np.exp(lfilter([1.0], [1.0, -persistence], shocks))
    return pace / pace.mean()


def _probability(rng: np.random.Generator, case: Case, pace: Array) -> tuple[Array, Array]:
    """A martingale path whose range is within 15 % of the case's, and its Brownian driver.

    FINE steps a minute, the first and the last at the ends of a minute.
    """
    pace = np.repeat(pace, FINE)
    count = pace.size + 1
    wanted = case.probability_range
    while True:
        score = norm.ppf(case.start if case.start else rng.uniform(0.4, 0.65))
        if case.jumps:
            walk = 0.1 * _walk(rng, pace)
            at = FINE * rng.choice(np.arange(20, MINUTES - 20), case.jumps, replace=False)
            sizes = rng.normal(size=case.jumps)
            for step, size in zip(at, sizes, strict=True):
                walk[step:] += size / math.sqrt(case.jumps)
        else:
            walk = _walk(rng, pace)
        share = min(wanted / 0.6, 0.85)
        clock = np.arange(count) / count
        path = norm.cdf((score + share * walk) / np.sqrt(1 - share**2 * clock))
        if 0.85 * wanted <= np.ptp(path) <= 1.15 * wanted:
            return path, walk


def simulate(rng: np.random.Generator, case: Case) -> Day:
    """One day of a case."""
    pace, even = _pace(rng, case.bursts), np.ones(MINUTES - 1)
    fine, driver = _probability(rng, case, pace)
    path, driver = fine[::FINE], driver[::FINE]
    own = _walk(rng, pace)
    rho = case.factor_correlation
    hedge = case.hedge_vol * _walk(rng, pace)
    rest = math.sqrt(case.factor_vol**2 - case.hedge_vol**2)
    factor = np.exp(rest * (rho * driver + math.sqrt(1 - rho**2) * own) + hedge)
    clock = np.arange(MINUTES, dtype=np.float64)
    priced = np.interp(clock - case.price_lag, np.arange(fine.size) / FINE, fine)
    spot = factor * (1 + priced * case.mean_yes + (1 - priced) * case.mean_no)
    centre = 100.0 if case.strikes <= 40 else 400.0
    factor, spot = factor * centre / spot[0], spot * centre / spot[0]
    at = np.arange(0, MINUTES, STEP)
    count = at.size
    level = case.level_vol * _walk(rng, even)[at]
    tau = (10 - at / MINUTES) / YEAR_DAYS
    width = 0.2 if case.strikes <= 40 else 0.26
    strikes = np.round(centre * np.linspace(1 - width, 1 + width, case.strikes))
    laws = tuple(variance_gamma(*shape) for shape in SHAPES[case.law])
    price, sds = np.zeros((count, strikes.size)), np.empty((count, 2))
    means, totals = np.empty((count, 2)), np.empty((count, 2))
    for side, (law, mu, vol) in enumerate(
        zip(laws, (case.mean_yes, case.mean_no), (case.vol_yes, case.vol_no), strict=True)
    ):
        totals[:, side] = vol * np.exp(level - level[count // 2]) * np.sqrt(tau)
        parts = [law.components(total) for total in totals[:, side]]
        share = priced[at] if side == 0 else 1 - priced[at]
        means[:, side] = factor[at] * (1 + mu)
        sds[:, side] = [law.relative_sd(total) for total in totals[:, side]]
        columns = (np.array([p[0] for p in parts]), np.array([p[1] for p in parts]))
        _add_prices(price, share, *columns, law.weight, means[:, side], strikes, spot[at])
    mid, half = _quoted(rng, price)
    readings = np.round(path + rng.normal(size=MINUTES) * case.reading_noise, 3)
    return Day(
        np.clip(readings, 0.01, 0.99),
        np.log(spot) + rng.normal(size=MINUTES) * 5e-5,
        hedge[:, None] if case.hedge_vol else None,
        at,
        strikes,
        mid,
        half,
        spot[at],
        tau,
        priced[at],
        math.log((1 + case.mean_yes) / (1 + case.mean_no)),
        means / spot[at][:, None],
        sds,
        totals,
        laws,  # type: ignore[arg-type]
    )


def _quoted(rng: np.random.Generator, price: Array) -> tuple[Array, Array]:
    """Mids and half spreads: strike errors of a quarter half-spread, static and fresh, cent ticks."""
    half = np.maximum(rng.uniform(0.01, 0.03, size=price.shape[1]) * price, 0.01)
    static = rng.normal(size=price.shape[1])
    mid = price + half * 0.25 * (static + rng.normal(size=price.shape))
    bid, ask = np.floor((mid - half) * 100) / 100, np.ceil((mid + half) * 100) / 100
    mid = np.where(bid > 0, (bid + ask) / 2, np.nan)
    return mid, np.hypot(0.25 * (ask - bid), 0.003)
