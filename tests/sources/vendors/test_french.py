"""French's archive: every vintage is kept, what is no archive does not land."""

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.sources.vendors.french import ARCHIVE, FILE
from offtape_assets.tables import raw
from tests.sources.vendors.rest_client import TUESDAY, client, in_turn
from tests.sources.vendors.vendor_server import Reply


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
