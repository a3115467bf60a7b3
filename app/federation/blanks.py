"""Expressions over the blank nodes of other endpoints, for which IRIs stand in until the answer is written.

Where an expression could tell the one from the other, as `isBlank(?x)` does, it is given a true blank node for each
stand-in: which one it is does not matter there (W3C SPARQL 1.1 Query, sections 15.1 and 17.4.2).
"""

import re
from collections.abc import Iterator, Sequence

from app.errors import QueryRefused
from app.sparql.tokens import Token, tokens

__all__ = ["with_true_blanks"]

_MENDED = re.compile(r"is(?:Blank|IRI|URI)|STR|IRI|URI", re.IGNORECASE)
"""Functions of one argument; casts are such functions too."""

_REFUSED = re.compile(r"MIN|MAX|GROUP_CONCAT|SAMPLE|TRIPLE", re.IGNORECASE)
_HARMLESS = frozenset({"BOUND", "COUNT"})
_DIRECTIONS = frozenset({"ASC", "DESC", "BY"})
_AFTER_ORDER = frozenset({"LIMIT", "OFFSET", "VALUES"})


def with_true_blanks(text: str, names: frozenset[str], prefix: str) -> str:
    """The query, where the variables `names` may have IRIs that begin with `prefix` and are to be blank nodes.

    Raises QueryRefused for an expression in which they cannot be told apart.
    """
    found = list(tokens(text))
    reached = _reached(found, names)
    edits = {token.start: (token, new) for token, new in _edits(found, reached, prefix)}
    parts: list[str] = []
    end = 0
    for start in sorted(edits):
        token, new = edits[start]
        parts += [text[end:start], new]
        end = start + len(token.text)
    return "".join([*parts, text[end:]])


def _reached(found: Sequence[Token], names: frozenset[str]) -> frozenset[str]:
    """The variables that may have such a value, by name: these, and those made of them with AS."""
    made: list[tuple[frozenset[str], str]] = []
    for place, token in enumerate(found[:-1]):
        if token.kind == "word" and token.text.upper() == "AS" and found[place + 1].kind == "variable":
            first = place
            while found[first].text != "(" or found[first].depth != token.depth:
                first -= 1
            made.append((_variables(found[first:place]), found[place + 1].text[1:]))
    size = -1
    while size != len(names):
        size = len(names)
        names = names.union(name for used, name in made if used & names)
    return names


def _edits(found: Sequence[Token], reached: frozenset[str], prefix: str) -> Iterator[tuple[Token, str]]:
    for place, token in enumerate(found[:-1]):
        is_word, following = token.kind == "word", found[place + 1]
        if is_word and token.text.upper() == "ORDER" and following.text.upper() == "BY":
            yield from _ordering(found, place, reached, prefix)
        if following.text != "(" or not (token.kind in ("name", "iri") or (is_word and _is_telling(token))):
            continue
        inside = _inside(found, place + 1)
        if _variables(inside) & reached:
            if len(inside) != 1 or _REFUSED.fullmatch(token.text):
                raise _refusal(token)
            yield inside[0], _true_blank(inside[0], prefix)


def _ordering(found: Sequence[Token], order: int, reached: frozenset[str], prefix: str) -> Iterator[tuple[Token, str]]:
    """Blank nodes come before IRIs (section 15.1)."""
    for place in range(order + 2, len(found)):
        token, depth = found[place], found[order].depth
        if token.depth < depth or (token.kind == "word" and token.text.upper() in _AFTER_ORDER):
            return
        if token.kind != "variable" or token.text[1:] not in reached:
            continue
        if token.depth == depth:
            yield token, f"({_true_blank(token, prefix)})"
            continue
        before = found[place - 2]
        is_alone = found[place - 1].text == "(" and found[place + 1].text == ")"
        if is_alone and (before.text.upper() in _DIRECTIONS or before.text == ")" or before.kind == "variable"):
            yield token, _true_blank(token, prefix)
        elif not is_alone or not (before.text.upper() in _HARMLESS or before.kind != "word" or _is_telling(before)):
            raise _refusal(found[order])


def _is_telling(token: Token) -> bool:
    return bool(_MENDED.fullmatch(token.text) or _REFUSED.fullmatch(token.text))


def _inside(found: Sequence[Token], opening: int) -> Sequence[Token]:
    """The tokens between a bracket and the one that closes it."""
    end = opening + 1
    while found[end].depth >= found[opening].depth:
        end += 1
    return found[opening + 1 : end]


def _variables(found: Sequence[Token]) -> frozenset[str]:
    return frozenset(token.text[1:] for token in found if token.kind == "variable")


def _true_blank(variable: Token, prefix: str) -> str:
    name = variable.text
    return f'IF(isIRI({name}) && STRSTARTS(STR({name}), "{prefix}"), BNODE(), {name})'


def _refusal(token: Token) -> QueryRefused:
    return QueryRefused(
        f"Another endpoint answers with blank nodes, and {token.text} cannot be applied to those here; leave it out, "
        "or keep blank nodes out of the clause."
    )
