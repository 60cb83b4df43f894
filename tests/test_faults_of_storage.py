"""A full disk, an object store that fails and stalls, two backfills at once, compressed bombs."""

import gzip
import os
import resource
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from offtape_assets.assets.house import open_house
from offtape_assets.settings import Settings
from offtape_assets.sources import inflation
from offtape_assets.tables import features, raw
from tests import small_day
from tests.cluster import bucket

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


class Stumbling(BaseHTTPRequestHandler):
    """A proxy before an object store: every third request fails, every fifth is slow."""

    target = ""
    seen = 0
    lock = threading.Lock()
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        with Stumbling.lock:
            Stumbling.seen += 1
            number = Stumbling.seen
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size) if size else None
        if number % 3 == 0:
            self._answer(503, {}, b"")
            return
        if number % 5 == 0:
            time.sleep(0.2)
        names = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
        asked = urllib.request.Request(self.target + self.path, body, names, method=self.command)
        try:
            with urllib.request.urlopen(asked) as found:
                self._answer(found.status, dict(found.headers), found.read())
        except urllib.error.HTTPError as error:
            self._answer(error.code, dict(error.headers), error.read())

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass_on

    def _answer(self, status: int, names: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in names.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        length = next((v for k, v in names.items() if k.lower() == "content-length"), len(body))
        self.send_header("Content-Length", str(length if self.command == "HEAD" else len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def stumbling(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    Stumbling.target, Stumbling.seen = environment["AWS_ENDPOINT_URL"], 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stumbling)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {**environment, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}
    finally:
        server.shutdown()


def test_a_store_that_fails_and_stalls_is_asked_again(
    landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bucket() as sound, stumbling(sound) as access:
        done = run(landing, "s3://offtape/study", access)
        assert done.returncode == 0, done.stderr
        assert Stumbling.seen > 100
        for name, value in sound.items():
            monkeypatch.setenv(name, value)
        assert counts("s3://offtape/study") == WHOLE


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
