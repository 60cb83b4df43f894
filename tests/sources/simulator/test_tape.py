"""The tape: what was planted in quotes, prints and bars is there to be found."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from offtape_assets.market.conditions import SALE_CONDITIONS
from offtape_assets.quant.lead_lag import hayashi_yoshida_asymmetry
from offtape_assets.quant.price_attribution import attribute_changes, share_variance
from offtape_assets.sources.simulator import bars, prints, tape, tape_rows, truth, whole_market
from offtape_assets.sources.simulator import tape_kernels as kernels
from offtape_assets.sources.simulator.simulator import SimulatorSource
from offtape_assets.sources.simulator.world import SessionWorld

DAY = date(2024, 11, 4)
NANOSECONDS = 10**9


@pytest.fixture(scope="module")
def market() -> SessionWorld:
    return SimulatorSource().session(DAY)


def book_rows(market: SessionWorld, ticker: str) -> tuple[np.ndarray, np.ndarray]:
    hours = list(tape.run(market, tape.plan(market, ticker), quotes=True, trades=True))
    return np.hstack([hour[0] for hour in hours]), np.hstack([hour[1] for hour in hours])


def in_session(market: SessionWorld, rows: np.ndarray) -> np.ndarray:
    second = rows[kernels.TS] / NANOSECONDS - market.start
    return rows[:, (second >= market.open) & (second < market.close)]


def test_stamps_and_sequence_numbers_ascend(market):
    for rows in book_rows(market, "SHW"):
        assert (np.diff(rows[kernels.TS]) > 0).all()
        assert (np.diff(rows[kernels.SEQUENCE]) > 0).all()


def test_the_book_is_ordered_on_the_grid_and_near_the_value(market):
    quotes = in_session(market, book_rows(market, "XOM")[0])
    bid, ask = quotes[kernels.BID], quotes[kernels.ASK]
    assert (bid <= ask).all()
    assert 0.0005 < (bid == ask).mean() < 0.02
    assert (bid % 100 == 0).all()
    assert (ask % 100 == 0).all()
    second = (quotes[kernels.TS] // NANOSECONDS - market.start).astype(int)
    value = market.price("XOM")[second + 1] * tape.UNITS
    assert np.abs((bid + ask) / 2 - value).mean() < (ask - bid).mean()
    assert (quotes[[kernels.BID_SIZE, kernels.ASK_SIZE]] % 100 == 0).all()


def test_planted_shares_of_attribution_are_found(market):
    errors = []
    for ticker in ("META", "MSFT", "DJT", "MSTR", "IVV", "BRK.B", "SMCI", "SPY"):
        quotes, trades = book_rows(market, ticker)
        edges = [(market.start + second) * NANOSECONDS for second in (market.open, market.close)]
        changes = attribute_changes(
            *quotes[[kernels.TS, kernels.BID, kernels.ASK]], trades[kernels.TS], 50_000_000, *edges
        )
        found = share_variance(changes)
        name = market.levels.name(ticker)
        planted = truth.attribution(market.levels, name).row(0)
        errors.append([found.quote - planted[0], found.trade - planted[1]])
    assert np.abs(errors).max() < 0.15
    assert np.abs(np.mean(errors, axis=0)).max() < 0.05


def test_planted_leaders_lead_on_the_tape(market):
    edges = np.arange(market.open, market.close + 1, 600) + market.start
    lags = np.arange(250, 4001, 250) * 1_000_000
    ticks = {}
    for ticker in ("SPY", "IVV", "VOO"):
        quotes = in_session(market, book_rows(market, ticker)[0])
        mid = np.log((quotes[kernels.BID] + quotes[kernels.ASK]) / 2)
        moved = np.append(True, np.diff(mid) != 0)
        ticks[ticker] = np.ascontiguousarray(quotes[kernels.TS, moved]), mid[moved]
    for follower in ("IVV", "VOO"):
        blocks = hayashi_yoshida_asymmetry(
            *ticks["SPY"], *ticks[follower], lags, edges * NANOSECONDS
        )
        assert blocks.mean() / (blocks.std() / np.sqrt(len(blocks))) > 5


def test_prints_carry_known_conditions_and_the_days_volume(market):
    trades = tape_rows.clean_trades(market, "GOOG")
    known = {condition.condition for condition in SALE_CONDITIONS}
    assert {number for ids in prints.CONDITIONS for number in ids} <= known
    second = trades[kernels.TS] // NANOSECONDS - market.start
    regular = prints.counts_in_volume(trades) & (second >= market.open) & (second <= market.close)
    volume = trades[kernels.SIZE, regular].sum()
    planned = tape.daily_volume(market, market.levels.name("GOOG"))
    assert volume == pytest.approx(planned, rel=5e-4)
    sweeps = (trades[kernels.CODE] < prints.OPENING) & (trades[kernels.CODE] & kernels.IS_SWEEP > 0)
    odd = (trades[kernels.CODE] < prints.OPENING) & (trades[kernels.CODE] & kernels.IS_ODD_LOT > 0)
    assert 0.15 < sweeps.mean() < 0.6
    assert (trades[kernels.SIZE, odd] < 100).all()
    assert {0, 1, 8, 10, 12} == set(trades[prints.CORRECTION])
    assert (trades[kernels.PARTICIPANT] <= trades[kernels.TS]).mean() > 0.99
    assert (trades[kernels.TS] - trades[kernels.PARTICIPANT] > 10**10).any()


def test_minutes_add_up_to_the_prints(market):
    trades = tape_rows.clean_trades(market, "XLU")
    rows = bars.minute_bars(market, "XLU", trades).unique("ts", keep="first")
    minute = (trades[kernels.TS] // (60 * NANOSECONDS)).astype("datetime64[m]")
    priced = prints.sets_price(trades)
    expected = pl.DataFrame({
        "ts": minute[priced].astype("datetime64[us]"),
        "price": trades[kernels.PRICE, priced] / tape.UNITS,
    }).group_by("ts").agg(high=pl.col("price").max(), close=pl.col("price").last())  # fmt: skip
    joined = rows.join(expected, on="ts", suffix="_expected")
    assert joined.height == rows.height == expected.height
    assert joined["high"].cast(float).to_list() == joined["high_expected"].to_list()
    assert joined["close"].cast(float).to_list() == joined["close_expected"].to_list()


def test_one_second_quotes_are_the_last_of_the_tape(market):
    quotes = in_session(market, book_rows(market, "SHW")[0])
    found = whole_market.last_quotes(market, "SHW")
    second = quotes[kernels.TS] // NANOSECONDS - market.start - market.open
    for probe in (0, 100, 5000, 23_399):
        rows = quotes[:, second == probe]
        expected = rows[[kernels.BID, kernels.ASK], -1] if rows.size else np.zeros(2)
        assert (found[:, probe] == expected).all()


def test_a_heavier_tape_has_more_rows_of_the_same_market(market):
    heavier = SimulatorSource(message_scale=4.0).session(DAY)
    assert np.array_equal(heavier.price("XLU"), market.price("XLU"))
    light, heavy = (book_rows(m, "XLU")[0].shape[1] for m in (market, heavier))
    assert heavy > 1.8 * light


def test_a_paused_name_neither_quotes_nor_prints_until_it_reopens():
    halted = SimulatorSource(pause_volatility=0.4)
    session = next(
        session
        for session in map(halted.session, (DAY, date(2024, 11, 5), date(2024, 11, 1)))
        if tape.pauses(session, session.levels.name("SMCI"))
    )
    first, last = tape.pauses(session, session.levels.name("SMCI"))[0]
    begin, end = ((session.start + second) * NANOSECONDS for second in (first, last))
    quotes = tape_rows.quotes(session, "SMCI", Path()).filter(
        pl.col("ts").dt.epoch("ns").is_between(begin, end - 1)
    )
    assert quotes["conditions"].to_list() == [[43, 81]]
    assert quotes.select("bid_price", "ask_price").row(0) == (None, None)
    trades = tape_rows.clean_trades(session, "SMCI")
    late = np.isin(trades[kernels.CODE], prints.NO_RANGE) | (trades[prints.CORRECTION] >= 10)
    inside = (trades[kernels.TS] >= begin) & (trades[kernels.TS] < end)
    assert not (inside & ~late & (trades[kernels.CODE] != prints.CROSS)).any()
    assert prints.REOPENING in trades[kernels.CODE, trades[kernels.TS] == end]
