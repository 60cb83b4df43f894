"""Whether a file that arrived is whole, and what its quote sizes count: one pass over its bytes.

A truncated gzip often still parses, so every member is inflated and its trailer checked.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import cast

import polars as pl
from isal import isal_zlib

from offtape_assets.sources.landing import flat_file
from offtape_assets.sources.landing.size_unit import SizeUnit, count_sizes, size_unit
from offtape_assets.sources.vendors.refusal import Refusal

CHUNK_BYTES = 1 << 18
SAMPLED_BYTES = 1 << 20
SAMPLES = 256
"""Blocks of text over the whole of a quotes file whose sizes are judged."""
TYPICAL_RATIO = 6
"""Text bytes for one byte of a gzipped flat file; decides only how far samples lie apart."""
_SIZE_COLUMNS = ["ask_price", "ask_size", "bid_price", "bid_size"]
_SIZE_PLACES = [flat_file.QUOTES.header.index(name) for name in _SIZE_COLUMNS]
_GZIP = 31
_DAMAGED = cast("type[Exception]", isal_zlib.IsalError)  # its stub declares an instance


@dataclass(frozen=True)
class Inspection:
    """What a whole file was found to be."""

    sha256: str
    length: int
    is_empty: bool
    """Whether the vendor's answer is that there is nothing."""
    unit: SizeUnit | None
    """Of a quotes file."""


def inspect(file: Path, is_gzip: bool, quotes_of: date | None = None) -> Inspection:
    """Read a file once to its end.

    Parameters
    ----------
    quotes_of
        The date of a quotes file, whose size unit is judged; None for other files.

    Raises
    ------
    DamagedError
        If a gzip file is torn or no gzip.
    Refusal
        If its quote sizes are of no known unit.
    """
    digest = hashlib.sha256()
    chunks = _hashed(file, digest)
    unit = None
    if is_gzip:
        sizes = _SizeSample(file.stat().st_size) if quotes_of else None
        for text in _inflated(chunks, file.name):
            if sizes:
                sizes.add(text)
        if sizes and quotes_of:
            unit = _unit(sizes.counts, quotes_of)
    else:
        for _ in chunks:
            pass
    return Inspection(digest.hexdigest(), file.stat().st_size, _is_empty(file), unit)


def _hashed(file: Path, digest: "hashlib._Hash") -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            digest.update(chunk)
            yield chunk


def _inflated(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The text of all members; raises where one has no end or a wrong trailer."""
    member = isal_zlib.decompressobj(wbits=_GZIP)
    is_started = False
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if member.eof:
                    rest = rest.lstrip(b"\0")  # padding after the last member
                    if not rest:
                        break
                    member = isal_zlib.decompressobj(wbits=_GZIP)
                is_started = True
                yield member.decompress(rest)
                rest = member.unused_data if member.eof else b""
    except _DAMAGED as error:
        raise DamagedError("failed", f"{name} is damaged ({error}); fetch it again") from None
    if not (is_started and member.eof):
        raise DamagedError("failed", f"{name} ends before its gzip trailer; fetch it again")


class DamagedError(Refusal):
    """What arrived is no whole file; the same bytes would not be accepted again."""


class _SizeSample:
    """Occurrences of quote sizes in blocks of text taken evenly from a file."""

    def __init__(self, compressed_bytes: int) -> None:
        self.counts: Counter[int] = Counter()
        blocks = compressed_bytes * TYPICAL_RATIO // SAMPLED_BYTES
        self._stride = blocks // SAMPLES * SAMPLED_BYTES
        """Bytes from one sample to the next; 0 where all of the file is taken."""
        self._position, self._next = 0, 0
        self._waiting = b""

    def add(self, text: bytes) -> None:
        """Take the next text of the file, in order."""
        if not self._stride:
            whole, end, self._waiting = (self._waiting + text).rpartition(b"\n")
            self._count(whole + end)
        elif self._position >= self._next:
            self._count(text[text.find(b"\n") + 1 :][:SAMPLED_BYTES].rpartition(b"\n")[0])
            self._next += self._stride
        self._position += len(text)

    def _count(self, lines: bytes) -> None:
        """Count the sizes of whole lines; the header's are no numbers."""
        if not lines:
            return
        try:
            text = pl.read_csv(lines, has_header=False, infer_schema=False, columns=_SIZE_PLACES)
        except pl.exceptions.PolarsError:
            return  # the reader says what is wrong with these lines
        text.columns = _SIZE_COLUMNS
        frame = text.cast(pl.Float64, strict=False).fill_null(0.0)
        for side in ("ask", "bid"):
            prices, sizes = (frame[f"{side}_{what}"].to_numpy() for what in ("price", "size"))
            self.counts += count_sizes(prices, sizes)


def _unit(counts: Counter[int], day: date) -> SizeUnit:
    try:
        return size_unit(counts, day)
    except ValueError as error:
        raise Refusal(
            "failed",
            f"{error}; download it again (the vendor regenerated its history in shares)",
        ) from None


def _is_empty(file: Path) -> bool:
    if file.stat().st_size > 64:
        return False
    try:
        content = json.loads(file.read_bytes())
    except ValueError:
        return False
    return not content or content == {"history": []}
