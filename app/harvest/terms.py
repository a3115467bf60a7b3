"""What is harvested of MeSH itself: the labels and the places in the hierarchy of the concepts that the store names.

From each concept the way goes up, round after round, to the top of the tree: long property paths fail at NLM's own
endpoint. The triples are NLM's, so a query over all of MeSH runs on them as it is.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from app.harvest.endpoint import Row, Term
from app.harvest.progress import Found
from loaders.readers.mesh import MESH, MESH_GRAPH, VOCABULARY
from loaders.terms import PREFIXES, literal

__all__ = ["MeshTerms"]

_RECORD = r"[CD](?:[0-9]{6}|[0-9]{9})"
_PLACE = r"[A-Z](?:[0-9]{2}(?:\.[0-9]{3})*)?"
_LABEL = PREFIXES["rdfs"] + "label"
_OBJECTS = {
    PREFIXES["rdf"] + "type": re.compile(re.escape(VOCABULARY) + r"[A-Za-z_]{1,60}"),
    VOCABULARY + "treeNumber": re.compile(re.escape(MESH) + _PLACE),
    VOCABULARY + "parentTreeNumber": re.compile(re.escape(MESH) + _PLACE),
    VOCABULARY + "broaderDescriptor": re.compile(re.escape(MESH) + r"D(?:[0-9]{6}|[0-9]{9})"),
    VOCABULARY + "mappedTo": re.compile(re.escape(MESH) + _RECORD + "(?:Q[0-9]{6})?"),
    VOCABULARY + "preferredMappedTo": re.compile(re.escape(MESH) + _RECORD + "(?:Q[0-9]{6})?"),
}
"""The properties that are asked for, and what IRIs they lead to."""
_ASKED_ABOUT = re.compile(f"<{re.escape(MESH)}({_RECORD}|{_PLACE})>")
_LONGEST_LABEL = 1000


class MeshTerms:
    """The question about concepts and places of MeSH, each named by the last part of its IRI."""

    def query(self, names: Iterable[str]) -> str:
        """Return the question for a batch; names are those of concepts and places, and nothing else."""
        subjects = " ".join(f"<{MESH}{name}>" for name in names)
        properties = " ".join(f"<{each}>" for each in (_LABEL, *_OBJECTS))
        # Where the endpoint keeps MeSH in NLM's graph, and where it keeps it in the default graph.
        return (
            f"SELECT DISTINCT ?s ?p ?o WHERE {{ VALUES ?s {{ {subjects} }} VALUES ?p {{ {properties} }}\n"
            f"{{ ?s ?p ?o }} UNION {{ GRAPH <{MESH_GRAPH}> {{ ?s ?p ?o }} }} }}"
        )

    def found(self, asked: Sequence[str], rows: Iterable[Row]) -> tuple[list[Found], int]:
        """Return triples, each with its object as N-Triples has it, and the number of rows that are none."""
        wanted, triples, unusable = {MESH + name for name in asked}, dict[Found, None](), 0
        for row in rows:
            if triple := _triple(row, wanted):
                triples[triple] = None
            else:
                unusable += 1
        return list(triples), unusable

    def is_whole(self, asked: Sequence[str], found: Iterable[Found]) -> bool:
        """Nothing shows that an answer which may have been cut was not."""
        return False

    def mentioned(self, found: Iterable[Found]) -> set[str]:
        """Return the concepts and places that triples lead to."""
        return {match[1] for triple in found if (match := _ASKED_ABOUT.fullmatch(triple[2]))}


def _triple(row: Mapping[str, Term], wanted: set[str]) -> tuple[str, str, str] | None:
    subject, predicate, object_ = (row.get(name) for name in "spo")
    if subject is None or predicate is None or object_ is None or subject.value not in wanted:
        return None
    if predicate.value == _LABEL:
        text = _label(object_)
        return (subject.value, _LABEL, text) if text else None
    form = _OBJECTS.get(predicate.value)
    if form is None or object_.kind != "uri" or not form.fullmatch(object_.value):
        return None
    return subject.value, predicate.value, f"<{object_.value}>"


def _label(term: Term) -> str | None:
    """Return an English label in N-Triples; codes have no language."""
    if term.kind != "literal" or not 0 < len(term.value) <= _LONGEST_LABEL or not term.value.isprintable():
        return None
    if term.language is None:
        return literal(term.value)
    return f"{literal(term.value)}@en" if term.language.lower() == "en" else None
