"""Fixtures of the connectors: an empty bucket for every test, one server for a module."""

from collections.abc import Iterator

import pytest

from tests.sources.vendors.bucket import Bucket, massive_bucket


@pytest.fixture(scope="module")
def shared() -> Iterator[Bucket]:
    with massive_bucket() as made:
        yield made


@pytest.fixture
def bucket(shared: Bucket) -> Bucket:
    """The bucket without the objects, faults and requests of the test before."""
    listed = shared.s3.list_objects_v2(Bucket="flatfiles").get("Contents", [])
    for item in listed:
        shared.s3.delete_object(Bucket="flatfiles", Key=item["Key"])
    shared.faults.clear()
    shared.server.asked.clear()
    return shared
