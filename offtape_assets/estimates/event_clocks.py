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

WINDOW = 120  # minutes of the jump test
STEP = 5  # minutes between the samples of a rate: a filter of few trades moves in lumps
PINNED = 0.02  # of 0 and 1, where the last cent hides every move
CLEAR = 3.0  # standard deviations of the two estimates a jump lies between
RATE_WINDOW = 24  # such steps: two hours
REFIT = 30  # minutes between fits of a clock's parameter
MINUTES = 1440
EstimateRate = Callable[[np.ndarray, np.ndarray, int], ClockRates]
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
    A jump must pass the test and exceed CLEAR standard deviations of the filter's own doubt.
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
    doubt = minutes["variance"] + minutes["variance"].shift(1)
    is_clear = (minutes["probability"].diff() ** 2 > CLEAR**2 * doubt).fill_null(False)
    base = minutes.select("ts").with_columns(
        pl.Series("probit", ndtri(b)).replace([np.inf, -np.inf], None),
        pl.Series("jump_statistic", jumps.statistic).fill_nan(None),
        pl.Series("is_jump", jumps.is_jump) & is_clear,
    )
    frames = [
        _rates(base, "local_variance", local_variance_rate, seconds, b),
        _rates(base, "bipower", bipower_rate, seconds, b),
        _digital(base, seconds, b, settled.timestamp()),
        _taleb(base, seconds, b, settled.timestamp()),
    ]
    return pl.concat(frame.select(_SCHEMA.keys()) for frame in frames).sort("ts", "method")


def _by_minute(level: pl.DataFrame, day: date) -> pl.DataFrame:
    """Last probability known at each minute's end, from the first trade's minute on."""
    stamped = level.select(pl.col("ts").cast(pl.Datetime("us")), "probability", "variance")
    ends = stamped.group_by(
        ts=pl.col("ts").dt.truncate("1m") + pl.duration(minutes=1), maintain_order=True
    ).agg(pl.col("probability", "variance").last())
    first, last = ends["ts"][0], ends["ts"][-1]
    midnight = datetime.combine(day + timedelta(days=1), time(0))
    grid = pl.datetime_range(first, max(last, midnight), "1m", time_unit="us", eager=True)
    return (
        pl.DataFrame({"ts": grid})
        .join(ends, on="ts", how="left")
        .with_columns(pl.col("probability", "variance").forward_fill())
    )


def _rates(
    base: pl.DataFrame, method: str, estimate: EstimateRate, seconds: np.ndarray, b: np.ndarray
) -> pl.DataFrame:
    """Every minute's trailing rate from increments of STEP minutes that end with it."""
    rate, error = np.full(b.size, np.nan), np.full(b.size, np.nan)
    for first in range(min(STEP, b.size - 1)):
        own = slice(first, None, STEP)
        if seconds[own].size > 1:
            found = estimate(seconds[own], b[own], RATE_WINDOW)
            rate[own], error[own] = found.rate, found.standard_error
    is_pinned = (b < PINNED) | (b > 1.0 - PINNED)
    rate[is_pinned] = error[is_pinned] = np.nan
    status = np.where(is_pinned, "at_limit", np.where(np.isfinite(rate), "ok", "too_few"))
    return base.with_columns(
        pl.lit(method).alias("method"),
        pl.Series("clock_rate", rate).fill_nan(None),
        pl.Series("clock_rate_error", error).fill_nan(None),
        pl.lit(None, pl.Float64).alias("clock_parameter"),
        pl.lit(None, pl.Float64).alias("clock_parameter_error"),
        pl.Series("status", status, dtype=pl.String),
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
