"""Option figures printed in textbooks and papers, and implied volatilities at the ends of the range.

Hull, Options, Futures, and Other Derivatives (9th ed.): example 15.6 (prices), section 15.11 (implied
volatility), examples 19.1, 19.4, 19.6 (greeks). Longstaff and Schwartz (2001), table 1, European column.
Ju (1998), table 1, "true" American calls with a dividend yield. The extremes are prices of known volatilities, in the spirit of Jaeckel (2015).
"""

import argparse
import csv
import math
import sys
from pathlib import Path

import mpmath as mp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from offtape_assets.quant.american import early_exercise_premium
from offtape_assets.quant.black_scholes import greeks, option_price
from offtape_assets.quant.implied_vol import implied_vol

Case = tuple[str, str, float, float, float]
# spot and European put; strike 40, rate 6 %, volatility 20 %, one year
LONGSTAFF_SCHWARTZ = ((36.0, 3.844), (38.0, 2.852), (40.0, 2.066), (42.0, 1.465), (44.0, 1.017))
# spot and American call; strike 100, rate 3 %, dividend yield 7 %, volatility 20 %, half a year
JU = ((80.0, 0.2194), (90.0, 1.3864), (100.0, 4.7825), (110.0, 11.0978), (120.0, 20.0004))
# log strike over forward, total volatility: far wings, huge and tiny volatility, deep in the money
EXTREMES = (
    ("35 sds out of the money", 7.0, 0.2),
    ("25 sds out of the money", 0.5, 0.02),
    ("total volatility 8", 1.0, 8.0),
    ("total volatility 1e-6, 3 sds out", 3e-6, 1e-6),
    ("total volatility 1e-6 at the money", 0.0, 1e-6),
)


def cases() -> list[Case]:
    """(case, quantity, published, ours, tolerance) of every figure."""
    return [*_hull(), *_american(), *_extremes()]


def _hull() -> list[Case]:
    carry = math.exp(0.1 * 0.5)
    call, put = (
        float(option_price(42 * carry, 40.0, 0.5, 1 / carry, 0.2, c)[0]) for c in (True, False)
    )
    tau, growth = 0.3846, math.exp(0.05 * 0.3846)
    g = greeks(49 * growth, 50.0, tau, 1 / growth, 0.2, True)
    quarter = math.exp(0.1 * 0.25)
    vol = implied_vol(1.875, 21 * quarter, 20.0, 0.25, 1 / quarter, True).vol[0]
    return [
        ("Hull example 15.6", "call", 4.76, call, 0.005),
        ("Hull example 15.6", "put", 0.81, put, 0.005),
        ("Hull example 19.1", "delta", 0.522, float(g.delta[0]), 0.0005),
        ("Hull example 19.4", "gamma", 0.066, float(g.gamma[0]), 0.0005),
        ("Hull example 19.6", "vega", 12.1, float(g.vega[0]), 0.05),
        ("Hull section 15.11", "implied volatility", 0.235, float(vol), 0.0005),
    ]


def _american() -> list[Case]:
    growth, rows = math.exp(0.06), []
    for spot, european in LONGSTAFF_SCHWARTZ:
        price = float(option_price(spot * growth, 40.0, 1.0, 1 / growth, 0.2, False)[0])
        name = f"Longstaff-Schwartz table 1, S = {spot:g}"
        rows.append((name, "European put", european, price, 0.0006))
    discount = math.exp(-0.03 * 0.5)
    for spot, american in JU:
        chain = (spot * math.exp(-0.04 * 0.5), 100.0, 0.5, discount, 0.2, True)
        premium = early_exercise_premium(spot, *chain, steps=1001)
        price = float(option_price(*chain)[0] + premium[0])
        rows.append((f"Ju table 1, S = {spot:g}", "American call", american, price, 0.002))
    return rows


def _extremes() -> list[Case]:
    rows: list[Case] = []
    for name, log_strike, total in EXTREMES:
        strike = math.exp(log_strike)
        with mp.workdps(60):
            k, s = mp.mpf(strike), mp.mpf(total)
            d1 = -mp.log(k) / s + s / 2
            price = float(mp.erfc(-d1 / mp.sqrt(2)) / 2 - k * mp.erfc((s - d1) / mp.sqrt(2)) / 2)
        found = float(implied_vol(price, 1.0, strike, 1.0, 1.0, True).vol[0])
        # at volatility 8 the price is within 6e-5 of its bound: a rounded price knows 13 digits
        rows.append(
            (f"implied volatility, {name}", "total volatility", total, found, 1e-12 * total)
        )
    return rows


def main() -> None:
    """Print the figures beside those published."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", choices=("table", "csv"), default="table")
    parser.parse_args()
    writer = csv.writer(sys.stdout)
    writer.writerow(["case", "quantity", "published", "ours", "tolerance", "ok"])
    for case, quantity, published, ours, tolerance in cases():
        writer.writerow(
            [case, quantity, published, ours, tolerance, abs(ours - published) <= tolerance]
        )


if __name__ == "__main__":
    main()
