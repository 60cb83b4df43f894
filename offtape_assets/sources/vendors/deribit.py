"""Deribit: hourly bars of the volatility index and of the perpetual, one file a calendar month.

Bars are stamped at their start. The index is paged backwards by its continuation; the last bar of
a month that is not over is still forming and is left out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any

import requests

from offtape_assets.sources.manifest import Entry
from offtape_assets.sources.vendors.refusal import Patience, Refusal
from offtape_assets.sources.vendors.vendor import Offer, Probe, Wanted
from offtape_assets.sources.vendors.web import Web, shown
from offtape_assets.tables import raw
from offtape_assets.vendor_settings import VendorSettings

SYMBOL = "BTC"
INSTRUMENT = "BTC-PERPETUAL"
FOLDERS = {"volatility_index": "deribit/volatility_index", "candles": "btc"}
HOUR_MS = 3_600_000
PAGES = 1000
CANDLE_WINDOW_MS = 20 * 24 * HOUR_MS
"""480 bars, below the thousand of one answer."""
TOO_MANY_REQUESTS = 10028
REQUESTS_PER_SECOND = 10.0
FIELDS = ("ticks", "open", "high", "low", "close", "volume", "cost")


class Deribit:
    """The public market data interface."""

    name = "deribit"
    connections = 2
    datasets = ("volatility_index", "candles")
    tables: Mapping[str, Sequence[str]] = MappingProxyType(
        {
            raw.VOLATILITY_INDEX.full_name: ("volatility_index",),
            raw.CRYPTO_BARS.full_name: ("candles",),
        }
    )
    is_by_day = False
    has_versions = False
    settles_days = 0

    def __init__(self, settings: VendorSettings, patience: Patience) -> None:
        self._base = settings.deribit_url
        self._web = Web(self.name, patience, REQUESTS_PER_SECOND, judge=_overload)

    def wanted(self, dataset: str, first: date, last: date, tickers: Sequence[str]) -> list[Wanted]:
        """One file a month that the dates touch."""
        files = []
        month = first.replace(day=1)
        while month <= last:
            following = (month + timedelta(days=32)).replace(day=1)
            path = f"{FOLDERS[dataset]}/{SYMBOL}-{month:%Y-%m}.json"
            through = min(last, following - timedelta(days=1))
            files.append(Wanted(self.name, dataset, path, month, through, SYMBOL))
            month = following
        return files

    def offer(self, wanted: Wanted, held: Entry | None) -> Offer:
        """The address; a month to come is not asked for."""
        if wanted.day > datetime.now(UTC).date():
            raise Refusal("absent_expected", f"{wanted.day:%Y-%m} has not begun")
        method = (
            "volatility_index_data" if wanted.dataset != "candles" else "tradingview_chart_data"
        )
        return Offer(f"{shown(self._base)}/get_{method}")

    def read(self, wanted: Wanted, offer: Offer, start: int) -> Iterator[bytes]:
        """The month's bars that are complete, in the shape of one answer."""
        month = datetime(wanted.day.year, wanted.day.month, 1, tzinfo=UTC)
        following = (month + timedelta(days=32)).replace(day=1)
        first = int(month.timestamp() * 1000)
        now = int(datetime.now(UTC).timestamp() * 1000)
        last = min(int(following.timestamp() * 1000), now) - HOUR_MS
        bars = self._index if wanted.dataset == "volatility_index" else self._candles
        yield json.dumps({"result": bars(first, last)}).encode()

    def probe(self, day: date) -> Iterator[Probe]:
        """Ask for one day of the index."""
        noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp() * 1000)
        try:
            bars = self._index(noon - 6 * HOUR_MS, noon)["data"]
        except Refusal as refusal:
            yield Probe("deribit", False, refusal.standing, str(refusal))
        else:
            yield Probe("deribit", True, f"{len(bars)} bars of {day}")

    def _index(self, first: int, last: int) -> dict[str, Any]:
        """Bars that start in [first, last], paged backwards, each start once."""
        found: dict[int, Any] = {}
        end = last
        for _ in range(PAGES):
            answer = self._ask(
                "get_volatility_index_data",
                currency=SYMBOL,
                start_timestamp=first,
                end_timestamp=end,
                resolution=3600,
            )
            for bar in answer["data"]:
                found.setdefault(int(bar[0]), bar)
            following = answer.get("continuation")
            if following is None:
                kept = (stamp for stamp in sorted(found) if first <= stamp <= last)
                return {"data": [found[stamp] for stamp in kept], "continuation": None}
            if following >= end:
                raise Refusal("failed", f"deribit: continuation {following} does not go back")
            end = following
        raise Refusal("failed", f"deribit: more than {PAGES} pages of one month")

    def _candles(self, first: int, last: int) -> dict[str, Any]:
        """Bars that start in [first, last], asked in windows, each start once."""
        found: dict[int, list[Any]] = {}
        for start in range(first, last + 1, CANDLE_WINDOW_MS):
            answer = self._ask(
                "get_tradingview_chart_data",
                instrument_name=INSTRUMENT,
                start_timestamp=start,
                end_timestamp=min(start + CANDLE_WINDOW_MS - HOUR_MS, last),
                resolution="60",
            )
            if answer.get("status") == "no_data":
                continue
            for bar in zip(*(answer[name] for name in FIELDS), strict=True):
                found.setdefault(int(bar[0]), list(bar))
        bars = [found[stamp] for stamp in sorted(found) if first <= stamp <= last]
        columns = zip(*bars, strict=True) if bars else ((),) * len(FIELDS)
        lists = dict(zip(FIELDS, map(list, columns), strict=True))
        return {"status": "ok" if bars else "no_data", **lists}

    def _ask(self, method: str, **question: Any) -> dict[str, Any]:
        answer = self._web.json(f"{self._base}/{method}", question)
        result = answer.get("result") if isinstance(answer, dict) else None
        if not isinstance(result, dict):
            raise Refusal("failed", f"deribit: {method} answered {answer!r:.200}")
        return result


def _overload(response: requests.Response) -> Refusal | None:
    """Deribit tells an overload with status 400 and a code in the body."""
    if response.status_code != 400:
        return None
    try:
        error = response.json().get("error", {})
    except (ValueError, AttributeError):
        return None
    code, text = error.get("code"), error.get("message", "")
    return Refusal(
        "failed",
        f"deribit answered 400: {code} {text}",
        is_transient=code == TOO_MANY_REQUESTS,
        code=400,
    )
