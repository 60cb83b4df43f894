"""Vocabulary of options: quotes as volatilities, the fit of a smile, the law it implies."""

from offtape_assets.tables.table import Column

OPTION_COLUMNS = (
    # one option at one instant
    Column("log_moneyness", "DOUBLE", "log", "ln(strike / forward)"),
    Column(
        "microprice", "DOUBLE", "USD", "mid weighted by the opposite size; plain mid if unsized"
    ),
    Column(
        "price_sd", "DOUBLE", "USD", "sd of the microprice: spread / sqrt(12 contracts), a tick"
    ),
    Column(
        "early_exercise_premium", "DOUBLE", "USD", "American less European value; 0 if European"
    ),
    Column("implied_vol", "DOUBLE", "per sqrt year", "Black volatility of the European premium"),
    Column(
        "implied_vol_sd", "DOUBLE", "per sqrt year", "sd: of a quote price_sd/vega, else posterior"
    ),
    Column("delta", "DOUBLE", "USD per USD", "price change for one dollar of the underlying"),
    Column("gamma", "DOUBLE", "per USD", "delta change for one dollar of the underlying"),
    Column("vega", "DOUBLE", "USD", "price change for a volatility change of 1 (100 points)"),
    Column("forward", "DOUBLE", "USD", "forward price from put-call parity"),
    Column("forward_sd", "DOUBLE", "USD", "sd of the forward, from the scatter of parity"),
    Column("discount", "DOUBLE", "", "value of a dollar at expiry, from parity and the bills"),
    Column("tau_years", "DOUBLE", "years", "from ts to the close of the expiry day, over 365 days"),
    Column("is_out_of_the_money", "BOOLEAN", "", "whether the smile is fitted to this right"),
    Column(
        "parity_residual",
        "DOUBLE",
        "USD",
        "C - P - D (F - K): of a pair, or its median size near the money",
    ),
    # the fit of one expiry at one instant
    Column("update_kind", "VARCHAR", "", "'cold' fit, 'update', 'mean' function alone, 'seed'"),
    Column("n_quotes", "INTEGER", "", "quotes the smile rests on"),
    Column(
        "n_outliers", "INTEGER", "", "quotes left out: beyond 5 robust sds of the fit without them"
    ),
    Column("noise_scale", "DOUBLE", "", "variance of the quotes around the smile over the stated"),
    Column("iv_rmse", "DOUBLE", "per sqrt year", "root mean square of quoted less fitted vol"),
    Column("raw_mass", "DOUBLE", "fraction", "integral of the density before repair"),
    Column("negative_mass", "DOUBLE", "fraction", "its part below zero (butterfly arbitrage)"),
    Column("mass_outside_quotes", "DOUBLE", "fraction", "probability beyond the quoted strikes"),
    Column("mean_error_bp", "DOUBLE", "bp", "raw mean over forward, less 1"),
    Column("in_spread_share", "DOUBLE", "fraction", "fitted premiums within bid and ask"),
    Column("calendar_gap", "DOUBLE", "", "least rise of total variance over the expiry before"),
    Column("mean", "DOUBLE", "", "mean of the law (options: dollars)"),
    Column("sd", "DOUBLE", "", "standard deviation of the law (options: dollars)"),
    Column("sd_sd", "DOUBLE", "", "posterior sd of sd (options: dollars)"),
    Column("skew", "DOUBLE", "", "third standardized moment of the law"),
    Column("kurtosis", "DOUBLE", "", "fourth standardized moment of the law; 3 for a normal one"),
    Column("fit_ms", "DOUBLE", "ms", "wall time of smile and density"),
    # the law
    Column("density", "DOUBLE", "per USD", "risk-neutral density at the strike"),
    Column("density_sd", "DOUBLE", "per USD", "posterior sd of the density"),
    Column("cdf", "DOUBLE", "fraction", "risk-neutral probability of a price below the strike"),
    Column("cdf_sd", "DOUBLE", "fraction", "posterior sd of the cdf"),
    # exposures
    Column("gex", "DOUBLE", "shares per USD", "dealers' gamma, short every option"),
    Column("gex_net", "DOUBLE", "shares per USD", "dealers' gamma, long calls and short puts"),
)
