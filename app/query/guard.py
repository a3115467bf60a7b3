"""What is refused before the engine sees a text: SERVICE and LOAD, the wrong kind of it, and what exhausts the parser.

The engine reads SPARQL without a separate lexer and more leniently than the grammar (W3C SPARQL 1.1 Query, section 19):
`1SERVICE<…>`, `SERVICEex:a {…}` and `?a<1)#>` all mean to it what the grammar's longest match forbids. So the lexer
(`app.sparql.tokens`) follows the grammar, and wherever the engine could read a text differently it either takes the
reading that hides nothing or refuses the text. It makes one pass, in time linear in the text.
"""

import re
from enum import StrEnum
from typing import Protocol

from app.errors import QueryRefused, QuerySyntaxError, QueryTooLarge
from app.sparql.tokens import Token, place, syntax_error, tokens

__all__ = ["Limits", "QueryForm", "check_query", "check_update", "is_repeatable", "uses_service"]


class QueryForm(StrEnum):
    """The four query forms (W3C SPARQL 1.1 Query, section 16)."""

    SELECT = "SELECT"
    ASK = "ASK"
    CONSTRUCT = "CONSTRUCT"
    DESCRIBE = "DESCRIBE"


_FORM = re.compile("SELECT|ASK|CONSTRUCT|DESCRIBE", re.IGNORECASE)
_UPDATE = re.compile("INSERT|DELETE|CLEAR|CREATE|DROP|MOVE|COPY|ADD|WITH", re.IGNORECASE)
_PROLOGUE = frozenset({"BASE", "PREFIX", "VERSION"})
_REFUSED = re.compile("SERVICE|LOAD", re.IGNORECASE)
_BRANCH = re.compile("UNION|OPTIONAL|MINUS|LATERAL", re.IGNORECASE)
_BRANCH_MARKS = frozenset({"||", "&&", "!", "*", "/", "+", "-"})

# Tokens that the engine reads as the grammar does, whatever stands around them, without brackets inside.
_PLAIN_IRI = r"""<[A-Za-z][A-Za-z0-9+.\-]*+://[^\x00-\x20<>"{}|^`\\()\[\]]*+>"""
_SIMPLE_TOKENS = r"""
    [ \t\r\n]++ | \#[^\r\n\\()\[\]{}]*+(?=[\r\n]|\Z)
  | [?$][A-Za-z_][A-Za-z0-9_]*+ | [A-Za-z][A-Za-z0-9_]*+(?::[A-Za-z_][A-Za-z0-9_]*+|(?![A-Za-z0-9_.:\-]))
  | [0-9]++(?![A-Za-z0-9_.:]) | "[^"\\\r\n()\[\]{}]++" | [{}().;,*]
"""
_SIMPLE = re.compile(
    rf"""
    (?: [ \t\r\n]++ | PREFIX[ ]++[A-Za-z][A-Za-z0-9_]*+:[ ]*+{_PLAIN_IRI} )*+
    (?P<form>SELECT|ASK|CONSTRUCT|DESCRIBE)(?![A-Za-z0-9_.:\-]) (?: {_PLAIN_IRI} | {_SIMPLE_TOKENS} )*+
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_BRACKETS = re.compile(r"[(){}\[\]]")
_SIMPLE_BRANCHES = ("UNION", "OPTIONAL", "MINUS", "LATERAL", "*")
_CLOSING = {"(": ")", "[": "]", "{": "}"}

_CODEPOINT = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_VOLATILES = ("NOW", "RAND", "UUID", "BNODE")
_VOLATILE = re.compile("|".join(_VOLATILES), re.IGNORECASE)


class Limits(Protocol):
    """What of the settings counts here: bytes of the text and of its VALUES, levels of brackets, and branches."""

    @property
    def query_bytes(self) -> int: ...
    @property
    def values_bytes(self) -> int: ...
    @property
    def query_depth(self) -> int: ...
    @property
    def query_branches(self) -> int: ...


def check_query(text: str, settings: Limits, *, services: bool = False) -> QueryForm:
    """Say which form of query `text` is, or raise what is wrong with it. It may still not parse.

    With `services`, SERVICE may stand in it as a word of its own, for `app.federation` to see to. Raises QueryTooLarge
    (`query_bytes`, `query_depth`, `query_branches`), QueryRefused (SERVICE, LOAD) and QuerySyntaxError (a text that is
    not made of SPARQL's tokens, or starts with no query form).
    """
    _check_size(text, settings)
    if simple := _form_of_simple(text, settings):
        return simple
    _check_decoded(text, settings, services=services)
    first = _check(text, settings, services=services)
    if first is None:
        raise syntax_error(text, len(text), "the text ends before a SELECT, ASK, CONSTRUCT or DESCRIBE")
    return _form(text, first)


def check_update(text: str, settings: Limits) -> None:
    """Raise what is wrong with an update, as `check_query` does with a query. It may still not parse.

    Its length is for the caller to check. LOAD is refused as SERVICE is: neither may make this service fetch.
    """
    _check_decoded(text, settings, services=False)
    first = _check(text, settings, services=False)
    if first and not _UPDATE.match(first.text):
        kind = "a query" if _FORM.match(first.text) else "no update"
        raise syntax_error(text, first.start, f"{first.text[:40]} begins {kind}, and an update was expected")


def _form_of_simple(text: str, settings: Limits) -> QueryForm | None:
    """The form of a query that one look tells to be harmless; None for one that `_check` has to look through.

    That is of tokens that can be read in one way only, with fewer brackets and operators than may be nested or stand in
    it at all, and without the letters of SERVICE and LOAD. Most queries are; the way by the tokens takes ten times
    as long.
    """
    found = _SIMPLE.fullmatch(text)
    upper = text.upper()
    if found is None or "SERVICE" in upper or "LOAD" in upper:
        return None
    marks = _BRACKETS.findall(text)
    if len(marks) > 2 * settings.query_depth or sum(map(upper.count, _SIMPLE_BRANCHES)) > settings.query_branches:
        return None
    opened: list[str] = []
    for mark in marks:
        if mark in "({[":
            opened.append(mark)
        elif not opened or _CLOSING[opened.pop()] != mark:
            return None
    return None if opened else QueryForm(found["form"].upper())


def is_repeatable(text: str) -> bool:
    """Whether the same data gives the same answer again: no NOW, RAND, UUID, STRUUID or BNODE is called.

    `text` has passed `check_query`. Searched in every word, as the engine takes `trueNOW()` for two; so a query may be
    taken for a volatile one where its text is odd, but never the other way round.
    """
    return not _has(text, *_VOLATILES) or not any(
        token.kind == "word" and _VOLATILE.search(token.text) for token in tokens(text, rows=True)
    )


def uses_service(text: str) -> bool:
    """Whether SERVICE stands in the query as a keyword. Nearly all texts are told by their letters."""
    return _has(text, "SERVICE") and any(
        token.kind == "word" and token.text.upper() == "SERVICE" for token in tokens(text, rows=True)
    )


def _has(text: str, *words: str) -> bool:
    # A pattern that ignores case takes fifty times as long, which counts where a text has thousands of rows.
    upper = text.upper()
    return any(word in upper for word in words)


def _check_size(text: str, settings: Limits) -> None:
    """Refuse a text that is too long. Rows of VALUES count apart, as whoever joins with this service sends many.

    It stops reading where the rest is too long already: that much costs nothing but time here, and nobody pays for it.
    """
    size = _bytes(text)
    if size <= settings.query_bytes:
        return
    spared = 0
    if size <= settings.query_bytes + settings.values_bytes:
        for token in tokens(text, rows=True):
            if token.kind == "rows":
                spared += _bytes(token.text)
            if size - spared <= settings.query_bytes:
                return
            if token.start - spared > settings.query_bytes:
                break
    raise QueryTooLarge(
        f"The query has {size:,} bytes; this endpoint reads at most {settings.query_bytes:,}, and "
        f"{settings.values_bytes:,} more in rows of VALUES that are written plainly."
    )


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _check_decoded(text: str, settings: Limits, *, services: bool) -> None:
    r"""Refuse what the text says once its \u escapes are decoded, which the standard does before it reads tokens.

    The engine decodes them inside strings and IRIs only, so both readings count (W3C SPARQL 1.1 Query, section 19.2).
    """
    if not _CODEPOINT.search(text):
        return
    decoded = _CODEPOINT.sub(_decode, text)
    try:
        _check(decoded, settings, services=services)
    except QuerySyntaxError:
        return  # Not SPARQL in this reading; the text itself is checked next.


def _decode(escape: re.Match[str]) -> str:
    code = int(escape[1] or escape[2], 16)
    return chr(code) if code < 0x110000 else escape[0]


def _check(text: str, settings: Limits, *, services: bool) -> Token | None:
    """Refuse what the tokens tell, and return the first word behind the prologue: it says what the text does."""
    first: Token | None = None
    branches = 0
    previous = before_previous = None
    for token in tokens(text, rows=True):
        if token.depth > settings.query_depth:
            raise QueryTooLarge(f"The text nests deeper than the {settings.query_depth} levels this endpoint accepts.")
        if token.kind == "word":
            if not (services and token.text.upper() == "SERVICE"):
                _refuse_keyword(text, token)
            if first is None and token.text.upper() not in _PROLOGUE:
                first = token
        elif token.text == "{" and previous and _may_read_as_service(previous, before_previous):
            raise _refusal(text, previous, "SERVICE")
        branches += _branches(token)
        if branches > settings.query_branches:
            raise QueryTooLarge(
                f"The text has more than {settings.query_branches} UNION, OPTIONAL, MINUS, logical and path operators."
            )
        before_previous, previous = previous, token
    return first


def _refuse_keyword(text: str, token: Token) -> None:
    # Searched, not compared: the engine takes `trueSERVICE<…>` for two words, and no other keyword contains these.
    if found := _REFUSED.search(token.text):
        raise _refusal(text, token, "SERVICE" if len(found[0]) == len("SERVICE") else "LOAD")


def _may_read_as_service(name: Token, before: Token | None) -> bool:
    """Whether the engine would read the prefixed name before a `{` as SERVICE and an IRI, as in `SERVICEex:a { … }`."""
    if name.kind != "name" or "service" not in name.text.partition(":")[0].lower() or name.depth == 0:
        return False
    return before is None or before.text.upper() != "GRAPH"


def _form(text: str, token: Token) -> QueryForm:
    if found := _FORM.match(token.text):
        return QueryForm(found[0].upper())
    if found := _UPDATE.match(token.text):
        problem = f"{found[0].upper()} begins an update, and a query was expected"
    else:
        problem = f"{token.text[:40]} stands where SELECT, ASK, CONSTRUCT or DESCRIBE was expected"
    raise syntax_error(text, token.start, problem)


def _branches(token: Token) -> int:
    if token.kind == "word":
        return len(_BRANCH.findall(token.text))
    return int(token.kind == "mark" and token.text in _BRANCH_MARKS)


def _refusal(text: str, token: Token, keyword: str) -> QueryRefused:
    line, column = place(text, token.start)
    return QueryRefused(f"{keyword} is not available on this endpoint (line {line}, column {column}).")
