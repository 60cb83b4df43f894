"""Lines of a CSV whose first field is a wanted ticker, found in raw bytes before any parsing.

A day of all US quotes is larger than memory and forty tickers are a few percent of it, so lines
are dropped where they are decompressed. Nothing here knows what the other fields mean.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

NEWLINE, CARRIAGE_RETURN = b"\n\r"
LINE_LIMIT = 1 << 20
"""Bytes; a vendor's line is near 150, so a longer one means the file is no CSV."""
WINDOW = 8
"""Bytes at the start of a line that are compared at once, as one number."""
FIELD_ENDS = (b",", b"\r", b"\n")


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


class Beginning(NamedTuple):
    """How lines of wanted tickers begin, for beginnings of one length.

    Attributes
    ----------
    mask
        Bits of the window that the beginnings fill.
    windows
        The beginnings as numbers (cut to the window), ascending, shape (n,).
    codes
        Position of each one's ticker, shape (n,).
    texts
        The beginnings in full, n of them; they matter where longer than the window.
    """

    mask: np.uint64
    windows: np.ndarray
    codes: np.ndarray
    texts: list[bytes]


def line_beginnings(tickers: Sequence[str]) -> list[Beginning]:
    """Beginnings of the lines of `tickers`, quoted or not; none if every line is wanted."""
    if len(set(tickers)) != len(tickers) or "" in tickers:
        raise ValueError(f"tickers={list(tickers)}: each must be a name and appear once")
    by_length: dict[int, list[tuple[int, int, bytes]]] = {}
    for code, ticker in enumerate(tickers):
        name = ticker.encode()
        for field in (name, b'"' + name + b'"'):
            for text in (field + end for end in FIELD_ENDS):
                window = int.from_bytes(text[:WINDOW], "little")
                by_length.setdefault(len(text), []).append((window, code, text))
    beginnings = []
    for length, entries in by_length.items():
        windows, codes, texts = zip(*sorted(entries), strict=True)
        mask = np.uint64((1 << 8 * min(length, WINDOW)) - 1)
        beginnings.append(
            Beginning(mask, np.array(windows, np.uint64), np.array(codes, np.int32), list(texts))
        )
    return beginnings


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
    blocks: Iterable[bytes], tickers: Sequence[str], first_number: int, batch_bytes: int
) -> Iterator[KeptLines]:
    """Lines of the wanted tickers in the order of the file, in batches of about `batch_bytes`.

    Parameters
    ----------
    blocks
        Bytes that each end with a newline, as `whole_lines` yields them.
    tickers
        The wanted ones; empty to keep every line that is not blank.
    first_number
        Line number of the first line.
    """
    beginnings = line_beginnings(tickers)
    pending: list[KeptLines] = []
    size, number = 0, first_number
    for block in blocks:
        starts, stops = _lines(block)
        codes = _codes(block, starts, beginnings) if tickers else _not_blank(block, starts)
        kept = np.flatnonzero(codes >= 0)
        if len(kept):
            text = _text(block, starts[kept], stops[kept])
            pending.append(KeptLines(text, codes[kept], kept + number))
            size += len(text)
        number += len(starts)
        if size >= batch_bytes:
            yield _joined(pending)
            pending, size = [], 0
    if pending:
        yield _joined(pending)


def _lines(block: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Where each line starts and stops, newline included, shape (lines,)."""
    stops = np.flatnonzero(np.frombuffer(block, np.uint8) == NEWLINE) + 1
    return np.concatenate([[0], stops[:-1]])[: len(stops)], stops


def _codes(block: bytes, starts: np.ndarray, beginnings: Sequence[Beginning]) -> np.ndarray:
    """Position of each line's ticker among the wanted ones, -1 where unwanted, shape (lines,)."""
    padded = block + bytes(WINDOW)
    windows = np.ndarray(len(block), "<u8", padded, strides=(1,))[starts]
    codes = np.full(len(starts), -1, np.int32)
    for beginning in beginnings:
        masked = windows & beginning.mask
        if len(beginning.texts[0]) > WINDOW:
            _mark_long(codes, block, starts, masked, beginning)
            continue
        place = np.searchsorted(beginning.windows, masked)
        place[place == len(beginning.windows)] = 0
        found = beginning.windows[place] == masked
        codes[found] = beginning.codes[place[found]]
    return codes


def _mark_long(
    codes: np.ndarray, block: bytes, starts: np.ndarray, masked: np.ndarray, beginning: Beginning
) -> None:
    """Mark the lines of tickers that do not fit the window, byte by byte."""
    wanted = dict(zip(beginning.texts, beginning.codes.tolist(), strict=True))
    length = len(beginning.texts[0])
    for line in np.flatnonzero(np.isin(masked, beginning.windows)).tolist():
        start = int(starts[line])
        codes[line] = wanted.get(block[start : start + length], codes[line])


def _not_blank(block: bytes, starts: np.ndarray) -> np.ndarray:
    """0 for every line with text, -1 for the blank ones, shape (lines,)."""
    data = np.frombuffer(block + b"\n", np.uint8)
    first, second = data[starts], data[starts + 1]
    blank = (first == NEWLINE) | ((first == CARRIAGE_RETURN) & (second == NEWLINE))
    return np.where(blank, -1, 0).astype(np.int32)


def _text(block: bytes, starts: np.ndarray, stops: np.ndarray) -> bytes:
    """The lines' bytes; neighbours are copied in one piece."""
    gaps = np.flatnonzero(starts[1:] != stops[:-1])
    first = starts[np.concatenate([[0], gaps + 1])].tolist()
    last = stops[np.concatenate([gaps, [len(stops) - 1]])].tolist()
    return b"".join([block[a:b] for a, b in zip(first, last, strict=True)])


def _joined(parts: Sequence[KeptLines]) -> KeptLines:
    texts, codes, numbers = zip(*parts, strict=True)
    return KeptLines(b"".join(texts), np.concatenate(codes), np.concatenate(numbers))
