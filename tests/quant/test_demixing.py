"""Recovery of event-conditional laws, and how a naive fit fails."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares, minimize

from benchmarks.demixing_worlds import Case, simulate
from benchmarks.study_demixing import MIDDLE, REVERSED, chains_of, true_densities
from offtape_assets.quant.conditional_density import KernelLaws
from offtape_assets.quant.demixing_max_entropy import max_entropy_split
from offtape_assets.quant.demixing_panel import (
    bounded_ratio,
    conditional_means,
    demix_panel,
)
from offtape_assets.quant.demixing_probability import smooth_probability
from offtape_assets.quant.demixing_shift import shift_split
from offtape_assets.quant.demixing_snapshot import (
    fit_two_lognormal_moments,
    fit_two_lognormal_prices,
)
from offtape_assets.quant.demixing_variance import implied_variance, split_variance
from offtape_assets.quant.event_regression import align_event, event_slope


def days(case, count, seed=1):
    return [simulate(np.random.default_rng([seed, number]), case) for number in range(count)]


def panels(case, count, seed=1):
    simulated = days(case, count, seed)
    return [
        (day, demix_panel(day.log_price, smooth_probability(day.readings, 0.0075), chains_of(day)))
        for day in simulated
    ]


class TestSmoothedProbability:
    def test_smoothing_comes_nearer_to_the_truth_than_the_readings(self):
        rng = np.random.default_rng(3)
        truth = 0.5 + np.cumsum(rng.normal(0, 0.003, 390))
        readings = truth + rng.normal(0, 0.0075, 390)
        found = smooth_probability(readings, 0.0075)
        error = found.mean - truth
        assert np.std(error) < 0.7 * 0.0075
        assert 0.8 < np.mean(np.abs(error) <= 1.645 * found.sd) < 0.98

    def test_raw_readings_attenuate_a_slope_and_smoothed_ones_do_not(self):
        raw, smooth = [], []
        for day in days(Case(0.20), 25):
            changes, moves = np.diff(day.log_price), np.diff(day.readings)
            raw.append(moves @ changes / (moves @ moves))
            event = smooth_probability(day.readings, 0.0075)
            smooth.append(event_slope(day.log_price, event).slope)
        truth = np.log(1.03 / 0.96)
        assert np.mean(raw) < 0.5 * truth
        error = np.std(smooth) / 5
        assert abs(np.mean(smooth) - truth) < 3 * error

    def test_minutes_without_trades_are_bridged(self):
        rng = np.random.default_rng(4)
        truth = 0.5 + np.cumsum(rng.normal(0, 0.004, 390))
        readings = truth + rng.normal(0, 0.004, 390)
        readings[:5] = readings[100:110] = np.nan
        found = smooth_probability(readings, 0.004)
        assert np.isfinite(found.mean).all()
        assert found.sd[105] > 1.2 * found.sd[300]

    @pytest.mark.parametrize(
        ("readings", "status"),
        [(np.full(390, 0.5), "constant"), (np.r_[0.4, 0.5, np.full(388, np.nan)], "too_few")],
    )
    def test_says_why_there_is_no_path(self, readings, status):
        found = smooth_probability(readings)
        assert found.status == status
        assert np.isnan(found.mean).all()

    def test_refuses_prices_in_cents(self):
        with pytest.raises(ValueError, match=r"in \[0, 1\]"):
            smooth_probability(np.full(50, 55.0))


class TestSlope:
    def test_known_factor_taken_out_equals_regression_on_both(self):
        rng = np.random.default_rng(0)
        event = smooth_probability(
            0.5 + np.cumsum(rng.normal(0, 0.005, 390)).clip(-0.4, 0.4), 0.001
        )
        factor = np.cumsum(rng.normal(size=(390, 2)), axis=0) * 1e-3
        series = 0.2 * event.mean + factor @ [1.0, -2.0] + np.cumsum(rng.normal(size=390)) * 1e-4
        found = event_slope(series, event, factor)
        expected = 0.0
        for weight, path in zip(event.weights, event.paths, strict=True):
            both = np.column_stack([np.diff(path), np.diff(factor, axis=0)])
            expected += weight * np.linalg.lstsq(both, np.diff(series), rcond=None)[0][0]
        assert found.slope == pytest.approx(expected, abs=1e-10)
        assert abs(found.slope - 0.2) < 4 * found.sd

    @pytest.mark.parametrize("lag", [-1.0, 0.5, 5.0])
    def test_a_lag_between_the_clocks_is_found(self, lag):
        lags = []
        for day in days(Case(0.40, price_lag=lag), 12):
            event = smooth_probability(day.readings, 0.0075)
            lags.append(align_event(day.log_price, event)[1])
        assert np.median(lags) == pytest.approx(lag, abs=0.3)

    def test_refuses_another_length(self):
        event = smooth_probability(np.full(50, 0.5))
        with pytest.raises(ValueError, match="series has shape"):
            event_slope(np.zeros(49), event)


class TestVariance:
    @settings(max_examples=25, deadline=None)
    @given(
        log_ratio=st.floats(-0.2, 0.2),
        gap=st.floats(-1.5, 1.5),
        low=st.floats(0.1, 0.5),
        move=st.floats(0.1, 0.4),
    )
    def test_exact_mixtures_are_split_exactly(self, log_ratio, gap, low, move):
        p = low + move * np.sin(np.linspace(0, 7, 60)) ** 2
        tau = np.full(60, 0.04)
        ratio, x_no = np.exp(log_ratio), 0.01
        x_yes = x_no * np.exp(gap)
        second = p * ratio**2 * (1 + x_yes) + (1 - p) * (1 + x_no)
        found = split_variance(second / (p * ratio + 1 - p) ** 2 - 1, tau, p, log_ratio)
        assert found.status == "ok"
        assert found.log_gap == pytest.approx(gap, abs=1e-5)
        assert found.log_sd_yes == pytest.approx(np.full(60, 0.5 * np.log(x_yes)), abs=1e-5)

    def test_implied_variance_of_known_laws(self):
        for law in ("lognormal", "different"):
            day = days(Case(0.10, law=law, strikes=150), 1)[0]
            found = implied_variance(day.strikes, day.prices, day.forward)
            share, mean = day.probability[:, None], day.relative_mean
            weights = np.hstack([share, 1 - share])
            second = (weights * mean**2 * (1 + day.relative_sd**2)).sum(axis=1)
            assert found.relative == pytest.approx(second - 1, rel=0.02)
            assert (found.tail_share < 0.05).all()

    def test_means_too_far_apart_are_inconsistent(self):
        p = np.linspace(0.4, 0.6, 30)
        found = split_variance(np.full(30, 0.001), np.full(30, 0.04), p, 0.3)
        assert found.status == "inconsistent"
        assert np.isnan(found.log_sd_yes).all()


class TestPanel:
    @pytest.mark.parametrize(
        ("points", "mean_limit", "vol_limit"), [(0.10, 1.3, 0.13), (0.20, 0.6, 0.07)]
    )
    def test_recovers_laws_outside_its_family(self, points, mean_limit, vol_limit):
        means, vols, labels = [], [], []
        for day, found in panels(Case(points), 16, seed=5):
            if found.status != "ok":
                continue
            mean = found.mean[MIDDLE] / day.forward[MIDDLE]
            means.append(100 * (mean - day.relative_mean[MIDDLE]))
            sd = found.sd[MIDDLE] / found.mean[MIDDLE]
            vols.append(np.log(sd / day.relative_sd[MIDDLE]))
            labels.append(mean[0] > mean[1])
        assert len(means) >= 13
        assert np.sqrt(np.mean(np.square(means))) < mean_limit
        assert np.sqrt(np.mean(np.square(vols))) < vol_limit
        assert np.mean(labels) >= 0.93

    def test_reversed_truth_is_reversed(self):
        for _, found in panels(Case(0.20, **REVERSED), 8):
            assert found.status == "ok"
            assert (found.mean[:, 0] < found.mean[:, 1]).all()
            assert (found.sd[:, 0] > found.sd[:, 1]).all()

    @pytest.mark.parametrize("points", [0.003, 0.02])
    def test_a_probability_that_hardly_moves_identifies_nothing(self, points):
        for _, found in panels(Case(points), 15):
            assert found.status == "not_identified"
            assert np.isnan(found.mean).all()
            assert np.isnan(found.sd).all()
            assert found.laws is None

    def test_null_truth_invents_no_gap(self):
        case = Case(0.20, 0.0, 0.0, 0.4, 0.4, "skewed")
        covered = [
            (found.mean_low[MIDDLE] <= day.forward[MIDDLE])
            & (day.forward[MIDDLE] <= found.mean_high[MIDDLE])
            for day, found in panels(case, 20)
            if found.status == "ok"
        ]
        assert len(covered) >= 18
        assert np.mean(covered) >= 0.75

    def test_laws_are_laws_and_mix_to_the_forward(self):
        day, found = panels(Case(0.20), 1)[0]
        p = found.probability
        mixed = p * found.mean[:, 0] + (1 - p) * found.mean[:, 1]
        assert mixed == pytest.approx(day.forward, rel=1e-12)
        price = np.linspace(40, 200, 4001)
        density = found.densities(price)
        assert (density >= 0).all()
        step = price[1] - price[0]
        assert density.sum(axis=2) * step == pytest.approx(np.ones((2, 78)), abs=1e-6)
        mean = (density @ price * step).T
        assert mean == pytest.approx(found.mean, rel=1e-5)
        second = (density @ price**2 * step).T
        assert np.sqrt(second - found.mean**2) == pytest.approx(found.sd, rel=1e-3)

    def test_densities_are_near_the_true_ones(self):
        gaps = []
        price = np.linspace(50, 160, 1101)
        for day, found in panels(Case(0.40), 6):
            gap = np.abs(found.densities(price)[:, MIDDLE] - true_densities(day, price))
            gaps.append(gap.sum(axis=1) * 0.1)
        assert np.mean(gaps) < 0.12

    def test_scaling_prices_scales_dollars_only(self):
        day, found = panels(Case(0.20), 1)[0]
        big = chains_of(day)
        for name in ("strikes", "prices", "price_sd", "forward"):
            object.__setattr__(big, name, getattr(big, name) * 7.0)
        event = smooth_probability(day.readings, 0.0075)
        scaled = demix_panel(day.log_price + np.log(7.0), event, big)
        assert scaled.mean == pytest.approx(7.0 * found.mean, rel=1e-9)
        assert scaled.sd == pytest.approx(7.0 * found.sd, rel=2e-3)

    def test_an_observed_factor_taken_out_sharpens_the_means(self):
        hedge = 0.012 * 0.75**0.5
        bands = []
        for day in days(Case(0.10, hedge_vol=hedge), 6):
            event = smooth_probability(day.readings, 0.0075)
            with_it = demix_panel(day.log_price, event, chains_of(day), day.hedge)
            without = demix_panel(day.log_price, event, chains_of(day))
            assert with_it.status == "ok"
            assert with_it.identification > without.identification
            bands.append(with_it.ratio.sd / without.ratio.sd)
        assert np.mean(bands) < 0.7

    def test_means_are_no_further_apart_than_the_chain_allows(self):
        day, found = panels(Case(0.20), 1)[0]
        p, variance = found.probability, np.full(78, 0.3)
        far = found.ratio._replace(value=1.0, sd=0.15)
        split = split_variance(variance, day.tau, p, far.value)
        assert split.status != "ok"
        near = bounded_ratio(far, variance, day.tau, p)
        assert 0.5 < near.value < 0.9
        assert near.sd < far.sd
        assert split_variance(variance, day.tau, p, near.value).status == "ok"
        mirrored = bounded_ratio(far._replace(value=-1.0), variance, day.tau, 1 - p)
        assert mirrored.value == pytest.approx(-near.value, rel=1e-6)

    def test_a_bound_far_away_or_contradicted_changes_nothing(self):
        day, found = panels(Case(0.20), 1)[0]
        p, variance = found.probability, np.full(78, 0.3)
        for value, sd in ((0.1, 0.02), (3.0, 0.1)):
            ratio = found.ratio._replace(value=value, sd=sd)
            assert bounded_ratio(ratio, variance, day.tau, p) == ratio

    def test_few_strikes_give_no_bumps(self):
        modes = []
        for day, found in panels(Case(0.20, strikes=15), 4):
            price = day.forward[MIDDLE] * np.linspace(0.6, 1.5, 901)
            for law in found.densities(price)[:, MIDDLE]:
                slope = np.sign(np.diff(law[law > 0.01 * law.max()]))
                modes.append((np.diff(slope) < 0).sum())
        assert np.mean(modes) < 2.2

    def test_a_factor_that_moves_with_the_probability_goes_into_the_ratio(self):
        errors = []
        for day, found in panels(Case(0.20, factor_correlation=0.5), 8):
            errors.append(found.ratio.value - day.log_ratio)
        assert np.mean(errors) > 0.01

    def test_exchanging_the_states_exchanges_the_answer(self):
        day, found = panels(Case(0.20), 1)[0]
        event = smooth_probability(1.0 - day.readings, 0.0075)
        other = demix_panel(day.log_price, event, chains_of(day))
        assert other.mean[:, ::-1] == pytest.approx(found.mean, rel=1e-3)
        assert other.sd[:, ::-1] == pytest.approx(found.sd, rel=0.03)


class TestOneSnapshot:
    def test_lognormal_truth_from_exact_moments(self):
        p, means, widths = 0.55, np.array([1.04, (1 - 0.55 * 1.04) / 0.45]), np.array([0.06, 0.09])
        share = np.array([p, 1 - p])
        raw = [share @ (means**n * np.exp(n * (n - 1) / 2 * widths**2)) for n in range(5)]
        variance = raw[2] - 1
        skew = (raw[3] - 3 * raw[2] + 2) / variance**1.5
        kurtosis = (raw[4] - 4 * raw[3] + 6 * raw[2] - 3) / variance**2
        found = fit_two_lognormal_moments(
            variance**0.5, skew, kurtosis, (np.empty(0), np.empty(0)), p
        )
        if found.status == "family_only":
            assert found.mean_yes == pytest.approx(means[0], abs=0.01)
        else:
            assert found.status == "not_identified"

    def test_confidently_wrong_outside_its_family_and_never_called_ok(self):
        errors, stated = [], []
        for day in days(Case(0.10, law="skewed"), 15):
            found = fit_two_lognormal_prices(
                day.strikes,
                day.prices[MIDDLE],
                day.price_sd[MIDDLE],
                day.forward[MIDDLE],
                day.probability[MIDDLE],
            )
            assert found.status in ("family_only", "not_identified")
            if found.status == "family_only":
                errors.append(found.mean_yes - day.relative_mean[MIDDLE, 0])
                stated.append(found.mean_yes_sd)
        assert len(errors) > 5
        assert np.sqrt(np.mean(np.square(errors))) > 10 * np.median(stated)

    def test_a_ridge_towards_a_prior_gives_opposite_truths_one_answer(self):
        """What the panel is for: the naive fit's split is its prior, whatever the truth."""

        def naive(day):
            p = day.probability[MIDDLE]
            variance = implied_variance(day.strikes, day.prices, day.forward).relative[MIDDLE]
            prior = np.array([0.02, np.log(0.06), np.log(0.09)])

            def misfit(theta):
                yes = np.exp(theta[0]) / (p * np.exp(theta[0]) + 1 - p)
                no = 1 / (p * np.exp(theta[0]) + 1 - p)
                second = p * yes**2 * np.exp(np.exp(2 * theta[1]))
                second += (1 - p) * no**2 * np.exp(np.exp(2 * theta[2]))
                return np.r_[(second - 1 - variance) / (0.01 * variance), (theta - prior) / 0.05]

            theta = least_squares(misfit, prior).x
            return theta

        pairs = zip(days(Case(0.20), 5), days(Case(0.20, **REVERSED), 5), strict=True)
        for one, opposite in pairs:
            first, second = naive(one), naive(opposite)
            assert one.log_ratio * opposite.log_ratio < 0
            assert first[0] > 0
            assert second[0] > 0
            assert first[1] < first[2]
            assert second[1] < second[2]
            assert abs(first[0] - second[0]) < 0.3 * abs(one.log_ratio - opposite.log_ratio)


def gaussian(points=801):
    price = np.linspace(60.0, 150.0, points)
    density = np.exp(-0.5 * ((price - 100) / 9) ** 2)
    density /= density.sum() * (price[1] - price[0])
    return price, density / density.sum(), density


class TestMaxEntropy:
    def test_mass_mean_and_mixture_hold(self):
        price, mass, density = gaussian()
        found = max_entropy_split(price, mass, density, 0.3, 104.0)
        step = price[1] - price[0]
        assert found.density_yes.sum() * step == pytest.approx(1.0, abs=1e-8)
        assert found.density_yes @ price * step == pytest.approx(104.0, abs=1e-6)
        mixed = 0.3 * found.density_yes + 0.7 * found.density_no
        assert mixed == pytest.approx(density, abs=1e-12)

    def test_equals_a_general_minimiser(self):
        price, mass, density = gaussian(31)
        p, target = 0.4, 102.0
        found = max_entropy_split(price, mass, density, p, target)
        joint = mass * (found.density_yes * p / density)

        def information(yes):
            no = mass - yes
            return np.sum(yes * np.log(yes / mass)) + np.sum(no * np.log(no / mass))

        constraints = [
            {"type": "eq", "fun": lambda yes: yes.sum() - p},
            {"type": "eq", "fun": lambda yes: (yes @ price - p * target) / 10},
        ]
        bounds = [(1e-12, m - 1e-12) for m in mass]
        best = minimize(
            information, p * mass, bounds=bounds, constraints=constraints, method="SLSQP",
            options={"maxiter": 500, "ftol": 1e-12},
        )  # fmt: skip
        assert joint == pytest.approx(best.x, abs=2e-4)
        assert information(joint) <= information(best.x) + 1e-6

    def test_without_a_gap_of_means_both_laws_are_the_observed_one(self):
        price, mass, density = gaussian()
        found = max_entropy_split(price, mass, density, 0.3, float(price @ mass))
        assert found.density_yes == pytest.approx(density, abs=1e-9)

    def test_a_mean_beyond_the_law_has_no_split(self):
        price, mass, density = gaussian()
        assert max_entropy_split(price, mass, density, 0.9, 130.0).status == "not_converged"


class TestShift:
    @given(p=st.floats(0.1, 0.9), gap=st.floats(-8, 8))
    @settings(max_examples=20, deadline=None)
    def test_keeps_mean_and_variance(self, p, gap):
        price, mass, density = gaussian()
        means = (100.0 + (1 - p) * gap, 100.0 - p * gap)
        found = shift_split(price, mass, density, p, means)
        assert found.status == "ok"
        step = price[1] - price[0]
        mixed = p * found.density_yes + (1 - p) * found.density_no
        centre = mixed @ price * step
        assert centre == pytest.approx(100.0, abs=0.02)
        assert mixed @ (price - centre) ** 2 * step == pytest.approx(81.0, rel=0.01)

    def test_means_too_far_apart(self):
        price, mass, density = gaussian()
        assert shift_split(price, mass, density, 0.5, (120.0, 80.0)).status == "inconsistent"


def test_kernel_laws_keep_mean_one_at_every_scale():
    rng = np.random.default_rng(0)
    mass = rng.random((2, 9))
    laws = KernelLaws(mass / mass.sum(1, keepdims=True), np.linspace(-0.3, 0.3, 9), 0.05, 0.0)
    scale = np.array([0.7, 1.0, 1.4])
    assert np.einsum("stj,sj->st", laws.means(scale), laws.mass) == pytest.approx(np.ones((2, 3)))
    assert (np.diff(laws.relative_sd(scale), axis=1) > 0).all()


@given(ratio=st.floats(-1, 1), p=st.floats(0.01, 0.99))
def test_conditional_means_mix(ratio, p):
    yes, no = conditional_means(np.array([50.0]), np.array([p]), ratio)[0]
    assert p * yes + (1 - p) * no == pytest.approx(50.0)
    assert np.log(yes / no) == pytest.approx(ratio)
