"""The event filter's recursion over trades: predict, condition and mix the modes of movement.

Compiled kernels on plain arrays; a row of `models` is a kalman_event.EventModel in field order.
"""

import math

import numpy as np
from numba import njit

from offtape_assets.quant.normal_tail import (
    ROOT_HALF,
    ROOT_TWO_PI,
    TINY,
    log_tail,
    normal_score,
    upper_quantile,
)

MODES = 5  # calm, three ever faster ones, jump
JUMP = MODES - 1
FASTEST = JUMP - 1
STATES = 5  # level, vig, tick error, errors of the yes and of the no book
OUTPUTS = 8  # fields of kalman_event.EventFilter, in order
LEAST_VARIANCE = 1e-8
"""Of a reported probability: a hundredth of a cent; no tape of cents says more."""
MOST_PROBIT_VARIANCE = 0.25
"""Beyond it Phi is not nearly linear over the band and prices at the ends say nothing of U."""
FARTHEST = 3.719
"""Of U from 0, where the probability is 1e-4 from certainty: farther out Phi is so flat that no
price would bring a level back."""
SURPRISE = 4.0
"""Standard deviations beyond which a price is a move over which Phi bends."""
BASIS_SECONDS = 900.0
"""How long one book stays dear or cheap: quotes are renewed, arbitrage takes minutes."""


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
    speeding_up, slowing_down, jump_rate = rates[0], rates[1], rates[2]
    total = speeding_up + slowing_down
    mixed = 1.0 - math.exp(-total * step)
    jump = 1.0 - math.exp(-jump_rate * step)
    up = mixed * speeding_up / total
    down = mixed * slowing_down / total
    for i in range(MODES):
        at = 1 if i == JUMP else i  # a jump leaves the active mode behind
        rise = up if at < FASTEST else 0.0
        fall = down if at > 0 else 0.0
        for j in range(JUMP):
            joint[i, j] = 0.0
        joint[i, at] = odds[i] * (1.0 - jump) * (1.0 - rise - fall)
        if at < FASTEST:
            joint[i, at + 1] = odds[i] * (1.0 - jump) * rise
        if at > 0:
            joint[i, at - 1] = odds[i] * (1.0 - jump) * fall
        joint[i, JUMP] = odds[i] * jump


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
    moved = model[0] * step * model[4] ** (1 if mode == JUMP else mode)
    slope = _observe(mean[0], probit)[1]
    if probit:  # dU = nu^2 U dt / 2 + nu dW, exactly
        growth = math.exp(0.5 * min(moved, 20.0))
        mean[0] = min(max(mean[0] * growth, -FARTHEST), FARTHEST)
        spread[0, 0] *= growth * growth
        spread[0, 0] += growth * growth - 1.0
        for a in range(1, STATES):
            spread[0, a] *= growth
            spread[a, 0] *= growth
        shrink = math.sqrt(min(1.0, MOST_PROBIT_VARIANCE / spread[0, 0]))
        for a in range(STATES):
            spread[0, a] *= shrink
            spread[a, 0] *= shrink
    else:
        spread[0, 0] += moved
    spread[1, 1] += model[10] * step
    stationary = model[3] * tick * tick / 12.0
    keep = 0.0
    if mode < JUMP and stationary > 0.0:
        keep = math.exp(-2.0 * math.pi**2 * slope * slope * moved / (tick * tick))
    if mode == JUMP:
        spread[0, 0] += model[5]
    _fade(mean, spread, 2, keep, stationary)
    keep = math.exp(-step / BASIS_SECONDS)
    _fade(mean, spread, 3, keep, model[11])
    _fade(mean, spread, 4, keep, model[11])


@njit(cache=True, nogil=True, error_model="numpy")
def _fade(mean: np.ndarray, spread: np.ndarray, state: int, keep: float, stationary: float) -> None:
    """Ornstein-Uhlenbeck step of one state towards zero and its stationary variance."""
    mean[state] *= keep
    for a in range(STATES):
        spread[state, a] *= keep
        spread[a, state] *= keep
    spread[state, state] += (1.0 - keep * keep) * stationary


@njit(cache=True, nogil=True, error_model="numpy")
def _secant(level: float, expected: float, implied: float) -> float:
    """Slope of Phi between a level and that of the probability which a price implies."""
    tail = max(min(implied, 1.0 - implied), 1e-4)
    target = upper_quantile(tail) if implied > 0.5 else -upper_quantile(tail)
    if abs(target - level) < 1e-6:
        return _observe(level, True)[1]
    return (_observe(target, True)[0] - expected) / (target - level)


@njit(cache=True, nogil=True, error_model="numpy")
def _explain(
    spread: np.ndarray, slope: float, side: float, noise: float, column: np.ndarray
) -> float:
    """Variance of a price; fills column with the states' covariances with it."""
    book = 3 if side > 0 else 4
    for a in range(STATES):
        column[a] = spread[a, 0] * slope + spread[a, 1] * side + spread[a, 2] + spread[a, book]
    return noise + column[0] * slope + column[1] * side + column[2] + column[book]


@njit(cache=True, nogil=True, error_model="numpy")
def _update(
    mean: np.ndarray,
    spread: np.ndarray,
    price: float,
    side: float,
    noise: float,
    edge: float,
    probit: bool,
    column: np.ndarray,
) -> tuple[float, float, float, float, float]:
    """Condition one mode's state on a price in yes units: gap, shift, variance, gain, log-density.

    A price at the last tick before 0 or 1 says "at least" (edge 1) or "at most" (edge -1) `price`
    (Tobit filter): gap is the bound's distance, shift what the price is expected to be off by.
    Phi is linear at the prediction; over a surprise, between it and the price: at certainty its
    tangent is flat, and a price far away would be laid to everything but the level.
    """
    expected, slope = _observe(mean[0], probit)
    book = 3 if side > 0 else 4
    gap = price - expected - side * mean[1] - mean[2] - mean[book]
    variance = _explain(spread, slope, side, noise, column)
    if probit and edge == 0.0 and gap * gap > SURPRISE**2 * variance:
        slope = _secant(mean[0], expected, expected + gap)
        variance = _explain(spread, slope, side, noise, column)
    known, shift = 1.0, gap
    if edge == 0.0:
        density = -0.5 * (math.log(variance) + gap * gap / variance)
        density -= math.log(ROOT_TWO_PI)
    else:
        alpha = edge * gap / math.sqrt(variance)
        density, ratio = log_tail(alpha)
        known = ratio * (ratio - alpha)
        shift = edge * ratio * math.sqrt(variance)
    for a in range(STATES):
        mean[a] += column[a] / variance * shift
        for b in range(STATES):
            spread[a, b] -= known * column[a] * column[b] / variance
    if probit:
        mean[0] = min(max(mean[0], -FARTHEST), FARTHEST)
    else:
        _confine(mean, spread)
    return gap, shift, variance, column[0] * slope / variance, density


@njit(cache=True, nogil=True, error_model="numpy")
def _confine(mean: np.ndarray, spread: np.ndarray) -> None:
    """Match the moments of the state given that the level lies in 0 to 1, if that says anything."""
    level, variance = mean[0], spread[0, 0]
    sd = math.sqrt(max(variance, TINY))
    low, high = -level / sd, (1.0 - level) / sd
    if low < -4.0 and high > 4.0:
        return
    mass = 0.5 * (math.erfc(low * ROOT_HALF) - math.erfc(high * ROOT_HALF))
    if mass < 1e-12:
        mean[0] = min(max(level, 0.0), 1.0)
        return
    at_low = math.exp(-0.5 * low * low) / ROOT_TWO_PI
    at_high = math.exp(-0.5 * high * high) / ROOT_TWO_PI
    shift = (at_low - at_high) / mass
    kept = 1.0 + (low * at_low - high * at_high) / mass - shift * shift
    loss = (1.0 - min(max(kept, 1e-6), 1.0)) / variance
    for a in range(STATES - 1, -1, -1):
        mean[a] += spread[a, 0] / variance * sd * shift
    first = spread[:, 0].copy()
    for a in range(STATES):
        for b in range(STATES):
            spread[a, b] -= loss * first[a] * first[b]


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
    return min(max(first, 0.0), 1.0), max(second - first * first, LEAST_VARIANCE)


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
    odds[:] = 0.0
    odds[0], odds[1] = 1.0 - busy, busy
    for j in range(MODES):
        means[j], spreads[j] = 0.0, 0.0
        means[j, 0] = level
        spread = spreads[j]
        spread[0, 0] = (noise + vig + tick_variance + model[11]) / slope**2
        spread[1, 1], spread[2, 2] = vig, tick_variance
        spread[3, 3] = spread[4, 4] = model[11]
        spread[0, 1] = spread[1, 0] = -side * vig / slope
        spread[0, 2] = spread[2, 0] = -tick_variance / slope
        book = 3 if side > 0 else 4
        spread[0, book] = spread[book, 0] = -model[11] / slope


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
    edge: float,
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
    innovation, above, below = 0.0, 0.0, 0.0
    for j in range(MODES):
        prior = joint[:, j].sum()
        if prior < TINY:
            after[j], around[j] = means[0], spreads[0]
            continue
        _merge(joint[:, j], means, spreads, after[j], around[j])
        _predict(after[j], around[j], j, step, tick, model, probit)
        gap, shift, variance, gains[j], density = _update(
            after[j], around[j], price, side, noise, edge, probit, column
        )
        scores[j] = math.log(prior) + density
        innovation += prior * shift
        above += prior * 0.5 * math.erfc(gap / math.sqrt(2.0 * variance))
        below += prior * 0.5 * math.erfc(-gap / math.sqrt(2.0 * variance))
    likelihood = _posterior(scores, odds)
    means[:], spreads[:] = after, around
    row[0], row[1] = _report(odds, means, spreads, probit)
    row[2], row[7] = 0.0, 0.0
    for j in range(MODES):
        row[2] += odds[j] * gains[j]
        row[7] += odds[j] * means[j, 1]
    row[3] = side * innovation
    row[4] = side * normal_score(above, below, edge)
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
        edge = 0.0
        if ticks[t] > 0.0 and price >= 1.0 - 1.001 * ticks[t]:
            edge, price = 1.0, 1.0 - 1.5 * ticks[t]
        elif ticks[t] > 0.0 and price <= 1.001 * ticks[t]:
            edge, price = -1.0, 1.5 * ticks[t]
        row = out[t * keep]
        if t > 0:
            total += _trade(
                steps[t], sides[t], price, noise, edge, ticks[t], model, probit,
                odds, means, spreads, row,
            )  # fmt: skip
            continue
        _start(price, sides[t], noise, persistent, model, probit, start_level, odds, means, spreads)
        row[0], row[1] = _report(odds, means, spreads, probit)
        row[2], row[6], row[7] = 1.0, 1.0 - odds[0], 0.0
        row[3] = row[4] = row[5] = np.nan
    return total
