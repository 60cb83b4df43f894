"""features: raw rows cleaned, keyed and in our units."""

from offtape_assets.tables.columns import TICK_TS, columns
from offtape_assets.tables.table import Claim, Column, Partitions, Table


def _is_fraction(name: str) -> Claim:
    return Claim(
        f"{name}_is_a_fraction",
        f"coalesce({name} between 0 and 1 + 1e-9, true)",
        "a share of a whole; NULL where the whole is empty",
    )


UNIVERSE = Table(
    "features",
    "universe",
    "one of the most traded names of its kind over the 20 sessions ending the evening before",
    columns("ticker kind rank volume_shares_millions volume_dollars_millions"),
    Partitions.DAY,
    key=("ticker",),
    order_by=("kind", "rank"),
    claims=(
        Claim("kind_is_known", "kind in ('equity', 'etf')", "stocks and funds rank apart"),
        Claim("rank_is_within_twenty", "rank between 1 and 20", "the study takes 20 of each kind"),
    ),
)

SIGNED_TRADES = Table(
    "features",
    "signed_trades",
    "one print that counts as a trade, with the quote in force before it and its two signs",
    (
        TICK_TS,
        *columns("price size is_iso is_odd_lot is_signable bid_price ask_price mid_price"),
        *columns("sign_quote_rule sign_lee_ready sign_route"),
    ),
    Partitions.DAY_AND_TICKER,
    order_by=("ts",),
    claims=(
        Claim(
            "signs_are_directions",
            "sign_quote_rule between -1 and 1 and sign_lee_ready between -1 and 1",
            "a direction is -1, 0 or 1",
        ),
        Claim(
            "route_is_known",
            "sign_route in ('quote', 'tick', 'unsigned')",
            "every sign says what decided it",
        ),
        Claim(
            "quote_rule_follows_the_mid",
            "not is_signable or sign_quote_rule = 0 or mid_price is not null"
            " and sign(price - mid_price) = sign_quote_rule",
            "the rule's definition",
        ),
    ),
)

MICROSTRUCTURE_1M = Table(
    "features",
    "microstructure_1m",
    "one minute [bucket - 1 minute, bucket) of the session: quotes, trades, signed flow, spreads",
    columns(
        "bucket log_mid quote_updates avg_rsprd pct_trades_iso pct_volume_iso total_flow_non_iso"
        " total_flow_iso num_trades num_trades_iso total_volume total_flow iso_flow_intensity"
        " last_mid time_weighted_rsprd slippage slippage_normalized effective_spread"
        " realized_spread iso_signed_share odd_lot_share sign_coverage"
    ),
    Partitions.DAY_AND_TICKER,
    key=("bucket",),
    claims=(
        *(
            _is_fraction(name)
            for name in ("pct_trades_iso", "pct_volume_iso", "odd_lot_share", "sign_coverage")
        ),
        Claim(
            "flow_adds_up",
            "abs(total_flow - total_flow_iso - total_flow_non_iso) <= 1e-6 * (1 + abs(total_flow))",
            "ISO and other flow are the whole",
        ),
        Claim(
            "counts_are_not_negative",
            "num_trades >= num_trades_iso and num_trades_iso >= 0 and quote_updates >= 0",
            "counts count",
        ),
    ),
)

PRICE_ATTRIBUTION_1M = Table(
    "features",
    "price_attribution_1m",
    "one minute's change of the mid, split into a quote-driven and a trade-driven part",
    columns("bucket mid_change quote_change trade_change"),
    Partitions.DAY_AND_TICKER,
    key=("bucket",),
    claims=(
        Claim(
            "parts_add_up",
            "coalesce(abs(mid_change - quote_change - trade_change) <= 1e-9, true)",
            "the two parts are the whole change; NULL before the first quote",
        ),
    ),
)

PRICE_ATTRIBUTION_1D = Table(
    "features",
    "price_attribution_1d",
    "one session's shares of mid variance driven by quotes, by trades and by their covariance",
    columns("omega_quote omega_trade omega_covariance window_ms status"),
    Partitions.DAY_AND_TICKER,
    claims=(
        Claim(
            "shares_add_up",
            "coalesce(abs(omega_quote + omega_trade + omega_covariance - 1) <= 1e-9,"
            " status <> 'ok')",
            "the variance of a sum",
        ),
    ),
)

MID_TICKS = Table(
    "features",
    "mid_ticks",
    "the last usable quote of one 100 ms bin of the session in which a quote came: event time",
    (TICK_TS, *columns("log_mid_price")),
    Partitions.DAY_AND_TICKER,
    key=("ts",),
    claims=(
        Claim(
            "mid_is_positive_money",
            "log_mid_price between -7 and 14",
            "mids between a tenth of a cent and a million dollars",
        ),
    ),
)

UP_MOVE_SAMPLES = Table(
    "features",
    "up_move_samples",
    "one name at the end of one minute: what an up-move model may know, and what came of it",
    (
        *columns("ticker bucket horizon_minutes pct_trades_iso pct_volume_iso iso_signed_share"),
        *columns("signed_flow_share slippage_per_trade log_trades log_quote_updates avg_rsprd"),
        *columns("odd_lot_share return_1m return_5m"),
        Column("outcome", "DOUBLE", "", "1 if the mid rose, 0 if it fell; NULL if unchanged"),
    ),
    Partitions.DAY,
    key=("ticker", "bucket"),
    order_by=("bucket", "ticker"),
    claims=(Claim("outcome_is_a_direction", "coalesce(outcome in (0, 1), true)", "up or down"),),
)

CRYPTO_VOLATILITY_1H = Table(
    "features",
    "crypto_volatility_1h",
    "what is known at one hour of a coin's price, its volatility, its jumps and the bill yield",
    columns(
        "symbol ts spot spot_ts implied_volatility implied_age_hours riskmetrics_volatility"
        " realised_volatility jump_intensity jump_mean jump_sd n_jumps n_hours drift status"
    ),
    Partitions.CALENDAR_DAY,
    key=("symbol", "ts"),
    claims=(
        Claim("spot_is_known_by_then", "coalesce(spot_ts <= ts, true)", "no look-ahead"),
        Claim(
            "estimates_are_complete",
            "status <> 'ok' or (spot > 0 and implied_volatility > 0 and jump_intensity >= 0)",
            "an ok row can be priced from",
        ),
        Claim(
            "implied_volatility_is_fresh",
            "coalesce(implied_age_hours <= 1, true)",
            "older values are carried over holes of the index; this counts the hours",
            is_blocking=False,
        ),
    ),
)

CONTRACT_PRICES = Table(
    "features",
    "contract_prices",
    "first price of one contract at or after one hour of its life, with its terms",
    columns(
        "contract_id ts venue family kind range_low range_high opens_ts expires_ts market_price"
        " price_sum is_placeholder"
    ),
    Partitions.CALENDAR_DAY,
    key=("contract_id", "ts"),
    order_by=("family", "ts", "range_low", "contract_id"),
    claims=(
        Claim("price_is_a_share_of_a_dollar", "market_price between 0 and 1", "pays one dollar"),
        Claim("is_within_its_life", "ts >= opens_ts and ts <= expires_ts", "later prices are over"),
        Claim(
            "sum_is_near_one",
            "is_placeholder or price_sum is null or abs(price_sum - 1) <= 0.25",
            "one of the ranges pays one dollar",
        ),
    ),
)

OPTION_SMILES = Table(
    "features",
    "option_smiles",
    "one option at one instant of the grid: microprice, volatility, greeks, or why there is none",
    columns(
        "ts expiry strike option_right log_moneyness bid_price ask_price microprice price_sd"
        " early_exercise_premium implied_vol implied_vol_sd delta gamma vega forward forward_sd"
        " discount tau_years is_out_of_the_money parity_residual status"
    ),
    Partitions.DAY_AND_TICKER,
    key=("ts", "expiry", "strike", "option_right"),
    claims=(
        Claim("status_is_given", "status is not null", "a quote that is not used says why"),
        Claim(
            "volatility_comes_with_ok",
            "(status = 'ok') = (implied_vol is not null)",
            "a rejected quote has no volatility, a good one has",
        ),
        Claim(
            "greeks_have_their_signs",
            "status <> 'ok' or (gamma >= 0 and vega >= 0"
            " and (delta between 0 and 1 or option_right = 'P')"
            " and (delta between -1 and 0 or option_right = 'C'))",
            "calls rise and puts fall with the underlying, both like volatility",
        ),
        Claim(
            "microprice_is_in_the_spread",
            "status <> 'ok' or microprice between bid_price - 1e-9 and ask_price + 1e-9",
            "a weighted mean of bid and ask",
        ),
    ),
)
