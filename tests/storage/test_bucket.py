"""The same warehouse in a bucket: a real S3 API on this machine, DuckDB reading through httpfs."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner

from offtape_assets.cli import app
from offtape_assets.storage.warehouse import Partition, Warehouse
from offtape_assets.tables import raw
from tests import cluster, small_day
from tests.storage.test_warehouse import BARS, put

TUESDAY = date(2024, 11, 5)
BAR = "select make_timestamp_ns(1730817000000000001) as ts, 1.25 as price"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """URL of an empty prefix in a bucket."""
    monkeypatch.chdir(tmp_path)  # where Dagster's history of a remote warehouse is kept
    with cluster.bucket() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield "s3://offtape/study"


def test_a_partition_is_replaced_and_read_through_the_object_store(bucket: str) -> None:
    warehouse = Warehouse(bucket)
    for fingerprint in ("old", "new"):
        put(warehouse, Partition(BARS, TUESDAY, "NULL"), BAR, fingerprint)
    states = warehouse.states([BARS], TUESDAY)
    assert states[Partition(BARS, TUESDAY, "NULL")].fingerprint == "new"
    assert warehouse.days(BARS) == [TUESDAY]


def test_a_backfill_into_a_bucket_is_queried_like_a_folder(bucket: str, tmp_path: Path) -> None:
    small_day.land(tmp_path / "landing", TUESDAY, ["AAA", "BBB"])
    common = ["--warehouse", bucket]
    words = ["--source", "landing", "--landing", str(tmp_path / "landing"), "--tickers", "AAA,BBB"]
    days = ["--from", str(TUESDAY), "--to", str(TUESDAY), "--select", "features.microstructure_1m"]
    result = CliRunner().invoke(app, ["backfill", *words, *days, *common])
    assert result.exit_code == 0, result.output
    query = "select ticker, count(*) as n from features.microstructure_1m group by all order by all"
    answer = CliRunner().invoke(app, ["sql", query, "--format", "csv", *common])
    assert answer.output == "ticker,n\nAAA,390\nBBB,390\n"
    objects = boto3.client("s3").list_objects_v2(Bucket="offtape", Prefix="study/raw/trades/")
    keys = {item["Key"] for item in objects["Contents"]}
    assert f"study/{Partition(raw.TRADES, TUESDAY, 'AAA').file}" in keys
