"""The SIMD functions against 50-digit arithmetic and against numpy and scipy."""

import mpmath as mp
import numpy as np
from numba import njit
from scipy.special import erfcx

from offtape_assets.quant import vector_math


@njit
def _exp(x, out):
    for i in range(x.size):
        out[i] = vector_math.simd_exp(x[i])


@njit
def _log(x, out):
    for i in range(x.size):
        out[i] = vector_math.simd_log(x[i])


@njit
def _log_ratio(x, y, out):
    for i in range(x.size):
        out[i] = vector_math.simd_log_ratio(x[i], y[i])


@njit
def _erfcx(x, out):
    for i in range(x.size):
        out[i] = vector_math.simd_erfcx(x[i])


@njit
def _gap(x, y, out):
    for i in range(x.size):
        out[i] = vector_math.erfcx_divided_difference(x[i], y[i])


def _run(function, *arguments):
    out = np.empty(arguments[0].size)
    function(*arguments, out)
    return out


def test_polynomial_is_the_chebyshev_series():
    """Agree: the constants are those of the degree-26 series in 50 digits."""
    mp.mp.dps = 50
    n = 160
    angles = [mp.pi * (k + mp.mpf(1) / 2) / n for k in range(n)]

    def scaled(q):
        x = (3 + 5 * q) / (1 - q)
        if x < 25:
            return (x + 2) * mp.exp(x * x) * mp.erfc(x)
        term, total = mp.mpf(1), mp.mpf(1)
        for k in range(1, 30):
            term *= -(2 * k - 1) / (2 * x * x)
            total += term
        return (x + 2) * total / (x * mp.sqrt(mp.pi))

    values = [scaled(mp.cos(a)) for a in angles]
    series = [
        2 / mp.mpf(n) * mp.fsum(v * mp.cos(j * a) for v, a in zip(values, angles, strict=True))
        for j in range(27)
    ]
    series[0] /= 2
    before, now = [mp.mpf(1)], [mp.mpf(0), mp.mpf(1)]
    total = [mp.mpf(0)] * 27
    for j, c in enumerate(series):
        row = before if j == 0 else now
        if j >= 2:
            row = [mp.mpf(0)] + [2 * a for a in now]
            for i, a in enumerate(before):
                row[i] -= a
            before, now = now, row
        for i, a in enumerate(row):
            total[i] += c * a
    assert [float(c) for c in total] == list(vector_math.ERFCX_POLYNOMIAL)


def test_exp_log_erfcx_agree_with_numpy():
    rng = np.random.default_rng(1)
    x = rng.uniform(-700.0, 700.0, 5000)
    np.testing.assert_allclose(_run(_exp, x), np.exp(x), rtol=4e-16)
    y = np.exp(rng.uniform(-690.0, 690.0, 5000))
    np.testing.assert_allclose(_run(_log, y), np.log(y), rtol=4e-16)
    z = np.concatenate([rng.uniform(-1.0, 4.0, 5000), np.exp(rng.uniform(0.0, 20.0, 5000))])
    np.testing.assert_allclose(_run(_erfcx, z), erfcx(z), rtol=2e-15)


def test_log_ratio_keeps_relative_accuracy_near_one():
    """At b = a (1 - e), log(a/b) is known to full precision; log(a) - log(b) would lose it all."""
    a = np.full(30, 580.0)
    b = a - np.spacing(a) * 2.0 ** np.arange(30)
    truth = np.array(
        [float(mp.log(mp.mpf(float(p)) / mp.mpf(float(q)))) for p, q in zip(a, b, strict=True)]
    )
    np.testing.assert_allclose(_run(_log_ratio, a, b), truth, rtol=5e-16)


def test_divided_difference_does_not_cancel():
    """At coinciding points it is the derivative of the polynomial."""
    q = np.linspace(-1.0, 0.999, 50)
    derivative = np.polynomial.polynomial.polyder(vector_math.ERFCX_POLYNOMIAL)
    np.testing.assert_allclose(
        _run(_gap, q, q), np.polynomial.polynomial.polyval(q, derivative), rtol=1e-13, atol=1e-15
    )
