import pytest

from app.pages.names import address, readable, short

BASE = "https://w3id.org/trialweave/"


@pytest.mark.parametrize(
    ("iri", "words"),
    [
        (BASE + "ontology#cohortSize", "cohort size"),
        (BASE + "ontology#pValue", "p value"),
        (BASE + "value/Phase-PHASE2", "phase 2"),
        (BASE + "value/Phase-EARLY_PHASE1", "early phase 1"),
        (BASE + "value/Direction-FAVOURS_COMPARED", "favours compared"),
        ("http://purl.org/dc/terms/isReplacedBy", "is replaced by"),
        ("http://purl.obolibrary.org/obo/STATO_0000457", "stato 0000457"),
        ("http://example.org/", "http://example.org/"),
    ],
)
def test_terms_are_named_in_words(iri: str, words: str) -> None:
    assert readable(iri) == words


@pytest.mark.parametrize(
    ("iri", "expected"),
    [
        (BASE + "study/DOI-10.1000%2Fabc", "/study/DOI-10.1000%2Fabc"),
        (BASE + "ontology#Study", "/ontology#Study"),
        (BASE + "value/Phase-NA", "/value/Phase-NA"),
        (BASE + "elsewhere", BASE + "elsewhere"),
        ("https://clinicaltrials.gov/study/NCT00000001", "https://clinicaltrials.gov/study/NCT00000001"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("urn:x:y", ""),
    ],
)
def test_only_web_addresses_become_links_and_ours_stay_on_this_host(iri: str, expected: str) -> None:
    assert address(iri) == expected


def test_our_iris_are_shown_without_what_they_share() -> None:
    assert short(BASE + "graph/NCT00000001/pubmed") == "graph/NCT00000001/pubmed"
    assert short("http://example.org/a") == "http://example.org/a"
