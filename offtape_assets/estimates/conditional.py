"""Event-conditional laws of a name through a day: event readings, chains, four methods, hedges.

Frames in, frames out. Which methods identify what is decided in quant (demixing_*).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.estimates.conditional_methods import (
    max_entropy_rows,
    panel_rows,
    shift_rows,
    two_lognormal_rows,
)
from offtape_assets.estimates.conditional_rows import DayFit, MethodRows, Observed
from offtape_assets.estimates.table_rows import frame_of
from offtape_assets.market.calendar import Session
from offtape_assets.quant.demixing_panel import Chains, demix_panel
from offtape_assets.quant.demixing_probability import SmoothedProbability, smooth_probability
from offtape_assets.quant.event_regression import EventSlope, align_event, event_slope
from offtape_assets.tables.model_conditional import (
    CONDITIONAL_DENSITIES,
    CONDITIONAL_FITS,
    EVENT_HEDGES,
)

Array = NDArray[np.float64]
TICK = 0.01
STAYING_ROUNDING = 0.25  # share of a tick's rounding variance that a minute's trades do not average
NOISE_LOG_SD = 0.3  # how well the readings' noise is known: rounding and bounce are correlated
PRICE_FLOOR_USD = 0.003  # of a premium's sd: a cent tick's rounding
HORIZONS = (1, 5, 15)  # minutes
DENSITY_SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "ts": pl.Datetime("us"),
    "expiry": pl.Date,
    "method": pl.String,
    **dict.fromkeys(
        ("strike", "observed", "density_yes", "density_no", "reconstructed"), pl.Float64
    ),
}
METHODS = (panel_rows, two_lognormal_rows, shift_rows, max_entropy_rows)


def read_event(trades: pl.DataFrame, yes: str, hours: Session) -> pl.DataFrame:
    """Mean probability of each minute's trades, how noisy it is, and the session's smoothed path.

    Parameters
    ----------
    trades
        ts, contract, price of both contracts' trades, one row per trade.
    yes
        The contract whose price is the probability; any other's is one less it.
    hours
        The session; minute m ends m + 1 minutes after its open.

    Returns
    -------
    Rows of model.event_readings.

    Notes
    -----
    The contracts' prices sum to more than one: their mean gap over the session is taken out, half
    from each. A trade's noise variance is half the mean squared difference of consecutive trades of
    a minute; a minute's is that over its trades, plus what a common rounding to cents leaves.
    """
    start, minutes = hours.open.replace(tzinfo=None), _minutes(hours)
    own = trades.sort("ts", maintain_order=True).select(
        minute=(pl.col("ts").cast(pl.Datetime("us")) - start).dt.total_seconds() // 60,
        is_yes=pl.col("contract") == yes,
        price=pl.col("price").cast(pl.Float64),
    )
    own = own.filter(pl.col("minute").is_between(0, minutes - 1))
    own = own.with_columns(
        read=pl.when("is_yes").then(pl.col("price")).otherwise(1.0 - pl.col("price"))
    )
    sides = own.group_by("minute", "is_yes").agg(pl.mean("read"))
    both = sides.pivot("is_yes", index="minute", values="read")
    gap = 0.0
    if {"true", "false"} <= set(both.columns):
        gap = both.select((pl.col("true") - pl.col("false")).mean()).item() or 0.0
    half = pl.when("is_yes").then(0.5 * gap).otherwise(-0.5 * gap)
    own = own.with_columns(read=(pl.col("read") - half).clip(0.0, 1.0))
    steps = own.select(pl.col("read").diff().over("minute") ** 2).to_series().drop_nulls()
    trade_variance = 0.5 * float(np.mean(steps.to_numpy())) if steps.len() else TICK**2
    probability, noise_sd = np.full(minutes, np.nan), np.full(minutes, np.nan)
    by_minute = own.group_by("minute").agg(pl.mean("read"), pl.len())
    at = by_minute["minute"].to_numpy().astype(np.int64)
    probability[at] = by_minute["read"].to_numpy()
    rounding = STAYING_ROUNDING * TICK**2 / 12.0
    noise_sd[at] = np.sqrt(trade_variance / by_minute["len"].to_numpy() + rounding)
    smooth = smooth_probability(probability, noise_sd, NOISE_LOG_SD)
    stamps = pl.datetime_range(
        start, hours.close.replace(tzinfo=None), "1m", time_unit="us", closed="right", eager=True
    )
    columns = {
        "ts": stamps,
        "reading": probability,
        "reading_sd": noise_sd,
        "probability": smooth.mean,
        "probability_sd": smooth.sd,
    }
    return pl.DataFrame(columns).fill_nan(None).with_columns(status=pl.lit(smooth.status))


def minute_prices(mids: pl.DataFrame, bars: pl.DataFrame, ticker: str) -> pl.DataFrame:
    """Price at the end of each minute: mids, or where there are none the bars' last trades.

    Parameters
    ----------
    mids
        bucket, last_mid of features.microstructure_1m; may be empty.
    bars
        ticker, ts, close of raw.minute_bars; a bar is stamped at its start.
    ticker
        Which of the bars.

    Returns
    -------
    bucket, last_mid.
    """
    if mids.height:
        return mids
    return bars.filter(pl.col("ticker") == ticker).select(
        bucket=pl.col("ts").cast(pl.Datetime("us")) + pl.duration(minutes=1),
        last_mid=pl.col("close").cast(pl.Float64),
    )


def factor_levels(returns: pl.DataFrame, names: Sequence[str], hours: Session) -> Array | None:
    """Log levels of factors at the end of each minute, to be taken out of prices.

    Parameters
    ----------
    returns
        ts and the named columns of features.factor_returns_1s.
    names
        Factors that do not themselves move with the event; none: no hedge.
    hours
        The session.

    Returns
    -------
    (minutes, factors), or None without names. NaN in minutes most of whose seconds are unknown, and
    everywhere if there are no returns: the split then is `too_few` rather than silently unhedged.
    """
    if not names:
        return None
    start = hours.open.replace(tzinfo=None)
    known = pl.col(names[0]).is_not_null().mean() > 0.5
    minutes = (
        returns.select("ts", *names)
        .with_columns(at=pl.col("ts").cast(pl.Datetime("us")) - pl.duration(seconds=1))
        .with_columns(minute=(pl.col("at") - start).dt.total_seconds() // 60)
        .filter(pl.col("minute").is_between(0, _minutes(hours) - 1))
        .group_by("minute")
        .agg(pl.col(names).sum(), known=known)
        .sort("minute")
        .with_columns(pl.col(names).cum_sum())
        .with_columns(pl.when("known").then(pl.col(names)))
    )
    levels = np.full((_minutes(hours), len(names)), np.nan)
    levels[minutes["minute"].to_numpy().astype(np.int64)] = minutes.select(names).to_numpy()
    return levels


def split_by_event(
    readings: pl.DataFrame,
    prices: pl.DataFrame,
    smiles: pl.DataFrame,
    densities: pl.DataFrame,
    hours: Session,
    factors: Array | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Conditional laws and hedges of one name and date.

    Parameters
    ----------
    readings
        ts, reading, reading_sd of model.event_readings.
    prices
        bucket, last_mid: see `minute_prices`.
    smiles, densities
        Rows of features.option_smiles and model.risk_neutral_densities.
    hours
        The session.
    factors
        See `factor_levels`.

    Returns
    -------
    Rows of model.conditional_fits, model.conditional_densities, model.event_hedges.
    """
    read = _on_clock(readings, "ts", "reading", hours)
    event = smooth_probability(read, _on_clock(readings, "ts", "reading_sd", hours), NOISE_LOG_SD)
    price = _on_clock(prices, "bucket", "last_mid", hours)
    log_price = np.log(price)
    fits: list[dict[str, object]] = []
    parts: list[pl.DataFrame] = []
    for fit in day_fits(log_price, event, smiles, densities, hours, factors):
        for method in METHODS:
            rows: MethodRows = method(fit)
            fits += rows.fits
            parts += rows.densities
    hedges = list(hedge_rows(price, event, densities, hours))
    found = frame_of(CONDITIONAL_FITS, fits).sort("ts", "expiry", "method")
    names = [column.name for column in CONDITIONAL_DENSITIES.columns]
    laws = pl.concat(parts) if parts else pl.DataFrame(schema=DENSITY_SCHEMA)
    laws = laws.select(names).sort("ts", "expiry", "method", "strike")
    return found, laws, frame_of(EVENT_HEDGES, hedges)


def day_fits(
    log_price: Array,
    event: SmoothedProbability,
    smiles: pl.DataFrame,
    densities: pl.DataFrame,
    hours: Session,
    factors: Array | None = None,
) -> Iterator[DayFit]:
    """The panel of each expiry with the observed laws of its snapshots."""
    start, minutes = hours.open.replace(tzinfo=None), _minutes(hours)
    quotes = smiles.filter(
        (pl.col("status") == "ok") & pl.col("is_out_of_the_money") & pl.col("forward").is_not_null()
    ).with_columns(
        minute=(pl.col("ts").cast(pl.Datetime("us")) - start).dt.total_seconds() // 60 - 1
    )
    quotes = quotes.filter(pl.col("minute").is_between(0, minutes - 1))
    for (expiry,), rows in quotes.group_by("expiry", maintain_order=True):
        stamps, chains = chains_of(rows)
        split = demix_panel(log_price, event, chains, factors)
        own = densities.filter(pl.col("expiry") == expiry).partition_by("ts", as_dict=True)
        laws = {key[0]: Observed.of(law) for key, law in own.items()}
        assert isinstance(expiry, date)
        yield DayFit(expiry, stamps, chains, event, split, laws)


def chains_of(rows: pl.DataFrame) -> tuple[list[object], Chains]:
    """Snapshots' instants and their premiums on all strikes quoted that day."""
    rows = rows.with_columns(
        pl.col("strike", "bid_price", "ask_price").cast(pl.Float64)
    ).with_columns(
        premium=(pl.col("microprice") - pl.col("early_exercise_premium").fill_null(0.0))
        / pl.col("discount"),
        premium_sd=(
            (0.25 * (pl.col("ask_price") - pl.col("bid_price"))) ** 2 + PRICE_FLOOR_USD**2
        ).sqrt()
        / pl.col("discount"),
    )
    heads = rows.group_by("ts").agg(pl.first("minute", "forward", "tau_years")).sort("ts")
    strikes = rows["strike"].unique().sort().to_numpy()
    row = heads["ts"].search_sorted(rows["ts"]).to_numpy()
    column = np.searchsorted(strikes, rows["strike"].to_numpy())
    premium, premium_sd = (np.full((heads.height, strikes.size), np.nan) for _ in range(2))
    premium[row, column] = rows["premium"].to_numpy()
    premium_sd[row, column] = rows["premium_sd"].to_numpy()
    chains = Chains(
        heads["minute"].to_numpy().astype(np.int64),
        strikes,
        np.where(premium > 0.0, premium, np.nan),
        premium_sd,
        heads["forward"].to_numpy(),
        heads["tau_years"].to_numpy(),
    )
    return heads["ts"].to_list(), chains


def hedge_rows(
    price: Array, event: SmoothedProbability, densities: pl.DataFrame, hours: Session
) -> Iterator[dict[str, object]]:
    """Sensitivities of the share price and of its at-the-money volatility to the probability."""
    aligned, lag = align_event(np.log(price), event)
    for horizon in HORIZONS:
        found = event_slope(price, aligned, step=horizon)
        yield _hedge("spot", horizon, found, lag)
    near = densities.sort(pl.col("log_moneyness").abs()).group_by("ts", "expiry").first()
    near = near.filter(pl.col("expiry") == pl.col("expiry").min()) if near.height else near
    vol = _on_clock(near, "ts", "implied_vol", hours)
    at = np.flatnonzero(np.isfinite(vol))
    gap = int(np.median(np.diff(at))) if at.size > 1 else 1
    on_grid = replace(aligned, mean=aligned.mean[at], sd=aligned.sd[at], paths=aligned.paths[:, at])
    yield _hedge("implied_vol", gap, event_slope(vol[at], on_grid), lag)


def _hedge(measure: str, horizon: int, found: EventSlope, lag: float) -> dict[str, object]:
    row: dict[str, object] = {
        "measure": measure,
        "horizon_minutes": horizon,
        "n_changes": found.n_changes,
        "price_lag_minutes": lag,
        "status": found.status,
    }
    if found.status != "ok":
        return row
    contracts = -found.slope if measure == "spot" else None
    return row | {
        "sensitivity": found.slope,
        "sensitivity_sd": found.sd,
        "hedge_contracts": contracts,
        "hedge_r_squared": found.r_squared,
    }


def _minutes(hours: Session) -> int:
    return int((hours.close - hours.open).total_seconds() // 60)


def _on_clock(rows: pl.DataFrame, stamp: str, value: str, hours: Session) -> Array:
    """Values at the end of each minute of the session; NaN where there is none."""
    start = hours.open.replace(tzinfo=None)
    out = np.full(_minutes(hours), np.nan)
    known = rows.select(
        at=(pl.col(stamp).cast(pl.Datetime("us")) - start).dt.total_seconds() // 60 - 1,
        value=pl.col(value).cast(pl.Float64),
    ).drop_nulls()
    known = known.filter(pl.col("at").is_between(0, out.size - 1))
    out[known["at"].to_numpy().astype(np.int64)] = known["value"].to_numpy()
    return out
