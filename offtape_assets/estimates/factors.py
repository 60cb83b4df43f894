"""Factor returns of a session, by second and by day, from quotes of all stocks and as-of weights.

Betas of names are in factor_betas.py, what spans several days in factor_days.py.
"""

from datetime import date, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.market.calendar import Session
from offtape_assets.quant.factor_returns import FactorReturns, factor_returns
from offtape_assets.tables.columns_factors import FACTOR_NAMES

Array = NDArray[np.float64]

LARGEST_NIGHT = np.log(1.8)
"""A mid that moves further overnight is taken for a split and left out of that night."""
NIGHT_FLOOR = 0.8
"""Share of each leg's weight that must have both mids, as for seconds."""


def weight_matrix(weights: pl.DataFrame, day: date) -> tuple[list[str], Array]:
    """The weights in force on `day`, those of the latest evening before it.

    Parameters
    ----------
    weights
        Rows of raw.factor_weights.

    Returns
    -------
    tickers, matrix
        Tickers in alphabetical order and signed weights, shape (5, names).

    Raises
    ------
    ValueError
        If no weights were known before `day`, a ticker is repeated or a factor is missing.
    """
    known = weights.filter(pl.col("as_of") < day)
    if known.is_empty():
        raise ValueError(f"no factor weights with as_of before {day}; later ones look ahead")
    known = known.filter(pl.col("as_of") == known["as_of"].max())
    repeated = known.filter(known.select("factor", "ticker").is_duplicated())["ticker"].unique()
    if len(repeated):
        raise ValueError(f"factor weights repeat {', '.join(sorted(repeated)[:5])}; keep one each")
    missing = set(FACTOR_NAMES) - set(known["factor"])
    if missing:
        raise ValueError(f"factor weights lack {', '.join(sorted(missing))}")
    tickers = sorted(set(known["ticker"]))
    place = {ticker: i for i, ticker in enumerate(tickers)}
    matrix = np.zeros((len(FACTOR_NAMES), len(tickers)))
    row = {factor: k for k, factor in enumerate(FACTOR_NAMES)}
    for factor, ticker, weight in known.select("factor", "ticker", "weight").iter_rows():
        if factor in row:
            matrix[row[factor], place[ticker]] = weight
    return tickers, matrix


def measure_factors(
    quotes: pl.DataFrame,
    weights: pl.DataFrame,
    hours: Session,
    day: date,
    max_age: int,
    coverage_floor: float,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Factor returns, their legs and the session's first and last mids.

    Parameters
    ----------
    quotes
        ticker, ts, bid_price, ask_price (dollars) of raw.quotes_1s.
    weights
        Rows of raw.factor_weights.
    max_age, coverage_floor
        As in `quant.factor_returns.factor_returns`.

    Returns
    -------
    returns, legs, session_mids
        Rows of features.factor_returns_1s, factor_legs_1s and session_mids.
    """
    tickers, matrix = weight_matrix(weights, day)
    ticks = _mids(quotes, tickers, hours)
    seconds = round((hours.close - hours.open).total_seconds())
    measured = factor_returns(
        ticks["second"].to_numpy(),
        ticks["name"].to_numpy(),
        ticks["log_mid"].to_numpy(),
        *(matrix, seconds, max_age, coverage_floor),
    )
    stamps = _stamps(hours, np.arange(seconds))
    return (
        _return_rows(measured, stamps),
        _leg_rows(measured, stamps),
        _session_mids(ticks, tickers, hours),
    )


def _mids(quotes: pl.DataFrame, tickers: list[str], hours: Session) -> pl.DataFrame:
    """second, name, log_mid of the members within the session, in order of time.

    A one-sided, crossed or zero quote has a NaN mid: the name is unknown from then on.
    """
    opened, closed = (edge.replace(tzinfo=None) for edge in hours)
    usable = (pl.col("bid_price") > 0) & (pl.col("bid_price") <= pl.col("ask_price"))
    mid = (pl.col("bid_price") + pl.col("ask_price")) / 2
    return (
        quotes.lazy()
        .filter((pl.col("ts") > opened) & (pl.col("ts") <= closed))
        .select(
            ((pl.col("ts") - opened).dt.total_seconds() - 1).cast(pl.Int32).alias("second"),
            pl.col("ticker").cast(pl.Enum(tickers), strict=False).to_physical().alias("name"),
            pl.when(usable).then(mid.log()).otherwise(float("nan")).alias("log_mid"),
        )
        .drop_nulls("name")
        .sort("second", maintain_order=True)
        .collect()
    )


def _stamps(hours: Session, seconds: NDArray[np.integer]) -> NDArray[np.datetime64]:
    opened: datetime = hours.open.replace(tzinfo=None)
    return np.datetime64(opened, "us") + (seconds + 1) * np.timedelta64(1_000_000, "us")


def _return_rows(measured: FactorReturns, stamps: NDArray[np.datetime64]) -> pl.DataFrame:
    totals = dict(zip(FACTOR_NAMES, measured.total.T, strict=True))
    return pl.DataFrame({
        "ts": stamps,
        **totals,
        "coverage": measured.coverage.min(axis=1),
        "renewed_share": measured.renewed_share[:, 0],
    }).fill_nan(None)  # fmt: skip


def _leg_rows(measured: FactorReturns, stamps: NDArray[np.datetime64]) -> pl.DataFrame:
    width = len(FACTOR_NAMES)
    return pl.DataFrame({
        "ts": np.repeat(stamps, width),
        "factor": list(FACTOR_NAMES) * len(stamps),
        "long_return": measured.long_leg.ravel(),
        "short_return": measured.short_leg.ravel(),
        "long_coverage": measured.long_coverage.ravel(),
        "short_coverage": measured.short_coverage.ravel(),
        "renewed_share": measured.renewed_share.ravel(),
    }).fill_nan(None)  # fmt: skip


def _session_mids(ticks: pl.DataFrame, tickers: list[str], hours: Session) -> pl.DataFrame:
    ends = (
        ticks.filter(pl.col("log_mid").is_not_nan())
        .group_by("name")
        .agg(
            pl.col("second").first().alias("first"),
            pl.col("log_mid").first().exp().alias("open_mid"),
            pl.col("second").last().alias("last"),
            pl.col("log_mid").last().exp().alias("close_mid"),
        )
        .sort("name")
    )
    return ends.select(
        pl.Series("ticker", [tickers[i] for i in ends["name"]], pl.String),
        pl.Series("open_ts", _stamps(hours, ends["first"].to_numpy())),
        "open_mid",
        pl.Series("close_ts", _stamps(hours, ends["last"].to_numpy())),
        "close_mid",
    )


def daily_factor_returns(mids: pl.DataFrame, weights: pl.DataFrame, day: date) -> pl.DataFrame:
    """Simple returns of the portfolios over the session, the night and from close to close.

    Parameters
    ----------
    mids
        Rows of features.session_mids with their date, of `day` and some sessions before.
    weights
        Rows of raw.factor_weights of `day`.

    Returns
    -------
    DataFrame
        Rows of features.factor_returns_1d. The night needs the session before; where it is not
        there the status is 'no_session_before' and only the session's return is given.
    """
    tickers, matrix = weight_matrix(weights, day)
    today, before = _levels(mids, tickers, day)
    intraday = today[1] / today[0] - 1
    night = today[0] / before - 1
    night[np.abs(np.log1p(night)) > LARGEST_NIGHT] = np.nan
    both = (1 + intraday) * (1 + night) - 1
    rows = []
    for factor, weight in zip(FACTOR_NAMES, matrix, strict=True):
        (session, coverage), (dark, covered), (total, _) = (
            _portfolio_return(weight, moves) for moves in (intraday, night, both)
        )
        has_night = covered >= NIGHT_FLOOR
        status = "ok" if has_night else "no_session_before"
        rows.append({
            "factor": factor,
            "return_intraday": session if coverage >= NIGHT_FLOOR else None,
            "return_overnight": dark if has_night else None,
            "return_close_to_close": total if has_night else None,
            "coverage": coverage,
            "status": status if coverage >= NIGHT_FLOOR else "low_coverage",
        })  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(
        pl.col("return_intraday", "return_overnight", "return_close_to_close").cast(pl.Float64)
    )


def _levels(mids: pl.DataFrame, tickers: list[str], day: date) -> tuple[Array, Array]:
    """First and last mids of the day, shape (2, names), and last mids of the session before."""
    place = {ticker: i for i, ticker in enumerate(tickers)}
    today, before = np.full((2, len(tickers)), np.nan), np.full(len(tickers), np.nan)
    earlier = mids.filter(pl.col("date") < day)
    for ticker, first, last in (
        mids.filter(pl.col("date") == day).select("ticker", "open_mid", "close_mid").iter_rows()
    ):
        if ticker in place:
            today[:, place[ticker]] = first, last
    if not earlier.is_empty():
        eve = earlier.filter(pl.col("date") == earlier["date"].max())
        for ticker, last in eve.select("ticker", "close_mid").iter_rows():
            if ticker in place:
                before[place[ticker]] = last
    return today, before


def _portfolio_return(weight: Array, moves: Array) -> tuple[float, float]:
    """Long less short leg over the names with a return, and the lesser coverage of the legs."""
    total, coverage = 0.0, 1.0
    known = np.isfinite(moves)
    for leg, sign in ((np.maximum(weight, 0), 1), (np.maximum(-weight, 0), -1)):
        if not leg.any():
            continue
        held = leg[known].sum()
        coverage = min(coverage, float(held / leg.sum()))
        total += sign * float(leg[known] @ moves[known] / held) if held else np.nan
    return total, coverage
