"""Kalshi's daily reports (versions, ranges) and its trades (cursor, two tiers)."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tests.sources.vendors.rest_client import as_json, client
from tests.sources.vendors.vendor_server import Asked, Reply

REPORT = "/reporting/trade_data_2024-11-05.json"


def report(body: bytes, etag: str = '"one-6"') -> Callable[[Asked], Reply | None]:
    """The bucket: headers, ranges and preconditions of one report."""

    def answer(asked: Asked) -> Reply | None:
        if asked.path != REPORT:
            return None
        headers = {"ETag": etag, "Last-Modified": "Sat, 09 Nov 2024 10:00:00 GMT"}
        if asked.method == "HEAD":
            return Reply(headers=headers | {"Content-Length": str(len(body))})
        if asked.headers.get("If-Match", etag) != etag:
            return Reply(status=412)
        if "Range" in asked.headers:
            start = int(asked.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            return Reply(body[start:], 206, headers)
        return Reply(body, headers=headers)

    return answer


def test_a_kalshi_report_is_kept_by_its_etag(tmp_path: Path) -> None:
    body = b'[{"ticker_name":"PRES-2024-DJT"}]'
    with client(tmp_path, "kalshi", report(body)) as kalshi:
        first, second = kalshi.one("trade_data"), kalshi.one("trade_data")
        assert [a.method for a in kalshi.server.asked].count("GET") == 1
    assert first == second
    assert (first.status, first.etag) == ("ok", '"one-6"')
    assert (tmp_path / "kalshi" / REPORT[1:]).read_bytes() == body
    with client(tmp_path, "kalshi", report(b"[1]", '"two-6"')) as kalshi:
        rewritten = kalshi.one("trade_data")
    assert rewritten.etag == '"two-6"'
    assert (tmp_path / rewritten.kept_as).read_bytes() == body


def test_a_kalshi_report_resumes_by_range(tmp_path: Path) -> None:
    body = json.dumps([{"ticker_name": "X" * 50}] * 9000).encode()
    whole = report(body)
    torn = [True]

    def answer(asked: Asked) -> Reply | None:
        reply = whole(asked)
        if asked.method == "GET" and torn and reply:
            torn.clear()
            return Reply(body[:200_000], headers=reply.headers, length=len(body))
        return reply

    with client(tmp_path, "kalshi", answer) as kalshi:
        entry = kalshi.one("trade_data")
        (ranged,) = (a for a in kalshi.server.asked if "Range" in a.headers)
    assert entry.status == "ok", entry.reason
    assert (tmp_path / entry.path).read_bytes() == body
    start = int(ranged.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    assert 100_000 < start <= 200_000
    assert ranged.headers["If-Match"] == '"one-6"'


def test_an_empty_report_and_a_missing_one_are_different_things(tmp_path: Path) -> None:
    with client(tmp_path, "kalshi", report(b"[]")) as kalshi:
        assert kalshi.one("trade_data").status == "empty_ok"
        assert kalshi.one("trade_data", date(2024, 11, 6)).status == "absent_unexpected"
        assert kalshi.one("trade_data", date(2031, 1, 1)).status == "absent_expected"


def test_reports_are_gzipped_since_the_end_of_july_2026(tmp_path: Path) -> None:
    body = gzip.compress(b"[1]")

    def answer(asked: Asked) -> Reply | None:
        if asked.path.endswith("_2026-07-30.json.gz"):
            return Reply(body, headers={"ETag": '"g"', "Content-Encoding": "gzip"})
        return None

    with client(tmp_path, "kalshi", answer) as kalshi:
        entry = kalshi.one("trade_data", date(2026, 7, 30))
    assert entry.status == "ok", entry.reason
    assert (tmp_path / entry.path).read_bytes() == body


def trade(number: int, stamp: str) -> dict[str, object]:
    return {
        "trade_id": f"id-{number}",
        "ticker": "PRES-2024-DJT",
        "created_time": stamp,
        "count_fp": "57.51",
        "yes_price_dollars": "0.5900",
        "taker_side": "yes",
    }


def test_historical_trades_follow_the_cursor_past_empty_pages_and_keep_each_once(
    tmp_path: Path,
) -> None:
    pages: dict[str, dict[str, object]] = {
        "": {"trades": [trade(3, "2024-11-05T23:59:59.71006Z")], "cursor": "b"},
        "b": {"trades": [], "cursor": "c"},
        "c": {
            "trades": [trade(3, "2024-11-05T23:59:59.71006Z"), trade(1, "2024-11-05T00:00:00Z")],
            "cursor": "",
        },
    }
    overloaded = [True]

    def answer(asked: Asked) -> Reply | None:
        if asked.path.endswith("/historical/cutoff"):
            return as_json({"trades_created_ts": "2026-06-01T00:00:00Z"})
        if not asked.path.endswith("/historical/trades"):
            return None
        if asked.query.get("ticker") != "PRES-2024-DJT":
            return as_json({"trades": [], "cursor": ""})
        if overloaded:
            overloaded.clear()
            return as_json({"error": {"code": "too_many_requests"}}, status=429)
        assert int(asked.query["limit"]) <= 1000
        return as_json(pages[asked.query.get("cursor", "")])

    with client(tmp_path, "kalshi_api", answer) as kalshi:
        trump, harris = kalshi.fetch("historical_trades")
        asked = [a for a in kalshi.server.asked if a.path.endswith("/historical/trades")]
    assert [t["trade_id"] for t in kalshi.content(trump)] == ["id-1", "id-3"]
    assert (trump.status, harris.status) == ("ok", "empty_ok")
    span = asked[0].query
    assert int(span["max_ts"]) - int(span["min_ts"]) == 86400


def test_trades_near_the_cut_off_come_from_both_tiers(tmp_path: Path) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=3)
    stamp = f"{yesterday}T12:00:00Z"

    def answer(asked: Asked) -> Reply | None:
        if asked.path.endswith("/historical/cutoff"):
            return as_json({"trades_created_ts": f"{yesterday - timedelta(days=2)}T00:00:00Z"})
        number = 1 if asked.path.endswith("/historical/trades") else 2
        return as_json({"trades": [trade(number, stamp), trade(7, stamp)], "cursor": ""})

    with client(tmp_path, "kalshi_api", answer) as kalshi:
        entry, _ = kalshi.fetch("historical_trades", yesterday)
    assert [t["trade_id"] for t in kalshi.content(entry)] == ["id-1", "id-2", "id-7"]
