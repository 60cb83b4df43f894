"""verify finds what is not as it was written and repairs it; vacuum removes what nothing reads."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import boto3
import duckdb
import pytest
from typer.testing import CliRunner

from offtape_assets.cli import app
from offtape_assets.storage import seal
from offtape_assets.storage.store import S3Store
from offtape_assets.storage.warehouse import Partition, Warehouse
from offtape_assets.tables import features, raw
from offtape_assets.vacuuming import waste
from tests import small_day
from tests.cluster import bucket
from tests.storage.test_warehouse import BAR, BARS, put

TUESDAY = date(2024, 11, 5)
SELECT = "raw.trades,raw.quotes,features.microstructure_1m"
TRADES = Partition(raw.TRADES, TUESDAY, "AAA")
MINUTES = Partition(features.MICROSTRUCTURE_1M, TUESDAY, "AAA")


class House:
    """A warehouse of one small day and the commands on it."""

    def __init__(self, folder: Path) -> None:
        self.root, self._landing = folder / "warehouse", folder / "landing"
        small_day.land(self._landing, TUESDAY, ["AAA", "BBB"])
        code, said = self.run("backfill", "--select", SELECT, *self._days)
        assert code == 0, said

    _days = ("--from", str(TUESDAY), "--to", str(TUESDAY))

    def run(self, *words: str) -> tuple[int, str]:
        given = ["--warehouse", str(self.root)]
        if words[0] != "vacuum":
            given += ["--source", "landing", "--landing", str(self._landing)]
            given += ["--tickers", "AAA,BBB"]
        result = CliRunner().invoke(app, [*words, *given])
        return result.exit_code, result.output

    def rows(self, table: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.root / "offtape.duckdb"), read_only=True) as connection:
            return connection.execute(f"from {table} order by all").fetchall()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_whole_warehouse_has_no_fault(house: House) -> None:
    code, text = house.run("verify")
    assert code == 0, text
    assert text.startswith("0 faults")


def test_a_flipped_bit_is_found_put_aside_and_computed_again(house: House) -> None:
    before = house.rows("features.microstructure_1m")
    for partition in (TRADES, MINUTES):
        file = house.root / partition.file
        content = bytearray(file.read_bytes())
        content[len(content) // 3] ^= 1
        file.write_bytes(content)
    code, text = house.run("verify")
    assert code == 1
    assert f"checksum {TRADES}" in text
    assert f"checksum {MINUTES}" in text
    code, text = house.run("verify", "--repair")
    assert code == 0, text
    assert "0 faults after repair" in text
    assert house.rows("features.microstructure_1m") == before
    assert (house.root / ".damaged" / TRADES.file).is_file()


@pytest.mark.parametrize("fault", ["torn", "removed", "empty"])
def test_a_lost_file_is_found_and_computed_again(house: House, fault: str) -> None:
    before = house.rows("raw.trades")
    file = house.root / TRADES.file
    if fault == "removed":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:100] if fault == "torn" else b"")
    code, text = house.run("verify", "--repair")
    assert code == 0, text
    assert str(TRADES) in text
    assert house.rows("raw.trades") == before


def test_a_partition_of_other_rows_than_it_claims_is_found(house: House) -> None:
    file = house.root / MINUTES.file
    kept = duckdb.sql(
        f"select decode(value) from parquet_kv_metadata('{file}') where decode(key) = 'offtape'"
    ).fetchall()[0][0]
    opened = kept.replace(kept.split('"seal": "')[1].split('"')[0], seal.OPEN)
    copy = file.with_name("copy")
    duckdb.sql(
        f"copy (from read_parquet('{file}', hive_partitioning=false) limit 7) to '{copy}'"
        f" (format parquet, kv_metadata {{offtape: '{opened}'}})"
    )
    seal.close(copy)
    copy.replace(file)
    code, text = house.run("verify")
    assert code == 1
    assert "row count" in text
    assert house.run("verify", "--repair")[0] == 0
    assert len(house.rows("features.microstructure_1m")) == 780


def test_files_of_an_older_version_are_read_told_stale_and_rebuilt(house: House) -> None:
    before = house.rows("features.microstructure_1m")
    file = house.root / MINUTES.file
    old = '{"run_id": "r", "code_version": "of old", "source": "s", "fingerprint": "f", "inputs": {}, "rows": 390}'
    copy = file.with_name("copy")
    duckdb.sql(
        f"copy (from read_parquet('{file}', hive_partitioning=false)) to '{copy}'"
        f" (format parquet, kv_metadata {{offtape: '{old}'}})"
    )
    copy.replace(file)
    assert house.rows("features.microstructure_1m") == before
    code, text = house.run("verify")
    assert code == 1
    assert "checksum" not in text
    assert f"lineage {MINUTES}" in text
    newer = file.with_name("newer")
    ahead = old.replace("{", '{"unheard_of": 1, ', 1)
    duckdb.sql(
        f"copy (from read_parquet('{file}', hive_partitioning=false)) to '{newer}'"
        f" (format parquet, kv_metadata {{offtape: '{ahead}'}})"
    )
    newer.replace(file)
    assert house.run("verify")[0] == 1
    assert house.run("backfill", "--select", SELECT, *House._days)[0] == 0
    assert house.run("verify")[0] == 0
    assert house.rows("features.microstructure_1m") == before


def test_clocks_that_differ_rebuild_nothing_and_lose_nothing(house: House) -> None:
    files = sorted(house.root.rglob("data.parquet"))
    for number, file in enumerate(files):
        year = 2101 if number % 2 else 1999
        os.utime(file, (datetime(year, 1, 1, tzinfo=UTC).timestamp(),) * 2)
    stamps = {file: file.stat().st_mtime_ns for file in files}
    assert house.run("backfill", "--select", SELECT, *House._days)[0] == 0
    assert {file: file.stat().st_mtime_ns for file in files} == stamps
    assert house.run("verify")[0] == 0
    assert "0 files of 0.0 MB" in house.run("vacuum", "--keep-hours", "0")[1]


def test_vacuum_removes_orphans_and_scratch_of_the_dead_only(house: House) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    staging = house.root / ".staging"
    abandoned = staging / f"{os.uname().nodename}-{dead.pid}-abc"
    mine = staging / f"{os.uname().nodename}-{os.getpid()}-abc"
    orphan = house.root / "raw/no_such_table/date=2024-11-05/data.parquet"
    verdict = house.root / "quality/results" / Partition(raw.TRADES, TUESDAY, "GONE").file
    damaged = house.root / ".damaged/raw/trades/data.parquet"
    for folder in (abandoned, mine, orphan.parent, verdict.parent, damaged.parent):
        folder.mkdir(parents=True, exist_ok=True)
    for file in (orphan, verdict, damaged):
        file.write_bytes(b"old")
        os.utime(file, (time.time() - 1e6,) * 2)
    kept = sorted(house.root.rglob("*/date=*/ticker=[AB]*/data.parquet"))
    code, text = house.run("vacuum", "--dry-run")
    assert code == 0
    assert text.count("\norphan ") + text.startswith("orphan ") == 2
    assert "3 files" in text
    assert orphan.exists()
    assert abandoned.exists()
    assert house.run("vacuum")[0] == 0
    assert not any(path.exists() for path in (orphan, verdict, damaged, abandoned))
    assert mine.exists()
    assert sorted(house.root.rglob("*/date=*/ticker=[AB]*/data.parquet")) == kept
    assert house.run("verify")[0] == 0


@pytest.fixture
def versioned(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with bucket() as access:
        for name, value in access.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        client.put_bucket_versioning(
            Bucket="offtape", VersioningConfiguration={"Status": "Enabled"}
        )
        yield "s3://offtape/versioned"


def test_vacuum_removes_old_versions_and_unfinished_uploads_of_a_bucket(versioned: str) -> None:
    warehouse = Warehouse(versioned)
    target = Partition(BARS, TUESDAY, "SPY")
    for fingerprint in ("first", "second", "third"):
        put(warehouse, target, BAR, fingerprint)
    client = boto3.client("s3")
    client.create_multipart_upload(Bucket="offtape", Key=f"versioned/{target.file}")
    store = warehouse.store
    assert isinstance(store, S3Store)
    later = datetime.now(UTC) + timedelta(hours=1)
    assert len([key for key, *_ in store.old_versions(later) if key == target.file]) == 2
    assert [piece for piece in waste(warehouse, 24) if piece.kind == "old version"] == []
    result = CliRunner().invoke(app, ["vacuum", "--keep-hours", "-1", "--warehouse", versioned])
    assert result.exit_code == 2
    time.sleep(1.1)
    result = CliRunner().invoke(app, ["vacuum", "--keep-hours", "0", "--warehouse", versioned])
    assert result.exit_code == 0, result.output
    assert list(store.old_versions(later)) == []
    assert list(store.unfinished_uploads(later)) == []
