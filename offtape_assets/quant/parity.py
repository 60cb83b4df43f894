"""Forward price and discount factor of one expiry from put-call parity, robust to bad quotes."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from offtape_assets.quant.black_scholes import as_columns

NEAREST_PAIRS = 12  # strikes around the money: further out early exercise and stale quotes bias
HUBER = 1.345  # 95 % efficiency at the normal law
MAX_REWEIGHTINGS = 50


@dataclass(frozen=True)
class ParityForward:
    """Forward in dollars with its sd, discount, and each pair's residual in dollars (pair,).

    `status` is ok, no_pairs or singular; figures are NaN unless ok. `is_used` (pair,) marks the
    pairs near the money that entered.
    """

    forward: float
    forward_sd: float
    discount: float
    residual: NDArray[np.float64]
    is_used: NDArray[np.bool_]
    status: str


def parity_forward(
    strike: ArrayLike,
    call: ArrayLike,
    put: ArrayLike,
    variance: ArrayLike,
    discount: float,
    discount_sd: float,
) -> ParityForward:
    """Weighted robust regression of C - P on K with a prior on its slope.

    Parameters
    ----------
    strike, call, put : (pair,)
        Dollars; premiums of the two rights at the same strike.
    variance : (pair,)
        Variance of C - P, dollars squared, positive.
    discount, discount_sd : float
        Discount factor expected from the bill rate and how sure that is. Two weeks from expiry the
        quotes hardly know the slope: the prior keeps it sensible, long expiries overrule it.

    Returns
    -------
    ParityForward

    Raises
    ------
    ValueError
        Where shapes differ, a variance is not positive, or `discount` or `discount_sd` is not positive.

    Notes
    -----
    C - P = D (F - K) (seed 13.1 with F = S e^{r tau}). With c the strike where |C - P| is least, regress
    y = C - P on 1 and -(K - c): intercept a = D (F - c), slope D, over the NEAREST_PAIRS smallest |C - P|.
    Huber weights [1]_ min(1, 1.345 s/|e/sd|) with s the larger of 1 and 1.4826 median |e/sd|, to
    convergence.

    References
    ----------
    .. [1] Huber, P. (1981). Robust Statistics. Wiley, ch. 7.8.
    """
    level, up, down, noise = as_columns(strike=strike, call=call, put=put, variance=variance)
    if not (discount > 0.0 and discount_sd > 0.0):
        raise ValueError(f"discount ({discount}) and discount_sd ({discount_sd}) must be positive")
    if np.asarray(strike).size == 0:
        nothing = np.empty(0)
        return ParityForward(np.nan, np.nan, np.nan, nothing, nothing.astype(bool), "no_pairs")
    if not (noise > 0.0).all():
        raise ValueError("every variance must be positive")
    gap = up - down
    used = np.zeros(level.size, dtype=bool)
    used[np.argsort(np.abs(gap), kind="stable")[:NEAREST_PAIRS]] = True
    centre = level[np.argmin(np.abs(gap))]
    intercept, slope, covariance = _reweighted(
        level[used] - centre, gap[used], np.sqrt(noise[used]), discount, discount_sd
    )
    forward = centre + intercept / slope
    if not (slope > 0.0 and forward > 0.0):
        return ParityForward(np.nan, np.nan, np.nan, np.full(level.size, np.nan), used, "singular")
    lean = np.array([1.0 / slope, -intercept / slope**2])
    return ParityForward(
        forward=float(forward),
        forward_sd=float(np.sqrt(lean @ covariance @ lean)),
        discount=slope,
        residual=gap - slope * (forward - level),
        is_used=used,
        status="ok",
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _reweighted(away, target, sd, discount, discount_sd):  # type: ignore[no-untyped-def]
    """Intercept and slope of target on -away by Huber weights to convergence, and their covariance."""
    weight, precision = np.ones(target.size), 1.0 / sd**2
    prior = 1.0 / discount_sd**2
    level, slope = 0.0, discount
    for _ in range(MAX_REWEIGHTINGS):
        share = weight * precision
        one, cross, square = share.sum(), -(share @ away), share @ away**2 + prior
        right, turned = share @ target, prior * discount - (share * away) @ target
        determinant = one * square - cross * cross
        before_level, before_slope = level, slope
        level = (square * right - cross * turned) / determinant
        slope = (one * turned - cross * right) / determinant
        error = np.abs(target - level + slope * away) / sd
        scale = max(1.0, 1.4826 * np.median(error))
        weight = np.minimum(1.0, HUBER * scale / np.maximum(error, 1e-300))
        step = max(abs(level - before_level), abs(slope - before_slope))
        if step < 1e-12 * max(1.0, abs(level)):
            break
    covariance = np.array([[square, -cross], [-cross, one]]) * (scale * scale / determinant)
    return level, slope, covariance
