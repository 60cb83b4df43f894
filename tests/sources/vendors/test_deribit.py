"""Deribit's hourly bars: continuation, windows, and the bar that is still forming."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.tables import raw
from tests.sources.vendors.rest_client import TUESDAY, as_json, client
from tests.sources.vendors.vendor_server import Answer, Asked, Reply

HOUR = 3_600_000


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc]


def paged_index(page: int, overlap: int = 0) -> Answer:
    """DVOL answers `page` bars that end at end_timestamp and a continuation to the ones before."""

    def answer(asked: Asked) -> Reply | None:
        if not asked.path.endswith("/get_volatility_index_data"):
            return None
        assert (asked.query["currency"], asked.query["resolution"]) == ("BTC", "3600")
        first, end = int(asked.query["start_timestamp"]), int(asked.query["end_timestamp"])
        last = end - end % HOUR
        start = max(first, last - (page - 1) * HOUR)
        data = [[ts, 50.0, 52.0, 49.0, ts % 7] for ts in range(start, last + 1, HOUR)]
        following = start - HOUR + overlap * HOUR
        return as_json(
            {"result": {"data": data, "continuation": following if start > first else None}}
        )

    return answer


@pytest.mark.parametrize("overlap", [0, 3])
def test_the_index_is_paged_backwards_until_the_month_is_whole(
    tmp_path: Path, overlap: int
) -> None:
    with client(tmp_path, "deribit", paged_index(100, overlap)) as deribit:
        entry = deribit.one("volatility_index")
        data = deribit.content(entry)["result"]["data"]
        assert len(deribit.server.asked) >= 8
    assert entry.path == "deribit/volatility_index/BTC-2024-11.json"
    stamps = [bar[0] for bar in data]
    assert stamps == list(range(ms(2024, 11, 1), ms(2024, 12, 1), HOUR))
    (rows,) = LandingSource(tmp_path).read(raw.VOLATILITY_INDEX, TUESDAY, [], tmp_path)
    assert rows.rows["ts"].to_list()[0] == datetime(2024, 11, 5)  # the bar's start
    assert rows.rows.height == 24


def test_the_bar_that_is_still_forming_is_left_out(tmp_path: Path) -> None:
    today = datetime.now(UTC)
    with client(tmp_path, "deribit", paged_index(1000)) as deribit:
        entry = deribit.one("volatility_index", today.date())
        data = deribit.content(entry)["result"]["data"]
    assert all(bar[0] + HOUR <= today.timestamp() * 1000 + 60_000 for bar in data)


def test_a_continuation_that_does_not_go_back_ends(tmp_path: Path) -> None:
    stuck = as_json({"result": {"data": [], "continuation": ms(2030, 1, 1)}})
    with client(tmp_path, "deribit", lambda asked: stuck) as deribit:
        entry = deribit.one("volatility_index")
        assert len(deribit.server.asked) == 1
    assert entry.status == "failed"
    assert "does not go back" in entry.reason


def test_candles_come_in_windows_and_too_many_requests_is_status_400(tmp_path: Path) -> None:
    refused = [True]

    def answer(asked: Asked) -> Reply | None:
        if not asked.path.endswith("/get_tradingview_chart_data"):
            return None
        if refused:
            refused.clear()
            return as_json({"error": {"code": 10028, "message": "too_many_requests"}}, status=400)
        first, last = (int(asked.query[f"{end}_timestamp"]) for end in ("start", "end"))
        assert (last - first) / HOUR < 1000
        ticks = list(range(first, last + 1, HOUR))
        lists = {name: [1.0] * len(ticks) for name in ("open", "high", "low", "close")}
        more = {"volume": [2.0] * len(ticks), "cost": [3.0] * len(ticks)}
        return as_json({"result": {"status": "ok", "ticks": ticks, **lists, **more}})

    with client(tmp_path, "deribit", answer) as deribit:
        entry = deribit.one("candles")
        result = deribit.content(entry)["result"]
    assert result["ticks"] == list(range(ms(2024, 11, 1), ms(2024, 12, 1), HOUR))
    assert {len(result[name]) for name in result if name != "status"} == {720}
    (rows,) = LandingSource(tmp_path).read(raw.CRYPTO_BARS, TUESDAY, [], tmp_path)
    assert rows.rows.height == 24


def test_another_error_of_deribit_is_not_repeated(tmp_path: Path) -> None:
    wrong = as_json({"error": {"code": -32602, "message": "Invalid params"}}, status=400)
    with client(tmp_path, "deribit", lambda asked: wrong) as deribit:
        entry = deribit.one("candles")
        assert len(deribit.server.asked) == 1
    assert "Invalid params" in entry.reason
