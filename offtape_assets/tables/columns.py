"""The vocabulary: every column name of raw and features, with its one type, unit and meaning.

`TICK_TS` is `ts` at nanosecond resolution, used where single ticks are stored. A new column is
declared here first, then listed by its table.
"""

from collections import Counter

from offtape_assets.tables.columns_conditional import CONDITIONAL_COLUMNS
from offtape_assets.tables.columns_contracts import CONTRACT_COLUMNS
from offtape_assets.tables.columns_event import EVENT_COLUMNS
from offtape_assets.tables.columns_factors import FACTOR_COLUMNS
from offtape_assets.tables.columns_joint import JOINT_COLUMNS
from offtape_assets.tables.columns_leadership import LEADERSHIP_COLUMNS
from offtape_assets.tables.columns_options import OPTION_COLUMNS
from offtape_assets.tables.table import TICKER, Column

__all__ = ["COLUMNS", "TICK_TS", "columns"]

PRICE = "DECIMAL(18,6)"
TICK_TS = Column("ts", "TIMESTAMP_NS", "UTC", "instant the row became public (SIP receipt)")

_VOCABULARY = (
    TICKER,
    Column("ts", "TIMESTAMP", "UTC", "instant the row describes"),
    Column("bucket", "TIMESTAMP", "UTC", "right end T of the interval [T - 1 minute, T)"),
    Column("window_end", "TIMESTAMP", "UTC", "right end T of the window [T - width, T)"),
    # ticks
    Column("participant_ts", "TIMESTAMP_NS", "UTC", "execution time reported by the venue"),
    Column("sequence_number", "BIGINT", "", "increases per ticker and day, with gaps"),
    Column("price", PRICE, "USD", "price per share or per one-dollar contract"),
    Column("size", PRICE, "shares", "shares of the print; fractional from 2026"),
    Column("exchange", "SMALLINT", "", "venue of the print; 4 is off-exchange (FINRA)"),
    Column("conditions", "SMALLINT[]", "", "sale or quote condition ids, see raw.trade_conditions"),
    Column("correction", "SMALLINT", "", "0 for an original good print, else the TAQ code"),
    Column("trade_id", "VARCHAR", "", "unique per ticker, venue and reporting facility only"),
    Column("bid_price", PRICE, "USD", "best bid; NULL where the side is absent"),
    Column("ask_price", PRICE, "USD", "best ask; NULL where the side is absent"),
    Column("bid_size", "BIGINT", "shares", "size at the best bid (contracts for options)"),
    Column("ask_size", "BIGINT", "shares", "size at the best ask (contracts for options)"),
    Column("bid_exchange", "SMALLINT", "", "venue of the best bid"),
    Column("ask_exchange", "SMALLINT", "", "venue of the best ask"),
    # bars
    Column("open", PRICE, "USD", "first eligible price of the bar"),
    Column("high", PRICE, "USD", "highest eligible price of the bar"),
    Column("low", PRICE, "USD", "lowest eligible price of the bar"),
    Column("close", PRICE, "USD", "last eligible price of the bar"),
    Column("volume", PRICE, "shares", "volume of the bar"),
    # sale conditions
    Column("condition", "SMALLINT", "", "sale or quote condition id"),
    Column("name", "VARCHAR", "", "name of the condition"),
    Column("sip_code", "VARCHAR", "", "letter on the CTA or UTP tape"),
    Column("is_signable", "BOOLEAN", "", "whether the print may be given a direction"),
    Column("counts_in_volume", "BOOLEAN", "", "whether regular-hours volume includes the print"),
    Column("counts_in_volume_extended", "BOOLEAN", "", "the same outside regular hours"),
    Column("is_iso", "BOOLEAN", "", "intermarket sweep order (condition 14)"),
    Column("condition_type", "VARCHAR", "", "the vendor's class of condition ids"),
    Column("data_types", "VARCHAR[]", "", "kinds of rows that carry it: trade, nbbo, bbo"),
    Column("sip_codes", "VARCHAR", "", "its codes on the tapes, as JSON"),
    Column("updates_high_low", "BOOLEAN", "", "whether the consolidated high and low count it"),
    Column("updates_open_close", "BOOLEAN", "", "whether the consolidated open and close count it"),
    Column("updates_volume", "BOOLEAN", "", "whether the consolidated volume counts it"),
    Column("is_legacy", "BOOLEAN", "", "whether the vendor calls it a thing of the past"),
    # universe
    Column("kind", "VARCHAR", "", "'equity' or 'etf' (universe); contract kind (markets)"),
    Column("rank", "INTEGER", "", "1 is the most traded by dollar volume within its kind"),
    Column("volume_shares_millions", "DOUBLE", "million shares", "mean daily volume"),
    Column("volume_dollars_millions", "DOUBLE", "million USD", "mean daily dollar volume"),
    # signed trades
    Column("is_odd_lot", "BOOLEAN", "", "odd-lot condition 37, or fewer than 100 shares"),
    Column("mid_price", "DOUBLE", "USD", "(bid + ask)/2 of the prevailing quote"),
    Column("sign_quote_rule", "TINYINT", "", "quote rule: +1 buy, -1 sell, 0 at the midpoint"),
    Column("sign_lee_ready", "TINYINT", "", "quote rule, tick test where it cannot decide"),
    Column("initiator", "TINYINT", "", "who started the trade: +1 the buyer, -1 the seller"),
    Column("sign_route", "VARCHAR", "", "what decided the sign: quote, tick or unsigned"),
    # one-minute microstructure
    Column("log_mid", "DOUBLE", "log USD", "log of the bucket's average mid"),
    Column("quote_updates", "BIGINT", "", "quotes whose bid or ask price differs from the last"),
    Column("avg_rsprd", "DOUBLE", "fraction", "mean of (ask - bid)/mid over the bucket's quotes"),
    Column("pct_trades_iso", "DOUBLE", "fraction", "share of prints that are ISO"),
    Column("pct_volume_iso", "DOUBLE", "fraction", "share of volume (unsigned) from ISO prints"),
    Column("total_flow_non_iso", "DOUBLE", "USD", "signed dollar flow of non-ISO prints"),
    Column("total_flow_iso", "DOUBLE", "USD", "signed dollar flow of ISO prints"),
    Column("num_trades", "BIGINT", "", "prints in the bucket"),
    Column("num_trades_iso", "BIGINT", "", "ISO prints in the bucket"),
    Column("total_volume", "DOUBLE", "shares", "shares traded in the bucket"),
    Column("total_flow", "DOUBLE", "USD", "signed dollar flow of all prints"),
    Column("iso_flow_intensity", "DOUBLE", "USD per share", "total_flow_iso / total_volume"),
    Column("last_mid", "DOUBLE", "USD", "mid in force at the end of the bucket"),
    Column("time_weighted_rsprd", "DOUBLE", "fraction", "relative spread weighted by its life"),
    Column("slippage", "DOUBLE", "USD", "sum of D (P - M), D by the quote rule"),
    Column("slippage_normalized", "DOUBLE", "half spreads", "slippage over the mean half spread"),
    Column("effective_spread", "DOUBLE", "fraction", "size-weighted mean of 2 D (P - M)/M"),
    Column(
        "realized_spread",
        "DOUBLE",
        "fraction",
        "the same against the mid 5 minutes later, so known only then",
    ),
    Column("iso_signed_share", "DOUBLE", "fraction", "signed ISO shares / total volume"),
    Column("odd_lot_share", "DOUBLE", "fraction", "odd-lot volume / total volume"),
    Column("sign_coverage", "DOUBLE", "fraction", "signed / signable volume (Lee-Ready)"),
    # attribution
    Column("mid_change", "DOUBLE", "USD", "change of the mid over the bucket"),
    Column("quote_change", "DOUBLE", "USD", "part of it with no print within the window"),
    Column("trade_change", "DOUBLE", "USD", "part of it with a print within the window"),
    Column("omega_quote", "DOUBLE", "fraction", "Var(quote part) / Var(change)"),
    Column("omega_trade", "DOUBLE", "fraction", "Var(trade part) / Var(change)"),
    Column("omega_covariance", "DOUBLE", "fraction", "2 Cov(quote, trade parts) / Var(change)"),
    Column("window_ms", "DOUBLE", "ms", "half-width of the window that links a print to a change"),
    # event contracts
    Column("contract", "VARCHAR", "", "market symbol of one side of the event"),
    Column("contracts_traded", PRICE, "contracts", "one-dollar contracts in the trade"),
    # options
    Column("expiry", "DATE", "day", "last trading day of the option"),
    Column("strike", PRICE, "USD", "exercise price"),
    Column("option_right", "VARCHAR", "", "'C' for a call, 'P' for a put"),
    Column("underlying_price", PRICE, "USD", "price of the underlying at the same instant"),
    Column("open_interest", "BIGINT", "contracts", "contracts open at the end of the day before"),
    Column("tenor_days", "INTEGER", "days", "days to maturity of the bill"),
    Column("rate", "DOUBLE", "per year", "bond-equivalent yield as a decimal"),
    # factors and funds
    Column("as_of", "DATE", "day", "evening at which the weights were known"),
    Column("factor", "VARCHAR", "", "mkt_rf, smb, hml, rmw or cma"),
    Column("weight", "DOUBLE", "fraction", "portfolio weight of the ticker"),
    Column("etf", "VARCHAR", "", "symbol of the fund"),
    Column("shares_per_share", "DOUBLE", "shares", "shares of the ticker in one share of the fund"),
    Column("vintage", "VARCHAR", "", "release of the factor library"),
    Column("mkt_rf", "DOUBLE", "return", "market less the bill"),
    Column("smb", "DOUBLE", "return", "small minus big"),
    Column("hml", "DOUBLE", "return", "high minus low book-to-market"),
    Column("rmw", "DOUBLE", "return", "robust minus weak profitability"),
    Column("cma", "DOUBLE", "return", "conservative minus aggressive investment"),
    Column("rf", "DOUBLE", "return", "one-month bill, per day"),
    # outcomes
    Column("status", "VARCHAR", "", "'ok', or the reason there is no estimate"),
    # truth of the simulated market
    Column("probability", "DOUBLE", "fraction", "probability of the first (yes) contract"),
    Column("group_name", "VARCHAR", "", "set of series compared for leadership"),
    Column("lag_seconds", "DOUBLE", "s", "delay behind the information; 0 leads"),
    Column("is_leader", "BOOLEAN", "", "whether the series leads its group"),
    Column("probability_informed", "DOUBLE", "fraction", "the same as the first to know see it"),
    Column("clock_rate", "DOUBLE", "per second", "squared probit volatility, jumps left out"),
    Column("is_jump", "BOOLEAN", "", "whether the probability jumps at this instant"),
    Column("mean_yes", "DOUBLE", "USD", "mean price at expiry given the first contract pays"),
    Column("mean_no", "DOUBLE", "USD", "mean price at expiry given the second contract pays"),
    Column("sd_yes", "DOUBLE", "USD", "standard deviation at expiry given the first pays"),
    Column("sd_no", "DOUBLE", "USD", "standard deviation at expiry given the second pays"),
    Column("log_sd_yes", "DOUBLE", "log", "standard deviation of the log price, given yes"),
    Column("log_sd_no", "DOUBLE", "log", "standard deviation of the log price, given no"),
    Column("beta_mkt_rf", "DOUBLE", "", "loading on mkt_rf"),
    Column("beta_smb", "DOUBLE", "", "loading on smb"),
    Column("beta_hml", "DOUBLE", "", "loading on hml"),
    Column("beta_rmw", "DOUBLE", "", "loading on rmw"),
    Column("beta_cma", "DOUBLE", "", "loading on cma"),
    Column("ticker_a", "VARCHAR", "", "first name of a pair, earlier in the alphabet"),
    Column("ticker_b", "VARCHAR", "", "second name of a pair"),
    Column("correlation", "DOUBLE", "", "correlation of the pair"),
    # quality
    Column("schema_name", "VARCHAR", "", "layer of the table judged"),
    Column("table_name", "VARCHAR", "", "table judged"),
    Column("partition_date", "DATE", "day", "date of the partition judged"),
    Column("partition_ticker", "VARCHAR", "", "ticker of the partition judged; '' for none"),
    Column("claim", "VARCHAR", "", "name of the claim"),
    Column("rows", "BIGINT", "", "rows judged"),
    Column("violations", "BIGINT", "", "rows that violate the claim"),
    Column("is_blocking", "BOOLEAN", "", "whether a violation fails the partition"),
    Column("passed", "BOOLEAN", "", "whether the claim holds"),
    Column("run_id", "VARCHAR", "", "run that wrote the partition"),
    Column("guilty_tickers", "VARCHAR", "", "partitions that violate the expectation; comma list"),
    Column("page", "VARCHAR", "", "page below quality/data_docs that shows the verdict"),
    Column("reason", "VARCHAR", "", "why the row was set aside"),
    Column("row_json", "VARCHAR", "", "the row as it arrived, as JSON"),
    *CONDITIONAL_COLUMNS,
    *CONTRACT_COLUMNS,
    *FACTOR_COLUMNS,
    *JOINT_COLUMNS,
    *OPTION_COLUMNS,
    *LEADERSHIP_COLUMNS,
    *EVENT_COLUMNS,
)

COLUMNS = {column.name: column for column in _VOCABULARY}
_TWICE = Counter(column.name for column in _VOCABULARY) - Counter(COLUMNS.keys())
if _TWICE:
    raise ValueError(f"declared twice in tables/columns*.py: {', '.join(sorted(_TWICE))}")


def columns(names: str) -> tuple[Column, ...]:
    """Columns by name, from one space-separated string."""
    return tuple(COLUMNS[name] for name in names.split())
