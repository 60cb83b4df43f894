"""Elementary functions that LLVM turns into SIMD inside numba loops: exp, log, scaled erfc.

Each is straight-line arithmetic emitted as LLVM instructions (no call, no table, no branch), because
a loop that calls libm stays scalar. Arguments outside the stated range are the caller's to avoid, and so
is the flag `reassoc` in a function that inlines these: it would undo their rounding tricks.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

SQRT_2 = 1.4142135623730951
SQRT_HALF = 0.7071067811865476
SQRT_2_OVER_PI = 0.7978845608028654
INV_SQRT_2PI = 0.3989422804014327

# (x + 2) erfcx(x) on x >= -1 as a polynomial in q = (x - 3) / (x + 5), constant term first: the
# Chebyshev series of degree 26 (last term 5e-17), from 50-digit arithmetic. tests/quant/
# test_vector_math.py computes it again.
ERFCX_SHIFT = 2.0
ERFCX_POLYNOMIAL = (
    0.8950057559069498,
    -0.7428811908357922,
    0.8602929398639658,
    -0.8710783026163048,
    0.7630954231475832,
    -0.5652810834926074,
    0.3360265922706941,
    -0.13665818911954453,
    0.005690568203181222,
    0.05183147007473503,
    -0.05665695281645385,
    0.037776315903876055,
    -0.017260061644683453,
    0.004638855920056536,
    0.0001449913103918897,
    -0.0007682964094425922,
    0.00029319403036380873,
    1.5518863545993257e-05,
    -5.318191637517833e-05,
    1.243584398916853e-05,
    5.9949435757538764e-06,
    -3.2470155278969347e-06,
    -4.4159076675813096e-07,
    5.067674738257143e-07,
    8.787720484375376e-09,
    -4.2491720816047494e-08,
    1.6588730867269966e-09,
)
_FACTORIALS = (1, 1, 2, 6, 24, 120, 720, 5040, 40320, 362880, 3628800, 39916800, 479001600)
EXP_POLYNOMIAL = tuple(1.0 / n for n in (*_FACTORIALS, 6227020800))
# log m = 2 f + f (2/3 f^2 + 2/5 f^4 + ...), f = (m - 1) / (m + 1), |f| <= 0.172
LOG_POLYNOMIAL = tuple(2.0 / (2 * k + 1) for k in range(1, 11))
LN2_HIGH = 0.6931471803691238  # the leading 32 bits of ln 2, so that k * LN2_HIGH is exact
LN2_LOW = 1.9082149292705877e-10
LOG2_E = 1.4426950408889634
_DOUBLE = ir.DoubleType()
_INT64 = ir.IntType(64)


@intrinsic
def _bits(typing_context: Any, x: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], _INT64)

    return types.int64(types.float64), emit


@intrinsic
def _double(typing_context: Any, bits: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], _DOUBLE)

    return types.float64(types.int64), emit


def _fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    signature = ir.FunctionType(_DOUBLE, [_DOUBLE] * 3)
    function = builder.module.declare_intrinsic("llvm.fmuladd", [_DOUBLE], signature)
    return builder.call(function, [a, b, c])


def _horner(coefficients: tuple[float, ...]) -> Any:
    """Intrinsic x -> sum c_k x^k, one fused multiply-add a coefficient."""

    @intrinsic
    def evaluate(typing_context: Any, x: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            value = ir.Constant(_DOUBLE, coefficients[-1])
            for c in coefficients[-2::-1]:
                value = _fma(builder, value, args[0], ir.Constant(_DOUBLE, c))
            return value

        return types.float64(types.float64), emit

    return evaluate


def _divided_difference(coefficients: tuple[float, ...]) -> Any:
    """Intrinsic (x, y) -> (p(x) - p(y)) / (x - y), by Horner's rule without cancellation."""

    @intrinsic
    def evaluate(typing_context: Any, x: Any, y: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            value = ir.Constant(_DOUBLE, coefficients[-1])
            slope = value
            for c in coefficients[-2:0:-1]:
                value = _fma(builder, value, args[1], ir.Constant(_DOUBLE, c))
                slope = _fma(builder, slope, args[0], value)
            return slope

        return types.float64(types.float64, types.float64), emit

    return evaluate


_exp_series = _horner(EXP_POLYNOMIAL)
_log_series = _horner(LOG_POLYNOMIAL)
erfcx_polynomial = _horner(ERFCX_POLYNOMIAL)
erfcx_divided_difference = _divided_difference(ERFCX_POLYNOMIAL)


@njit(inline="always", fastmath={"contract", "nsz"}, error_model="numpy")
def simd_exp(x: float) -> float:
    """exp(x) for x <= 709 to 1 ulp; below -707 it returns exp(-707) = 9e-308."""
    x = x if x > -707.0 else -707.0
    shifted = x * LOG2_E + 6755399441055744.0  # 1.5 * 2^52: rounds to the nearest integer
    k = shifted - 6755399441055744.0
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    return _exp_series(r) * _double((_bits(shifted) + 1023) << 52)


@njit(inline="always", fastmath={"contract", "nsz"}, error_model="numpy")
def simd_log(x: float) -> float:
    """log(x) for normal positive x (>= 2.3e-308) to 1 ulp."""
    bits = _bits(x)
    k = (bits - 0x3FE6A09E667F3BCD) >> 52
    m = _double(bits - (k << 52))
    f = (m - 1.0) / (m + 1.0)
    s = f * f
    n = float(k)
    return n * LN2_HIGH + (2.0 * f + (f * s * _log_series(s) + n * LN2_LOW))


@njit(inline="always", fastmath={"contract", "nsz"}, error_model="numpy")
def simd_log_ratio(a: float, b: float) -> float:
    """log(a / b) for positive a, b, accurate in relative terms also where a is close to b."""
    bits = _bits(a / b)
    k = (bits - 0x3FE6A09E667F3BCD) >> 52
    scaled = b * _double((k + 1023) << 52)
    f = (a - scaled) / (a + scaled)
    s = f * f
    n = float(k)
    return n * LN2_HIGH + (2.0 * f + (f * s * _log_series(s) + n * LN2_LOW))


@njit(inline="always", fastmath={"contract", "nsz"}, error_model="numpy")
def simd_erfcx(x: float) -> float:
    """exp(x^2) erfc(x) for x >= -1, relative error below 1e-15."""
    return erfcx_polynomial((x - 3.0) / (x + 5.0)) / (x + ERFCX_SHIFT)


@njit(cache=True, nogil=True, fastmath={"contract", "nsz"}, error_model="numpy")
def simd_exp_of(values):  # type: ignore[no-untyped-def]
    """exp of each of values (point,), as `simd_exp`."""
    out = np.empty(values.size)
    for i in range(values.size):
        out[i] = simd_exp(values[i])
    return out
