"""An analyst reads offtape.duckdb with five clients, again and again, while a backfill runs."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import adbc_driver_duckdb
import duckdb
import polars as pl
import pytest
from adbc_driver_manager import dbapi

DATES = ["--from", "2024-11-04", "--to", "2024-11-05", "--tickers", "SPY"]
COUNT = "select count(*) as n from raw.treasury_bills"
CLI = shutil.which("duckdb", path=str(Path(sys.executable).parent)) or shutil.which("duckdb")


def with_python(file: str) -> int:
    with duckdb.connect(file, read_only=True) as connection:
        return connection.execute(COUNT).fetchone()[0]


def with_polars(file: str) -> int:
    with duckdb.connect(file, read_only=True) as connection:
        return pl.read_database(COUNT, connection)["n"][0]


def adbc_connection(file: str) -> dbapi.Connection:
    options = {"path": file, "access_mode": "READ_ONLY", "entrypoint": "duckdb_adbc_init"}
    return dbapi.connect(driver=adbc_driver_duckdb.driver_path(), db_kwargs=options)


def with_adbc(file: str) -> int:
    with adbc_connection(file) as connection, connection.cursor() as cursor:
        cursor.execute(COUNT)
        return cursor.fetch_arrow_table()["n"][0].as_py()


def with_polars_over_adbc(file: str) -> int:
    with adbc_connection(file) as connection:
        return pl.read_database(COUNT, connection)["n"][0]


def with_command_line(file: str) -> int:
    if CLI is None:
        pytest.skip("no duckdb command line (pip install duckdb-cli)")
    command = [CLI, "-readonly", "-csv", "-noheader", file, COUNT]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(run.stdout.split()[0])


CLIENTS: list[Callable[[str], int]] = [
    with_python, with_polars, with_adbc, with_polars_over_adbc, with_command_line,
]  # fmt: skip


def offtape(*words: str, warehouse: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "offtape_assets", *words, "--warehouse", str(warehouse)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_five_clients_read_while_a_backfill_writes(tmp_path: Path) -> None:
    first = ["backfill", *DATES, "--select", "raw.treasury_bills"]
    assert offtape(*first, warehouse=tmp_path).wait() == 0
    file = str(tmp_path / "offtape.duckdb")
    whole = with_python(file)
    assert whole > 0
    writer = offtape(*first, "--force", warehouse=tmp_path)
    rounds = 0
    while rounds == 0 or writer.poll() is None:
        assert {client.__name__: client(file) for client in CLIENTS} == {
            client.__name__: whole for client in CLIENTS
        }
        rounds += 1
        time.sleep(0.2)
    assert writer.wait() == 0
    assert rounds > 1
    assert {client(file) for client in CLIENTS} == {whole}
