"""One file on its way in: under a temporary name, resumable, and visible only when it is whole.

An unfinished file lies in `.incoming` with the version it belongs to; a version that was replaced
is kept in `.versions`. Both are outside of everything a reader globs.
"""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from offtape_assets.sources.manifest import Entry
from offtape_assets.sources.vendors.refusal import ChangedError, Patience, Refusal
from offtape_assets.sources.vendors.vendor import Offer, Vendor, Wanted

INCOMING, VERSIONS = ".incoming", ".versions"
RESERVE_BYTES = 1 << 30
"""Never filled: other programs write to the disk too."""
WHOLE_FILE_PAUSES = (10.0, 20.0, 40.0)
"""Multiples of the first pause before a whole file is asked again after a refused range."""
VERSION_CHANGES = 3
Progress = Callable[[str, int, int | None], None]
"""Called with a path, the bytes there are and, where known, the bytes there will be."""


class Part:
    """The unfinished file of one path of the landing folder."""

    def __init__(self, landing: Path, path: str) -> None:
        self.landing, self.path = landing, path
        self.target = landing / path
        self.file = landing / INCOMING / path
        self._note = self.file.with_name(self.file.name + ".json")

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return self.file.stat().st_size if self.file.is_file() else 0

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from fetching the same path meanwhile."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        lock = self.file.with_name(self.file.name + ".lock")
        with lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)

    def begin(self, offer: Offer) -> None:
        """Go on with what has arrived of this version, or start anew."""
        if offer.etag and self._offer() == offer:
            if not self.file.is_file() and self.target.is_file():
                os.replace(self.target, self.file)  # killed before the manifest knew of it
            return
        self.discard()
        self.file.touch()
        self._note.write_text(json.dumps(offer._asdict()))

    def restart(self) -> None:
        """Forget the bytes, keep the version."""
        os.truncate(self.file, 0)

    def discard(self) -> None:
        """Forget the unfinished file."""
        self._note.unlink(missing_ok=True)
        self.file.unlink(missing_ok=True)

    def publish(self, kept_as: str) -> None:
        """Move the version that is there to `kept_as` and this one into its place."""
        _sync(self.file)
        self.target.parent.mkdir(parents=True, exist_ok=True)
        if kept_as:
            old = self.landing / kept_as
            old.parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.target, old)
        os.replace(self.file, self.target)
        _sync(self.target.parent)

    def settle(self) -> None:
        """The manifest knows the published file: nothing is left to remember."""
        self._note.unlink(missing_ok=True)

    def _offer(self) -> Offer | None:
        try:
            return Offer(**json.loads(self._note.read_text()))
        except (OSError, ValueError, TypeError):
            return None


def download(
    part: Part,
    vendor: Vendor,
    wanted: Wanted,
    held: Entry | None,
    patience: Patience,
    progress: Progress,
) -> Offer | None:
    """Bring the vendor's version of a file into `part`; None where the held one is the same.

    Raises
    ------
    Refusal
        If the vendor has none, refuses, stays out of reach, or the disk is too full.
    """
    for _ in range(VERSION_CHANGES):
        offer = patience.ask(lambda: vendor.offer(wanted, held))
        if held and offer.etag and offer.etag == held.etag and part.target.is_file():
            return None
        part.begin(offer)
        try:
            if offer.etag:
                _receive_patiently(part, vendor, wanted, offer, patience, progress)
            else:
                _receive(part, vendor, wanted, offer, progress)
            return offer
        except ChangedError:
            part.discard()
    raise Refusal(
        "failed",
        f"{wanted.path} was republished {VERSION_CHANGES} times while it was read; fetch it later",
    )


def _receive_patiently(
    part: Part,
    vendor: Vendor,
    wanted: Wanted,
    offer: Offer,
    patience: Patience,
    progress: Progress,
) -> None:
    """Receive with the common rule, and the whole file again where only a range is refused."""
    pauses = iter(WHOLE_FILE_PAUSES)

    def attempt() -> None:
        is_range = part.size > 0
        try:
            _receive(part, vendor, wanted, offer, progress)
        except Refusal as refusal:
            if not (is_range and refusal.code == 403):
                raise
            pause = next(pauses, None)
            if pause is None:
                raise
            part.restart()
            raise Refusal(
                "failed",
                str(refusal),
                is_transient=True,
                retry_after=pause * patience.first_seconds,
                code=403,
            ) from None

    patience.ask(attempt)


def _receive(part: Part, vendor: Vendor, wanted: Wanted, offer: Offer, progress: Progress) -> None:
    """Append to `part` what is missing of the offered version."""
    if offer.size is not None and part.size == offer.size:
        return
    check_space(part.landing, (offer.size or 0) - part.size)
    done = part.size
    progress(wanted.path, done, offer.size)
    with part.file.open("ab") as file:
        for chunk in vendor.read(wanted, offer, done):
            file.write(chunk)
            done += len(chunk)
            progress(wanted.path, done, offer.size)
    if offer.size is None or done == offer.size:
        return
    if done > offer.size:
        part.restart()
    raise Refusal(
        "failed",
        f"{offer.url}: {done} of {offer.size} bytes arrived",
        is_transient=True,
    )


def check_space(landing: Path, needed_bytes: int) -> None:
    """Refuse a download that would fill the disk."""
    free = shutil.disk_usage(landing).free - RESERVE_BYTES
    if needed_bytes > free:
        raise Refusal(
            "failed",
            f"{needed_bytes / 1e9:.1f} GB are to be fetched and {max(free, 0) / 1e9:.1f} GB may be"
            f" written at {landing}: free some space, fetch fewer dates or name a larger disk with"
            " OFFTAPE_LANDING",
        )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
