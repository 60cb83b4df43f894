"""A Dask cluster, a Postgres server and a bucket on this machine, for tests that need them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

PATIENCE_SECONDS = 90


def wait_for(condition: object, what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a function answers True."""
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)


class Cluster:
    """A Dask scheduler and worker processes of one thread each, without nannies."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, {**os.environ, **environment}
        self.scheduler = self.start_scheduler("0")
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_scheduler(self, port: str) -> subprocess.Popen[bytes]:
        """Start the scheduler and learn its address."""
        file = self._folder / "scheduler.json"
        file.unlink(missing_ok=True)
        process = self._start(
            "distributed.cli.dask_scheduler",
            *("--host", "127.0.0.1", "--port", port, "--no-dashboard"),
            *("--scheduler-file", str(file)),
        )
        wait_for(file.exists, "the scheduler did not start")
        import json

        wait_for(lambda: file.read_text().strip(), "the scheduler wrote no address")
        self.address: str = json.loads(file.read_text())["address"]
        return process

    def add_worker(self) -> subprocess.Popen[bytes]:
        """Start one more worker."""
        process = self._start(
            "distributed.cli.dask_worker",
            *(self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard"),
            *("--local-directory", str(self._folder), "--death-timeout", "60"),
        )
        self.workers.append(process)
        return process

    def close(self) -> None:
        """Kill every process."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _start(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", module, *words],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@contextmanager
def cluster(folder: Path, workers: int, environment: Mapping[str, str]) -> Iterator[Cluster]:
    """A cluster whose workers answer."""
    from distributed import Client

    folder.mkdir(exist_ok=True)
    made = Cluster(folder, environment)
    try:
        for _ in range(workers):
            made.add_worker()
        with Client(made.address) as client:
            client.wait_for_workers(workers, timeout=PATIENCE_SECONDS)
        yield made
    finally:
        made.close()


class Postgres:
    """A database server of its own on this machine."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="offtape-postgres-"))
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user)
        self._run("initdb", "-A", "trust", "-U", "offtape", "--no-sync")
        self.port = free_port()
        self.start()

    @property
    def url(self) -> str:
        """How Dagster reaches it."""
        return f"postgresql+psycopg2://offtape@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start the server and wait for it."""
        options = f"-p {self.port} -h 127.0.0.1 -k {self._folder}"
        self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def restart(self) -> None:
        """Drop every connection at once and come back."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")
        self.start()

    def close(self) -> None:
        """Stop the server and remove its files."""
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [str(self._programs / program), "-D", str(self._folder / "data"), *words],
            user=self._user,
            cwd=self._folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running Postgres; the test is skipped where none is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    program = shutil.which("initdb") or (found[-1] if found else None)
    if program is None:
        pytest.skip("Postgres is not installed (Debian: apt-get install postgresql)")
    made = Postgres(Path(program).parent)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def bucket() -> Iterator[dict[str, str]]:
    """Environment under which s3://offtape is an empty bucket of a server on this machine."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    # servers of one process share their objects
    requests.post(f"http://{host}:{port}/moto-api/reset", timeout=60)
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="offtape")
    try:
        yield environment
    finally:
        server.stop()


def free_port() -> int:
    """A port nobody listens on."""
    import socket

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9."""
    process.send_signal(signal.SIGKILL)
    process.wait()
