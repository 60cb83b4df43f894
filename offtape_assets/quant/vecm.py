"""Vector error-correction models: Johansen's reduced-rank regression and the fitted model.

One sample at a time, by orthogonal projections, exact and readable; the rolling version from
moment matrices is in `vecm_rolling.py` and is tested against this one.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

from offtape_assets.quant.vecm_critical import Deterministic, critical_values_95

Array = NDArray[np.float64]

PIVOT_TOLERANCE = 1e-10  # smallest pivot, relative to the column's own size, of a full-rank block


@dataclass(frozen=True)
class Johansen:
    """Rank tests of one system; entry r of a statistic belongs to the null "rank <= r".

    Attributes
    ----------
    status : str
        "ok", "too_few" or "singular"; everything else is NaN unless it is "ok".
    eigenvalues : ndarray, shape (n,)
        Squared canonical correlations, descending.
    vectors : ndarray, shape (n or n + 1, n)
        Cointegrating vectors in columns, with the restricted term in the last row if there is one,
        normalized so that vectors' S11 vectors = 1.
    trace, max_eigen : ndarray, shape (n,)
        The two test statistics.
    trace_critical_95, max_eigen_critical_95 : ndarray, shape (n,)
        5 % points (NaN beyond the published tables).
    n_obs : int
        Rows used.
    """

    status: str
    eigenvalues: Array
    vectors: Array
    trace: Array
    max_eigen: Array
    trace_critical_95: Array
    max_eigen_critical_95: Array
    n_obs: int

    @property
    def rank(self) -> int | None:
        """First null rank the trace test does not reject at 5 %; None without critical values."""
        return trace_rank(self.trace, self.trace_critical_95)


@dataclass(frozen=True)
class Vecm:
    """A fitted error-correction model, dy_t = alpha beta' [y_{t-1}; d] + Gamma lags + mu + e_t.

    Attributes
    ----------
    status : str
        "ok", "too_few" or "singular"; NaN elsewhere unless it is "ok".
    alpha : ndarray, shape (n, rank)
        Adjustment speeds.
    beta : ndarray, shape (n or n + 1, rank)
        Cointegrating vectors, the first `rank` rows the identity unless they were imposed.
    gamma : ndarray, shape (n, n * lags)
        Coefficients of the lagged differences, lag 1 first.
    deterministic : ndarray, shape (n, k)
        Coefficients of the unrestricted constant, trend and exogenous columns, in that order.
    omega : ndarray, shape (n, n)
        Residual covariance, divided by the number of rows.
    n_obs : int
        Rows used.
    """

    status: str
    alpha: Array
    beta: Array
    gamma: Array
    deterministic: Array
    omega: Array
    n_obs: int


def trace_rank(trace: Array, critical: Array) -> int | None:
    """Sequential trace test: the first null rank that is not rejected.

    Parameters
    ----------
    trace, critical : ndarray, shape (n,)
        Statistics and critical values by null rank.

    Returns
    -------
    int or None
        Rank in 0..n, None if a statistic or critical value before the answer is NaN.
    """
    for rank, (statistic, point) in enumerate(zip(trace, critical, strict=True)):
        if np.isnan(statistic) or np.isnan(point):
            return None
        if statistic <= point:
            return rank
    return len(trace)


def johansen(
    levels: Array,
    lags: int = 1,
    deterministic: Deterministic = "constant",
    exogenous: Array | None = None,
) -> Johansen:
    """Test the cointegration rank of a system.

    Parameters
    ----------
    levels : ndarray, shape (n_time, n)
        Log prices, one column a series; rows with a NaN end up outside the sample.
    lags : int
        Lagged differences (the order of the VAR in levels less one).
    deterministic : str
        "none"; "restricted_constant" (inside the error-correction term only); "constant";
        "restricted_trend" (constant outside, trend inside); "trend" (both outside).
    exogenous : ndarray, shape (n_time, k), optional
        Unrestricted columns such as centred seasonal dummies.

    Returns
    -------
    Johansen
        Statistics, critical values and status.

    Raises
    ------
    ValueError
        If a shape, the number of lags or the case is not allowed.

    Notes
    -----
    Differences and lagged levels are freed of lagged differences and deterministic terms (R0, R1).
    With S_ij = R_i'R_j / T the eigenvalues solve |l S11 - S10 S00^-1 S01| = 0, and
    trace(r) = -T sum_{i>r} log(1 - l_i), max(r) = -T log(1 - l_{r+1}) [1]_.
    Here both blocks are orthonormalized by QR, so the roots are singular values of Q0'Q1.

    References
    ----------
    .. [1] Johansen, S. (1995). Likelihood-Based Inference in Cointegrated Vector Autoregressive
       Models. Oxford University Press, ch. 6.
    """
    _check(levels, lags, deterministic, exogenous)
    n = levels.shape[1]
    trace_critical, max_critical = critical_values_95(n, deterministic)
    design = _design(levels, lags, deterministic, exogenous)
    n_obs = len(design.differences)
    width = n + int(deterministic.startswith("restricted"))
    empty = np.full(n, np.nan)
    failed = Johansen(
        "", empty, np.full((width, n), np.nan), empty, empty, trace_critical, max_critical, n_obs
    )
    if n_obs < 2 * design.n_columns:
        return replace(failed, status="too_few")
    parts = _partial_out(design)
    if parts is None:
        return replace(failed, status="singular")
    (q0, _), (q1, r1) = parts
    _, correlations, right = np.linalg.svd(q0.T @ q1, full_matrices=False)
    eigenvalues = np.clip(correlations**2, 0.0, 1.0 - np.finfo(float).eps)
    vectors = scipy.linalg.solve_triangular(r1, right.T) * np.sqrt(n_obs)
    terms = -n_obs * np.log1p(-eigenvalues)
    trace = np.cumsum(terms[::-1])[::-1].copy()
    return Johansen("ok", eigenvalues, vectors, trace, terms, trace_critical, max_critical, n_obs)


def fit_vecm(
    levels: Array,
    rank: int,
    lags: int = 1,
    deterministic: Deterministic = "constant",
    exogenous: Array | None = None,
    beta: Array | None = None,
) -> Vecm:
    """Fit an error-correction model by maximum likelihood, or by OLS with imposed vectors.

    Parameters
    ----------
    levels, lags, deterministic, exogenous
        As in `johansen`.
    rank : int
        Number of cointegrating vectors, 1..n-1.
    beta : ndarray, shape (n or n + 1, rank), optional
        Imposed cointegrating vectors, e.g. price spreads; estimated if absent.

    Returns
    -------
    Vecm
        Coefficients, residual covariance and status.

    Raises
    ------
    ValueError
        If a shape, the rank, the lags or the case is not allowed.

    References
    ----------
    .. [1] Luetkepohl, H. (2005). New Introduction to Multiple Time Series Analysis, section 7.2.
    """
    _check(levels, lags, deterministic, exogenous)
    n = levels.shape[1]
    if not 1 <= rank < n:
        raise ValueError(f"rank is {rank}; it must lie in 1..{n - 1} for {n} series")
    width = n + int(deterministic.startswith("restricted"))
    if beta is not None and beta.shape != (width, rank):
        raise ValueError(f"beta has shape {beta.shape}; it must be {(width, rank)}")
    design = _design(levels, lags, deterministic, exogenous)
    n_obs = len(design.differences)
    if beta is None:
        test = johansen(levels, lags, deterministic, exogenous)
        if test.status != "ok":
            return _no_fit(test.status, n, width, rank, design.regressors.shape[1], lags, n_obs)
        beta = test.vectors[:, :rank] @ np.linalg.inv(test.vectors[:rank, :rank])
    columns = np.hstack([design.levels @ beta, design.regressors])
    factor = _orthonormal(columns) if n_obs >= 2 * design.n_columns else None
    if factor is None:
        status = "too_few" if n_obs < 2 * design.n_columns else "singular"
        return _no_fit(status, n, width, rank, design.regressors.shape[1], lags, n_obs)
    basis, triangle = factor
    coefficients = scipy.linalg.solve_triangular(triangle, basis.T @ design.differences).T
    residuals = design.differences - columns @ coefficients.T
    split = rank + n * lags
    return Vecm(
        "ok",
        coefficients[:, :rank],
        beta,
        coefficients[:, rank:split],
        coefficients[:, split:],
        residuals.T @ residuals / n_obs,
        n_obs,
    )


def orthogonal_complement(matrix: Array) -> Array:
    """Orthonormal basis of the left null space.

    Parameters
    ----------
    matrix : ndarray, shape (..., n, r)
        Full column rank, r < n.

    Returns
    -------
    ndarray, shape (..., n, n - r)
        Columns orthogonal to every column of `matrix`.
    """
    return np.linalg.svd(matrix, full_matrices=True)[0][..., matrix.shape[-1] :]


@dataclass(frozen=True)
class _Design:
    """The three blocks of the regression: dy_t | [y_{t-1}; restricted] | everything free."""

    differences: Array
    levels: Array
    regressors: Array

    @property
    def n_columns(self) -> int:
        return self.differences.shape[1] + self.levels.shape[1] + self.regressors.shape[1]


def _check(levels: Array, lags: int, deterministic: str, exogenous: Array | None) -> None:
    if levels.ndim != 2 or levels.shape[1] < 2:
        raise ValueError(f"levels has shape {levels.shape}; it must be (n_time, n) with n >= 2")
    if lags < 0:
        raise ValueError(f"lags is {lags}; it must be 0 or more")
    if len(levels) <= lags + 1:
        raise ValueError(f"levels has {len(levels)} rows; {lags} lags need at least {lags + 2}")
    if exogenous is not None and (exogenous.ndim != 2 or len(exogenous) != len(levels)):
        raise ValueError(f"exogenous has shape {exogenous.shape}; it must be ({len(levels)}, k)")
    critical_values_95(levels.shape[1], deterministic)  # type: ignore[arg-type]


def _design(
    levels: Array, lags: int, deterministic: Deterministic, exogenous: Array | None
) -> _Design:
    """Stack the blocks for rows t = lags+1 .. n_time-1 and drop rows with a NaN."""
    changes = np.diff(levels, axis=0)
    n_rows = len(changes) - lags
    lagged = [changes[lags - k : lags - k + n_rows] for k in range(1, lags + 1)]
    time = np.arange(lags + 1, len(levels), dtype=float)[:, None]  # the row's own instant
    one = np.ones((n_rows, 1))
    inside = {"restricted_constant": [one], "restricted_trend": [time]}.get(deterministic, [])
    outside = {
        "constant": [one],
        "restricted_trend": [one],
        "trend": [one, time],
    }.get(deterministic, [])
    if exogenous is not None:
        outside = [*outside, exogenous[lags + 1 :]]
    blocks = _Design(
        changes[lags:],
        np.hstack([levels[lags:-1], *inside]),
        np.hstack([np.empty((n_rows, 0)), *lagged, *outside]),
    )
    whole = np.isfinite(np.hstack([blocks.differences, blocks.levels, blocks.regressors])).all(1)
    return _Design(blocks.differences[whole], blocks.levels[whole], blocks.regressors[whole])


def _partial_out(design: _Design) -> tuple[tuple[Array, Array], tuple[Array, Array]] | None:
    """Free differences and levels of the regressors; orthonormal factors, None if singular."""
    differences, levels = design.differences, design.levels
    if design.regressors.shape[1]:
        basis = _orthonormal(design.regressors)
        if basis is None:
            return None
        project = basis[0]
        differences = differences - project @ (project.T @ differences)
        levels = levels - project @ (project.T @ levels)
    first = _orthonormal(differences, np.linalg.norm(design.differences, axis=0))
    second = _orthonormal(levels, np.linalg.norm(design.levels, axis=0))
    return None if first is None or second is None else (first, second)


def _orthonormal(matrix: Array, size: Array | None = None) -> tuple[Array, Array] | None:
    """QR factors, or None if a pivot is negligible beside its column's original size."""
    basis, triangle = scipy.linalg.qr(matrix, mode="economic")
    reference = np.linalg.norm(matrix, axis=0) if size is None else size
    pivots = np.abs(np.diag(triangle))
    return None if (pivots <= PIVOT_TOLERANCE * reference).any() else (basis, triangle)


def _no_fit(
    status: str, n: int, width: int, rank: int, regressors: int, lags: int, n_obs: int
) -> Vecm:
    def blank(*shape: int) -> Array:
        return np.full(shape, np.nan)

    return Vecm(
        status,
        blank(n, rank),
        blank(width, rank),
        blank(n, n * lags),
        blank(n, regressors - n * lags),
        blank(n, n),
        n_obs,
    )
