"""SPARQL's tokens, as the grammar has them (W3C SPARQL 1.1 Query, section 19), and nothing of what they mean.

One pass, in time linear in the text. The engine reads SPARQL without a separate lexer and more leniently than the
grammar; wherever it could read a text differently, the lexer takes the reading that hides nothing or refuses the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import QuerySyntaxError

__all__ = ["Token", "place", "syntax_error", "tokens"]

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

# Terms of VALUES in the spelling that programs use, where no reader can differ on what they are: no string holds a
# brace, and no name stands before one. So neither can a block end in them, nor a keyword stand there.
_PLAIN_IRI = r"""<[^\x00-\x20<>"{}|^`\\]*+>"""
_PLAIN_TERM = rf"""
    (?: {_PLAIN_IRI}
      | "(?!"")[^"\\\r\n{{}}]*+(?:\\[tbnrf\\"'][^"\\\r\n{{}}]*+)*+"
        (?: @[A-Za-z]++(?:-[A-Za-z0-9]++)*+ | \^\^{_PLAIN_IRI} )?+
      | [+\-]?[0-9]++(?:\.[0-9]++)?+(?:[eE][+\-]?[0-9]++)?+
      | (?:[A-Za-z][A-Za-z0-9\-]*+)?+:[A-Za-z0-9_\-]++(?:\.[A-Za-z0-9_\-]++)*+(?![ \t\r\n]*+[{{\#])
      | UNDEF | true | false
    )(?=[ \t\r\n)}}])[ \t\r\n]*+"""
_ROWS = re.compile(
    rf"(?: {_PLAIN_TERM} | \([ \t\r\n]*+(?:{_PLAIN_TERM}){{0,100}}+\)[ \t\r\n]*+ ){{1,1000}}+", re.VERBOSE
)

_HIERARCHICAL = re.compile(r"<[A-Za-z][A-Za-z0-9+.\-]*://")
_DATA = frozenset({"VALUES", "DATA"})
_PAIRS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `kind` is a group of the lexer's pattern, `start` an offset, `depth` the brackets open after it."""

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


def tokens(text: str, *, rows: bool = False) -> Iterator[Token]:
    """The tokens of `text` without white space and comments. Raises QuerySyntaxError where there is none.

    With `rows`, up to a thousand plain terms or rows of VALUES are one token, of the kind rows: there may be very many,
    and who only looks for keywords need not see each.
    """
    position = 0
    nesting = _Nesting()
    previous: Token | None = None
    while position < len(text):
        if rows and nesting.in_rows and (run := _ROWS.match(text, position)) and not nesting.may_compare(previous):
            previous = Token("rows", run[0], position, nesting.depth)
            position = run.end()
            yield previous
            continue
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
        token = Token(kind, word, position - len(word), nesting.follow(text, kind, word, position - len(word)))
        yield token
        previous = token


class _Nesting:
    """The brackets that are open. Those of VALUES and DATA are told apart: there, a `<` after a term opens an IRI."""

    def __init__(self) -> None:
        self._open: list[tuple[str, bool]] = []
        self._values = False

    def follow(self, text: str, kind: str, word: str, start: int) -> int:
        """Take the next token into account, and return the depth it stands at."""
        if kind == "word":
            self._values = word.upper() in _DATA
        elif word in ("{", "(", "["):
            in_data = bool(self._open) and self._open[-1][1]
            self._open.append((word, in_data or (self._values and word == "{")))
            self._values = self._values and word == "("
        elif word in _PAIRS and (not self._open or self._open.pop()[0] != _PAIRS[word]):
            raise syntax_error(text, start, f"{word} closes no {_PAIRS[word]}")
        return self.depth

    @property
    def depth(self) -> int:
        """How many brackets are open."""
        return len(self._open)

    @property
    def in_rows(self) -> bool:
        """Whether a row of VALUES may come next, or a triple of DATA."""
        return bool(self._open) and self._open[-1] == ("{", True)

    def may_compare(self, previous: Token | None) -> bool:
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
        raise syntax_error(text, start, f"{iri} can be read as an IRI or as a comparison; put a space after <")
    return "<"


def _no_token(text: str, position: int) -> QuerySyntaxError:
    character = text[position]
    if character in "'\"":
        return syntax_error(text, position, "the string that begins here does not end, or has an unknown escape in it")
    return syntax_error(text, position, f"the character {character!r} has no place here")


def syntax_error(text: str, position: int, problem: str) -> QuerySyntaxError:
    """The error that says where in the text, an offset, which problem is."""
    line, column = place(text, position)
    return QuerySyntaxError(f"Not SPARQL, line {line}, column {column}: {problem}.", line, column)


def place(text: str, position: int) -> tuple[int, int]:
    """Line and column of a position, both counted from 1, columns in characters."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
