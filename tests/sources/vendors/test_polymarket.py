"""Polymarket's markets by page and the histories of their prices by window."""

import json
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.tables import raw
from tests.sources.vendors.rest_client import TUESDAY, as_json, client
from tests.sources.vendors.vendor_server import Answer, Asked, Reply

TOKENS = [str(10**76 + number) for number in range(4)]


def market(number: int, start: str, end: str, outcomes: str = '["Yes", "No"]') -> dict[str, Any]:
    return {
        "id": str(500 + number),
        "question": "Will the price of Bitcoin be between $68,000 and $70,000 on November 8?",
        "slug": f"bitcoin-{number}",
        "groupItemTitle": "68,000-70,000",
        "outcomes": outcomes,
        "clobTokenIds": json.dumps([TOKENS[number], TOKENS[number][::-1]]),
        "startDate": f"{start}T16:00:00Z",
        "endDate": f"{end}T17:00:00Z",
    }


def venue(histories: Answer) -> Answer:
    """Gamma with one wanted, one barrier and one foreign event on two pages."""
    wanted = {
        "id": "1",
        "slug": "bitcoin-price-on-november-8",
        "title": "Bitcoin price on November 8?",
        "markets": [market(0, "2024-10-20", "2024-11-08"), market(1, "2024-11-09", "2024-11-20")],
    }
    touch = {"id": "2", "slug": "what-price-will-bitcoin-hit-in-november", "markets": [{}]}
    filler = [{"id": str(n), "slug": f"ethereum-{n}", "markets": []} for n in range(99)]

    def answer(asked: Asked) -> Reply | None:
        if asked.path == "/gamma/events":
            assert asked.query["tag_slug"] == "bitcoin"
            if asked.query["closed"] == "false":
                return as_json([])
            return as_json([touch, *filler] if asked.query["offset"] == "0" else [wanted])
        return histories(asked) if asked.path == "/clob/prices-history" else None

    return answer


def test_markets_are_found_on_every_page_and_only_of_the_wanted_families(tmp_path: Path) -> None:
    with client(tmp_path, "polymarket", venue(lambda asked: None)) as polymarket:
        entry = polymarket.one("markets")
        (kept,) = polymarket.content(entry)
        more = polymarket.fetch("markets", date(2024, 11, 10))[0]
        both = polymarket.content(more)
    assert kept["id"] == "500"
    assert kept["events"][0]["slug"] == "bitcoin-price-on-november-8"
    assert [m["id"] for m in both] == ["500", "501"]
    (rows,) = LandingSource(tmp_path).read(raw.PREDICTION_MARKETS, TUESDAY, [], tmp_path)
    assert rows.rows["contract_id"].to_list() == [TOKENS[0]]


def test_prices_are_asked_in_windows_of_fifteen_days_and_joined(tmp_path: Path) -> None:
    spans: list[tuple[int, int]] = []

    def histories(asked: Asked) -> Reply:
        first, last = int(asked.query["startTs"]), int(asked.query["endTs"])
        spans.append((first, last))
        assert asked.query["market"] == TOKENS[0]
        assert asked.query["fidelity"] == "60"
        assert "interval" not in asked.query
        points = [{"t": first, "p": 0.5}, {"t": first + 3600, "p": 0.25}, {"t": last, "p": 0.5}]
        return as_json({"history": points})

    with client(tmp_path, "polymarket", venue(histories)) as polymarket:
        polymarket.one("markets")
        (entry,) = polymarket.fetch("prices")
        before = len(polymarket.server.asked)
        polymarket.fetch("prices")
        assert len(polymarket.server.asked) == before
    assert entry.path == f"polymarket/prices-history/{TOKENS[0]}.json"
    assert all(last - first <= 15 * 86400 for first, last in spans)
    assert all(one[1] == following[0] for one, following in pairwise(spans))
    opened = int(datetime(2024, 10, 20, 16, tzinfo=UTC).timestamp())
    assert (spans[0][0], spans[-1][1]) == (opened, opened + (20 * 24 + 1) * 3600)
    stamps = [point["t"] for point in polymarket.content(entry)["history"]]
    assert stamps == sorted(set(stamps))
    assert len(stamps) == 5


def test_an_empty_history_is_an_answer(tmp_path: Path) -> None:
    with client(tmp_path, "polymarket", venue(lambda a: as_json({"history": []}))) as polymarket:
        polymarket.one("markets")
        assert polymarket.one("prices").status == "empty_ok"


def test_a_country_without_polymarket_is_told(tmp_path: Path) -> None:
    with client(tmp_path, "polymarket", lambda asked: Reply("blocked", 403)) as polymarket:
        entry = polymarket.one("markets")
        assert entry.status == "forbidden"
        assert len(polymarket.server.asked) == 1
