"""Laws of the simulated market: martingale prices, funds are baskets, chains are mixtures."""

from datetime import date

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from offtape_assets.sources.simulator import chain, factors, joint, laws
from offtape_assets.sources.simulator.event import Event
from offtape_assets.sources.simulator.levels import Levels
from offtape_assets.sources.simulator.settings import World
from offtape_assets.sources.simulator.world import SessionWorld

DAY = date(2024, 11, 5)
EXPIRY = date(2024, 11, 15)
WORLDS = 1500


def market(day: date = DAY, **planted: object) -> SessionWorld:
    world = World(**planted)
    event = Event(world)
    return SessionWorld(world, event, Levels(world, event), day)


@pytest.fixture(scope="module")
def endings() -> dict[str, np.ndarray]:
    """Prices at expiry over those on the evening before the event's day, in many worlds."""
    names = ("TSLA", "DJT", "GOOG")
    rows = []
    for seed in range(WORLDS):
        world = World(seed=seed, days_listed=1, information_before=0.0)
        event = Event(world)
        levels = Levels(world, event)
        won = np.array([float(event.outcome)])
        rows.append([
            np.exp(levels.level(ticker, date(2024, 11, 18)) + levels.aftermath(ticker))
            * levels.event_value(levels.name(ticker), won)[0]
            for ticker in names
        ])  # fmt: skip
    return dict(zip(names, np.array(rows).T, strict=True))


def evening_laws(ticker: str) -> laws.ConditionalLaws:
    """Laws at expiry as of the evening before the event's day, the night's gap still to come."""
    session = market(days_listed=1, information_before=0.0)
    at = laws.conditional_laws(session, ticker, np.array([0]), EXPIRY)
    levels = session.levels
    gap = session.variance_shares[0] * laws.variance(
        levels, levels.name(ticker), lambda name: levels.own_variance(name, DAY)
    )
    return at._replace(variance_yes=at.variance_yes + gap, variance_no=at.variance_no + gap)


@pytest.mark.parametrize("ticker", ["TSLA", "DJT", "GOOG"])
def test_prices_are_martingales_within_their_standard_error(endings, ticker):
    ending = endings[ticker]
    assert abs(ending.mean() - 1) < 3 * ending.std() / np.sqrt(WORLDS)


@pytest.mark.parametrize("ticker", ["TSLA", "DJT", "GOOG"])
@pytest.mark.parametrize("strike", [0.93, 1.0, 1.06])
def test_chains_price_what_the_paths_pay(endings, ticker, strike):
    paid = np.maximum(endings[ticker] - strike, 0)
    priced = chain.undiscounted_calls(evening_laws(ticker), np.ones(1), np.array([strike]))[0, 0]
    assert abs(paid.mean() - priced) < 3 * paid.std() / np.sqrt(WORLDS)


def mixture_call(at: laws.ConditionalLaws, forward: float, strike: float) -> float:
    """The expected payoff by integration over the four lognormals, apart from chain.py."""
    total = 0.0
    for share, gain, variance, fall in (
        (at.probability[0], at.gain_yes[0], at.variance_yes[0], at.fall_yes),
        (1 - at.probability[0], at.gain_no[0], at.variance_no[0], at.fall_no),
    ):
        kept = 0.8 + 0.2 * np.exp(-fall)
        for weight, factor in ((0.8, 1 / kept), (0.2, np.exp(-fall) / kept)):
            mean, sd = forward * gain * factor, np.sqrt(variance)

            def payoff(z: float, mean: float = mean, sd: float = sd) -> float:
                price = mean * np.exp(sd * z - sd * sd / 2)
                return max(price - strike, 0.0) * norm.pdf(z)

            kink = (np.log(strike / mean) + sd * sd / 2) / sd
            total += share * weight * quad(payoff, kink, 12, epsabs=1e-10)[0]
    return total


@pytest.mark.parametrize("ticker", ["NVDA", "DJT", "SPY", "SQQQ", "LQD"])
def test_chain_prices_are_the_mixture_to_a_cent(ticker):
    session = market()
    at = np.array([session.open + 3600])
    exact = chain.exact_chain(session, ticker, EXPIRY, at)
    law = laws.conditional_laws(session, ticker, at, EXPIRY)
    for slot in range(0, len(exact.strikes), 12):
        expected = mixture_call(law, exact.forward[0], exact.strikes[slot]) * exact.discount
        assert exact.calls[0, slot] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("ticker", ["NVDA", "SPY", "TQQQ"])
def test_exact_chains_are_free_of_arbitrage(ticker):
    session = market()
    exact = chain.exact_chain(session, ticker, EXPIRY, chain.snapshot_seconds(session)[::20])
    parity = exact.calls - exact.puts - exact.discount * (exact.forward[:, None] - exact.strikes)
    assert np.abs(parity).max() < 1e-8
    slopes = np.diff(exact.calls, axis=1) / np.diff(exact.strikes)
    assert (slopes <= 1e-12).all()
    assert (np.diff(slopes, axis=1) >= -1e-9).all()


def test_dividends_lower_the_forward():
    at = np.array([3600 * 8])
    plain, paying = (market(dividend_yield=rate) for rate in (0.0, 0.05))
    without, with_them = (chain.exact_chain(m, "XOM", EXPIRY, at) for m in (plain, paying))
    assert with_them.forward / without.forward == pytest.approx(np.exp(-0.05 * 10 / 365))
    assert (with_them.calls[0, :5] < without.calls[0, :5]).all()


@pytest.mark.parametrize("ticker", ["NVDA", "SPY", "SOXL", "TLT"])
def test_conditional_means_mix_to_the_forward(ticker):
    session = market()
    law = laws.conditional_laws(
        session, ticker, np.arange(session.open, session.close, 3000), EXPIRY
    )
    mixed = law.probability * law.gain_yes + (1 - law.probability) * law.gain_no
    assert mixed == pytest.approx(np.ones(len(mixed)), abs=1e-12)


@pytest.mark.parametrize("fund", ["SPY", "QQQ", "SMH", "DIA"])
def test_funds_are_their_baskets_within_tracking_noise(fund):
    session = market(kind="null")
    name = session.levels.name(fund)
    basket = sum(
        weight * session.price(stock) / session.levels.name(stock).price_usd
        for stock, weight in name.weights
    )
    error = np.log(session.price(fund) / name.price_usd / basket) * 1e4
    assert error.std() == pytest.approx(session.world.tracking_noise_bp, rel=0.05)
    assert abs(error.mean()) < 0.05


def test_share_classes_differ_by_their_delay_alone():
    session = market(kind="null")
    ratio = np.log(session.price("GOOG") / session.price("GOOGL"))
    assert np.ptp(ratio) < 1e-12


def test_the_reversed_world_exchanges_the_laws():
    there, back = market(), market(kind="reversed")
    at = np.array([there.open])
    law, mirrored = (laws.conditional_laws(m, "TSLA", at, EXPIRY) for m in (there, back))
    assert (law.gain_yes - law.gain_no) * (mirrored.gain_yes - mirrored.gain_no) < 0
    assert (law.fall_yes, law.fall_no) == (mirrored.fall_no, mirrored.fall_yes)


@pytest.mark.parametrize("kind", ["null", "constant"])
def test_without_event_effect_the_laws_are_one(kind):
    session = market(kind=kind)
    law = laws.conditional_laws(session, "DJT", np.array([session.open]), EXPIRY)
    assert law.gain_yes == pytest.approx(law.gain_no)
    assert law.spread("yes")[0] == pytest.approx(law.spread("no")[0])


def test_joint_correlations_are_those_of_simulated_prices():
    session = market()
    names = ["NVDA", "AMD", "DJT", "TLT"]
    rng = np.random.default_rng(5)
    at = np.array([session.open])
    law = [laws.conditional_laws(session, ticker, at, EXPIRY) for ticker in names]
    draws = []
    for outcome, share in ((True, law[0].probability[0]), (False, 1 - law[0].probability[0])):
        count = round(400_000 * share)
        covariance = joint.log_covariance(session, names, EXPIRY, outcome, session.open)
        logs = rng.multivariate_normal(-np.diag(covariance) / 2, covariance, count)
        for column, one in enumerate(law):
            weights, factors = laws.aftermaths(one.fall_yes if outcome else one.fall_no)
            gain = one.gain_yes if outcome else one.gain_no
            logs[:, column] += np.log(gain) + np.log(rng.choice(factors, count, p=weights))
        draws.append(np.exp(logs))
    sampled = np.corrcoef(np.vstack(draws).T)
    assert joint.correlations(session, names, EXPIRY) == pytest.approx(sampled, abs=0.01)


def test_factor_laws_are_those_of_portfolios_of_simulated_prices():
    session = market(market_names=60, chain_minutes=195)
    rows = joint.factor_rows(session, ["NVDA", "AAPL", "SPY"])
    assert rows.height == 5 * 2
    noon = rows.filter(factor="mkt_rf").row(0, named=True)
    everyone = factors.members(60)
    held = [float(everyone.weights[0, list(everyone.tickers).index(t)]) for t in ("AAPL", "NVDA")]
    second = session.open + 195 * 60
    spots = np.array([session.price(ticker)[second] for ticker in ("AAPL", "NVDA")])
    dollars = held * chain.forward_price(session, spots, (EXPIRY - DAY).days)
    covariance = joint.covariance_over_forwards(session, ["AAPL", "NVDA"], EXPIRY, second)
    assert noon["expiry"] == EXPIRY
    assert noon["mean"] == pytest.approx(dollars.sum())
    assert noon["implied_vol"] == pytest.approx(np.sqrt(dollars @ covariance @ dollars))
    assert noon["weight_coverage"] == pytest.approx(sum(held))
    alone = [
        laws.conditional_laws(session, t, np.array([second]), EXPIRY) for t in ("AAPL", "NVDA")
    ]
    for column, one in enumerate(alone):
        yes, no = one.spread("yes")[0][0], one.spread("no")[0][0]
        second_moment = one.probability * (one.gain_yes**2) * (1 + yes**2)
        second_moment += (1 - one.probability) * (one.gain_no**2) * (1 + no**2)
        # names see the event some seconds late, the matrix sees it at once
        assert covariance[column, column] == pytest.approx(second_moment[0] - 1, rel=1e-3)
