"""What a SELECT query found, arranged for reading: statements by subject and property, each with its named graph."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Fact", "Facts", "Term", "rows"]

_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
_TITLE = "http://purl.org/dc/terms/title"


@dataclass(frozen=True, slots=True)
class Term:
    """An RDF term of a result row: an IRI, or the lexical form of a literal with its language and datatype."""

    value: str
    is_iri: bool = False
    language: str = ""
    datatype: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """The object of a statement, and the named graph that states it."""

    object: Term
    graph: str


def rows(body: bytes) -> Iterator[dict[str, Term]]:
    """Read SPARQL results in JSON (W3C SPARQL 1.1 Query Results JSON Format); a row lacks its unbound variables."""
    for binding in json.loads(body)["results"]["bindings"]:
        yield {name: _term(term) for name, term in binding.items()}


def _term(term: dict[str, str]) -> Term:
    is_iri = term["type"] == "uri"
    return Term(str(term["value"]), is_iri, term.get("xml:lang", ""), term.get("datatype", ""))


class Facts:
    """Statements read from rows with the variables g, s, p and o."""

    def __init__(self, body: bytes) -> None:
        self._facts: dict[str, dict[str, list[Fact]]] = {}
        for row in rows(body):
            properties = self._facts.setdefault(row["s"].value, {})
            properties.setdefault(row["p"].value, []).append(Fact(row["o"], row["g"].value))

    def subjects(self, type_iri: str) -> list[str]:
        """The instances of a class, in the order of their IRIs."""
        return sorted(
            subject
            for subject, properties in self._facts.items()
            if any(fact.object.value == type_iri for fact in properties.get(_TYPE, ()))
        )

    def properties(self, subject: str) -> list[str]:
        """The properties stated of the subject."""
        return list(self._facts.get(subject, {}))

    def statements(self) -> Iterator[tuple[str, str, Fact]]:
        """Everything, in the order of the subjects' IRIs."""
        for subject in sorted(self._facts):
            for property_iri, facts in self._facts[subject].items():
                for fact in facts:
                    yield subject, property_iri, fact

    def all(self, subject: str, property_iri: str) -> list[Fact]:
        """What is stated of the subject with this property, IRIs and texts in alphabetical order."""
        found = self._facts.get(subject, {}).get(property_iri, [])
        return sorted(found, key=lambda fact: (fact.object.value, fact.graph))

    def values(self, subject: str, property_iri: str) -> list[str]:
        """The same without the graphs, each value once."""
        return list(dict.fromkeys(fact.object.value for fact in self.all(subject, property_iri)))

    def first(self, subject: str, property_iri: str) -> str:
        """One value, or an empty text."""
        return next(iter(self.values(subject, property_iri)), "")

    def label(self, subject: str) -> str:
        """The subject's label or title where one is stated, else an empty text."""
        return self.first(subject, _LABEL) or self.first(subject, _TITLE)

    def all_graphs(self) -> list[str]:
        """The named graphs that anything here stands in."""
        return sorted({fact.graph for _, _, fact in self.statements()})

    def graphs(self, subject: str) -> list[str]:
        """The named graphs that describe the subject."""
        properties = self._facts.get(subject, {})
        return sorted({fact.graph for facts in properties.values() for fact in facts})
