"""Critical values of the Johansen rank tests, 5 % level, for the five deterministic cases.

Only published numbers live here; the statistics themselves are in `vecm.py`.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Deterministic = Literal["none", "restricted_constant", "constant", "restricted_trend", "trend"]
DETERMINISTIC_CASES: tuple[Deterministic, ...] = get_args(Deterministic)

# MacKinnon, Haug & Michelis (1999), 5 % points by the number of common trends, 1 first.
TRACE_95: dict[Deterministic, tuple[float, ...]] = {
    "none": (4.1296, 12.3212, 24.2761, 40.1749, 60.0627, 83.9383, 111.7797, 143.6691, 179.5199,
             219.4051, 263.2603, 311.1288),
    "restricted_constant": (9.1645, 20.2618, 35.1928, 54.0790, 76.9728, 103.8473, 134.6780,
                            169.5991, 208.4374, 251.2650, 298.1594, 348.9784),
    "constant": (3.8415, 15.4943, 29.7961, 47.8545, 69.8189, 95.7542, 125.6185, 159.5290,
                 197.3772, 239.2468, 285.1402, 334.9795),
    "restricted_trend": (12.5180, 25.8721, 42.9153, 63.8761, 88.8038, 117.7082, 150.5585,
                         187.4701, 228.2979, 273.1889, 322.0692, 374.9076),
    "trend": (3.8415, 18.3985, 35.0116, 55.2459, 79.3422, 107.3429, 139.2780, 175.1584, 215.1268,
              259.0267, 306.8988, 358.7190),
}  # fmt: skip
MAX_EIGEN_95: dict[Deterministic, tuple[float, ...]] = {
    "none": (4.1296, 11.2246, 17.7961, 24.1592, 30.4428, 36.6301, 42.7679, 48.8795, 54.9629,
             61.0404, 67.0756, 73.0946),
    "restricted_constant": (9.1645, 15.8921, 22.2996, 28.5881, 34.8059, 40.9568, 47.0790, 53.1878,
                            59.2400, 65.3002, 71.3354, 77.3818),
    "constant": (3.8415, 14.2639, 21.1314, 27.5858, 33.8777, 40.0763, 46.2299, 52.3622, 58.4332,
                 64.5040, 70.5392, 76.5734),
    "restricted_trend": (12.5180, 19.3870, 25.8232, 32.1183, 38.3310, 44.4972, 50.5999, 56.7052,
                         62.7522, 68.8121, 74.8375, 80.8703),
    "trend": (3.8415, 17.1481, 24.2522, 30.8151, 37.1646, 43.4183, 49.5875, 55.7302, 61.8051,
              67.9040, 73.9355, 79.9878),
}  # fmt: skip


def critical_values_95(
    n_series: int, deterministic: Deterministic
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Look up the 5 % critical values of both rank tests.

    Parameters
    ----------
    n_series : int
        Number of series in the system.
    deterministic : {"none", "restricted_constant", "constant", "restricted_trend", "trend"}
        Deterministic case, see `offtape_assets.quant.vecm.johansen`.

    Returns
    -------
    trace, max_eigen : ndarray, shape (n_series,)
        Entry r belongs to the null "at most r cointegrating vectors" and so to n_series - r
        common trends. NaN where nothing is tabulated (more than 12 common trends).

    Raises
    ------
    ValueError
        If `n_series` is below 1 or the case is unknown.

    Notes
    -----
    "none", "constant" and "trend" are the simulated quantiles that statsmodels tabulates, the two
    restricted cases the response surfaces of [1]_ as EViews prints them; where both exist they
    differ by .02 at most.

    References
    ----------
    .. [1] MacKinnon, J., Haug, A. & Michelis, L. (1999). Numerical distribution functions of
       likelihood ratio tests for cointegration. J. Applied Econometrics 14, 563-577.
    """
    if n_series < 1:
        raise ValueError(f"n_series is {n_series}; it must be at least 1")
    if deterministic not in DETERMINISTIC_CASES:
        raise ValueError(f"deterministic is {deterministic!r}; use one of {DETERMINISTIC_CASES}")
    return (
        _by_null_rank(TRACE_95[deterministic], n_series),
        _by_null_rank(MAX_EIGEN_95[deterministic], n_series),
    )


def _by_null_rank(points: tuple[float, ...], n_series: int) -> NDArray[np.float64]:
    """Order points (by common trends, ascending) by null rank, padding with NaN."""
    padded = np.full(n_series, np.nan)
    known = min(n_series, len(points))
    padded[:known] = points[:known]
    return padded[::-1].copy()
