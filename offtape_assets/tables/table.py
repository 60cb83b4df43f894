"""What a table is: columns, grain, key, partitions and claims, and everything derived from them.

DDL, empty views, comments, the Dagster column schema and the data dictionary all come from these
declarations. Nothing here reads or writes data.
"""

from dataclasses import dataclass
from enum import Enum


class Partitions(Enum):
    """How the rows of a table are divided into files and runs."""

    NONE = "none"
    """Reference rows that belong to no date."""
    DAY = "day"
    """One partition per trading day of XNYS."""
    CALENDAR_DAY = "calendar_day"
    """One partition per calendar day: prediction markets and crypto never close."""
    DAY_AND_TICKER = "day_and_ticker"
    """One partition per trading day and ticker."""


@dataclass(frozen=True)
class Column:
    """One word of the warehouse's vocabulary: the same type, unit and meaning in every table."""

    name: str
    dtype: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class Claim:
    """A predicate every row must satisfy; a NULL result counts as a violation.

    In raw tables rows that violate a quarantining claim are set aside with the claim's name as
    the reason. Elsewhere a violated blocking claim fails the partition.
    """

    name: str
    predicate: str
    reason: str
    is_blocking: bool = True
    quarantines: bool = False


@dataclass(frozen=True)
class Table:
    """A table of the warehouse, declared once.

    Parameters
    ----------
    schema, name
        Layer and plural noun; `key` is also the Dagster asset key.
    grain
        One sentence: what a row is.
    columns
        Columns stored in the files, in order. `date` and `ticker` come from the path and are
        added by `all_columns`.
    key
        Columns that identify a row within a partition; empty where identical rows are legitimate.
    order_by
        Order of the rows in the file; defaults to the key.
    """

    schema: str
    name: str
    grain: str
    columns: tuple[Column, ...]
    partitions: Partitions
    key: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        missing = [name for name in self.key + self.order_by if name not in names]
        if missing or len(set(names)) != len(names):
            raise ValueError(f"{self.full_name}: key or order names no column, or a column twice")

    def __hash__(self) -> int:
        return hash(self.full_name)

    @property
    def full_name(self) -> str:
        """`schema.name`, as SQL writes it."""
        return f"{self.schema}.{self.name}"

    @property
    def has_ticker(self) -> bool:
        """Whether the table is partitioned by ticker as well as by date."""
        return self.partitions is Partitions.DAY_AND_TICKER

    @property
    def sort_columns(self) -> tuple[str, ...]:
        """Order of the rows within a partition's file."""
        return self.order_by or self.key

    @property
    def sorted_key(self) -> tuple[str, ...]:
        """The key's columns in the order of the file's rows, where that order is one of keys."""
        is_order_of_keys = set(self.sort_columns) == set(self.key)
        return self.sort_columns if is_order_of_keys else self.key

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Stored columns preceded by the partition columns."""
        if self.partitions is Partitions.NONE:
            return self.columns
        if self.has_ticker:
            return (DATE, TICKER, *self.columns)
        return (DATE, *self.columns)

    @property
    def path_columns(self) -> tuple[str, ...]:
        """Names of the partition columns, which a file's path holds."""
        return tuple(c.name for c in self.all_columns if c not in self.columns)

    def select_list(self) -> str:
        """The stored columns as a SQL select list that casts each to its declared type."""
        return ", ".join(f'cast("{c.name}" as {c.dtype}) as "{c.name}"' for c in self.columns)

    def empty_select(self) -> str:
        """A SELECT that yields no row of the declared columns."""
        nulls = ", ".join(f'cast(null as {c.dtype}) as "{c.name}"' for c in self.all_columns)
        return f"select {nulls} where false"


DATE = Column("date", "DATE", "day", "trading date in New York, or the report file's day")
TICKER = Column("ticker", "VARCHAR", "", "symbol as the SIP spells it, case-sensitive")
