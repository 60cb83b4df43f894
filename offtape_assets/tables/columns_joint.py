"""Vocabulary of the joint law: states, constraints, factor laws, options on several names."""

from offtape_assets.tables.table import Column

JOINT_COLUMNS = (
    Column("state", "INTEGER", "", "equiprobable state of the world at expiry, from 1"),
    Column("run", "INTEGER", "", "one arrangement of the states: a start and a restart of it"),
    Column("prior", "VARCHAR", "", "principle of the start: see docs/methods/joint.md"),
    Column("restart", "INTEGER", "", "draw of the start, from 0"),
    Column("is_default", "BOOLEAN", "", "whether the states stored are this run's"),
    Column("constraint_name", "VARCHAR", "", "fund whose holdings are imposed; '' for none"),
    Column("constraint_origin", "VARCHAR", "", "'basket', 'replication' (fallback), 'leverage'"),
    Column("relative_residual", "DOUBLE", "", "Var(holdings - fund) / Var(fund) reached"),
    Column("is_feasible", "BOOLEAN", "", "whether the residual is within 1e-3"),
    Column("forward_gap", "DOUBLE", "fraction", "holdings at forwards over the fund's, less one"),
    Column("variance_gap", "DOUBLE", "fraction", "variance of the nearest Gaussian law, less one"),
    Column("sweeps", "INTEGER", "", "sweeps over all columns"),
    Column("solve_ms", "DOUBLE", "ms", "time of the arrangement"),
    Column("correlation_sd", "DOUBLE", "", "standard deviation over restarts of one start"),
    Column("correlation_low", "DOUBLE", "", "smallest over the priors: what is not determined"),
    Column("correlation_high", "DOUBLE", "", "largest over the priors"),
    Column("correlation_given_yes", "DOUBLE", "", "the same if the first contract pays"),
    Column("correlation_given_no", "DOUBLE", "", "the same if the second contract pays"),
    Column("restart_sd", "DOUBLE", "", "largest standard deviation over restarts"),
    Column("n_priors", "BIGINT", "", "priors behind the band"),
    # factor laws
    Column("density_kde", "DOUBLE", "per USD", "Gaussian kernel density of the factor's value"),
    Column("density_histogram", "DOUBLE", "per USD", "histogram density on the same grid"),
    Column("factor_return", "DOUBLE", "fraction", "value of the factor as a portfolio return"),
    Column("return_density_kde", "DOUBLE", "", "kernel density of the factor's return"),
    Column("return_density_histogram", "DOUBLE", "", "histogram density of the factor's return"),
    Column("return_mean", "DOUBLE", "fraction", "mean of the factor's return to expiry"),
    Column("return_vol", "DOUBLE", "per root year", "its volatility, annualised"),
    Column(
        "return_vol_independent",
        "DOUBLE",
        "per root year",
        "the same were the names independent: a lower bound for long-only factors",
    ),
    Column("weight_coverage", "DOUBLE", "fraction", "factor weight held by names with a law"),
    # options on several names
    Column("option_kind", "VARCHAR", "", "'basket', 'spread' or 'best_of'"),
    Column("underlyings", "VARCHAR", "", "tickers, each over its forward; 'a-b' for a spread"),
    Column("relative_strike", "DOUBLE", "fraction", "strike, in forwards of the underlyings"),
    Column("option_price", "DOUBLE", "fraction", "discounted price, in forwards"),
    Column("option_price_low", "DOUBLE", "fraction", "smallest over the priors"),
    Column("option_price_high", "DOUBLE", "fraction", "largest over the priors"),
    Column("option_price_sd", "DOUBLE", "fraction", "standard deviation over restarts"),
)
"""Taken into the vocabulary of tables/columns.py."""

FACTOR_VALUE = Column("value", "DOUBLE", "USD", "value of the factor: weights times dollar prices")
FACTOR_VARIANCE = Column("variance", "DOUBLE", "USD squared", "variance of the factor's value")
FACTOR_VOL = Column("implied_vol", "DOUBLE", "USD", "root of the factor's variance at expiry")
