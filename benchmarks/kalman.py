"""The local-level filter and its fit beside statsmodels, simdkalman, filterpy and, if there, R.

R's rows need Rscript on the path; the row of FKF its package (install.packages("FKF"))."""

import sys
from collections.abc import Sequence

import numpy as np
from filterpy.kalman import KalmanFilter as FilterpyFilter
from harness import Row, arguments, compare, report
from r_session import RSession
from simdkalman import KalmanFilter as SimdFilter
from statsmodels.tsa.statespace.kalman_filter import KalmanFilter
from statsmodels.tsa.statespace.structural import UnobservedComponents

from offtape_assets.quant.kalman import filter_local_level, fit_local_level

Q, R = 1e-5, 1e-3


def draw(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Observations at irregular times and the times between them."""
    rng = np.random.default_rng(seed)
    steps = rng.exponential(1.0, count)
    level = 0.5 + np.cumsum(np.sqrt(Q * steps) * rng.standard_normal(count))
    return level + np.sqrt(R) * rng.standard_normal(count), steps


def statsmodels_filter(y: np.ndarray, steps: np.ndarray):
    """The compiled filter with a time-varying state variance, started where ours is."""
    model = KalmanFilter(k_endog=1, k_states=1)
    model.bind(y[1:].copy())
    model["design"] = model["transition"] = model["selection"] = np.ones((1, 1))
    model["obs_cov"] = np.array([[R]])
    model["state_cov"] = (Q * np.append(steps[2:], 1.0))[None, None, :]
    model.initialize_known(np.array([y[0]]), np.array([[R + Q * steps[1]]]))
    model.tolerance = 0
    return model.filter()


def filterpy_filter(y: np.ndarray, steps: np.ndarray) -> float:
    """The textbook object, one call per step."""
    peer = FilterpyFilter(dim_x=1, dim_z=1)
    peer.x, peer.P = np.array([[y[0]]]), np.array([[R]])
    peer.F = peer.H = np.eye(1)
    peer.R = np.array([[R]])
    for value, step in zip(y[1:], steps[1:], strict=True):
        peer.predict(Q=np.array([[Q * step]]))
        peer.update(np.array([[value]]))
    return float(peer.x[0, 0])


def simd_filter(y: np.ndarray) -> float:
    """Regular steps only."""
    one = np.eye(1)
    peer = SimdFilter(one, one * Q, one, one * R)
    found = peer.compute(y, 0, initial_value=[y[0]], initial_covariance=one * R, filtered=True)
    return float(found.filtered.states.mean[-1, 0])


def long_double(y: np.ndarray, steps: np.ndarray) -> tuple[float, float]:
    """Last level and log-likelihood in extended precision."""
    wide = np.longdouble
    x, p, likelihood = wide(y[0]), wide(R), wide(0)
    for t in range(1, len(y)):
        prior = p + wide(Q) * wide(steps[t])
        total, surprise = prior + wide(R), y[t] - x
        x, p = x + prior / total * surprise, wide(R) * prior / total
        likelihood -= wide(0.5) * (np.log(2 * np.pi * total) + surprise**2 / total)
    return float(x), float(likelihood)


def r_rows(y: np.ndarray, steps: np.ndarray, fitted: int, repeats: int) -> list[Row]:
    """R's own filters and fit, called in R; none where R is missing, no FKF where that is."""
    if not RSession.is_there():
        print("R is not installed: its rows are left out", file=sys.stderr)
        return []
    r = RSession()
    r.assign("y", y)
    r.assign("steps", steps)
    r.number(f"{{n <- length(y); later <- y[2:n]; first <- y[1:{fitted}]; o <- matrix(1); 0}}")
    found = [_stats_row(r, y, repeats), _struct_row(r, y[:fitted])]
    if r.has_package("FKF"):
        found.insert(0, _fkf_row(r, y, steps, repeats))
    else:
        print("R has no package FKF (CRAN): its row is left out", file=sys.stderr)
    r.close()
    return found


def _fkf_row(r: RSession, y: np.ndarray, steps: np.ndarray, repeats: int) -> Row:
    r.number(
        f"{{H <- array({Q} * c(steps[3:n], 1), c(1, 1, n - 1)); later <- matrix(later, 1);"
        f" run <- function() {{found <<- FKF::fkf(a0 = y[1], P0 = matrix({R} + {Q} * steps[2]),"
        " dt = matrix(0), ct = matrix(0), Tt = o, Zt = o, HHt = H,"
        f" GGt = matrix({R}), yt = later); 0}}; 0}}"
    )
    ours = filter_local_level(y, Q, R, steps)
    r.number("run()")
    likelihood = abs(r.number("found$logLik") / ours.log_likelihood - 1)
    gap = abs(r.number("found$att[n - 1]") - ours.mean[-1])
    return compare(
        f"filter, {y.size} irregular",
        lambda: filter_local_level(y, Q, R, steps),
        lambda: r.number("run()"),
        "R FKF::fkf",
        25,
        f"{gap:.0e}, log-likelihood {likelihood:.0e} relative",
        repeats,
    )


def _stats_row(r: RSession, y: np.ndarray, repeats: int) -> Row:
    r.number(
        f"{{mod <- list(T = o, Z = 1, h = {R}, V = matrix({Q}), a = y[1], P = matrix({R}),"
        f" Pn = matrix({R + Q})); run <- function() {{found <<- KalmanRun(later, mod); 0}}; 0}}"
    )
    r.number("run()")
    gap = abs(r.number("found$states[n - 1]") - filter_local_level(y, Q, R).mean[-1])
    return compare(
        f"filter, {y.size} regular",
        lambda: filter_local_level(y, Q, R),
        lambda: r.number("run()"),
        "R stats::KalmanRun",
        2.5,
        f"{gap:.0e}",
        repeats,
    )


def _struct_row(r: RSession, y: np.ndarray) -> Row:
    r.number("run <- function() {found <<- StructTS(first, 'level'); 0}")
    r.number("run()")
    theirs = [r.number(f"found$coef[['{name}']]") for name in ("epsilon", "level")]
    ours = fit_local_level(y, np.ones(y.size))
    better = ours.log_likelihood - _log_likelihood(y, theirs)
    return compare(
        f"maximum likelihood, {y.size} regular",
        lambda: fit_local_level(y, np.ones(y.size)),
        lambda: r.number("run()"),
        "R stats::StructTS",
        25,
        f"log-likelihood higher by {better:.2g}",
        3,
    )


def accuracy_row() -> Row:
    """Against extended precision, 20,000 observations."""
    y, steps = draw(20_000)
    x, likelihood = long_double(y, steps)
    ours = filter_local_level(y, Q, R, steps)
    error = abs(ours.log_likelihood / likelihood - 1)
    text = f"level {abs(ours.mean[-1] - x):.0e}, log-likelihood {error:.0e} relative"
    return Row("accuracy", error, 0.0, "long double", 0.0, text, "<= 1e-12", error <= 1e-12)


def rows(quick: bool) -> list[Row]:
    """All comparisons."""
    size, fitted, repeats = (200_000, 20_000, 3) if quick else (1_000_000, 100_000, 7)
    y, steps = draw(size)
    few = slice(0, 20_000)
    theirs = statsmodels_filter(y[few], steps[few])
    ours = filter_local_level(y[few], Q, R, steps[few])
    gap = f"{np.abs(theirs.filtered_state[0] - ours.mean[1:]).max():.0e}"
    regular = np.ones(fitted)
    theirs_fit = UnobservedComponents(y[:fitted], "local level").fit(disp=0)
    ours_fit = fit_local_level(y[:fitted], regular)
    better = ours_fit.log_likelihood - _log_likelihood(y[:fitted], theirs_fit.params)
    scaled = few.stop / size
    return [
        accuracy_row(),
        compare(
            f"filter, {size} irregular",
            lambda: filter_local_level(y, Q, R, steps),
            lambda: statsmodels_filter(y, steps),
            "statsmodels KalmanFilter",
            80,
            gap,
            repeats,
        ),
        *r_rows(y, steps, fitted, repeats),
        compare(
            f"filter, {int(size * scaled)} irregular",
            lambda: filter_local_level(y[few], Q, R, steps[few]),
            lambda: filterpy_filter(y[few], steps[few]),
            "filterpy",
            1000,
            "",
            3,
        ),
        compare(
            f"filter, {int(size * scaled)} regular",
            lambda: filter_local_level(y[few], Q, R),
            lambda: simd_filter(y[few]),
            "simdkalman, one series",
            1000,
            "",
            3,
        ),
        compare(
            f"maximum likelihood, {fitted} regular",
            lambda: fit_local_level(y[:fitted], regular),
            lambda: UnobservedComponents(y[:fitted], "local level").fit(disp=0),
            "statsmodels UnobservedComponents.fit",
            100,
            f"log-likelihood higher by {better:.2g}",
            3,
        ),
        compare(
            f"maximum likelihood, {size} irregular",
            lambda: fit_local_level(y, steps),
            lambda: statsmodels_filter(y, steps),
            "one statsmodels likelihood (its fit needs tens)",
            5,
            "",
            3,
        ),
    ]


def _log_likelihood(y: np.ndarray, params: Sequence[float]) -> float:
    noise, level = params
    return filter_local_level(y, level, noise).log_likelihood


if __name__ == "__main__":
    given = arguments(__doc__)
    report("local-level filter", rows(given.quick), given.format)
