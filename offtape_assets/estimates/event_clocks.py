"""How fast information about the event arrives, minute by minute: rates, clock fits, jumps.

Frames in, frames out. The estimators are in quant.event_clock and quant.event_clock_fit.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
from scipy.special import ndtri

from offtape_assets.market.calendar import NEW_YORK
from offtape_assets.quant.event_clock import (
    ClockRates,
    bipower_rate,
    detect_jumps,
    local_variance_rate,
)
from offtape_assets.quant.event_clock_fit import ClockFit, fit_digital_clock, fit_taleb_clock
from offtape_assets.quant.ucbm import digital_clock, probit_slope, taleb_clock

WINDOW = 120  # minutes of the jump test
STEP = 10  # traded minutes between the samples of a rate: a filter of few trades moves in lumps
PINNED = 0.05  # of 0 and 1, where a cent hides the moves
CLEAR = 3.0  # standard deviations of the two estimates a jump lies between
RATE_WINDOW = 12  # such steps: two hours
OVERLAP = np.sqrt(2.0 / 3.0)  # error of the mean over the STEP ways to begin, of one way's error
JUMP_LIMIT = 3.0  # standard deviations a minute may move before a fit takes it for a jump
REFIT = 30  # minutes between fits of a clock's parameter
FIT_STEPS = (1, 2, 3, 5)  # traded minutes between the samples of a fit
FAINT = 0.2  # share of a clock's variance that the filter's may make up
MINUTES = 1440
EstimateRate = Callable[[np.ndarray, np.ndarray, np.ndarray], ClockRates]
FitClock = Callable[[np.ndarray, np.ndarray, float, float, float], ClockFit]
ClockOf = Callable[[np.ndarray, float, float], np.ndarray]
RateOf = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
_DIGITAL, _TALEB = (fit_digital_clock, digital_clock), (fit_taleb_clock, taleb_clock)
_ESTIMATES = ("clock_rate", "clock_rate_error", "clock_parameter", "clock_parameter_error")
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
    """Clock rates at the end of every minute from the first trade's on.

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
    Increments are those of the filter, which may lag: the error of a trailing rate is that of the
    estimator and, added in squares, all that the filter's own variance could hide.
    A jump must pass the test and exceed CLEAR standard deviations of the filter's own doubt.
    Increments of the filtered probability are those of a martingale whose variance is that of the
    level, whatever the trade noise, so squared they estimate the clock without noise correction.
    """
    level = probabilities.filter(pl.col("method") == "continuous").sort("ts", maintain_order=True)
    if level.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    minutes = _traded_minutes(level)
    settled = datetime.combine(event_date, time(0), NEW_YORK) + timedelta(hours=settled_hour)
    rows = _jumps(minutes)
    jumped = np.cumsum(np.where(rows["is_jump"], minutes["probability"].diff().fill_null(0.0), 0.0))
    frames = [
        rows.join(_rates(minutes, "local_variance", _local_variance, jumped), on="ts"),
        rows.join(_rates(minutes, "bipower", _bipower, jumped), on="ts"),
        rows.join(_fits(minutes, "digital", *_DIGITAL, settled.timestamp()), on="ts"),
        rows.join(_fits(minutes, "taleb", *_TALEB, settled.timestamp()), on="ts"),
    ]
    filled = [_every_minute(frame, day) for frame in frames]
    filled[2] = _with_rate(filled[2], _digital_rate, settled.timestamp())
    filled[3] = _with_rate(filled[3], _taleb_rate, settled.timestamp())
    clocks = pl.concat(frame.select(_SCHEMA.keys()) for frame in filled).sort("ts", "method")
    return clocks.with_columns(pl.col(*_ESTIMATES).fill_nan(None))


def _traded_minutes(level: pl.DataFrame) -> pl.DataFrame:
    """What was known at the end of each minute with a trade; ts in UTC, seconds since 1970."""
    stamped = level.select(pl.col("ts").cast(pl.Datetime("us")), "probability", "variance")
    ends = pl.col("ts").dt.truncate("1m") + pl.duration(minutes=1)
    minutes = stamped.group_by(ts=ends, maintain_order=True).agg(
        pl.col("probability", "variance").last()
    )
    return minutes.with_columns(seconds=pl.col("ts").cast(pl.Int64) / 1e6)


def _every_minute(frame: pl.DataFrame, day: date) -> pl.DataFrame:
    """Rows to the end of the day; a minute without a trade carries the estimate, not the jump."""
    midnight = datetime.combine(day + timedelta(days=1), time(0))
    first, last = frame["ts"][0], max(frame["ts"][-1], midnight)
    grid = pl.DataFrame({"ts": pl.datetime_range(first, last, "1m", time_unit="us", eager=True)})
    own = grid.join(frame, on="ts", how="left", maintain_order="left")
    return own.with_columns(
        pl.col("is_jump").fill_null(False), pl.exclude("is_jump", "jump_statistic").forward_fill()
    )


def _jumps(minutes: pl.DataFrame) -> pl.DataFrame:
    """Probit, jump statistic and verdict of each traded minute."""
    b = minutes["probability"].to_numpy()
    statistic, is_jump = np.full(b.size, np.nan), np.zeros(b.size, bool)
    if b.size > 1:
        found = detect_jumps(minutes["seconds"].to_numpy(), b, WINDOW, MINUTES)
        statistic, is_jump = found.statistic, found.is_jump
    doubt = minutes["variance"] + minutes["variance"].shift(1)
    is_clear = (minutes["probability"].diff() ** 2 > CLEAR**2 * doubt).fill_null(False)
    return minutes.select(
        "ts",
        pl.Series("probit", ndtri(b)).replace([np.inf, -np.inf], None),
        pl.Series("jump_statistic", statistic).fill_nan(None),
        pl.Series("is_jump", is_jump) & is_clear,
    )


def _local_variance(seconds: np.ndarray, b: np.ndarray, jumped: np.ndarray) -> ClockRates:
    """Of every move, jumps included."""
    return local_variance_rate(seconds, b, RATE_WINDOW, PINNED)


def _bipower(seconds: np.ndarray, b: np.ndarray, jumped: np.ndarray) -> ClockRates:
    """Without the jumps found so far."""
    return bipower_rate(seconds, b, RATE_WINDOW, PINNED, jumped)


def _rates(
    minutes: pl.DataFrame, method: str, estimate: EstimateRate, jumped: np.ndarray
) -> pl.DataFrame:
    """Trailing rate at each traded minute from increments over STEP traded minutes, the mean over
    the latest STEP samples, which begin at as many different minutes."""
    seconds, b = minutes["seconds"].to_numpy(), minutes["probability"].to_numpy()
    rates, errors, doubts = (np.full(b.size, np.nan) for _ in range(3))
    for first in range(STEP):
        own = slice(first, None, STEP)
        if seconds[own].size > 1:
            found = estimate(seconds[own], b[own], jumped[own])
            rates[own], errors[own] = found.rate, found.standard_error
            doubts[own] = _doubt(minutes[own])
    rate, error, doubt = (_mean_of_latest(values) for values in (rates, errors, doubts))
    error = np.hypot(OVERLAP * error, doubt)
    is_pinned = (b < PINNED) | (b > 1.0 - PINNED)
    rate[is_pinned] = error[is_pinned] = np.nan
    status = np.where(is_pinned, "at_limit", np.where(np.isfinite(rate), "ok", "too_few"))
    return minutes.select(
        "ts",
        pl.lit(method).alias("method"),
        pl.Series("clock_rate", rate),  # NaN, not NULL: a failed rate must not be filled forward
        pl.Series("clock_rate_error", error),
        pl.lit(None, pl.Float64).alias("clock_parameter"),
        pl.lit(None, pl.Float64).alias("clock_parameter_error"),
        pl.Series("status", status, dtype=pl.String),
    )


def _mean_of_latest(values: np.ndarray) -> np.ndarray:
    """Mean of the known among the latest STEP samples; NaN where the last is unknown."""
    known = pl.Series(np.where(np.isfinite(values), values, np.nan)).fill_nan(None)
    mean = known.rolling_mean(STEP, min_samples=1).to_numpy()
    return np.where(np.isfinite(values), mean, np.nan)


def _doubt(samples: pl.DataFrame) -> np.ndarray:
    """The rate that the filter's variance at both ends of the trailing steps could hide."""
    slope = pl.Series(probit_slope(samples["probability"].to_numpy()))
    ends = (pl.col("variance") + pl.col("variance").shift(1)) / slope**2
    hidden = samples.select(
        ends.rolling_sum(RATE_WINDOW, min_samples=1)
        / pl.col("seconds").diff().rolling_sum(RATE_WINDOW, min_samples=1)
    )
    return hidden.to_series().to_numpy()


def _fits(
    minutes: pl.DataFrame, method: str, fit: FitClock, clock: ClockOf, end: float
) -> pl.DataFrame:
    """The parameter in force at each traded minute: fitted every REFIT of them, to those so far."""
    before = minutes.filter(pl.col("seconds") < end)
    latest, fits = ClockFit(np.nan, np.nan, np.nan, "too_few"), []
    for k in range(minutes.height):
        if k and k % REFIT == 0 and k < before.height:
            latest = _clear_fit(before[: k + 1], fit, clock, end)
        fits.append(latest)
    found = pl.DataFrame(fits, schema=ClockFit._fields, orient="row")
    return minutes.select("ts").with_columns(
        pl.lit(method).alias("method"),
        found["parameter"].cast(pl.Float64).alias("clock_parameter"),
        found["standard_error"].cast(pl.Float64).alias("clock_parameter_error"),
        found["status"],
    )


def _clear_fit(minutes: pl.DataFrame, fit: FitClock, clock: ClockOf, end: float) -> ClockFit:
    """The fit to the shortest steps beside which the filter's own variance is FAINT.

    Near certainty a cent hides the moves of a minute and the filter follows late: c comes out low.
    Of longer steps the fits that begin at as many different minutes are averaged.
    """
    minutes = minutes.filter((pl.col("probability") > 0) & (pl.col("probability") < 1))
    seconds, b = minutes["seconds"].to_numpy(), minutes["probability"].to_numpy()
    hidden = minutes["variance"].to_numpy() / probit_slope(b) ** 2
    best = ClockFit(np.nan, np.nan, np.nan, "too_few")
    for step in FIT_STEPS:
        fits = [fit(seconds[i::step], b[i::step], end, PINNED, JUMP_LIMIT) for i in range(step)]
        good = [found for found in fits if found.status == "ok"]
        if not good:
            return best if best.status == "ok" else fits[0]
        parameter, error, likelihood = np.mean([found[:3] for found in good], axis=0)
        best = ClockFit(float(parameter), float(error), float(likelihood), "ok")
        own = slice(None, None, step)
        counted = (b[own][:-1] > PINNED) & (b[own][:-1] < 1.0 - PINNED)
        moved = np.diff(clock(seconds[own], end, best.parameter))[counted].sum()
        if (hidden[own][:-1] + hidden[own][1:])[counted].sum() < FAINT * moved:
            break
    return best


def _digital_rate(c: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """c^2 / (T - t) and its slope in c."""
    return c**2 / left, 2.0 * c / left


def _taleb_rate(sigma: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """2 sigma^2 / (exp(2 sigma^2 (T - t)) - 1) and its slope in sigma."""
    growth = np.expm1(2.0 * sigma**2 * left)
    rate = 2.0 * sigma**2 / growth
    return rate, 4.0 * sigma / growth * (1.0 - rate * left * (1.0 + growth))


def _with_rate(frame: pl.DataFrame, rate_of: RateOf, end: float) -> pl.DataFrame:
    """The rate a fitted clock has at each minute, with the parameter's error carried over."""
    left = end - frame["ts"].cast(pl.Int64).to_numpy() / 1e6
    parameter = frame["clock_parameter"].to_numpy()
    with np.errstate(all="ignore"):
        rate, slope = rate_of(parameter, np.where(left > 0, left, np.nan))
    error = np.abs(slope) * frame["clock_parameter_error"].to_numpy()
    is_over = pl.Series(left <= 0)
    status = pl.when(is_over).then(pl.lit("event_is_over")).otherwise(pl.col("status"))
    rated = frame.with_columns(
        pl.Series("clock_rate", rate), pl.Series("clock_rate_error", error), status.alias("status")
    )
    return rated.with_columns(
        pl.when(pl.col("status") == "ok").then(pl.col(name)).alias(name) for name in _ESTIMATES
    )
