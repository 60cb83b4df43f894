"""The unit of quote sizes is found from the sizes, or the file is refused."""

from collections import Counter
from datetime import date

import numpy as np
import pytest

from offtape_assets.sources.landing.size_unit import count_sizes, size_unit

OLD, NEW = date(2024, 11, 5), date(2026, 3, 2)


def test_hundreds_are_shares_and_small_numbers_are_lots() -> None:
    lots = np.random.default_rng(1).geometric(0.3, 5000)
    prices = np.full(5000, 20.0)
    assert size_unit(count_sizes(prices, lots * 100), OLD).shares_per_unit == 1
    judged = size_unit(count_sizes(prices, lots), OLD)
    assert (judged.unit, judged.shares_per_unit, judged.sizes) == ("round_lots", 100, 5000)
    assert not judged.is_assumed


def test_a_mixture_is_refused_with_its_evidence() -> None:
    with pytest.raises(ValueError, match=r"of 1000 quote sizes 50\.0% are multiples of 100"):
        size_unit(Counter({1: 500, 100: 300, 200: 200}), OLD)


def test_lots_without_small_numbers_are_refused() -> None:
    """A name that always shows hundreds of lots could as well be odd shares."""
    with pytest.raises(ValueError, match="neither shares nor round lots"):
        size_unit(Counter({535: 300, 612: 250, 77: 10}), OLD)


def test_few_sizes_are_taken_as_shares() -> None:
    judged = size_unit(Counter({1: 10, 2: 5}), OLD)
    assert judged.is_assumed
    assert (judged.unit, judged.shares_per_unit) == ("shares", 1)
    assert np.isnan(size_unit(Counter(), OLD).share_of_multiples)


def test_small_lots_exist_from_november_2025_only() -> None:
    forties = Counter({40: 300, 80: 200, 120: 200, 100: 50})
    assert size_unit(forties, NEW).unit == "shares"
    with pytest.raises(ValueError, match="neither"):
        size_unit(forties, OLD)


def test_absent_sides_and_dear_names_are_not_judged() -> None:
    prices = np.array([20.0, 0.0, np.nan, 250.0, 300.0, 249.99])
    sizes = np.array([100, 7, 7, 7, 7, 0])
    assert count_sizes(prices, sizes) == Counter({100: 1})
