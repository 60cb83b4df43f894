"""Pages of the gates: Great Expectations' own rendering of a verdict, and an index by date.

Pages load nothing from the network; what the renderer would fetch is taken out.
"""

import re
from collections.abc import Iterable
from functools import cache
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from offtape_assets.quality.gate import Passage
from offtape_assets.storage.warehouse import Warehouse

if TYPE_CHECKING:
    from great_expectations.render.view import DefaultJinjaPageView

FOLDER = "quality/data_docs"


class Entry(NamedTuple):
    """A line of the index: one table on one date."""

    day: str
    schema: str
    table: str
    page: str
    expectations: int
    failed: int
    failed_blocking: int


def page_of(passage: Passage) -> str:
    """Address of a page below the folder: `raw/2024-11-05/trades.html`."""
    return f"{passage.table.schema}/{passage.label}/{passage.table.name}.html"


def write_page(warehouse: Warehouse, passage: Passage) -> str:
    """Publish the page of one verdict and return its key."""
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    passage.result.meta["run_id"] = {"run_name": passage.label}
    page = _view().render(ValidationResultsPageRenderer().render(passage.result))
    title = f"{passage.table.full_name} {passage.label}"
    key = f"{FOLDER}/{page_of(passage)}"
    return _publish(warehouse, _offline(page, title), key)


def write_index(warehouse: Warehouse, entries: Iterable[Entry]) -> str:
    """Publish the index: dates by stages, tables within, violated ones first."""
    cells: dict[str, dict[str, list[Entry]]] = {}
    for entry in entries:
        cells.setdefault(entry.day, {}).setdefault(entry.schema, []).append(entry)
    stages = [s for s in _STAGES if any(s in found for found in cells.values())]
    head = "".join(f"<th>{stage}</th>" for stage in stages)
    rows = "".join(
        f"<tr><th>{escape(day)}</th>"
        + "".join(f"<td>{_cell(cells[day].get(stage, []))}</td>" for stage in stages)
        + "</tr>"
        for day in sorted(cells, reverse=True)
    )
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>Gates of the warehouse</title><style>{_STYLE}</style></head><body>"
        "<h1>Gates by date and stage</h1><p>Every table of a date passes its expectations, over"
        " all rows, before a table that reads it is built. A violated blocking one (✗) stops the"
        " readers of the guilty partitions; a warning (!) is told and stops nothing.</p>"
        f"<table class=index><tr><th>date</th>{head}</tr>{rows}</table></body></html>"
    )
    return _publish(warehouse, page, f"{FOLDER}/index.html")


def entries_of(catalog: duckdb.DuckDBPyConnection) -> list[Entry]:
    """What the catalog knows of every gate."""
    return [Entry(*row) for row in catalog.execute(_ENTRIES).fetchall()]


@cache
def _view() -> "DefaultJinjaPageView":
    """One view for all pages: it keeps its compiled templates."""
    from great_expectations.render.view import DefaultJinjaPageView

    return DefaultJinjaPageView()


def _cell(entries: list[Entry]) -> str:
    if not entries:
        return ""
    ordered = sorted(entries, key=lambda e: (-e.failed_blocking, -e.failed, e.table))
    links = "".join(
        f'<li>{_mark(e)} <a href="{e.page}">{escape(e.table)}</a>'
        f" {e.expectations - e.failed} of {e.expectations}</li>"
        for e in ordered
    )
    stopped = sum(entry.failed_blocking > 0 for entry in entries)
    warned = sum(entry.failed > 0 for entry in entries) - stopped
    words = [f"{len(entries)} tables"]
    words += [f"{stopped} stopped"] if stopped else []
    words += [f"{warned} with warnings"] if warned else []
    opened = " open" if stopped else ""
    return f"<details{opened}><summary>{', '.join(words)}</summary><ul>{links}</ul></details>"


def _mark(entry: Entry) -> str:
    if entry.failed_blocking:
        return "<b class=bad>✗</b>"
    return "<b class=warned>!</b>" if entry.failed else "<b class=good>✓</b>"


def _publish(warehouse: Warehouse, page: str, key: str) -> str:
    folder = warehouse.store.scratch()
    file = folder / "page.html"
    file.write_text(page)
    warehouse.store.put(file, key)
    folder.rmdir()
    return key


def _offline(page: str, title: str) -> str:
    """The page without scripts, remote style sheets, logo and newsletter; with a style of ours."""
    for pattern in _REMOTE:
        page = re.sub(pattern, "", page, flags=re.DOTALL)
    page = re.sub(r'href="[./]*index\.html"', 'href="../../index.html"', page)
    page = re.sub(r'<a href="[^"]*expectations/[^"]*"\s*>(.*?)</a>', r"\1", page)
    page = re.sub(r"<title>.*?</title>", f"<title>{escape(title)}</title>", page, count=1)
    icon = '<link rel="icon" href="data:,">'
    return page.replace("</head>", f"{icon}<style>{_STYLE}</style></head>", 1)


_ENTRIES = """
select
    coalesce(partition_date::varchar, 'reference'), schema_name, table_name, page, count(*),
    count(*) filter (where not passed), count(*) filter (where not passed and is_blocking)
from quality.gates group by all
"""
_STAGES = ("raw", "features", "model", "truth")
_REMOTE = (
    r"<script\b.*?</script>",
    r"<link\b[^>]*>",
    r"<img\b[^>]*>",
    r"<style\b.*?</style>",
    r"<footer\b.*?</footer>",
    r'<div class="card mb-3">.*?Failed Only.*?</div>\s*</div>\s*</div>\s*</div>\s*</div>',
)
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 0 1rem; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: .25rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; }
.table-responsive, .index { overflow-x: auto; display: block; }
ul, ol { list-style: none; padding-left: 0; }
.fa-check-circle::before, .good { content: "✓"; color: #1a7f37; }
.fa-times::before, .bad { content: "✗"; color: #c0392b; }
.fa-exclamation-triangle::before, .warned { content: "!"; color: #b8860b; }
.alert { background: #f6f6f6; padding: .5rem .7rem; margin-top: 1rem; }
h4, h5, h6 { margin: .2rem 0; font-size: 1rem; }
"""
