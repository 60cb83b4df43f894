"""Massive's look-ups: pages, the key, and the reference table they become."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from typer.testing import CliRunner

from offtape_assets.cli import app
from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.tables import raw
from tests.sources.vendors.rest_client import TUESDAY, as_json, client
from tests.sources.vendors.vendor_server import Asked, Reply, serving


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


def test_look_ups_follow_pages_with_the_key_and_become_a_reference_table(tmp_path: Path) -> None:
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


def test_snapshotted_look_ups_are_a_table_after_a_backfill(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Reply:
        kind = asked.query.get("data_type", "trade")
        return as_json({"results": [condition(14 if kind == "trade" else 81, kind)]})

    store = tmp_path / "warehouse"
    words = ["backfill", "--source", "vendors", "--landing", str(tmp_path / "landing")]
    words += ["--from", str(TUESDAY), "--to", str(TUESDAY), "--warehouse", str(store)]
    with serving(answer) as server:
        settings = {
            "OFFTAPE_VENDORS": "massive_reference",
            "OFFTAPE_MASSIVE_API": server.url,
            "OFFTAPE_MASSIVE_API_KEY": "hidden-key",
        }
        built = CliRunner().invoke(app, [*words, "--select", "raw.vendor_conditions"], env=settings)
    assert built.exit_code == 0, built.output
    assert len(server.asked) == 2  # one page of sale conditions, one of quote conditions
    with duckdb.connect(str(store / "offtape.duckdb"), read_only=True) as catalog:
        query = "select condition, data_types, updates_volume from raw.vendor_conditions order by 1"
        found = catalog.execute(query).fetchall()
    assert found == [(14, ["trade"], True), (81, ["nbbo"], True)]


def test_a_page_that_leads_to_another_host_does_not_get_the_key(tmp_path: Path) -> None:
    with serving(lambda asked: as_json({"results": []})) as other:
        page = as_json({"results": [], "next_url": f"{other.url}/v3/reference/conditions"})
        with client(tmp_path, "massive_reference", lambda asked: page) as massive:
            entry = massive.one("conditions")
        assert other.asked == []
    assert "leads elsewhere" in entry.reason


def test_a_vendor_without_its_key_says_which_to_set(tmp_path: Path) -> None:
    nothing = as_json({"results": []})
    given = {"massive_api_key": None}
    with client(tmp_path, "massive_reference", lambda asked: nothing, **given) as massive:
        entry = massive.one("conditions")
        assert massive.server.asked == []
    assert entry.status == "forbidden"
    assert "POLYGON_API_KEY" in entry.reason
