"""Large files come in pieces of whole records; small ones and other kinds come whole."""

import io
import json
import re

import pytest
from lxml import etree

from loaders import pieces as module
from loaders.errors import SourceError
from loaders.pieces import Document, array_items, pieces

ARTICLES = [f'<PubmedArticle><PMID Version="1">{number}</PMID>{"ü" * 20}</PubmedArticle>' for number in range(50)]
HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE PubmedArticleSet SYSTEM "x.dtd">\n<PubmedArticleSet>'
DELETED = "<DeleteCitation><PMID>77</PMID></DeleteCitation>"
PUBMED = f"{HEAD}\n" + "\n".join(ARTICLES) + f"\n{DELETED}\n</PubmedArticleSet>\n"
STUDIES = [{"id": number, "text": 'ü, ] } \\" {' * 3, "nested": [{"a": [1]}]} for number in range(50)]
LINES = "".join(json.dumps(study, ensure_ascii=False) + "\n" for study in STUDIES)
MEDLINE = "\n".join(f"\nPMID- {number}\nTI  - A title\n      goes on\n" for number in range(50))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(module, "WHOLE_BYTES", 600)
    monkeypatch.setattr(module, "PIECE_BYTES", 400)
    monkeypatch.setattr(module, "MAX_BYTES", 2000)


def cut(data: str | bytes, name: str = "x") -> list[Document | SourceError]:
    return list(pieces(name, io.BytesIO(data.encode() if isinstance(data, str) else data)))


def records(found: list[Document | SourceError], read) -> list:
    return [record for piece in found if isinstance(piece, Document) for record in read(piece.data)]


def xml_records(data: bytes) -> list[str]:
    return [element.findtext("PMID") for element in etree.fromstring(data)]


def json_lines(data: bytes) -> list:
    return [json.loads(line) for line in data.splitlines()]


@pytest.mark.parametrize(
    ("data", "read", "expected"),
    [
        (PUBMED, xml_records, [*map(str, range(50)), "77"]),
        (LINES, json_lines, STUDIES),
        (LINES.rstrip(), json_lines, STUDIES),
        (json.dumps(STUDIES), json.loads, STUDIES),
        ("\ufeff" + json.dumps(STUDIES, indent=2, ensure_ascii=False), json.loads, STUDIES),
        (json.dumps({"totalCount": 9, "studies": STUDIES, "nextPageToken": "x"}, indent=1), json.loads, STUDIES),
        (MEDLINE, lambda data: re.findall(rb"PMID- (\d+)", data), [str(number).encode() for number in range(50)]),
    ],
    ids=["pubmed", "lines", "last line open", "array", "array with BOM", "API page", "medline"],
)
def test_no_record_is_lost_doubled_or_torn(data, read, expected):
    found = cut(data)
    assert len(found) > 3 and all(isinstance(piece, Document) for piece in found)
    assert all(len(piece.data) < 1200 for piece in found)
    assert records(found, read) == expected


def test_pieces_are_numbered_and_are_as_much_named_as_their_file():
    found = list(pieces("x.xml", io.BytesIO(PUBMED.encode()), named=False))
    assert [piece.name for piece in found[:2]] == ["x.xml, part 1", "x.xml, part 2"]
    assert not any(piece.named for piece in found)


@pytest.mark.parametrize("text", [json.dumps(STUDIES[:5]), "x" * 500, "", LINES[:200]])
def test_a_small_file_is_one_document_as_it_is(text):
    assert cut(text) == [Document("x", text.encode())]


@pytest.mark.parametrize(
    "text", ["word " * 300, json.dumps({"studies": {"a": "x" * 900}}), '{"a": "' + "x" * 900 + '"}']
)
def test_a_file_of_another_kind_is_one_document_up_to_a_limit(text):
    assert cut(text) == [Document("x", text.encode())]
    assert "is no document; nothing of it was read" in str(cut("x" * 2001)[0])


@pytest.mark.parametrize(
    ("data", "read", "before", "after"),
    [
        (PUBMED.replace(ARTICLES[9], f"<PubmedArticle>{'x' * 9000}</PubmedArticle>"), xml_records, "8", "10"),
        (LINES.replace('"id": 9,', '"id": 9, "y": "' + "x" * 9000 + '",'), json_lines, STUDIES[8], STUDIES[10]),
        (json.dumps([*STUDIES[:9], "x" * 9000, *STUDIES[10:]]), json.loads, STUDIES[8], STUDIES[10]),
        (
            json.dumps([*STUDIES[:9], {"a": ['\\"]},{' * 3000], "b": 1}, *STUDIES[10:]]),
            json.loads,
            STUDIES[8],
            STUDIES[10],
        ),
        (json.dumps([*STUDIES[:9], {"a": [{"b": "c"}] * 900}, *STUDIES[10:]]), json.loads, STUDIES[8], STUDIES[10]),
    ],
    ids=["pubmed", "lines", "one text in a list", "text of brackets", "many objects"],
)
def test_a_record_without_measure_is_passed_over_and_the_next_is_read(data, read, before, after):
    found = cut(data)
    got = records(found, read)
    assert before in got and got[got.index(before) + 1] == after and len(got) >= 49
    (error,) = [str(piece) for piece in found if isinstance(piece, SourceError)]
    assert re.search(r"x, part \d+: has a record of more than 0 MiB, which was passed over", error)


@pytest.mark.parametrize("wrong", [b'{"id" 9}', b'{"id": "\xff"}', b'{"id": "\\ud800"}', b'{"id": 9}}', b"nonsense"])
def test_what_is_wrong_inside_an_item_of_a_list_costs_no_other(wrong):
    items = [json.dumps(study).encode() for study in STUDIES]
    items[9] = wrong
    data = b'{"totalCount": 50, "studies": [' + b" ,\n".join(items) + b'], "nextPageToken": "x"}'
    assert [item.strip() for item in array_items(data)] == items


def test_a_first_line_without_measure_needs_the_name_of_the_file_to_be_passed_over():
    data = '{"a": "' + "x" * 9000 + '"}\n' + LINES
    error, *found = cut(data, "x.jsonl")
    assert "passed over" in str(error) and records(found, json_lines) == STUDIES


@pytest.mark.parametrize(
    ("data", "read", "whole", "message"),
    [
        (PUBMED[: PUBMED.index(ARTICLES[30]) + 20], xml_records, 30, "is cut off: </PubmedArticleSet> is missing"),
        (json.dumps(STUDIES)[:4000], json.loads, None, "is cut off: the list of its records is not closed"),
        (json.dumps(STUDIES)[:-1], json.loads, 50, "is cut off: the list of its records is not closed"),
        (json.dumps(STUDIES[:9])[:-1] + ', {"a": "' + "x" * 9000, json.loads, 9, "is cut off"),
    ],
)
def test_what_is_whole_before_a_cut_is_kept(data, read, whole, message):
    *found, error = cut(data)
    got = records(found, read)
    assert message in str(error)
    assert len(got) == whole if whole else len(got) >= 1


def test_memory_does_not_grow_with_the_file():
    class Endless(io.RawIOBase):
        """A gigabyte of JSON lines, made as they are read."""

        left = 1024**3

        def readable(self):
            return True

        def read(self, size=-1):
            size = min(size, self.left)
            self.left -= size
            return (b'{"a": "b"}\n' * (size // 11 + 1))[:size]

    longest = 0
    for number, piece in enumerate(pieces("x", Endless()), 1):
        longest = max(longest, len(piece.data))
        if number == 2000:
            break
    assert longest < 1200
