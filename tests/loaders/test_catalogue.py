"""Identity: a shared identifier makes one study, in any order, and never joins two registered ones."""

from itertools import permutations

import pytest

from loaders.catalogue import Catalogue, StoredGraph, document_key
from loaders.record import Publication, Source, Study, WebPage

DOI = "10.1000/x"


def study(nct=None, pmid=None, doi=None, kind="CURATED") -> Study:
    article = [Publication(pmid=pmid, doi=doi)] if pmid or doi else []
    return Study(
        label="s",
        nct=nct,
        pmid=pmid,
        doi=doi,
        publications=article,
        source=Source(kind=kind, name="f", sha256="0" * 64),
    )


def take(catalogue: Catalogue, record: Study) -> str:
    """Store a record as a loader would, moves included, and return its key."""
    found = catalogue.identify(record)
    for old, new in found.moved_studies.items():
        for graph in catalogue.graphs_of(old):
            catalogue.move(graph, new)
    key = found.identity.study
    graph = catalogue.place(key, record.source.kind, document_key(record))
    stored = StoredGraph(key, document_key(record), record.source.sha256, "1")
    catalogue.note(record, found, graph, stored)
    return key


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_page_paper_and_registry_meet_under_the_registry_id_in_any_order(order):
    records = [
        study(doi=DOI, kind="PAGE"),
        study(pmid="7", doi=DOI.upper()),
        study(nct="NCT00000001", pmid="7", kind="CTGOV"),
    ]
    catalogue = Catalogue()
    for index in order:
        take(catalogue, records[index])
    assert {stored.study for stored in catalogue.graphs.values()} == {"NCT00000001"}
    assert len(catalogue.graphs) == 3
    for record in records:
        assert catalogue.identify(record).identity.study == "NCT00000001"


def test_the_former_key_leads_to_the_better_one():
    catalogue = Catalogue()
    assert take(catalogue, study(doi=DOI, kind="PAGE")) == "DOI-10.1000%2Fx"
    found = catalogue.identify(study(pmid="7", doi=DOI))
    assert found.moved_studies == {"DOI-10.1000%2Fx": "PMID7"}
    assert found.moved_publications == {"doi-10.1000%2Fx": "pmid-7"}
    assert found.study_aliases == {"DOI-10.1000%2Fx": "PMID7"}


def test_two_registered_studies_in_one_article_stay_two():
    catalogue = Catalogue()
    take(catalogue, study(nct="NCT00000001", doi=DOI, kind="CTGOV"))
    assert take(catalogue, study(nct="NCT00000002", doi=DOI, kind="CTGOV")) == "NCT00000002"
    page = catalogue.identify(study(doi=DOI, kind="PAGE"))
    assert page.identity.study == "DOI-10.1000%2Fx", "the article does not say which of the two is meant"
    assert not page.moved_studies
    assert catalogue.identify(study(nct="NCT00000002", doi=DOI)).study_aliases == {"DOI-10.1000%2Fx": None}


def test_another_page_about_a_study_does_not_take_the_place_of_the_first():
    catalogue = Catalogue()
    first, second = study(doi=DOI, kind="PAGE"), study(doi=DOI, kind="PAGE")
    second.page = WebPage(url="https://repository.example/handle/1")
    take(catalogue, first)
    take(catalogue, second)
    take(catalogue, second)
    assert sorted(graph.split("/graph/")[1] for graph in catalogue.graphs) == [
        "DOI-10.1000%2Fx/page",
        "DOI-10.1000%2Fx/page/repository.example%2Fdoi-10.1000%252Fx",
    ]


def test_a_document_is_known_by_its_bytes_and_the_loaders_version():
    catalogue = Catalogue()
    take(catalogue, study(pmid="7"))
    assert catalogue.has("0" * 64, "1")
    assert not catalogue.has("0" * 64, "2")
    newer = study(pmid="7")
    newer.source.sha256 = "1" * 64
    take(catalogue, newer)
    assert not catalogue.has("0" * 64, "1"), "the older version is not stored any more"


def test_a_record_without_any_identifier_is_refused():
    with pytest.raises(ValueError, match="no NCT id, no PubMed id and no DOI"):
        Catalogue().identify(Study(label="s"))
