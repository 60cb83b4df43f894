"""model: what the factors say of funds, of the event's day and of the official library."""

from offtape_assets.tables.columns import columns
from offtape_assets.tables.table import Claim, Column, Partitions, Table

_STATUS_IS_GIVEN = Claim("status_is_given", "status is not null", "a missing estimate says why")

ETF_REPLICATIONS = Table(
    "model",
    "etf_replications",
    "weight of one stock in the smallest portfolio with one fund's factor loadings",
    (
        *columns("etf ticker"),
        Column("method", "VARCHAR", "", "'min_norm' (the seed's) or 'min_variance'"),
        *columns(
            "weight weight_normalized exposure_error exposure_error_normalized tracking_sd status"
        ),
    ),
    Partitions.DAY,
    key=("etf", "method", "ticker"),
    claims=(
        _STATUS_IS_GIVEN,
        Claim(
            "exposures_are_matched",
            "status <> 'ok' or exposure_error <= 1e-8",
            "the match is exact before normalization",
        ),
    ),
)

IDIOSYNCRATIC_AMPLIFICATIONS = Table(
    "model",
    "idiosyncratic_amplifications",
    "idiosyncratic variance of one name, or the mean of many, on the date over the days before",
    (
        *columns("scope"),
        Column("method", "VARCHAR", "", "'minutes' (realized) or 'daily' (close to close)"),
        *columns(
            "variance_idiosyncratic variance_before amplification amplification_sd n_days n_names"
            " status"
        ),
    ),
    Partitions.DAY,
    key=("method", "scope"),
    claims=(_STATUS_IS_GIVEN,),
)

FACTOR_RECONCILIATIONS = Table(
    "model",
    "factor_reconciliations",
    "one factor beside the official library: on the date, and as R2 and slope over the days before",
    (
        *columns("vintage factor"),
        Column("basis", "VARCHAR", "", "'close_to_close', or 'intraday' without the night's mids"),
        Column("return_ours", "DOUBLE", "return", "ours of the date on this basis"),
        *columns(
            "return_official return_difference restatement beta_to_official r_squared n_days status"
        ),
    ),
    Partitions.DAY,
    key=("vintage", "factor"),
    claims=(
        _STATUS_IS_GIVEN,
        Claim(
            "agrees_with_the_library",
            "coalesce(r_squared >= 0.8 and abs(beta_to_official - 1) <= 0.25, true)",
            "other stocks or other weights than the library's show here; intraday returns miss the"
            " night, a fifth of a day's variance or more",
            is_blocking=False,
        ),
    ),
)
