"""What a table says of a part does not depend on what it was asked before."""

from decimal import Decimal

from loaders import tables
from loaders.record import AdverseEventResult, Cohort, EffectEstimate, Intervention, OutcomeResult

STUDIES = ("https://w3id.org/trialweave/study/NCT00000001", "https://w3id.org/trialweave/study/NCT00000002")
RESULT = OutcomeResult(cohort="a", outcome="o", value=Decimal("1.50"), value_text="1.50", unit_text="mg", denominator=1)


def test_each_study_refers_to_its_own_parts() -> None:
    pairs = [tables.OUTCOME_RESULT.pairs(RESULT, study) for study in (*STUDIES, *STUDIES)]
    assert pairs[:2] == pairs[2:]
    for study, found in zip(STUDIES, pairs, strict=False):
        assert [pair.split(" ")[1] for pair in found if "/study/" in pair] == [
            f"<{study}/cohort/a>",
            f"<{study}/outcome/o>",
        ]


def test_values_are_the_same_after_thousands_of_others() -> None:
    before = tables.OUTCOME_RESULT.pairs(RESULT, STUDIES[0])
    for number in range(5000):
        other = OutcomeResult(cohort="a", outcome="o", value=Decimal(number), unit_text=f"unit {number}")
        assert f'"unit {number}"' in " ".join(tables.OUTCOME_RESULT.pairs(other, STUDIES[0]))
    assert tables.OUTCOME_RESULT.pairs(RESULT, STUDIES[0]) == before


def test_none_is_left_out_and_false_and_zero_are_not() -> None:
    result = AdverseEventResult(cohort="a", event="e", affected=0, at_risk=None)
    pairs = tables.ADVERSE_EVENT_RESULT.pairs(result, STUDIES[0])
    assert [pair.partition(" ")[2] for pair in pairs if "tology#count" in pair] == [
        '"0"^^<http://www.w3.org/2001/XMLSchema#integer>'
    ]


def test_a_list_gives_a_pair_an_item() -> None:
    intervention = Intervention(name="x", label="X", other_names=["Y", "Z"])
    pairs = tables.INTERVENTION.pairs(intervention, STUDIES[0])
    assert [pair.partition(" ")[2] for pair in pairs if "altLabel" in pair] == ['"Y"', '"Z"']


def test_a_code_beyond_the_scheme_is_text() -> None:
    cohort = Cohort(name="a", label="A", kind="ARM", role="NEW_ROLE")  # type: ignore[arg-type]  # a code the registry may add
    pairs = tables.COHORT.pairs(cohort, STUDIES[0])
    assert '<https://w3id.org/trialweave/ontology#cohortRoleText> "NEW_ROLE"' in pairs


def test_a_finding_is_told_from_others_by_what_it_is_about_not_by_what_was_found() -> None:
    one, two = (
        EffectEstimate(outcome="o", compared="a", reference="b", value=Decimal(value), p_value=Decimal(value))
        for value in (1, 2)
    )
    assert tables.EFFECT.identity.pairs(one, STUDIES[0]) == tables.EFFECT.identity.pairs(two, STUDIES[0])
    assert len(tables.EFFECT.identity.pairs(one, STUDIES[0])) == 3
