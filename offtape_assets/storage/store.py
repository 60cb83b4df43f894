"""Files by key, in a local folder or an S3 bucket, replaced whole or not at all.

Nothing here knows tables or Parquet. A key is a relative path with forward slashes.
"""

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol


class Entry(NamedTuple):
    """A file of a store."""

    key: str
    size: int
    modified: datetime


class Store(Protocol):
    """Replace, read, list and delete files by key."""

    root: str

    def url(self, key: str) -> str:
        """The path or URL under which DuckDB reads `key` (globs allowed)."""
        ...

    def put(self, file: Path, key: str) -> None:
        """Replace `key` by `file`, which is consumed; readers see the old or the new file."""
        ...

    def read_bytes(self, key: str) -> bytes | None:
        """Content of `key`, or None where there is none."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys that begin with `prefix`, in order."""
        ...

    def delete(self, key: str) -> None:
        """Remove `key` if it is there."""
        ...

    def scratch(self) -> Path:
        """A new local folder for intermediate files, on the store's own disk if it has one."""
        ...

    def spill(self) -> Path:
        """Where one connection puts what does not fit in memory; made when it is needed."""
        ...

    def sweep(self) -> list[str]:
        """Remove scratch folders whose process is gone; return their names."""
        ...

    def listing(self, prefix: str) -> Iterator["Entry"]:
        """All files whose keys begin with `prefix`, in order, with size and age."""
        ...


class LocalStore:
    """A folder. A file is written elsewhere on the same disk, fsynced, then renamed into place."""

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root).absolute()
        self.root = str(self._root)

    def url(self, key: str) -> str:
        return str(self._root / key)

    def put(self, file: Path, key: str) -> None:
        target = self._root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        _fsync(file)
        os.replace(file, target)
        _fsync(target.parent)

    def read_bytes(self, key: str) -> bytes | None:
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            return None

    def keys(self, prefix: str) -> Iterator[str]:
        folder = self._root / prefix.rpartition("/")[0]
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            key = path.relative_to(self._root).as_posix()
            if key.startswith(prefix) and path.is_file():
                yield key

    def listing(self, prefix: str) -> Iterator[Entry]:
        for key in self.keys(prefix):
            with contextlib.suppress(FileNotFoundError):  # replaced or removed meanwhile
                found = (self._root / key).stat()
                yield Entry(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def delete(self, key: str) -> None:
        (self._root / key).unlink(missing_ok=True)

    def scratch(self) -> Path:
        return _new_scratch(self._root / STAGING)

    def spill(self) -> Path:
        return self._root / STAGING / f"{_owner()}{uuid.uuid4().hex}"

    def sweep(self) -> list[str]:
        """Remove scratch folders whose process is gone; return their names."""
        return _sweep(self._root / STAGING)


STAGING = ".staging"
"""Scratch folders live here, outside every glob a view reads."""
_LOCAL_SCRATCH = Path(tempfile.gettempdir()) / "offtape-scratch"
"""Scratch folders of warehouses without a disk of their own."""


ATTEMPTS = 8
"""How often a bucket is asked before a request fails."""


class S3Store:
    """A bucket prefix. An object PUT replaces the object atomically."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        self._bucket, _, prefix = self.root.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = _s3_client()

    def url(self, key: str) -> str:
        return f"{self.root}/{key}"

    def put(self, file: Path, key: str) -> None:
        self._client.upload_file(str(file), self._bucket, self._prefix + key)
        file.unlink()

    def read_bytes(self, key: str) -> bytes | None:
        from botocore.exceptions import IncompleteReadError, ResponseStreamingError

        for _ in range(ATTEMPTS - 1):  # boto3 repeats requests, not answers that break off
            with contextlib.suppress(IncompleteReadError, ResponseStreamingError):
                return self._read(key)
        return self._read(key)

    def _read(self, key: str) -> bytes | None:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
        except self._client.exceptions.NoSuchKey:
            return None
        return answer["Body"].read()

    def keys(self, prefix: str) -> Iterator[str]:
        return (entry.key for entry in self.listing(prefix))

    def listing(self, prefix: str) -> Iterator[Entry]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        for page in pages:
            for item in page.get("Contents", []):
                key = item["Key"].removeprefix(self._prefix)
                yield Entry(key, item["Size"], item["LastModified"])

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def scratch(self) -> Path:
        return _new_scratch(_LOCAL_SCRATCH)

    def spill(self) -> Path:
        return _LOCAL_SCRATCH / f"{_owner()}{uuid.uuid4().hex}"

    def sweep(self) -> list[str]:
        """Remove scratch folders whose process is gone; return their names."""
        return _sweep(_LOCAL_SCRATCH)

    def old_versions(self, before: datetime) -> Iterator[tuple[str, str, int]]:
        """Key, version and size of what later objects replaced before an instant."""
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=self._prefix
        )
        for page in pages:
            for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                if not item["IsLatest"] and item["LastModified"] < before:
                    key = item["Key"].removeprefix(self._prefix)
                    yield key, item["VersionId"], item.get("Size", 0)

    def delete_version(self, key: str, version: str) -> None:
        """Remove one old version for good."""
        name = self._prefix + key
        self._client.delete_object(Bucket=self._bucket, Key=name, VersionId=version)

    def unfinished_uploads(self, before: datetime) -> Iterator[tuple[str, str]]:
        """Key and identity of uploads that a killed writer began before an instant."""
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket, Prefix=self._prefix
        )
        for page in pages:
            for item in page.get("Uploads", []):
                if item["Initiated"] < before:
                    yield item["Key"].removeprefix(self._prefix), item["UploadId"]

    def abort_upload(self, key: str, upload: str) -> None:
        """Give back the parts of an unfinished upload."""
        name = self._prefix + key
        self._client.abort_multipart_upload(Bucket=self._bucket, Key=name, UploadId=upload)

    def access(self) -> dict[str, str]:
        """What another client needs to reach the bucket with the credentials boto3 found."""
        credentials = self._client._request_signer._credentials.get_frozen_credentials()
        scheme, _, host = self._client.meta.endpoint_url.partition("://")
        return {
            "key_id": credentials.access_key,
            "secret": credentials.secret_key,
            "session_token": credentials.token or "",
            "region": self._client.meta.region_name,
            "endpoint": host,
            "use_ssl": str(scheme == "https").lower(),
            "url_style": "path",
        }


def open_store(root: str) -> LocalStore | S3Store:
    """The store behind a warehouse's address."""
    return S3Store(root) if root.startswith("s3://") else LocalStore(root)


def _s3_client() -> Any:
    import boto3  # a second to import, needed by remote warehouses only
    from botocore.config import Config

    retries = {"mode": "standard", "max_attempts": ATTEMPTS}
    return boto3.client("s3", config=Config(retries=retries))


def _new_scratch(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=_owner(), dir=folder))


def _owner() -> str:
    """How the scratch of this process is named, so that what a killed one leaves is found."""
    return f"{os.uname().nodename}-{os.getpid()}-"


def _sweep(parent: Path) -> list[str]:
    swept = []
    for folder in parent.glob(f"{os.uname().nodename}-*"):
        process = folder.name.rsplit("-", 2)[1]
        if process.isdecimal() and not _is_alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)
            swept.append(folder.name)
    return swept


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
