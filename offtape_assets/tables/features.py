"""features: raw rows cleaned, keyed and in our units."""

from offtape_assets.tables.columns import TICK_TS, columns
from offtape_assets.tables.table import Claim, Partitions, Table


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
