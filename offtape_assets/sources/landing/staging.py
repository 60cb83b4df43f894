"""Parquet files in a scratch folder that hold a day's rows, one file per partition.

They live until the rows are in the warehouse and vanish if the reading of their source fails.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from offtape_assets.sources.landing.typed_lines import TypedLines, arrow_array

COMPRESSION = "snappy"
ROW_GROUP = 4096
"""Rows that wait in memory until they are written together: a file that is not grouped by ticker
brings a few of each at a time."""


class Staging:
    """Writers of the partitions that have rows or rejects, opened when first needed.

    Parameters
    ----------
    stem
        Folder and start of the files' names; the partition's number follows.
    schema
        Columns of every file.

    Attributes
    ----------
    files
        Number of a partition to its file.
    rejects
        Number of a partition to the reason and the text of each row set aside.
    """

    def __init__(self, stem: Path, schema: pa.Schema) -> None:
        self.files: dict[int, Path] = {}
        self.rejects: dict[int, list[tuple[str, str]]] = defaultdict(list)
        self._stem, self._schema = stem, schema
        self._writers: dict[int, pq.ParquetWriter] = {}
        self._waiting: dict[int, list[pa.Table]] = defaultdict(list)

    def __enter__(self) -> "Staging":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._write_waiting()
        for writer in self._writers.values():
            writer.close()
        if kind is not None:
            for file in self.files.values():
                file.unlink()

    @property
    def reject_count(self) -> int:
        """Rows set aside so far, in all partitions."""
        return sum(map(len, self.rejects.values()))

    def open(self, code: int) -> pq.ParquetWriter:
        """The writer of a partition."""
        if code not in self._writers:
            self.files[code] = self._stem.with_name(f"{self._stem.name}-{code}.parquet")
            self._writers[code] = pq.ParquetWriter(
                self.files[code], self._schema, compression=COMPRESSION
            )
        return self._writers[code]

    def add(self, typed: TypedLines) -> None:
        """Append rows to their partitions, in order."""
        present = np.unique(typed.codes)
        for code in present.tolist():
            rows = typed.rows
            if len(present) > 1:
                rows = rows.take(arrow_array(np.flatnonzero(typed.codes == code)))
            self.open(code)
            self._waiting[code].append(rows)
            if sum(map(len, self._waiting[code])) >= ROW_GROUP:
                self._write(code)
        for reject in typed.rejects:
            self.open(reject.code)
            self.rejects[reject.code].append((reject.reason, reject.row_json))

    def multiply(self, columns: Sequence[str], factor: int) -> None:
        """Rewrite every file with some of its columns multiplied; ends the adding."""
        self._write_waiting()
        for code, writer in self._writers.items():
            writer.close()
            whole = self.files[code]
            with pq.ParquetFile(whole) as source:
                scaled = whole.with_suffix(".scaled")
                with pq.ParquetWriter(scaled, self._schema, compression=COMPRESSION) as target:
                    for batch in source.iter_batches():
                        for name in columns:
                            place = batch.schema.get_field_index(name)
                            values = pc.multiply(batch[name], factor)
                            batch = batch.set_column(place, name, values)
                        target.write_batch(batch)
            scaled.replace(whole)

    def _write_waiting(self) -> None:
        for code in list(self._waiting):
            self._write(code)

    def _write(self, code: int) -> None:
        self._writers[code].write_table(pa.concat_tables(self._waiting.pop(code)))
