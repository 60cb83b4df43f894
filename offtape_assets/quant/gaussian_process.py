"""Gaussian process regression of one input with an RBF kernel and a known noise variance a point:
marginal likelihood, analytic derivatives, bands, and exact updates when points change.

It knows nothing of options; `density` gives it the smile less its mean function.
"""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offtape_assets.quant import gaussian_process_kernel as kernel
from offtape_assets.quant.gaussian_process_kernel import AMPLITUDES, LENGTHS

Array = NDArray[np.float64]
node_features = functools.cache(kernel.node_features)
_AMPLITUDES = np.array(AMPLITUDES)
REFACTOR_EVERY = 200  # updates: a down-date loses about a digit in the worst of long sequences


@dataclass(frozen=True)
class Hyperparameters:
    """`length_row` indexes LENGTHS (in half-widths); `amplitude` is the prior variance of f over the
    noise scale; the input is centred and divided by `half_width`."""

    centre: float
    half_width: float
    length_row: int
    amplitude: float

    @property
    def length(self) -> float:
        """Length scale in units of the input."""
        return LENGTHS[self.length_row] * self.half_width


def select(x: Array, y: Array, variance: Array, unit: float) -> Hyperparameters:
    """Length scale and amplitude with the highest marginal likelihood.

    Parameters
    ----------
    x, y, variance : (point,)
        Input, observation with its known mean taken off, and noise variance up to one factor.
    unit : float
        Natural size of y; the amplitudes tried are AMPLITUDES times its square.

    Returns
    -------
    Hyperparameters

    Raises
    ------
    ValueError
        Where the shapes differ, no point is given, or a variance or `unit` is not positive.

    Notes
    -----
    y = f + e, f ~ GP(0, s^2 a exp(-(x-x')^2 / 2 l^2)), e_i ~ N(0, s^2 v_i): the common scale s^2 is
    concentrated out (with the weight of four points at 1), so that misjudged spreads do not decide the
    smoothness. log p(y) = -(n+4)/2 ln(y'V^-1 y - b'(I/a + G)^-1 b + 4) - ln|I + a G| / 2 on the
    inducing features [1]_ (ch. 5.4, 8.3); all 25 pairs of the grid are evaluated.

    References
    ----------
    .. [1] Rasmussen, C. and Williams, C. (2006). Gaussian Processes for Machine Learning. MIT Press.
    """
    if not x.shape == y.shape == variance.shape or x.ndim != 1 or x.size == 0:
        raise ValueError(
            f"x, y, variance must be (point,) alike, got {x.shape}, {y.shape}, {variance.shape}"
        )
    if not (variance > 0.0).all() or not unit > 0.0:
        raise ValueError(f"every variance and unit ({unit}) must be positive")
    nodes, factors, ranks = node_features()
    centre, half_width, scores = kernel.evidence(
        x, y, variance, unit, nodes, _AMPLITUDES, factors, ranks
    )
    row, column = divmod(int(scores.argmax()), _AMPLITUDES.size)
    return Hyperparameters(centre, half_width, row, float(_AMPLITUDES[column]) * unit * unit)


class Process:
    """Posterior of a Gaussian process with fixed hyper-parameters, kept up to date point by point.

    Points carry integer keys. `append`, `delete` and `replace` change the Cholesky factor of
    I/a + sum phi phi'/v by one or two rank-one updates, which is exact; after REFACTOR_EVERY of them it
    is formed anew from the points, so rounding cannot build up.
    """

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        keys: NDArray[np.int64],
        x: Array,
        y: Array,
        variance: Array,
    ) -> None:
        self.hyperparameters = hyperparameters
        nodes, factors, ranks = node_features()
        row = hyperparameters.length_row
        self._nodes, self._rank, self._scaled = nodes, int(ranks[row]), LENGTHS[row]
        self._factor = factors[row, : self._rank]
        self._lower = np.zeros((self._rank, self._rank))
        self._keys: NDArray[np.int64] = np.array(keys, dtype=np.int64)
        self._x: Array = np.array(x, dtype=np.float64)
        self._y: Array = np.array(y, dtype=np.float64)
        self._variance: Array = np.array(variance, dtype=np.float64)
        self._phi: Array = self._features(self._x)
        self.refactor()

    @property
    def size(self) -> int:
        """Points held."""
        return self._keys.size

    @property
    def inputs(self) -> Array:
        """Inputs held, (point,)."""
        return self._x

    def observations(self, chosen: NDArray[np.bool_]) -> tuple[Array, Array]:
        """y and variance of the chosen points (held,)."""
        return self._y[chosen], self._variance[chosen]

    def append(self, key: int, x: float, y: float, variance: float) -> None:
        """Add a point.

        Raises
        ------
        ValueError
            Where the key is taken or the variance is not positive.
        """
        if (self._keys == key).any():
            raise ValueError(f"key {key} is already held; use replace")
        _check_variance(variance)
        phi = self._features(np.array([x]))
        self._keys = np.append(self._keys, key)
        self._x, self._y = np.append(self._x, x), np.append(self._y, y)
        self._variance = np.append(self._variance, variance)
        self._phi = np.concatenate([self._phi, phi])
        self._settle(self._change(phi[0], y, variance, 1.0))

    def delete(self, key: int) -> None:
        """Take a point out.

        Raises
        ------
        KeyError
            Where the key is not held.
        """
        row = self._row(key)
        phi, y, variance = self._phi[row].copy(), self._y[row], self._variance[row]
        self._keys, self._x = np.delete(self._keys, row), np.delete(self._x, row)
        self._y, self._variance = np.delete(self._y, row), np.delete(self._variance, row)
        self._phi = np.delete(self._phi, row, axis=0)
        self._settle(self._change(phi, y, variance, -1.0))

    def replace(self, key: int, x: float, y: float, variance: float) -> None:
        """New input, observation or noise for a point: a rank-two update.

        The new point goes in before the old one leaves, so the factor never loses rank between.

        Raises
        ------
        KeyError
            Where the key is not held.
        ValueError
            Where the variance is not positive.
        """
        _check_variance(variance)
        row = self._row(key)
        phi, old_y, old_variance = self._phi[row].copy(), self._y[row], self._variance[row]
        moved = x != self._x[row]
        self._x[row], self._y[row], self._variance[row] = x, y, variance
        if not moved and variance == old_variance:
            self._rhs += phi * ((y - old_y) / variance)
            self._energy += (y * y - old_y * old_y) / variance
            return
        if moved:
            self._phi[row] = self._features(np.array([x]))[0]
        self._change(self._phi[row], y, variance, 1.0)
        self._settle(self._change(phi, old_y, old_variance, -1.0))

    def update(self, keys: NDArray[np.int64], x: Array, y: Array, variance: Array) -> None:
        """Hold exactly these points: by rank-one updates where few differ, else by a new factor."""
        same = np.array_equal(keys, self._keys) and np.array_equal(x, self._x)
        if not same:
            self.__init__(self.hyperparameters, keys, x, y, variance)  # type: ignore[misc]
            return
        changed = np.flatnonzero((y != self._y) | (variance != self._variance))
        if changed.size > self._rank // 2:
            self._y, self._variance = np.array(y), np.array(variance)
            self.refactor()
            return
        for row in changed:
            self.replace(int(keys[row]), float(x[row]), float(y[row]), float(variance[row]))

    def refactor(self) -> None:
        """Form the factor from the points held."""
        gram, self._rhs, self._energy = kernel.gram(self._phi, self._y, self._variance)
        kernel.factorise(gram, self.hyperparameters.amplitude, self._lower)
        self._changes = 0

    def mean(self, x: Array) -> Array:
        """Posterior mean, first and second derivative at x (point,): (3, point)."""
        weights = kernel.node_weights(self._lower, self._rhs, self._factor)
        out = np.empty((3, x.size))
        kernel.evaluate(self._scale(x), self._nodes, self._scaled, weights, out)
        out[1] /= self.hyperparameters.half_width
        out[2] /= self.hyperparameters.half_width**2
        return out

    def rows(self, x: Array, functional: Array) -> Array:
        """c0 phi + c1 phi' + c2 phi'' at x (point,) for coefficients c (3, point): (feature, point)."""
        width = self.hyperparameters.half_width
        mix = np.ascontiguousarray(functional / np.array([1.0, width, width**2])[:, None])
        return kernel.functional_features(
            self._scale(x), mix, self._nodes, self._scaled, self._factor
        )

    def sd(self, rows: Array, lower: Array | None = None) -> Array:
        """Posterior sd of linear functionals of f.

        Parameters
        ----------
        rows : (feature, functional)
            Each functional of the features, as `rows` gives them at points, or sums of such; overwritten.
        lower : optional
            `joint_factor` where the rows have entries for further directions below the features.

        Returns
        -------
        (functional,)
        """
        factor = self._lower if lower is None else lower
        return np.sqrt(kernel.whitened_squares(factor, rows) * self.noise_scale)

    @property
    def noise_scale(self) -> float:
        """s^2: what the stated variances must be multiplied by (prior: four points that say 1)."""
        fitted = kernel.forward_solve(self._lower, self._rhs, np.empty(self._rank))
        weight = kernel.NOISE_PRIOR_WEIGHT
        return float((max(self._energy - fitted, 0.0) + weight) / (self.size + weight))

    def left_out_scores(self) -> Array:
        """Each point's residual from a fit without it, over its stated sd there, (held,).

        (y_i - f_i) / sqrt(v_i (1 - h_i)), h the leverage phi' (I/a + G)^-1 phi / v [1]_ (ch. 5.4.2).

        References
        ----------
        .. [1] Rasmussen, C. and Williams, C. (2006). Gaussian Processes for Machine Learning.
        """
        phi = np.ascontiguousarray(self._phi.T)
        leverage = kernel.whitened_squares(self._lower, phi) / self._variance
        residual = self._y - self.mean(self._x)[0]
        return residual / np.sqrt(self._variance * np.maximum(1.0 - leverage, 1e-9))

    def joint_factor(self, basis: Array, basis_sd: Array) -> Array:
        """Cholesky factor of the precision of feature weights and of further directions' coefficients.

        Parameters
        ----------
        basis : (held, direction)
            Each direction in which the mean function is uncertain too, at the points held.
        basis_sd : (direction,)
            Prior sd of its coefficient, over the root of the noise scale.

        Returns
        -------
        (feature + direction, feature + direction)
        """
        weighted = basis / self._variance[:, None]
        cross = self._phi.T @ weighted
        upper = np.ascontiguousarray(cross)
        kernel.whitened_squares(self._lower, upper)
        corner = basis.T @ weighted + np.diag(1.0 / basis_sd**2) - upper.T @ upper
        rank, extra = self._rank, basis_sd.size
        lower = np.zeros((rank + extra, rank + extra))
        lower[:rank, :rank] = self._lower
        lower[rank:, :rank] = upper.T
        lower[rank:, rank:] = np.linalg.cholesky(corner)
        return lower

    def _row(self, key: int) -> int:
        rows = np.flatnonzero(self._keys == key)
        if rows.size == 0:
            raise KeyError(key)
        return int(rows[0])

    def _scale(self, x: Array) -> Array:
        return (x - self.hyperparameters.centre) / self.hyperparameters.half_width

    def _features(self, x: Array) -> Array:
        return kernel.features(self._scale(x), self._nodes, self._scaled, self._factor)

    def _change(self, phi: Array, y: float, variance: float, sign: float) -> bool:
        self._rhs += sign * phi * (y / variance)
        self._energy += sign * y * y / variance
        return bool(kernel.rank_one(self._lower, phi / np.sqrt(variance), sign))

    def _settle(self, is_positive: bool) -> None:
        self._changes += 1
        if not is_positive or self._changes >= REFACTOR_EVERY:
            self.refactor()


def _check_variance(variance: float) -> None:
    if not variance > 0.0:
        raise ValueError(f"variance must be positive, got {variance}")
