"""The unified conditional binary martingale: probit gauge, information clocks, exact simulation.

A probability B in (0, 1) is Phi(U), dU = nu^2 U dt / 2 + nu dW; the clock is the integral of nu^2.
Estimating a clock from data is in event_clock; filtering with a probit state is in kalman_event.
"""

import numpy as np
from scipy.special import ndtr, ndtri


def probit(probability: np.ndarray) -> np.ndarray:
    """U = Phi^-1(B); -inf at 0 and +inf at 1."""
    return ndtri(probability)


def probit_slope(probability: np.ndarray) -> np.ndarray:
    """phi(U) at B = Phi(U), of any shape: dB = phi(U) nu dW; 0 at 0 and 1."""
    return np.exp(-0.5 * ndtri(probability) ** 2) / np.sqrt(2.0 * np.pi)


def digital_clock(times: np.ndarray, expiry: float, strength: float = 1.0) -> np.ndarray:
    """Information gained by each time under nu = c / sqrt(T - t).

    Parameters
    ----------
    times : (K,) float64
        Increasing, the first is the start; the last may be the expiry.
    expiry : float
        T, in the units of `times`.
    strength : float
        c > 0; 1 is the Black-Scholes digital option with its underlying's time to expiry.

    Returns
    -------
    (K,) float64
        tau(t) = c^2 ln((T - t_0) / (T - t)), 0 at the start, +inf at the expiry.

    Raises
    ------
    ValueError
        times not increasing or past the expiry, strength not above 0.
    """
    left = _time_left(times, expiry)
    if not strength > 0:
        raise ValueError(f"strength must be above 0, got {strength}")
    with np.errstate(divide="ignore"):
        return strength**2 * (np.log(left[0]) - np.log(left))


def taleb_clock(times: np.ndarray, expiry: float, volatility: float) -> np.ndarray:
    """Information gained by each time under nu = sqrt2 sigma / sqrt(exp(2 sigma^2 (T-t)) - 1).

    Parameters
    ----------
    times, expiry
        As in `digital_clock`.
    volatility : float
        sigma > 0, of the shadow score whose sign decides the event, per sqrt(unit of time).

    Returns
    -------
    (K,) float64
        tau(t) = ln(1 - exp(-2 sigma^2 (T-t_0))) - ln(1 - exp(-2 sigma^2 (T-t))).

    Raises
    ------
    ValueError
        As `digital_clock`.

    References
    ----------
    .. [1] Taleb (2018), Election predictions as martingales: an arbitrage approach,
       Quantitative Finance 18(1).
    """
    left = _time_left(times, expiry)
    if not volatility > 0:
        raise ValueError(f"volatility must be above 0, got {volatility}")
    with np.errstate(divide="ignore"):
        logs = np.log(-np.expm1(-2.0 * volatility**2 * left))
    return logs[0] - logs


def _time_left(times: np.ndarray, expiry: float) -> np.ndarray:
    times = np.asarray(times, dtype=np.float64)
    if times.ndim != 1 or times.size < 2 or not (np.diff(times) > 0).all():
        raise ValueError("times must be an increasing vector of at least two instants")
    if times[-1] > expiry or times[0] >= expiry:
        raise ValueError(f"times must lie before the expiry {expiry}, the last is {times[-1]}")
    return expiry - times


def simulate_ucbm(
    start_probability: float, clock: np.ndarray, paths: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw the martingale exactly at the clock's readings.

    Parameters
    ----------
    start_probability : float
        B_0, strictly between 0 and 1.
    clock : (K,) float64
        Information tau gained by each instant, 0 first, never falling; +inf reveals the outcome.
        A step of the clock within no time is a jump of B, and a martingale one.
    paths : int
        Number of independent paths, > 0.
    rng : numpy.random.Generator

    Returns
    -------
    (K, paths) float64
        B, exactly 0 or 1 once the clock is +inf.

    Raises
    ------
    ValueError
        start_probability outside (0, 1), clock falling or not starting at 0, paths < 1.

    Notes
    -----
    V = U exp(-tau/2) is a Brownian motion in s = 1 - exp(-tau): no step is approximated, and
    B = Phi(V / sqrt(1 - s)) = P(V_1 > 0 | V_s).
    """
    clock = np.asarray(clock, dtype=np.float64)
    if not 0.0 < start_probability < 1.0:
        raise ValueError(f"start_probability must be in (0, 1), got {start_probability}")
    if clock.ndim != 1 or clock.size < 1 or clock[0] != 0.0 or np.isnan(clock).any():
        raise ValueError("clock must be a vector that starts at 0, without NaN")
    if (clock[1:] < clock[:-1]).any():
        raise ValueError("clock must never fall")
    if paths < 1:
        raise ValueError(f"paths must be at least 1, got {paths}")
    left = np.exp(-clock)  # 1 - s
    score = np.empty((clock.size, paths))
    score[0] = ndtri(start_probability)
    score[1:] = np.sqrt(left[:-1] - left[1:])[:, None] * rng.standard_normal(
        (clock.size - 1, paths)
    )
    np.cumsum(score, axis=0, out=score)
    with np.errstate(divide="ignore"):
        return ndtr(score / np.sqrt(left)[:, None])


def add_jumps(clock: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """A clock with atoms: information `sizes[k]` arrives at once just before reading k.

    Parameters
    ----------
    clock, sizes : (K,) float64
        sizes >= 0; the first must be 0.

    Raises
    ------
    ValueError
        Unequal shapes or a negative size.
    """
    clock, sizes = np.asarray(clock, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    if clock.shape != sizes.shape:
        raise ValueError(f"sizes must have the clock's shape {clock.shape}, got {sizes.shape}")
    if not (sizes >= 0).all() or sizes[0] != 0:
        raise ValueError("sizes must be at least 0, the first 0")
    return clock + np.cumsum(sizes)
