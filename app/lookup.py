"""From an identifier that people know to the study that is stored under it."""

from collections.abc import Iterator

from app.errors import NotFound
from app.store.base import Store
from app.store.opening import Reader
from loaders.emit import PROVENANCE_GRAPH, study_iri
from loaders.link.identifiers import normal_doi, normal_nct, normal_pmid, study_key

__all__ = ["resolve"]

_EXISTS = f"""
PREFIX dcterms: <http://purl.org/dc/terms/>
PREFIX tw: <https://w3id.org/trialweave/ontology#>
SELECT ?study ?new WHERE {{ GRAPH <{PROVENANCE_GRAPH}> {{
  {{ ?graph tw:aboutStudy ?study }} UNION {{ ?study dcterms:isReplacedBy ?new }}
}} }} LIMIT 1
"""


def resolve(reader: Reader | Store, identifier: str) -> str:
    """Return the IRI of the study with this NCT id, PubMed id or DOI. Raises NotFound."""
    for key in _keys(identifier):
        iri = study_iri(key)
        for row in reader.rows(_EXISTS, {"study": iri}):
            return row.get("new", iri)
    raise NotFound(
        f"No study here is known as '{identifier}'. Give an NCT id (NCT01363401), a PubMed id (30048006) or a DOI "
        "(10.1002/ana.25302), and see that it was loaded into this data directory."
    )


def _keys(identifier: str) -> Iterator[str]:
    text = identifier.strip().removeprefix(study_iri(""))
    pmid = normal_pmid(text.upper().removeprefix("PMID").lstrip(":"))
    key = study_key(normal_nct(text), pmid, normal_doi(text))
    if key:
        yield key
