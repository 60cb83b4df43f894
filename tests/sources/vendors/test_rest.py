"""The vendors over HTTP against local servers that replay documented answers and refusals."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from offtape_assets.settings import Settings
from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.sources.manifest import Entry, Manifest
from offtape_assets.sources.vendors import web
from offtape_assets.sources.vendors.fetching import Fetcher
from offtape_assets.sources.vendors.french import ARCHIVE, FILE
from offtape_assets.sources.vendors.refusal import Patience
from offtape_assets.sources.vendors.source import open_vendors
from offtape_assets.tables import raw
from offtape_assets.vendor_settings import ALL_VENDORS, VendorSettings
from tests.sources.vendors.vendor_server import Answer, Asked, Reply, VendorServer, serving

TUESDAY = date(2024, 11, 5)
PATIENCE = Patience(first_seconds=0.01)
REPORT = "/reporting/trade_data_2024-11-05.json"


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


# -- Kalshi ------------------------------------------------------------------------------------


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


def test_requests_keep_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(web.time, "monotonic", lambda: 100.0)
    monkeypatch.setattr(web.time, "sleep", waited.append)
    pace = web.Pace(per_second=10)
    for _ in range(4):
        pace.wait()
    assert waited == pytest.approx([0.0, 0.1, 0.2, 0.3])


# -- ThetaData ---------------------------------------------------------------------------------

V3_HEADER = (
    "symbol,expiration,strike,right,timestamp,bid_size,bid_exchange,bid,bid_condition,"
    "ask_size,ask_exchange,ask,ask_condition"
)
V3_ROW = "{},2024-11-15,220.000,CALL,2024-11-05T{},598,5,4.55,50,424,9,4.70,50"


def terminal(quotes: Answer) -> Answer:
    """A v3 terminal that lists two expiries after the event."""

    def answer(asked: Asked) -> Reply | None:
        if asked.path == "/v3/option/list/expirations":
            symbol = asked.query["symbol"]
            listed = ("2024-11-08", "2024-11-15", "2024-11-22")
            return Reply("symbol,expiration\n" + "".join(f"{symbol},{day}\n" for day in listed))
        if asked.path == "/v3/option/history/quote":
            return quotes(asked)
        return None

    return answer


def test_option_quotes_land_in_the_layout_the_reader_reads(tmp_path: Path) -> None:
    def quotes(asked: Asked) -> Reply | None:
        assert asked.query["expiration"] == "20241115"
        assert asked.query["strike"] == "*"
        assert (asked.query["date"], asked.query["interval"]) == ("20241105", "1m")
        assert (asked.query["start_time"], asked.query["end_time"]) == ("09:30:00", "16:00:00")
        rows = "\n".join(V3_ROW.format("BRKB", stamp) for stamp in ("09:31:00", "09:32:00"))
        return Reply(f"{V3_HEADER}\n{rows}\n")

    with client(tmp_path, "thetadata", terminal(quotes)) as theta:
        (entry,) = theta.fetch("quote", tickers=["BRK.B"])
        assert all("BRK.B" not in asked.query.values() for asked in theta.server.asked)
    assert entry.status == "ok", entry.reason
    assert entry.path.endswith("option/history/quote/2024-11-05/BRK.B.csv.gz")
    (delivery,) = LandingSource(tmp_path).read(raw.OPTION_QUOTES, TUESDAY, ["BRK.B"], tmp_path)
    assert delivery.rows.height == 2
    assert delivery.rows["strike"].to_list() == [220.0, 220.0]
    assert delivery.rows["ts"][0] == datetime(2024, 11, 5, 14, 31)  # 09:31 in New York


@pytest.mark.parametrize("status", [571, 474, 429])
def test_a_terminal_that_starts_or_is_busy_is_asked_again(tmp_path: Path, status: int) -> None:
    good = Reply(f"{V3_HEADER}\n{V3_ROW.format('SPY', '09:31:00')}\n")
    quotes = in_turn(Reply("wait", status), Reply("wait", status), good)
    with client(tmp_path, "thetadata", terminal(quotes)) as theta:
        entry = theta.one("quote")
        asked = [a for a in theta.server.asked if a.path.endswith("/quote")]
    assert entry.status == "ok", entry.reason
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("status", "standing", "hint"),
    [(471, "forbidden", "plan"), (478, "failed", "another terminal"), (476, "failed", "localhost")],
)
def test_refusals_of_the_terminal_are_not_repeated(
    tmp_path: Path, status: int, standing: str, hint: str
) -> None:
    with client(tmp_path, "thetadata", terminal(in_turn(Reply("no", status)))) as theta:
        entry = theta.one("quote")
        asked = [a for a in theta.server.asked if a.path.endswith("/quote")]
    assert entry.status == standing
    assert hint in entry.reason
    assert len(asked) == 1


def test_no_data_is_an_answer_and_the_next_expiry_is_tried(tmp_path: Path) -> None:
    def quotes(asked: Asked) -> Reply:
        if asked.query["symbol"] == "XLU" or asked.query["expiration"] == "20241115":
            return Reply("no data", 472)
        return Reply(f"{V3_HEADER}\n{V3_ROW.format('SPY', '09:31:00')}\n")

    with client(tmp_path, "thetadata", terminal(quotes)) as theta:
        spy, xlu = theta.fetch("quote", tickers=["SPY", "XLU"])
        expiries = [a.query["expiration"] for a in theta.server.asked if "expiration" in a.query]
        before = len(theta.server.asked)
        again = theta.fetch("quote", tickers=["SPY", "XLU"])
        assert len(theta.server.asked) == before
    assert (spy.status, xlu.status) == ("ok", "empty_ok")
    assert "20241122" in expiries
    assert again == [spy, xlu]
    assert not (tmp_path / xlu.path).exists()


def test_too_large_an_answer_is_asked_in_halves_that_share_no_minute(tmp_path: Path) -> None:
    spans: list[tuple[str, str]] = []

    def quotes(asked: Asked) -> Reply:
        first, last = asked.query["start_time"], asked.query["end_time"]
        if int(last[:2]) * 60 + int(last[3:5]) - int(first[:2]) * 60 - int(first[3:5]) > 200:
            return Reply("too large", 570)
        spans.append((first, last))
        return Reply(f"{V3_HEADER}\n{V3_ROW.format('SPY', first)}\n")

    with client(tmp_path, "thetadata", terminal(quotes)) as theta:
        entry = theta.one("quote")
    text = gzip.decompress((tmp_path / entry.path).read_bytes()).decode()
    assert spans == [("09:30:00", "12:45:00"), ("12:46:00", "16:00:00")]
    assert text.count("symbol") == 1
    assert text.count("\n") == 3


def test_an_old_terminal_answers_in_the_new_layout(tmp_path: Path) -> None:
    header = (
        "root,expiration,strike,right,ms_of_day,bid_size,bid_exchange,bid,bid_condition,"
        "ask_size,ask_exchange,ask,ask_condition,date"
    )
    row = "SPY,20241115,572500,{},34260000,10,5,4.55,50,20,9,4.70,50,20241105"

    def answer(asked: Asked) -> Reply | None:
        if asked.path == "/v2/list/expirations":
            return as_json({"header": {"next_page": "null"}, "response": [20241108, 20241115]})
        if asked.path == "/v2/bulk_hist/option/quote":
            assert asked.query["ivl"] == "60000"
            page = f"http://{asked.headers['Host']}/v2/page/2"
            return Reply(f"{header}\n{row.format('C')}\n", headers={"Next-Page": page})
        if asked.path == "/v2/page/2":
            return Reply(f"{header}\n{row.format('P')}\n", headers={"Next-Page": "null"})
        return Reply(status=404) if asked.path.startswith("/v2") else None

    with serving(lambda asked: None) as nothing:
        silent = f"{nothing.url}/v3"
    with client(tmp_path, "thetadata", answer, thetadata_url=silent) as theta:
        entry = theta.one("quote")
    assert entry.status == "ok", entry.reason
    text = gzip.decompress((tmp_path / entry.path).read_bytes()).decode()
    assert text.splitlines() == [
        V3_HEADER,
        "SPY,2024-11-15,572.500,CALL,2024-11-05T09:31:00,10,5,4.55,50,20,9,4.70,50",
        "SPY,2024-11-15,572.500,PUT,2024-11-05T09:31:00,10,5,4.55,50,20,9,4.70,50",
    ]


def test_a_terminal_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with serving(lambda asked: None) as nothing:
        silent = nothing.url
    urls = {"thetadata_url": f"{silent}/v3", "thetadata_v2_url": f"{silent}/v2"}
    with client(tmp_path, "thetadata", lambda asked: None, **urls) as theta:
        found = theta.fetch("quote", tickers=["SPY", "QQQ"])
        (probe,) = theta.vendor.probe(TUESDAY)
    assert {entry.status for entry in found} == {"failed"}
    assert all("start it" in text for text in (found[0].reason, probe.remedy))


# -- Polymarket --------------------------------------------------------------------------------

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


# -- Deribit -----------------------------------------------------------------------------------

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


# -- French, FRED, Massive's look-ups ----------------------------------------------------------


def library(vintage: str, last: str = "0.50", name: str = "f-f_Factors_daily.CSV") -> bytes:
    """The archive of one vintage, with the prose around the rows."""
    text = (
        f"This file was created by using the {vintage} CRSP database.\n\n"
        ",Mkt-RF,SMB,HML,RMW,CMA,RF\n"
        f"20241104, -0.22, 0.10, 0.20, 0.30, 0.40, 0.017\n20241105, 1.22, {last}, 0.20, 0.30,"
        " 0.40, 0.017\n\nCopyright 2025\n"
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, text)
    return packed.getvalue()


def test_every_vintage_of_the_library_is_kept_where_the_reader_finds_it(tmp_path: Path) -> None:
    replies = in_turn(Reply(library("202411")), Reply(library("202412", "0.75")))
    today = datetime.now(UTC).date()
    with client(tmp_path, "french", replies) as french:
        first = french.one("five_factors_daily", today)
        second = french.one("five_factors_daily", today)
        agents = {asked.headers["User-Agent"] for asked in french.server.asked}
        assert {asked.path for asked in french.server.asked} == {f"/ftp/{ARCHIVE}"}
    assert (first.path, second.kept_as) == (FILE, FILE.replace("french/", "french/202411/"))
    assert all(agent.startswith("Mozilla/5.0") for agent in agents)
    (rows,) = LandingSource(tmp_path).read(raw.FACTOR_LIBRARY, TUESDAY, [], tmp_path)
    found = dict(rows.rows.select("vintage", "smb").iter_rows())
    assert found == {"202411": 0.005, "202412": 0.0075}


@pytest.mark.parametrize(
    ("body", "hint"),
    [(b"<html>busy</html>", "no zip"), (library("x")[:100], "no zip")],
    ids=["a page", "a torn archive"],
)
def test_what_is_no_archive_does_not_land(tmp_path: Path, body: bytes, hint: str) -> None:
    with client(tmp_path, "french", lambda asked: Reply(body)) as french:
        entry = french.one("five_factors_daily")
    assert entry.status == "failed"
    assert hint in entry.reason
    assert not (tmp_path / FILE).exists()


def test_bill_series_land_as_received_and_a_page_does_not(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.query["id"] == "DTB3":
            return Reply("<html>not found</html>")
        return Reply(f"observation_date,{asked.query['id']}\n2024-11-01,4.75\n2024-11-04,.\n")

    with client(tmp_path, "fred", answer) as fred:
        found = {entry.path: entry for entry in fred.fetch("series")}
    assert found.pop("fred/DTB3.csv").status == "failed"
    assert {entry.status for entry in found.values()} == {"ok"}
    (rows,) = LandingSource(tmp_path).read(raw.TREASURY_BILLS, TUESDAY, [], tmp_path)
    assert dict(rows.rows.iter_rows())[30] == pytest.approx(0.0475)


def test_look_ups_follow_pages_with_the_key_and_become_a_reference_table(tmp_path: Path) -> None:
    def condition(number: int, kind: str) -> dict[str, Any]:
        return {
            "id": number,
            "type": "sale_condition",
            "name": f"Condition {number}",
            "asset_class": "stocks",
            "data_types": [kind],
            "sip_mapping": {"CTA": "F", "UTP": "F"},
            "update_rules": {"consolidated": {"updates_high_low": True, "updates_volume": True}},
        }

    def answer(asked: Asked) -> Reply | None:
        assert asked.headers["Authorization"] == "Bearer hidden-key"
        assert "apiKey" not in asked.query
        if asked.path == "/v3/reference/exchanges":
            return as_json({"results": [{"id": 10, "name": "NYSE"}]})
        if asked.query.get("cursor"):
            return as_json({"results": [condition(53, "trade")]})
        kind = asked.query["data_type"]
        assert asked.query["limit"] == "1000"
        page = f"http://{asked.headers['Host']}/v3/reference/conditions?cursor=2"
        more = {"next_url": page} if kind == "trade" else {}
        number = 14 if kind == "trade" else 81
        return as_json({"results": [condition(number, kind)], **more})

    with client(tmp_path, "massive_reference", answer) as massive:
        massive.fetch("conditions")
        massive.fetch("exchanges")
    (rows,) = LandingSource(tmp_path).read(raw.VENDOR_CONDITIONS, date.max, [], tmp_path)
    assert rows.rows["condition"].to_list() == [14, 53, 81]
    assert rows.rows["updates_volume"].to_list() == [True] * 3
    assert "hidden-key" not in (tmp_path / "manifest.jsonl").read_text()


def test_a_page_that_leads_to_another_host_does_not_get_the_key(tmp_path: Path) -> None:
    with serving(lambda asked: as_json({"results": []})) as other:
        page = as_json({"results": [], "next_url": f"{other.url}/v3/reference/conditions"})
        with client(tmp_path, "massive_reference", lambda asked: page) as massive:
            entry = massive.one("conditions")
        assert other.asked == []
    assert "leads elsewhere" in entry.reason


# -- what doctor asks --------------------------------------------------------------------------


def everything(asked: Asked) -> Reply:
    """A good answer to each vendor's probe."""
    bars = {"data": [[ms(2024, 11, 5), 50, 51, 49, 50]], "continuation": None}
    replies = {
        "/v3/reference/exchanges": as_json({"results": [{"id": 10}]}),
        "/v3/option/list/expirations": Reply("symbol,expiration\nSPY,2024-11-15\n"),
        "/v3/option/history/quote": Reply("no data", 472),
        REPORT: Reply(headers={"ETag": '"1"', "Content-Length": "88733792"}),
        "/trade-api/v2/historical/cutoff": as_json({"trades_created_ts": "2026-08-01T00:00:00Z"}),
        "/gamma/events": as_json([]),
        "/api/v2/public/get_volatility_index_data": as_json({"result": bars}),
        f"/ftp/{ARCHIVE}": Reply(headers={"Last-Modified": "Mon, 02 Nov 2026 00:00:00 GMT"}),
        "/graph/fredgraph.csv": Reply("observation_date,DGS1MO\n2024-11-05,4.7\n"),
    }
    return replies.get(asked.path, Reply(status=404))


REST_VENDORS = [name for name in ALL_VENDORS if name != "massive"]


@pytest.mark.parametrize("vendor", REST_VENDORS)
def test_doctor_says_that_a_vendor_answers(tmp_path: Path, vendor: str) -> None:
    with client(tmp_path, vendor, everything) as one:
        (probe,) = one.vendor.probe(TUESDAY)
    assert probe.is_well, probe
    assert probe.remedy == ""


@pytest.mark.parametrize("vendor", REST_VENDORS)
def test_doctor_says_what_a_vendor_refuses(tmp_path: Path, vendor: str) -> None:
    def echo(asked: Asked) -> Reply:
        return Reply(f"not for you: {asked.headers.get('Authorization')}", 403)

    with client(tmp_path, vendor, echo) as one:
        (probe,) = one.vendor.probe(TUESDAY)
    assert not probe.is_well
    assert "forbidden" in probe.detail
    assert "403" in probe.remedy
    assert "hidden-key" not in probe.remedy


def test_a_vendor_without_its_key_says_which_to_set(tmp_path: Path) -> None:
    with client(tmp_path, "massive_reference", everything, massive_api_key=None) as massive:
        entry = massive.one("conditions")
        assert massive.server.asked == []
    assert entry.status == "forbidden"
    assert "POLYGON_API_KEY" in entry.reason
