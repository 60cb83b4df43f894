"""Factors from frames: grids, weights in force, missing names, days, betas, decomposition."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from offtape_assets.estimates.factor_betas import measure_betas
from offtape_assets.estimates.factors import (
    daily_factor_returns,
    measure_factors,
    weight_matrix,
)
from offtape_assets.market.calendar import Session
from offtape_assets.tables.columns_factors import FACTOR_NAMES

DAY = date(2024, 11, 5)
OPEN = datetime(2024, 11, 5, 14, 30, tzinfo=UTC)
HOURS = Session(OPEN, OPEN + timedelta(hours=3))
SECONDS = 10_800
NAMES = 200
BETA = np.array([1.2, 0.4, -0.3, 0.2, 0.1])


def weights(rng: np.random.Generator, as_of: date = date(2024, 11, 4)) -> pl.DataFrame:
    """A market and four long-short portfolios of NAMES stocks."""
    rows = []
    for factor in FACTOR_NAMES:
        value = rng.random(NAMES) + 0.1
        sign = np.ones(NAMES) if factor == "mkt_rf" else rng.choice([-1.0, 1.0], NAMES)
        for side in (sign > 0, sign < 0):
            value[side] /= value[side].sum() or 1.0
        rows += [(as_of, factor, f"S{i:03d}", float(w)) for i, w in enumerate(value * sign)]
    schema = {
        "as_of": pl.Date, "factor": pl.String, "ticker": pl.String, "weight": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def quotes(level: np.ndarray, rng: np.random.Generator, share: float = 1.0) -> pl.DataFrame:
    """Rows of raw.quotes_1s around exp(level), shape (SECONDS, NAMES), renewed with a chance."""
    second, name = np.nonzero(rng.random(level.shape) < share)
    mid = np.exp(level[second, name])
    start = np.datetime64(OPEN.replace(tzinfo=None), "us")
    return pl.DataFrame({
        "ticker": np.array([f"S{i:03d}" for i in range(NAMES)])[name],
        "ts": start + (second + 1) * np.timedelta64(1_000_000, "us"),
        "bid_price": mid * (1 - 1e-4),
        "ask_price": mid * (1 + 1e-4),
    })  # fmt: skip


def measured(frame: pl.DataFrame, held: pl.DataFrame) -> tuple[pl.DataFrame, ...]:
    return measure_factors(frame, held, HOURS, DAY, 300, 0.8)


def test_returns_are_the_weighted_moves_on_the_sessions_grid() -> None:
    rng = np.random.default_rng(1)
    level = 4 + np.cumsum(1e-4 * rng.standard_normal((SECONDS, NAMES)), axis=0)
    held = weights(rng)
    returns, legs, mids = measured(quotes(level, rng), held)
    _, matrix = weight_matrix(held, DAY)
    expected = np.diff(level, axis=0) @ matrix.T
    np.testing.assert_allclose(returns.select(FACTOR_NAMES).to_numpy()[1:], expected, atol=1e-13)
    assert returns["mkt_rf"][0] is None
    assert returns["ts"][0] == OPEN.replace(tzinfo=None) + timedelta(seconds=1)
    assert returns["ts"][-1] == HOURS.close.replace(tzinfo=None)
    assert (returns["coverage"][1:] > 1 - 1e-12).all()
    smb = legs.filter(pl.col("factor") == "smb")
    difference = (smb["long_return"] - smb["short_return"])[1:].to_numpy()
    np.testing.assert_allclose(difference, returns["smb"][1:].to_numpy(), atol=1e-15)
    assert legs.filter(pl.col("factor") == "mkt_rf")["short_coverage"].is_null().all()
    np.testing.assert_allclose(mids["close_mid"], np.exp(level[-1]), rtol=1e-12)


def test_extended_hours_and_strangers_do_not_count() -> None:
    rng = np.random.default_rng(2)
    level = 4 + np.cumsum(1e-4 * rng.standard_normal((SECONDS, NAMES)), axis=0)
    frame, held = quotes(level, rng), weights(rng)
    early = frame.head(NAMES).with_columns(pl.col("ts") - pl.duration(hours=1))
    stranger = frame.head(5).with_columns(pl.lit("ZZZZ").alias("ticker"))
    base, more = measured(frame, held)[0], measured(pl.concat([early, stranger, frame]), held)[0]
    assert base.equals(more)


def test_half_the_market_missing_is_no_factor() -> None:
    rng = np.random.default_rng(3)
    level = 4 + np.cumsum(1e-4 * rng.standard_normal((SECONDS, NAMES)), axis=0)
    frame = quotes(level, rng).filter(pl.col("ticker") < "S100")
    returns = measured(frame, weights(rng))[0]
    assert returns.select(FACTOR_NAMES).null_count().row(0) == (SECONDS,) * 5
    assert 0.3 < returns["coverage"][100] < 0.7


def test_weights_of_the_future_and_repeated_names_are_refused() -> None:
    rng = np.random.default_rng(4)
    held = weights(rng)
    with pytest.raises(ValueError, match="look ahead"):
        weight_matrix(weights(rng, DAY), DAY)
    with pytest.raises(ValueError, match="repeat S000"):
        weight_matrix(pl.concat([held, held.head(1)]), DAY)
    with pytest.raises(ValueError, match="lack cma"):
        weight_matrix(held.filter(pl.col("factor") != "cma"), DAY)
    older = held.with_columns(pl.lit(date(2024, 6, 28)).alias("as_of"), pl.col("weight") * 2)
    later = held.with_columns(pl.lit(date(2024, 12, 31)).alias("as_of"), pl.col("weight") * 3)
    one, two = weight_matrix(held, DAY), weight_matrix(pl.concat([older, held, later]), DAY)
    np.testing.assert_array_equal(one[1], two[1])


def session_mids(day: date, first: np.ndarray, last: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({
        "date": [day] * NAMES, "ticker": [f"S{i:03d}" for i in range(NAMES)],
        "open_mid": first, "close_mid": last,
    })  # fmt: skip


def test_days_add_the_night_and_leave_out_a_split() -> None:
    rng = np.random.default_rng(5)
    held = weights(rng)
    _, matrix = weight_matrix(held, DAY)
    close, first, last = 50 * np.exp(0.02 * rng.standard_normal((3, NAMES)))
    today = session_mids(DAY, first, last)
    eve = session_mids(date(2024, 11, 4), close, close)
    found = daily_factor_returns(pl.concat([eve, today]), held, DAY)
    assert set(found["status"]) == {"ok"}
    np.testing.assert_allclose(found["return_intraday"], matrix @ (last / first - 1))
    np.testing.assert_allclose(found["return_close_to_close"], matrix @ (last / close - 1))
    split = eve.with_columns(
        close_mid=pl.when(pl.col("ticker") == "S007").then(10.0).otherwise(1.0)
        * pl.col("close_mid")
    )
    near = daily_factor_returns(pl.concat([split, today]), held, DAY)
    gap = near["return_close_to_close"] - found["return_close_to_close"]
    assert gap.abs().max() < 2e-3
    alone = daily_factor_returns(today, held, DAY)
    assert set(alone["status"]) == {"no_session_before"}
    assert alone["return_overnight"].null_count() == 5
    assert set(daily_factor_returns(today.head(50), held, DAY)["status"]) == {"low_coverage"}


def one_name(
    rng: np.random.Generator, gap: slice = slice(0, 0)
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """features.mid_ticks of a name and features.factor_returns_1s behind it."""
    moves = 5e-5 * rng.standard_normal((SECONDS, 5))
    level = 4 + np.cumsum(moves @ BETA + 1e-4 * rng.standard_normal(SECONDS))
    seconds = np.delete(np.arange(SECONDS), gap)
    start = np.datetime64(OPEN.replace(tzinfo=None), "ns")
    ticks = pl.DataFrame({
        "ts": start + seconds * np.timedelta64(10**9, "ns") + np.timedelta64(5 * 10**8, "ns"),
        "log_mid_price": level[seconds],
    })  # fmt: skip
    stamps = start.astype("datetime64[us]") + (np.arange(SECONDS) + 1) * np.timedelta64(10**6, "us")
    factors = pl.DataFrame({"ts": stamps, **dict(zip(FACTOR_NAMES, moves.T, strict=True))})
    return ticks, factors


def test_all_methods_recover_the_betas() -> None:
    betas, _, exposures = measure_betas(*one_name(np.random.default_rng(6)), HOURS, 300, "kalman")
    for method in ("rolling_ols", "kalman", "session"):
        last = betas.filter((pl.col("method") == method) & (pl.col("status") == "ok")).tail(1)
        for name, true in zip(FACTOR_NAMES, BETA, strict=True):
            error = last[f"beta_{name}"][0] - true
            assert abs(error) < 4 * last[f"beta_{name}_sd"][0], (method, name)
    row = exposures.row(0, named=True)
    assert row["status"] == "ok"
    expected = SECONDS * 25e-10 * (BETA @ BETA)
    assert row["variance_systematic"] == pytest.approx(expected, rel=0.3)
    assert row["variance_idiosyncratic"] == pytest.approx(SECONDS * 1e-8, rel=0.3)
    assert (row["minutes"], row["n_obs"]) == (SECONDS // 60 - 1, SECONDS - 1)


@pytest.mark.parametrize("method", ["kalman", "rolling_ols"])
def test_the_decomposition_adds_up_and_uses_betas_known_before(method: str) -> None:
    ticks, factors = one_name(np.random.default_rng(7))
    betas, parts, _ = measure_betas(ticks, factors, HOURS, 300, method)
    good = parts.filter(pl.col("status") == "ok")
    whole = good["return_systematic"] + good["return_idiosyncratic"]
    assert (good["return_total"] - whole).abs().max() <= 1e-12
    before = betas.filter(pl.col("method") == method).with_columns(
        pl.col("ts") + pl.duration(seconds=1)
    )
    joined = good.join(before, on="ts").join(factors, on="ts")
    known = sum(joined[f"beta_{name}"] * joined[name] for name in FACTOR_NAMES)
    np.testing.assert_allclose(known, joined["return_systematic"], atol=1e-16)
    assert parts.height == SECONDS
    assert joined.height == good.height


def test_a_halt_gives_no_return_and_a_missing_factor_no_parts() -> None:
    rng = np.random.default_rng(8)
    ticks, factors = one_name(rng, gap=slice(3000, 4000))
    factors = factors.with_columns(
        pl.when(pl.int_range(pl.len()) == 5000).then(None).otherwise(pl.col("smb")).alias("smb")
    )
    _, parts, _ = measure_betas(ticks, factors, HOURS, 300, "kalman")
    status = parts["status"].to_list()
    assert status[0] == "no_return"
    assert status[3298] == "ok"
    assert set(status[3310:4000]) == {"no_return"}
    assert status[5000] == "no_factors"
    assert parts["return_total"][5000] is not None
    assert parts["return_idiosyncratic"][5000] is None
    assert status[10] == "no_betas"


def test_a_name_without_quotes_has_rows_that_say_so() -> None:
    ticks, factors = one_name(np.random.default_rng(9))
    betas, parts, exposures = measure_betas(ticks.head(0), factors, HOURS, 300, "kalman")
    assert set(betas["status"]) == {"too_few"}
    assert set(parts["status"]) == {"no_return"}
    assert exposures["status"][0] == "too_few"
    assert exposures["variance_total"][0] is None
    with pytest.raises(ValueError, match="method='session'"):
        measure_betas(ticks, factors, HOURS, 300, "session")
