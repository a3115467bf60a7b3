"""The gate's quick look: which rules could say something about a graph? Mostly none, and then there is no finding.

    N-Triples --lines--> nodes, each with its statements --rules--> the Rules that do not surely hold

A rule is left out only where it surely holds, so the screen has no say in what is found: an engine runs the rules that
are left. Nodes of one kind with the same properties share a plan: what is left to look at once it is clear which
properties they have.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import pyoxigraph as ox

from loaders.shacl_query import Query
from loaders.shacl_rules import TYPE, Memo, Rule, Test, Truth, Unknown, rules

__all__ = ["Screen", "screen"]

_SUBCLASS = b"<http://www.w3.org/2000/01/rdf-schema#subClassOf>"
_PLANS = 4096

# Narrower than N-Triples: what no line of the emitter holds (blank nodes, relative or international IRIs, odd escapes)
# is left to a parser. Each repetition is possessive, so a line takes one pass.
_SAFE = rb"[A-Za-z0-9\-._~:/?@!$&'()*+,;=]*+"
_REST = _SAFE + rb"(?:%[0-9A-Fa-f]{2}" + _SAFE + rb")*+"
_IRI = rb"<https?://[A-Za-z0-9.\-]++(?:[/?]" + _REST + rb")?+(?:\#" + _REST + rb")?+>"
_CHARACTERS = rb'[^"\\\x00-\x1f\x7f]*+'
_ESCAPED = rb'\\(?:[tnrbf"\\]|u(?:[0-9A-Ca-cE-Fe-f][0-9A-Fa-f]|[Dd][0-7])[0-9A-Fa-f]{2})'
_LITERAL = rb'"' + _CHARACTERS + rb"(?:" + _ESCAPED + _CHARACTERS + rb')*+"(?:\^\^' + _IRI + rb"|@[a-z]{2})?+"
_END = b" .\n"
_is_iri = re.compile(_IRI).fullmatch
_is_term = re.compile(_IRI + rb"|" + _LITERAL).fullmatch

_Line = list[bytes]
"""Subject, predicate and object."""


class Screen:
    """A shapes graph (N-Triples), ready to look at data."""

    def __init__(self, shapes: bytes) -> None:
        """Read the rules. Raises ValueError where the shapes are not RDF."""
        self._shapes = shapes
        self._rules = rules(shapes)
        self._by_name = [rule for rule in self._rules if rule.nodes]
        self._not_understood = {rule for rule in self._rules if not rule.understood}
        self._plans: dict[tuple[frozenset[bytes], frozenset[bytes]], _Plan] = {}
        self._predicates: set[bytes] = set()
        self._by_class: dict[bytes, list[Rule]] = defaultdict(list)
        self._by_property: dict[bytes, list[Rule]] = defaultdict(list)
        for rule in self._rules:
            for kind in rule.classes:
                self._by_class[kind].append(rule)
            for predicate in rule.properties:
                self._by_property[predicate].append(rule)

    def parts(self, triples: bytes) -> list[tuple[bytes, bytes]]:
        """Return the shapes that may say something, each with the statements that matter to it (all N-Triples).

        Data that are not plain enough to tell are one part with all shapes.
        """
        lines = self._lines(triples)
        if lines is None:
            return [(self._shapes, triples)]
        suspects = self._suspects(_Data(lines))
        if suspects is None:
            return [(self._shapes, triples)]
        return [(rule.shapes, _lines_with(rule.sees, lines)) for rule in suspects]

    def _lines(self, triples: bytes) -> list[_Line] | None:
        """Return the statements, or None where one of them is not plain. Each term is looked at once a graph."""
        if not triples.endswith(_END) or not _is_utf8(triples):
            return None
        # What splits a line elsewhere than between its terms, a raw line end in a text say, leaves no plain terms.
        lines = [line.split(b" ", 2) for line in triples.removesuffix(_END).split(_END)]
        try:
            subjects = {subject for subject, _, _ in lines}
            predicates = {predicate for _, predicate, _ in lines} - self._predicates
            objects = {value for _, _, value in lines} - subjects
        except ValueError:  # fewer than three terms
            return None
        if not (all(map(_is_iri, subjects)) and all(map(_is_iri, predicates)) and all(map(_is_term, objects))):
            return None
        if len(self._predicates) < _PLANS:
            self._predicates |= predicates
        return lines

    def _suspects(self, data: "_Data") -> list[Rule] | None:
        """Return the rules that may not hold; None where classes have subclasses, which plans know nothing of."""
        for node, said in data.nodes.items():
            plan = self._plan(said)
            data.groups[plan].append((node, said))
        for plan, nodes in data.groups.items():
            data.properties |= plan.properties
            for kind in plan.classes:
                data.members[kind].update(node for node, _ in nodes)
        if _SUBCLASS in data.properties:
            return None
        found = {rule for rule in self._by_name if self._fails_at_named(rule, data)} | self._not_understood
        for plan, nodes in data.groups.items():
            found.update(plan.suspects(nodes, data, found))
        found.update(self._queried(data, found))
        return [rule for rule in self._rules if rule in found]

    def _plan(self, said: Sequence[_Line]) -> "_Plan":
        # An IRI can be a class here and a property there.
        marks = [_AS_CLASS[value] if predicate == TYPE else predicate for _, predicate, value in said]
        distinct = frozenset(marks)
        key = (distinct, _NONE if len(distinct) == len(marks) else frozenset(_repeated(marks)))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._new_plan(said)
            if len(self._plans) > _PLANS:
                self._plans.clear()
            self._plans[key] = plan
        return plan

    def _new_plan(self, said: Sequence[_Line]) -> "_Plan":
        classes = {value for _, predicate, value in said if predicate == TYPE}
        properties = {predicate for _, predicate, _ in said}
        targeted = [rule for kind in classes for rule in self._by_class.get(kind, ())]
        targeted += [rule for predicate in properties for rule in self._by_property.get(predicate, ())]
        return _Plan.of(dict.fromkeys(targeted), frozenset(classes), said)

    def _fails_at_named(self, rule: Rule, data: "_Data") -> bool:
        """Say whether a rule may fail at a node that it names as its target, whether it is in the data or not."""
        return any(
            rule.test(data, node) is not True or any(not data.denies(query, node) for query in rule.queries)
            for node in rule.nodes
        )

    def _queried(self, data: "_Data", known: set[Rule]) -> Iterable[Rule]:
        """Return the rules with a query that has a solution anywhere."""
        candidates = {rule for plan in data.groups for rule in plan.queried} - known
        asked = [
            (rule, query)
            for rule in candidates
            for query in rule.queries
            if all(not choice.isdisjoint(data.properties) for choice in query.of_any)
        ]
        if not asked:
            return
        store = ox.Store()
        names = frozenset[bytes]().union(*(query.names for _, query in asked))
        # Lenient: the terms were looked at already, and that would take a third of the time.
        store.load(_lines_with(names, data.lines), format=ox.RdfFormat.N_TRIPLES, lenient=True)
        for rule, query in asked:
            if not query.is_anchored or query.has_solution(store):
                yield rule


def _lines_with(predicates: frozenset[bytes], lines: Iterable[_Line]) -> bytes:
    """Return the lines that state one of these properties, as N-Triples."""
    return b"".join([b"%b %b %b .\n" % (*line,) for line in lines if line[1] in predicates])


@dataclass(eq=False)
class _Data:
    """The statements of a graph, for rules that look beyond one statement."""

    lines: list[_Line]
    nodes: dict[bytes, list[_Line]] = field(init=False)
    groups: "dict[_Plan, list[tuple[bytes, list[_Line]]]]" = field(default_factory=lambda: defaultdict(list))
    members: dict[bytes, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    properties: set[bytes] = field(default_factory=set)
    _of: dict[bytes, dict[bytes, list[bytes]]] = field(default_factory=dict)
    _with: dict[bytes, dict[bytes, list[bytes]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.nodes = defaultdict(list)
        nodes = self.nodes
        for line in self.lines:
            nodes[line[0]].append(line)

    def values(self, node: bytes, predicate: bytes) -> list[bytes]:
        """Return the objects of a node's statements."""
        said = self._of.get(node)
        if said is None:
            said = self._of[node] = defaultdict(list)
            for _, property_, value in self.nodes.get(node, ()):
                said[property_].append(value)
        return said.get(predicate, [])

    def subjects(self, predicate: bytes, value: bytes) -> list[bytes]:
        """Return the nodes with this value."""
        if predicate == TYPE:
            return list(self.members.get(value, ()))
        if predicate not in self._with:
            index = self._with[predicate] = defaultdict(list)
            for subject, said in (
                node for plan in self.groups if predicate in plan.properties for node in self.groups[plan]
            ):
                for _, property_, each in said:
                    if property_ == predicate:
                        index[each].append(subject)
        return self._with[predicate].get(value, [])

    def is_a(self, node: bytes, kind: bytes) -> bool:
        """Return whether a node is stated to be of a class."""
        return node in self.members.get(kind, ())

    def denies(self, query: Query, node: bytes) -> bool:
        """Say whether the data hold a statement that the query demands to be absent for this node."""
        for subject, predicate, value in query.absent:
            if predicate in self.properties and (
                (subject == "any" and value == "any")
                or (subject == "this" and value == "any" and self.values(node, predicate))
                or (subject == "any" and value == "this" and self.subjects(predicate, node))
            ):
                return True
        return False


@dataclass(eq=False)
class _Plan:
    """What is left to look at in nodes of these classes with these properties."""

    classes: frozenset[bytes]
    properties: frozenset[bytes]
    failing: list[Rule] = field(default_factory=list)
    each: dict[bytes, list[tuple[Memo, Rule]]] = field(default_factory=lambda: defaultdict(list))
    kinds: dict[bytes, list[tuple[bytes, Rule]]] = field(default_factory=lambda: defaultdict(list))
    others: list[tuple[Test, Rule]] = field(default_factory=list)
    queried: list[Rule] = field(default_factory=list)

    @classmethod
    def of(cls, targeted: Iterable[Rule], classes: frozenset[bytes], said: Sequence[_Line]) -> "_Plan":
        """Decide what the properties alone decide."""
        plan = cls(classes, frozenset(predicate for _, predicate, _ in said))
        node = _Abstract(said)
        for rule in targeted:
            if rule.test(node, _SELF) is not True:
                plan._add(rule, node)
            if any(plan._may_answer(query) for query in rule.queries):
                plan.queried.append(rule)
        return plan

    def _add(self, rule: Rule, node: "_Abstract") -> None:
        if not (rule.predicates and rule.counts(node, _SELF) is True):
            self.others.append((rule.test, rule))
            return
        for predicate in self.properties.intersection(rule.predicates):
            self.each[predicate].append((rule.each, rule))
            if rule.kind:
                self.kinds[predicate].append((rule.kind, rule))
        if not rule.simple:
            self.others.append((rule.beyond, rule))

    def _may_answer(self, query: Query) -> bool:
        if not all(not choice.isdisjoint(self.properties) for choice in query.of_focus):
            return False
        denied = {predicate for subject, predicate, value in query.absent if (subject, value) == ("this", "any")}
        return denied.isdisjoint(self.properties)

    def suspects(self, nodes: "Sequence[tuple[bytes, Sequence[_Line]]]", data: _Data, known: set[Rule]) -> set[Rule]:
        """Return the rules that may not hold of some of these nodes."""
        found: set[Rule] = set()
        stated: dict[bytes, set[bytes]] = {predicate: set() for predicate in self.each}
        for _, said in nodes:
            for _, predicate, value in said:
                if predicate in stated:
                    stated[predicate].add(value)
        for predicate, values in stated.items():
            found.update(rule for memo, rule in self.each[predicate] if not all(map(memo.__getitem__, values)))
            found.update(rule for kind, rule in self.kinds.get(predicate, ()) if not values <= data.members[kind])
        for test, rule in self.others:
            if rule not in known and any(test(data, node) is not True for node, _ in nodes):
                found.add(rule)
        return found


_SELF = b"this"
_NONE: frozenset[bytes] = frozenset()


class _Abstract:
    """A node of which only the properties are known, and its classes."""

    def __init__(self, said: Sequence[_Line]) -> None:
        self._said: dict[bytes, list[bytes | None]] = defaultdict(list)
        for _, predicate, value in said:
            self._said[predicate].append(value if predicate == TYPE else None)

    def values(self, node: bytes, predicate: bytes) -> Sequence[bytes | None]:
        """Return an unknown term for each value."""
        if node != _SELF:
            raise Unknown
        return self._said.get(predicate, ())

    def subjects(self, predicate: bytes, value: bytes) -> Sequence[bytes | None]:
        """Raise Unknown."""
        raise Unknown

    def is_a(self, node: bytes, kind: bytes) -> Truth:
        """Return whether the node itself is of a class."""
        return kind in self._said[TYPE] if node == _SELF else None


class _Marks(dict[bytes, bytes]):
    """Classes, each marked as one."""

    def __missing__(self, kind: bytes) -> bytes:
        if len(self) > _PLANS:
            self.clear()
        self[kind] = mark = b"a" + kind
        return mark


_AS_CLASS = _Marks()


def _repeated(marks: Iterable[bytes]) -> set[bytes]:
    seen: set[bytes] = set()
    return {mark for mark in marks if mark in seen or seen.add(mark)}  # type: ignore[func-returns-value]


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@lru_cache(maxsize=16)
def screen(shapes: bytes) -> Screen:
    """Return the screen of a shapes graph."""
    return Screen(shapes)
