"""Vocabulary of the laws given each outcome of the event, and of hedging with its contracts."""

from offtape_assets.tables.table import Column

CONDITIONAL_COLUMNS = (
    Column("reading", "DOUBLE", "fraction", "mean probability of the minute's trades, vig removed"),
    Column("reading_sd", "DOUBLE", "fraction", "standard deviation of the reading's noise"),
    Column("probability_sd", "DOUBLE", "fraction", "posterior sd of the smoothed probability"),
    Column("forward_return_yes", "DOUBLE", "return", "mean given yes over the forward, less one"),
    Column("forward_return_no", "DOUBLE", "return", "mean given no over the forward, less one"),
    Column("mean_yes_low", "DOUBLE", "USD", "lower end of the 90 % band of mean_yes"),
    Column("mean_yes_high", "DOUBLE", "USD", "upper end of the 90 % band of mean_yes"),
    Column("mean_no_low", "DOUBLE", "USD", "lower end of the 90 % band of mean_no"),
    Column("mean_no_high", "DOUBLE", "USD", "upper end of the 90 % band of mean_no"),
    Column("sd_yes_low", "DOUBLE", "USD", "lower end of the 90 % band of sd_yes"),
    Column("sd_yes_high", "DOUBLE", "USD", "upper end of the 90 % band of sd_yes"),
    Column("sd_no_low", "DOUBLE", "USD", "lower end of the 90 % band of sd_no"),
    Column("sd_no_high", "DOUBLE", "USD", "upper end of the 90 % band of sd_no"),
    Column("log_ratio", "DOUBLE", "log", "ln(mean_yes / mean_no)"),
    Column("log_ratio_sd", "DOUBLE", "log", "standard error of the log ratio of the means"),
    Column(
        "identification",
        "DOUBLE",
        "",
        "1 less half the stated sd of ln R in sds of the law, floored at 0; ok from .85",
    ),
    Column("slope_likelihood_ratio", "DOUBLE", "", "(log ratio / its sd)^2: against no gap"),
    Column("probability_range", "DOUBLE", "fraction", "range of the smoothed probability that day"),
    Column(
        "price_lag_minutes", "DOUBLE", "min", "price behind the event's trades; below 0 it leads"
    ),
    Column(
        "reconstruction_l1",
        "DOUBLE",
        "",
        "integral of |observed - reconstructed|; 0 proves nothing",
    ),
    Column("observed", "DOUBLE", "per USD", "risk-neutral density at the strike, before any split"),
    Column("density_yes", "DOUBLE", "per USD", "density given the first contract pays"),
    Column("density_no", "DOUBLE", "per USD", "density given the second contract pays"),
    Column("reconstructed", "DOUBLE", "per USD", "p density_yes + (1 - p) density_no"),
    # hedges
    Column("measure", "VARCHAR", "", "'spot' (dollars a share) or 'implied_vol' (at the money)"),
    Column("sensitivity", "DOUBLE", "per unit of p", "change of the measure as p goes from 0 to 1"),
    Column("sensitivity_sd", "DOUBLE", "per unit of p", "standard error of the sensitivity"),
    Column(
        "hedge_contracts",
        "DOUBLE",
        "contracts per share",
        "dollar contracts on yes that offset one share's event risk; below 0: sell",
    ),
    Column("hedge_r_squared", "DOUBLE", "fraction", "variance of the changes the hedge explains"),
    Column("n_changes", "BIGINT", "", "changes regressed"),
)
