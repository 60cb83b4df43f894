"""American chains: what exercise adds, against another library, and taken off again by the estimate."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from offtape_assets.quant.american import early_exercise_premium
from offtape_assets.quant.implied_vol import implied_vol
from offtape_assets.sources.simulator import chain
from offtape_assets.sources.simulator.simulator import SimulatorSource
from offtape_assets.tables import raw

DAY = date(2024, 11, 5)
EXPIRY = date(2024, 12, 20)
DAYS = (EXPIRY - DAY).days


def both(ticker: str, dividend_yield: float) -> tuple[chain.Chain, chain.Chain]:
    market = SimulatorSource(dividend_yield=dividend_yield).session(DAY)
    european = chain.exact_chain(market, ticker, EXPIRY, np.array([market.open + 3600]))
    return european, chain.with_early_exercise(european, DAYS)


@pytest.mark.parametrize("dividend_yield", [0.0, 0.03, 0.08])
def test_exercise_is_worth_something_and_no_price_is_below_what_it_pays(dividend_yield):
    european, american = both("XLF", dividend_yield)
    assert (american.calls >= european.calls).all()
    assert (american.puts >= european.puts).all()
    assert (american.calls >= european.spot[:, None] - european.strikes).all()
    assert (american.puts >= european.strikes - european.spot[:, None]).all()
    if dividend_yield == 0:
        assert american.calls == pytest.approx(european.calls, abs=1e-9)
        assert (american.puts - european.puts).max() > 0.1


def test_premiums_agree_with_another_library():
    ql = pytest.importorskip("QuantLib")
    european, american = both("DJT", 0.03)
    rate = -np.log(european.discount) / (DAYS / chain.YEAR_DAYS)
    today = ql.Date(5, 11, 2024)
    ql.Settings.instance().evaluationDate = today
    spot = float(european.spot[0])
    counter = ql.Actual365Fixed()
    curves = [
        ql.YieldTermStructureHandle(ql.FlatForward(today, level, counter)) for level in (0.03, rate)
    ]
    for column in range(10, len(european.strikes) - 10, 15):
        strike, put = float(european.strikes[column]), float(european.puts[0, column])
        vol = implied_vol(
            put, european.forward[0], strike, DAYS / chain.YEAR_DAYS, european.discount, False
        ).vol[0]
        surface = ql.BlackVolTermStructureHandle(
            ql.BlackConstantVol(today, ql.NullCalendar(), float(vol), counter)
        )
        process = ql.BlackScholesMertonProcess(
            ql.QuoteHandle(ql.SimpleQuote(spot)), *curves, surface
        )
        payoff = ql.PlainVanillaPayoff(ql.Option.Put, strike)
        option = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + DAYS))
        option.setPricingEngine(ql.FdBlackScholesVanillaEngine(process, 400, 800))
        assert american.puts[0, column] == pytest.approx(option.NPV(), rel=2e-3, abs=2e-3)


def test_the_premium_taken_off_at_the_american_volatility_gives_the_european_price_back():
    """The fixed point that an estimate runs, on a coarser tree, returns within half a cent."""
    european, american = both("XLF", 0.03)
    put, strike = american.puts[0], european.strikes
    market = (european.forward[0], strike, DAYS / chain.YEAR_DAYS, european.discount)
    found, is_put = put.copy(), np.zeros(len(strike), bool)
    for _ in range(4):
        vol = implied_vol(found, *market, is_put).vol
        found = put - early_exercise_premium(european.spot[0], *market, vol, is_put)
    known = np.isfinite(found) & (strike < 1.15 * european.spot[0])
    assert known.sum() > 30
    assert np.abs(found - european.puts[0])[known].max() < 0.005
    assert np.abs(put - european.puts[0])[known].max() > 0.05


def test_the_setting_changes_the_quotes_and_is_off_by_default(tmp_path):

    def quotes(**planted: float | str) -> pl.DataFrame:
        market = SimulatorSource(chain_minutes=390, dividend_yield=0.05, **planted)
        return next(iter(market.read(raw.OPTION_QUOTES, DAY, ("XLF",), tmp_path))).rows

    european, american = quotes(), quotes(exercise="american")
    dearer = (american["ask_price"] > european["ask_price"]).sum()
    assert dearer > 0.1 * len(european)
    assert quotes(exercise="european").equals(european)


def test_an_unknown_exercise_is_refused():
    with pytest.raises(
        ValueError, match="exercise is 'bermudan'; choose one of european, american"
    ):
        SimulatorSource(exercise="bermudan")
