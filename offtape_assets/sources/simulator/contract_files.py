"""The simulated coin, its volatility index and its contracts as the vendors' JSON answers.

A contract's terms carry its bounds in full in the question; the token ids are the contracts'.
"""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from offtape_assets.sources.simulator.contracts import SYMBOL, CoinMarket

HISTORY_DAYS = 8
"""Days before the first date whose bars are written too: models look back a week."""


def write_contracts(market: CoinMarket, first: date, last: date, folder: Path) -> list[Path]:
    """Write every file of the dates [first, last] and return their paths."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    before = [first - timedelta(days=n) for n in range(HISTORY_DAYS, 0, -1)]
    markets = pl.concat([market.markets(day) for day in days]).unique("contract_id")
    if markets.is_empty():
        return []
    lives = pl.concat([market.prices(day) for day in _dates(markets)])
    written = [_terms(markets.sort("expires_ts", "contract_id"), folder)]
    for contract in sorted(markets["contract_id"]):
        points = lives.filter(pl.col("contract_id") == contract).sort("ts")
        written.append(_history(contract, points, folder))
    bars = pl.concat([market.bars(day) for day in before + days])
    index = pl.concat([market.index(day) for day in before + days])
    return written + _months(bars, index, folder)


def _dates(markets: pl.DataFrame) -> list[date]:
    """UTC days from the first opening to the last expiry."""
    first = min(ts.date() for ts in markets["opens_ts"])
    last = max(ts.date() for ts in markets["expires_ts"])
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _seconds(instant: datetime) -> int:
    return int(instant.replace(tzinfo=UTC).timestamp())


def _terms(markets: pl.DataFrame, folder: Path) -> Path:
    path = folder / "polymarket" / "markets.json"
    answers = []
    for row in markets.iter_rows(named=True):
        words = {
            "range": f"between ${row['range_low']} and ${row['range_high']}",
            "above": f"above ${row['range_low']}",
            "below": f"below ${row['range_high']}",
        }[row["kind"]]
        answers.append({
            "id": row["contract_id"],
            "slug": row["contract_id"],
            "question": f"Will the price of Bitcoin be {words} on {row['expires_ts']:%B %d}?",
            "outcomes": json.dumps(["Yes", "No"]),
            "clobTokenIds": json.dumps([row["contract_id"], row["contract_id"] + "0"]),
            "startDate": f"{row['opens_ts']:%Y-%m-%dT%H:%M:%SZ}",
            "endDate": f"{row['expires_ts']:%Y-%m-%dT%H:%M:%SZ}",
            "closed": True,
            "events": [{"slug": row["family"]}],
        })  # fmt: skip
    return _saved(path, answers)


def _history(contract: str, points: pl.DataFrame, folder: Path) -> Path:
    path = folder / "polymarket" / "prices-history" / f"{contract}.json"
    history = [
        {"t": _seconds(ts), "p": price} for ts, price in points.select("ts", "price").iter_rows()
    ]
    return _saved(path, {"history": history})


def _months(bars: pl.DataFrame, index: pl.DataFrame, folder: Path) -> list[Path]:
    written = []
    for name, rows in (("btc", bars), ("deribit/volatility_index", index)):
        for (month,), part in rows.group_by(pl.col("ts").dt.strftime("%Y-%m"), maintain_order=True):
            stamps = [1000 * _seconds(ts) for ts in part["ts"]]
            prices = {side: part[side].to_list() for side in ("open", "high", "low", "close")}
            if name == "btc":
                result: dict[str, object] = {"status": "ok", "ticks": stamps, **prices}
            else:
                result = {"data": list(zip(stamps, *prices.values(), strict=True))}
            path = folder / name / f"{SYMBOL}-{month}.json"
            written.append(_saved(path, {"jsonrpc": "2.0", "result": result}))
    return written


def _saved(path: Path, answer: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(answer))
    return path
