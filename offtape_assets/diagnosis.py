"""What `offtape doctor` looks at: the installation, the warehouse, the source."""

import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from offtape_assets.settings import Settings
from offtape_assets.sources.opening import open_source
from offtape_assets.sources.source import SourceError
from offtape_assets.storage.store import LocalStore, open_store

_PINNED = {"dagster": "1.13.27", "dagster-duckdb": "0.29.27", "duckdb": "1.5.5"}
_FREE_BYTES = 5 * 2**30


class Finding(NamedTuple):
    """One thing looked at."""

    subject: str
    is_well: bool
    detail: str
    remedy: str = ""


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything worth knowing before the first backfill."""
    ok = sys.version_info >= (3, 11)
    yield Finding(
        "python", ok, sys.version.split()[0], "" if ok else "install Python 3.11 or later"
    )
    yield from _packages()
    yield from _warehouse(settings)
    yield _source(settings)
    if settings.source == "vendors" and settings.landing is not None:
        yield from _vendors(settings)


def _packages() -> Iterator[Finding]:
    for name, pinned in _PINNED.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "not installed"
        remedy = "" if found == pinned else f"pip install {name}=={pinned}"
        yield Finding(name, found == pinned, found, remedy)


def _warehouse(settings: Settings) -> Iterator[Finding]:
    store = open_store(settings.warehouse)
    if not isinstance(store, LocalStore):
        yield _bucket(store.root, store)
        return
    folder = Path(store.root)
    existing = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    free = shutil.disk_usage(existing).free
    remedy = "" if free > _FREE_BYTES else "free some space or set OFFTAPE_WAREHOUSE elsewhere"
    yield Finding("disk", free > _FREE_BYTES, f"{free / 2**30:.0f} GiB free at {existing}", remedy)
    has_catalog = store.read_bytes("offtape.duckdb") is not None
    detail = str(folder) if has_catalog else f"{folder} holds no catalog yet"
    yield Finding("warehouse", True, detail, "" if has_catalog else "offtape demo makes one")


def _bucket(root: str, store: object) -> Finding:
    try:
        next(iter(store.keys("")), None)  # type: ignore[attr-defined]
    except Exception as error:  # whatever boto3 raises is the finding
        return Finding("warehouse", False, f"{root}: {error}", "check the bucket and credentials")
    return Finding("warehouse", True, root)


def _vendors(settings: Settings) -> Iterator[Finding]:
    """What each vendor answers, and whether the plan reaches the event's date."""
    from offtape_assets.sources.vendors.source import VendorSource

    for vendor in VendorSource(settings).vendors.values():
        yield from (Finding(*probe) for probe in vendor.probe(settings.event_date))


def _source(settings: Settings) -> Finding:
    try:
        open_source(settings)
    except SourceError as error:
        return Finding("source", False, settings.source, str(error))
    where = f" at {settings.landing}" if settings.landing else ""
    return Finding("source", True, f"{settings.source}{where}")
