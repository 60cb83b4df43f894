"""The inner loops of implied volatility: blocks of options, each stage one SIMD loop, then the few
that did not converge one by one inside a bracket. `implied_vol` is the public face.

Letters, for an out-of-the-money option on forward F with strike K: x = |ln(F/K)|, s = vol
sqrt(tau), h = x/s, t = s/2, b(s) = price / (discount sqrt(FK)), b_max = exp(-x/2) its supremum.
"""

import math

import numpy as np
from numba import njit
from scipy.special import erfcx

from offtape_assets.quant.vector_math import (
    ERFCX_SHIFT,
    SQRT_2,
    SQRT_2_OVER_PI,
    SQRT_HALF,
    erfcx_divided_difference,
    erfcx_polynomial,
    simd_log,
    simd_log_ratio,
)

OK, BELOW_INTRINSIC, ABOVE_MAXIMUM, BAD_INPUT, NOT_CONVERGED = range(5)
STATUSES = ("ok", "below_intrinsic", "above_maximum", "bad_input", "not_converged")

BLOCK = 512  # options a block: the ten work rows stay in the first-level cache
TABLE_SIZE = 1024
TABLE_END = 28.0  # sqrt(-ln(smallest double)) is 27.3
LN_HALF_SQRT2 = -0.34657359027997264  # ln(sqrt(2) / 2)
LN_HALF = -0.6931471805599453
ACCEPTED_MOVE = 2e-4  # relative; the next Householder step would move by this to the fourth power
ACCEPTED_EXCESS = 0.5  # of ln b: keeps a step that is small only because s is absurd from counting
_FLAGS = {"contract", "nsz"}


def guess_table() -> np.ndarray:
    """Inverse of the Bachelier price, the limit of Black's as the distance to the strike shrinks.

    Row z = sqrt(-ln r), r = b/(b + y), y = |F - K|/sqrt(FK), on TABLE_SIZE + 1 equal steps to
    TABLE_END; value s/(b + y). Parametrised by h = y/s: b/y = (phi(h) - h N(-h)) / h.
    """
    h = np.exp(np.linspace(math.log(1e-5), math.log(40.0), 40_000))
    ln_phi = -0.5 * h * h - 0.5 * math.log(2.0 * math.pi)
    mills = math.sqrt(math.pi / 2.0) * erfcx(h * SQRT_HALF)
    with np.errstate(divide="ignore", invalid="ignore"):
        direct = 1.0 - h * mills
    series = (1.0 - 3.0 / h**2 + 15.0 / h**4 - 105.0 / h**6) / h**2
    ln_b = ln_phi + np.log(np.where(h < 12.0, direct, series) / h)
    b = np.exp(ln_b)
    z = np.sqrt(np.log1p(b) - ln_b)
    value = (1.0 / h) / (1.0 + b)
    order = np.argsort(z)
    grid = np.linspace(0.0, TABLE_END, TABLE_SIZE + 1)
    nodes = np.concatenate([[0.0], z[order]])
    return np.interp(grid, nodes, np.concatenate([[math.sqrt(2.0 * math.pi)], value[order]]))


@njit(inline="always", fastmath=_FLAGS, error_model="numpy")
def _householder(x, ln_b, ln_rest, s):  # type: ignore[no-untyped-def]
    """Third-order step on ln b (or, far up, on ln(b_max - b)) from s towards the target.

    erfcx(u) - erfcx(v) is taken as a divided difference, so nothing cancels however small s is.
    """
    h = x / s
    t = 0.5 * s
    u = (h - t) * SQRT_HALF
    v = (h + t) * SQRT_HALF
    upper = u < -1.0
    w = -u if upper else u
    q_w = (w - 3.0) / (w + 5.0)
    q_v = (v - 3.0) / (v + 5.0)
    p_v = erfcx_polynomial(q_v)
    slope = erfcx_divided_difference(q_w, q_v)
    denominator = (w + ERFCX_SHIFT) * (v + ERFCX_SHIFT)
    joint = 8.0 / ((w + 5.0) * (v + 5.0))
    gap = (p_v - slope * joint * (v + ERFCX_SHIFT)) / denominator  # (erfcx w - erfcx v)/(v - w)
    p_w = p_v - slope * joint * (v - w)
    total = (p_w * (v + ERFCX_SHIFT) + p_v * (w + ERFCX_SHIFT)) / denominator
    reach = total if upper else gap * SQRT_2 * t
    sign = 1.0 if upper else -1.0
    target = ln_rest if upper else ln_b
    excess = simd_log(0.5 * reach) - 0.5 * (h * h + t * t) - target
    rate = SQRT_2_OVER_PI / reach  # |d ln b/ds| or |d ln(b_max - b)/ds|
    newton = sign * excess / rate
    hs = h / s
    curve = h * hs - 0.5 * t
    third = curve * curve - 3.0 * hs * hs - 0.25
    halley = curve + sign * rate
    cubic = third + rate * (2.0 * rate + 3.0 * sign * curve)
    bend = 1.0 + newton * (halley + cubic * newton / 6.0)
    return newton * (1.0 + 0.5 * halley * newton) / bend, excess


@njit(cache=True, nogil=True, error_model="numpy")
def _bracketed(x, ln_b, ln_rest, s):  # type: ignore[no-untyped-def]
    """One option by Householder steps kept inside a shrinking bracket; NaN if 100 do not do."""
    low, high = 0.0, math.inf
    if not (s > 0.0 and s < 1e3):
        s = math.sqrt(2.0 * x) + 0.01
    for _ in range(100):
        move, _ = _householder(x, ln_b, ln_rest, s)
        if not math.isfinite(move):
            move = s if 0.5 * s * s < x else -0.5 * s
        if abs(move) <= 4e-16 * s:
            return s + move
        if move > 0.0:
            low = s
        else:
            high = s
        proposal = s + move
        if not (proposal > low and proposal < high):
            proposal = 2.0 * s if math.isinf(high) else 0.5 * (low + high)
        if proposal == s:
            return s
        s = min(max(proposal, 0.2 * s), 5.0 * s)
    return math.nan


@njit(inline="always", fastmath=_FLAGS, error_model="numpy")
def _normalise(lo, m, price, forward, strike, discount, call, work):  # type: ignore[no-untyped-def]
    """Fill x, ln b, ln(b_max - b), b + y and the table position of one block."""
    for i in range(m):
        j = lo + i
        f, k = forward[j], strike[j]
        root = math.sqrt(f * k)
        signed = f - k if call[j] > 0 else k - f
        money = discount[j] * (signed if signed > 0.0 else 0.0)
        b = (price[j] - money) / (discount[j] * root)
        b_max = (f if f < k else k) / root
        x = simd_log_ratio(f, k)
        ln_b = simd_log(b)
        reach = b + abs(signed) / root
        depth = simd_log(reach) - ln_b
        work[0, i] = abs(x)
        work[1, i] = ln_b
        work[2, i] = simd_log(b_max - b)
        work[3, i] = reach
        work[4, i] = math.sqrt(depth if depth > 0.0 else 0.0) * (TABLE_SIZE / TABLE_END)
        work[5, i] = b
        work[6, i] = b_max


@njit(inline="always", error_model="numpy")
def _status(b, b_max, f, k, tau, discount, price):  # type: ignore[no-untyped-def]
    finite = math.isfinite(f) and math.isfinite(k) and math.isfinite(price)
    if not (finite and f > 0.0 and k > 0.0 and tau > 0.0 and discount > 0.0 and tau < math.inf):
        return BAD_INPUT
    if not b > 0.0:
        return BELOW_INTRINSIC
    return OK if b < b_max else ABOVE_MAXIMUM


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def _solve_block(m, work, table):  # type: ignore[no-untyped-def]
    """Guess and two Householder steps for the m options of a block: rows 7 (s), 8 (move), 9 (excess)."""
    for i in range(m):
        at = work[4, i]
        at = at if at < TABLE_SIZE - 1.0 else TABLE_SIZE - 1.0
        row = int(at)
        row = row if row > 0 else 0
        share = at - row
        s = (table[row] + share * (table[row + 1] - table[row])) * work[3, i]
        q = min(s * s, 4.0)
        work[7, i] = s * (1.0 + q * (1.0 / 24.0 + q * (7.0 / 2880.0)))
    for _ in range(2):
        for i in range(m):
            s = work[7, i]
            move, excess = _householder(work[0, i], work[1, i], work[2, i], s)
            work[8, i] = move
            work[9, i] = excess
            work[7, i] = s + (move if move > -0.5 * s else -0.5 * s)


@njit(cache=True, nogil=True, error_model="numpy")
def _finish_block(lo, m, price, forward, strike, tau, discount, work, vol, status):  # type: ignore[no-untyped-def]
    """Verdict of each option; those whose last step was not small are solved one by one."""
    for i in range(m):
        j = lo + i
        s = work[7, i]
        b = work[5, i]
        code = _status(b, work[6, i], forward[j], strike[j], tau[j], discount[j], price[j])
        near = abs(work[8, i]) <= ACCEPTED_MOVE * s and abs(work[9, i]) <= ACCEPTED_EXCESS
        if code == OK and not (near and b > 1e-290):
            s = _bracketed(work[0, i], math.log(b), math.log(work[6, i] - b), s)
            if not (s > 0.0 and math.isfinite(s)):
                code = NOT_CONVERGED
        status[j] = code
        vol[j] = s / math.sqrt(tau[j]) if code == OK else math.nan


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def solve(price, forward, strike, tau, discount, call, table, vol, status, start, stop):  # type: ignore[no-untyped-def]
    """Implied volatilities of options start..stop-1 into `vol`, their codes into `status`."""
    work = np.zeros((10, BLOCK))
    for lo in range(start, stop, BLOCK):
        m = min(BLOCK, stop - lo)
        _normalise(lo, m, price, forward, strike, discount, call, work)
        _solve_block(m, work, table)
        _finish_block(lo, m, price, forward, strike, tau, discount, work, vol, status)
