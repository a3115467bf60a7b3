"""PubMed abstract pages in the layouts the site has: made-up articles, as copied from a browser and as HTML."""

from dataclasses import fields
from typing import Any

import pytest
from lxml import etree

from loaders.readers import page
from loaders.readers.page.pubmed import PUBLICATION_TYPES
from loaders.record import Publication, Study
from tests.paths import SHARED, needs_shared

BROWSER_COPY = """\
Randomized Controlled Trial
Ann Made Up
Actions
Search in PubMed
Add to Search
. 2018 Sep 14;84(3):361-373. doi: 10.1234/amu.25302. Epub 2018 Aug 31.
A made-up trial of asking
Authors
Ki-Wook Oh # 1, José M García 1 2, H van der Berg 3rd 2
Affiliations Expand
1 Department of Asking, Made Up.
PMID: 30000001 PMCID: PMC1234567 DOI: 10.1234/amu.25302
Free PMC article
Abstract
Objective: To ask.
Methods: We asked.
Trial registration: ClinicalTrials.gov NCT01234567.
Keywords: Asking; Answers, short; U.S.
© 2018 Nobody.
Conflict of interest statement
None.
Similar articles
Another article about asking.
Doe J, et al. Ann Other. 2001 Jan;1(1):1-2. doi: 10.9999/other. PMID: 11111111 Clinical Trial.
Publication types
Twin Study
"""

HTML = """\
<!DOCTYPE html>
<html lang="en"><head>
<title>A made-up trial of asking - PubMed</title>
<link rel="canonical" href="https://pubmed.ncbi.nlm.nih.gov/30000001/">
<meta name="citation_title" content="A made-up trial of asking H2O">
<meta name="citation_doi" content="10.1234/AMU.25302">
<meta name="citation_pmid" content="30000001">
<meta name="citation_journal_title" content="Annals of made up things">
<meta name="citation_publisher" content="Ann Made Up">
<meta name="citation_issn" content="1234-567x">
<meta name="citation_date" content="09/01/2018">
<meta name="citation_author" content="Ki-Wook Oh"><meta name="citation_author" content="José M García">
<script>var x = "PMID: 99999999";</script>
</head><body>
<header id="heading"><div class="full-view" id="full-view-heading">
  <div class="article-citation"><div class="publication-type">Randomized Controlled Trial</div>
    <div class="article-source">
      <button id="full-view-journal-trigger">
        Ann Made Up
      </button><div class="dropdown"><ul><li><a href="#">Search in PubMed</a></li><li>Add to Search</li></ul></div>
      <span class="period">.</span>
      <span class="cit">2018 Sep;84(3):361-373.</span>
      <span class="citation-doi">
        doi: 10.1234/amu.25302.
      </span>
      <span class="secondary-date">Epub 2018 Aug 31.</span>
    </div></div>
  <h1 class="heading-title">
      A made-up trial of <i>asking</i> H<sub>2</sub>O
  </h1>
  <div class="inline-authors"><div class="authors"><h3 class="title">Authors</h3><div class="authors-list">
    <span class="authors-list-item "><a class="full-name" href="/?term=1">Ki-Wook Oh</a><sup class="affiliation-links">
      <span class="author-sup-separator">&nbsp;</span><a class="affiliation-link">1</a></sup><span class="comma">,&nbsp;
    </span></span><span class="authors-list-item "><a class="full-name" href="/?term=2">José M García</a>
    <sup class="affiliation-links"><a class="affiliation-link">2</a></sup></span>
  </div></div></div>
  <div class="affiliations"><h3 class="title">Affiliations</h3><ul class="item-list"><li>1 Somewhere.</li></ul></div>
  <ul class="identifiers"><li><span class="id-label">PMID:</span> <strong class="current-id">30000001</strong></li>
    <li><span class="id-label">PMCID:</span> <a class="id-link">PMC1234567</a></li></ul>
</div></header>
<div class="abstract" id="abstract"><h2 class="title">Abstract</h2>
  <div class="abstract-content selected" id="eng-abstract">
    <p>
      <strong class="sub-title">
        What we asked:
      </strong>
      Nine people &amp; one
      more.
    </p>
    <p><strong class="sub-title">Methods:</strong> We asked<sup>2</sup>.</p>
  </div>
  <p><strong class="sub-title">Keywords:</strong> Asking; Answers.</p>
  <p class="copyright">© 2018 Nobody.</p></div>
<div id="publication-types"><h2 class="title">Publication types</h2><ul class="keywords-list">
  <li><button>Randomized Controlled Trial</button><ul><li>Search in PubMed</li><li>Search in MeSH</li></ul></li>
  <li><button>Multicenter Study</button><div><ul><li>Add to Search</li></ul></div></li></ul></div>
<div id="related-links"><h2 class="title">Associated data</h2><ul><li>ClinicalTrials.gov/NCT01234567</li></ul></div>
<div id="similar"><h2>Similar articles</h2><p>NCT99999999 PMID: 11111111</p></div>
</body></html>
"""


def read(text: str) -> Study:
    return page.read(text.encode(), "page.txt")


def article(text: str) -> Publication:
    return read(text).publications[0]


def said(publication: Publication) -> dict[str, Any]:
    values = {field.name: getattr(publication, field.name) for field in fields(publication)}
    return {name: value for name, value in values.items() if value and name not in {"relation", "sections"}}


def test_copy_from_a_browser() -> None:
    study = read(BROWSER_COPY)
    assert said(study.publications[0]) == {
        "pmid": "30000001",
        "doi": "10.1234/amu.25302",
        "pmcid": "PMC1234567",
        "title": "A made-up trial of asking",
        "journal": "Ann Made Up",
        "volume": "84",
        "issue": "3",
        "pages": "361-373",
        "issued": "2018-09-14",
        "available": "2018-08-31",
        "creators": ["Ki-Wook Oh", "José M García", "H van der Berg 3rd"],
        "creator_line": "Ki-Wook Oh # 1, José M García 1 2, H van der Berg 3rd 2",
        "publication_types": ["D016449"],
        "publication_type_texts": ["Randomized Controlled Trial"],
    }
    assert (study.nct, study.pmid, study.doi) == ("NCT01234567", "30000001", "10.1234/amu.25302")
    assert study.registration_evidence[0].section == "Trial registration"
    assert study.keywords == ["Asking", "Answers, short", "U.S"]
    assert [(section.label, section.text) for section in study.publications[0].sections] == [
        ("Objective", "To ask."),
        ("Methods", "We asked."),
        ("Trial registration", "ClinicalTrials.gov NCT01234567."),
    ]


def test_html_page_with_its_tags() -> None:
    study = read(HTML)
    assert said(study.publications[0]) == {
        "pmid": "30000001",
        "doi": "10.1234/amu.25302",
        "pmcid": "PMC1234567",
        "title": "A made-up trial of asking H2O",
        "journal": "Ann Made Up",
        "issn": "1234-567X",
        "volume": "84",
        "issue": "3",
        "pages": "361-373",
        "issued": "2018-09",
        "available": "2018-08-31",
        "creators": ["Ki-Wook Oh", "José M García"],
        "creator_line": "Ki-Wook Oh \u00a01,\u00a0 José M García 2",
        "publication_types": ["D016449", "D016448"],
        "publication_type_texts": ["Randomized Controlled Trial", "Multicenter Study"],
    }
    assert study.page and study.page.url == "https://pubmed.ncbi.nlm.nih.gov/30000001/"
    assert study.nct == "NCT01234567"
    (evidence,) = study.registration_evidence
    assert (evidence.section, evidence.start, evidence.method) == ("Associated data", None, "RULE")
    assert study.keywords == ["Asking", "Answers"]
    assert [(section.label, section.text) for section in study.publications[0].sections] == [
        ("What we asked", "Nine people & one more."),
        ("Methods", "We asked2."),
    ]


def test_html_page_without_its_tags_says_the_same() -> None:
    bare = "\n".join(line for line in HTML.splitlines() if not line.startswith("<meta"))
    assert article(bare).creators == article(HTML).creators
    assert article(bare).title == "A made-up trial of asking H2O"
    assert said(article(bare)) == {name: value for name, value in said(article(HTML)).items() if name != "issn"}


SHELL = "{source}\nA title of nothing\nJane Doe 1\nAffiliation\n1 Somewhere.\nPMID: 12345\nAbstract\nText.\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("J Made Up. 2013 Oct;31(8):1298-308.", ("J Made Up", "2013-10", "31", "8", "1298-308")),
        ("J Made Up\n. 2013 Oct;31(8):1298-308.", ("J Made Up", "2013-10", "31", "8", "1298-308")),
        ("PLoS Some (City). 2020 Mar 4;15(3):e0123456.", ("PLoS Some (City)", "2020-03-04", "15", "3", "e0123456")),
        (". 2018 Sep;84:361-373.", (None, "2018-09", "84", None, "361-373")),
        (". 2018;84 Suppl 1:S12-S20.", (None, "2018", "84 Suppl 1", None, "S12-S20")),
        (". 2018 Jun;20(1 Suppl):e5.", (None, "2018-06", "20", "1 Suppl", "e5")),
        (". 2021 Jan-Feb;12(1):3-9.", (None, "2021", "12", "1", "3-9")),
        (". 2021 Winter;12(1):3-9.", (None, "2021", "12", "1", "3-9")),
        (". 2022 Oct 13:13:1008490.", (None, "2022-10-13", "13", None, "1008490")),
        (". 2023 Jul 5:S0025-7753(23)00001-2.", (None, "2023-07-05", None, None, "S0025-7753(23)00001-2")),
        (". 2023 Jul 5. doi: 10.1234/x. Online ahead of print.", (None, "2023-07-05", None, None, None)),
        ("Mult Scler. 2023 Feb 31;1(1):1.", ("Mult Scler", "2023-02", "1", "1", "1")),
    ],
)
def test_source_line(source: str, expected: tuple[str | None, ...]) -> None:
    found = article(SHELL.format(source=source))
    assert (found.journal, found.issued, found.volume, found.issue, found.pages) == expected
    assert (found.title, found.creators) == ("A title of nothing", ["Jane Doe"])


def test_publication_type_before_the_source_line_is_no_journal() -> None:
    found = article(SHELL.format(source="Review\n. 2013 Oct;31(8):1."))
    assert (found.journal, found.publication_types) == (None, ["D016454"])


@pytest.mark.parametrize(
    ("old", "new", "creators"),
    [
        ("Jane Doe 1\nAffiliation\n1 Somewhere.\n", "", []),
        ("Jane Doe 1\nAffiliation\n1 Somewhere.\n", "Jane Doe, John Roe\n", ["Jane Doe", "John Roe"]),
        ("Jane Doe 1\n", "", []),
        ("Jane Doe 1\nAffiliation", "[Article in French]\nJane Doe 1, 2\nAffiliations", ["Jane Doe"]),
        ("Jane Doe 1\n", "Asking Study Group; Jane Doe 1 2\n", ["Asking Study Group; Jane Doe"]),
    ],
)
def test_author_line(old: str, new: str, creators: list[str]) -> None:
    text = SHELL.format(source=". 2013 Oct;31(8):1.")
    assert old in text
    assert article(text.replace(old, new)).creators == creators


@pytest.mark.parametrize("heading", ["No abstract available", "Abstract"])
def test_page_without_abstract_has_no_sections(heading: str) -> None:
    text = SHELL.format(source=". 2013 Oct;31(8):1.").replace("Abstract\nText.\n", f"{heading}\nPubMed Disclaimer\n")
    assert article(text).sections == []


def test_unlabelled_abstract_is_one_section() -> None:
    (section,) = article(SHELL.format(source=". 2013 Oct;31(8):1.")).sections
    assert (section.label, section.text, section.length) == ("Abstract", "Text.", 5)


def test_printed_address_gives_the_pubmed_id() -> None:
    text = SHELL.format(source=". 2013 Oct;31(8):1.").replace("PMID: 12345", "https://pubmed.ncbi.nlm.nih.gov/777/")
    study = read(text)
    assert study.page and (study.page.url, study.pmid) == ("https://pubmed.ncbi.nlm.nih.gov/777/", "777")


@needs_shared
def test_publication_types_match_the_articles_of_pubmed() -> None:
    printed = {}
    for path in (SHARED / "data" / "pubmed" / "articles").glob("*.xml"):
        for element in etree.parse(path, etree.XMLParser(resolve_entities=False)).iter("PublicationType"):
            printed[element.text] = element.get("UI")
    known = PUBLICATION_TYPES.keys() & printed.keys()
    assert len(known) > 10
    assert {name: PUBLICATION_TYPES[name] for name in known} == {name: printed[name] for name in known}
