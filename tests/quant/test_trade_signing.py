"""Trade signs: the slow definition, scale, and what an extra quote may change."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.quant.condition_flags import combine_flags
from offtape_assets.quant.trade_signing import ROUTES, sign_prints

PRICES = st.integers(0, 12)
QUOTES = st.lists(st.tuples(st.integers(0, 30), PRICES, PRICES), max_size=25)
TRADES = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12), st.booleans()), max_size=25)


def columns(rows, width, kinds=None):
    rows = sorted(rows, key=lambda row: row[0])
    table = np.array(rows, dtype=object).reshape(len(rows), width)
    kinds = kinds or [np.int64] * width
    return [table[:, place].astype(kind) for place, kind in enumerate(kinds)]


def sign(trades, quotes):
    return sign_prints(*columns(trades, 3, [np.int64, np.int64, np.bool_]), *columns(quotes, 3))


def slow_signs(trades, quotes):
    """Quote rule, Lee-Ready and route of every print, by looking back over everything."""
    trades, quotes = (sorted(rows, key=lambda row: row[0]) for rows in (trades, quotes))
    rows = []
    for place, (ts, price, signable) in enumerate(trades):
        before = [(bid, ask) for at, bid, ask in quotes if at < ts]
        bid, ask = before[-1] if before else (0, 0)
        by_quote = by_tick = 0
        if signable and 0 < bid <= ask:
            by_quote = int(np.sign(price - Fraction(bid + ask, 2)))
        earlier = [p for _, p, ok in trades[:place] if ok and p != price]
        if signable and earlier:
            by_tick = int(np.sign(price - earlier[-1]))
        route = "quote" if by_quote else "tick" if by_tick else "unsigned"
        rows.append((bid, ask, by_quote, by_quote or by_tick, route))
    return rows


@settings(max_examples=200, deadline=None)
@given(TRADES, QUOTES)
def test_agrees_with_the_definition(trades, quotes):
    found = sign(trades, quotes)
    words = [ROUTES[number] for number in found.route]
    assert list(zip(*(x.tolist() for x in found[:4]), words, strict=True)) == slow_signs(
        trades, quotes
    )


@settings(max_examples=100, deadline=None)
@given(TRADES, QUOTES, st.integers(2, 10**6))
def test_signs_do_not_depend_on_the_unit_of_price(trades, quotes, unit):
    scaled = sign(
        [(ts, price * unit, ok) for ts, price, ok in trades],
        [(ts, bid * unit, ask * unit) for ts, bid, ask in quotes],
    )
    plain = sign(trades, quotes)
    for name in ("quote_rule", "lee_ready", "route"):
        np.testing.assert_array_equal(getattr(scaled, name), getattr(plain, name))


@settings(max_examples=100, deadline=None)
@given(TRADES, QUOTES, st.integers(0, 30))
def test_no_sign_knows_the_future(trades, quotes, now):
    past = sign([row for row in trades if row[0] < now], [row for row in quotes if row[0] < now])
    known = past.lee_ready.size
    whole = sign(trades, quotes)
    for early, late in zip(past[:-1], whole[:-1], strict=True):
        np.testing.assert_array_equal(early, late[:known])


@settings(max_examples=100, deadline=None)
@given(TRADES, QUOTES)
def test_mirrored_prices_mirror_signs(trades, quotes):
    top = 13
    mirrored = sign(
        [(ts, top - price, ok) for ts, price, ok in trades],
        [(ts, top - ask if ask else 0, top - bid if bid else 0) for ts, bid, ask in quotes],
    )
    plain = sign(trades, quotes)
    np.testing.assert_array_equal(mirrored.lee_ready, -plain.lee_ready)
    np.testing.assert_array_equal(mirrored.quote_rule, -plain.quote_rule)


def test_midpoints_that_floating_point_mis_signs():
    """Every cent pair up to two dollars: an exact midpoint is never signed by the quote."""
    bid, ask = np.meshgrid(np.arange(1, 200), np.arange(1, 200))
    keep = bid < ask
    bid, ask = bid[keep].astype(np.int64) * 10_000, ask[keep].astype(np.int64) * 10_000
    ts = 2 * np.arange(bid.size, dtype=np.int64)
    mid = (bid + ask) // 2
    found = sign_prints(ts + 1, mid, np.ones(mid.size, bool), ts, bid, ask)
    assert not found.quote_rule.any()
    floats = np.sign(mid / 1e6 - (bid / 1e6 + ask / 1e6) / 2)
    assert np.mean(floats != 0) > 0.05


@settings(max_examples=100, deadline=None)
@given(TRADES, QUOTES, st.integers(0, 40))
def test_mids_are_those_of_the_last_earlier_quote(trades, quotes, horizon):
    prints = columns(trades, 3, [np.int64, np.int64, np.bool_])
    found = sign_prints(*prints, *columns(quotes, 3), horizon_ns=horizon)
    quotes = sorted(quotes, key=lambda row: row[0])
    for ahead, mids in ((0, found.twice_mid), (horizon, found.twice_mid_later)):
        for instant, mid in zip(prints[0] + ahead, mids, strict=True):
            before = [(bid, ask) for ts, bid, ask in quotes if ts < instant]
            bid, ask = before[-1] if before else (0, 0)
            assert mid == (bid + ask if 0 < bid <= ask else 0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 12), max_size=4), max_size=12))
def test_flags_of_a_row_are_the_union_of_its_ids(lists):
    flags_of_id = np.array([1, 2, 4, 8, 0, 3, 16, 0], np.uint8)
    offsets = np.append(0, np.cumsum([len(ids) for ids in lists])).astype(np.int64)
    ids = np.array([number for row in lists for number in row], np.int16)
    expected = []
    for row in lists:
        union = 0
        for number in row:
            union |= int(flags_of_id[number]) if 0 <= number < 8 else 128
        expected.append(union)
    assert combine_flags(offsets, ids, flags_of_id, 128).tolist() == expected


class TestArguments:
    TS = np.array([1, 2, 2], np.int64)
    ONE = np.array([1, 1, 1], np.int64)
    YES = np.ones(3, bool)

    def test_falling_instants_are_refused_by_name_and_row(self):
        falling = np.array([1, 3, 2], np.int64)
        with pytest.raises(ValueError, match="quote_ts falls at row 2 \\(3 then 2\\)"):
            sign_prints(self.TS, self.ONE, self.YES, falling, self.ONE, self.ONE)

    def test_negative_horizon_is_refused(self):
        with pytest.raises(ValueError, match="horizon_ns = -1"):
            sign_prints(self.TS, self.ONE, self.YES, self.TS, self.ONE, self.ONE, horizon_ns=-1)

    def test_lengths_must_agree(self):
        with pytest.raises(ValueError, match="equally long"):
            sign_prints(self.TS, self.ONE[:2], self.YES, self.TS, self.ONE, self.ONE)

    def test_offsets_must_end_within_the_ids(self):
        with pytest.raises(ValueError, match="within 1 ids"):
            combine_flags(np.array([0, 2]), np.array([1], np.int16), np.zeros(2, np.uint8), 1)
