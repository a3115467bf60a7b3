"""A SPARQL 1.1 update as the operations it is made of (W3C SPARQL 1.1 Update, section 3), each with its own texts.

The text is cut, not understood: the engine, which has parsed it before, gets the pieces to read again. So only what
holds the pieces together is looked at here, token by token and in time linear in the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import QuerySyntaxError
from app.sparql.tokens import Token, syntax_error, tokens

__all__ = ["Data", "Manage", "Modify", "Step", "Transfer", "steps"]


@dataclass(frozen=True, slots=True)
class Data:
    """INSERT DATA or DELETE DATA; `block` is the quads in their braces."""

    insert: bool
    block: str


@dataclass(frozen=True, slots=True)
class Modify:
    """DELETE and INSERT with WHERE; a template that is absent is `{}`, and blocks keep their braces."""

    with_graph: str | None
    delete: str
    insert: str
    using: tuple[str, ...]
    using_named: tuple[str, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Manage:
    """CREATE, CLEAR or DROP of a `graph`: its name as written, or DEFAULT, NAMED or ALL."""

    verb: str
    graph: str
    silent: bool


@dataclass(frozen=True, slots=True)
class Transfer:
    """ADD, MOVE or COPY from one graph to another: names as written, or DEFAULT."""

    verb: str
    source: str
    target: str
    silent: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One operation and where it stands in the text, with the declarations that hold there: BASE, PREFIX, VERSION."""

    operation: Data | Modify | Manage | Transfer
    start: int
    end: int
    declarations: tuple[tuple[int, int], ...]

    def prologue(self, text: str) -> str:
        """The declarations, on one line."""
        return " ".join(text[start:end] for start, end in self.declarations)

    def alone(self, text: str) -> str:
        """The update without its other operations; what is left stays in its line and column."""
        parts, done = [], 0
        for start, end in (*self.declarations, (self.start, self.end)):
            parts += [_NO_SPACE.sub(" ", text[done:start]), text[start:end]]
            done = end
        return "".join(parts)


_NO_SPACE = re.compile(r"[^\s]")
_DECLARED = {"BASE": ("iri",), "PREFIX": ("name", "iri"), "VERSION": ("string",)}


def steps(text: str) -> Iterator[Step]:
    """Yield the operations in order. Raises QuerySyntaxError for what is not put together as the grammar says."""
    cursor = _Cursor(text)
    declarations: tuple[tuple[int, int], ...] = ()
    labels: set[str] = set()
    while True:
        declarations += tuple(_declarations(cursor))
        if cursor.token is None:
            return
        start = cursor.token.start
        cursor.labels = set()
        operation = _operation(cursor)
        if isinstance(operation, Data):
            if labels & cursor.labels:
                label = min(labels & cursor.labels)
                raise syntax_error(text, start, f"{label} stands in an INSERT DATA before this one too; use another")
            labels |= cursor.labels
        yield Step(operation, start, cursor.end, declarations)
        if cursor.token is not None:
            cursor.expect(";")


class _Cursor:
    """The next token of a text, and ways to take it. `end` is where the last one ended, `labels` are of blank nodes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self.token: Token | None = next(self._tokens, None)
        self.end = 0
        self.labels: set[str] = set()

    def wrong(self) -> QuerySyntaxError:
        """The error for a token that cannot stand where it does."""
        if self.token is None:
            return syntax_error(self._text, len(self._text), "the update ends too early")
        return syntax_error(self._text, self.token.start, f"{self.token.text[:40]} is out of place")

    def take(self) -> Token:
        """Take the next token."""
        if self.token is None:
            raise self.wrong()
        taken, self.token = self.token, next(self._tokens, None)
        self.end = taken.start + len(taken.text)
        if taken.kind == "blank":
            self.labels.add(taken.text)
        return taken

    def accept(self, *words: str) -> str | None:
        """Take the next token if it is one of these words or marks, and return which."""
        if self.token and self.token.kind in ("word", "mark") and self.token.text.upper() in words:
            return self.take().text.upper()
        return None

    def expect(self, *words: str) -> str:
        """Take one of these words or marks. Raises QuerySyntaxError."""
        if found := self.accept(*words):
            return found
        raise self.wrong()

    def kind(self, *kinds: str) -> str:
        """Take a token of one of these kinds. Raises QuerySyntaxError."""
        if self.token and self.token.kind in kinds:
            return self.take().text
        raise self.wrong()

    def term(self) -> str:
        """Take an IRI or a prefixed name, as written."""
        return self.kind("iri", "name")

    def block(self) -> str:
        """Take everything from an opening brace to the one that closes it, both included."""
        opening = self.token
        self.expect("{")
        assert opening is not None
        while self.token is not None:
            token = self.take()
            if token.text == "}" and token.depth < opening.depth:
                return self._text[opening.start : token.start + 1]
        raise self.wrong()


def _declarations(cursor: _Cursor) -> Iterator[tuple[int, int]]:
    while cursor.token and (keyword := cursor.token.text.upper()) in _DECLARED:
        start = cursor.take().start
        for kind in _DECLARED[keyword]:
            cursor.kind(kind)
        yield start, cursor.end


def _operation(cursor: _Cursor) -> Data | Modify | Manage | Transfer:
    verb = cursor.expect("INSERT", "DELETE", "WITH", "CREATE", "CLEAR", "DROP", "ADD", "MOVE", "COPY")
    if verb in ("CREATE", "CLEAR", "DROP"):
        silent = bool(cursor.accept("SILENT"))
        every = cursor.accept("DEFAULT", "NAMED", "ALL") if verb != "CREATE" else None
        return Manage(verb, every or _graph(cursor, keyword=True), silent)
    if verb in ("ADD", "MOVE", "COPY"):
        silent = bool(cursor.accept("SILENT"))
        source = _graph_or_default(cursor)
        cursor.expect("TO")
        return Transfer(verb, source, _graph_or_default(cursor), silent)
    if verb != "WITH" and cursor.accept("DATA"):
        return Data(verb == "INSERT", cursor.block())
    if verb == "DELETE" and cursor.accept("WHERE"):
        pattern = cursor.block()
        return Modify(None, pattern, "{}", (), (), pattern)
    graph = cursor.term() if verb == "WITH" else None
    return _modify(cursor, graph, cursor.expect("INSERT", "DELETE") if graph else verb)


def _modify(cursor: _Cursor, with_graph: str | None, verb: str) -> Modify:
    delete = cursor.block() if verb == "DELETE" else "{}"
    insert = cursor.block() if verb == "INSERT" or cursor.accept("INSERT") else "{}"
    using: list[str] = []
    using_named: list[str] = []
    while cursor.accept("USING"):
        (using_named if cursor.accept("NAMED") else using).append(cursor.term())
    cursor.expect("WHERE")
    return Modify(with_graph, delete, insert, tuple(using), tuple(using_named), cursor.block())


def _graph_or_default(cursor: _Cursor) -> str:
    return cursor.accept("DEFAULT") or _graph(cursor, keyword=False)


def _graph(cursor: _Cursor, *, keyword: bool) -> str:
    """The name after GRAPH, which ADD, MOVE and COPY may leave out."""
    if not cursor.accept("GRAPH") and keyword:
        raise cursor.wrong()
    return cursor.term()
