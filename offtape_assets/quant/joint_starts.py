"""Where a rearrangement starts: the pairing of the names before the baskets are imposed.

The constraints do not determine the dependence, so the start decides it. Here are the principled
ones: the Gaussian copula closest to a prior, the same within each state of an event, ranks of an
earlier snapshot. Moving the columns from there is the business of `block_rearrangement`.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from offtape_assets.quant.block_rearrangement_kernels import sort_rows

Floats = NDArray[np.float64]
Factor = tuple[Floats, bool]

NEWTON_STEPS = 100
SOFTNESS = 1e-7
"""Curvature added to the dual: multipliers m leave a relative variance gap of m * SOFTNESS."""
GRADIENT_TOLERANCE = 1e-10
"""Largest gradient of the dual (relative variances) that counts as solved."""
FEASIBLE_GAP = 1e-3
"""Relative variance gap above which no Gaussian law is said to have the variances asked for."""


@dataclass(frozen=True)
class TiltedCorrelation:
    """Correlation closest to a prior that gives the baskets their variances.

    Attributes
    ----------
    correlation
        (d, d) correlation matrix.
    multipliers
        (d + K,) dual variables of the name variances and of the basket variances.
    variance_gaps
        (K,) reached basket variance over the target, minus one.
    divergence
        Kullback-Leibler divergence from the prior (nats).
    status
        'ok'; 'infeasible' where a gap stays above FEASIBLE_GAP because no correlation matrix
        gives these variances (the multipliers run away); 'not_converged'.
    """

    correlation: Floats
    multipliers: Floats
    variance_gaps: Floats
    divergence: float
    status: str


def equicorrelation(count: int, correlation: float) -> Floats:
    """(count, count) matrix with one correlation off the diagonal; 0 is the maximum-entropy prior."""
    if not -1.0 / max(count - 1, 1) < correlation < 1.0:
        raise ValueError(
            f"correlation is {correlation}; allowed for {count} names is"
            f" ({-1.0 / max(count - 1, 1):.3g}, 1)"
        )
    return np.full((count, count), correlation) + (1.0 - correlation) * np.eye(count)


def tilt_correlation(
    prior: ArrayLike, exposures: ArrayLike, variances: ArrayLike
) -> TiltedCorrelation:
    """Gaussian copula closest in Kullback-Leibler divergence to a prior with basket variances given.

    Parameters
    ----------
    prior
        (d, d) prior correlation of the names, positive definite. The identity gives the
        maximum-entropy law.
    exposures
        (d, K) weight of a name in a basket times the name's standard deviation.
    variances
        (K,) variances the baskets must have, in the same units squared.

    Returns
    -------
    TiltedCorrelation

    Raises
    ------
    ValueError
        A prior that is not a positive definite correlation matrix, shapes that do not match,
        variances that are not positive.

    Notes
    -----
    Among N(0, C) with C_jj = 1 and w_k' C w_k = v_k, the one nearest to N(0, R) has precision
    R^-1 + diag(a) + W diag(g) W'. The multipliers maximise log det(precision) - sum(a) - g'v,
    which is concave; Newton steps solve it. A quadratic penalty of SOFTNESS keeps them finite
    where the variances contradict one another, so that the nearest compromise is still returned,
    with its gaps and the status 'infeasible'.
    """
    target = np.asarray(variances, dtype=float)
    loads = np.asarray(exposures, dtype=float)
    reference = _checked_correlation("prior", prior)
    count = len(reference)
    if loads.ndim != 2 or loads.shape[0] != count or target.shape != (loads.shape[1],):
        raise ValueError(
            f"exposures has shape {loads.shape} and variances {target.shape}; allowed are"
            f" ({count}, K) and (K,)"
        )
    if not (target > 0).all() or not np.isfinite(loads).all():
        raise ValueError("variances or exposures not positive or not finite; allowed are positive")
    inverse = np.asarray(np.linalg.inv(reference), dtype=float)
    directions = np.hstack([np.eye(count), loads / np.sqrt(target)])
    multipliers, gradient = _maximise_dual(inverse, directions)
    precision = inverse + (directions * multipliers) @ directions.T
    covariance = np.linalg.inv(precision)
    spread = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(spread, spread)
    gaps = np.einsum("jk,jl,lk->k", directions[:, count:], correlation, directions[:, count:]) - 1
    divergence = 0.5 * (
        np.trace(inverse @ correlation)
        - count
        + np.linalg.slogdet(reference)[1]
        - np.linalg.slogdet(correlation)[1]
    )
    scaled = multipliers * np.concatenate([np.ones(count), 1.0 / target])
    if np.abs(gaps).max(initial=0.0) > FEASIBLE_GAP:
        return TiltedCorrelation(correlation, scaled, gaps, divergence, "infeasible")
    status = "ok" if gradient <= GRADIENT_TOLERANCE else "not_converged"
    return TiltedCorrelation(correlation, scaled, gaps, divergence, status)


def _maximise_dual(inverse: Floats, directions: Floats) -> tuple[Floats, float]:
    """Damped Newton ascent of log det(P) - sum(m) - SOFTNESS/2 m'm; returns m and the gradient."""
    multipliers = np.zeros(directions.shape[1])
    value, factor = _dual(inverse, directions, multipliers)
    largest = np.inf
    for _ in range(NEWTON_STEPS):
        if factor is None:
            break
        image = directions.T @ scipy.linalg.cho_solve(factor, directions)
        gradient = np.diag(image) - 1.0 - SOFTNESS * multipliers
        largest = float(np.abs(gradient).max())
        if largest <= GRADIENT_TOLERANCE:
            break
        step = np.linalg.lstsq(image**2 + SOFTNESS * np.eye(len(image)), gradient, rcond=None)[0]
        length = 1.0
        while True:
            trial, trial_factor = _dual(inverse, directions, multipliers + length * step)
            if trial > value - 1e-12 * (1.0 + abs(value)) or length < 1e-12:
                break
            length /= 2.0
        multipliers, value, factor = multipliers + length * step, trial, trial_factor
    return multipliers, largest


def _dual(inverse: Floats, directions: Floats, multipliers: Floats) -> tuple[float, Factor | None]:
    """Dual value and Cholesky factor of the precision; minus infinity outside its domain."""
    try:
        factor = scipy.linalg.cho_factor(
            inverse + (directions * multipliers) @ directions.T, lower=True
        )
    except np.linalg.LinAlgError:
        return -np.inf, None
    log_determinant = 2.0 * float(np.log(np.diag(factor[0])).sum())
    penalty = float(multipliers.sum() + 0.5 * SOFTNESS * multipliers @ multipliers)
    return log_determinant - penalty, factor


def arrange_by(scores: ArrayLike, marginals: ArrayLike) -> Floats:
    """States of the marginals in the order of the scores.

    Parameters
    ----------
    scores
        (n, d) numbers whose ranks are wanted; ties keep the order of the states.
    marginals
        (n, d) values, each column ascending.

    Returns
    -------
    ndarray
        (n, d): the r-th smallest value of a column stands where its r-th smallest score stood.
    """
    values = np.asarray(marginals, dtype=float)
    keys = np.asarray(scores, dtype=float)
    if keys.shape != values.shape or keys.ndim != 2:
        raise ValueError(
            f"scores has shape {keys.shape}; allowed is the shape {values.shape} of marginals"
        )
    if not np.isfinite(keys).all():
        raise ValueError("scores holds values that are not finite; allowed are finite numbers")
    order = sort_rows(np.array(keys.T, order="C"))
    arranged = np.empty(values.shape[::-1])
    np.put_along_axis(arranged, order, values.T, axis=1)
    return arranged.T


def copula_start(marginals: ArrayLike, correlation: ArrayLike, rng: np.random.Generator) -> Floats:
    """Names drawn from a Gaussian copula.

    Parameters
    ----------
    marginals
        (n, d) values, each column ascending.
    correlation
        (d, d) copula correlation; the identity starts from independent columns.
    rng
        Source of the draws.

    Returns
    -------
    ndarray
        (n, d) states. For n > d the normal scores have the correlation exactly before ranking,
        so that restarts differ by their pairing and not by sampling noise of order 1/sqrt(n).
    """
    values = np.asarray(marginals, dtype=float)
    wanted = _checked_correlation("correlation", correlation)
    if values.ndim != 2 or values.shape[1] != len(wanted):
        raise ValueError(
            f"marginals has shape {values.shape}; allowed is (n, {len(wanted)}) to match"
            " correlation"
        )
    draws = rng.standard_normal(values.shape)
    if len(draws) > draws.shape[1]:
        draws -= draws.mean(axis=0)
        root = np.linalg.cholesky(draws.T @ draws / len(draws))
        draws = np.linalg.solve(root, draws.T).T
    return arrange_by(draws @ np.linalg.cholesky(wanted).T, values)


def event_start(
    marginals: ArrayLike,
    yes: ArrayLike,
    no: ArrayLike,
    correlation_yes: ArrayLike,
    correlation_no: ArrayLike,
    rng: np.random.Generator,
) -> Floats:
    """Names drawn state by state of a binary event, then given their observed marginals.

    Parameters
    ----------
    marginals
        (n, d) observed laws, each column ascending.
    yes, no
        (n_yes, d) and (n_no, d) laws given the event and given its complement, each column
        ascending; n_yes + n_no = n and n_yes / n is the probability of the event.
    correlation_yes, correlation_no
        (d, d) copula correlations within each state.
    rng
        Source of the draws.

    Returns
    -------
    ndarray
        (n, d) states, those of the event first: names whose conditional means lie apart move
        together, which no Gaussian copula of two-humped laws reproduces.
    """
    observed = np.asarray(marginals, dtype=float)
    parts = [
        copula_start(yes, correlation_yes, rng),
        copula_start(no, correlation_no, rng),
    ]
    if len(parts[0]) + len(parts[1]) != len(observed):
        raise ValueError(
            f"yes has {len(parts[0])} states and no {len(parts[1])}; allowed are numbers that sum"
            f" to the {len(observed)} states of marginals"
        )
    return arrange_by(np.concatenate(parts), observed)


def _checked_correlation(name: str, matrix: ArrayLike) -> Floats:
    """A positive definite correlation matrix."""
    checked = np.asarray(matrix, dtype=float)
    square = checked.ndim == 2 and checked.shape[0] == checked.shape[1]
    if not square or not np.allclose(np.diag(checked), 1.0) or not np.allclose(checked, checked.T):
        raise ValueError(
            f"{name} has shape {checked.shape}; allowed is a symmetric matrix with a unit diagonal"
        )
    if np.linalg.eigvalsh(checked)[0] <= 0:
        raise ValueError(f"{name} is not positive definite; allowed are correlation matrices")
    return checked
