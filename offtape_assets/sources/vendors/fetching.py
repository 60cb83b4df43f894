"""Fetching: which wanted files are asked for, several at once, and what the manifest learns.

Nothing here knows a protocol. A file that fails leaves the others alone; what is whole and of the
version the vendor has now is not fetched again.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from offtape_assets.sources.manifest import HELD, Entry, Manifest, Status, now
from offtape_assets.sources.vendors import french
from offtape_assets.sources.vendors.download import (
    VERSIONS,
    Part,
    Progress,
    check_space,
    download,
)
from offtape_assets.sources.vendors.inspection import DamagedError, Inspection, inspect
from offtape_assets.sources.vendors.refusal import Patience, Refusal
from offtape_assets.sources.vendors.vendor import Offer, Vendor, Wanted

QUOTES = "quotes_v1"
BAD: tuple[Status, ...] = ("forbidden", "failed")


class Fetcher:
    """Brings files of one vendor into a landing folder.

    Parameters
    ----------
    progress
        Called from several threads with a path, the bytes there are and those there will be.
    """

    def __init__(
        self,
        landing: Path,
        manifest: Manifest,
        vendor: Vendor,
        patience: Patience,
        progress: Progress = lambda path, done, total: None,
    ) -> None:
        self.landing, self.manifest, self.vendor = landing, manifest, vendor
        self._patience, self._progress = patience, progress

    def wanted(
        self, datasets: Iterable[str], first: date, last: date, tickers: Sequence[str]
    ) -> Iterator[list[Wanted]]:
        """The files of each dataset, in the order of fetching."""
        for dataset in self.vendor.datasets:
            if dataset in datasets:
                yield self.vendor.wanted(dataset, first, last, tickers)

    def fetch(self, wanted: Sequence[Wanted]) -> list[Entry]:
        """Bring every file that is missing or has another version now.

        Raises
        ------
        Refusal
            If the disk cannot hold what is to come; nothing was fetched then.
        """
        if self.vendor.has_versions:
            check_space(self.landing, sum(self._missing_bytes(wanted)))
        with ThreadPoolExecutor(self.vendor.connections, "offtape-fetch") as pool:
            return list(pool.map(self.fetch_one, wanted))

    def fetch_missing(self, wanted: Sequence[Wanted]) -> None:
        """Bring what was never answered or is known to be restated; ask about nothing else."""
        waiting = [one for one in wanted if not self.is_answered(one)]
        with ThreadPoolExecutor(self.vendor.connections, "offtape-fetch") as pool:
            list(pool.map(self.fetch_one, waiting))

    def is_answered(self, wanted: Wanted) -> bool:
        """Whether the last answer about a file will do for the wanted dates."""
        latest = self.manifest.latest(wanted.path)
        if latest is None:
            return False
        if latest.status == "absent_expected":
            return latest.fetched_on > wanted.day + timedelta(days=1)
        return latest.status in HELD and self._covers(latest, wanted)

    def look(self, wanted: Sequence[Wanted]) -> list[tuple[Wanted, Offer | Refusal]]:
        """What the vendor has now; a held file with another version is recorded as restated."""
        with ThreadPoolExecutor(self.vendor.connections, "offtape-look") as pool:
            return list(zip(wanted, pool.map(self._look_at, wanted), strict=True))

    def fetch_one(self, wanted: Wanted) -> Entry:
        """Bring one file and record what came of it."""
        part = Part(self.landing, wanted.path)
        with part.locked():
            held = self.manifest.held(wanted.path)
            latest = self.manifest.latest(wanted.path)
            is_current = held is not None and held == latest and self._is_there(held)
            if held and is_current and not self.vendor.has_versions and self._covers(held, wanted):
                return held
            if held and not self.vendor.is_by_day:
                days = (date.fromisoformat(held.day), date.fromisoformat(held.through))
                wanted = replace(
                    wanted, day=min(wanted.day, days[0]), through=max(wanted.through, days[1])
                )
            return self._brought(part, wanted, held)

    def _brought(self, part: Part, wanted: Wanted, held: Entry | None) -> Entry:
        offer: Offer | None = None
        try:
            offer = download(part, self.vendor, wanted, held, self._patience, self._progress)
            if offer is None and held is not None:
                if held != self.manifest.latest(wanted.path):
                    return self.manifest.append(replace(held, fetched_at=now()))
                return held
            seen = self._inspected(part, wanted)
        except Refusal as refusal:
            return self._refused(part, wanted, refusal, offer)
        return self._landed(part, wanted, held, offer or Offer(""), seen)

    def _inspected(self, part: Part, wanted: Wanted) -> Inspection:
        quotes_of = wanted.day if wanted.dataset == QUOTES else None
        try:
            return inspect(part.file, wanted.path.endswith(".gz"), quotes_of)
        except DamagedError:
            part.discard()
            raise

    def _landed(
        self, part: Part, wanted: Wanted, held: Entry | None, offer: Offer, seen: Inspection
    ) -> Entry:
        """Put a whole file in its place, or leave the one there where its content is the same."""
        kept_as = ""
        if held and held.sha256 == seen.sha256 and part.target.is_file():
            part.discard()
        else:
            if part.target.is_file():
                kept_as = self._kept_as(wanted.path, held)
            part.publish(kept_as)
        unit = seen.unit
        entry = self._entry(wanted, "empty_ok" if seen.is_empty else "ok", offer)
        entry = replace(entry, content_length=seen.length, sha256=seen.sha256, kept_as=kept_as)
        if unit:
            entry = replace(
                entry,
                size_unit=unit.unit,
                shares_per_unit=unit.shares_per_unit,
                sizes_judged=unit.sizes,
                share_of_lots=unit.share_of_multiples if unit.sizes else None,
                is_unit_assumed=unit.is_assumed,
            )
        self.manifest.append(entry)
        part.settle()
        return entry

    def _refused(self, part: Part, wanted: Wanted, refusal: Refusal, offer: Offer | None) -> Entry:
        entry = self._entry(wanted, refusal.standing, offer or Offer(""), str(refusal))
        if refusal.standing == "empty_ok":
            part.discard()
            entry = replace(entry, content_length=0)
        return self.manifest.append(entry)

    def _entry(self, wanted: Wanted, status: Status, offer: Offer, reason: str = "") -> Entry:
        return Entry(
            wanted.vendor,
            wanted.dataset,
            wanted.path,
            wanted.day.isoformat(),
            wanted.through.isoformat(),
            status,
            now(),
            offer.url,
            offer.etag,
            offer.last_modified,
            reason=reason,
        )

    def _kept_as(self, path: str, held: Entry | None) -> str:
        """Where the file that is replaced goes: beside its time of fetching, or by its vintage."""
        name = path.rpartition("/")[2]
        if path == french.FILE:
            return f"{french.vintage_folder(self.landing / path)}/{name}"
        stamp = (held.fetched_at if held else now()).replace(":", "")
        return f"{VERSIONS}/{path}/{stamp}-{held.sha256[:12] if held else 'unknown'}"

    def _look_at(self, wanted: Wanted) -> Offer | Refusal:
        """What there is now, recorded where it is another version than the held one."""
        answer = self._asked(wanted)
        held, latest = (ask(wanted.path) for ask in (self.manifest.held, self.manifest.latest))
        known = {entry.etag for entry in (held, latest) if entry}
        if held and isinstance(answer, Offer) and answer.etag and answer.etag not in known:
            self.manifest.append(self._entry(wanted, "restated", answer))
        return answer

    def _asked(self, wanted: Wanted) -> Offer | Refusal:
        held = self.manifest.held(wanted.path)
        try:
            return self._patience.ask(lambda: self.vendor.offer(wanted, held))
        except Refusal as refusal:
            return refusal

    def _missing_bytes(self, wanted: Sequence[Wanted]) -> Iterator[int]:
        for one in wanted:
            answer = self._asked(one)
            held = self.manifest.held(one.path)
            if isinstance(answer, Offer) and not (
                held and held.etag == answer.etag and self._is_there(held)
            ):
                yield max(0, (answer.size or 0) - Part(self.landing, one.path).size)

    def _covers(self, entry: Entry, wanted: Wanted) -> bool:
        """Whether a file was fetched when the wanted dates were over, and for all of them."""
        settled = wanted.through + timedelta(days=self.vendor.settles_days)
        return (
            date.fromisoformat(entry.day) <= wanted.day
            and wanted.through <= date.fromisoformat(entry.through)
            and entry.fetched_on > settled
        )

    def _is_there(self, held: Entry) -> bool:
        file = self.landing / held.path
        if not held.content_length:
            return True
        return file.is_file() and file.stat().st_size == held.content_length
