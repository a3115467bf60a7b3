"""What remote stores do differently from one another, as data: one entry an engine, found by running them.

Everything here is held to by tests/app/store/test_contract.py, against the real server. What an entry cannot mend is
listed in docs/remote-store.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ENGINES", "Engine"]

_JSON = "application/sparql-results+json"
_XML = "application/sparql-results+xml"
_XSD = "http://www.w3.org/2001/XMLSchema#"


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine's ways.

    `update_path` and `graphs_path` are where it takes updates and graphs, relative to its query address; None when that
    has to be said. `graph_parameter` names a graph there (Graph Store HTTP Protocol, section 4.2, says `graph`), and
    `loads_quads` says that N-Quads for many graphs can be sent there in one transaction.
    `solutions_type` is the result format it writes faithfully: in another one, answers are made here. `ask_variable` is
    the column in which it answers an ASK, where it does not know the boolean form. `partial_headers` mark an answer
    that it has cut short.
    `block` is how many triples one operation of an update may have, `request` how many one request; None: any number.
    `renamed` datatypes, with their stand-ins, are those whose values it would change; both are full IRIs.
    `refused_words` and `refused_schemes` are its additions to SPARQL that reach files, hosts or SQL.
    `loses_values` says that it answers wrongly where VALUES stands in MINUS, UNION or EXISTS.
    `system_graphs` are its own; `union_repeats` says that a triple of two graphs is found twice in their union.
    """

    label: str
    update_path: str | None = None
    graphs_path: str | None = None
    graph_parameter: str = "graph"
    loads_quads: bool = False
    solutions_type: str = _JSON
    ask_variable: str | None = None
    partial_headers: tuple[str, ...] = ()
    block: int = 5_000
    request: int | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    refused_words: frozenset[str] = frozenset()
    refused_schemes: tuple[str, ...] = ()
    loses_values: bool = False
    system_graphs: tuple[str, ...] = ()
    union_repeats: bool = False


ENGINES: Mapping[str, Engine] = {
    "sparql": Engine("SPARQL 1.1 server"),
    "oxigraph": Engine(
        "Oxigraph server", update_path="update", graphs_path="store", loads_quads=True, union_repeats=True
    ),
    "fuseki": Engine("Apache Jena Fuseki", update_path="update", graphs_path="data", loads_quads=True),
    "virtuoso": Engine(
        "OpenLink Virtuoso",
        update_path="/sparql-auth",
        graphs_path="/sparql-graph-crud-auth",
        graph_parameter="graph-uri",
        # In JSON, CSV and TSV, booleans are the numbers 1 and 0 and what is a number has lost its type.
        solutions_type=_XML,
        ask_variable="__ASK_RETVAL",
        partial_headers=("x-sparql-maxrows", "x-sql-state"),
        # An operation becomes one SQL procedure, which may have 10,000 lines.
        block=500,
        request=10_000,
        # P4M is stored as the number 4.
        renamed={f"{_XSD}duration": "urn:trialweave:duration"},
        refused_words=frozenset({"OPTION"}),
        refused_schemes=("bif:", "sql:"),
        loses_values=True,
        system_graphs=(
            "http://localuriqaserver/sparql",
            "http://www.openlinksw.com/schemas/virtrdf#",
            "http://www.w3.org/ns/ldp#",
        ),
        union_repeats=True,
    ),
}
"""The engines by the name that TRIALWEAVE_STORE_ENGINE takes."""
