"""A backfill on a Dask cluster gives the rows of one machine, whatever is killed on the way."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import boto3
import cloudpickle
import pytest

from offtape_assets.assets.cluster import errands, run_errand
from offtape_assets.assets.features import microstructure
from offtape_assets.assets.house import open_house
from offtape_assets.assets.materialize import day_job
from offtape_assets.settings import Settings
from offtape_assets.storage.warehouse import Warehouse
from offtape_assets.tables import features, raw
from tests import small_day
from tests.cluster import Cluster, Postgres, bucket, cluster, kill, postgres, wait_for

MONDAY, TUESDAY = date(2024, 11, 4), date(2024, 11, 5)
TICKERS = [f"T{number}" for number in range(6)]
SELECT = "raw.trades,raw.quotes,features.microstructure_1m"
COMPARED = (raw.TRADES, raw.QUOTES, features.MICROSTRUCTURE_1M, features.PRICE_ATTRIBUTION_1D)


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("landing")
    for day in (MONDAY, TUESDAY):
        small_day.land(folder, day, TICKERS)
    return folder


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as made:
        yield made


@pytest.fixture(scope="module")
def environment(database: Postgres) -> Iterator[dict[str, str]]:
    with bucket() as access:
        yield {**access, "OFFTAPE_POSTGRES": database.url}


@pytest.fixture
def two_workers(tmp_path: Path, environment: Mapping[str, str]) -> Iterator[Cluster]:
    with cluster(tmp_path / "dask", 2, environment) as made:
        yield made


def start(
    landing: Path, warehouse: str, environment: Mapping[str, str], *more: str
) -> subprocess.Popen[bytes]:
    """A backfill of both days in a process of its own."""
    words = ["backfill", "--source", "landing", "--landing", str(landing), "--select", SELECT]
    words += ["--tickers", ",".join(TICKERS), "--from", str(MONDAY), "--to", str(TUESDAY)]
    return subprocess.Popen(
        [sys.executable, "-m", "offtape_assets", *words, "--warehouse", warehouse, *more],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    text, _ = process.communicate(timeout=240)
    return process.returncode, text.decode()


def rows(warehouse: str) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the compared tables, as they are stored."""
    house = open_house(Settings(warehouse=warehouse))
    with house.connection() as connection:
        return {
            table.full_name: connection.execute(
                f"from ({house.warehouse.source_sql(table)}) order by all"
            ).fetchall()
            for table in COMPARED
        }


def keys(warehouse: str) -> list[str]:
    return [k for k in Warehouse(warehouse).store.keys("raw/") if k.endswith("data.parquet")]


@pytest.fixture(scope="module")
def alone(landing: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What one machine makes of the two days."""
    folder = str(tmp_path_factory.mktemp("alone"))
    code, text = finish(start(landing, folder, {}))
    assert code == 0, text
    return dict(rows(folder))


def test_a_task_carries_what_its_partition_needs_and_no_more(landing: Path, tmp_path: Path) -> None:
    settings = Settings(
        source="landing", landing=landing, warehouse=str(tmp_path), tickers=",".join(TICKERS)
    )
    house = open_house(settings)
    job = day_job(house, microstructure, TUESDAY, TICKERS, tmp_path, "run")
    tasks = list(errands(job))
    assert [task.tickers for task in tasks] == [(ticker,) for ticker in TICKERS]
    assert len(cloudpickle.dumps(tasks[0])) < 20_000
    assert "postgres" not in tasks[0].settings
    (once,) = errands(day_job(house, raw_trades(), TUESDAY, TICKERS, tmp_path, "run"))
    assert once.tickers == tuple(TICKERS)
    assert callable(run_errand)


def raw_trades() -> object:
    from offtape_assets.assets.declare import raw_asset

    return raw_asset(raw.TRADES)


def test_a_worker_killed_on_the_way_changes_no_row(
    landing: Path,
    environment: dict[str, str],
    two_workers: Cluster,
    alone: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    warehouse = "s3://offtape/worker"
    running = start(landing, warehouse, environment, "--cluster", two_workers.address)
    wait_for(lambda: keys(warehouse) or running.poll() is not None, "no partition was built")
    kill(two_workers.workers[0])
    code, text = finish(running)
    assert code == 0, text
    assert rows(warehouse) == alone
    found = boto3.client("s3").list_objects_v2(Bucket="offtape", Prefix="worker/raw/trades")
    assert found["KeyCount"] == len(TICKERS) * 2


def test_a_killed_scheduler_ends_the_backfill_and_a_rerun_completes_it(
    landing: Path,
    environment: dict[str, str],
    two_workers: Cluster,
    alone: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    warehouse = "s3://offtape/scheduler"
    running = start(landing, warehouse, environment, "--cluster", two_workers.address)
    wait_for(lambda: keys(warehouse) or running.poll() is not None, "no partition was built")
    kill(two_workers.scheduler)
    code, text = finish(running)
    assert code == 1, text
    before = set(keys(warehouse))
    code, text = finish(start(landing, warehouse, environment))
    assert code == 0, text
    assert rows(warehouse) == alone
    assert before <= set(keys(warehouse))


def test_a_restarted_database_loses_history_at_most(
    landing: Path,
    environment: dict[str, str],
    database: Postgres,
    alone: dict[str, object],
    tmp_path: Path,
) -> None:
    warehouse = str(tmp_path / "warehouse")
    access = {"OFFTAPE_POSTGRES": environment["OFFTAPE_POSTGRES"]}
    running = start(landing, warehouse, access)
    wait_for(lambda: keys(warehouse) or running.poll() is not None, "no partition was built")
    database.restart()
    first, text = finish(running)
    assert first in (0, 1), text
    code, text = finish(start(landing, warehouse, access))
    assert code == 0, text
    assert rows(warehouse) == alone


def test_no_scheduler_is_told_in_one_line(landing: Path, tmp_path: Path) -> None:
    running = start(landing, str(tmp_path), {}, "--cluster", "tcp://127.0.0.1:1")
    code, text = finish(running)
    assert code == 1
    assert "no Dask scheduler at tcp://127.0.0.1:1" in text
    assert "Traceback" not in text
