"""Lines of a CSV whose first field is a wanted ticker, found in raw bytes before any parsing.

A day of all US quotes is larger than memory and forty tickers are a few percent of it, so lines
are dropped where they are decompressed. Nothing here knows what the other fields mean.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numba import njit

NEWLINE, CARRIAGE_RETURN, COMMA, QUOTE = b'\n\r,"'
LINE_LIMIT = 1 << 20
"""Bytes; a vendor's line is near 150, so a longer one means the file is no CSV."""
FNV_OFFSET, FNV_PRIME = 2166136261, 16777619


class KeptLines(NamedTuple):
    """Lines of a file that passed the filter.

    Attributes
    ----------
    text
        The lines, each ended by a newline.
    codes
        Position of each line's ticker among the wanted ones, shape (lines,).
    numbers
        Line number of each in its file, the header being 1, shape (lines,).
    """

    text: bytes
    codes: np.ndarray
    numbers: np.ndarray

    def halves(self) -> tuple["KeptLines", "KeptLines"]:
        """The same lines in two parts of equal count."""
        middle = len(self.codes) // 2
        ends = np.flatnonzero(np.frombuffer(self.text, np.uint8) == NEWLINE)
        cut = int(ends[middle - 1]) + 1
        return (
            KeptLines(self.text[:cut], self.codes[:middle], self.numbers[:middle]),
            KeptLines(self.text[cut:], self.codes[middle:], self.numbers[middle:]),
        )


class TickerIndex(NamedTuple):
    """Wanted tickers as an open-addressing hash table over their UTF-8 bytes.

    `names[offsets[i]:offsets[i + 1]]` is ticker i; `slots` holds positions, -1 where empty. With
    no ticker at all, every line is wanted.
    """

    names: np.ndarray
    offsets: np.ndarray
    slots: np.ndarray


def ticker_index(tickers: Sequence[str]) -> TickerIndex:
    """Hash table of `tickers`, which must be distinct."""
    if len(set(tickers)) != len(tickers):
        raise ValueError(f"tickers={list(tickers)} holds a name twice; each may appear once")
    encoded = [ticker.encode() for ticker in tickers]
    names = np.frombuffer(b"".join(encoded), np.uint8)
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    slots = np.full(1 << (4 * len(tickers) + 1).bit_length(), -1, np.int64)
    for code, (start, stop) in enumerate(pairwise(offsets.tolist())):
        slot = _hash(names, start, stop) % slots.size
        while slots[slot] >= 0:
            slot = (slot + 1) % slots.size
        slots[slot] = code
    return TickerIndex(names, offsets, slots)


def whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes cut after newlines only; a last line without one receives it.

    Raises
    ------
    ValueError
        If a line is longer than `LINE_LIMIT`.
    """
    tail = b""
    for chunk in chunks:
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield tail + chunk[:cut]
            tail = chunk[cut:]
        else:
            tail += chunk
        if len(tail) > LINE_LIMIT:
            raise ValueError(f"a line of more than {LINE_LIMIT} bytes; a CSV line is near 150")
    if tail:
        yield tail + b"\n"


def kept_lines(
    blocks: Iterable[bytes], index: TickerIndex, first_number: int, batch_bytes: int
) -> Iterator[KeptLines]:
    """Lines of the wanted tickers in the order of the file, in batches of about `batch_bytes`.

    Parameters
    ----------
    blocks
        Bytes that each end with a newline, as `whole_lines` yields them.
    index
        The wanted tickers; empty to keep every line that is not blank.
    first_number
        Line number of the first line.
    """
    pending: list[KeptLines] = []
    size, number = 0, first_number
    for block in blocks:
        data = np.frombuffer(block, np.uint8)
        text, codes, numbers, lines = _keep(data, *index)
        number, numbers = number + lines, numbers + number
        if len(codes):
            pending.append(KeptLines(text.tobytes(), codes, numbers))
            size += len(text)
        if size >= batch_bytes:
            yield _joined(pending)
            pending, size = [], 0
    if pending:
        yield _joined(pending)


def _joined(parts: Sequence[KeptLines]) -> KeptLines:
    texts, codes, numbers = zip(*parts, strict=True)
    return KeptLines(b"".join(texts), np.concatenate(codes), np.concatenate(numbers))


@njit(cache=True, nogil=True)
def _keep(data, names, offsets, slots):  # type: ignore[no-untyped-def]
    """Text, codes and zero-based numbers of the wanted lines, and how many lines there were."""
    text = np.empty(data.size, np.uint8)
    codes, numbers = [0 for _ in range(0)], [0 for _ in range(0)]
    lines = written = start = run_start = 0
    field_start = field_stop = 0
    code = -1
    while start < data.size:
        if lines == 0 or not _same_field(data, start, field_start, field_stop):
            field_start, field_stop = start, _field_stop(data, start)
            code = _code(data, field_start, field_stop, names, offsets, slots)
        stop = start
        while data[stop] != NEWLINE:
            stop += 1
        stop += 1
        if code >= 0 and not _is_blank(data, start):
            codes.append(code)
            numbers.append(lines)
        else:
            written = _copy(data, run_start, start, text, written)
            run_start = stop
        lines += 1
        start = stop
    written = _copy(data, run_start, start, text, written)
    return text[:written], np.array(codes, np.int32), np.array(numbers, np.int64), lines


@njit(cache=True, nogil=True)
def _copy(data, start, stop, text, written):  # type: ignore[no-untyped-def]
    """Append a run of kept bytes and return the new length."""
    length = stop - start
    text[written : written + length] = data[start:stop]
    return written + length


@njit(cache=True, nogil=True)
def _is_blank(data, start):  # type: ignore[no-untyped-def]
    first = data[start]
    return first == NEWLINE or (first == CARRIAGE_RETURN and data[start + 1] == NEWLINE)


@njit(cache=True, nogil=True)
def _same_field(data, start, field_start, field_stop):  # type: ignore[no-untyped-def]
    """Whether the line at `start` opens with the field of an earlier line, comma included."""
    length = field_stop - field_start + 1
    if start + length > data.size or data[field_stop] != COMMA:
        return False
    i = 0
    while i < length and data[start + i] == data[field_start + i]:
        i += 1
    return i == length


@njit(cache=True, nogil=True)
def _field_stop(data, start):  # type: ignore[no-untyped-def]
    """Where the first field of a line ends."""
    stop = start
    while data[stop] not in (COMMA, NEWLINE, CARRIAGE_RETURN):
        stop += 1
    return stop


@njit(cache=True, nogil=True)
def _code(data, start, stop, names, offsets, slots):  # type: ignore[no-untyped-def]
    """Position of the ticker in data[start:stop] among the wanted ones, -1 where unwanted."""
    if offsets.size == 1:
        return 0
    if stop - start > 1 and data[start] == QUOTE and data[stop - 1] == QUOTE:
        start, stop = start + 1, stop - 1
    slot = _hash(data, start, stop) % slots.size
    while slots[slot] >= 0:
        first, last = offsets[slots[slot]], offsets[slots[slot] + 1]
        if last - first == stop - start:
            i = 0
            while i < stop - start and data[start + i] == names[first + i]:
                i += 1
            if i == stop - start:
                return slots[slot]
        slot = (slot + 1) % slots.size
    return -1


@njit(cache=True, nogil=True)
def _hash(data, start, stop):  # type: ignore[no-untyped-def]
    """FNV-1a over 32 bits."""
    value = FNV_OFFSET
    for i in range(start, stop):
        value = ((value ^ data[i]) * FNV_PRIME) & 0xFFFFFFFF
    return value
