"""What factors say across names and days: fund replication, event days, the official library."""

from collections.abc import Iterable
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.estimates.table_rows import frame_of
from offtape_assets.quant.etf_replication import Replication, replicate
from offtape_assets.tables import model_factors as model
from offtape_assets.tables.columns_factors import FACTOR_NAMES

Array = NDArray[np.float64]

BETAS = [f"beta_{name}" for name in FACTOR_NAMES]
DAYS_BEFORE = 20
"""Sessions an event day is compared with."""
MIN_DAYS = 5
TOO_FEW_DAYS, NO_BETAS, OK = "too_few_days", "no_betas", "ok"
GROUPS = {"equity": "equities", "etf": "etfs"}
MIN_RECONCILED = 10
"""Days below which a slope on the library means nothing."""


def replicate_funds(exposures: pl.DataFrame, kinds: dict[str, str]) -> pl.DataFrame:
    """Stock weights with each fund's loadings, smallest in norm and in own variance.

    Parameters
    ----------
    exposures
        Rows of features.factor_exposures_1d with their ticker.
    kinds
        'equity' or 'etf' by ticker.
    """
    whole = exposures.filter(pl.col("status") == OK)
    loadings = {row[0]: np.array(row[1:]) for row in whole.select("ticker", *BETAS).iter_rows()}
    own = dict(whole.select("ticker", "variance_idiosyncratic").iter_rows())
    stocks = sorted(t for t in loadings if kinds[t] == "equity" and own[t] > 0)
    funds = sorted(t for t in loadings if kinds[t] == "etf")
    rows: list[dict[str, object]] = []
    if stocks:
        matrix = np.column_stack([loadings[ticker] for ticker in stocks])
        spread = np.array([own[ticker] for ticker in stocks])
        for fund in funds:
            for method, variance in (("min_norm", None), ("min_variance", spread)):
                found = replicate(matrix, loadings[fund], variance)
                tracking = float(np.sqrt(found.weights**2 @ spread))
                rows += _weight_rows(fund, method, stocks, found, tracking)
    return frame_of(model.ETF_REPLICATIONS, rows).fill_nan(None)


def _weight_rows(
    fund: str, method: str, stocks: list[str], found: Replication, tracking: float
) -> Iterable[dict[str, object]]:
    for ticker, weight, normalized in zip(
        stocks, found.weights, found.weights_normalized, strict=True
    ):
        yield {
            "etf": fund,
            "ticker": ticker,
            "method": method,
            "weight": float(weight),
            "weight_normalized": float(normalized),
            "exposure_error": found.exposure_error,
            "exposure_error_normalized": found.exposure_error_normalized,
            "tracking_sd": tracking,
            "status": found.status,
        }


def measure_amplifications(
    exposures: pl.DataFrame,
    bars: pl.DataFrame,
    library: pl.DataFrame,
    kinds: dict[str, str],
    day: date,
) -> pl.DataFrame:
    """Idiosyncratic variance on the date over its mean on the 20 sessions before.

    Parameters
    ----------
    exposures
        Rows of features.factor_exposures_1d with date and ticker, as many days as are built.
    bars, library
        Rows of raw.daily_bars and raw.factor_library with their date.

    Notes
    -----
    'minutes' compares realized variances; 'daily' squared close-to-close residuals of the date's
    betas, one number a day and name, so that only means over names say anything. A ratio to a mean
    of n squared normals is too large by n / (n - 2), which is taken out. Means over names state
    the spread across names as if these were independent; on an event's day they are not.
    """
    rows: list[dict[str, object]] = []
    good = exposures.filter(pl.col("status") == OK)
    realized = _by_ticker(good, "variance_idiosyncratic")
    squares = _squared_residuals(bars, library, good.filter(pl.col("date") == day))
    for method, series in (("minutes", realized), ("daily", squares)):
        found = {
            ticker: _amplification(values, day, corrects=method == "daily")
            for ticker, values in series.items()
        }
        singles = [{"scope": ticker, "method": method, **row} for ticker, row in found.items()]
        rows += sorted(singles, key=lambda row: str(row["scope"]))
        for kind, scope in (*GROUPS.items(), ("", "all")):
            inside = [row for ticker, row in found.items() if kind in ("", kinds.get(ticker))]
            rows.append({"scope": scope, "method": method, **_mean(inside)})
    return frame_of(model.IDIOSYNCRATIC_AMPLIFICATIONS, rows)


def _by_ticker(frame: pl.DataFrame, value: str) -> dict[str, dict[date, float]]:
    series: dict[str, dict[date, float]] = {}
    for ticker, day, number in frame.select("ticker", "date", value).iter_rows():
        series.setdefault(ticker, {})[day] = number
    return series


def _squared_residuals(
    bars: pl.DataFrame, library: pl.DataFrame, exposures: pl.DataFrame
) -> dict[str, dict[date, float]]:
    """Squared daily log returns net of the date's session betas times the official factors."""
    latest = library.sort("vintage").group_by("date").last().sort("date")
    moves = bars.sort("ticker", "date").select(
        "ticker",
        "date",
        pl.col("close").cast(pl.Float64).log().diff().over("ticker").alias("move"),
    )
    explained = pl.sum_horizontal(
        pl.col(name).log1p() * pl.col(beta) for name, beta in zip(FACTOR_NAMES, BETAS, strict=True)
    )
    joined = moves.join(latest, on="date").join(exposures.select("ticker", *BETAS), on="ticker")
    residual = joined.select("ticker", "date", ((pl.col("move") - explained) ** 2).alias("square"))
    return _by_ticker(residual.drop_nulls(), "square")


def _amplification(values: dict[date, float], day: date, corrects: bool) -> dict[str, object]:
    before = [values[other] for other in sorted(values) if other < day][-DAYS_BEFORE:]
    today, count = values.get(day), len(before)
    row: dict[str, object] = {
        "variance_idiosyncratic": today,
        "n_days": count,
        "n_names": 1,
        "status": NO_BETAS if today is None else TOO_FEW_DAYS if count < MIN_DAYS else OK,
    }
    if today is None or count < MIN_DAYS or not any(before):
        return row
    mean = float(np.mean(before))
    ratio = today / mean * ((count - 2) / count if corrects else 1.0)
    spread = float(np.std(before, ddof=1) / mean)
    own = 2.0 if corrects else spread**2
    return row | {
        "variance_before": mean,
        "amplification": ratio,
        "amplification_sd": float(ratio * np.sqrt(own + spread**2 / count)),
    }


def _mean(rows: list[dict[str, object]]) -> dict[str, object]:
    used = [row for row in rows if row["status"] == OK and "amplification" in row]
    ratios = np.array([row["amplification"] for row in used], float)
    days = [int(str(row["n_days"])) for row in rows]
    mean: dict[str, object] = {"n_days": min(days, default=0), "n_names": len(used)}
    if len(used) < 2:
        return mean | {"status": TOO_FEW_DAYS if rows else NO_BETAS}
    return mean | {
        "amplification": float(ratios.mean()),
        "amplification_sd": float(ratios.std(ddof=1) / np.sqrt(len(ratios))),
        "status": OK,
    }


def reconcile(ours: pl.DataFrame, library: pl.DataFrame, day: date) -> pl.DataFrame:
    """Our daily factors beside the official ones: the date's difference, slope and R2 before it.

    Parameters
    ----------
    ours
        Rows of features.factor_returns_1d with their date, as many days as are built.
    library
        Rows of raw.factor_library with their date.

    Notes
    -----
    The market's bill (rf) is taken off close-to-close returns, as the library does; within a
    session nothing is financed. The slope is of ours on the library's, intercept included, over
    all days up to the date on the same basis.
    """
    days = ours.filter(pl.col("date") <= day)
    official = library.filter(pl.col("date") <= day)
    rows: list[dict[str, object]] = []
    vintages = official.filter(pl.col("date") == day)["vintage"].unique().sort().to_list()
    for vintage in vintages:
        of_vintage = official.filter(pl.col("vintage") == vintage)
        oldest = official.filter((pl.col("vintage") == vintages[0]) & (pl.col("date") == day))
        for factor in FACTOR_NAMES:
            bill = pl.col("rf") if factor == "mkt_rf" else pl.lit(0.0)
            columns = of_vintage.select("date", pl.col(factor).alias("official"), bill.alias("rf"))
            pairs = days.filter(pl.col("factor") == factor).join(columns, on="date")
            told = columns.filter(pl.col("date") == day)["official"].item()
            row = _reconciled(pairs, day) | {"vintage": vintage, "factor": factor}
            row |= {"return_official": told, "restatement": told - oldest[factor].item()}
            rows.append(row)
    return frame_of(model.FACTOR_RECONCILIATIONS, rows)


def _reconciled(pairs: pl.DataFrame, day: date) -> dict[str, object]:
    """Difference, slope and R2 on the best basis the date has; `pairs` has official and rf."""
    today = pairs.filter(pl.col("date") == day)
    whole = pairs.with_columns(
        (pl.col("return_close_to_close") - pl.col("rf")).alias("close_to_close"),
        pl.col("return_intraday").alias("intraday"),
    )
    for basis in ("close_to_close", "intraday"):
        known = whole.drop_nulls([basis, "official"]).sort("date")
        if known.is_empty() or known["date"][-1] != day:
            continue
        mine, told = known[basis].to_numpy(), known["official"].to_numpy()
        row: dict[str, object] = {
            "basis": basis,
            "return_ours": float(mine[-1]),
            "return_difference": float(mine[-1] - told[-1]),
            "n_days": len(known),
            "status": TOO_FEW_DAYS,
        }
        if len(known) >= MIN_RECONCILED and told.std() > 0 and mine.std() > 0:
            slope = float(np.cov(mine, told)[0, 1] / np.var(told, ddof=1))
            fit = float(np.corrcoef(mine, told)[0, 1] ** 2)
            row |= {"beta_to_official": slope, "r_squared": fit, "status": OK}
        return row
    reason = "no_returns" if today.is_empty() else str(today["status"][0])
    return {"n_days": 0, "status": reason}
