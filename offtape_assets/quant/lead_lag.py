"""Who moves first, described: cross-correlations on a grid and Hayashi-Yoshida sums on ticks.

Statistics by lag; the test that decides a leader is in `lead_lag_test.py`. Everywhere a positive
lag means that the first series (x) leads the second (y).
"""

from typing import NamedTuple

import numpy as np
import scipy
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Instants = NDArray[np.int64]

SHORTEST_BLOCK = 384  # steps of a block; shorter ones spend their time on overhead
FREQUENCIES = 16  # cross-spectra at a time, so that temporaries stay in the cache; even


class LeadLag(NamedTuple):
    """Summary of one cross-correlation function per pair; arrays of shape (n_pairs,).

    `lag` is the lag of the largest absolute correlation (> 0: x leads), `correlation` the value
    there, `indicator` the largest correlation at positive lags less the largest at negative ones
    (> 0: x leads).
    """

    lag: NDArray[np.int64]
    correlation: Array
    indicator: Array


def cross_correlations(returns: Array, max_lag: int) -> tuple[NDArray[np.int64], Array]:
    """Cross-correlation functions of all pairs of columns.

    Parameters
    ----------
    returns : ndarray, shape (n_time, n)
        Returns on a regular grid; a NaN counts as the column's mean.
    max_lag : int
        Largest lag, in grid steps.

    Returns
    -------
    pairs : ndarray of int, shape (n_pairs, 2)
        Columns (x, y) with x <= y.
    correlations : ndarray, shape (n_pairs, 2 max_lag + 1)
        rho_xy(k) = sum_t x_t y_{t+k} / (T s_x s_y) for k = -max_lag..max_lag; NaN where a column
        does not vary.

    Raises
    ------
    ValueError
        If the shape or the lag is not allowed.

    Notes
    -----
    The series is cut into blocks of H >= max_lag steps, each transformed once at length 2 H. A block
    of x against the same and the next block of y gives the lags 0..H without wrapping round, and
    the transform of two blocks in a row is a_b(f) + (-1)^f a_{b+1}(f). So the cross-spectra of all
    ordered pairs are one small matrix product per frequency; negative lags are those of (y, x).
    """
    if returns.ndim != 2:
        raise ValueError(f"returns has shape {returns.shape}; it must be (n_time, n)")
    n_time, n = returns.shape
    if not 0 <= max_lag < n_time:
        raise ValueError(f"max_lag is {max_lag}; it must lie in 0..{n_time - 1}")
    step = scipy.fft.next_fast_len(max(max_lag, SHORTEST_BLOCK), real=True)
    transforms, sd = _block_transforms(returns, step)
    spectra = _cross_spectra(transforms)
    first, second = np.triu_indices(n)
    correlations = np.empty((len(first), 2 * max_lag + 1))
    for series in range(n):
        rows = spectra[series * n : (series + 1) * n]
        products = scipy.fft.irfft(rows, 2 * step, axis=1)[:, : max_lag + 1]
        correlations[first == series, max_lag:] = products[series:]
        correlations[second == series, :max_lag] = products[: series + 1, :0:-1]
    correlations *= (1.0 / (n_time * sd[first] * sd[second]))[:, None]
    return np.column_stack([first, second]), correlations


def _block_transforms(returns: Array, step: int) -> tuple[NDArray[np.complex128], Array]:
    """Transforms (n, n_blocks, H + 1) of H steps of each centred column, padded to 2 H; its sd."""
    n_time, n = returns.shape
    n_blocks = -(-n_time // step)
    transforms = np.empty((n, n_blocks, step + 1), dtype=complex)
    sd = np.empty(n)
    column = np.zeros(n_blocks * step)
    padded = np.zeros((n_blocks, 2 * step))
    for series in range(n):
        sd[series] = _centre(returns[:, series], column[:n_time])
        padded[:, :step] = column.reshape(n_blocks, step)
        transforms[series] = scipy.fft.rfft(padded, axis=1)
    return transforms, sd


def _cross_spectra(transforms: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Cross-spectra (n n, frequency) of all ordered pairs, some frequencies at a time."""
    n, _, n_frequencies = transforms.shape
    spectra = np.empty((n * n, n_frequencies), dtype=complex)
    for low in range(0, n_frequencies, FREQUENCIES):
        some = slice(low, low + FREQUENCIES)
        here = np.ascontiguousarray(transforms[:, :, some].transpose(2, 0, 1))
        ahead = here.copy()  # (frequency, series, block)
        ahead[::2, :, :-1] += here[::2, :, 1:]
        ahead[1::2, :, :-1] -= here[1::2, :, 1:]
        products = np.matmul(np.conj(here, out=here), ahead.transpose(0, 2, 1))
        spectra[:, some] = products.reshape(len(here), -1).T
    return spectra


def lead_lag_summary(correlations: Array) -> LeadLag:
    """Reduce cross-correlation functions to a lag, a correlation and the leadership indicator.

    Parameters
    ----------
    correlations : ndarray, shape (n_pairs, 2 L + 1)
        rho(k) for k = -L..L, from `cross_correlations`.

    Returns
    -------
    LeadLag
        L = max_{k>0} rho(k) - max_{k<0} rho(k); a pair with a NaN gives NaN and lag 0.

    Raises
    ------
    ValueError
        If the number of columns is even or below 3.
    """
    if correlations.ndim != 2 or correlations.shape[1] % 2 == 0 or correlations.shape[1] < 3:
        raise ValueError(
            f"correlations has shape {correlations.shape}; it must be (n_pairs, 2 L + 1), L >= 1"
        )
    reach = correlations.shape[1] // 2
    whole = np.asarray(np.isfinite(correlations).all(axis=1))
    known = np.where(whole[:, None], correlations, 0.0)
    best = np.abs(known).argmax(axis=1)
    at_best = known[np.arange(len(known)), best]
    indicator = known[:, reach + 1 :].max(axis=1) - known[:, :reach].max(axis=1)
    return LeadLag(
        np.where(whole, best - reach, 0),
        np.where(whole, at_best, np.nan),
        np.where(whole, indicator, np.nan),
    )


def hayashi_yoshida(
    x_times: Instants, x: Array, y_times: Instants, y: Array, lags: NDArray[np.int64]
) -> Array:
    """Hayashi-Yoshida covariance of two tick series at several lags.

    Parameters
    ----------
    x_times, y_times : ndarray of int64, shape (n_x,) and (n_y,)
        Tick instants in ns, strictly ascending.
    x, y : ndarray, shape (n_x,) and (n_y,)
        Log prices at those instants.
    lags : ndarray of int64, shape (n_lags,)
        Lags in ns; > 0 pairs x with later y, so a peak there means that x leads.

    Returns
    -------
    ndarray, shape (n_lags,)
        HY(k) = sum of dx_i dy_j over all i, j whose intervals overlap once x's are moved by k [1]_.

    Raises
    ------
    ValueError
        If a series is shorter than 2, lengths differ or instants are not ascending.

    References
    ----------
    .. [1] Hoffmann, M., Rosenbaum, M. & Yoshida, N. (2013). Estimation of the lead-lag parameter
       from non-synchronous data. Bernoulli 19, 426-461.
    """
    _check_ticks("x", x_times, x)
    _check_ticks("y", y_times, y)
    return _contrasts(x_times, x, y_times, y, np.asarray(lags, dtype=np.int64))


def hayashi_yoshida_asymmetry(
    x_times: Instants,
    x: Array,
    y_times: Instants,
    y: Array,
    lags: NDArray[np.int64],
    block_starts: Instants,
) -> Array:
    """Block sums of HY(k) - HY(-k) over several lags: positive where x leads.

    Parameters
    ----------
    x_times, x, y_times, y, lags
        As in `hayashi_yoshida`; lags above 0.
    block_starts : ndarray of int64, shape (n_blocks + 1,)
        Edges of the blocks in ns; x's interval belongs to the block that holds its end.

    Returns
    -------
    ndarray, shape (n_blocks,)
        One sum a block.

    Raises
    ------
    ValueError
        As `hayashi_yoshida`, and for a lag of 0 or below.
    """
    _check_ticks("x", x_times, x)
    _check_ticks("y", y_times, y)
    lags = np.asarray(lags, dtype=np.int64)
    if (lags <= 0).any():
        raise ValueError(f"lags is {lags}; every lag must be above 0")
    block = np.searchsorted(block_starts, x_times[1:], side="right") - 1
    block[(block < 0) | (block >= len(block_starts) - 1)] = -1
    return _block_asymmetry(x_times, x, y_times, y, lags, block, len(block_starts) - 1)


def _centre(values: Array, out: Array) -> float:
    """Write a series less its mean, NaN as 0; its standard deviation, NaN if it does not vary."""
    out[:] = values
    known = np.isfinite(out)
    count = len(out)
    if not known.all():
        out[~known] = 0.0
        count = max(int(known.sum()), 1)
    size = max(out.max(), -out.min())
    out -= out.sum() / count
    if count < len(out):
        out[~known] = 0.0
    sd = float(np.sqrt(out @ out / len(out)))
    return sd if sd > 1e-12 * size else np.nan


def _check_ticks(name: str, times: Instants, values: Array) -> None:
    if times.shape != values.shape or times.ndim != 1 or len(times) < 2:
        raise ValueError(
            f"{name} has shapes {times.shape} and {values.shape}; both must be (n,) with n >= 2"
        )
    if (np.diff(times) <= 0).any():
        raise ValueError(f"{name}_times must be strictly ascending")


@njit(cache=True, nogil=True)
def _contrasts(x_times: Instants, x: Array, y_times: Instants, y: Array, lags: Instants) -> Array:
    result = np.zeros(len(lags))
    last = len(y) - 1
    for k in range(len(lags)):
        low = 0
        high = 0
        total = 0.0
        for i in range(1, len(x)):
            start = x_times[i - 1] + lags[k]
            end = x_times[i] + lags[k]
            while low < last and y_times[low + 1] <= start:
                low += 1
            while high < last and y_times[high] < end:
                high += 1
            total += (x[i] - x[i - 1]) * (y[high] - y[low])
        result[k] = total
    return result


@njit(cache=True, nogil=True)
def _block_asymmetry(
    x_times: Instants,
    x: Array,
    y_times: Instants,
    y: Array,
    lags: Instants,
    block: Instants,
    n_blocks: int,
) -> Array:
    result = np.zeros(n_blocks)
    last = len(y) - 1
    for k in range(len(lags)):
        for sign in (1, -1):
            low = 0
            high = 0
            for i in range(1, len(x)):
                start = x_times[i - 1] + sign * lags[k]
                end = x_times[i] + sign * lags[k]
                while low < last and y_times[low + 1] <= start:
                    low += 1
                while high < last and y_times[high] < end:
                    high += 1
                if block[i - 1] >= 0:
                    result[block[i - 1]] += sign * (x[i] - x[i - 1]) * (y[high] - y[low])
    return result
