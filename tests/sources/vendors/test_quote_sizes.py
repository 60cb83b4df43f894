"""What the sizes of a quotes file count: found over all names when it lands, used by the reader."""

import gzip
import random
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from offtape_assets.sources.manifest import Manifest
from offtape_assets.tables import raw
from tests import small_day
from tests.sources.landing import vendor_files
from tests.sources.vendors.bucket import Bucket

MONDAY, TUESDAY = date(2024, 11, 4), date(2024, 11, 5)


def quotes_file(sizes: Sequence[int], day: date = TUESDAY) -> bytes:
    """A day of 40 names' quotes with sizes drawn from the given ones."""
    pick = random.Random(1)
    stamps = [small_day.nanoseconds(day, number) for number in range(1, 60)]
    lines = [
        f"T{name:02},12,100.02,{pick.choice(sizes)},11,100.00,{pick.choice(sizes)},"
        f'"1,81",,{ts},{number},{ts},1,0'
        for name in range(40)
        for number, ts in enumerate(stamps, 1)
    ]
    return gzip.compress("\n".join([small_day.QUOTES_HEADER, *lines, ""]).encode())


LOTS, SHARES = [1, 2, 3, 4, 5], [100, 200, 500]


@pytest.mark.parametrize(
    ("sizes", "unit", "factor"), [(LOTS, "round_lots", 100), (SHARES, "shares", 1)]
)
def test_the_size_unit_of_a_quotes_file_is_found_and_stored(
    bucket: Bucket, tmp_path: Path, sizes: list[int], unit: str, factor: int
) -> None:
    bucket.put("quotes_v1", TUESDAY, quotes_file(sizes))
    (entry,) = bucket.fetch(tmp_path, "quotes_v1", TUESDAY)
    assert entry.status == "ok", entry.reason
    assert (entry.size_unit, entry.shares_per_unit) == (unit, factor)
    assert entry.sizes_judged == 40 * 59 * 2
    assert entry.is_unit_assumed is False


def test_the_reader_takes_the_unit_of_the_whole_file(bucket: Bucket, tmp_path: Path) -> None:
    """One name alone shows too few sizes to judge: without the manifest it would be shares."""
    bucket.put("quotes_v1", TUESDAY, quotes_file(LOTS))
    bucket.fetch(tmp_path, "quotes_v1", TUESDAY)
    rows, _ = vendor_files.read(tmp_path, raw.QUOTES, ["T07"], TUESDAY)["T07"]
    assert rows["bid_size"].min() >= 100
    Manifest(tmp_path).file.unlink()
    alone, _ = vendor_files.read(tmp_path, raw.QUOTES, ["T07"], TUESDAY)["T07"]
    assert (alone["bid_size"] * 100 == rows["bid_size"]).all()


def test_quotes_of_no_known_unit_are_not_landed_and_not_fetched_twice(
    bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put("quotes_v1", TUESDAY, quotes_file([1, 100]))
    for _ in range(2):
        (entry,) = bucket.fetch(tmp_path, "quotes_v1", TUESDAY)
        assert entry.status == "failed"
        assert "neither shares nor round lots" in entry.reason
        assert "regenerated" in entry.reason
    assert not small_day.path_of(tmp_path, "quotes_v1", TUESDAY).exists()
    assert len(bucket.gets()) == 1
