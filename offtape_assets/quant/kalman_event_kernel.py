"""The event filter's recursion over trades: predict, condition and mix three modes of movement.

Compiled kernels on plain arrays; a row of `models` is a kalman_event.EventModel in field order.
"""

import math

import numpy as np
from numba import njit

MODES = 3  # calm, active, jump
STATES = 3  # level, vig, tick error
OUTPUTS = 8  # fields of kalman_event.EventFilter, in order
ROOT_HALF = math.sqrt(0.5)
ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
TINY = 1e-300


@njit(cache=True, nogil=True, error_model="numpy")
def _observe(level: float, probit: bool) -> tuple[float, float]:
    """Probability and its slope at a level."""
    if probit:
        cdf = 0.5 * math.erfc(-level * ROOT_HALF)
        return cdf, math.exp(-0.5 * level * level) / ROOT_TWO_PI
    return level, 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def _mode_weights(odds: np.ndarray, step: float, rates: np.ndarray, joint: np.ndarray) -> None:
    """joint[i, j]: probability of mode i before and j during the step."""
    calm_to_active, active_to_calm, jump_rate = rates[0], rates[1], rates[2]
    total = calm_to_active + active_to_calm
    mixed = 1.0 - math.exp(-total * step)
    jump = 1.0 - math.exp(-jump_rate * step)
    up = mixed * calm_to_active / total
    down = mixed * active_to_calm / total
    for i in range(MODES):
        active = up if i == 0 else 1.0 - down  # a jump leaves the active mode behind
        joint[i, 0] = odds[i] * (1.0 - jump) * (1.0 - active)
        joint[i, 1] = odds[i] * (1.0 - jump) * active
        joint[i, 2] = odds[i] * jump


@njit(cache=True, nogil=True, error_model="numpy")
def _merge(
    weights: np.ndarray,
    means: np.ndarray,
    spreads: np.ndarray,
    mean: np.ndarray,
    spread: np.ndarray,
) -> None:
    """Mean and covariance of a mixture of Gaussians."""
    total = 0.0
    for i in range(MODES):
        total += weights[i]
    for a in range(STATES):
        mean[a] = 0.0
        for i in range(MODES):
            mean[a] += weights[i] * means[i, a]
        mean[a] /= total
    for a in range(STATES):
        for b in range(a + 1):
            value = 0.0
            for i in range(MODES):
                gap = (means[i, a] - mean[a]) * (means[i, b] - mean[b])
                value += weights[i] * (spreads[i, a, b] + gap)
            spread[a, b] = spread[b, a] = value / total


@njit(cache=True, nogil=True, error_model="numpy")
def _predict(
    mean: np.ndarray,
    spread: np.ndarray,
    mode: int,
    step: float,
    tick: float,
    model: np.ndarray,
    probit: bool,
) -> None:
    """Move one mode's state over a step, in place."""
    rate = model[0] * (1.0 if mode == 0 else model[4])
    moved = rate * step
    slope = _observe(mean[0], probit)[1]
    if probit:  # dU = nu^2 U dt / 2 + nu dW, exactly
        growth = math.exp(0.5 * min(moved, 20.0))
        mean[0] *= growth
        spread[0, 0] *= growth * growth
        spread[0, 0] += growth * growth - 1.0
        for a in range(1, STATES):
            spread[0, a] *= growth
            spread[a, 0] *= growth
    else:
        spread[0, 0] += moved
    spread[1, 1] += model[10] * step
    stationary = model[3] * tick * tick / 12.0
    keep = 0.0
    if mode < 2 and stationary > 0.0:
        keep = math.exp(-2.0 * math.pi**2 * slope * slope * moved / (tick * tick))
    if mode == 2:
        spread[0, 0] += model[5]
    mean[2] *= keep
    spread[2, 2] = keep * keep * spread[2, 2] + (1.0 - keep * keep) * stationary
    for a in range(2):
        spread[2, a] *= keep
        spread[a, 2] *= keep


@njit(cache=True, nogil=True, error_model="numpy")
def _update(
    mean: np.ndarray,
    spread: np.ndarray,
    price: float,
    side: float,
    noise: float,
    probit: bool,
    column: np.ndarray,
) -> tuple[float, float, float]:
    """Condition one mode's state on a price in yes units; innovation, its variance, gain."""
    expected, slope = _observe(mean[0], probit)
    surprise = price - expected - side * mean[1] - mean[2]
    variance = noise
    for a in range(STATES):
        column[a] = spread[a, 0] * slope + spread[a, 1] * side + spread[a, 2]
    variance += column[0] * slope + column[1] * side + column[2]
    for a in range(STATES):
        mean[a] += column[a] / variance * surprise
        for b in range(STATES):
            spread[a, b] -= column[a] * column[b] / variance
    return surprise, variance, column[0] * slope / variance


@njit(cache=True, nogil=True, error_model="numpy")
def _report(
    odds: np.ndarray, means: np.ndarray, spreads: np.ndarray, probit: bool
) -> tuple[float, float]:
    """Mean and variance of the probability over the modes."""
    first, second = 0.0, 0.0
    for j in range(MODES):
        level, variance = means[j, 0], max(spreads[j, 0, 0], 0.0)
        if probit:  # three-point Gauss-Hermite: exact to fifth order in the level
            reach = math.sqrt(3.0 * variance)
            low, mid = _observe(level - reach, True)[0], _observe(level, True)[0]
            high = _observe(level + reach, True)[0]
            centre = (low + 4.0 * mid + high) / 6.0
            square = (low * low + 4.0 * mid * mid + high * high) / 6.0
        else:
            centre, square = level, level * level + variance
        first += odds[j] * centre
        second += odds[j] * square
    return first, max(second - first * first, 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _start(
    price: float,
    side: float,
    noise: float,
    tick_variance: float,
    model: np.ndarray,
    probit: bool,
    level: float,
    odds: np.ndarray,
    means: np.ndarray,
    spreads: np.ndarray,
) -> None:
    """State after the first trade under a diffuse level: level = price less vig, tick, noise."""
    slope, vig = _observe(level, probit)[1], model[9]
    busy = model[6] / (model[6] + model[7])
    odds[0], odds[1], odds[2] = 1.0 - busy, busy, 0.0
    for j in range(MODES):
        means[j, 0], means[j, 1], means[j, 2] = level, 0.0, 0.0
        spread = spreads[j]
        spread[0, 0] = (noise + vig + tick_variance) / slope**2
        spread[1, 1], spread[2, 2] = vig, tick_variance
        spread[0, 1] = spread[1, 0] = -side * vig / slope
        spread[0, 2] = spread[2, 0] = -tick_variance / slope
        spread[1, 2] = spread[2, 1] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _posterior(scores: np.ndarray, odds: np.ndarray) -> float:
    """Turn log weights into probabilities; returns the log of their sum."""
    best, total = scores.max(), 0.0
    for j in range(MODES):
        odds[j] = math.exp(scores[j] - best)
        total += odds[j]
    for j in range(MODES):
        odds[j] /= total
    return best + math.log(total)


@njit(cache=True, nogil=True, error_model="numpy")
def _trade(
    step: float,
    side: float,
    price: float,
    noise: float,
    tick: float,
    model: np.ndarray,
    probit: bool,
    odds: np.ndarray,
    means: np.ndarray,
    spreads: np.ndarray,
    row: np.ndarray,
) -> float:
    """Carry odds, means and spreads over one trade; fills row; returns its log-likelihood."""
    joint, column = np.empty((MODES, MODES)), np.empty(STATES)
    after, around = np.empty((MODES, STATES)), np.empty((MODES, STATES, STATES))
    scores, gains = np.full(MODES, -np.inf), np.zeros(MODES)
    _mode_weights(odds, step, model[6:9], joint)
    expected, square = 0.0, 0.0
    for j in range(MODES):
        prior = joint[0, j] + joint[1, j] + joint[2, j]
        if prior < TINY:
            after[j], around[j] = means[0], spreads[0]
            continue
        _merge(joint[:, j], means, spreads, after[j], around[j])
        _predict(after[j], around[j], j, step, tick, model, probit)
        surprise, variance, gains[j] = _update(
            after[j], around[j], price, side, noise, probit, column
        )
        scores[j] = math.log(prior) - 0.5 * (math.log(variance) + surprise * surprise / variance)
        expected += prior * surprise
        square += prior * (variance + surprise * surprise)
    likelihood = _posterior(scores, odds) - math.log(ROOT_TWO_PI)
    means[:], spreads[:] = after, around
    row[0], row[1] = _report(odds, means, spreads, probit)
    row[2], row[7] = 0.0, 0.0
    for j in range(MODES):
        row[2] += odds[j] * gains[j]
        row[7] += odds[j] * means[j, 1]
    row[3] = side * expected
    row[4] = side * expected / math.sqrt(square - expected * expected)
    row[5], row[6] = likelihood, 1.0 - odds[0]
    return likelihood


@njit(cache=True, nogil=True, error_model="numpy")
def run_event_filter(
    steps: np.ndarray,
    sides: np.ndarray,
    prices: np.ndarray,
    sizes: np.ndarray,
    ticks: np.ndarray,
    models: np.ndarray,
    which: np.ndarray,
    start_level: float,
    probit: bool,
    out: np.ndarray,
) -> float:
    """Filter all trades, trade t under models[which[t]]; keeps rows if out has more than one."""
    odds, means = np.empty(MODES), np.empty((MODES, STATES))
    spreads = np.empty((MODES, STATES, STATES))
    keep, total = int(out.shape[0] > 1), 0.0
    for t in range(prices.size):
        model = models[which[t]]
        tick_variance = ticks[t] * ticks[t] / 12.0
        persistent = model[3] * tick_variance
        noise = model[1] + model[2] / sizes[t] + tick_variance - persistent
        price = prices[t] if sides[t] > 0 else 1.0 - prices[t]
        row = out[t * keep]
        if t > 0:
            total += _trade(
                steps[t], sides[t], price, noise, ticks[t], model, probit,
                odds, means, spreads, row,
            )  # fmt: skip
            continue
        _start(price, sides[t], noise, persistent, model, probit, start_level, odds, means, spreads)
        row[0], row[1] = _report(odds, means, spreads, probit)
        row[2], row[6], row[7] = 1.0, 1.0 - odds[0], 0.0
        row[3] = row[4] = row[5] = np.nan
    return total
