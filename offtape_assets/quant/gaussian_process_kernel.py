"""The loops of the one-dimensional Gaussian process: features on inducing nodes, marginal
likelihood, rank-one Cholesky updates. `gaussian_process` is the public face.

Letters: t in [-1, 1] the scaled input, z the nodes, l the length scale, phi(t) = E k(z, t) the
features whose weights have prior variance `a`, v the noise variances, G = sum phi phi' / v.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from offtape_assets.quant.vector_math import simd_exp

NODES = 24  # Chebyshev: 0.13 apart in the middle, two thirds of the shortest length scale
LENGTHS = (3.6, 1.8, 0.9, 0.45, 0.225)  # half-widths of the data; each half the one before
AMPLITUDES = (1e-7, 3e-6, 1e-4, 3e-3, 1e-1)  # prior variance in squared units of y
NOISE_PRIOR_WEIGHT = 4.0  # the noise scale is judged as if four more quotes had said "1"
_CUTOFF = 1e-12  # relative eigenvalue of the node kernel below which a direction is left out
BLOCK = 256  # points
_FLAGS = {"contract", "nsz"}


def node_features() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Nodes (node,), factors (length, feature, node) and ranks (length,).

    K(z, z) = Q diag(e) Q'; the factor is e^-1/2 Q' over the eigenvalues above the cutoff, so that
    phi(t)' phi(t') = k(t, z) K^-1 k(z, t'), the Nystrom approximation of the kernel.
    """
    nodes = -np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
    factors = np.zeros((len(LENGTHS), NODES, NODES))
    ranks = np.zeros(len(LENGTHS), dtype=np.int64)
    for row, length in enumerate(LENGTHS):
        kernel = np.exp(-0.5 * ((nodes[:, None] - nodes) / length) ** 2)
        values, vectors = np.linalg.eigh(kernel)
        kept = np.flatnonzero(values > _CUTOFF * values[-1])[::-1]
        factors[row, : kept.size] = (vectors[:, kept] / np.sqrt(values[kept])).T
        ranks[row] = kept.size
    return nodes, factors, ranks


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def features(t, nodes, length, factor):  # type: ignore[no-untyped-def]
    """phi at each point, (point, feature)."""
    kernel = np.empty((nodes.size, t.size))
    inverse = 1.0 / length
    for j in range(nodes.size):
        node = nodes[j]
        for i in range(t.size):
            gap = (t[i] - node) * inverse
            kernel[j, i] = simd_exp(-0.5 * gap * gap)
    return np.dot(kernel.T, factor.T)


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def gram(phi, y, v):  # type: ignore[no-untyped-def]
    """G, sum phi y / v and sum y^2 / v."""
    scaled = np.empty_like(phi)
    energy = 0.0
    for i in range(y.size):
        inverse = 1.0 / v[i]
        energy += y[i] * y[i] * inverse
        for c in range(phi.shape[1]):
            scaled[i, c] = phi[i, c] * inverse
    return np.dot(scaled.T, phi), np.dot(scaled.T, y), energy


@njit(cache=True, nogil=True, fastmath=_FLAGS | {"reassoc"}, error_model="numpy")
def factorise(g, amplitude, lower):  # type: ignore[no-untyped-def]
    """lower lower' = I / amplitude + G; returns half the log determinant."""
    rank = lower.shape[0]
    half = 0.0
    for a in range(rank):
        for b in range(a + 1):
            total = g[a, b]
            for c in range(b):
                total -= lower[a, c] * lower[b, c]
            if a == b:
                lower[a, a] = math.sqrt(total + 1.0 / amplitude)
                half += math.log(lower[a, a])
            else:
                lower[a, b] = total / lower[b, b]
    return half


@njit(cache=True, nogil=True, error_model="numpy")
def forward_solve(lower, rhs, out):  # type: ignore[no-untyped-def]
    """lower out = rhs; returns out' out."""
    total = 0.0
    for a in range(lower.shape[0]):
        value = rhs[a]
        for c in range(a):
            value -= lower[a, c] * out[c]
        out[a] = value / lower[a, a]
        total += out[a] * out[a]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def node_weights(lower, rhs, factor):  # type: ignore[no-untyped-def]
    """w with f(t) = sum w_j k(z_j, t): factor' (lower lower')^-1 rhs."""
    rank = lower.shape[0]
    beta, weights = np.empty(rank), np.zeros(factor.shape[1])
    forward_solve(lower, rhs, beta)
    for a in range(rank - 1, -1, -1):
        value = beta[a]
        for c in range(a + 1, rank):
            value -= lower[c, a] * beta[c]
        beta[a] = value / lower[a, a]
        for j in range(weights.size):
            weights[j] += beta[a] * factor[a, j]
    return weights


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def _moments(t, y, v, nodes, factors, ranks):  # type: ignore[no-untyped-def]
    """For every length G bordered by sum phi y / v and sum y^2 / v, in blocks too small for BLAS to
    wake its threads."""
    g = np.zeros((ranks.size, nodes.size + 1, nodes.size + 1))
    inverse = 1.0 / LENGTHS[0]
    for low in range(0, t.size, BLOCK):
        place, weight = t[low : low + BLOCK], 1.0 / np.sqrt(v[low : low + BLOCK])
        kernel = np.empty((nodes.size, place.size))
        weighted = np.empty((nodes.size, place.size))
        for j in range(nodes.size):
            node = nodes[j]
            for i in range(place.size):
                gap = (place[i] - node) * inverse
                kernel[j, i] = simd_exp(-0.5 * gap * gap)
        for row in range(ranks.size):
            rank = ranks[row]
            for j in range(nodes.size):
                for i in range(place.size):
                    weighted[j, i] = kernel[j, i] * weight[i]
                    squared = kernel[j, i] * kernel[j, i]
                    kernel[j, i] = squared * squared  # the kernel at half the length
            phi = np.empty((rank + 1, place.size))
            np.dot(factors[row, :rank], weighted, phi[:rank])
            phi[rank] = y[low : low + BLOCK] * weight
            g[row, : rank + 1, : rank + 1] += np.dot(phi, phi.T)
    return g


@njit(cache=True, nogil=True, error_model="numpy")
def evidence(x, y, v, unit, nodes, amplitudes, factors, ranks):  # type: ignore[no-untyped-def]
    """Centre and half-width of x, and the log marginal likelihood (length, amplitude) with the noise
    scale concentrated out, up to a constant."""
    out = np.empty((ranks.size, amplitudes.size))
    count = y.size + NOISE_PRIOR_WEIGHT
    low, high = x.min(), x.max()
    centre, half_width = 0.5 * (low + high), 0.5 * (high - low) if high > low else 1.0
    g = _moments((x - centre) / half_width, y, v, nodes, factors, ranks)
    for row in range(ranks.size):
        rank = ranks[row]
        white, lower = np.empty(rank), np.zeros((rank, rank))
        rhs, energy = g[row, rank, :rank], g[row, rank, rank]
        for column in range(amplitudes.size):
            amplitude = amplitudes[column] * unit * unit
            half = factorise(g[row], amplitude, lower) + 0.5 * rank * math.log(amplitude)
            misfit = energy - forward_solve(lower, rhs, white) + NOISE_PRIOR_WEIGHT
            out[row, column] = -0.5 * count * math.log(misfit) - half
    return centre, half_width, out


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def evaluate(t, nodes, length, weights, out):  # type: ignore[no-untyped-def]
    """f, f', f'' (in t) of sum_j weights_j k(z_j, t) into out (3, point)."""
    inverse = 1.0 / length
    for i in range(t.size):
        out[0, i], out[1, i], out[2, i] = 0.0, 0.0, 0.0
    for j in range(nodes.size):
        for i in range(t.size):
            gap = (t[i] - nodes[j]) * inverse
            value = weights[j] * simd_exp(-0.5 * gap * gap)
            out[0, i] += value
            out[1, i] -= value * gap * inverse
            out[2, i] += value * (gap * gap - 1.0) * inverse * inverse


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def functional_features(t, mix, nodes, length, factor):  # type: ignore[no-untyped-def]
    """mix[0] phi + mix[1] phi' + mix[2] phi'' (in t) at each point, (feature, point).

    Written out rather than left to BLAS: at this size OpenBLAS would wake its threads, and on busy
    cores waiting for them costs a hundred times the product.
    """
    out = np.zeros((factor.shape[0], t.size))
    kernel = np.empty(t.size)
    inverse = 1.0 / length
    for j in range(nodes.size):
        node = nodes[j]
        for i in range(t.size):
            gap = (t[i] - node) * inverse
            second = (gap * gap - 1.0) * inverse * inverse
            joint = mix[0, i] - mix[1, i] * gap * inverse + mix[2, i] * second
            kernel[i] = joint * simd_exp(-0.5 * gap * gap)
        for c in range(factor.shape[0]):
            weight = factor[c, j]
            for i in range(t.size):
                out[c, i] += weight * kernel[i]
    return out


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def whitened_squares(lower, rows):  # type: ignore[no-untyped-def]
    """Squared norm of lower^-1 rows[:, i] for each point i; rows (rank, point) is overwritten."""
    total = np.zeros(rows.shape[1])
    for a in range(lower.shape[0]):
        for c in range(a):
            weight = lower[a, c]
            for i in range(rows.shape[1]):
                rows[a, i] -= weight * rows[c, i]
        inverse = 1.0 / lower[a, a]
        for i in range(rows.shape[1]):
            rows[a, i] *= inverse
            total[i] += rows[a, i] * rows[a, i]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def rank_one(lower, vector, sign):  # type: ignore[no-untyped-def]
    """lower lower' += sign vector vector' in place; False where the result is not positive.

    Givens rotations (sign +1) or their hyperbolic counterparts (sign -1), O(rank^2).
    """
    w = vector.copy()
    for a in range(w.size):
        squared = lower[a, a] ** 2 + sign * w[a] * w[a]
        if not squared > 0.0:
            return False
        root = math.sqrt(squared)
        cosine, sine = root / lower[a, a], w[a] / lower[a, a]
        lower[a, a] = root
        for b in range(a + 1, w.size):
            lower[b, a] = (lower[b, a] + sign * sine * w[b]) / cosine
            w[b] = cosine * w[b] - sine * lower[b, a]
    return True
