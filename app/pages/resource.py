"""The page of any resource: what is said of it, by whom, and what points at it."""

from collections import defaultdict
from dataclasses import dataclass

from app.pages.facts import Facts, Term
from app.pages.names import readable, short

__all__ = ["ResourcePage"]

_MOST = 200


@dataclass(frozen=True, slots=True)
class Value:
    """An object of a property, its label where it has one, and the graphs that state it."""

    term: Term
    label: str
    graphs: list[str]


@dataclass(frozen=True, slots=True)
class Property:
    """A property with its values, in words."""

    iri: str
    name: str
    values: list[Value]


@dataclass(frozen=True, slots=True)
class ResourcePage:
    """What the template shows. `incoming` has (subject, label, property in words); `more`: there are others."""

    iri: str
    title: str
    properties: list[Property]
    incoming: list[tuple[str, str, str]]
    statements: list[tuple[str, str, Value]]
    more: bool

    @classmethod
    def of(cls, iri: str, facts: Facts) -> "ResourcePage":
        """Arrange the rows of `resource_quads.rq` or `graph_quads.rq`."""
        names = sorted(facts.properties(iri), key=readable)
        own = [Property(each, readable(each), _values(facts, iri, each)) for each in names]
        pointing, others = [], []
        for subject, property_iri, fact in facts.statements():
            if fact.object.value == iri and fact.object.is_iri:
                pointing.append((subject, facts.label(subject) or short(subject), readable(property_iri)))
            elif fact.graph == iri:
                others.append((subject, readable(property_iri), Value(fact.object, "", [fact.graph])))
        pointing = sorted(set(pointing), key=lambda each: (each[2], each[1]))
        title = facts.label(iri) or short(iri)
        more = len(pointing) > _MOST or len(others) > _MOST
        return cls(iri, title, own, pointing[:_MOST], others[:_MOST], more)


def _values(facts: Facts, subject: str, property_iri: str) -> list[Value]:
    graphs: dict[Term, list[str]] = defaultdict(list)
    for fact in facts.all(subject, property_iri):
        graphs[fact.object].append(fact.graph)
    return [Value(term, facts.label(term.value) if term.is_iri else "", where) for term, where in graphs.items()]
