"""Terminal price laws in closed form: lognormal (Black-Scholes) and Merton's jump diffusion.

Gives the chance that the price ends inside an interval. Laws that need a transform or paths live
in contract_transform and contract_simulation.
"""

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.special import ndtr

_TAIL = 1e-16


def check_intervals(
    low: NDArray[np.float64], high: NDArray[np.float64], spot: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Price intervals [low, high) as (contracts,) arrays of ln(bound / spot).

    Raises
    ------
    ValueError : spot not positive, shapes that differ, or an empty interval.
    """
    low, high = np.atleast_1d(np.asarray(low, float)), np.atleast_1d(np.asarray(high, float))
    if not spot > 0.0 or not np.isfinite(spot):
        raise ValueError(f"spot is {spot}; a positive number is allowed")
    if low.ndim != 1 or low.shape != high.shape:
        raise ValueError(f"low {low.shape} and high {high.shape}; one axis (contracts) is allowed")
    if not np.all((low >= 0.0) & (low < high)):
        raise ValueError("low and high: 0 <= low < high is allowed (0 and inf for no bound)")
    with np.errstate(divide="ignore"):
        return np.log(low / spot), np.log(high / spot)


def lognormal_interval_probabilities(
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    spot: float,
    volatility: float,
    drift: float,
    years: float,
) -> NDArray[np.float64]:
    """Chance that a geometric Brownian motion ends in [low, high): the Black-Scholes digital.

    Parameters
    ----------
    low, high : (contracts,) price bounds; 0 and inf where there is none.
    spot : price now. volatility : per square-root year, positive. drift : per year.
    years : time to expiry, positive.

    Returns
    -------
    (contracts,) probabilities (undiscounted).

    Raises
    ------
    ValueError : an argument out of range.
    """
    return merton_interval_probabilities(low, high, spot, volatility, drift, 0.0, 0.0, 0.0, years)


def merton_interval_probabilities(
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    spot: float,
    volatility: float,
    drift: float,
    jump_intensity: float,
    jump_mean: float,
    jump_sd: float,
    years: float,
) -> NDArray[np.float64]:
    """Chance that a Merton jump diffusion ends in [low, high), by its Poisson series.

    Parameters
    ----------
    low, high : (contracts,) price bounds; 0 and inf where there is none.
    spot : price now. volatility : of the diffusion, per square-root year, positive.
    drift : of the price, per year; jumps are compensated, so E[S_T] = spot exp(drift years).
    jump_intensity : jumps per year. jump_mean, jump_sd : of the log jump.
    years : time to expiry, positive.

    Returns
    -------
    (contracts,) probabilities (undiscounted).

    Raises
    ------
    ValueError : an argument out of range.

    Notes
    -----
    P = sum_n Poisson(n; intensity years) N(m + n jump_mean, volatility^2 years + n jump_sd^2) of the
    interval, m = (drift - volatility^2/2 - intensity (exp(jump_mean + jump_sd^2/2) - 1)) years [1]_.
    The series stops where the Poisson tail is below 1e-16.

    References
    ----------
    .. [1] R. Merton (1976), Option pricing when underlying stock returns are discontinuous,
       J. Financial Economics 3, 125-144, eq. 16.
    """
    log_low, log_high = check_intervals(low, high, spot)
    centre, spread = merton_moments(volatility, drift, jump_intensity, jump_mean, jump_sd, years)
    expected = jump_intensity * years
    counts = np.arange(int(scipy.stats.poisson.isf(_TAIL, expected)) + 2 if expected > 0.0 else 1)
    means = centre + counts * jump_mean
    sds = np.sqrt(spread**2 + counts * jump_sd**2)
    weights = scipy.stats.poisson.pmf(counts, expected)
    inside = normal_interval(
        (log_low[:, None] - means) / sds,
        (log_high[:, None] - means) / sds,
    )
    return np.minimum(inside @ weights, 1.0)


def merton_moments(
    volatility: float,
    drift: float,
    jump_intensity: float,
    jump_mean: float,
    jump_sd: float,
    years: float,
) -> tuple[float, float]:
    """Mean (jumps compensated, none happening) and sd of the diffusion's log return to expiry.

    Raises
    ------
    ValueError : an argument out of range.
    """
    for name, value in (("volatility", volatility), ("years", years)):
        if not value > 0.0 or not np.isfinite(value):
            raise ValueError(f"{name} is {value}; a positive number is allowed")
    if not (jump_intensity >= 0.0 and jump_sd >= 0.0):
        raise ValueError(
            f"jump_intensity {jump_intensity} and jump_sd {jump_sd} must not be negative"
        )
    compensator = jump_intensity * np.expm1(jump_mean + 0.5 * jump_sd**2)
    return (drift - 0.5 * volatility**2 - compensator) * years, volatility * np.sqrt(years)


def normal_interval(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard normal mass of [low, high), without cancellation in the upper tail."""
    upper = low > 0.0
    return np.where(upper, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
