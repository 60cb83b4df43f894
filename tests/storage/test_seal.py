"""A seal says how a file was made and breaks with any byte."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offtape_assets.storage import seal
from offtape_assets.storage.warehouse import Partition, Warehouse
from tests.storage.test_warehouse import BAR, BARS, put

TARGET = Partition(BARS, date(2024, 11, 5), "SPY")


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    warehouse = Warehouse(str(tmp_path))
    put(warehouse, TARGET, BAR)
    return warehouse.store.read_bytes(TARGET.file) or b""


def test_a_published_file_is_sealed(content: bytes) -> None:
    assert seal.check(content)


@given(st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_flipped_bit_breaks_the_seal(content: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(content) - 1))
    bit = data.draw(st.integers(0, 7))
    damaged = bytearray(content)
    damaged[place] ^= 1 << bit
    try:
        whole = seal.check(bytes(damaged))
    except seal.BrokenSealError:
        whole = False
    assert not whole


@given(st.integers(0, 100))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_shorter_file_breaks_the_seal(content: bytes, share: int) -> None:
    with pytest.raises(seal.BrokenSealError):
        seal.check(content[: (len(content) - 1) * share // 100])


def test_seconds_and_memory_are_read_back(tmp_path: Path) -> None:
    file = tmp_path / "data.parquet"
    text = f'{{"seal": "{seal.OPEN}"}}'.encode()
    file.write_bytes(b"PAR1" + text + len(text).to_bytes(4, "little") + b"PAR1")
    seal.close(file, 12.3456)
    found = seal.parse(file.read_bytes().split(b'"seal": "')[1].split(b'"')[0].decode())
    assert found is not None
    assert found.seconds == 12.346
    assert found.peak_mb > 0
    assert seal.check(file.read_bytes())
    assert seal.parse("") is None
