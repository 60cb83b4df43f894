"""The microstructure tables computed the slow way: decimals, loops, the definitions read aloud.

Shares nothing with the package: own reader, own lists of conditions, own arithmetic. Written to be
compared with, not to be used.
"""

import csv
import gzip
import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

MINUTE = 60 * 10**9
TEN_SECONDS = 10 * 10**9

NOT_A_TRADE = {15, 16, 38, 40, 44, 45, 46, 47, 48, 49, 50, 51, 54}
NEVER_SIGNED = {2, 5, 7, 8, 9, 10, 11, 13, 17, 18, 19, 20, 21, 22, 25, 28, 29, 30, 31, 32, 33}
NEVER_SIGNED |= {35, 52, 53, 55}
SIGNED = {0, 1, 3, 4, 6, 12, 14, 23, 24, 27, 34, 36, 37, 41, 56, 57, 58, 59, 60, *range(62, 72)}
EXTENDED_ONLY = {12, 13}
NO_SIDES = {14, 15, 16, *range(19, 33), 36, 37, 38, 43, 80}


@dataclass
class Print:
    """One row of the trades file."""

    ts: int
    price: Decimal
    size: Decimal
    conditions: list[int]
    correction: int
    executed: int


@dataclass
class Quote:
    """One row of the quotes file; a side without force is None."""

    ts: int
    bid: Decimal | None
    ask: Decimal | None

    @property
    def mid(self) -> Decimal | None:
        if self.bid is None or self.ask is None or self.bid > self.ask:
            return None
        return (self.bid + self.ask) / 2


def read_prints(path: Path, ticker: str) -> list[Print]:
    """Prints of one ticker in file order."""
    return [
        Print(
            int(row["sip_timestamp"]),
            Decimal(row["price"]),
            Decimal(row["size"]),
            ids(row["conditions"]),
            int(row["correction"] or 0),
            int(row["participant_timestamp"] or 0),
        )
        for row in rows_of(path, ticker)
    ]


def read_quotes(path: Path, ticker: str) -> list[Quote]:
    """Quotes of one ticker in file order, bad sides removed."""
    quotes = []
    for row in rows_of(path, ticker):
        sides = []
        for side in ("bid", "ask"):
            price, size = Decimal(row[f"{side}_price"] or 0), Decimal(row[f"{side}_size"] or 0)
            bad = price <= 0 or size <= 0 or NO_SIDES & set(ids(row["conditions"]))
            sides.append(None if bad else price)
        quotes.append(Quote(int(row["sip_timestamp"]), *sides))
    return quotes


def rows_of(path: Path, ticker: str):
    with gzip.open(path, "rt", newline="") as file:
        yield from (row for row in csv.DictReader(file) if row["ticker"] == ticker)


def ids(text: str) -> list[int]:
    return [int(part) for part in text.split(",")] if text else []


def sign(prints: list[Print], quotes: list[Quote], opened: int, closed: int) -> list[dict]:
    """Rows of features.signed_trades, with the volume flag that the minutes need."""
    stamps = [quote.ts for quote in quotes]
    history: list[Decimal] = []
    rows = []
    for trade in prints:
        carried = set(trade.conditions)
        if trade.correction or carried & NOT_A_TRADE:
            continue
        regular = opened <= trade.ts < closed
        counts = not (regular and carried & EXTENDED_ONLY)
        signable = counts and carried <= SIGNED
        if trade.executed and trade.ts - trade.executed > TEN_SECONDS:
            signable = False
        place = bisect_left(stamps, trade.ts) - 1
        quote = quotes[place] if place >= 0 else Quote(0, None, None)
        by_quote, by_tick = 0, 0
        if signable:
            if quote.mid is not None:
                by_quote = direction(trade.price, quote.mid)
            if history:
                by_tick = direction(trade.price, history[-1])
                if by_tick == 0 and len(history) > 1:
                    by_tick = direction(trade.price, history[-2])
            if not history or trade.price != history[-1]:
                history.append(trade.price)
        rows.append(
            {
                "ts": trade.ts,
                "price": trade.price,
                "size": trade.size,
                "is_iso": 14 in carried,
                "is_odd_lot": 37 in carried or trade.size < 100,
                "is_signable": signable,
                "bid_price": quote.bid,
                "ask_price": quote.ask,
                "mid_price": quote.mid,
                "sign_quote_rule": by_quote,
                "sign_lee_ready": by_quote or by_tick,
                "sign_route": "quote" if by_quote else "tick" if by_tick else "unsigned",
                "counts": counts,
            }
        )
    return rows


def direction(price: Decimal, other: Decimal) -> int:
    return (price > other) - (price < other)


def minutes(
    signed: list[dict], quotes: list[Quote], opened: int, closed: int, flow: str
) -> list[dict]:
    """Rows of features.microstructure_1m; `flow` names the sign column that signs flow."""
    quote_stamps = [quote.ts for quote in quotes]
    trade_stamps = [row["ts"] for row in signed]
    table = []
    for start in range(opened, closed, MINUTE):
        end = start + MINUTE
        first, last = bisect_left(quote_stamps, start), bisect_left(quote_stamps, end)
        trades = signed[bisect_left(trade_stamps, start) : bisect_left(trade_stamps, end)]
        row = {"bucket": end}
        row |= quote_columns(quotes, first, last, start, end)
        row |= trade_columns([trade for trade in trades if trade["counts"]], flow)
        row |= spread_columns(trades, quotes, quote_stamps, closed)
        half = row.pop("mean_spread")
        row["slippage_normalized"] = row["slippage"] / (half / 2) if half else None
        table.append(row)
    return table


def quote_columns(quotes: list[Quote], first: int, last: int, start: int, end: int) -> dict:
    inside = [quote for quote in quotes[first:last] if quote.mid is not None]
    in_force = quotes[last - 1] if last else Quote(0, None, None)
    shown = inside or ([in_force] if in_force.mid is not None else [])
    updates = 0
    for place in range(first, last):
        before = quotes[place - 1] if place else Quote(0, None, None)
        updates += (quotes[place].bid, quotes[place].ask) != (before.bid, before.ask)
    alive, weighted = 0, Decimal(0)
    for place in range(max(first - 1, 0), last):
        quote = quotes[place]
        begins = max(quote.ts, start)
        ends = quotes[place + 1].ts if place + 1 < last else end
        if quote.mid is not None:
            alive += ends - begins
            weighted += (quote.ask - quote.bid) / quote.mid * (ends - begins)
    return {
        "log_mid": math.log(mean([quote.mid for quote in shown])) if shown else None,
        "quote_updates": updates,
        "avg_rsprd": mean([(quote.ask - quote.bid) / quote.mid for quote in shown]),
        "last_mid": in_force.mid,
        "time_weighted_rsprd": weighted / alive if alive else None,
        "mean_spread": mean([quote.ask - quote.bid for quote in shown]),
    }


def trade_columns(trades: list[dict], flow: str) -> dict:
    iso = [trade for trade in trades if trade["is_iso"]]
    volume = total(trade["size"] for trade in trades)
    signable = total(trade["size"] for trade in trades if trade["is_signable"])
    flows = {
        name: total(trade[flow] * trade["size"] * trade["price"] for trade in some)
        for name, some in (
            ("total_flow", trades),
            ("total_flow_iso", iso),
            ("total_flow_non_iso", [trade for trade in trades if not trade["is_iso"]]),
        )
    }
    return flows | {
        "num_trades": len(trades),
        "num_trades_iso": len(iso),
        "total_volume": volume,
        "pct_trades_iso": ratio(Decimal(len(iso)), Decimal(len(trades))),
        "pct_volume_iso": ratio(total(trade["size"] for trade in iso), volume),
        "iso_flow_intensity": ratio(flows["total_flow_iso"], volume),
        "iso_signed_share": ratio(total(trade[flow] * trade["size"] for trade in iso), volume),
        "odd_lot_share": ratio(
            total(trade["size"] for trade in trades if trade["is_odd_lot"]), volume
        ),
        "sign_coverage": ratio(
            total(trade["size"] for trade in trades if trade["sign_lee_ready"]), signable
        ),
    }


def spread_columns(trades: list[dict], quotes: list[Quote], stamps: list[int], closed: int) -> dict:
    slippage = effective = effective_size = realized = realized_size = Decimal(0)
    for trade in trades:
        mid, side, size = trade["mid_price"], trade["sign_lee_ready"], trade["size"]
        if mid is None or side == 0:
            continue
        slippage += trade["sign_quote_rule"] * (trade["price"] - mid)
        effective += size * 2 * side * (trade["price"] - mid) / mid
        effective_size += size
        later = trade["ts"] + 5 * MINUTE
        place = bisect_left(stamps, later) - 1
        if later < closed and quotes[place].mid is not None:
            realized += size * 2 * side * (trade["price"] - quotes[place].mid) / mid
            realized_size += size
    return {
        "slippage": slippage,
        "effective_spread": ratio(effective, effective_size),
        "realized_spread": ratio(realized, realized_size),
    }


def attribution(
    signed: list[dict], quotes: list[Quote], opened: int, closed: int, window: int
) -> list[dict]:
    """Rows of features.price_attribution_1m."""
    live = [row["ts"] for row in signed if row["is_signable"]]
    mids = [(quote.ts, quote.mid) for quote in quotes if quote.mid is not None]
    rows = {
        end: {"bucket": end, "quote_change": Decimal(0), "trade_change": Decimal(0)}
        for end in range(opened + MINUTE, closed + 1, MINUTE)
    }
    for (_, before), (ts, after) in pairwise(mids):
        if opened <= ts < closed:
            near = bisect_right(live, ts + window) > bisect_left(live, ts - window)
            row = rows[ts - (ts - opened) % MINUTE + MINUTE]
            row["trade_change" if near else "quote_change"] += after - before
    stamps = [ts for ts, _ in mids]
    for end, row in rows.items():
        here, there = bisect_left(stamps, end) - 1, bisect_left(stamps, end - MINUTE) - 1
        if here < 0:
            row |= {"mid_change": None, "quote_change": None, "trade_change": None}
        else:
            row["mid_change"] = mids[here][1] - mids[max(there, 0)][1]
    return list(rows.values())


def omegas(rows: list[dict]) -> tuple[Decimal, Decimal, Decimal]:
    """Shares of the variance of the minute changes: quote, trade, covariance."""
    known = [row for row in rows if row["mid_change"] is not None]
    quote = [row["quote_change"] for row in known]
    trade = [row["trade_change"] for row in known]
    change = [row["mid_change"] for row in known]
    whole = moment(change, change)
    return (
        moment(quote, quote) / whole,
        moment(trade, trade) / whole,
        2 * moment(quote, trade) / whole,
    )


def moment(left: list[Decimal], right: list[Decimal]) -> Decimal:
    return mean([(x - mean(left)) * (y - mean(right)) for x, y in zip(left, right, strict=True)])


def mean(values: list[Decimal]) -> Decimal | None:
    return total(values) / len(values) if values else None


def total(values) -> Decimal:
    return sum(values, Decimal(0))


def ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    return part / whole if whole else None
