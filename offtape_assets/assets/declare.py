"""How an asset is declared: which tables it fills, what it reads, the function that does it.

A declaration is data. `to_dagster` (assets/materialize.py) turns it into a Dagster asset for one
settings object, so that nothing here depends on the configuration.
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import polars as pl

from offtape_assets.partitions import Read
from offtape_assets.report.picture import Picture
from offtape_assets.storage.sql import group_checks, has_query, query_text
from offtape_assets.tables.table import Partitions, Table

if TYPE_CHECKING:
    from offtape_assets.assets.inputs import Inputs

Frames = pl.DataFrame | Sequence[pl.DataFrame]
Build = Callable[["Inputs"], Frames]


@dataclass(frozen=True)
class TableAsset:
    """One function that fills one or several tables of the same partitions.

    Parameters
    ----------
    tables
        What is written, in the order the function returns the frames.
    reads
        What is read. A raw asset reads the source instead and has no function.
    build
        Called once per partition; None for raw tables.
    settings
        Names of the settings that change the result; a partition is stale when one changes.
    version
        Raised by hand when the function's meaning changes.
    picture
        Draws a small plot from the frames just written, for the Dagster UI.
    picture_reads
        Inputs the picture also shows, handed to it after the frames.
    """

    tables: tuple[Table, ...]
    reads: tuple[Read, ...] = ()
    build: Build | None = None
    settings: tuple[str, ...] = ()
    version: str = "1"
    picture: Picture | None = None
    picture_reads: tuple[Table, ...] = ()

    @property
    def partitions(self) -> Partitions:
        """How the tables are partitioned."""
        return self.tables[0].partitions

    @property
    def name(self) -> str:
        """Name of the step that fills the tables."""
        return "__".join(f"{table.schema}_{table.name}" for table in self.tables)

    @property
    def is_raw(self) -> bool:
        """Whether the rows come from the source."""
        return self.build is None

    def code_version(self) -> str:
        """Changes with the version, the declarations, the claims and the SQL files."""
        parts: list[object] = [self.version]
        for table in self.tables:
            parts.append([asdict(column) for column in table.columns])
            parts.append([(claim.name, claim.predicate) for claim in table.claims])
            parts.append(group_checks(table))
            if has_query(table):
                parts.append(query_text(table))
        return digest(parts)


def table_asset(
    *tables: Table,
    reads: Sequence[Table | Read],
    settings: Sequence[str] = (),
    version: str = "1",
    picture: Picture | None = None,
    picture_reads: Sequence[Table] = (),
) -> Callable[[Build], TableAsset]:
    """Declare that the decorated function fills `tables` from `reads`, partition by partition."""
    if len({table.partitions for table in tables}) != 1:
        raise ValueError(f"{[t.full_name for t in tables]}: one function, one kind of partition")

    def declare(build: Build) -> TableAsset:
        if not inspect.getdoc(build):
            raise ValueError(f"{build.__name__}: an asset's docstring says what a row means")
        wanted = tuple(read if isinstance(read, Read) else Read(read) for read in reads)
        return TableAsset(
            tables, wanted, build, tuple(settings), version, picture, tuple(picture_reads)
        )

    return declare


def raw_asset(table: Table) -> TableAsset:
    """Declare that `table` is filled by the source."""
    return TableAsset((table,))


def digest(content: object) -> str:
    """A short stable hash of JSON-like content."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
