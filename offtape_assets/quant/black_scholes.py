"""Black's formula on a forward: prices, delta, gamma, vega and dealers' gamma exposure, for arrays
of European options. Inverting the price is `implied_vol`; early exercise is `american`.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from offtape_assets.quant.vector_math import (
    ERFCX_SHIFT,
    INV_SQRT_2PI,
    SQRT_2,
    SQRT_HALF,
    erfcx_divided_difference,
    erfcx_polynomial,
    simd_erfcx,
    simd_exp,
    simd_log_ratio,
)

CONTRACT_SHARES = 100  # shares a US equity option contract delivers (seed 11.2)
_FLAGS = {"contract", "nsz"}


class Greeks(NamedTuple):
    """First-order sensitivities and gamma, each shaped (option,).

    delta per dollar of the prepaid forward discount * F (the spot of a share without dividends),
    gamma per dollar squared, vega in dollars for one unit (100 points) of volatility.
    """

    delta: NDArray[np.float64]
    gamma: NDArray[np.float64]
    vega: NDArray[np.float64]


def as_columns(**columns: ArrayLike) -> list[NDArray[np.float64]]:
    """Broadcast named arguments to equally long float64 columns.

    Raises
    ------
    ValueError
        Where the arguments do not broadcast to one axis; the message names their shapes.
    """
    arrays = [np.asarray(column, dtype=np.float64) for column in columns.values()]
    shapes = ", ".join(f"{name}{a.shape}" for name, a in zip(columns, arrays, strict=True))
    try:
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
    except ValueError as error:
        raise ValueError(f"arguments must share one length, got {shapes}") from error
    if len(shape) > 1:
        raise ValueError(f"arguments must be scalars or one-dimensional, got {shapes}")
    shape = shape or (1,)
    return [np.ascontiguousarray(np.broadcast_to(a, shape)) for a in arrays]


def right_codes(is_call: ArrayLike, size: int) -> NDArray[np.int8]:
    """1 for a call, 0 for a put, as the int8 column the kernels read."""
    flags = np.asarray(is_call)
    if flags.dtype != np.bool_:
        raise ValueError(f"is_call must be boolean, got {flags.dtype}")
    return np.ascontiguousarray(np.broadcast_to(flags, (size,))).view(np.int8)


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def _prices(forward, strike, tau, discount, vol, call, price):  # type: ignore[no-untyped-def]
    for i in range(price.size):
        f, k = forward[i], strike[i]
        root = math.sqrt(f * k)
        signed = f - k if call[i] > 0 else k - f
        s = vol[i] * math.sqrt(tau[i])
        t = 0.5 * s
        h = abs(simd_log_ratio(f, k)) / s
        u = (h - t) * SQRT_HALF
        v = (h + t) * SQRT_HALF
        upper = u < -1.0
        w = -u if upper else u
        p_v = erfcx_polynomial((v - 3.0) / (v + 5.0))
        slope = erfcx_divided_difference((w - 3.0) / (w + 5.0), (v - 3.0) / (v + 5.0))
        joint = slope * 8.0 / ((w + 5.0) * (v + 5.0))
        denominator = (w + ERFCX_SHIFT) * (v + ERFCX_SHIFT)
        gap = (p_v - joint * (v + ERFCX_SHIFT)) / denominator * SQRT_2 * t
        p_w = p_v - joint * (v - w)
        total = p_w / (w + ERFCX_SHIFT) + p_v / (v + ERFCX_SHIFT)
        scale = 0.5 * simd_exp(-0.5 * (h * h + t * t))
        rest = (f if f < k else k) - root * scale * total
        otm = rest if upper else root * scale * gap
        price[i] = discount[i] * (otm + (signed if signed > 0.0 else 0.0))


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def _sensitivities(forward, strike, tau, discount, vol, call, delta, gamma, vega):  # type: ignore[no-untyped-def]
    for i in range(delta.size):
        root = math.sqrt(tau[i])
        s = vol[i] * root
        d = simd_log_ratio(forward[i], strike[i]) / s + 0.5 * s
        bell = simd_exp(-0.5 * d * d)
        tail = 0.5 * bell * simd_erfcx(abs(d) * SQRT_HALF)
        signed = tail if d < 0.0 else -tail
        # N(d) is `tail` below zero and 1 - `tail` above; a put's delta is N(d) - 1
        offset = float(call[i]) - (1.0 if d < 0.0 else 0.0)
        prepaid = discount[i] * forward[i]
        density = INV_SQRT_2PI * bell
        delta[i] = signed + (offset if d >= 0.0 else float(call[i]) - 1.0)
        gamma[i] = density / (prepaid * s)
        vega[i] = prepaid * density * root


def option_price(
    forward: ArrayLike,
    strike: ArrayLike,
    tau: ArrayLike,
    discount: ArrayLike,
    vol: ArrayLike,
    is_call: ArrayLike,
) -> NDArray[np.float64]:
    """Black price, free of cancellation: relative error near 1e-15 however deep out of the money.

    Parameters
    ----------
    forward, strike : (option,) or scalar
        Dollars, positive.
    tau : (option,) or scalar
        Years to expiry; 0 gives the discounted intrinsic value.
    discount : (option,) or scalar
        Value today of one dollar at expiry.
    vol : (option,) or scalar
        Volatility per square root of a year; 0 gives the discounted intrinsic value.
    is_call : (option,) or scalar, bool

    Returns
    -------
    (option,) dollars; NaN where an argument is NaN.

    Raises
    ------
    ValueError
        Where shapes do not agree or `is_call` is not boolean.

    Notes
    -----
    c = D [F N(d1) - K N(d2)], d1 = ln(F/K)/s + s/2, s = vol sqrt(tau). The out-of-the-money price is
    D sqrt(FK) exp(-(h^2+t^2)/2) [erfcx((h-t)/sqrt 2) - erfcx((h+t)/sqrt 2)] / 2 with h = |ln F/K|/s,
    t = s/2 [1]_, the difference taken as a divided difference.

    References
    ----------
    .. [1] Jaeckel, P. (2015). "Let's be rational." Wilmott, 2015(75), 40-53, eq. 2.
    """
    columns = as_columns(forward=forward, strike=strike, tau=tau, discount=discount, vol=vol)
    call = right_codes(is_call, columns[0].size)
    price = np.empty(columns[0].size)
    _prices(*columns, call, price)
    if price.size and not min(columns[2].min(), columns[4].min()) > 0.0:
        flat = columns[4] * columns[2] == 0.0
        signed = np.where(call, columns[0] - columns[1], columns[1] - columns[0])
        price[flat] = (columns[3] * np.maximum(signed, 0.0))[flat]
    return price


def greeks(
    forward: ArrayLike,
    strike: ArrayLike,
    tau: ArrayLike,
    discount: ArrayLike,
    vol: ArrayLike,
    is_call: ArrayLike,
) -> Greeks:
    """Delta, gamma and vega of European options.

    Parameters
    ----------
    forward, strike, tau, discount, vol, is_call
        As in `option_price`.

    Returns
    -------
    Greeks, each (option,). At tau = 0 or vol = 0 delta is 0, 1/2 or 1 in size (out of, at, in the
    money) and gamma and vega are 0. NaN where an argument is NaN.

    Raises
    ------
    ValueError
        Where shapes do not agree or `is_call` is not boolean.

    Notes
    -----
    With S = D F, the value of the share less dividends before expiry (seed 11.1 writes S):
    delta = N(d1) for calls, N(d1) - 1 for puts; gamma = phi(d1)/(S s); vega = S phi(d1) sqrt(tau).

    References
    ----------
    .. [1] Black, F. (1976). "The pricing of commodity contracts." J. Financial Economics, 3, 167-179.
    """
    columns = as_columns(forward=forward, strike=strike, tau=tau, discount=discount, vol=vol)
    call = right_codes(is_call, columns[0].size)
    result = Greeks(*(np.empty(columns[0].size) for _ in range(3)))
    _sensitivities(*columns, call, *result)
    if call.size and not min(columns[2].min(), columns[4].min()) > 0.0:
        flat = columns[4] * columns[2] == 0.0
        step = 0.5 * (1.0 + np.sign(columns[0] - columns[1]))
        result.delta[flat] = (step - 1.0 + call)[flat]
        result.gamma[flat] = 0.0
        result.vega[flat] = 0.0
    return result


class GammaExposure(NamedTuple):
    """Shares dealers must trade for a one-dollar move, per strike (strike,) and over all strikes."""

    strike: NDArray[np.float64]
    gex: NDArray[np.float64]
    gex_net: NDArray[np.float64]
    total: float
    net: float


def gamma_exposure(
    strike: ArrayLike, gamma: ArrayLike, open_interest: ArrayLike, is_call: ArrayLike
) -> GammaExposure:
    """Dealers' gamma exposure by strike.

    Parameters
    ----------
    strike, gamma, open_interest : (option,)
        Dollars; per dollar squared; contracts. Options without a finite gamma count as zero.
    is_call : (option,) bool

    Returns
    -------
    GammaExposure, strikes ascending.

    Raises
    ------
    ValueError
        Where shapes do not agree, `is_call` is not boolean or open interest is negative.

    Notes
    -----
    GEX_K = -100 gamma_K OI_K (dealers short every option) and
    GEX_net,K = 100 (gamma OI)_call - 100 (gamma OI)_put (dealers long calls, short puts), seed 11.2.
    """
    level, curve, contracts = as_columns(strike=strike, gamma=gamma, open_interest=open_interest)
    call = right_codes(is_call, level.size)
    if (contracts < 0.0).any():
        raise ValueError(f"open_interest must not be negative, got {contracts.min()}")
    held = CONTRACT_SHARES * np.nan_to_num(curve, nan=0.0) * contracts
    strikes, row = np.unique(level, return_inverse=True)
    gex, net = np.zeros(strikes.size), np.zeros(strikes.size)
    np.subtract.at(gex, row, held)
    np.add.at(net, row, np.where(call, held, -held))
    return GammaExposure(strikes, gex, net, float(gex.sum()), float(net.sum()))
