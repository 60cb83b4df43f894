"""Options on several names priced on equiprobable joint states: baskets, spreads, best-of.

The states are prices at expiry under the pricing measure; a price is a discounted average. How
far it depends on the arrangement is for the caller, who prices the same option on several.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def basket_calls(
    states: ArrayLike, weights: ArrayLike, strikes: ArrayLike, discount: float = 1.0
) -> Floats:
    """Calls on a weighted sum: discount times the mean of (sum_j w_j x_j - strike)+.

    Parameters
    ----------
    states
        (n, d) prices at expiry (USD), each state with probability 1/n.
    weights
        (d,) shares of each name; one +1 and one -1 make a spread option.
    strikes
        (m,) strikes (USD), of either sign.
    discount
        Price today of one dollar at expiry.

    Returns
    -------
    ndarray
        (m,) prices (USD).

    Raises
    ------
    ValueError
        Shapes that do not match, a discount that is not positive.
    """
    prices = _checked_states(states, discount)
    shares = np.asarray(weights, dtype=float)
    if shares.shape != prices.shape[1:]:
        raise ValueError(
            f"weights has shape {shares.shape}; allowed is ({prices.shape[1]},), one per column"
        )
    return _calls(prices @ shares, strikes, discount)


def best_of_calls(states: ArrayLike, strikes: ArrayLike, discount: float = 1.0) -> Floats:
    """Calls on the largest of the columns: discount times the mean of (max_j x_j - strike)+.

    Parameters
    ----------
    states
        (n, d) values at expiry, comparable with one another (prices over forwards, say).
    strikes
        (m,) strikes in the same unit.
    discount
        Price today of one unit at expiry.

    Returns
    -------
    ndarray
        (m,) prices.

    Raises
    ------
    ValueError
        States without columns, a discount that is not positive.
    """
    prices = _checked_states(states, discount)
    return _calls(prices.max(axis=1), strikes, discount)


def _calls(values: Floats, strikes: ArrayLike, discount: float) -> Floats:
    """Discounted mean of (value - strike)+ for each strike."""
    wanted = np.atleast_1d(np.asarray(strikes, dtype=float))
    return np.array([discount * np.maximum(values - strike, 0.0).mean() for strike in wanted])


def _checked_states(states: ArrayLike, discount: float) -> Floats:
    """States as an (n, d) array with at least one column."""
    prices = np.asarray(states, dtype=float)
    if prices.ndim != 2 or 0 in prices.shape:
        raise ValueError(f"states has shape {prices.shape}; allowed is (n, d), none of them zero")
    if not discount > 0:
        raise ValueError(f"discount is {discount}; allowed is a positive number")
    return prices
