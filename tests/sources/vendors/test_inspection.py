"""A torn, damaged or foreign file is found; whole ones of any number of members pass."""

import gzip
import hashlib
import random
from datetime import date
from pathlib import Path

import pytest

from offtape_assets.sources.landing import flat_file
from offtape_assets.sources.vendors import inspection
from offtape_assets.sources.vendors.inspection import DamagedError, inspect

DAY = date(2024, 11, 5)
TEXT = random.Random(1).randbytes(400_000).hex().encode()


def put(folder: Path, body: bytes) -> Path:
    file = folder / "file.csv.gz"
    file.write_bytes(body)
    return file


@pytest.mark.parametrize("members", [1, 2, 5])
def test_whole_files_pass_with_their_digest(tmp_path: Path, members: int) -> None:
    body = b"".join(gzip.compress(TEXT[part::members]) for part in range(members))
    found = inspect(put(tmp_path, body), is_gzip=True)
    assert found.sha256 == hashlib.sha256(body).hexdigest()
    assert (found.length, found.is_empty, found.unit) == (len(body), False, None)


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(TEXT)[:-1],
        gzip.compress(TEXT)[:-8],
        gzip.compress(TEXT)[: len(gzip.compress(TEXT)) // 2],
        gzip.compress(TEXT)[:-8] + b"\0" * 8,
        gzip.compress(TEXT) + gzip.compress(TEXT)[:-4],
        gzip.compress(TEXT) + b"<Error>not gzip</Error>",
        b"<Error>not gzip</Error>",
        b"",
    ],
    ids=["1", "trailer", "half", "checksum", "second member", "appended", "page", "nothing"],
)
def test_what_is_not_whole_is_refused(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(DamagedError, match="fetch it again"):
        inspect(put(tmp_path, body), is_gzip=True)


def test_padding_after_the_last_member_is_allowed(tmp_path: Path) -> None:
    assert inspect(put(tmp_path, gzip.compress(TEXT) + b"\0" * 512), is_gzip=True)


@pytest.mark.parametrize(
    ("body", "is_empty"), [(b"[]", True), (b'{"history": []}', True), (b"[1]", False)]
)
def test_an_answer_of_nothing_is_told(tmp_path: Path, body: bytes, is_empty: bool) -> None:
    assert inspect(put(tmp_path, body), is_gzip=False).is_empty is is_empty


def test_a_sample_over_a_large_file_judges_as_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenth of the names, at the end of the file, are in another unit: a sample must see them."""
    pick = random.Random(2)
    lines = [
        f'T{row // 60:05},12,20.02,{pick.randint(1, 9)}00,11,20.00,{pick.randint(1, 9)}00,"1,81",,'
        f"{row},{row},{row},1,0"
        for row in range(60_000)
    ]
    body = gzip.compress("\n".join([",".join(flat_file.QUOTES.header), *lines, ""]).encode(), 1)
    monkeypatch.setattr(inspection, "CHUNK_BYTES", 1 << 11)
    monkeypatch.setattr(inspection, "SAMPLED_BYTES", 1 << 14)
    monkeypatch.setattr(inspection, "SAMPLES", 40)
    found = inspect(put(tmp_path, body), is_gzip=True, quotes_of=DAY)
    assert found.unit is not None
    assert (found.unit.unit, found.unit.share_of_multiples) == ("shares", 1.0)
    assert 5_000 < found.unit.sizes < 60_000
    monkeypatch.setattr(inspection, "SAMPLED_BYTES", 1 << 30)
    whole = inspect(put(tmp_path, body), is_gzip=True, quotes_of=DAY)
    assert whole.unit is not None
    assert whole.unit.sizes == 120_000
    odd = [
        line.replace("00,11,", ",11,") if row > 54_000 else line for row, line in enumerate(lines)
    ]
    mixed = gzip.compress("\n".join([",".join(flat_file.QUOTES.header), *odd, ""]).encode(), 1)
    monkeypatch.setattr(inspection, "SAMPLED_BYTES", 1 << 14)
    with pytest.raises(inspection.Refusal, match="neither shares nor round lots"):
        inspect(put(tmp_path, mixed), is_gzip=True, quotes_of=DAY)
