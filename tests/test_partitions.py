"""Every pair of partition kinds maps, so that an asset may read any table."""

from datetime import date
from itertools import product

import dagster as dg
import pytest

from offtape_assets.partitions import Axes, Read, optional, trailing
from offtape_assets.settings import Settings
from offtape_assets.tables import raw
from offtape_assets.tables.table import Partitions, Table

KINDS = [kind for kind in Partitions if kind is not Partitions.NONE]
SETTINGS = Settings(tickers="SPY,NVDA", start_date=date(2024, 11, 1), last_date=date(2024, 11, 8))


def table(kind: Partitions) -> Table:
    return Table("raw", f"by_{kind.value}", "one row", raw.DAILY_BARS.columns, kind)


@pytest.mark.parametrize(("reader", "upstream"), product(KINDS, KINDS))
@pytest.mark.parametrize("window", [0, 2])
def test_a_reader_of_any_kind_may_read_any_kind(
    reader: Partitions, upstream: Partitions, window: int
) -> None:
    axes = Axes(SETTINGS)
    read: Read = trailing(table(upstream), window) if window else optional(table(upstream))
    above = dg.AssetSpec("above", partitions_def=axes.of(upstream))
    below = dg.AssetSpec(
        "below",
        partitions_def=axes.of(reader),
        deps=[dg.AssetDep("above", partition_mapping=axes.mapping(reader, read))],
    )
    graph = dg.Definitions(assets=[above, below]).resolve_asset_graph()
    assert graph.get(dg.AssetKey("below")).parent_keys == {dg.AssetKey("above")}


@pytest.mark.parametrize("last", [date(2024, 11, 8), date(2024, 11, 27), date(2024, 12, 24)])
def test_the_axis_ends_on_the_last_date(last: date) -> None:
    axes = Axes(SETTINGS.model_copy(update={"last_date": last}))
    for kind in (Partitions.DAY, Partitions.CALENDAR_DAY):
        axis = axes.of(kind)
        assert axis is not None
        assert axis.get_partition_keys()[-1] == last.isoformat()
