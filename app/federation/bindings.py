"""Bindings on their way to an endpoint: what may be sent of them, so that no solution that joins is left out.

A join is by terms (W3C SPARQL 1.1 Query, section 18.3), and stores differ in how they keep some: this one writes 1 for
01 and en-gb for en-GB, another one may not. So IRIs, plain strings and literals that have one spelling go out as
VALUES. Of the others, numbers, dates and texts with a language, the endpoint is asked for whatever has their value, and
what it answers is compared here, term by term, as this store writes them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyoxigraph as ox

from app.federation.results import Row, Table, values

__all__ = ["Bindings", "sendable", "written"]

_XSD = "http://www.w3.org/2001/XMLSchema#"
_STRING = f"{_XSD}string"
_BOOLEAN = f"{_XSD}boolean"
_BOOLEANS = {"true": ('"true"', '"1"'), "false": ('"false"', '"0"')}
"""All spellings: Virtuoso answers with numbers where it compares booleans."""

_NOTHING = "<urn:x-trialweave:nothing>"
"""No other value: Virtuoso answers with the term of the query where there is but one, whatever its own one was."""

_INTEGER = re.compile("[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})")
_COMPARED = {
    f"{_XSD}decimal": _NUMBER,
    f"{_XSD}double": re.compile(rf"{_NUMBER.pattern}(?:[eE][+-]?[0-9]{{1,2}})?"),
    f"{_XSD}float": re.compile(rf"{_NUMBER.pattern}(?:[eE][+-]?[0-9]{{1,2}})?"),
    _BOOLEAN: re.compile("true|false|0|1"),
    f"{_XSD}dateTime": re.compile(r"-?[0-9]{4,}-[0-9-]{5}T[0-9:.]+(?:Z|[+-][0-9:]{5})?"),
}
_COMPARED |= {
    f"{_XSD}{name}": _INTEGER
    for name in (
        *("integer", "long", "int", "short", "byte", "nonNegativeInteger", "nonPositiveInteger", "positiveInteger"),
        *("negativeInteger", "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte"),
    )
}
"""Datatypes that every engine compares by value (W3C SPARQL 1.1 Query, section 17.3), and values that all can hold."""

_DAYS = frozenset(f"{_XSD}{name}" for name in ("date", "gYear", "gYearMonth", "gMonth", "gMonthDay", "gDay"))
_UNSENT = frozenset(f"{_XSD}{name}" for name in ("time", "duration", "dayTimeDuration", "yearMonthDuration"))
"""Values with any number of spellings that engines need not compare."""

_ZONES = ("Z", "+00:00", "-00:00")
"""Three spellings of one time zone."""

_SPELLED = re.compile(r'"\^\^<http://www\.w3\.org/2001/XMLSchema#(?!string>)|"@[A-Za-z0-9-]+\Z')


@dataclass(frozen=True, slots=True)
class Bindings:
    """Distinct rows, each with all of the columns bound, in this store's spelling.

    `loose` columns have terms with several spellings: an endpoint is asked for their values, not for these terms.
    """

    columns: tuple[str, ...]
    rows: list[Row]
    loose: frozenset[str] = frozenset()

    def blocks(self, size: int) -> "list[Bindings]":
        """The rows in blocks of at most `size`."""
        return [replace(self, rows=self.rows[start : start + size]) for start in range(0, len(self.rows), size)]

    @property
    def exact(self) -> tuple[str, ...]:
        """The columns that go out as VALUES."""
        return tuple(name for name in self.columns if name not in self.loose)

    def inline(self) -> str:
        """VALUES with the exact columns; empty where there are none."""
        exact = self.exact
        if not exact:
            return ""
        places = [self.columns.index(name) for name in exact]
        rows = dict.fromkeys(tuple(row[place] for place in places) for row in self.rows)
        return f"VALUES ({' '.join(f'?{name}' for name in exact)}) {{ {values(exact, rows)} }}"

    def filters(self) -> str:
        """What the loose columns must be: one of these values, or a text of these in any language."""
        return " ".join(
            _filter(name, [row[place] for row in self.rows])
            for place, name in enumerate(self.columns)
            if name in self.loose
        )

    def matched(self, table: Table) -> Table:
        """The solutions that agree with one of the rows in every column, term by term.

        A value may stand in several blocks: each solution is kept once, with the block that has its terms.
        """
        if not self.loose:
            return table
        places = [table.columns.index(name) for name in self.columns]
        canonical = _canonical({row[place] for row in table.rows for place in places})
        wanted = set(self.rows)
        rows = [row for row in table.rows if tuple(canonical.get(row[place] or "") for place in places) in wanted]
        return Table(table.columns, rows, table.has_blanks)


def _filter(name: str, terms: Iterable[str | None]) -> str:
    same: dict[str, None] = {}
    texts: dict[str, None] = {}
    for term in filter(None, terms):
        text, _, datatype = term.rpartition('"^^<')
        if datatype == f"{_BOOLEAN}>":
            texts |= dict.fromkeys(_BOOLEANS[text[1:]])
        elif term.endswith(('"', ">")):
            same |= dict.fromkeys(_spellings(term))
        else:
            texts[term.rpartition("@")[0]] = None
    if len(same) == 1:
        same[_NOTHING] = None
    tests = [f"?{name} IN ({', '.join(same)})"] * bool(same) + [f"STR(?{name}) IN ({', '.join(texts)})"] * bool(texts)
    return f"FILTER({' || '.join(tests)})"


def _spellings(term: str) -> list[str]:
    """The term, and other spellings that engines have for its value and may not compare with it.

    No engine is asked to compare days; rdflib compares terms in IN, and writes what it reads in Python's way.
    """
    text, _, datatype = term.rpartition('"^^<')
    if text.endswith("Z") and datatype[:-1] in (*_DAYS, f"{_XSD}dateTime"):
        return [f'{text[:-1]}{zone}"^^<{datatype}' for zone in _ZONES]
    if datatype[:-1] in (f"{_XSD}double", f"{_XSD}float"):
        return [term, f'"{float(text[1:])!r}"^^<{datatype}']
    return [term]


def sendable(columns: Sequence[str], found: Sequence[Mapping[str, dict[str, str]]], blank: str) -> Bindings | None:
    """The bindings without the variables that are not always bound, or are something that cannot be asked for.

    `found` are rows of the JSON results format. One with a blank node is left out, as no other endpoint has the same;
    `blank` is what stand-ins of blank nodes begin with. Returns None where no variable is left.
    """
    rows = [row for row in found if not any(_is_blank(row[name], blank) for name in columns if name in row)]
    if not rows:
        return Bindings(tuple(columns), [])
    exact: list[str] = []
    loose: list[str] = []
    terms: dict[str, list[str]] = {}
    for name in columns:
        if not all(name in row for row in rows):
            continue
        terms[name] = [written(row[name]) for row in rows]
        kinds = {_kind(row[name]) for row in rows}
        if kinds == {"exact"}:
            exact.append(name)
        elif None not in kinds:
            canonical = _canonical(terms[name])
            terms[name] = [canonical[term] for term in terms[name]]
            loose.append(name)
    if not (usable := (*exact, *loose)):
        return None
    distinct = set(zip(*(terms[name] for name in usable), strict=True))
    return Bindings(usable, sorted(distinct), frozenset(loose))


def _is_blank(term: Mapping[str, str], blank: str) -> bool:
    return term["type"] == "bnode" or term["value"].startswith(blank)


def _kind(term: Mapping[str, str]) -> str | None:
    """Whether a term is sent as it is (exact), by its value (loose), or not at all."""
    value, datatype = term["value"], term.get("datatype", _STRING)
    if term["type"] == "uri":
        return "exact"
    if "xml:lang" in term:
        return "loose"
    if datatype in _COMPARED:
        return "loose" if _COMPARED[datatype].fullmatch(value) else None
    if datatype in _DAYS:
        return "loose" if value.endswith(_ZONES) else "exact"
    return None if datatype in _UNSENT else "exact"


def _canonical(terms: Iterable[str | None]) -> dict[str, str]:
    """The terms as this store's engine writes them."""
    found = {term: term for term in terms if term is not None}
    spelled = [term for term in found if _SPELLED.search(term)]
    rows = "\n".join(f"({place} {term})" for place, term in enumerate(spelled))
    results = ox.Store().query(f"SELECT ?place ?term {{ VALUES (?place ?term) {{ {rows} }} }}")
    assert isinstance(results, ox.QuerySolutions)
    for row in results:
        place = row["place"]
        assert isinstance(place, ox.Literal)
        found[spelled[int(place.value)]] = str(row["term"])
    return found


def written(term: Mapping[str, str]) -> str:
    """A term of the JSON results format as in N-Triples."""
    if term["type"] == "uri":
        return str(ox.NamedNode(term["value"]))
    if language := term.get("xml:lang"):
        return str(ox.Literal(term["value"], language=language))
    return str(ox.Literal(term["value"], datatype=ox.NamedNode(term.get("datatype", _STRING))))
