"""Two lognormals with the forward as their common mean: the shape of a price before a yes/no event,
fitted to one option chain and read as a volatility smile. It is the mean function of the smile's
Gaussian process; separating the event's outcomes with its probability is `conditional` work.

Letters: k = ln(K/F); w1 = p, w2 = 1 - p; component j has mean F exp(mu_j) and log sd s_j. All
volatilities here are total (over the life of the option): s = vol sqrt(tau).
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from offtape_assets.quant.implied_vol_kernel import guess_table, solve
from offtape_assets.quant.vector_math import (
    ERFCX_SHIFT,
    INV_SQRT_2PI,
    SQRT_2,
    SQRT_HALF,
    erfcx_divided_difference,
    erfcx_polynomial,
    simd_erfcx,
    simd_exp,
    simd_exp_of,
)

_FLAGS = {"contract", "nsz"}
_TABLE = guess_table()
# start points: separation d and the two sds in units of the at-the-money sd
STARTS = np.array([[0.6, 0.7, 1.2], [0.6, 1.2, 0.7], [1.8, 0.3, 0.3]])
# sds of the weak prior on logit p, d / atm sd, ln(s_j / atm sd), in place of degeneracy
PRIOR_SD = np.array([2.0, 2.0, 1.0, 1.0])
TRIAL_STEPS, FINAL_STEPS = 6, 40
TRIAL_QUOTES = 32  # about as many, evenly taken, lead to the point where all of them take over
LOG_SD_LOW, LOG_SD_HIGH = -2.5, 2.0  # of a component's sd over the at-the-money one: no spikes


class Mixture(NamedTuple):
    """weight of the first component, mu1, mu2 (log mean over forward), s1, s2 (log sd)."""

    weight: float
    mu1: float
    mu2: float
    sd1: float
    sd2: float


@njit(cache=True, nogil=True, error_model="numpy")
def _components(theta, parts):  # type: ignore[no-untyped-def]
    """p, mu1, mu2, s1, s2 and (A - B)/Z from theta = (logit p, d, ln s1, ln s2)."""
    p = 1.0 / (1.0 + math.exp(-theta[0]))
    d = theta[1]
    a, b = math.exp((1.0 - p) * d), math.exp(-p * d)
    z = p * a + (1.0 - p) * b
    parts[0], parts[1], parts[2] = p, (1.0 - p) * d - math.log(z), -p * d - math.log(z)
    parts[3], parts[4], parts[5] = math.exp(theta[2]), math.exp(theta[3]), (a - b) / z


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def _add_component(data, rows, keep, mu, s, share, by_p, by_d, sign, own):  # type: ignore[no-untyped-def]
    """rows = keep rows + this component's weighted price and derivatives; `own` is its sd's row."""
    mean = math.exp(mu)
    for i in range(data.shape[1]):
        strike, put, weight = data[0, i], data[2, i], data[4, i]
        d1 = (mu - data[1, i]) / s + 0.5 * s
        d2 = d1 - s
        e1 = simd_exp(-0.5 * d1 * d1)
        t1 = 0.5 * e1 * simd_erfcx(abs(d1) * SQRT_HALF)
        t2 = 0.5 * e1 * mean / strike * simd_erfcx(abs(d2) * SQRT_HALF)
        n1 = t1 if d1 < 0.0 else 1.0 - t1
        n2 = t2 if d2 < 0.0 else 1.0 - t2
        slope = mean * (n1 - put)
        value = slope - strike * (n2 - put)
        rows[0, i] = keep * rows[0, i] + weight * share * value
        rows[1, i] = keep * rows[1, i] + weight * (sign * value + share * slope * by_p)
        rows[2, i] = keep * rows[2, i] + weight * share * slope * by_d
        rows[own, i] = weight * share * s * mean * INV_SQRT_2PI * e1


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def _residuals(parts, data, rows):  # type: ignore[no-untyped-def]
    """Rows: 0 weighted residual, then its derivatives in p, d, ln s1, ln s2."""
    p, gap = parts[0], parts[5]
    zd = p * (1.0 - p) * gap
    _add_component(data, rows, 0.0, parts[1], parts[3], p, -gap, 1.0 - p - zd, 1.0, 3)
    _add_component(data, rows, 1.0, parts[2], parts[4], 1.0 - p, -gap, -p - zd, -1.0, 4)
    for i in range(data.shape[1]):
        rows[0, i] -= data[3, i] * data[4, i]


@njit(cache=True, nogil=True, fastmath={"contract", "nsz", "reassoc"}, error_model="numpy")
def _normal_equations(rows, theta, centre, atm, p, gram, gradient):  # type: ignore[no-untyped-def]
    """Gram matrix, gradient and cost of the residuals with the weak prior."""
    for i in range(rows.shape[1]):
        rows[1, i] *= p * (1.0 - p)  # d p / d logit p
    cost = 0.0
    for i in range(rows.shape[1]):
        cost += rows[0, i] * rows[0, i]
    for a in range(4):
        total = 0.0
        for i in range(rows.shape[1]):
            total += rows[1 + a, i] * rows[0, i]
        gradient[a] = total
        for b in range(a + 1):
            total = 0.0
            for i in range(rows.shape[1]):
                total += rows[1 + a, i] * rows[1 + b, i]
            gram[a, b] = total
            gram[b, a] = total
        sd = PRIOR_SD[a] * (atm if a == 1 else 1.0)
        miss = (theta[a] - centre[a]) / sd
        gradient[a] += miss / sd
        gram[a, a] += 1.0 / (sd * sd)
        cost += miss * miss
    return cost


@njit(cache=True, nogil=True, error_model="numpy")
def _damped_step(gram, gradient, damping, step):  # type: ignore[no-untyped-def]
    """step = -(G + damping diag G)^-1 g by Cholesky."""
    lower = np.empty((4, 4))
    for a in range(4):
        for b in range(a + 1):
            total = gram[a, b] * (1.0 + damping if a == b else 1.0)
            for c in range(b):
                total -= lower[a, c] * lower[b, c]
            lower[a, b] = math.sqrt(max(total, 1e-300)) if a == b else total / lower[b, b]
    for a in range(4):
        total = -gradient[a]
        for c in range(a):
            total -= lower[a, c] * step[c]
        step[a] = total / lower[a, a]
    for a in range(3, -1, -1):
        total = step[a]
        for c in range(a + 1, 4):
            total -= lower[c, a] * step[c]
        step[a] = total / lower[a, a]


@njit(cache=True, nogil=True, error_model="numpy")
def _levenberg(theta, centre, atm, steps, data):  # type: ignore[no-untyped-def]
    """Levenberg-Marquardt from theta (overwritten by the best point); returns the cost there."""
    rows, parts = np.zeros((5, data.shape[1])), np.empty(6)
    gram, gradient, step = np.empty((4, 4)), np.empty(4), np.empty(4)
    trial = theta.copy()
    best, damping = math.inf, 1e-2
    for _ in range(steps):
        _components(trial, parts)
        _residuals(parts, data, rows)
        kept_gram, kept_gradient = gram.copy(), gradient.copy()
        cost = _normal_equations(rows, trial, centre, atm, parts[0], gram, gradient)
        if cost < best:
            gain = best - cost
            best, theta[:] = cost, trial
            damping = max(0.2 * damping, 1e-7)
            if gain < 1e-3 * cost:
                break
        else:
            gram, gradient = kept_gram, kept_gradient
            damping *= 8.0
            if damping > 1e6:
                break
        _damped_step(gram, gradient, damping, step)
        for a in range(4):
            reach = 0.8 if a != 1 else 1.0 * atm
            trial[a] = theta[a] + min(max(step[a], -reach), reach)
            if a > 1:
                trial[a] = min(max(trial[a], centre[a] + LOG_SD_LOW), centre[a] + LOG_SD_HIGH)
    return best


@njit(cache=True, nogil=True, error_model="numpy")
def _fit(atm, data, starts):  # type: ignore[no-untyped-def]
    best, cost = np.empty(4), math.inf
    log_atm = math.log(atm)
    centre = np.array([0.0, 0.0, log_atm, log_atm])
    some = data[:, :: 1 + data.shape[1] // TRIAL_QUOTES].copy()
    for start in starts:
        theta = np.array([0.0, start[0] * atm, log_atm, log_atm])
        theta[2] += math.log(start[1])
        theta[3] += math.log(start[2])
        reached = _levenberg(theta, centre, atm, TRIAL_STEPS, some)
        if reached < cost:
            best, cost = theta, reached
    _levenberg(best, centre, atm, FINAL_STEPS, some)
    _levenberg(best, centre, atm, FINAL_STEPS, data)
    parts = np.empty(6)
    _components(best, parts)
    return parts


def fit_mixture(
    log_moneyness: NDArray[np.float64],
    is_call: NDArray[np.bool_],
    price: NDArray[np.float64],
    price_sd: NDArray[np.float64],
    atm_sd: float,
) -> Mixture:
    """Weighted least squares of the mixture's prices on one chain.

    Parameters
    ----------
    log_moneyness, is_call : (quote,)
        ln(K/F); the right of each quote.
    price, price_sd : (quote,)
        Undiscounted premium and its standard deviation, in units of the forward.
    atm_sd : float
        Total volatility at the money: unit of the start points and of the weak prior.

    Returns
    -------
    Mixture. The local optimum with the lowest cost of three starts; no claim of a global one.

    Raises
    ------
    ValueError
        Where shapes differ or `atm_sd` or a standard deviation is not positive.

    Notes
    -----
    Minimises sum ((c_i(theta) - c_i)/sd_i)^2 + prior over theta = (logit p, d, ln s1, ln s2),
    ln of the means d (1-p) - ln Z and -d p - ln Z with Z = p e^{(1-p)d} + (1-p) e^{-pd}, so that
    p m1 + (1-p) m2 = F always [1]_.

    References
    ----------
    .. [1] Melick, W. and Thomas, C. (1997). "Recovering an asset's implied PDF from option prices:
       an application to crude oil during the Gulf crisis." JFQA, 32(1), 91-115.
    """
    shapes = {a.shape for a in (log_moneyness, is_call, price, price_sd)}
    if len(shapes) != 1:
        raise ValueError(f"arguments must share one length, got {sorted(shapes)}")
    if not atm_sd > 0.0 or not (price_sd > 0.0).all():
        raise ValueError(f"atm_sd ({atm_sd}) and every price_sd must be positive")
    data = np.empty((5, price.size))
    data[0], data[1] = np.exp(log_moneyness), log_moneyness
    data[2], data[3], data[4] = ~is_call, price, 1.0 / price_sd
    return Mixture(*_fit(atm_sd, data, STARTS)[:5].tolist())


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def _mixture_terms(mixture, k, call, price, slope, curve):  # type: ignore[no-untyped-def]
    """OTM price over forward and its first two derivatives in k, each free of cancellation."""
    for i in range(k.size):
        price[i], slope[i], curve[i] = 0.0, 0.0, 0.0
    for j in range(2):
        share = mixture[0] if j == 0 else 1.0 - mixture[0]
        mu, s = mixture[1 + j], mixture[3 + j]
        t = 0.5 * s
        for i in range(k.size):
            sign = 1.0 if call[i] > 0 else -1.0
            x = mu - k[i]
            h, out = abs(x) / s, sign * x
            level = simd_exp(k[i])
            root = simd_exp(0.5 * (mu + k[i]))
            u, v = (h - t) * SQRT_HALF, (h + t) * SQRT_HALF
            upper = u < -1.0
            w = -u if upper else u
            p_v = erfcx_polynomial((v - 3.0) / (v + 5.0))
            step = erfcx_divided_difference((w - 3.0) / (w + 5.0), (v - 3.0) / (v + 5.0))
            joint = step * 8.0 / ((w + 5.0) * (v + 5.0))
            denominator = (w + ERFCX_SHIFT) * (v + ERFCX_SHIFT)
            gap = (p_v - joint * (v + ERFCX_SHIFT)) / denominator * SQRT_2 * t
            total = (p_v - joint * (v - w)) / (w + ERFCX_SHIFT) + p_v / (v + ERFCX_SHIFT)
            scale = 0.5 * simd_exp(-0.5 * (h * h + t * t)) * root
            mean = simd_exp(mu)
            rest = (mean if mean < level else level) - scale * total
            inside = sign * (mean - level)
            value = (rest if upper else scale * gap) + (inside if out > 0.0 else 0.0)
            d2 = x / s - t
            z = sign * d2
            tail = 0.5 * simd_exp(-0.5 * d2 * d2) * simd_erfcx(abs(d2) * SQRT_HALF)
            chance = tail if z < 0.0 else 1.0 - tail
            price[i] += share * value
            slope[i] -= share * sign * level * chance
            curve[i] += share * level * INV_SQRT_2PI * simd_exp(-0.5 * d2 * d2) / s


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def _smile_terms(k, call, total, price, slope, curve, out):  # type: ignore[no-untyped-def]
    """s, s', s'' from the price's derivatives: the chain rule through Black's formula."""
    for i in range(k.size):
        s = total[i]
        sign = 1.0 if call[i] > 0 else -1.0
        level = simd_exp(k[i])
        d2 = -k[i] / s - 0.5 * s
        z = sign * d2
        bell = simd_exp(-0.5 * d2 * d2)
        tail = 0.5 * bell * simd_erfcx(abs(d2) * SQRT_HALF)
        chance = tail if z < 0.0 else 1.0 - tail
        vega = level * INV_SQRT_2PI * bell
        by_k = -sign * level * chance
        by_kk = by_k + vega / s
        by_ks = vega * (1.0 + d2 / s)
        by_ss = -vega * d2 * (k[i] / (s * s) - 0.5)
        first = (slope[i] - by_k) / vega
        out[0, i] = s
        out[1, i] = first
        out[2, i] = (slope[i] + curve[i] - by_kk - 2.0 * by_ks * first - by_ss * first**2) / vega


@njit(cache=True, nogil=True, error_model="numpy")
def _smile(mixture, k, table, out):  # type: ignore[no-untyped-def]
    """s, s', s'' at k: the out-of-the-money prices inverted, then the chain rule."""
    call, one, code = (k >= 0.0).view(np.int8), np.ones(k.size), np.empty(k.size, np.uint8)
    price, slope, curve = np.empty(k.size), np.empty(k.size), np.empty(k.size)
    _mixture_terms(mixture, k, call, price, slope, curve)
    total = np.empty(k.size)
    solve(price, one, simd_exp_of(k), one, one, call, table, total, code, 0, k.size)
    _smile_terms(k, call, total, price, slope, curve, out)


def mixture_smile(mixture: Mixture, log_moneyness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Total implied volatility of the mixture and its derivatives in log-moneyness.

    Parameters
    ----------
    mixture : Mixture
    log_moneyness : (point,)

    Returns
    -------
    (3, point): s(k), s'(k), s''(k); NaN where the out-of-the-money price is below 1e-300.

    Notes
    -----
    With c(k) the mixture's price over the forward and b(k, s) Black's: s' = (c_k - b_k)/b_s and
    s'' = (c_kk - b_kk - 2 b_ks s' - b_ss s'^2)/b_s.
    """
    smile = np.empty((3, log_moneyness.size))
    _smile(mixture, np.ascontiguousarray(log_moneyness, dtype=np.float64), _TABLE, smile)
    return smile


def mixture_gradient(mixture: Mixture, log_moneyness: NDArray[np.float64]) -> NDArray[np.float64]:
    """How the mixture's smile moves with its four parameters, by forward differences.

    Parameters
    ----------
    mixture : Mixture
    log_moneyness : (point,)

    Returns
    -------
    (4, 3, point): derivatives of s, s', s'' in logit p, d, ln s1, ln s2, right to five digits; zero where
    a shifted smile has no value.
    """
    p = mixture.weight
    centre = np.array(
        [math.log(p / (1.0 - p)), mixture.mu1 - mixture.mu2, *np.log([mixture.sd1, mixture.sd2])]
    )
    step = 1e-5 * np.array([1.0, max(mixture.sd1, mixture.sd2), 1.0, 1.0])
    base = mixture_smile(mixture, log_moneyness)
    out = np.empty((4, 3, log_moneyness.size))
    parts = np.empty(6)
    for a in range(4):
        theta = centre.copy()
        theta[a] += step[a]
        _components(theta, parts)
        out[a] = (mixture_smile(Mixture(*parts[:5]), log_moneyness) - base) / step[a]
    return np.nan_to_num(out, nan=0.0, posinf=0.0, neginf=0.0)
