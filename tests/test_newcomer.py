"""A newcomer's ten questions: every place where an answer is said to be is there and answers."""

from pathlib import Path

import pytest

from offtape_assets.settings import Settings
from offtape_assets.tables.registry import mart_tables, stored_tables

ROOT = Path(__file__).resolve().parent.parent

ANSWERS = {
    "what is this and for whom": [("README.md", "for data engineers")],
    "can I run it without a key": [("README.md", "make demo"), ("Makefile", "demo: setup")],
    "where does Dagster begin": [
        ("offtape_assets/definitions.py", "Where Dagster begins"),
        ("workspace.yaml", "offtape_assets.definitions"),
    ],
    "what tables are there, what is a row, which unit": [
        ("offtape_assets/tables/raw.py", "Table("),
        ("offtape_assets/tables/mart.py", "DATA_DICTIONARY"),
        ("docs/methods.md", "mart.data_dictionary"),
    ],
    "where is the maths of X, from which paper": [
        ("docs/methods.md", "quant/information_share.py"),
        ("offtape_assets/quant/information_share.py", "References"),
    ],
    "which table does X fill": [
        ("docs/methods.md", "model.information_shares"),
        ("offtape_assets/assets/leadership.py", "INFORMATION_SHARES"),
    ],
    "how do I know a number is right": [
        ("tests/quant/test_information_share.py", "def test_"),
        ("sql/mart/recovery.sql", "truth"),
    ],
    "what is checked and what stops a run": [
        ("offtape_assets/tables/table.py", "is_blocking"),
        ("docs/operations.md", "## Quality gates"),
    ],
    "how do I swap the source": [
        ("offtape_assets/sources/source.py", "class Source"),
        ("README.md", "**Add a source.**"),
    ],
    "how do I add a table, a view, an estimator": [
        ("README.md", "**Add a table.**"),
        ("README.md", "**Add a view.**"),
    ],
    "why is it so": [("docs/decisions.md", "what would change our mind")],
}


@pytest.mark.parametrize("question", ANSWERS)
def test_a_question_is_answered_where_we_say(question: str) -> None:
    for place, words in ANSWERS[question]:
        assert words in (ROOT / place).read_text(), place


def test_the_readme_is_under_two_screens_and_its_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) < 110
    for link in ("docs/settings.md", "docs/methods.md", "docs/operations.md", "docs/decisions.md"):
        assert link in text
        assert (ROOT / link).is_file()
    pictures = [part.split(")")[0] for part in text.split("](") if part.startswith("docs/pictures")]
    assert len(pictures) == 3
    for picture in pictures:
        assert (ROOT / picture).stat().st_size < 100_000


def test_the_methods_index_reaches_every_page_and_names_what_exists() -> None:
    text = (ROOT / "docs/methods.md").read_text()
    for page in (ROOT / "docs/methods").glob("*.md"):
        assert f"methods/{page.name}" in text
    names = {table.full_name for table in (*stored_tables(), *mart_tables())}
    for row in (line for line in text.splitlines() if line.startswith("| ") and "](" in line):
        _, _, _, code, tables, _ = (cell.strip() for cell in row.split("|"))
        for module in code.split(", "):
            assert (ROOT / "offtape_assets" / module).exists(), module
        schema = ""
        for table in tables.split(", "):
            schema = table.split(".")[0] if "." in table else schema
            full_name = table if "." in table else f"{schema}.{table}"
            assert full_name in names or full_name.endswith(".*"), full_name


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs/settings.md").read_text()
    for name in Settings.model_fields:
        ends = [name.upper()[i:] for i, letter in enumerate(name) if letter == "_" or i == 0]
        assert any(end in text for end in ends), name


def test_every_example_query_says_its_question() -> None:
    queries = list((ROOT / "sql/queries").glob("*.sql"))
    assert len(queries) >= 12
    assert all(query.read_text().startswith("-- ") for query in queries)
