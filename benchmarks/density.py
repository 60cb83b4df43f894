"""One option chain to a density on 500 strikes: milliseconds and error, ours beside scikit-learn and a
smoothing spline, both given flat tails on a wide grid (what a careful user would do).

    python benchmarks/density.py [--format table|csv] [--quick]

Run with OPENBLAS_NUM_THREADS=1: two BLAS threads slow scikit-learn ten-fold at 274 quotes.
"""

import itertools
import sys
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.harness import Row, arguments, compare, interleave, report
from benchmarks.option_chains import DISCOUNT, FORWARD, TAU, TestChain, errors, noisy_chain
from offtape_assets.quant.density import Density, smile_density
from offtape_assets.quant.implied_vol import implied_vol
from offtape_assets.quant.smile import Quotes, Smile, fit_smile, update_smile, usable_quotes

WIDE = np.linspace(-0.27, 0.22, 500)  # log-moneyness the peers' tails reach
COUNTS = (40, 150, 242, 420)  # strikes; 242 leave 150 quotes with a bid above five cents
GOAL_MS, GOAL_STRIKES = 0.3, (150, 242)
NAN = float("nan")


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
    """Time chains of a law inside the mean function's family and of one outside it against both
    peers, with both sides' error on them."""
    rows = []
    for law, count in itertools.product(("mild_event", "heston"), COUNTS):
        chain = noisy_chain(law, count, 1)
        d = ours(chain)
        mine = errors(law, d.strike, d.density)[0]
        case = f"{law}, {chain.strike.size} quotes to density"
        for name, peer, goal in (
            ("sklearn GPR + flat tails", sklearn_flat, 50.0),
            ("spline + flat tails", spline_flat, 1.0),
        ):
            theirs = errors(law, *peer(chain))[0]
            row = compare(
                case,
                lambda c=chain: ours(c),
                lambda c=chain, f=peer: f(c),
                name,
                goal,
                f"L1 ours {mine:.4f} peer {theirs:.4f}",
                5 if quick else 31,
            )
            rows.append(row)
        if count in GOAL_STRIKES:
            ms = min(row.ours for row in rows[-2:]) * 1e3
            ok = ms <= GOAL_MS
            rows.append(Row(f"{case}, ms", ms, NAN, "", NAN, "", f"<= {GOAL_MS}", ok))
    return rows


def update_rows() -> list[Row]:
    """A minute later, every quote moved: update against cold, the smile alone and to the density."""
    minutes = [ours_quotes(noisy_chain("mild_event", 150, seed)) for seed in (1, 2)]
    smile = fit_smile(minutes[0])
    turn = itertools.cycle(minutes)

    def update() -> Smile:
        again = update_smile(smile, next(turn), 0.0, 1.0)
        assert again is not None
        return again

    def cold() -> Smile:
        return fit_smile(next(turn))

    rows = []
    for case, finish in (
        ("update of the smile, all quotes new", lambda fitted: fitted),
        (
            "update to the density",
            lambda fitted: smile_density(fitted, minutes[0], FORWARD, TAU, False),
        ),
    ):
        mine, theirs = interleave(lambda f=finish: f(update()), lambda f=finish: f(cold()), 101)
        ratio = theirs / mine
        rows.append(Row(case, mine, theirs, "ours, cold", ratio, "", ">= 1x", ratio >= 1.0))
    return rows


def band_row() -> Row:
    """What bands add to a law."""
    chain = noisy_chain("mild_event", 150, 1)
    mine, plain = interleave(lambda: ours(chain, with_bands=True), lambda: ours(chain), 31)
    return Row("quotes to density with bands", mine, plain, "without", plain / mine, "", "", True)


def main() -> None:
    """Print the table."""
    warnings.filterwarnings("ignore")
    options = arguments(__doc__ or "")
    rows = [*speed_rows(options.quick), *update_rows(), band_row()]
    report("Chain to density, seconds", rows, options.format)


if __name__ == "__main__":
    main()
