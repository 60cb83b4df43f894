"""Cross-correlations, Granger tests and Hayashi-Yoshida sums beside their peers."""

import contextlib
import io
import os
import statistics
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from harness import Row, arguments, interleave, report
from scipy.signal import correlate

from offtape_assets.quant.granger import granger_tests
from offtape_assets.quant.lead_lag import cross_correlations, hayashi_yoshida

NAMES, SECONDS, MAX_LAG, LAGS = 40, 23_400, 300, 5
PAIRS_TIMED, TESTS_TIMED = 60, 20


def returns(n_time: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    common = rng.standard_normal(n_time)
    shifted = [np.roll(common, rng.integers(0, 30)) for _ in range(NAMES)]
    return 0.3 * np.column_stack(shifted) + rng.standard_normal((n_time, NAMES))


def correlations(repeats: int) -> Row:
    values = returns(SECONDS)
    pairs, ours = cross_correlations(values, MAX_LAG)
    standard = ((values - values.mean(axis=0)) / values.std(axis=0)).T.copy()

    def peer() -> np.ndarray:
        rows = [
            correlate(standard[j], standard[i], mode="full", method="fft")
            for i, j in pairs[:PAIRS_TIMED]
        ]
        middle = slice(SECONDS - 1 - MAX_LAG, SECONDS + MAX_LAG)
        return np.array([row[middle] for row in rows]) / SECONDS

    gap = np.abs(peer() - ours[:PAIRS_TIMED]).max()
    mine, theirs = interleave(lambda: cross_correlations(values, MAX_LAG), peer, repeats)
    whole = theirs * len(pairs) / PAIRS_TIMED
    return Row(
        f"cross-correlation, {len(pairs)} pairs, T={SECONDS}, lags +-{MAX_LAG}",
        mine, whole, f"scipy correlate (fft), {PAIRS_TIMED} pairs scaled", whole / mine,
        f"gap {gap:.1e}", ">= 20x", bool(whole / mine >= 20 and gap < 1e-11),
    )  # fmt: skip


def granger(n_time: int, goal: float, repeats: int) -> Row:
    from statsmodels.tsa.stattools import grangercausalitytests

    values = returns(n_time)
    ordered = [(i, j) for i in range(NAMES) for j in range(NAMES) if i != j]

    def peer() -> np.ndarray:
        found = []
        for cause, effect in ordered[:TESTS_TIMED]:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tests = grangercausalitytests(values[:, [effect, cause]], [LAGS])
            found.append(tests[LAGS][0]["ssr_ftest"][0])
        return np.array(found)

    ours = granger_tests(values, LAGS, robust=False).f_statistic
    mine_first = np.array([ours[i, j] for i, j in ordered[:TESTS_TIMED]])
    gap = np.abs(mine_first / peer() - 1.0).max()
    mine, theirs = interleave(lambda: granger_tests(values, LAGS, robust=False), peer, repeats)
    whole = theirs * len(ordered) / TESTS_TIMED
    return Row(
        f"Granger {NAMES}x{NAMES}, {LAGS} lags, T={n_time}",
        mine, whole, f"statsmodels grangercausalitytests, {TESTS_TIMED} pairs scaled", whole / mine,
        f"F relative gap {gap:.1e}", f">= {goal:g}x", bool(whole / mine >= goal and gap < 1e-9),
    )  # fmt: skip


def ticks(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two tick series of one walk in ms; the second is two seconds late."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.standard_normal(234_000)) * 0.01
    x_times, y_times = (np.unique(rng.integers(0, 23_400_000, 20_000)) for _ in range(2))
    return x_times, walk[x_times // 100], y_times, walk[np.maximum(y_times - 2_000, 0) // 100]


def plain_hayashi_yoshida(
    x_times: np.ndarray, x: np.ndarray, y_times: np.ndarray, y: np.ndarray, lags: np.ndarray
) -> np.ndarray:
    """Vectorized with searchsorted, as a careful user writes it."""
    result = np.empty(len(lags))
    last = len(y) - 1
    for k, lag in enumerate(lags):
        high = np.minimum(np.searchsorted(y_times, x_times[1:] + lag, "left"), last)
        low = np.maximum(np.searchsorted(y_times, x_times[:-1] + lag, "right") - 1, 0)
        result[k] = np.diff(x) @ (y[high] - y[low])
    return result


def hayashi_yoshida_rows(repeats: int) -> list[Row]:
    x_times, x, y_times, y = ticks(3)
    lags = np.arange(-5_000, 5_001, 100)
    ours = hayashi_yoshida(x_times, x, y_times, y, lags)
    plain = plain_hayashi_yoshida(x_times, x, y_times, y, lags)
    gap = np.abs(ours - plain).max() / np.abs(plain).max()
    mine, theirs = interleave(
        lambda: hayashi_yoshida(x_times, x, y_times, y, lags),
        lambda: plain_hayashi_yoshida(x_times, x, y_times, y, lags),
        repeats,
    )
    rows = [
        Row(
            "Hayashi-Yoshida, 2 x 20k ticks, 101 lags",
            mine, theirs, "numpy searchsorted", theirs / mine, f"relative gap {gap:.1e}",
            "none stated", gap < 1e-10,
        )
    ]  # fmt: skip
    packaged = package_seconds(x_times, x, y_times, y, lags)
    if packaged:
        seconds, best = packaged
        agrees = round(best) == lags[np.abs(ours).argmax()]
        rows.append(
            Row(
                "Hayashi-Yoshida, 2 x 20k ticks, 101 lags",
                mine, seconds, "PyPI lead-lag", seconds / mine,
                f"lag of the peak {best:.0f} ms, the same: {agrees}", ">= 50x",
                bool(seconds / mine >= 50 and agrees),
            )
        )  # fmt: skip
    return rows


def package_seconds(
    x_times: np.ndarray, x: np.ndarray, y_times: np.ndarray, y: np.ndarray, lags: np.ndarray
) -> tuple[float, float] | None:
    """Median seconds of the PyPI package and its best lag in ms; None where it is not installed.

    It has no wheels: `pip install cython wheel && pip install --no-build-isolation lead-lag`.
    """
    sys.path.remove(str(Path(__file__).resolve().parent))  # this script has the package's name
    try:
        import lead_lag
        import pandas as pd
    except ImportError:
        return None

    first, second = (
        pd.Series(v, index=pd.to_datetime(t, unit="ms").as_unit("ns"))
        for t, v in ((x_times, x), (y_times, y))
    )
    seconds, best = [], np.nan
    for _ in range(3):
        start = time.perf_counter()
        model = lead_lag.LeadLag(
            ts1=first.copy(), ts2=second.copy(), max_lag=5.0, verbose=False,
            specific_lags=[int(lag) for lag in lags],
        )  # fmt: skip
        model.run_inference()
        seconds.append(time.perf_counter() - start)
        best = 1000.0 * float(model.lead_lag)
    return statistics.median(seconds), best


def main() -> None:
    given = arguments(__doc__ or "")
    repeats = 3 if given.quick else 7
    rows = [correlations(repeats), granger(390, 150.0, repeats)]
    if not given.quick:
        rows.append(granger(SECONDS, 500.0, 3))
    rows += hayashi_yoshida_rows(repeats)
    report("Lead-lag, Granger and Hayashi-Yoshida, seconds", rows, given.format)


if __name__ == "__main__":
    main()
