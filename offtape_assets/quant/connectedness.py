"""Connectedness of a wide panel: who spills over onto whom, beyond common factors.

Diebold-Yilmaz shares of a ridge vector autoregression on factor-free returns, without the
contemporaneous term, against a null of circular shifts.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

Array = NDArray[np.float64]

FACTORS = 5  # principal components taken out
LAGS = 5
RIDGE = 0.02  # added to the unit diagonal of the lagged moments
HORIZON = 10  # steps of the forecast-error variance
SHIFTS = 19  # draws of the null: the largest of 20 is a 5 % test
MIN_COVERAGE = 0.5  # known returns a column must have


class Connectedness(NamedTuple):
    """Spillovers of one window; NaN unless `status` is "ok".

    `share` has shape (n, n): entry (i, j) is the share of j's forecast-error variance that shocks
    to i explain after the first step. `net` (n,) is what i gives less what it takes; `p_value`
    (n,) the chance of so large a largest `net` under circular shifts; `stability` the rank
    correlation of `net` between the window's halves.
    """

    status: str
    share: Array
    net: Array
    p_value: Array
    stability: float


def connectedness(
    returns: Array,
    rng: np.random.Generator,
    factors: int = FACTORS,
    lags: int = LAGS,
    ridge: float = RIDGE,
    horizon: int = HORIZON,
    shifts: int = SHIFTS,
) -> Connectedness:
    """Estimate lagged spillovers between all columns.

    Parameters
    ----------
    returns : ndarray, shape (n_time, n)
        Returns on one grid; a NaN counts as the column's mean, and a column that is mostly
        unknown or does not vary is left out (NaN).
    rng : numpy.random.Generator
        Draws the circular shifts.
    factors, lags, horizon, shifts : int
        Components removed, lags of the autoregression, forecast steps, draws of the null.
    ridge : float
        Ridge on standardized lagged moments.

    Returns
    -------
    Connectedness
        Status "ok" or "too_few" (rows, or columns left).

    Raises
    ------
    ValueError
        If the shape or a setting is not allowed.

    Notes
    -----
    With moving-average matrices P_h and innovation covariance S, the generalized share of i in j
    is sum_{h=1}^{H-1} (P_h S)_{ji}^2 / S_ii over sum_{h=0}^{H-1} (P_h S P_h')_jj [1]_. The term h=0
    is left out: it is symmetric correlation, and keeps the two halves of a day alike with nobody
    leading. The autoregression is Yule-Walker from tapered autocovariances, which needs lags + 1
    matrix products and does not depend on the order of the columns.

    References
    ----------
    .. [1] Diebold, F. & Yilmaz, K. (2012). Better to give than to receive. Int. J. Forecasting 28,
       57-66.
    """
    if returns.ndim != 2:
        raise ValueError(f"returns has shape {returns.shape}; it must be (n_time, n)")
    if min(lags, horizon - 1, shifts) < 1 or factors < 0 or not ridge > 0.0:
        raise ValueError(
            f"lags {lags}, horizon {horizon}, shifts {shifts}, factors {factors}, ridge {ridge}: "
            "lags and shifts at least 1, horizon at least 2, factors at least 0, ridge above 0"
        )
    n = returns.shape[1]
    result = Connectedness(
        "too_few", np.full((n, n), np.nan), np.full(n, np.nan), np.full(n, np.nan), np.nan
    )
    standard, kept = _standardize(returns)
    if len(kept) < factors + 2 or len(returns) < 4 * lags * len(kept):
        return result
    own = remove_factors(standard, factors)
    share = lagged_spillovers(own, lags, ridge, horizon)
    net = net_spillovers(share)
    null = np.empty(shifts)
    for k in range(shifts):
        shifted = _shift_apart(own, rng)
        null[k] = net_spillovers(lagged_spillovers(shifted, lags, ridge, horizon)).max()
    half = len(own) // 2
    first = net_spillovers(lagged_spillovers(own[:half], lags, ridge, horizon))
    second = net_spillovers(lagged_spillovers(own[half:], lags, ridge, horizon))
    result.share[np.ix_(kept, kept)] = share
    result.net[kept] = net
    result.p_value[kept] = (1 + (null >= net[:, None]).sum(axis=1)) / (1 + shifts)
    return result._replace(status="ok", stability=_rank_correlation(first, second))


def remove_factors(returns: Array, factors: int) -> Array:
    """Residuals of standardized returns on their first principal components, variance 1.

    Parameters
    ----------
    returns : ndarray, shape (n_time, n)
        Standardized returns without NaN.
    factors : int
        Components to remove.

    Returns
    -------
    ndarray, shape (n_time, n)
        Own parts.
    """
    if factors:
        loadings = np.linalg.eigh(returns.T @ returns / len(returns))[1][:, -factors:]
        returns = returns - (returns @ loadings) @ loadings.T
    return returns / np.sqrt((returns**2).mean(axis=0))


def lagged_spillovers(
    returns: Array, lags: int = LAGS, ridge: float = RIDGE, horizon: int = HORIZON
) -> Array:
    """Generalized variance shares after the first step.

    Parameters
    ----------
    returns : ndarray, shape (n_time, n)
        Mean zero, variance 1.
    lags, ridge, horizon
        As in `connectedness`.

    Returns
    -------
    ndarray, shape (n, n)
        Entry (i, j): from i to j.
    """
    n_time, n = returns.shape
    lagged = [
        returns[h:].T @ returns[: n_time - h] / n_time for h in range(lags + 1)
    ]  # E x_t x_{t-h}'
    moments = np.block(
        [[lagged[b - a] if b >= a else lagged[a - b].T for b in range(lags)] for a in range(lags)]
    )
    moments[np.diag_indices_from(moments)] += ridge
    cross = np.hstack(lagged[1:])  # E x_t (x_{t-1}', ..., x_{t-p}')
    coefficients = scipy.linalg.cho_solve(scipy.linalg.cho_factor(moments), cross.T).T
    fitted = coefficients @ cross.T
    moments[np.diag_indices_from(moments)] -= ridge
    innovation = lagged[0] - fitted - fitted.T + coefficients @ moments @ coefficients.T
    impulse = [np.eye(n)]
    for h in range(1, horizon):
        steps = range(min(lags, h))
        impulse.append(
            sum(coefficients[:, k * n : (k + 1) * n] @ impulse[h - 1 - k] for k in steps)
        )
    responses = np.stack([p @ innovation for p in impulse])
    given = (responses[1:] ** 2).sum(axis=0) / np.diag(innovation)
    total = sum(np.einsum("ij,ij->i", r, p) for r, p in zip(responses, impulse, strict=True))
    return (given / np.asarray(total)[:, None]).T


def net_spillovers(share: Array) -> Array:
    """What each column gives to others less what it takes from them.

    Parameters
    ----------
    share : ndarray, shape (n, n)
        From row to column.

    Returns
    -------
    ndarray, shape (n,)
        Sums to 0.
    """
    return share.sum(axis=1) - share.sum(axis=0)


def _shift_apart(returns: Array, rng: np.random.Generator) -> Array:
    """Shift every column round by an amount of its own, at least half of n_time / n from others'.

    Free offsets would now and then put two near-copies (trackers of one index) a few steps apart,
    which is a lead like no other: the null would then contain what it is to exclude.
    """
    n_time, n = returns.shape
    step = n_time // n
    offsets = np.asarray(rng.permutation(n)) * step + np.asarray(rng.integers(step // 2, size=n))
    return np.column_stack([np.roll(returns[:, j], offsets[j]) for j in range(n)])


def _standardize(returns: Array) -> tuple[Array, NDArray[np.int64]]:
    """Known, varying columns with mean 0 and variance 1, and their indices."""
    known = np.isfinite(returns)
    kept = np.flatnonzero(known.mean(axis=0) >= MIN_COVERAGE)
    values = np.where(known[:, kept], returns[:, kept], 0.0)
    values -= values.sum(axis=0) / np.maximum(known[:, kept].sum(axis=0), 1)
    values[~known[:, kept]] = 0.0
    sd = np.sqrt((values**2).mean(axis=0))
    varies = sd > 1e-12 * np.abs(returns[:, kept]).max(axis=0, initial=0.0, where=known[:, kept])
    return values[:, varies] / sd[varies], kept[varies]


def _rank_correlation(first: Array, second: Array) -> float:
    return float(np.corrcoef(first.argsort().argsort(), second.argsort().argsort())[0, 1])
