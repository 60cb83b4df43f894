"""Forward and discount from parity: exact data, noise, outliers, too little."""

import numpy as np
import pytest

from offtape_assets.quant.parity import parity_forward

DISCOUNT, FORWARD = 0.9985, 581.3


def _pairs(seed, noise=0.02, size=40):
    rng = np.random.default_rng(seed)
    strike = np.linspace(480.0, 680.0, size)
    put = np.maximum(strike - FORWARD, 0) * DISCOUNT + 3.0
    gap = DISCOUNT * (FORWARD - strike) + rng.normal(size=size) * noise
    return strike, put + gap, put, np.full(size, noise**2)


def test_exact_prices_give_exact_answers():
    strike, call, put, variance = _pairs(0, noise=1e-9)
    found = parity_forward(strike, call, put, variance, 0.99, 1e3)
    assert found.status == "ok"
    assert found.forward == pytest.approx(FORWARD, abs=1e-7)
    assert found.discount == pytest.approx(DISCOUNT, abs=1e-9)
    assert np.abs(found.residual).max() < 1e-6


def test_stated_sd_is_right():
    errors, sds = [], []
    for seed in range(300):
        found = parity_forward(*_pairs(seed), 0.9985, 1e-3)
        errors.append(found.forward - FORWARD)
        sds.append(found.forward_sd)
    assert np.std(errors) == pytest.approx(np.mean(sds), rel=0.25)
    assert abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(300)


def test_two_bad_quotes_do_not_matter():
    strike, call, put, variance = _pairs(1)
    near = np.argsort(np.abs(strike - FORWARD))[:2]
    call[near] += [5.0, -3.0]
    found = parity_forward(strike, call, put, variance, DISCOUNT, 1e-3)
    assert found.forward == pytest.approx(FORWARD, abs=0.05)


def test_one_pair_leans_on_the_prior_and_none_says_so():
    strike, call, put, variance = (a[20:21] for a in _pairs(2))
    found = parity_forward(strike, call, put, variance, DISCOUNT, 1e-3)
    assert found.forward == pytest.approx(FORWARD, abs=0.2)
    assert found.discount == pytest.approx(DISCOUNT)
    nothing = parity_forward([], [], [], [], DISCOUNT, 1e-3)
    assert nothing.status == "no_pairs"
    assert np.isnan(nothing.forward)


def test_impossible_prices_are_singular_not_a_number():
    found = parity_forward([100.0, 110.0], [1.0, 90.0], [90.0, 1.0], [1e-4, 1e-4], 0.99, 1e3)
    assert found.status == "singular"
    assert np.isnan(found.forward)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="discount"):
        parity_forward([1.0], [1.0], [1.0], [1.0], 0.0, 1.0)
    with pytest.raises(ValueError, match="variance"):
        parity_forward([1.0], [1.0], [1.0], [0.0], 1.0, 1.0)
