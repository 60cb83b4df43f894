"""Laws of the factor portfolios that a joint law of names implies.

In dollars as the seed defines them (weights times prices), and as returns of the portfolios,
which is what the weights are for. Which states are used is decided in joint.py.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.quant.factor_law import factor_density, factor_moments, factor_states

Floats = NDArray[np.float64]

MOMENT_SCHEMA = pl.Schema(
    {
        "ts": pl.Datetime("us"),
        "expiry": pl.Date(),
        "factor": pl.String(),
        "mean": pl.Float64(),
        "variance": pl.Float64(),
        "implied_vol": pl.Float64(),
        "return_mean": pl.Float64(),
        "return_vol": pl.Float64(),
        "return_vol_independent": pl.Float64(),
        "weight_coverage": pl.Float64(),
        "tau_years": pl.Float64(),
        "status": pl.String(),
    }
)
LAW_SCHEMA = pl.Schema(
    {
        "ts": pl.Datetime("us"),
        "factor": pl.String(),
        "value": pl.Float64(),
        "density_kde": pl.Float64(),
        "density_histogram": pl.Float64(),
        "factor_return": pl.Float64(),
        "return_density_kde": pl.Float64(),
        "return_density_histogram": pl.Float64(),
    }
)


def factor_frames(
    states: pl.DataFrame, fits: pl.DataFrame, weights: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of model.factor_laws and model.factor_moments, from model.joint_states.

    `weights` has as_of, factor, ticker and weight of every stock; those without a law are left
    out and the share of weight that remains is stated. `fits` gives the years to expiry.
    """
    laws, moments = [pl.DataFrame(schema=LAW_SCHEMA)], []
    years = dict(fits.drop_nulls("tau_years").select("ts", "tau_years").unique().iter_rows())
    for (ts, expiry), own in states.group_by("ts", "expiry", maintain_order=True):
        wide = own.pivot("ticker", index="state", values="price").drop("state")
        prices = wide.cast(pl.Float64).to_numpy()
        for held in _held_weights(weights, wide.columns):
            about = {"ts": ts, "expiry": expiry, "factor": held.factor, "tau_years": years.get(ts)}
            about |= {"weight_coverage": held.coverage, "status": held.status}
            if held.status == "no_weights":
                moments.append(about)
                continue
            law, moment = _factor(prices, held.weights, years.get(ts))
            moments.append(about | moment)
            laws.append(
                law.select(pl.lit(ts).alias("ts"), pl.lit(held.factor).alias("factor"), "*")
            )
    return (
        pl.concat([law.select(list(LAW_SCHEMA)).cast(LAW_SCHEMA) for law in laws]),
        pl.DataFrame(moments, schema=MOMENT_SCHEMA),
    )


def _factor(
    prices: Floats, held: Floats, years: float | None
) -> tuple[pl.DataFrame, dict[str, object]]:
    """Densities and moments of one factor: in dollars, and as a return over the forwards."""
    dollars = factor_states(prices, held[:, None])
    balanced = balance_legs(held)
    relative = prices / prices.mean(axis=0) - 1.0
    returns = factor_states(relative, balanced[:, None])
    in_dollars, as_return = factor_moments(dollars), factor_moments(returns)
    alone = float(np.sqrt(balanced**2 @ relative.var(axis=0)))
    root = np.sqrt(years) if years else np.nan
    price, change = factor_density(dollars[:, 0]), factor_density(returns[:, 0])
    law = pl.DataFrame(
        {
            "value": price.values,
            "density_kde": price.kernel,
            "density_histogram": price.histogram,
            "factor_return": change.values,
            "return_density_kde": change.kernel,
            "return_density_histogram": change.histogram,
        }
    )
    moments: dict[str, object] = {
        "mean": float(in_dollars.mean[0]),
        "variance": float(in_dollars.variance[0]),
        "implied_vol": float(in_dollars.volatility[0]),
        "return_mean": float(as_return.mean[0]),
        "return_vol": float(as_return.volatility[0] / root) if years else None,
        "return_vol_independent": alone / float(root) if years else None,
    }
    return law, moments


def balance_legs(weights: Floats) -> Floats:
    """Weights whose long leg sums to one and whose short leg, if there is one, to minus one."""
    long, short = np.maximum(weights, 0.0), np.maximum(-weights, 0.0)
    tiny = np.finfo(float).tiny
    return long / max(long.sum(), tiny) - short / max(short.sum(), tiny)


class Held(NamedTuple):
    """The part of a factor's portfolio that the joint law knows."""

    factor: str
    weights: Floats
    """Weight of each column of the states."""
    coverage: float
    """Their share of the factor's absolute weight."""
    status: str
    """'ok', 'one_leg' where a long-short factor is left with one side, or 'no_weights'."""


def _held_weights(weights: pl.DataFrame, tickers: Sequence[str]) -> Iterator[Held]:
    """What is held of every factor of the latest evening."""
    if weights.is_empty():
        return
    latest = weights.filter(pl.col("as_of") == pl.col("as_of").max())
    for (factor,), own in latest.group_by("factor", maintain_order=True):
        by_ticker = dict(zip(own["ticker"], own["weight"], strict=True))
        held = np.array([float(by_ticker.get(ticker, 0.0)) for ticker in tickers])
        total = float(own["weight"].abs().sum())
        signs = set(own["weight"].sign().to_list()) - {0.0}
        missing = signs - set(np.sign(held))
        status = "no_weights" if not held.any() else "one_leg" if missing else "ok"
        yield Held(str(factor), held, np.abs(held).sum() / total if total else 0.0, status)
