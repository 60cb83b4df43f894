"""raw: rows as the source gave them, typed and keyed, bad rows set aside with a reason."""

from offtape_assets.market.conditions import SALE_CONDITIONS
from offtape_assets.tables.columns import TICK_TS, columns
from offtape_assets.tables.table import Claim, Partitions, Table


def _quarantine(name: str, predicate: str, reason: str) -> Claim:
    return Claim(name, predicate, reason, quarantines=True)


TRADES = Table(
    "raw",
    "trades",
    "one print on the consolidated tape",
    (
        TICK_TS,
        *columns("participant_ts sequence_number price size exchange conditions correction"),
        *columns("trade_id"),
    ),
    Partitions.DAY_AND_TICKER,
    key=("ts", "sequence_number", "exchange", "trade_id"),
    claims=(
        _quarantine("price_is_positive", "price > 0", "no print trades at or below zero"),
        _quarantine("size_is_positive", "size > 0", "a print moves at least a fraction of a share"),
        _quarantine(
            "is_within_its_date",
            "ts >= date - interval 1 day and ts < date + interval 2 day",
            "a New York date lies within a day of the same UTC date",
        ),
        _quarantine("conditions_are_known_lists", "conditions is not null", "blank means regular"),
        Claim(
            "conditions_are_known_ids",
            f"len([c for c in conditions if c not in {tuple(c.condition for c in SALE_CONDITIONS)}]) = 0",
            "a print with an id nobody documented is kept but never signed",
            is_blocking=False,
        ),
    ),
)

QUOTES = Table(
    "raw",
    "quotes",
    "one change of the national best bid and offer",
    (
        TICK_TS,
        *columns("sequence_number bid_price bid_size ask_price ask_size"),
        *columns("bid_exchange ask_exchange conditions"),
    ),
    Partitions.DAY_AND_TICKER,
    key=("ts", "sequence_number"),
    claims=(
        _quarantine(
            "prices_are_not_negative",
            "coalesce(bid_price, 0) >= 0 and coalesce(ask_price, 0) >= 0",
            "an absent side is NULL, a present one positive",
        ),
        _quarantine(
            "sizes_are_not_negative",
            "coalesce(bid_size, 0) >= 0 and coalesce(ask_size, 0) >= 0",
            "a size counts shares",
        ),
        _quarantine(
            "is_within_its_date",
            "ts >= date - interval 1 day and ts < date + interval 2 day",
            "a New York date lies within a day of the same UTC date",
        ),
        Claim(
            "book_is_not_crossed",
            "coalesce(bid_price <= ask_price, true)",
            "a crossed NBBO is real but rare; many mean rows of single venues",
            is_blocking=False,
        ),
    ),
)

_BAR_CLAIMS = (
    _quarantine(
        "range_holds_open_and_close",
        "low <= least(open, close) and high >= greatest(open, close)",
        "open and close lie within low and high",
    ),
    _quarantine("low_is_positive", "low > 0", "no bar trades at or below zero"),
    _quarantine("volume_is_not_negative", "volume >= 0", "volume counts shares"),
)

QUOTES_1S = Table(
    "raw",
    "quotes_1s",
    "best bid and offer of one US equity at the end of one second, the last in [ts - 1 s, ts)",
    columns("ticker ts bid_price ask_price"),
    Partitions.DAY,
    key=("ticker", "ts"),
    order_by=("ts", "ticker"),
    claims=(
        Claim(
            "prices_are_positive",
            "coalesce(bid_price, 1) > 0 and coalesce(ask_price, 1) > 0",
            "an absent side is NULL",
        ),
    ),
)

MINUTE_BARS = Table(
    "raw",
    "minute_bars",
    "one minute of one ticker with eligible trades; ts is the minute's start",
    columns("ticker ts open high low close volume"),
    Partitions.DAY,
    key=("ticker", "ts"),
    claims=_BAR_CLAIMS,
)

DAILY_BARS = Table(
    "raw",
    "daily_bars",
    "one session of one ticker; ts is midnight in New York",
    columns("ticker ts open high low close volume"),
    Partitions.DAY,
    key=("ticker", "ts"),
    claims=_BAR_CLAIMS,
)

TRADE_CONDITIONS = Table(
    "raw",
    "trade_conditions",
    "one sale condition id and what a print carrying it may be used for",
    columns(
        "condition name sip_code is_signable counts_in_volume counts_in_volume_extended is_iso"
    ),
    Partitions.NONE,
    key=("condition",),
)

VENDOR_CONDITIONS = Table(
    "raw",
    "vendor_conditions",
    "one sale or quote condition as the vendor's look-up listed it when it was last fetched",
    columns(
        "condition condition_type name data_types sip_codes"
        " updates_high_low updates_open_close updates_volume is_legacy"
    ),
    Partitions.NONE,
    key=("condition_type", "condition"),
    claims=(
        Claim(
            "sale_conditions_are_known",
            "not list_contains(data_types, 'trade') or is_legacy"
            f" or condition in {tuple(c.condition for c in SALE_CONDITIONS)}",
            "a new sale condition needs a rule in raw.trade_conditions",
            is_blocking=False,
        ),
    ),
)

KALSHI_TRADES = Table(
    "raw",
    "kalshi_trades",
    "one trade of an event contract, priced for the contract's own yes side",
    columns("ts contract contracts_traded price"),
    Partitions.CALENDAR_DAY,
    order_by=("ts", "contract"),
    claims=(
        _quarantine("price_is_a_probability", "price between 0 and 1", "a contract pays 0 or 1"),
        _quarantine("contracts_are_positive", "contracts_traded > 0", "a trade moves contracts"),
    ),
)

OPTION_QUOTES = Table(
    "raw",
    "option_quotes",
    "best bid and offer of one option in force at ts",
    columns("ts expiry strike option_right bid_price bid_size ask_price ask_size underlying_price"),
    Partitions.DAY_AND_TICKER,
    key=("ts", "expiry", "strike", "option_right"),
    claims=(
        _quarantine("strike_is_positive", "strike > 0", "a strike is a price"),
        _quarantine("right_is_known", "option_right in ('C', 'P')", "an option is a call or a put"),
        _quarantine(
            "prices_are_not_negative",
            "coalesce(bid_price, 0) >= 0 and coalesce(ask_price, 0) >= 0",
            "an absent side is NULL, a present one not negative",
        ),
        _quarantine("has_not_expired", "expiry >= date", "an expired option has no quote"),
    ),
)

OPEN_INTEREST = Table(
    "raw",
    "open_interest",
    "contracts of one option open at the end of the day before",
    columns("expiry strike option_right open_interest"),
    Partitions.DAY_AND_TICKER,
    key=("expiry", "strike", "option_right"),
    claims=(
        _quarantine("strike_is_positive", "strike > 0", "a strike is a price"),
        _quarantine("right_is_known", "option_right in ('C', 'P')", "an option is a call or a put"),
        _quarantine("open_interest_is_not_negative", "open_interest >= 0", "contracts are counted"),
    ),
)

TREASURY_BILLS = Table(
    "raw",
    "treasury_bills",
    "yield of one tenor, the latest published before the date",
    columns("tenor_days rate"),
    Partitions.DAY,
    key=("tenor_days",),
    claims=(
        _quarantine("rate_is_plausible", "rate between -0.05 and 0.3", "a decimal, not percent"),
    ),
)

FACTOR_WEIGHTS = Table(
    "raw",
    "factor_weights",
    "weight of one ticker in one factor portfolio, known the evening before",
    columns("as_of factor ticker weight"),
    Partitions.DAY,
    key=("as_of", "factor", "ticker"),
    claims=(
        _quarantine("is_known_before_the_session", "as_of < date", "a later weight looks ahead"),
        _quarantine("weight_is_a_number", "isfinite(weight)", "a weight is a number"),
    ),
)

FACTOR_LIBRARY = Table(
    "raw",
    "factor_library",
    "official returns of one day in one vintage of the library, as decimals",
    columns("vintage mkt_rf smb hml rmw cma rf"),
    Partitions.DAY,
    key=("vintage",),
    claims=(_quarantine("returns_are_decimals", "abs(mkt_rf) < 0.5", "a percent was not divided"),),
)

ETF_BASKETS = Table(
    "raw",
    "etf_baskets",
    "shares of one stock in one share of a fund, known the evening before",
    columns("as_of etf ticker shares_per_share"),
    Partitions.DAY,
    key=("as_of", "etf", "ticker"),
    claims=(
        _quarantine("is_known_before_the_session", "as_of < date", "a later basket looks ahead"),
        _quarantine("shares_are_positive", "shares_per_share > 0", "funds hold what they track"),
    ),
)

PREDICTION_MARKETS = Table(
    "raw",
    "prediction_markets",
    "terms of one contract that is open on the date",
    columns("contract_id venue family question kind range_low range_high opens_ts expires_ts"),
    Partitions.CALENDAR_DAY,
    key=("contract_id",),
    order_by=("family", "range_low", "contract_id"),
    claims=(
        _quarantine(
            "kind_is_known", "kind in ('range', 'above', 'below')", "others are not priced"
        ),
        _quarantine(
            "bounds_fit_the_kind",
            "case kind when 'range' then range_low < range_high"
            " when 'above' then range_low > 0 and range_high is null"
            " when 'below' then range_high > 0 and range_low is null else true end",
            "a range has two bounds, the others one",
        ),
        _quarantine("opens_before_it_expires", "opens_ts < expires_ts", "a life has a length"),
    ),
)

PREDICTION_PRICES = Table(
    "raw",
    "prediction_prices",
    "price of one contract at one instant",
    columns("contract_id ts price"),
    Partitions.CALENDAR_DAY,
    key=("contract_id", "ts"),
    claims=(
        _quarantine("price_is_a_share_of_a_dollar", "price between 0 and 1", "pays one dollar"),
        _quarantine("is_within_its_date", "ts::date = date", "the date is the UTC day"),
    ),
)

_COIN_BAR_CLAIMS = (
    *_BAR_CLAIMS[:2],
    _quarantine("is_within_its_date", "ts::date = date", "the date is the UTC day"),
    _quarantine("starts_on_the_hour", "ts = date_trunc('hour', ts)", "bars are hourly"),
)

VOLATILITY_INDEX = Table(
    "raw",
    "volatility_index",
    "one hour of a 30-day implied volatility index, in volatility points; ts is the hour's start",
    columns("symbol ts open high low close"),
    Partitions.CALENDAR_DAY,
    key=("symbol", "ts"),
    claims=_COIN_BAR_CLAIMS,
)

CRYPTO_BARS = Table(
    "raw",
    "crypto_bars",
    "one hour of one coin's price; ts is the hour's start, so the close is known at ts + 1 hour",
    columns("symbol ts open high low close"),
    Partitions.CALENDAR_DAY,
    key=("symbol", "ts"),
    claims=_COIN_BAR_CLAIMS,
)
