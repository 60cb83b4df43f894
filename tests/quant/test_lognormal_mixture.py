"""The two-lognormal mean function: its parameters recovered, its smile and derivatives exact."""

import numpy as np
import pytest
from scipy.special import ndtr

from benchmarks.option_chains import DISCOUNT, FORWARD, noisy_chain
from offtape_assets.quant.implied_vol import implied_vol
from offtape_assets.quant.lognormal_mixture import (
    Mixture,
    fit_mixture,
    mixture_gradient,
    mixture_smile,
)

EVENT = Mixture(0.6, np.log(1.10), np.log(0.85), 0.02, 0.025)
MILD = Mixture(0.55, np.log(1.025), np.log((1 - 0.55 * 1.025) / 0.45), 0.0265, 0.0497)


def _inputs(law, strikes, seed):
    quotes = noisy_chain(law, strikes, seed)
    unit = DISCOUNT * FORWARD
    sd = (quotes.ask - quotes.bid) / np.sqrt(12) / unit
    return np.log(quotes.strike / FORWARD), quotes.is_call, quotes.mid / unit, sd


def test_sharp_event_recovered_from_noisy_quotes():
    fitted = fit_mixture(*_inputs("sharp_event", 150, 1), atm_sd=0.12)
    ours = np.sort(np.exp([fitted.mu1, fitted.mu2]))
    np.testing.assert_allclose(ours, [0.85, 1.10], atol=2e-3)
    upper = fitted.weight if fitted.mu1 > fitted.mu2 else 1 - fitted.weight
    assert upper == pytest.approx(0.6, abs=0.01)


def test_mean_is_the_forward_whatever_the_fit():
    for law in ("mild_event", "heston", "lognormal"):
        m = fit_mixture(*_inputs(law, 40, 2), atm_sd=0.045)
        mean = m.weight * np.exp(m.mu1) + (1 - m.weight) * np.exp(m.mu2)
        assert mean == pytest.approx(1.0, abs=1e-13)


def test_smile_is_the_implied_vol_of_the_mixture():
    k = np.linspace(-0.3, 0.2, 41)
    price = np.zeros(k.size)
    is_call = k >= 0
    for w, mu, s in ((0.6, EVENT.mu1, EVENT.sd1), (0.4, EVENT.mu2, EVENT.sd2)):
        d1 = (mu - k) / s + s / 2
        call = np.exp(mu) * ndtr(d1) - np.exp(k) * ndtr(d1 - s)
        put = np.exp(k) * ndtr(s - d1) - np.exp(mu) * ndtr(-d1)
        price += w * np.where(is_call, call, put)
    direct = implied_vol(price, 1.0, np.exp(k), 1.0, 1.0, is_call).vol
    np.testing.assert_allclose(mixture_smile(EVENT, k)[0], direct, rtol=1e-11)


@pytest.mark.parametrize("mixture", [EVENT, MILD])
def test_derivatives_match_central_differences(mixture):
    k, h = np.linspace(-0.25, 0.2, 91), 1e-5
    up, mid, low = (mixture_smile(mixture, k + x) for x in (h, 0.0, -h))
    np.testing.assert_allclose(mid[1], (up[0] - low[0]) / (2 * h), atol=3e-7 * np.abs(mid[1]).max())
    np.testing.assert_allclose(mid[2], (up[1] - low[1]) / (2 * h), atol=3e-7 * np.abs(mid[2]).max())


def test_gradient_moves_the_smile():
    k = np.linspace(-0.2, 0.15, 31)
    gradient = mixture_gradient(EVENT, k)
    wider = Mixture(0.6, EVENT.mu1, EVENT.mu2, EVENT.sd1 * np.exp(1e-3), EVENT.sd2)
    change = mixture_smile(wider, k) - mixture_smile(EVENT, k)
    np.testing.assert_allclose(
        1e-3 * gradient[2, 0], change[0], atol=2e-3 * np.abs(change[0]).max()
    )


def test_one_lognormal_is_no_degeneracy():
    m = fit_mixture(*_inputs("lognormal", 40, 3), atm_sd=0.066)
    k = np.linspace(-0.15, 0.15, 31)
    np.testing.assert_allclose(mixture_smile(m, k)[0], 0.4 * np.sqrt(10 / 365), rtol=5e-3)


def test_wrong_arguments_are_named():
    k, c, p, sd = _inputs("lognormal", 40, 3)
    with pytest.raises(ValueError, match="share one length"):
        fit_mixture(k[:-1], c, p, sd, 0.05)
    with pytest.raises(ValueError, match="atm_sd"):
        fit_mixture(k, c, p, sd, 0.0)
