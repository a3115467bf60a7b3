"""The real articles: all are read, nothing is lost or added, and what comes out passes the gate."""

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from loaders import gate
from loaders.emit import emit, emit_article, emit_provenance
from loaders.readers import curated
from loaders.record import Article, Publication, Study
from tests.loaders.readers.pubmed_sample import article, article_set, only, publication, read
from tests.paths import SEEDS, SHARED, STUDIES, needs_shared

FOLDER = SHARED / "data/pubmed/articles"

pytestmark = needs_shared


@cache
def pairs() -> list[tuple[ElementTree.Element, Any]]:
    """Return each article as another parser sees it, and as this reader read it."""
    files = sorted(FOLDER.glob("*.xml"))
    return [(one(file), only(file.read_bytes(), file.name)) for file in files]


def one(file: Path) -> ElementTree.Element:
    found = ElementTree.parse(file).getroot().find("PubmedArticle")
    assert found is not None
    return found


def articles() -> list[tuple[ElementTree.Element, Publication]]:
    return [(element, publication(record)) for element, record in pairs()]


def texts(element: ElementTree.Element, path: str) -> list[str]:
    return [text for found in element.findall(path) if (text := "".join(found.itertext()).strip())]


def test_all_are_read():
    assert len(pairs()) == 393
    assert all(isinstance(record, Study | Article) for _, record in pairs())
    assert [publication.pmid for _, publication in articles()] == [
        element.findtext("MedlineCitation/PMID") for element, _ in pairs()
    ]


COUNTS = {
    "authors": ("MedlineCitation/Article/AuthorList/Author", lambda found: found.authors),
    "abstract sections": (
        "MedlineCitation/Article/Abstract/AbstractText",
        lambda found: [each for each in found.sections if "(" not in each.label],
    ),
    "other abstracts": (
        "MedlineCitation/OtherAbstract/AbstractText",
        lambda found: [each for each in found.sections if "(" in each.label],
    ),
    "headings": (
        "MedlineCitation/MeshHeadingList/MeshHeading",
        lambda found: [*found.mesh_headings, *found.mesh_heading_texts],
    ),
    "publication types": (
        "MedlineCitation/Article/PublicationTypeList/PublicationType",
        lambda found: found.publication_type_texts,
    ),
    "substances": ("MedlineCitation/ChemicalList/Chemical", lambda found: [*found.chemicals, *found.chemical_texts]),
    "supplementary": ("MedlineCitation/SupplMeshList/SupplMeshName", lambda found: found.supplementary_mesh),
    "journals": ("MedlineCitation/Article/Journal/Title", lambda found: [found.journal] if found.journal else []),
    "dates": ("MedlineCitation/Article/ArticleDate", lambda found: [found.available] if found.available else []),
}  # fmt: skip


@pytest.mark.parametrize("what", COUNTS)
def test_as_many_as_in_the_file(what):
    path, take = COUNTS[what]
    for element, found in articles():
        expected = [each for each in element.findall(path) if len(each) or (each.text or "").strip()]
        assert len(take(found)) == len(expected), found.pmid


def test_every_doi_is_found_where_it_stands():
    both = only_listed = 0
    for element, found in articles():
        own = texts(element, "MedlineCitation/Article/ELocationID[@EIdType='doi']")
        listed = texts(element, "PubmedData/ArticleIdList/ArticleId[@IdType='doi']")
        assert found.doi == next((doi.lower() for doi in [*own, *listed]), None)
        both += bool(own)
        only_listed += bool(listed and not own)
    assert both > 200 and only_listed > 20


def test_every_qualifier_with_its_heading():
    for element, found in articles():
        expected = [
            f"{heading.find('DescriptorName').get('UI')}{qualifier.get('UI')}"
            for heading in element.iter("MeshHeading")
            for qualifier in heading.findall("QualifierName")
            if qualifier.get("UI") and heading.find("DescriptorName").get("UI")
        ]
        assert found.mesh_qualified == expected


def test_every_cited_article_once():
    for element, found in articles():
        cited = texts(element, ".//ReferenceList//ArticleId[@IdType='pubmed']")
        cited += texts(element, ".//CommentsCorrections[@RefType='Cites']/PMID")
        assert set(found.references) == {pmid for pmid in cited if pmid.isdigit() and pmid != "0"} - {found.pmid}
        assert len(found.references) == len(set(found.references))


def test_titles_and_sections_are_verbatim():
    for element, found in articles():
        title = " ".join(texts(element, "MedlineCitation/Article/ArticleTitle"))
        assert "".join((found.title or "").split()) == "".join(title.split()) or title == "[Not Available]."
        printed = texts(element, "MedlineCitation/Article/Abstract/AbstractText")
        assert [each.text for each in found.sections if "(" not in each.label] == printed


def test_every_year_is_kept():
    for element, found in articles():
        year = element.findtext("MedlineCitation/Article/Journal/JournalIssue/PubDate/Year")
        words = " ".join(texts(element, "MedlineCitation/Article/Journal/JournalIssue/PubDate/*"))
        assert not year or found.issued.startswith(year)
        assert found.issued or found.issued_text == words


def test_registry_ids_and_what_is_a_study():
    registered = {found.pmid: record.nct for (_, found), (_, record) in zip(articles(), pairs(), strict=True)
                  if isinstance(record, Study) and record.nct}  # fmt: skip
    assert registered == {"29355075": "NCT02060188", "29768149": "NCT02149199"}
    for element, record in pairs():
        types = set(texts(element, "MedlineCitation/Article/PublicationTypeList/PublicationType"))
        if "Randomized Controlled Trial" in types and not types & {"Review", "Comment", "Meta-Analysis"}:
            assert isinstance(record, Study)
        if types & {"Review", "Editorial", "Case Reports"} and not types & {"Multicenter Study", "Clinical Trial"}:
            assert isinstance(record, Article)


def test_all_pass_the_gate():
    for _, record in pairs()[::9]:
        emission = emit(record) if isinstance(record, Study) else emit_article(record)
        provenance = emit_provenance(record.source, emission.graph, emission.study, "0.1.0")
        assert gate.validate(emission.triples + provenance).conforms, emission.graph


def test_a_set_of_all_reads_as_they_do_alone():
    bodies = [re.search(r"<PubmedArticle[ >].*</PubmedArticle>", file.read_text("utf-8"), re.DOTALL)[0]
              for file in sorted(FOLDER.glob("*.xml"))]  # fmt: skip
    together = read(article_set(*bodies))
    assert [publication(record) for record in together] == [found for _, found in articles()]


def test_the_same_words_have_the_hashes_that_curated_evidence_counts_in():
    """The abstract of the first seed study, put into XML, gives the sections that its curated record names."""
    page = (SEEDS / "000_c16765c5957ebc57.txt").read_text("utf-8")
    found = re.findall(r"^(Objective|Methods|Results): (.*)$", page, re.MULTILINE)
    body = "".join(f'<AbstractText Label="{label.upper()}">{escaped(text)}</AbstractText>' for label, text in found)
    sections = publication(only(article_set(article(f"<Abstract>{body}</Abstract>")))).sections
    path = STUDIES / "garcia-santos-2013.yaml"
    stated = curated.read(path.read_bytes(), path.name).publications[0].sections
    assert [(each.label, each.length, each.sha256) for each in sections] == [
        (each.label, each.length, each.sha256) for each in stated
    ]
    assert all(hashlib.sha256(each.text.encode()).hexdigest() == each.sha256 for each in sections)


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
