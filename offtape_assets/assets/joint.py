"""joint: one joint law of all names per snapshot, and the laws of factors it implies."""

import polars as pl

from offtape_assets.assets.declare import table_asset
from offtape_assets.assets.inputs import Inputs
from offtape_assets.estimates.factor_laws import factor_frames
from offtape_assets.estimates.joint_day import JointInputs, JointPlan, joint_day, leverage_of
from offtape_assets.market.groups import parse_groups
from offtape_assets.market.universe import kind_of
from offtape_assets.partitions import optional
from offtape_assets.report import joint as pictures
from offtape_assets.tables import features, raw
from offtape_assets.tables import model_conditional as conditional
from offtape_assets.tables import model_factors as factors
from offtape_assets.tables import model_joint as model
from offtape_assets.tables import model_options as options


@table_asset(
    model.JOINT_STATES,
    model.JOINT_FITS,
    model.JOINT_CORRELATIONS,
    model.JOINT_OPTIONS,
    reads=(
        options.RISK_NEUTRAL_DENSITIES,
        options.RISK_NEUTRAL_FITS,
        optional(raw.ETF_BASKETS),
        optional(features.MICROSTRUCTURE_1M),
        optional(factors.ETF_REPLICATIONS),
        optional(conditional.CONDITIONAL_FITS),
        optional(conditional.CONDITIONAL_DENSITIES),
    ),
    settings=(
        "seed",
        "tickers",
        "joint_times",
        "joint_states",
        "joint_restarts",
        "leadership_groups",
    ),
    picture=pictures.correlation_heat_map,
)
def joint_laws(inputs: Inputs) -> tuple[pl.DataFrame, ...]:
    """States of all names together, how the funds' holdings hold, and what they imply."""
    chosen = inputs.settings
    read = JointInputs(
        inputs.frame(options.RISK_NEUTRAL_DENSITIES, "ts, ticker, expiry, strike, density, cdf"),
        inputs.frame(
            options.RISK_NEUTRAL_FITS, "ts, ticker, expiry, status, forward, discount, tau_years"
        ),
        inputs.frame(raw.ETF_BASKETS),
        inputs.frame(features.MICROSTRUCTURE_1M, "ticker, bucket, log_mid"),
        inputs.frame(factors.ETF_REPLICATIONS, "etf, ticker, method, weight_normalized, status"),
        inputs.frame(
            conditional.CONDITIONAL_DENSITIES,
            "ts, ticker, expiry, method, strike, density_yes, density_no",
        ),
        inputs.frame(
            conditional.CONDITIONAL_FITS, "ts, ticker, expiry, method, status, probability"
        ),
    )
    stocks = tuple(ticker for ticker in chosen.tickers if kind_of(ticker) == "equity")
    plan = JointPlan(
        inputs.day, chosen.joint_times, chosen.joint_states, chosen.joint_restarts, chosen.seed,
        stocks, leverage_of(parse_groups(chosen.leadership_groups)),
    )  # fmt: skip
    return joint_day(read, plan)


@table_asset(
    model.FACTOR_LAWS,
    model.FACTOR_MOMENTS,
    reads=(model.JOINT_STATES, model.JOINT_FITS, raw.FACTOR_WEIGHTS),
    picture=pictures.factor_densities,
)
def factor_laws(inputs: Inputs) -> tuple[pl.DataFrame, ...]:
    """Law of one factor portfolio at expiry, implied by the names' joint states."""
    return factor_frames(
        inputs.frame(model.JOINT_STATES),
        inputs.frame(model.JOINT_FITS),
        inputs.frame(raw.FACTOR_WEIGHTS),
    )
