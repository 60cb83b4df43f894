"""model: the event's probability trade by trade, its information clock, how good the filter is."""

from offtape_assets.tables.columns import columns
from offtape_assets.tables.table import Claim, Column, Partitions, Table

_METHOD = Column("method", "VARCHAR", "", "'seed', 'continuous' or 'probit'")
_CLOCK = Column("method", "VARCHAR", "", "'local_variance', 'bipower', 'digital' or 'taleb'")
_PROBABILITY = Column(
    "probability",
    "DOUBLE",
    "fraction",
    "probability of the first (yes) contract; for 'seed', which filters each contract alone, of"
    " the row's own contract",
)
_REGIME = Column("regime", "VARCHAR", "", "baseline |z| <= 1, moderate |z| <= 2, high |z| > 2")
_METHOD_IS_KNOWN = Claim(
    "method_is_known", "method in ('seed', 'continuous', 'probit')", "three filters"
)

KALSHI_PROBABILITIES = Table(
    "model",
    "kalshi_probabilities",
    "one trade of the event's contracts and the probability known right after it, by one filter;"
    " status 'first_trade' and 'same_order' have no innovation, 'at_limit' is only a bound",
    (
        *columns("ts contract"),
        _METHOD,
        *columns("price contracts_traded"),
        _PROBABILITY,
        *columns("variance gain innovation standardized_innovation"),
        _REGIME,
        *columns("log_likelihood"),
        *columns("probability_low probability_high vig active_share n_fitted status"),
    ),
    Partitions.CALENDAR_DAY,
    claims=(
        _METHOD_IS_KNOWN,
        Claim(
            "probability_is_a_probability",
            "probability between 0 and 1 or method = 'seed'",
            "a chance; the seed's linear filter of prices in [0, 1] stays there but for rounding",
        ),
        Claim("variance_is_positive", "variance > 0", "a finite tape never makes certain"),
        Claim(
            "band_holds_the_estimate",
            "probability between probability_low - 1e-9 and probability_high + 1e-9",
            "the band is about the estimate, cut at 0 and 1",
        ),
        Claim(
            "innovation_where_there_is_one",
            "(innovation is null) = (status in ('first_trade', 'same_order'))",
            "every trade but a first or repeated one surprises by some amount",
        ),
        Claim(
            "regime_follows_z",
            "regime is not distinct from case when abs(standardized_innovation) > 2 then 'high'"
            " when abs(standardized_innovation) > 1 then 'moderate'"
            " when standardized_innovation is not null then 'baseline' end",
            "the regime is a function of z",
        ),
    ),
)

EVENT_CLOCKS = Table(
    "model",
    "event_clocks",
    "how fast information arrives, known at the end of one minute, by one estimator",
    (
        *columns("ts"),
        _CLOCK,
        *columns("probit clock_rate clock_rate_error clock_parameter clock_parameter_error"),
        *columns("jump_statistic is_jump status"),
    ),
    Partitions.CALENDAR_DAY,
    key=("ts", "method"),
    claims=(
        Claim(
            "method_is_known",
            "method in ('local_variance', 'bipower', 'digital', 'taleb')",
            "four clocks",
        ),
        Claim(
            "rate_where_ok",
            "case when status = 'ok' then clock_rate >= 0 and clock_rate_error >= 0"
            " else clock_rate is null end",
            "an estimate that failed is NULL, never a start value",
        ),
    ),
)

EVENT_DIAGNOSTICS = Table(
    "model",
    "event_diagnostics",
    "one filter on one contract's (or, pooled, the event's) trades of a day: is z white and unit",
    (
        *columns("contract"),
        _METHOD,
        *columns("n_trades_used z_mean z_variance share_beyond_two ljung_box ljung_box_p"),
        *columns("log_likelihood level_variance noise_variance tick_persistence"),
        *columns("level_variance_mle noise_variance_mle status"),
    ),
    Partitions.CALENDAR_DAY,
    key=("contract", "method"),
    claims=(_METHOD_IS_KNOWN,),
)
