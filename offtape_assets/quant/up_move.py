"""Will the price rise? A ridge logistic model, fitted forward through time and scored honestly.

Fit, purged and embargoed walk-forward folds, calibration and scores beside the base rate.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.special import expit, xlogy

Array = NDArray[np.float64]

MAX_STEPS = 50
STEP_TOLERANCE = 1e-10
MIN_ROWS_PER_COEFFICIENT = 10
LARGEST_LOG_ODDS = 30.0  # no feature makes a forecast certain in floating point


class LogisticFit(NamedTuple):
    """A fitted model; NaN coefficients unless `status` is "ok".

    Coefficients belong to features less `centre` over `scale` (a feature that does not vary has
    coefficient 0); `standard_error` is that of the penalized likelihood.
    """

    status: str
    intercept: float
    coefficient: Array
    intercept_error: float
    standard_error: Array
    centre: Array
    scale: Array

    def predict(self, features: Array) -> Array:
        """Probability of an up-move, shape (n_rows,), inside (0, 1) for any features."""
        log_odds = self.intercept + (features - self.centre) / self.scale @ self.coefficient
        return expit(np.clip(log_odds, -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS))


class Fold(NamedTuple):
    """Rows of one step of a walk-forward: train on the past, test on what follows."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


class Scores(NamedTuple):
    """Scores of probabilities; `calibration_*` are the logistic regression of outcomes on the
    log-odds (intercept 0 and slope 1 if calibrated)."""

    n: int
    base_rate: float
    brier: float
    log_loss: float
    auc: float
    calibration_intercept: float
    calibration_slope: float


def fit_logistic(features: Array, outcome: Array, ridge: float = 1.0) -> LogisticFit:
    """Maximize the ridge-penalized logistic likelihood by Newton steps.

    Parameters
    ----------
    features : ndarray, shape (n_rows, k)
        Finite values.
    outcome : ndarray, shape (n_rows,)
        0 or 1.
    ridge : float
        Penalty on half the sum of squared standardized coefficients; above 0, so that separable
        data have a solution too.

    Returns
    -------
    LogisticFit
        Status "ok", "too_few" (under ten rows a coefficient), "one_class" or "not_converged".

    Raises
    ------
    ValueError
        If shapes disagree, a value is not finite, an outcome is not 0 or 1, or ridge is not > 0.
    """
    if features.ndim != 2 or outcome.shape != features.shape[:1]:
        raise ValueError(f"features {features.shape} and outcome {outcome.shape} disagree")
    if not np.isfinite(features).all() or not np.isin(outcome, (0.0, 1.0)).all():
        raise ValueError("features must be finite and outcome 0 or 1")
    if not ridge > 0.0:
        raise ValueError(f"ridge is {ridge}; it must be above 0")
    n, k = features.shape
    blank = np.full(k, np.nan)
    if n < MIN_ROWS_PER_COEFFICIENT * (k + 1):
        return LogisticFit("too_few", np.nan, blank, np.nan, blank, blank, blank)
    if outcome.min() == outcome.max():
        return LogisticFit("one_class", np.nan, blank, np.nan, blank, blank, blank)
    centre, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 1e-12 * np.abs(features).max(axis=0), scale, np.inf)
    design = np.column_stack([np.ones(n), (features - centre) / scale])
    penalty = np.r_[0.0, np.full(k, ridge)]
    start = np.zeros(k + 1)
    start[0] = np.log(outcome.mean() / (1.0 - outcome.mean()))
    solved, beta, information = _newton(design, outcome, penalty, start)
    if not solved:
        return LogisticFit("not_converged", np.nan, blank, np.nan, blank, centre, scale)
    error = np.sqrt(np.diag(np.linalg.inv(information)))
    return LogisticFit("ok", float(beta[0]), beta[1:], float(error[0]), error[1:], centre, scale)


def walk_forward_folds(
    times: NDArray[np.int64], n_folds: int, horizon: int, embargo: int, first_share: float = 0.4
) -> list[Fold]:
    """Cut time into training pasts and test stretches that share no information.

    Parameters
    ----------
    times : ndarray of int64, shape (n_rows,)
        Instant at which a row's features are known; several rows may share one.
    n_folds : int
        Test stretches.
    horizon : int
        Span of the outcome after a row's instant: a training row is purged if its outcome ends
        after the test stretch begins.
    embargo : int
        Further span left out before the test stretch.
    first_share : float
        Share of the distinct instants in the first training set.

    Returns
    -------
    list of Fold
        In time order; every training row satisfies time + horizon + embargo <= first test time.

    Raises
    ------
    ValueError
        If a setting is not allowed or there are fewer instants than folds.

    References
    ----------
    .. [1] Lopez de Prado, M. (2018). Advances in Financial Machine Learning, ch. 7.
    """
    if n_folds < 1 or horizon < 0 or embargo < 0 or not 0.0 < first_share < 1.0:
        raise ValueError(
            f"n_folds {n_folds}, horizon {horizon}, embargo {embargo}, first_share {first_share}: "
            "at least 1, at least 0, at least 0, inside (0, 1)"
        )
    instants = np.unique(times)
    start = max(1, int(first_share * len(instants)))
    if len(instants) - start < n_folds:
        raise ValueError(f"{len(instants)} instants cannot carry {n_folds} folds")
    folds = []
    for stretch in np.array_split(instants[start:], n_folds):
        test = np.flatnonzero((times >= stretch[0]) & (times <= stretch[-1]))
        train = np.flatnonzero(times + horizon + embargo <= stretch[0])
        folds.append(Fold(train, test))
    return folds


def score(probability: Array, outcome: Array) -> Scores:
    """Score probabilities against what happened.

    Parameters
    ----------
    probability : ndarray, shape (n,)
        Inside (0, 1).
    outcome : ndarray, shape (n,)
        0 or 1.

    Returns
    -------
    Scores
        AUC is 0.5 and calibration NaN where they are undefined (one class, constant forecasts).

    Raises
    ------
    ValueError
        If the shapes differ, nothing is given, or a probability is not inside (0, 1).
    """
    if probability.shape != outcome.shape or probability.ndim != 1 or len(outcome) == 0:
        raise ValueError(f"probability {probability.shape} and outcome {outcome.shape} disagree")
    if not ((probability > 0.0) & (probability < 1.0)).all():
        raise ValueError("every probability must lie inside (0, 1)")
    likelihood = xlogy(outcome, probability) + xlogy(1.0 - outcome, 1.0 - probability)
    log_odds = np.log(probability / (1.0 - probability))
    calibration = fit_logistic(log_odds[:, None], outcome, ridge=1e-6)
    slope = calibration.coefficient[0] / calibration.scale[0]
    varies = calibration.status == "ok" and np.isfinite(calibration.scale[0])
    return Scores(
        len(outcome),
        float(outcome.mean()),
        float(((probability - outcome) ** 2).mean()),
        float(-likelihood.mean()),
        area_under_curve(probability, outcome),
        float(calibration.intercept - slope * calibration.centre[0]) if varies else np.nan,
        float(slope) if varies else np.nan,
    )


def area_under_curve(probability: Array, outcome: Array) -> float:
    """Chance that a random up-move had the higher forecast (ties half); 0.5 with one class only."""
    up = outcome == 1.0
    n_up, n_down = int(up.sum()), int((~up).sum())
    if n_up == 0 or n_down == 0:
        return 0.5
    return float(
        (scipy.stats.rankdata(probability)[up].sum() - n_up * (n_up + 1) / 2) / (n_up * n_down)
    )


def reliability(probability: Array, outcome: Array, n_bins: int = 10) -> Array:
    """Reliability curve over equally filled bins.

    Parameters
    ----------
    probability, outcome : ndarray, shape (n,)
        Forecasts and what happened.
    n_bins : int
        Bins.

    Returns
    -------
    ndarray, shape (n_bins, 3)
        Mean forecast, share of up-moves and rows of each bin; NaN means an empty bin.
    """
    order = np.array_split(np.argsort(probability, kind="stable"), n_bins)
    return np.array(
        [
            (probability[b].mean(), outcome[b].mean(), len(b)) if len(b) else (np.nan, np.nan, 0)
            for b in order
        ]
    )


def _newton(
    design: Array, outcome: Array, penalty: Array, start: Array
) -> tuple[bool, Array, Array]:
    """Damped Newton on the penalized likelihood: converged?, coefficients, information."""
    beta = start
    value = _loss(design, outcome, penalty, beta)
    for _ in range(MAX_STEPS):
        fitted = expit(design @ beta)
        weight = fitted * (1.0 - fitted)
        information = (design * weight[:, None]).T @ design + np.diag(penalty)
        # a feature that does not vary has a zero column: its coefficient stays 0
        step = np.linalg.solve(information, design.T @ (outcome - fitted) - penalty * beta)
        scale = 1.0
        while scale > 1e-6 and _loss(design, outcome, penalty, beta + scale * step) > value + 1e-12:
            scale /= 2.0
        beta = beta + scale * step
        value = _loss(design, outcome, penalty, beta)
        if np.abs(step).max() <= STEP_TOLERANCE * (1.0 + np.abs(beta).max()):
            return True, beta, information
    return False, beta, information


def _loss(design: Array, outcome: Array, penalty: Array, beta: Array) -> float:
    """Minus the penalized log-likelihood."""
    linear = design @ beta
    return float((np.logaddexp(0.0, linear) - outcome * linear).sum() + 0.5 * penalty @ beta**2)
