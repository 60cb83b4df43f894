"""What one expiry's day hands to each method, and the rows a method returns."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.quant.demixing_panel import Chains, PanelSplit
from offtape_assets.quant.demixing_probability import SmoothedProbability
from offtape_assets.quant.density import trapezoid_weights

Array = NDArray[np.float64]


class Observed(NamedTuple):
    """A risk-neutral law on its own strikes (K,); mass sums to one."""

    price: Array
    mass: Array
    density: Array

    @classmethod
    def of(cls, rows: pl.DataFrame) -> "Observed":
        """From rows of model.risk_neutral_densities of one instant and expiry."""
        ordered = rows.select(pl.col("strike").cast(pl.Float64), "density").sort("strike")
        price, density = (ordered[name].to_numpy() for name in ("strike", "density"))
        weights = trapezoid_weights(price)
        total = float(density @ weights)
        return cls(price, density * weights / total, density / total)

    @property
    def mean(self) -> float:
        """Mean price."""
        return float(self.price @ self.mass)

    def distance(self, other: Array) -> float:
        """Integral of the absolute difference to another density on the same strikes."""
        return float(np.abs(self.density - other) @ trapezoid_weights(self.price))


@dataclass(frozen=True)
class DayFit:
    """One expiry's day: instants (T), chains, the event, the panel's split, observed laws by ts."""

    expiry: date
    stamps: list[object]
    chains: Chains
    event: SmoothedProbability
    split: PanelSplit
    laws: dict[object, Observed]

    def row(self, t: int, method: str, status: str) -> dict[str, object]:
        """What every method's row of snapshot t says."""
        split = self.split
        known = np.isfinite(split.probability[t])
        row: dict[str, object] = {
            "ts": self.stamps[t],
            "expiry": self.expiry,
            "method": method,
            "status": status,
            "probability": float(split.probability[t]) if known else None,
            "identification": split.identification,
        }
        if split.ratio.status == "ok":
            row |= {
                "log_ratio_sd": split.ratio.sd,
                "slope_likelihood_ratio": split.ratio.likelihood_ratio,
                "probability_range": self.event.spread,
                "price_lag_minutes": split.ratio.lag,
            }
        return row

    def moments(
        self, t: int, mean: tuple[float, float], sd: tuple[float, float]
    ) -> dict[str, object]:
        """Cells of the two laws' moments, dollars."""
        p = float(self.split.probability[t])
        mixed = p * mean[0] + (1.0 - p) * mean[1]
        return {
            "mean_yes": mean[0],
            "mean_no": mean[1],
            "sd_yes": sd[0],
            "sd_no": sd[1],
            "forward_return_yes": mean[0] / mixed - 1.0,
            "forward_return_no": mean[1] / mixed - 1.0,
            "log_ratio": float(np.log(mean[0] / mean[1])),
        }

    def density_rows(self, t: int, method: str, yes: Array, no: Array) -> pl.DataFrame:
        """Densities at the quoted strikes (K,)."""
        p = float(self.split.probability[t])
        law = self.laws.get(self.stamps[t])
        strikes = self.chains.strikes
        observed = (
            np.full(strikes.size, np.nan)
            if law is None
            else np.interp(strikes, law.price, law.density, left=0.0, right=0.0)
        )
        return pl.DataFrame(
            {
                "strike": strikes,
                "observed": observed,
                "density_yes": yes,
                "density_no": no,
                "reconstructed": p * yes + (1.0 - p) * no,
            }
        ).select(
            pl.lit(self.stamps[t], pl.Datetime("us")).alias("ts"),
            pl.lit(self.expiry).alias("expiry"),
            pl.lit(method).alias("method"),
            pl.all().fill_nan(None),
        )


class MethodRows(NamedTuple):
    """Rows of model.conditional_fits and frames of model.conditional_densities."""

    fits: list[dict[str, object]]
    densities: list[pl.DataFrame]
