"""Conditional laws from frames: readings of the event, chains of a day, statuses, real chains."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from benchmarks.demixing_worlds import Case, simulate
from offtape_assets.estimates.conditional import (
    factor_levels,
    hedge_rows,
    minute_prices,
    read_event,
    split_by_event,
)
from offtape_assets.market.calendar import session
from offtape_assets.quant.demixing_probability import smooth_probability
from offtape_assets.report.conditional import two_worlds

DAY = date(2024, 11, 5)
HOURS = session(DAY)
OPEN = HOURS.open.replace(tzinfo=None)
EXPIRY = date(2024, 11, 15)
YES, NO = "PRES-2024-DJT", "PRES-2024-KH"
METHODS = ["max_entropy", "panel", "shift", "two_lognormal"]


def stamp(minute, second=0.0):
    return OPEN + timedelta(minutes=int(minute), seconds=float(second))


def readings_of(day, noise=0.0075):
    return pl.DataFrame(
        {
            "ts": [stamp(minute + 1) for minute in range(390)],
            "reading": day.readings,
            "reading_sd": np.full(390, noise),
        }
    )


def prices_of(day):
    stamps = [stamp(minute + 1) for minute in range(390)]
    return pl.DataFrame({"bucket": stamps, "last_mid": np.exp(day.log_price)})


def smiles_of(day):
    """Rows of features.option_smiles with the columns the estimate reads."""
    frames = []
    for t, minute in enumerate(day.snapshot_minute):
        known = np.isfinite(day.prices[t])
        half = np.sqrt(np.maximum(day.price_sd[t] ** 2 - 0.003**2, 1e-6)) * 2
        frames.append(
            pl.DataFrame(
                {
                    "ts": stamp(minute + 1),
                    "expiry": EXPIRY,
                    "strike": day.strikes[known],
                    "bid_price": (day.prices[t] - half)[known],
                    "ask_price": (day.prices[t] + half)[known],
                    "microprice": day.prices[t][known],
                    "early_exercise_premium": 0.0,
                    "discount": 1.0,
                    "forward": day.forward[t],
                    "tau_years": day.tau[t],
                    "is_out_of_the_money": True,
                    "status": "ok",
                }
            )
        )
    return pl.concat(frames)


def densities_of(day):
    """The true observed law on a fine grid, as model.risk_neutral_densities."""
    frames = []
    for t, minute in enumerate(day.snapshot_minute):
        price = day.forward[t] * np.linspace(0.55, 1.5, 500)
        share = (day.probability[t], 1 - day.probability[t])
        density = sum(
            part * law.density(price, day.relative_mean[t, side] * day.forward[t], total)
            for side, (part, law, total) in enumerate(
                zip(share, day.laws, day.total_vol[t], strict=True)
            )
        )
        frames.append(
            pl.DataFrame(
                {
                    "ts": stamp(minute + 1),
                    "expiry": EXPIRY,
                    "strike": price,
                    "log_moneyness": np.log(price / day.forward[t]),
                    "implied_vol": 0.4 + 0.1 * day.probability[t],
                    "density": density,
                }
            )
        )
    return pl.concat(frames)


def split(day):
    return split_by_event(
        readings_of(day), prices_of(day), smiles_of(day), densities_of(day), HOURS
    )


@pytest.fixture(scope="module")
def moved():
    day = simulate(np.random.default_rng([1, 0]), Case(0.20))
    return day, split(day)


class TestReadings:
    def trades(self, rng, path, per_minute=8, vig=0.01):
        rows = []
        for minute in range(390):
            for second in np.sort(rng.uniform(0, 60, per_minute)):
                is_yes = rng.random() < 0.5
                value = path[minute] if is_yes else 1 - path[minute]
                price = np.round(value + vig / 2 + rng.normal(0, 0.006), 2)
                rows.append((stamp(minute, second), YES if is_yes else NO, float(price)))
        return pl.DataFrame(rows, schema=["ts", "contract", "price"], orient="row")

    def test_noise_is_stated_and_the_vig_removed(self):
        rng = np.random.default_rng(0)
        path = 0.55 + np.cumsum(rng.normal(0, 0.001, 390))
        rows = read_event(self.trades(rng, path), YES, HOURS)
        assert rows.height == 390
        assert rows["ts"][0] == stamp(1)
        assert rows["ts"][-1] == HOURS.close.replace(tzinfo=None)
        error = rows["reading"].to_numpy() - path
        assert abs(error.mean()) < 0.001
        assert np.std(error) == pytest.approx(rows["reading_sd"].median(), rel=0.35)
        smooth = rows["probability"].to_numpy() - path
        assert np.std(smooth) < np.std(error)

    def test_minutes_without_trades_are_null_and_trades_outside_hours_ignored(self):
        rng = np.random.default_rng(0)
        own = self.trades(rng, np.full(390, 0.5))
        gap = pl.col("ts").is_between(stamp(100), stamp(110))
        before = pl.DataFrame(
            {"ts": [stamp(-5)], "contract": [YES], "price": [0.99]}, schema=own.schema
        )
        rows = read_event(pl.concat([own.filter(~gap), before]), YES, HOURS)
        assert rows["reading"][100:110].null_count() == 10
        assert rows["reading"].max() < 0.6

    def test_no_trades_is_a_status(self):
        nothing = pl.DataFrame(
            schema={"ts": pl.Datetime("us"), "contract": pl.String, "price": pl.Float64}
        )
        rows = read_event(nothing, YES, HOURS)
        assert rows["status"].unique().to_list() == ["too_few"]
        assert rows["probability"].null_count() == 390


class TestSplit:
    def test_every_method_has_a_row_for_every_snapshot(self, moved):
        _, (fits, _, _) = moved
        assert fits.height == 4 * 78
        assert fits["method"].unique().sort().to_list() == METHODS
        assert fits.filter(pl.col("method") != "two_lognormal")["status"].unique().to_list() == [
            "ok"
        ]
        family = fits.filter(pl.col("method") == "two_lognormal")["status"].unique().to_list()
        assert set(family) <= {"family_only", "not_identified"}

    def test_panel_recovers_the_truth(self, moved):
        day, (fits, _, _) = moved
        panel = fits.filter(pl.col("method") == "panel").sort("ts")
        truth = day.relative_mean - 1
        assert panel["forward_return_yes"].to_numpy() == pytest.approx(truth[:, 0], abs=0.012)
        assert panel["forward_return_no"].to_numpy() == pytest.approx(truth[:, 1], abs=0.012)
        vol = (panel["sd_yes"] / panel["mean_yes"]).to_numpy()
        assert vol == pytest.approx(day.relative_sd[:, 0], rel=0.15)
        assert panel["reconstruction_l1"].max() < 0.1

    def test_reconstruction_is_no_proof(self, moved):
        _, (fits, _, _) = moved
        exact = fits.filter(pl.col("method") == "max_entropy")
        assert exact["reconstruction_l1"].max() < 1e-9
        panel = fits.filter(pl.col("method") == "panel")
        assert exact["reconstruction_l1"].max() < panel["reconstruction_l1"].min()

    def test_densities_lie_on_the_quoted_strikes_and_add_up(self, moved):
        day, (_, laws, _) = moved
        assert set(laws["strike"].unique()) == set(day.strikes)
        assert laws.select("ts", "expiry", "method", "strike").is_unique().all()
        own = laws.filter(pl.col("method") == "panel")
        low = own.select(pl.min_horizontal("density_yes", "density_no")).to_series()
        high = own.select(pl.max_horizontal("density_yes", "density_no")).to_series()
        assert (
            (own["reconstructed"] >= low - 1e-12) & (own["reconstructed"] <= high + 1e-12)
        ).all()

    def test_a_still_probability_is_not_identified_and_null(self):
        day = simulate(np.random.default_rng([1, 0]), Case(0.003))
        fits, laws, _ = split(day)
        panel = fits.filter(pl.col("method") == "panel")
        assert panel["status"].unique().to_list() == ["not_identified"]
        for name in ("mean_yes", "mean_no", "sd_yes", "sd_no", "log_ratio"):
            assert panel[name].null_count() == panel.height
        assert laws.filter(pl.col("method") != "two_lognormal").is_empty()

    def test_picture_of_a_day_and_of_nothing(self, moved):
        _, frames = moved
        assert len(two_worlds(*frames)) > 10_000
        assert len(two_worlds(*(frame.clear() for frame in frames))) > 1_000


class TestFactors:
    def seconds(self, returns):
        stamps = [stamp(0, second + 1) for second in range(len(returns))]
        return pl.DataFrame(
            {"ts": stamps, "mkt_rf": returns},
            schema={"ts": pl.Datetime("us"), "mkt_rf": pl.Float64},
        )

    def test_levels_are_sums_to_the_end_of_each_minute(self):
        returns = np.random.default_rng(0).normal(0, 1e-4, 23_400)
        levels = factor_levels(self.seconds(returns), ("mkt_rf",), HOURS)
        assert levels.shape == (390, 1)
        assert levels[:, 0] == pytest.approx(np.cumsum(returns)[59::60])

    def test_unknown_minutes_are_nan_and_no_factor_is_no_hedge(self):
        returns = self.seconds([0.001] * 600).with_columns(
            mkt_rf=pl.when(~pl.col("ts").is_between(stamp(2), stamp(3), closed="right")).then(
                "mkt_rf"
            )
        )
        levels = factor_levels(returns, ("mkt_rf",), HOURS)
        assert np.isnan(levels[2, 0])
        assert levels[3, 0] == pytest.approx(0.18)
        assert factor_levels(returns, (), HOURS) is None

    def test_a_hedge_narrows_the_band_and_an_absent_one_is_told(self):
        day = simulate(np.random.default_rng([1, 2]), Case(0.10, hedge_vol=0.0104))
        frames = (readings_of(day), prices_of(day), smiles_of(day), densities_of(day), HOURS)
        plain, hedged = (split_by_event(*frames, factors)[0] for factors in (None, day.hedge))
        panel = pl.col("method") == "panel"
        plain, hedged = plain.filter(panel), hedged.filter(panel)
        assert hedged["status"].unique().to_list() == ["ok"]
        assert hedged["log_ratio_sd"][0] < 0.75 * plain["log_ratio_sd"][0]
        nothing = factor_levels(self.seconds([]), ("mkt_rf",), HOURS)
        absent, _, _ = split_by_event(*frames, nothing)
        assert absent.filter(panel)["status"].unique().to_list() == ["too_few"]


class TestHedges:
    def test_spot_sensitivity_is_the_gap_in_dollars(self, moved):
        day, (_, _, hedges) = moved
        spot = hedges.filter(pl.col("measure") == "spot").sort("horizon_minutes")
        assert spot["horizon_minutes"].to_list() == [1, 5, 15]
        gap = (day.relative_mean[:, 0] - day.relative_mean[:, 1]).mean() * 100
        first = spot.row(0, named=True)
        assert first["sensitivity"] == pytest.approx(gap, abs=3 * first["sensitivity_sd"])
        assert first["hedge_contracts"] == -first["sensitivity"]
        assert 0 < first["hedge_r_squared"] < 1

    def test_hedged_share_varies_less(self, moved):
        day, (_, _, hedges) = moved
        row = hedges.filter(pl.col("measure") == "spot", pl.col("horizon_minutes") == 5)
        event = smooth_probability(day.readings, 0.0075)
        price = np.exp(day.log_price)[::5]
        hedged = price + row["hedge_contracts"].item() * event.mean[::5]
        share = 1 - np.var(np.diff(hedged)) / np.var(np.diff(price))
        assert share == pytest.approx(row["hedge_r_squared"].item(), abs=0.05)

    def test_volatility_sensitivity(self, moved):
        _, (_, _, hedges) = moved
        row = hedges.filter(pl.col("measure") == "implied_vol").row(0, named=True)
        assert row["horizon_minutes"] == 5
        assert row["sensitivity"] == pytest.approx(0.1, abs=4 * row["sensitivity_sd"])
        assert row["hedge_contracts"] is None

    def test_no_event_is_a_status(self):
        event = smooth_probability(np.full(390, np.nan))
        rows = list(hedge_rows(np.full(390, 10.0), event, densities_of_nothing(), HOURS))
        assert {row["status"] for row in rows} == {"too_few"}
        assert all("sensitivity" not in row for row in rows)


def densities_of_nothing():
    return pl.DataFrame(
        schema={
            "ts": pl.Datetime("us"),
            "expiry": pl.Date,
            "log_moneyness": pl.Float64,
            "implied_vol": pl.Float64,
        }
    )


def test_bars_stand_in_for_absent_mids():
    bars = pl.DataFrame({"ticker": ["A", "B"], "ts": [stamp(0), stamp(0)], "close": [10.0, 20.0]})
    mids = pl.DataFrame(schema={"bucket": pl.Datetime("us"), "last_mid": pl.Float64})
    found = minute_prices(mids, bars, "B")
    assert found.rows() == [(stamp(1), 20.0)]
    own = pl.DataFrame({"bucket": [stamp(1)], "last_mid": [9.0]})
    assert minute_prices(own, bars, "B").rows() == own.rows()


@pytest.mark.realdata
def test_recorded_chains_with_a_scripted_probability(landing_folder):
    """Seven hourly chains of AAPL and one of IWM: format and statuses; no event moved them."""
    from offtape_assets.estimates.option_smiles import SmileSettings, measure_option_smiles
    from offtape_assets.estimates.risk_neutral import fit_risk_neutral
    from offtape_assets.sources.landing.option_chains import OptionReader

    bills = pl.DataFrame(schema={"tenor_days": pl.Int32, "rate": pl.Float64})
    interest = pl.DataFrame(schema={"expiry": pl.Date, "strike": pl.Float64})
    for day, ticker, minutes in ((date(2014, 6, 6), "AAPL", 60), (date(2026, 8, 14), "IWM", 5)):
        (quotes,) = OptionReader("raw.option_quotes", landing_folder).read(
            day, [ticker], landing_folder
        )
        hours = session(day)
        chosen = SmileSettings(day, day, (), minutes, None, True)
        smiles = measure_option_smiles(quotes.rows, bills, hours, chosen)
        _, densities, _ = fit_risk_neutral(smiles, interest, "smile")
        rng = np.random.default_rng(5)
        start = hours.open.replace(tzinfo=None)
        stamps = [start + timedelta(minutes=minute + 1) for minute in range(390)]
        path = 0.5 + 0.15 * np.sin(np.linspace(0, 3, 390))
        readings = pl.DataFrame(
            {
                "ts": stamps,
                "reading": path + rng.normal(0, 0.003, 390),
                "reading_sd": np.full(390, 0.003),
            }
        )
        forward = float(smiles["forward"].drop_nulls()[0])
        walk = forward * np.exp(np.cumsum(rng.normal(0, 5e-4, 390)))
        prices = pl.DataFrame({"bucket": stamps, "last_mid": walk})
        fits, laws, hedges = split_by_event(readings, prices, smiles, densities, hours)
        good = (pl.col("status") == "ok") & (pl.col("ts") <= hours.close.replace(tzinfo=None))
        assert fits.height == 4 * smiles.filter(good)["ts"].n_unique()
        assert fits["method"].unique().sort().to_list() == METHODS
        assert set(fits["status"]) <= {"ok", "not_identified", "too_few", "family_only"}
        moments = fits.filter(~pl.col("status").is_in(["ok", "family_only"]))
        assert moments["mean_yes"].null_count() == moments.height
        assert laws.height == 0 or (laws["density_yes"] >= 0).all()
        assert hedges.height == 4


def test_readings_frame_is_the_only_link_to_the_event(moved):
    """Opposite readings exchange the states."""
    day, (fits, _, _) = moved
    other = readings_of(day).with_columns(reading=1.0 - pl.col("reading"))
    mirrored, _, _ = split_by_event(other, prices_of(day), smiles_of(day), densities_of(day), HOURS)
    one = fits.filter(pl.col("method") == "panel")["mean_yes"].to_numpy()
    two = mirrored.filter(pl.col("method") == "panel")["mean_no"].to_numpy()
    assert one == pytest.approx(two, rel=2e-3)
