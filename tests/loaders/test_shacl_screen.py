"""The quick look before the engine: it hides no finding, and leaves to the engine what it does not understand."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders import gate, shacl, shacl_fast
from loaders.shacl_screen import Screen, screen
from loaders.terms import ONTOLOGY, VALUES, XSD
from tests.shapes.sample import sound_study, triples
from tests.shapes.test_registry import registered

# What stands in the place of an object: of another kind, at the edge of a range, or written in another way.
ODD_VALUES = [
    b'""',
    b'" "',
    b'"a\\u0007b"',
    b'"a\\nb"',
    b'"NCT00000001\\n"',
    b'"D\\u0030"',
    b'"true"',
    b'"sun"@en',
    *(
        f'"{number}"^^<{XSD}{kind}>'.encode()
        for number in ("-1", "0", "64", "1e3", "")
        for kind in ("integer", "decimal")
    ),
    f'"0.0"^^<{XSD}decimal>'.encode(),
    f'"99999999999999999999"^^<{XSD}integer>'.encode(),
    f'"64"^^<{XSD}double>'.encode(),
    f'"64"^^<{XSD}string>'.encode(),
    f'"1"^^<{XSD}boolean>'.encode(),
    f'"2019-02-30"^^<{XSD}date>'.encode(),
    f'"2019-02"^^<{XSD}gYearMonth>'.encode(),
    f'"P2W"^^<{XSD}duration>'.encode(),
    b"<http://example.org/nobody>",
    f"<{VALUES}Phase-BOGUS>".encode(),
    f"<{ONTOLOGY}Study>".encode(),
]


@cache
def lines(from_registry: bool) -> list[bytes]:
    return triples(registered({}) if from_registry else sound_study()).splitlines(keepends=True)


def object_of(line: bytes) -> bytes:
    return line.split(b" ", 2)[2].removesuffix(b" .\n")


def unscreened(data: bytes) -> gate.Report:
    """Return the report where the engine gets all shapes and all data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Screen, "parts", lambda self, data: [(self._shapes, data)])
        return gate.validate(data)


@st.composite
def edited_graphs(draw: st.DrawFn) -> bytes:
    """Draw the sound study with some lines dropped, repeated, or given another object or another subject."""
    said = list(lines(draw(st.booleans())))
    for _ in range(draw(st.integers(1, 4))):
        at, other = (draw(st.integers(0, len(said) - 1)) for _ in range(2))
        subject, predicate, rest = said[at].split(b" ", 2)
        match draw(st.sampled_from(["drop", "value", "odd", "another", "subject"])):
            case "drop":
                said.pop(at)
            case "value":
                said[at] = b"%b %b %b .\n" % (subject, predicate, object_of(said[other]))
            case "odd":
                said[at] = b"%b %b %b .\n" % (subject, predicate, draw(st.sampled_from(ODD_VALUES)))
            case "another":
                said.append(b"%b %b %b .\n" % (subject, predicate, draw(st.sampled_from(ODD_VALUES))))
            case _:
                said[at] = b"%b %b %b" % (said[other].split(b" ")[0], predicate, rest)
    return b"".join(said)


@settings(max_examples=30, deadline=None)
@given(edited_graphs())
def test_nothing_is_hidden(data: bytes) -> None:
    assert gate.validate(data) == unscreened(data)


@settings(max_examples=10, deadline=None)
@given(st.lists(edited_graphs(), max_size=4))
def test_graphs_do_not_see_each_other(graphs: list[bytes]) -> None:
    assert gate.validate_all(graphs) == [gate.validate(data) for data in graphs]


@pytest.mark.parametrize("profile", ["extracted", "registry"])
def test_a_sound_study_needs_no_engine(profile: shacl.Profile) -> None:
    data = b"".join(lines(profile == "registry"))
    assert screen(shacl.shapes(profile)).parts(data) == []


def test_only_the_rule_that_may_fail_is_run_on_what_it_can_see() -> None:
    data = b"".join(lines(False)).replace(b'"P1M"', b'"P2W"')
    ((rules, statements),) = screen(shacl.shapes("extracted")).parts(data)
    assert f"<{gate.SHAPE}DoseInterval>".encode() in rules and f"<{gate.SHAPE}Route>".encode() not in rules
    assert b"doseInterval" in statements and b"hasSection" not in statements
    found = shacl_fast.results(data, shacl.shapes("extracted"))
    assert {result.shape for result in found} == {f"{gate.SHAPE}DoseInterval"}


@pytest.mark.parametrize(
    "line",
    [
        "_:b <http://example.org/p> <http://example.org/o> .\n",
        f"<{ONTOLOGY}A> <http://www.w3.org/2000/01/rdf-schema#subClassOf> <{ONTOLOGY}Study> .\n",
        "<http://example.org/s>\t<http://example.org/p> <http://example.org/o> .\n",
        "<http://example.org/s> <http://example.org/p> <http://example.org/o> . # a comment\n",
        "<http://example.org/\\u0061> <http://example.org/p> <http://example.org/o> .\n",
        "<http://example.org/é> <http://example.org/p> <http://example.org/o> .\n",
        '<http://example.org/s> <http://example.org/p> "\\uD800" .\n',
        "<http://example.org/s> <http://example.org/p> <http://example.org/o> .",
        "<http://example.org/a b> <http://example.org/p> <http://example.org/o> .\n",
        "nonsense\n",
    ],
)
def test_what_is_not_plain_is_left_to_the_engine(line: str) -> None:
    data = b"".join(lines(False)) + line.encode()
    shapes = shacl.shapes("extracted")
    assert screen(shapes).parts(data) == [(shapes, data)]
    assert gate.validate(data) == unscreened(data)


def test_a_property_with_the_name_of_a_class_hides_nothing() -> None:
    shapes = shacl.shapes("extracted")
    kind, node = f"<{ONTOLOGY}Cohort>".encode(), b"<http://example.org/c>"
    property_ = b"<http://example.org/s> %b <http://example.org/o> .\n" % kind
    typed = b"%b <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> %b .\n" % (node, kind)
    assert gate.validate(property_ + typed) == unscreened(property_ + typed)
    assert len(Screen(shapes).parts(property_ + typed)) > len(Screen(shapes).parts(property_))


def test_text_that_is_not_unicode_is_left_to_the_engine() -> None:
    data = b"".join(lines(False)).replace(b"Sunshine", b"Sun\xffshine")
    assert not gate.validate(data).conforms
