"""Implied volatility, greeks: options per second and accuracy, ours beside the pip packages.

    python benchmarks/implied_vol.py [--format table|csv] [--quick]

Six kinds of chain; truth is the volatility that reproduces the double-precision price exactly, found
with 60 digits. A failure is a value that is not finite or off by more than one part in a thousand.
"""

import math
import sys
from pathlib import Path

import mpmath as mp
import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, ndtr

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.harness import Row, arguments, compare, report
from offtape_assets.quant.black_scholes import greeks
from offtape_assets.quant.implied_vol import implied_vol

RATE = 0.05431
KINDS = ("chain10d", "mixed", "deepotm", "deepitm", "tinyvol", "hugevol")
Chain = tuple[NDArray, NDArray, NDArray, NDArray, NDArray, NDArray]
Bounds = tuple[float, float]
# kind: years, log10 volatility, strike in total sds from the forward, share in the money
SHAPES: dict[str, tuple[Bounds, Bounds, Bounds, float]] = {
    "chain10d": ((10 / 365, 10 / 365), (-0.92, -0.046), (0.0, 3.5), 0.0),
    "mixed": ((2 / 365, 2.0), (-1.3, 0.176), (0.0, 2.5), 0.5),
    "deepotm": ((1 / 365, 1.0), (-1.3, 0.0), (4.0, 30.0), 0.0),
    "deepitm": ((5 / 365, 1.0), (-1.0, 0.0), (1.0, 6.0), 1.0),
    "tinyvol": ((1 / 365, 1.0), (-3.0, -1.5), (0.0, 3.0), 0.0),
    "hugevol": ((0.1, 3.0), (0.301, 0.903), (0.0, 1.0), 0.0),
}


def chain(kind: str, size: int, seed: int = 1) -> Chain:
    """price, forward, strike, tau, discount, is_call of `size` options with usable prices."""
    years, decades, distance, itm = SHAPES[kind]
    rng = np.random.default_rng(seed)
    n = 3 * size
    tau = rng.uniform(*years, n)
    vol = 10.0 ** rng.uniform(*decades, n)
    side = np.where(rng.random(n) < 0.5, 1.0, -1.0)
    total = vol * np.sqrt(tau)
    forward, discount = 100.0 * np.exp(RATE * tau), np.exp(-RATE * tau)
    log_strike = np.clip(side * rng.uniform(*distance, n) * total, -12.0, 12.0)
    strike = forward * np.exp(log_strike)
    if kind == "chain10d":
        strike = np.round(strike, 2)
    is_call = (strike >= forward) ^ (rng.random(n) < itm)
    x = np.abs(np.log(forward / strike))
    h, t = x / total, 0.5 * total
    gap = erfcx((h - t) / math.sqrt(2)) - erfcx((h + t) / math.sqrt(2))
    otm = discount * np.sqrt(forward * strike) * 0.5 * np.exp(-0.5 * (h * h + t * t)) * gap
    inside = discount * np.maximum(np.where(is_call, forward - strike, strike - forward), 0.0)
    price = otm + inside
    bound = discount * np.where(is_call, forward, strike)
    # a time value below 1e-11 of the premium is no longer in a double: nobody can invert it
    usable = (otm > 1e-290) & (price < bound) & ((inside == 0.0) | (otm > 1e-11 * price))
    kept = np.flatnonzero(usable)[:size]
    return tuple(a[kept] for a in (price, forward, strike, tau, discount, is_call))  # type: ignore[return-value]


def exact_vol(options: Chain) -> tuple[NDArray, NDArray]:
    """Volatility by Newton in 60 digits, and half an ulp of the price over vega: the floor."""
    start = implied_vol(*options).vol
    vol, floor = np.empty(start.size), np.empty(start.size)
    with mp.workdps(60):
        for i, row in enumerate(zip(*options, strict=True)):
            p, f, k, t, d = (mp.mpf(float(x)) for x in row[:5])
            s = mp.mpf(float(start[i]))
            for _ in range(30):
                total = s * mp.sqrt(t)
                d1 = mp.log(f / k) / total + total / 2
                sign = 1 if row[5] else -1
                a, b = (mp.erfc(-sign * z / mp.sqrt(2)) / 2 for z in (d1, d1 - total))
                value = sign * d * (f * a - k * b)
                vega = d * f * mp.npdf(d1) * mp.sqrt(t)
                step = (p - value) / vega
                s += step
                if abs(step) < mp.mpf(10) ** -25 * s:
                    break
            vol[i] = float(s)
            floor[i] = float(mp.mpf(float(np.spacing(row[0]))) / 2 / vega)
    return vol, floor


def _jaeckel(options: Chain) -> NDArray:
    from fast_vollib.jackel import jackel_iv_black

    price, forward, strike, tau, discount, is_call = options
    return jackel_iv_black(price / discount, forward, strike, tau, is_call)


def _quantlib(options: Chain) -> NDArray:
    import QuantLib as ql

    out = np.full(options[0].size, np.nan)
    for i, (p, f, k, t, d, c) in enumerate(zip(*options, strict=True)):
        kind = ql.Option.Call if c else ql.Option.Put
        try:
            sd = ql.blackFormulaImpliedStdDev(
                kind, float(k), float(f), float(p / d), 1.0, 0.0, 0.3 * math.sqrt(t), 1e-14, 200
            )
        except RuntimeError:
            continue
        out[i] = sd / math.sqrt(t)
    return out


def _accuracy(vol: NDArray, truth: NDArray, floor: NDArray) -> tuple[str, float, int]:
    error = np.abs(vol - truth)
    fails = int(np.count_nonzero(~(error <= 1e-3 * truth)))
    near = error <= 1e-3 * truth
    worst = float(error[near].max())
    share = float((error / np.maximum(floor, np.finfo(float).eps * truth))[near].max())
    return f"max error {worst:.1e} = {share:.1f} floors, {fails} fail", worst, fails


def implied_vol_rows(quick: bool) -> list[Row]:
    """Speed on the two common kinds, accuracy and failures on all six."""
    rows = []
    size = 100_000 if quick else 1_000_000
    for kind in ("chain10d", "mixed"):
        big = chain(kind, size)
        for name, peer in (("fast-vollib jackel", _jaeckel), ("QuantLib", _quantlib)):
            sample = big if name != "QuantLib" else tuple(c[:20_000] for c in big)
            rows.append(
                compare(
                    f"{kind} {sample[0].size:,} options, one thread",
                    lambda s=sample: implied_vol(*s),
                    lambda s=sample, f=peer: f(s),
                    name,
                    10.0,
                    "below",
                    3,
                )
            )
    for kind in KINDS:
        sample = chain(kind, 200 if quick else 1500, seed=2)
        truth, floor = exact_vol(sample)
        ours, worst, fails = _accuracy(implied_vol(*sample).vol, truth, floor)
        theirs, peer_worst, _peer_fails = _accuracy(_jaeckel(sample), truth, floor)
        limit = 1e-14 if kind == "chain10d" else math.inf
        goal = "0 fail" + (", <= 1e-14" if kind == "chain10d" else "")
        name = f"fast-vollib jackel: {theirs}"
        ok = fails == 0 and worst <= limit
        rows.append(Row(f"{kind} accuracy", worst, peer_worst, name, math.nan, ours, goal, ok))
    return rows


def greeks_row(quick: bool) -> Row:
    """Delta, gamma, vega and gamma exposure of a million options against numpy."""
    size = 100_000 if quick else 1_000_000
    _, forward, strike, tau, discount, is_call = chain("mixed", size)
    rng = np.random.default_rng(3)
    vol, held = rng.uniform(0.1, 1.0, size), rng.integers(0, 5000, size).astype(float)

    def peer() -> tuple[NDArray, ...]:
        root = np.sqrt(tau)
        s = vol * root
        d1 = np.log(forward / strike) / s + 0.5 * s
        bell = np.exp(-0.5 * d1 * d1) / math.sqrt(2 * math.pi)
        prepaid = discount * forward
        gamma = bell / (prepaid * s)
        delta = ndtr(d1) - np.where(is_call, 0, 1)
        return delta, gamma, prepaid * bell * root, -100.0 * (gamma * held).sum()

    def ours() -> tuple[object, float]:
        result = greeks(forward, strike, tau, discount, vol, is_call)
        return result, -100.0 * float(result.gamma @ held)

    worst = max(
        float(np.max(np.abs(a - b) / np.maximum(np.abs(b), 1e-9)))
        for a, b in zip(ours()[0], peer()[:3], strict=True)
    )
    case = f"delta, gamma, vega, exposure of {size:,}"
    return compare(case, ours, peer, "numpy/scipy", 3.0, f"max difference {worst:.1e}", 9)


def main() -> None:
    """Print the table."""
    options = arguments(__doc__ or "")
    rows = [*implied_vol_rows(options.quick), greeks_row(options.quick)]
    report(
        "Implied volatility and greeks, seconds (accuracy rows: volatility)", rows, options.format
    )


if __name__ == "__main__":
    main()
