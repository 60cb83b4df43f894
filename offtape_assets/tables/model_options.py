"""model: smiles, risk-neutral laws and dealers' gamma from option chains."""

from offtape_assets.tables.columns import columns
from offtape_assets.tables.table import Claim, Partitions, Table

RISK_NEUTRAL_FITS = Table(
    "model",
    "risk_neutral_fits",
    "the fit of one expiry's smile at one instant, judged before any repair",
    columns(
        "ts expiry status update_kind forward forward_sd discount tau_years n_quotes n_outliers"
        " noise_scale"
        " iv_rmse raw_mass negative_mass mass_outside_quotes mean_error_bp in_spread_share"
        " parity_residual calendar_gap mean sd sd_sd skew kurtosis fit_ms"
    ),
    Partitions.DAY_AND_TICKER,
    key=("ts", "expiry"),
    claims=(
        Claim("status_is_given", "status is not null", "a failed fit says why"),
        Claim(
            "figures_come_with_ok",
            "(status = 'ok') = (mean is not null and sd is not null)",
            "a failed fit has no moments (only what it was judged by), a good one has all",
        ),
        Claim(
            "mean_is_the_forward",
            "status <> 'ok' or update_kind = 'seed' or abs(mean / forward - 1) < 1e-6",
            "the price at expiry is a martingale under the law; the seed's recipe does not see to it",
        ),
        Claim(
            "sd_is_positive",
            "status <> 'ok' or sd > 0",
            "a law of an uncertain price has a width",
        ),
        Claim(
            "raw_mass_is_near_one",
            "status <> 'ok' or abs(raw_mass - 1) < 0.01",
            "before repair: more is a smile that is no law",
            is_blocking=False,
        ),
        Claim(
            "no_butterfly_arbitrage",
            "status <> 'ok' or negative_mass < 1e-4",
            "calls are convex in the strike; a basis point is noise",
            is_blocking=False,
        ),
        Claim(
            "parity_holds_near_the_money",
            "coalesce(parity_residual < 0.005 * forward, true)",
            "C - P = D (F - K) (seed 13.1); half a percent of the forward is another underlying",
            is_blocking=False,
        ),
        Claim(
            "smile_is_near_its_quotes",
            "status <> 'ok' or iv_rmse < 0.1",
            "ten volatility points of error (seed 13.2) are no fit",
            is_blocking=False,
        ),
        Claim(
            "no_calendar_arbitrage",
            "coalesce(calendar_gap, 0) > -1e-3",
            "total variance does not fall with expiry, beyond noise",
            is_blocking=False,
        ),
        Claim(
            "most_premiums_are_in_the_spread",
            "status <> 'ok' or update_kind = 'seed' or in_spread_share > 0.5",
            "a fit outside most spreads is not of these quotes",
            is_blocking=False,
        ),
    ),
)

RISK_NEUTRAL_DENSITIES = Table(
    "model",
    "risk_neutral_densities",
    "the risk-neutral law of one expiry at one strike and instant",
    columns(
        "ts expiry strike log_moneyness implied_vol implied_vol_sd density density_sd cdf cdf_sd"
    ),
    Partitions.DAY_AND_TICKER,
    key=("ts", "expiry", "strike"),
    claims=(
        Claim("density_is_not_negative", "density >= 0", "a density (seed 13.1)"),
        Claim("cdf_is_a_probability", "cdf between 0 and 1 + 1e-9", "a distribution function"),
        Claim("vol_is_positive", "implied_vol > 0", "every strike has a volatility"),
    ),
)

GAMMA_EXPOSURES = Table(
    "model",
    "gamma_exposures",
    "dealers' gamma at one strike of one expiry and instant, from the open interest of the evening",
    columns("ts expiry strike gex gex_net"),
    Partitions.DAY_AND_TICKER,
    key=("ts", "expiry", "strike"),
    claims=(
        Claim("short_gamma_is_not_positive", "gex <= 0", "dealers short every option"),
        Claim("net_is_within_total", "abs(gex_net) <= -gex + 1e-9", "puts offset calls at most"),
    ),
)
