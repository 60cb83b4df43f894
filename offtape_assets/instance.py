"""Dagster's own records of a warehouse: where they are kept, by environment.

A folder beside the warehouse by default; a Postgres database where OFFTAPE_POSTGRES names one, so
that every machine of a cluster writes to the same history.
"""

import fcntl
import sqlite3
import uuid
from pathlib import Path

import dagster as dg
from sqlalchemy import event
from sqlalchemy.engine import Engine

from offtape_assets.settings import Settings

_LOCAL = "telemetry:\n  enabled: false\nfreshness:\n  enabled: true\nnux:\n  enabled: false\n"
_POSTGRES = """\
storage:
  postgres:
    postgres_url:
      env: OFFTAPE_POSTGRES
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
telemetry:
  enabled: false
freshness:
  enabled: true
nux:
  enabled: false
"""


@event.listens_for(Engine, "connect")
def _tune_history(connection: object, _: object) -> None:
    """Wait for other writers for a minute instead of five seconds, and not for the disk at all.

    A day writes thousands of events; waiting for the disk at each took a third of its time. Killed
    processes lose nothing by it. When the power fails, the history may be lost, no rows.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma busy_timeout = 60000")
        connection.execute("pragma synchronous = off")


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The Dagster instance of a warehouse; its tables are made by one process at a time."""
    folder = instance_folder(settings)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return dg.DagsterInstance.from_config(str(folder))


def instance_folder(settings: Settings) -> Path:
    """DAGSTER_HOME of a warehouse, with a dagster.yaml for the storage in use.

    The password of a database is never written: Dagster reads it from the environment.
    """
    base = Path("warehouse") if settings.is_remote else Path(settings.warehouse)
    folder = base.absolute() / ".dagster"
    text = _LOCAL
    if settings.postgres is not None:
        folder, text = folder / "postgres", _POSTGRES
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "dagster.yaml"
    if not config.exists():
        written = folder / f".{uuid.uuid4().hex}.yaml"
        written.write_text(text)
        written.replace(config)  # another process that starts now reads all of it or none
    return folder
