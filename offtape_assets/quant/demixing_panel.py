"""The default split of a chain into two worlds: from a day's changes of price and chain with p.

ln R from the price (`event_regression`), variances from the chain's variance
(`demixing_variance`), shapes by non-negative kernels (`conditional_density`). It refuses where the
probability did not move enough.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from offtape_assets.quant.conditional_density import KernelLaws, fit_kernel_laws
from offtape_assets.quant.demixing_probability import SmoothedProbability
from offtape_assets.quant.demixing_variance import (
    VarianceSplit,
    implied_variance,
    split_variance,
)
from offtape_assets.quant.event_regression import EventSlope, align_event, log_ratio_slope

Array = NDArray[np.float64]
LARGEST_MEAN_SD = 0.20  # half the stated sd of ln R, in sds of the law, that still identifies
LEAST_LIKELIHOOD_RATIO = 10.0  # for a probability that moves at all
LEAST_SPREAD = 0.03  # range of the smoothed probability over the day
TAIL_ERROR = 0.25  # share of the variance beyond the quotes taken as its standard error
SHAPE_ERROR = 0.008  # of a log sd, from kernels of one width; see docs/methods/conditional.md
BAND = 0.90
WITHIN = (1e-4, 1.0 - 1e-4)  # of p, so that both laws have weight


@dataclass(frozen=True)
class Chains:
    """The chains of one expiry through a day.

    Attributes
    ----------
    minute : (T,) int
        Place of each snapshot on the event's minute clock.
    strikes : (K,)
        Ascending, dollars.
    prices, price_sd : (T, K)
        Undiscounted premium of the put below the forward and of the call above, and its sd; NaN
        where unquoted.
    forward, tau : (T,)
        Dollars; years to expiry.
    """

    minute: NDArray[np.int64]
    strikes: Array
    prices: Array
    price_sd: Array
    forward: Array
    tau: Array

    def __post_init__(self) -> None:
        shape = (self.minute.size, self.strikes.size)
        if self.prices.shape != shape or self.price_sd.shape != shape:
            raise ValueError(f"prices and price_sd must be {shape}, got {self.prices.shape}")
        if not self.forward.shape == self.tau.shape == self.minute.shape:
            raise ValueError("minute, forward and tau must have one length")

    def at(self, kept: NDArray[np.bool_]) -> "Chains":
        """The snapshots kept."""
        return Chains(
            self.minute[kept],
            self.strikes,
            self.prices[kept],
            self.price_sd[kept],
            self.forward[kept],
            self.tau[kept],
        )


@dataclass(frozen=True)
class PanelSplit:
    """Two worlds at each snapshot; (T, 2) arrays hold yes then no, NaN unless status is 'ok'.

    Attributes
    ----------
    probability : (T,)
        On the price's clock.
    mean, mean_low, mean_high : (T, 2)
        Conditional means, dollars, and their 90 % band.
    sd, sd_low, sd_high : (T, 2)
        Conditional standard deviations, dollars.
    identification : float
        1 less half the stated sd of ln R (the sd of a mean at p = .5) in sds of the law, at least 0;
        'ok' from .80.
    slope : EventSlope
        ln R and its error.
    lag : float
        Minutes the price is behind the probability, on average over what the data leave open.
    laws, scale
        Shapes, and the volatility scale (T,) of each snapshot.
    status : str
        'ok', 'not_identified', 'inconsistent', 'too_few', 'constant', 'not_converged'.
    """

    probability: Array
    mean: Array
    mean_low: Array
    mean_high: Array
    sd: Array
    sd_low: Array
    sd_high: Array
    identification: float
    slope: EventSlope
    lag: float
    laws: KernelLaws | None
    scale: Array
    status: str

    def densities(self, price: Array) -> Array:
        """Densities per dollar (2, T, K) at prices (K,); only of an 'ok' split."""
        if self.laws is None:
            raise ValueError(f"a split with status {self.status!r} has no densities")
        return self.laws.density(price, self.mean.T, self.scale)


def conditional_means(forward: Array, probability: Array, log_ratio: float) -> Array:
    """(T, 2) means given yes and no that mix to the forward and stand at ratio e^log_ratio."""
    ratio = np.exp(log_ratio)
    base = forward / (probability * ratio + 1.0 - probability)
    return np.column_stack([base * ratio, base])


def identify(slope: EventSlope, event: SmoothedProbability, total_sd: float) -> tuple[float, str]:
    """Score and status of a slope for laws of relative sd `total_sd`.

    Notes
    -----
    The score needs no threshold on dollars: an error of the mean is small or large against what the
    law itself leaves open. The probability must also be seen to move, for the slope's own error is
    only right where the smoothed path is more than noise.
    """
    if slope.status != "ok":
        return 0.0, slope.status
    score = max(0.0, 1.0 - 0.5 * slope.sd / total_sd)
    moves = event.likelihood_ratio >= LEAST_LIKELIHOOD_RATIO and event.spread >= LEAST_SPREAD
    if not moves or score < 1.0 - LARGEST_MEAN_SD:
        return score, "not_identified"
    return score, "ok"


def demix_panel(
    log_price: Array, event: SmoothedProbability, chains: Chains, factors: Array | None = None
) -> PanelSplit:
    """Split one expiry's chains through a day into the laws given yes and given no.

    Parameters
    ----------
    log_price : (M,)
        Log price of the underlying at each minute of the event's clock; NaN where unknown.
    event : SmoothedProbability
    chains : Chains
    factors : (M, K), optional
        See `event_regression.event_slope`.

    Returns
    -------
    PanelSplit

    Raises
    ------
    ValueError
        Where lengths differ or a snapshot's minute is off the clock.

    Notes
    -----
    f_t = p_t f_yes + (1 - p_t) f_no with laws scaled by a common factor M_t = F_t/(p R + 1 - p) and a
    common volatility level. The whole day enters every row: a description, not a forecast. Bands
    are for the model with p independent of everything else that moves the name; a factor correlated
    with p goes into R one for one.
    """
    if chains.minute.size and not (
        chains.minute.min() >= 0 and chains.minute.max() < event.mean.size
    ):
        raise ValueError(f"a snapshot's minute lies outside 0..{event.mean.size - 1}")
    event, lag = align_event(log_price, event, factors)
    slope = log_ratio_slope(log_price, event, factors)
    variance = implied_variance(chains.strikes, chains.prices, chains.forward)
    kept = np.isfinite(variance.relative)
    if kept.sum() < 2 or slope.status != "ok":
        status = slope.status if slope.status != "ok" else "too_few"
        return _unsplit(event, chains, 0.0, (slope, lag), status)
    total_sd = float(np.sqrt(np.median(variance.relative[kept])))
    score, status = identify(slope, event, total_sd)
    if status != "ok":
        return _unsplit(event, chains, score, (slope, lag), status)
    known = chains.at(kept)
    p = np.clip(event.mean[known.minute], *WITHIN)
    split = split_variance(variance.relative[kept], known.tau, p, slope.slope)
    if split.status != "ok":
        return _unsplit(event, chains, score, (slope, lag), split.status)
    sd_error = np.sqrt(
        _sd_errors(variance.relative[kept], known.tau, p, slope, split) ** 2
        + (0.5 * TAIL_ERROR * variance.tail_share[kept][:, None]) ** 2
        + SHAPE_ERROR**2
    )
    total_vol = np.exp(0.5 * (split.log_sd_yes + split.log_sd_no))
    laws = fit_kernel_laws(
        known.strikes, known.prices, known.price_sd, known.forward, p, slope.slope, total_vol
    )
    scale = total_vol / total_vol[total_vol.size // 2]
    mean = conditional_means(known.forward, p, slope.slope)
    sd = laws.relative_sd(scale).T * mean
    mean_half = scipy.stats.t.ppf(0.5 + BAND / 2, slope.degrees_of_freedom) * _mean_errors(
        p, event.sd[known.minute], slope
    )
    sd_half = scipy.stats.norm.ppf(0.5 + BAND / 2) * sd_error
    found = PanelSplit(
        probability=p,
        mean=mean,
        mean_low=mean * np.exp(-mean_half),
        mean_high=mean * np.exp(mean_half),
        sd=sd,
        sd_low=sd * np.exp(-sd_half),
        sd_high=sd * np.exp(sd_half),
        identification=score,
        slope=slope,
        lag=lag,
        laws=laws,
        scale=scale,
        status="ok",
    )
    return _on_all(found, kept, event.mean[chains.minute])


def _mean_errors(p: Array, p_sd: Array, slope: EventSlope) -> Array:
    """(T, 2) standard errors of the log conditional means."""
    ratio = np.exp(slope.slope)
    mixed = p * ratio + 1.0 - p
    of_ratio = np.column_stack([(1.0 - p) / mixed, p * ratio / mixed]) * slope.sd
    of_p = np.abs(ratio - 1.0) / mixed * p_sd
    return np.hypot(of_ratio, of_p[:, None])


def _sd_errors(
    variance: Array, tau: Array, p: Array, slope: EventSlope, split: VarianceSplit
) -> Array:
    """(T, 2) standard errors of the log conditional sds: of the split, and of ln R through it."""
    own = np.column_stack([split.error_yes, split.error_no])
    through = np.zeros_like(own)
    for sign in (1.0, -1.0):
        moved = split_variance(variance, tau, p, slope.slope + sign * slope.sd)
        if moved.status == "ok":
            by_yes = np.abs(moved.log_sd_yes - split.log_sd_yes)
            by_no = np.abs(moved.log_sd_no - split.log_sd_no)
            through = np.maximum(through, np.column_stack([by_yes, by_no]))
    return np.hypot(own, through)


def _on_all(found: PanelSplit, kept: NDArray[np.bool_], probability: Array) -> PanelSplit:
    """The split with NaN rows at the snapshots that were not kept."""
    spread: dict[str, Any] = {}
    for name in ("mean", "mean_low", "mean_high", "sd", "sd_low", "sd_high", "scale"):
        values = getattr(found, name)
        spread[name] = np.full((kept.size, *values.shape[1:]), np.nan)
        spread[name][kept] = values
    return replace(found, probability=np.clip(probability, *WITHIN), **spread)


def _unsplit(
    event: SmoothedProbability,
    chains: Chains,
    score: float,
    slope: tuple[EventSlope, float],
    status: str,
) -> PanelSplit:
    nothing = np.full((chains.minute.size, 2), np.nan)
    return PanelSplit(
        probability=event.mean[chains.minute],
        mean=nothing,
        mean_low=nothing,
        mean_high=nothing,
        sd=nothing,
        sd_low=nothing,
        sd_high=nothing,
        identification=score,
        slope=slope[0],
        lag=slope[1],
        laws=None,
        scale=nothing[:, 0],
        status=status,
    )
