"""Model probabilities of prediction contracts and their distance from the market's prices.

Frames to frames: picks what was known at each hour, prices every contract of a family together.
Positions and profits are in contract_trading, scores of the forecasts in contract_scores.
"""

from collections.abc import Iterator
from datetime import timedelta
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.quant.contract_simulation import (
    PATHS,
    IntervalProbabilities,
    simulate_merton_intervals,
    simulate_riskmetrics_intervals,
)
from offtape_assets.quant.contract_transform import riskmetrics_interval_probabilities
from offtape_assets.quant.dislocation import bootstrap_threshold
from offtape_assets.quant.merton import merton_interval_probabilities
from offtape_assets.quant.riskmetrics import HOURS_PER_YEAR, SEED_DECAY, variance_to_expiry

UNDERLYING = "BTC"
GBM, MERTON = "gbm_riskmetrics", "merton"
SIMULATION, CLOSED_FORM = "simulation", "closed_form"
LIFE_DAYS = 8
"""Days before its expiry in which a contract is traded, whatever its life: a window all dates of
the contract see alike."""
PROBABILITY_SCHEMA = pl.Schema(
    {
        "contract_id": pl.String(),
        "ts": pl.Datetime("us"),
        "model": pl.String(),
        "method": pl.String(),
        "probability": pl.Float64(),
        "standard_error": pl.Float64(),
        "probability_scaled": pl.Float64(),
        "spot": pl.Float64(),
        "volatility": pl.Float64(),
        "volatility_scaled": pl.Float64(),
        "hours_left": pl.Float64(),
        "family": pl.String(),
        "range_low": pl.Float64(),
        "range_high": pl.Float64(),
        "status": pl.String(),
    }
)
DISLOCATION_SCHEMA = pl.Schema(
    {
        "contract_id": pl.String(),
        "ts": pl.Datetime("us"),
        "model": pl.String(),
        "market_price": pl.Float64(),
        "probability": pl.Float64(),
        "dislocation": pl.Float64(),
        "threshold": pl.Float64(),
        "is_placeholder": pl.Boolean(),
        "probability_scaled": pl.Float64(),
        "price_sum": pl.Float64(),
        "hours_left": pl.Float64(),
        "family": pl.String(),
        "expires_ts": pl.Datetime("us"),
        "venue": pl.String(),
    }
)


def seeded(*name: object) -> np.random.Generator:
    """A generator named by what it is for, the same on every machine and in any order."""
    text = "|".join(str(part) for part in name)
    return np.random.default_rng(int.from_bytes(blake2b(text.encode(), digest_size=8).digest()))


class _Known(NamedTuple):
    """What was known when the contracts of one family were priced."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    spot: float
    drift: float
    jump_intensity: float
    jump_mean: float
    jump_sd: float
    hours_left: float

    @property
    def steps(self) -> int:
        """Hours left, a broken one counted whole."""
        return int(np.ceil(self.hours_left - 1e-9))

    def gbm(self, volatility: float) -> dict[str, Any]:
        """Arguments of the RiskMetrics laws; a broken last hour shortens every step alike."""
        step = self.hours_left / self.steps / HOURS_PER_YEAR
        return {
            "low": self.low,
            "high": self.high,
            "spot": self.spot,
            "variance": volatility**2 * step,
            "decay": SEED_DECAY,
            "drift": self.drift * step,
            "steps": self.steps,
        }

    def merton(self, volatility: float) -> dict[str, Any]:
        """Arguments of the jump diffusion's laws."""
        return {
            "low": self.low,
            "high": self.high,
            "spot": self.spot,
            "volatility": volatility,
            "drift": self.drift,
            "jump_intensity": self.jump_intensity,
            "jump_mean": self.jump_mean,
            "jump_sd": self.jump_sd,
            "years": self.hours_left / HOURS_PER_YEAR,
        }


def contract_probabilities(
    prices: pl.DataFrame, volatility: pl.DataFrame, seed: int, paths: int = PATHS
) -> pl.DataFrame:
    """Both models by simulation and in closed form, for every priced contract and hour.

    Parameters
    ----------
    prices : features.contract_prices of a day. volatility : features.crypto_volatility_1h of it.
    seed : names the simulations' random numbers. paths : of one simulation.

    Notes
    -----
    A price seen at ts meets what was known at the full hour before it. One set of paths prices all
    contracts of a family at an hour. Time runs from the last known spot price to the expiry.
    """
    known = volatility.filter(symbol=UNDERLYING).rename({"ts": "hour"}).drop("symbol")
    rows = (
        prices.filter(pl.col("ts") < pl.col("expires_ts"))
        .with_columns(hour=pl.col("ts").dt.truncate("1h"))
        .join(known, on="hour", how="left")
        .with_columns(
            hours_left=(pl.col("expires_ts") - pl.col("spot_ts")).dt.total_seconds() / 3600.0,
            status=pl.col("status").fill_null("no_spot"),
        )
    )
    frames = [pl.DataFrame(schema=PROBABILITY_SCHEMA)]
    for (family, hour), own in rows.group_by("family", "hour", maintain_order=True):
        frames += _priced(own, seed, str(family), hour, paths)
    return pl.concat(frames)


def _priced(
    own: pl.DataFrame, seed: int, family: str, hour: object, paths: int
) -> Iterator[pl.DataFrame]:
    """Rows of one family and hour: two models by two methods."""
    first = own.row(0, named=True)
    if first["status"] != "ok":
        for model in (GBM, MERTON):
            for method in (CLOSED_FORM, SIMULATION):
                yield _rows(own, model, method, None, None, None, None)
        return
    known, implied = _known(own, first), float(first["implied_volatility"])
    scaled = _scaled_volatility(first)
    for model in (GBM, MERTON):
        exact, rescaled = (_closed_form(known, model, v) for v in (implied, scaled))
        yield _rows(own, model, CLOSED_FORM, exact, rescaled, implied, scaled)
        drawn = _simulated(known, model, implied, seeded(seed, family, hour, model), paths)
        yield _rows(own, model, SIMULATION, drawn, None, implied, scaled)


def _known(own: pl.DataFrame, first: dict) -> _Known:
    low = own["range_low"].fill_null(0.0).to_numpy()
    high = own["range_high"].fill_null(float("inf")).to_numpy()
    names = ("spot", "drift", "jump_intensity", "jump_mean", "jump_sd", "hours_left")
    return _Known(low, high, *(first[name] for name in names))


def _scaled_volatility(first: dict) -> float:
    """Implied volatility drawn to the realised one as the expiry comes near."""
    implied, realised = (
        np.asarray(first[name]) ** 2 / HOURS_PER_YEAR
        for name in ("implied_volatility", "realised_volatility")
    )
    hourly = variance_to_expiry(implied, realised, np.asarray(first["hours_left"]))
    return float(np.sqrt(hourly * HOURS_PER_YEAR))


def _closed_form(known: _Known, model: str, volatility: float) -> IntervalProbabilities:
    if model == GBM:
        exact = riskmetrics_interval_probabilities(**known.gbm(volatility))
    else:
        exact = merton_interval_probabilities(**known.merton(volatility))
    return IntervalProbabilities(exact, np.zeros_like(exact))


def _simulated(
    known: _Known, model: str, volatility: float, rng: np.random.Generator, paths: int
) -> IntervalProbabilities:
    if model == GBM:
        return simulate_riskmetrics_intervals(**known.gbm(volatility), rng=rng, paths=paths)
    return simulate_merton_intervals(**known.merton(volatility), rng=rng, paths=paths)


def _rows(
    own: pl.DataFrame,
    model: str,
    method: str,
    found: IntervalProbabilities | None,
    scaled: IntervalProbabilities | None,
    volatility: float | None,
    volatility_scaled: float | None,
) -> pl.DataFrame:
    return own.select(
        "contract_id",
        "ts",
        pl.lit(model).alias("model"),
        pl.lit(method).alias("method"),
        _column("probability", found.probability if found else None),
        _column("standard_error", found.standard_error if found else None),
        _column("probability_scaled", scaled.probability if scaled else None),
        "spot",
        pl.lit(volatility, pl.Float64).alias("volatility"),
        pl.lit(volatility_scaled, pl.Float64).alias("volatility_scaled"),
        "hours_left",
        "family",
        "range_low",
        "range_high",
        "status",
    )


def _column(name: str, values: NDArray[np.float64] | None) -> pl.Expr:
    if values is None:
        return pl.lit(None, pl.Float64).alias(name)
    return pl.lit(pl.Series(name, values))


def dislocations(prices: pl.DataFrame, probabilities: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Market minus model for every contract-hour, with the threshold known before it.

    Parameters
    ----------
    prices : features.contract_prices of a date and the days before.
    probabilities : model.contract_probabilities of the same days; only closed forms are used.
    seed : names the bootstrap's random numbers.

    Notes
    -----
    Placeholder prices neither count towards the threshold nor may be traded. A contract's past
    begins LIFE_DAYS before its expiry.
    """
    models = probabilities.filter(method=CLOSED_FORM).select(
        "contract_id", "ts", "model", "probability", "probability_scaled", "hours_left"
    )
    rows = (
        prices.join(models, on=["contract_id", "ts"])
        .filter(pl.col("ts") >= pl.col("expires_ts") - timedelta(days=LIFE_DAYS))
        .with_columns(dislocation=pl.col("market_price") - pl.col("probability"))
        .sort("family", "model", "contract_id", "ts")
    )
    frames = [pl.DataFrame(schema=DISLOCATION_SCHEMA)]
    for (contract, _), own in rows.group_by("contract_id", "model", maintain_order=True):
        threshold = bootstrap_threshold(
            eligible(own, "dislocation"), seeded(seed, contract, "threshold")
        )
        frames.append(
            own.with_columns(threshold=pl.Series(threshold).fill_nan(None)).select(
                *DISLOCATION_SCHEMA
            )
        )
    return pl.concat(frames)


def eligible(own: pl.DataFrame, column: str) -> NDArray[np.float64]:
    """A contract's dislocations that count: NaN where the price is a placeholder."""
    values = own[column].cast(pl.Float64).to_numpy()
    return np.where(own["is_placeholder"].to_numpy(), np.nan, values)
