"""The source `vendors`: a landing folder that fills itself from the vendors, then is read.

What a partition was made from is told by the manifest, not by the disk: a day's file that was
deleted to save space leaves its partitions done, a restated one makes them stale.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import polars as pl

from offtape_assets.settings import Settings
from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.sources.manifest import HELD, Entry, Manifest
from offtape_assets.sources.source import Arriving, RawRows, SourceError
from offtape_assets.sources.vendors.deribit import Deribit
from offtape_assets.sources.vendors.download import Progress
from offtape_assets.sources.vendors.fetching import BAD, Fetcher
from offtape_assets.sources.vendors.fred import Fred
from offtape_assets.sources.vendors.french import French
from offtape_assets.sources.vendors.kalshi import KalshiReports, KalshiTrades
from offtape_assets.sources.vendors.massive import Massive
from offtape_assets.sources.vendors.massive_reference import MassiveReference
from offtape_assets.sources.vendors.polymarket import Polymarket
from offtape_assets.sources.vendors.refusal import Patience
from offtape_assets.sources.vendors.thetadata import ThetaData
from offtape_assets.sources.vendors.vendor import Vendor, Wanted
from offtape_assets.tables.table import Table

DAYS_TO_EXPIRY = 7
"""The default expiry is the first at least a week after the event."""


def open_vendors(settings: Settings, landing: Path) -> dict[str, Vendor]:
    """The connectors that the settings name, by name."""
    chosen = settings.vendor
    patience = Patience(chosen.fetch_retry_seconds)
    not_before = date.fromordinal(settings.event_date.toordinal() + DAYS_TO_EXPIRY)
    contracts = (settings.event_yes, settings.event_no)
    known: list[Vendor] = [
        Massive(chosen),
        MassiveReference(chosen, patience),
        ThetaData(chosen, patience, settings.option_expiries, not_before),
        KalshiReports(chosen, patience),
        KalshiTrades(chosen, patience, contracts),
        Polymarket(chosen, patience, landing),
        Deribit(chosen, patience),
        French(chosen, patience),
        Fred(chosen, patience),
    ]
    return {vendor.name: vendor for vendor in known if vendor.name in chosen.vendors}


class Restated(NamedTuple):
    """A held file of which the vendor has another version."""

    day: date
    tables: list[str]
    version: str


class VendorSource:
    """Raw rows from files that are fetched when they are first needed.

    Raises
    ------
    SourceError
        If the landing folder is not named or cannot be made.
    """

    name = "vendors"
    reads_day_files = True

    def __init__(self, settings: Settings) -> None:
        if settings.landing is None:
            raise SourceError(
                "source 'vendors' downloads into a landing folder; name it with --landing or"
                " OFFTAPE_LANDING"
            )
        self.folder = settings.landing.absolute()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SourceError(
                f"{self.folder} cannot be made ({error.strerror}); name another with --landing"
            ) from error
        self.manifest = Manifest(self.folder)
        self._settings = settings
        self._landing = LandingSource(self.folder)

    @cached_property
    def vendors(self) -> Mapping[str, Vendor]:
        """The connectors of the settings, by name."""
        return open_vendors(self._settings, self.folder)

    def fetcher(self, vendor: str, progress: Progress = lambda path, done, total: None) -> Fetcher:
        """Brings files of one vendor here."""
        patience = Patience(self._settings.vendor.fetch_retry_seconds)
        return Fetcher(self.folder, self.manifest, self.vendors[vendor], patience, progress)

    def arrive(self, table: Table, day: date, tickers: Sequence[str], progress: Arriving) -> None:
        """Fetch what is behind a table and date and was not fetched, or was restated since."""
        vendor = self._vendor_of(table)
        if vendor is None:
            return

        def megabytes(path: str, done: int, total: int | None) -> None:
            progress(f"fetch {path.rpartition('/')[2]}", done >> 20, (total or done) >> 20)

        fetcher = self.fetcher(vendor.name, megabytes)
        for wanted in fetcher.wanted(vendor.tables[table.full_name], day, day, tickers):
            fetcher.fetch_missing(wanted)

    def fingerprint(self, table: Table, day: date, ticker: str = "") -> str | None:
        """Versions behind one partition, from the manifest; asks no vendor.

        Raises
        ------
        SourceError
            If the vendor refused the file and no older version of it is held.
        """
        vendor = self._vendor_of(table)
        if vendor is None:
            return self._landing.fingerprint(table, day, ticker)
        if not vendor.is_by_day:
            found = self._fingerprint_of_rows(table, day)
            if found is None:
                self._raise_refusal(vendor, table, day)
            return found
        identities = [self._identity(wanted) for wanted in self._behind(vendor, table, day, ticker)]
        known = " ".join(identity for identity in identities if identity)
        return known or self._landing.fingerprint(table, day, ticker)

    def read(
        self, table: Table, day: date, tickers: Sequence[str], scratch: Path
    ) -> Iterator[RawRows]:
        """Yield the partitions of one table and date; a file deleted since is fetched again.

        Raises
        ------
        SourceError
            If a file or a newer version of it could not be fetched, or cannot be read.
        """
        vendor = self._vendor_of(table)
        if vendor and vendor.is_by_day:
            self._bring_back(vendor, table, day, tickers)
        yield from self._landing.read(table, day, tickers, scratch)

    def look(self) -> list[Restated]:
        """Ask the vendors for the versions of everything held; tell what was restated."""
        found = []
        for vendor in self.vendors.values():
            if not vendor.has_versions:
                continue
            held = [_wanted(e) for e in self.manifest.held_files() if e.vendor == vendor.name]
            self.fetcher(vendor.name).look(held)
            for one in held:
                latest = self.manifest.latest(one.path)
                if latest and latest.status == "restated":
                    tables = [t for t, sets in vendor.tables.items() if one.dataset in sets]
                    found.append(Restated(one.day, tables, f"{one.path}:{latest.etag}"))
        return found

    def _vendor_of(self, table: Table) -> Vendor | None:
        owners = [v for v in self.vendors.values() if table.full_name in v.tables]
        return owners[0] if owners else None

    def _behind(self, vendor: Vendor, table: Table, day: date, ticker: str) -> list[Wanted]:
        tickers = [ticker] if ticker else self._settings.tickers
        datasets = vendor.tables[table.full_name]
        return [one for dataset in datasets for one in vendor.wanted(dataset, day, day, tickers)]

    def _identity(self, wanted: Wanted) -> str:
        """The version of one file; empty where the vendor has none."""
        held, latest = (ask(wanted.path) for ask in (self.manifest.held, self.manifest.latest))
        if held is None:
            if latest and latest.status in BAD:
                raise SourceError(latest.reason)
            return ""
        if not held.content_length:
            return ""
        is_newer = latest and latest.etag and latest.etag != held.etag
        return f"{wanted.path}:{latest.etag if latest and is_newer else held.sha256}"

    def _bring_back(self, vendor: Vendor, table: Table, day: date, tickers: Sequence[str]) -> None:
        fetcher = self.fetcher(vendor.name)
        for dataset in vendor.tables[table.full_name]:
            for wanted in vendor.wanted(dataset, day, day, tickers):
                held, latest = (
                    ask(wanted.path) for ask in (self.manifest.held, self.manifest.latest)
                )
                if held and held.content_length and not (self.folder / wanted.path).is_file():
                    latest = fetcher.fetch_one(wanted)
                if held and latest and latest.status not in HELD:
                    raise SourceError(
                        f"{wanted.path} has a newer version that was not fetched: {latest.reason}"
                    )

    def _fingerprint_of_rows(self, table: Table, day: date) -> str | None:
        """Digest of a day's rows: a file of many dates grows without changing the older ones."""
        digest = blake2b(digest_size=16)
        count = 0
        for delivery in self._landing.read(table, day, self._settings.tickers, self.folder):
            for frame in (delivery.rows, delivery.rejects):
                if isinstance(frame, pl.DataFrame):
                    digest.update(frame.write_ndjson().encode())  # cells may be lists
                    count += frame.height
        return digest.hexdigest() if count else None

    def _raise_refusal(self, vendor: Vendor, table: Table, day: date) -> None:
        """Raise where rows are missing because the vendor refused them."""
        for wanted in self._behind(vendor, table, day, ""):
            latest = self.manifest.latest(wanted.path)
            if latest and latest.status in BAD:
                raise SourceError(latest.reason)


def _wanted(entry: Entry) -> Wanted:
    """The question that a manifest entry answered."""
    days = date.fromisoformat(entry.day), date.fromisoformat(entry.through)
    return Wanted(entry.vendor, entry.dataset, entry.path, *days)
