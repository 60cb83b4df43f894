"""Implied volatility of European options from Black's formula, to full double precision over the
whole range of prices. The loops are in `implied_vol_kernel`; prices and greeks in `black_scholes`.
"""

import functools
import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offtape_assets.quant import implied_vol_kernel
from offtape_assets.quant.black_scholes import as_columns, right_codes
from offtape_assets.quant.implied_vol_kernel import STATUSES

guess_table = functools.cache(implied_vol_kernel.guess_table)


class ImpliedVols(NamedTuple):
    """Volatility (option,) per square root of a year, NaN where it has none, and `code` (option,).

    `code` indexes STATUSES: ok, below_intrinsic (no positive time value), above_maximum (a call at
    or above D F, a put at or above D K), bad_input (not finite or not positive), not_converged.
    """

    vol: NDArray[np.float64]
    code: NDArray[np.uint8]

    @property
    def status(self) -> NDArray[np.str_]:
        """The codes in words, (option,)."""
        return np.array(STATUSES)[self.code]


def implied_vol(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    tau: ArrayLike,
    discount: ArrayLike,
    is_call: ArrayLike,
    threads: int = 1,
) -> ImpliedVols:
    """Volatility at which Black's formula gives the price.

    Parameters
    ----------
    price, forward, strike : (option,) or scalar
        Dollars; `price` is the discounted premium.
    tau : (option,) or scalar
        Years to expiry, positive.
    discount : (option,) or scalar
        Value today of one dollar at expiry, positive.
    is_call : (option,) or scalar, bool
    threads : int
        Threads to split the options over (the loops release the interpreter lock).

    Returns
    -------
    ImpliedVols

    Raises
    ------
    ValueError
        Where shapes do not agree, `is_call` is not boolean or `threads` is below 1.

    Notes
    -----
    Parity turns each option into its out-of-the-money twin. The first guess inverts Bachelier's
    formula by table; two Householder steps of third order on ln b (on ln(b_max - b) where the price is
    near its supremum, the three objectives of [1]_ in two) bring the relative error from 1e-2 below
    1e-15. Options whose last step was not small enough are solved one by one in a bracket.
    The price enters as its logarithm, -(h^2+t^2)/2 + ln(...), so that nothing under- or overflows.

    References
    ----------
    .. [1] Jaeckel, P. (2015). "Let's be rational." Wilmott, 2015(75), 40-53.
    """
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    columns = as_columns(price=price, forward=forward, strike=strike, tau=tau, discount=discount)
    size = columns[0].size
    call = right_codes(is_call, size)
    vol, code = np.empty(size), np.empty(size, dtype=np.uint8)
    block = implied_vol_kernel.BLOCK
    edges = np.linspace(0, -(-size // block), threads + 1).astype(np.int64) * block
    jobs = [
        (*columns, call, guess_table(), vol, code, start, min(stop, size))
        for start, stop in itertools.pairwise(edges)
    ]
    if threads == 1:
        implied_vol_kernel.solve(*jobs[0])
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda job: implied_vol_kernel.solve(*job), jobs))
    return ImpliedVols(vol, code)
