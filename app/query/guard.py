"""What is refused before the engine sees a query: SERVICE and LOAD, updates, and texts built to exhaust the parser.

The engine reads SPARQL without a separate lexer and more leniently than the grammar (W3C SPARQL 1.1 Query, section 19):
`1SERVICE<…>`, `SERVICEex:a {…}` and `?a<1)#>` all mean to it what the grammar's longest match forbids. So the lexer
here follows the grammar, and wherever the engine could read a text differently it either takes the reading that hides
nothing or refuses the text. It makes one pass, in time linear in the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from app.errors import QueryRefused, QuerySyntaxError, QueryTooLarge
from app.settings import Settings

__all__ = ["QueryForm", "check_query", "is_repeatable"]


class QueryForm(StrEnum):
    """The four query forms (W3C SPARQL 1.1 Query, section 16)."""

    SELECT = "SELECT"
    ASK = "ASK"
    CONSTRUCT = "CONSTRUCT"
    DESCRIBE = "DESCRIBE"


_BASE = (
    r"A-Za-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF\u200C\u200D\u2070-\u218F"
    r"\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD\U00010000-\U000EFFFF"
)
_VARIABLE = rf"{_BASE}_0-9\u00B7\u0300-\u036F\u203F\u2040"
_CHARS = rf"{_VARIABLE}\-"
_PLX = r"%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?\#@%]"
_LOCAL = rf"(?:[{_BASE}_0-9:]|{_PLX})(?:[{_CHARS}:]|{_PLX}|\.++(?=[{_CHARS}:%\\]))*+"

# Only code points that exist: a long string with \uD800 in it is no long string to the engine, which then reads its
# opening ''' as an empty string and what follows as code. The same holds for an unknown escape such as \x.
_UCHAR = (
    r"\\u(?![Dd][89A-Fa-f])[0-9A-Fa-f]{4}"
    r"|\\U(?:0000(?![Dd][89A-Fa-f])|000[1-9A-Fa-f]|0010)[0-9A-Fa-f]{4}"
)
_ESCAPE = rf"""\\[tbnrf\\"']|{_UCHAR}"""

_TOKEN = re.compile(
    rf"""
    (?P<space>    [ \t\r\n]++ | \#[^\r\n]*+ )
  | (?P<iri>      <(?:[^\x00-\x20<>"{{}}|^`\\]|{_UCHAR})*+> )
  | (?P<string>   '''(?:[^'\\]|{_ESCAPE}|'(?!''))*+''' | \"\"\"(?:[^"\\]|{_ESCAPE}|"(?!""))*+\"\"\"
                | '(?!'')(?:[^'\\\r\n]|{_ESCAPE})*+'   | "(?!"")(?:[^"\\\r\n]|{_ESCAPE})*+" )
  | (?P<variable> [?$][{_BASE}_0-9][{_VARIABLE}]*+ )
  | (?P<blank>    _:[{_BASE}_0-9](?:[{_CHARS}]++|\.++(?=[{_CHARS}]))*+ )
  | (?P<language> @[A-Za-z]++(?:-[A-Za-z0-9]++)*+(?:--[A-Za-z]++)?+ )
  | (?P<number>   [+\-]?(?:[0-9]++(?:\.[0-9]*+(?=[0-9eE]))?+|\.[0-9]++)(?:[eE][+\-]?[0-9]++)?+ )
  | (?P<name>     (?=[{_BASE}:])(?P<word>[{_BASE}](?:[{_CHARS}]++|\.++(?=[{_CHARS}]))*+)?+(?P<local>:(?:{_LOCAL})?+)?+ )
  | (?P<mark>     \|\| | && | [{{}}()\[\].;,|/^*+!?<>=&~\-] )
    """,
    re.VERBOSE,
)

_FORM = re.compile("SELECT|ASK|CONSTRUCT|DESCRIBE", re.IGNORECASE)
_UPDATE = re.compile("INSERT|DELETE|CLEAR|CREATE|DROP|MOVE|COPY|ADD|WITH", re.IGNORECASE)
_PROLOGUE = frozenset({"BASE", "PREFIX", "VERSION"})
_REFUSED = re.compile("SERVICE|LOAD", re.IGNORECASE)
_BRANCH = re.compile("UNION|OPTIONAL|MINUS|LATERAL", re.IGNORECASE)
_BRANCH_MARKS = frozenset({"||", "&&", "!", "*", "/", "+", "-"})
_CODEPOINT = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_VOLATILE = re.compile("NOW|RAND|UUID|BNODE", re.IGNORECASE)
_HIERARCHICAL = re.compile(r"<[A-Za-z][A-Za-z0-9+.\-]*://")
_PAIRS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    depth: int

    @property
    def ends_operand(self) -> bool:
        """Whether a comparison operator may follow, as after a term or a closing bracket."""
        if self.kind == "word":
            return self.text.lower().endswith(("true", "false"))
        return self.kind != "mark" or self.text in _PAIRS


def check_query(text: str, settings: Settings) -> QueryForm:
    """Say which form of query `text` is, or raise what is wrong with it. It may still not parse.

    Raises QueryTooLarge (`query_bytes`, `query_depth`, `query_branches`), QueryRefused (SERVICE, LOAD) and
    QuerySyntaxError (a text that is not made of SPARQL's tokens, or starts with no query form).
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > settings.query_bytes:
        raise QueryTooLarge(f"The query has {size:,} bytes; this endpoint reads at most {settings.query_bytes:,}.")
    _check_decoded(text, settings)
    return _check(text, settings)


def is_repeatable(text: str) -> bool:
    """Whether the same data gives the same answer again: no NOW, RAND, UUID, STRUUID or BNODE is called.

    `text` has passed `check_query`. Searched in every word, as the engine takes `trueNOW()` for two; so a query may be
    taken for a volatile one where its text is odd, but never the other way round.
    """
    return not _VOLATILE.search(text) or not any(
        token.kind == "word" and _VOLATILE.search(token.text) for token in _tokens(text)
    )


def _check_decoded(text: str, settings: Settings) -> None:
    r"""Refuse what the text says once its \u escapes are decoded, which the standard does before it reads tokens.

    The engine decodes them inside strings and IRIs only, so both readings count (W3C SPARQL 1.1 Query, section 19.2).
    """
    if not _CODEPOINT.search(text):
        return
    decoded = _CODEPOINT.sub(_decode, text)
    try:
        _check(decoded, settings)
    except QuerySyntaxError:
        return  # Not SPARQL in this reading; the text itself is checked next.


def _decode(escape: re.Match[str]) -> str:
    code = int(escape[1] or escape[2], 16)
    return chr(code) if code < 0x110000 else escape[0]


def _check(text: str, settings: Settings) -> QueryForm:
    form: QueryForm | None = None
    branches = 0
    previous = before_previous = None
    for token in _tokens(text):
        if token.depth > settings.query_depth:
            raise QueryTooLarge(f"The query nests deeper than the {settings.query_depth} levels this endpoint accepts.")
        if token.kind == "word":
            _refuse_keyword(text, token)
            form = form or _form(text, token)
        elif token.text == "{" and previous and _may_read_as_service(previous, before_previous):
            raise _refusal(text, previous, "SERVICE")
        branches += _branches(token)
        if branches > settings.query_branches:
            raise QueryTooLarge(
                f"The query has more than {settings.query_branches} UNION, OPTIONAL, MINUS, logical and path operators."
            )
        before_previous, previous = previous, token
    if form is None:
        raise _syntax_error(text, len(text), "the text ends before a SELECT, ASK, CONSTRUCT or DESCRIBE")
    return form


def _tokens(text: str) -> Iterator[_Token]:
    """The tokens of `text` without white space and comments. Raises QuerySyntaxError where there is none."""
    position = 0
    nesting = _Nesting()
    previous: _Token | None = None
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _no_token(text, position)
        kind, word = match.lastgroup or "", match[0]
        if kind == "iri" and nesting.may_compare(previous) and not _HIERARCHICAL.match(word):
            word, kind = _comparison(text, position, word), "mark"
        position += len(word)
        if kind == "space":
            continue
        if kind == "name":
            kind = "name" if match["local"] is not None else "word"
        token = _Token(kind, word, position - len(word), nesting.follow(text, kind, word, position - len(word)))
        yield token
        previous = token


class _Nesting:
    """The brackets that are open. Rows of VALUES are told apart: there, a `<` after a term always opens an IRI."""

    def __init__(self) -> None:
        self._open: list[tuple[str, bool]] = []
        self._values = False

    def follow(self, text: str, kind: str, word: str, start: int) -> int:
        """Take the next token into account, and return the depth it stands at."""
        if kind == "word":
            self._values = word.upper() == "VALUES"
        elif word in ("{", "(", "["):
            in_data = bool(self._open) and self._open[-1][1]
            self._open.append((word, in_data or (self._values and word == "{")))
            self._values = self._values and word == "("
        elif word in _PAIRS and (not self._open or self._open.pop()[0] != _PAIRS[word]):
            raise _syntax_error(text, start, f"{word} closes no {_PAIRS[word]}")
        return len(self._open)

    def may_compare(self, previous: _Token | None) -> bool:
        """Whether the engine could take a `<` that comes next as a comparison, or as part of `<<`."""
        if previous is None:
            return False
        if previous.text == "<":
            return True
        in_parentheses = bool(self._open) and self._open[-1] == ("(", False)
        return in_parentheses and previous.ends_operand


def _comparison(text: str, start: int, iri: str) -> str:
    """Read `iri` as a comparison and what follows it, which hides nothing; refuse it where that is not certain.

    After `?a<'>'` or `?a<1)#>` the engine would be inside a string or a comment when the lexer is not.
    """
    if any(character in iri for character in "#'\\"):
        raise _syntax_error(text, start, f"{iri} can be read as an IRI or as a comparison; put a space after <")
    return "<"


def _refuse_keyword(text: str, token: _Token) -> None:
    # Searched, not compared: the engine takes `trueSERVICE<…>` for two words, and no other keyword contains these.
    if found := _REFUSED.search(token.text):
        raise _refusal(text, token, "SERVICE" if len(found[0]) == len("SERVICE") else "LOAD")


def _may_read_as_service(name: _Token, before: _Token | None) -> bool:
    """Whether the engine would read the prefixed name before a `{` as SERVICE and an IRI, as in `SERVICEex:a { … }`."""
    if name.kind != "name" or "service" not in name.text.partition(":")[0].lower() or name.depth == 0:
        return False
    return before is None or before.text.upper() != "GRAPH"


def _form(text: str, token: _Token) -> QueryForm | None:
    if token.text.upper() in _PROLOGUE:
        return None
    if found := _FORM.match(token.text):
        return QueryForm(found[0].upper())
    if found := _UPDATE.match(token.text):
        problem = f"{found[0].upper()} begins an update, and a query was expected"
    else:
        problem = f"{token.text[:40]} stands where SELECT, ASK, CONSTRUCT or DESCRIBE was expected"
    raise _syntax_error(text, token.start, problem)


def _branches(token: _Token) -> int:
    if token.kind == "word":
        return len(_BRANCH.findall(token.text))
    return int(token.kind == "mark" and token.text in _BRANCH_MARKS)


def _no_token(text: str, position: int) -> QuerySyntaxError:
    character = text[position]
    if character in "'\"":
        return _syntax_error(text, position, "the string that begins here does not end, or has an unknown escape in it")
    return _syntax_error(text, position, f"the character {character!r} has no place here")


def _refusal(text: str, token: _Token, keyword: str) -> QueryRefused:
    line, column = _place(text, token.start)
    return QueryRefused(f"{keyword} is not available on this endpoint (line {line}, column {column}).")


def _syntax_error(text: str, position: int, problem: str) -> QuerySyntaxError:
    line, column = _place(text, position)
    return QuerySyntaxError(f"Not a SPARQL query, line {line}, column {column}: {problem}.", line, column)


def _place(text: str, position: int) -> tuple[int, int]:
    """Line and column of a position, both counted from 1, columns in characters."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
