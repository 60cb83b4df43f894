"""A connector of one vendor over HTTP, pointed at a local server that replays its answers."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from offtape_assets.settings import Settings
from offtape_assets.sources.manifest import Entry, Manifest
from offtape_assets.sources.vendors.fetching import Fetcher
from offtape_assets.sources.vendors.refusal import Patience
from offtape_assets.sources.vendors.source import open_vendors
from offtape_assets.vendor_settings import VendorSettings
from tests.sources.vendors.vendor_server import Answer, Reply, VendorServer, serving

TUESDAY = date(2024, 11, 5)
PATIENCE = Patience(first_seconds=0.01)


class Client:
    """One vendor's connector, pointed at a local server, and the folder it fills."""

    def __init__(self, landing: Path, vendor: str, server: VendorServer, **more: Any) -> None:
        url = server.url
        given = {
            "massive_api": url,
            "massive_api_key": "hidden-key",
            "thetadata_url": f"{url}/v3",
            "thetadata_v2_url": f"{url}/v2",
            "kalshi_reports": f"{url}/reporting",
            "kalshi_api": f"{url}/trade-api/v2",
            "polymarket_gamma": f"{url}/gamma",
            "polymarket_clob": f"{url}/clob",
            "deribit_url": f"{url}/api/v2/public",
            "french_url": f"{url}/ftp",
            "fred_url": f"{url}/graph/fredgraph.csv",
            "fetch_retry_seconds": 0.01,
        }
        chosen = VendorSettings(vendors=(vendor,), **(given | more))
        settings = Settings(source="vendors", landing=landing, vendor=chosen)
        self.landing, self.server = landing, server
        self.vendor = open_vendors(settings, landing)[vendor]

    def fetch(
        self,
        dataset: str,
        first: date = TUESDAY,
        last: date | None = None,
        tickers: Sequence[str] = ("SPY",),
    ) -> list[Entry]:
        """Fetch one dataset of some dates."""
        fetcher = Fetcher(self.landing, Manifest(self.landing), self.vendor, PATIENCE)
        return fetcher.fetch(self.vendor.wanted(dataset, first, last or first, tickers))

    def one(self, dataset: str, day: date = TUESDAY) -> Entry:
        """Fetch one file."""
        (entry,) = self.fetch(dataset, day)
        return entry

    def content(self, entry: Entry) -> Any:
        """JSON of a landed file."""
        return json.loads((self.landing / entry.path).read_bytes())


@contextmanager
def client(landing: Path, vendor: str, answer: Answer, **more: Any) -> Iterator[Client]:
    """A connector and its server while the block runs."""
    with serving(answer) as server:
        yield Client(landing, vendor, server, **more)


def as_json(content: object, **more: Any) -> Reply:
    return Reply(json.dumps(content), headers={"Content-Type": "application/json"}, **more)


def in_turn(*replies: Reply) -> Answer:
    """The replies one after the other, the last one for ever."""
    left = list(replies)
    return lambda asked: left.pop(0) if len(left) > 1 else left[0]
