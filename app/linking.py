"""Study links in the store: proposed by a rule, listed, and accepted or rejected by a person.

A proposal changes nothing but the graph of links. Accepting one moves the facts of its source under the IRI of its
target, as a shared identifier would; the old IRI keeps answering. Each decision is published as a generation.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from app.errors import BadRequest, NotFound
from app.intake import compare_sources, stored_catalogue
from app.lookup import resolve
from app.rehoming import moves
from app.store.base import Change, ReplaceSubjects, Store
from app.store.opening import Reader, open_reader, open_writer
from loaders.catalogue import Identification
from loaders.emit import LINKS_GRAPH, PROVENANCE_GRAPH, Identity, study_iri
from loaders.link.identifiers import normal_nct, study_identifier
from loaders.link.studies import Facts, Proposal, emit_study_link, link_iri, propose
from loaders.record import LinkStatus

__all__ = ["Decision", "Link", "Proposed", "accept", "links", "propose_links", "reject"]


@dataclass(frozen=True, slots=True)
class Link:
    """A study link as it is stored. `source` and `target` are IRIs; `graph` is the source that claims it, if one does.

    Without `graph`, a rule has proposed the link or a person has decided about it, at `decided_at`.
    """

    link: str
    source: str
    target: str
    status: str
    confidence: str | None
    reason: str | None
    graph: str | None
    decided_at: str | None


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a run of the rule came to: how many studies it looked at, how many links it proposes now."""

    studies: int
    proposals: int
    generation: int

    def line(self) -> str:
        """Return the run in one line."""
        return f"{self.studies} studies compared, {self.proposals} proposed; generation {self.generation} is current."


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided, and the generation that has it."""

    link: str
    source: str
    target: str
    status: str
    generation: int

    def line(self) -> str:
        """Return the decision in one line."""
        return f"{self.link} is {self.status.lower()}; generation {self.generation} is current."


def links(data: Path, status: str | None = None) -> list[Link]:
    """Return the study links of the published generation, the surest first."""
    with open_reader(data) as reader:
        found = _stored(reader)
    wanted = [link for link in found.values() if status in (None, link.status)]
    return sorted(wanted, key=lambda link: (-Decimal(link.confidence or 0), link.link))


def propose_links(data: Path) -> Proposed:
    """Compare all studies and store what the rule proposes, in place of what it proposed before.

    Links that a source claims or a person has decided about stay as they are.
    """
    with open_writer(data) as store:
        stored = _stored(store)
        studies = _facts(store)
        taken = {(each.source, each.target) for each in stored.values() if not _is_proposal_of_rule(each)}
        found = [each for each in propose(studies) if (study_iri(each.source), study_iri(each.target)) not in taken]
        former = [link for link, each in stored.items() if _is_proposal_of_rule(each)]
        subjects = {*former, *(link_iri(study_iri(each.source), each.target) for each in found)}
        changed = store.apply(
            [ReplaceSubjects(LINKS_GRAPH, tuple(sorted(subjects)), b"".join(map(_triples, found)))] if subjects else []
        )
        generation = store.publish() if changed else store.generation
    return Proposed(len(studies), len(found), generation)


def accept(data: Path, source: str, target: str | None = None) -> Decision:
    """Take a link for true: the facts of its source go under the IRI of its target from now on.

    Give the IRI of a link, or the identifiers of a study and of the registered study that it is. Raises NotFound, and
    BadRequest where the source is registered itself or the target is not.
    """
    with open_writer(data) as store:
        link = _wanted(store, source, target)
        old, new = _key(link.source), _key(link.target)
        if link.status == "ACCEPTED" and link.graph is None:
            return Decision(link.link, link.source, link.target, "ACCEPTED", store.generation)
        if study_identifier(old)[0] == "nct" or study_identifier(new)[0] != "nct":
            raise BadRequest(
                f"A study without a registry id can be accepted as a registered one, and {old} as {new} is not that: "
                "two registered studies stay two."
            )
        catalogue, touched = stored_catalogue(store), {new}
        identification = Identification(Identity(new), {old: new}, {}, {}, {})
        store.apply([*moves(store, catalogue, identification, touched), _decided(link, "ACCEPTED")])
        store.apply([change for _, change in compare_sources(store, catalogue, touched)])
        return Decision(link.link, link.source, link.target, "ACCEPTED", store.publish())


def reject(data: Path, source: str, target: str | None = None) -> Decision:
    """Take a link for false, so that it is not proposed again; arguments as for `accept`.

    Raises NotFound, and BadRequest for a link that was accepted: its facts have moved.
    """
    with open_writer(data) as store:
        link = _wanted(store, source, target)
        if link.status == "ACCEPTED" and link.graph is None:
            raise BadRequest(
                f"{link.link} was accepted and the facts have moved; go back with 'trialweave rollback' if that was "
                "the last thing done, or load the data into a new directory."
            )
        changed = link.status != "REJECTED" or link.graph is not None
        generation = store.generation
        if changed and store.apply([_decided(link, "REJECTED")]):
            generation = store.publish()
        return Decision(link.link, link.source, link.target, "REJECTED", generation)


def _wanted(store: Store, source: str, target: str | None) -> Link:
    """Return the link that is meant, stored or not: a person may link two studies that no rule has seen."""
    stored = _stored(store)
    if target is None:
        if source not in stored:
            raise NotFound(f"There is no link {source}; 'trialweave link list' shows those there are.")
        return stored[source]
    nct = normal_nct(target)
    end = study_iri(nct) if nct else resolve(store, target)
    for each in stored.values():
        if each.target == end and each.source in _spellings(store, source):
            return each
    start = resolve(store, source)
    if start == end:
        raise BadRequest(f"{source} and {target} are one study here already.")
    return Link(link_iri(start, _key(end)), start, end, "PROPOSED", None, "A person linked the two.", None, None)


def _spellings(store: Store, identifier: str) -> set[str]:
    """Return the IRI of a study, and those that it has lost to another one."""
    now = resolve(store, identifier)
    return {now, *(row["old"] for row in store.rows(_FORMER, {"now": now}))}


def _decided(link: Link, status: LinkStatus) -> Change:
    """Return the change that makes a link a person's; what re-homing made of it meanwhile goes."""
    target = _key(link.target)
    confidence = Decimal(link.confidence) if link.confidence else None
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    triples = emit_study_link(link.source, target, status, confidence, link.reason, now)
    return ReplaceSubjects(
        LINKS_GRAPH, (link.link, link_iri(link.source, target), link_iri(link.target, target)), triples
    )


def _triples(proposal: Proposal) -> bytes:
    return emit_study_link(study_iri(proposal.source), proposal.target, "PROPOSED", proposal.confidence, proposal.text)


def _is_proposal_of_rule(link: Link) -> bool:
    return link.graph is None and link.status == "PROPOSED"


def _key(study: str) -> str:
    return study.removeprefix(study_iri(""))


def _stored(store: Reader | Store) -> dict[str, Link]:
    return {
        row["link"]: Link(
            row["link"],
            row["source"],
            row.get("now", row["target"]),
            row["status"].rpartition("-")[2],
            row.get("confidence"),
            row.get("reason"),
            row.get("graph"),
            row.get("decided"),
        )
        for row in store.rows(_LINKS)
    }


def _facts(store: Reader | Store) -> list[Facts]:
    """Read the facts of all studies: one query a fact, in the order of the studies."""
    found: dict[str, dict[str, set[str]]] = {row["study"]: defaultdict(set) for row in store.rows(_STUDIES)}
    for name, pattern in _PATTERNS.items():
        for row in store.rows(f"{_PREFIXES} SELECT DISTINCT ?study ?value WHERE {{ {pattern} }}"):
            if row["study"] in found:
                found[row["study"]][name].add(row["value"])
    return [_fact(_key(study), values) for study, values in sorted(found.items())]


def _fact(key: str, said: Mapping[str, set[str]]) -> Facts:
    enrolled = {int(value) for value in said["enrollment"]}
    return Facts(
        key=key,
        titles=frozenset(said["titles"]),
        acronyms=frozenset(said["acronyms"]),
        conditions=_last(said["conditions"] | said["headings"]),
        concepts=_last(said["concepts"] | said["headings"]),
        interventions=frozenset(said["interventions"]),
        enrollment=enrolled.pop() if len(enrolled) == 1 else None,
        phases=frozenset(value.rpartition("-")[2] for value in said["phases"]),
        arms=len(said["arms"]),
        organizations=frozenset(said["organizations"]),
        people=frozenset(_family_name(value) for value in said["people"]),
        identifiers=frozenset(value.upper() for value in said["identifiers"]),
        named=frozenset(filter(None, (normal_nct(value.rpartition("/")[2]) for value in said["accessions"]))),
        publications=_last(said["publications"]),
        cited=_last(said["cited"]),
        start=min(said["start"], default=None),
        issued=min(said["issued"], default=None),
    )


def _last(iris: set[str]) -> frozenset[str]:
    return frozenset(iri.rpartition("/")[2] for iri in iris)


def _family_name(name: str) -> str:
    """Return the family name of 'Ada B. Example, MD' and of 'A B Example', in lower case."""
    words = name.partition(",")[0].split()
    return words[-1].casefold() if words else ""


_PREFIXES = """
PREFIX dcterms: <http://purl.org/dc/terms/>
PREFIX prov: <http://www.w3.org/ns/prov#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX tw: <https://w3id.org/trialweave/ontology#>
PREFIX twv: <https://w3id.org/trialweave/value/>
"""
_STUDIES = f"{_PREFIXES} SELECT DISTINCT ?study WHERE {{ ?study a tw:Study }}"
_FORMER = f"""{_PREFIXES}
SELECT ?now ?old WHERE {{ GRAPH <{PROVENANCE_GRAPH}> {{ ?old dcterms:isReplacedBy ?now }} }}
"""
_LINKS = f"""{_PREFIXES}
SELECT ?link ?source ?target ?now ?status ?confidence ?reason ?graph ?decided WHERE {{
  GRAPH <{LINKS_GRAPH}> {{
    ?link a tw:StudyLink ; tw:linkSource ?source ; tw:linkTarget ?target ; tw:linkStatus ?status .
    OPTIONAL {{ ?link tw:confidence ?confidence }}
    OPTIONAL {{ ?link rdfs:comment ?reason }}
    OPTIONAL {{ ?link prov:wasDerivedFrom ?graph }}
    OPTIONAL {{ ?link dcterms:modified ?decided }}
  }}
  OPTIONAL {{ GRAPH <{PROVENANCE_GRAPH}> {{ ?target dcterms:isReplacedBy ?now }} }}
}} ORDER BY ?link ?graph
"""
# What an article says of itself (headings, authors, date) is a fact of the study only where no registry speaks for it.
_ARTICLE = "FILTER NOT EXISTS { ?study tw:registeredAs ?record } ?study tw:reportedIn ?article ."
_GRANTS = "twv:SecondaryIdType-NIH, twv:SecondaryIdType-FDA, twv:SecondaryIdType-VA, twv:SecondaryIdType-CDC, \
twv:SecondaryIdType-AHRQ, twv:SecondaryIdType-OTHER_GRANT, twv:SecondaryIdType-SAMHSA"
_PATTERNS = {
    "titles": "?study a tw:Study ; rdfs:label|tw:briefTitle|tw:officialTitle ?value",
    "acronyms": "?study tw:acronym ?value",
    "conditions": """{ ?study tw:condition ?value } UNION
        { ?link tw:linkSource ?study ; tw:textKind twv:TextKind-CONDITION ; tw:linkedConcept ?value }""",
    "concepts": """{ ?study tw:interventionConcept ?value } UNION
        { ?study tw:hasIntervention/tw:interventionConcept ?value } UNION
        { ?link tw:linkSource ?study ; tw:textKind twv:TextKind-INTERVENTION ; tw:linkedConcept ?value }""",
    "headings": f"?study a tw:Study . {_ARTICLE} ?article tw:meshHeading ?value",
    "interventions": "?study tw:hasIntervention/rdfs:label ?value",
    "enrollment": "?study tw:enrollmentCount ?value",
    "phases": "?study tw:phase ?value",
    "arms": "?study tw:hasCohort ?value . ?value tw:cohortKind twv:CohortKind-ARM",
    "organizations": "?study tw:leadSponsor|tw:collaborator ?organization . ?organization rdfs:label ?value",
    "people": f"""{{ ?study tw:official/rdfs:label ?value }} UNION
        {{ ?study a tw:Study . {_ARTICLE} ?article dcterms:creator|(tw:hasAuthor/rdfs:label) ?value }}""",
    "identifiers": f"""{{ ?study a tw:Study ; dcterms:identifier ?value }} UNION {{
        ?study tw:secondaryId ?identifier . ?identifier rdfs:label ?value
        FILTER NOT EXISTS {{ ?identifier tw:identifierType ?type FILTER (?type IN ({_GRANTS})) }} }}""",
    "accessions": f"?study a tw:Study . {_ARTICLE} ?article tw:accession ?value",
    "publications": "?study tw:reportedIn ?value",
    "cited": "?study tw:referenceBackground ?value",
    "start": "?study tw:startDate ?value",
    "issued": f"?study a tw:Study . {_ARTICLE} ?article dcterms:issued ?value",
}
