"""What every vendor was asked and what came of it: one line of JSON per answer, in the landing folder.

Lines are only ever appended and synced before the next step, so a killed process leaves at most
one torn line, which readers skip. The last line of a path is its standing.
"""

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

MANIFEST = "manifest.jsonl"
Status = Literal[
    "ok", "empty_ok", "absent_expected", "absent_unexpected", "forbidden", "failed", "restated"
]
HELD: tuple[Status, ...] = ("ok", "empty_ok")


@dataclass(frozen=True)
class Entry:
    """One answer of a vendor about one file of the landing folder.

    Attributes
    ----------
    status
        'ok' (landed), 'empty_ok' (the vendor's answer is: nothing), 'absent_expected' (weekend,
        holiday, not yet published), 'absent_unexpected', 'forbidden' (by the plan or the
        credentials), 'failed', 'restated' (the vendor has another version, not yet fetched).
    path
        Relative to the landing folder.
    day, through
        First and last date whose rows the file was asked for.
    content_length
        Bytes of the landed file.
    size_unit, shares_per_unit, sizes_judged, share_of_lots, is_unit_assumed
        Quotes files: what their sizes count, and the evidence (see landing/size_unit.py).
    kept_as
        Where the version that this one replaced was moved.
    """

    vendor: str
    dataset: str
    path: str
    day: str
    through: str
    status: Status
    fetched_at: str
    url: str = ""
    etag: str = ""
    last_modified: str = ""
    content_length: int | None = None
    sha256: str = ""
    reason: str = ""
    size_unit: str = ""
    shares_per_unit: int | None = None
    sizes_judged: int | None = None
    share_of_lots: float | None = None
    is_unit_assumed: bool | None = None
    kept_as: str = ""

    @property
    def fetched_on(self) -> date:
        """UTC date of the answer."""
        return datetime.fromisoformat(self.fetched_at).date()


def now() -> str:
    """This instant, as the manifest writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Manifest:
    """The answers recorded in a landing folder; safe for several threads and processes."""

    def __init__(self, landing: Path) -> None:
        self.file = landing / MANIFEST
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._latest: dict[str, Entry] = {}
        self._held: dict[str, Entry] = {}
        self._read_bytes = 0

    def append(self, entry: Entry) -> Entry:
        """Record an answer; it is on disk when this returns."""
        line = json.dumps(asdict(entry), sort_keys=True, allow_nan=False).encode() + b"\n"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if file.tell() and not _ends_a_line(file.fileno(), file.tell()):
                line = b"\n" + line  # a killed process left half a line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        return entry

    def latest(self, path: str) -> Entry | None:
        """The last answer about a path."""
        with self._lock:
            self._refresh()
            return self._latest.get(path)

    def held(self, path: str) -> Entry | None:
        """The last answer that landed a file, or said that there is nothing in it."""
        with self._lock:
            self._refresh()
            return self._held.get(path)

    def held_files(self) -> list[Entry]:
        """The held version of every path that has one."""
        with self._lock:
            self._refresh()
            return list(self._held.values())

    def standing(self) -> list[Entry]:
        """The last answer about every path, in the order of first asking."""
        with self._lock:
            self._refresh()
            return list(self._latest.values())

    def entries(self) -> list[Entry]:
        """All answers, oldest first."""
        with self._lock:
            self._refresh()
            return list(self._entries)

    def _refresh(self) -> None:
        """Read what was appended since the last time."""
        if not self.file.is_file():
            return
        if self.file.stat().st_size < self._read_bytes:  # another folder was put in its place
            self._entries, self._latest, self._held, self._read_bytes = [], {}, {}, 0
        with self.file.open("rb") as file:
            file.seek(self._read_bytes)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read_bytes += len(line)
                for entry in _parsed(line):
                    self._entries.append(entry)
                    self._latest[entry.path] = entry
                    if entry.status in HELD:
                        self._held[entry.path] = entry


_FIELDS = {field.name for field in fields(Entry)}


def _parsed(line: bytes) -> Iterator[Entry]:
    """The entry of a line; none where a killed process tore it. Unknown fields are ignored."""
    try:
        content = json.loads(line)
        yield Entry(**{name: value for name, value in content.items() if name in _FIELDS})
    except (ValueError, TypeError, AttributeError):
        return


def _ends_a_line(descriptor: int, size: int) -> bool:
    return os.pread(descriptor, 1, size - 1) == b"\n"
