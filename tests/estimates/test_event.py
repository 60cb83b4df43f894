"""The event from frames: which trades count, what each method says, days that have little to say."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

from offtape_assets.estimates.event import event_trades, filter_probabilities, ljung_box
from offtape_assets.estimates.event_clocks import event_clocks
from offtape_assets.quant.kalman import filter_local_level
from offtape_assets.quant.ucbm import digital_clock, simulate_ucbm
from offtape_assets.sources.simulator.event import Event
from offtape_assets.sources.simulator.kalshi import trades as simulated_trades
from offtape_assets.sources.simulator.settings import World
from offtape_assets.tables import model_event as model
from offtape_assets.tables.table import Table

YES, NO = "E-YES", "E-NO"
DAY = date(2024, 11, 5)
START = datetime(2024, 11, 5)


def tape(rows: list[tuple[float, str, float]], contracts: float = 10.0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "ts": [START + timedelta(seconds=at) for at, _, _ in rows],
            "contract": [name for _, name, _ in rows],
            "contracts_traded": [contracts] * len(rows),
            "price": [price for _, _, price in rows],
        },
        schema={
            "ts": pl.Datetime("us"),
            "contract": pl.String,
            "contracts_traded": pl.Float64,
            "price": pl.Float64,
        },
    )


def names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


@pytest.fixture(scope="module")
def event_day() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, Event, World]:
    world = World()
    event = Event(world)
    raw = simulated_trades(world, event, DAY, (YES, NO))
    probabilities, diagnostics = filter_probabilities(raw, YES, NO)
    return raw, probabilities, diagnostics, event, world


def test_columns_are_those_declared(event_day) -> None:
    _, probabilities, diagnostics, _, _ = event_day
    assert sorted(probabilities.columns) == sorted(names(model.KALSHI_PROBABILITIES))
    assert sorted(diagnostics.columns) == sorted(names(model.EVENT_DIAGNOSTICS))
    clocks = event_clocks(probabilities, DAY, DAY, 26.0)
    assert sorted(clocks.columns) == sorted(names(model.EVENT_CLOCKS))


def test_every_trade_has_a_row_per_method(event_day) -> None:
    raw, probabilities, _, _, _ = event_day
    counts = dict(probabilities.group_by("method").len().iter_rows())
    assert counts == dict.fromkeys(("seed", "continuous", "probit"), raw.height)


def test_continuous_is_calibrated_on_the_simulated_event_day(event_day) -> None:
    _, probabilities, diagnostics, event, world = event_day
    for method, slack in (("continuous", 0.05), ("probit", 0.05)):
        own = probabilities.filter(method=method, status="ok")
        seconds = own["ts"].cast(pl.Datetime("us")).cast(pl.Int64).to_numpy() // 1_000_000
        truth = event.probability(seconds - world.prediction_market_lag)
        error = own["probability"].to_numpy() - truth
        inside = np.abs(error) < 1.6449 * np.sqrt(own["variance"].to_numpy())
        assert 0.87 < inside.mean() < 0.93
        row = diagnostics.filter(method=method).row(0, named=True)
        assert row["z_mean"] == pytest.approx(0, abs=0.02)
        assert row["z_variance"] == pytest.approx(1, abs=slack)


def test_the_clock_of_the_night_is_that_of_a_digital(event_day) -> None:
    _, _, _, event, world = event_day
    night = date(2024, 11, 6)
    raw = simulated_trades(world, event, night, (YES, NO))
    hours = raw.filter(pl.col("ts").cast(pl.Datetime("us")) < datetime(2024, 11, 6, 4))
    probabilities, _ = filter_probabilities(hours, YES, NO)
    clocks = event_clocks(probabilities, night, DAY, 26.0).filter(method="digital", status="ok")
    fit = clocks.filter(pl.col("ts") <= datetime(2024, 11, 6, 4)).row(-1, named=True)
    assert fit["clock_parameter"] == pytest.approx(1.0, abs=4 * fit["clock_parameter_error"])
    assert fit["clock_parameter_error"] < 0.12


def test_seed_filters_each_contract_alone_with_its_constants() -> None:
    rng = np.random.default_rng(1)
    prices = {YES: rng.integers(50, 60, 40) / 100, NO: rng.integers(40, 50, 40) / 100}
    rows = [
        (k + (name == NO) / 2, name, p) for name in (YES, NO) for k, p in enumerate(prices[name])
    ]
    probabilities, _ = filter_probabilities(tape(sorted(rows)), YES, NO)
    for name in (YES, NO):
        own = probabilities.filter(method="seed", contract=name)
        found = filter_local_level(prices[name])
        assert_allclose(own["probability"].to_numpy(), found.mean)
        assert own["variance"][0] == 1e-3
        assert own["probability"][0] == prices[name][0]
        assert own["status"][0] == "first_trade"
        assert own["innovation"][0] is None


def test_regimes_follow_z(event_day) -> None:
    _, probabilities, _, _, _ = event_day
    z = probabilities["standardized_innovation"].abs()
    for regime, low, high in (("baseline", 0, 1), ("moderate", 1, 2), ("high", 2, np.inf)):
        own = z.filter(probabilities["regime"] == regime)
        assert own.len() > 0
        assert (own > low if low else own >= low).all()
        assert (own <= high).all()
    assert probabilities.filter(z.is_null())["regime"].is_null().all()


def test_other_markets_do_not_count() -> None:
    rows = [(k, name, 0.5) for k in range(5) for name in (YES, "OTHER", NO)]
    probabilities, _ = filter_probabilities(tape(rows), YES, NO)
    assert set(probabilities["contract"]) == {YES, NO}


def test_fills_of_one_order_are_one_look() -> None:
    rows = [(0.0, YES, 0.5), (1.0, YES, 0.52), (2.0, YES, 0.51)]
    many = rows[:2] + [rows[1]] * 50 + rows[2:]
    once, _ = filter_probabilities(tape(rows, 51.0), YES, NO)
    often, _ = filter_probabilities(tape(many, 1.0), YES, NO)
    repeated = often.filter(method="continuous", status="same_order")
    assert repeated.height == 50
    assert repeated["innovation"].is_null().all()
    assert (repeated["gain"] == 0).all()
    last = [f.filter(method="continuous")["probability"][-1] for f in (once, often)]
    assert last[0] == pytest.approx(last[1], abs=3e-4)


def test_a_finer_price_grid_is_noticed_when_it_is_seen() -> None:
    own = event_trades(tape([(0, YES, 0.5), (1, YES, 0.512), (2, YES, 0.5)]), YES, NO)
    assert own["tick"].to_list() == [0.01, 0.001, 0.001]


def test_a_day_without_trades_has_no_probabilities_and_says_so() -> None:
    for empty in (tape([]), tape([(0, "OTHER", 0.5)])):
        probabilities, diagnostics = filter_probabilities(empty, YES, NO)
        assert probabilities.is_empty()
        assert diagnostics["status"].to_list() == ["too_few", "too_few"]
        assert event_clocks(probabilities, DAY, DAY, 26.0).is_empty()


def test_a_single_trade_is_a_start_and_no_more() -> None:
    probabilities, diagnostics = filter_probabilities(tape([(60.0, YES, 0.4)]), YES, NO)
    assert probabilities["status"].to_list() == ["first_trade"] * 3
    assert probabilities["probability"].to_list() == pytest.approx([0.4] * 3, abs=0.002)
    assert diagnostics["z_mean"].null_count() == diagnostics.height
    clocks = event_clocks(probabilities, DAY, DAY, 26.0)
    assert set(clocks["status"]) == {"too_few"}
    assert clocks["clock_rate"].null_count() == clocks.height


def test_prices_at_the_ends_are_bounds() -> None:
    rows = [(float(k), YES, price) for k, price in enumerate([0.98, 0.99, 1.0, 0.99, 0.0, 0.01])]
    probabilities, _ = filter_probabilities(tape(rows), YES, NO)
    own = probabilities.filter(method="continuous")
    assert own["status"].to_list() == ["first_trade"] + ["at_limit"] * 5
    assert own["probability"].is_between(0, 1).all()
    assert (own["variance"] > 0).all()


def test_a_halt_of_hours_widens_the_band() -> None:
    rng = np.random.default_rng(2)
    early = [(float(k), YES, p) for k, p in enumerate(rng.integers(54, 57, 300) / 100)]
    late = [(40_000.0 + k, YES, 0.7) for k in range(20)]
    probabilities, _ = filter_probabilities(tape(early + late), YES, NO)
    own = probabilities.filter(method="continuous")
    assert own["probability"][300] > 0.6  # the first trade after the halt is believed
    assert own["gain"][300] > 5 * own["gain"][299]
    assert set(own["status"][295:]) <= {"ok", "same_order"}


def test_another_event_works_by_names_alone() -> None:
    rng = np.random.default_rng(3)
    rows = [(float(k), "SENATE-R", p) for k, p in enumerate(rng.integers(60, 66, 50) / 100)]
    probabilities, diagnostics = filter_probabilities(tape(rows), "SENATE-R", "SENATE-D")
    assert probabilities.height == 150
    assert diagnostics.filter(method="continuous")["contract"].to_list() == ["SENATE-R"]


def test_minutes_without_a_trade_are_not_minutes_without_movement() -> None:
    """A halt must not look like a stopped clock."""
    rng = np.random.default_rng(5)
    level = 0.5 + np.cumsum(rng.normal(0, 0.004, 240))
    rows = [(60.0 * k + 12000.0 * (k >= 120), YES, round(p, 2)) for k, p in enumerate(level)]
    probabilities, _ = filter_probabilities(tape(rows), YES, NO)
    clocks = event_clocks(probabilities, DAY, DAY, 26.0).filter(method="local_variance")
    halt = clocks.filter(
        pl.col("ts").is_between(START + timedelta(hours=3), START + timedelta(hours=5))
    )
    assert halt["clock_rate"].n_unique() == 1
    assert not halt["is_jump"].any()
    assert halt["status"].unique().to_list() == ["ok"]


def test_a_filter_that_follows_late_does_not_slow_the_clock() -> None:
    """Half of a move seen each minute makes c of one-minute steps .6; the filter's variance says so."""
    minutes, end = 60.0 * np.arange(1, 361), 60.0 * 421
    clock = digital_clock(minutes, end)
    paths = simulate_ucbm(0.8, clock, 12, np.random.default_rng(11))
    steps = np.diff(clock, prepend=clock[0])
    found = []
    for path in paths.T:
        seen = np.empty(path.size)
        seen[0] = path[0]
        for k in range(1, path.size):
            seen[k] = 0.5 * (seen[k - 1] + path[k])
        variance = norm.pdf(norm.ppf(seen)) ** 2 * steps / 3  # what such a filter does not know
        stamps = [START + timedelta(seconds=s - 30) for s in minutes]
        frame = pl.DataFrame(
            {"ts": stamps, "method": "continuous", "probability": seen, "variance": variance}
        )
        settled = (START - datetime(2024, 11, 5, 5)).total_seconds() / 3600 + end / 3600
        rows = event_clocks(frame, DAY, DAY, settled).filter(method="digital", status="ok")
        found += rows["clock_parameter"].to_list()[-1:]
    assert len(found) >= 9
    assert np.median(found) == pytest.approx(1.0, abs=0.15)


def test_clock_rows_never_see_the_future(event_day) -> None:
    _, probabilities, _, _, _ = event_day
    noon = datetime(2024, 11, 5, 18)
    stamps = pl.col("ts").cast(pl.Datetime("us"))
    early = event_clocks(probabilities.filter(stamps < noon), DAY, DAY, 26.0)
    full = event_clocks(probabilities, DAY, DAY, 26.0)
    until = pl.col("ts") <= noon
    columns = ["ts", "method", "clock_rate", "clock_parameter", "is_jump", "status"]
    assert early.filter(until).select(columns).equals(full.filter(until).select(columns))


def test_ljung_box_agrees_with_statsmodels() -> None:
    from statsmodels.stats.diagnostic import acorr_ljungbox

    series = np.random.default_rng(4).standard_normal(500)
    theirs = acorr_ljungbox(series, lags=[20]).iloc[0]
    ours = ljung_box(series, 20)
    assert ours == pytest.approx((theirs["lb_stat"], theirs["lb_pvalue"]), rel=1e-9)


def test_reports_of_midnight_belong_to_their_second() -> None:
    own = event_trades(tape([(0.0, YES, 0.5), (86_399.0, YES, 0.5)]), YES, NO)
    assert own["seconds"].to_list() == [0.0, 86_399.0]
