"""Forecasts of up-moves from minute features, walked forward through one day, and their scores.

Training rows are earlier days, as far as they are there, and the day's own past, purged of every
outcome that reaches into what is forecast.
"""

from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.estimates.table_rows import frame_of
from offtape_assets.quant.up_move import (
    Fold,
    LogisticFit,
    fit_logistic,
    reliability,
    score,
    walk_forward_folds,
)
from offtape_assets.tables import model_leadership
from offtape_assets.tables.features import UP_MOVE_SAMPLES

Array = NDArray[np.float64]

FOLDS = 6
FIRST_SHARE = 0.4  # of the day that only trains where there are no earlier days
RIDGE = 10.0  # on standardized coefficients; small beside thousands of rows
BINS = 10  # of the reliability curve

FEATURES = {
    "pct_trades_iso": pl.col("pct_trades_iso"),
    "pct_volume_iso": pl.col("pct_volume_iso"),
    "iso_signed_share": pl.col("iso_signed_share"),
    "signed_flow_share": pl.col("total_flow") / (pl.col("total_volume") * pl.col("last_mid")),
    "slippage_per_trade": pl.col("slippage_normalized") / pl.col("num_trades"),
    "log_trades": pl.col("num_trades").log1p(),
    "log_quote_updates": pl.col("quote_updates").log1p(),
    "avg_rsprd": pl.col("avg_rsprd"),
    "odd_lot_share": pl.col("odd_lot_share"),
    "return_1m": (pl.col("last_mid") / pl.col("last_mid").shift(1)).log(),
    "return_5m": (pl.col("last_mid") / pl.col("last_mid").shift(5)).log(),
}
"""All known at the bucket's end. The realized spread is not: it looks five minutes ahead."""


class UpMoveTables(NamedTuple):
    """Rows of model.up_move_forecasts, up_move_scores and up_move_coefficients."""

    forecasts: pl.DataFrame
    scores: pl.DataFrame
    coefficients: pl.DataFrame


class _Sample(NamedTuple):
    """Minutes of all names in order of time."""

    rows: pl.DataFrame
    minute: NDArray[np.int64]
    features: Array
    outcome: Array
    is_today: NDArray[np.bool_]


def sample_up_moves(minutes: pl.DataFrame, horizon_minutes: int) -> pl.DataFrame:
    """What may be known at the end of each minute of one day, and what came of it.

    Parameters
    ----------
    minutes
        Rows of features.microstructure_1m of one day, with ticker.
    horizon_minutes
        Minutes ahead; an outcome must end in the same session.
    """
    ahead = pl.col("last_mid").shift(-horizon_minutes) - pl.col("last_mid")
    rose = pl.when(ahead > 0).then(1.0).when(ahead < 0).then(0.0)
    features = {name: pl.when(f.is_finite()).then(f) for name, f in FEATURES.items()}
    names = [column.name for column in UP_MOVE_SAMPLES.columns]
    return (
        minutes.sort("ticker", "bucket")
        .with_columns(
            *(f.over("ticker").alias(f"x_{name}") for name, f in features.items()),
            rose.over("ticker").alias("outcome"),
        )
        .filter(pl.col("last_mid").is_not_null())
        .with_columns(
            *(pl.col(f"x_{name}").alias(name) for name in FEATURES),
            pl.lit(horizon_minutes).cast(pl.Int32).alias("horizon_minutes"),
        )
        .select(names)
    )


def forecast_up_moves(samples: pl.DataFrame, day: date, horizon_minutes: int) -> UpMoveTables:
    """Forecast every name's move over the next minutes, at the end of every minute of one day.

    Parameters
    ----------
    samples
        Rows of features.up_move_samples with date: the day's and, as far as they are there,
        those of earlier days.
    day
        The day forecast.
    horizon_minutes
        Minutes ahead.

    Notes
    -----
    A forecast at T uses rows whose outcome was known one horizon before T's stretch began (purge
    and embargo of one horizon each). An unchanged mid is no outcome and trains nothing; a feature
    that is unknown (nothing traded) counts as 0.
    """
    sample = _arrays(samples, day)
    today = np.flatnonzero(sample.is_today)
    probability = np.full(len(sample.rows), np.nan)
    baseline = np.full(len(sample.rows), np.nan)
    fold_of = np.zeros(len(sample.rows), dtype=np.int64)
    status = np.full(len(sample.rows), "training", dtype=object)
    fit: LogisticFit | None = None
    n_trained = 0
    for number, fold in enumerate(_folds(sample, today, horizon_minutes), start=1):
        train = fold.train[np.isfinite(sample.outcome[fold.train])]
        fit = fit_logistic(sample.features[train], sample.outcome[train], RIDGE)
        n_trained = len(train)
        fold_of[fold.test] = number
        status[fold.test] = fit.status
        if fit.status == "ok":
            probability[fold.test] = fit.predict(sample.features[fold.test])
            baseline[fold.test] = sample.outcome[train].mean()
    rows = sample.rows.with_columns(
        pl.lit(horizon_minutes).cast(pl.Int32).alias("horizon_minutes"),
        pl.Series("probability", probability, nan_to_null=True),
        pl.Series("outcome", sample.outcome, nan_to_null=True),
        pl.Series("fold", fold_of.astype(np.int32)),
        pl.Series("status", status.astype(str)),
    ).filter(pl.Series(sample.is_today))
    names = [column.name for column in model_leadership.UP_MOVE_FORECASTS.columns]
    return UpMoveTables(
        rows.select(names),
        frame_of(model_leadership.UP_MOVE_SCORES, _scores(probability, baseline, sample.outcome)),
        frame_of(model_leadership.UP_MOVE_COEFFICIENTS, _coefficients(fit, n_trained)),
    )


def _arrays(samples: pl.DataFrame, day: date) -> _Sample:
    rows = samples.sort("bucket", "ticker")
    features = rows.select(list(FEATURES)).to_numpy().astype(float)
    return _Sample(
        rows.select("ticker", "bucket"),
        rows["bucket"].cast(pl.Datetime("us")).to_physical().to_numpy() // 60_000_000,
        np.nan_to_num(features),
        rows["outcome"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        (rows["date"] == day).to_numpy(),
    )


def _folds(sample: _Sample, today: NDArray[np.int64], horizon: int) -> list[Fold]:
    """Stretches of the day, each trained on everything before it, earlier days included."""
    minute = sample.minute[today]
    n_instants = len(np.unique(minute))
    has_past = not sample.is_today.all()
    first_share = 1.0 / max(n_instants, 2) if has_past else FIRST_SHARE
    if n_instants < 2 * FOLDS:
        return []
    folds = walk_forward_folds(minute, FOLDS, horizon, horizon, first_share)
    past = np.flatnonzero(~sample.is_today)
    return [Fold(np.concatenate([past, today[f.train]]), today[f.test]) for f in folds]


def _scores(probability: Array, baseline: Array, outcome: Array) -> list[dict[str, object]]:
    scored = np.isfinite(probability) & np.isfinite(outcome)
    if not scored.any():
        return [{"metric": "brier", "n_obs": 0, "status": "too_few"}]
    ours, flat = (score(p[scored], outcome[scored]) for p in (probability, baseline))
    pairs = [
        ("brier", ours.brier, flat.brier),
        ("log_loss", ours.log_loss, flat.log_loss),
        ("auc", ours.auc, flat.auc),
        ("base_rate", ours.base_rate, float(baseline[scored].mean())),
        ("calibration_intercept", ours.calibration_intercept, 0.0),
        ("calibration_slope", ours.calibration_slope, 1.0),
    ]
    rows: list[dict[str, object]] = [
        {
            "metric": metric,
            "value": value if np.isfinite(value) else None,
            "baseline": base,
            "n_obs": ours.n,
            "status": "ok" if np.isfinite(value) else "one_class",
        }
        for metric, value, base in pairs
    ]
    curve = reliability(probability[scored], outcome[scored], BINS)
    for number, (forecast, frequency, n) in enumerate(curve, start=1):
        if n:
            rows.append(
                {
                    "metric": f"reliability_{number:02d}",
                    "value": float(frequency),
                    "baseline": float(forecast),
                    "n_obs": int(n),
                    "status": "ok",
                }
            )
    return rows


def _coefficients(fit: LogisticFit | None, n_trained: int) -> list[dict[str, object]]:
    names = ["intercept", *FEATURES]
    if fit is None or fit.status != "ok":
        status = "too_few" if fit is None else fit.status
        return [{"feature": name, "n_obs": n_trained, "status": status} for name in names]
    values = [fit.intercept, *fit.coefficient]
    errors = [fit.intercept_error, *fit.standard_error]
    return [
        {
            "feature": name,
            "coefficient": float(value),
            "coefficient_se": float(error),
            "n_obs": n_trained,
            "status": "ok",
        }
        for name, value, error in zip(names, values, errors, strict=True)
    ]
