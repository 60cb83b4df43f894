"""The default split of a chain into two worlds: from a day's changes of price and chain with p.

ln R from the price (`event_ratio`), variances from the chain's variance
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
from offtape_assets.quant.event_ratio import EventRatio, fit_event_ratio

Array = NDArray[np.float64]
LARGEST_MEAN_SD = 0.15  # half the stated sd of ln R, in sds of the law, that still identifies
LEAST_LIKELIHOOD_RATIO = 10.0  # for a probability that moves at all
LEAST_SPREAD = 0.03  # range of the smoothed probability over the day
CONTRADICTED = 3.0  # sds beyond the chain's variance at which ln R is not cut back to it
BISECTIONS = 8
TAIL_ERROR = 0.25  # share of the variance beyond the quotes taken as its standard error
SHAPE_ERROR = 0.006  # of a log sd, from kernels of one width; see docs/methods/conditional.md
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
        'ok' from .85.
    ratio : EventRatio
        ln R, its error, and the lag between the two clocks.
    laws, scale
        Shapes, and the volatility scale (T,) of each snapshot.
    status : str
        'ok', 'not_identified', 'inconsistent' (shares and options contradict), 'too_few', 'constant', 'not_converged'.
    """

    probability: Array
    mean: Array
    mean_low: Array
    mean_high: Array
    sd: Array
    sd_low: Array
    sd_high: Array
    identification: float
    ratio: EventRatio
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


def identify(ratio: EventRatio, event: SmoothedProbability, total_sd: float) -> tuple[float, str]:
    """Score and status of a log ratio for laws of relative sd `total_sd`.

    Notes
    -----
    The score needs no threshold on dollars: an error of the mean is small or large against what the
    law itself leaves open. The probability must also be seen to move, for the ratio's own error is
    only right where the smoothed path is more than noise.
    """
    if ratio.status != "ok":
        return 0.0, ratio.status
    score = max(0.0, 1.0 - 0.5 * ratio.sd / total_sd)
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
        See `event_ratio.fit_event_ratio`.

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
    ratio = fit_event_ratio(log_price, event, factors)
    variance = implied_variance(chains.strikes, chains.prices, chains.forward)
    kept = np.isfinite(variance.relative)
    if kept.sum() < 2 or ratio.status != "ok":
        status = ratio.status if ratio.status != "ok" else "too_few"
        return _unsplit(chains, 0.0, ratio, status)
    total_sd = float(np.sqrt(np.median(variance.relative[kept])))
    score, status = identify(ratio, event, total_sd)
    if status != "ok":
        return _unsplit(chains, score, ratio, status)
    known = chains.at(kept)
    p = np.clip(ratio.event.mean[known.minute], *WITHIN)
    ratio = bounded_ratio(ratio, variance.relative[kept], known.tau, p)
    split = split_variance(variance.relative[kept], known.tau, p, ratio.value)
    if split.status != "ok":
        return _unsplit(chains, score, ratio, split.status)
    sd_error = np.sqrt(
        _sd_errors(variance.relative[kept], known.tau, p, ratio, split) ** 2
        + (0.5 * TAIL_ERROR * variance.tail_share[kept][:, None]) ** 2
        + SHAPE_ERROR**2
    )
    total_vol = np.exp(0.5 * (split.log_sd_yes + split.log_sd_no))
    laws = fit_kernel_laws(
        known.strikes, known.prices, known.price_sd, known.forward, p, ratio.value, total_vol
    )
    scale = total_vol / total_vol[total_vol.size // 2]
    mean = conditional_means(known.forward, p, ratio.value)
    sd = laws.relative_sd(scale).T * mean
    width = scipy.stats.norm.ppf(0.5 + BAND / 2)
    mean_half = width * _mean_errors(p, ratio.event.sd[known.minute], ratio)
    sd_half = width * sd_error
    found = PanelSplit(
        probability=p,
        mean=mean,
        mean_low=mean * np.exp(-mean_half),
        mean_high=mean * np.exp(mean_half),
        sd=sd,
        sd_low=sd * np.exp(-sd_half),
        sd_high=sd * np.exp(sd_half),
        identification=score,
        ratio=ratio,
        laws=laws,
        scale=scale,
        status="ok",
    )
    return _on_all(found, kept, ratio.event.mean[chains.minute])


def bounded_ratio(ratio: EventRatio, variance: Array, tau: Array, p: Array) -> EventRatio:
    """ln R given that the chain has the variance that means this far apart need.

    Notes
    -----
    Mean and sd of the normal law of ln R below the bound beyond which `split_variance` (whose other
    arguments these are) finds no laws. Unchanged where the bound is far, or further than CONTRADICTED
    sds inside: then the prices of shares and options contradict each other, and the split says so.
    """
    side = 1.0 if ratio.value >= 0.0 else -1.0

    def is_possible(size: float) -> bool:
        return split_variance(variance, tau, p, side * size).status == "ok"

    low, high = 0.0, abs(ratio.value) + CONTRADICTED * ratio.sd
    if is_possible(high) or not is_possible(low):
        return ratio
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if is_possible(middle) else (low, middle)
    score = (low - abs(ratio.value)) / ratio.sd
    if score < -CONTRADICTED:
        return ratio
    pull = float(np.exp(scipy.stats.norm.logpdf(score) - scipy.stats.norm.logcdf(score)))
    value = side * (abs(ratio.value) - ratio.sd * pull)
    return ratio._replace(value=value, sd=ratio.sd * (1.0 - score * pull - pull**2) ** 0.5)


def _mean_errors(p: Array, p_sd: Array, found: EventRatio) -> Array:
    """(T, 2) standard errors of the log conditional means."""
    ratio = np.exp(found.value)
    mixed = p * ratio + 1.0 - p
    of_ratio = np.column_stack([(1.0 - p) / mixed, p * ratio / mixed]) * found.sd
    of_p = np.abs(ratio - 1.0) / mixed * p_sd
    return np.hypot(of_ratio, of_p[:, None])


def _sd_errors(
    variance: Array, tau: Array, p: Array, ratio: EventRatio, split: VarianceSplit
) -> Array:
    """(T, 2) standard errors of the log conditional sds: of the split, and of ln R through it."""
    own = np.column_stack([split.error_yes, split.error_no])
    centre = np.column_stack([split.log_sd_yes, split.log_sd_no])
    through = []
    for sign in (1.0, -1.0):
        moved = split_variance(variance, tau, p, ratio.value + sign * ratio.sd)
        if moved.status == "ok":
            ends = np.column_stack([moved.log_sd_yes, moved.log_sd_no])
            through.append(np.abs(ends - centre))
    return np.hypot(own, np.mean(through, axis=0)) if through else own


def _on_all(found: PanelSplit, kept: NDArray[np.bool_], probability: Array) -> PanelSplit:
    """The split with NaN rows at the snapshots that were not kept."""
    spread: dict[str, Any] = {}
    for name in ("mean", "mean_low", "mean_high", "sd", "sd_low", "sd_high", "scale"):
        values = getattr(found, name)
        spread[name] = np.full((kept.size, *values.shape[1:]), np.nan)
        spread[name][kept] = values
    return replace(found, probability=np.clip(probability, *WITHIN), **spread)


def _unsplit(chains: Chains, score: float, ratio: EventRatio, status: str) -> PanelSplit:
    nothing = np.full((chains.minute.size, 2), np.nan)
    return PanelSplit(
        probability=ratio.event.mean[chains.minute],
        mean=nothing,
        mean_low=nothing,
        mean_high=nothing,
        sd=nothing,
        sd_low=nothing,
        sd_high=nothing,
        identification=score,
        ratio=ratio,
        laws=None,
        scale=nothing[:, 0],
        status=status,
    )
