"""The store as the rest of the service sees it: quads go in as changes, are published, and are asked with SPARQL.

Two things hold for every implementation: the default graph of a query is the union of all named graphs, and
nobody sees a change before `publish` has made it part of a generation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

__all__ = ["DEFAULT_GRAPH", "Answer", "Change", "Query", "ReplaceGraph", "ReplaceSubjects", "Store", "StoreInfo"]

DEFAULT_GRAPH = "https://w3id.org/trialweave/graph/default"
"""The named graph that is the default graph for writing: the default graph for reading is the union of all of them."""


@dataclass(frozen=True, slots=True)
class ReplaceGraph:
    """Everything in the named graph goes; `triples` take its place (empty: the graph is gone).

    `triples` is N-Triples text in UTF-8, without blank nodes: those could not be told apart from the stored ones.
    """

    graph: str
    triples: bytes


@dataclass(frozen=True, slots=True)
class ReplaceSubjects:
    """Everything the named graph says about `subjects` goes; `triples` (as in ReplaceGraph) are added to the graph.

    For graphs that many sources share, such as the provenance graph.
    """

    graph: str
    subjects: tuple[str, ...]
    triples: bytes


Change = ReplaceGraph | ReplaceSubjects


@dataclass(frozen=True, slots=True)
class Query:
    """One SPARQL query and the form its answer should have.

    `solutions_type` is the media type for SELECT and ASK, `graph_type` for CONSTRUCT and DESCRIBE.
    `default_graphs` and `named_graphs` are the protocol's dataset (SPARQL 1.1 Protocol, section 2.1.4); when both are
    None, the default graph is the union of all named graphs, unless the query itself has FROM clauses.
    `substitutions` binds variables of the query to IRIs given as plain strings, without touching the query text.
    """

    text: str
    solutions_type: str = "application/sparql-results+json"
    graph_type: str = "text/turtle"
    default_graphs: tuple[str, ...] | None = None
    named_graphs: tuple[str, ...] | None = None
    base_iri: str | None = None
    substitutions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete, serialised answer: never a part of one."""

    body: bytes
    media_type: str
    generation: int


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What `doctor` and `/health` say of a store.

    `quads` counts the published generation's named graphs, 0 when there is none: a triple in two graphs is two quads.
    It is None while they have not been counted.
    """

    engine: str
    generation: int
    quads: int | None
    location: str


class Store(Protocol):
    """A place for quads. One writer at a time; readers only ever see published generations."""

    @property
    def generation(self) -> int:
        """The number of the published generation, 0 when there is none."""

    def query(self, query: Query) -> Answer:
        """Answer from what this writer has changed so far, published or not. Raises QuerySyntaxError."""

    def rows(self, text: str, substitutions: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
        """Rows of a SELECT query as plain strings; unbound variables are absent from a row."""

    def apply(self, changes: Sequence[Change]) -> bool:
        """Make all the changes, in order, or none of them, and say whether the store is any different now."""

    def update(self, text: str) -> None:
        """Run a SPARQL 1.1 update as one transaction. The caller has refused LOAD and SERVICE before.

        What it writes outside GRAPH goes into DEFAULT_GRAPH; its WHERE clauses see the union of all named graphs.
        """

    def bulk_load(self, files: Sequence[Path]) -> None:
        """Add N-Quads files without blank nodes, a graph on each line, faster than `apply`, all of them or none."""

    def publish(self) -> int:
        """Make every change so far visible as a new generation, and return its number."""

    def backup(self, target: Path) -> None:
        """Write the published generation into `target`, a folder that must not exist yet, as a store of its own."""

    def info(self) -> StoreInfo:
        """Say what the store holds."""

    def close(self) -> None:
        """Let go of the data directory. Changes that were not published are dropped."""
