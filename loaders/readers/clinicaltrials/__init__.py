"""ClinicalTrials.gov: records of the registry's API, version 2, in every form in which they are handed around.

A document is one study, an array of studies, a page of the API (`studies`), or JSON lines. Each study becomes one
record, or one SourceError that costs nothing but itself. `fields.txt` lists what becomes of every field.

    bytes --orjson--> objects --schema.conform--> objects of known shape --one module a section--> Study
"""

from collections.abc import Container, Iterator
from hashlib import sha256
from pathlib import PurePath
from typing import Any

import orjson

from loaders.errors import SourceError
from loaders.link.identifiers import normal_nct
from loaders.pieces import array_items
from loaders.readers import characters
from loaders.readers.clinicaltrials.arms import arms
from loaders.readers.clinicaltrials.baseline import baseline
from loaders.readers.clinicaltrials.design import criteria, design, mesh_ids, planned_outcomes
from loaders.readers.clinicaltrials.events import events
from loaders.readers.clinicaltrials.flow import flow
from loaders.readers.clinicaltrials.identity import identify, registry
from loaders.readers.clinicaltrials.outcomes import outcomes
from loaders.readers.clinicaltrials.plain import Json, at, study_fields
from loaders.readers.clinicaltrials.references import point
from loaders.readers.clinicaltrials.schema import conform, shown
from loaders.record import Source, Study

__all__ = ["read", "recognises", "study_of"]

_BOM = b"\xef\xbb\xbf"
# Without these a record says too little to stand for the study, and would take the place of one that says more.
_REQUIRED = ("identificationModule", "statusModule", "sponsorCollaboratorsModule", "designModule")
# Every full record has these; a selection of fields leaves them out.
_EXPECTED = ("descriptionModule", "conditionsModule", "eligibilityModule")
_MOST_WARNINGS = 20
_LONGEST_WARNING = 300


def recognises(data: bytes, name: str) -> bool:
    """Say whether this looks like records of the registry: JSON with a protocol section, or a page of studies."""
    start = data[:64].removeprefix(_BOM).lstrip()[:1]
    return start in (b"{", b"[") and (b'"protocolSection"' in data or b'"studies"' in data)


def read(data: bytes, name: str) -> Iterator[Study | SourceError]:
    """Yield the studies of a document in its order; what is wrong with one of them stands in its place."""
    data = data.removeprefix(_BOM)
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        yield from _one_by_one(data, name, error)
        return
    if isinstance(document, dict) and "protocolSection" not in document and "studies" in document:
        document = document["studies"]
    unfit = characters.may_be_unfit(data)
    if isinstance(document, dict):
        yield _one(document, sha256(data).hexdigest(), name, unfit=unfit)
    elif isinstance(document, list):
        for number, record in enumerate(document, 1):
            yield _one(record, None, f"{name}, record {number}", unfit=unfit)
    else:
        yield SourceError(name, "holds neither a study nor a list of studies")


def study_of(record: Json, source: Source, known_mesh: Container[str] | None = None) -> Study:
    """Turn one parsed record into a Study. The record is changed on the way: it is brought into shape.

    `known_mesh` are the ids of the MeSH at hand, against which padded ids are held. Raises SourceError when the record
    is not one of a study, or is only a part of one.
    """
    if not isinstance(record.get("protocolSection"), dict):
        raise SourceError(source.name, "has no protocolSection, so it is no record of the registry's API, version 2")
    warnings = conform(record)
    nct = _nct(record, source.name)
    _check_whole(record, source.name, warnings)
    fields = study_fields(record)
    label = fields.get("brief_title") or fields.get("official_title") or nct
    study = Study(label=label, nct=nct, source=source, **fields)
    _fill(study, record, warnings, known_mesh)
    source.version_date = at(record, "derivedSection.miscInfoModule").get("versionHolder")
    source.warnings = _shortened(
        f"{nct}: {characters.on_one_line(warning, _LONGEST_WARNING)}" for warning in dict.fromkeys(warnings)
    )
    return study


def _fill(study: Study, record: Json, warnings: list[str], known_mesh: Container[str] | None) -> None:
    identify(study, record)
    study.registry = registry(record)
    design(study, record)
    conditions = at(record, "derivedSection.conditionBrowseModule")
    interventions = at(record, "derivedSection.interventionBrowseModule")
    study.conditions = mesh_ids(conditions.get("meshes", []), known_mesh)
    study.condition_ancestors = mesh_ids(conditions.get("ancestors", []), known_mesh)
    study.intervention_concepts = mesh_ids(interventions.get("meshes", []), known_mesh)
    study.intervention_ancestors = mesh_ids(interventions.get("ancestors", []), known_mesh)
    warnings += arms(study, record, _concepts(interventions, known_mesh))
    study.outcomes = planned_outcomes(record)
    if study.eligibility_text:
        study.criteria = criteria(study.eligibility_text)
    point(study, record)
    flow(study, record, warnings)
    baseline(study, record, warnings)
    outcomes(study, record, warnings)
    events(study, record, warnings)


def _concepts(module: Json, known_mesh: Container[str] | None) -> dict[str, str]:
    """Return the MeSH ids of interventions by their terms, and by the words under which they were found."""
    by_term = {node.get("term", "").casefold(): mesh_ids([node], known_mesh) for node in module.get("meshes", ())}
    concepts = {term: found[0] for term, found in by_term.items() if term and found}
    for leaf in module.get("browseLeaves", ()):
        found = concepts.get(leaf.get("name", "").casefold())
        if found and leaf.get("asFound"):
            concepts.setdefault(leaf["asFound"].casefold(), found)
    return concepts


def _one(record: Any, digest: str | None, name: str, *, unfit: bool) -> Study | SourceError:
    if not isinstance(record, dict):
        return SourceError(name, "is not a study: an object with a protocolSection is expected")
    try:
        # A study among many has no bytes of its own: its digest is of the study alone, however it was laid out.
        digest = digest or sha256(orjson.dumps(record)).hexdigest()
    except orjson.JSONEncodeError:  # It writes fewer levels than it reads.
        return SourceError(name, "is nested deeper than 250 levels, as no record is")
    source = Source(kind="CTGOV", name=PurePath(name).name, sha256=digest)
    replaced = characters.replaced_in(record) if unfit else 0
    try:
        study = study_of(record, source)
    except SourceError as error:
        return SourceError(name, error.problem)
    if replaced:
        source.warnings.append(f"{study.nct}: {characters.warning(replaced)}")
    return study


def _one_by_one(data: bytes, name: str, error: orjson.JSONDecodeError) -> Iterator[Study | SourceError]:
    """Yield the studies of a document that is no JSON as a whole: of JSON lines or a list, those that are."""
    lines = data.splitlines()
    if len(lines) > 1 and any(line.startswith(b"{") and line.rstrip().endswith(b"}") for line in lines[:2]):
        for number, line in enumerate(filter(bytes.strip, lines), 1):
            yield _parsed(line, f"{name}, record {number}")
        return
    broken = False
    for number, item in enumerate(array_items(data), 1):
        found = SourceError(name, item) if isinstance(item, str) else _parsed(item, f"{name}, record {number}")
        broken = broken or isinstance(found, SourceError)
        yield found
    if not broken:
        yield _no_json(name, data, error)


def _parsed(data: bytes, name: str) -> Study | SourceError:
    try:
        record = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return SourceError(name, _no_json(name, data, error).problem)
    return _one(record, None, name, unfit=characters.may_be_unfit(data))


def _no_json(name: str, data: bytes, error: orjson.JSONDecodeError) -> SourceError:
    try:
        data.decode()
    except UnicodeDecodeError as wrong:
        line = data.count(b"\n", 0, wrong.start) + 1
        return SourceError(name, f"is not UTF-8 at its byte {wrong.start + 1}; save it again as UTF-8", line=line)
    problem = str(error).partition(": line")[0]
    if problem.startswith("unexpected end of data"):
        return SourceError(name, "is cut off: the JSON ends before it is complete; fetch it again", line=error.lineno)
    return SourceError(name, f"is not JSON: {problem} at character {error.pos}", line=error.lineno)


def _nct(record: Json, name: str) -> str:
    given = at(record, "protocolSection.identificationModule").get("nctId")
    nct = normal_nct(given) if given else None
    if nct is None:
        raise SourceError(
            name, f"has the nctId '{shown(given)}', which is not NCT and eight digits" if given else "has no nctId"
        )
    return nct


def _check_whole(record: Json, name: str, warnings: list[str]) -> None:
    protocol = record["protocolSection"]
    nct = protocol["identificationModule"]["nctId"]
    if missing := [module for module in _REQUIRED if not protocol.get(module)]:
        raise SourceError(
            name,
            f"is only a part of {nct}, without {', '.join(missing)}; load {nct} itself, which fetches the whole record",
        )
    warnings += [
        f"there is no {module}: this may be a selection of fields" for module in _EXPECTED if module not in protocol
    ]
    kind = protocol["designModule"].get("studyType", "")
    if kind.islower():
        raise SourceError(
            name, f"has the study type '{shown(kind)}' of {nct} in small letters: this is another tool's format"
        )


def _shortened(warnings: Iterator[str]) -> list[str]:
    found = list(warnings)
    left = len(found) - _MOST_WARNINGS
    return (
        found if left <= 0 else [*found[:_MOST_WARNINGS], f"{found[0].partition(':')[0]}: and {left} more of this kind"]
    )
