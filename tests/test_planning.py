"""The plan recovers what a record was made of, and its predictions follow from the record alone."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from offtape_assets import planning
from offtape_assets.agenda import agenda, batches, chosen, is_open
from offtape_assets.assets.declare import TableAsset
from offtape_assets.assets.house import House, open_house
from offtape_assets.cli import app
from offtape_assets.planning import Made, Rates, learn, predict
from offtape_assets.settings import Settings
from offtape_assets.storage import seal
from offtape_assets.storage.warehouse import Warehouse
from offtape_assets.tables.table import Partitions
from tests import small_day

FIRST, SECOND = date(2024, 10, 29), date(2024, 10, 30)
TUESDAY = date(2024, 11, 5)
WORK, OF_DATE, OF_DATE_PER_NAME = 0.4, 1.5, 0.25
PAUSE, PAUSE_PER_NAME, PAUSE_OF_MANY = 2.0, 0.5, 0.125
BYTES, MEMORY, MEMORY_PER_NAME = 1000, 900, 10


def seconds_of(asset: TableAsset, names: int) -> float:
    """The work of one date of an asset in the record of these tests."""
    return WORK * names if asset.tables[0].has_ticker else OF_DATE + OF_DATE_PER_NAME * names


def pause_of(days: int, names: int) -> float:
    """The silence after a step in the record of these tests."""
    return PAUSE + PAUSE_PER_NAME * names if days == 1 else PAUSE_OF_MANY * days


def dated(assets: Sequence[TableAsset]) -> list[TableAsset]:
    """Assets that have dates."""
    return [asset for asset in assets if asset.partitions is not Partitions.NONE]


def backfilled(day: date, names: int, start: float) -> Iterator[Made]:
    """What a backfill of one date leaves behind: one step after the other."""
    assets, _ = chosen(None)
    reference = [a for a in assets if a.partitions is Partitions.NONE]
    steps: list[tuple[TableAsset, Sequence[date | None]]] = [(a, [None]) for a in reference]
    for days, needed in batches(agenda(dated(assets), day, day), day, 1):
        steps += [(a, [d for d in days if is_open(a.partitions, d)]) for a in needed]
    for number, (asset, dates) in enumerate(s for s in steps if s[1]):
        tickers = [f"T{n}" for n in range(names)] if asset.tables[0].has_ticker else [""]
        for one in dates:
            for ticker in tickers:
                seconds = seconds_of(asset, names) / len(tickers)
                start += seconds
                peak = MEMORY + MEMORY_PER_NAME * names
                yield Made(asset.name, one, ticker, f"{day} {number}", seconds, BYTES, peak, start)
        start += pause_of(len(dates), names)


def house(folder: Path, names: int) -> House:
    return open_house(
        Settings(warehouse=str(folder), tickers=",".join(f"T{n}" for n in range(names)))
    )


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Rates:
    """Learnt from a date of 4 names and, an hour later, a date of 12."""
    made = [*backfilled(FIRST, 4, 0.0)]
    dates = {one.day for one in made}
    made += [m for m in backfilled(SECOND, 12, made[-1].shown + 3600) if m.day not in dates]
    monkeypatch.setattr(planning, "_made", lambda _, a: [m for m in made if m.asset == a.name])
    return learn(house(tmp_path, 12))


def test_work_pauses_sizes_and_memory_are_recovered(rates: Rates, tmp_path: Path) -> None:
    assets = {asset.name: asset for asset in chosen(None)[0]}
    before = agenda(dated([*assets.values()]), FIRST, FIRST)
    earlier = {a.name for d, a_s in before.items() if d < FIRST for a in a_s}
    of_date = [n for n, a in assets.items() if a.partitions is Partitions.DAY and n not in earlier]
    assert len(of_date) > 10
    for name in of_date:
        cost = rates.costs[name]
        assert cost.seconds.at(20) == pytest.approx(seconds_of(assets[name], 20))
        assert cost.size.at(20) == pytest.approx(BYTES)
    per_ticker = [n for n, a in assets.items() if a.tables[0].has_ticker]
    assert all(rates.costs[n].seconds.at(20) == pytest.approx(WORK * 20) for n in per_ticker)
    assert all(rates.costs[n].size.at(20) == pytest.approx(BYTES * 20) for n in per_ticker)
    between = [rates.costs[n].pause.at(20) for n in per_ticker]
    assert between == pytest.approx([PAUSE + PAUSE_PER_NAME * 20] * len(between))
    assert rates.memory_mb.at(20) == pytest.approx(MEMORY + MEMORY_PER_NAME * 20)


@pytest.mark.parametrize(("days", "names"), [(1, 5), (1, 20), (3, 10)])
def test_the_time_of_other_sizes_is_recovered(
    rates: Rates, tmp_path: Path, days: int, names: int
) -> None:
    first = date(2024, 10, 21)
    truth = 0.0
    assets, _ = chosen(None)
    for asset in assets:
        if asset.partitions is Partitions.NONE:
            truth += seconds_of(asset, names) + pause_of(1, names)
    for dates, needed in batches(
        agenda(dated(assets), first, first + timedelta(days - 1)), first, 1
    ):
        for asset in needed:
            count = sum(is_open(asset.partitions, day) for day in dates)
            truth += count * seconds_of(asset, names) + (pause_of(count, names) if count else 0)
    plan = predict(house(tmp_path, names), rates, first, first + timedelta(days - 1), 1)
    # dates that are only read were recorded once, beside a date of 4 names: no slope is known
    assert plan.wall_seconds - planning._COMMAND_SECONDS == pytest.approx(truth, rel=0.1)


def test_a_long_silence_is_no_pause() -> None:
    one = Made("a", FIRST, "", "first", 1.0, 1, 1, shown=1.0)
    after = Made("b", FIRST, "", "second", 1.0, 1, 1, shown=4.0)
    later = Made("c", FIRST, "", "third", 1.0, 1, 1, shown=4000.0)
    assert planning._pauses([one, after, later], {FIRST: 1}) == {("a", False): [(1, 2.0)]}


@settings(max_examples=20, deadline=None)
@given(workers=st.integers(1, 64), names=st.integers(1, 40))
def test_workers_never_slow_it_and_never_do_more_than_their_share(
    workers: int, names: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("w")
    found = house(folder, names)
    cost = planning.Cost(planning.Line(1.0, 1.0), planning.Line(1.0), planning.Line(0.5), planning.Line(0.1), 2.0)  # fmt: skip
    given_rates = Rates({a.name: cost for a in chosen("features")[0]}, planning.Line(100.0), 0.0, 1)
    for is_cluster in (False, True):
        one, many = (
            predict(found, given_rates, FIRST, SECOND, w, is_cluster) for w in (1, workers)
        )
        work = sum(stage.work_seconds for stage in many.stages)
        assert many.wall_seconds <= one.wall_seconds + 1e-9
        assert many.wall_seconds >= work / workers
        assert many.size == one.size
        assert [s.partitions for s in many.stages] == [s.partitions for s in one.stages]


def test_a_built_date_is_foretold_as_it_was_recorded(tmp_path: Path) -> None:
    landing, root = tmp_path / "landing", tmp_path / "warehouse"
    small_day.land(landing, TUESDAY, ["AAA", "BBB"])
    given_words = ["--source", "landing", "--landing", str(landing), "--tickers", "AAA,BBB"]
    words = [*given_words, "--warehouse", str(root), "--from", str(TUESDAY), "--to", str(TUESDAY)]
    built = CliRunner().invoke(app, ["backfill", "--select", "features.microstructure_1m", *words])
    assert built.exit_code == 0, built.output
    warehouse = Warehouse(str(root))
    seals, size = [], 0
    for entry in warehouse.store.listing(""):
        if entry.key.endswith("data.parquet"):
            size += entry.size
            content = warehouse.store.read_bytes(entry.key) or b""
            text = content[content.rfind(b'"seal": "') + 9 :].split(b'"')[0].decode()
            if not entry.key.startswith("quality"):
                seals.append(seal.parse(text))
    found = open_house(Settings(warehouse=str(root), source="landing", landing=landing, tickers="AAA,BBB"))  # fmt: skip
    rates = learn(found)
    plan = predict(found, rates, TUESDAY, TUESDAY, 1)
    assert plan.memory_mb == max(one.peak_mb for one in seals if one)
    pages = sum(e.size for e in warehouse.store.listing("quality/") if "data_docs" in e.key)
    quality = sum(stage.size for stage in plan.stages if stage.name == "quality")
    assert plan.size == pytest.approx(size + pages, rel=0.05)
    assert quality > pages
    told = CliRunner().invoke(app, ["plan", *words])
    assert told.exit_code == 0, told.output
    assert "2 names" in told.output
    assert f"learnt from {rates.learnt_from} partitions" in told.output


def test_nothing_recorded_is_told_with_the_remedy(tmp_path: Path) -> None:
    days = ["--from", str(TUESDAY), "--to", str(TUESDAY)]
    told = CliRunner().invoke(app, ["plan", *days, "--warehouse", str(tmp_path)])
    assert told.exit_code == 1
    assert "build one date first" in told.output.replace("\n", " ")
    late = ["plan", "--from", str(TUESDAY), "--to", str(FIRST), "--warehouse", str(tmp_path)]
    assert CliRunner().invoke(app, late).exit_code == 2
