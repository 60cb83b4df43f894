"""Paths of a price whose volatility follows RiskMetrics: random shocks and the walk, by blocks of lanes.

Single precision in straight-line loops that the compiler turns into vector instructions: its error
of about 1e-6 in a probability is far below the sampling error of any affordable number of paths.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

_LANES = 512
_LN2, _HALF, _ONE, _TWO = (
    np.float32(0.6931471805599453),
    np.float32(0.5),
    np.float32(1),
    np.float32(2),
)
_SQRT_HALF_BITS = np.int32(0x3F3504F3)
_ANGLE = np.float32(np.pi / 2**24)
_THIRD, _FIFTH, _SEVENTH = np.float32(1 / 3), np.float32(1 / 5), np.float32(1 / 7)
_SIN = tuple(np.float32((-1) ** k / np.prod(np.arange(1.0, 2 * k + 2))) for k in range(1, 6))
_COS = tuple(np.float32((-1) ** k / np.prod(np.arange(1.0, 2 * k + 1))) for k in range(1, 7))


class Walk(NamedTuple):
    """State before the last step, one row per antithetic pair; arrays of shape (pairs,).

    log_move : sum of the shocks' log moves (the partner has the opposite sign);
    spent : sum of the variances used; variance : of the last step; plain : sum of the normals.
    """

    log_move: NDArray[np.float32]
    spent: NDArray[np.float32]
    variance: NDArray[np.float32]
    plain: NDArray[np.float32]


def riskmetrics_walk(
    variance: float, decay: float, steps: int, pairs: int, rng: np.random.Generator
) -> Walk:
    """Walk `pairs` antithetic pairs over all steps but the last.

    Parameters
    ----------
    variance : of the first step's log move. decay : lambda in (0, 1].
    steps : hours left, at least 1. pairs : number of antithetic pairs, at least 2.
    rng : seeds the lanes' own generators.

    Returns
    -------
    Walk

    Notes
    -----
    v_{t+1} = v_t (decay + (1 - decay) z_t^2). Uniforms are xoshiro128++ [1]_ (one generator a
    lane, 128 random bits of state each), normals are Box and Muller's, both halves used.

    References
    ----------
    .. [1] D. Blackman and S. Vigna (2021), Scrambled linear pseudorandom number generators, ACM
       Transactions on Mathematical Software 47(4).
    """
    blocks = -(-pairs // (2 * _LANES))
    state = rng.integers(0, 2**32, size=(blocks, 4, _LANES), dtype=np.uint32)
    walk = np.zeros((blocks, 2, 4, _LANES), dtype=np.float32)
    walk[:, :, 2] = variance
    _walk(state, walk, np.float32(decay), steps - 1)
    return Walk(*np.moveaxis(walk, 2, 0).reshape(4, -1)[:, :pairs])


@njit(cache=True, nogil=True, error_model="numpy")
def _walk(
    state: NDArray[np.uint32], walk: NDArray[np.float32], decay: np.float32, steps: int
) -> None:
    normals = np.empty((2, _LANES), dtype=np.float32)
    first, second = np.empty(_LANES, dtype=np.uint32), np.empty(_LANES, dtype=np.uint32)
    for block in range(state.shape[0]):
        for _ in range(steps):
            _draw(state[block], first)
            _draw(state[block], second)
            _box_muller(first, second, normals)
            for half in range(2):
                _step(walk[block, half], normals[half], decay)


@njit(cache=True, nogil=True, error_model="numpy")
def _draw(state: NDArray[np.uint32], bits: NDArray[np.uint32]) -> None:
    """One xoshiro128++ output a lane."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    for i in range(_LANES):
        a, b, c, d = s0[i], s1[i], s2[i], s3[i]
        total = np.uint32(a + d)
        bits[i] = np.uint32(((total << np.uint32(7)) | (total >> np.uint32(25))) + a)
        c ^= a
        d ^= b
        s1[i] = b ^ c
        s0[i] = a ^ d
        s2[i] = c ^ np.uint32(b << np.uint32(9))
        s3[i] = np.uint32(d << np.uint32(11)) | (d >> np.uint32(21))


@njit(cache=True, nogil=True, error_model="numpy")
def _box_muller(
    first: NDArray[np.uint32], second: NDArray[np.uint32], normals: NDArray[np.float32]
) -> None:
    """Two normals a lane: radius from 24 bits, half circle from 24 bits, side from one bit."""
    uniform = np.empty(_LANES, dtype=np.float32)
    words = uniform.view(np.int32)
    power = np.empty(_LANES, dtype=np.float32)
    for i in range(_LANES):
        uniform[i] = np.float32(np.int32(first[i] >> np.uint32(8)) + np.int32(1))
    for i in range(_LANES):
        exponent = np.int32(words[i] - _SQRT_HALF_BITS) >> np.int32(23)
        power[i] = np.float32(exponent - np.int32(24))
        words[i] -= np.int32(exponent << np.int32(23))
    for i in range(_LANES):
        s = (uniform[i] - _ONE) / (uniform[i] + _ONE)
        q = s * s
        log = power[i] * _LN2 + _TWO * s * (_ONE + q * (_THIRD + q * (_FIFTH + q * _SEVENTH)))
        side = np.float32(np.int32(1) - np.int32(2) * np.int32(second[i] & np.uint32(1)))
        radius = side * np.sqrt(max(-_TWO * log, np.float32(0.0)))
        a = _ANGLE * (np.float32(np.int32(second[i] >> np.uint32(8))) - np.float32(2**23 - 0.5))
        q = a * a
        sine = a * (
            _ONE + q * (_SIN[0] + q * (_SIN[1] + q * (_SIN[2] + q * (_SIN[3] + q * _SIN[4]))))
        )
        cosine = _COS[3] + q * (_COS[4] + q * _COS[5])
        cosine = _ONE + q * (_COS[0] + q * (_COS[1] + q * (_COS[2] + q * cosine)))
        normals[0, i] = radius * sine
        normals[1, i] = radius * cosine


@njit(cache=True, nogil=True, error_model="numpy")
def _step(walk: NDArray[np.float32], normal: NDArray[np.float32], decay: np.float32) -> None:
    move, spent, variance, plain = walk[0], walk[1], walk[2], walk[3]
    for i in range(_LANES):
        v, z = variance[i], normal[i]
        move[i] += np.sqrt(v) * z
        spent[i] += v
        plain[i] += z
        variance[i] = v * (decay + (_ONE - decay) * z * z)
