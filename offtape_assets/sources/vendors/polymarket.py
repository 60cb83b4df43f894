"""Polymarket: the terms of wanted markets (gamma) and the price history of each YES token (CLOB).

Events are found by tag and slug. A resolved market answers nothing to an open interval, so its
history is asked in windows of fifteen days over its whole life.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from offtape_assets.sources.landing.prediction import FOLDER, Market, read_market
from offtape_assets.sources.manifest import Entry
from offtape_assets.sources.vendors.refusal import Patience, Refusal
from offtape_assets.sources.vendors.vendor import Offer, Probe, Wanted
from offtape_assets.sources.vendors.web import Web, shown
from offtape_assets.tables import raw
from offtape_assets.vendor_settings import VendorSettings

TAG = "bitcoin"
PAGE = 100
LAST_OFFSET = 10_000
WINDOW = timedelta(days=15)
FIDELITY_MINUTES = 60
REQUESTS_PER_SECOND = 40.0
"""The CLOB's history allows a hundred; slower answers are delayed, not refused."""


class Polymarket:
    """Markets whose slug matches the configured pattern, and their hourly prices."""

    name = "polymarket"
    connections = 4
    datasets = ("markets", "prices")
    tables: Mapping[str, Sequence[str]] = MappingProxyType(
        {
            raw.PREDICTION_MARKETS.full_name: ("markets",),
            raw.PREDICTION_PRICES.full_name: ("markets", "prices"),
        }
    )
    is_by_day = False
    has_versions = False
    settles_days = 1

    def __init__(self, settings: VendorSettings, patience: Patience, landing: Path) -> None:
        self._gamma, self._clob = settings.polymarket_gamma, settings.polymarket_clob
        self._slugs = re.compile(settings.polymarket_events)
        self._web = Web(self.name, patience, REQUESTS_PER_SECOND, timeout=180)
        self._markets_file = landing / FOLDER / "markets.json"

    def wanted(self, dataset: str, first: date, last: date, tickers: Sequence[str]) -> list[Wanted]:
        """The file of markets, or one history for every market open on one of the dates."""
        if dataset == "markets":
            return [Wanted(self.name, dataset, f"{FOLDER}/markets.json", first, last)]
        return [
            Wanted(
                self.name,
                dataset,
                f"{FOLDER}/prices-history/{market.contract_id}.json",
                max(first, market.opens_ts.date()),
                min(last, market.expires_ts.date()),
                market.contract_id,
            )
            for market in self._markets().values()
            if market.opens_ts.date() <= last and first <= market.expires_ts.date()
        ]

    def offer(self, wanted: Wanted, held: Entry | None) -> Offer:
        """The address; the vendor tells no version."""
        if wanted.dataset == "markets":
            return Offer(f"{shown(self._gamma)}/events")
        return Offer(f"{shown(self._clob)}/prices-history?market={wanted.subject}")

    def read(self, wanted: Wanted, offer: Offer, start: int) -> Iterator[bytes]:
        """The markets known so far and those of the dates, or one token's whole history."""
        if wanted.dataset == "markets":
            known = {market["id"]: market for market in self._landed()}
            known |= {market["id"]: market for market in self._found(wanted.day, wanted.through)}
            yield json.dumps(sorted(known.values(), key=lambda market: str(market["id"]))).encode()
            return
        life = self._markets()[wanted.subject]
        yield json.dumps({"history": self._history(wanted.subject, life)}).encode()

    def probe(self, day: date) -> Iterator[Probe]:
        """Ask for one event."""
        try:
            self._web.json(f"{self._gamma}/events", {"limit": 1})
        except Refusal as refusal:
            yield Probe("polymarket", False, refusal.standing, str(refusal))
        else:
            yield Probe("polymarket", True, "markets can be read")

    def _found(self, first: date, last: date) -> Iterator[dict[str, Any]]:
        """Markets of wanted events that end on the dates or later and begin before their end."""
        for closed in ("true", "false"):
            for offset in range(0, LAST_OFFSET + 1, PAGE):
                page = self._web.json(
                    f"{self._gamma}/events",
                    {
                        "tag_slug": TAG,
                        "closed": closed,
                        "end_date_min": f"{first}T00:00:00Z",
                        "limit": PAGE,
                        "offset": offset,
                    },
                )
                if not isinstance(page, list):
                    raise Refusal("failed", f"polymarket: {page!r:.200} is no list of events")
                for event in page:
                    if self._slugs.match(event.get("slug", "")):
                        yield from _open_markets(event, first, last)
                if len(page) < PAGE:
                    break
            else:
                raise Refusal(
                    "failed", f"polymarket: more than {LAST_OFFSET} events; fetch fewer dates"
                )

    def _history(self, token: str, life: Market) -> list[Any]:
        """Points of the whole life, each instant once, oldest first."""
        opens, closes = (stamp.replace(tzinfo=UTC) for stamp in (life.opens_ts, life.expires_ts))
        ends = min(closes + timedelta(days=1), datetime.now(UTC))
        found = {}
        while opens < ends:
            until = min(opens + WINDOW, ends)
            answer = self._web.json(
                f"{self._clob}/prices-history",
                {
                    "market": token,
                    "startTs": int(opens.timestamp()),
                    "endTs": int(until.timestamp()),
                    "fidelity": FIDELITY_MINUTES,
                },
            )
            for point in answer.get("history") or []:
                found[point["t"]] = point
            opens = until
        return [found[stamp] for stamp in sorted(found)]

    def _landed(self) -> list[dict[str, Any]]:
        return json.loads(self._markets_file.read_bytes()) if self._markets_file.is_file() else []

    def _markets(self) -> dict[str, Market]:
        """Landed markets that can be priced, by YES token; others have no history to ask for."""
        found = {}
        for answer in self._landed():
            try:
                market = read_market(answer)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # the reader sets them aside with the reason
            found[market.contract_id] = market
        return found


def _open_markets(event: dict[str, Any], first: date, last: date) -> Iterator[dict[str, Any]]:
    """An event's markets that live on one of the dates, with the event's slug where they lack it."""
    family = {name: event.get(name) for name in ("id", "slug", "title")}
    for market in event.get("markets") or []:
        opens, ends = (str(market.get(name) or "")[:10] for name in ("startDate", "endDate"))
        if opens <= last.isoformat() and first.isoformat() <= ends:
            yield {**market, "events": market.get("events") or [family]}
