"""model: one joint law of all names per snapshot, what it implies for factors and options."""

from offtape_assets.tables.columns import columns
from offtape_assets.tables.columns_joint import FACTOR_VALUE, FACTOR_VARIANCE, FACTOR_VOL
from offtape_assets.tables.table import Claim, Partitions, Table

_STATUS_IS_GIVEN = Claim("status_is_given", "status is not null", "a failed law says why")

JOINT_STATES = Table(
    "model",
    "joint_states",
    "price of one name in one equiprobable state of the default arrangement, at expiry; where the"
    " default starts from the event, conditional laws of the whole session went into it",
    columns("ts expiry state ticker price"),
    Partitions.DAY,
    key=("ts", "state", "ticker"),
    order_by=("ts", "ticker", "state"),
    claims=(Claim("price_is_positive", "price > 0", "the quantiles' tails end above zero"),),
)

JOINT_FITS = Table(
    "model",
    "joint_fits",
    "how far one fund's holdings hold in one arrangement of a snapshot's states",
    columns(
        "ts expiry run prior restart is_default constraint_name constraint_origin"
        " relative_residual is_feasible forward_gap variance_gap sweeps solve_ms tau_years status reason"
    ),
    Partitions.DAY,
    key=("ts", "run", "constraint_name"),
    claims=(
        _STATUS_IS_GIVEN,
        Claim(
            "ok_means_small_residuals",
            "status <> 'ok' or coalesce(relative_residual, 0) <= 1e-6",
            "the objective, their sum, is at most 1e-6",
        ),
        Claim(
            "approximate_means_feasible",
            "status <> 'approximate' or coalesce(relative_residual, 0) <= 1e-3",
            "every basket within 3 % of its standard deviation",
        ),
        Claim(
            "infeasible_says_why",
            "status <> 'infeasible' or is_feasible or reason is not null",
            "a contradiction is named",
            is_blocking=False,
        ),
    ),
)

JOINT_CORRELATIONS = Table(
    "model",
    "joint_correlations",
    "correlation of two names' prices at expiry under one principle of the start",
    columns("ts expiry prior is_default ticker_a ticker_b correlation correlation_sd"),
    Partitions.DAY,
    key=("ts", "prior", "ticker_a", "ticker_b"),
    claims=(
        Claim("correlation_is_one", "abs(correlation) <= 1", "Cauchy and Schwarz"),
        Claim("pairs_are_ordered", "ticker_a < ticker_b", "each pair once"),
        Claim("sd_is_not_negative", "coalesce(correlation_sd >= 0, true)", "a spread"),
    ),
)

FACTOR_LAWS = Table(
    "model",
    "factor_laws",
    "density of one factor at one point of its law at expiry, as dollars and as a return",
    (
        *columns("ts factor"),
        FACTOR_VALUE,
        *columns(
            "density_kde density_histogram factor_return return_density_kde"
            " return_density_histogram"
        ),
    ),
    Partitions.DAY,
    key=("ts", "factor", "value"),
    claims=(
        Claim(
            "densities_are_not_negative",
            "least(density_kde, density_histogram, return_density_kde, return_density_histogram)"
            " >= 0",
            "densities",
        ),
    ),
)

FACTOR_MOMENTS = Table(
    "model",
    "factor_moments",
    "moments of one factor's law at expiry, as dollars and as a return",
    (
        *columns("ts expiry factor mean"),
        FACTOR_VARIANCE,
        FACTOR_VOL,
        *columns("return_mean return_vol return_vol_independent weight_coverage tau_years status"),
    ),
    Partitions.DAY,
    key=("ts", "factor"),
    claims=(
        _STATUS_IS_GIVEN,
        Claim(
            "vol_is_the_root_of_variance",
            "coalesce(abs(implied_vol * implied_vol - variance) <= 1e-9 * variance + 1e-12, true)",
            "the seed's definition (8.3)",
        ),
    ),
)

JOINT_OPTIONS = Table(
    "model",
    "joint_options",
    "price of one option on several names under the joint law, and how far the start decides it",
    columns(
        "ts expiry option_kind underlyings relative_strike option_price option_price_low"
        " option_price_high option_price_sd"
    ),
    Partitions.DAY,
    key=("ts", "option_kind", "underlyings", "relative_strike"),
    claims=(
        Claim("price_is_not_negative", "option_price >= 0", "an option is a right"),
        Claim(
            "price_is_within_its_band",
            "option_price between option_price_low - 1e-12 and option_price_high + 1e-12",
            "the default start is one of those swept",
        ),
    ),
)
