"""The byte filter equals a line-by-line loop, wherever the bytes are cut."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.sources.landing.line_filter import (
    LINE_LIMIT,
    kept_lines,
    whole_lines,
)

TICKERS = ["A", "AA", "BRK.B", "BApA", "NA", "NULL", "TRUE", "LONGTICKER.WS"]


def slow(text: bytes, wanted: list[str]) -> list[tuple[int, int, bytes]]:
    """Number, code and bytes of each wanted line."""
    kept = []
    for number, line in enumerate(text.splitlines(keepends=True), 2):
        first = line.rstrip(b"\r\n").split(b",")[0].decode()
        if len(first) > 1 and first[0] == first[-1] == '"':
            first = first[1:-1]
        if line.strip(b"\r\n") and (not wanted or first in wanted):
            code = wanted.index(first) if wanted else 0
            kept.append((number, code, line if line.endswith(b"\n") else line + b"\n"))
    return kept


def fast(chunks: list[bytes], wanted: list[str], batch_bytes: int) -> list[tuple[int, int, bytes]]:
    kept = []
    for batch in kept_lines(whole_lines(chunks), wanted, 2, batch_bytes):
        lines = batch.text.splitlines(keepends=True)
        assert len(lines) == len(batch.codes) == len(batch.numbers)
        kept += zip(batch.numbers.tolist(), batch.codes.tolist(), lines, strict=True)
    return kept


FIRST = st.sampled_from([*TICKERS, '"A"', '"', "a", "AAA", "BAPA", "", "B"])
LINE = st.builds(
    lambda first, rest, end: (first + rest + end).encode(),
    FIRST,
    st.sampled_from(["", ",1", ',"12,37",5', ",A,NA,", ',"x"']),
    st.sampled_from(["\n", "\r\n"]),
)


@given(
    st.lists(LINE, max_size=30),
    st.booleans(),
    st.lists(st.integers(0, 400), max_size=8),
    st.lists(st.sampled_from(TICKERS), unique=True),
    st.integers(1, 200),
)
@settings(deadline=None, max_examples=300)
def test_any_cut_keeps_the_same_lines(
    lines: list[bytes], torn: bool, cuts: list[int], wanted: list[str], batch_bytes: int
) -> None:
    text = b"".join(lines)
    text = text[:-1] if torn and text.endswith(b"\n") and not text.endswith(b"\r\n") else text
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    chunks = [text[a:b] for a, b in pairwise(edges)]
    assert fast(chunks, wanted, batch_bytes) == slow(text, wanted)


def test_many_tickers_are_told_apart() -> None:
    """Each of thousands of names keeps its own code."""
    names = [f"T{i}" for i in range(5000)]
    order = np.random.default_rng(1).permutation(5000)
    text = b"".join(b"T%d,1\n" % i for i in order)
    wanted = names[::2]
    kept = fast([text], wanted, 1 << 20)
    assert [wanted[code] for _, code, _ in kept] == [f"T{i}" for i in order if i % 2 == 0]


def test_halves_share_the_lines() -> None:
    (batch,) = kept_lines([b"A,1\nB,2\nA,3\nA,4\n"], ["A"], 2, 1000)
    head, tail = batch.halves()
    assert (head.text, head.numbers.tolist()) == (b"A,1\n", [2])
    assert (tail.text, tail.numbers.tolist()) == (b"A,3\nA,4\n", [4, 5])


def test_wanting_a_name_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="appear once"):
        list(kept_lines([], ["A", "A"], 2, 10))


def test_bytes_without_a_line_end_are_refused() -> None:
    with pytest.raises(ValueError, match="a line of more than"):
        list(whole_lines([b"x" * LINE_LIMIT, b"x"]))
