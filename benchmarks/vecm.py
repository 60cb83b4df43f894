"""Rolling error-correction models and information shares beside statsmodels and plain numpy.

Rank n-1 models with one lag and a constant over many windows: the published share
psi_i^2 Omega_ii / psi'Omega psi and Johansen's trace statistics of every window.
"""

import os
import warnings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from harness import Row, arguments, interleave, report

from offtape_assets.quant.information_share import information_shares
from offtape_assets.quant.vecm_rolling import rolling_vecm

# series, seconds or minutes, window, number of windows, goal against statsmodels and numpy
CASES = (
    (2, 390, 300, 91, 100.0, 7.0),
    (10, 390, 300, 91, 100.0, 7.0),
    (40, 390, 300, 91, 40.0, 7.0),
    (40, 23_400, 1_800, 300, 40.0, 7.0),
)
TIMED = 6  # windows statsmodels is timed on; its cost is the same for every window


def panel(n: int, n_time: int) -> np.ndarray:
    """Prices that follow one random walk with their own AR(1) noise."""
    rng = np.random.default_rng(n)
    walk = np.cumsum(rng.standard_normal(n_time) * 1e-4)
    loading, persistence = rng.uniform(0.7, 1.3, n), rng.uniform(0.1, 0.6, n)
    noise = np.zeros((n_time, n))
    shocks = rng.standard_normal((n_time, n)) * 8e-5
    for t in range(1, n_time):
        noise[t] = persistence * noise[t - 1] + shocks[t]
    return np.log(100.0) + walk[:, None] * loading + noise


def published_share(psi: np.ndarray, omega: np.ndarray) -> np.ndarray:
    return psi**2 * np.diag(omega) / (psi @ omega @ psi)


def by_statsmodels(window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from statsmodels.tsa.vector_ar.vecm import VECM, coint_johansen

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace = coint_johansen(window, 0, 1).lr1
    model = VECM(window, k_ar_diff=1, coint_rank=window.shape[1] - 1, deterministic="co").fit()
    psi = np.linalg.svd(model.alpha.T)[2][-1]
    return published_share(psi, model.sigma_u), trace


def by_numpy(window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a careful user writes: QR for the regressors, Cholesky for the eigenproblem."""
    changes = np.diff(window, axis=0)
    basis, _ = np.linalg.qr(np.column_stack([changes[:-1], np.ones(len(changes) - 1)]))
    d, levels = changes[1:], window[1:-1]
    d, levels = d - basis @ (basis.T @ d), levels - basis @ (basis.T @ levels)
    n_obs = len(d)
    s00, s01, s11 = d.T @ d / n_obs, d.T @ levels / n_obs, levels.T @ levels / n_obs
    inverse = np.linalg.inv(np.linalg.cholesky(s11))
    values, vectors = np.linalg.eigh(inverse @ s01.T @ np.linalg.solve(s00, s01) @ inverse.T)
    beta = inverse.T @ vectors
    alpha = s01 @ beta[:, 1:]
    psi = np.linalg.solve(s00, s01 @ beta[:, 0])
    trace = -n_obs * np.cumsum(np.log1p(-values))[::-1]
    return published_share(psi, s00 - alpha @ alpha.T), trace


def main() -> None:
    given = arguments(__doc__ or "")
    rows = []
    for n, n_time, length, count, goal, plain_goal in CASES[:3] if given.quick else CASES:
        levels = panel(n, n_time)
        starts = np.unique(np.linspace(0, n_time - length, count).astype(int))
        windows = [levels[s : s + length] for s in starts[:TIMED]]
        rolled = rolling_vecm(levels, starts, length)
        shares = information_shares(rolled.permanent, rolled.omega)
        gap, coefficients = 0.0, 0.0
        for w, window in enumerate(windows):
            share, _ = by_statsmodels(window)
            exact, trace = by_numpy(window)
            gap = max(gap, np.abs(shares.diagonal[w] - share).max())
            coefficients = max(coefficients, np.abs(rolled.trace[w] / trace - 1.0)[:-1].max())
            gap = max(gap, np.abs(shares.diagonal[w] - exact).max())
        case = f"n={n} T={n_time} W={length}, {len(starts)} windows"
        accuracy = f"share gap {gap:.1e} (goal 1e-11), trace {coefficients:.1e} relative"
        for peer, name, ratio_goal in (
            (by_statsmodels, "statsmodels VECM + coint_johansen", goal),
            (by_numpy, "numpy QR per window", plain_goal),
        ):
            mine, theirs = interleave(
                lambda levels=levels, starts=starts, length=length: rolling_vecm(
                    levels, starts, length
                ),
                lambda peer=peer, windows=windows: [peer(window) for window in windows],
                3 if given.quick else 7,
            )
            whole = theirs * len(starts) / len(windows)
            ok = whole / mine >= ratio_goal and gap <= 1e-11
            rows.append(
                Row(case, mine, whole, name, whole / mine, accuracy, f">= {ratio_goal:g}x", ok)
            )
    report("Rolling error-correction models, seconds for all windows", rows, given.format)


if __name__ == "__main__":
    main()
