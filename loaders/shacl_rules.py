"""The shapes as rules that a program can decide quickly: read once from the SHACL files, nothing is said twice.

    shapes (N-Triples) --rules--> Rules, each with its targets, what it holds of a node, and what it can see

A rule is decided in three values: it holds, it does not, or None for what only a full engine should say. Whatever is
not understood here, a component or a kind of path, gives None, so leaving something out costs time and no finding.
The sections named are those of SHACL, W3C Recommendation of 20 July 2017.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache, cached_property, lru_cache
from typing import Any, Protocol

import pyoxigraph as ox

from loaders.shacl_query import Query
from loaders.terms import PREFIXES, XSD

__all__ = ["TYPE", "Graph", "Memo", "Rule", "Test", "Truth", "Unknown", "rules"]

Truth = bool | None
"""Whether something holds; None where a full engine must say."""

TYPE = f"<{PREFIXES['rdf']}type>".encode()

_SH = "http://www.w3.org/ns/shacl#"
_RDF = PREFIXES["rdf"]
_MEMORY = 50_000
_LONG = 200
"""Bytes of a term that is not remembered: texts do not come twice."""


class Unknown(Exception):
    """A graph is asked for what it does not know."""


class Graph(Protocol):
    """What a rule asks of the data. Terms are in N-Triples syntax; None is a term that is there, but not known."""

    def values(self, node: bytes, predicate: bytes) -> Sequence[bytes | None]:
        """Return the objects of a node's statements, or raise Unknown."""

    def subjects(self, predicate: bytes, value: bytes) -> Sequence[bytes | None]:
        """Return the nodes with this value, or raise Unknown."""

    def is_a(self, node: bytes, kind: bytes) -> Truth:
        """Return whether a node is stated to be of a class."""


Test = Callable[[Graph, bytes], Truth]
"""Decides something of a node."""

_Path = Callable[[Graph, bytes], Sequence[bytes | None]]
_Statements = dict[Any, dict[str, list[Any]]]


class Memo(dict[bytes, bool]):
    """Which terms surely pass a test that depends on the term alone."""

    def __init__(self, test: Callable[[bytes], bool]) -> None:
        """Remember what a test says."""
        self._test = test

    def __missing__(self, term: bytes) -> bool:
        """Test a term that is new."""
        if len(self) > _MEMORY:
            self.clear()
        passed = self._test(term)
        if len(term) < _LONG:
            self[term] = passed
        return passed


@dataclass(frozen=True, eq=False)
class Rule:
    """One shape at the targets of one shape: a targeted shape itself, or one of its property shapes.

    `predicates` are those of a path that is one property or a choice of properties, else none. `counts` says whether
    the number of values is right, `each` tests a value by itself, `kind` is the class each value must have. Where
    these three are not all there is to the rule, `simple` is False and `beyond` decides the rest; `test` decides all.
    """

    shapes: bytes
    classes: tuple[bytes, ...]
    nodes: tuple[bytes, ...]
    properties: tuple[bytes, ...]
    predicates: tuple[bytes, ...]
    simple: bool
    counts: Test
    each: Memo
    kind: bytes | None
    beyond: Test
    test: Test
    queries: tuple[Query, ...] = ()
    understood: bool = True

    @cached_property
    def sees(self) -> frozenset[bytes]:
        """The predicates of all statements that can matter to the rule: the IRIs its shapes name, and the types."""
        named = set(re.findall(rb"<[^<>\s]*>", self.shapes)) | {TYPE}
        return frozenset(named.union(*(query.names for query in self.queries)))


@lru_cache(maxsize=16)
def rules(shapes: bytes) -> tuple[Rule, ...]:
    """Return the rules of a shapes graph (N-Triples)."""
    return tuple(_Reader(shapes).rules())


@dataclass
class _Reader:
    """The shapes graph, while it is read."""

    shapes: bytes
    of: _Statements = field(init=False)

    def __post_init__(self) -> None:
        self.of = defaultdict(lambda: defaultdict(list))
        for quad in ox.parse(self.shapes, format=ox.RdfFormat.N_TRIPLES):
            self.of[quad.subject][quad.predicate.value].append(quad.object)

    def rules(self) -> Iterator[Rule]:
        """Yield a rule for each property shape of each targeted shape, and one for what else it demands itself."""
        for shape in list(self.of):
            said = self.of[shape]
            if any(key.startswith(_SH + "target") for key in said) or _is_class(said):
                if _SH + "path" in said:
                    yield self._rule(shape, shape, said)
                    continue
                frame = {key: values for key, values in said.items() if _is_frame(key)}
                for part in said.get(_SH + "property", ()):
                    yield self._rule(shape, part, frame | {_SH + "property": [part]})
                own = {key: values for key, values in said.items() if key != _SH + "property"}
                if own != frame:
                    yield self._rule(shape, shape, own)

    def _rule(self, shape: Any, judged: Any, kept: dict[str, list[Any]]) -> Rule:
        """Return what `judged` demands of the targets of `shape`, of which only `kept` is looked at."""
        said = self.of[shape]
        constraints = _Constraints(self, judged, kept if judged == shape else self.of[judged])
        off = any(_true(self.of[each].get(_SH + "deactivated", ())) for each in (shape, judged))
        known = {_SH + name for name in ("targetClass", "targetNode", "targetSubjectsOf")}
        understood = not _is_class(said) and all(key in known for key in said if key.startswith(_SH + "target"))
        return Rule(
            shapes=_n_triples(self._closure(shape, kept)),
            classes=_terms(said.get(_SH + "targetClass", ())),
            nodes=_terms(said.get(_SH + "targetNode", ())),
            properties=_terms(said.get(_SH + "targetSubjectsOf", ())),
            predicates=self.predicates(self.of[judged].get(_SH + "path", ())),
            simple=constraints.simple,
            counts=constraints.counts,
            each=Memo(constraints.each),
            kind=constraints.kind,
            beyond=constraints.beyond,
            test=_holds if off else constraints.test,
            queries=() if off else constraints.queries,
            understood=understood and constraints.understood,
        )

    def _closure(self, shape: Any, kept: dict[str, list[Any]]) -> Iterator[ox.Triple]:
        """Yield the statements about a shape and all that it refers to, with no targets but its own."""
        waiting: list[Any] = [shape]
        seen = {shape}
        while waiting:
            subject = waiting.pop()
            for key, values in (kept if subject == shape else self.of[subject]).items():
                if subject != shape and key.startswith(_SH + "target"):
                    continue
                for value in values:
                    yield ox.Triple(subject, ox.NamedNode(key), value)
                    if value in self.of and value not in seen:
                        seen.add(value)
                        waiting.append(value)

    def list(self, head: Any) -> list[Any]:
        """Return the members of an RDF list."""
        members = []
        while head in self.of and _RDF + "first" in self.of[head]:
            members.append(self.of[head][_RDF + "first"][0])
            head = self.of[head][_RDF + "rest"][0]
        return members

    def predicates(self, paths: Iterable[Any]) -> tuple[bytes, ...]:
        """Return the properties of a path that is one property or a choice of properties; else nothing."""
        found: list[Any] = []
        for path in paths:
            choices = self.of[path].get(_SH + "alternativePath") if path in self.of else None
            found += self.list(choices[0]) if choices else [path]
        return _terms(found) if all(isinstance(each, ox.NamedNode) for each in found) else ()

    def path(self, path: Any) -> _Path:
        """Return what finds the value nodes of a property path (section 2.3.1)."""
        if isinstance(path, ox.NamedNode):
            predicate = _term(path)
            return lambda graph, node: graph.values(node, predicate)
        said = self.of[path]
        if _RDF + "first" in said:
            return _sequence([self.path(step) for step in self.list(path)])
        ((key, (value,)),) = said.items()
        if key == _SH + "alternativePath":
            return _choice([self.path(step) for step in self.list(value)])
        if key == _SH + "inversePath" and isinstance(value, ox.NamedNode):
            predicate = _term(value)
            return lambda graph, node: graph.subjects(predicate, node)
        return _unknown_path

    def prefixes(self, query: Any) -> str:
        """Return the prologue of a SPARQL constraint (section 5.2.1)."""
        declared = [self.of[each] for at in self.of[query][_SH + "prefixes"] for each in self.of[at][_SH + "declare"]]
        lines = {f"PREFIX {each[_SH + 'prefix'][0].value}: <{each[_SH + 'namespace'][0].value}>\n" for each in declared}
        return "".join(sorted(lines))


class _Constraints:
    """What a shape demands, taken apart into what can be decided at once and what needs the graph."""

    def __init__(self, reader: _Reader, shape: Any, said: dict[str, list[Any]]) -> None:
        self.reader = reader
        self.understood = True
        self.queries: tuple[Query, ...] = ()
        self.kind: bytes | None = None
        self._counts: list[Callable[[Sequence[bytes | None]], Truth]] = []
        self._local: list[Test] = []
        self._other: list[Callable[[Graph, bytes, Sequence[bytes | None]], Truth]] = []
        path = said.get(_SH + "path")
        self._path: _Path | None = reader.path(path[0]) if path else None
        for key, values in said.items():
            if key.startswith(_SH):
                for value in values:
                    self._add(key.removeprefix(_SH), value, said)
        self.simple = not self._other

    def counts(self, graph: Graph, node: bytes) -> Truth:
        """Decide whether the number of values is right."""
        values = self._values(graph, node)
        return all_of(test(values) for test in self._counts)

    def each(self, term: bytes) -> bool:
        """Say whether a value surely passes all tests that depend on it alone."""
        return all(test(_NOTHING, term) is True for test in self._local)

    def beyond(self, graph: Graph, node: bytes) -> Truth:
        """Decide what is neither a number of values nor about each value by itself, for a path that is understood."""
        values = self._values(graph, node)
        return all_of([other(graph, node, values) for other in self._other])

    def test(self, graph: Graph, node: bytes) -> Truth:
        """Decide everything but the queries."""
        try:
            values = self._values(graph, node)
        except Unknown:
            return None
        return all_of(self._decide(graph, node, values))

    def _decide(self, graph: Graph, node: bytes, values: Sequence[bytes | None]) -> Iterator[Truth]:
        yield from (test(values) for test in self._counts)
        for value in values:
            for test in self._local:
                yield None if value is None else test(graph, value)
            if self.kind:
                yield None if value is None else graph.is_a(value, self.kind)
        yield from (other(graph, node, values) for other in self._other)

    def _values(self, graph: Graph, node: bytes) -> Sequence[bytes | None]:
        return self._path(graph, node) if self._path else (node,)

    def _add(self, name: str, value: Any, said: dict[str, list[Any]]) -> None:
        if name in _SAYS_NOTHING or name.startswith("target"):
            return
        if name in _LOCAL and not (name == "pattern" and _SH + "flags" in said):
            self._local.append(_LOCAL[name](self.reader.list(value) if name == "in" else value))
        elif name in ("minCount", "maxCount"):
            self._counts.append(_COUNTS[name](int(value.value)))
        elif name == "class" and self.kind is None:
            self.kind = _term(value)
        elif name in ("node", "not", "or", "and", "property"):
            self._add_logic(name, value)
        elif name in _PAIRS:
            self._other.append(_PAIRS[name](_term(value)))
        elif name == "hasValue":
            self._other.append(_has_value(_term(value)))
        elif name == "sparql":
            text = self.reader.of[value].get(_SH + "select")
            deactivated = _true(self.reader.of[value].get(_SH + "deactivated", ()))
            if text and not deactivated:
                self.queries += (Query(self.reader.prefixes(value) + text[0].value),)
            self.understood &= bool(text)
        else:
            self.understood = False

    def _add_logic(self, name: str, value: Any) -> None:
        members = self.reader.list(value) if name in ("or", "and") else [value]
        parts = [_Constraints(self.reader, member, self.reader.of[member]) for member in members]
        if any(part.queries or not part.understood for part in parts):
            self.understood = False
            return
        off = [_true(self.reader.of[member].get(_SH + "deactivated", ())) for member in members]
        tests: list[Test] = [_holds if skip else part.test for part, skip in zip(parts, off, strict=True)]
        decide = _LOGIC[name](tests)
        if all(part.is_local for part in parts):
            self._local.append(decide)
        else:
            self._other.append(
                lambda graph, _, values: all_of(None if value is None else decide(graph, value) for value in values)
            )

    @property
    def is_local(self) -> bool:
        """Whether a term alone decides."""
        return not (self._path or self._other or self.kind or self._counts)


class _NoGraph:
    """No data: what a term alone does not decide is unknown."""

    def values(self, node: bytes, predicate: bytes) -> Sequence[bytes | None]:
        raise Unknown

    def subjects(self, predicate: bytes, value: bytes) -> Sequence[bytes | None]:
        raise Unknown

    def is_a(self, node: bytes, kind: bytes) -> Truth:
        return None


_NOTHING = _NoGraph()


def all_of(truths: Iterable[Truth]) -> Truth:
    """Return the conjunction in three values."""
    result: Truth = True
    for truth in truths:
        if truth is False:
            return False
        result = result and truth
    return result


def _any_of(tests: list[Test]) -> Test:
    def decide(graph: Graph, node: bytes) -> Truth:
        truths = [test(graph, node) for test in tests]
        return True if True in truths else None if None in truths else False

    return decide


def _every_of(tests: list[Test]) -> Test:
    return lambda graph, node: all_of(test(graph, node) for test in tests)


def _none_of(tests: list[Test]) -> Test:
    decide = _any_of(tests)

    def negated(graph: Graph, node: bytes) -> Truth:
        truth = decide(graph, node)
        return None if truth is None else not truth

    return negated


def _holds(graph: Graph, node: bytes) -> Truth:
    return True


def _sequence(steps: list[_Path]) -> _Path:
    def values(graph: Graph, node: bytes) -> Sequence[bytes | None]:
        found: list[bytes | None] = [node]
        for step in steps:
            if None in found:
                raise Unknown
            found = list(dict.fromkeys(value for each in found if each for value in step(graph, each)))
        return found

    return values


def _choice(steps: list[_Path]) -> _Path:
    def values(graph: Graph, node: bytes) -> Sequence[bytes | None]:
        return [value for step in steps for value in step(graph, node)]

    return values


def _unknown_path(graph: Graph, node: bytes) -> Sequence[bytes | None]:
    raise Unknown


# --- Components on one term ----------------------------------------------------------------------------------------

_STRING = re.compile(rb'"(.*)"(?:\^\^<[^>]*>|@[a-zA-Z0-9-]+)?', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))")
_PLAIN = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f"}
# Narrower than the datatypes: long numbers, years beyond four digits and time zones are left to the engine.
_FORMS = {
    "integer": r"[+-]?[0-9]{1,15}",
    "decimal": r"[+-]?[0-9]{1,15}(\.[0-9]{1,12})?",
    "boolean": r"true|false",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "gYearMonth": r"[0-9]{4}-(0[1-9]|1[0-2])",
    "gYear": r"[0-9]{4}",
    "duration": r"P(?=[0-9])([0-9]{1,6}Y)?([0-9]{1,6}M)?([0-9]{1,6}D)?|PT(?=[0-9])([0-9]{1,6}H)?([0-9]{1,6}M)?",
}
_NUMBER = re.compile(
    rb'"([+-]?[0-9]{1,15}(?:\.[0-9]{1,12})?)"\^\^<' + re.escape(XSD.encode()) + rb"(?:decimal|integer)>"
)


def _text(term: bytes) -> str:
    """Return what sh:pattern sees of a term: an IRI, or the lexical form of a literal."""
    if term.startswith(b"<"):
        return term[1:-1].decode()
    match = _STRING.fullmatch(term)
    text = match[1].decode() if match else ""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _PLAIN.get(found[2], found[2]), text)


@lru_cache(maxsize=_MEMORY)
def _number(term: bytes) -> Decimal | None:
    match = _NUMBER.fullmatch(term)
    if not match or (b"." in match[1] and term.endswith(b"integer>")):
        return None
    return Decimal(match[1].decode())


def _same(one: bytes, other: bytes) -> Truth:
    """Say whether two terms are the same. A literal can be written in more than one way."""
    if one == other:
        return True
    return None if one.startswith(b'"') and other.startswith(b'"') else False


def _datatype(value: Any) -> Test:
    form = _FORMS.get(value.value.removeprefix(XSD))
    suffix = f'"^^{value}'.encode()
    lexical = re.compile(form) if form and value.value.startswith(XSD) else None

    def test(_: Graph, term: bytes) -> Truth:
        if term.startswith(b"<"):
            return False
        if lexical is None:
            return None
        if not term.endswith(suffix):
            return False
        text = _text(term)
        if not lexical.fullmatch(text):
            return None
        return _is_date(text) or None if suffix.endswith(b"#date>") else True

    return test


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def _in(values: list[Any]) -> Test:
    terms = frozenset(_terms(values))

    def test(_: Graph, term: bytes) -> Truth:
        return True if term in terms else False if term.startswith(b"<") else None

    return test


def _pattern(value: Any) -> Test:
    # "$" is the end of the text in XPath and Rust; in Python it is also before a line end there.
    pattern = re.compile(re.sub(r"(?<!\\)\$(?![^\[]*\])", r"\\Z", value.value))
    return lambda _, term: True if pattern.search(_text(term)) else None


def _max_length(value: Any) -> Test:
    most = int(value.value)
    # No character takes less than one byte, so most texts need not be decoded.
    return lambda _, term: True if len(term) <= most or len(_text(term)) <= most else None


def _node_kind(value: Any) -> Test:
    kind = value.value.removeprefix(_SH)

    def test(_: Graph, term: bytes) -> Truth:
        is_iri = term.startswith(b"<")
        return is_iri if kind == "IRI" else not is_iri if kind == "Literal" else None

    return test


def _bound(holds: Callable[[Decimal, Decimal], bool]) -> Callable[[Any], Test]:
    def component(value: Any) -> Test:
        limit = _number(_term(value))

        def test(_: Graph, term: bytes) -> Truth:
            number = _number(term)
            return None if number is None or limit is None else holds(number, limit)

        return test

    return component


_LOCAL: dict[str, Callable[[Any], Test]] = {
    "datatype": _datatype,
    "in": _in,
    "pattern": _pattern,
    "maxLength": _max_length,
    "nodeKind": _node_kind,
    "minInclusive": _bound(lambda number, limit: number >= limit),
    "maxInclusive": _bound(lambda number, limit: number <= limit),
    "minExclusive": _bound(lambda number, limit: number > limit),
    "maxExclusive": _bound(lambda number, limit: number < limit),
}

# --- Components on all values of a path ----------------------------------------------------------------------------


def _min_count(least: int) -> Callable[[Sequence[bytes | None]], Truth]:
    # Two literals may be one, written in two ways, or two unknown values may be the same.
    return lambda values: len(values) >= least if len(values) < 2 or least < 2 else None


def _max_count(most: int) -> Callable[[Sequence[bytes | None]], Truth]:
    def test(values: Sequence[bytes | None]) -> Truth:
        if len(values) <= most and None not in values:
            return True
        if len(values) < 2:
            return len(values) <= most
        return True if None not in values and len(set(values)) <= most else None if most else False

    return test


def _has_value(wanted: bytes) -> Callable[[Graph, bytes, Sequence[bytes | None]], Truth]:
    def test(_: Graph, __: bytes, values: Sequence[bytes | None]) -> Truth:
        truths = [None if value is None else _same(value, wanted) for value in values]
        return True if True in truths else None if None in truths else False

    return test


def _pair(holds: Callable[[bytes, bytes], Truth]) -> Callable[[bytes], Any]:
    def component(predicate: bytes) -> Callable[[Graph, bytes, Sequence[bytes | None]], Truth]:
        def test(graph: Graph, node: bytes, values: Sequence[bytes | None]) -> Truth:
            others = graph.values(node, predicate) if values else ()
            return all_of(
                None if value is None or other is None else holds(value, other) for value in values for other in others
            )

        return test

    return component


def _ordered(holds: Callable[[Decimal, Decimal], bool]) -> Callable[[bytes, bytes], Truth]:
    def test(value: bytes, other: bytes) -> Truth:
        one, two = _number(value), _number(other)
        return None if one is None or two is None else holds(one, two)

    return test


def _apart(value: bytes, other: bytes) -> Truth:
    same = _same(value, other)
    return None if same is None else not same


_COUNTS = {"minCount": _min_count, "maxCount": _max_count}
_PAIRS = {
    "lessThan": _pair(_ordered(lambda value, other: value < other)),
    "lessThanOrEquals": _pair(_ordered(lambda value, other: value <= other)),
    "disjoint": _pair(_apart),
}
_LOGIC = {"or": _any_of, "and": _every_of, "not": _none_of, "node": _every_of, "property": _every_of}
_SAYS_NOTHING = {"path", "severity", "message", "deactivated", "name", "description", "order", "group", "flags"}


def _is_class(said: dict[str, list[Any]]) -> bool:
    """Say whether a shape is also a class, and so its own target (section 2.1.3.3)."""
    return any(kind.value.endswith("#Class") for kind in said.get(_RDF + "type", ()))


def _is_frame(key: str) -> bool:
    """Say whether a statement is about a shape as such: its targets, and not what it demands."""
    return not key.startswith(_SH) or key.startswith(_SH + "target") or key == _SH + "deactivated"


def _true(values: Iterable[Any]) -> bool:
    return any(value.value in ("true", "1") for value in values)


@cache
def _term(term: Any) -> bytes:
    return str(term).encode()


def _terms(terms: Iterable[Any]) -> tuple[bytes, ...]:
    return tuple(_term(term) for term in terms)


def _n_triples(triples: Iterable[ox.Triple]) -> bytes:
    return ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES) or b""
