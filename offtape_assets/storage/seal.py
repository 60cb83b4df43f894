"""The seal in a partition's footer: how long it took to make, with how much memory, and a digest.

The seal has a fixed width, so that it can be filled in after the file is written: the digest is of
the whole file with an open seal. A bit that flips later breaks the seal.
"""

import hashlib
import resource
from mmap import mmap
from pathlib import Path
from typing import NamedTuple

_MARK = b'"seal": "'
_DIGEST_CHARACTERS = 32
OPEN = f"{0:011.3f} {0:07d} {'':0<{_DIGEST_CHARACTERS}}"
"""Seconds, megabytes and digest of a file not yet sealed."""


Bytes = bytes | mmap


class Seal(NamedTuple):
    """What a seal says."""

    seconds: float
    peak_mb: int
    """Largest memory of the process that made the file, until then."""
    digest: str


class BrokenSealError(Exception):
    """The bytes of a file are not those that were written."""


def parse(text: str) -> Seal | None:
    """The seal in a footer's text; None where files were not sealed yet."""
    if not text:
        return None
    seconds, megabytes, digest = text.split()
    return Seal(float(seconds), int(megabytes), digest)


def close(file: Path, seconds: float = 0.0) -> None:
    """Fill in the open seal of a file."""
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    with file.open("r+b") as opened, mmap(opened.fileno(), 0) as content:
        start = _place(content)
        if start < 0:
            raise ValueError(f"{file} has no seal to close")
        made = f"{min(seconds, 9_999_999):011.3f} {peak_mb:07d} ".encode()
        first = start + len(made)
        content[start:first] = made
        content[first : first + _DIGEST_CHARACTERS] = _digest(content, first).encode()


def check(content: Bytes) -> bool:
    """Whether a file is sealed.

    Raises
    ------
    BrokenSealError
        If the bytes are not those that were sealed.
    """
    start = _place(content)
    if start < 0:
        return False
    first = start + len(OPEN) - _DIGEST_CHARACTERS
    if content[first : first + _DIGEST_CHARACTERS] != _digest(content, first).encode():
        raise BrokenSealError("the bytes are not those that were written")
    return True


def _place(content: Bytes) -> int:
    """Where the seal begins in a Parquet file's footer, -1 where it has none."""
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    if content[-4:] != b"PAR1" or footer < 0:
        raise BrokenSealError("this is no whole Parquet file")
    found = content.find(_MARK, footer)
    return found + len(_MARK) if found >= 0 else -1


def _digest(content: Bytes, first: int) -> str:
    """Digest of all bytes but the digest's own, which begins at `first`."""
    digest = hashlib.blake2b(digest_size=_DIGEST_CHARACTERS // 2)
    with memoryview(content) as view:
        digest.update(view[:first])
        digest.update(view[first + _DIGEST_CHARACTERS :])
    return digest.hexdigest()
