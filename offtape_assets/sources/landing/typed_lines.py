"""Lines of a vendor's CSV as typed columns of a declared table, unreadable lines apart.

One parser decides what a cell may be: a batch that it refuses is halved until the guilty lines
stand alone, so a bad cell never changes how its neighbours are read.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from offtape_assets.sources.landing.line_filter import KeptLines
from offtape_assets.tables.columns import PRICE
from offtape_assets.tables.table import Table

DECIMAL = pa.decimal128(18, 6)
LIST_TEXT = pa.dictionary(pa.int32(), pa.string())

STORED = {
    "TIMESTAMP_NS": pa.timestamp("ns"),
    "TIMESTAMP": pa.timestamp("us"),
    "BIGINT": pa.int64(),
    "SMALLINT": pa.int16(),
    "SMALLINT[]": pa.list_(pa.int16()),
    "VARCHAR": pa.string(),
    PRICE: DECIMAL,
}
"""Declared type to the type of the column handed on."""
READ_AS = {"TIMESTAMP_NS": pa.int64(), "TIMESTAMP": pa.int64(), "SMALLINT[]": LIST_TEXT}
"""Declared type to the type of the text, where it is not the stored type."""


@dataclass(frozen=True)
class Layout:
    """How the columns of a table are found in a vendor's CSV.

    Parameters
    ----------
    table
        The declared table.
    header
        Column names of the file, in order.
    origin
        Declared column to the file's column, where the names differ.
    decimal_text
        Whole numbers that the vendor writes with decimals since 2026-02-23 (`10.000000`).
    absent_when_zero
        Columns in which the vendor writes 0 for a missing value.
    zero_when_blank
        Columns in which the vendor may leave 0 out.
    """

    table: Table
    header: tuple[str, ...]
    origin: Mapping[str, str]
    decimal_text: tuple[str, ...] = ()
    absent_when_zero: tuple[str, ...] = ()
    zero_when_blank: tuple[str, ...] = ()

    def text_type(self, name: str, dtype: str) -> pa.DataType:
        """Type as which the file's text of one declared column is read."""
        return DECIMAL if name in self.decimal_text else READ_AS.get(dtype, STORED[dtype])

    @property
    def schema(self) -> pa.Schema:
        """The table's stored columns as the parser hands them on."""
        return pa.schema([(column.name, STORED[column.dtype]) for column in self.table.columns])


class Reject(NamedTuple):
    """A line that cannot be read as declared."""

    code: int
    reason: str
    row_json: str


class TypedLines(NamedTuple):
    """Rows with the position of their tickers, and the lines that gave none."""

    rows: pa.Table
    codes: np.ndarray
    rejects: list[Reject]

    def of_one_partition(self) -> "TypedLines":
        """The same rows for a table that is not divided by ticker."""
        rejects = [reject._replace(code=0) for reject in self.rejects]
        return TypedLines(self.rows, np.zeros_like(self.codes), rejects)


def typed_lines(lines: KeptLines, layout: Layout) -> Iterator[TypedLines]:
    """Rows of a batch in its order; every line is either a row or a reject."""
    try:
        rows = _parse(lines, layout)
    except pa.ArrowInvalid:
        if len(lines.codes) > 1:
            for half in lines.halves():
                yield from typed_lines(half, layout)
            return
        none = np.empty(0, np.int32)
        yield TypedLines(layout.schema.empty_table(), none, [_reject(lines, layout)])
    else:
        yield TypedLines(rows, lines.codes, [])


def _parse(lines: KeptLines, layout: Layout, only: str = "") -> pa.Table:
    """The batch as typed columns (or one of them), or ArrowInvalid naming one bad cell."""
    columns = [column for column in layout.table.columns if only in ("", column.name)]
    names = [layout.origin.get(column.name, column.name) for column in columns]
    kinds = [layout.text_type(column.name, column.dtype) for column in columns]
    texts = pa_csv.read_csv(
        pa.BufferReader(lines.text),
        pa_csv.ReadOptions(
            column_names=layout.header,
            block_size=len(lines.text) + 1,
            use_threads=False,
        ),
        pa_csv.ParseOptions(),
        pa_csv.ConvertOptions(
            column_types=dict(zip(names, kinds, strict=True)),
            include_columns=names,
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    if len(texts) != len(lines.codes):
        raise pa.ArrowInvalid("a quotation mark or a carriage return joins or splits lines")
    arrays = [
        _stored(texts[name].combine_chunks(), column.name, STORED[column.dtype], layout)
        for name, column in zip(names, columns, strict=True)
    ]
    return pa.table(arrays, names=[column.name for column in columns])


def _stored(text: pa.Array, name: str, kind: pa.DataType, layout: Layout) -> pa.Array:
    """One column from the type of its text to its stored type."""
    if text.type == LIST_TEXT:
        return _lists(text)
    if text.type == DECIMAL:
        text.validate(full=True)  # the parser itself lets more digits pass than fit
    if pa.types.is_timestamp(kind):
        text = text.cast(pa.timestamp("ns"))
    values = text.cast(kind)
    if name in layout.zero_when_blank:
        values = pc.coalesce(values, _zeros(len(values), kind))
    if name in layout.absent_when_zero:
        is_zero = pc.equal(values, _zeros(len(values), kind))
        values = pc.if_else(is_zero, pa.nulls(len(values), kind), values)
    return values


def _zeros(count: int, kind: pa.DataType) -> pa.Array:
    """An array of zeros of a fixed-width type."""
    buffer = pa.py_buffer(bytes(count * kind.bit_width // 8))
    return pa.Array.from_buffers(kind, count, [None, buffer])


def _lists(text: pa.DictionaryArray) -> pa.Array:
    """`12,37` as [12, 37] and a blank as []; each distinct text is split once."""
    words = text.dictionary.to_pylist()
    try:
        numbers = [np.array(word.split(","), np.int16) for word in words]
    except (ValueError, OverflowError) as error:
        raise pa.ArrowInvalid(str(error)) from error
    ends = np.cumsum([0, *map(len, numbers), 0], dtype=np.int32)
    flat = np.concatenate([*numbers, np.empty(0, np.int16)])
    lists = pa.ListArray.from_arrays(arrow_array(ends), arrow_array(flat))
    blank = arrow_array(np.full(len(text), len(words), np.int32))
    return lists.take(pc.coalesce(text.indices, blank))


def arrow_array(values: np.ndarray) -> pa.Array:
    """The same memory as an Arrow array; `pa.array` would import pandas, a third of a second."""
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, buffer])


def numbers(column: pa.ChunkedArray) -> np.ndarray:
    """A column of numbers as float64, 0 for NULL."""
    floats = column.combine_chunks().cast(pa.float64())
    filled = pc.coalesce(floats, _zeros(len(floats), floats.type))
    return np.frombuffer(filled.buffers()[1], np.float64, len(filled), 8 * filled.offset)


def _reject(line: KeptLines, layout: Layout) -> Reject:
    """Why a line on its own is refused: its column, its value, the type expected."""
    text = line.text.decode(errors="replace").rstrip("\r\n")
    code, where = int(line.codes[0]), f"line {line.numbers[0]}"
    try:
        cells = next(csv.reader([text]), [])
    except csv.Error as error:
        return Reject(code, f"{where}: {error}", json.dumps({"line": text}))
    if len(cells) != len(layout.header):
        reason = f"{where}: {len(cells)} columns where {len(layout.header)} are expected"
        return Reject(code, reason, json.dumps({"line": text}))
    row = dict(zip(layout.header, cells, strict=True))
    reason = f"{where}: not one row of CSV"
    for column in layout.table.columns:
        try:
            _parse(line, layout, only=column.name)
        except pa.ArrowInvalid:
            origin = layout.origin.get(column.name, column.name)
            reason = f"{where}: {origin} is {row[origin]!r}, not {column.dtype}"
            break
    return Reject(code, reason, json.dumps(row))
