"""What leads to another resource has the address and the pattern that the Bioregistry knows for it."""

import re

import bioregistry
import pytest

from loaders.link.identifiers import curie_iri, mesh_iri, publication_matches, study_matches
from loaders.terms import orcid

MINTED = [
    ("clinicaltrials", "NCT01363401", study_matches("NCT01363401")),
    ("pubmed", "30048006", publication_matches("30048006", None)),
    ("doi", "10.1002/ana.25302", publication_matches(None, "10.1002/ANA.25302")),
    ("doi", "10.1016/s0140-6736(18)31224-5", publication_matches(None, "10.1016/S0140-6736(18)31224-5")),
    ("mesh", "D000690", (mesh_iri("D000690"),)),
    ("mesh", "C000589978", (mesh_iri("C000589978"),)),
    ("stato", "0000201", (curie_iri("STATO:0000201"),)),
    ("ncit", "C98772", (curie_iri("NCIT:C98772"),)),
    ("orcid", "0000-0002-1825-0097", (orcid("0000-0002-1825-0097").strip("<>"),)),
]
# The IRI form of NLM that the Bioregistry does not list; its identifier is checked by the other two.
NOT_LISTED = ("http://rdf.ncbi.nlm.nih.gov/pubmed/",)


def starts(prefix: str) -> set[str]:
    """Return what addresses of a resource begin with, http and https being one."""
    resource = bioregistry.get_resource(prefix)
    assert resource is not None, prefix
    return {each.removeprefix("https://").removeprefix("http://") for each in resource.get_uri_prefixes()}


@pytest.mark.parametrize(("prefix", "identifier", "iris"), MINTED)
def test_identifiers_and_addresses_are_those_of_the_resource(prefix, identifier, iris):
    pattern = bioregistry.get_pattern(prefix)
    assert pattern and re.fullmatch(pattern, identifier)
    for iri in iris:
        if not iri.startswith(NOT_LISTED):
            assert iri.endswith(identifier)
            assert iri.partition("://")[2].removesuffix(identifier) in starts(prefix), iri


@pytest.mark.parametrize("wrong", ["NCT1363401", "NCT013634011", "X01363401"])
def test_the_patterns_tell_a_wrong_identifier(wrong):
    assert not re.fullmatch(bioregistry.get_pattern("clinicaltrials"), wrong)


def test_the_prefixes_of_our_curies_are_the_registrys():
    for prefix in ("STATO", "NCIT"):
        assert bioregistry.normalize_prefix(prefix) == prefix.lower()
