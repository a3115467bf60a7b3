"""Every real record at hand: read without error, emitted as triples that parse, and nothing lost on the way.

What is expected is counted in the JSON by a few lines here, which know nothing of the reader.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from pyoxigraph import RdfFormat, parse

from loaders.emit import emit
from loaders.errors import SourceError
from loaders.readers import clinicaltrials
from loaders.record import Study
from tests.paths import SHARED, needs_shared

FOLDER = SHARED / "data/ctgov"
FILES = sorted((FOLDER / "studies").glob("*.json"))
SHARES = 12
TW = "https://w3id.org/trialweave/ontology#"
TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"

pytestmark = needs_shared


def inside(record: Any, *path: str) -> Iterator[Any]:
    """Yield what stands at a path of keys, through lists."""
    if isinstance(record, list):
        for item in record:
            yield from inside(item, *path)
    elif not path:
        yield record
    elif isinstance(record, dict) and path[0] in record:
        yield from inside(record[path[0]], *path[1:])


def expected(record: dict[str, Any]) -> Counter[str]:
    """Count in the JSON what must be in the triples, by class or property."""
    protocol, results = record["protocolSection"], record.get("resultsSection", {})
    posted = ("outcomeMeasuresModule", "outcomeMeasures")
    measurements = ("classes", "categories", "measurements")
    flow = ("participantFlowModule", "periods")
    groups = list(inside(results, "adverseEventsModule", "eventGroups"))
    kinds = ("deaths", "serious", "other")
    totals = [kind for kind in kinds for group in groups if {f"{kind}NumAtRisk", f"{kind}NumAffected"} & set(group)]
    stats = [list(inside(results, "adverseEventsModule", kind, "stats")) for kind in ("seriousEvents", "otherEvents")]
    planned = [
        list(inside(protocol, "outcomesModule", f"{kind}Outcomes")) for kind in ("primary", "secondary", "other")
    ]
    tables = [
        list(inside(results, *path))
        for path in (
            ("participantFlowModule", "groups"), ("baselineCharacteristicsModule", "groups"), (*posted, "groups"),
            ("adverseEventsModule", "eventGroups"),
        )
    ]  # fmt: skip
    return Counter(
        {
            "OutcomeResult": len(list(inside(results, *posted, *measurements))),
            "BaselineResult": len(list(inside(results, "baselineCharacteristicsModule", "measures", *measurements))),
            "EffectEstimate": len(list(inside(results, *posted, "analyses"))),
            "FlowResult": len(list(inside(results, *flow, "milestones", "achievements")))
            + len(list(inside(results, *flow, "dropWithdraws", "reasons"))),
            "AdverseEventResult": sum(map(len, stats)) + len(totals),
            "Outcome": sum(map(len, planned)) + len(list(inside(results, *posted))),
            "Cohort": len(list(inside(protocol, "armsInterventionsModule", "armGroups"))) + sum(map(len, tables)),
            "Intervention": len(list(inside(protocol, "armsInterventionsModule", "interventions"))),
            "Site": len(list(inside(protocol, "contactsLocationsModule", "locations"))),
            "BaselineVariable": len(list(inside(results, "baselineCharacteristicsModule", "measures"))),
            "AdverseEvent": len(list(inside(results, "adverseEventsModule", "seriousEvents")))
            + len(list(inside(results, "adverseEventsModule", "otherEvents")))
            + len(set(totals)),
            "condition": len(list(inside(record, "derivedSection", "conditionBrowseModule", "meshes"))),
            "conditionText": len(set(inside(protocol, "conditionsModule", "conditions"))),
            "pValueText": len(list(inside(results, *posted, "analyses", "pValue"))),
        }
    )


def found(triples: bytes, names: Counter[str]) -> Counter[str]:
    """Count the nodes of each class, and the triples of each property."""
    text = triples.decode()
    return Counter(
        {name: text.count(f"{TYPE} <{TW}{name}> ." if name[0].isupper() else f" <{TW}{name}> ") for name in names}
    )


@pytest.mark.parametrize("share", range(SHARES))
def test_nothing_is_lost(share: int) -> None:
    for path in FILES[share::SHARES]:
        data = path.read_bytes()
        (study,) = clinicaltrials.read(data, path.name)
        assert isinstance(study, Study), study
        triples = emit(study).triples
        assert sum(1 for _ in parse(triples, format=RdfFormat.N_TRIPLES)) == triples.count(b"\n")
        counts = expected(orjson.loads(data.removeprefix(b"\xef\xbb\xbf")))
        assert found(triples, counts) == counts, path.name


def test_there_are_as_many_as_there_should_be() -> None:
    assert len(FILES) > 1000


@pytest.mark.parametrize("path", sorted((FOLDER / "partial").glob("*.json")), ids=lambda path: path.stem)
def test_partial_records_are_read_with_a_word_or_turned_away_with_one(path: Path) -> None:
    (record,) = clinicaltrials.read(path.read_bytes(), path.name)
    if isinstance(record, SourceError):
        assert "is only a part of" in str(record) and str(record).startswith(path.name) and "\n" not in str(record)
    else:
        emit(record)
        assert record.source and all(warning.startswith(path.stem) for warning in record.source.warnings)


@pytest.mark.parametrize("path", sorted((FOLDER / "api-pages").glob("*.json")), ids=lambda path: path.stem[:24])
def test_each_study_of_an_api_page_is_a_record_or_one_error(path: Path) -> None:
    data = path.read_bytes()
    assert clinicaltrials.recognises(data, path.name)
    records = list(clinicaltrials.read(data, path.name))
    assert len(records) == len(orjson.loads(data)["studies"])
    assert all(isinstance(record, Study) or "is only a part of" in str(record) for record in records)


@pytest.mark.parametrize("path", FILES[:: len(FILES) // 10 or 1], ids=lambda path: path.stem)
def test_a_cut_off_file_is_one_error(path: Path) -> None:
    data = path.read_bytes()
    (error,) = clinicaltrials.read(data[: len(data) * 2 // 3], path.name)
    assert isinstance(error, SourceError) and "\n" not in str(error)
    assert str(error).startswith(f"{path.name}:") and "is cut off" in str(error)
