"""Weights of the five Fama-French portfolios from the characteristics of the stocks.

Stocks are sorted once, at the formation; their weights drift with their prices until the next
one. What the portfolios return is not computed here.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

FACTORS = ("mkt_rf", "smb", "hml", "rmw", "cma")
"""Rows of the weights."""
TAILS = (0.3, 0.7)
"""NYSE quantiles between which a characteristic is neutral."""


def five_factor_weights(
    market_cap: Array,
    book_to_market: Array,
    profitability: Array,
    investment: Array,
    is_nyse: Mask,
    growth: Array | None = None,
) -> Array:
    """Weights of MKT, SMB, HML, RMW and CMA by 2x3 sorts.

    Parameters
    ----------
    market_cap
        USD at the formation, positive, shape (N,).
    book_to_market
        Book over market equity; not positive or NaN: in no value sort, shape (N,).
    profitability, investment
        Operating profit over book equity, growth of assets; NaN: in no such sort, shape (N,).
    is_nyse
        Names that set the breakpoints, shape (N,).
    growth
        Price now over price at the formation, shape (N,); None: the formation is now.

    Returns
    -------
    Array
        Shape (5, N): the market's row sums to 1, the others' long legs to 1 and short legs to -1.

    Raises
    ------
    ValueError
        If shapes disagree, caps or growth are not positive or one of the six portfolios of a sort
        is empty.

    Notes
    -----
    Size is cut at the NYSE median, each characteristic at its NYSE 30 % and 70 % points [1]. With
    S and B for small and big, H and L for the tails, each portfolio weighted by drifted caps
    market_cap x growth: HML = (SH + BH)/2 - (SL + BL)/2, RMW and CMA alike (conservative is low
    investment), SMB the mean over the three sorts of (SH + SN + SL)/3 - (BH + BN + BL)/3. Within a
    portfolio weights drift; between portfolios they stay, as the published factors do.

    References
    ----------
    .. [1] Fama and French (2015), "A five-factor asset pricing model", J. Financial Economics
       116, 1-22, section 4.
    """
    caps = _drifted(market_cap, growth)
    traits = [np.where(book_to_market > 0, book_to_market, np.nan), profitability, investment]
    if {np.shape(column) for column in (*traits, is_nyse)} != {caps.shape}:
        raise ValueError("market_cap, characteristics and is_nyse: want one shape (N,)")
    if not is_nyse.any():
        raise ValueError("is_nyse: no name sets the breakpoints")
    is_big = market_cap > np.median(market_cap[is_nyse])
    rows = [caps / caps.sum(), np.zeros_like(caps)]
    for trait, name, high_is_long in zip(traits, FACTORS[2:], (True, True, False), strict=True):
        halves = _sorted_portfolios(trait, is_big, is_nyse, caps, name)
        spread = (halves[:, 2] - halves[:, 0]).mean(axis=0)
        rows.append(spread if high_is_long else -spread)
        rows[1] += (halves[0].mean(axis=0) - halves[1].mean(axis=0)) / 3
    return np.array(rows)


def _drifted(market_cap: Array, growth: Array | None) -> Array:
    grown = np.ones_like(market_cap) if growth is None else growth
    if market_cap.ndim != 1 or grown.shape != market_cap.shape:
        raise ValueError(f"market_cap {market_cap.shape}, growth {grown.shape}: want (N,) both")
    if not (market_cap > 0).all() or not (grown > 0).all():
        raise ValueError("market_cap, growth: want positive numbers; leave dead names out")
    return market_cap * grown


def _sorted_portfolios(trait: Array, is_big: Mask, is_nyse: Mask, caps: Array, name: str) -> Array:
    """Weights of the six portfolios (small, big) x (low, neutral, high), shape (2, 3, N)."""
    known = np.isfinite(trait)
    if not (known & is_nyse).any():
        raise ValueError(f"{name}: no NYSE name has the characteristic")
    low, high = np.quantile(trait[known & is_nyse], TAILS)
    thirds = (known & (trait <= low), known & (trait > low) & (trait <= high), trait > high)
    portfolios = np.zeros((2, 3, len(caps)))
    for i, size in enumerate((~is_big, is_big)):
        for j, third in enumerate(thirds):
            held = np.where(size & third, caps, 0.0)
            if not held.any():
                raise ValueError(
                    f"{name}: no {('small', 'big')[i]} name in the {('low', 'neutral', 'high')[j]}"
                    " third; the sort needs more names"
                )
            portfolios[i, j] = held / held.sum()
    return portfolios
