"""A made-up registry record in which every field has a value, built from the reader's own list of fields."""

from typing import Any

from loaders.readers.clinicaltrials.fields import fields
from loaders.readers.clinicaltrials.schema import CODES

__all__ = ["full_record", "remove"]

_VALUES = {
    "protocolSection.identificationModule.nctId": "NCT00000001",
    "protocolSection.identificationModule.nctIdAliases[]": "NCT00000002",
    "protocolSection.statusModule.expandedAccessInfo.nctId": "NCT00000003",
    "protocolSection.designModule.studyType": "INTERVENTIONAL",
    "protocolSection.designModule.targetDuration": "12 Months",
    "protocolSection.armsInterventionsModule.armGroups[].label": "Arm",
    "protocolSection.armsInterventionsModule.armGroups[].interventionNames[]": "Drug: found as",
    "protocolSection.armsInterventionsModule.interventions[].name": "found as",
    "protocolSection.armsInterventionsModule.interventions[].type": "DRUG",
    "protocolSection.armsInterventionsModule.interventions[].armGroupLabels[]": "Arm",
    "protocolSection.eligibilityModule.eligibilityCriteria": "Inclusion Criteria:\n\n* adult\n\nExclusion:\n\n* child",
    "protocolSection.eligibilityModule.minimumAge": "18 Years",
    "protocolSection.eligibilityModule.maximumAge": "65 Years",
    "protocolSection.referencesModule.references[].pmid": "11111111",
    "protocolSection.referencesModule.references[].type": "RESULT",
    "protocolSection.referencesModule.references[].retractions[].pmid": "22222222",
    "protocolSection.referencesModule.seeAlsoLinks[].url": "https://example.org/more",
    "resultsSection.adverseEventsModule.frequencyThreshold": "5",
    "resultsSection.outcomeMeasuresModule.outcomeMeasures[].classes[].title": "Week 24",
    "resultsSection.outcomeMeasuresModule.outcomeMeasures[].dispersionType": "95% Confidence Interval",
    "resultsSection.outcomeMeasuresModule.outcomeMeasures[].analyses[].pValue": "<0.001",
    "derivedSection.conditionBrowseModule.meshes[].id": "D000690",
    "derivedSection.conditionBrowseModule.ancestors[].id": "D009422",
    "derivedSection.interventionBrowseModule.meshes[].id": "D019782",
    "derivedSection.interventionBrowseModule.meshes[].term": "Riluzole",
    "derivedSection.interventionBrowseModule.ancestors[].id": "D003879",
    "derivedSection.interventionBrowseModule.browseLeaves[].name": "Riluzole",
    "derivedSection.interventionBrowseModule.browseLeaves[].asFound": "found as",
}
_BY_NAME = {"groupId": "G1", "groupIds[]": "G1", "units": "Participants", "denomUnitsSelected": "Participants"}
_NUMBERS = {
    "value", "spread", "lowerLimit", "upperLimit", "numSubjects", "numUnits", "paramValue", "dispersionValue",
    "ciPctValue", "ciLowerLimit", "ciUpperLimit",
}  # fmt: skip
_SCALARS: dict[str, Any] = {"bool": True, "int": 3, "number": 12.5, "date": "2020-01-02"}


def full_record() -> dict[str, Any]:
    """Return the record; every text says which field it is."""
    record: dict[str, Any] = {}
    for ordinal, field in enumerate(fields()):
        node = record
        *above, leaf = field.full_path.split(".")
        for step in above:
            key = step.removesuffix("[]")
            if step.endswith("[]"):
                (node,) = node.setdefault(key, [{}])
            else:
                node = node.setdefault(key, {})
        value = _value(field.full_path, leaf, field.kind, ordinal)
        node[leaf.removesuffix("[]")] = [value] if leaf.endswith("[]") else value
    return record


def _value(path: str, leaf: str, kind: str, ordinal: int) -> Any:
    if path in _VALUES:
        return _VALUES[path]
    if leaf in _BY_NAME:
        return _BY_NAME[leaf]
    if leaf == "id" and path.split(".")[-2] in {"groups[]", "eventGroups[]"}:
        return "G1"
    if leaf in _NUMBERS:
        return str(ordinal)
    if kind == "text":
        return f"the {path}"
    return _SCALARS.get(kind) if kind in _SCALARS else sorted(CODES[kind])[0]


def remove(record: dict[str, Any], path: str) -> None:
    """Take one field out of the record."""
    node: Any = record
    *above, leaf = path.replace("[]", "").split(".")
    for step in above:
        node = node[step]
        node = node[0] if isinstance(node, list) else node
    del node[leaf]
