"""How far a compressed file may swell: beyond any market file it is a bomb and is refused."""

import zipfile
from pathlib import Path

from isal import igzip

from offtape_assets.sources.source import SourceError

FREE_BYTES = 2**28
"""Up to a quarter of a gigabyte nothing is asked."""
MOST_RATIO = 200
"""Flat files swell 10 to 25 times, the emptiest reports 60 times; DEFLATE can do 1032."""
_CHUNK_BYTES = 2**20


class BombError(SourceError):
    """A compressed file swells beyond measure."""


def check_growth(path: Path | str, compressed: int, inflated: int) -> None:
    """Refuse a file that has grown beyond the bound.

    Raises
    ------
    BombError
        Naming the file and the sizes.
    """
    if inflated > FREE_BYTES and inflated > MOST_RATIO * compressed:
        raise BombError(
            f"{path}: {compressed} bytes swell to more than {inflated}; this is no market file,"
            " fetch it again"
        )


def check_file(path: Path) -> None:
    """Refuse a gzip file that swells beyond the bound, without keeping what comes out of it.

    Raises
    ------
    BombError
        Naming the file and the sizes.
    """
    if path.suffix != ".gz":
        return
    compressed, inflated = path.stat().st_size, 0
    with igzip.open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            inflated += len(chunk)
            check_growth(path, compressed, inflated)


def check_archive(name: str, archive: zipfile.ZipFile) -> None:
    """Refuse a zip whose members are larger together than any the sources publish.

    Raises
    ------
    BombError
        Naming the archive and the size its members declare (a reader never inflates more).
    """
    declared = sum(member.file_size for member in archive.infolist())
    if declared > FREE_BYTES:
        raise BombError(f"{name}: the archive holds {declared} bytes; this is no market file")
