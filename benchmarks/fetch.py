"""Fetch and land one day's quotes file out of a bucket: offtape beside plain boto3 and DuckDB.

Both sides bring the whole file to disk and write one typed Parquet file for each of 40 names of
8,000, in a process of their own. Ours also inflates the file to its gzip trailer, hashes it, finds
the unit of its sizes and records it in the manifest before a row is read. The bucket is moto's S3
server on this machine, so that the network costs neither side anything.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from harness import Row, arguments, report
from ingest import DAY, alone, checksum, duckdb, generate, tickers

BUCKET = "flatfiles"
KEY = f"us_stocks_sip/quotes_v1/{DAY:%Y/%m}/{DAY}.csv.gz"
SPEED_GOAL, MEMORY_GOAL, DISK_GOAL = 1.0, 1.0, 0.9
WATCH_SECONDS = 0.02


class Run(NamedTuple):
    """What one side did in its process."""

    seconds: float
    peak_mb: float
    disk_mb: float
    checksum: tuple[Any, ...]


def ours(url: str, folder: Path) -> Callable[[], object]:
    """The vendor source: fetch with every check, then the landing reader."""
    import boto3  # as the other side loads it before its clock starts

    from offtape_assets.market.calendar import is_session
    from offtape_assets.settings import Settings
    from offtape_assets.sources.vendors.source import VendorSource
    from offtape_assets.tables import raw
    from offtape_assets.vendor_settings import VendorSettings

    vendor = VendorSettings(
        vendors=("massive",),
        massive_endpoint=url,
        massive_access_key_id="key",
        massive_secret_access_key="secret",
    )
    source = VendorSource(Settings(source="vendors", landing=folder / "landing", vendor=vendor))
    staged = folder / "parquet"
    staged.mkdir()
    assert boto3
    assert is_session(DAY)

    def work() -> None:
        source.arrive(raw.QUOTES, DAY, tickers(), lambda what, done, total: None)
        assert source.fingerprint(raw.QUOTES, DAY, tickers()[0])
        list(source.read(raw.QUOTES, DAY, tickers(), staged))

    return work


def plain(url: str, folder: Path) -> Callable[[], object]:
    """boto3's managed download, then DuckDB's CSV reader with a filter and a partitioned COPY."""
    import boto3
    from botocore.config import Config

    s3 = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(s3={"addressing_style": "path"}),
    )
    file, staged = folder / "file.csv.gz", folder / "parquet"
    staged.mkdir()

    def work() -> None:
        s3.download_file(BUCKET, KEY, str(file))
        duckdb(folder, file, staged)()

    return work


SIDES = {"ours": ours, "boto3 + duckdb": plain}


def measure(side: str, url: str, folder: Path) -> tuple[float, float, float]:
    """Seconds, peak memory and peak of the bytes below `folder`, both in MB, of one side."""
    work = SIDES[side](url, folder)
    peak, is_done = [0], threading.Event()

    def watch() -> None:
        while not is_done.wait(WATCH_SECONDS):
            peak[0] = max(peak[0], size_of(folder))

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    is_done.set()
    watcher.join()
    status = Path("/proc/self/status").read_text()
    memory = int(status.split("VmHWM:")[1].split()[0]) / 1024
    return seconds, memory, max(peak[0], size_of(folder)) / 1e6


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; files may vanish meanwhile."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(place, name)).st_size
            except FileNotFoundError:
                continue
    return total


@contextmanager
def bucket(file: Path) -> Iterator[str]:
    """The address of a bucket that holds a file, served by a process of its own."""
    import boto3

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as server:
        try:
            _wait_for(port)
            given = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
            s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **given)
            s3.create_bucket(Bucket=BUCKET)
            s3.upload_file(str(file), BUCKET, KEY)
            yield url
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the bucket's server did not start")


def run(side: str, url: str) -> Run:
    """One measured run of a side and what it wrote."""
    with tempfile.TemporaryDirectory(prefix="offtape-fetch-") as folder:
        seconds, memory, disk = alone(measure, side, url, Path(folder))
        return Run(seconds, memory, disk, alone(checksum, Path(folder) / "parquet"))


def compare(file: Path, repeats: int) -> list[Row]:
    """Speed, memory and disk of both sides on one file, runs in turn."""
    compressed, text = file.stat().st_size / 1e6, alone(text_bytes, file) / 1e6
    runs: dict[str, list[Run]] = {side: [] for side in SIDES}
    with bucket(file) as url:
        for _ in range(repeats):
            for side, done in runs.items():
                done.append(run(side, url))
    sums = {one.checksum for done in runs.values() for one in done}
    peer = "boto3 + duckdb"
    case = f"{text / 1000:.2g} GB of text, {compressed:.0f} MB gzipped"
    accuracy = f"{runs['ours'][0].checksum[0]} rows, sums {'equal' if len(sums) == 1 else 'DIFFER'}"
    answer = []
    for what, field, goal in (
        ("seconds", "seconds", SPEED_GOAL),
        ("peak memory MB", "peak_mb", MEMORY_GOAL),
        ("peak disk MB", "disk_mb", DISK_GOAL),
    ):
        own, other = (statistics.median(getattr(one, field) for one in runs[s]) for s in SIDES)
        ratio = other / own
        ok = ratio >= goal and len(sums) == 1
        answer.append(
            Row(f"{case}, {what}", own, other, peer, ratio, accuracy, f">= {goal:g}x", ok)
        )
    return answer


def text_bytes(file: Path) -> int:
    """Bytes of a gzip file when inflated."""
    from isal import igzip_threaded

    size = 0
    with igzip_threaded.open(file, "rb", threads=1) as stream:
        while chunk := stream.read(1 << 20):
            size += len(chunk)
    return size


if __name__ == "__main__":
    flags = arguments(__doc__.splitlines()[0])
    rows, repeats = (1_000_000, 1) if flags.quick else (21_000_000, 3)
    with tempfile.TemporaryDirectory(prefix="offtape-fetch-") as folder:
        made = Path(folder) / "vendor" / "quotes.csv.gz"
        alone(generate, made, rows, True)
        report("fetch", compare(made, repeats), flags.format)
