"""What a contract's model may know at each hour: spot, volatility, jumps, bill yield, and prices.

Frames to frames. A bar is stamped at its start, so its close is known one hour later; nothing here
uses a bar before it is complete.
"""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.quant.dislocation import placeholder_prices
from offtape_assets.quant.riskmetrics import (
    HOURS_PER_YEAR,
    JUMP_WINDOW_HOURS,
    ewma_variance,
    jump_statistics,
)

HISTORY_DAYS = 30
"""Days of bars a date looks back; with decay .998 the weight of older moves is a quarter."""
REALISED_DECAY = 0.5 ** (1 / 24)
"""Short memory of the realised volatility: a half-life of one day."""
LONGEST_CARRY_HOURS = 24.0
"""How long an index value is carried over a hole; the recorded holes last 24 hours."""
LONGEST_SPOT_CARRY_HOURS = 3.0
SEED_RATE = 0.05431
"""The seed's risk-free rate, where there is neither a bill series nor a setting."""
BILL_DAYS = 28
VOLATILITY_SCHEMA = pl.Schema(
    {
        "symbol": pl.String(),
        "ts": pl.Datetime("us"),
        "spot": pl.Float64(),
        "spot_ts": pl.Datetime("us"),
        "implied_volatility": pl.Float64(),
        "implied_age_hours": pl.Float64(),
        "riskmetrics_volatility": pl.Float64(),
        "realised_volatility": pl.Float64(),
        "jump_intensity": pl.Float64(),
        "jump_mean": pl.Float64(),
        "jump_sd": pl.Float64(),
        "n_jumps": pl.Int64(),
        "n_hours": pl.Int64(),
        "drift": pl.Float64(),
        "status": pl.String(),
    }
)


def crypto_volatility(
    bars: pl.DataFrame, index: pl.DataFrame, bills: pl.DataFrame, day: date, rate: float | None
) -> pl.DataFrame:
    """What is known at each of the 24 hours of a UTC day, one row per symbol and hour.

    Parameters
    ----------
    bars : hourly bars of the day and the days before (symbol, ts, close), ts the bar's start.
    index : hourly volatility index bars (symbol, ts, close), in volatility points.
    bills : yields (date, tenor_days, rate) published before their date; may be empty.
    rate : yield per year to use instead of the bills, if given.
    """
    drift = _drift(bills, day, rate)
    frames = [
        _known_hours(
            symbol,
            own.select("ts", pl.col("close").cast(pl.Float64)),
            index.filter(symbol=symbol).select("ts", pl.col("close").cast(pl.Float64)),
            day,
            drift,
        )
        for (symbol,), own in bars.group_by("symbol", maintain_order=True)
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=VOLATILITY_SCHEMA)


def _drift(bills: pl.DataFrame, day: date, rate: float | None) -> float:
    """Continuously compounded yield of the bill nearest to a month, the latest known."""
    if rate is not None:
        return rate
    known = bills.filter(pl.col("date") <= day).sort(
        "date", (pl.col("tenor_days") - BILL_DAYS).abs(), descending=[True, False]
    )
    if known.is_empty():
        return SEED_RATE
    years = known["tenor_days"][0] / 365.0
    return float(np.log1p(known["rate"][0] * years) / years)


def _known_hours(
    symbol: str, bars: pl.DataFrame, index: pl.DataFrame, day: date, drift: float
) -> pl.DataFrame:
    """Rows of one symbol. Element t of an hourly series belongs to the hour that starts at t."""
    midnight = datetime(day.year, day.month, day.day)
    end = midnight + timedelta(days=1)
    first = bars.select(pl.min_horizontal(pl.col("ts").min(), midnight)).item()
    hours = pl.datetime_range(first, end, "1h", closed="left", eager=True).alias("ts")
    closes = _on_hours(hours, bars)
    moves = np.diff(np.log(closes), prepend=np.nan)
    variance = ewma_variance(moves)
    jumps = jump_statistics(moves, variance)
    spot, spot_age = _last_known(closes)
    implied, implied_age = _last_known(_on_hours(hours, index) / 100.0)
    annual = np.sqrt(HOURS_PER_YEAR)
    stamps = hours.to_numpy()
    frame = pl.DataFrame(
        {
            "symbol": symbol,
            "ts": stamps,
            "spot": spot,
            "spot_ts": stamps - _hours(spot_age),
            "implied_volatility": implied,
            "implied_age_hours": implied_age,
            "riskmetrics_volatility": np.sqrt(variance[:-1]) * annual,
            "realised_volatility": np.sqrt(ewma_variance(moves, REALISED_DECAY)[:-1]) * annual,
            "jump_intensity": jumps.intensity[:-1] * HOURS_PER_YEAR,
            "jump_mean": jumps.mean[:-1],
            "jump_sd": jumps.sd[:-1],
            "n_jumps": jumps.n_jumps[:-1],
            "n_hours": jumps.n_hours[:-1],
            "drift": drift,
            "status": _status(spot_age, implied_age, jumps.n_hours[:-1]),
        },
        schema=VOLATILITY_SCHEMA,
    )
    return frame.filter(pl.col("ts") >= midnight).with_columns(pl.col(pl.Float64).fill_nan(None))


def _on_hours(hours: pl.Series, bars: pl.DataFrame) -> NDArray[np.float64]:
    """Closes of the bars that start at each hour, NaN where there is none."""
    joined = hours.to_frame().join(bars.unique("ts", keep="last"), on="ts", how="left")
    return joined.sort("ts")["close"].to_numpy().astype(np.float64)


def _last_known(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Last value of the hours before each hour, and the hours since it was complete (0: fresh)."""
    place = np.arange(values.size)
    last = np.maximum.accumulate(np.where(np.isfinite(values), place, -1))
    last = np.concatenate([[-1], last[:-1]])
    known = last >= 0
    age = np.where(known, place - last - 1.0, np.nan)
    return np.where(known, values[np.maximum(last, 0)], np.nan), age


def _hours(count: NDArray[np.float64]) -> NDArray[np.timedelta64]:
    return np.where(np.isfinite(count), np.nan_to_num(count), np.iinfo(np.int64).min).astype(
        "timedelta64[h]"
    )


def _status(
    spot_age: NDArray[np.float64], implied_age: NDArray[np.float64], hours: NDArray[np.int64]
) -> NDArray[np.str_]:
    return np.select(
        [
            ~(spot_age <= LONGEST_SPOT_CARRY_HOURS),
            ~(implied_age <= LONGEST_CARRY_HOURS),
            hours < JUMP_WINDOW_HOURS // 2,
        ],
        ["no_spot", "no_implied_volatility", "too_few"],
        "ok",
    )


def contract_prices(markets: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """First price of each contract at or after each hour of its life, with its terms.

    Parameters
    ----------
    markets : terms of the contracts open on the day. prices : (contract_id, ts, price).

    Notes
    -----
    price_sum adds the prices of a family's contracts of one hour where those tile the line without
    gap or overlap and all have a price.
    """
    terms = markets.join(_tiling_sizes(markets), on="family", how="left").select(
        *("contract_id", "venue", "family", "kind", "range_low", "range_high"),
        *("opens_ts", "expires_ts", "n_ranges"),
    )
    hourly = (
        prices.select("contract_id", "ts", pl.col("price").cast(pl.Float64).alias("market_price"))
        .join(terms, on="contract_id")
        .filter(pl.col("ts") >= pl.col("opens_ts"), pl.col("ts") <= pl.col("expires_ts"))
        .sort("ts")
        .group_by("contract_id", pl.col("ts").dt.truncate("1h").alias("hour"), maintain_order=True)
        .first()
    )
    family = ("family", "hour")
    hourly = hourly.with_columns(
        pl.when(pl.len().over(family) == pl.col("n_ranges"))
        .then(pl.col("market_price").sum().over(family))
        .alias("price_sum")
    )
    age = (hourly["ts"] - hourly["opens_ts"]).dt.total_seconds() / 3600.0
    total = hourly["price_sum"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    placeholder = placeholder_prices(age.to_numpy(), total)
    return hourly.with_columns(is_placeholder=pl.Series(placeholder, dtype=pl.Boolean)).drop(
        "hour", "n_ranges"
    )


def _tiling_sizes(markets: pl.DataFrame) -> pl.DataFrame:
    """Families whose contracts tile the line, and how many contracts they have."""
    rows = []
    for (family,), own in markets.group_by("family", maintain_order=True):
        own = own.sort("range_low", nulls_last=False)
        low, high = own["range_low"].to_list(), own["range_high"].to_list()
        if low[0] is None and high[-1] is None and low[1:] == high[:-1] and len(low) > 1:
            rows.append((family, len(low)))
    return pl.DataFrame(rows, {"family": pl.String, "n_ranges": pl.UInt32}, orient="row")
