"""Where Dagster keeps its records, by environment; the examples of deploy/ load."""

import sqlite3
import threading
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._core.storage.runs import SqliteRunStorage
from dagster._daemon.types import DaemonHeartbeat
from pydantic import ValidationError

from offtape_assets.instance import instance_folder, open_instance
from offtape_assets.settings import Settings
from tests.conftest import PROJECT

DEPLOY = PROJECT / "deploy"
URL = "postgresql+psycopg2://offtape:the-password@127.0.0.1:1/dagster"


def test_history_is_a_file_unless_the_environment_names_a_database(tmp_path: Path) -> None:
    with open_instance(Settings(warehouse=str(tmp_path))) as instance:
        assert type(instance.run_storage).__name__ == "SqliteRunStorage"


def test_history_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    with open_instance(Settings(warehouse=str(tmp_path))) as instance:
        assert isinstance(instance.run_storage, SqliteRunStorage)
        with instance.run_storage.connect() as connection:
            assert connection.exec_driver_sql("pragma synchronous").scalar() == 0


def test_history_waits_for_another_writer(tmp_path: Path) -> None:
    """SQLite lets one process write at a time; its own patience is five seconds."""
    with open_instance(Settings(warehouse=str(tmp_path))) as instance:
        (file,) = tmp_path.rglob("runs.db")
        other = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        other.execute("begin exclusive")
        threading.Timer(6, other.close).start()
        instance.add_daemon_heartbeat(DaemonHeartbeat(0.0, "SCHEDULER", "id", []))
        assert list(instance.get_daemon_heartbeats()) == ["SCHEDULER"]


def test_the_database_s_password_is_never_written_or_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFTAPE_POSTGRES", URL)
    settings = Settings(warehouse=str(tmp_path))
    folder = instance_folder(settings)
    assert InstanceRef.from_dir(str(folder)).storage_data is not None
    written = "".join(path.read_text() for path in tmp_path.rglob("*.yaml"))
    assert "OFFTAPE_POSTGRES" in written
    for text in (written, repr(settings), str(settings), settings.model_dump_json()):
        assert "the-password" not in text


def test_a_driver_dagster_does_not_speak_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValidationError, match=r"postgresql\+psycopg2"):
        Settings(postgres="postgresql://offtape@127.0.0.1/dagster")


def test_the_example_for_kubernetes_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    import kubernetes
    from dagster_k8s import K8sRunLauncher

    monkeypatch.setattr(kubernetes.config, "load_incluster_config", lambda: None)
    monkeypatch.setenv("OFFTAPE_IMAGE", "registry.example/offtape:1")
    launcher = InstanceRef.from_dir(str(DEPLOY / "kubernetes")).run_launcher
    assert isinstance(launcher, K8sRunLauncher)
    assert launcher.job_namespace == "offtape"
    assert launcher.job_image == "registry.example/offtape:1"


def test_the_example_for_a_shared_history_loads() -> None:
    coordinator = InstanceRef.from_dir(str(DEPLOY)).run_coordinator
    assert isinstance(coordinator, QueuedRunCoordinator)


def test_what_the_compose_file_publishes_is_bound_to_loopback() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert {"postgres", "scheduler", "worker", "ui", "daemon"} <= set(services)
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_a_cluster_s_address_makes_steps_run_there(tmp_path: Path) -> None:
    from offtape_assets.definitions import build_definitions

    here = build_definitions(Settings(tickers="SPY"))
    there = build_definitions(Settings(tickers="SPY", cluster="tcp://127.0.0.1:8786"))
    assert here.executor is dg.in_process_executor
    assert isinstance(there.executor, dg.ExecutorDefinition)
    assert there.executor.name == "dask"
