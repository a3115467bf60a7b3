"""The page about the dataset, and the list of example queries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyoxigraph as ox

from app.dump import Manifest
from app.pages.facts import Term
from app.pages.names import readable

__all__ = ["DatasetPage", "Example", "examples"]

_COMMENT = "http://www.w3.org/2000/01/rdf-schema#comment"
_KEYWORD = "https://schema.org/keywords"
_FEDERATES = "https://purl.expasy.org/sparql-examples/ontology#federatesWith"
_SHACL = "http://www.w3.org/ns/shacl#"


@dataclass(frozen=True, slots=True)
class DatasetPage:
    """What the template shows. `classes` has IRI, label and number of entities, the largest first."""

    triples: int
    counted: str
    version: str
    classes: list[tuple[str, str, int]]
    manifest: Manifest | None
    license: str | None

    @classmethod
    def of(
        cls,
        facts: Iterable[Mapping[str, Term]],
        classes: Iterable[Mapping[str, Term]],
        manifest: Manifest | None,
        license: str | None,
    ) -> "DatasetPage":
        """Arrange the rows of `dataset.rq` and `classes.rq`."""
        row = next(iter(facts), {})
        counted = row["modified"].value if "modified" in row else ""
        version = row["version"].value if "version" in row else ""
        triples = int(row["triples"].value) if "triples" in row else 0
        listed = [
            (
                each["class"].value,
                each["label"].value if "label" in each else readable(each["class"].value),
                int(each["entities"].value),
            )
            for each in classes
            if "class" in each
        ]
        return cls(triples, counted, version, listed, manifest, license)


@dataclass(frozen=True, slots=True)
class Example:
    """An example query with the question that it answers, and the other endpoints that it asks."""

    name: str
    question: str
    query: str
    keywords: list[str]
    endpoints: list[str]


def examples(triples: Iterable[ox.Triple]) -> list[Example]:
    """Read example queries in the SIB form, in the order of their names."""
    stated: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for triple in triples:
        if isinstance(triple.subject, ox.NamedNode) and isinstance(triple.object, ox.Literal | ox.NamedNode):
            stated[triple.subject.value][triple.predicate.value].append(triple.object.value)
    return [
        Example(iri.rpartition("/")[2], said[_COMMENT][0], query, sorted(said[_KEYWORD]), sorted(said[_FEDERATES]))
        for iri, said in sorted(stated.items())
        for query in (
            next((q for form in ("select", "ask", "construct", "describe") for q in said[_SHACL + form]), ""),
        )
        if query and said[_COMMENT]
    ]
