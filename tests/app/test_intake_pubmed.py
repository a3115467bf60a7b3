"""PubMed in the store: articles that report a study, those that report none, newer records, and withdrawn ones."""

from pathlib import Path

import pytest

from app.intake import Summary, load
from app.store.base import Query
from app.store.embedded import EmbeddedStore
from loaders.documents import Document
from tests.loaders.readers.pubmed_sample import article, article_set

TITLE = "<ArticleTitle>Sunshine.</ArticleTitle>"
BANK = (
    "<DataBankList><DataBank><DataBankName>ClinicalTrials.gov</DataBankName><AccessionNumberList>"
    "<AccessionNumber>NCT00000001</AccessionNumber></AccessionNumberList></DataBank></DataBankList>"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def take(folder: Path, *articles: str) -> Summary:
    return load(folder, [Document("update.xml", article_set(*articles))], "pubmed")


def ask(folder: Path, pattern: str) -> bool:
    text = f"PREFIX tw: <https://w3id.org/trialweave/ontology#> BASE <https://w3id.org/trialweave/> ASK {{ {pattern} }}"
    with EmbeddedStore(folder) as store:
        return b"true" in store.query(Query(text)).body


def in_graph(name: str, pattern: str) -> str:
    return f"GRAPH <graph/{name}/pubmed> {{ {pattern} }}"


def test_an_article_without_a_study_is_stored_as_a_publication(folder):
    assert take(folder, article(TITLE)).count("loaded") == 1
    assert ask(folder, in_graph("pmid-1", "<publication/pmid-1> a tw:Publication ; tw:pmid '1'"))
    assert not ask(folder, "?s a tw:Study")
    assert not ask(folder, "?g tw:aboutStudy ?s")


def test_loading_again_does_nothing(folder):
    take(folder, article(TITLE), article(TITLE, "Clinical Trial", pmid="2"))
    summary = take(folder, article(TITLE), article(TITLE, "Clinical Trial", pmid="2"))
    assert summary.count("unchanged") == 2
    assert summary.generation == 1


def test_one_broken_article_costs_only_itself(folder):
    summary = take(folder, article(pmid="x"), article(TITLE, pmid="2"))
    assert (summary.count("loaded"), summary.count("unreadable"), summary.complete) == (1, 1, False)


def test_an_article_that_turns_out_to_report_a_study_moves(folder):
    take(folder, article(TITLE))
    take(folder, article(TITLE, "Clinical Trial"))
    assert ask(folder, in_graph("PMID1", "<study/PMID1> a tw:Study"))
    assert not ask(folder, in_graph("pmid-1", "?s ?p ?o"))
    take(folder, article(TITLE + BANK, "Clinical Trial"))
    assert ask(folder, in_graph("NCT00000001", "<study/NCT00000001> tw:reportedIn <publication/pmid-1>"))
    assert not ask(folder, in_graph("PMID1", "?s ?p ?o"))
    take(folder, article(TITLE, "Review"))
    assert ask(folder, in_graph("pmid-1", "<publication/pmid-1> a tw:Publication"))
    assert not ask(folder, "?s a tw:Study")


def test_a_withdrawn_article_leaves_a_tombstone(folder):
    take(folder, article(TITLE), article(TITLE, pmid="2"))
    summary = take(folder, "<DeleteCitation><PMID>1</PMID><PMID>3</PMID></DeleteCitation>", article(TITLE, pmid="4"))
    assert (summary.count("withdrawn"), summary.count("ignored"), summary.complete) == (1, 1, True)
    assert not ask(folder, "<publication/pmid-1> ?p ?o")
    assert ask(folder, "<graph/pmid-1/pubmed> tw:withdrawn true ; tw:documentKey 'pmid-1'")
    assert ask(folder, "<publication/pmid-2> tw:pmid '2'")


def test_what_comes_back_is_not_withdrawn(folder):
    take(folder, article(TITLE))
    take(folder, "<DeleteCitation><PMID>1</PMID></DeleteCitation>")
    assert take(folder, article(TITLE)).count("loaded") == 1
    assert ask(folder, "<publication/pmid-1> tw:pmid '1'")
    assert not ask(folder, "?g tw:withdrawn true")
