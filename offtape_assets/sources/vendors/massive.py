"""Massive (Polygon) flat files: one gzipped CSV a dataset and day in an S3-compatible store.

The listing is the calendar of truth and is not gated by the plan; reading is. A file is read in
one stream, from where the last attempt ended, and only while its ETag is the listed one.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from datetime import time as clock
from types import MappingProxyType
from typing import Any

from urllib3.exceptions import HTTPError

from offtape_assets.market.calendar import NEW_YORK, is_session
from offtape_assets.sources.landing.flat_file import DATASETS, FOLDER
from offtape_assets.sources.manifest import Entry, Status
from offtape_assets.sources.vendors.refusal import ChangedError, Refusal, redacted, refusal_of
from offtape_assets.sources.vendors.vendor import Offer, Probe, Wanted
from offtape_assets.tables import raw
from offtape_assets.vendor_settings import VendorSettings

CHUNK_BYTES = 1 << 20
LISTING_SECONDS = 60.0
"""A listing is asked again after that: vendors restate."""
PUBLISHED = clock(11)
"""New York time at which the files of the day before are there."""
CONNECT_SECONDS, READ_SECONDS = 10, 120
CREDENTIALS = (
    "set OFFTAPE_MASSIVE_ACCESS_KEY_ID and OFFTAPE_MASSIVE_SECRET_ACCESS_KEY (the S3 pair of the"
    " dashboard, not the REST key), or OFFTAPE_MASSIVE_PROFILE"
)
_CREDENTIAL_CODES = {"SignatureDoesNotMatch", "InvalidAccessKeyId", "InvalidClientTokenId"}


class Massive:
    """The flat files of US stocks."""

    name = "massive"
    datasets = ("day_aggs_v1", "minute_aggs_v1", "trades_v1", "quotes_v1")
    tables: Mapping[str, Sequence[str]] = MappingProxyType(
        {table: (dataset,) for table, dataset in DATASETS.items()}
        | {raw.QUOTES_1S.full_name: ("quotes_v1",)}
    )
    is_by_day = True
    has_versions = True
    settles_days = 0

    def __init__(self, settings: VendorSettings) -> None:
        self.connections = settings.massive_connections
        self._settings = settings
        self._lock = threading.Lock()
        self._s3: Any = None
        self._listings: dict[str, tuple[float, dict[str, Offer]]] = {}

    def wanted(self, dataset: str, first: date, last: date, tickers: Sequence[str]) -> list[Wanted]:
        """One file for every date, sessions or not; a file holds all tickers."""
        days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
        return [
            Wanted(
                self.name,
                dataset,
                f"{FOLDER.as_posix()}/{dataset}/{day:%Y}/{day:%m}/{day}.csv.gz",
                day,
                day,
                is_expected=is_session(day) and is_published(day, datetime.now(NEW_YORK)),
            )
            for day in days
        ]

    def offer(self, wanted: Wanted, held: Entry | None) -> Offer:
        """The version in the month's listing."""
        key = wanted.path.removeprefix("massive/")
        found = self._listing(key.rpartition("/")[0] + "/").get(key)
        if found is None:
            standing: Status = "absent_unexpected" if wanted.is_expected else "absent_expected"
            raise Refusal(
                standing,
                f"{key} is not listed: "
                + ("the vendor misses a session" if wanted.is_expected else "none is expected"),
                code=404,
            )
        return found

    def read(self, wanted: Wanted, offer: Offer, start: int) -> Iterator[bytes]:
        """The object from `start` on, of exactly the offered ETag."""
        key = wanted.path.removeprefix("massive/")
        given = {"Bucket": self._settings.massive_bucket, "Key": key, "IfMatch": offer.etag}
        if start:
            given["Range"] = f"bytes={start}-"
        try:
            with self._told(key):
                answer = self._client().get_object(**given)
                yield from answer["Body"].iter_chunks(CHUNK_BYTES)
        except ChangedError:
            with self._lock:
                self._listings.clear()  # they are older than the file
            raise

    def probe(self, day: date) -> Iterator[Probe]:
        """List the month of `day`, then ask for one byte of each dataset's file."""
        for dataset in self.datasets:
            subject = f"massive {dataset}"
            (wanted,) = self.wanted(dataset, day, day, ())
            try:
                offer = self.offer(wanted, None)
                with self._told(wanted.path):
                    self._client().get_object(
                        Bucket=self._settings.massive_bucket,
                        Key=wanted.path.removeprefix("massive/"),
                        Range="bytes=0-0",
                    )["Body"].read()
            except Refusal as refusal:
                yield Probe(subject, False, f"{day}: {refusal.standing}", str(refusal))
                if refusal.standing == "forbidden" and CREDENTIALS in str(refusal):
                    return
                continue
            size = (offer.size or 0) / 1e6
            yield Probe(subject, True, f"the plan allows {day} ({size:.0f} MB)")

    def _listing(self, prefix: str) -> dict[str, Offer]:
        """Keys below a prefix with what is there now; one thread asks, the others wait."""
        with self._lock:
            asked, found = self._listings.get(prefix, (0.0, {}))
            if asked and time.monotonic() - asked < LISTING_SECONDS:
                return found
            found = self._ask_listing(prefix)
            self._listings[prefix] = (time.monotonic(), found)
            return found

    def _ask_listing(self, prefix: str) -> dict[str, Offer]:
        found = {}
        bucket = self._settings.massive_bucket
        with self._told(f"the listing of {prefix}"):
            pages = self._client().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    url = f"s3://{bucket}/{item['Key']}"
                    stamp = item["LastModified"].isoformat()
                    found[item["Key"]] = Offer(url, item["ETag"], item["Size"], stamp)
        return found

    def _client(self) -> Any:
        """The S3 client; its own retries are off, the common rule decides."""
        if self._s3 is None:
            import boto3  # a second to load
            from botocore.config import Config

            chosen = self._settings
            pair = (chosen.massive_access_key_id, chosen.massive_secret_access_key)
            key, secret = (part.get_secret_value() if part else None for part in pair)
            self._s3 = boto3.Session(profile_name=chosen.massive_profile).client(
                "s3",
                endpoint_url=chosen.massive_endpoint,
                region_name="us-east-1",
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                config=Config(
                    signature_version="s3v4",
                    s3={"addressing_style": "path"},
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    retries={"total_max_attempts": 1},
                    connect_timeout=CONNECT_SECONDS,
                    read_timeout=READ_SECONDS,
                    max_pool_connections=max(10, self.connections),
                ),
            )
        return self._s3

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """What boto3 raises, in the words of all vendors and without secrets."""
        from botocore import exceptions as boto

        try:
            yield
        except boto.ClientError as error:
            raise self._refusal(what, error) from None
        except (
            boto.NoCredentialsError,
            boto.PartialCredentialsError,
            boto.CredentialRetrievalError,
            boto.ProfileNotFound,
        ) as error:
            raise Refusal("forbidden", f"{self._clean(error)}; {CREDENTIALS}") from None
        except (
            boto.ConnectionError,
            boto.HTTPClientError,
            boto.IncompleteReadError,
            HTTPError,
            OSError,
        ) as error:
            text = f"massive: the connection broke at {what} ({self._clean(error)})"
            raise Refusal("failed", text, is_transient=True) from None

    def _refusal(self, what: str, error: Any) -> Refusal | ChangedError:
        answer = error.response.get("ResponseMetadata", {})
        code = answer.get("HTTPStatusCode", 0)
        name = error.response.get("Error", {}).get("Code", "")
        if code in (412, 416):
            return ChangedError(what)
        if name in _CREDENTIAL_CODES:
            return Refusal("forbidden", f"massive: {name}; {CREDENTIALS}", code=code)
        if code == 403:
            return Refusal(
                "forbidden",
                f"massive: 403 {name} for {what}, which is listed: the plan lacks the dataset or"
                " this depth of history",
                code=code,
            )
        after = answer.get("HTTPHeaders", {}).get("retry-after")
        return refusal_of(code, f"massive: {what}", self._clean(error), after)

    def _clean(self, error: Exception) -> str:
        return redacted(" ".join(str(error).split()), self._settings.secrets)


def is_published(day: date, now: datetime) -> bool:
    """Whether the vendor should have published the files of `day` by `now` (New York time)."""
    return now >= datetime.combine(day + timedelta(days=1), PUBLISHED, NEW_YORK)
