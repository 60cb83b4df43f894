"""Across days: amplification with its expectation, reconciliation by vintage, replication rows."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from offtape_assets.estimates.factor_days import (
    measure_amplifications,
    reconcile,
    replicate_funds,
)
from offtape_assets.market.calendar import sessions_before
from offtape_assets.tables.columns_factors import FACTOR_NAMES

DAY = date(2024, 11, 5)
BEFORE = sessions_before(DAY, 20)
BETAS = [f"beta_{name}" for name in FACTOR_NAMES]
STOCKS = [f"S{i:02d}" for i in range(200)]
KINDS = {ticker: "equity" if i % 2 else "etf" for i, ticker in enumerate(STOCKS)}


def exposures(rng: np.random.Generator, days: list[date], event: float) -> pl.DataFrame:
    """features.factor_exposures_1d with chi-squared variances, `event` times larger on DAY."""
    rows = []
    for i, ticker in enumerate(STOCKS):
        loadings = np.random.default_rng(i).normal(size=5)
        for day in days:
            variance = (i + 1) * 1e-6 * rng.chisquare(40) / 40 * (event if day == DAY else 1)
            rows.append((day, ticker, *loadings, variance, "ok"))
    names = ["date", "ticker", *BETAS, "variance_idiosyncratic", "status"]
    return pl.DataFrame(rows, schema=names, orient="row")


def market(rng: np.random.Generator, event: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """raw.daily_bars and raw.factor_library: residuals `event` times as variable on DAY."""
    first = sessions_before(BEFORE[0], 1)
    days = [*first, *BEFORE, DAY]
    factors = 0.005 * rng.standard_normal((len(days), 5))
    rows = []
    for i, ticker in enumerate(STOCKS):
        loadings = np.random.default_rng(i).normal(size=5)
        own = 0.02 * rng.standard_normal(len(days))
        own[-1] *= np.sqrt(event)
        close = 50 * np.exp(np.cumsum(np.log1p(factors) @ loadings + own))
        rows += [(day, ticker, price) for day, price in zip(days, close, strict=True)]
    bars = pl.DataFrame(rows, schema=["date", "ticker", "close"], orient="row")
    library = pl.DataFrame({"date": days, "vintage": ["v"] * len(days)}).with_columns(
        *(pl.Series(name, column) for name, column in zip(FACTOR_NAMES, factors.T, strict=True))
    )
    return bars, library


def pooled(frame: pl.DataFrame, method: str, scope: str = "all") -> dict[str, object]:
    return frame.filter((pl.col("method") == method) & (pl.col("scope") == scope)).row(
        0, named=True
    )


def test_the_planted_amplification_is_found_by_both_methods() -> None:
    rng = np.random.default_rng(1)
    bars, library = market(rng, 2.5)
    found = measure_amplifications(exposures(rng, [*BEFORE, DAY], 2.5), bars, library, KINDS, DAY)
    for method in ("minutes", "daily"):
        for scope, names in (("all", 200), ("equities", 100), ("etfs", 100)):
            row = pooled(found, method, scope)
            assert (row["n_names"], row["n_days"], row["status"]) == (names, 20, "ok")
            assert abs(row["amplification"] - 2.5) < 4 * row["amplification_sd"]
            assert row["amplification_sd"] < 0.6
    assert found.height == 2 * (200 + 3)


def test_a_single_name_by_minutes_states_its_error() -> None:
    scores = []
    rng = np.random.default_rng(2)
    bars, library = market(rng, 1.0)
    found = measure_amplifications(exposures(rng, [*BEFORE, DAY], 2.0), bars, library, KINDS, DAY)
    singles = found.filter((pl.col("method") == "minutes") & pl.col("scope").str.starts_with("S"))
    scores = ((singles["amplification"] - 2.0) / singles["amplification_sd"]).to_numpy()
    assert 0.8 < scores.std() < 1.25


def test_the_event_day_alone_says_too_few_days() -> None:
    rng = np.random.default_rng(3)
    bars, library = market(rng, 1.0)
    found = measure_amplifications(exposures(rng, [DAY], 2.0), bars.head(0), library, KINDS, DAY)
    assert pooled(found, "minutes")["status"] == "too_few_days"
    assert pooled(found, "daily")["status"] == "no_betas"
    single = pooled(found, "minutes", "S00")
    assert single["amplification"] is None
    assert single["variance_idiosyncratic"] > 0


def days_of_ours(official: np.ndarray, days: list[date], noise: np.ndarray) -> pl.DataFrame:
    rows = [
        (day, factor, 0.5 * told[k], None, told[k] + noise[i, k] + (0.0002 if k == 0 else 0), "ok")
        for i, (day, told) in enumerate(zip(days, official, strict=True))
        for k, factor in enumerate(FACTOR_NAMES)
    ]
    schema = {
        "date": pl.Date, "factor": pl.String, "return_intraday": pl.Float64,
        "return_overnight": pl.Float64, "return_close_to_close": pl.Float64, "status": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def library_of(official: np.ndarray, days: list[date], vintage: str) -> pl.DataFrame:
    return pl.DataFrame({"date": days, "vintage": [vintage] * len(days)}).with_columns(
        *(pl.Series(name, column) for name, column in zip(FACTOR_NAMES, official.T, strict=True)),
        pl.lit(0.0002).alias("rf"),
    )


def test_reconciliation_takes_the_bill_off_and_compares_vintages() -> None:
    rng = np.random.default_rng(4)
    days = [*BEFORE, DAY]
    official = 0.01 * rng.standard_normal((21, 5))
    noise = 1e-4 * rng.standard_normal((21, 5))
    restated = official + 1e-4
    library = pl.concat(
        [library_of(official, days, "202412"), library_of(restated, days, "202601")]
    )
    found = reconcile(days_of_ours(official, days, noise), library, DAY)
    assert found.height == 10
    assert set(found["basis"]) == {"close_to_close"}
    assert (found["r_squared"] > 0.99).all()
    assert ((found["beta_to_official"] - 1).abs() < 0.02).all()
    first = found.filter(pl.col("vintage") == "202412")
    np.testing.assert_allclose(first["return_difference"], noise[-1], atol=1e-12)
    assert (first["restatement"] == 0).all()
    later = found.filter(pl.col("vintage") == "202601")
    np.testing.assert_allclose(later["restatement"], 1e-4)


def test_without_nights_the_session_is_compared_and_few_days_say_so() -> None:
    rng = np.random.default_rng(5)
    official = 0.01 * rng.standard_normal((1, 5))
    ours = days_of_ours(official, [DAY], np.zeros((1, 5))).with_columns(
        pl.lit(None, pl.Float64).alias("return_close_to_close")
    )
    found = reconcile(ours, library_of(official, [DAY], "v"), DAY)
    assert set(found["basis"]) == {"intraday"}
    assert set(found["status"]) == {"too_few_days"}
    np.testing.assert_allclose(found["return_ours"], 0.5 * official[0])
    assert found["r_squared"].null_count() == 5
    nothing = reconcile(ours.head(0), library_of(official, [DAY], "v"), DAY)
    assert set(nothing["status"]) == {"no_returns"}
    assert nothing["return_official"].to_list() == pytest.approx(official[0].tolist())


def test_replication_gives_a_row_per_fund_method_and_stock() -> None:
    rows = exposures(np.random.default_rng(6), [DAY], 1.0)
    found = replicate_funds(rows, KINDS)
    assert found.height == 100 * 2 * 100
    assert found["exposure_error"].max() < 1e-10
    per_fund = found.group_by("etf", "method").agg(pl.col("weight_normalized").sum())
    np.testing.assert_allclose(per_fund["weight_normalized"], 1.0)
    spread = found.select("etf", "method", "tracking_sd").unique().pivot("method", index="etf")
    assert (spread["min_variance"] <= spread["min_norm"] + 1e-15).all()
    few = replicate_funds(rows.filter(pl.col("ticker").is_in(STOCKS[:6])), KINDS)
    assert set(few["status"]) == {"singular"}
    assert few["weight"].null_count() == few.height
    assert replicate_funds(rows.head(0), KINDS).is_empty()
