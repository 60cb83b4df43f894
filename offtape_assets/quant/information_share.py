"""Information shares: what each series contributes to the common trend of a group.

From the common-trend direction and the residual covariance of an error-correction model to every
share in use, with its bounds. Shares describe; they do not test who leads (see `lead_lag.py`).
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offtape_assets.quant.vecm import orthogonal_complement

Array = NDArray[np.float64]

MAX_ALL_ORDERINGS = 10  # up to here all n! orderings are covered, through 2^n subsets


class InformationShares(NamedTuple):
    """Shares of the variance of the common trend; every field has shape (..., n).

    `lower`, `upper` and `mean` run over orderings of the Cholesky factor; `modified` uses the
    symmetric root of the correlation matrix; `diagonal` ignores correlation (the approximation
    psi_i^2 Omega_ii / psi'Omega psi, which does not sum to 1); `component` is Gonzalo-Granger's
    weight; `leadership` is (IS/CS)^2 normalized; `leadership_index` is IS/CS relative to the
    geometric mean of the others.
    """

    lower: Array
    upper: Array
    mean: Array
    modified: Array
    diagonal: Array
    component: Array
    leadership: Array
    leadership_index: Array

    @property
    def width(self) -> Array:
        """Upper less lower bound: how much the ordering decides."""
        return self.upper - self.lower


def information_shares(permanent: Array, omega: Array) -> InformationShares:
    """Compute all shares of one common trend.

    Parameters
    ----------
    permanent : ndarray, shape (..., n)
        Direction psi of the common trend, any length (alpha_perp).
    omega : ndarray, shape (..., n, n)
        Residual covariance; a NaN or an indefinite matrix gives NaN shares.

    Returns
    -------
    InformationShares
        Eight arrays of shape (..., n).

    Raises
    ------
    ValueError
        If the shapes disagree.

    Notes
    -----
    With Omega = F F' lower triangular in an ordering, IS_j = (psi'F)_j^2 / psi'Omega psi [1]_.
    Series j's term depends on the ordering only through the set S before it, so all n! orderings
    come from 2^n subsets; beyond 10 series the bounds take j first and j last only, and the mean
    is their midpoint scaled to sum to 1. The modified share is (psi'F*)_j^2 / psi'Omega psi with
    F* = [G L^-1/2 G' V^-1]^-1, G L G' the correlation matrix, V the standard deviations [2]_.
    CS_j = |psi_j| / sum |psi| [3]_; ILS_j = b_j^2 / sum b^2 with b = IS / CS, IS the mean [4]_.

    References
    ----------
    .. [1] Hasbrouck, J. (1995). One security, many markets. J. Finance 50, 1175-1199.
    .. [2] Lien, D. & Shrestha, K. (2009). A new information share measure. J. Futures Markets 29,
       377-395.
    .. [3] Gonzalo, J. & Granger, C. (1995). Estimation of common long-memory components in
       cointegrated systems. J. Business & Economic Statistics 13, 27-35.
    .. [4] Yan, B. & Zivot, E. (2010). A structural analysis of price discovery measures.
       J. Financial Markets 13, 1-19.
    """
    n = permanent.shape[-1]
    if omega.shape != (*permanent.shape, n):
        raise ValueError(f"omega has shape {omega.shape}; it must be {(*permanent.shape, n)}")
    shape = permanent.shape
    psi, covariance = permanent.reshape(-1, n), omega.reshape(-1, n, n)
    fits = _positive_definite(psi, covariance)
    result = np.full((8, len(psi), n), np.nan)
    if fits.any():
        result[:, fits] = _shares(psi[fits], covariance[fits])
    return InformationShares(*(field.reshape(shape) for field in result))


def trace_share(alpha: Array, beta: Array, omega: Array) -> Array:
    """Trace form of the share: diag(P Omega P') / trace, P = beta_p (alpha_p' beta_p)^-1 alpha_p'.

    Parameters
    ----------
    alpha, beta : ndarray, shape (n, r)
        Adjustment speeds and cointegrating vectors, r < n.
    omega : ndarray, shape (n, n)
        Residual covariance.

    Returns
    -------
    ndarray, shape (n,)
        Sums to 1. In a wide panel of low rank this is volatility, not leadership.

    Raises
    ------
    ValueError
        If alpha and beta differ in shape.
    """
    if alpha.shape != beta.shape or alpha.shape[0] != omega.shape[0]:
        raise ValueError(f"alpha {alpha.shape}, beta {beta.shape}, omega {omega.shape} disagree")
    alpha_perp, beta_perp = orthogonal_complement(alpha), orthogonal_complement(beta)
    impact = beta_perp @ np.linalg.solve(alpha_perp.T @ beta_perp, alpha_perp.T)
    variance = np.diag(impact @ omega @ impact.T)
    return variance / variance.sum()


def last_vector_share(alpha: Array, omega: Array) -> Array:
    """Diagonal share with the LAST null vector of alpha' taken for the common trend.

    The published system does this with a rank-1 model of a wide panel. With n - r > 1 the null
    space has many bases, so the answer is whatever basis the SVD returns: the last column "leads".
    Kept under the label `panel_seed` to show the artefact.

    Parameters
    ----------
    alpha : ndarray, shape (n, r)
        Adjustment speeds.
    omega : ndarray, shape (n, n)
        Residual covariance.

    Returns
    -------
    ndarray, shape (n,)
        psi_i^2 Omega_ii, scaled to sum to 1.
    """
    psi = np.linalg.svd(alpha.T, full_matrices=True)[2][-1]
    weight = psi**2 * np.diag(omega)
    return weight / weight.sum()


def _positive_definite(psi: Array, covariance: Array) -> NDArray[np.bool_]:
    """Rows whose inputs are finite and whose covariance has a safe Cholesky factor."""
    finite = np.asarray(np.isfinite(psi).all(-1) & np.isfinite(covariance).all((-1, -2)))
    fits = finite.copy()
    for i in np.flatnonzero(finite):
        diagonal = np.diag(covariance[i])
        scale = np.sqrt(np.outer(diagonal, diagonal)) if (diagonal > 0).all() else None
        fits[i] = scale is not None and np.linalg.eigvalsh(covariance[i] / scale)[0] > 1e-12
    return fits


def _shares(psi: Array, covariance: Array) -> Array:
    """All eight shares of checked input, stacked on axis 0."""
    total = np.einsum("bi,bij,bj->b", psi, covariance, psi)[:, None]
    sd = np.sqrt(np.einsum("bii->bi", covariance))
    lower, upper, mean = _ordering_shares(psi, covariance)
    values, vectors = np.linalg.eigh(covariance / (sd[:, :, None] * sd[:, None, :]))
    root = np.einsum("bij,bj,bkj->bik", vectors, np.sqrt(values), vectors)
    modified = np.einsum("bi,bij->bj", psi * sd, root) ** 2 / total
    component = np.abs(psi) / np.abs(psi).sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = mean / component
        leadership = ratio**2 / (ratio**2).sum(axis=1, keepdims=True)
        log_ratio = np.log(ratio)
        n = psi.shape[1]
        others = (log_ratio.sum(axis=1, keepdims=True) - log_ratio) / (n - 1)
        index = np.exp(log_ratio - others)
    diagonal = psi**2 * sd**2 / total
    return np.stack([lower, upper, mean, modified, diagonal, component, leadership, index])


def _ordering_shares(psi: Array, covariance: Array) -> tuple[Array, Array, Array]:
    """Smallest, largest and average share over orderings."""
    batch, n = psi.shape
    joint = np.empty((batch, n + 1, n + 1))  # residuals and, last, the trend innovation psi'e
    joint[:, :n, :n] = covariance
    joint[:, :n, n] = joint[:, n, :n] = np.einsum("bij,bj->bi", covariance, psi)
    joint[:, n, n] = np.einsum("bi,bi->b", joint[:, :n, n], psi)
    total = joint[:, n, n].copy()
    if n > MAX_ALL_ORDERINGS:
        return _first_and_last(joint, total)
    lower = np.full((batch, n), np.inf)
    upper = np.full((batch, n), -np.inf)
    mean = np.zeros((batch, n))
    stack: list[tuple[tuple[int, ...], Array]] = [((), joint)]
    while stack:
        before, given = stack.pop()
        size = len(before)
        weight = (
            math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            if (size < n)
            else 0.0
        )
        for j in range(n):
            if j in before:
                continue
            share = given[:, j, n] ** 2 / (given[:, j, j] * total)
            lower[:, j] = np.minimum(lower[:, j], share)
            upper[:, j] = np.maximum(upper[:, j], share)
            mean[:, j] += weight * share
            if not before or j > before[-1]:
                stack.append(((*before, j), _condition(given, j)))
    return lower, upper, mean


def _condition(given: Array, j: int) -> Array:
    """Covariances given one more variable."""
    column = given[:, :, j]
    return given - column[:, :, None] * column[:, None, :] / given[:, j, j][:, None, None]


def _first_and_last(joint: Array, total: Array) -> tuple[Array, Array, Array]:
    """Bounds from two positions of each series, for groups too wide for all orderings."""
    n = joint.shape[1] - 1
    first = joint[:, :n, n] ** 2 / (np.einsum("bii->bi", joint[:, :n, :n]) * total[:, None])
    precision = np.linalg.inv(joint[:, :n, :n])
    psi = np.einsum("bij,bj->bi", precision, joint[:, :n, n])
    last = psi**2 / (np.einsum("bii->bi", precision) * total[:, None])
    middle = (first + last) / 2
    return (
        np.minimum(first, last),
        np.maximum(first, last),
        middle / middle.sum(axis=1, keepdims=True),
    )
