"""Massive's look-up tables (sale and quote conditions, venues) over REST, snapshotted as JSON.

The vendor's default page is ten rows long, so the limit is always given and pages are followed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

from offtape_assets.sources.manifest import Entry
from offtape_assets.sources.vendors.refusal import Patience, Refusal
from offtape_assets.sources.vendors.vendor import Offer, Probe, Wanted
from offtape_assets.sources.vendors.web import Web, shown
from offtape_assets.tables import raw
from offtape_assets.vendor_settings import VendorSettings

FOLDER = "massive/reference"
LIMIT = 1000
PAGES = 100
"""More than that is a circle of pages."""
KEY = "set OFFTAPE_MASSIVE_API_KEY (or MASSIVE_API_KEY, POLYGON_API_KEY) to the dashboard's key"
_QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "conditions": ("/v3/reference/conditions", {"asset_class": "stocks", "limit": LIMIT}),
    "exchanges": ("/v3/reference/exchanges", {"asset_class": "stocks"}),
}


class MassiveReference:
    """The look-up tables of US stocks as they are today."""

    name = "massive_reference"
    connections = 1
    datasets = ("conditions", "exchanges")
    tables: Mapping[str, Sequence[str]] = MappingProxyType(
        {raw.VENDOR_CONDITIONS.full_name: ("conditions",)}
    )
    is_by_day = False
    has_versions = False
    settles_days = 0

    def __init__(self, settings: VendorSettings, patience: Patience) -> None:
        self._base = settings.massive_api
        self._key = settings.massive_api_key
        headers = {}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        self._web = Web(
            self.name, patience, per_second=5, headers=headers, secrets=settings.secrets
        )

    def wanted(self, dataset: str, first: date, last: date, tickers: Sequence[str]) -> list[Wanted]:
        """One file, as of today whatever the dates: the vendor tells no history."""
        today = datetime.now(UTC).date()
        return [Wanted(self.name, dataset, f"{FOLDER}/{dataset}.json", today, today)]

    def offer(self, wanted: Wanted, held: Entry | None) -> Offer:
        """The address; versions are told apart by content."""
        if self._key is None:
            raise Refusal("forbidden", f"massive REST needs a key: {KEY}")
        return Offer(shown(self._base + _QUESTIONS[wanted.dataset][0]))

    def read(self, wanted: Wanted, offer: Offer, start: int) -> Iterator[bytes]:
        """All pages as one answer."""
        path, question = _QUESTIONS[wanted.dataset]
        kinds: list[dict[str, Any]] = [{}]
        if wanted.dataset == "conditions":
            kinds = [{"data_type": "trade"}, {"data_type": "nbbo"}]
        found: dict[str, Any] = {}
        for kind in kinds:
            for row in self._rows(path, question | kind):
                found[json.dumps(row, sort_keys=True)] = (
                    row  # a condition of both kinds comes twice
                )
        yield json.dumps({"results": list(found.values())}).encode()

    def probe(self, day: date) -> Iterator[Probe]:
        """Ask for the venues."""
        (wanted,) = self.wanted("exchanges", day, day, ())
        try:
            self.offer(wanted, None)
            count = sum(1 for _ in self._rows(*_QUESTIONS["exchanges"]))
        except Refusal as refusal:
            yield Probe("massive REST", False, refusal.standing, str(refusal))
        else:
            yield Probe("massive REST", True, f"the key is accepted ({count} venues)")

    def _rows(self, path: str, question: dict[str, Any]) -> Iterator[Any]:
        answer = self._web.json(self._base + path, question)
        for _ in range(PAGES):
            yield from answer.get("results") or []
            following = answer.get("next_url")
            if not following:
                return
            if not following.startswith(self._base):  # the key goes to no other host
                raise Refusal("failed", f"{shown(self._base + path)}: next_url leads elsewhere")
            answer = self._web.json(following)
        raise Refusal("failed", f"{shown(self._base + path)}: more than {PAGES} pages")
