"""Attribution of mid changes: exact parts, monotone windows, recovered shares."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.quant.microstructure import MINUTE_NS, bucket_quotes
from offtape_assets.quant.price_attribution import (
    Attribution,
    attribute_changes,
    share_variance,
)
from tests.quant.test_microstructure import CLOSE, OPEN, random_quotes

SEEDS = st.integers(0, 2**32 - 1)
WINDOW = 50_000_000


def random_day(seed):
    rng = np.random.default_rng(seed)
    prints = np.sort(rng.integers(OPEN - MINUTE_NS, CLOSE + MINUTE_NS, 200))
    return random_quotes(rng), prints


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_parts_are_the_whole_and_the_whole_is_the_move_of_the_mid(seed):
    quotes, prints = random_day(seed)
    found = attribute_changes(*quotes, prints, MINUTE_NS // 10, OPEN, CLOSE)
    in_units = [np.rint(part * 2_000_000) for part in found]
    np.testing.assert_array_equal(in_units[1] + in_units[2], in_units[0])

    ts, bid, ask = quotes
    usable = (bid > 0) & (bid <= ask)
    kept = bucket_quotes(ts[usable], bid[usable], ask[usable], OPEN, CLOSE)
    np.testing.assert_allclose(np.diff(kept.last_mid), found.total[1:], atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_no_print_means_quotes_and_an_endless_window_means_trades(seed):
    quotes, prints = random_day(seed)
    alone = attribute_changes(*quotes, prints[:0], WINDOW, OPEN, CLOSE)
    assert not alone.trade_part.any()
    always = attribute_changes(*quotes, prints[:1], 10**15, OPEN, CLOSE)
    assert not always.quote_part.any()
    np.testing.assert_array_equal(alone.quote_part, always.trade_part)


@settings(max_examples=50, deadline=None)
@given(SEEDS, st.integers(2, 100))
def test_scaling_prices_leaves_the_shares(seed, factor):
    rng = np.random.default_rng(seed)
    parts = rng.normal(size=(2, 60))
    plain = share_variance(Attribution(parts.sum(axis=0), *parts))
    scaled = share_variance(Attribution(factor * parts.sum(axis=0), *(factor * parts)))
    assert plain[:3] == pytest.approx(scaled[:3], rel=1e-10, abs=1e-12)
    assert sum(plain[:3]) == pytest.approx(1.0, abs=1e-12)


def test_planted_shares_are_recovered():
    """Independent parts with variances 1 and 3: shares .25 and .75 within three standard errors."""
    rng = np.random.default_rng(5)
    count = 20_000
    parts = rng.normal(size=(2, count)) * np.array([[1.0], [np.sqrt(3.0)]])
    found = share_variance(Attribution(parts.sum(axis=0), *parts))
    error = 3 * np.sqrt(2 / count)
    assert found.status == "ok"
    assert found.quote == pytest.approx(0.25, abs=0.25 * error * 2)
    assert found.trade == pytest.approx(0.75, abs=0.75 * error * 2)
    assert found.covariance == pytest.approx(0.0, abs=error)


@pytest.mark.parametrize(("known", "status"), [(29, "too_few"), (30, "ok"), (0, "too_few")])
def test_shares_need_thirty_known_buckets(known, status):
    rng = np.random.default_rng(1)
    parts = rng.normal(size=(2, 40))
    parts[:, known:] = np.nan
    found = share_variance(Attribution(parts.sum(axis=0), *parts))
    assert found.status == status
    assert np.isnan(found.quote) == (status != "ok")


@pytest.mark.parametrize("drift", [0.0, 0.01])
def test_a_mid_that_never_varies_has_no_shares(drift):
    flat = np.full(40, drift)
    found = share_variance(Attribution(flat, flat, np.zeros(40)))
    assert found.status == "no_change"
    assert np.isnan(found.covariance)


def test_negative_window_is_refused():
    quotes, prints = random_day(0)
    with pytest.raises(ValueError, match="window_ns = -1"):
        attribute_changes(*quotes, prints, -1, OPEN, CLOSE)
