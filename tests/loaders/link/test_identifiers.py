"""Identifiers: one normal form, one key, one IRI, whatever a source printed."""

import doctest

import pytest

from loaders.link import identifiers
from loaders.link.identifiers import (
    normal_doi,
    normal_nct,
    normal_pmid,
    publication_key,
    publication_matches,
    segment,
    study_key,
    study_matches,
)


def test_the_examples_in_the_documentation_hold():
    assert doctest.testmod(identifiers).failed == 0


@pytest.mark.parametrize(
    ("normal", "text", "expected"),
    [
        (normal_nct, " nct01363401 ", "NCT01363401"),
        (normal_nct, "NCT0136340", None),
        (normal_nct, "NCT013634011", None),
        (normal_pmid, "30048006", "30048006"),
        (normal_pmid, "030048006", None),
        (normal_pmid, "PMC1", None),
        (normal_doi, "10.1002/ANA.25302", "10.1002/ana.25302"),
        (normal_doi, "https://doi.org/10.1002/ana.25302", "10.1002/ana.25302"),
        (normal_doi, "doi: 10.1016/j.mri.2013.05.006.", "10.1016/j.mri.2013.05.006"),
        (normal_doi, "10.1/x", None),
    ],
)
def test_normal_forms(normal, text, expected):
    assert normal(text) == expected


@pytest.mark.parametrize(
    ("nct", "pmid", "doi", "key"),
    [
        ("NCT01363401", "30048006", "10.1002/ana.25302", "NCT01363401"),
        (None, "23810205", "10.1016/j.mri.2013.05.006", "PMID23810205"),
        (None, None, "10.1016/J.MRI.2013.05.006", "DOI-10.1016%2Fj.mri.2013.05.006"),
        (None, None, None, None),
    ],
)
def test_a_study_is_known_by_its_best_identifier(nct, pmid, doi, key):
    assert study_key(nct, pmid, doi) == key


def test_other_graphs_are_linked_by_the_iris_they_use():
    assert study_matches("NCT01363401") == (
        "https://identifiers.org/clinicaltrials:NCT01363401",
        "http://bio2rdf.org/clinicaltrials:NCT01363401",
    )
    assert publication_matches("30048006", "10.1002/ana.25302") == (
        "https://doi.org/10.1002/ana.25302",
        "https://pubmed.ncbi.nlm.nih.gov/30048006",
        "http://rdf.ncbi.nlm.nih.gov/pubmed/30048006",
    )
    assert publication_key("30048006", "10.1002/ana.25302") == "pmid-30048006"


def test_nothing_can_break_out_of_a_segment():
    assert segment("a/b> <x> <y\ud800é") == "a%2Fb%3E%20%3Cx%3E%20%3Cy%3F%C3%A9"
