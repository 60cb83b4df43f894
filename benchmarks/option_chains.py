"""Laws whose option prices are known, and noisy quotes of them: the test chains of the density
benchmark, its accuracy study and the tests.

Spot 580, ten days, rate 5.431 %, cent tick, half-spread one cent plus 1 % of the premium, mid moved by
up to half a half-spread, out-of-the-money side, bids above five cents.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

SPOT, TAU, RATE = 580.0, 10 / 365, 0.05431
DISCOUNT = math.exp(-RATE * TAU)
FORWARD = SPOT / DISCOUNT
LAWS = ("lognormal", "mild_event", "sharp_event", "skewed_event", "merton", "heston")
# outcomes that are skewed themselves: share, mean and volatility of four lognormals
SKEWED = ((0.42, 1.06, 0.14), (0.18, 0.99, 0.25), (0.25, 0.95, 0.18), (0.15, 0.85, 0.30))
JUMPY = ("sharp_event", "skewed_event")
Parts = list[tuple[float, float, float]]


def _parts(law: str) -> Parts:
    """Weight, mean over forward and total log sd of each lognormal component."""
    root = math.sqrt(TAU)
    if law == "lognormal":
        return [(1.0, 1.0, 0.4 * root)]
    if law == "mild_event":
        return [(0.55, 1.025, 0.16 * root), (0.45, (1 - 0.55 * 1.025) / 0.45, 0.30 * root)]
    if law == "sharp_event":
        return [(0.6, 1.10, 0.12 * root), (0.4, 0.85, 0.15 * root)]
    if law == "skewed_event":
        total = sum(share * mean for share, mean, _ in SKEWED)
        return [(share, mean / total, vol * root) for share, mean, vol in SKEWED]
    intensity, mean, sd, diffusion = 8.0, -0.05, 0.04, 0.18  # a year, log jump, its sd, vol
    drift = math.exp(mean + sd * sd / 2) - 1
    parts, rate = [], intensity * TAU
    for j in range(15):
        weight = math.exp(-rate) * rate**j / math.factorial(j)
        level = math.exp(-rate * drift + j * (mean + sd * sd / 2))
        parts.append((weight, level, math.sqrt(diffusion**2 * TAU + j * sd * sd)))
    return parts


def _heston(x: NDArray) -> NDArray:
    """Density of ln(S/F): v0 .06, theta .05, kappa 4, vol of vol 1.2, correlation -.7."""
    v0, theta, kappa, xi, rho = 0.06, 0.05, 4.0, 1.2, -0.7
    u = np.linspace(1e-6, 1200.0, 24_001)
    slope = rho * xi * 1j * u - kappa
    root = np.sqrt(slope**2 + xi * xi * (1j * u + u * u))
    ratio = (-slope - root) / (-slope + root)
    decay = np.exp(-root * TAU)
    level = (-slope - root) * TAU - 2 * np.log((1 - ratio * decay) / (1 - ratio))
    variance = v0 / xi**2 * (-slope - root) * (1 - decay) / (1 - ratio * decay)
    phi = np.exp(kappa * theta / xi**2 * level + variance)
    values = [np.trapezoid((np.exp(-1j * u * z) * phi).real, u) / math.pi for z in x]
    return np.maximum(np.array(values), 0.0)


@functools.cache
def truth(law: str) -> tuple[NDArray, NDArray]:
    """Strikes (point,) and density per dollar (point,)."""
    if law == "heston":
        x = np.linspace(-0.6, 0.4, 4001)
        strike = FORWARD * np.exp(x)
        return strike, _heston(x) / strike
    strike = np.linspace(FORWARD * 0.4, FORWARD * 1.9, 12_001)
    density = np.zeros_like(strike)
    for weight, mean, s in _parts(law):
        z = (np.log(strike / (FORWARD * mean)) + s * s / 2) / s
        density += weight * np.exp(-0.5 * z * z) / (strike * s * math.sqrt(2 * math.pi))
    return strike, density


def otm_price(law: str, strike: NDArray) -> NDArray:
    """Discounted premium of the out-of-the-money right at each strike."""
    is_call = strike >= FORWARD
    if law == "heston":
        grid, density = truth(law)
        payoff = [
            np.maximum(grid - k if c else k - grid, 0) for k, c in zip(strike, is_call, strict=True)
        ]
        return DISCOUNT * np.trapezoid(density * np.array(payoff), grid, axis=1)
    price = np.zeros_like(strike)
    for weight, mean, s in _parts(law):
        forward = FORWARD * mean
        d1 = np.log(forward / strike) / s + s / 2
        call = forward * ndtr(d1) - strike * ndtr(d1 - s)
        price += weight * np.where(is_call, call, call - forward + strike)
    return DISCOUNT * price


def law_moments(law: str) -> tuple[float, float]:
    """Mean and sd of the price at expiry."""
    strike, density = truth(law)
    mean = np.trapezoid(strike * density, strike)
    return float(mean), math.sqrt(np.trapezoid(density * (strike - mean) ** 2, strike))


@dataclass(frozen=True)
class TestChain:
    """One snapshot of out-of-the-money quotes, each (quote,)."""

    strike: NDArray
    is_call: NDArray
    bid: NDArray
    ask: NDArray

    @property
    def mid(self) -> NDArray:
        """Middle of the quote, dollars."""
        return 0.5 * (self.bid + self.ask)


def noisy_chain(law: str, strikes: int, seed: int) -> TestChain:
    """Quotes at `strikes` strikes from -4.2 to +3.4 sds (events with jumps: -2.6 to +1.6)."""
    rng = np.random.default_rng(seed)
    grid, density = truth(law)
    log = np.log(grid / FORWARD)
    centre = np.trapezoid(density * log, grid)
    sd = math.sqrt(np.trapezoid(density * (log - centre) ** 2, grid))
    low, high = (-2.6, 1.6) if law in JUMPY else (-4.2, 3.4)
    strike = FORWARD * np.exp(np.linspace(low, high, strikes) * max(sd, 0.27 * math.sqrt(TAU)))
    if strikes < 300:
        strike = np.unique(np.round(strike * 2) / 2)
    price = otm_price(law, strike)
    half = np.maximum(0.01, np.round(0.01 + 0.01 * price, 2))
    mid = price + half * rng.uniform(-0.5, 0.5, strike.size)
    bid = np.round(np.maximum(mid - half, 0.0), 2)
    ask = np.maximum(np.round(mid + half, 2), bid + 0.01)
    kept = bid > 0.05
    return TestChain(strike[kept], strike[kept] >= FORWARD, bid[kept], ask[kept])


def errors(law: str, strike: NDArray, density: NDArray) -> tuple[float, float, float]:
    """L1 error of the density, largest error of the distribution, mean over forward less 1 in bp.

    The estimate is normalised to mass 1 and counts as zero outside its grid.
    """
    grid, exact = truth(law)
    density = np.where(np.isfinite(density), density, 0.0)
    mass = np.trapezoid(density, strike)
    ours = np.interp(grid, strike, density / mass, left=0.0, right=0.0)
    steps = np.diff(grid)
    gap = ours - exact
    cdf_gap = np.cumsum(0.5 * (gap[1:] + gap[:-1]) * steps)
    mean_bp = (np.trapezoid(strike * density / mass, strike) / FORWARD - 1) * 1e4
    return float(np.trapezoid(np.abs(gap), grid)), float(np.abs(cdf_gap).max()), float(mean_bp)


def modes(density: NDArray) -> int:
    """Local maxima above one per cent of the largest."""
    inner = (density[1:-1] > density[:-2]) & (density[1:-1] >= density[2:])
    return int(np.count_nonzero(inner & (density[1:-1] > 0.01 * density.max())))
