"""Literals come back from the engine as the texts they were made of, whatever characters they hold."""

import pyoxigraph as ox
import pytest

from loaders.terms import literal

_BEYOND = range(0x110000 - 0x400, 0x110000)
_SURROGATES = range(0xD800, 0xE000)


def read(term: str) -> str:
    (triple,) = ox.parse(f"<urn:s> <urn:p> {term} .\n".encode(), format=ox.RdfFormat.N_TRIPLES)
    assert isinstance(triple.object, ox.Literal)
    return triple.object.value


@pytest.mark.parametrize("characters", [range(0xD800), range(0xE000, 0x11000), _BEYOND], ids=lambda each: hex(each[0]))
def test_every_character_comes_back(characters: range) -> None:
    text = "".join(map(chr, characters))
    assert read(literal(text)) == text


@pytest.mark.parametrize("text", ["", "\\u0041", "\\\\u", 'a "b"', "\x7f", "\x1b\n", "a\\", "\\\ud800"])
def test_what_looks_like_an_escape_is_text(text: str) -> None:
    assert read(literal(text)) == text.replace("\ud800", "\ufffd")


def test_lone_surrogates_leave_a_mark() -> None:
    assert read(literal("".join(map(chr, _SURROGATES)))) == "\ufffd" * len(_SURROGATES)


@pytest.mark.parametrize("number", [*range(0x20), 0x7F])
def test_control_characters_are_escaped(number: int) -> None:
    """A line of N-Triples is one line, for every tool that reads it."""
    written = literal(chr(number))
    assert written.isascii()
    assert written.isprintable()
    assert written in {f'"\\u{number:04X}"', '"\\b"', '"\\t"', '"\\n"', '"\\f"', '"\\r"'}
