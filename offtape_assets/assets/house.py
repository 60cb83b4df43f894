"""What every asset is built with: settings, warehouse, source, connections, progress.

Built once from the settings by definitions.py and handed to Dagster steps as a resource.
"""

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial

import duckdb
from dagster_duckdb import DuckDBResource

from offtape_assets.quality.gate import Gate
from offtape_assets.settings import Settings
from offtape_assets.sources.opening import open_source
from offtape_assets.sources.source import Source
from offtape_assets.storage.connection import prepare
from offtape_assets.storage.warehouse import Warehouse

Connect = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]
Progress = Callable[[str, int, int], None]
"""Called with the step's name, partitions finished and partitions in all."""

_MALLOPT_MMAP_THRESHOLD = -3
_OWN_PAGES_BYTES = 1 << 22
_LEAST_MB = 256
"""With less, DuckDB cannot sort a partition however much it spills."""


def _silent(step: str, finished: int, total: int) -> None:
    pass


@dataclass
class House:
    """The warehouse, the source and the settings that partitions are built from."""

    settings: Settings
    warehouse: Warehouse
    open_source: Callable[[], Source]
    connect: Connect
    progress: Progress = _silent

    @cached_property
    def source(self) -> Source:
        """The source of raw rows, opened on first use: definitions load without it."""
        return self.open_source()

    @cached_property
    def gate(self) -> Gate:
        """The gate every table of this process passes; Great Expectations loads on first use."""
        return Gate(self.warehouse)

    @contextmanager
    def connection(self, threads: int = 1) -> Iterator[duckdb.DuckDBPyConnection]:
        """An in-memory DuckDB connection that can read the warehouse.

        Its share of the memory is its share of the threads.
        """
        total = self.settings.memory_mb
        share = min(1.0, threads / self.settings.workers)
        memory = max(_LEAST_MB, int(total * share)) if total else None
        with self.connect() as connection:
            prepare(connection, self.warehouse.store, threads, memory)
            yield connection


def open_house(settings: Settings) -> House:
    """The warehouse, source and connections that a settings object names."""
    _give_memory_back()
    return House(
        settings,
        Warehouse(settings.warehouse),
        partial(open_source, settings),
        DuckDBResource(database=":memory:").get_connection,
    )


def _give_memory_back() -> None:
    """Give large arrays pages of their own, which return to the machine when they are freed.

    Else glibc raises the size that counts as large with use, and the heap grows with the dates.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # musl has no mallopt
            ctypes.CDLL(None).mallopt(_MALLOPT_MMAP_THRESHOLD, _OWN_PAGES_BYTES)
