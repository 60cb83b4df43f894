"""The four methods on one expiry's day, each returning its rows of fits and densities."""

import numpy as np
import scipy
from numpy.typing import NDArray

from offtape_assets.estimates.conditional_rows import DayFit, MethodRows, Observed
from offtape_assets.quant.demixing_max_entropy import DensitySplit, max_entropy_split
from offtape_assets.quant.demixing_panel import conditional_means
from offtape_assets.quant.demixing_shift import shift_split
from offtape_assets.quant.demixing_snapshot import TwoLognormal, fit_two_lognormal_prices

Array = NDArray[np.float64]
BANDS = ("low", "high")


def panel_rows(fit: DayFit) -> MethodRows:
    """The default: the split of the day's changes."""
    split, out = fit.split, MethodRows([], [])
    strikes = fit.chains.strikes
    densities = split.densities(strikes) if split.status == "ok" else None
    for t in range(len(fit.stamps)):
        known = densities is not None and bool(np.isfinite(split.sd[t]).all())
        row = fit.row(t, "panel", split.status if known or split.status != "ok" else "too_few")
        out.fits.append(row)
        if densities is None or not known:
            continue
        mean, sd = split.mean[t], split.sd[t]
        row |= fit.moments(t, (float(mean[0]), float(mean[1])), (float(sd[0]), float(sd[1])))
        row |= _mean_bands(fit, t)
        for side, state in enumerate(("yes", "no")):
            row[f"sd_{state}_low"] = float(split.sd_low[t, side])
            row[f"sd_{state}_high"] = float(split.sd_high[t, side])
        out.densities.append(fit.density_rows(t, "panel", densities[0, t], densities[1, t]))
        law = fit.laws.get(fit.stamps[t])
        if law is not None and split.laws is not None:
            here = slice(t, t + 1)
            both = split.laws.density(law.price, split.mean[here].T, split.scale[here])[:, 0]
            p = float(split.probability[t])
            row["reconstruction_l1"] = law.distance(p * both[0] + (1.0 - p) * both[1])
    return out


def two_lognormal_rows(fit: DayFit) -> MethodRows:
    """Each snapshot alone, straight to its prices; never more than 'family_only'."""
    out, chains = MethodRows([], []), fit.chains
    for t in range(len(fit.stamps)):
        p = float(fit.split.probability[t])
        if not 0.0 < p < 1.0:
            out.fits.append(fit.row(t, "two_lognormal", _why_no_probability(fit)))
            continue
        forward = float(chains.forward[t])
        found = fit_two_lognormal_prices(
            chains.strikes, chains.prices[t], chains.price_sd[t], forward, p
        )
        row = fit.row(t, "two_lognormal", found.status)
        out.fits.append(row)
        if found.status != "family_only":
            continue
        means = (found.mean_yes * forward, found.mean_no * forward)
        widths = np.array([found.width_yes, found.width_no])
        sds = np.sqrt(np.expm1(widths**2)) * means
        row |= fit.moments(t, means, (float(sds[0]), float(sds[1])))
        yes, no = _lognormals(chains.strikes, found, forward)
        out.densities.append(fit.density_rows(t, "two_lognormal", yes, no))
        law = fit.laws.get(fit.stamps[t])
        if law is not None:
            yes, no = _lognormals(law.price, found, forward)
            row["reconstruction_l1"] = law.distance(p * yes + (1.0 - p) * no)
    return out


def _why_no_probability(fit: DayFit) -> str:
    return fit.event.status if fit.event.status != "ok" else "not_identified"


def shift_rows(fit: DayFit) -> MethodRows:
    """One base law moved to the panel's means: equal widths by assumption."""

    def split(law: Observed, p: float, means: tuple[float, float]) -> DensitySplit:
        return shift_split(law.price, law.mass, law.density, p, means)

    return _density_rows(fit, "shift", split)


def max_entropy_rows(fit: DayFit) -> MethodRows:
    """The least informative split with the panel's means."""

    def split(law: Observed, p: float, means: tuple[float, float]) -> DensitySplit:
        return max_entropy_split(law.price, law.mass, law.density, p, means[0])

    return _density_rows(fit, "max_entropy", split)


def _density_rows(fit: DayFit, method: str, split) -> MethodRows:  # type: ignore[no-untyped-def]
    """Rows of a method that divides the observed law given the panel's ratio of means."""
    out, panel = MethodRows([], []), fit.split
    for t, stamp in enumerate(fit.stamps):
        law = fit.laws.get(stamp)
        if panel.status != "ok" or law is None:
            status = panel.status if panel.status != "ok" else "no_density"
            out.fits.append(fit.row(t, method, status))
            continue
        p = float(panel.probability[t])
        means = conditional_means(np.array([law.mean]), np.array([p]), panel.ratio.value)[0]
        found = split(law, p, (float(means[0]), float(means[1])))
        row = fit.row(t, method, found.status)
        out.fits.append(row)
        if found.status != "ok":
            continue
        weights = np.where(law.density > 0.0, law.mass / np.maximum(law.density, 1e-300), 0.0)
        sds = [
            float(np.sqrt((law.price - mean) ** 2 @ (weights * part)))
            for mean, part in zip(means, (found.density_yes, found.density_no), strict=True)
        ]
        row |= fit.moments(t, (float(means[0]), float(means[1])), (sds[0], sds[1]))
        row |= _mean_bands(fit, t, means)
        row["reconstruction_l1"] = law.distance(
            p * found.density_yes + (1.0 - p) * found.density_no
        )
        yes, no = (
            np.interp(fit.chains.strikes, law.price, part, left=0.0, right=0.0)
            for part in (found.density_yes, found.density_no)
        )
        out.densities.append(fit.density_rows(t, method, yes, no))
    return out


def _mean_bands(fit: DayFit, t: int, means: Array | None = None) -> dict[str, object]:
    """The panel's bands of the means, around `means` where another method's differ slightly."""
    split = fit.split
    ratio = 1.0 if means is None else means / split.mean[t]
    cells: dict[str, object] = {}
    for name, band in zip(BANDS, (split.mean_low, split.mean_high), strict=True):
        ends = band[t] * ratio
        cells |= {f"mean_yes_{name}": float(ends[0]), f"mean_no_{name}": float(ends[1])}
    return cells


def _lognormals(price: Array, found: TwoLognormal, forward: float) -> tuple[Array, Array]:
    """Densities per dollar of both laws."""
    parts = []
    for mean, width in ((found.mean_yes, found.width_yes), (found.mean_no, found.width_no)):
        score = np.log(price / (mean * forward)) / width + 0.5 * width
        parts.append(scipy.stats.norm.pdf(score) / (width * price))
    return parts[0], parts[1]
