"""Flat files over S3 against moto's server: the listing rules, and every fault of the protocol."""

import gzip
import hashlib
import random
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from offtape_assets.sources.manifest import Manifest
from offtape_assets.sources.vendors import download as downloading
from offtape_assets.sources.vendors.refusal import Refusal
from tests import small_day
from tests.sources.vendors.bucket import Bucket
from tests.sources.vendors.vendor_server import Asked, Reply

SATURDAY, MONDAY, TUESDAY = date(2024, 11, 2), date(2024, 11, 4), date(2024, 11, 5)
TRADES = "trades_v1"
PART_BYTES = 5 << 20


def content(seed: int, size: int = 300_000) -> bytes:
    """A gzip file of text that does not compress well."""
    return gzip.compress(random.Random(seed).randbytes(size // 2).hex().encode())


def landed(folder: Path, day: date, dataset: str = TRADES) -> Path:
    return small_day.path_of(folder, dataset, day)


def once(fault: Callable[[Asked], Reply | None]) -> Callable[[Asked], Reply | None]:
    """A fault that happens the first time it applies."""
    done: list[bool] = []

    def apply(asked: Asked) -> Reply | None:
        reply = None if done else fault(asked)
        if reply is not None:
            done.append(True)
        return reply

    return apply


def is_object(asked: Asked) -> bool:
    return asked.method == "GET" and asked.path.endswith(".csv.gz")


def test_a_file_lands_with_equal_bytes_and_all_that_is_known_of_it(
    bucket: Bucket, tmp_path: Path
) -> None:
    body = content(1)
    etag = bucket.put(TRADES, TUESDAY, body)
    (entry,) = bucket.fetch(tmp_path, TRADES, TUESDAY)
    assert landed(tmp_path, TUESDAY).read_bytes() == body
    assert (entry.status, entry.etag, entry.content_length) == ("ok", etag, len(body))
    assert entry.sha256 == hashlib.sha256(body).hexdigest()
    assert entry.url == f"s3://flatfiles/us_stocks_sip/{TRADES}/2024/11/{TUESDAY}.csv.gz"
    assert entry.last_modified
    assert Manifest(tmp_path).latest(entry.path) == entry
    assert [path.name for path in (tmp_path / ".incoming").rglob("*") if path.is_file()] == []


def test_an_object_of_several_parts_is_read_in_one_stream(bucket: Bucket, tmp_path: Path) -> None:
    body = content(2, 3 * PART_BYTES)
    key = f"us_stocks_sip/{TRADES}/2024/11/{TUESDAY}.csv.gz"
    upload = bucket.s3.create_multipart_upload(Bucket="flatfiles", Key=key)["UploadId"]
    cuts = [body[start : start + PART_BYTES] for start in range(0, len(body), PART_BYTES)]
    tags = [
        bucket.s3.upload_part(
            Bucket="flatfiles", Key=key, UploadId=upload, PartNumber=number, Body=cut
        )["ETag"]
        for number, cut in enumerate(cuts, 1)
    ]
    bucket.s3.complete_multipart_upload(
        Bucket="flatfiles",
        Key=key,
        UploadId=upload,
        MultipartUpload={
            "Parts": [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]
        },
    )
    (entry,) = bucket.fetch(tmp_path, TRADES, TUESDAY)
    assert entry.status == "ok", entry.reason
    assert entry.etag.strip('"').endswith(f"-{len(cuts)}")
    assert landed(tmp_path, TUESDAY).read_bytes() == body
    assert len(bucket.gets()) == 1


def test_what_is_whole_is_not_fetched_again(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put(TRADES, MONDAY, content(3))
    bucket.fetch(tmp_path, TRADES, MONDAY)
    bucket.put(TRADES, TUESDAY, content(4))
    bucket.fetch(tmp_path, TRADES, MONDAY, TUESDAY)
    assert [asked.path[-17:-7] for asked in bucket.gets()] == [str(MONDAY), str(TUESDAY)]


def test_the_listing_is_the_calendar(bucket: Bucket, tmp_path: Path) -> None:
    """Weekends are expected to be missing, a session is not; nothing is asked of the objects."""
    bucket.put(TRADES, TUESDAY, content(5))
    found = bucket.fetch(tmp_path, TRADES, SATURDAY, TUESDAY)
    assert [entry.status for entry in found] == [
        "absent_expected",
        "absent_expected",
        "absent_unexpected",
        "ok",
    ]
    assert len(bucket.gets()) == 1


def test_a_session_to_come_is_expected_to_be_missing(bucket: Bucket, tmp_path: Path) -> None:
    (entry,) = bucket.fetch(tmp_path, TRADES, date(2027, 6, 1))
    assert entry.status == "absent_expected"


def test_a_plan_without_the_dataset_is_told_and_not_asked_again(
    bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put(TRADES, TUESDAY, content(6))
    denied = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    bucket.faults.append(lambda asked: Reply(denied, 403) if is_object(asked) else None)
    (entry,) = bucket.fetch(tmp_path, TRADES, TUESDAY)
    assert entry.status == "forbidden"
    assert "plan" in entry.reason
    assert len(bucket.gets()) == 1
    assert not landed(tmp_path, TUESDAY).exists()


def test_a_broken_connection_resumes_where_it_ended(bucket: Bucket, tmp_path: Path) -> None:
    body = content(7)
    bucket.put(TRADES, TUESDAY, body)
    cut = len(body) // 2
    bucket.faults.append(
        once(lambda a: Reply(body[:cut], length=len(body)) if is_object(a) else None)
    )
    (entry,) = bucket.fetch(tmp_path, TRADES, TUESDAY)
    assert entry.status == "ok", entry.reason
    assert landed(tmp_path, TUESDAY).read_bytes() == body
    first, second = bucket.gets()
    assert "Range" not in first.headers
    start = int(second.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    assert 0 < start <= cut
    assert second.headers["If-Match"] == entry.etag


def test_a_refused_range_is_followed_by_the_whole_file(bucket: Bucket, tmp_path: Path) -> None:
    body = content(8)
    bucket.put(TRADES, TUESDAY, body)
    half = Reply(body[: len(body) // 2], length=len(body))
    bucket.faults.append(once(lambda asked: half if is_object(asked) else None))
    bucket.faults.append(
        once(lambda a: Reply(status=403) if is_object(a) and "Range" in a.headers else None)
    )
    (entry,) = bucket.fetch(tmp_path, TRADES, TUESDAY)
    assert entry.status == "ok", entry.reason
    assert landed(tmp_path, TUESDAY).read_bytes() == body
    assert ["Range" in asked.headers for asked in bucket.gets()] == [False, True, False]


def test_ranges_that_stay_refused_end_as_forbidden(bucket: Bucket, tmp_path: Path) -> None:
    body = content(9)
    bucket.put(TRADES, TUESDAY, body)

    def fault(asked: Asked) -> Reply | None:
        if not is_object(asked):
            return None
        if "Range" in asked.headers:
            return Reply(status=403)
        return Reply(body[:100_000], length=len(body))

    bucket.faults.append(fault)
    (entry,) = bucket.fetch(tmp_path, TRADES, TUESDAY)
    assert entry.status in ("forbidden", "failed")
    assert not landed(tmp_path, TUESDAY).exists()
    assert len(bucket.gets()) <= 8


def test_a_file_republished_meanwhile_is_started_anew(bucket: Bucket, tmp_path: Path) -> None:
    old, new = content(10), content(11)
    bucket.put(TRADES, TUESDAY, old)

    def fault(asked: Asked) -> Reply | None:
        if not is_object(asked):
            return None
        bucket.put(TRADES, TUESDAY, new)
        return Reply(old[: len(old) // 2], length=len(old))

    bucket.faults.append(once(fault))
    fetcher = bucket.fetcher(tmp_path)
    (wanted,) = fetcher.vendor.wanted(TRADES, TUESDAY, TUESDAY, ())
    entry = fetcher.fetch_one(wanted)
    assert entry.status == "ok", entry.reason
    assert landed(tmp_path, TUESDAY).read_bytes() == new
    statuses = [asked.headers.get("If-Match") for asked in bucket.gets()]
    assert len(set(statuses)) == 2


@pytest.mark.parametrize("status", [429, 500, 503])
def test_overload_is_asked_again(bucket: Bucket, tmp_path: Path, status: int) -> None:
    bucket.put(TRADES, TUESDAY, content(12))
    slow = Reply(b"<Error><Code>SlowDown</Code></Error>", status, {"Retry-After": "0"})
    bucket.faults += [once(lambda asked: slow if is_object(asked) else None) for _ in range(3)]
    (entry,) = bucket.fetch(tmp_path, TRADES, TUESDAY)
    assert entry.status == "ok", entry.reason
    assert len(bucket.gets()) == 4


def test_the_pause_the_vendor_names_is_waited_out(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put(TRADES, TUESDAY, content(21))
    asked_at: list[float] = []

    def fault(asked: Asked) -> Reply | None:
        if not is_object(asked):
            return None
        asked_at.append(time.monotonic())
        return Reply(b"", 503, {"Retry-After": "1"}) if len(asked_at) == 1 else None

    bucket.faults.append(fault)
    (entry,) = bucket.fetch(tmp_path, TRADES, TUESDAY)
    assert entry.status == "ok", entry.reason
    first, second = asked_at
    assert second - first >= 1.0  # our own first pause would be a hundredth of that


def test_a_vendor_that_stays_overloaded_fails_after_six_times(
    bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put(TRADES, TUESDAY, content(13))
    bucket.faults.append(lambda asked: Reply(b"", 503) if is_object(asked) else None)
    (entry,) = bucket.fetch(tmp_path, TRADES, TUESDAY)
    assert entry.status == "failed"
    assert "503" in entry.reason
    assert len(bucket.gets()) == 6


def test_an_object_truncated_at_the_vendor_never_lands(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put(TRADES, TUESDAY, content(14)[:-5])
    (entry,) = bucket.fetch(tmp_path, TRADES, TUESDAY)
    assert entry.status == "failed"
    assert "gzip trailer" in entry.reason
    assert not landed(tmp_path, TUESDAY).exists()
    bucket.put(TRADES, TUESDAY, content(14))
    (again,) = bucket.fetch(tmp_path, TRADES, TUESDAY)
    assert again.status == "ok"


def test_a_corrupt_byte_never_lands(bucket: Bucket, tmp_path: Path) -> None:
    body = bytearray(content(15))
    body[len(body) // 2] ^= 0xFF
    bucket.put(TRADES, TUESDAY, bytes(body))
    (entry,) = bucket.fetch(tmp_path, TRADES, TUESDAY)
    assert entry.status == "failed"
    assert "damaged" in entry.reason or "trailer" in entry.reason


def test_a_restated_file_replaces_the_old_one_which_is_kept(bucket: Bucket, tmp_path: Path) -> None:
    old, new = content(16), content(17)
    bucket.put(TRADES, TUESDAY, old)
    bucket.fetch(tmp_path, TRADES, TUESDAY)
    bucket.put(TRADES, TUESDAY, new)
    (entry,) = bucket.fetch(tmp_path, TRADES, TUESDAY)
    assert landed(tmp_path, TUESDAY).read_bytes() == new
    assert (tmp_path / entry.kept_as).read_bytes() == old
    assert [e.status for e in Manifest(tmp_path).entries()] == ["ok", "ok"]


def test_the_same_bytes_under_a_new_etag_leave_the_file_alone(
    bucket: Bucket, tmp_path: Path
) -> None:
    body = content(18)
    bucket.put(TRADES, TUESDAY, body)
    bucket.fetch(tmp_path, TRADES, TUESDAY)
    before = landed(tmp_path, TUESDAY).stat().st_mtime_ns
    key = f"us_stocks_sip/{TRADES}/2024/11/{TUESDAY}.csv.gz"
    upload = bucket.s3.create_multipart_upload(Bucket="flatfiles", Key=key)["UploadId"]
    part = bucket.s3.upload_part(
        Bucket="flatfiles", Key=key, UploadId=upload, PartNumber=1, Body=body
    )
    bucket.s3.complete_multipart_upload(
        Bucket="flatfiles",
        Key=key,
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    (entry,) = bucket.fetch(tmp_path, TRADES, TUESDAY)
    assert entry.etag.strip('"').endswith("-1")
    assert entry.kept_as == ""
    assert landed(tmp_path, TUESDAY).stat().st_mtime_ns == before


def test_no_more_files_at_once_than_the_plan_allows(bucket: Bucket, tmp_path: Path) -> None:
    for day in range(4, 9):
        bucket.put(TRADES, date(2024, 11, day), content(day, 1000))
    lock, running, most = threading.Lock(), [0], [0]

    def slow(asked: Asked) -> Reply | None:
        if is_object(asked):
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.05)
            with lock:
                running[0] -= 1
        return None

    bucket.faults.append(slow)
    found = bucket.fetch(tmp_path, TRADES, MONDAY, date(2024, 11, 8))
    assert [entry.status for entry in found] == ["ok"] * 5
    assert most[0] == 2


def test_credentials_may_come_from_an_aws_profile(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = tmp_path / "credentials"
    stored.write_text("[flat]\naws_access_key_id = PROFILEKEY\naws_secret_access_key = hidden\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(stored))
    bucket.put(TRADES, TUESDAY, content(20))
    nothing = {"massive_access_key_id": None, "massive_secret_access_key": None}
    fetcher = bucket.fetcher(tmp_path, **nothing, massive_profile="flat")
    (entry,) = fetcher.fetch(fetcher.vendor.wanted(TRADES, TUESDAY, TUESDAY, ()))
    assert entry.status == "ok", entry.reason
    assert all("Credential=PROFILEKEY/" in a.headers["Authorization"] for a in bucket.gets())
    other = bucket.fetcher(tmp_path / "other", **nothing, massive_profile="unknown")
    (tmp_path / "other").mkdir()
    (refused,) = other.fetch(other.vendor.wanted(TRADES, TUESDAY, TUESDAY, ()))
    assert refused.status == "forbidden"
    assert "OFFTAPE_MASSIVE_PROFILE" in refused.reason


def test_a_full_disk_is_told_before_anything_is_fetched(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put(TRADES, TUESDAY, content(19))
    monkeypatch.setattr(downloading, "RESERVE_BYTES", 1 << 60)
    with pytest.raises(Refusal, match="OFFTAPE_LANDING"):
        bucket.fetch(tmp_path, TRADES, TUESDAY)
    assert bucket.gets() == []
