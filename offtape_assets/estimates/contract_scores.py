"""How good the forecasts of settled contracts were: both models, scaled or not, and the market.

Frames to frames. Standard errors are over expiries, since all strikes and hours of an expiry share
one settlement price.
"""

import polars as pl

from offtape_assets.quant.forecast_scores import reliability, score_forecasts

HORIZONS = {
    "all": (0.0, float("inf")),
    "0-6 h": (0.0, 6.0),
    "6-24 h": (6.0, 24.0),
    "1-3 d": (24.0, 72.0),
    "3 d and more": (72.0, float("inf")),
}
"""Hours left, in (low, high]."""
SCORE_SCHEMA = pl.Schema(
    {
        "forecaster": pl.String(),
        "horizon": pl.String(),
        "brier": pl.Float64(),
        "brier_se": pl.Float64(),
        "brier_baseline": pl.Float64(),
        "log_score": pl.Float64(),
        "log_score_se": pl.Float64(),
        "n_forecasts": pl.Int64(),
        "n_contracts": pl.Int64(),
        "n_expiries": pl.Int64(),
    }
)
RELIABILITY_SCHEMA = pl.Schema(
    {
        "forecaster": pl.String(),
        "bin_low": pl.Float64(),
        "bin_high": pl.Float64(),
        "n_forecasts": pl.Int64(),
        "mean_probability": pl.Float64(),
        "frequency": pl.Float64(),
        "frequency_se": pl.Float64(),
        "n_expiries": pl.Int64(),
    }
)


def contract_scores(
    dislocations: pl.DataFrame, settlements: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scores by horizon and reliability curves of every forecaster.

    Parameters
    ----------
    dislocations : model.dislocations. settlements : model.contract_settlements; only contracts
    whose outcome is known are scored, on hours whose price is no placeholder.

    Returns
    -------
    scores, curves : rows of model.contract_scores and model.contract_reliability.
    """
    known = settlements.filter(status="ok").select("contract_id", "outcome")
    rows = (
        _forecasts(dislocations.filter(~pl.col("is_placeholder")))
        .join(known, on="contract_id")
        .drop_nulls("forecast")
        .with_columns(cluster=pl.col("family").rank("dense").cast(pl.Int64))
    )
    scores, curves = [], []
    for (forecaster,), own in rows.group_by("forecaster", maintain_order=True):
        for horizon, (low, high) in HORIZONS.items():
            part = own.filter(pl.col("hours_left") > low, pl.col("hours_left") <= high)
            if part.height:
                scores.append(_score(str(forecaster), horizon, part))
        curves += _curve(str(forecaster), own)
    return (
        pl.DataFrame(scores, SCORE_SCHEMA, orient="row").with_columns(
            pl.col(pl.Float64).fill_nan(None)
        ),
        pl.DataFrame(curves, RELIABILITY_SCHEMA, orient="row").with_columns(
            pl.col(pl.Float64).fill_nan(None)
        ),
    )


def _forecasts(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per forecaster, contract and hour; the market's prices are those of one model's rows."""
    common = ("contract_id", "family", "hours_left")
    model = pl.col("model")
    market = rows.unique(["contract_id", "ts"], maintain_order=True)
    return pl.concat(
        [
            rows.select(
                model.alias("forecaster"), *common, pl.col("probability").alias("forecast")
            ),
            rows.select(
                (model + "_scaled").alias("forecaster"),
                *common,
                pl.col("probability_scaled").alias("forecast"),
            ),
            market.select(
                pl.lit("market").alias("forecaster"),
                *common,
                pl.col("market_price").clip(0.0, 1.0).alias("forecast"),
            ),
            market.select(
                pl.lit("market_normalised").alias("forecaster"),
                *common,
                (pl.col("market_price") / pl.col("price_sum")).clip(0.0, 1.0).alias("forecast"),
            ),
        ]
    )


def _score(forecaster: str, horizon: str, part: pl.DataFrame) -> tuple:
    found = score_forecasts(
        part["forecast"].to_numpy(), part["outcome"].to_numpy(), part["cluster"].to_numpy()
    )
    return (
        forecaster,
        horizon,
        found.brier,
        found.brier_se,
        found.brier_baseline,
        found.log_score,
        found.log_score_se,
        found.n_forecasts,
        part["contract_id"].n_unique(),
        found.n_clusters,
    )


def _curve(forecaster: str, own: pl.DataFrame) -> list[tuple]:
    found = reliability(
        own["forecast"].to_numpy(), own["outcome"].to_numpy(), own["cluster"].to_numpy()
    )
    expiries = own["cluster"].n_unique()
    return [(forecaster, *row, expiries) for row in zip(*(c.tolist() for c in found), strict=True)]
