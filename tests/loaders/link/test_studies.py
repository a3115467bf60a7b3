"""Which studies may be one: what speaks for it, what against it, and what is never proposed."""

from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from loaders.link import studies
from loaders.link.studies import THRESHOLD, Facts, compare, link_iri, propose

ARTICLE = Facts(
    key="PMID99000001",
    titles=frozenset({"Sunshine lamps for seasonal sadness in sailors"}),
    conditions=frozenset({"D016574"}),
    concepts=frozenset({"D010789"}),
    enrollment=64,
    publications=frozenset({"pmid-99000001"}),
    issued="2015-06",
)
RECORD = Facts(
    key="NCT00000001",
    titles=frozenset({"Lamp treatment of a seasonal disorder"}),
    conditions=frozenset({"D016574"}),
    concepts=frozenset({"D010789"}),
    enrollment=64,
    start="2012-03",
)

# What is changed of the record, and how much surer or less sure that makes the identity.
DIFFERENCES = [
    ({}, "0.60"),
    ({"conditions": frozenset({"D000690"})}, "0.45"),
    ({"concepts": frozenset()}, "0.40"),
    ({"enrollment": 63}, "0.35"),
    ({"enrollment": 40}, "0.15"),
    ({"enrollment": None}, "0.35"),
    ({"start": "2016"}, "0.10"),
    ({"start": "2015"}, "0.60"),
    ({"publications": frozenset({"pmid-99000001"})}, "0.95"),
    ({"cited": frozenset({"pmid-99000001"})}, "0.65"),
    ({"titles": ARTICLE.titles}, "0.95"),
]


@pytest.mark.parametrize(("changed", "confidence"), DIFFERENCES)
def test_each_fact_has_its_weight(changed, confidence):
    assert compare(ARTICLE, replace(RECORD, **changed)).confidence == Decimal(confidence)


PAIRS = [
    ({"phases": frozenset({"PHASE2"})}, {"phases": frozenset({"PHASE2"})}, "0.05", "the same phase, PHASE2"),
    ({"phases": frozenset({"PHASE2"})}, {"phases": frozenset({"PHASE3"})}, "-0.2", "phases PHASE2 and PHASE3"),
    ({"arms": 2}, {"arms": 2}, "0.05", "2 arms in both"),
    ({"arms": 2}, {"arms": 3}, "-0.05", "2 and 3 arms"),
    ({"organizations": frozenset({"A"})}, {"organizations": frozenset({"A", "B"})}, "0.15", "the same organisation, A"),
    ({"people": frozenset({"example"})}, {"people": frozenset({"example"})}, "0.1", "the same family names, example"),
    ({"start": "2012-03-01"}, {"start": "2012-03"}, "0.15", "both started in 2012-03"),
    ({"named": frozenset({"NCT00000001"})}, {}, "0.3", "the article names NCT00000001"),
    ({"identifiers": frozenset({"X1"})}, {"identifiers": frozenset({"X1"})}, "0.6", "the same other identifier, X1"),
    (
        {"titles": frozenset({"A SUN-1A"})},
        {"acronyms": frozenset({"SUN-1A"})},
        "0.2",
        "the same acronym, SUN-1A",
    ),
    (
        {"interventions": frozenset({"Bone marrow cells"})},
        {"interventions": frozenset({"Autologous bone marrow cells"})},
        "0.15",
        "interventions of the same name, 'Bone marrow cells' and 'Autologous bone marrow cells'",
    ),
    ({"enrollment": 3}, {"enrollment": 3}, None, ""),
    ({"concepts": frozenset({"D010919"})}, {"concepts": frozenset({"D010919"})}, None, ""),
    ({"interventions": frozenset({"Placebo"})}, {"interventions": frozenset({"Placebo"})}, None, ""),
    ({"interventions": frozenset({"Placebo tablets"})}, {"interventions": frozenset({"Sun tablets"})}, None, ""),
    ({"interventions": frozenset({"Sham lamp"})}, {"interventions": frozenset({"Lamp"})}, None, ""),
]


@pytest.mark.parametrize(("one", "other", "weight", "text"), PAIRS)
def test_each_reason_is_said_in_words(one, other, weight, text):
    reasons = compare(Facts(key="PMID1", **one), Facts(key="NCT00000001", **other)).reasons
    assert [(reason.weight, reason.text) for reason in reasons] == ([(Decimal(weight), text)] if weight else [])


def test_the_condition_of_an_article_is_not_its_treatment():
    article = replace(ARTICLE, concepts=ARTICLE.concepts | ARTICLE.conditions, conditions=ARTICLE.conditions)
    record = replace(RECORD, concepts=frozenset({"D016574"}))
    assert not any("intervention" in reason.text for reason in compare(article, record).reasons)


def test_only_what_is_likely_is_proposed_and_only_for_studies_without_registry_id():
    other = replace(RECORD, key="NCT00000002", enrollment=10)
    (proposal,) = propose([RECORD, other, ARTICLE])
    assert (proposal.source, proposal.target) == (ARTICLE.key, RECORD.key)
    assert proposal.confidence >= THRESHOLD
    assert proposal.text.startswith("64 enrolled in both; ")
    assert propose([RECORD, replace(RECORD, key="NCT00000003")]) == []


def test_the_order_of_studies_changes_nothing():
    known = [ARTICLE, *(replace(RECORD, key=f"NCT{number:08}", arms=number) for number in range(1, 4))]
    expected = propose(known)
    assert len(expected) == 3
    for seed in range(5):
        Random(seed).shuffle(known)
        assert propose(known) == expected


def test_what_looks_like_too_many_studies_looks_like_none():
    assert propose([ARTICLE, *(replace(RECORD, key=f"NCT{number:08}") for number in range(1, 5))]) == []


def test_the_work_does_not_grow_with_the_square(monkeypatch):
    compared = []
    monkeypatch.setattr(studies, "compare", lambda one, other: compared.append(1) or compare(one, other))
    records = [
        replace(RECORD, key=f"NCT{number:08}", enrollment=number, concepts=frozenset(), titles=frozenset())
        for number in range(1000)
    ]
    articles = [
        replace(ARTICLE, key=f"PMID{number + 1}", enrollment=number, concepts=frozenset(), titles=frozenset())
        for number in range(1000)
    ]
    propose([*records, *articles])
    assert len(compared) == 1000, "one condition that all share is no reason to compare all"


def test_a_link_is_named_by_its_ends():
    study = "https://w3id.org/trialweave/study/PMID1"
    assert link_iri(study, "NCT00000001") == f"{study}/link/NCT00000001"
    assert link_iri(study, "PMID2") == f"{study}/link/2"
