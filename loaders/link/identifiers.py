"""Identifiers of studies, publications and concepts: their normal forms, the keys made of them, and their IRIs.

The one place that knows how an identifier becomes an IRI (ontology.md, section 4). Every function is pure and takes
what a source printed; the `normal_*` functions answer None for what is not such an identifier.

>>> normal_nct("nct01363401")
'NCT01363401'
>>> publication_key(pmid=None, doi="10.1002/ANA.25302")
'doi-10.1002%2Fana.25302'
"""

import re
from collections.abc import Container
from urllib.parse import quote, unquote

__all__ = [
    "BASE",
    "curie_iri",
    "mesh_iri",
    "normal_doi",
    "normal_mesh",
    "normal_nct",
    "normal_pmid",
    "publication_key",
    "publication_matches",
    "segment",
    "study_identifier",
    "study_key",
    "study_matches",
]

BASE = "https://w3id.org/trialweave/"

_NCT = re.compile(r"NCT[0-9]{8}")
_PMID = re.compile(r"[1-9][0-9]{0,8}")
_DOI = re.compile(r"10\.[0-9]{4,9}/\S+")
_MESH = re.compile(r"[CD](?:[0-9]{6}|[0-9]{9})")
_FIRST_LONG_MESH = {"D": 66388, "C": 587000}
_DOI_PREFIX = re.compile(r"^(?:https?://(?:dx\.)?doi\.org/|doi:\s*)", re.IGNORECASE)
_EXPANSIONS = {
    "STATO": "http://purl.obolibrary.org/obo/STATO_",
    "NCIT": "http://purl.obolibrary.org/obo/NCIT_",
}


def segment(text: str) -> str:
    """Return `text` as one path segment of an IRI: everything but letters, digits and -._~ percent-encoded.

    A lone surrogate, which JSON can smuggle in and UTF-8 cannot hold, becomes a question mark.
    """
    # Most are plain words and numbers, and quote() looks at every character.
    return text if text.isascii() and text.isalnum() else quote(text, safe="", errors="replace")


def normal_nct(text: str) -> str | None:
    """Return a ClinicalTrials.gov id in its normal form, NCT and eight digits, or None."""
    candidate = text.strip().upper()
    return candidate if _NCT.fullmatch(candidate) else None


def normal_pmid(text: str) -> str | None:
    """Return a PubMed id without leading or trailing space, or None when it is not one to nine digits."""
    candidate = text.strip()
    return candidate if _PMID.fullmatch(candidate) else None


def normal_doi(text: str) -> str | None:
    """Return a DOI in lower case, without a resolver's address or a closing full stop, or None.

    DOIs are case-insensitive (ISO 26324); lower case is the form that IRIs use here.
    """
    candidate = _DOI_PREFIX.sub("", text.strip()).rstrip(".,;").lower()
    return candidate if _DOI.fullmatch(candidate) else None


def study_key(nct: str | None, pmid: str | None, doi: str | None) -> str | None:
    """Return the last segment of a study's IRI: the registry id, else the PubMed id, else the DOI; None without any."""
    if nct:
        return segment(nct)
    if pmid:
        return f"PMID{segment(pmid)}"
    return f"DOI-{segment(doi.lower())}" if doi else None


def study_identifier(key: str) -> tuple[str, str]:
    """Return what a study's key says of its identifiers, as a kind and a value: the reverse of `study_key`.

    >>> study_identifier("DOI-10.1000%2Fx")
    ('doi', '10.1000/x')
    """
    if key.startswith("PMID"):
        return "pmid", key.removeprefix("PMID")
    return ("doi", unquote(key.removeprefix("DOI-"))) if key.startswith("DOI-") else ("nct", key)


def publication_key(pmid: str | None, doi: str | None) -> str | None:
    """Return the last segment of a publication's IRI: by PubMed id, else by DOI; None without either."""
    if pmid:
        return f"pmid-{segment(pmid)}"
    return f"doi-{segment(doi.lower())}" if doi else None


def study_matches(nct: str | None) -> tuple[str, ...]:
    """Return the IRIs that other graphs use for a registered study."""
    if not nct:
        return ()
    key = segment(nct)
    return (f"https://identifiers.org/clinicaltrials:{key}", f"http://bio2rdf.org/clinicaltrials:{key}")


def publication_matches(pmid: str | None, doi: str | None) -> tuple[str, ...]:
    """Return the IRIs that other graphs use for a publication. A DOI keeps its slash, as doi.org writes it."""
    matches: list[str] = []
    if doi:
        matches.append(f"https://doi.org/{quote(doi.lower(), safe='/:;()', errors='replace')}")
    if pmid:
        matches.append(f"https://pubmed.ncbi.nlm.nih.gov/{segment(pmid)}")
        matches.append(f"http://rdf.ncbi.nlm.nih.gov/pubmed/{segment(pmid)}")
    return tuple(matches)


def normal_mesh(text: str, known: Container[str] | None = None) -> str | None:
    """Return a MeSH id as NLM writes it, or None when it is none. `known` are the ids of the MeSH at hand, if there is.

    Exports of registries pad six-digit ids to nine (D000012878 for D012878). An id that is known is right as it stands,
    and its shorter form is tried second. Without a list, or when neither is in it, numbers decide: no descriptor below
    66388 and no supplementary concept below 587000 was given nine digits.
    """
    candidate = text.strip().upper()
    if not _MESH.fullmatch(candidate):
        return None
    if len(candidate) == 7 or (known is not None and candidate in known):
        return candidate
    number = int(candidate[1:])
    short = f"{candidate[0]}{number:06}"
    if known is not None and short in known:
        return short
    return short if number < _FIRST_LONG_MESH[candidate[0]] else candidate


def mesh_iri(identifier: str) -> str:
    """Return NLM's IRI for a MeSH descriptor or supplementary concept: http, and never padded."""
    return f"http://id.nlm.nih.gov/mesh/{segment(identifier)}"


def curie_iri(curie: str) -> str:
    """Return the OBO IRI of a STATO or NCIT CURIE. Raises KeyError for another prefix."""
    prefix, _, local = curie.partition(":")
    return _EXPANSIONS[prefix] + segment(local)
