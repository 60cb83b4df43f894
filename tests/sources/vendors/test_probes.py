"""What `offtape doctor` asks of each vendor over HTTP, and how it tells the answer."""

from pathlib import Path

import pytest

from offtape_assets.sources.vendors.french import ARCHIVE
from offtape_assets.vendor_settings import ALL_VENDORS
from tests.sources.vendors.rest_client import TUESDAY, as_json, client
from tests.sources.vendors.vendor_server import Asked, Reply


def everything(asked: Asked) -> Reply:
    """A good answer to each vendor's probe."""
    bars = {"data": [[1_730_764_800_000, 50, 51, 49, 50]], "continuation": None}
    replies = {
        "/v3/reference/exchanges": as_json({"results": [{"id": 10}]}),
        "/v3/option/list/expirations": Reply("symbol,expiration\nSPY,2024-11-15\n"),
        "/v3/option/history/quote": Reply("no data", 472),
        "/reporting/trade_data_2024-11-05.json": Reply(
            headers={"ETag": '"1"', "Content-Length": "88733792"}
        ),
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
