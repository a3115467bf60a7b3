"""The query of an sh:sparql constraint, and what it cannot do without: so that most nodes need not be asked.

    SELECT --algebra--> the properties that $this must have, the statements that must not be there, the IRIs it names

All of it is read from the query's algebra (SPARQL 1.1, section 18.2). What is not understood demands nothing, so such a
query is put to the engine every time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyoxigraph as ox

__all__ = ["Query"]

_Pattern = tuple[Any, Any, Any]


@dataclass(frozen=True)
class Query:
    """A SELECT with its prefixes."""

    text: str

    @cached_property
    def names(self) -> frozenset[bytes]:
        """Every IRI in the query, in N-Triples syntax."""
        return frozenset(_names(self._algebra))

    @cached_property
    def of_focus(self) -> tuple[frozenset[bytes], ...]:
        """The choices of properties of which $this must have one each."""
        return tuple(choice for this, choice in self._needs if this)

    @cached_property
    def of_any(self) -> tuple[frozenset[bytes], ...]:
        """The choices of properties of which some node must have one each."""
        return tuple(choice for _, choice in self._needs)

    @cached_property
    def absent(self) -> tuple[tuple[str, bytes, str], ...]:
        """Single statements that must not be there: subject and object are "this" or "any", the property is known."""
        return tuple(_guards(self._where))

    @cached_property
    def is_anchored(self) -> bool:
        """Whether $this is bound by the patterns, so that binding it beforehand only selects among the solutions."""
        known = not re.search(r"[$?](PATH|currentShape|shapesGraph)\b", self.text)
        return known and any(_is_this(s) or _is_this(o) for s, _, o in _patterns(self._where))

    def has_solution(self, store: ox.Store) -> bool:
        """Say whether any node of the data is a solution."""
        solutions = store.query(self.text)
        assert isinstance(solutions, ox.QuerySolutions)  # a constraint is a SELECT
        return next(solutions, None) is not None

    @cached_property
    def _algebra(self) -> Any:
        from rdflib.plugins.sparql import prepareQuery

        return prepareQuery(self.text).algebra

    @property
    def _where(self) -> Any:
        return self._algebra.p

    @cached_property
    def _needs(self) -> tuple[tuple[bool, frozenset[bytes]], ...]:
        from rdflib import URIRef
        from rdflib.paths import AlternativePath

        needs = []
        for subject, predicate, _ in _patterns(self._where):
            choices = predicate.args if isinstance(predicate, AlternativePath) else [predicate]
            if all(isinstance(choice, URIRef) for choice in choices):
                needs.append((_is_this(subject), frozenset(_iri(choice) for choice in choices)))
        return tuple(needs)


def _patterns(node: Any) -> Iterator[_Pattern]:
    """Yield the triple patterns that every solution matches; a path that may be empty is none."""
    from rdflib.paths import MulPath

    if node.name == "BGP":
        yield from (triple for triple in node.triples if not isinstance(triple[1], MulPath))
    elif node.name == "Join":
        yield from _patterns(node.p1)
        yield from _patterns(node.p2)
    elif node.name == "LeftJoin":
        yield from _patterns(node.p1)
    elif node.name in ("Project", "Distinct", "Filter", "Extend", "AggregateJoin") or (
        node.name == "Group" and node.expr  # without a key there is a solution where nothing matches
    ):
        yield from _patterns(node.p)


def _guards(node: Any) -> Iterator[tuple[str, bytes, str]]:
    """Yield the statements of each FILTER NOT EXISTS that is one statement with a known property."""
    from rdflib import URIRef, Variable

    if node.name not in ("Project", "Distinct", "Extend", "Filter"):
        return
    bound = {term for pattern in _patterns(node) for term in pattern} - {Variable("this")}
    for group in _denied(node.expr) if node.name == "Filter" else ():
        patterns = list(_patterns(group)) if _is_plain(group) else []
        for subject, predicate, value in patterns if len(patterns) == 1 else ():
            ends = {subject, value}
            if isinstance(predicate, URIRef) and all(isinstance(end, Variable) for end in ends) and not ends & bound:
                yield _place(subject), _iri(predicate), _place(value)
    yield from _guards(node.p)


def _is_plain(node: Any) -> bool:
    """Say whether a group is triple patterns and nothing else."""
    if node.name == "Join":
        return _is_plain(node.p1) and _is_plain(node.p2)
    return bool(node.name == "BGP") and len(node.triples) == len(list(_patterns(node)))


def _denied(expression: Any) -> Iterator[Any]:
    if getattr(expression, "name", "") == "ConditionalAndExpression":
        yield from _denied(expression.expr)
        for other in expression.other:
            yield from _denied(other)
    elif getattr(expression, "name", "") == "Builtin_NOTEXISTS":
        yield expression.graph


def _names(node: Any) -> Iterator[bytes]:
    from rdflib import URIRef
    from rdflib.paths import Path
    from rdflib.plugins.sparql.parserutils import CompValue

    if isinstance(node, URIRef):
        yield _iri(node)
    elif isinstance(node, CompValue):
        for value in node.values():
            yield from _names(value)
    elif isinstance(node, Path):
        yield from _names(list(vars(node).values()))
    elif isinstance(node, list | tuple | set):
        for value in node:
            yield from _names(value)


def _is_this(term: Any) -> bool:
    from rdflib import Variable

    return bool(term == Variable("this"))


def _place(variable: Any) -> str:
    return "this" if _is_this(variable) else "any"


def _iri(iri: Any) -> bytes:
    return f"<{iri}>".encode()
