"""The registry reader: every trap of real records, in made-up ones; documents in every form; and no crash on any."""

import json
import random
from copy import deepcopy
from decimal import Decimal
from typing import Any, ClassVar

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.emit import emit
from loaders.errors import SourceError
from loaders.readers import clinicaltrials
from loaders.readers import read as read_any
from loaders.record import Source, Study
from tests.loaders.readers.made_up import full_record

PROTOCOL: dict[str, Any] = {
    "identificationModule": {"nctId": "NCT00000001", "briefTitle": "A made-up trial"},
    "statusModule": {"overallStatus": "COMPLETED"},
    "sponsorCollaboratorsModule": {"leadSponsor": {"name": "Nobody", "class": "OTHER"}},
    "descriptionModule": {"briefSummary": "Nothing happens."},
    "conditionsModule": {"conditions": ["Boredom"]},
    "designModule": {"studyType": "INTERVENTIONAL"},
    "eligibilityModule": {"sex": "ALL"},
}


def record(**sections: dict[str, Any]) -> dict[str, Any]:
    """Return a record with these modules, by name, put into their sections."""
    made: dict[str, Any] = {"protocolSection": deepcopy(PROTOCOL)}
    for module, content in sections.items():
        section = next((known for known, modules in SECTIONS.items() if module in modules), "protocolSection")
        made.setdefault(section, {})[module] = content
    return made


SECTIONS = {
    "resultsSection": {
        "participantFlowModule", "baselineCharacteristicsModule", "outcomeMeasuresModule", "adverseEventsModule",
        "moreInfoModule",
    },
    "derivedSection": {"miscInfoModule", "conditionBrowseModule", "interventionBrowseModule"},
}  # fmt: skip


def study(**sections: dict[str, Any]) -> Study:
    return clinicaltrials.study_of(record(**sections), Source(kind="CTGOV", name="x.json", sha256="0" * 64))


def outcome(**fields: Any) -> dict[str, Any]:
    """Return the results of one outcome with two groups of 10 and 12."""
    counts = [{"groupId": "OG000", "value": "10"}, {"groupId": "OG001", "value": "12"}]
    return {
        "type": "PRIMARY",
        "title": "Pain",
        "groups": [{"id": "OG000", "title": "A"}, {"id": "OG001", "title": "B"}],
        "denoms": [{"units": "Participants", "counts": counts}],
        **fields,
    }


def cell(value: str | None, **fields: Any) -> Study:
    """Return a study with one cell, and these fields of its outcome; those of the cell come under `cell`."""
    measurement = {"groupId": "OG000", **({} if value is None else {"value": value}), **fields.pop("cell", {})}
    classes = [{"title": fields.pop("row", None), "categories": [{"measurements": [measurement]}]}]
    if classes[0]["title"] is None:
        del classes[0]["title"]
    return study(outcomeMeasuresModule={"outcomeMeasures": [outcome(classes=classes, **fields)]})


def effect(**fields: Any) -> Study:
    given = outcome(analyses=[{"groupIds": ["OG000", "OG001"], **fields}])
    return study(outcomeMeasuresModule={"outcomeMeasures": [given]})


def warnings(made: Study) -> list[str]:
    return made.source.warnings if made.source else []


class TestValues:
    def test_a_median_that_is_na_has_a_reason_and_no_value(self):
        (result,) = cell("NA", paramType="MEDIAN", unitOfMeasure="months").outcome_results
        assert (result.value, result.value_text, result.missing_reason) == (None, "NA", "NOT_REACHED")

    @pytest.mark.parametrize(
        ("value", "comment", "statistic", "reason"),
        [
            ("NA", "Median was not reached due to few events", "MEDIAN", "NOT_REACHED"),
            ("NA", "Not estimable: too few events", "MEAN", "NOT_ESTIMABLE"),
            ("NA", "All values were below the limit of quantification", "MEAN", "BELOW_LOQ"),
            ("NA", "Data were not collected", "MEAN", "NOT_COLLECTED"),
            ("NA", "standard deviation could not be calculated for 1 participant", "MEAN", "NOT_ESTIMABLE"),
            ("NA", None, "MEAN", "OTHER"),
            ("<0.5", None, "MEAN", "BELOW_LOQ"),
            (None, None, "MEAN", "OTHER"),
        ],
    )
    def test_why_there_is_no_number(self, value: str | None, comment: str | None, statistic: str, reason: str):
        said = {"comment": comment} if comment else {}
        (result,) = cell(value, paramType=statistic, unitOfMeasure="mg", cell=said).outcome_results
        assert (result.value, result.missing_reason) == (None, reason)

    def test_grouping_commas_and_the_printed_text(self):
        (result,) = cell("12,345", paramType="MEAN").outcome_results
        assert (result.value, result.value_text) == (Decimal(12345), "12,345")

    def test_a_text_that_is_no_number_is_kept_and_told(self):
        made = cell("about 5", paramType="MEAN")
        assert made.outcome_results[0].value_text == "about 5"
        assert made.outcome_results[0].value is None
        assert "'about 5'" in warnings(made)[0]

    def test_a_count_of_participants_is_a_count(self):
        (result,) = cell("7", paramType="COUNT_OF_PARTICIPANTS", unitOfMeasure="Participants").outcome_results
        assert (result.count, result.value, result.denominator) == (7, None, 10)

    @pytest.mark.parametrize(
        ("value", "unit", "statistic", "percentage"),
        [
            ("45.5", "percentage of participants", "NUMBER", Decimal("45.5")),
            ("145.5", "percentage of participants", "NUMBER", None),
            ("-3", "Percentage of Participants", "NUMBER", None),
            ("145.5", "percent change", "MEAN", None),
            ("45.5", "percent change from baseline", "MEAN", None),
            ("45.5", "percentage of lesions", "NUMBER", None),
        ],
    )
    def test_only_a_share_of_participants_is_a_percentage(
        self, value: str, unit: str, statistic: str, percentage: Decimal | None
    ):
        (result,) = cell(value, paramType=statistic, unitOfMeasure=unit).outcome_results
        assert (result.value, result.percentage) == (Decimal(value), percentage)
        assert (result.unit_text, result.ucum_code) == (unit, "%")

    def test_limits_that_are_no_number_keep_their_text(self):
        limits = {"lowerLimit": "1.5", "upperLimit": "NA", "spread": "NA"}
        (result,) = cell("2", paramType="MEDIAN", cell=limits).outcome_results
        assert (result.lower_limit, result.lower_limit_text) == (Decimal("1.5"), None)
        assert (result.upper_limit, result.upper_limit_text) == (None, "NA")
        assert (result.spread, result.spread_text) == (None, "NA")
        assert result.missing_reason is None

    @pytest.mark.parametrize(
        ("label", "code", "level", "text"),
        [
            ("95% Confidence Interval", "CONFIDENCE_95", Decimal(95), None),
            ("97.5% Confidence Interval", "CONFIDENCE_975", Decimal("97.5"), None),
            ("84% Confidence Interval", "CONFIDENCE_OTHER", Decimal(84), "84% Confidence Interval"),
            ("Standard Deviation", "STANDARD_DEVIATION", None, None),
            ("Inter-Quartile Range", "INTER_QUARTILE_RANGE", None, None),
            ("Spread of some kind", None, None, "Spread of some kind"),
        ],
    )
    def test_the_dispersion_of_an_outcome_is_a_label(
        self, label: str, code: str | None, level: Decimal | None, text: str | None
    ):
        (result,) = cell("2", dispersionType=label).outcome_results
        assert (result.dispersion_type, result.ci_level, result.dispersion_type_text) == (code, level, text)

    def test_the_dispersion_of_a_baseline_variable_is_a_code(self):
        measure = {
            "title": "Age",
            "dispersionType": "CONFIDENCE_95",
            "classes": [{"categories": [{"measurements": [{"groupId": "BG000", "value": "50"}]}]}],
        }
        groups = [{"id": "BG000", "title": "A"}]
        (result,) = study(baselineCharacteristicsModule={"groups": groups, "measures": [measure]}).baseline_results
        assert (result.dispersion_type, result.ci_level) == ("CONFIDENCE_95", Decimal(95))

    def test_a_row_title_that_reads_like_a_time_is_one_by_rule(self):
        (result,) = cell("2", row="Week 24").outcome_results
        assert (result.time_offset, result.time_method) == ("P168D", "RULE")
        assert (result.class_title, result.time_text) == ("Week 24", "Week 24")
        (result,) = cell("2", row="Fatigue").outcome_results
        assert (result.time_offset, result.time_method, result.class_title) == (None, None, "Fatigue")


class TestTables:
    def test_every_class_and_category_is_there(self):
        def row(title: str) -> dict[str, Any]:
            cells = [{"groupId": group, "value": "1"} for group in ("OG000", "OG001")]
            return {"title": title, "categories": [{"title": sex, "measurements": cells} for sex in ("F", "M")]}

        given = outcome(classes=[row("Week 1"), row("Week 2"), row("Week 3")])
        made = study(outcomeMeasuresModule={"outcomeMeasures": [given]})
        assert len({(r.class_title, r.category, r.cohort) for r in made.outcome_results}) == 3 * 2 * 2
        assert len({r.name for r in made.outcome_results}) == 12

    def test_groups_of_the_same_id_are_other_people_in_another_table(self):
        made = study(
            outcomeMeasuresModule={"outcomeMeasures": [outcome(), outcome(title="Sleep")]},
            adverseEventsModule={"eventGroups": [{"id": "OG000", "title": "A"}]},
            participantFlowModule={"groups": [{"id": "OG000", "title": "A"}]},
        )
        same = [cohort for cohort in made.cohorts if cohort.source_group_id == "OG000"]
        assert len({cohort.name for cohort in same}) == len(same) == 4
        assert {cohort.kind for cohort in same} == {"OUTCOME_GROUP", "EVENT_GROUP", "FLOW_GROUP"}

    def test_the_nearest_denominator_counts(self):
        def denoms(number: str, group: str = "OG000") -> list[dict[str, Any]]:
            return [{"units": "Participants", "counts": [{"groupId": group, "value": number}]}]

        rows = [
            {
                "title": "near",
                "denoms": denoms("3"),
                "categories": [{"measurements": [{"groupId": "OG000", "value": "1"}]}],
            },
            {"title": "far", "categories": [{"measurements": [{"groupId": "OG000", "value": "1"}]}]},
            {
                "title": "other group only",
                "denoms": denoms("4", "OG001"),
                "categories": [{"measurements": [{"groupId": "OG000", "value": "1"}]}],
            },
        ]
        made = study(outcomeMeasuresModule={"outcomeMeasures": [outcome(classes=rows)]})
        found = {result.class_title: result.denominator for result in made.outcome_results}
        assert found == {"near": 3, "far": 10, "other group only": 10}

    def test_denominators_are_those_of_the_units_analysed(self):
        def denom(units: str, number: str) -> dict[str, Any]:
            return {"units": units, "counts": [{"groupId": "OG000", "value": number}]}

        both = [denom("Eyes", "20"), denom("Participants", "10")]
        for selected, expected in (("Eyes", 20), ("Participants", 10), (None, 10)):
            chosen = {"denomUnitsSelected": selected} if selected else {}
            assert cell("1", denoms=both, **chosen).outcome_results[0].denominator == expected

    def test_the_total_of_the_baseline_is_everybody(self):
        groups = [{"id": f"BG00{n}", "title": title} for n, title in enumerate(("A", "B", "Total"))]
        counts = [
            {"groupId": group["id"], "value": value} for group, value in zip(groups, ("10", "12", "22"), strict=True)
        ]
        module = {"groups": groups, "denoms": [{"units": "Participants", "counts": counts}]}
        made = study(baselineCharacteristicsModule=module)
        assert [(c.kind, c.size) for c in made.cohorts] == [("BASELINE_GROUP", 10), ("BASELINE_GROUP", 12), ("ALL", 22)]

    def test_what_is_not_a_participant_is_counted_apart(self):
        counts = [{"groupId": "BG000", "value": "20"}]
        module = {"groups": [{"id": "BG000", "title": "A"}], "denoms": [{"units": "Eyes", "counts": counts}]}
        (group,) = study(baselineCharacteristicsModule=module).cohorts
        assert (group.size, group.unit_count, group.counted_unit) == (None, 20, "Eyes")

    def test_outcomes_and_rows_may_share_a_title(self):
        rows = [{"title": "Same", "categories": [{"measurements": [{"groupId": "OG000", "value": v}]}]} for v in "12"]
        given = [outcome(classes=rows), outcome(classes=rows, description="another")]
        made = study(outcomeMeasuresModule={"outcomeMeasures": given})
        assert len({each.name for each in made.outcomes}) == 2
        assert len({each.name for each in made.outcome_results}) == 4
        emission = emit(made)
        assert emission.triples.count(b"#OutcomeResult>") == 4

    def test_a_posted_outcome_is_the_planned_one_of_the_same_type_and_title(self):
        planned = {"primaryOutcomes": [{"measure": "pain "}], "secondaryOutcomes": [{"measure": "Pain"}]}
        made = study(
            outcomesModule=planned, outcomeMeasuresModule={"outcomeMeasures": [outcome(), outcome(title="Sleep")]}
        )
        first, _, pain, sleep = made.outcomes
        assert (pain.planned_as, sleep.planned_as) == (first.name, None)

    def test_two_planned_outcomes_that_fit_are_one_too_many(self):
        planned = {"primaryOutcomes": [{"measure": "Pain", "timeFrame": frame} for frame in ("1 week", "2 weeks")]}
        given = [outcome(timeFrame="2 weeks"), outcome(timeFrame="3 weeks")]
        made = study(outcomesModule=planned, outcomeMeasuresModule={"outcomeMeasures": given})
        _, second, found, lost = made.outcomes
        assert (found.planned_as, lost.planned_as) == (second.name, None)

    def test_a_result_for_a_group_that_is_not_there_is_told_and_left_out(self):
        made = cell("1", cell={"groupId": "OG009"})
        assert made.outcome_results == []
        assert "OG009" in warnings(made)[0]


class TestEffects:
    def test_groups_in_no_order_have_no_direction(self):
        (found,) = effect(paramType="Mean Difference (Net)", paramValue="2.98").effects
        assert (found.compared, found.reference, found.contrast_unspecified) == (None, None, True)
        assert len(found.involves) == 2 and found.direction is None
        assert (found.measure, found.measure_text) == ("STATO:0000457", "Mean Difference (Net)")

    def test_its_name_does_not_depend_on_the_order_of_the_groups(self):
        there, back = (
            effect(groupIds=ids, pValue="0.1").effects[0] for ids in (["OG000", "OG001"], ["OG001", "OG000"])
        )
        assert there.name == back.name

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_one_group_or_many(self, count: int):
        groups = [{"id": f"OG00{n}", "title": str(n)} for n in range(3)]
        analysis = {"groupIds": [group["id"] for group in groups[:count]], "pValue": "0.04"}
        made = study(outcomeMeasuresModule={"outcomeMeasures": [outcome(groups=groups, analyses=[analysis])]})
        assert len(made.effects[0].involves) == count

    @pytest.mark.parametrize(("sides", "expected"), [("ONE_SIDED", 1), ("TWO_SIDED", 2), (None, None)])
    def test_missing_sides_stay_missing(self, sides: str | None, expected: int | None):
        given = {
            "ciLowerLimit": "1",
            "ciUpperLimit": "2",
            "ciPctValue": "95",
            **({"ciNumSides": sides} if sides else {}),
        }
        (found,) = effect(**given).effects
        assert (found.ci_sides, found.ci_level) == (expected, Decimal(95))
        assert (found.ci_lower, found.ci_upper) == (Decimal(1), Decimal(2))

    @pytest.mark.parametrize(
        ("text", "operator", "value"),
        [("<0.001", "<", "0.001"), ("=0.247", "=", "0.247"), ("&lt; 0.0001", "<", "0.0001"), ("0.03", "=", "0.03")],
    )
    def test_p_values_keep_their_inequality_and_their_text(self, text: str, operator: str, value: str):
        (found,) = effect(pValue=text).effects
        assert (found.p_value_operator, found.p_value, found.p_value_text) == (operator, Decimal(value), text)

    def test_a_p_value_in_words_is_text(self):
        made = effect(pValue="not significant")
        assert (made.effects[0].p_value, made.effects[0].p_value_text) == (None, "not significant")
        assert made.effects[0].reporting == "QUALITATIVE_ONLY"
        assert "not significant" in warnings(made)[0]

    def test_words_that_are_no_measure_stay_words(self):
        (found,) = effect(paramType="see above", paramValue="3").effects
        assert (found.measure, found.measure_text, found.value) == (None, "see above", Decimal(3))

    def test_limits_without_number_and_the_spread_of_an_estimate(self):
        given = {"ciUpperLimit": "NA", "dispersionType": "STANDARD_ERROR_OF_MEAN", "dispersionValue": "0.5"}
        (found,) = effect(paramValue="1", **given).effects
        assert (found.ci_upper, found.ci_upper_text) == (None, "NA")
        assert (found.dispersion_type, found.spread) == ("STANDARD_ERROR", Decimal("0.5"))

    def test_all_comments_are_kept(self):
        (found,) = effect(paramValue="1", estimateComment="a", pValueComment="b", statisticalComment="c").effects
        assert sorted(found.comments) == ["a", "b", "c"]


class TestFlow:
    MODULE: ClassVar[dict[str, Any]] = {
        "groups": [{"id": "FG000", "title": "A"}],
        "periods": [
            {
                "title": "Overall",
                "milestones": [
                    {"type": kind, "achievements": [{"groupId": "FG000", "numSubjects": "9", "numUnits": "18"}]}
                    for kind in ("STARTED", "Treated", "NOT COMPLETED")
                ],
                "dropWithdraws": [
                    {"type": reason, "reasons": [{"groupId": "FG000", "numSubjects": "1"}]}
                    for reason in ("Lost to Follow-up", "Moved away")
                ],
            }
        ]
        * 2,
    }

    def test_periods_of_one_title_are_told_apart(self):
        made = study(participantFlowModule=deepcopy(self.MODULE))
        assert len({result.name for result in made.flow_results}) == 10
        assert {(result.period, result.period_number) for result in made.flow_results} == {
            ("Overall", 1),
            ("Overall", 2),
        }

    def test_milestones_and_reasons(self):
        results = study(participantFlowModule=deepcopy(self.MODULE)).flow_results[:5]
        assert [(each.milestone, each.milestone_text) for each in results[:3]] == [
            ("STARTED", None), (None, "Treated"), ("NOT_COMPLETED", None),
        ]  # fmt: skip
        assert [(each.drop_reason, each.drop_reason_text) for each in results[3:]] == [
            ("LOST_TO_FOLLOW_UP", "Lost to Follow-up"), ("OTHER", "Moved away"),
        ]  # fmt: skip
        assert (results[0].count, results[0].unit_count) == (9, 18)


class TestEvents:
    GROUPS: ClassVar[list[dict[str, Any]]] = [
        {"id": "EG000", "title": "A", "deathsNumAffected": 1, "deathsNumAtRisk": 10, "seriousNumAffected": 2,
         "seriousNumAtRisk": 10, "otherNumAffected": 3, "otherNumAtRisk": 10},
    ]  # fmt: skip

    def event(self, **fields: Any) -> dict[str, Any]:
        stats = [{"groupId": "EG000", "numEvents": 2, "numAffected": 1, "numAtRisk": 10}]
        return {"term": "Headache", "organSystem": "Nervous system disorders", "stats": stats, **fields}

    def test_totals_are_events_of_their_own(self):
        made = study(adverseEventsModule={"eventGroups": deepcopy(self.GROUPS), "seriousEvents": [self.event()]})
        found = {event.name: (event.is_total, event.is_death, event.serious) for event in made.adverse_events[:3]}
        assert found == {
            "all-cause-mortality": (None, True, None),
            "any-serious": (True, None, True),
            "any-other": (True, None, False),
        }
        assert [result.affected for result in made.adverse_event_results] == [1, 2, 3, 1]
        assert made.adverse_events[3].is_total is None

    def test_terms_may_repeat(self):
        twice = [self.event(), self.event(notes="again")]
        made = study(
            adverseEventsModule={"eventGroups": [{"id": "EG000"}], "seriousEvents": twice, "otherEvents": twice}
        )
        assert len({event.name for event in made.adverse_events}) == 4
        assert len({result.name for result in made.adverse_event_results}) == 4
        assert [event.serious for event in made.adverse_events] == [True, True, False, False]

    @pytest.mark.parametrize(
        ("vocabulary", "version"),
        [("MedDRA (27.0)", "27.0"), ("MedDRA13.0", "13.0"), ("MeDRA 6", "6"), ("CTCAEv4", "4"), ("MedDRA", None)],
    )
    def test_vocabularies_are_as_published(self, vocabulary: str, version: str | None):
        events = [self.event(sourceVocabulary=vocabulary)]
        (found,) = study(adverseEventsModule={"eventGroups": [{"id": "EG000"}], "otherEvents": events}).adverse_events
        assert (found.term, found.source_vocabulary, found.vocabulary_version) == ("Headache", vocabulary, version)

    def test_a_missing_number_is_not_zero(self):
        events = [self.event(stats=[{"groupId": "EG000", "numAtRisk": 0}])]
        made = study(adverseEventsModule={"eventGroups": [{"id": "EG000"}], "otherEvents": events})
        (result,) = made.adverse_event_results
        assert (result.affected, result.events, result.at_risk, result.missing_reason) == (None, None, 0, "OTHER")


class TestArms:
    def arms(self, names: list[list[str]], labels: list[list[str]]) -> Study:
        groups = [{"label": f"arm {n}", "interventionNames": each} for n, each in enumerate(names)]
        kinds = ("DRUG", "DIETARY_SUPPLEMENT")
        given = [
            {"type": kind, "name": "Zinc: a mineral", "armGroupLabels": each}
            for kind, each in zip(kinds, labels, strict=True)
        ]
        return study(armsInterventionsModule={"armGroups": groups, "interventions": given})

    def test_an_intervention_is_found_by_its_type_and_name(self):
        made = self.arms([["Drug: Zinc: a mineral"], ["Dietary Supplement: Zinc: a mineral"]], [["arm 0"], ["arm 1"]])
        drug, supplement = (each.name for each in made.interventions)
        assert [[given.intervention for given in arm.receives] for arm in made.cohorts] == [[drug], [supplement]]
        assert warnings(made) == []

    def test_both_sides_are_loaded_and_their_difference_is_told(self):
        made = self.arms([["Drug: Zinc: a mineral"], []], [["arm 0"], ["arm 1"]])
        assert [len(arm.receives) for arm in made.cohorts] == [1, 1]
        assert "1 pairs of arm and intervention" in warnings(made)[0]

    def test_names_that_lead_nowhere_are_told(self):
        made = self.arms([["Drug: Gold"], []], [["arm 9"], []])
        assert [len(arm.receives) for arm in made.cohorts] == [0, 0]
        assert any("Drug: Gold" in each for each in warnings(made))
        assert any("arm 9" in each for each in warnings(made))

    def test_names_taken_apart_into_letters_are_put_together(self):
        made = self.arms([list("Drug: Zinc: a mineral"), []], [[], []])
        assert [len(arm.receives) for arm in made.cohorts] == [1, 0]
        assert "letter by letter" in warnings(made)[0]

    def test_the_concept_of_an_intervention_is_told_by_its_name_only(self):
        interventions = [{"type": "DRUG", "name": name} for name in ("RILUZOLE", "Rilutek", "Placebo")]
        browse = {
            "meshes": [{"id": "D000019782", "term": "Riluzole"}],
            "browseLeaves": [{"id": "M1", "name": "Riluzole", "asFound": "Rilutek"}],
        }
        made = study(armsInterventionsModule={"interventions": interventions}, interventionBrowseModule=browse)
        assert [each.concepts for each in made.interventions] == [["D019782"], ["D019782"], []]
        assert made.intervention_concepts == ["D019782"]


class TestProtocol:
    @pytest.mark.parametrize("printed", ["2019", "2019-04", "2019-04-03"])
    def test_dates_keep_their_precision(self, printed: str):
        module = {"overallStatus": "COMPLETED", "startDateStruct": {"date": printed}}
        made = study(statusModule=module)
        assert (made.start_date, made.start_date_type) == (printed, None)

    @pytest.mark.parametrize("printed", ["April 2019", "2019-13", "2019-02-30", "2019-W01-1", "19", "", 2019])
    def test_what_is_no_date_is_left_out_and_told(self, printed: Any):
        made = study(statusModule={"overallStatus": "COMPLETED", "startDateStruct": {"date": printed}})
        assert made.start_date is None
        assert "startDateStruct.date" in warnings(made)[0]

    @pytest.mark.parametrize(
        ("given", "expected"),
        [("D000690", "D000690"), ("D000000690", "D000690"), ("D000066553", "D000066553"), ("C000582435", "C582435"),
         ("C000591245", "C000591245"), ("M123", None), ("D69", None)],
    )  # fmt: skip
    def test_padded_mesh_ids(self, given: str, expected: str | None):
        made = study(conditionBrowseModule={"meshes": [{"id": given, "term": "x"}]})
        assert made.conditions == ([expected] if expected else [])

    def test_a_known_id_is_not_repaired(self):
        given = record(conditionBrowseModule={"meshes": [{"id": "D000012878"}, {"id": "D000000690"}]})
        source = Source(kind="CTGOV", name="x", sha256="0" * 64)
        made = clinicaltrials.study_of(given, source, known_mesh={"D000012878", "D000690"})
        assert made.conditions == ["D000012878", "D000690"]

    def test_ages_in_different_units(self):
        made = study(eligibilityModule={"minimumAge": "6 Months", "maximumAge": "2 Years"})
        assert (made.min_age, made.min_age_unit, made.max_age, made.max_age_unit) == (6, "mo", 2, "a")
        assert (made.age_unit, made.min_age_text) == (None, "6 Months")

    def test_criteria_are_split_by_rule_and_the_text_is_kept(self):
        text = (
            "Healthy people.\n\nKey Inclusion Criteria:\n\n* adult,\n  aged 18\n* able to walk\n\n"
            "   1. alone\n   2. or with help\n\n**Exclusion Criteria**\n\n1. pregnant\n2. on lithium\n"
        )
        made = study(eligibilityModule={"eligibilityCriteria": text})
        assert [(each.kind, each.text) for each in made.criteria] == [
            ("INCLUSION", "adult, aged 18"),
            ("INCLUSION", "able to walk 1. alone 2. or with help"),
            ("EXCLUSION", "pregnant"),
            ("EXCLUSION", "on lithium"),
        ]
        assert {each.method for each in made.criteria} == {"RULE"}
        assert made.eligibility_text == text

    def test_references_by_type(self):
        kinds = ["RESULT", "DERIVED", "BACKGROUND", None]
        references = [{"pmid": str(n), **({"type": kind} if kind else {})} for n, kind in enumerate(kinds, 1)]
        made = study(referencesModule={"references": [*references, {"type": "RESULT", "citation": "A, B. C. 1999"}]})
        text = emit(made).triples.decode()
        base = "https://w3id.org/trialweave/"
        reported = {n for n in "1234" if f"#reportedIn> <{base}publication/pmid-{n}>" in text}
        assert reported == {"1", "2"}
        assert {n for n in "1234" if f"#referenceBackground> <{base}publication/pmid-{n}>" in text} == {"3", "4"}
        assert f"#reportedIn> <{base}publication/citation-" in text

    def test_a_retracted_article_leads_to_its_notice(self):
        notice = {"pmid": "99", "source": "J Nothing. 2001"}
        made = study(referencesModule={"references": [{"pmid": "1", "type": "DERIVED", "retractions": [notice]}]})
        text = emit(made).triples.decode()
        base = "https://w3id.org/trialweave/publication/pmid-"
        assert f"<{base}1> <https://w3id.org/trialweave/ontology#retractedBy> <{base}99>" in text
        assert f'<{base}99> <https://w3id.org/trialweave/ontology#citation> "J Nothing. 2001"' in text
        assert f"#reportedIn> <{base}99>" not in text

    @pytest.mark.parametrize("url", ["https://example.org/a b", "www.example.org", "javascript:x", 'http://x/"'])
    def test_an_address_that_is_no_iri_is_text(self, url: str):
        made = study(referencesModule={"seeAlsoLinks": [{"url": url, "label": "more"}]})
        text = emit(made).triples
        assert b"#seeAlsoText>" in text and b"rdf-schema#seeAlso>" not in text

    def test_places_described_alike_are_two(self):
        place = {"facility": "Site", "city": "Town", "country": "Land"}
        made = study(
            contactsLocationsModule={"locations": [place, dict(place), {**place, "geoPoint": {"lat": 1, "lon": 2.5}}]}
        )
        assert emit(made).triples.count(b"#hasSite>") == 3
        assert sorted(str(site.longitude) for site in made.sites) == ["2.5", "None", "None"]

    def test_a_former_id_leads_to_the_study(self):
        made = study(identificationModule={**PROTOCOL["identificationModule"], "nctIdAliases": ["NCT00000009"]})
        text = emit(made).triples.decode()
        assert (
            "study/NCT00000009> <http://purl.org/dc/terms/isReplacedBy> <https://w3id.org/trialweave/study/NCT00000001>"
            in text
        )
        assert "NCT00000009" not in made.other_ids

    def test_contacts_leave_no_trace(self):
        contact = {"name": "Jane Doe", "phone": "555", "email": "jane@example.org"}
        made = study(contactsLocationsModule={"centralContacts": [contact], "locations": [{"contacts": [contact]}]})
        assert b"Jane" not in emit(made).triples and b"example.org" not in emit(made).triples


class TestOddRecords:
    def test_an_unknown_code_is_kept_as_text_and_told(self):
        made = study(designModule={"studyType": "INTERVENTIONAL", "phases": ["PHASE2", "PHASE7"]})
        text = emit(made).triples.decode()
        assert '#phaseText> "PHASE7"' in text and "value/Phase-PHASE2>" in text and "Phase-PHASE7>" not in text
        assert warnings(made) == [
            "NCT00000001: protocolSection.designModule.phases: the code 'PHASE7' is not known and was kept as text"
        ]

    def test_an_unknown_study_type_is_a_study_all_the_same(self):
        made = study(designModule={"studyType": "EXPANDED_ACCESS_INTERVENTIONAL"})
        text = emit(made).triples.decode()
        assert '#studyTypeText> "EXPANDED_ACCESS_INTERVENTIONAL"' in text and "#InterventionalStudy>" not in text

    def test_unknown_keys_are_counted(self):
        odd = [{"label": "a", "colour": "red"}, {"label": "b", "colour": {"deep": ["x"] * 9}}]
        made = study(armsInterventionsModule={"armGroups": odd})
        (warning,) = warnings(made)
        assert "armGroups.colour: is not a field of the registry" in warning and "(2 times)" in warning

    @pytest.mark.parametrize(
        ("module", "content", "attribute", "expected"),
        [
            ("conditionsModule", {"conditions": "Cancer"}, "condition_texts", ["Cancer"]),
            ("conditionsModule", {"conditions": ["Cancer", None, 5]}, "condition_texts", ["Cancer", "5"]),
            ("conditionsModule", {"conditions": ["x"], "keywords": {}}, "keywords", []),
            ("designModule", {"studyType": "OBSERVATIONAL", "patientRegistry": "Yes"}, "patient_registry", True),
            ("designModule", {"studyType": "OBSERVATIONAL", "patientRegistry": "perhaps"}, "patient_registry", None),
            ("designModule", {"studyType": "X", "enrollmentInfo": {"count": 12.0}}, "enrollment", 12),
            ("designModule", {"studyType": "X", "enrollmentInfo": {"count": "1,200"}}, "enrollment", None),
            ("designModule", {"studyType": "X", "enrollmentInfo": {"count": 0}}, "enrollment", 0),
            ("designModule", {"studyType": "X", "phases": "PHASE2"}, "phases", ["PHASE2"]),
            ("referencesModule", {"seeAlsoLinks": {}}, "see_also", []),
            ("referencesModule", {"references": ["x"]}, "publications", []),
        ],
    )
    def test_other_shapes_are_put_right_or_left_out(self, module: str, content: Any, attribute: str, expected: Any):
        assert getattr(study(**{module: content}), attribute) == expected

    def test_a_record_of_many_warnings_does_not_flood_the_screen(self):
        made = study(conditionsModule={"conditions": ["x"], **{f"key{n}": 1 for n in range(50)}})
        assert len(warnings(made)) == 21 and warnings(made)[-1].endswith("and 30 more of this kind")

    def test_text_of_any_kind_becomes_readable_triples(self):
        made = study(descriptionModule={"briefSummary": 'a "b"\\ c\n\t\x00 é 😀'})
        assert r"a \"b\"\\ c\n\t\u0000 é 😀" in emit(made).triples.decode()


def problem(data: bytes) -> str:
    (found,) = read_any(data, "x.json", "ctgov")
    assert isinstance(found, SourceError) and "\n" not in str(found)
    return str(found)


class TestDocuments:
    def two(self) -> list[dict[str, Any]]:
        first, second = record(), record()
        second["protocolSection"]["identificationModule"]["nctId"] = "NCT00000002"
        return [first, second]

    @pytest.mark.parametrize(
        "form",
        [
            lambda two: orjson.dumps(two),
            lambda two: b"\xef\xbb\xbf" + orjson.dumps(two, option=orjson.OPT_INDENT_2),
            lambda two: orjson.dumps({"totalCount": 2, "studies": two, "nextPageToken": "x"}),
            lambda two: b"\n".join(map(orjson.dumps, two)),
            lambda two: b"\r\n\r\n".join(map(orjson.dumps, two)) + b"\n\n",
        ],
        ids=["array", "array with a byte order mark", "page", "lines", "lines with gaps"],
    )
    def test_many_studies_in_one_document(self, form: Any):
        data = form(self.two())
        assert clinicaltrials.recognises(data, "x")
        found = list(read_any(data, "folder/x.json"))
        assert [each.nct for each in found if isinstance(each, Study)] == ["NCT00000001", "NCT00000002"]
        assert [each.source.name for each in found if isinstance(each, Study) and each.source] == [
            "x.json, record 1", "x.json, record 2",
        ]  # fmt: skip

    def test_one_study_is_the_same_however_it_was_laid_out(self):
        lines, page = b"\n".join(map(orjson.dumps, self.two())), orjson.dumps({"studies": self.two()})
        sums = [[each.source.sha256 for each in read_any(data, "x")] for data in (lines, page)]  # type: ignore[union-attr]
        assert sums[0] == sums[1] and len(set(sums[0])) == 2

    def test_one_bad_record_costs_only_itself(self):
        page = [
            *self.two(),
            {"protocolSection": {}},
            5,
            {"protocolSection": {"identificationModule": {"nctId": "NCT1"}}},
        ]
        found = list(read_any(orjson.dumps({"studies": page}), "page.json"))
        assert [isinstance(each, Study) for each in found] == [True, True, False, False, False]
        assert str(found[2]) == "page.json, record 3: has no nctId"
        assert str(found[3]).startswith("page.json, record 4: is not a study")
        assert "'NCT1', which is not NCT and eight digits" in str(found[4])

    def test_one_bad_line_costs_only_itself(self):
        first, second = map(orjson.dumps, self.two())
        found = list(read_any(b"\n".join([first, second[:50], second]), "x.jsonl"))
        assert [isinstance(each, Study) for each in found] == [True, False, True]
        assert str(found[1]).startswith("x.jsonl, record 2: is cut off")

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (orjson.dumps(record())[:-40], "x.json:1: is cut off: the JSON ends before it is complete"),
            (b'{"protocolSection": {"a": "\x00"}}', "is not JSON"),
            (b'{"protocolSection":\n {"a": "\xff"}}', "x.json:2: is not UTF-8 at its byte 29; save it again as UTF-8"),
            (b"[" * 5000, "is not JSON"),
            (b'"protocolSection"', "holds neither a study nor a list of studies"),
            (b'{"protocolSection": []}', "has no protocolSection"),
            (b'{"Study": {"ProtocolSection": {}}}', "has no protocolSection"),
            (orjson.dumps({"protocolSection": {"identificationModule": PROTOCOL["identificationModule"]}}),
             "is only a part of NCT00000001, without statusModule, sponsorCollaboratorsModule, designModule"),
            (orjson.dumps(record(designModule={"studyType": "interventional"})), "in small letters"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_said_in_one_line(self, data: bytes, expected: str):
        assert expected in problem(data)

    def test_an_empty_page_holds_nothing(self):
        assert list(read_any(b'{"totalCount": 0, "studies": []}', "x.json")) == []

    @pytest.mark.parametrize("data", [b"", b"{}", b"label: x", b"<html>", b"[1, 2]", b'{"studies_": 1}'])
    def test_other_documents_are_not_claimed(self, data: bytes):
        assert not clinicaltrials.recognises(data, "x.json")


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["NA", "<0.1", "G1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def places(node: Any) -> list[tuple[Any, Any]]:
    """Return all places in a document that can hold something else: container and key."""
    items = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
    return [(node, key) for key, _ in items] + [place for _, each in items for place in places(each)]


def test_an_unknown_field_may_be_as_deep_as_it_likes():
    made = full_record()
    for module, key in (("armsInterventionsModule", "armGroups"), ("contactsLocationsModule", "locations")):
        made["protocolSection"][module][key][0]["nested"] = json.loads("[" * 500 + "]" * 500)
    (study,) = clinicaltrials.read(json.dumps(made).encode(), "x.json")
    assert sum("nested: is not a field" in each for each in study.source.warnings) == 2


def test_a_warning_is_one_short_line_whatever_it_repeats():
    made = full_record()
    made["protocolSection"]["armsInterventionsModule"]["armGroups"][0]["interventionNames"] = ["Drug: \x1b[31m\n" * 500]
    made["\x1b\n" * 500] = made["hasResults"] = "\x9b\n" * 500
    (study,) = clinicaltrials.read(json.dumps(made).encode(), "x.json")
    assert len(study.source.warnings) >= 3
    assert all(each.isprintable() and len(each) < 350 for each in study.source.warnings)


@settings(max_examples=300, deadline=None)
@given(st.lists(ODD, min_size=1, max_size=6), st.integers(0, 2**32))
def test_no_record_makes_it_crash(values: list[Any], seed: int):
    """Whatever stands in whichever fields of a record, it is read, or one sentence says why not."""
    chance = random.Random(seed)
    made = full_record()
    for value in values:
        container, key = chance.choice(places(made))
        container[key] = value
    for found in clinicaltrials.read(json.dumps(made).encode(), "x.json"):
        if isinstance(found, Study):
            emit(found)
        else:
            assert isinstance(found, SourceError)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_no_bytes_make_it_crash(seed: int):
    chance = random.Random(seed)
    data = bytearray(orjson.dumps([full_record()]))
    for _ in range(chance.randrange(1, 6)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    cut = bytes(data[: chance.randrange(1, len(data))]) if chance.random() < 0.3 else bytes(data)
    assert all(isinstance(found, Study | SourceError) for found in clinicaltrials.read(cut, "x.json"))
