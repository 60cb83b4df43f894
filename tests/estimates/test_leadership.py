"""Leadership frames: planted leaders named, failures silent, shapes as declared."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from benchmarks.leadership_worlds import SESSION, name_day, sticky_day, tracker_day
from offtape_assets.estimates.leadership import GroupTables, measure_groups, windows_of
from offtape_assets.estimates.leadership_event import measure_event_leads, smooth_session
from offtape_assets.estimates.leadership_panel import measure_panel, panel_shares
from offtape_assets.estimates.leadership_prices import Ticks, by_ticker, group_series, mid_ticks
from offtape_assets.market.calendar import Session
from offtape_assets.market.groups import parse_groups
from offtape_assets.tables import model_leadership
from offtape_assets.tables.table import Table

DAY = date(2024, 11, 5)
OPEN = datetime(2024, 11, 5, 14, 30, tzinfo=UTC)
HOURS = Session(OPEN, OPEN + timedelta(seconds=SESSION))
OPEN_NS = int(OPEN.timestamp()) * 1_000_000_000
BASIS_POINT = 1e-4
NO_BASKETS = pl.DataFrame(
    schema={"etf": pl.String, "ticker": pl.String, "shares_per_share": pl.Float64}
)
TRACKERS = parse_groups("trackers=A,B,C")


def ticks_of(ticker: str, times_ns: np.ndarray, prices_bp: np.ndarray) -> pl.DataFrame:
    """Rows of features.mid_ticks; instants are from the open."""
    return pl.DataFrame(
        {
            "ticker": [ticker] * len(times_ns),
            "ts": (OPEN_NS + times_ns).astype("datetime64[ns]"),
            "log_mid_price": np.log(100.0) + BASIS_POINT * prices_bp,
        }
    )


def seconds(ticker: str, prices_bp: np.ndarray) -> pl.DataFrame:
    """One tick in the middle of every second."""
    return ticks_of(ticker, np.arange(len(prices_bp)) * 1_000_000_000 + 500_000_000, prices_bp)


def tracker_ticks(seed: int, **world: float) -> pl.DataFrame:
    prices = tracker_day(np.random.default_rng(seed), **world)
    return pl.concat([seconds(name, prices[:, i]) for i, name in enumerate("ABC")])


def measured(ticks: pl.DataFrame, groups: str = "trackers=A,B,C") -> GroupTables:
    return measure_groups(ticks, NO_BASKETS, parse_groups(groups), HOURS, DAY, 30, 1)


def has_columns_of(frame: pl.DataFrame, table: Table) -> bool:
    return frame.columns == [column.name for column in table.columns]


def test_planted_leader_is_named_in_the_session_and_in_windows() -> None:
    tables = measured(tracker_ticks(1, lag=1, share=0.5))
    assert has_columns_of(tables.shares, model_leadership.INFORMATION_SHARES)
    assert has_columns_of(tables.tests, model_leadership.LEAD_TESTS)
    assert has_columns_of(tables.ranks, model_leadership.COINTEGRATION_TESTS)
    named = tables.shares.filter(pl.col("is_leader"))
    assert set(named["ticker"]) == {"A"}
    by_width = named.group_by("window_minutes").len().sort("window_minutes")
    assert by_width.rows() == [(30, 13), (390, 1)]
    whole = tables.shares.filter(pl.col("window_minutes") == 390)
    assert abs(whole["is_mean"].sum() - 1.0) < 1e-9
    assert (whole["band_low"] < whole["is_mean"]).all()
    assert tables.ranks.height == 14 * 3
    assert tables.tests.filter(pl.col("is_leader"))["z"].min() > 0


@pytest.mark.parametrize("seed", range(4))
def test_nobody_is_named_where_nobody_leads(seed: int) -> None:
    tables = measured(tracker_ticks(seed, lag=0, noise=(0.1, 1.0, 1.0)))
    whole = tables.shares.filter(pl.col("window_minutes") == 390)
    assert whole["is_leader"].is_null().all()
    assert whole.sort("is_mean")["ticker"][-1] == "A"  # the share declares the cleaner one


def test_coarse_prices_fool_either_method_and_not_both() -> None:
    times, values, _ = sticky_day(np.random.default_rng(5))
    ticks = pl.concat(
        [ticks_of(name, t, v) for name, t, v in zip("ABC", times, values, strict=True)]
    )
    tables = measured(ticks)
    whole = tables.tests.filter(pl.col("window_minutes") == 390)
    finest = whole.filter((pl.col("leader") == "A") & (pl.col("p_value") < 0.01))
    by_method = {m: finest.filter(pl.col("method") == m)["z"] for m in ("grid", "hayashi_yoshida")}
    assert (by_method["grid"] > 0).all()
    assert (by_method["hayashi_yoshida"] < 0).all()
    assert by_method["grid"].len() == by_method["hayashi_yoshida"].len() == 2
    assert whole["is_leader"].is_null().all()


def test_leverage_is_taken_out() -> None:
    prices = tracker_day(np.random.default_rng(6), lag=1)
    ticks = pl.concat([seconds("A", prices[:, 0]), seconds("B", -3.0 * prices[:, 1])])
    tables = measured(ticks, "pair=A,B:-3")
    whole = tables.shares.filter(pl.col("window_minutes") == 390)
    assert whole.filter(pl.col("is_leader"))["ticker"].to_list() == ["A"]


@pytest.mark.parametrize(
    ("spoil", "status"),
    [("constant", "singular"), ("halted", "too_few"), ("missing", "no_data"), ("copy", "singular")],
)
def test_a_failed_window_never_names_a_leader(spoil: str, status: str) -> None:
    prices = tracker_day(np.random.default_rng(7), lag=1)
    frames = [seconds(name, prices[:, i]) for i, name in enumerate("ABC")]
    if spoil == "constant":
        frames[1] = seconds("B", np.full(SESSION, 4.0))
    elif spoil == "halted":
        frames[1] = frames[1].head(60)
    elif spoil == "copy":
        frames[1] = seconds("B", prices[:, 0])
    else:
        del frames[1]
    tables = measured(pl.concat(frames))
    late = tables.shares.filter(pl.col("window_end") > datetime(2024, 11, 5, 15, 30))
    assert set(late["status"]) == {status}
    assert late["is_leader"].is_null().all()
    assert late["is_mean"].is_null().all()
    touched = tables.tests.filter((pl.col("leader") == "B") | (pl.col("follower") == "B"))
    assert touched.filter(pl.col("status") != "ok")["is_leader"].is_null().all()


def test_a_basket_is_its_constituents() -> None:
    rng = np.random.default_rng(8)
    own = np.cumsum(rng.standard_normal((SESSION, 2)), axis=0)
    fund = np.log(np.exp(BASIS_POINT * own).mean(axis=1)) / BASIS_POINT
    late = np.concatenate([np.zeros(2), fund[:-2]])
    shown = 0.5 * fund + 0.5 * late + 0.2 * rng.standard_normal(SESSION)
    ticks = pl.concat([seconds("X", own[:, 0]), seconds("Y", own[:, 1]), seconds("F", shown)])
    baskets = pl.DataFrame(
        {"etf": ["F", "F"], "ticker": ["X", "Y"], "shares_per_share": [0.5, 0.5]}
    )
    group = parse_groups("fund=F,@F")
    tables = measure_groups(ticks, baskets, group, HOURS, DAY, 30, 1)
    whole = tables.shares.filter(pl.col("window_minutes") == 390)
    assert whole.filter(pl.col("is_leader"))["ticker"].to_list() == ["@F"]
    half = baskets.head(1)
    assert group_series(group[0], by_ticker(ticks), half) is None  # covers half the fund


def test_stale_and_first_prices_are_unknown_on_the_grid() -> None:
    ticks = Ticks(np.array([10, 20]) * 1_000_000_000, np.array([1.0, 2.0]))
    edges = np.array([5, 10, 11, 20, 21, 320, 321]) * 1_000_000_000
    found = ticks.on_grid(edges)
    np.testing.assert_array_equal(found, [np.nan, np.nan, 1.0, 1.0, 2.0, 2.0, np.nan])


def test_quotes_become_ticks_in_event_time() -> None:
    base = OPEN_NS + 10_000_000_000
    rows = [
        (base + 1_000_000, 10.00, 10.02),
        (base + 90_000_000, 10.00, 10.04),  # same tenth of a second: the last one stays
        (base + 150_000_000, 10.06, 10.04),  # crossed: no mid
        (base + 250_000_000, None, 10.04),  # one side: no mid
        (base + 350_000_000, 10.00, 10.04),  # repeats the mid: says it is fresh
        (OPEN_NS - 5, 9.0, 9.02),  # before the open
    ]
    quotes = pl.DataFrame(
        {
            "ts": [datetime.fromtimestamp(0, UTC).replace(tzinfo=None)] * len(rows),
            "sequence_number": list(range(len(rows))),
            "bid_price": [r[1] for r in rows],
            "ask_price": [r[2] for r in rows],
            "bid_size": [100] * len(rows),
            "ask_size": [100] * len(rows),
            "conditions": [[1]] * len(rows),
        },
        schema_overrides={"conditions": pl.List(pl.Int16), "bid_price": pl.Float64},
    ).with_columns(pl.Series("ts", np.array([r[0] for r in rows]).astype("datetime64[ns]")))
    found = mid_ticks(quotes, HOURS)
    stamps = found["ts"].to_physical().to_numpy() - base
    np.testing.assert_array_equal(stamps, [90_000_000, 350_000_000])
    np.testing.assert_allclose(found["log_mid_price"].to_numpy(), np.log(10.02))
    series = by_ticker(found.with_columns(pl.lit("Z").alias("ticker")))["Z"]
    assert len(series.changes().ts) == 1


def test_windows_tile_the_session() -> None:
    windows = windows_of(HOURS, 30)
    assert [w.minutes for w in windows] == [390] + [30] * 13
    assert windows[1].label["window_end"] == datetime(2024, 11, 5, 15, 0)
    assert windows[-1].label["window_end"] == windows[0].label["window_end"]
    assert windows[0].last == SESSION
    half_day = Session(OPEN, OPEN + timedelta(hours=3, minutes=30))
    assert windows_of(half_day, 30)[0].minutes == 210


def event_frames(seed: int, delay: int, ticker: str = "NVDA") -> tuple[pl.DataFrame, pl.DataFrame]:
    day = name_day(np.random.default_rng(seed), delay, 0.2, 1.0, 2e-3)
    ticks = pl.concat([seconds(ticker, day.name), seconds("SPY", day.market)])
    stamps = OPEN_NS + (day.trade_seconds * 1e9).astype(np.int64)
    is_no = np.arange(len(stamps)) % 3 == 0
    trades = pl.DataFrame(
        {
            "ts": stamps.astype("datetime64[ns]"),
            "contract": np.where(is_no, "NO", "YES"),
            "price": np.where(is_no, 1.02 - day.trade_prices, day.trade_prices),
        }
    )
    return ticks, trades


def test_event_order_is_found_from_both_contracts() -> None:
    ticks, trades = event_frames(1, 5)
    rows = measure_event_leads(ticks, trades, "YES", "NO", HOURS)
    assert has_columns_of(rows, model_leadership.LEAD_TESTS)
    ahead = rows.filter((pl.col("leader") == "YES") & (pl.col("follower") == "NVDA"))
    assert ahead.filter(pl.col("reach_seconds") == 15)["is_leader"].to_list() == [True]
    back = rows.filter((pl.col("leader") == "NVDA") & (pl.col("reach_seconds") == 15))
    assert back["is_leader"].to_list() == [False]
    np.testing.assert_allclose(back["z"].to_numpy(), -ahead["z"].to_numpy()[:1])
    assert rows.filter(pl.col("reach_seconds") == 60)["is_leader"].is_null().all()


def test_the_gap_between_the_contracts_is_no_news() -> None:
    _, trades = event_frames(2, 5)
    both = smooth_session(trades, "YES", "NO", HOURS)
    one = smooth_session(trades.filter(pl.col("contract") == "YES"), "YES", "NO", HOURS)
    known = np.isfinite(both.probability) & np.isfinite(one.probability)
    gap = (both.probability - one.probability)[known]
    assert abs(gap.mean()) < 0.003  # the planted gap is two cents
    assert both.noise_variance < 3.0 * one.noise_variance


def test_no_trades_no_rows_and_few_trades_a_status() -> None:
    ticks, trades = event_frames(3, 5)
    assert measure_event_leads(ticks, trades.head(0), "YES", "NO", HOURS).height == 0
    few = measure_event_leads(ticks, trades.head(20), "YES", "NO", HOURS)
    assert set(few["status"]) == {"too_few"}
    assert few["is_leader"].is_null().all()


def panel_ticks(n: int = 20, n_seconds: int = 6000) -> pl.DataFrame:
    rng = np.random.default_rng(4)
    own = rng.standard_normal((n_seconds, n))
    own[2:, 1] += 0.5 * own[:-2, 0]
    prices = np.cumsum(own + rng.standard_normal((n_seconds, 1)), axis=0)
    return pl.concat([seconds(f"N{i}", prices[:, i]) for i in range(n)])


def test_panel_tables_are_complete_and_point_the_right_way() -> None:
    hours = Session(OPEN, OPEN + timedelta(seconds=6000))
    tickers = (*(f"N{i}" for i in range(20)), "ABSENT")
    tables = measure_panel(panel_ticks(), NO_BASKETS, (), tickers, hours, DAY, 1)
    assert has_columns_of(tables.lead_lags, model_leadership.LEAD_LAGS)
    assert has_columns_of(tables.granger, model_leadership.GRANGER_TESTS)
    assert has_columns_of(tables.connectedness, model_leadership.CONNECTEDNESS)
    assert has_columns_of(tables.net, model_leadership.NET_SPILLOVERS)
    assert tables.lead_lags.height == 190
    pair = tables.lead_lags.filter((pl.col("leader") == "N0") & (pl.col("follower") == "N1"))
    assert pair.height == 1
    first = tables.granger.sort("p_value_white").row(0, named=True)
    assert (first["cause"], first["effect"]) == ("N0", "N1")
    assert tables.connectedness.sort("share")["from_ticker"][-1] == "N0"
    assert tables.net.sort("net_spillover")["ticker"][-1] == "N0"
    again = measure_panel(panel_ticks(), NO_BASKETS, (), tickers, hours, DAY, 1)
    assert tables.net.equals(again.net)


def test_pairs_of_a_group_have_tick_lags() -> None:
    prices = tracker_day(np.random.default_rng(10), lag=3, noise=(0.1, 0.1, 0.1))
    ticks = pl.concat([seconds("A", prices[:, 0]), seconds("B", -3.0 * prices[:, 1])])
    groups = parse_groups("pair=A,B:-3")
    lags = measure_panel(ticks, NO_BASKETS, groups, ("A", "B"), HOURS, DAY, 1).lead_lags
    by_method = {row["method"]: row for row in lags.iter_rows(named=True)}
    on_ticks = by_method["hayashi_yoshida"]
    assert (on_ticks["leader"], on_ticks["follower"]) == ("A", "B")
    assert abs(on_ticks["lag_seconds"] - 3.0) <= 0.9  # one tick a second
    assert on_ticks["correlation"] > 0.5  # the leverage's sign is taken out
    assert by_method["ccf"]["correlation"] < -0.5  # raw returns, as published
    assert abs(by_method["ccf"]["lag_seconds"]) == 3.0


def test_published_panel_shares_are_labelled_and_name_nobody() -> None:
    rng = np.random.default_rng(9)
    prices = np.cumsum(rng.standard_normal((SESSION, 5)), axis=0)
    ticks = pl.concat([seconds(f"N{i}", prices[:, i]) for i in range(5)])
    shares = panel_shares(ticks, tuple(f"N{i}" for i in range(5)), HOURS, 30)
    assert set(shares["group_name"]) == {"panel_seed", "panel_trace"}
    assert shares["is_leader"].is_null().all()
    assert shares["is_mean"].is_null().all()
    seed = shares.filter(pl.col("group_name") == "panel_seed")
    totals = seed.group_by("window_end").agg(pl.col("is_diagonal").sum())
    np.testing.assert_allclose(totals["is_diagonal"].to_numpy(), 1.0)
