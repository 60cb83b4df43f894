"""options: option chains to volatilities, risk-neutral laws and dealers' gamma."""

import polars as pl

from offtape_assets.assets.declare import raw_asset, table_asset
from offtape_assets.assets.inputs import Inputs
from offtape_assets.estimates.option_smiles import SmileSettings, measure_option_smiles
from offtape_assets.estimates.risk_neutral import fit_risk_neutral
from offtape_assets.market.calendar import session
from offtape_assets.partitions import optional
from offtape_assets.report.options import smile_and_density
from offtape_assets.tables import features, model_options, raw

option_quotes = raw_asset(raw.OPTION_QUOTES)
open_interest = raw_asset(raw.OPEN_INTEREST)
treasury_bills = raw_asset(raw.TREASURY_BILLS)


@table_asset(
    features.OPTION_SMILES,
    reads=(raw.OPTION_QUOTES, optional(raw.TREASURY_BILLS)),
    settings=[
        *("source", "event_date", "option_expiries", "snapshot_minutes", "risk_free_rate"),
        "option_exercise",
    ],
    version="2",
)
def option_smiles(inputs: Inputs) -> pl.DataFrame:
    """One option at one instant of the day's grid: its volatility and greeks, or why it has none."""
    chosen = inputs.settings
    return measure_option_smiles(
        inputs.frame(raw.OPTION_QUOTES),
        inputs.frame(raw.TREASURY_BILLS, "tenor_days, rate"),
        session(inputs.day),
        SmileSettings(
            inputs.day,
            chosen.event_date,
            chosen.option_expiries,
            chosen.snapshot_minutes,
            chosen.risk_free_rate,
            chosen.has_american_options,
        ),
    )


@table_asset(
    model_options.RISK_NEUTRAL_FITS,
    model_options.RISK_NEUTRAL_DENSITIES,
    model_options.GAMMA_EXPOSURES,
    reads=(features.OPTION_SMILES, optional(raw.OPEN_INTEREST)),
    settings=["density_method"],
    version="2",
    picture=smile_and_density,
)
def risk_neutral(inputs: Inputs) -> tuple[pl.DataFrame, ...]:
    """The law of one expiry at one instant: how well it fits, its density, dealers' gamma on it."""
    return fit_risk_neutral(
        inputs.frame(features.OPTION_SMILES),
        inputs.frame(raw.OPEN_INTEREST),
        inputs.settings.density_method,
    )
