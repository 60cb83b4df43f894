"""model: laws of a price given each outcome of the event, and hedges of the event itself."""

from offtape_assets.tables.columns import columns
from offtape_assets.tables.table import Claim, Column, Partitions, Table

_METHOD = Column(
    "method", "VARCHAR", "", "'panel' (default), 'two_lognormal', 'shift', 'max_entropy'"
)
_METHOD_IS_KNOWN = Claim(
    "method_is_known",
    "method in ('panel', 'two_lognormal', 'shift', 'max_entropy')",
    "four estimators under their own names",
)

EVENT_READINGS = Table(
    "model",
    "event_readings",
    "the event's probability read in one minute of the session, and smoothed with the whole session"
    " (later minutes too: never an input of a causal estimate)",
    columns("ts reading reading_sd probability probability_sd status"),
    Partitions.DAY,
    key=("ts",),
    claims=(
        Claim(
            "readings_are_probabilities",
            "coalesce(reading between 0 and 1, true)",
            "a chance, NULL in a minute without a trade",
        ),
        Claim(
            "smoothed_where_ok",
            "(status = 'ok') = (probability is not null)",
            "a session without a path says why",
        ),
    ),
)

CONDITIONAL_FITS = Table(
    "model",
    "conditional_fits",
    "one expiry's law at one instant split by one method into the laws given yes and given no, from"
    " the whole session's changes (a description of the day, not a forecast); status 'family_only':"
    " the figures rest on an assumed family, not on data",
    (
        *columns("ts expiry"),
        _METHOD,
        *columns(
            "status probability mean_yes mean_no sd_yes sd_no forward_return_yes forward_return_no"
            " identification reconstruction_l1 log_ratio log_ratio_sd slope_likelihood_ratio"
            " probability_range price_lag_minutes mean_yes_low mean_yes_high mean_no_low"
            " mean_no_high sd_yes_low sd_yes_high sd_no_low sd_no_high"
        ),
    ),
    Partitions.DAY_AND_TICKER,
    key=("ts", "expiry", "method"),
    claims=(
        _METHOD_IS_KNOWN,
        Claim("status_is_given", "status is not null", "a failed split says why"),
        Claim(
            "moments_only_where_there_is_a_split",
            "(status in ('ok', 'family_only')) = (mean_yes is not null and mean_no is not null"
            " and sd_yes is not null and sd_no is not null)",
            "what is not identified is NULL",
        ),
        Claim(
            "family_is_never_called_identified",
            "(status = 'family_only') <= (method = 'two_lognormal')"
            " and not (method = 'two_lognormal' and status = 'ok')",
            "one snapshot cannot tell the states apart",
        ),
        Claim(
            "means_mix_to_the_forward",
            "coalesce(abs(probability * forward_return_yes"
            " + (1 - probability) * forward_return_no) < 1e-6, true)",
            "the price at expiry is a martingale",
        ),
        Claim("sds_are_positive", "coalesce(sd_yes > 0 and sd_no > 0, true)", "laws have widths"),
        Claim(
            "bands_hold_the_means",
            "coalesce(mean_yes between mean_yes_low and mean_yes_high"
            " and mean_no between mean_no_low and mean_no_high, true)",
            "the band is the slope's; a law fitted to few strikes may leave it",
            is_blocking=False,
        ),
    ),
)

CONDITIONAL_DENSITIES = Table(
    "model",
    "conditional_densities",
    "the observed law and its two parts by one method at one quoted strike and instant",
    (
        *columns("ts expiry"),
        _METHOD,
        *columns("strike observed density_yes density_no reconstructed"),
    ),
    Partitions.DAY_AND_TICKER,
    key=("ts", "expiry", "method", "strike"),
    claims=(
        _METHOD_IS_KNOWN,
        Claim("densities_are_not_negative", "density_yes >= 0 and density_no >= 0", "densities"),
    ),
)

EVENT_HEDGES = Table(
    "model",
    "event_hedges",
    "how much one measure of a name moves with the event's probability over one horizon, and the"
    " position in the event's contracts that offsets it; from the whole session",
    columns(
        "measure horizon_minutes sensitivity sensitivity_sd hedge_contracts hedge_r_squared"
        " n_changes price_lag_minutes status"
    ),
    Partitions.DAY_AND_TICKER,
    key=("measure", "horizon_minutes"),
    claims=(
        Claim("measure_is_known", "measure in ('spot', 'implied_vol')", "two measures"),
        Claim(
            "figures_come_with_ok",
            "(status = 'ok') = (sensitivity is not null)",
            "a failed regression says why",
        ),
        Claim(
            "r_squared_is_a_share",
            "coalesce(hedge_r_squared between -1e-9 and 1 + 1e-9, true)",
            "a share of variance",
        ),
    ),
)
