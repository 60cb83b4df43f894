"""How fast information about an event arrives: trailing clock rates, and jumps.

Estimators on sampled probabilities, each with its standard error. The model is in ucbm, clocks
of one parameter in event_clock_fit.
"""

from typing import NamedTuple

import numpy as np

from offtape_assets.quant.ucbm import probit_slope

FEWEST_INCREMENTS = 10
BIPOWER_RELATIVE_VARIANCE = np.pi**2 / 4 + np.pi - 3  # 2.61, of bipower variation times n


class ClockRates(NamedTuple):
    """Trailing clock rate nu^2 per unit of time and its standard error at each sample; NaN
    where fewer than FEWEST_INCREMENTS increments or none off the boundary are known."""

    rate: np.ndarray
    standard_error: np.ndarray
    n_increments: np.ndarray


class Jumps(NamedTuple):
    """Whether each sample ends a jump, the statistic and its critical value.

    The statistic is NaN while the trailing window has fewer than FEWEST_INCREMENTS increments.
    """

    is_jump: np.ndarray
    statistic: np.ndarray
    critical: float


def _steps(
    times: np.ndarray,
    probability: np.ndarray,
    edge: float = 0.0,
    jumped: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time steps, increments in units of their slope (dB / phi(U)) and which are usable."""
    times, b = np.asarray(times, np.float64), np.asarray(probability, np.float64)
    if times.ndim != 1 or times.shape != b.shape or times.size < 2:
        raise ValueError(
            f"times and probability must be equal vectors, got {times.shape}, {b.shape}"
        )
    dt = np.diff(times)
    if not (dt > 0).all():
        raise ValueError("times must be increasing")
    if ((b < 0) | (b > 1)).any():
        raise ValueError("probability must lie in 0 to 1 (or be NaN)")
    if not 0.0 <= edge < 0.5:
        raise ValueError(f"edge must be at least 0 and below 0.5, got {edge}")
    moves = np.diff(b if jumped is None else b - np.asarray(jumped, np.float64))
    with np.errstate(invalid="ignore"):
        slope = probit_slope(b[:-1])
        usable = np.isfinite(moves) & (b[:-1] > edge) & (b[:-1] < 1.0 - edge)
    scaled = np.divide(moves, slope, out=np.zeros_like(dt), where=usable)
    return dt, scaled, usable


def _trailing(values: np.ndarray, window: int) -> np.ndarray:
    """Sum of the latest `window` values at each increment."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    start = np.maximum(np.arange(1, total.size) - window, 0)
    return total[1:] - total[start]


def local_variance_rate(
    times: np.ndarray, probability: np.ndarray, window: int, edge: float = 0.0
) -> ClockRates:
    """Trailing clock rate from squared increments.

    Parameters
    ----------
    times : (K,) float64
        Increasing.
    probability : (K,) float64
        B, 0 to 1; NaN where unknown.
    window : int
        Increments used, >= FEWEST_INCREMENTS.
    edge : float
        Increments that start within this of 0 or 1 are left out, 0 <= edge < 0.5.

    Returns
    -------
    ClockRates
        At sample k from increments up to k; NaN at the first.

    Raises
    ------
    ValueError
        Unequal or unsorted input, probabilities outside 0 to 1, a window too short, a wrong edge.

    Notes
    -----
    dB = phi(U) nu dW, so nu^2 = sum (dB/phi(U))^2 / sum dt; its standard error is
    nu^2 sqrt(2/n). U's own increments carry nu already and are NOT divided by phi.
    """
    dt, scaled, usable = _steps(times, probability, edge)
    return _rates(scaled**2, dt, usable, window, 2.0)


def bipower_rate(
    times: np.ndarray,
    probability: np.ndarray,
    window: int,
    edge: float = 0.0,
    jumped: np.ndarray | None = None,
) -> ClockRates:
    """Trailing clock rate from products of neighbouring increments, which a jump hardly moves.

    Parameters
    ----------
    times, probability, window, edge
        As `local_variance_rate`.
    jumped : (K,) float64, optional
        Sum of the jumps found up to each sample, taken out of the increments of B.

    Notes
    -----
    nu^2 = (pi/2) mean(|e_k e_{k-1}|), e = dB / (phi(U) sqrt(dt)); standard error
    nu^2 sqrt(2.61/n) [1]_. A jump still adds |J e|, hence the large ones are taken out first [2]_.

    References
    ----------
    .. [1] Barndorff-Nielsen, Shephard (2004), Journal of Financial Econometrics 2(1).
    .. [2] Corsi, Pirino, Reno (2010), Threshold bipower variation, Journal of Econometrics 159(2).
    """
    dt, scaled, usable = _steps(times, probability, edge, jumped)
    unit = np.abs(scaled) / np.sqrt(dt)
    pair = usable & np.concatenate(([False], usable[:-1]))
    product = 0.5 * np.pi * unit * np.concatenate(([0.0], unit[:-1]))
    return _rates(product, np.ones_like(dt), pair, window, BIPOWER_RELATIVE_VARIANCE)


def _rates(
    squares: np.ndarray, dt: np.ndarray, usable: np.ndarray, window: int, relative: float
) -> ClockRates:
    if window < FEWEST_INCREMENTS:
        raise ValueError(f"window must be at least {FEWEST_INCREMENTS} increments, got {window}")
    count = _trailing(usable.astype(np.float64), window)
    enough = count >= FEWEST_INCREMENTS
    rate = np.full(dt.size + 1, np.nan)
    total, span = _trailing(np.where(usable, squares, 0.0), window), _trailing(dt * usable, window)
    rate[1:][enough] = np.maximum(total[enough], 0.0) / span[enough]
    counts = np.concatenate(([0.0], count))
    error = rate * np.sqrt(relative / np.maximum(counts, 1.0))
    return ClockRates(rate, error, counts.astype(np.int64))


def detect_jumps(
    times: np.ndarray, probability: np.ndarray, window: int, looks: int, level: float = 0.01
) -> Jumps:
    """Jumps of the probability against its own trailing, jump-robust speed.

    Parameters
    ----------
    times, probability, window
        As `local_variance_rate`.
    looks : int
        Samples that `level` is shared among, >= 2: a number known beforehand, not that of the sample.
    level : float
        Probability of any false find in so many looks, 0 < level < 1.

    Returns
    -------
    Jumps

    Notes
    -----
    L_k = |dB_k| / (phi(U) nu sqrt(dt)), nu by bipower variation up to k-1 (no look-ahead). The
    critical value is the Gumbel quantile of the largest of `looks` such statistics [1]_; because nu is
    itself estimated from w increments, the statistic is Student-like and is first mapped to a
    normal one through a t law of w/1.3 degrees of freedom.

    References
    ----------
    .. [1] Lee, Mykland (2008), Review of Financial Studies 21(6), eq. 11-13.
    """
    if looks < 2:
        raise ValueError(f"looks must be at least 2, got {looks}")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    dt, scaled, usable = _steps(times, probability)
    rates = bipower_rate(times, probability, window)
    speed, freedom = rates.rate[:-1], np.maximum(rates.n_increments[:-1], 1) / 1.3
    statistic = np.full(dt.size + 1, np.nan)
    known = usable & (speed > 0)
    raw = np.abs(scaled[known]) / np.sqrt(speed[known] * dt[known])
    statistic[1:][known] = _normal_score(raw, freedom[known])
    root = np.sqrt(2.0 * np.log(looks))
    centre = root - np.log(np.pi * np.log(looks)) / (2.0 * root)
    critical = centre - np.log(-np.log1p(-level)) / root
    return Jumps(np.nan_to_num(statistic) > critical, statistic, float(critical))


def _normal_score(ratio: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """|z| with the tail probability of |t| at the same place (Wallace 1959, within 1 % of z)."""
    shrink = (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    return shrink * np.sqrt(freedom * np.log1p(ratio**2 / freedom))
