"""Quotes to volatilities: verdicts, grid, forwards, early exercise; edges give defined results."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from offtape_assets.estimates.option_smiles import (
    SEED_RATE,
    SmileSettings,
    chosen_expiries,
    measure_option_smiles,
)
from offtape_assets.estimates.risk_neutral import fit_risk_neutral
from offtape_assets.market.calendar import session
from offtape_assets.quant.american import early_exercise_premium
from offtape_assets.quant.black_scholes import option_price

DAY, EXPIRY = date(2024, 11, 5), date(2024, 11, 15)
NOON = datetime(2024, 11, 5, 17, 0)
NO_BILLS = pl.DataFrame(schema={"tenor_days": pl.Int32, "rate": pl.Float64})
NO_INTEREST = pl.DataFrame(
    schema={
        "expiry": pl.Date,
        "strike": pl.Float64,
        "option_right": pl.String,
        "open_interest": pl.Int64,
    }
)
TAU = (datetime(2024, 11, 15, 21) - NOON).total_seconds() / (365 * 86_400)
DISCOUNT = float(np.exp(-SEED_RATE * TAU))
SPOT, VOL = 580.0, 0.25
FORWARD = SPOT / DISCOUNT


def settings(**changes):
    base = dict(
        day=DAY,
        event_date=DAY,
        expiries=(),
        snapshot_minutes=5,
        risk_free_rate=None,
        is_american=False,
    )
    return SmileSettings(**{**base, **changes})


def chain(strikes=None, half=0.02, ts=NOON, vol=VOL, american=False):
    """Both rights of each strike around the exact price."""
    strikes = np.arange(520.0, 641.0, 5.0) if strikes is None else np.asarray(strikes, dtype=float)
    frames = []
    for right in "CP":
        price = option_price(FORWARD, strikes, TAU, DISCOUNT, vol, right == "C")
        if american:
            price = price + early_exercise_premium(
                SPOT, FORWARD, strikes, TAU, DISCOUNT, vol, right == "C"
            )
        frames.append(
            pl.DataFrame(
                {
                    "ts": [ts] * len(strikes),
                    "expiry": [EXPIRY] * len(strikes),
                    "strike": strikes,
                    "option_right": [right] * len(strikes),
                    "bid_price": np.maximum(price - half, 0.0),
                    "bid_size": np.full(len(strikes), 10),
                    "ask_price": price + half,
                    "ask_size": np.full(len(strikes), 10),
                    "underlying_price": [SPOT] * len(strikes),
                }
            )
        )
    return pl.concat(frames).with_columns(pl.col("ts").cast(pl.Datetime("us")))


def measure(quotes, bills=NO_BILLS, **changes):
    return measure_option_smiles(quotes, bills, session(DAY), settings(**changes))


def fit(quotes, interest=NO_INTEREST, method="smile", **changes):
    return fit_risk_neutral(measure(quotes, **changes), interest, method)


def test_exact_chain_gives_its_volatility_and_forward():
    rows = measure(chain(half=0.005))
    good = rows.filter(pl.col("status") == "ok")
    near = good.filter(pl.col("is_out_of_the_money") & pl.col("log_moneyness").abs().lt(0.06))
    np.testing.assert_allclose(near["implied_vol"], VOL, atol=2e-6)
    assert rows["forward"].drop_nulls().unique().len() == 1
    assert rows["forward"][0] == pytest.approx(FORWARD, rel=1e-9)
    assert rows["discount"][0] == pytest.approx(DISCOUNT, rel=1e-9)
    assert rows["tau_years"][0] == pytest.approx(TAU)
    assert rows["parity_residual"].abs().max() < 1e-8
    sd = np.sqrt(0.01**2 / (12 * 20) + 0.01**2 / 12)
    np.testing.assert_allclose(near["price_sd"], sd)
    np.testing.assert_allclose(near["implied_vol_sd"], sd / near["vega"])


def test_microprice_leans_to_the_thin_side():
    quotes = chain(half=0.5).with_columns(bid_size=pl.lit(30))
    row = measure(quotes).filter(pl.col("status") == "ok").row(5, named=True)
    expected = (10 * row["bid_price"] + 30 * row["ask_price"]) / 40
    assert row["microprice"] == pytest.approx(expected)


def test_every_reason_is_stored_and_no_row_is_lost():
    quotes = chain().with_row_index("i")

    def change(row, **columns):
        return [
            pl.when(pl.col("i") == row)
            .then(pl.lit(value, quotes.schema[name]))
            .otherwise(pl.col(name))
            .alias(name)
            for name, value in columns.items()
        ]

    for row, columns in {
        0: {"bid_price": None},
        1: {"ask_price": None},
        2: {"bid_price": 99.0, "ask_price": 98.0},
        3: {"ask_size": 0},
        4: {"bid_price": 1.0, "ask_price": 1.2},
        5: {"bid_price": 700.0, "ask_price": 701.0},
    }.items():
        quotes = quotes.with_columns(change(row, **columns))
    rows = measure(quotes.drop("i"))
    assert rows.height == quotes.height
    calls = rows.filter(pl.col("option_right") == "C").sort("strike")["status"].to_list()
    assert calls[:6] == [
        "no_bid",
        "no_ask",
        "crossed",
        "zero_size",
        "below_intrinsic",
        "above_maximum",
    ]
    assert (calls[8], rows.filter(pl.col("status") != "ok")["implied_vol"].null_count()) == (
        "ok",
        6,
    )


def test_a_bid_above_a_nearer_ask_is_dominated():
    stray = (pl.col("option_right") == "P") & (pl.col("strike") == 525.0)
    quotes = chain().with_columns(
        bid_price=pl.when(stray).then(9.0).otherwise("bid_price"),
        ask_price=pl.when(stray).then(9.1).otherwise("ask_price"),
    )
    rows = measure(quotes)
    assert rows.filter(stray)["status"].to_list() == ["dominated"]
    assert rows.filter(pl.col("status") == "dominated").height == 1


def test_grid_takes_the_last_quote_and_forgets_old_ones():
    early, late = (chain(ts=NOON - timedelta(minutes=m), half=h) for m, h in ((3, 0.5), (1, 0.02)))
    stale = chain(ts=NOON - timedelta(minutes=20))
    before = chain(ts=datetime(2024, 11, 5, 14, 29))
    rows = measure(pl.concat([late, early, stale, before]))
    assert rows["ts"].unique().sort().to_list() == [NOON - timedelta(minutes=20), NOON]
    width = rows.filter(pl.col("ts") == NOON).select(
        (pl.col("ask_price") - pl.col("bid_price")).max()
    )
    assert width.item() == pytest.approx(0.04)


def test_the_close_ends_the_grid_where_the_step_does_not_divide_the_session():
    """390 minutes in steps of 60: the last step is half an hour, and no instant follows the close."""
    close = session(DAY).close.replace(tzinfo=None)
    stamps = [close - timedelta(minutes=m) for m in (100, 45, 29, 0)]
    rows = measure(pl.concat([chain(ts=stamp) for stamp in stamps]), snapshot_minutes=60)
    expected = [close - timedelta(minutes=m) for m in (90, 30, 0)]
    assert rows["ts"].unique().sort().to_list() == expected
    assert rows.height == 3 * chain().height
    left = (session(EXPIRY).close - session(DAY).close).total_seconds() / (365 * 86_400)
    assert rows["tau_years"].min() == pytest.approx(left)


def test_bills_and_settings_decide_the_rate():
    bills = pl.DataFrame({"tenor_days": [28, 91], "rate": [0.047, 0.045]})
    one = chain([580.0])  # one pair: the slope is the prior's
    from_bills = measure(one, bills)["discount"][0]
    assert -np.log(from_bills) / TAU == pytest.approx(np.log1p(0.047 * TAU) / TAU, rel=1e-6)
    fixed = measure(one, bills, risk_free_rate=0.01)["discount"][0]
    assert -np.log(fixed) / TAU == pytest.approx(0.01, rel=1e-6)


def test_default_expiry():
    listed = [date(2024, 11, 8), EXPIRY, date(2024, 12, 20)]
    assert chosen_expiries(listed, settings()) == [EXPIRY]
    assert chosen_expiries(listed, settings(expiries=(date(2024, 12, 20),))) == [date(2024, 12, 20)]
    old = settings(day=date(2014, 6, 6))
    assert chosen_expiries([date(2014, 6, 6), date(2014, 6, 13)], old) == [date(2014, 6, 13)]
    assert chosen_expiries([], settings()) == []


def test_american_premiums_are_taken_off():
    """In-the-money puts: the bias of treating them as European, and its removal."""
    quotes = chain(half=0.005, american=True)
    deep = (pl.col("option_right") == "P") & pl.col("strike").is_between(590, 615)
    naive = measure(quotes).filter(deep)["implied_vol"].to_numpy()
    mended = measure(quotes, is_american=True).filter(deep)["implied_vol"].to_numpy()
    assert np.abs(naive - VOL).max() > 0.005
    assert np.abs(mended - VOL).max() < 0.002


def test_flat_smile_makes_a_lognormal_law():
    fits, densities, _ = fit(chain())
    row = fits.row(0, named=True)
    assert row["status"] == "ok"
    assert row["update_kind"] == "cold"
    assert row["mean"] == pytest.approx(FORWARD, rel=1e-9)
    exact = FORWARD * np.sqrt(np.expm1(VOL**2 * TAU))
    assert row["sd"] == pytest.approx(exact, rel=2e-3)
    assert row["in_spread_share"] == 1.0
    assert densities.height == 500
    assert densities["cdf"][-1] == pytest.approx(1.0, abs=1e-9)


def test_second_instant_is_an_update():
    later = NOON + timedelta(minutes=5)
    fits, _, _ = fit(pl.concat([chain(), chain(ts=later)]))
    assert fits["update_kind"].to_list() == ["cold", "update"]
    assert fits["status"].to_list() == ["ok", "ok"]


def test_gamma_exposure_by_strike():
    interest = pl.DataFrame(
        {
            "expiry": [EXPIRY] * 3,
            "strike": [580.0, 580.0, 600.0],
            "option_right": ["C", "P", "C"],
            "open_interest": [100, 40, 7],
        }
    )
    _, _, exposures = fit(chain(), interest)
    assert exposures["strike"].to_list() == [580.0, 600.0]
    d1 = np.log(FORWARD / 580) / (VOL * TAU**0.5) + VOL * TAU**0.5 / 2
    gamma = np.exp(-0.5 * d1**2) / np.sqrt(2 * np.pi) / (SPOT * VOL * np.sqrt(TAU))
    assert exposures["gex"][0] == pytest.approx(-gamma * 140 * 100, rel=0.01)
    assert exposures["gex_net"][0] == pytest.approx(gamma * 60 * 100, rel=0.01)


def test_seed_method_keeps_its_own_diagnostics():
    fits, densities, _ = fit(chain(vol=np.linspace(0.3, 0.22, 25)), method="seed")
    assert fits["update_kind"].to_list() == ["seed"]
    assert fits["status"].to_list() == ["ok"]
    assert densities["density"].min() >= 0


_EDGES = {
    "one quote": (lambda: chain().head(1), "no_forward"),
    "two strikes": (lambda: chain([575.0, 585.0]), "too_few"),
    "no bids": (lambda: chain().with_columns(bid_price=pl.lit(None, pl.Float64)), "no_forward"),
    "all crossed": (lambda: chain().with_columns(bid_price=pl.col("ask_price") + 1), "no_forward"),
    "zero sizes": (
        lambda: chain().with_columns(bid_size=pl.lit(0), ask_size=pl.lit(0)),
        "no_forward",
    ),
    "calls only": (lambda: chain().filter(pl.col("option_right") == "C"), "no_forward"),
    "deep in the money only": (
        lambda: chain().filter(
            (pl.col("option_right") == "C") & (pl.col("strike") < 540)
            | (pl.col("option_right") == "P") & (pl.col("strike") > 620)
        ),
        "no_forward",
    ),
}


@pytest.mark.parametrize("case", _EDGES)
def test_poor_chains_give_rows_with_a_status(case):
    quotes, status = _EDGES[case]
    fits, densities, exposures = fit(quotes())
    assert fits["status"].to_list() == [status]
    assert fits["mean"].null_count() == 1
    assert densities.is_empty()
    assert exposures.is_empty()


def test_no_quotes_at_all():
    fits, densities, _ = fit(chain().clear())
    assert fits.is_empty()
    assert densities.is_empty()


def test_expired_and_near_expiry():
    """At the close of the expiry day an option has no time; a minute before it has a little."""
    close = session(EXPIRY).close.replace(tzinfo=None)
    for stamp, allowed in ((close, {"expired"}), (close - timedelta(minutes=5), {"ok", "too_few"})):
        quotes = chain(np.arange(575.0, 586.0, 0.5), half=0.01).with_columns(
            ts=pl.lit(stamp, pl.Datetime("us"))
        )
        rows = measure_option_smiles(
            quotes, NO_BILLS, session(EXPIRY), settings(day=EXPIRY, expiries=(EXPIRY,))
        )
        fits, _, _ = fit_risk_neutral(rows, NO_INTEREST, "smile")
        assert set(fits["status"]) <= allowed


@pytest.mark.realdata
def test_recorded_chains_fit_inside_their_spreads(landing_folder):
    from offtape_assets.sources.landing.option_chains import OptionReader

    for day, ticker, minutes, least in (
        (date(2014, 6, 6), "AAPL", 60, 0.8),
        (date(2014, 6, 9), "AAPL", 60, 0.7),
        (date(2026, 8, 14), "IWM", 5, 0.5),
    ):
        (quotes,) = OptionReader("raw.option_quotes", landing_folder).read(
            day, [ticker], landing_folder
        )
        rows = measure_option_smiles(
            quotes.rows,
            NO_BILLS,
            session(day),
            settings(day=day, snapshot_minutes=minutes, is_american=True),
        )
        fits, _, _ = fit_risk_neutral(rows, NO_INTEREST, "smile")
        assert (fits["status"] == "ok").all()
        assert fits["in_spread_share"].min() >= least
        assert (fits["raw_mass"] - 1).abs().max() < 0.01
        # the 7:1 split between the two AAPL days shows in the strikes and the forward alike
        assert fits["forward"][0] == pytest.approx(
            647.9 if day.day == 6 else 92.3 if ticker == "AAPL" else fits["forward"][0], rel=0.01
        )
