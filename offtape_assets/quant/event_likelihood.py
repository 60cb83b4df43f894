"""Joint likelihood of a log price and of noisy readings of a probability that moves it.

Given the price the readings are a local level around a multiple of it, so that one filter a cell
evaluates the likelihood exactly. What follows for the conditional means is `event_ratio`.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
LAGS = np.r_[-3.0, np.arange(-2.0, 2.01, 0.25), 3.0, 5.0]  # minutes the price is behind p
LAG_PRIOR = 0.25  # minutes; Cauchy scale: small lags are likely, large ones possible
RATIOS = np.geomspace(3e-4, 1e3, 24)  # level variance per minute over the noise variance
FINE = 33  # levels of the second pass
FACTORS = np.linspace(-2.5, 2.5, 11)  # sds of an uncertain noise
FAR_BELOW, FAR_LAG = 9.0, 7.0  # log-likelihoods under the best that are left out
LOG_EVERY = 16  # factors multiplied before one logarithm


class PriceAndReadings(NamedTuple):
    """A day's data; the price is known every minute, readings may be missing.

    reading, noise : (M,) readings (NaN where there is none) and the variances of their noise.
    log_price : (M,) log price, gaps bridged, factors taken out.
    variance : per minute, of the log price.
    noise_log_sd : how well the noise is known, as a sd of the log of one factor on its sd.
    """

    reading: Array
    noise: Array
    log_price: Array
    variance: float
    noise_log_sd: float

    def at_lags(self, lags: Array) -> Array:
        """(M, J) log price that belongs to each reading where the price is `lags` behind."""
        clock = np.arange(self.log_price.size, dtype=np.float64)
        return np.column_stack([np.interp(clock + lag, clock, self.log_price) for lag in lags])


class Posterior(NamedTuple):
    """Slopes of the readings on the price, and weights, over a grid of what else is unknown.

    level : (A,) variance per minute of the level; factor : (B,) on the noise variance;
    lag : (J,) minutes; bridge : (J,) variance added to the noise where a reading lies between two
    prices. slope, slope_variance, weight : (A, B, J); weights sum to one.
    """

    level: Array
    factor: Array
    lag: Array
    bridge: Array
    slope: Array
    slope_variance: Array
    weight: Array

    @property
    def mode(self) -> tuple[int, int, int]:
        """Cell of the largest weight."""
        a, b, j = np.unravel_index(int(self.weight.argmax()), self.weight.shape)
        return int(a), int(b), int(j)


def weigh(data: PriceAndReadings) -> Posterior:
    """Likelihood of the readings given the price: a rough grid, then a fine one around its best.

    Parameters
    ----------
    data : PriceAndReadings
        The first reading must be known.

    Returns
    -------
    Posterior

    Notes
    -----
    p_m = p_{m-1} + w, z = theta w + e (change of the log price), y = p + v. With q' = Var(w | z) and
    kappa = Cov(w, z)/Var(z), given all z: y = kappa L + l + v, l a random walk of variance q' a
    minute and L the log price [1]_: generalized least squares for kappa, its likelihood integrated
    over a flat prior. A reading between two prices meets the interpolated L, and a Brownian bridge
    of variance kappa^2 Var(z) f (1 - f) more noise, f being the fraction of the minute: exact too.
    Prior: flat on ln q', normal on the log noise factor, Cauchy on the lag.

    References
    ----------
    .. [1] Harvey (1989), Forecasting, Structural Time Series Models and the Kalman Filter, ch. 3.4
       (regression in a structural model by filtering both sides).
    """
    factors = FACTORS * data.noise_log_sd if data.noise_log_sd > 0.0 else np.zeros(1)
    log_prior = -0.5 * (factors / max(data.noise_log_sd, 1e-9)) ** 2
    factor = np.exp(2.0 * factors)
    level = RATIOS * float(np.median(data.noise[np.isfinite(data.reading)]))
    slope, _, score = _cells(data, level, factor, LAGS, np.zeros(LAGS.size), log_prior)
    best = np.unravel_index(int(score.argmax()), score.shape)
    explained = slope[best] ** 2 * data.variance
    near = np.flatnonzero(score.max(axis=(1, 2)) > score.max() - FAR_BELOW)
    ends = level[max(near[0] - 1, 0)], level[min(near[-1] + 1, level.size - 1)]
    lag = LAGS[score.max(axis=(0, 1)) > score.max() - FAR_LAG]
    part = lag - np.floor(lag)
    level, bridge = np.geomspace(*ends, FINE), explained * part * (1.0 - part)
    slope, spread, score = _cells(data, level, factor, lag, bridge, log_prior)
    weight = np.exp(score - score.max())
    return Posterior(level, factor, lag, bridge, slope, spread, weight / weight.sum())


def _cells(
    data: PriceAndReadings,
    level: Array,
    factor: Array,
    lag: Array,
    bridge: Array,
    log_prior: Array,
) -> tuple[Array, Array, Array]:
    """Slope, its variance and the log posterior of every cell (A, B, J)."""
    sums = np.empty((4, level.size, factor.size, lag.size))
    _filter_cells(data.reading, data.noise, data.at_lags(lag), level, factor, bridge, sums)
    logs, readings, crossed, prices = sums
    score = -0.5 * (logs + readings - crossed**2 / prices + np.log(prices))
    score += log_prior[:, None] - np.log1p((lag / LAG_PRIOR) ** 2)
    return crossed / prices, 1.0 / prices, score


@njit(cache=True, nogil=True, error_model="numpy")
def _filter_cells(reading, noise, price, level, factor, bridge, out):  # type: ignore[no-untyped-def]
    """Log determinant and scaled squares, products of the innovations of both sides, per cell."""
    lanes = price.shape[1]
    state = np.empty((4, lanes))  # variance, level of the readings, of the price, running product
    for a in range(level.size):
        for b in range(factor.size):
            sums = out[:, a, b]
            sums[:] = 0.0
            for j in range(lanes):
                state[0, j] = noise[0] * factor[b] + bridge[j]
                state[1, j], state[2, j], state[3, j] = reading[0], price[0, j], 1.0
            seen = 0
            for t in range(1, reading.size):
                state[0] += level[a]
                if reading[t] == reading[t]:
                    _update(reading[t], price[t], noise[t] * factor[b], bridge, state, sums)
                    seen += 1
                    if seen % LOG_EVERY == 0:
                        sums[0] += np.log(state[3])
                        state[3] = 1.0
            sums[0] += np.log(state[3])


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _update(reading, price, noise, bridge, state, sums):  # type: ignore[no-untyped-def]
    """One minute of all lanes."""
    for j in range(bridge.size):
        own = noise + bridge[j]
        total = state[0, j] + own
        inverse = 1.0 / total
        gain = state[0, j] * inverse
        of_reading, of_price = reading - state[1, j], price[j] - state[2, j]
        state[1, j] += gain * of_reading
        state[2, j] += gain * of_price
        state[0, j] = own * gain
        state[3, j] *= total
        sums[1, j] += of_reading * of_reading * inverse
        sums[2, j] += of_reading * of_price * inverse
        sums[3, j] += of_price * of_price * inverse


@njit(cache=True, nogil=True, error_model="numpy")
def innovations(reading, noise, price, level):  # type: ignore[no-untyped-def]
    """Innovations of readings and of a price (M,) in one cell, and their variance.

    Zero innovations and unit variance at the first minute and where no reading is.
    """
    of_reading, of_price = np.zeros(reading.size), np.zeros(reading.size)
    total = np.ones(reading.size)
    x, m, p = reading[0], price[0], noise[0]
    for t in range(1, reading.size):
        p += level
        if reading[t] == reading[t]:
            total[t] = p + noise[t]
            of_reading[t], of_price[t] = reading[t] - x, price[t] - m
            gain = p / total[t]
            x += gain * of_reading[t]
            m += gain * of_price[t]
            p = noise[t] * gain
    return of_reading, of_price, total
