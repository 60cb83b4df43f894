"""The smile of one expiry: total implied volatility over log-moneyness as a mean function (two
lognormals on one forward) plus a Gaussian process, from prices with known noise. Turning it into a
probability density is `density`; filtering quotes and finding the forward come before.
"""

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from offtape_assets.quant.gaussian_process import Process, select
from offtape_assets.quant.implied_vol_kernel import OK, guess_table, solve
from offtape_assets.quant.lognormal_mixture import (
    PRIOR_SD,
    Mixture,
    fit_mixture,
    mixture_gradient,
    mixture_smile,
)
from offtape_assets.quant.vector_math import INV_SQRT_2PI, simd_exp_of

Array = NDArray[np.float64]
MIN_QUOTES = 5  # the mean function has four parameters
LEAST_VEGA = 1e-12  # per unit of total volatility and forward: the price says nothing
UPDATES_PER_FIT = 10  # snapshots between choices of the hyper-parameters
_TABLE = guess_table()


@dataclass(frozen=True)
class Quotes:
    """Usable quotes of one expiry: what the smile is fitted to, each (quote,), strikes ascending.

    Prices and their sds are undiscounted and in units of the forward; `total_vol` is implied.
    """

    key: NDArray[np.int64]
    log_moneyness: Array
    is_call: NDArray[np.bool_]
    price: Array
    price_sd: Array
    total_vol: Array
    total_vol_sd: Array

    @property
    def atm_sd(self) -> float:
        """Total volatility at the money by linear interpolation, the chain's natural unit."""
        return float(np.interp(0.0, self.log_moneyness, self.total_vol))


def usable_quotes(
    key: NDArray[np.int64],
    log_moneyness: Array,
    is_call: NDArray[np.bool_],
    price: Array,
    price_sd: Array,
) -> Quotes:
    """Invert prices to total volatilities and keep those that have one.

    Parameters
    ----------
    key : (quote,) int
        Names the quote between snapshots.
    log_moneyness : (quote,)
        ln(K/F).
    is_call : (quote,) bool
    price, price_sd : (quote,)
        Undiscounted premium over forward and its standard deviation, positive.

    Returns
    -------
    Quotes, strikes ascending. The sd is price sd / vega, vega = phi(d1) per unit of total volatility.

    Raises
    ------
    ValueError
        Where shapes differ or a standard deviation is not positive.
    """
    if len({a.shape for a in (key, log_moneyness, is_call, price, price_sd)}) != 1:
        raise ValueError("key, log_moneyness, is_call, price, price_sd must share one length")
    if not (price_sd > 0.0).all():
        raise ValueError("every price_sd must be positive")
    k = np.ascontiguousarray(log_moneyness, dtype=np.float64)
    total, total_sd, kept = _inverted(
        k, np.ascontiguousarray(is_call).view(np.int8), price, price_sd, _TABLE
    )
    columns = (key, k, is_call, price, price_sd, total, total_sd)
    if kept.size < k.size or (k[1:] < k[:-1]).any():
        kept = kept[np.argsort(k[kept], kind="stable")]
        columns = tuple(column[kept] for column in columns)
    return Quotes(*columns)


@njit(cache=True, nogil=True, error_model="numpy")
def _inverted(k, is_call, price, price_sd, table):  # type: ignore[no-untyped-def]
    """Total volatility of each price, its sd, and which quotes have both."""
    one, code = np.ones(k.size), np.empty(k.size, np.uint8)
    total = np.empty(k.size)
    solve(price, one, simd_exp_of(k), one, one, is_call, table, total, code, 0, k.size)
    vega = INV_SQRT_2PI * simd_exp_of(-0.5 * (0.5 * total - k / total) ** 2)
    total_sd = price_sd / vega
    kept = np.flatnonzero((code == OK) & np.isfinite(total_sd) & (vega > LEAST_VEGA))
    return total, total_sd, kept


@dataclass(frozen=True)
class Smile:
    """s(k) = scale m(k) + delta(k + shift): mixture m fitted when tau was tau / scale^2 and the
    forward exp(shift) times lower, and the process delta on strikes as seen then."""

    mixture: Mixture
    process: Process
    shift: float
    scale: float
    updates: int

    def total_vol(self, log_moneyness: Array) -> Array:
        """s, s', s'' at log_moneyness (point,): (3, point)."""
        mean = mixture_smile(self.mixture, log_moneyness)
        return self.scale * mean + self.process.mean(log_moneyness + self.shift)

    def band(
        self, log_moneyness: Array, functionals: list[Array], weights: Array
    ) -> tuple[list[Array], float]:
        """Posterior sds: of s and of c0 s + c1 s' + c2 s'' at log_moneyness (point,) for each c
        (3, point), and of the sum of weights (point,) times s.

        Uncertain are the process and, to first order, the four parameters of the mean function.
        """
        size = log_moneyness.size
        everywhere = np.concatenate([log_moneyness, self.process.inputs - self.shift])
        moves = self.scale * mixture_gradient(self.mixture, everywhere)
        prior = PRIOR_SD * np.array([1.0, self.mixture.sd1 + self.mixture.sd2, 1.0, 1.0])
        lower = self.process.joint_factor(moves[:, 0, size:].T, prior)
        moves, place = moves[:, :, :size], log_moneyness + self.shift
        level = np.zeros((3, size))
        level[0] = 1.0
        rows = [
            np.concatenate([self.process.rows(place, c), (moves * c).sum(axis=1)])
            for c in (level, *functionals)
        ]
        of_sum = self.process.sd(
            np.ascontiguousarray((rows[0] * weights).sum(axis=1)[:, None]), lower
        )
        return [self.process.sd(r, lower) for r in rows], float(of_sum[0])


def fit_smile(quotes: Quotes, with_process: bool = True) -> Smile:
    """Cold fit: mean function, hyper-parameters, posterior.

    Parameters
    ----------
    quotes : Quotes
        At least MIN_QUOTES.
    with_process : bool
        False leaves the process out (its amplitude is nothing): the mean function alone, which always
        is the smile of a law, where the process would follow noise into arbitrage.

    Returns
    -------
    Smile

    Raises
    ------
    ValueError
        With fewer than MIN_QUOTES quotes.

    Notes
    -----
    The seed's process has mean zero, length the median distance and amplitude the variance of y: it
    fails on a flat smile and falls to zero volatility in the wings. Here the mean is the
    smile of two lognormals on one forward, which a yes/no event makes exact and whose wings are those
    of a law with mass 1 and mean F; the process has mean zero around it, so beyond the quotes the smile
    returns to the mean function and no wing is attached.
    """
    if quotes.key.size < MIN_QUOTES:
        raise ValueError(f"a smile needs at least {MIN_QUOTES} quotes, got {quotes.key.size}")
    unit = quotes.atm_sd
    mixture = fit_mixture(quotes.log_moneyness, quotes.is_call, quotes.price, quotes.price_sd, unit)
    residual = quotes.total_vol - mixture_smile(mixture, quotes.log_moneyness)[0]
    variance = quotes.total_vol_sd**2
    hyperparameters = select(quotes.log_moneyness, residual, variance, unit)
    if not with_process:
        hyperparameters = replace(hyperparameters, amplitude=1e-16 * unit * unit)
    process = Process(hyperparameters, quotes.key, quotes.log_moneyness, residual, variance)
    return Smile(mixture, process, 0.0, 1.0, 0)


def update_smile(smile: Smile, quotes: Quotes, shift: float, scale: float) -> Smile | None:
    """The same mean function and hyper-parameters on new quotes; None where a cold fit is due.

    Parameters
    ----------
    smile : Smile
        Its process is brought up to date in place; the old Smile must not be used again.
    quotes : Quotes
    shift : float
        ln(F now / F at the cold fit).
    scale : float
        sqrt(tau now / tau at the cold fit).

    Returns
    -------
    Smile, or None after UPDATES_PER_FIT updates, where the forward moved by half the at-the-money sd,
    or with too few quotes.

    Notes
    -----
    Strikes keep their place, so the features of a strike never change; a changed forward or tau changes
    every implied volatility and enters as such. Equal to a fit from nothing with the same mean
    function and hyper-parameters.
    """
    stale = smile.updates >= UPDATES_PER_FIT or quotes.key.size < MIN_QUOTES
    if stale or abs(shift) > 0.5 * quotes.atm_sd:
        return None
    mean = mixture_smile(smile.mixture, quotes.log_moneyness)[0]
    residual = quotes.total_vol - scale * mean
    place = quotes.log_moneyness + shift
    held = smile.process.inputs
    if held.shape == place.shape and np.allclose(held, place, rtol=0.0, atol=1e-12):
        place = held  # ln(K/F) + ln(F/F0) again, up to rounding
    smile.process.update(quotes.key, place, residual, quotes.total_vol_sd**2)
    return Smile(smile.mixture, smile.process, shift, scale, smile.updates + 1)
