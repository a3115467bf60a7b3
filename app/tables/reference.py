"""The list of all tables and columns in docs/tables.md, written from `columns` and from the ontology's definitions.

    python -m app.tables.reference docs/tables.md

writes it anew below the line that marks it. What stands above that line is written by people.
"""

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pyoxigraph as ox

from app.resources import ONTOLOGY_FILE
from app.tables.columns import TABLES, Column, Table
from app.tables.rows import expanded

__all__ = ["MARK", "description", "main", "reference"]

MARK = "<!-- Below this line, everything is written by app.tables.reference. -->\n"


def reference() -> str:
    """Return the list in Markdown: a section a table, a row a column."""
    return "\n".join(line for table in TABLES for line in _section(table))


def description(column: Column) -> str:
    """Return what a column holds, in a sentence or two: its own words, or the definition of its property."""
    return column.about or _definitions().get(expanded(column.steps[-1]), "")


def main() -> None:
    """Write the list into the page that is named on the command line."""
    page = Path(sys.argv[1])
    above, mark, _ = page.read_text().partition(MARK)
    page.write_text(above + mark + "\n" + reference())


@cache
def _definitions() -> dict[ox.NamedNode, str]:
    comment = expanded("rdfs:comment")
    triples = ox.parse(path=str(ONTOLOGY_FILE))
    return {
        triple.subject: triple.object.value
        for triple in triples
        if triple.predicate == comment
        and isinstance(triple.subject, ox.NamedNode)
        and isinstance(triple.object, ox.Literal)
    }


def _section(table: Table) -> Iterator[str]:
    yield from (f"## {table.name}", "", f"{table.about} One row for each `{table.of}` and graph.", "")
    yield from ("| column | type | unit | what it holds | property |", "|---|---|---|---|---|")
    for column in table.columns:
        kind = f"list of {column.kind}" if column.many else str(column.kind)
        path = f"`{column.path}`" if column.path else ""
        yield f"| `{column.name}` | {kind} | {column.unit} | {description(column)} | {path} |"
    yield ""


if __name__ == "__main__":
    main()
