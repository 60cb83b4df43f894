"""From a smile to the risk-neutral law of the price: density, distribution, moments, bands, and the
verdict on the fit before anything is repaired. The smile itself is `smile`; the seed's own recipe,
kept for comparison, is `seed_density`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from offtape_assets.quant.smile import Quotes, Smile
from offtape_assets.quant.vector_math import (
    INV_SQRT_2PI,
    SQRT_HALF,
    simd_erfcx,
    simd_exp,
    simd_exp_of,
)

Array = NDArray[np.float64]
GRID_POINTS = 500
REACH_LOW, REACH_HIGH = 7.0, 7.0  # component sds the grid extends beyond either component's mean


@dataclass(frozen=True)
class Density:
    """A risk-neutral law on a grid of strikes (point,), with its diagnostics before repair.

    density per dollar; trapezoid sums over `strike` give mass 1 and mean = forward. The raw figures
    (mass, negative mass, mean error in bp of the forward, mass outside the quoted strikes) are
    those of the smile as fitted. `density_sd`, `cdf_sd`, `implied_vol_sd`, `sd_sd` are posterior.
    """

    strike: Array
    log_moneyness: Array
    implied_vol: Array
    implied_vol_sd: Array
    density: Array
    density_sd: Array
    cdf: Array
    cdf_sd: Array
    raw_mass: float
    negative_mass: float
    mass_outside_quotes: float
    mean_error_bp: float
    mean: float
    sd: float
    sd_sd: float
    skew: float
    kurtosis: float


def strike_grid(smile: Smile, quotes: Quotes, points: int = GRID_POINTS) -> Array:
    """Log-moneyness (point,), equally spaced over both components' reach and all quotes."""
    m = smile.mixture
    k = quotes.log_moneyness
    stretch = smile.scale
    low = min(m.mu1 - REACH_LOW * m.sd1 * stretch, m.mu2 - REACH_LOW * m.sd2 * stretch, k[0])
    high = max(m.mu1 + REACH_HIGH * m.sd1 * stretch, m.mu2 + REACH_HIGH * m.sd2 * stretch, k[-1])
    return low + (high - low) / (points - 1) * np.arange(points)


@njit(cache=True, nogil=True, fastmath={"contract", "nsz"}, error_model="numpy")
def _raw(k, smile, density, cdf, coefficients):  # type: ignore[no-untyped-def]
    """Density in k, distribution, and the derivatives of the density in s, s', s''."""
    for i in range(k.size):
        s, s1, s2 = smile[0, i], smile[1, i], smile[2, i]
        inverse = 1.0 / s
        d2 = -k[i] * inverse - 0.5 * s
        bell = INV_SQRT_2PI * simd_exp(-0.5 * d2 * d2)
        tail = bell / INV_SQRT_2PI * 0.5 * simd_erfcx(abs(d2) * SQRT_HALF)
        slant = 1.0 - k[i] * inverse * s1
        g = slant * slant - 0.25 * s * s * s1 * s1 + s * s2
        density[i] = g * bell * inverse
        cdf[i] = (tail if d2 > 0.0 else 1.0 - tail) + bell * s1
        scale = bell * inverse
        by_d2 = k[i] * inverse * inverse - 0.5
        g_s = 2.0 * slant * k[i] * s1 * inverse * inverse - 0.5 * s * s1 * s1 + s2
        coefficients[0, i] = scale * (g_s - g * (d2 * by_d2 + inverse))
        coefficients[1, i] = scale * (-2.0 * slant * k[i] * inverse - 0.5 * s * s * s1)
        coefficients[2, i] = scale * s
        coefficients[3, i] = -bell * (by_d2 + s1 * d2 * by_d2)
        coefficients[4, i] = bell


def raw_density(log_moneyness: Array, smile: Array) -> tuple[Array, Array, Array]:
    """Density in log-moneyness and distribution of a smile, by the analytic Breeden-Litzenberger.

    Parameters
    ----------
    log_moneyness : (point,)
    smile : (3, point)
        Total volatility and its first two derivatives.

    Returns
    -------
    density (point,), cdf (point,), coefficients (5, point): derivatives of the density in s, s', s''
    and of the distribution in s, s', for bands.

    Raises
    ------
    ValueError
        Where `smile` is not (3, point).

    Notes
    -----
    q(K) = e^{r tau} d^2C/dK^2 [1]_ along C = Black(K, s(k)), k = ln(K/F), d2 = -k/s - s/2:
    p(k) = K q(K) = phi(d2)/s [(1 - k s'/s)^2 - s^2 s'^2/4 + s s''], Q = N(-d2) + phi(d2) s' [2]_.

    References
    ----------
    .. [1] Breeden, D. and Litzenberger, R. (1978). J. Business, 51(4), 621-651.
    .. [2] Gatheral, J. and Jacquier, A. (2014). "Arbitrage-free SVI volatility surfaces."
       Quantitative Finance, 14(1), 59-71, eq. 2.1 (in total variance).
    """
    if smile.shape != (3, log_moneyness.size):
        raise ValueError(f"smile must be (3, {log_moneyness.size}), got {smile.shape}")
    density, cdf = np.empty(log_moneyness.size), np.empty(log_moneyness.size)
    coefficients = np.empty((5, log_moneyness.size))
    _raw(
        np.ascontiguousarray(log_moneyness), np.ascontiguousarray(smile), density, cdf, coefficients
    )
    return density, cdf, coefficients


@njit(cache=True, nogil=True, error_model="numpy")
def trapezoid_weights(x):  # type: ignore[no-untyped-def]
    """Weights w with sum w f = trapezoid sum of f over x (point,)."""
    weights = np.empty_like(x)
    weights[1:-1] = 0.5 * (x[2:] - x[:-2])
    weights[0], weights[-1] = 0.5 * (x[1] - x[0]), 0.5 * (x[-1] - x[-2])
    return weights


@njit(cache=True, nogil=True, fastmath={"contract", "nsz"}, error_model="numpy")
def _tilted(base, away, tilt, out):  # type: ignore[no-untyped-def]
    for i in range(base.size):
        out[i] = base[i] * simd_exp(tilt * away[i])


@njit(cache=True, nogil=True, fastmath={"contract", "nsz", "reassoc"}, error_model="numpy")
def _sums(tilted, away):  # type: ignore[no-untyped-def]
    """Mass and first two moments; reassociation is what lets sums become SIMD."""
    mass, first, second = 0.0, 0.0, 0.0
    for i in range(tilted.size):
        mass += tilted[i]
        first += tilted[i] * away[i]
        second += tilted[i] * away[i] * away[i]
    return mass, first, second


@njit(cache=True, nogil=True, error_model="numpy")
def _tilt(base, away):  # type: ignore[no-untyped-def]
    """b with sum base exp(b away) away = 0, by Newton on a convex function; NaN without one."""
    above, below = 0.0, 0.0
    for i in range(base.size):
        above += base[i] if away[i] > 0.0 else 0.0
        below += base[i] if away[i] < 0.0 else 0.0
    if not (above > 0.0 and below > 0.0):
        return math.nan
    tilt, tilted = 0.0, np.empty(base.size)
    for _ in range(50):
        _tilted(base, away, tilt, tilted)
        mass, first, second = _sums(tilted, away)
        mean = first / mass
        spread = second / mass - mean * mean
        step = -mean / spread
        tilt += step
        if abs(step) * math.sqrt(spread) < 1e-12:
            break
    return tilt


@njit(cache=True, nogil=True, error_model="numpy")  # inlined or not, the same bits
def moments(value, probability):  # type: ignore[no-untyped-def]
    """Mean, sd, skew and kurtosis (3 for a normal law) of values with these probabilities."""
    mean, square, cube, fourth = 0.0, 0.0, 0.0, 0.0
    for i in range(value.size):
        mean += value[i] * probability[i]
    for i in range(value.size):
        away = value[i] - mean
        share = away * away * probability[i]
        square += share
        cube += share * away
        fourth += share * away * away
    if not square > 0.0:
        return mean, 0.0, math.nan, math.nan
    return mean, math.sqrt(square), cube / square**1.5, fourth / square**2


@njit(cache=True, nogil=True, error_model="numpy")
def repair(density, weights, ratio):  # type: ignore[no-untyped-def]
    """The nearest law: negative parts cut, then tilted to mass 1 and mean = forward.

    Parameters
    ----------
    density, weights, ratio : (point,)
        Raw density, quadrature weights, strike over forward.

    Returns
    -------
    (point,) max(density, 0) exp(a + b (ratio - 1)), with sum w q = 1 and sum w q ratio = 1; NaN where no such
    tilt exists (all mass on one side of the forward).

    Notes
    -----
    Of all laws with that mass and mean it is the one with the least relative entropy to the cut
    density.
    """
    away, cut = ratio - 1.0, np.maximum(density, 0.0) * weights
    tilted, tilt = np.empty(density.size), _tilt(cut, away)
    if math.isnan(tilt):
        return np.full(density.size, math.nan)
    _tilted(cut, away, tilt, tilted)
    return tilted / (tilted.sum() * weights)


@njit(cache=True, nogil=True, error_model="numpy")
def _law(k, smile, forward, first, last):  # type: ignore[no-untyped-def]
    """strike, density and distribution after repair, coefficients of the bands, and the figures raw
    mass, negative mass, mass outside first..last, mean error, mean, sd, skew, kurtosis."""
    size = k.size
    in_k, cdf, coefficients = np.empty(size), np.empty(size), np.empty((5, size))
    _raw(k, smile, in_k, cdf, coefficients)
    ratio = simd_exp_of(k)
    strike = forward * ratio
    weights = trapezoid_weights(strike)
    raw = in_k / strike
    mass, negative, gain = 0.0, 0.0, 0.0
    for i in range(size):
        if not math.isfinite(raw[i]):  # the premium there is below the smallest double
            raw[i] = 0.0
        share = raw[i] * weights[i]
        mass += share
        gain += share * ratio[i]
        negative -= min(share, 0.0)
    outside = np.interp(first, k, cdf) + 1.0 - np.interp(last, k, cdf)
    density = repair(raw, weights, ratio)
    mended = np.zeros(size)
    for i in range(1, size):
        step = strike[i] - strike[i - 1]
        mended[i] = mended[i - 1] + 0.5 * (density[i] + density[i - 1]) * step
    figures = (mass, negative, outside, (gain - 1.0) * 1e4, *moments(ratio, density * weights))
    return strike, density, mended, coefficients, figures


def smile_density(
    smile: Smile, quotes: Quotes, forward: float, tau: float, with_bands: bool = True
) -> Density:
    """Density of the price at expiry from a fitted smile.

    Parameters
    ----------
    smile, quotes
        Fitted smile and the quotes it was fitted to.
    forward, tau : float
        Dollars; years.
    with_bands : bool
        Posterior sds too (the larger part of the time); without them they are NaN.

    Returns
    -------
    Density on GRID_POINTS strikes.

    Raises
    ------
    ValueError
        Where `forward` or `tau` is not positive.
    """
    if not (forward > 0.0 and tau > 0.0):
        raise ValueError(f"forward ({forward}) and tau ({tau}) must be positive")
    k = strike_grid(smile, quotes)
    total = smile.total_vol(k)
    first, last = quotes.log_moneyness[[0, -1]]
    strike, density, cdf, coefficients, figures = _law(k, total, forward, first, last)
    root = math.sqrt(tau)
    nothing = np.full_like(k, np.nan)
    bands = (nothing, nothing, nothing, math.nan)
    if with_bands:
        bands = _bands(smile, k, coefficients, root, strike)
    return Density(
        strike=strike,
        log_moneyness=k,
        implied_vol=total[0] / root,
        implied_vol_sd=bands[0],
        density=density,
        density_sd=bands[1],
        cdf=cdf,
        cdf_sd=bands[2],
        raw_mass=figures[0],
        negative_mass=figures[1],
        mass_outside_quotes=figures[2],
        mean_error_bp=figures[3],
        mean=forward * figures[4],
        sd=forward * figures[5],
        sd_sd=bands[3] / (2.0 * forward * figures[5]) if figures[5] > 0.0 else math.nan,
        skew=figures[6],
        kurtosis=figures[7],
    )


def _bands(
    smile: Smile, k: Array, coefficients: Array, root: float, strike: Array
) -> tuple[Array, Array, Array, float]:
    """sd of implied volatility, density per dollar and distribution at log-moneyness k, and of the
    law's variance: 2 int O(K) dK over the out-of-the-money premiums O, whose slope in s is K phi(d2)."""
    slope = np.zeros((3, k.size))
    slope[:2] = coefficients[3:]
    of_variance = 2.0 * strike * coefficients[4] * trapezoid_weights(strike)
    bands, variance_sd = smile.band(k, [coefficients[:3], slope], of_variance)
    return bands[0] / root, bands[1] / strike, bands[2], variance_sd
