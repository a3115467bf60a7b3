"""The group graph patterns of a query, with their places in the text (W3C SPARQL 1.1 Query, section 19, rules 53-67).

Nothing is evaluated and no term is resolved: this says which element stands where, which variables it can bind, and
which it always binds. A query that uses what is not read here is refused, with the reason, never half understood.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.errors import QueryRefused, QuerySyntaxError
from app.sparql.tokens import Token, place, syntax_error, tokens

__all__ = ["Element", "Group", "Select", "Structure", "read_structure"]

_ELEMENTS = frozenset({"OPTIONAL", "MINUS", "GRAPH", "SERVICE", "FILTER", "BIND", "VALUES"})
_CHOOSING = frozenset({"LIMIT", "OFFSET", "SAMPLE", "GROUP_CONCAT", "REDUCED"})
_DECLARED = {"BASE": 1, "PREFIX": 2, "VERSION": 1}
_OPEN, _CLOSE = frozenset("({["), frozenset(")}]")
_NOTHING: frozenset[str] = frozenset()


@dataclass(eq=False, slots=True)
class Element:
    """One element of a group, from `start` to `end` in the text.

    `kind` is triples, optional, minus, graph, service, filter, bind, values or group (of which there are several in a
    UNION). `groups` are those inside; `named` the variables and `labels` the blank nodes in its own text; `term` what
    follows GRAPH or SERVICE. `sure` is false for VALUES with an UNDEF.
    """

    kind: str
    start: int
    end: int = 0
    groups: list["Group"] = field(default_factory=list)
    named: frozenset[str] = _NOTHING
    labels: frozenset[str] = _NOTHING
    sure: bool = True
    term: Token | None = None
    silent: bool = False

    @property
    def visible(self) -> frozenset[str]:
        """The variables that its solutions may bind (section 18.2.1)."""
        if self.kind in ("minus", "filter"):
            return _NOTHING
        inner = _NOTHING.union(*(group.visible for group in self.groups))
        return inner if self.kind == "optional" else inner | self.named

    @property
    def certain(self) -> frozenset[str]:
        """The variables that each of its solutions binds."""
        if self.kind in ("minus", "filter", "optional", "bind") or self.silent:
            return _NOTHING
        own = self.named if self.sure else _NOTHING
        if not self.groups:
            return own
        inner = self.groups[0].certain
        for group in self.groups[1:]:
            inner &= group.certain
        return own | inner

    def services(self) -> Iterator["Element"]:
        """This element, if it is a SERVICE, else those inside."""
        if self.kind == "service":
            yield self
            return
        for group in self.groups:
            yield from group.services()


@dataclass(eq=False, slots=True)
class Select:
    """A subselect: its plain variables (None for `*`), those it makes, and what it selects from.

    A `limited` one takes some of the solutions, and which ones may be another matter the next time.
    """

    plain: frozenset[str] | None
    made: frozenset[str]
    where: "Group"
    values: frozenset[str]
    limited: bool


@dataclass(eq=False, slots=True)
class Group:
    """A group in its braces, both included: elements, or a subselect."""

    start: int
    end: int = 0
    elements: list[Element] = field(default_factory=list)
    select: Select | None = None

    @property
    def visible(self) -> frozenset[str]:
        """The variables that its solutions may bind."""
        if self.select is None:
            return _NOTHING.union(*(element.visible for element in self.elements))
        if self.select.plain is None:
            return self.select.where.visible | self.select.values
        return self.select.plain | self.select.made

    @property
    def certain(self) -> frozenset[str]:
        """The variables that each of its solutions binds."""
        if self.select is None:
            return _NOTHING.union(*(element.certain for element in self.elements))
        inner = self.select.where.certain
        return inner if self.select.plain is None else inner & self.select.plain - self.select.made

    @property
    def limited(self) -> bool:
        """Whether there is a limited subselect inside."""
        if self.select is not None:
            return self.select.limited or self.select.where.limited
        return any(group.limited for element in self.elements for group in element.groups)

    def services(self) -> Iterator[Element]:
        """The SERVICE clauses inside, but those that stand in another one."""
        if self.select is not None:
            yield from self.select.where.services()
        for element in self.elements:
            yield from element.services()


@dataclass(frozen=True, slots=True)
class Structure:
    """A whole query: its declarations, its FROM clauses as written, and its outermost group (None in DESCRIBE <…>)."""

    text: str
    prologue: str
    dataset: str
    where: Group | None


def read_structure(text: str) -> Structure:
    """Read a query that has a SERVICE in it. Raises QuerySyntaxError, and QueryRefused for what is not read here."""
    return _Reader(text).structure()


class _Reader:
    """Goes through the tokens once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokens(text))
        self._at = 0
        self._services = 0

    def structure(self) -> Structure:
        prologue = self._prologue()
        if self._word() == "CONSTRUCT":
            self._take()
            if self._mark() == "{":
                self._skip_brackets()
        else:
            self._skip_to(frozenset({"FROM", "WHERE"}))
        dataset = self._dataset()
        if self._word() == "WHERE":
            self._take()
        where = self._group() if self._mark() == "{" else None
        written = sum(token.kind == "word" and token.text.upper() == "SERVICE" for token in self._tokens)
        if written != self._services:
            raise QueryRefused(
                "A SERVICE stands where it cannot be planned, as in a template, SELECT, HAVING or ORDER BY; "
                "move it into the WHERE clause."
            )
        return Structure(self._text, prologue, dataset, where)

    # The text around the groups

    def _prologue(self) -> str:
        parts: list[str] = []
        while (count := _DECLARED.get(self._word())) is not None:
            parts += [self._take().text for _ in range(count + 1)]
        return " ".join(parts)

    def _dataset(self) -> str:
        parts: list[str] = []
        while self._word() == "FROM":
            parts.append(self._take().text)
            if self._word() == "NAMED":
                parts.append(self._take().text)
            parts.append(self._take().text)
        return " ".join(parts)

    # Groups

    def _group(self) -> Group:
        group = Group(self._expect("{").start)
        if self._word() == "SELECT":
            group.select = self._select()
        else:
            while self._mark() != "}":
                if self._mark() == ".":
                    self._take()
                else:
                    group.elements.append(self._element())
        group.end = self._expect("}").start + 1
        return group

    def _select(self) -> Select:
        begin = self._at
        self._take()
        plain: set[str] = set()
        made: set[str] = set()
        star = False
        while self._word() != "WHERE" and self._mark() != "{":
            if self._mark() == "(":
                self._skip_brackets()
                made.add(self._tokens[self._at - 2].text[1:])
            else:
                token = self._take()
                star |= token.text == "*"
                if token.kind == "variable":
                    plain.add(token.text[1:])
        if self._word() == "WHERE":
            self._take()
        before = self._at
        where = self._group()
        after = self._at
        values = self._modifiers()
        own = (*self._tokens[begin:before], *self._tokens[after : self._at])
        words = {token.text.upper() for token in own if token.kind == "word"}
        limited = not words.isdisjoint(_CHOOSING)
        return Select(None if star else frozenset(plain), frozenset(made), where, values, limited)

    def _modifiers(self) -> frozenset[str]:
        """What follows the WHERE clause of a subselect; returns the variables of its VALUES."""
        values = _NOTHING
        while self._mark() != "}":
            if self._word() == "VALUES":
                values = self._values().named
            elif self._mark() in _OPEN:
                self._skip_brackets()
            else:
                self._take()
        return values

    def _element(self) -> Element:
        match self._word():
            case "OPTIONAL" | "MINUS" as word:
                element = Element(word.lower(), self._take().start)
                element.groups.append(self._group())
            case "GRAPH" | "SERVICE" as word:
                element = self._named_group(word)
            case "FILTER":
                element = self._filter()
            case "BIND":
                element = self._bind()
            case "VALUES":
                element = self._values()
            case _ if self._mark() == "{":
                element = self._union()
            case _:
                element = self._triples()
        element.end = self._end()
        return element

    def _named_group(self, word: str) -> Element:
        element = Element(word.lower(), self._take().start)
        if word == "SERVICE":
            self._services += 1
            if self._word() == "SILENT":
                element.silent = True
                self._take()
        element.term = self._take()
        if element.term.kind not in ("iri", "name", "variable"):
            raise self._wrong(element.term)
        if element.term.kind == "variable":
            element.named = frozenset({element.term.text[1:]})
        element.groups.append(self._group())
        return element

    def _union(self) -> Element:
        element = Element("group", self._tokens[self._at].start)
        element.groups.append(self._group())
        while self._word() == "UNION":
            self._take()
            element.groups.append(self._group())
        return element

    def _filter(self) -> Element:
        element = Element("filter", self._take().start)
        begin = self._at
        while self._mark() != "(" and not (self._mark() == "{" and self._before() == "EXISTS"):
            self._take()
        if self._mark() == "(":
            element.groups += self._expression()
        else:
            element.groups.append(self._group())
        element.named = self._variables(begin)
        return element

    def _bind(self) -> Element:
        element = Element("bind", self._take().start)
        element.groups += self._expression()
        name, before = self._tokens[self._at - 2], self._tokens[self._at - 3]
        if name.kind != "variable" or before.text.upper() != "AS":
            raise self._wrong(name)
        for group in element.groups:
            for service in group.services():
                raise self._refused(service.start, "SERVICE inside BIND cannot be planned; use FILTER or a group")
        element.groups.clear()
        element.named = frozenset({name.text[1:]})
        return element

    def _expression(self) -> list[Group]:
        """Take an expression in its brackets; returns the groups of EXISTS in it."""
        groups: list[Group] = []
        level = 0
        while True:
            if self._mark() == "{":
                if self._before() != "EXISTS":
                    raise self._wrong(self._tokens[self._at])
                groups.append(self._group())
                continue
            token = self._take()
            level += (token.text == "(") - (token.text == ")") if token.kind == "mark" else 0
            if level == 0:
                return groups

    def _values(self) -> Element:
        element = Element("values", self._take().start)
        begin = self._at
        if self._mark() == "(":
            self._skip_brackets()
        else:
            self._take()
        element.named = self._variables(begin)
        begin = self._at
        if self._mark() != "{":
            raise self._wrong(self._tokens[self._at])
        self._skip_brackets()
        element.sure = not any(t.kind == "word" and t.text.upper() == "UNDEF" for t in self._tokens[begin : self._at])
        return element

    def _triples(self) -> Element:
        element = Element("triples", self._peek().start)
        begin = self._at
        while self._word() not in _ELEMENTS and self._mark() not in ("{", "}"):
            token = self._take()
            if token.kind == "word" and token.text.upper() in ("LATERAL", "UNION"):
                raise self._refused(token.start, f"{token.text.upper()} here cannot be planned beside SERVICE")
            if token.kind == "mark" and token.text in "<>~":
                raise self._refused(token.start, "RDF 1.2 triple terms cannot be planned beside SERVICE")
        if self._at == begin:
            raise self._wrong(self._peek())
        if self._mark() == "{" and self._tokens[self._at + 1].text in ("|", "||"):
            raise self._refused(self._peek().start, "RDF 1.2 annotations cannot be planned beside SERVICE")
        element.named = self._variables(begin)
        element.labels = frozenset(t.text for t in self._tokens[begin : self._at] if t.kind == "blank")
        return element

    # Tokens

    def _peek(self) -> Token:
        if self._at >= len(self._tokens):
            raise syntax_error(self._text, len(self._text), "the query ends too early")
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _word(self) -> str:
        if self._at >= len(self._tokens):
            return ""
        token = self._tokens[self._at]
        return token.text.upper() if token.kind == "word" else ""

    def _mark(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        return token.text if token and token.kind == "mark" else ""

    def _before(self) -> str:
        return self._tokens[self._at - 1].text.upper()

    def _end(self) -> int:
        last = self._tokens[self._at - 1]
        return last.start + len(last.text)

    def _expect(self, mark: str) -> Token:
        if self._mark() != mark:
            raise self._wrong(self._peek())
        return self._take()

    def _skip_to(self, words: frozenset[str]) -> None:
        while self._at < len(self._tokens) and self._word() not in words and self._mark() != "{":
            if self._mark() == "(":
                self._skip_brackets()
            else:
                self._take()

    def _skip_brackets(self) -> None:
        level = 0
        while True:
            token = self._take()
            if token.kind == "mark":
                level += (token.text in _OPEN) - (token.text in _CLOSE)
            if level == 0:
                return

    def _variables(self, begin: int) -> frozenset[str]:
        return frozenset(token.text[1:] for token in self._tokens[begin : self._at] if token.kind == "variable")

    def _wrong(self, token: Token) -> QuerySyntaxError:
        return syntax_error(self._text, token.start, f"{token.text[:40]} is out of place")

    def _refused(self, start: int, problem: str) -> QueryRefused:
        line, column = place(self._text, start)
        return QueryRefused(f"{problem} (line {line}, column {column}).")
