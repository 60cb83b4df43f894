"""How fast information about the event arrives, minute by minute: rates, clock fits, jumps.

Frames in, frames out. The estimators are in quant.event_clock.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
from scipy.special import ndtri

from offtape_assets.market.calendar import NEW_YORK
from offtape_assets.quant.event_clock import (
    ClockFit,
    ClockRates,
    bipower_rate,
    detect_jumps,
    fit_digital_clock,
    fit_taleb_clock,
    local_variance_rate,
)

WINDOW = 120  # minutes of the trailing rates and of the jump test
REFIT = 30  # minutes between fits of a clock's parameter
MINUTES = 1440
FitClock = Callable[[np.ndarray, np.ndarray, float], ClockFit]
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "ts": pl.Datetime("us"),
    "method": pl.String,
    "probit": pl.Float64,
    "clock_rate": pl.Float64,
    "clock_rate_error": pl.Float64,
    "clock_parameter": pl.Float64,
    "clock_parameter_error": pl.Float64,
    "jump_statistic": pl.Float64,
    "is_jump": pl.Boolean,
    "status": pl.String,
}


def event_clocks(
    probabilities: pl.DataFrame, day: date, event_date: date, settled_hour: float
) -> pl.DataFrame:
    """Clock rates at the end of every minute from the first trade on.

    Parameters
    ----------
    probabilities
        Rows of model.kalshi_probabilities of one date; method 'continuous' is used.
    day
        The date: minutes run from its midnight UTC, or from the first trade's if that is earlier.
    event_date, settled_hour
        The outcome is known `settled_hour` hours after New York midnight of `event_date`.

    Returns
    -------
    Rows of model.event_clocks. A row at ts uses trades before ts only.

    Notes
    -----
    Increments of the filtered probability are those of a martingale whose variance is that of the
    level, whatever the trade noise, so squared they estimate the clock without noise correction.
    """
    level = probabilities.filter(pl.col("method") == "continuous").sort("ts", maintain_order=True)
    if level.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    minutes = _by_minute(level, day)
    seconds = minutes["ts"].cast(pl.Int64).to_numpy() / 1e6
    b = minutes["probability"].to_numpy()
    settled = datetime.combine(event_date, time(0), NEW_YORK) + timedelta(hours=settled_hour)
    jumps = detect_jumps(seconds, b, WINDOW)
    base = minutes.select("ts").with_columns(
        pl.Series("probit", ndtri(b)).replace([np.inf, -np.inf], None),
        pl.Series("jump_statistic", jumps.statistic).fill_nan(None),
        pl.Series("is_jump", jumps.is_jump),
    )
    frames = [
        _rates(base, "local_variance", local_variance_rate(seconds, b, WINDOW)),
        _rates(base, "bipower", bipower_rate(seconds, b, WINDOW)),
        _digital(base, seconds, b, settled.timestamp()),
        _taleb(base, seconds, b, settled.timestamp()),
    ]
    return pl.concat(frame.select(_SCHEMA.keys()) for frame in frames).sort("ts", "method")


def _by_minute(level: pl.DataFrame, day: date) -> pl.DataFrame:
    """Last probability known at each minute's end, from the first trade's minute on."""
    stamped = level.select(pl.col("ts").cast(pl.Datetime("us")), "probability")
    ends = stamped.group_by(
        ts=pl.col("ts").dt.truncate("1m") + pl.duration(minutes=1), maintain_order=True
    ).agg(pl.col("probability").last())
    first, last = ends["ts"][0], ends["ts"][-1]
    midnight = datetime.combine(day + timedelta(days=1), time(0))
    grid = pl.datetime_range(first, max(last, midnight), "1m", time_unit="us", eager=True)
    return (
        pl.DataFrame({"ts": grid})
        .join(ends, on="ts", how="left")
        .with_columns(pl.col("probability").forward_fill())
    )


def _rates(base: pl.DataFrame, method: str, found: ClockRates) -> pl.DataFrame:
    return base.with_columns(
        pl.lit(method).alias("method"),
        pl.Series("clock_rate", found.rate).fill_nan(None),
        pl.Series("clock_rate_error", found.standard_error).fill_nan(None),
        pl.lit(None, pl.Float64).alias("clock_parameter"),
        pl.lit(None, pl.Float64).alias("clock_parameter_error"),
        pl.Series("status", np.where(np.isfinite(found.rate), "ok", "too_few")),
    )


def _digital(base: pl.DataFrame, seconds: np.ndarray, b: np.ndarray, end: float) -> pl.DataFrame:
    fits = _fits(fit_digital_clock, seconds, b, end)
    c = fits["parameter"].to_numpy()
    with np.errstate(divide="ignore"):
        slope = 2.0 * c / np.maximum(end - seconds, 0.0)
    return _fitted(base, "digital", fits, 0.5 * slope * c, slope)


def _taleb(base: pl.DataFrame, seconds: np.ndarray, b: np.ndarray, end: float) -> pl.DataFrame:
    fits = _fits(fit_taleb_clock, seconds, b, end)
    sigma, left = fits["parameter"].to_numpy(), np.maximum(end - seconds, 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        growth = np.expm1(2.0 * sigma**2 * left)
        rate = 2.0 * sigma**2 / growth
        slope = 4.0 * sigma / growth * (1.0 - rate * left * (1.0 + growth))
    return _fitted(base, "taleb", fits, rate, np.abs(slope))


def _fits(fit: FitClock, seconds: np.ndarray, b: np.ndarray, end: float) -> pl.DataFrame:
    """The fit in force at each minute: made every REFIT minutes, from the minutes so far."""
    latest, fits = ClockFit(np.nan, np.nan, np.nan, "too_few"), []
    for k in range(seconds.size):
        if seconds[k] >= end:
            latest = ClockFit(np.nan, np.nan, np.nan, "event_is_over")
        elif k and k % REFIT == 0:
            latest = fit(seconds[: k + 1], b[: k + 1], end)
        fits.append(latest)
    return pl.DataFrame(fits, schema=ClockFit._fields, orient="row")


def _fitted(
    base: pl.DataFrame, method: str, fits: pl.DataFrame, rate: np.ndarray, slope: np.ndarray
) -> pl.DataFrame:
    """Rows of a fitted clock; the rate's error is the parameter's times the rate's slope in it."""
    is_ok = (fits["status"] == "ok") & pl.Series(np.isfinite(rate))
    columns = base.with_columns(
        pl.lit(method).alias("method"),
        pl.Series("clock_rate", rate),
        (pl.Series(slope) * fits["standard_error"]).alias("clock_rate_error"),
        fits["parameter"].alias("clock_parameter"),
        fits["standard_error"].alias("clock_parameter_error"),
        fits["status"],
    )
    estimates = ("clock_rate", "clock_rate_error", "clock_parameter", "clock_parameter_error")
    return columns.with_columns(pl.when(is_ok).then(pl.col(name)).alias(name) for name in estimates)
