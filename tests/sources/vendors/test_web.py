"""The pace of requests, the files at once, and the pause a vendor asks for."""

import threading
import time
from datetime import date
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from offtape_assets.sources.vendors import web
from tests.sources.vendors.rest_client import PATIENCE, TUESDAY, client
from tests.sources.vendors.vendor_server import Asked, Reply, serving

MOST_AT_ONCE = {
    ("kalshi", "trade_data"): 4,
    ("kalshi_api", "historical_trades"): 8,
    ("thetadata", "quote"): 2,
    ("deribit", "candles"): 2,
    ("fred", "series"): 2,
}
A_SECOND = {
    "massive_reference": 5.0,
    "thetadata": 20.0,
    "kalshi": 15.0,
    "kalshi_api": 15.0,
    "polymarket": 40.0,
    "deribit": 10.0,
    "french": 1.0,
    "fred": 2.0,
}
"""Below what the vendors' pages allow; where they say nothing, a few a second."""


def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses that would be made for the pace if no time passed between requests."""
    waited: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: 100.0, sleep=waited.append)
    monkeypatch.setattr(web, "time", clock)
    return waited


def test_requests_keep_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = stopped_clock(monkeypatch)
    pace = web.Pace(per_second=10)
    for _ in range(4):
        pace.wait()
    assert waited == pytest.approx([0.0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize("vendor", A_SECOND)
def test_every_vendor_is_asked_at_its_own_pace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vendor: str
) -> None:
    """The pauses between the requests to a vendor who is overloaded."""
    waited = stopped_clock(monkeypatch)
    with client(tmp_path, vendor, lambda asked: Reply(b"busy", 503)) as one:
        while len(waited) < 4:
            list(one.vendor.probe(TUESDAY))
    between = [later - before for before, later in pairwise(waited)]
    assert between[:3] == pytest.approx([1 / A_SECOND[vendor]] * 3)


@pytest.mark.parametrize(("vendor", "dataset"), MOST_AT_ONCE)
def test_no_more_files_at_once_than_the_vendor_allows(
    tmp_path: Path, vendor: str, dataset: str
) -> None:
    allowed = MOST_AT_ONCE[vendor, dataset]
    changed, running, most = threading.Condition(), [0], [0]

    def held_until_all_are_there(asked: Asked) -> Reply:
        if asked.method == "HEAD":
            return Reply(headers={"ETag": '"one"', "Content-Length": "5"})
        if asked.path == "/v3" or "/list/" in asked.path:
            return Reply("symbol,expiration\nT1,2024-11-15\n")
        with changed:
            running[0] += 1
            most[0] = max(most[0], running[0])
            changed.notify_all()
            changed.wait_for(lambda: most[0] >= allowed, timeout=20)
        time.sleep(0.02)  # in which one too many would arrive
        with changed:
            running[0] -= 1
        return Reply(b"no data", 472)

    with client(tmp_path, vendor, held_until_all_are_there) as one:
        tickers = [f"T{number}" for number in range(10)]
        last = date(2025, 4, 5) if vendor == "deribit" else date(2024, 11, 10)
        one.fetch(dataset, TUESDAY, last, tickers)
    assert most[0] == allowed


def test_the_pause_that_a_vendor_names_is_waited_out() -> None:
    asked_at: list[float] = []

    def answer(asked: Asked) -> Reply:
        asked_at.append(time.monotonic())
        busy = len(asked_at) == 1
        return Reply(b"busy", 429, {"Retry-After": "1"}) if busy else Reply(b"rows")

    with serving(answer) as server:
        found = web.Web("vendor", PATIENCE, per_second=1000).get(server.url)
    assert found.content == b"rows"
    first, second = asked_at
    assert second - first >= 1.0  # our own first pause would be a hundredth of that
