"""Massive's bucket on this machine: moto's real S3 server, with faults in front of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from offtape_assets.sources.manifest import Entry, Manifest
from offtape_assets.sources.vendors.fetching import Fetcher
from offtape_assets.sources.vendors.massive import Massive
from offtape_assets.sources.vendors.refusal import Patience
from offtape_assets.vendor_settings import VendorSettings
from tests.sources.vendors.vendor_server import Asked, Reply, VendorServer, in_front_of

BUCKET = "flatfiles"
KEY_ID, SECRET = "AKIAHIDDENHIDDEN1234", "hidden/secret+of+the+bucket/0123456789ab"
PATIENCE = Patience(first_seconds=0.01)


def key_of(dataset: str, day: date) -> str:
    """The vendor's key of a day's file."""
    return f"us_stocks_sip/{dataset}/{day:%Y/%m}/{day}.csv.gz"


@dataclass
class Bucket:
    """The bucket, the address clients use, and a fault that may stand between."""

    s3: Any
    server: VendorServer
    faults: list[Callable[[Asked], Reply | None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Endpoint of the vendor."""
        return self.server.url

    def put(self, dataset: str, day: date, body: bytes) -> str:
        """Publish a file; its ETag comes back."""
        key = key_of(dataset, day)
        return self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)["ETag"]

    def gets(self, dataset: str = "", day: date | None = None) -> list[Asked]:
        """Requests for objects, not listings."""
        return [
            asked
            for asked in self.server.asked
            if asked.method == "GET"
            and ".csv.gz" in asked.path
            and dataset in asked.path
            and (day is None or str(day) in asked.path)
        ]

    def settings(self, **more: Any) -> VendorSettings:
        """Settings of a client of this bucket."""
        given = {
            "massive_endpoint": self.url,
            "massive_access_key_id": KEY_ID,
            "massive_secret_access_key": SECRET,
        }
        return VendorSettings(**(given | more))

    def fetcher(self, landing: Path, **more: Any) -> Fetcher:
        """A client that fetches into a folder."""
        return Fetcher(landing, Manifest(landing), Massive(self.settings(**more)), PATIENCE)

    def fetch(
        self, landing: Path, dataset: str, first: date, last: date | None = None
    ) -> list[Entry]:
        """Fetch a dataset of some dates."""
        fetcher = self.fetcher(landing)
        return fetcher.fetch(fetcher.vendor.wanted(dataset, first, last or first, ()))


@contextmanager
def massive_bucket() -> Iterator[Bucket]:
    """An empty bucket while the block runs."""
    moto = ThreadedMotoServer(port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    upstream = f"http://127.0.0.1:{port}"
    assert host
    s3 = boto3.client(
        "s3",
        endpoint_url=upstream,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}),
    )
    s3.create_bucket(Bucket=BUCKET)
    faults: list[Callable[[Asked], Reply | None]] = []

    def fault(asked: Asked) -> Reply | None:
        return next((reply for reply in (f(asked) for f in faults) if reply is not None), None)

    server = VendorServer(in_front_of(upstream, fault))
    bucket = Bucket(s3, server, faults)
    try:
        yield bucket
    finally:
        server.close()
        for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            s3.delete_object(Bucket=BUCKET, Key=item["Key"])
        s3.delete_bucket(Bucket=BUCKET)
        moto.stop()
