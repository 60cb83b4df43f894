"""What the right to exercise early is worth, and American premiums without it. US single-name options
are American; everything else in this folder is European.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from offtape_assets.quant.black_scholes import as_columns, right_codes

STEPS = 51  # odd, as the tree demands; the premium is right to about one part in a hundred


@njit(cache=True, nogil=True, error_model="numpy")
def _peizer_pratt(z, n):  # type: ignore[no-untyped-def]
    """Binomial probability whose n-step sum is normal: Peizer-Pratt inversion, method 2."""
    inner = z / (n + 1.0 / 3.0 + 0.1 / (n + 1.0))
    root = math.sqrt(1.0 - math.exp(-inner * inner * (n + 1.0 / 6.0)))
    return 0.5 + 0.5 * math.copysign(root, z)


@njit(cache=True, nogil=True, error_model="numpy")
def _premium(spot, forward, strike, tau, discount, vol, sign, steps, value, plain):  # type: ignore[no-untyped-def]
    """American less European value on one Leisen-Reimer tree."""
    s = vol * math.sqrt(tau)
    d1 = math.log(forward / strike) / s + 0.5 * s
    p = _peizer_pratt(d1 - s, steps)
    p_up = _peizer_pratt(d1, steps)
    growth = (forward / spot) ** (1.0 / steps)
    discount_step = discount ** (1.0 / steps)
    up = growth * p_up / p
    down = (growth - p * up) / (1.0 - p)
    ratio = up / down
    price = spot * down**steps
    for j in range(steps + 1):
        value[j] = max(sign * (price - strike), 0.0)
        plain[j] = value[j]
        price *= ratio
    for i in range(steps - 1, -1, -1):
        price = spot * down**i
        for j in range(i + 1):
            held = discount_step * (p * value[j + 1] + (1.0 - p) * value[j])
            plain[j] = discount_step * (p * plain[j + 1] + (1.0 - p) * plain[j])
            value[j] = max(held, sign * (price - strike))
            price *= ratio
    return value[0] - plain[0]


@njit(cache=True, nogil=True, error_model="numpy")
def _premiums(spot, forward, strike, tau, discount, vol, call, steps, out):  # type: ignore[no-untyped-def]
    value, plain = np.empty(steps + 1), np.empty(steps + 1)
    for i in range(out.size):
        sign = 1.0 if call[i] > 0 else -1.0
        if vol[i] > 0.0 and tau[i] > 0.0 and forward[i] > 0.0 and strike[i] > 0.0 and spot[i] > 0.0:
            out[i] = _premium(
                spot[i],
                forward[i],
                strike[i],
                tau[i],
                discount[i],
                vol[i],
                sign,
                steps,
                value,
                plain,
            )
        else:
            out[i] = math.nan


def early_exercise_premium(
    spot: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    tau: ArrayLike,
    discount: ArrayLike,
    vol: ArrayLike,
    is_call: ArrayLike,
    steps: int = STEPS,
) -> NDArray[np.float64]:
    """American less European premium under constant volatility and carry.

    Parameters
    ----------
    spot, forward, strike : (option,) or scalar
        Dollars. forward/spot carries the dividends, as a yield (the date of a dividend is not known here).
    tau, discount, vol : (option,) or scalar
        Years; value of a dollar at expiry; per square root of a year.
    is_call : (option,) bool
    steps : int
        Odd number of tree steps.

    Returns
    -------
    (option,) dollars, >= 0; NaN where an argument is not positive.

    Raises
    ------
    ValueError
        Where shapes differ, `is_call` is not boolean or `steps` is even or below 3.

    Notes
    -----
    Leisen-Reimer tree [1]_; the European value on the same tree is taken off, so most of the tree's error
    cancels. An option's European twin is its premium less this at the volatility implied by the premium.

    References
    ----------
    .. [1] Leisen, D. and Reimer, M. (1996). "Binomial models for option valuation - examining and improving
       convergence." Applied Mathematical Finance, 3(4), 319-346.
    """
    if steps < 3 or steps % 2 == 0:
        raise ValueError(f"steps must be odd and at least 3, got {steps}")
    columns = as_columns(
        spot=spot, forward=forward, strike=strike, tau=tau, discount=discount, vol=vol
    )
    call = right_codes(is_call, columns[0].size)
    premium = np.empty(columns[0].size)
    _premiums(*columns, call, steps, premium)
    return premium
