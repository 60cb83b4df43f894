"""A full disk, two backfills at once, compressed bombs."""

import gzip
import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from offtape_assets.assets.house import open_house
from offtape_assets.settings import Settings
from offtape_assets.sources import inflation
from offtape_assets.tables import features, raw
from tests import small_day

TUESDAY = date(2024, 11, 5)
TICKERS = "AAA,BBB"
SELECT = "raw.trades,raw.quotes,features.microstructure_1m"


def command(landing: Path, warehouse: str) -> list[str]:
    words = ["backfill", "--source", "landing", "--landing", str(landing), "--select", SELECT]
    words += ["--tickers", TICKERS, "--from", str(TUESDAY), "--to", str(TUESDAY)]
    return [sys.executable, "-m", "offtape_assets", *words, "--warehouse", warehouse]


def run(
    landing: Path, warehouse: str, environment: Mapping[str, str] | None = None, most_bytes: int = 0
) -> subprocess.CompletedProcess[str]:
    """A backfill; no file it writes may pass `most_bytes`, as on a disk that is full."""
    bound = (most_bytes, most_bytes)
    return subprocess.run(
        command(landing, warehouse),
        env={**os.environ, **(environment or {})},
        preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, bound))
        if most_bytes
        else None,
        capture_output=True,
        text=True,
        check=False,
    )


def counts(warehouse: str) -> dict[str, int]:
    house = open_house(Settings(warehouse=warehouse))
    with house.connection() as connection:
        return {
            table.full_name: connection.execute(
                f"select count(*) from ({house.warehouse.source_sql(table)})"
            ).fetchall()[0][0]
            for table in (raw.TRADES, raw.QUOTES, features.MICROSTRUCTURE_1M)
        }


WHOLE = {"raw.trades": 598, "raw.quotes": 598, "features.microstructure_1m": 780}


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("landing")
    small_day.land(folder, TUESDAY, TICKERS.split(","))
    return folder


def test_a_full_disk_fails_by_name_and_a_rerun_completes(landing: Path, tmp_path: Path) -> None:
    warehouse = str(tmp_path / "warehouse")
    full = run(landing, warehouse, {"OFFTAPE_WORKERS": "1"}, most_bytes=400_000)
    assert full.returncode != 0
    assert not [
        key for key in (tmp_path / "warehouse").rglob("data.parquet") if not key.stat().st_size
    ]
    again = run(landing, warehouse)
    assert again.returncode == 0, again.stderr
    assert counts(warehouse) == WHOLE


def test_two_backfills_of_the_same_date_at_once_leave_one_answer(
    landing: Path, tmp_path: Path
) -> None:
    warehouse = str(tmp_path / "warehouse")
    both = [subprocess.Popen(command(landing, warehouse)) for _ in range(2)]
    assert [process.wait(240) for process in both] == [0, 0]
    assert counts(warehouse) == WHOLE
    assert run(landing, warehouse).returncode == 0


def test_a_compressed_bomb_is_refused_with_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inflation, "FREE_BYTES", 2**20)
    bomb = tmp_path / "SPY.csv.gz"
    with gzip.open(bomb, "wb") as file:
        for _ in range(64):
            file.write(b"\n" * 2**20)
    with pytest.raises(inflation.BombError, match="swell"):
        inflation.check_file(bomb)
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.csv", b"0" * 2**21)
    with zipfile.ZipFile(archive) as made, pytest.raises(inflation.BombError, match="holds"):
        inflation.check_archive("bomb.zip", made)


def test_a_bomb_among_the_flat_files_fails_its_date_by_name(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    small_day.land(landing, TUESDAY, TICKERS.split(","))
    file = small_day.path_of(landing, "trades_v1", TUESDAY)
    with gzip.open(file, "wb", compresslevel=9) as opened:
        opened.write(small_day.TRADES_HEADER.encode() + b"\n")
        for _ in range(300):
            opened.write(b"\n" * 2**20)
    done = run(landing, str(tmp_path / "warehouse"))
    assert done.returncode == 1
    assert "swell" in done.stderr
    assert file.name in done.stderr
