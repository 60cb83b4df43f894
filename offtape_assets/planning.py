"""`offtape plan`: what a backfill will take, from what the warehouse recorded of those before it.

Every partition's footer tells how long it took and with how much memory, the store how large it
is and when it was shown. What lies between partitions (launching, gates, reading states) is the
rest of a date's wall time. Nothing here runs a backfill.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean, median

import numpy as np

from offtape_assets.agenda import agenda, chosen
from offtape_assets.assets.declare import TableAsset
from offtape_assets.assets.house import House
from offtape_assets.launching import MOST_DATES_AT_ONCE
from offtape_assets.storage import seal
from offtape_assets.storage.warehouse import Partition
from offtape_assets.tables.table import Partitions

_PAUSE_SECONDS = 120.0
"""A longer silence between two partitions of a date means that a backfill was interrupted."""


class NoRecordError(Exception):
    """The warehouse holds nothing to learn from."""


@dataclass(frozen=True)
class Made:
    """What is recorded of one partition of an asset (all its tables together)."""

    asset: str
    day: date
    ticker: str
    seconds: float
    size: int
    peak_mb: int
    shown: float
    """When it was shown, in seconds since the epoch."""
    names: int
    """Tickers built on that date."""


@dataclass(frozen=True)
class Cost:
    """What one partition of an asset costs: a constant and, across tickers, a part per name."""

    seconds: float
    seconds_per_name: float
    bytes_fixed: float
    bytes_per_name: float
    slowest: float
    """The slowest ticker's seconds over the mean ticker's."""

    def of(self, names: int) -> tuple[float, float]:
        """Seconds and bytes of a date with so many names."""
        return (
            self.seconds + self.seconds_per_name * names,
            self.bytes_fixed + self.bytes_per_name * names,
        )


@dataclass(frozen=True)
class Rates:
    """What was learnt: costs by asset, the pause before each step, the memory of a process."""

    costs: dict[str, Cost]
    overhead: float
    """Seconds of a date's wall time per asset that no partition accounts for."""
    memory_mb: int
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
    """What a backfill will take."""

    stages: tuple[Stage, ...]
    wall_seconds: float
    memory_mb: int
    size: float
    dates: int


def learn(house: House, workers: int) -> Rates:
    """Rates from all partitions of the warehouse; `workers` were at work when they were made.

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
    by_asset: dict[str, list[Made]] = defaultdict(list)
    for one in made:
        by_asset[one.asset].append(one)
    costs = {a.name: _cost(a, by_asset[a.name]) for a in assets if a.name in by_asset}
    serial = {a.name for a in assets if _is_serial(house, a)}
    overheads = []
    for day in {one.day for one in made}:
        of_day = [one for one in made if one.day == day]
        spans = [_span([m for m in of_day if m.asset == name], workers, name in serial) for name in {m.asset for m in of_day}]  # fmt: skip
        overheads.append(((_wall(of_day) - sum(spans)) / len(spans), len(spans)))
    rich = max(count for _, count in overheads)
    overhead = median(x for x, count in overheads if 2 * count > rich)
    return Rates(costs, max(0.0, overhead), max(one.peak_mb for one in made), len(made))


def predict(
    house: House,
    rates: Rates,
    first: date,
    last: date,
    workers: int,
    is_cluster: bool = False,
) -> Plan:
    """What the backfill of a range will take with so many workers; days read before it included."""
    names = len(house.settings.tickers)
    dated = [a for a in chosen(None)[0] if a.partitions is not Partitions.NONE]
    wall, size = 0.0, 0.0
    stages: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    together = min(workers, MOST_DATES_AT_ONCE) if is_cluster else 1
    calendar = agenda(dated, first, last)
    for needed in calendar.values():
        for asset in needed:
            if asset.name not in rates.costs:
                continue
            seconds, bytes_ = rates.costs[asset.name].of(names)
            tasks = names if asset.tables[0].has_ticker else 1
            at_once = 1 if _is_serial(house, asset) else workers
            longest = seconds / tasks * rates.costs[asset.name].slowest
            # dates that run together share the workers; alone, a step waits for its last ticker
            wall += max(seconds / min(at_once, tasks * together), longest / together)
            wall += rates.overhead / together
            size += bytes_
            stage = stages[asset.tables[0].schema]
            stage[0] += tasks * len(asset.tables)
            stage[1] += seconds
            stage[2] += bytes_
    rows = tuple(Stage(name, int(n), s, b) for name, (n, s, b) in stages.items())
    return Plan(rows, wall, rates.memory_mb, size, len(calendar))


def useful_workers(house: House, rates: Rates, first: date, last: date) -> int:
    """The largest power of two of cluster workers that are busy half of the time or more."""
    best = 1
    for exponent in range(11):
        workers = 2**exponent
        plan = predict(house, rates, first, last, workers, is_cluster=True)
        work = math.fsum(stage.work_seconds for stage in plan.stages)
        if work / (plan.wall_seconds * workers) >= 0.5:
            best = workers
    return best


def _made(house: House, asset: TableAsset) -> list[Made]:
    """Records of an asset's dated partitions; unsealed files of older versions tell nothing."""
    if asset.partitions is Partitions.NONE:
        return []
    warehouse, tables = house.warehouse, asset.tables
    entries = {
        entry.key: entry
        for table in tables
        for entry in warehouse.store.listing(f"{Partition(table).folder}/")
    }
    rows = []
    for day in warehouse.days(tables[0]):
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
                        max(s.seconds for _, s in seals),
                        sum(entries[t.file].size for t, _ in seals),
                        max(s.peak_mb for _, s in seals),
                        max(entries[t.file].modified.timestamp() for t, _ in seals),
                        _names(states[targets[0]].inputs, len(tickers)),
                    )
                )
    return rows


def _names(inputs: dict[str, str], tickers: int) -> int:
    """How many names a partition was made from: those its inputs name, or those beside it."""
    if "tickers" in inputs:
        return len(inputs["tickers"].split(","))
    named = {words[2] for words in (name.split() for name in inputs) if len(words) == 3}
    return max(len(named), tickers)


def _cost(asset: TableAsset, made: Sequence[Made]) -> Cost:
    by_day: dict[date, list[Made]] = defaultdict(list)
    for one in made:
        by_day[one.day].append(one)
    names = [max(m.names for m in day) for day in by_day.values()]
    seconds = [sum(m.seconds for m in day) for day in by_day.values()]
    sizes = [float(sum(m.size for m in day)) for day in by_day.values()]
    if asset.tables[0].has_ticker:
        slowest = fmean(
            max(m.seconds for m in day) / max(1e-9, fmean(m.seconds for m in day))
            for day in by_day.values()
        )
        total = sum(names)
        return Cost(0.0, sum(seconds) / total, 0.0, sum(sizes) / total, slowest)
    return Cost(*_line(names, seconds), *_line(names, sizes), 1.0)


def _line(names: Sequence[int], values: Sequence[float]) -> tuple[float, float]:
    """A constant and a slope over names; the mean alone where one size was built only."""
    if len(set(names)) < 2:
        return fmean(values), 0.0
    slope, constant = np.polyfit(names, values, 1)
    if slope < 0 or constant < 0:
        slope = fmean(values) / fmean(names) if constant < 0 else 0.0
        constant = 0.0 if slope else fmean(values)
    return float(constant), float(slope)


def _is_serial(house: House, asset: TableAsset) -> bool:
    """Whether one pass over a file fills all tickers."""
    return asset.is_raw and house.settings.source != "simulator"


def _span(made: Sequence[Made], workers: int, is_serial: bool) -> float:
    """Wall seconds that an asset's partitions of one date account for."""
    seconds = [one.seconds for one in made]
    at_once = 1 if is_serial else min(workers, len(seconds))
    return max(sum(seconds) / at_once, max(seconds))


def _wall(made: Sequence[Made]) -> float:
    """Wall seconds of a date without the pauses of an interrupted backfill."""
    shown = sorted(one.shown for one in made)
    start = min(one.shown - one.seconds for one in made)
    steps = np.diff([start, *shown])
    return float(steps[steps < _PAUSE_SECONDS].sum())
