"""The ratio of the conditional means: recovery, errors, lags, and the likelihood against a slow one."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from benchmarks.demixing_worlds import Case, simulate
from offtape_assets.quant.demixing_probability import smooth_probability
from offtape_assets.quant.event_likelihood import LAG_PRIOR, PriceAndReadings, weigh
from offtape_assets.quant.event_ratio import bent_probability, fit_event_ratio
from offtape_assets.quant.event_regression import event_slope

TRUTH = np.log(1.03 / 0.96)


def fits(case, count, known=0.0, seed=12):
    found = []
    for number in range(count):
        day = simulate(np.random.default_rng([seed, number]), case)
        event = smooth_probability(day.readings, case.reading_noise, known)
        found.append((day, fit_event_ratio(day.log_price, event, day.hedge)))
    return found


class TestLikelihood:
    def slow(self, data, level, factor, lag, slope, explained):
        """Log density of the readings' changes given the price, written out as one normal law."""
        size = data.reading.size
        clock = np.arange(size, dtype=float)
        part = lag - np.floor(lag)
        noise = data.noise * factor + explained * part * (1 - part)
        change = np.eye(size)[1:] - np.eye(size)[:-1]
        covariance = change @ np.diag(noise) @ change.T + level * np.eye(size - 1)
        mean = slope * np.diff(np.interp(clock + lag, clock, data.log_price))
        return multivariate_normal(mean, covariance).logpdf(np.diff(data.reading))

    def test_equals_the_normal_law_written_out(self):
        rng = np.random.default_rng(2)
        size = 40
        moves = rng.normal(0, 0.01, size)
        price = np.cumsum(0.1 * moves + rng.normal(0, 5e-4, size))
        reading = 0.5 + np.cumsum(moves) + rng.normal(0, 0.005, size)
        variance = float(np.mean(np.diff(price) ** 2))
        data = PriceAndReadings(reading, np.full(size, 0.005**2), price, variance, 0.0)
        found = weigh(data)
        rows = []
        for a in (0, found.level.size // 2, found.level.size - 1):
            for j, lag in enumerate(found.lag):
                slope, spread = found.slope[a, 0, j], found.slope_variance[a, 0, j]
                explained = 0.0
                part = lag - np.floor(lag)
                if part:
                    explained = found.bridge[j] / (part * (1 - part))
                height = self.slow(data, found.level[a], 1.0, lag, slope, explained)
                below = self.slow(
                    data, found.level[a], 1.0, lag, slope + np.sqrt(spread), explained
                )
                assert height - below == pytest.approx(0.5, abs=1e-6)
                prior = -np.log1p((lag / LAG_PRIOR) ** 2)
                rows.append((np.log(found.weight[a, 0, j]), height + prior + 0.5 * np.log(spread)))
        fast, slow = np.array(rows).T
        assert fast - fast.max() == pytest.approx(slow - slow.max(), abs=1e-6)

    def test_a_missing_reading_is_one_with_endless_noise(self):
        day = simulate(np.random.default_rng(1), Case(0.20))
        readings = day.readings.copy()
        readings[100:130] = np.nan
        missing = fit_event_ratio(day.log_price, smooth_probability(readings, 0.0075))
        noise = np.where(np.isnan(readings), 1e3, 0.0075)
        loud = fit_event_ratio(day.log_price, smooth_probability(day.readings, noise))
        assert missing.value == pytest.approx(loud.value, abs=1e-4)


class TestRatio:
    def test_bands_cover_whether_the_noise_is_known_or_not(self):
        for known in (0.0, 0.3):
            found = fits(Case(0.20), 40, known)
            covered = [abs(fit.value - TRUTH) <= fit.half_band() for _, fit in found]
            assert 0.80 <= np.mean(covered) <= 0.99
            error = np.array([fit.value - TRUTH for _, fit in found])
            assert abs(error.mean()) < 3 * error.std() / np.sqrt(40)

    def test_beats_regression_on_the_smoothed_path_where_the_noise_is_uncertain(self):
        joint, plain = [], []
        for day, fit in fits(Case(0.40), 30, 0.3):
            event = smooth_probability(day.readings, 0.0075, 0.3)
            joint.append(fit.value - TRUTH)
            plain.append(event_slope(day.log_price, event).slope - TRUTH)
        assert np.sqrt(np.mean(np.square(joint))) < 0.9 * np.sqrt(np.mean(np.square(plain)))

    def test_an_observed_factor_taken_out_halves_the_error(self):
        hedge = 0.012 * np.sqrt(0.75)
        errors = {}
        for vol in (0.0, hedge):
            found = fits(Case(0.10, hedge_vol=vol), 40)
            errors[vol] = np.sqrt(np.mean([(fit.value - TRUTH) ** 2 for _, fit in found]))
        assert errors[hedge] < 0.75 * errors[0.0]

    @pytest.mark.parametrize("lag", [-1.0, 0.5, 5.0])
    def test_a_lag_is_found_and_undone(self, lag):
        found = fits(Case(0.40, price_lag=lag), 12)
        assert np.median([fit.lag for _, fit in found]) == pytest.approx(lag, abs=0.3)
        assert np.mean([fit.value for _, fit in found]) == pytest.approx(TRUTH, abs=0.004)

    def test_prices_sharpen_the_path(self):
        gain = []
        for day, fit in fits(Case(0.40), 6):
            event = smooth_probability(day.readings, 0.0075)
            at = day.snapshot_minute
            own, joint = (path.mean[at] - day.probability for path in (event, fit.event))
            gain.append(np.std(joint) / np.std(own))
            assert np.median(fit.event.sd) < np.median(event.sd)
        assert np.mean(gain) < 0.95

    def test_gaps_in_the_price_are_bridged(self):
        day, whole = fits(Case(0.40), 1)[0]
        price = day.log_price.copy()
        price[200:203] = price[:4] = np.nan
        found = fit_event_ratio(price, smooth_probability(day.readings, 0.0075))
        assert found.value == pytest.approx(whole.value, abs=whole.sd)

    def test_says_why_there_is_no_ratio(self):
        event = smooth_probability(np.full(50, 0.5))
        assert fit_event_ratio(np.zeros(50), event).status == "constant"
        day = simulate(np.random.default_rng(1), Case(0.20))
        event = smooth_probability(day.readings, 0.0075)
        found = fit_event_ratio(np.full(390, np.nan), event)
        assert found.status == "too_few"
        assert np.isnan(found.value)

    def test_refuses_another_length(self):
        event = smooth_probability(np.full(50, 0.5))
        with pytest.raises(ValueError, match="log_price has shape"):
            fit_event_ratio(np.zeros(49), event)
        with pytest.raises(ValueError, match="factors must be"):
            fit_event_ratio(np.zeros(50), event, np.zeros(50))


def test_bent_probability_is_the_log_forward():
    p = np.array([0.0, 0.3, 1.0])
    assert bent_probability(p, 0.5) * 0.5 == pytest.approx(np.log(p * np.exp(0.5) + 1 - p))
    assert bent_probability(p, 0.0) == pytest.approx(p)
