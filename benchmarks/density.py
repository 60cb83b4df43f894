"""One option chain to a density on 500 strikes: milliseconds and error, ours beside scikit-learn and a
smoothing spline, both given flat tails on a wide grid (what a careful user would do).

    python benchmarks/density.py [--format table|csv] [--quick]

Run with OPENBLAS_NUM_THREADS=1: two BLAS threads slow scikit-learn ten-fold at 274 quotes.
"""

import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.harness import Row, arguments, compare, interleave, report
from benchmarks.option_chains import DISCOUNT, FORWARD, TAU, TestChain, errors, noisy_chain
from offtape_assets.quant.density import Density, smile_density
from offtape_assets.quant.implied_vol import implied_vol
from offtape_assets.quant.smile import Quotes, fit_smile, update_smile, usable_quotes

WIDE = np.linspace(-0.27, 0.22, 500)  # log-moneyness the peers' tails reach
COUNTS = (40, 150, 420)


def ours_quotes(chain: TestChain) -> Quotes:
    """Total volatilities with their noise; price variance spread^2/12, as the peers get."""
    unit = DISCOUNT * FORWARD
    sd = (chain.ask - chain.bid) / np.sqrt(12) / unit
    keys = np.arange(chain.strike.size)
    k = np.log(chain.strike / FORWARD)
    return usable_quotes(keys, k, chain.is_call, chain.mid / unit, sd)


def ours(chain: TestChain, with_bands: bool = False) -> Density:
    """Quotes to density."""
    quotes = ours_quotes(chain)
    return smile_density(fit_smile(quotes), quotes, FORWARD, TAU, with_bands)


def _observed(chain: TestChain) -> tuple[NDArray, NDArray, NDArray]:
    """Log-moneyness, volatility and its variance; inverted by ours, so the peers pay little for it."""
    price = chain.mid
    vol = implied_vol(price, FORWARD, chain.strike, TAU, DISCOUNT, chain.is_call).vol
    k, s = np.log(chain.strike / FORWARD), vol * np.sqrt(TAU)
    vega = DISCOUNT * FORWARD * np.sqrt(TAU / (2 * np.pi)) * np.exp(-0.5 * (s / 2 - k / s) ** 2)
    return k, vol, np.maximum((chain.ask - chain.bid) ** 2 / 12 / vega**2, 1e-8)


def _numeric(vol: NDArray) -> tuple[NDArray, NDArray]:
    """The usual second difference of call prices on the wide grid, clipped."""
    from offtape_assets.quant.black_scholes import option_price

    strike = FORWARD * np.exp(WIDE)
    call = option_price(FORWARD, strike, TAU, 1.0, np.maximum(vol, 1e-4), True)
    return strike, np.maximum(np.gradient(np.gradient(call, strike), strike), 0.0)


def sklearn_flat(chain: TestChain) -> tuple[NDArray, NDArray]:
    """GPR with optimised RBF, flat volatility beyond the quotes."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    k, vol, variance = _observed(chain)
    kernel = ConstantKernel(0.01, (1e-6, 10)) * RBF(0.05, (0.005, 2))
    peer = GaussianProcessRegressor(
        kernel, alpha=variance, n_restarts_optimizer=1, random_state=0
    ).fit(k[:, None], vol - vol.mean())
    inside = np.clip(WIDE, k.min(), k.max())
    return _numeric(vol.mean() + peer.predict(inside[:, None]))


def spline_flat(chain: TestChain) -> tuple[NDArray, NDArray]:
    """Weighted quartic smoothing spline, flat volatility beyond the quotes."""
    from scipy.interpolate import UnivariateSpline

    k, vol, variance = _observed(chain)
    spline = UnivariateSpline(k, vol, w=1 / np.sqrt(variance), k=4, s=0.5 * k.size)
    return _numeric(spline(np.clip(WIDE, k.min(), k.max())))


def speed_rows(quick: bool) -> list[Row]:
    """Time a chain against both peers, with both sides' error on it."""
    rows = []
    for count in COUNTS[:2] if quick else COUNTS:
        chain = noisy_chain("mild_event", count, 1)
        d = ours(chain)
        mine = errors("mild_event", d.strike, d.density)[0]
        for name, peer, goal in (
            ("sklearn GPR + flat tails", sklearn_flat, 50.0),
            ("spline + flat tails", spline_flat, 1.0),
        ):
            theirs = errors("mild_event", *peer(chain))[0]
            rows.append(
                compare(
                    f"{chain.strike.size} quotes to density",
                    lambda c=chain: ours(c),
                    lambda c=chain, f=peer: f(c),
                    name,
                    goal,
                    f"L1 ours {mine:.4f} peer {theirs:.4f}",
                    5 if quick else 21,
                )
            )
    return rows


def update_row() -> Row:
    """A minute later, every quote moved: update against cold, both to the density."""
    quotes = ours_quotes(noisy_chain("mild_event", 150, 1))
    later = ours_quotes(noisy_chain("mild_event", 150, 2))
    smile = fit_smile(quotes)

    def cold() -> Density:
        return smile_density(fit_smile(later), later, FORWARD, TAU, False)

    def update() -> Density:
        again = update_smile(smile, later, 0.0, 1.0)
        assert again is not None
        return smile_density(again, later, FORWARD, TAU, False)

    mine, theirs = interleave(update, cold, 21)
    return Row(
        "update, all quotes new",
        mine,
        theirs,
        "ours, cold",
        theirs / mine,
        "",
        ">= 1x",
        theirs >= mine,
    )


def day_row(names: int, minutes: int) -> Row:
    """Smile, density and bands of every minute of `names` names, as the day's asset does it."""
    chains = [ours_quotes(noisy_chain("mild_event", 150, seed)) for seed in range(30)]
    start = time.perf_counter()
    for _ in range(names):
        smile = None
        for minute in range(minutes):
            quotes = chains[minute % len(chains)]
            smile = (update_smile(smile, quotes, 0.0, 1.0) if smile else None) or fit_smile(quotes)
            smile_density(smile, quotes, FORWARD, TAU)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    each = seconds / (names * minutes) * 1e3
    note = (
        f"{each:.2f} ms a law with bands, {seconds * 40 / names:.0f} s for 40 names; {peak:.0f} MB"
    )
    return Row(
        f"{names} names x {minutes} minutes",
        seconds,
        float("nan"),
        "",
        float("nan"),
        note,
        "",
        True,
    )


def main() -> None:
    """Print the table."""
    warnings.filterwarnings("ignore")
    options = arguments(__doc__ or "")
    rows = [*speed_rows(options.quick), update_row(), day_row(1 if options.quick else 5, 390)]
    report("Chain to density, seconds", rows, options.format)


if __name__ == "__main__":
    main()
