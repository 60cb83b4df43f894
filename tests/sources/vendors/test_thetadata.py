"""The option terminal on this machine: its layout, its own status codes, its older version."""

import gzip
from datetime import datetime
from pathlib import Path

import pytest

from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.tables import raw
from tests.sources.vendors.rest_client import TUESDAY, as_json, client, in_turn
from tests.sources.vendors.vendor_server import Answer, Asked, Reply, serving

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
