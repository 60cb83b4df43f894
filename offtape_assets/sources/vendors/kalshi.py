"""Kalshi: the public daily reports, kept by ETag, and the trades of single contracts over API v2.

Reports are rewritten without notice, so their ETag is asked again; they carry neither trade ids
nor sides. The API does: its trades lie beside the reports, one file a contract and UTC day.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from offtape_assets.sources.landing.kalshi import FOLDER
from offtape_assets.sources.manifest import Entry
from offtape_assets.sources.vendors.refusal import ChangedError, Patience, Refusal
from offtape_assets.sources.vendors.vendor import Offer, Probe, Wanted
from offtape_assets.sources.vendors.web import Web, shown
from offtape_assets.tables import raw
from offtape_assets.vendor_settings import VendorSettings

GZIPPED_FROM = date(2026, 7, 30)
PUBLISHED_HOUR = 12
"""UTC, on the day after the report's."""
TRADES_FOLDER = "kalshi/historical_trades"
PAGE = 1000
"""Rows of one answer; a greater limit is refused."""
OVERLAP = timedelta(days=20)
"""The live and the historical interface both hold trades this close to the cut-off."""
PAGES = 20_000
REQUESTS_PER_SECOND = 15.0
WORKERS = 8


class KalshiReports:
    """The reporting bucket: every market's trades of one day in one file."""

    name = "kalshi"
    connections = 4
    datasets = ("trade_data",)
    tables: Mapping[str, Sequence[str]] = MappingProxyType(
        {raw.KALSHI_TRADES.full_name: ("trade_data",)}
    )
    is_by_day = True
    has_versions = True
    settles_days = 0

    def __init__(self, settings: VendorSettings, patience: Patience) -> None:
        self._base = settings.kalshi_reports
        self._web = Web(self.name, patience, REQUESTS_PER_SECOND)

    def wanted(self, dataset: str, first: date, last: date, tickers: Sequence[str]) -> list[Wanted]:
        """One report a calendar day, gzipped since 2026-07-30."""
        now = datetime.now(UTC)
        files = []
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            suffix = ".json.gz" if day >= GZIPPED_FROM else ".json"
            path = f"{FOLDER.as_posix()}/{dataset}_{day}{suffix}"
            following = day + timedelta(days=1)
            published = datetime(
                following.year, following.month, following.day, PUBLISHED_HOUR, tzinfo=UTC
            )
            files.append(Wanted(self.name, dataset, path, day, day, is_expected=now >= published))
        return files

    def offer(self, wanted: Wanted, held: Entry | None) -> Offer:
        """The version that the bucket's headers tell."""
        url = self._url(wanted)
        try:
            with self._web.open(url, method="HEAD") as answer:
                told = answer.headers
        except Refusal as refusal:
            if refusal.code == 404 and not wanted.is_expected:
                raise Refusal("absent_expected", str(refusal), code=404) from None
            raise
        size = told.get("Content-Length")
        is_encoded = "Content-Encoding" in told and not wanted.path.endswith(".gz")
        return Offer(
            shown(url),
            told.get("ETag", ""),
            int(size) if size and not is_encoded else None,
            told.get("Last-Modified", ""),
        )

    def read(self, wanted: Wanted, offer: Offer, start: int) -> Iterator[bytes]:
        """The report from `start` on, of exactly the offered version."""
        headers = {}
        if offer.etag:
            headers["If-Match"] = offer.etag
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            answer = self._web.open(self._url(wanted), headers=headers)
        except Refusal as refusal:
            if refusal.code in (412, 416):
                raise ChangedError(wanted.path) from None
            raise
        if start and answer.status_code != 206:  # the range was not honoured
            answer.close()
            raise ChangedError(wanted.path)
        yield from self._web.body(answer, as_received=wanted.path.endswith(".gz"))

    def probe(self, day: date) -> Iterator[Probe]:
        """Ask for the headers of one report."""
        (wanted,) = self.wanted("trade_data", day, day, ())
        try:
            offer = self.offer(wanted, None)
        except Refusal as refusal:
            yield Probe("kalshi reports", False, f"{day}: {refusal.standing}", str(refusal))
        else:
            yield Probe("kalshi reports", True, f"{day}: {(offer.size or 0) / 1e6:.1f} MB")

    def _url(self, wanted: Wanted) -> str:
        return f"{self._base}/{wanted.path.rpartition('/')[2]}"


class KalshiTrades:
    """Trades of the event's contracts with ids and sides, from API v2 without a key."""

    name = "kalshi_api"
    connections = WORKERS
    datasets = ("historical_trades",)
    tables: Mapping[str, Sequence[str]] = MappingProxyType({})
    is_by_day = True
    has_versions = False
    settles_days = 1

    def __init__(
        self, settings: VendorSettings, patience: Patience, contracts: Sequence[str]
    ) -> None:
        self._base = settings.kalshi_api
        self._web = Web(self.name, patience, REQUESTS_PER_SECOND)
        self._contracts = contracts

    def wanted(self, dataset: str, first: date, last: date, tickers: Sequence[str]) -> list[Wanted]:
        """One file a contract and UTC day."""
        today = datetime.now(UTC).date()
        days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
        return [
            Wanted(
                self.name,
                dataset,
                f"{TRADES_FOLDER}/{contract}/{day}.json",
                day,
                day,
                contract,
                is_expected=day < today,
            )
            for day in days
            for contract in self._contracts
        ]

    def offer(self, wanted: Wanted, held: Entry | None) -> Offer:
        """The address; a day that is not over is not asked for."""
        if not wanted.is_expected:
            raise Refusal("absent_expected", f"{wanted.day} is not over")
        return Offer(f"{shown(self._base)}/historical/trades?ticker={wanted.subject}")

    def read(self, wanted: Wanted, offer: Offer, start: int) -> Iterator[bytes]:
        """The day's trades, oldest first, each once: pages and tiers overlap."""
        midnight = datetime(wanted.day.year, wanted.day.month, wanted.day.day, tzinfo=UTC)
        span = {
            "ticker": wanted.subject,
            "min_ts": int(midnight.timestamp()),
            "max_ts": int((midnight + timedelta(days=1)).timestamp()),
        }
        found = {}
        for tier in self._tiers(midnight):
            for trade in self._trades(tier, span):
                if _instant(trade).date() == wanted.day:
                    found[trade["trade_id"]] = trade
        ordered = sorted(found.values(), key=lambda trade: (_instant(trade), trade["trade_id"]))
        yield json.dumps(ordered).encode()

    def probe(self, day: date) -> Iterator[Probe]:
        """Ask where the live interface begins."""
        try:
            cutoff = self._cutoff()
        except Refusal as refusal:
            yield Probe("kalshi API", False, refusal.standing, str(refusal))
        else:
            yield Probe("kalshi API", True, f"trades before {cutoff:%Y-%m-%d} are historical")

    def _tiers(self, midnight: datetime) -> list[str]:
        cutoff = self._cutoff()
        tiers = []
        if midnight < cutoff + OVERLAP:
            tiers.append("/historical/trades")
        if midnight + timedelta(days=1) > cutoff - OVERLAP:
            tiers.append("/markets/trades")
        return tiers

    def _cutoff(self) -> datetime:
        answer = self._web.json(f"{self._base}/historical/cutoff")
        try:
            stamp = answer["trades_created_ts"]
            if isinstance(stamp, int | float):
                return datetime.fromtimestamp(stamp, UTC)
            return datetime.fromisoformat(stamp)
        except (KeyError, TypeError, ValueError) as error:
            raise Refusal("failed", f"kalshi API: no cut-off in {answer!r:.200}") from error

    def _trades(self, tier: str, span: dict[str, Any]) -> Iterator[Any]:
        """All pages; a page may be empty while the cursor is not."""
        cursor = ""
        for _ in range(PAGES):
            question = span | {"limit": PAGE} | ({"cursor": cursor} if cursor else {})
            answer = self._web.json(self._base + tier, question)
            yield from answer.get("trades") or []
            cursor = answer.get("cursor") or ""
            if not cursor:
                return
        raise Refusal("failed", f"kalshi API: more than {PAGES} pages of {span['ticker']}")


def _instant(trade: Any) -> datetime:
    try:
        return datetime.fromisoformat(trade["created_time"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(
            "failed", f"kalshi API: a trade without an instant: {trade!r:.200}"
        ) from error
