"""The whole way: fetch, kill, resume, backfill, restate, ask for the rerun, and keep the secrets."""

import gzip
import os
import pty
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import duckdb
import pytest
from typer.testing import CliRunner

from offtape_assets.cli import app
from offtape_assets.definitions import build_definitions
from offtape_assets.settings import Settings
from offtape_assets.sources.manifest import Manifest
from tests import small_day
from tests.sources.vendors.bucket import KEY_ID, SECRET, Bucket, massive_bucket
from tests.sources.vendors.vendor_server import Asked, Reply

MONDAY, TUESDAY = date(2024, 11, 4), date(2024, 11, 5)
SELECT = "raw.trades,raw.quotes,features.microstructure_1m"
REST_KEY = "hidden-rest-key-0123456789"
DAYS = ["--from", str(MONDAY), "--to", str(TUESDAY)]
ONE_DAY = ["--from", str(TUESDAY), "--to", str(TUESDAY)]


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with massive_bucket() as made:
        yield made


def environment(bucket: Bucket) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OFFTAPE_", "AWS_"))}
    return clean | {
        "OFFTAPE_VENDORS": "massive",
        "OFFTAPE_MASSIVE_ENDPOINT": bucket.url,
        "OFFTAPE_MASSIVE_ACCESS_KEY_ID": KEY_ID,
        "OFFTAPE_MASSIVE_SECRET_ACCESS_KEY": SECRET,
        "MASSIVE_API_KEY": REST_KEY,
        "OFFTAPE_FETCH_RETRY_SECONDS": "0.01",
        "OFFTAPE_TICKERS": "AAA,BBB",
    }


def command(landing: Path, *words: str) -> list[str]:
    offtape = [sys.executable, "-m", "offtape_assets", "--verbose"]
    return [*offtape, words[0], "--landing", str(landing), *words[1:]]


class Result(NamedTuple):
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


def run(bucket: Bucket, landing: Path, *words: str) -> Result:
    """A command in this process."""
    _, _, *given = command(landing, *words)
    found = CliRunner().invoke(app, given[1:], env=environment(bucket))
    return Result(found.exit_code, found.stdout, found.stderr)


def run_apart(bucket: Bucket, landing: Path, *words: str) -> Result:
    """A command in a process of its own, with all its logs."""
    found = subprocess.run(
        command(landing, *words),
        capture_output=True,
        text=True,
        check=False,
        env=environment(bucket),
        cwd=landing.parent,
    )
    return Result(found.returncode, found.stdout, found.stderr)


def publish(bucket: Bucket, folder: Path, ticks: int = 300) -> dict[str, bytes]:
    """Put two days of both tick files into the bucket; path in the landing folder to bytes."""
    files = {}
    for day in (MONDAY, TUESDAY):
        small_day.land(folder, day, ["AAA", "BBB"], ticks)
        for dataset in ("trades_v1", "quotes_v1"):
            file = small_day.path_of(folder, dataset, day)
            files[str(file.relative_to(folder))] = file.read_bytes()
            bucket.put(dataset, day, file.read_bytes())
    return files


def hidden(text: str | bytes) -> list[str]:
    """Which of the secrets a text shows."""
    content = text.encode() if isinstance(text, str) else text
    return [word for word in (KEY_ID, SECRET, REST_KEY) if word.encode() in content]


def shown_anywhere(*folders: Path) -> list[str]:
    """Files below the folders that hold a secret: logs, run history, manifest, tables."""
    return [
        str(path)
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and hidden(path.read_bytes())
    ]


def killed_on_the_way(words: list[str], variables: dict[str, str], part: Path) -> int:
    """Start a command, kill it once half a megabyte of a file is there; bytes that had arrived."""
    process = subprocess.Popen(
        words,
        env=variables,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (part.is_file() and part.stat().st_size > 500_000):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return part.stat().st_size


@pytest.mark.slow
def test_a_killed_fetch_resumes_without_refetching_and_the_backfill_reads_equal_bytes(
    bucket: Bucket, tmp_path: Path
) -> None:
    landing, store = tmp_path / "landing", tmp_path / "warehouse"
    files = publish(bucket, tmp_path / "vendor")
    large = gzip.compress(random.Random(1).randbytes(4_000_000).hex().encode(), 1)
    etag = bucket.put("minute_aggs_v1", TUESDAY, large)

    def slowly(asked: Asked) -> Reply | None:
        is_large = asked.method == "GET" and "minute_aggs_v1" in asked.path and ".csv" in asked.path
        if not is_large or "Range" in asked.headers:
            return None
        return Reply(large, headers={"ETag": etag}, seconds_between_chunks=0.1)

    bucket.faults.append(slowly)
    words = ["fetch", "--vendor", "massive", *DAYS]
    sets = ["--dataset", "trades_v1,quotes_v1,minute_aggs_v1"]
    first = run_apart(bucket, landing, *words, "--dataset", "trades_v1")
    assert first.returncode == 0, first.stderr
    arrived = killed_on_the_way(
        command(landing, *words, *sets),
        environment(bucket),
        landing / f".incoming/massive/us_stocks_sip/minute_aggs_v1/2024/11/{TUESDAY}.csv.gz",
    )
    assert 500_000 < arrived < len(large)

    again = run_apart(bucket, landing, *words, *sets)

    assert "absent_unexpected" in again.stderr  # minute bars of Monday are not in the bucket
    for path, content in files.items():
        assert (landing / path).read_bytes() == content
    assert not list((landing / ".incoming").rglob("*.csv.gz*"))
    assert [len(bucket.gets("trades_v1", day)) for day in (MONDAY, TUESDAY)] == [1, 1]
    (resumed,) = (a for a in bucket.gets("minute_aggs_v1") if "Range" in a.headers)
    start = int(resumed.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    assert start >= 500_000
    minute = landing / "massive/us_stocks_sip/minute_aggs_v1/2024/11" / f"{TUESDAY}.csv.gz"
    assert minute.read_bytes() == large

    asked = len(bucket.server.asked)
    words = ["backfill", "--source", "vendors", *DAYS, "--select", SELECT]
    built = run_apart(bucket, landing, *words, "--warehouse", str(store))
    assert built.returncode == 0, built.stderr
    assert bucket.server.asked[asked:] == []  # everything was there
    with duckdb.connect(str(store / "offtape.duckdb"), read_only=True) as connection:
        counted = connection.execute("select ticker, count(*) from raw.trades group by all")
        assert dict(counted.fetchall()) == {"AAA": 598, "BBB": 598}
    outputs = [first.stdout, first.stderr, again.stdout, again.stderr, built.stdout, built.stderr]
    assert [hidden(text) for text in outputs] == [[]] * len(outputs)
    assert shown_anywhere(landing, store) == []
    assert any((store / ".dagster").rglob("*.db"))


def test_a_terminal_shows_what_is_on_its_way(bucket: Bucket, tmp_path: Path) -> None:
    """A person at a terminal sees a bar a file with its bytes; a log file sees none of it."""
    body = gzip.compress(random.Random(2).randbytes(3_000_000).hex().encode(), 1)
    etag = bucket.put("trades_v1", TUESDAY, body)
    bucket.faults.append(
        lambda asked: (
            Reply(body, headers={"ETag": etag}, seconds_between_chunks=0.02)
            if asked.method == "GET" and ".csv" in asked.path
            else None
        )
    )
    words = ["fetch", "--vendor", "massive", "--dataset", "trades_v1", *ONE_DAY]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command(tmp_path / "landing", *words),
        env=environment(bucket) | {"TERM": "xterm", "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b"".join(read_terminal(ours)).decode()
    assert process.returncode == 0, shown
    known = f"{len(body) / 1e6:.1f} MB"
    assert f"{TUESDAY}.csv.gz" in shown
    arrived = {float(part) for part in re.findall(rf"([0-9.]+)/{re.escape(known)}", shown)}
    assert len(arrived) > 2
    assert min(arrived) < len(body) / 2e6
    silent = run_apart(bucket, tmp_path / "other", *words)
    assert ".csv.gz" not in silent.stderr


def read_terminal(descriptor: int) -> Iterator[bytes]:
    """What a process writes to a terminal until it ends."""
    while True:
        try:
            found = os.read(descriptor, 1 << 16)
        except OSError:  # how Linux tells that the other end is closed
            found = b""
        if not found:
            os.close(descriptor)
            return
        yield found


@pytest.mark.slow
def test_a_backfill_fetches_what_it_needs_and_a_restatement_goes_down_the_graph(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing, store = tmp_path / "landing", tmp_path / "warehouse"
    publish(bucket, tmp_path / "vendor")
    house = ["--warehouse", str(store)]
    build = ["backfill", "--source", "vendors", *ONE_DAY, "--select", SELECT, *house]
    built = run(bucket, landing, *build)
    assert built.returncode == 0, built.stderr

    small_day.land(tmp_path / "new", TUESDAY, ["AAA", "BBB"], 200)
    restated = small_day.path_of(tmp_path / "new", "trades_v1", TUESDAY).read_bytes()
    bucket.put("trades_v1", TUESDAY, restated)
    requests = sensed(bucket, landing, store, monkeypatch)

    assert [request.asset_selection for request in requests] == [[dg.AssetKey(["raw", "trades"])]]
    assert requests[0].tags["dagster/asset_partition_range_start"] == f"{TUESDAY}|AAA"
    status = run(bucket, landing, "status", "--source", "vendors", *house)
    lines = {line.split()[1]: line for line in status.stdout.splitlines() if "." in line}
    for table in ("raw.trades", "features.signed_trades", "features.microstructure_1m"):
        assert "2 stale" in lines[table], lines[table]
    assert "stale" not in lines["raw.quotes"]

    rebuilt = run(bucket, landing, *build)
    assert rebuilt.returncode == 0, rebuilt.stderr
    with duckdb.connect(str(store / "offtape.duckdb"), read_only=True) as connection:
        counted = connection.execute("select count(*) from raw.trades").fetchall()
        assert counted == [(398,)]
    assert "stale" not in run(bucket, landing, "status", "--source", "vendors", *house).stdout
    (kept,) = (e for e in Manifest(landing).entries() if e.kept_as)
    assert (landing / kept.kept_as).is_file()

    # a day's file deleted to save space leaves its partitions done and comes back when needed
    small_day.path_of(landing, "trades_v1", TUESDAY).unlink()
    asked = len(bucket.gets())
    assert run(bucket, landing, *build).returncode == 0
    assert len(bucket.gets()) == asked
    again = run(bucket, landing, *build[:-3], "raw.trades", *house, "--force")
    assert again.returncode == 0, again.stderr
    assert len(bucket.gets()) == asked + 1


def sensed(
    bucket: Bucket, landing: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> list[dg.RunRequest]:
    """Run requests of the sensor that watches the vendors."""
    for name, value in environment(bucket).items():
        if name.startswith(("OFFTAPE_", "MASSIVE_")):
            monkeypatch.setenv(name, value)
    settings = Settings(
        source="vendors", landing=landing, warehouse=str(store), tickers=("AAA", "BBB")
    )
    definitions = build_definitions(settings)
    sensor = definitions.resolve_sensor_def("restated_vendor_files")
    with dg.build_sensor_context() as context:
        return list(sensor.evaluate_tick(context).run_requests or [])


def test_a_plan_without_quotes_fails_them_by_name_and_builds_the_trades(
    bucket: Bucket, tmp_path: Path
) -> None:
    landing, store = tmp_path / "landing", tmp_path / "warehouse"
    publish(bucket, tmp_path / "vendor")
    bucket.faults.append(
        lambda a: (
            Reply(status=403) if a.method == "GET" and "quotes_v1/2024/11/2" in a.path else None
        )
    )
    words = ["backfill", "--source", "vendors", *ONE_DAY, "--select", "raw.trades,raw.quotes"]
    result = run(bucket, landing, *words, "--warehouse", str(store))
    assert result.returncode == 1
    assert "the plan lacks the dataset" in result.stderr
    assert "raw.quotes 2024-11-05 AAA" in result.stderr
    assert "raw.trades" not in result.stderr
    assert hidden(result.stdout + result.stderr) == []


def test_wrong_credentials_and_a_vendor_out_of_reach_are_told_without_the_secrets(
    bucket: Bucket, tmp_path: Path
) -> None:
    told = f"<Error><Code>InvalidAccessKeyId</Code><Message>no {KEY_ID}</Message></Error>".encode()
    bucket.faults.append(lambda asked: Reply(told, 403))
    words = ["fetch", "--vendor", "massive", *ONE_DAY]
    refused = run_apart(bucket, tmp_path / "landing", *words)
    bucket.faults.clear()
    bucket.faults.append(lambda asked: Reply(f"{SECRET} {KEY_ID}".encode(), 500))
    failed = run(bucket, tmp_path / "landing", *words)
    bucket.server.close()
    gone = run(bucket, tmp_path / "landing", *words)
    assert "OFFTAPE_MASSIVE_ACCESS_KEY_ID" in refused.stderr
    for result in (refused, failed, gone):
        assert result.returncode == 1
        assert hidden(result.stdout + result.stderr) == []
        assert "Traceback" not in result.stderr
    assert shown_anywhere(tmp_path / "landing") == []


def test_doctor_says_what_the_plan_allows(bucket: Bucket, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    publish(bucket, tmp_path / "vendor")
    bucket.put("day_aggs_v1", TUESDAY, gzip.compress(b"bars"))
    bucket.faults.append(
        lambda a: (
            Reply(status=403) if a.method == "GET" and "quotes_v1/2024/11/2" in a.path else None
        )
    )
    result = run(bucket, landing, "doctor", "--source", "vendors", "--warehouse", "none")
    lines = [line for line in result.stdout.splitlines() if "massive" in line]
    assert any("ok" in line and "trades_v1" in line for line in lines)
    assert any("bad" in line and "quotes_v1: 2024-11-05: forbidden" in line for line in lines)
    assert "the plan lacks the dataset" in " ".join(result.stdout.split())
    assert hidden(result.stdout + result.stderr) == []
