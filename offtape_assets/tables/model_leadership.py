"""model: who moves first within groups, against the event and across the panel; up-moves."""

from offtape_assets.tables.columns import columns
from offtape_assets.tables.table import Claim, Column, Partitions, Table

_RANK = Column("rank", "INTEGER", "", "cointegration rank by the trace test at 5 %")
_LEAD_METHOD = Column(
    "method", "VARCHAR", "", "'hayashi_yoshida' (ticks), 'grid' (seconds) or 'event'"
)
_LAG_METHOD = Column("method", "VARCHAR", "", "'ccf' (1-second grid) or 'hayashi_yoshida' (ticks)")
_UP_PROBABILITY = Column("probability", "DOUBLE", "fraction", "forecast chance that the mid rises")
_ROSE = Column("outcome", "DOUBLE", "", "1 if the mid rose, 0 if it fell; NULL if unchanged")

_WINDOW_KEY = ("group_name", "window_minutes", "window_end")

_LEADER_NEEDS_A_TEST = Claim(
    "failure_names_no_leader",
    "status = 'ok' or is_leader is null",
    "a failed window never names a leader",
)


def _p(name: str) -> Claim:
    return Claim(f"{name}_is_a_chance", f"coalesce({name} between 0 and 1, true)", "a p value")


COINTEGRATION_TESTS = Table(
    "model",
    "cointegration_tests",
    "one null rank of one group in one window: Johansen's statistics and 5 % points",
    columns(
        "window_end window_minutes group_name null_rank eigenvalue trace_statistic"
        " trace_critical_95 max_eigen_statistic max_eigen_critical_95 n_obs status"
    ),
    Partitions.DAY,
    key=(*_WINDOW_KEY, "null_rank"),
    claims=(
        Claim(
            "eigenvalue_is_a_squared_correlation",
            "eigenvalue between 0 and 1 or status <> 'ok'",
            "roots of the reduced-rank regression",
        ),
        Claim(
            "statistics_are_known",
            "(trace_statistic >= max_eigen_statistic - 1e-6) or status <> 'ok'",
            "the trace adds up the remaining roots",
        ),
    ),
)

INFORMATION_SHARES = Table(
    "model",
    "information_shares",
    "one series of one group in one window: its shares of the common trend, bounds and band",
    (
        *columns("window_end window_minutes group_name ticker status"),
        _RANK,
        *columns(
            "is_lower is_upper is_width is_mean is_modified is_diagonal component_share"
            " leadership_share leadership_index trace_share band_low band_high n_obs is_leader"
        ),
    ),
    Partitions.DAY,
    key=(*_WINDOW_KEY, "ticker"),
    claims=(
        Claim(
            "bounds_hold_the_mean",
            "coalesce(is_lower <= is_mean + 1e-9 and is_mean <= is_upper + 1e-9, true)",
            "the mean is over the same orderings",
        ),
        Claim(
            "shares_are_fractions",
            "coalesce(is_mean between 0 and 1 and is_modified between 0 and 1"
            " and component_share between 0 and 1, true)",
            "parts of one variance",
        ),
        Claim(
            "failure_has_no_share",
            "status = 'ok' or coalesce(is_mean, is_modified, component_share) is null",
            "no number that looks like an answer",
        ),
        _LEADER_NEEDS_A_TEST,
    ),
)

LEAD_TESTS = Table(
    "model",
    "lead_tests",
    "one ordered pair of one group in one window: the test that `leader` moves before `follower`",
    (
        *columns("window_end window_minutes group_name leader follower"),
        _LEAD_METHOD,
        *columns("reach_seconds asymmetry z p_value n_blocks stale_share status is_leader"),
    ),
    Partitions.DAY,
    key=(*_WINDOW_KEY, "leader", "follower", "method", "reach_seconds"),
    claims=(
        _LEADER_NEEDS_A_TEST,
        _p("p_value"),
        Claim("leader_moved_first", "is_leader is null or not is_leader or z > 0", "what it means"),
        Claim(
            "test_is_complete",
            "status <> 'ok' or (z is not null and p_value is not null)",
            "an ok test has its numbers",
        ),
    ),
)

LEAD_LAGS = Table(
    "model",
    "lead_lags",
    "one pair of names on one day: where their cross-correlation peaks and which way it leans",
    (
        *columns("leader follower"),
        _LAG_METHOD,
        *columns("lag_seconds correlation leadership_indicator n_obs"),
    ),
    Partitions.DAY,
    key=("leader", "follower", "method"),
    order_by=("method", "leader", "follower"),
    claims=(
        Claim(
            "indicator_points_to_the_leader",
            "coalesce(leadership_indicator >= 0, true)",
            "the pair is written so that L = max ahead - max behind is not negative",
        ),
        Claim(
            "correlation_is_bounded",
            "method <> 'ccf' or coalesce(abs(correlation) <= 1 + 1e-9, true)",
            "Hayashi-Yoshida sums over noisy ticks may exceed 1",
        ),
    ),
)

GRANGER_TESTS = Table(
    "model",
    "granger_tests",
    "one ordered pair of names on one day: does the past of `cause` help to predict `effect`",
    columns(
        "cause effect lags f_statistic p_value wald_statistic p_value_white p_value_adjusted"
        " n_obs status"
    ),
    Partitions.DAY,
    key=("cause", "effect"),
    claims=(
        _p("p_value"),
        _p("p_value_white"),
        Claim(
            "adjustment_is_upward",
            "coalesce(p_value_adjusted >= p_value_white - 1e-12, true)",
            "more tests, less significance",
        ),
    ),
)

CONNECTEDNESS = Table(
    "model",
    "connectedness",
    "one ordered pair of names on one day: lagged spillover beyond common factors",
    columns("window_end from_ticker to_ticker share"),
    Partitions.DAY,
    key=("window_end", "from_ticker", "to_ticker"),
    claims=(
        Claim("share_is_a_fraction", "coalesce(share between 0 and 1, true)", "of one variance"),
    ),
)

NET_SPILLOVERS = Table(
    "model",
    "net_spillovers",
    "one name on one day: what it gives to the panel less what it takes, against circular shifts",
    columns("window_end ticker net_spillover p_value stability is_leader status"),
    Partitions.DAY,
    key=("window_end", "ticker"),
    claims=(_LEADER_NEEDS_A_TEST, _p("p_value")),
)

UP_MOVE_FORECASTS = Table(
    "model",
    "up_move_forecasts",
    "one name at the end of one minute: the forecast chance that its mid rises, and what happened",
    (
        *columns("ticker bucket horizon_minutes"),
        _UP_PROBABILITY,
        _ROSE,
        *columns("fold status"),
    ),
    Partitions.DAY,
    key=("ticker", "bucket"),
    order_by=("bucket", "ticker"),
    claims=(
        Claim(
            "forecast_is_inside_the_unit_interval",
            "status <> 'ok' or (probability > 0 and probability < 1)",
            "a logistic model is never certain",
        ),
        Claim(
            "failure_has_no_forecast", "status = 'ok' or probability is null", "no silent number"
        ),
    ),
)

UP_MOVE_SCORES = Table(
    "model",
    "up_move_scores",
    "one score of the day's up-move forecasts beside that of the past share of up-moves",
    columns("metric value baseline n_obs status"),
    Partitions.DAY,
    key=("metric",),
    claims=(
        Claim(
            "score_is_known", "status <> 'ok' or value is not null", "an ok score has its number"
        ),
    ),
)

UP_MOVE_COEFFICIENTS = Table(
    "model",
    "up_move_coefficients",
    "one feature of the day's last fitted up-move model",
    columns("feature coefficient coefficient_se n_obs status"),
    Partitions.DAY,
    key=("feature",),
    claims=(
        Claim(
            "error_comes_with_the_coefficient",
            "(coefficient is null) = (coefficient_se is null)",
            "a coefficient without its error says nothing",
        ),
    ),
)
