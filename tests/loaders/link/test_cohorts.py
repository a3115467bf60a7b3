"""Which arm a result group is: by title, words, interventions or for want of another; never when two fit."""

import pytest

from loaders.emit import emit
from loaders.link.cohorts import CONFIDENCE, cohort_mappings
from loaders.record import Administration, Cohort, Intervention, Source, Study

ARMS = {"Sunshine arm": ["sun"], "Shade": ["shade"], "2": ["sun", "shade"]}


def study(groups: list[str], arms: dict[str, list[str]] | None = None, kind: str = "FLOW_GROUP") -> Study:
    """Return a made-up study with arms by label and one table of groups."""
    arms = ARMS if arms is None else arms
    protocol = [
        Cohort(
            name=f"arm-{at}", label=label, kind="ARM", receives=[Administration(intervention=each) for each in given]
        )
        for at, (label, given) in enumerate(arms.items())
    ]
    found = [
        Cohort(name=f"flow-G{at}", label=label, kind=kind, source_group_id=f"G{at}") for at, label in enumerate(groups)
    ]
    return Study(
        label="Sunshine",
        nct="NCT00000001",
        interventions=[
            Intervention(name="sun", label="Sunlight", other_names=["Sunshine 2 h"]),
            Intervention(name="shade", label="Parasol"),
        ],
        cohorts=[*protocol, *found],
        source=Source(kind="CTGOV", name="x.json", sha256="a" * 64),
    )


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("SUNSHINE ARM", ("arm-0", "SAME_TITLE")),
        ("Sunshine  group", ("arm-0", "SAME_WORDS")),
        ("Patients with Sunlight", ("arm-0", "SAME_INTERVENTIONS")),
        ("Sunshine 2 h", ("arm-0", "SAME_INTERVENTIONS")),
        ("Parasol and sunlight", ("arm-2", "SAME_INTERVENTIONS")),
        ("Parasol, then sunlight", None),
        ("Parasol/Sunlight", None),
        ("All participants", None),
        ("", None),
    ],
)
def test_a_group_is_an_arm_by_the_surest_method(group, expected):
    found = [(mapping.arm, mapping.method) for mapping in cohort_mappings(study([group, "Nobody"]))]
    assert found == ([expected] if expected else [])


def test_what_two_arms_fit_is_left_alone():
    twice = {"Sunshine": ["sun"], "Sunshine, low": ["sun"], "sunshine": ["shade"]}
    assert cohort_mappings(study(["Sunshine", "Sunlight"], twice)) == []


def test_two_groups_of_a_table_are_one_arm_by_title_only():
    found = cohort_mappings(study(["Sunshine arm", "Sunlight, first year", "Parasol, first", "Parasol, second"]))
    assert [(mapping.group, mapping.arm) for mapping in found] == [("flow-G0", "arm-0")]


def test_one_group_of_a_study_with_one_arm_is_that_arm():
    one = {"Sunshine": ["sun"]}
    (mapping,) = cohort_mappings(study(["Everybody"], one))
    assert (mapping.arm, mapping.method, mapping.confidence) == ("arm-0", "ONLY_ARM", CONFIDENCE["ONLY_ARM"])
    assert cohort_mappings(study(["Everybody", "Nobody"], one)) == []
    assert cohort_mappings(study(["Everybody"], {})) == []


def test_a_mapping_is_a_claim_in_the_graph_of_links():
    emission = emit(study(["Shade", "Nobody"]))
    subject, _ = emission.link_subjects
    said = emission.links.decode()
    for part in (
        "ontology#targetCohort>",
        "ontology#CohortMapping>",
        "CohortMappingMethod-SAME_TITLE>",
        '"0.95"',
        "cohort/flow-G0>",
        "cohort/arm-1>",
    ):
        assert part in said
    assert subject.startswith("https://w3id.org/trialweave/study/NCT00000001/cohort-mapping/")
    assert b"mapsToCohort" not in emission.triples, "the registry does not say so"


def test_a_group_leads_straight_to_its_arm_and_goes_with_the_graph_it_was_found_in():
    emission = emit(study(["Shade"]))
    group, arm = (f"{emission.study}/cohort/{name}" for name in ("flow-G0", "arm-1"))
    assert f"<{group}> <https://w3id.org/trialweave/ontology#mapsToCohort> <{arm}> .\n" in emission.links.decode()
    assert f"<{group}> <http://www.w3.org/ns/prov#wasDerivedFrom> <{emission.graph}> .\n" in emission.links.decode()
    assert group in emission.link_subjects


def test_a_group_that_is_only_the_one_arm_there_is_does_not_lead_straight_to_it():
    emission = emit(study(["Everybody"], {"Sunshine": ["sun"]}))
    assert b"CohortMappingMethod-ONLY_ARM" in emission.links and b"mapsToCohort" not in emission.links
