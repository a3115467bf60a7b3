"""The page reader as a whole: the two real pages, what is refused and how that is said, and hostile files."""

import hashlib
from dataclasses import replace
from decimal import Decimal
from html import escape
from unicodedata import normalize

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loaders.errors import SourceError
from loaders.readers import page
from loaders.record import Evidence, Study
from tests.paths import SEEDS, needs_shared

PUBMED_SEED, DSPACE_SEED = "000_c16765c5957ebc57.txt", "001_e620c2a79fc096f2.txt"

PUBMED_PAGE = """\
Access keys NCBI Homepage MyNCBI Homepage Main Content Main Navigation
Clinical Trial
. 2019 Mar;12(4):55-61.
doi: 10.1234/Made.Up.7. Epub 2019 Jan 5.
A made-up trial of nothing in particular
Affiliations
A made-up trial of nothing in particular
Jane Doe et al. J Made Up Res. 2019 Mar.
Abstract
Methods: Nine people (NCT01234567) were asked.
Results: They answered.
Keywords: Asking; Answers.
PubMed Disclaimer
"""
DSPACE_PAGE = """\
Detailed Information
Metadata Downloads
A made-up trial of nothing in particular
Authors
Doe, JaneRoe, John
Issue Date
Mar-2019
URI
https://repository.example/handle/2019.made/7
DOI
10.1234/Made.Up.7
Abstract
MethodsNine people (NCT01234567) were asked. ResultsThey answered.
Files in This Item
"""


def test_a_form_feed_is_replaced_where_it_stands():
    study = page.read(PUBMED_PAGE.replace("people (NCT", "people\f(NCT").encode(), "a.txt")
    (section, _) = study.publications[0].sections
    assert section.text == "Nine people\ufffd(NCT01234567) were asked."
    assert section.length == len(section.text)


def as_html(text: str, element: str) -> bytes:
    lines = "".join(f"<{element}>{escape(line)}</{element}>\n" for line in text.splitlines())
    return f"<!DOCTYPE html>\n<html><body>\n{lines}</body></html>\n".encode()


def without_source(study: Study) -> Study:
    return replace(study, source=None)


def refusal(data: bytes, name: str = "a/page.txt") -> SourceError:
    with pytest.raises(SourceError) as caught:
        page.read(data, name)
    return caught.value


@needs_shared
def test_pubmed_seed() -> None:
    data = (SEEDS / PUBMED_SEED).read_bytes()
    study = page.read(data, f"some/folder/{PUBMED_SEED}")
    title = (
        "Acute and chronic MRI changes in the spine and spinal cord after surgical stem cell grafting in patients with "
        "definite amyotrophic lateral sclerosis: post-infusion injuries are unrelated with clinical impairment"
    )
    assert (study.label, study.nct, study.pmid, study.doi) == (title, None, None, "10.1016/j.mri.2013.05.006")
    assert study.registration_evidence == []
    assert study.keywords == [
        "Amyotrophic lateral sclerosis", "Magnetic resonance imaging", "Spinal cord", "Stem cells", "Surgery",
    ]  # fmt: skip
    assert study.page and (study.page.url, study.page.title, study.page.encoding) == (None, title, "UTF-8")
    assert study.source and (study.source.kind, study.source.name) == ("PAGE", PUBMED_SEED)
    assert study.source.sha256 == hashlib.sha256(data).hexdigest()
    (article,) = study.publications
    assert (article.title, article.doi, article.pmid, article.pmcid) == (title, "10.1016/j.mri.2013.05.006", None, None)
    assert (article.journal, article.volume, article.issue, article.pages) == (
        "Magn Reson Imaging", "31", "8", "1298-308",
    )  # fmt: skip
    assert (article.issued, article.available) == ("2013-10", "2013-06-28")
    assert article.creators == ["José M García Santos"]
    assert article.creator_line == "José M García Santos\u00a0et al. Magn Reson Imaging. 2013 Oct."
    assert (article.publication_types, article.publication_type_texts) == (["D016448"], ["Multicenter Study"])
    assert [(section.label, section.length, section.sha256) for section in article.sections] == [
        ("Objective", 179, "5b9ace687bc3add47556efb5902d9208e9c26f66af92455f88835819117879a3"),
        ("Methods", 485, "927bccbe5a3930bf17600e76c1b2138bf578f6917e5ea4c5857ff8376f903926"),
        ("Results", 625, "8a30294b4807ea00adef7cfa9e1d743c4c223e2220724d6c20c3896c998ea37f"),
        ("Conclusions", 118, "7b8480ce3c9ef5c4fafb6b0a77cb50f9856ce942697bf78c59057e71c4c39658"),
    ]


@needs_shared
def test_dspace_seed() -> None:
    study = page.read((SEEDS / DSPACE_SEED).read_bytes(), DSPACE_SEED)
    title = "Repeated Intrathecal Mesenchymal Stem Cells for Amyotrophic Lateral Sclerosis"
    url = "https://scholarworks.bwise.kr/hanyang/handle/2021.sw.hanyang/149393"
    assert (study.label, study.nct, study.pmid, study.doi) == (title, "NCT01363401", None, "10.1002/ana.25302")
    assert study.registration_evidence == [
        Evidence(section="Methods", start=42, end=53, method="RULE", confidence=Decimal("0.95"))
    ]
    assert study.page and (study.page.url, study.page.title, study.page.encoding) == (url, title, "UTF-8")
    (article,) = study.publications
    assert (article.title, article.doi, article.handle) == (title, "10.1002/ana.25302", "2021.sw.hanyang/149393")
    assert (article.journal, article.volume, article.issue, article.pages) == (
        "ANNALS OF NEUROLOGY", "84", "3", "361-373",
    )  # fmt: skip
    assert (article.issued, article.available, article.issn) == ("2018-09", None, "0364-5134")
    assert (article.publisher, article.indexed_in) == ("WILEY", ["SCIE", "SCOPUS"])
    assert article.creators == [
        "Oh, Ki-Wook", "Noh, Min-Young", "Kwon, Min-Soo", "Kim, Hyun Young", "Oh, Seong-il", "Park, Jinseok",
        "Kim, Hee-Jin", "Ki, Chang-Seok", "Kim, Seung Hyun",
    ]  # fmt: skip
    assert article.creator_line and article.creator_line.startswith("Oh, Ki-WookNoh, Min-Young")
    assert [(section.label, section.length, section.sha256) for section in article.sections] == [
        ("Objective", 177, "709b04d6e74679e5f4d5f91cf3e9a60c68e5afca1b1dab3274ee21ff7bb9f012"),
        ("Methods", 561, "80d080bbc8cc34506d274637f280a3c8d2d0ca766ab44d498c29ba89c96c64f7"),
        ("Results", 655, "d50c101a60847bc946a10a1746c010c85b76bf190d3ce2a65fecd7e9500efa51"),
        ("Interpretation", 432, "a027463756a1f4abd11edae0763ae37c4658ae0a4f7c741acca7d71633d3a816"),
    ]


@needs_shared
@pytest.mark.parametrize("name", [PUBMED_SEED, DSPACE_SEED])
@pytest.mark.parametrize("form", ["p", "div", "pre", "windows", "bom", "decomposed"])
def test_the_same_seed_in_another_form_is_the_same_record(name: str, form: str) -> None:
    data = (SEEDS / name).read_bytes()
    text = data.decode()
    other = {
        "p": as_html(text, "p"),
        "div": as_html(text, "div"),
        "pre": f"<html><body><pre>{escape(text)}</pre></body></html>".encode(),
        "windows": text.replace("\n", "\r\n").encode(),
        "bom": b"\xef\xbb\xbf" + data,
        "decomposed": normalize("NFD", text).encode(),
    }[form]
    assert other != data
    assert page.recognises(other, name)
    assert without_source(page.read(other, name)) == without_source(page.read(data, name))


@pytest.mark.parametrize("text", [PUBMED_PAGE, DSPACE_PAGE])
def test_section_hash_and_offsets_are_of_the_text_kept(text: str) -> None:
    study = page.read(text.encode(), "page.txt")
    (article,) = study.publications
    for section in article.sections:
        assert section.text and section.length == len(section.text)
        assert section.sha256 == hashlib.sha256(section.text.encode()).hexdigest()
    (evidence,) = study.registration_evidence
    methods = next(section.text for section in article.sections if section.label == evidence.section)
    assert methods and methods[evidence.start : evidence.end] == study.nct == "NCT01234567"
    assert study.doi == "10.1234/made.up.7"


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        (b"", None, "empty"),
        (b" \n\xc2\xa0\n", None, "empty"),
        (b"\xef\xbb\xbf", None, "empty"),
        (b"x" * 100_000_000, None, "at most 8 MB"),
        ("café\nété".encode("latin-1"), 1, "byte 4 of the file (0xe9) is not UTF-8; convert"),
        (b"\xef\xbb\xbfok\nab\xff\n", 2, "byte 9 of the file (0xff) is not UTF-8"),
        (PUBMED_PAGE.encode("utf-16"), 1, "with iconv -f UTF-16 -t UTF-8"),
        (PUBMED_PAGE.encode() + "é".encode()[:1], 14, "middle of a character"),
        (b"one\ntwo\0", 2, "NUL"),
        (b"a" + "\u0301\u0316".encode() * 100_000, None, "accents"),
        (b"<html><p>a" + b"&#769;&#790;" * 100_000, None, "accents"),
        (b"A recipe\nTake two eggs.\n", None, "neither a PubMed abstract page nor a DSpace repository page"),
        (b"<html><body><p>A recipe</p></body></html>", None, "neither a PubMed abstract page nor a DSpace"),
        (b"<html>", None, "neither a PubMed abstract page"),
        (PUBMED_PAGE.split("A made-up")[0].encode(), None, "no title"),
        (PUBMED_PAGE.replace("doi:", "").replace("NCT", "").encode(), None, "no identifier"),
        (DSPACE_PAGE.replace("\nDOI\n10.", "\n").replace("NCT", "").encode(), None, "no identifier"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_in_one_sentence(data: bytes, line: int | None, said: str) -> None:
    error = refusal(data)
    assert said in error.problem
    assert (error.source, error.line) == ("a/page.txt", line)
    assert "\n" not in str(error) and len(str(error)) < 250


@pytest.mark.parametrize(
    "printed",
    ["NCT0123456", "NCT012345678", "NCTO1234567", "NCT: 01234567", "NCT 0123456", "NCT-012345678", "NCT01234567x"],
)
def test_unknown_nct_form_is_named_and_never_repaired(printed: str) -> None:
    error = refusal(PUBMED_PAGE.replace("NCT01234567", printed).encode())
    assert error.field == "Methods"
    assert printed in error.problem and "eight digits" in error.problem


@pytest.mark.parametrize("printed", ["NCT 01234567", "NCT-01234567", "nct01234567", "NCT\u00a001234567"])
def test_nct_id_with_a_gap_or_in_small_letters_is_taken(printed: str) -> None:
    study = page.read(PUBMED_PAGE.replace("NCT01234567", printed).encode(), "page.txt")
    assert study.nct == "NCT01234567"
    (evidence,) = study.registration_evidence
    assert evidence.start is not None and evidence.end is not None
    assert evidence.end - evidence.start == len(printed)


@pytest.mark.parametrize("printed", ["NCT", "NCT 2 regimen", "six cycles of NCT (n = 31)", "NCT-100", "ENCT01234567"])
def test_other_uses_of_the_letters_are_no_registry_id(printed: str) -> None:
    assert page.read(PUBMED_PAGE.replace("NCT01234567", printed).encode(), "page.txt").nct is None


@pytest.mark.parametrize(
    ("abstract", "nct"),
    [
        ("Seen in NCT00000001 and again in NCT00000001.", "NCT00000001"),
        ("Seen in NCT00000001 and NCT00000002.", None),
        ("A trial (NCT00000001) and another trial (NCT00000002).", None),
        ("We registered this (ClinicalTrials.gov, NCT00000001); its forerunner was NCT00000002.", "NCT00000001"),
        ("This trial (n = 4) was like NCT00000001 and NCT00000002.", None),
        ("Identifier: ClinicalTrials.govNCT00000001Funding by nobody.", "NCT00000001"),
    ],
)
def test_of_several_nct_ids_none_is_taken_unless_one_is_the_registration(abstract: str, nct: str | None) -> None:
    text = PUBMED_PAGE.replace("Nine people (NCT01234567) were asked.", abstract)
    study = page.read(text.encode(), "page.txt")
    assert study.nct == nct
    assert len(study.registration_evidence) == (1 if nct else 0)


@pytest.mark.parametrize("cut", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("text", [PUBMED_PAGE, DSPACE_PAGE])
def test_truncated_page_gives_what_is_printed_or_a_clear_error(text: str, cut: float) -> None:
    data = text.encode()[: int(len(text) * cut)]
    try:
        study = page.read(data, "page.txt")
    except SourceError as error:
        assert "save the whole page again" in error.problem
    else:
        assert study.label == "A made-up trial of nothing in particular"


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (PUBMED_PAGE.encode(), "x.txt", True),
        (DSPACE_PAGE.encode(), "standard input", True),
        (PUBMED_PAGE.encode("latin-1"), "x.TXT", True),
        (PUBMED_PAGE.encode("utf-16"), "x.txt", True),
        (b"\n <!doctype html>\n<title>x</title>", "x.html", True),
        (b"<?xml version='1.0'?>\n<html xmlns='http://www.w3.org/1999/xhtml'>", "x.xhtml", True),
        (b"<?xml version='1.0'?>\n<PubmedArticleSet>", "x.txt", False),
        (b'{"protocolSection": {}}', "x.txt", False),
        (b"Notes to myself\n", "notes.txt", False),
        (b"", "x.txt", False),
        (PUBMED_PAGE.encode(), "x.yaml", False),
    ],
)
def test_recognises_pages_and_leaves_the_rest_to_others(data: bytes, name: str, expected: bool) -> None:
    assert page.recognises(data, name) is expected


def test_html_in_a_declared_encoding_is_read() -> None:
    html = as_html(PUBMED_PAGE.replace("Jane Doe", "José Doe"), "p").decode()
    html = html.replace("<body>", '<head><meta charset="ISO-8859-1"></head><body>')
    study = page.read(html.encode("latin-1"), "page.html")
    assert study.publications[0].creators == ["José Doe"]
    assert study.page and study.page.encoding == "windows-1252"
    assert "UTF-8" in refusal(html.replace("ISO-8859-1", "x-unknown").encode("latin-1")).problem


def test_html_can_neither_expand_entities_nor_fetch_nor_run() -> None:
    bomb = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(9))
    html = (
        f'<!DOCTYPE html [{bomb}<!ENTITY file SYSTEM "file:///etc/hostname">]>'
        + as_html(PUBMED_PAGE, "p").decode().removeprefix("<!DOCTYPE html>")
    ).replace("They answered.", "They &l8; &file; answered.<script>document.title = 'PMID: 1'</script>")
    study = page.read(html.encode(), "page.html")
    results = study.publications[0].sections[1].text
    assert results and results.startswith("They ") and len(results) < 100
    assert study.pmid is None


@pytest.mark.parametrize(
    "piece", ["<div>", "<p>x", "<b><i></b>", "<", "Methods: a\n", "it. MethodsIn a. ", "(NCT01234567 "]
)
def test_time_grows_with_size_only(piece: str) -> None:
    # Half a megabyte of each takes a fraction of a second; anything quadratic takes minutes and meets the time limit.
    head = PUBMED_PAGE if not piece.startswith("<") else "<html>"
    data = (head.replace("PubMed Disclaimer", "") + piece * (500_000 // len(piece))).encode()
    try:
        page.read(data, "page.txt")
    except SourceError as error:
        assert error.problem


@given(st.binary(max_size=400))
@settings(deadline=None)
@example(b"<html")
@example(b"<html>\xff<meta charset=euc-kr>\xff")
def test_arbitrary_bytes_are_read_or_refused(data: bytes) -> None:
    page.recognises(data, "x.txt")
    try:
        page.read(data, "x.txt")
    except SourceError as error:
        assert error.problem


@given(
    base=st.sampled_from([PUBMED_PAGE, DSPACE_PAGE, as_html(PUBMED_PAGE, "p").decode()]),
    edits=st.lists(
        st.tuples(
            st.integers(0, 1200),
            st.integers(0, 80),
            st.one_of(
                st.text(max_size=12),
                st.sampled_from(
                    ["\n", ":", "Authors\n", "DOI\n", ". 2019;", "NCT0", "Results:", "</p>", "et al. ", ","]
                ),
            ),
        ),
        max_size=6,
    ),
)
@settings(deadline=None, max_examples=300)
def test_mutated_pages_are_read_or_refused(base: str, edits: list[tuple[int, int, str]]) -> None:
    text = base
    for start, length, new in edits:
        text = text[:start] + new + text[start + length :]
    data = text.encode(errors="replace")
    page.recognises(data, "x.txt")
    try:
        study = page.read(data, "x.txt")
    except SourceError as error:
        assert error.problem
        return
    assert study.label and (study.nct or study.pmid or study.doi)
    for evidence in study.registration_evidence:
        assert evidence.start is None or (evidence.end is not None and evidence.start < evidence.end)


@needs_shared
@pytest.mark.parametrize("seed", ["000_*", "001_*"])
def test_a_page_that_stops_inside_its_abstract_is_refused(seed):
    data = next(SEEDS.glob(seed)).read_bytes()
    whole = page.read(data, "page.txt").publications[0].sections
    start = data.index((whole[0].text or "").encode())
    end = data.index((whole[-1].text or "").encode()[-60:])
    for stop in range(start + 100, end, 97):
        cut = data[:stop].decode(errors="ignore").rstrip()
        if not cut.endswith((".", ".)")):
            with pytest.raises(SourceError, match="stops in the middle of its abstract"):
                page.read(cut.encode(), "page.txt")
