"""leadership: who moves first within groups, against the event and across the panel."""

import polars as pl

from offtape_assets.assets.declare import table_asset
from offtape_assets.assets.inputs import Inputs
from offtape_assets.estimates import leadership_prices
from offtape_assets.estimates.leadership import measure_groups
from offtape_assets.estimates.leadership_event import measure_event_leads
from offtape_assets.estimates.leadership_panel import measure_panel, panel_shares
from offtape_assets.estimates.up_moves import forecast_up_moves, sample_up_moves
from offtape_assets.market.calendar import session
from offtape_assets.market.groups import parse_groups
from offtape_assets.partitions import optional, window
from offtape_assets.report.leadership import panel_pictures, shares_through_the_day
from offtape_assets.tables import features, model_leadership, raw

TICKS = "ticker, ts, log_mid_price"


@table_asset(features.MID_TICKS, reads=(raw.QUOTES,))
def mid_ticks(inputs: Inputs) -> pl.DataFrame:
    """The last usable mid of a tenth of a second in which a quote came."""
    return leadership_prices.mid_ticks(inputs.frame(raw.QUOTES), session(inputs.day))


@table_asset(
    model_leadership.COINTEGRATION_TESTS,
    model_leadership.INFORMATION_SHARES,
    model_leadership.LEAD_TESTS,
    reads=(features.MID_TICKS, optional(raw.ETF_BASKETS), optional(raw.KALSHI_TRADES)),
    settings=[
        *("tickers", "leadership_groups", "leadership_window_minutes"),
        *("event_yes", "event_no", "seed"),
    ],
    picture=shares_through_the_day,
)
def group_leads(inputs: Inputs) -> tuple[pl.DataFrame, ...]:
    """Rank tests, shares and lead tests of one group in one window; the event beside every name."""
    choice, hours = inputs.settings, session(inputs.day)
    ticks = inputs.frame(features.MID_TICKS, TICKS)
    groups = measure_groups(
        ticks,
        inputs.frame(raw.ETF_BASKETS),
        parse_groups(choice.leadership_groups),
        hours,
        inputs.day,
        choice.leadership_window_minutes,
        choice.seed,
    )
    event = measure_event_leads(
        ticks, inputs.frame(raw.KALSHI_TRADES), choice.event_yes, choice.event_no, hours
    )
    panel = panel_shares(ticks, choice.tickers, hours, choice.leadership_window_minutes)
    return groups.ranks, pl.concat([groups.shares, panel]), pl.concat([groups.tests, event])


@table_asset(
    model_leadership.LEAD_LAGS,
    model_leadership.GRANGER_TESTS,
    model_leadership.CONNECTEDNESS,
    model_leadership.NET_SPILLOVERS,
    reads=(features.MID_TICKS, optional(raw.ETF_BASKETS)),
    settings=["tickers", "leadership_groups", "seed"],
    picture=panel_pictures,
)
def panel_leads(inputs: Inputs) -> tuple[pl.DataFrame, ...]:
    """Lead-lags, Granger tests and spillovers of one pair of names, net spillovers of one name."""
    return measure_panel(
        inputs.frame(features.MID_TICKS, TICKS),
        inputs.frame(raw.ETF_BASKETS),
        parse_groups(inputs.settings.leadership_groups),
        inputs.settings.tickers,
        session(inputs.day),
        inputs.day,
        inputs.settings.seed,
    )


@table_asset(
    features.UP_MOVE_SAMPLES,
    reads=(features.MICROSTRUCTURE_1M,),
    settings=["tickers", "up_move_minutes"],
)
def up_move_samples(inputs: Inputs) -> pl.DataFrame:
    """What may be known of one name at the end of one minute, and what came of it."""
    minutes = inputs.frame(features.MICROSTRUCTURE_1M)
    return sample_up_moves(minutes, inputs.settings.up_move_minutes)


@table_asset(
    model_leadership.UP_MOVE_FORECASTS,
    model_leadership.UP_MOVE_SCORES,
    model_leadership.UP_MOVE_COEFFICIENTS,
    reads=(window(features.UP_MOVE_SAMPLES, days_back=28, is_optional=True),),
    settings=["tickers", "up_move_minutes"],
)
def up_moves(inputs: Inputs) -> tuple[pl.DataFrame, ...]:
    """One forecast of one name's move, one score of the day, one coefficient of its last model."""
    samples = inputs.frame(features.UP_MOVE_SAMPLES)
    return forecast_up_moves(samples, inputs.day, inputs.settings.up_move_minutes)
