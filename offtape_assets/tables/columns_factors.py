"""Vocabulary of factors: portfolio legs, betas, systematic and own returns, replication."""

from offtape_assets.tables.table import Column

FACTOR_NAMES = ("mkt_rf", "smb", "hml", "rmw", "cma")
"""The five factors, in the order of every array and table."""

FACTOR_COLUMNS = (
    # portfolios
    Column("coverage", "DOUBLE", "fraction", "weight that counts, of the least covered leg"),
    Column("renewed_share", "DOUBLE", "fraction", "weight whose quote was renewed in the second"),
    Column("long_return", "DOUBLE", "log", "mean log return of the long leg's members that count"),
    Column("short_return", "DOUBLE", "log", "the same of the short leg; 0 where there is none"),
    Column("long_coverage", "DOUBLE", "fraction", "share of the long leg's weight that counts"),
    Column("short_coverage", "DOUBLE", "fraction", "the same of the short leg; NULL without one"),
    Column("open_mid", "DOUBLE", "USD", "first usable mid of the session"),
    Column("close_mid", "DOUBLE", "USD", "last usable mid of the session"),
    Column("open_ts", "TIMESTAMP", "UTC", "right end of the second of the first usable mid"),
    Column("close_ts", "TIMESTAMP", "UTC", "right end of the second of the last usable mid"),
    Column("return_intraday", "DOUBLE", "return", "from the first mid of the session to its last"),
    Column("return_overnight", "DOUBLE", "return", "from the last mid of the session before"),
    Column("return_close_to_close", "DOUBLE", "return", "from last mid to last mid"),
    # betas
    Column("alpha", "DOUBLE", "log per s", "mean return the factors leave"),
    *(
        Column(f"beta_{name}_sd", "DOUBLE", "", f"standard error of beta_{name}, as stated")
        for name in FACTOR_NAMES
    ),
    Column("r_squared", "DOUBLE", "fraction", "share of the returns' variance that is explained"),
    Column("residual_sd", "DOUBLE", "log per s", "standard deviation of what is not explained"),
    Column("dof", "BIGINT", "", "degrees of freedom behind the standard errors"),
    # decomposition
    Column("return_total", "DOUBLE", "log", "log return over [ts - 1 s, ts)"),
    Column("return_systematic", "DOUBLE", "log", "betas known at ts - 1 s times factor returns"),
    Column("return_idiosyncratic", "DOUBLE", "log", "total less systematic, exactly"),
    Column("variance_total", "DOUBLE", "log squared", "sum of squared one-minute returns"),
    Column("variance_systematic", "DOUBLE", "log squared", "of it, explained by the day's betas"),
    Column("variance_idiosyncratic", "DOUBLE", "log squared", "sum of squared residual minutes"),
    Column("minutes", "INTEGER", "minutes", "complete minutes summed"),
    # across days
    Column("scope", "VARCHAR", "", "a ticker, or 'equities', 'etfs', 'all' for their mean"),
    Column("variance_before", "DOUBLE", "log squared", "mean daily idiosyncratic variance before"),
    Column("amplification", "DOUBLE", "", "the day's idiosyncratic variance over that before"),
    Column("amplification_sd", "DOUBLE", "", "its standard error; of means, across the names"),
    Column("n_days", "INTEGER", "days", "sessions before the date that were compared"),
    Column("n_names", "INTEGER", "", "names averaged; 1 for a ticker"),
    Column("return_official", "DOUBLE", "return", "the library's return of the date"),
    Column("return_difference", "DOUBLE", "return", "ours less the library's"),
    Column("restatement", "DOUBLE", "return", "this vintage less the oldest one of the date"),
    Column("beta_to_official", "DOUBLE", "", "slope of ours on the library's over the days"),
    # replication
    Column("weight_normalized", "DOUBLE", "fraction", "weight over the sum of weights"),
    Column("exposure_error", "DOUBLE", "", "largest gap of the weights' loadings to the fund's"),
    Column("exposure_error_normalized", "DOUBLE", "", "the same for the normalized weights"),
    Column("tracking_sd", "DOUBLE", "log", "daily sd of what the stocks bring besides factors"),
)
"""Taken into the vocabulary of tables/columns.py."""
