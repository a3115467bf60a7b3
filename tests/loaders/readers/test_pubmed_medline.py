"""MEDLINE text: it says what the XML of the same article says, as far as it goes, and bad input costs only itself."""

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders import gate
from loaders.emit import emit, emit_article, emit_provenance
from loaders.errors import SourceError
from loaders.readers import pubmed
from loaders.record import Article, Author, Grant, Publication, Study
from tests.loaders.readers.pubmed_sample import MEDLINE, XML, article_set, only, publication, read

XML_ONLY = {
    "source_version", "indexing_method", "publication_types", "mesh_headings", "mesh_major", "mesh_qualified",
    "chemicals", "supplementary_mesh", "references", "references_doi",
}  # fmt: skip
MEDLINE_ONLY = {"mesh_heading_texts", "chemical_texts"}
NAME = "made-up.nbib"


def nbib(*lines: str) -> str:
    return "PMID- 1\n" + "".join(f"{line}\n" for line in lines)


def found(*lines: str) -> Publication:
    return publication(only(nbib(*lines), NAME))


class TestSameArticle:
    """One made-up article in both formats."""

    @pytest.mark.parametrize("field", sorted(set(Publication.__dataclass_fields__) - XML_ONLY - MEDLINE_ONLY))
    def test_shared_fields_are_equal(self, field):
        from_xml, from_text = publication(only(article_set(XML))), publication(only(MEDLINE, NAME))
        assert getattr(from_text, field) == getattr(from_xml, field)

    def test_it_is_the_same_study(self):
        from_xml, from_text = only(article_set(XML)), only(MEDLINE, NAME)
        for field in ("label", "nct", "pmid", "doi", "other_ids", "keywords"):
            assert getattr(from_text, field) == getattr(from_xml, field)
        assert from_text.source.version_date == from_xml.source.version_date

    def test_names_without_ids_are_kept_as_names(self):
        article = publication(only(MEDLINE, NAME))
        assert article.mesh_heading_texts == ["Amyotrophic Lateral Sclerosis/*therapy", "Humans"]
        assert article.chemical_texts == ["Riluzole"]

    def test_it_passes_the_gate(self):
        study = only(MEDLINE, NAME)
        emission = emit(study)
        provenance = emit_provenance(study.source, emission.graph, emission.study, "0.1.0")
        assert gate.validate(emission.triples + provenance).text() == ""


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Plain words. DNA: a molecule.", ["Abstract"]),
        ("AIM: One. MATERIALS AND METHODS: Two. RESULTS: n = 3 (5%). CONCLUSION: Four.",
         ["Aim", "Materials and methods", "Results", "Conclusion"]),
        ("AIM: Of DNA: nothing. RESULTS: Two.", ["Aim", "Results"]),
        ("METHODS: One. METHODS: Two.", ["Methods", "Methods 2"]),
    ],
)  # fmt: skip
def test_an_abstract_is_cut_where_it_begins_with_a_label(text, labels):
    assert [section.label for section in found(f"AB  - {text}").sections] == labels


@pytest.mark.parametrize(
    ("lines", "authors"),
    [
        (["FAU - Roe, Jane A", "AU  - Roe JA", "FAU - Poe, X 3rd", "AU  - Poe X 3rd"], ["Jane A Roe", "X Poe 3rd"]),
        (["AU  - Roe JA", "AU  - Poe X"], ["JA Roe", "X Poe"]),
        (["FAU - Madonna", "AU  - Madonna"], ["Madonna"]),
        (["CN  - A Group", "AU  - Roe JA"], ["A Group", "JA Roe"]),
        (["FAU - Roe, Jane A", "AD  - A place", "AU  - Roe JA"], ["Jane A Roe"]),
    ],
)
def test_authors(lines, authors):
    assert found(*lines).creators == authors


def test_an_orcid_belongs_to_the_author_before_it():
    lines = (
        "FAU - Roe, J",
        "AU  - Roe J",
        "FAU - Poe, X",
        "AU  - Poe X",
        "AUID- ORCID: https://orcid.org/0000000218250097",
    )
    assert found(*lines).authors == [Author(name="J Roe"), Author(name="X Poe", orcid="0000-0002-1825-0097")]


@pytest.mark.parametrize(
    ("text", "grant"),
    [
        ("R01 X/XY/NIXY NIH HHS/United States", Grant(number="R01 X", agency="NIXY NIH HHS", country="United States")),
        ("12/34/A Trust/United Kingdom", Grant(number="12/34", agency="A Trust", country="United Kingdom")),
        ("2012/B7/0001/A Trust/Spain", Grant(number="2012/B7/0001", agency="A Trust", country="Spain")),
        ("A Trust/Spain", Grant(agency="A Trust", country="Spain")),
        ("12345", Grant(number="12345")),
    ],
)
def test_grants(text, grant):
    assert found(f"GR  - {text}").funding == [grant]


def test_several_records_with_and_without_a_blank_line():
    records = read("\n" + nbib("TI  - One") + "\n\n" + nbib("TI  - Two") + nbib("TI  - Three"), NAME)
    assert [publication(record).title for record in records] == ["One", "Two", "Three"]


def test_windows_line_ends_and_a_byte_order_mark():
    assert publication(only(b"\xef\xbb\xbf" + nbib("TI  - One").replace("\n", "\r\n").encode(), NAME)).title == "One"


def test_one_broken_record_costs_no_other():
    records = read(b"PMID- x\n\n" + b"PMID- 2\nTI  - \xff\n\n" + nbib("BTI - Book").encode() + nbib().encode(), NAME)
    first, second, book, last = records
    assert str(first).startswith("made-up.nbib:1: the record has no PubMed id")
    assert str(second).startswith("made-up.nbib:3: the record is not UTF-8 at its byte 15")
    assert "book or chapter with PubMed id 1 is skipped" in str(book)
    assert isinstance(last, Article)


def test_a_record_too_large_is_passed_over():
    first, last = read(BytesIO(b"PMID- 1\nAB  - " + (b"x" * 999 + b"\n") * 17_000 + b"\nPMID- 2\n"), NAME)
    assert "more than 16 MiB" in str(first)
    assert last.publication.pmid == "2"


def test_recognised_by_its_beginning():
    assert pubmed.recognises(MEDLINE.encode(), "x")
    assert pubmed.recognises(b"\n\nPMID- 1\n", "x")
    assert not pubmed.recognises(b"TY  - JOUR\n", "x")


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_no_damage_to_a_file_is_a_crash(data):
    text = bytearray((MEDLINE + "\n" + nbib("AB  - One.")).encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 40))] = data.draw(
            st.one_of(st.binary(max_size=6), st.sampled_from([b"\nPMID- ", b"\n", b"\nAB  - A: ", b"      ", b"\r"]))
        )
    for record in read(bytes(text), NAME):
        if isinstance(record, Study):
            emit(record)
        elif isinstance(record, Article):
            emit_article(record)
        else:
            assert isinstance(record, SourceError)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300))
def test_no_bytes_at_all_are_a_crash(data):
    for record in (*read(data, NAME), *read(b"<PubmedArticle>" + data, NAME)):
        assert isinstance(record, SourceError | Study | Article)
