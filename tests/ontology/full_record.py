"""Records with every field filled, made from the dataclasses: a new field is in the tests from its first day."""

from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from functools import cache
from itertools import cycle
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError
from rdflib import Graph

from loaders import tables
from loaders.emit import emit, emit_alias, emit_article, emit_provenance, emit_tombstone
from loaders.link.cohorts import CohortMapping, emit_cohort_mappings
from loaders.link.concepts import ConceptLink, emit_concept_links
from loaders.link.matches import ExternalMatch, emit_harvest, emit_match, harvest_iri
from loaders.link.mesh import Link
from loaders.readers.mesh import provenance as provenance_of_mesh
from loaders.record import (
    SCHEMES,
    Article,
    MatchMethod,
    Publication,
    PublicationRelation,
    SharedIdentifier,
    Source,
    Study,
    StudyType,
    TextKind,
)
from loaders.terms import Coded

__all__ = ["KINDS", "emitted", "emitted_by_kind"]

KINDS = SCHEMES["SourceKind"]
# All names are alike, so that every reference between parts finds its part.
_STRINGS = (
    "x", "NCT01234567", "1234567", "10.1000/x", "PMC1", "P4M", "D000690", "D000690Q000188", "0000-0002-1825-0097",
    "STATO:0000201", "0" * 64, "2018-09-01T12:00",
)  # fmt: skip
_SCALARS = {bool: True, int: 1, Decimal: Decimal("1.5")}


UNLISTED = "NOT_IN_THE_SCHEME"


def _sample(hint: Any, dates: Any) -> Any:
    """Return a value of a type: a list gets every value of a vocabulary, anything else the first that validates."""
    if is_dataclass(hint):
        hints = get_type_hints(hint, include_extras=True)
        return hint(**{field.name: _sample(hints[field.name], dates) for field in fields(hint)})
    if get_origin(hint) is list:
        (item,) = get_args(hint)
        return list(get_args(item)) if get_origin(item) is Literal else [_sample(item, dates)]
    if get_origin(hint) is Literal:
        return get_args(hint)[0]
    if hint in _SCALARS:
        return _SCALARS[hint]
    members = [member for member in get_args(hint) if member is not NoneType]
    if NoneType in get_args(hint) and len(members) == 1:
        return _sample(members[0], dates)
    return _string(hint, dates)


def _string(hint: Any, dates: Any) -> str:
    adapter = TypeAdapter(hint)
    for candidate in (*_STRINGS, next(dates)):
        try:
            return adapter.validate_python(candidate)
        except ValidationError:
            continue
    raise AssertionError(f"no sample for {hint}: add one to _STRINGS")


def _full_study(kind: str, study_type: str) -> Study:
    study = _sample(Study, cycle(("2018", "2018-09", "2018-09-01")))
    publication = study.publications[0]
    study.publications = [replace(publication, relation=relation) for relation in get_args(PublicationRelation)]
    # One span names its document, as it must to carry the hash of its section; another leaves it out.
    for cohort in study.cohorts:
        cohort.evidence = [replace(cohort.evidence[0], document=name) for name in ("pmid-1234567", None)]
    study.see_also = [replace(study.see_also[0], url=url) for url in ("https://example.org/", "no address")]
    study.links = [replace(link, target="NCT07654321") for link in study.links]  # A study has no link to itself.
    study.study_type = study_type
    study.source.kind = kind
    study.source.sha256 = str(KINDS.index(kind)) * 64  # Documents are named by their bytes.
    return study


def _article(kind: str) -> bytes:
    """Return the triples of an article that reports no study, and those that stay when one is withdrawn."""
    source = Source(kind=kind, name="x", sha256=str(KINDS.index(kind)) * 64, document="x")
    article = emit_article(Article(publication=_sample(Publication, cycle(("2018",))), source=source))
    about = emit_provenance(source, article.graph, article.study, "0.1.0")
    return article.triples + about + emit_tombstone(kind, f"{article.graph}/withdrawn", "x")


def _with_unlisted_codes(part: Any, rows: Any) -> Any:
    """Return a part in which each code of a registry's vocabulary is one that no scheme lists."""
    codes = [attribute for attribute, _, term in rows if isinstance(term, Coded)]
    unlisted = {code.removesuffix("[]"): [UNLISTED] if code.endswith("[]") else UNLISTED for code in codes}
    return replace(part, **unlisted)


def _unlisted_study(kind: str) -> Study:
    """Return a study that says nothing but codes which are not in their schemes."""
    full = _full_study(kind, "INTERVENTIONAL")
    study = _with_unlisted_codes(Study(label="x", nct=full.nct, source=full.source), tables.STUDY)
    for attribute, _, _, rows, _ in (*tables.NAMED_PARTS, *tables.UNNAMED_PARTS):
        found = getattr(full, attribute)
        one = found[0] if isinstance(found, list) else found
        part = _with_unlisted_codes(one, rows)
        setattr(study, attribute, [part] if isinstance(found, list) else part)
    for _, groups in tables.FINDINGS:
        for attribute, rows, _ in groups:
            setattr(study, attribute, [_with_unlisted_codes(getattr(full, attribute)[0], rows)])
    study.lead_sponsor = _with_unlisted_codes(full.lead_sponsor, tables.ORGANIZATION)
    study.registry = _with_unlisted_codes(full.registry, tables.REGISTRY_RECORD)
    event = _with_unlisted_codes(full.registry.unposted_events[0], tables.REGISTRY_EVENT)
    study.registry.unposted_events = [event]
    return study


def _concept_links(study: str, graph: str) -> bytes:
    """Return links of every kind and method, a mapping, and what is said of the vocabulary that they lead to."""
    part = ("intervention", "x")
    links = [ConceptLink(kind, "x", Link("D000690", "EXACT", Decimal("0.99")), part) for kind in get_args(TextKind)]
    links += [ConceptLink("KEYWORD", name, Link("D000690", name, Decimal("0.9"))) for name in get_args(MatchMethod)]
    vocabulary = provenance_of_mesh("0" * 64, ["0" * 64], "0.1.0", "2018-09-01T12:00:00Z")
    mappings = [CohortMapping("x", "x", "SAME_TITLE")]
    claims = emit_concept_links(links, study, graph)[0] + emit_cohort_mappings(mappings, study, graph)[0]
    return claims + vocabulary + _matches(study)


def _matches(study: str) -> bytes:
    """Return a match by every kind of identifier, and where they are from."""
    endpoint = "https://example.org/sparql"
    harvests = {name: harvest_iri(endpoint, name) for name in get_args(SharedIdentifier)}
    claims = (emit_match(ExternalMatch(study, "http://example.org/Q1"), name, each) for name, each in harvests.items())
    runs = (emit_harvest(each, endpoint, "x", "2018-09-01T12:00:00Z") for each in harvests.values())
    return b"".join((*claims, *runs))


@cache
def emitted_by_kind(kind: str) -> Graph:
    """Return all triples that a full record of one kind of source gives: its graph, its links and its provenance."""
    graph = Graph()
    for study in (*(_full_study(kind, study_type) for study_type in get_args(StudyType)), _unlisted_study(kind)):
        emission = emit(study)
        provenance = emit_provenance(study.source, emission.graph, emission.study, "0.1.0", "2018-09-01T12:00:00Z")
        alias = emit_alias(f"{emission.study}-alias", emission.study)
        graph.parse(data=emission.triples + emission.links + provenance + alias, format="nt")
        graph.parse(data=_concept_links(emission.study, emission.graph), format="nt")
    graph.parse(data=_article(kind), format="nt")
    return graph


@cache
def emitted() -> Graph:
    """Return the union over all kinds of source."""
    union = Graph()
    for kind in KINDS:
        union += emitted_by_kind(kind)
    return union
