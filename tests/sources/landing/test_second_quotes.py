"""raw.quotes_1s from a quotes file: the slow twin, absent sides, bad lines, memory and faults."""

import random
from pathlib import Path

import polars as pl
import pytest

from offtape_assets.sources.landing import flat_file
from offtape_assets.sources.source import SourceError
from offtape_assets.tables import raw
from tests.sources.landing import vendor_files
from tests.sources.landing.vendor_files import OPEN_NS, content, quote

SECOND = 10**9


def read(landing: Path, lines: list[str], **options: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows and rejects of a file of these lines."""
    vendor_files.put(landing, "quotes_v1", content("quotes_v1", lines, **options))
    (answer,) = vendor_files.read(landing, raw.QUOTES_1S, ["SPY"]).values()
    return answer


def at(ticker: str, second: float, number: int, bid: object, ask: object, **cells: object) -> str:
    stamp = OPEN_NS + round(second * SECOND)
    given = {"bid_price": bid, "ask_price": ask, "sip_timestamp": stamp}
    return quote(ticker, number, **(given | cells))


def prices(rows: pl.DataFrame) -> list[tuple[object, ...]]:
    """ticker, seconds after the open, bid, ask, in order."""
    return sorted(
        rows.select(
            "ticker",
            (pl.col("ts").dt.epoch("us") - OPEN_NS // 1000) / 1e6,
            pl.col("bid_price").cast(pl.Float64),
            pl.col("ask_price").cast(pl.Float64),
        ).rows()
    )


@pytest.mark.parametrize("by_time", [False, True])
def test_equals_the_last_quote_of_each_second(tmp_path: Path, by_time: bool) -> None:
    rng = random.Random(1)
    names = ["A", "BRK.B", "ZVZZT", "LONGNAME.WS.A"]
    rows = [
        (rng.choice(names), rng.randrange(30 * SECOND), rng.randrange(1, 99999)) for _ in range(900)
    ]
    rows.sort(key=(lambda row: row[1]) if by_time else (lambda row: (row[0], row[1])))
    lines = [
        at(name, ns / SECOND, number, cents / 100, 2000, sip_timestamp=OPEN_NS + ns)
        for number, (name, ns, cents) in enumerate(rows)
    ]
    expected = {(name, ns // SECOND + 1.0): cents / 100 for name, ns, cents in rows}
    found, rejects = read(tmp_path, lines)
    assert rejects.is_empty()
    assert {(row[0], row[1]): row[2] for row in prices(found)} == expected
    assert len(found) == len(expected)
    assert found.schema == {
        "ticker": pl.String, "ts": pl.Datetime("us"),
        "bid_price": pl.Decimal(18, 6), "ask_price": pl.Decimal(18, 6),
    }  # fmt: skip


def test_the_label_is_the_right_end_and_belongs_to_the_next_second(tmp_path: Path) -> None:
    lines = [at("A", 0.0, 1, 1, 2), at("A", 0.999999999, 2, 3, 4), at("A", 1.0, 3, 5, 6)]
    assert prices(read(tmp_path, lines)[0]) == [("A", 1.0, 3.0, 4.0), ("A", 2.0, 5.0, 6.0)]


def test_sides_without_price_size_or_force_are_absent_and_stay_rows(tmp_path: Path) -> None:
    lines = [
        at("A", 0.5, 1, "0", "10.5"),
        at("A", 1.5, 2, "10.1", "10.2", bid_size=0),
        at("A", 2.5, 3, "10.1", "10.2", conditions='"1,43"'),
        at("A", 3.5, 4, "10.1", "10.2", conditions=1),
        at("A", 4.5, 5, "10.1", "10.2", ask_size="0.000000"),
        at("A", 5.5, 6, "", "10.2", conditions="", bid_size=""),
    ]
    assert [row[2:] for row in prices(read(tmp_path, lines)[0])] == [
        (None, 10.5), (None, 10.2), (None, None), (10.1, 10.2), (10.1, None), (None, 10.2),
    ]  # fmt: skip


def test_prices_are_exact_decimals(tmp_path: Path) -> None:
    lines = [at("A", 0.5, 1, "0.000001", "123456789012.123456")]
    row = read(tmp_path, lines)[0].row(0)
    assert [str(price) for price in row[2:]] == ["0.000001", "123456789012.123456"]


def test_quoted_names_blank_lines_and_carriage_returns(tmp_path: Path) -> None:
    lines = [at('"A"', 0.5, 1, 1, 2), "", at("B", 0.5, 2, 3, 4)]
    found, rejects = read(tmp_path, lines, end="\r\n", last="")
    assert prices(found) == [("A", 1.0, 1.0, 2.0), ("B", 1.0, 3.0, 4.0)]
    assert rejects.is_empty()


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"bid_price": "-1"}, "cannot be read"),
        ({"ask_price": "1.2.3"}, "cannot be read"),
        ({"ask_price": "1.0000001"}, "cannot be read"),
        ({"bid_price": "1e3"}, "cannot be read"),
        ({"sip_timestamp": ""}, "cannot be read"),
        ({"sip_timestamp": "12x"}, "cannot be read"),
        ({"sequence_number": ""}, "cannot be read"),
        ({"ticker": ""}, "cannot be read"),
        ({"ticker": "A" * 17}, "cannot be read"),
        ({"tape": "1,2"}, "15 columns"),
    ],
)
def test_a_line_that_cannot_be_read_is_set_aside(
    tmp_path: Path, cells: dict[str, object], reason: str
) -> None:
    bad = quote(**({"ticker": "A", "number": 2} | {"sip_timestamp": OPEN_NS + 6 * 10**8} | cells))
    lines = [at("A", 0.5, 1, 1, 2), bad, at("B", 0.5, 3, 5, 6)]
    found, rejects = read(tmp_path, lines)
    assert [row[0] for row in prices(found)] == ["A", "B"]
    assert rejects.height == 1
    assert reason in rejects["reason"][0]


def test_a_quote_behind_its_second_is_set_aside(tmp_path: Path) -> None:
    lines = [at("A", 0.5, 1, 1, 2), at("A", 1.5, 2, 3, 4), at("A", 0.7, 3, 8, 9)]
    found, rejects = read(tmp_path, lines)
    assert prices(found) == [("A", 1.0, 1.0, 2.0), ("A", 2.0, 3.0, 4.0)]
    assert "closed by a later quote" in rejects["reason"][0]
    assert '"bid_price": "8"' in rejects["row_json"][0]


@pytest.mark.parametrize("days", [-1, 3])
def test_a_quote_of_another_date_is_set_aside_and_closes_no_second(
    tmp_path: Path, days: int
) -> None:
    lines = [
        at("A", 0.5, 1, 1, 2),
        at("A", 0.7 + days * 86_400, 2, 8, 9),
        at("A", 0.8, 3, 3, 4),
        at("A", 1.5, 4, 5, 6),
    ]
    found, rejects = read(tmp_path, lines)
    assert prices(found) == [("A", 1.0, 3.0, 4.0), ("A", 2.0, 5.0, 6.0)]
    assert rejects["reason"].to_list() == ["of another date"]
    assert '"bid_price": "8"' in rejects["row_json"][0]


def test_all_tickers_are_kept_and_a_small_block_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [at(f"T{i % 700}", i // 700, i, 1 + i % 7, 10) for i in range(5000)]
    whole = prices(read(tmp_path, lines)[0])
    monkeypatch.setattr(flat_file, "CHUNK_BYTES", 4096)
    assert prices(read(tmp_path, lines)[0]) == whole
    assert len({row[0] for row in whole}) == 700


def test_torn_and_moved_files_land_nothing(tmp_path: Path) -> None:
    lines = [at("A", i, i, 1, 2) for i in range(2000)]
    path = vendor_files.put(tmp_path, "quotes_v1", content("quotes_v1", lines))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match="download it again"):
        vendor_files.read(tmp_path, raw.QUOTES_1S, [])
    text = content("quotes_v1", lines).replace(b"ask_price", b"mid_price", 1)
    vendor_files.put(tmp_path, "quotes_v1", text)
    with pytest.raises(SourceError, match="mid_price"):
        vendor_files.read(tmp_path, raw.QUOTES_1S, [])
    assert not list((tmp_path / "scratch").iterdir())


def test_a_file_of_another_layout_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flat_file, "REJECT_LIMIT", 3)
    lines = [at("A", i, i, "x", 2) for i in range(10)]
    with pytest.raises(SourceError, match="more than 3 rows cannot be used"):
        read(tmp_path, lines)


def test_a_day_without_a_file_yields_nothing(tmp_path: Path) -> None:
    (tmp_path / "massive").mkdir()
    assert vendor_files.read(tmp_path, raw.QUOTES_1S, []) == {}
