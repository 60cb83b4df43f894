"""Closed forms of the terminal price's interval probabilities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from offtape_assets.quant.merton import (
    lognormal_interval_probabilities,
    merton_interval_probabilities,
)

EDGES = np.array([0.0, 80.0, 90.0, 97.0, 100.0, 103.0, 110.0, 125.0, np.inf])
LOW, HIGH = EDGES[:-1], EDGES[1:]


def test_lognormal_equals_the_textbook_digital():
    spot, strike, vol, drift, years = 100.0, 104.0, 0.6, 0.05, 7 / 365
    d2 = (np.log(spot / strike) + (drift - vol**2 / 2) * years) / (vol * np.sqrt(years))
    found = lognormal_interval_probabilities([strike], [np.inf], spot, vol, drift, years)
    assert found[0] == pytest.approx(stats.norm.cdf(d2), rel=1e-13)


def test_no_jumps_is_lognormal():
    plain = lognormal_interval_probabilities(LOW, HIGH, 100.0, 0.5, 0.03, 0.02)
    for intensity, sd in ((0.0, 0.3), (50.0, 0.0)):
        merton = merton_interval_probabilities(
            LOW, HIGH, 100.0, 0.5, 0.03, intensity, 0.0, sd, 0.02
        )
        np.testing.assert_allclose(merton, plain, atol=1e-14)


def test_series_equals_the_inverted_characteristic_function():
    vol, drift, rate, mean, sd, years = 0.5, 0.04, 60.0, -0.02, 0.03, 168 / 8760
    shift = (drift - vol**2 / 2 - rate * np.expm1(mean + sd**2 / 2)) * years

    def transform(w):
        jump = np.exp(1j * w * mean - 0.5 * (w * sd) ** 2) - 1
        return np.exp(1j * w * shift - 0.5 * (w * vol) ** 2 * years + rate * years * jump)

    for strike in (85.0, 97.0, 104.0, 120.0):
        k = np.log(strike / 100.0)
        tail = integrate.quad(
            lambda w, k=k: (np.exp(-1j * w * k) * transform(w)).imag / w, 1e-12, 300, limit=2000
        )[0]
        found = merton_interval_probabilities(
            [strike], [np.inf], 100.0, vol, drift, rate, mean, sd, years
        )
        assert found[0] == pytest.approx(0.5 + tail / np.pi, abs=1e-9)


def test_quantlib_agrees():
    ql = pytest.importorskip("QuantLib")
    day = ql.Date(5, 11, 2024)
    ql.Settings.instance().evaluationDate = day
    count = ql.Actual365Fixed()
    flat = ql.YieldTermStructureHandle(ql.FlatForward(day, 0.04, count))
    zero = ql.YieldTermStructureHandle(ql.FlatForward(day, 0.0, count))
    vol = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(day, ql.NullCalendar(), 0.6, count))
    spot = ql.QuoteHandle(ql.SimpleQuote(100.0))
    process = ql.BlackScholesMertonProcess(spot, zero, flat, vol)
    payoff = ql.CashOrNothingPayoff(ql.Option.Call, 104.0, 1.0)
    option = ql.VanillaOption(payoff, ql.EuropeanExercise(day + 7))
    option.setPricingEngine(ql.AnalyticEuropeanEngine(process))
    digital = option.NPV() * np.exp(0.04 * 7 / 365)
    found = lognormal_interval_probabilities([104.0], [np.inf], 100.0, 0.6, 0.04, 7 / 365)
    assert found[0] == pytest.approx(digital, rel=1e-10)


@settings(deadline=None, max_examples=50)
@given(
    st.floats(0.05, 2.0),
    st.floats(-0.2, 0.2),
    st.floats(0.0, 900.0),
    st.floats(-0.03, 0.03),
    st.floats(0.0, 0.05),
    st.integers(1, 720),
)
def test_intervals_tile_and_the_price_is_a_martingale(vol, drift, rate, mean, sd, hours):
    years = hours / 8760
    found = merton_interval_probabilities(LOW, HIGH, 100.0, vol, drift, rate, mean, sd, years)
    assert found.min() >= 0.0
    assert found.sum() == pytest.approx(1.0, abs=1e-12)
    reach = 12 * np.sqrt(years * (vol**2 + rate * (mean**2 + sd**2))) + 14 * (abs(mean) + sd)
    grid = 100.0 * np.exp(np.linspace(-reach, reach, 6001))
    mass = merton_interval_probabilities(
        grid[:-1], grid[1:], 100.0, vol, drift, rate, mean, sd, years
    )
    expected = mass @ np.sqrt(grid[1:] * grid[:-1])
    assert expected == pytest.approx(100.0 * np.exp(drift * years), rel=1e-4)


def test_far_tails_keep_their_digits():
    found = lognormal_interval_probabilities([160.0], [170.0], 100.0, 0.6, 0.0, 7 / 365)
    spread = 0.6 * np.sqrt(7 / 365)
    low, high = ((np.log(k / 100) + spread**2 / 2) / spread for k in (160.0, 170.0))
    assert found[0] == pytest.approx(stats.norm.sf(low) - stats.norm.sf(high), rel=1e-12)
    assert 0 < found[0] < 1e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spot": -1.0}, "spot is -1"),
        ({"volatility": 0.0}, "volatility is 0"),
        ({"years": 0.0}, "years is 0"),
        ({"jump_intensity": -1.0}, "jump_intensity -1"),
        ({"low": [5.0], "high": [5.0]}, "low and high"),
        ({"low": [5.0], "high": [6.0, 7.0]}, "one axis"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    right = {
        "low": [90.0],
        "high": [110.0],
        "spot": 100.0,
        "volatility": 0.5,
        "drift": 0.0,
        "jump_intensity": 1.0,
        "jump_mean": 0.0,
        "jump_sd": 0.1,
        "years": 0.1,
    }
    with pytest.raises(ValueError, match=message):
        merton_interval_probabilities(**(right | change))
