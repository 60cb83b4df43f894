"""Implied volatility against 60-digit inversion on six kinds of chain, and its verdicts at the edges."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.implied_vol import KINDS, chain, exact_vol
from offtape_assets.quant.black_scholes import option_price
from offtape_assets.quant.implied_vol import implied_vol


@pytest.mark.parametrize("kind", KINDS)
def test_full_precision_on_every_kind(kind):
    """Publish (accuracy): within 10 times what rounding the price to double precision allows.

    LetsBeRational reaches about the same (Jaeckel 2015, section 7).
    """
    options = chain(kind, 150, seed=5)
    got = implied_vol(*options)
    assert (got.status == "ok").all()
    vol, floor = exact_vol(options)
    allowed = 10.0 * np.maximum(floor, np.finfo(float).eps * vol)
    assert (np.abs(got.vol - vol) <= allowed).all()


def test_ten_day_chain_to_1e_15():
    options = chain("chain10d", 300, seed=6)
    vol, _ = exact_vol(options)
    assert np.abs(implied_vol(*options).vol - vol).max() <= 1e-15


@settings(max_examples=100, deadline=None)
@given(
    log_strike=st.floats(-3.0, 3.0),
    total=st.floats(0.01, 4.0),
    is_call=st.booleans(),
)
def test_price_of_the_vol_of_the_price(log_strike, total, is_call):
    """Law: pricing at the implied volatility gives the price back, wherever there is time value."""
    strike = np.exp(log_strike)
    price = option_price(1.0, strike, 1.0, 1.0, total, is_call)
    got = implied_vol(price, 1.0, strike, 1.0, 1.0, is_call)
    if got.status[0] == "ok":
        again = option_price(1.0, strike, 1.0, 1.0, got.vol, is_call)
        np.testing.assert_allclose(again, price, rtol=1e-13, atol=1e-16)
    else:
        intrinsic = max(0.0, (1.0 - strike) if is_call else (strike - 1.0))
        bound = 1.0 if is_call else strike
        assert price[0] <= intrinsic or price[0] >= bound


def test_every_verdict():
    price = [0.0, -1.0, np.nan, 5.0, 100.0, 101.0, 10.0, 5.0, 20.0]
    strike = [100.0] * 7 + [-3.0, 80.0]
    tau = [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    got = implied_vol(price, 100.0, strike, tau, 1.0, True)
    assert got.status.tolist() == [
        "below_intrinsic",
        "below_intrinsic",
        "bad_input",
        "bad_input",
        "above_maximum",
        "above_maximum",
        "ok",
        "bad_input",
        "below_intrinsic",
    ]
    assert np.isnan(got.vol[got.status != "ok"]).all()


def test_prices_down_to_the_smallest_doubles():
    strike = np.exp(np.array([20.0, 26.0, 30.0, 32.0]))
    price = option_price(1.0, strike, 1.0, 1.0, 0.9, True)
    assert price[-1] < 1e-250
    np.testing.assert_allclose(implied_vol(price, 1.0, strike, 1.0, 1.0, True).vol, 0.9, rtol=1e-13)


def test_threads_and_blocks_do_not_matter():
    options = chain("mixed", 3000, seed=7)
    one = implied_vol(*options)
    np.testing.assert_array_equal(implied_vol(*options, threads=3).vol, one.vol)
    part = implied_vol(*(column[1000:1011] for column in options))
    np.testing.assert_allclose(part.vol, one.vol[1000:1011], rtol=1e-13)
    with pytest.raises(ValueError, match="threads"):
        implied_vol(*options, threads=0)


def test_exact_inversion_is_itself_right():
    """The yardstick: 60-digit inversion returns the volatility the price was made with."""
    mp.mp.dps = 60
    options = (*tuple(np.array([x]) for x in (0.0, 100.0, 110.0, 0.5, 0.98)), np.array([True]))
    price = option_price(*options[1:5], 0.31, True)
    vol, floor = exact_vol((price, *options[1:]))
    assert abs(vol[0] - 0.31) <= 4 * max(floor[0], 1e-16)
