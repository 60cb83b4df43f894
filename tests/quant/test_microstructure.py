"""Bucket sums of quotes and prints: additivity, invariance of buckets and scale."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.quant.microstructure import MINUTE_NS, Prints, bucket_quotes, bucket_trades
from offtape_assets.quant.trade_signing import sign_prints

CENT = 10_000
SHARE = 1_000_000
BUCKETS = 12
OPEN, CLOSE = 1_000_000_000_000, 1_000_000_000_000 + BUCKETS * MINUTE_NS
SEEDS = st.integers(0, 2**32 - 1)


def random_quotes(rng, count=400):
    """Quotes of two days' dirt: absent sides, locked, crossed, before the open, after the close."""
    ts = np.sort(rng.integers(OPEN - 5 * MINUTE_NS, CLOSE + MINUTE_NS, count))
    bid = (1000 + np.cumsum(rng.integers(-1, 2, count))) * CENT
    ask = bid + rng.integers(-1, 4, count) * CENT
    bid[rng.random(count) < 0.05] = 0
    ask[rng.random(count) < 0.05] = 0
    return ts, bid, ask


def random_prints(rng, count=300, whole_shares=True):
    ts = np.sort(rng.integers(OPEN - 5 * MINUTE_NS, CLOSE + MINUTE_NS, count))
    size = rng.integers(1, 500, count) * SHARE
    if not whole_shares:
        size = rng.integers(1, 500 * SHARE, count)
    return Prints(
        ts=ts,
        price=(1000 + rng.integers(-10, 11, count)) * CENT // 2,
        size=size,
        is_iso=rng.random(count) < 0.3,
        is_odd_lot=size < 100 * SHARE,
        is_signable=rng.random(count) < 0.9,
        counts_in_volume=np.ones(count, bool),
    )


def trades_by_bucket(prints, quotes, width=MINUTE_NS):
    signed = sign_prints(
        prints.ts, prints.price, prints.is_signable, *quotes, horizon_ns=5 * MINUTE_NS
    )
    mids = signed.twice_mid, signed.twice_mid_later
    return bucket_trades(prints, *mids, signed.quote_rule, signed.lee_ready, OPEN, CLOSE, width)


SUMS = (
    *("trades", "iso_trades", "volume", "iso_volume", "odd_lot_volume", "signable_volume"),
    *("lee_ready_volume", "flow", "iso_flow", "iso_signed_volume", "slippage"),
)


class TestAdditivity:
    """What happened in a bucket is the sum of what happened in its parts."""

    @settings(max_examples=40, deadline=None)
    @given(SEEDS)
    def test_flow_of_sweeps_and_others_is_the_whole(self, seed):
        rng = np.random.default_rng(seed)
        quotes, prints = random_quotes(rng), random_prints(rng)
        whole = trades_by_bucket(prints, quotes)
        signed = sign_prints(prints.ts, prints.price, prints.is_signable, *quotes)
        now = signed.twice_mid

        def part(rows):
            return bucket_trades(
                Prints(*(column[rows] for column in prints)),
                *(x[rows] for x in (now, now, signed.quote_rule, signed.lee_ready)),
                OPEN,
                CLOSE,
            )

        sweeps, others = part(prints.is_iso), part(~prints.is_iso)
        for name in SUMS:
            whole_units = {"flow": 1e6, "iso_flow": 1e6, "slippage": 2e6}.get(name, 1.0)
            first, second, both = (
                np.rint(getattr(buckets, name) * whole_units) for buckets in (sweeps, others, whole)
            )
            np.testing.assert_array_equal(first + second, both, name)
        np.testing.assert_array_equal(sweeps.flow, whole.iso_flow)

    @settings(max_examples=40, deadline=None)
    @given(SEEDS, st.sampled_from([2, 3, 4, 6, 12]))
    def test_wider_buckets_are_sums_of_narrower_ones(self, seed, parts):
        rng = np.random.default_rng(seed)
        quotes, prints = random_quotes(rng), random_prints(rng)
        fine = trades_by_bucket(prints, quotes)
        wide = trades_by_bucket(prints, quotes, parts * MINUTE_NS)
        for name in SUMS:
            summed = getattr(fine, name).reshape(-1, parts).sum(axis=1)
            np.testing.assert_allclose(summed, getattr(wide, name), rtol=1e-13, err_msg=name)

        fine, wide = (bucket_quotes(*quotes, OPEN, CLOSE, w * MINUTE_NS) for w in (1, parts))
        changes = fine.price_changes.reshape(-1, parts).sum(axis=1)
        np.testing.assert_array_equal(changes, wide.price_changes)
        np.testing.assert_array_equal(fine.last_mid[parts - 1 :: parts], wide.last_mid)

    @settings(max_examples=40, deadline=None)
    @given(SEEDS)
    def test_fractions_of_shares_add_up(self, seed):
        rng = np.random.default_rng(seed)
        prints = random_prints(rng, whole_shares=False)
        found = trades_by_bucket(prints, random_quotes(rng))
        inside = (prints.ts >= OPEN) & (prints.ts < CLOSE)
        expected = int(prints.size[inside].sum()) / SHARE
        assert found.volume.sum() == pytest.approx(expected, rel=1e-13)


class TestInvariance:
    """Repeated quotes, another clock, another currency."""

    @settings(max_examples=40, deadline=None)
    @given(SEEDS)
    def test_repeated_quotes_are_no_changes_and_move_no_time_weight(self, seed):
        rng = np.random.default_rng(seed)
        quotes = random_quotes(rng)
        again = np.repeat(np.arange(quotes[0].size), rng.integers(1, 4, quotes[0].size))
        once = bucket_quotes(*quotes, OPEN, CLOSE)
        repeated = bucket_quotes(*(column[again] for column in quotes), OPEN, CLOSE)
        np.testing.assert_array_equal(once.price_changes, repeated.price_changes)
        np.testing.assert_array_equal(once.last_mid, repeated.last_mid)
        np.testing.assert_allclose(
            once.time_weighted_relative_spread,
            repeated.time_weighted_relative_spread,
            rtol=1e-13,
        )

    @settings(max_examples=40, deadline=None)
    @given(SEEDS, st.integers(-(10**15), 10**15))
    def test_only_time_since_the_open_matters(self, seed, shift):
        ts, bid, ask = random_quotes(np.random.default_rng(seed))
        here = bucket_quotes(ts, bid, ask, OPEN, CLOSE)
        there = bucket_quotes(ts + shift, bid, ask, OPEN + shift, CLOSE + shift)
        for name, column in here._asdict().items():
            np.testing.assert_array_equal(column, getattr(there, name), name)

    @settings(max_examples=40, deadline=None)
    @given(SEEDS, st.integers(2, 50))
    def test_scaling_prices_scales_dollars_and_leaves_fractions(self, seed, factor):
        rng = np.random.default_rng(seed)
        (ts, bid, ask), prints = random_quotes(rng), random_prints(rng)
        scaled_quotes = ts, bid * factor, ask * factor
        small = bucket_quotes(ts, bid, ask, OPEN, CLOSE)
        large = bucket_quotes(*scaled_quotes, OPEN, CLOSE)
        for name in ("mean_mid", "last_mid", "mean_spread"):
            np.testing.assert_allclose(
                getattr(large, name), factor * getattr(small, name), rtol=1e-14
            )
        for name in ("mean_relative_spread", "time_weighted_relative_spread"):
            np.testing.assert_allclose(getattr(large, name), getattr(small, name), rtol=1e-13)
        poor = trades_by_bucket(prints, (ts, bid, ask))
        rich = trades_by_bucket(prints._replace(price=prints.price * factor), scaled_quotes)
        for name in ("flow", "iso_flow", "slippage"):
            np.testing.assert_allclose(
                getattr(rich, name), factor * getattr(poor, name), rtol=1e-13
            )
        for name in ("effective_spread", "realized_spread", "iso_signed_volume"):
            np.testing.assert_allclose(
                getattr(rich, name), getattr(poor, name), rtol=1e-12, atol=1e-15
            )


class TestQuoteBuckets:
    def test_first_quote_of_the_day_is_a_change_from_an_empty_book(self):
        ts = np.array([OPEN, OPEN + 1], np.int64)
        price = np.array([100 * CENT, 100 * CENT], np.int64)
        assert bucket_quotes(ts, price, price, OPEN, CLOSE).price_changes[0] == 1
        nothing = np.zeros(2, np.int64)
        assert bucket_quotes(ts, nothing, nothing, OPEN, CLOSE).price_changes[0] == 0

    def test_a_quote_at_a_boundary_belongs_to_the_bucket_it_opens(self):
        ts = np.array([OPEN - 1, OPEN + MINUTE_NS, CLOSE], np.int64)
        bid = np.array([100, 101, 102], np.int64) * CENT
        found = bucket_quotes(ts, bid, bid + CENT, OPEN, CLOSE)
        assert found.price_changes.tolist() == [0, 1] + [0] * (BUCKETS - 2)
        assert found.last_mid[:2].tolist() == [1.005, 1.015]
        assert found.last_mid[-1] == 1.015

    def test_time_weights_are_the_lives_of_quotes(self):
        ts = OPEN + np.array([0, 15, 45]) * 10**9
        bid = np.array([100, 0, 100], np.int64) * CENT
        ask = np.array([102, 102, 104], np.int64) * CENT
        found = bucket_quotes(ts, bid, ask, OPEN, CLOSE).time_weighted_relative_spread
        first, last = 0.02 / 1.01, 0.04 / 1.02
        assert found[0] == pytest.approx((15 * first + 15 * last) / 30, rel=1e-14)

    @pytest.mark.parametrize(
        ("close", "width"), [(CLOSE, 7), (CLOSE, 0), (OPEN, MINUTE_NS), (CLOSE, -MINUTE_NS)]
    )
    def test_width_must_divide_the_session(self, close, width):
        empty = np.zeros(0, np.int64)
        with pytest.raises(ValueError, match=f"width_ns = {width}"):
            bucket_quotes(empty, empty, empty, OPEN, close, width)

    def test_prints_and_signs_must_be_equally_long(self):
        prints = random_prints(np.random.default_rng(0), 5)
        five, four = np.zeros(5, np.int64), np.zeros(4, np.int8)
        with pytest.raises(ValueError, match="equally long"):
            bucket_trades(prints, five, five, four, four, OPEN, CLOSE)
