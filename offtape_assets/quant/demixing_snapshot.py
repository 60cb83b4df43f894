"""The seed's split of ONE snapshot into two lognormals, to moments or directly to prices.

One snapshot does not tell which state is which: for laws outside the family the answer is confident
and wrong. Kept under its own name, beside the panel, with a status that says so.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from offtape_assets.quant.conditional_density import premium
from offtape_assets.quant.vector_math import SQRT_HALF

Array = NDArray[np.float64]
STARTS = np.array([[g, w] for g in (1.0, -1.0) for w in (0.25, -0.25)])
ITERATIONS = 60
LEAST_LIKELIHOOD_RATIO = 10.0  # over the best fit with the other label
LARGEST_MEAN_SD = 0.20  # as for the panel
VARIANCE_SD, SKEW_SD, KURTOSIS_SD = 0.01, 0.02, 0.05  # of observed moments: relative, absolute
CDF_SD = 0.002
PRIOR_RATIO, PRIOR_WIDTH = 3.0, 0.7  # sds of ln R in total volatilities and of the log widths


class TwoLognormal(NamedTuple):
    """Laws given yes and no; NaN where status is 'not_identified' or 'not_converged'.

    mean_* over the forward, width_* total log sd. `label_ratio` is twice the log-likelihood over the
    best fit with the states exchanged in their means. Status 'family_only' says that the split rests
    on both laws being lognormal.
    """

    mean_yes: float
    mean_no: float
    width_yes: float
    width_no: float
    mean_yes_sd: float
    label_ratio: float
    chi_square: float
    status: str


@njit(cache=True, nogil=True, error_model="numpy")
def _price_residuals(theta, p, data, out):  # type: ignore[no-untyped-def]
    """Weighted misfit of prices; data rows: strike, price, sd, is put (in forwards)."""
    ratio = np.exp(theta[0])
    base = 1.0 / (p * ratio + 1.0 - p)
    yes, no = np.exp(theta[1]), np.exp(theta[2])
    for i in range(data.shape[1]):
        is_put = data[3, i] > 0.5
        model = p * premium(base * ratio, data[0, i], yes, is_put)
        model += (1.0 - p) * premium(base, data[0, i], no, is_put)
        out[i] = (model - data[1, i]) / data[2, i]


@njit(cache=True, nogil=True, error_model="numpy")
def _moment_residuals(theta, p, data, out):  # type: ignore[no-untyped-def]
    """Misfit of variance, skew, kurtosis, cdf; data rows: point, value, sd (three moments first)."""
    ratio = np.exp(theta[0])
    base = 1.0 / (p * ratio + 1.0 - p)
    raw = np.zeros(5)
    for state in range(2):
        share = p if state == 0 else 1.0 - p
        mean = base * ratio if state == 0 else base
        width = np.exp(theta[1 + state])
        for n in range(5):
            raw[n] += share * mean**n * np.exp(0.5 * n * (n - 1) * width * width)
    second = raw[2] - 1.0
    third = raw[3] - 3.0 * raw[2] + 2.0
    fourth = raw[4] - 4.0 * raw[3] + 6.0 * raw[2] - 3.0
    found = (second, third / second**1.5, fourth / second**2)
    for i in range(3):
        out[i] = (found[i] - data[1, i]) / data[2, i]
    for i in range(3, data.shape[1]):
        below = 0.0
        for state in range(2):
            share = p if state == 0 else 1.0 - p
            mean = base * ratio if state == 0 else base
            width = np.exp(theta[1 + state])
            z = np.log(data[0, i] / mean) / width + 0.5 * width
            below += share * 0.5 * math.erfc(-z * SQRT_HALF)
        out[i] = (below - data[1, i]) / data[2, i]


@njit(cache=True, nogil=True, error_model="numpy")
def _residuals(theta, p, data, unit, by_moments, out):  # type: ignore[no-untyped-def]
    if by_moments:
        _moment_residuals(theta, p, data, out)
    else:
        _price_residuals(theta, p, data, out)
    n = data.shape[1]
    out[n] = theta[0] / (PRIOR_RATIO * unit)
    out[n + 1] = (theta[1] - np.log(unit)) / PRIOR_WIDTH
    out[n + 2] = (theta[2] - np.log(unit)) / PRIOR_WIDTH


@njit(cache=True, nogil=True, error_model="numpy")
def _levenberg(theta, p, data, unit, by_moments):  # type: ignore[no-untyped-def]
    """Damped least squares in place; returns cost, curvature and whether it settled."""
    size = data.shape[1] + 3
    now, moved = np.empty(size), np.empty(size)
    jacobian = np.empty((3, size))
    _residuals(theta, p, data, unit, by_moments, now)
    cost, damping, settled = 0.5 * np.sum(now * now), 1e-2, False
    gram = np.zeros((3, 3))
    for _ in range(ITERATIONS):
        for j in range(3):
            trial = theta.copy()
            trial[j] += 1e-6
            _residuals(trial, p, data, unit, by_moments, moved)
            jacobian[j] = (moved - now) / 1e-6
        gram = jacobian @ jacobian.T
        gradient = jacobian @ now
        while damping < 1e10:
            step = -np.linalg.solve(gram + damping * np.diag(np.diag(gram)), gradient)
            trial = theta + np.minimum(np.maximum(step, -0.5), 0.5)
            _residuals(trial, p, data, unit, by_moments, moved)
            tried = 0.5 * np.sum(moved * moved)
            if tried <= cost:
                break
            damping *= 6.0
        if not damping < 1e10:
            settled = True
            break
        gain, cost = cost - tried, tried
        theta[:] = trial
        now, moved = moved, now
        damping = max(damping / 5.0, 1e-9)
        if gain < 1e-6 * (1.0 + cost):
            settled = True
            break
    return cost, gram, settled


def fit_two_lognormal_prices(
    strikes: Array, prices: Array, price_sd: Array, forward: float, probability: float
) -> TwoLognormal:
    """Two lognormals straight to one snapshot's premiums.

    Parameters
    ----------
    strikes, prices, price_sd : (K,)
        Dollars; undiscounted out-of-the-money premiums (put below the forward) and their sds, NaN
        where unquoted.
    forward, probability : float

    Returns
    -------
    TwoLognormal

    Raises
    ------
    ValueError
        Where `probability` is not inside (0, 1) or shapes differ.

    References
    ----------
    .. [1] Bahra (1997), "Implied risk-neutral probability density functions from option prices",
       Bank of England working paper 66 (the two-lognormal law; there its weight is free).
    """
    if not strikes.shape == prices.shape == price_sd.shape:
        raise ValueError(f"shapes differ: {strikes.shape}, {prices.shape}, {price_sd.shape}")
    used = prices > 0.0
    rows = (strikes / forward, prices / forward, price_sd / forward, strikes < forward)
    data = np.array([row[used] for row in rows], dtype=np.float64)
    near = np.argmin(np.abs(data[0] - 1.0)) if used.any() else 0
    unit = float(data[1, near] * np.sqrt(2.0 * np.pi)) if used.any() else 0.0
    return _best(data, probability, unit, False)


def fit_two_lognormal_moments(
    relative_sd: float, skew: float, kurtosis: float, cdf: tuple[Array, Array], probability: float
) -> TwoLognormal:
    """Two lognormals to the observed law's moments and distribution (the seed's way).

    Parameters
    ----------
    relative_sd, skew, kurtosis : float
        Of the price over the forward; a normal law has kurtosis 3.
    cdf : ((Q,), (Q,))
        Prices over the forward and the probability of less; may be empty.
    probability : float

    Returns
    -------
    TwoLognormal

    Raises
    ------
    ValueError
        Where `probability` is not inside (0, 1).
    """
    point, below = (np.asarray(part, dtype=np.float64) for part in cdf)
    variance = relative_sd**2
    value = np.r_[variance, skew, kurtosis, below]
    sd = np.r_[VARIANCE_SD * variance, SKEW_SD, KURTOSIS_SD, np.full(below.size, CDF_SD)]
    data = np.array([np.r_[0.0, 0.0, 0.0, point], value, sd])
    return _best(data, probability, relative_sd, True)


def _best(data: Array, probability: float, unit: float, by_moments: bool) -> TwoLognormal:
    """The best of all starts, judged against the best with the other label."""
    if not 0.0 < probability < 1.0:
        raise ValueError(f"probability is {probability}; it must lie inside (0, 1)")
    if data.shape[1] < 3 or not (unit > 0.0 and np.isfinite(data).all()):
        return _none("too_few", np.nan, np.nan)
    fits = []
    for gap, wide in STARTS:
        theta = np.array([0.8 * gap * unit, math.log(unit) + wide, math.log(unit) - wide])
        cost, gram, settled = _levenberg(theta, probability, data, unit, by_moments)
        if settled and np.isfinite(cost):
            fits.append((cost, theta, gram))
    if not fits:
        return _none("not_converged", np.nan, np.nan)
    cost, theta, gram = min(fits, key=lambda fit: fit[0])
    freedom = max(data.shape[1] - 3, 1)
    scale = max(1.0, 2.0 * cost / freedom)
    others = [fit[0] for fit in fits if fit[1][0] * theta[0] < 0]
    label = 2.0 * (min(others) - cost) / scale if others else np.inf
    mixed = probability * math.exp(theta[0]) + 1.0 - probability
    spread = np.linalg.pinv(gram)[0, 0] * scale
    sd = (1.0 - probability) / mixed * math.sqrt(max(spread, 0.0))
    if label < LEAST_LIKELIHOOD_RATIO or sd > LARGEST_MEAN_SD * unit:
        return _none("not_identified", label, 2.0 * cost / freedom)
    return TwoLognormal(
        math.exp(theta[0]) / mixed,
        1.0 / mixed,
        math.exp(theta[1]),
        math.exp(theta[2]),
        sd,
        label,
        2.0 * cost / freedom,
        "family_only",
    )


def _none(status: str, label: float, chi_square: float) -> TwoLognormal:
    return TwoLognormal(np.nan, np.nan, np.nan, np.nan, np.nan, label, chi_square, status)
