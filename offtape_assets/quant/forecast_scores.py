"""How good probability forecasts were: Brier and log score, reliability, errors clustered by event."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAST_PROBABILITY = 1e-4
"""Forecasts are kept this far from 0 and 1 in the log score, where one miss would cost infinity."""


class Scores(NamedTuple):
    """Mean scores (lower is better) with standard errors over clusters.

    brier_baseline is the score of the base rate; se are NaN with fewer than two clusters.
    """

    brier: float
    brier_se: float
    brier_baseline: float
    log_score: float
    log_score_se: float
    n_forecasts: int
    n_clusters: int


class Reliability(NamedTuple):
    """Forecasts by bins of probability, empty bins left out; arrays of shape (bins,)."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n_forecasts: NDArray[np.int64]
    mean_probability: NDArray[np.float64]
    frequency: NDArray[np.float64]
    frequency_se: NDArray[np.float64]


def score_forecasts(
    probability: NDArray[np.float64],
    outcome: NDArray[np.float64],
    cluster: NDArray[np.int64],
) -> Scores:
    """Brier and logarithmic score of forecasts of yes-or-no outcomes.

    Parameters
    ----------
    probability : (forecasts,) in [0, 1]. outcome : (forecasts,) 0 or 1.
    cluster : (forecasts,) forecasts with the same number settle on the same price.

    Returns
    -------
    Scores; standard errors are of the mean over clusters, since an expiry's forecasts of all hours
    and strikes share one outcome.

    Raises
    ------
    ValueError : shapes that differ, none given, or values out of range.
    """
    probability, outcome, cluster = _checked(probability, outcome, cluster)
    brier = (probability - outcome) ** 2
    kept = np.clip(probability, LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)
    log = -np.where(outcome > 0.5, np.log(kept), np.log1p(-kept))
    base = outcome.mean()
    groups, place = np.unique(cluster, return_inverse=True)
    return Scores(
        float(brier.mean()),
        _clustered_error(brier, place, groups.size),
        float(base * (1.0 - base)),
        float(log.mean()),
        _clustered_error(log, place, groups.size),
        probability.size,
        groups.size,
    )


def reliability(
    probability: NDArray[np.float64],
    outcome: NDArray[np.float64],
    cluster: NDArray[np.int64],
    bins: int = 10,
) -> Reliability:
    """Mean forecast and observed frequency in equal bins of probability (the reliability curve).

    Parameters
    ----------
    probability, outcome, cluster : as in `score_forecasts`. bins : at least 1; the last holds 1.

    Returns
    -------
    Reliability; frequency_se is clustered, NaN where a bin has one cluster.

    Raises
    ------
    ValueError : as `score_forecasts`, or bins below 1.
    """
    probability, outcome, cluster = _checked(probability, outcome, cluster)
    if bins < 1:
        raise ValueError(f"bins is {bins}; at least 1 is allowed")
    bin_of = np.minimum((probability * bins).astype(np.int64), bins - 1)
    used, rows = np.unique(bin_of), []
    for one in used:
        inside = bin_of == one
        groups, place = np.unique(cluster[inside], return_inverse=True)
        rows.append(
            (
                inside.sum(),
                probability[inside].mean(),
                outcome[inside].mean(),
                _clustered_error(outcome[inside], place, groups.size),
            )
        )
    count, mean, frequency, error = (np.array(column) for column in zip(*rows, strict=True))
    return Reliability(used / bins, (used + 1) / bins, count, mean, frequency, error)


def _checked(
    probability: NDArray[np.float64], outcome: NDArray[np.float64], cluster: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    probability, outcome = np.asarray(probability, float), np.asarray(outcome, float)
    cluster = np.asarray(cluster)
    shapes = {probability.shape, outcome.shape, cluster.shape}
    if len(shapes) != 1 or probability.ndim != 1 or not probability.size:
        raise ValueError(f"probability, outcome, cluster have shapes {shapes}; one (n,) is allowed")
    if not np.all((probability >= 0.0) & (probability <= 1.0)):
        raise ValueError("probability has values outside [0, 1]")
    if not np.all((outcome == 0.0) | (outcome == 1.0)):
        raise ValueError("outcome has values other than 0 and 1")
    return probability, outcome, cluster


def _clustered_error(value: NDArray[np.float64], place: NDArray[np.intp], groups: int) -> float:
    """Standard error of a mean whose terms are dependent within groups (sandwich, small-sample)."""
    if groups < 2:
        return float("nan")
    sums = np.bincount(place, weights=value - value.mean(), minlength=groups)
    return float(np.sqrt(groups / (groups - 1) * (sums @ sums)) / value.size)
