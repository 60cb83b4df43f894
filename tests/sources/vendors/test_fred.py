"""FRED's series land as received."""

from pathlib import Path

import pytest

from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.sources.vendors import download
from offtape_assets.tables import raw
from tests.sources.vendors.rest_client import TUESDAY, client
from tests.sources.vendors.vendor_server import Asked, Reply


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


def test_a_full_disk_is_told_though_no_size_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "RESERVE_BYTES", 1 << 60)
    with client(tmp_path, "fred", lambda asked: Reply("never read")) as fred:
        entries = fred.fetch("series")
        assert fred.server.asked == []
    assert {entry.status for entry in entries} == {"failed"}
    assert all("OFFTAPE_LANDING" in entry.reason for entry in entries)
    assert not (tmp_path / "fred").exists()
