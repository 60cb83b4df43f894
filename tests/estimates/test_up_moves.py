"""Up-moves: nothing of the future in a forecast, scores beside the base rate."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from offtape_assets.estimates.up_moves import FEATURES, forecast_up_moves, sample_up_moves
from offtape_assets.tables import features, model_leadership

DAY = date(2024, 11, 5)
HORIZON = 5


def minutes_of(day: date, seed: int, signal: float, n_names: int = 6) -> pl.DataFrame:
    """Minute features whose signed ISO share announces the next five minutes' move."""
    rng = np.random.default_rng(seed)
    frames = []
    for name in range(n_names):
        announced = rng.standard_normal(390)
        steps = rng.standard_normal(390) * 0.02
        steps[1:] += signal * announced[:-1] * 0.02
        start = datetime(day.year, day.month, day.day, 14, 31)
        count = rng.integers(1, 50, 390)
        frames.append(
            pl.DataFrame(
                {
                    "date": [day] * 390,
                    "ticker": [f"N{name}"] * 390,
                    "bucket": [start + timedelta(minutes=m) for m in range(390)],
                    "last_mid": 100.0 + np.round(np.cumsum(steps), 2),
                    "iso_signed_share": announced,
                    **{
                        c: rng.uniform(0, 1, 390)
                        for c in ("pct_trades_iso", "pct_volume_iso", "avg_rsprd", "odd_lot_share")
                    },
                    "total_flow": rng.standard_normal(390) * 1e4,
                    "total_volume": count * 100.0,
                    "slippage_normalized": rng.standard_normal(390),
                    "num_trades": count,
                    "quote_updates": rng.integers(0, 90, 390),
                }
            )
        )
    return pl.concat(frames)


def samples_of(*days: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(
        [
            sample_up_moves(day, HORIZON).with_columns(pl.lit(day["date"][0]).alias("date"))
            for day in days
        ]
    )


def test_samples_are_as_declared_and_end_in_the_session() -> None:
    samples = sample_up_moves(minutes_of(DAY, 1, 0.0), HORIZON)
    declared = [column.name for column in features.UP_MOVE_SAMPLES.columns]
    assert samples.columns == declared
    last = samples.sort("bucket").filter(pl.col("ticker") == "N0").tail(HORIZON)
    assert last["outcome"].is_null().all()
    assert samples["outcome"].drop_nulls().is_in([0.0, 1.0]).all()
    one = minutes_of(DAY, 1, 0.0).filter(pl.col("ticker") == "N0").sort("bucket")
    mid = one["last_mid"].to_numpy()
    row = samples.filter(pl.col("ticker") == "N0").sort("bucket").row(20, named=True)
    expected = np.sign(mid[25] - mid[20])
    assert row["outcome"] == (None if expected == 0 else float(expected > 0))
    assert abs(row["return_5m"] - np.log(mid[20] / mid[15])) < 1e-12


def test_a_signal_is_found_and_scored() -> None:
    tables = forecast_up_moves(samples_of(minutes_of(DAY, 2, 2.0)), DAY, HORIZON)
    declared = [column.name for column in model_leadership.UP_MOVE_FORECASTS.columns]
    assert tables.forecasts.columns == declared
    scores = {row["metric"]: row for row in tables.scores.iter_rows(named=True)}
    assert scores["auc"]["value"] > 0.6
    assert scores["log_loss"]["value"] < scores["log_loss"]["baseline"] - 0.01
    assert 0.7 < scores["calibration_slope"]["value"] < 1.4
    found = {row["feature"]: row for row in tables.coefficients.iter_rows(named=True)}
    signal = found["iso_signed_share"]
    assert signal["coefficient"] / signal["coefficient_se"] > 8.0
    assert set(found) == {"intercept", *FEATURES}


def test_noise_is_not_sold_as_skill() -> None:
    tables = forecast_up_moves(samples_of(minutes_of(DAY, 3, 0.0)), DAY, HORIZON)
    scores = {row["metric"]: row for row in tables.scores.iter_rows(named=True)}
    assert abs(scores["auc"]["value"] - 0.5) < 0.08
    assert scores["log_loss"]["value"] > scores["log_loss"]["baseline"] - 0.01


def test_the_future_does_not_change_a_forecast() -> None:
    minutes = minutes_of(DAY, 4, 1.0)
    whole = forecast_up_moves(samples_of(minutes), DAY, HORIZON).forecasts
    cut = datetime(2024, 11, 5, 18, 0)
    changed = minutes.with_columns(
        pl.when(pl.col("bucket") >= cut)
        .then(pl.col("last_mid") * 1.5)
        .otherwise(pl.col("last_mid"))
    )
    again = forecast_up_moves(samples_of(changed), DAY, HORIZON).forecasts
    first = whole.filter(pl.col("bucket") >= cut)["fold"].min()
    before = (pl.col("fold") < first) & (pl.col("bucket") < cut)
    assert whole.filter(before).height > 100
    assert whole.filter(before)["probability"].equals(again.filter(before)["probability"])


def test_without_earlier_days_the_morning_only_trains() -> None:
    alone = forecast_up_moves(samples_of(minutes_of(DAY, 5, 1.0)), DAY, HORIZON).forecasts
    training = alone.filter(pl.col("status") == "training")
    assert 0.35 < training.height / alone.height < 0.45
    assert training["probability"].is_null().all()
    earlier = minutes_of(date(2024, 11, 4), 6, 1.0)
    both = forecast_up_moves(samples_of(earlier, minutes_of(DAY, 5, 1.0)), DAY, HORIZON).forecasts
    assert both["bucket"].dt.date().unique().to_list() == [DAY]
    assert both.filter(pl.col("status") == "training").height < 0.02 * both.height


def test_too_few_minutes_have_a_status() -> None:
    few = minutes_of(DAY, 7, 1.0).filter(pl.col("bucket") < datetime(2024, 11, 5, 14, 40))
    tables = forecast_up_moves(samples_of(few), DAY, HORIZON)
    assert tables.forecasts["probability"].is_null().all()
    assert tables.scores["status"].to_list() == ["too_few"]
    assert set(tables.coefficients["status"]) == {"too_few"}
