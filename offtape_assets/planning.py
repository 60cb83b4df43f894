"""`offtape plan`: what a backfill will take, from what the warehouse recorded of those before it.

Every partition's footer tells how long it took, with how much memory and in which run, the store
how large it is and when it was shown. What lies between two steps of a run (gates, launching,
reading states) is the pause after the first. Nothing here runs a backfill.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

import numpy as np

from offtape_assets.agenda import agenda, batches, chosen, is_open
from offtape_assets.assets.declare import TableAsset
from offtape_assets.assets.house import House
from offtape_assets.launching import MOST_DATES_AT_ONCE
from offtape_assets.storage import seal
from offtape_assets.storage.warehouse import Partition
from offtape_assets.tables.table import Partitions

_PAUSE_SECONDS = 120.0
"""A longer silence between two steps means that a backfill ended or was interrupted."""
_COMMAND_SECONDS = 10.0
"""What the command itself takes: imports, Dagster's instance, the catalog (docs/cluster.md)."""


class NoRecordError(Exception):
    """The warehouse holds nothing to learn from."""


@dataclass(frozen=True)
class Made:
    """What is recorded of one partition of an asset (all its tables together)."""

    asset: str
    day: date | None
    ticker: str
    run_id: str
    seconds: float
    size: int
    peak_mb: int
    shown: float
    """When it was shown, in seconds since the epoch."""


class Line(NamedTuple):
    """A quantity that grows with the number of names."""

    constant: float
    per_name: float = 0.0

    def at(self, names: int) -> float:
        """The quantity of so many names."""
        return self.constant + self.per_name * names


@dataclass(frozen=True)
class Cost:
    """What one date of an asset costs."""

    seconds: Line
    size: Line
    """In bytes."""
    pause: Line
    """Seconds after the step, where it builds one date."""
    pause_of_many: Line
    """Seconds per date after the step, where it builds several."""
    slowest: float
    """The slowest ticker's seconds over the mean ticker's."""


@dataclass(frozen=True)
class Rates:
    """What was learnt: costs by asset, the memory of a process, what the gates write."""

    costs: dict[str, Cost]
    memory_mb: Line
    quality_size: float
    """Bytes under quality/ per partition."""
    learnt_from: int


@dataclass(frozen=True)
class Stage:
    """The part of a stage (a schema) in a plan."""

    name: str
    partitions: int
    work_seconds: float
    size: float


@dataclass(frozen=True)
class Plan:
    """What a backfill will take, were nothing of it there."""

    stages: tuple[Stage, ...]
    wall_seconds: float
    memory_mb: int
    size: float
    dates: int


def learn(house: House) -> Rates:
    """Rates from all partitions of the warehouse.

    Raises
    ------
    NoRecordError
        If no partition records its time.
    """
    assets, _ = chosen(None)
    made = [m for asset in assets for m in _made(house, asset)]
    if not made:
        raise NoRecordError(
            f"no partition in {house.warehouse.root} records its time: build one date first"
        )
    names = _names(made)
    pauses = _pauses(made, names)
    typical = Line(fmean(seconds for found in pauses.values() for _, seconds in found) if pauses else 0.0)  # fmt: skip
    by_asset: dict[str, list[Made]] = defaultdict(list)
    for one in made:
        by_asset[one.asset].append(one)
    costs = {a.name: _cost(a, by_asset[a.name], names, pauses, typical) for a in assets if a.name in by_asset}  # fmt: skip
    quality = sum(entry.size for entry in house.warehouse.store.listing("quality/"))
    return Rates(costs, _memory(made, names), quality / len(made), len(made))


def predict(
    house: House, rates: Rates, first: date, last: date, workers: int, is_cluster: bool = False
) -> Plan:
    """What the backfill of a range will take with so many workers; days read before it included."""
    return _predict(house, rates, _calendar(first, last), first, workers, is_cluster)


def useful_workers(house: House, rates: Rates, first: date, last: date) -> int:
    """The largest power of two of cluster workers that are busy half of the time or more."""
    best, calendar = 1, _calendar(first, last)
    for exponent in range(11):
        workers = 2**exponent
        plan = _predict(house, rates, calendar, first, workers, is_cluster=True)
        work = math.fsum(stage.work_seconds for stage in plan.stages)
        if work / (plan.wall_seconds * workers) >= 0.5:
            best = workers
    return best


Calendar = dict[date, list[TableAsset]]


def _calendar(first: date, last: date) -> Calendar:
    return agenda([a for a in chosen(None)[0] if a.partitions is not Partitions.NONE], first, last)


def _predict(
    house: House, rates: Rates, calendar: Calendar, first: date, workers: int, is_cluster: bool
) -> Plan:
    names = len(house.settings.tickers)
    wall = _COMMAND_SECONDS
    stages: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for days, asset in _steps(calendar, first, min(workers, MOST_DATES_AT_ONCE) if is_cluster else 1):  # fmt: skip
        if asset.name not in rates.costs:
            continue
        cost, tasks = rates.costs[asset.name], names if asset.tables[0].has_ticker else 1
        seconds, longest = cost.seconds.at(names), cost.seconds.at(names) / tasks * cost.slowest
        threads = 1 if _is_serial(house, asset) else workers
        if is_cluster:  # the dates of a step share the workers
            wall += max(seconds * days / min(threads, tasks * days), longest)
        else:  # date by date, each waits for its last ticker
            wall += days * max(seconds / min(threads, tasks), longest)
        wall += days * (cost.pause if days == 1 else cost.pause_of_many).at(names)
        for name, part in zip((asset.tables[0].schema, "quality"), _parts(asset, cost, rates, names, days), strict=True):  # fmt: skip
            stages[name] = [a + b for a, b in zip(stages[name], part, strict=True)]
    rows = tuple(Stage(name, int(n), s, b) for name, (n, s, b) in stages.items())
    size = math.fsum(stage.size for stage in rows)
    return Plan(rows, wall, math.ceil(rates.memory_mb.at(names)), size, len(calendar))


def _steps(calendar: Calendar, first: date, together: int) -> Iterator[tuple[int, TableAsset]]:
    """Every step of a backfill and the number of dates it builds."""
    yield from ((1, asset) for asset in chosen(None)[0] if asset.partitions is Partitions.NONE)
    for days, needed in batches(calendar, first, together):
        for asset in needed:
            open_days = sum(is_open(asset.partitions, day) for day in days)
            if open_days:
                yield open_days, asset


def _parts(
    asset: TableAsset, cost: Cost, rates: Rates, names: int, days: int
) -> tuple[list[float], list[float]]:
    """Partitions, seconds and bytes of a step: its own, and what the gates write of it."""
    partitions = days * (names if asset.tables[0].has_ticker else 1)
    own = [partitions * len(asset.tables), days * cost.seconds.at(names), days * cost.size.at(names)]  # fmt: skip
    return own, [0, 0.0, partitions * rates.quality_size]


def _made(house: House, asset: TableAsset) -> list[Made]:
    """Records of an asset's partitions; unsealed files of older versions tell nothing."""
    warehouse, tables = house.warehouse, asset.tables
    entries = {
        entry.key: entry
        for table in tables
        for entry in warehouse.store.listing(f"{Partition(table).folder}/")
    }
    is_dated = asset.partitions is not Partitions.NONE
    rows = []
    for day in warehouse.days(tables[0]) if is_dated else [None]:
        states = warehouse.states(list(tables), day)
        tickers = {p.ticker for p, s in states.items() if s.status == "done"}
        for ticker in tickers:
            targets = [Partition(table, day, ticker) for table in tables]
            known = [(t, seal.parse(states[t].seal)) for t in targets if t in states]
            seals = [(t, s) for t, s in known if s is not None and t.file in entries]
            if seals:
                rows.append(
                    Made(
                        asset.name,
                        day,
                        ticker,
                        states[seals[0][0]].run_id,
                        max(s.seconds for _, s in seals),
                        sum(entries[t.file].size for t, _ in seals),
                        max(s.peak_mb for _, s in seals),
                        max(entries[t.file].modified.timestamp() for t, _ in seals),
                    )
                )
    return rows


Names = dict[date | None, int]
Pauses = dict[tuple[str, bool], list[tuple[int, float]]]
"""By asset and whether its step built several dates: names of the date, seconds per date."""


def _pauses(made: Iterable[Made], names: Names) -> Pauses:
    """Silences between the steps of the record."""
    grouped: dict[tuple[str, str], list[Made]] = defaultdict(list)
    for one in made:
        grouped[one.run_id, one.asset].append(one)
    steps = sorted(grouped.values(), key=lambda step: min(m.shown - m.seconds for m in step))
    pauses: Pauses = defaultdict(list)
    for step, after in pairwise(steps):
        silence = min(m.shown - m.seconds for m in after) - max(m.shown for m in step)
        if 0 <= silence < _PAUSE_SECONDS:
            dates = len({m.day for m in step})
            most = max(names[m.day] for m in step)
            pauses[step[0].asset, dates > 1].append((most, silence / dates))
    return pauses


def _names(made: Iterable[Made]) -> "Names":
    """Tickers of each date; a date that only a later one reads has those of the later one."""
    tickers: dict[date, set[str]] = defaultdict(set)
    for one in made:
        if one.day:
            tickers[one.day] |= {one.ticker} - {""}
    names, following = Names(), 1
    for day in sorted(tickers, reverse=True):
        following = len(tickers[day]) or following
        names[day] = following
    return names | {None: max(names.values(), default=1)}


def _cost(
    asset: TableAsset, made: Sequence[Made], names: Names, pauses: Pauses, typical: Line
) -> Cost:
    """What the record says of an asset."""
    one, many = (pauses.get((asset.name, is_many), []) for is_many in (False, True))
    pause, pause_of_many = (_line(*zip(*found, strict=True)) if found else typical for found in (one or many, many or one))  # fmt: skip
    by_day: dict[date | None, list[Made]] = defaultdict(list)
    for partition in made:
        by_day[partition.day].append(partition)
    counts = [names[day] for day in by_day]
    seconds = [sum(m.seconds for m in day) for day in by_day.values()]
    sizes = [float(sum(m.size for m in day)) for day in by_day.values()]
    if not asset.tables[0].has_ticker:
        return Cost(_line(counts, seconds), _line(counts, sizes), pause, pause_of_many, 1.0)
    slowest = fmean(
        max(m.seconds for m in day) / max(1e-9, fmean(m.seconds for m in day))
        for day in by_day.values()
    )
    total = sum(len(day) for day in by_day.values())
    work, size = Line(0.0, sum(seconds) / total), Line(0.0, sum(sizes) / total)
    return Cost(work, size, pause, pause_of_many, slowest)


def _memory(made: Iterable[Made], names: Names) -> Line:
    """Peak memory of a process over the names of the dates it built."""
    peaks: dict[int, float] = defaultdict(float)
    for one in made:
        peaks[names[one.day]] = max(peaks[names[one.day]], one.peak_mb)
    return _line(list(peaks), list(peaks.values()))


def _line(names: Sequence[int], values: Sequence[float]) -> Line:
    """A constant and a slope over names; the mean alone where one size was built only."""
    if len(set(names)) < 2:
        return Line(fmean(values))
    slope, constant = np.polyfit(names, values, 1)
    if constant < 0:
        return Line(0.0, fmean(values) / fmean(names))
    return Line(float(constant), float(slope)) if slope > 0 else Line(fmean(values))


def _is_serial(house: House, asset: TableAsset) -> bool:
    """Whether one pass over a file fills all tickers."""
    return asset.is_raw and house.settings.source != "simulator"
