"""Prices and greeks against 50-digit arithmetic, finite differences and each other."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.quant.black_scholes import gamma_exposure, greeks, option_price


def _exact(forward, strike, tau, discount, vol, is_call):
    mp.mp.dps = 50
    f, k, t, d, v = (mp.mpf(float(x)) for x in (forward, strike, tau, discount, vol))
    s = v * mp.sqrt(t)
    d1 = mp.log(f / k) / s + s / 2

    def tail(z):
        return mp.erfc(-z / mp.sqrt(2)) / 2

    price = (
        d * (f * tail(d1) - k * tail(d1 - s)) if is_call else d * (k * tail(s - d1) - f * tail(-d1))
    )
    delta = tail(d1) if is_call else tail(d1) - 1
    bell = mp.npdf(d1)
    return [float(x) for x in (price, delta, bell / (d * f * s), d * f * bell * mp.sqrt(t))]


def _sample(size, seed):
    rng = np.random.default_rng(seed)
    tau = rng.uniform(1e-3, 3.0, size)
    vol = np.exp(rng.uniform(-4.0, 2.0, size))
    strike = 100.0 * np.exp(rng.uniform(-8.0, 8.0, size) * vol * np.sqrt(tau))
    return 100.0, strike, tau, 0.97, vol, rng.random(size) < 0.5


def test_price_and_greeks_match_exact_arithmetic():
    forward, strike, tau, discount, vol, is_call = arguments = _sample(300, 2)
    truth = np.array(
        [
            _exact(forward, k, t, discount, v, c)
            for k, t, v, c in zip(strike, tau, vol, is_call, strict=True)
        ]
    )
    price, (delta, gamma, vega) = option_price(*arguments), greeks(*arguments)
    # the exponent h^2/2 reaches 40: its rounding is 40 half-ulps of the price
    for ours, exact in ((price, truth[:, 0]), (gamma, truth[:, 2]), (vega, truth[:, 3])):
        np.testing.assert_allclose(ours, exact, rtol=3e-14)
    np.testing.assert_allclose(delta, truth[:, 1], rtol=3e-14, atol=1e-16)


def test_greeks_are_the_derivatives_of_the_price():
    forward, strike, tau, discount, vol = 100.0, np.array([80.0, 100.0, 125.0]), 0.4, 0.98, 0.35
    for is_call in (True, False):
        g = greeks(forward, strike, tau, discount, vol, is_call)
        h = 1e-3
        up, mid, low = (
            option_price(forward + x / discount, strike, tau, discount, vol, is_call)
            for x in (h, 0.0, -h)
        )
        np.testing.assert_allclose(g.delta, (up - low) / (2 * h), rtol=1e-8)
        np.testing.assert_allclose(g.gamma, (up - 2 * mid + low) / h**2, rtol=1e-5)
        bump = option_price(forward, strike, tau, discount, vol + 1e-5, is_call)
        dip = option_price(forward, strike, tau, discount, vol - 1e-5, is_call)
        np.testing.assert_allclose(g.vega, (bump - dip) / 2e-5, rtol=1e-7)


@settings(max_examples=60, deadline=None)
@given(
    strike=st.floats(50.0, 200.0),
    tau=st.floats(0.001, 3.0),
    vol=st.floats(0.01, 3.0),
    discount=st.floats(0.8, 1.0),
)
def test_parity_and_bounds(strike, tau, vol, discount):
    """Law: C - P = D (F - K); 0 <= C <= D F; C falls and is convex in the strike."""
    strikes = np.array([strike * 0.99, strike, strike * 1.01])
    call = option_price(100.0, strikes, tau, discount, vol, True)
    put = option_price(100.0, strikes, tau, discount, vol, False)
    np.testing.assert_allclose(call - put, discount * (100.0 - strikes), rtol=0, atol=2e-13)
    assert (call >= 0).all()
    assert (call <= discount * 100.0).all()
    assert (np.diff(call) <= 0).all()
    assert call[0] - 2 * call[1] + call[2] >= -1e-12


def test_limits_without_time_or_volatility():
    np.testing.assert_array_equal(
        option_price(100.0, [90.0, 110.0], 0.0, 0.5, 0.3, True), [5.0, 0.0]
    )
    np.testing.assert_array_equal(
        option_price(100.0, [90.0, 110.0], 1.0, 0.5, 0.0, False), [0.0, 5.0]
    )
    g = greeks(100.0, [90.0, 100.0, 110.0], 0.0, 1.0, 0.3, [True, True, False])
    np.testing.assert_array_equal(g.delta, [1.0, 0.5, -1.0])
    np.testing.assert_array_equal(g.gamma, 0.0)
    assert np.isnan(option_price(np.nan, 100.0, 1.0, 1.0, 0.2, True)).all()


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="share one length"):
        option_price([1.0, 2.0], [1.0, 2.0, 3.0], 1.0, 1.0, 0.2, True)
    with pytest.raises(ValueError, match="is_call must be boolean"):
        greeks(100.0, 100.0, 1.0, 1.0, 0.2, 1)
    with pytest.raises(ValueError, match="open_interest must not be negative"):
        gamma_exposure([1.0], [1.0], [-1.0], [True])


def test_gamma_exposure_by_hand():
    g = gamma_exposure(
        [100.0, 100.0, 90.0], [0.02, 0.02, 0.01], [10.0, 4.0, 5.0], [True, False, False]
    )
    np.testing.assert_array_equal(g.strike, [90.0, 100.0])
    np.testing.assert_allclose(g.gex, [-5.0, -28.0])  # -(0.02*10 + 0.02*4)*100
    np.testing.assert_allclose(g.gex_net, [-5.0, 12.0])
    assert g.total == pytest.approx(-33.0)
    assert g.net == pytest.approx(7.0)
