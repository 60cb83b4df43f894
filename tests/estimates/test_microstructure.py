"""Microstructure frames: equal to the slow definitions on recorded ticks, and as declared."""

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from offtape_assets.estimates.microstructure import Microstructure, measure_microstructure
from offtape_assets.estimates.ticks import nanoseconds
from offtape_assets.market.calendar import Session, session
from offtape_assets.market.conditions import SALE_CONDITIONS, SaleCondition
from offtape_assets.tables import features
from tests.estimates import slow_microstructure as slow
from tests.estimates.flat_file import read_ticks

CONDITIONS = pl.DataFrame(SALE_CONDITIONS, schema=list(SaleCondition._fields), orient="row")
DTYPES = {
    "TIMESTAMP": pl.Datetime("us"),
    "TIMESTAMP_NS": pl.Datetime("ns"),
    "DECIMAL(18,6)": pl.Decimal(18, 6),
    "DOUBLE": pl.Float64,
    "BIGINT": pl.Int64,
    "TINYINT": pl.Int8,
    "BOOLEAN": pl.Boolean,
    "VARCHAR": pl.String,
}
TABLES = {
    "signed_trades": features.SIGNED_TRADES,
    "microstructure_1m": features.MICROSTRUCTURE_1M,
    "price_attribution_1m": features.PRICE_ATTRIBUTION_1M,
    "price_attribution_1d": features.PRICE_ATTRIBUTION_1D,
}
SECOND = 10**9
OPEN = datetime(2024, 11, 5, 14, 30, tzinfo=UTC)
HOURS = Session(OPEN, datetime(2024, 11, 5, 14, 50, tzinfo=UTC))
"""Twenty minutes are enough for planted ticks."""


def trades_of(*rows: tuple) -> pl.DataFrame:
    """raw.trades from (seconds after the open, price, size, condition ids[, changes])."""
    start = nanoseconds(OPEN)
    records = []
    for number, (seconds, price, size, conditions, *changes) in enumerate(rows):
        ts = start + round(seconds * SECOND)
        record = {
            "ts": ts,
            "participant_ts": ts,
            "sequence_number": number,
            "price": Decimal(price),
            "size": Decimal(size),
            "conditions": conditions,
            "correction": 0,
        }
        records.append(record | (changes[0] if changes else {}))
    return pl.DataFrame(
        records,
        schema={
            "ts": pl.Datetime("ns"),
            "participant_ts": pl.Datetime("ns"),
            "sequence_number": pl.Int64,
            "price": pl.Decimal(18, 6),
            "size": pl.Decimal(18, 6),
            "conditions": pl.List(pl.Int16),
            "correction": pl.Int16,
        },
    )


def quotes_of(*rows: tuple) -> pl.DataFrame:
    """raw.quotes from (seconds after the open, bid, ask[, changes])."""
    start = nanoseconds(OPEN)
    records = []
    for number, (seconds, bid, ask, *changes) in enumerate(rows):
        record = {
            "ts": start + round(seconds * SECOND),
            "sequence_number": number,
            "bid_price": None if bid is None else Decimal(bid),
            "bid_size": 100,
            "ask_price": None if ask is None else Decimal(ask),
            "ask_size": 100,
            "conditions": [1, 81],
        }
        records.append(record | (changes[0] if changes else {}))
    return pl.DataFrame(
        records,
        schema={
            "ts": pl.Datetime("ns"),
            "sequence_number": pl.Int64,
            "bid_price": pl.Decimal(18, 6),
            "bid_size": pl.Int64,
            "ask_price": pl.Decimal(18, 6),
            "ask_size": pl.Int64,
            "conditions": pl.List(pl.Int16),
        },
    )


def measure(trades: pl.DataFrame, quotes: pl.DataFrame, **settings) -> Microstructure:
    return measure_microstructure(trades, quotes, CONDITIONS, HOURS, **settings)


STEADY = ((-60, "10.00", "10.10"),)
"""One quote before the open: mid 10.05, half spread .05."""


class TestDeclaredShape:
    """What leaves is what the tables declare, whatever arrives."""

    @pytest.mark.parametrize("has_trades", [True, False])
    @pytest.mark.parametrize("has_quotes", [True, False])
    def test_columns_and_types(self, has_trades, has_quotes):
        trades, quotes = trades_of((1, "10.07", "100", [])), quotes_of(*STEADY)
        found = measure(trades.head(has_trades), quotes.head(has_quotes))
        for name, table in TABLES.items():
            declared = {column.name: DTYPES[column.dtype] for column in table.columns}
            assert dict(getattr(found, name).schema) == declared, name

    def test_every_minute_has_a_row_labelled_by_its_end(self):
        minutes = measure(trades_of(), quotes_of()).microstructure_1m
        naive = HOURS.open.replace(tzinfo=None)
        ends = pl.datetime_range(naive, HOURS.close.replace(tzinfo=None), "1m", eager=True)[1:]
        assert minutes["bucket"].to_list() == ends.to_list()

    def test_before_the_first_quote_prices_are_null_and_counts_zero(self):
        found = measure(trades_of(), quotes_of((90, "10.00", "10.10")))
        first = found.microstructure_1m.row(0, named=True)
        assert first["log_mid"] is None
        assert first["last_mid"] is None
        assert first["avg_rsprd"] is None
        assert (first["quote_updates"], first["num_trades"], first["total_flow"]) == (0, 0, 0.0)
        assert found.price_attribution_1m["mid_change"][0] is None
        assert found.price_attribution_1m["mid_change"][1] == 0.0

    def test_an_empty_minute_carries_prices(self):
        quotes = quotes_of(*STEADY, (30, "10.02", "10.10"))
        minutes = measure(trades_of(), quotes).microstructure_1m
        assert minutes["last_mid"].to_list() == [10.06] * 20
        assert minutes["quote_updates"].to_list() == [1] + [0] * 19
        assert minutes["avg_rsprd"].to_list() == pytest.approx([0.08 / 10.06] * 20, rel=1e-14)
        before, after = 0.1 / 10.05, 0.08 / 10.06
        assert minutes["time_weighted_rsprd"][0] == pytest.approx((before + after) / 2, rel=1e-14)

    def test_a_setting_that_is_no_rule_is_refused(self):
        with pytest.raises(ValueError, match="flow_sign = 'tick'"):
            measure(trades_of(), quotes_of(), flow_sign="tick")


class TestConditions:
    """Which prints are trades, which count, which are signed."""

    @pytest.mark.parametrize(
        ("seconds", "conditions", "kept", "signable", "counted"),
        [
            (1, [], True, True, True),
            (1, [14, 41], True, True, True),
            (1, [53], True, False, True),
            (1, [14, 53], True, False, True),
            (1, [12], True, False, False),
            (1, [12, 14, 37], True, False, False),
            (1, [15], False, False, False),
            (1, [16], False, False, False),
            (1, [38], False, False, False),
            (1, [114], True, False, True),
            (1, [37], True, True, True),
            (-600, [12], True, True, False),
            (-600, [13], True, False, False),
            (-600, [12, 14], True, True, False),
        ],
    )
    def test_print(self, seconds, conditions, kept, signable, counted):
        trades = trades_of((seconds, "10.07", "100", conditions))
        found = measure(trades, quotes_of((-900, "10.00", "10.10")))
        assert found.signed_trades.height == kept
        assert found.signed_trades["is_signable"].to_list() == [signable] * kept
        assert found.signed_trades["sign_quote_rule"].to_list() == [int(signable)] * kept
        assert found.microstructure_1m["num_trades"].sum() == counted

    def test_iso_is_an_id_and_no_substring(self):
        trades = trades_of((1, "10.07", "100", [114]), (2, "10.07", "100", [14]))
        found = measure(trades, quotes_of(*STEADY))
        assert found.signed_trades["is_iso"].to_list() == [False, True]
        assert found.unknown_conditions == 1

    @pytest.mark.parametrize(("correction", "kept"), [(0, 1), (None, 1), (1, 0), (8, 0), (12, 0)])
    def test_corrected_prints_are_out(self, correction, kept):
        trades = trades_of((1, "10.07", "100", [], {"correction": correction}))
        assert measure(trades, quotes_of(*STEADY)).signed_trades.height == kept

    @pytest.mark.parametrize(("delay", "signable"), [(10, True), (10.000000001, False)])
    def test_a_late_report_is_not_signed(self, delay, signable):
        executed = nanoseconds(OPEN) + 20 * SECOND - round(delay * SECOND)
        trades = trades_of((20, "10.07", "100", [], {"participant_ts": executed}))
        found = measure(trades, quotes_of(*STEADY))
        assert found.signed_trades["is_signable"].to_list() == [signable]

    @pytest.mark.parametrize(
        ("size", "conditions", "odd"),
        [("100", [], False), ("99.999999", [], True), ("500", [37], True)],
    )
    def test_odd_lot(self, size, conditions, odd):
        found = measure(trades_of((1, "10.07", size, conditions)), quotes_of(*STEADY))
        assert found.signed_trades["is_odd_lot"].to_list() == [odd]
        assert found.microstructure_1m["odd_lot_share"][0] == float(odd)

    @pytest.mark.parametrize(
        "bad",
        [
            {"bid_price": Decimal(0)},
            {"bid_price": None},
            {"bid_size": 0},
            {"ask_size": 0},
            {"conditions": [43]},
            {"conditions": [1, 80]},
        ],
    )
    def test_a_bad_side_loses_force_and_no_older_quote_returns(self, bad):
        quotes = quotes_of(*STEADY, (1, "10.00", "10.10", bad))
        found = measure(trades_of((2, "10.07", "100", [])), quotes)
        assert found.signed_trades["mid_price"].to_list() == [None]
        assert found.signed_trades["sign_quote_rule"].to_list() == [0]
        assert found.microstructure_1m["last_mid"].to_list() == [None] * 20
        assert found.microstructure_1m["quote_updates"][0] == 1

    def test_an_unrecorded_size_does_not_void_its_side(self):
        quotes = quotes_of((-60, "10.00", "10.10", {"bid_size": None, "conditions": None}))
        found = measure(trades_of((2, "10.07", "100", [])), quotes)
        assert found.signed_trades["mid_price"].to_list() == [10.05]


class TestQuoteInForce:
    """Strictly before the print, on the same clock."""

    def test_a_quote_of_the_same_instant_is_not_in_force(self):
        quotes = quotes_of(*STEADY, (5, "10.20", "10.30"))
        trades = trades_of((5, "10.22", "100", []), (5.000000001, "10.22", "100", []))
        signed = measure(trades, quotes).signed_trades
        assert signed["bid_price"].to_list() == [Decimal("10.000000"), Decimal("10.200000")]
        assert signed["sign_quote_rule"].to_list() == [1, -1]

    def test_locked_mid_is_usable_and_crossed_goes_to_the_tick_test(self):
        quotes = quotes_of(*STEADY, (5, "10.10", "10.10"), (8, "10.12", "10.10"))
        trades = trades_of(
            (1, "10.05", "100", []), (6, "10.08", "100", []), (9, "10.11", "100", [])
        )
        signed = measure(trades, quotes).signed_trades
        assert signed["sign_quote_rule"].to_list() == [0, -1, 0]
        assert signed["sign_lee_ready"].to_list() == [0, -1, 1]
        assert signed["sign_route"].to_list() == ["unsigned", "quote", "tick"]
        assert signed["mid_price"].to_list() == [10.05, 10.1, None]

    def test_midpoint_in_binary_fractions_is_still_the_midpoint(self):
        quotes = quotes_of((-60, "0.10", "0.20"))
        signed = measure(trades_of((1, "0.15", "100", [])), quotes).signed_trades
        assert signed["sign_quote_rule"].to_list() == [0]

    def test_unordered_rows_are_put_in_public_order(self):
        quotes = quotes_of(*STEADY, (1, "10.10", "10.20"), (70, "10.00", "10.20"))
        trades = trades_of(*((second, "10.14", "100", []) for second in (0.5, 2, 80)))
        straight, mixed = measure(trades, quotes), measure(trades.reverse(), quotes.reverse())
        for name in TABLES:
            assert_frame_equal(getattr(straight, name), getattr(mixed, name))


class TestFlow:
    """Signed sums of planted prints."""

    TRADES = (
        (1, "10.10", "200", [14]),
        (2, "10.00", "100", []),
        (3, "10.05", "50", [14]),
        (4, "10.10", "1000", [53]),
    )

    def test_columns(self):
        row = measure(trades_of(*self.TRADES), quotes_of(*STEADY)).microstructure_1m.row(
            0, named=True
        )
        assert row["num_trades"] == 4
        assert row["num_trades_iso"] == 2
        assert row["total_volume"] == 1350.0
        assert row["total_flow_iso"] == 2020.0
        assert row["total_flow_non_iso"] == -1000.0
        assert row["total_flow"] == 1020.0
        assert row["pct_trades_iso"] == 0.5
        assert row["pct_volume_iso"] == 250 / 1350
        assert row["iso_flow_intensity"] == 2020 / 1350
        assert row["iso_signed_share"] == 200 / 1350
        assert row["odd_lot_share"] == 50 / 1350
        assert row["sign_coverage"] == 1.0
        assert row["slippage"] == pytest.approx(0.10, rel=1e-14)
        assert row["slippage_normalized"] == pytest.approx(2.0, rel=1e-14)
        paid = (200 * 0.1 + 100 * 0.1) / 10.05 / 350
        assert row["effective_spread"] == pytest.approx(paid, rel=1e-14)

    def test_flow_by_lee_ready_signs_the_midpoint_print(self):
        found = measure(trades_of(*self.TRADES), quotes_of(*STEADY), flow_sign="lee_ready")
        row = found.microstructure_1m.row(0, named=True)
        assert row["total_flow_iso"] == 2020.0 + 50 * 10.05
        assert row["iso_signed_share"] == 250 / 1350

    def test_realized_spread_looks_five_minutes_ahead_and_never_past_the_close(self):
        quotes = quotes_of(*STEADY, (310, "10.10", "10.20"))
        trades = trades_of(
            (9, "10.10", "100", []),
            (10, "10.10", "100", []),
            (11, "10.10", "100", []),
            (15 * 60 - 1, "10.20", "100", []),
            (15 * 60, "10.20", "100", []),
        )
        realized = measure(trades, quotes).microstructure_1m["realized_spread"]
        # mids five minutes later: 10.05 (the quote at 310 s is not strictly before), 10.05, 10.15
        assert realized[0] == pytest.approx((2 * 0.05 + 2 * 0.05 - 2 * 0.05) / 10.05 / 3)
        assert realized[14] == pytest.approx(2 * 0.05 / 10.15)
        assert realized[15] is None


class TestAttribution:
    """Changes with and without a print within the window."""

    QUOTES = (
        (-60, "10.00", "10.10"),
        (10, "10.02", "10.10"),
        (20, "10.02", "10.20"),
        (30, None, "10.20"),
        (40, "10.10", "10.20"),
    )

    @pytest.mark.parametrize(
        ("offset", "by_trade"), [(0.05, 0.05), (-0.05, 0.05), (0.0500001, 0.0), (0, 0.05)]
    )
    def test_window_holds_both_ends(self, offset, by_trade):
        trades = trades_of((20 + offset, "10.05", "100", []))
        minutes = measure(trades, quotes_of(*self.QUOTES)).price_attribution_1m
        assert minutes["trade_change"][0] == pytest.approx(by_trade, abs=1e-15)
        assert minutes["mid_change"][0] == pytest.approx(0.10, rel=1e-14)
        assert minutes["quote_change"][0] == pytest.approx(0.10 - by_trade, rel=1e-14)

    def test_a_wider_window_is_a_setting(self):
        trades = trades_of((20.2, "10.05", "100", []))
        found = measure(trades, quotes_of(*self.QUOTES), attribution_window_ms=200)
        assert found.price_attribution_1m["trade_change"][0] == pytest.approx(0.05)
        assert found.price_attribution_1d["window_ms"].to_list() == [200.0]

    def test_a_short_session_has_no_shares(self):
        day = measure(trades_of(), quotes_of(*self.QUOTES)).price_attribution_1d
        assert day.row(0) == (None, None, None, 50.0, "too_few")


@pytest.mark.realdata
class TestRecordedTicks:
    """Equal to the slow definitions, column by column, over the whole session."""

    CASES = ((date(2013, 10, 7), "IBM"), (date(2013, 10, 7), "BAC"), (date(2018, 1, 2), "XXX"))

    @pytest.mark.parametrize(("day", "ticker"), CASES)
    @pytest.mark.parametrize("flow", ["quote_rule", "lee_ready"])
    def test_equal(self, landing_folder, day, ticker, flow):
        hours = session(day)
        bounds = nanoseconds(hours.open), nanoseconds(hours.close)
        trades, quotes = (read_ticks(landing_folder, kind, day, ticker) for kind in KINDS)
        found = measure_microstructure(trades, quotes, CONDITIONS, hours, flow_sign=flow)

        folder = landing_folder / "massive/us_stocks_sip"
        paths = [folder / f"{kind}_v1" / f"{day:%Y/%m}" / f"{day}.csv.gz" for kind in KINDS]
        book = slow.read_quotes(paths[1], ticker)
        signed = slow.sign(slow.read_prints(paths[0], ticker), book, *bounds)
        assert_same(found.signed_trades, signed)
        assert_same(found.microstructure_1m, slow.minutes(signed, book, *bounds, f"sign_{flow}"))
        changes = slow.attribution(signed, book, *bounds, 50 * 10**6)
        assert_same(found.price_attribution_1m, changes)
        shares = found.price_attribution_1d.row(0)
        assert shares[:3] == pytest.approx([float(x) for x in slow.omegas(changes)], abs=1e-9)
        assert shares[4] == "ok"


KINDS = ("trades", "quotes")


def assert_same(found: pl.DataFrame, expected: list[dict]) -> None:
    """Every column of `found` equals the slow rows: NULL for NULL, numbers to 1e-9."""
    assert found.height == len(expected)
    for name in found.columns:
        values = found[name]
        if values.dtype == pl.Datetime:
            values = values.cast(pl.Datetime("ns")).to_physical()
        slow_values = [row[name] for row in expected]
        if values.dtype != pl.Float64:
            assert values.to_list() == slow_values, name
            continue
        pairs = list(zip(values.to_list(), slow_values, strict=True))
        assert [x is None for x, _ in pairs] == [y is None for _, y in pairs], name
        for number, (x, y) in enumerate(pairs):
            assert x is None or x == pytest.approx(float(y), rel=1e-9, abs=1e-12), (name, number)
