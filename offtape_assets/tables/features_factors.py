"""features: factor returns from every stock's quotes, betas of the names, what they explain."""

from offtape_assets.tables.columns import columns
from offtape_assets.tables.columns_factors import FACTOR_NAMES
from offtape_assets.tables.table import Claim, Column, Partitions, Table

METHOD = Column("method", "VARCHAR", "", "'rolling_ols', 'kalman', or 'session' (whole day, late)")
_BETAS = " ".join(f"beta_{name}" for name in FACTOR_NAMES)
_ERRORS = " ".join(f"beta_{name}_sd" for name in FACTOR_NAMES)
_STATUS_IS_GIVEN = Claim("status_is_given", "status is not null", "a missing estimate says why")

FACTOR_RETURNS_1S = Table(
    "features",
    "factor_returns_1s",
    "log returns of the five factors over [ts - 1 s, ts); NULL where coverage is below the floor",
    columns("ts mkt_rf smb hml rmw cma coverage renewed_share"),
    Partitions.DAY,
    key=("ts",),
    claims=(
        Claim("coverage_is_a_share", "coverage between 0 and 1 + 1e-9", "a part of the weight"),
        Claim(
            "factors_are_returns",
            "coalesce(greatest(abs(mkt_rf), abs(smb), abs(hml), abs(rmw), abs(cma)) < 0.05, true)",
            "no portfolio of thousands of stocks moves 5 % in a second",
        ),
    ),
)

FACTOR_LEGS_1S = Table(
    "features",
    "factor_legs_1s",
    "the two legs of one factor over [ts - 1 s, ts), and how much of their weight counts",
    columns("ts factor long_return short_return long_coverage short_coverage renewed_share"),
    Partitions.DAY,
    key=("ts", "factor"),
    claims=(
        Claim(
            "coverages_are_shares",
            "long_coverage between 0 and 1 + 1e-9"
            " and coalesce(short_coverage between 0 and 1 + 1e-9, true)",
            "parts of a leg's weight",
        ),
    ),
)

SESSION_MIDS = Table(
    "features",
    "session_mids",
    "first and last usable mid of one member of the factor portfolios within the session",
    columns("ticker open_ts open_mid close_ts close_mid"),
    Partitions.DAY,
    key=("ticker",),
    claims=(Claim("mids_are_positive", "open_mid > 0 and close_mid > 0", "prices"),),
)

FACTOR_RETURNS_1D = Table(
    "features",
    "factor_returns_1d",
    "simple returns of one factor over the session, the night before it, and both",
    columns("factor return_intraday return_overnight return_close_to_close coverage status"),
    Partitions.DAY,
    key=("factor",),
    claims=(_STATUS_IS_GIVEN,),
)

FACTOR_BETAS = Table(
    "features",
    "factor_betas",
    "one name's loadings on the five factors as one method states them with data before ts",
    (
        *columns("ts"),
        METHOD,
        *columns(f"alpha {_BETAS} {_ERRORS} r_squared residual_sd n_obs dof status"),
    ),
    Partitions.DAY_AND_TICKER,
    key=("method", "ts"),
    claims=(
        _STATUS_IS_GIVEN,
        Claim(
            "betas_come_with_ok",
            "(status = 'ok') = (beta_mkt_rf is not null)",
            "a failed estimate has no value, a good one has",
        ),
        Claim(
            "errors_are_not_negative",
            "coalesce(least(beta_mkt_rf_sd, beta_smb_sd, beta_hml_sd, beta_rmw_sd, beta_cma_sd)"
            " >= 0, true)",
            "standard errors",
        ),
    ),
)

RETURN_DECOMPOSITION_1S = Table(
    "features",
    "return_decomposition_1s",
    "one name's log return over [ts - 1 s, ts): explained by betas known before, and its own",
    (
        *columns("ts"),
        METHOD,
        *columns("return_total return_systematic return_idiosyncratic status"),
    ),
    Partitions.DAY_AND_TICKER,
    key=("ts",),
    claims=(
        _STATUS_IS_GIVEN,
        Claim(
            "parts_are_the_whole",
            "coalesce(abs(return_total - return_systematic - return_idiosyncratic) <= 1e-12, true)",
            "exact by construction",
        ),
    ),
)

FACTOR_EXPOSURES_1D = Table(
    "features",
    "factor_exposures_1d",
    "one name's session betas, and its realized variance over the minutes with and without them",
    columns(
        f"{_BETAS} {_ERRORS} r_squared n_obs dof variance_total variance_systematic"
        " variance_idiosyncratic minutes status"
    ),
    Partitions.DAY_AND_TICKER,
    claims=(_STATUS_IS_GIVEN,),
)
