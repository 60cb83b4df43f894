"""Forward price and discount factor of one expiry from put-call parity, robust to bad quotes."""

from dataclasses import dataclass

import numpy as np
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
    point, inverse = _reweighted(
        level[used] - centre, gap[used], np.sqrt(noise[used]), discount, discount_sd
    )
    intercept, slope = float(point[0]), float(point[1])
    forward = centre + intercept / slope
    if not (slope > 0.0 and forward > 0.0):
        return ParityForward(np.nan, np.nan, np.nan, np.full(level.size, np.nan), used, "singular")
    lean = np.array([1.0 / slope, -intercept / slope**2])
    return ParityForward(
        forward=float(forward),
        forward_sd=float(np.sqrt(lean @ inverse @ lean)),
        discount=slope,
        residual=gap - slope * (forward - level),
        is_used=used,
        status="ok",
    )


def _reweighted(
    away: NDArray[np.float64],
    target: NDArray[np.float64],
    sd: NDArray[np.float64],
    discount: float,
    discount_sd: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Intercept and slope of target on -away by Huber weights to convergence, and their covariance."""
    design = np.column_stack([np.ones(target.size), -away])
    weight = np.ones(target.size)
    point = np.array([0.0, discount])
    for _ in range(MAX_REWEIGHTINGS):
        scaled = design * (weight / sd**2)[:, None]
        normal = scaled.T @ design
        normal[1, 1] += 1.0 / discount_sd**2
        right = scaled.T @ target
        right[1] += discount / discount_sd**2
        before, point = point, np.linalg.solve(normal, right)
        error = np.abs(target - design @ point) / sd
        scale = max(1.0, 1.4826 * float(np.median(error)))
        weight = np.minimum(1.0, HUBER * scale / np.maximum(error, 1e-300))
        if np.abs(point - before).max() < 1e-12 * max(1.0, abs(float(point[0]))):
            break
    return point, np.asarray(np.linalg.inv(normal) * scale**2, dtype=np.float64)
