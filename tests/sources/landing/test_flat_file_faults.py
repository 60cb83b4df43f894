"""Bad flat files: rows set aside with a reason, torn or moved files refused, units of sizes."""

import json
import logging
from pathlib import Path

import polars as pl
import pytest

from offtape_assets.sources.landing import flat_file
from offtape_assets.sources.source import SourceError
from offtape_assets.tables import raw
from tests.sources.landing.vendor_files import (
    content,
    put,
    quote,
    read,
    trade,
)


def ns(frame: pl.DataFrame, column: str = "ts") -> list[int]:
    return frame[column].cast(pl.Int64).to_list()


def test_text_in_a_price_sets_that_row_aside(tmp_path: Path) -> None:
    lines = [trade("A", 1), trade("A", 2, price="abc"), trade("B", 3), trade("A", 4)]
    put(tmp_path, "trades_v1", content("trades_v1", lines))
    found = read(tmp_path, raw.TRADES, ["A", "B"])
    rows, rejects = found["A"]
    assert rows["sequence_number"].to_list() == [1, 4]
    assert rejects["reason"].to_list() == ["line 3: price is 'abc', not DECIMAL(18,6)"]
    row = json.loads(rejects["row_json"][0])
    assert (row["ticker"], row["price"], row["conditions"]) == ("A", "abc", "12,37")
    assert found["B"][1].is_empty()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (trade("A", 2, sip_timestamp="soon"), "sip_timestamp is 'soon', not TIMESTAMP_NS"),
        (trade("A", 2, sip_timestamp=10**19), f"sip_timestamp is '{10**19}', not TIMESTAMP_NS"),
        (trade("A", 2, exchange=40000), "exchange is '40000', not SMALLINT"),
        (trade("A", 2, conditions='"12,x"'), "conditions is '12,x', not SMALLINT[]"),
        (trade("A", 2, conditions=99999), "conditions is '99999', not SMALLINT[]"),
        (trade("A", 2, price="1.1234567"), "price is '1.1234567', not DECIMAL(18,6)"),
        (trade("A", 2, price=10**13), f"price is '{10**13}', not DECIMAL(18,6)"),
        (trade("A", 2) + ",7", "14 columns where 13 are expected"),
        ("A,1", "2 columns where 13 are expected"),
        ("A", "1 columns where 13 are expected"),
        (trade("A", 2, id='"open'), "5 columns where 13 are expected"),
        (trade("A", 2, id="a\rb"), None),
    ],
)
def test_lines_that_cannot_be_read_give_their_reason(
    tmp_path: Path, line: str, reason: str | None
) -> None:
    lines = [trade("A", 1), line, trade("A", 3)]
    put(tmp_path, "trades_v1", content("trades_v1", lines))
    rows, rejects = read(tmp_path, raw.TRADES, ["A"])["A"]
    assert rows["sequence_number"].to_list() == [1, 3]
    assert len(rejects) == 1
    assert rejects["reason"][0].startswith("line 3: ")
    if reason:
        assert rejects["reason"][0] == f"line 3: {reason}"


def test_a_ticker_of_rejects_alone_is_still_delivered(tmp_path: Path) -> None:
    put(tmp_path, "trades_v1", content("trades_v1", [trade("A", 1, price="abc")]))
    rows, rejects = read(tmp_path, raw.TRADES, ["A"])["A"]
    assert (len(rows), len(rejects)) == (0, 1)
    assert rows.columns == [column.name for column in raw.TRADES.columns]


def test_every_line_is_a_row_or_a_reject(tmp_path: Path) -> None:
    bad = set(range(0, 3000, 7))
    lines = [trade("A", i, **({"size": "?"} if i in bad else {})) for i in range(3000)]
    put(tmp_path, "trades_v1", content("trades_v1", lines))
    rows, rejects = read(tmp_path, raw.TRADES, ["A"])["A"]
    assert set(rows["sequence_number"]) == set(range(3000)) - bad
    assert [int(text.split()[1][:-1]) - 2 for text in rejects["reason"]] == sorted(bad)


def test_too_many_rejects_are_another_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flat_file, "REJECT_LIMIT", 20)
    lines = [trade("A", i, price="1,5") for i in range(50)]
    path = put(tmp_path, "trades_v1", content("trades_v1", lines))
    with pytest.raises(SourceError, match=rf"{path}: more than 20 rows .*new layout"):
        read(tmp_path, raw.TRADES, ["A"])
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.999])
def test_a_torn_gzip_lands_nothing(tmp_path: Path, share: float) -> None:
    path = put(tmp_path, "trades_v1", content("trades_v1", [trade("A", i) for i in range(30000)]))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SourceError, match="download it again") as caught:
        read(tmp_path, raw.TRADES, ["A"])
    assert str(path) in str(caught.value)
    assert not list((tmp_path / "scratch").iterdir())


def test_damage_inside_a_gzip_lands_nothing(tmp_path: Path) -> None:
    path = put(tmp_path, "trades_v1", content("trades_v1", [trade("A", i) for i in range(30000)]))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(SourceError, match="download it again"):
        read(tmp_path, raw.TRADES, ["A"])
    assert not list((tmp_path / "scratch").iterdir())


def test_a_file_that_is_no_gzip_is_named(tmp_path: Path) -> None:
    path = put(tmp_path, "trades_v1", b"")
    path.write_bytes(b"<html>403 Forbidden</html>")
    with pytest.raises(SourceError, match=str(path)):
        read(tmp_path, raw.TRADES, ["A"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("price,sequence", "sequence,price", "column 7 of the header is 'sequence' where 'price'"),
        ("ticker", "symbol", "column 1 of the header is 'symbol' where 'ticker' is expected"),
        (",trf_timestamp", "", "column 13 of the header is 'nothing' where 'trf_timestamp'"),
        ("trf_timestamp", "trf_timestamp,x", "column 14 of the header is 'x' where 'nothing'"),
    ],
)
def test_a_moved_column_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    data = content("trades_v1", [trade("A", 1)]).replace(old.encode(), new.encode(), 1)
    path = put(tmp_path, "trades_v1", data)
    with pytest.raises(SourceError, match=message) as caught:
        read(tmp_path, raw.TRADES, ["A"])
    assert str(path) in str(caught.value)
    assert "download it again" in str(caught.value)


def test_round_lots_become_shares(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lines = [
        quote("AB"[i % 2], i, bid_size=1 + i % 3, ask_size=2, ask_price="165.1")
        for i in range(1000)
    ]
    put(tmp_path, "quotes_v1", content("quotes_v1", lines))
    found = read(tmp_path, raw.QUOTES, ["A", "B"])
    assert found["A"][0]["bid_size"].to_list() == [100 * (1 + i % 3) for i in range(0, 1000, 2)]
    assert found["B"][0]["ask_size"].to_list() == [200] * 500
    assert found["B"][0]["sequence_number"].to_list() == list(range(1, 1000, 2))
    assert "quote sizes are round_lots (2000 judged, 0.00% whole lots)" in caplog.text


def test_shares_stay_and_the_unit_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    put(tmp_path, "quotes_v1", content("quotes_v1", [quote("A", i) for i in range(600)]))
    rows, _ = read(tmp_path, raw.QUOTES, ["A"])["A"]
    assert set(rows["bid_size"]) == {300}
    assert "quote sizes are shares (1200 judged, 100.00% whole lots)" in caplog.text


def test_few_sizes_are_taken_as_shares_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "quotes_v1", content("quotes_v1", [quote("A", 1, bid_size=3)]))
    rows, _ = read(tmp_path, raw.QUOTES, ["A"])["A"]
    assert rows["bid_size"].to_list() == [3]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "taken as shares" in caplog.text


def test_sizes_of_no_known_unit_stop_the_file(tmp_path: Path) -> None:
    lines = [quote("A", i, bid_size=1, ask_size=100) for i in range(600)]
    path = put(tmp_path, "quotes_v1", content("quotes_v1", lines))
    with pytest.raises(SourceError, match=r"neither shares nor round lots; .* again") as caught:
        read(tmp_path, raw.QUOTES, ["A"])
    assert str(path) in str(caught.value)
    assert not list((tmp_path / "scratch").iterdir())
