"""Densities against known laws: error, mass, mean, modes, bands; repairs and edges."""

import numpy as np
import pytest

from benchmarks.option_chains import (
    DISCOUNT,
    FORWARD,
    LAWS,
    TAU,
    errors,
    law_moments,
    modes,
    noisy_chain,
    truth,
)
from offtape_assets.quant.density import raw_density, repair, smile_density, trapezoid_weights
from offtape_assets.quant.seed_density import seed_density
from offtape_assets.quant.smile import UPDATES_PER_FIT, fit_smile, update_smile, usable_quotes


def quotes_of(chain, forward=FORWARD):
    unit = DISCOUNT * forward
    sd = (chain.ask - chain.bid) / np.sqrt(12) / unit
    keys = np.arange(chain.strike.size)
    return usable_quotes(keys, np.log(chain.strike / forward), chain.is_call, chain.mid / unit, sd)


def density_of(law, strikes, seed, with_bands=False):
    quotes = quotes_of(noisy_chain(law, strikes, seed))
    smile = fit_smile(quotes)
    return smile_density(smile, quotes, FORWARD, TAU, with_bands)


@pytest.mark.parametrize("law", [law for law in LAWS if law != "skewed_event"])
@pytest.mark.parametrize(("strikes", "l1"), [(40, 0.016), (150, 0.012)])
def test_known_law_is_recovered(law, strikes, l1):
    found = []
    for seed in range(5):
        d = density_of(law, strikes, seed)
        found.append(errors(law, d.strike, d.density))
        assert d.mean == pytest.approx(FORWARD, rel=1e-11)
        assert d.sd == pytest.approx(law_moments(law)[1], rel=0.01)
        assert (d.density >= 0).all()
        assert modes(d.density) == (2 if law == "sharp_event" else 1)
        assert abs(d.mean_error_bp) < 0.1
        assert abs(d.raw_mass - 1) < 1e-5
    mean = np.mean(found, axis=0)
    assert mean[0] <= l1
    assert mean[1] <= 0.002


def test_mass_outside_quotes_is_said():
    """Strikes within 8 % only: the law is still whole, and the diagnostics own up."""
    chain = noisy_chain("sharp_event", 150, 1)
    near = np.abs(chain.strike / FORWARD - 1) < 0.08
    cut = type(chain)(chain.strike[near], chain.is_call[near], chain.bid[near], chain.ask[near])
    quotes = quotes_of(cut)
    d = smile_density(fit_smile(quotes), quotes, FORWARD, TAU, False)
    strike, density = truth("sharp_event")
    outside = 1 - np.trapezoid(np.where(np.abs(strike / FORWARD - 1) < 0.08, density, 0), strike)
    assert outside > 0.85
    assert d.mass_outside_quotes == pytest.approx(outside, abs=0.05)
    assert d.mean == pytest.approx(FORWARD, rel=1e-11)


def test_distribution_integrates_the_density():
    d = density_of("heston", 150, 2)
    assert d.cdf[0] == 0.0
    assert d.cdf[-1] == pytest.approx(1.0, abs=1e-12)
    assert (np.diff(d.cdf) >= 0).all()
    weights = trapezoid_weights(d.strike)
    assert weights @ d.density == pytest.approx(1.0, abs=1e-12)
    assert weights @ (d.strike * d.density) == pytest.approx(FORWARD, rel=1e-12)


def test_analytic_density_matches_central_differences():
    """Agree: the seed's numeric second derivative of the same smile's prices (12.1)."""
    from offtape_assets.quant.black_scholes import option_price

    quotes = quotes_of(noisy_chain("merton", 150, 4))
    smile = fit_smile(quotes)
    strike = FORWARD * np.linspace(0.85, 1.1, 2001)
    k = np.log(strike / FORWARD)
    total = smile.total_vol(k)
    in_k, cdf, _ = raw_density(k, total)
    call = option_price(FORWARD, strike, 1.0, 1.0, total[0], True)
    step = strike[1] - strike[0]
    numeric = (call[2:] - 2 * call[1:-1] + call[:-2]) / step**2
    np.testing.assert_allclose((in_k / strike)[1:-1], numeric, atol=1e-3 * numeric.max())
    np.testing.assert_allclose(cdf[1:-1], 1 + (call[2:] - call[:-2]) / (2 * step), atol=1e-5)


def test_bands_are_the_derivative_of_the_density():
    """The coefficients a band is made of: nudge s, s', s'' and see the density and cdf move."""
    k = np.linspace(-0.1, 0.1, 21)
    smile = np.array([0.05 + 0.1 * k**2 - 0.05 * k, 0.2 * k - 0.05, np.full(21, 0.2)])
    density, cdf, c = raw_density(k, smile)
    for row, step in ((0, 1e-7), (1, 1e-7), (2, 1e-6)):
        nudged = smile.copy()
        nudged[row] += step
        moved, moved_cdf, _ = raw_density(k, nudged)
        np.testing.assert_allclose((moved - density) / step, c[row], rtol=1e-4, atol=1e-4)
        if row < 2:
            np.testing.assert_allclose((moved_cdf - cdf) / step, c[3 + row], rtol=1e-4, atol=1e-5)


def test_bands_cover():
    hits = []
    for law in ("mild_event", "heston"):
        grid, exact = truth(law)
        steps = 0.5 * (exact[1:] + exact[:-1]) * np.diff(grid)
        cdf = np.concatenate([[0.0], np.cumsum(steps)])
        for seed in range(12):
            d = density_of(law, 150, seed, with_bands=True)
            at = np.interp(d.strike, grid, cdf)
            inner = (at > 0.02) & (at < 0.98)
            hits.append(np.abs(d.cdf - at)[inner] <= 1.645 * d.cdf_sd[inner])
    assert 0.80 <= np.mean(np.concatenate(hits)) <= 0.99


def test_stated_sd_of_the_sd_is_of_the_size_of_its_error():
    for law in ("mild_event", "skewed_event", "merton"):
        exact = law_moments(law)[1]
        found = [density_of(law, 150, seed, with_bands=True) for seed in range(12)]
        z = np.array([(d.sd - exact) / d.sd_sd for d in found])
        assert 0.5 < np.sqrt(np.mean(z**2)) < 2.0
        assert np.isnan(density_of(law, 150, 0).sd_sd)


def test_repair_restores_mass_and_mean_and_only_cuts_the_negative():
    ratio = np.linspace(0.5, 1.6, 400)
    weights = trapezoid_weights(ratio)
    raw = np.exp(-0.5 * ((ratio - 1.01) / 0.1) ** 2) - 0.05 * np.exp(
        -0.5 * ((ratio - 0.7) / 0.02) ** 2
    )
    mended = repair(raw, weights, ratio)
    assert weights @ mended == pytest.approx(1.0, abs=1e-12)
    assert weights @ (mended * ratio) == pytest.approx(1.0, abs=1e-12)
    assert (mended[raw < 0] == 0).all()
    one_sided = np.where(ratio > 1.2, 1.0, 0.0)
    assert np.isnan(repair(one_sided, weights, ratio)).all()


def test_updated_smile_equals_one_fitted_with_the_same_parameters():
    """A minute later: other quotes, forward and time; the update equals building it from nothing."""
    from offtape_assets.quant.gaussian_process import Process
    from offtape_assets.quant.lognormal_mixture import mixture_smile

    smile = fit_smile(quotes_of(noisy_chain("mild_event", 150, 1)))
    later = quotes_of(noisy_chain("mild_event", 150, 2), forward=FORWARD * 1.004)
    shift, scale = np.log(1.004), np.sqrt(0.999)
    updated = update_smile(smile, later, shift, scale)
    assert updated is not None
    residual = later.total_vol - scale * mixture_smile(smile.mixture, later.log_moneyness)[0]
    fresh = Process(
        smile.process.hyperparameters,
        later.key,
        later.log_moneyness + shift,
        residual,
        later.total_vol_sd**2,
    )
    at = np.linspace(-0.2, 0.1, 50)
    ours = updated.total_vol(at) - scale * mixture_smile(smile.mixture, at)
    np.testing.assert_allclose(ours, fresh.mean(at + shift), rtol=1e-8, atol=1e-11)


def test_update_declines_when_a_cold_fit_is_due():
    quotes = quotes_of(noisy_chain("lognormal", 40, 1))
    smile = fit_smile(quotes)
    assert update_smile(smile, quotes, 0.5, 1.0) is None
    for _ in range(UPDATES_PER_FIT):
        smile = update_smile(smile, quotes, 0.0, 1.0)
    assert update_smile(smile, quotes, 0.0, 1.0) is None


def test_seed_recipe_shows_its_faults():
    """The seed's recipe misses the tails; its clipped integral is 1 all the same."""
    quotes = quotes_of(noisy_chain("heston", 150, 1))
    seed = seed_density(quotes, FORWARD, TAU)
    assert seed.status == "ok"
    assert errors("heston", seed.strike, seed.density)[0] > 0.02
    assert trapezoid_weights(seed.strike) @ seed.density == pytest.approx(1.0, abs=1e-12)
    assert seed.raw_mass < 0.995


def test_too_few_quotes():
    quotes = quotes_of(noisy_chain("heston", 150, 1))
    few = usable_quotes(
        *(column[:3] for column in (quotes.key, quotes.log_moneyness, quotes.is_call)),
        *(column[:3] for column in (quotes.price, quotes.price_sd)),
    )
    with pytest.raises(ValueError, match="at least 5 quotes"):
        fit_smile(few)
    assert (
        seed_density(
            usable_quotes(*(np.empty(0),) * 2, np.empty(0, bool), *(np.empty(0),) * 2), 1.0, 1.0
        ).status
        == "too_few"
    )
    with pytest.raises(ValueError, match="forward"):
        smile_density(fit_smile(quotes), quotes, -1.0, TAU)
    with pytest.raises(ValueError, match="smile must be"):
        raw_density(np.zeros(3), np.zeros((2, 3)))
