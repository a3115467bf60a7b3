"""docs/tables.md lists the columns that are written, and its SQL gives the rows it shows."""

import re
import subprocess
import sys

import duckdb
import pytest

from app.store.embedded import EmbeddedReader
from app.tables.columns import TABLES
from app.tables.export import export_tables
from app.tables.reference import MARK, description, reference
from loaders.terms import VALUES
from tests.app.tables.samples import bundled
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "tables.md").read_text()


def test_the_page_lists_the_columns():
    assert PAGE.partition(MARK)[2] == "\n" + reference(), "run: python -m app.tables.reference docs/tables.md"


def test_the_page_is_written_below_the_mark_alone(tmp_path):
    page = tmp_path / "tables.md"
    page.write_text(f"Mine.\n{MARK}old")
    subprocess.run([sys.executable, "-m", "app.tables.reference", str(page)], check=True, cwd=ROOT)
    assert page.read_text() == f"Mine.\n{MARK}\n{reference()}"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_is_described(table):
    assert all(description(column) for column in table.columns)
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)


def test_the_sql_gives_the_rows_that_the_page_shows(tmp_path):
    with EmbeddedReader(bundled(tmp_path / "data")) as reader:
        export_tables(reader, tmp_path / "tables", "parquet")
    found = re.search(r"```sql\n(.*?)```.*?\|---.*?\n(.*?)\n\n", PAGE, re.DOTALL)
    assert found
    query, shown = found.groups()
    with duckdb.connect() as connection:
        connection.execute(f"SET file_search_path = '{tmp_path}'")
        rows = connection.execute(query).fetchall()
    assert [f"| {' | '.join(map(str, row))} |" for row in rows] == shown.splitlines()


def test_a_code_is_the_notation_of_its_value(tmp_path):
    import pyoxigraph as ox

    from app.resources import VALUES_FILE
    from app.tables.rows import _code

    notation = ox.NamedNode("http://www.w3.org/2004/02/skos/core#notation")
    values = [triple for triple in ox.parse(path=str(VALUES_FILE)) if triple.predicate == notation]
    assert values
    for value in values:
        if value.subject.value.startswith(VALUES) and "-" in value.subject.value.removeprefix(VALUES):
            assert _code(value.subject) == value.object.value
