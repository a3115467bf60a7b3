"""DSpace repository pages: made-up items in the forms that repositories show."""

import pytest

from loaders.errors import SourceError
from loaders.readers import page
from loaders.record import Publication, Study

PAGE = """\
Detailed Information
Cited 0 time in webofscience Cited 12 times in scopus
Metadata Downloads
A made-up trial of asking
Authors
Oh, Ki-WookNoh, Min-Young
Issue Date
14-Sep-2018
Publisher
NOBODY
Citation
ANNALS OF MADE UP, v.84, no.3, pp.361 - 373
Indexed
SCIE
SCOPUS
Journal Title
ANNALS OF MADE UP
Volume
84
Number
3
Start Page
361
End Page
373
URI
https://doi.org/10.1234/amu.7
https://repository.example/made/handle/2021.made/7
DOI
10.1234/AMU.7
PMID
30000001
ISSN
1234-5678
Keywords
Asking; Answers
Short questions
Abstract
ObjectiveTo ask. MethodsWe asked.
Appears in
Collections
Made up > 1. Journal Articles
qrcode
Related Researcher
Oh, Ki-Wook
BROWSE
"""


def read(text: str) -> Study:
    return page.read(text.encode(), "page.txt")


def article(text: str) -> Publication:
    return read(text).publications[0]


def test_every_label() -> None:
    study = read(PAGE)
    (found,) = study.publications
    assert (study.label, study.doi, study.pmid) == ("A made-up trial of asking", "10.1234/amu.7", "30000001")
    assert study.page and study.page.url == "https://repository.example/made/handle/2021.made/7"
    assert study.keywords == ["Asking", "Answers", "Short questions"]
    assert (found.handle, found.issn, found.publisher) == ("2021.made/7", "1234-5678", "NOBODY")
    assert (found.journal, found.volume, found.issue, found.pages) == ("ANNALS OF MADE UP", "84", "3", "361-373")
    assert (found.issued, found.indexed_in) == ("2018-09-14", ["SCIE", "SCOPUS"])
    assert [section.label for section in found.sections] == ["Objective", "Methods"]


def test_citation_stands_in_for_missing_labels() -> None:
    start, end = PAGE.index("Journal Title"), PAGE.index("URI")
    found = article(PAGE[:start] + PAGE[end:])
    assert (found.journal, found.volume, found.issue, found.pages) == ("ANNALS OF MADE UP", "84", "3", "361-373")


@pytest.mark.parametrize(
    ("printed", "title"),
    [
        ("Asking peopleopen access", "Asking people"),
        ("Asking peopleOpen Access", "Asking people"),
        ("Asking people open access", "Asking people"),
        ("Asking people\nopen access", "Asking people"),
        ("Open access to asking", "Open access to asking"),
        ("A step towards open access", "A step towards open access"),
        ("Asking people", "Asking people"),
    ],
)
def test_badge_is_no_part_of_the_title(printed: str, title: str) -> None:
    assert article(PAGE.replace("A made-up trial of asking", printed)).title == title


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("Oh, Ki-WookNoh, Min-YoungKim, Hyun Young", ["Oh, Ki-Wook", "Noh, Min-Young", "Kim, Hyun Young"]),
        ("Oh, Ki-Wook; Noh, Min-Young", ["Oh, Ki-Wook", "Noh, Min-Young"]),
        ("Oh, Ki-Wook\nNoh, Min-Young", ["Oh, Ki-Wook", "Noh, Min-Young"]),
        ("Oh, Ki-Wook;\nNoh, Min-Young;", ["Oh, Ki-Wook", "Noh, Min-Young"]),
        ("Oh, K.-W.Noh, M.", ["Oh, K.-W.", "Noh, M."]),
        ("Doe, JaneMcRoe, John", ["Doe, Jane", "McRoe, John"]),
        ("García, JoséÁlvarez, Inés", ["García, José", "Álvarez, Inés"]),
        ("van der Berg, JanRoe, John", ["van der Berg, Jan", "Roe, John"]),
        ("Doe, Jane", ["Doe, Jane"]),
        ("Asking Study Group", []),
        # Where one name ends is not certain: the line is kept, no name is made up.
        ("Doe, Janevan der Berg, Jan", []),
        ("Doe, JaneDeAngelis, Ann", []),
        ("King, Martin, Jr.Roe, John", []),
        ("DOE, JANEROE, JOHN", []),
        ("Doe, JaneRoe, ", []),
        ("Oh, Ki-WookNoh, Min-Young; Kim, Hyun", []),
    ],
)
def test_names_are_split_only_where_it_is_certain(line: str, names: list[str]) -> None:
    found = article(PAGE.replace("Oh, Ki-WookNoh, Min-Young", line))
    assert (found.creators, found.creator_line) == (names, line.strip())


@pytest.mark.parametrize(
    ("printed", "issued"),
    [
        ("Sep-2018", "2018-09"),
        ("2018-09", "2018-09"),
        ("2018-09-14", "2018-09-14"),
        ("2018/09/14", "2018-09-14"),
        ("2018.09", "2018-09"),
        ("2018", "2018"),
        ("31-Feb-2018", "2018-02"),
        ("September 2018", "2018-09"),
        ("2018-13", "2018"),
        ("soon", None),
    ],
)
def test_issue_date_keeps_its_precision(printed: str, issued: str | None) -> None:
    assert article(PAGE.replace("14-Sep-2018", printed)).issued == issued


def test_value_after_a_colon_or_a_tab() -> None:
    text = """\
Please use this identifier to cite or link to this item: http://hdl.handle.net/1234/567
Title:\tA made-up trial: of asking
Authors:\tDoe, Jane
Roe, John
Issue Date:\tSep-2018
Abstract:\tMethods: We asked. Results: Yes.
URI:\thttp://hdl.handle.net/1234/567
DOI: 10.1234/amu.7
Appears in Collections:\tMade up
"""
    study = read(text)
    (found,) = study.publications
    assert (found.title, found.creators) == ("A made-up trial: of asking", ["Doe, Jane", "Roe, John"])
    assert (found.issued, found.handle, found.doi) == ("2018-09", "1234/567", "10.1234/amu.7")
    assert [(section.label, section.text) for section in found.sections] == [
        ("Methods", "We asked."),
        ("Results", "Yes."),
    ]


def test_html_table_and_its_tags() -> None:
    html = """\
<!DOCTYPE html><html><head><title>Repository: A made-up trial</title>
<meta name="Generator" content="DSpace 6.3">
<meta name="DC.creator" content="Oh, Ki-Wook"><meta name="DC.creator" content="McNoh, Min-Young">
<meta name="DCTERMS.issued" content="2018-09" scheme="DCTERMS.W3CDTF">
<meta name="DC.identifier" content="1234-5678"><meta name="DC.identifier" content="10.1234/AMU.7">
<meta name="DC.subject" content="Asking"><meta name="DC.subject" content="Answers">
<meta name="DC.title" content="Towards open access">
<meta name="DC.publisher" content="Nobody">
<meta name="DCTERMS.abstract" content="Objective: To ask. Methods: We asked in NCT01234567.">
<meta name="citation_journal_title" content="Annals of Made Up">
<meta name="citation_volume" content="84"><meta name="citation_firstpage" content="361">
<meta name="citation_abstract_html_url" content="https://repository.example/handle/1234/567">
</head><body><h2>Towards open access</h2>
<table><tr><td class="metadataFieldLabel">Authors:&nbsp;</td><td><a>Oh, Ki-Wook</a><a>McNoh, Min-Young</a></td></tr>
<tr><td>Appears in Collections:</td><td>Made up</td></tr></table></body></html>
"""
    study = read(html)
    (found,) = study.publications
    assert (found.title, found.doi, found.handle) == ("Towards open access", "10.1234/amu.7", "1234/567")
    assert (found.creators, found.creator_line) == (["Oh, Ki-Wook", "McNoh, Min-Young"], "Oh, Ki-WookMcNoh, Min-Young")
    assert (found.journal, found.volume, found.pages) == ("Annals of Made Up", "84", "361")
    assert (found.issued, found.publisher, study.keywords) == ("2018-09", "Nobody", ["Asking", "Answers"])
    assert (study.nct, study.registration_evidence[0].section) == ("NCT01234567", "Methods")


def test_handle_alone_does_not_identify_a_study() -> None:
    text = PAGE.replace("10.1234/AMU.7", "none").replace("https://doi.org/10.1234/amu.7\n", "").replace("30000001", "-")
    with pytest.raises(SourceError, match="no identifier was found"):
        read(text)


@pytest.mark.parametrize(
    "uri", ["javascript:alert(1)", "https://x.example/a b", 'https://x.example/"><script>', "none"]
)
def test_what_is_no_web_address_is_not_taken(uri: str) -> None:
    start, end = PAGE.index("https://doi.org"), PAGE.index("DOI\n")
    study = read(PAGE[:start] + uri + "\n" + PAGE[end:])
    assert study.page and study.page.url is None
    assert study.publications[0].handle is None
