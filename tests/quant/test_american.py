"""Early-exercise premium against QuantLib's high-precision engine and the laws it must obey."""

import numpy as np
import pytest

from offtape_assets.quant.american import early_exercise_premium


def _quantlib(spot, strike, days, rate, vol):
    import QuantLib as ql

    today = ql.Date(1, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    count = ql.Actual365Fixed()
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, 0.0, count)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, rate, count)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), vol, count)),
    )
    payoff = ql.PlainVanillaPayoff(ql.Option.Put, strike)
    american = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + days))
    scheme = ql.QdFpAmericanEngine.highPrecisionScheme()
    american.setPricingEngine(ql.QdFpAmericanEngine(process, scheme))
    european = ql.VanillaOption(payoff, ql.EuropeanExercise(today + days))
    european.setPricingEngine(ql.AnalyticEuropeanEngine(process))
    return american.NPV() - european.NPV()


@pytest.mark.parametrize("days", [10, 60, 365])
@pytest.mark.parametrize("strike", [90.0, 100.0, 110.0, 130.0])
def test_puts_match_quantlib(days, strike):
    """A fifth of a cent on 100 dollars: what 51 steps give at and out of the money."""
    tau = days / 365
    found = early_exercise_premium(
        100.0, 100.0 * np.exp(0.05 * tau), strike, tau, np.exp(-0.05 * tau), 0.3, False
    )
    assert found[0] == pytest.approx(_quantlib(100.0, strike, days, 0.05, 0.3), rel=0.03, abs=2e-3)


def test_calls_without_dividends_are_worth_no_more():
    tau = 0.5
    premium = early_exercise_premium(
        100.0, 100.0 * np.exp(0.05 * tau), [80.0, 100.0, 120.0], tau, np.exp(-0.05 * tau), 0.3, True
    )
    np.testing.assert_allclose(premium, 0.0, atol=1e-9)


def test_premium_is_positive_and_grows_with_the_rate():
    premium = [
        early_exercise_premium(100.0, 100.0 * np.exp(r), 110.0, 1.0, np.exp(-r), 0.2, False)[0]
        for r in (0.01, 0.03, 0.06)
    ]
    assert 0 < premium[0] < premium[1] < premium[2]


def test_edges():
    assert np.isnan(early_exercise_premium(100.0, 100.0, 100.0, 0.0, 1.0, 0.2, False)).all()
    with pytest.raises(ValueError, match="odd"):
        early_exercise_premium(100.0, 100.0, 100.0, 1.0, 1.0, 0.2, False, steps=50)
