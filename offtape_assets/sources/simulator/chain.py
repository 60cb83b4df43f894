"""Option chains: exact prices from the conditional laws, then a market maker's quotes on them.

One yield curve, one dividend yield; exercise as the world says. A quote is the exact price plus a slow
error per strike and a fast one, widened, put on the tick grid; far strikes lose their bid, some
quotes are stale or have a missing side.
"""

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
from scipy.special import ndtr

from offtape_assets.market.calendar import is_session
from offtape_assets.quant.american import early_exercise_premium
from offtape_assets.quant.implied_vol import implied_vol
from offtape_assets.sources.simulator.laws import ConditionalLaws, aftermaths, conditional_laws
from offtape_assets.sources.simulator.rows import decimals
from offtape_assets.sources.simulator.streams import generator
from offtape_assets.sources.simulator.world import SessionWorld

BILL_YIELDS = ((28, 0.0472), (91, 0.0456), (182, 0.0443), (364, 0.0430))
"""Tenor in days and bond-equivalent yield."""
YEAR_DAYS = 365.0
LISTED_DAYS = 80
"""How far ahead of a date the event's expiries are listed."""
STRIKE_STEPS = (0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
HALF_SPREAD = {True: (0.012, 0.003), False: (0.02, 0.012)}
"""Share of the out-of-the-money price and of the intrinsic value, in penny names and others."""
EXERCISE_STEPS = 101
"""Of the tree that prices early exercise."""
STALE = 0.1
"""Share of quotes that repeat the snapshot before."""
PENNY_NAMES = frozenset({"SPY", "QQQ", "IWM", "NVDA", "TSLA", "AAPL", "AMD", "AMZN", "TLT", "PLTR"})


class Chain(NamedTuple):
    """Exact prices of one expiry; `calls` and `puts` have shape (instants, strikes)."""

    seconds: np.ndarray
    spot: np.ndarray
    forward: np.ndarray
    discount: float
    strikes: np.ndarray
    calls: np.ndarray
    puts: np.ndarray


def expiries(market: SessionWorld) -> list[date]:
    """The event week's Friday, the next one and the monthly after, as far as they are ahead."""
    first = market.world.event_date
    friday = first + timedelta(days=(4 - first.weekday()) % 7)
    wanted = (friday, friday + timedelta(days=7), friday + timedelta(days=42))
    traded = [day if is_session(day) else day - timedelta(days=1) for day in wanted]
    listed_until = market.day + timedelta(days=LISTED_DAYS)
    ahead = [day for day in traded if market.day < day <= listed_until]
    if ahead:
        return ahead
    next_friday = market.day + timedelta(days=(4 - market.day.weekday()) % 7 + 7)
    return [next_friday if is_session(next_friday) else next_friday - timedelta(days=1)]


def discount_rate(days: float) -> float:
    """Continuously compounded rate of a maturity in days, from the bills."""
    tenors, yields = np.array(BILL_YIELDS).T
    bond_yield = float(np.interp(days, tenors, yields))
    tau = days / YEAR_DAYS
    return float(np.log1p(bond_yield * tau) / tau)


def forward_price(market: SessionWorld, spot: np.ndarray, days: int) -> np.ndarray:
    """Forward of a spot, dividends at the world's yield."""
    carry = discount_rate(days) - market.world.dividend_yield
    return spot * np.exp(carry * days / YEAR_DAYS)


def snapshot_seconds(market: SessionWorld) -> np.ndarray:
    """Instants of the chain, from one step after the open to the close."""
    step = market.world.chain_minutes * 60
    return np.arange(market.open + step, market.close + 1, step)


def strike_grid(price: float, log_sd: float) -> np.ndarray:
    """Strikes an exchange lists: 4 standard deviations either way, about 150 at the most."""
    low, high = price * np.exp(-max(0.1, 4 * log_sd)), price * np.exp(max(0.1, 4 * log_sd))
    finest = max(price / 300, (high - low) / 150)
    step = next((step for step in STRIKE_STEPS if step >= finest), STRIKE_STEPS[-1])
    return np.arange(max(1, int(low / step)), int(high / step) + 2) * step


def exact_chain(market: SessionWorld, ticker: str, expiry: date, seconds: np.ndarray) -> Chain:
    """Prices of every listed strike from the true conditional laws."""
    name = market.levels.name(ticker)
    laws = conditional_laws(market, ticker, seconds, expiry)
    spot = market.price(ticker)[seconds]
    days = (expiry - market.day).days
    discount = float(np.exp(-discount_rate(days) * days / YEAR_DAYS))
    forward = forward_price(market, spot, days)
    reference = float(market.price(ticker)[market.open])
    log_sd = float(np.sqrt(max(laws.variance_yes[0], laws.variance_no[0])))
    strikes = strike_grid(reference, log_sd + abs(name.log_ratio) / 5)
    calls = discount * undiscounted_calls(laws, forward, strikes)
    puts = calls - discount * (forward[:, None] - strikes)
    return Chain(seconds, spot, forward, discount, strikes, calls, np.maximum(puts, 0.0))


def undiscounted_calls(
    laws: ConditionalLaws, forward: np.ndarray, strikes: np.ndarray
) -> np.ndarray:
    """Expected call payoffs under the mixture of both outcomes; shape (instants, strikes)."""
    total = np.zeros((len(forward), len(strikes)))
    for probability, gain, variance, fall in (
        (laws.probability, laws.gain_yes, laws.variance_yes, laws.fall_yes),
        (1 - laws.probability, laws.gain_no, laws.variance_no, laws.fall_no),
    ):
        weights, factors = aftermaths(fall)
        for weight, factor in zip(weights, factors, strict=True):
            mean = (forward * gain * factor)[:, None]
            sd = np.sqrt(variance)[:, None]
            score = np.log(mean / strikes) / sd + sd / 2
            total += (probability * weight)[:, None] * (
                mean * ndtr(score) - strikes * ndtr(score - sd)
            )
    return total


def with_early_exercise(chain: Chain, days: int) -> Chain:
    """The same strikes as American options: prices with what the right to exercise early adds.

    It is what a lognormal of the volatility that the European price implies would add, the way
    exchange-listed options are quoted; no price is below what exercise at once would pay.
    """
    shape = chain.calls.shape
    spot, forward, strike = (
        np.broadcast_to(axis, shape).ravel()
        for axis in (chain.spot[:, None], chain.forward[:, None], chain.strikes)
    )
    tau = days / YEAR_DAYS
    calls, puts = chain.calls.ravel(), chain.puts.ravel()
    is_call = calls <= puts
    cheaper = np.where(is_call, calls, puts)
    vol = implied_vol(cheaper, forward, strike, tau, chain.discount, is_call).vol
    american = []
    for price, right in ((calls, True), (puts, False)):
        added = early_exercise_premium(
            spot, forward, strike, tau, chain.discount, vol, np.full(len(price), right),
            EXERCISE_STEPS,
        )  # fmt: skip
        paid = spot - strike if right else strike - spot
        american.append(np.maximum(price + np.nan_to_num(added), paid).reshape(shape))
    return chain._replace(calls=american[0], puts=american[1])


class _Sides(NamedTuple):
    bid: np.ndarray
    ask: np.ndarray
    bid_size: np.ndarray
    ask_size: np.ndarray


def quoted(rng: np.random.Generator, price: np.ndarray, other: np.ndarray, penny: bool) -> _Sides:
    """Bids and asks in cents and sizes around exact prices; shape (instants, strikes).

    `other` is the price of the other right at the same strike.
    """
    outside = np.minimum(price, other)
    part, intrinsic = HALF_SPREAD[penny]
    half = 0.005 + part * outside + 0.01 * np.sqrt(outside) + intrinsic * (price - outside)
    half = half * np.exp(rng.normal(0, 0.25, price.shape))
    slow = rng.normal(0, 0.2, price.shape[1])
    mid = price + half * (slow + rng.normal(0, 0.2, price.shape))
    tick = np.where((price < 3) | penny, 1, 5)
    bid = np.floor((mid - half) * 100 / tick).astype(np.int64) * tick
    ask = np.maximum(np.ceil((mid + half) * 100 / tick).astype(np.int64), 1) * tick
    bid = np.clip(bid, 0, ask - tick)
    depth = 4 + 30 / (1 + price)
    sizes = [1 + rng.exponential(depth, price.shape).astype(np.int64) for _ in range(2)]
    for side, size in ((bid, sizes[0]), (ask, sizes[1])):
        missing = rng.random(price.shape) < 0.002
        side[missing] = 0
        size[side == 0] = 0
    sides = _Sides(bid, ask, *sizes)
    stale = rng.random(price.shape) < STALE
    for now in range(1, len(price)):
        for values in sides:
            values[now, stale[now]] = values[now - 1, stale[now]]
    return sides


def option_quotes(market: SessionWorld, ticker: str) -> pl.DataFrame:
    """Rows of raw.option_quotes of one name and session."""
    seconds = snapshot_seconds(market)
    frames = []
    for expiry in expiries(market):
        chain = exact_chain(market, ticker, expiry, seconds)
        if market.world.exercise == "american":
            chain = with_early_exercise(chain, (expiry - market.day).days)
        rng = generator(market.world.seed, market.day, ticker, expiry, "chain")
        penny = ticker in PENNY_NAMES
        sides_of = (("C", chain.calls, chain.puts), ("P", chain.puts, chain.calls))
        for right, price, other in sides_of:
            sides = quoted(rng, price, other, penny)
            frames.append(_quote_rows(market, chain, expiry, right, sides))
    return pl.concat(frames)


def _quote_rows(
    market: SessionWorld, chain: Chain, expiry: date, right: str, sides: _Sides
) -> pl.DataFrame:
    instants, strikes = sides.bid.shape
    n = instants * strikes
    no_bid, no_ask = sides.bid.ravel() == 0, sides.ask.ravel() == 0
    stamps = (market.start + np.repeat(chain.seconds, strikes)) * 1_000_000
    strike = np.tile(np.rint(chain.strikes * 1e6).astype(np.int64), instants)
    spot = np.repeat(np.rint(chain.spot * 100).astype(np.int64) * 10_000, strikes)
    table = pa.table({
        "ts": pa.array(stamps.astype("datetime64[us]")),
        "expiry": pa.array([expiry]).take(pa.array(np.zeros(n, np.int32))),
        "strike": decimals(strike),
        "option_right": pa.array([right]).take(pa.array(np.zeros(n, np.int32))),
        "bid_price": decimals(sides.bid.ravel() * 10_000, no_bid),
        "bid_size": pa.array(sides.bid_size.ravel()),
        "ask_price": decimals(sides.ask.ravel() * 10_000, no_ask),
        "ask_size": pa.array(sides.ask_size.ravel()),
        "underlying_price": decimals(spot),
    })  # fmt: skip
    return pl.DataFrame(pl.from_arrow(table))


def open_interest(market: SessionWorld, ticker: str) -> pl.DataFrame:
    """Rows of raw.open_interest: most at round strikes a little out of the money."""
    name = market.levels.name(ticker)
    frames = []
    for expiry in expiries(market):
        chain = exact_chain(market, ticker, expiry, snapshot_seconds(market)[:1])
        rng = generator(market.world.seed, market.day, ticker, expiry, "open interest")
        spread = chain.spot[0] * 0.04
        is_round = np.isclose(chain.strikes % 5, 0)
        busy = 2e3 + 40 * name.volume_millions
        for right, shift in (("C", 1.0), ("P", -1.0)):
            distance = (chain.strikes - chain.spot[0]) / spread - shift
            mean = busy * np.exp(-0.5 * np.abs(distance)) * np.where(is_round, 3.0, 1.0)
            held = rng.gamma(0.8, mean / 0.8).astype(np.int64)
            frames.append(_interest_rows(expiry, chain.strikes, right, held))
    return pl.concat(frames)


def _interest_rows(expiry: date, strikes: np.ndarray, right: str, held: np.ndarray) -> pl.DataFrame:
    table = pa.table({
        "expiry": pa.array([expiry] * len(strikes)),
        "strike": decimals(np.rint(strikes * 1e6).astype(np.int64)),
        "option_right": pa.array([right] * len(strikes)),
        "open_interest": pa.array(held),
    })  # fmt: skip
    return pl.DataFrame(pl.from_arrow(table))


def treasury_bills() -> pl.DataFrame:
    """Rows of raw.treasury_bills: the curve the chains are discounted with."""
    tenors, yields = zip(*BILL_YIELDS, strict=True)
    return pl.DataFrame(
        {"tenor_days": tenors, "rate": yields},
        schema={"tenor_days": pl.Int32, "rate": pl.Float64},
    )


def conditional_law_rows(market: SessionWorld, ticker: str) -> pl.DataFrame:
    """Rows of truth.conditional_laws on the chain's instants."""
    seconds = snapshot_seconds(market)
    spot = market.price(ticker)[seconds]
    stamps = ((market.start + seconds) * 1_000_000).astype("datetime64[us]")
    frames = []
    for expiry in expiries(market):
        laws = conditional_laws(market, ticker, seconds, expiry)
        days = (expiry - market.day).days
        forward = forward_price(market, spot, days)
        columns = {"ts": stamps, "expiry": [expiry] * len(seconds)}
        columns["probability"] = laws.probability
        spreads = {outcome: laws.spread(outcome) for outcome in ("yes", "no")}
        gains = {"yes": laws.gain_yes, "no": laws.gain_no}
        columns |= {f"mean_{o}": forward * gains[o] for o in gains}
        columns |= {f"sd_{o}": forward * gains[o] * spreads[o][0] for o in gains}
        columns |= {f"log_sd_{o}": spreads[o][1] for o in gains}
        frames.append(pl.DataFrame(columns))
    return pl.concat(frames)
