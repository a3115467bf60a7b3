"""A made-up study in which every shape finds something to look at and nothing to say."""

from decimal import Decimal

from loaders import record as r
from loaders.emit import Emission, Identity, emit, emit_provenance
from loaders.link.cohorts import CohortMapping, emit_cohort_mappings
from loaders.link.concepts import ConceptLink, emit_concept_links
from loaders.link.mesh import Link

__all__ = ["LABEL", "emitted", "sound_study", "triples"]

LABEL = "Sunshine against placebo in made-up disease"


def _evidence(section: str = "Results", start: int = 10, end: int = 20) -> list[r.Evidence]:
    return [r.Evidence(section=section, start=start, end=end)]


def _publication() -> r.Publication:
    return r.Publication(
        pmid="99000001",
        doi="10.1234/sunshine.1",
        pmcid="PMC9900001",
        title="Sunshine in a made-up disease",
        journal="Journal of Made-up Studies",
        volume="12",
        issue="3",
        pages="100-10",
        issued="2020-09",
        available="2020-08-31",
        creators=["Ada Example", "Bo Sample"],
        publication_types=["D016449"],
        mesh_headings=["D000690"],
        mesh_major=["D000690"],
        sections=[
            r.TextSection(label="Methods", sha256="a" * 64, length=400),
            r.TextSection(label="Results", sha256="b" * 64, length=500),
        ],
    )


def _cohorts() -> list[r.Cohort]:
    sunshine = r.Administration(
        intervention="sunshine",
        route="TOPICAL",
        number_of_doses=2,
        dose_value=Decimal("1.5"),
        dose_unit_text="hours",
        dose_interval="P1M",
        evidence=_evidence("Methods"),
    )
    return [
        r.Cohort(name="sun", label="Sunshine", kind="ARM", role="EXPERIMENTAL", size=33, receives=[sunshine]),
        r.Cohort(
            name="shade",
            label="Shade",
            kind="ARM",
            role="PLACEBO_COMPARATOR",
            size=31,
            receives=[r.Administration(intervention="shade")],
        ),
        r.Cohort(name="watched", label="Watched only", kind="ARM", role="NO_INTERVENTION", size=0),
        r.Cohort(name="all", label="All participants", kind="ALL", size=64),
        r.Cohort(name="responders", label="Good responders", kind="SUBGROUP", size=12, subgroup_of="sun"),
    ]


def _outcomes() -> list[r.Outcome]:
    return [
        r.Outcome(
            name="score",
            label="Well-being score",
            type="PRIMARY",
            domain="EFFICACY",
            instrument="Well-being scale",
            scale_min=Decimal(0),
            scale_max=Decimal(48),
            time_frame="Month 4",
            is_safety=False,
            reporting_status="POSTED",
        ),
        r.Outcome(name="burns", label="Sunburn", type="SECONDARY", domain="SAFETY", is_safety=True),
    ]


def _results(study: r.Study) -> None:
    study.baseline_results = _baseline_results()
    study.flow_results = [
        r.FlowResult(name="done", cohort="sun", milestone="COMPLETED", count=30, evidence=_evidence()),
        r.FlowResult(name="left", cohort="sun", drop_reason="DEATH", count=1, evidence=_evidence()),
    ]
    study.outcome_results = _outcome_results()
    study.adverse_event_results = [
        r.AdverseEventResult(
            name="fever-sun", event="fever", cohort="sun", affected=2, at_risk=33, events=3, evidence=_evidence()
        )
    ]


def _baseline_results() -> list[r.BaselineResult]:
    return [
        r.BaselineResult(
            name="age",
            variable="age",
            cohort="all",
            statistic="MEDIAN",
            dispersion_type="INTER_QUARTILE_RANGE",
            value=Decimal(46),
            lower_limit=Decimal(40),
            upper_limit=Decimal(52),
            unit_text="years",
            ucum_code="a",
            derivation="REPORTED",
            evidence=_evidence("Methods"),
        )
    ]


def _outcome_results() -> list[r.OutcomeResult]:
    return [
        r.OutcomeResult(
            name="score-sun",
            outcome="score",
            cohort="sun",
            statistic="MEAN",
            dispersion_type="STANDARD_DEVIATION",
            value=Decimal("30.5"),
            value_text="30.5",
            spread=Decimal("4.1"),
            unit_text="points",
            ci_level=Decimal(95),
            ci_sides=2,
            ci_lower=Decimal("28.9"),
            ci_upper=Decimal("32.1"),
            time_offset="P4M",
            time_anchor="BASELINE",
            time_method="RULE",
            reporting="FULL",
            evidence=_evidence(),
        ),
        r.OutcomeResult(
            name="burns-sun",
            outcome="burns",
            cohort="sun",
            count=9,
            denominator=33,
            percentage=Decimal("27.3"),
            derivation="COMPUTED",
            evidence=_evidence(),
        ),
        r.OutcomeResult(
            name="burns-shade", outcome="burns", cohort="shade", missing_reason="NOT_COLLECTED", evidence=_evidence()
        ),
        r.OutcomeResult(
            name="burns-change",
            outcome="burns",
            cohort="responders",
            reporting="QUALITATIVE_ONLY",
            change_direction="DECREASED",
            evidence=_evidence(),
        ),
    ]


def _comparisons(study: r.Study) -> None:
    study.effects = [
        r.EffectEstimate(
            name="score-month-4",
            outcome="score",
            compared="sun",
            reference="shade",
            measure="STATO:0000457",
            value=Decimal("2.98"),
            unit_text="points",
            ci_level=Decimal(95),
            ci_sides=2,
            ci_lower=Decimal("1.48"),
            ci_upper=Decimal("4.47"),
            p_value=Decimal("0.001"),
            p_value_operator="<",
            p_value_text="p < 0.001",
            direction="FAVOURS_COMPARED",
            significance="SIGNIFICANT",
            hypothesis_type="SUPERIORITY",
            evidence=_evidence(),
        ),
        r.EffectEstimate(
            name="burns-odds",
            outcome="burns",
            compared="sun",
            reference="shade",
            measure="STATO:0000182",
            value=Decimal("1.8"),
            evidence=_evidence(),
        ),
        r.EffectEstimate(
            name="survival",
            outcome="score",
            involves=["sun", "shade"],
            contrast_unspecified=True,
            significance="NO_DIFFERENCE_REPORTED",
            reporting="QUALITATIVE_ONLY",
            evidence=[r.Evidence(section="Results", method="MODEL", confidence=Decimal("0.8"))],
        ),
    ]
    study.associations = [
        r.Association(
            name="sun-mood",
            cohort="responders",
            outcome="score",
            variable1_text="Hours of sun",
            variable2_text="Mood",
            variable1="D053773",
            variable2="D018932",
            measure="STATO:0000201",
            value=Decimal("0.879"),
            p_value=Decimal("0.02"),
            sign="POSITIVE",
            evidence=_evidence(),
        )
    ]


def _what_registries_say(study: r.Study) -> None:
    study.last_known_status = "COMPLETED"
    study.expanded_access_status = "AVAILABLE"
    study.expanded_access_types = ["INDIVIDUAL", "TREATMENT"]
    study.start_date_type = study.primary_completion_date_type = study.completion_date_type = "ACTUAL"
    study.responsible_party_type = "SPONSOR"
    study.who_masked = ["PARTICIPANT", "INVESTIGATOR"]
    study.biospecimen_retention = "NONE_RETAINED"
    study.sex = "ALL"
    study.standard_ages = ["ADULT", "OLDER_ADULT"]
    study.sampling_method = "PROBABILITY_SAMPLE"
    study.ipd_sharing = "YES"
    study.ipd_info_types = ["SAP", "ICF"]
    study.restriction_type = "GT60"
    study.secondary_ids = [r.Identifier(value="2008-001234-56", type="EUDRACT_NUMBER")]
    study.officials = [r.Person(label="Ada Example", role="STUDY_CHAIR")]
    study.registry = r.RegistryRecord(
        first_posted="2018-01-15",
        first_posted_type="ACTUAL",
        results_first_posted_type="ESTIMATED",
        delay_certificate_posted_type="ACTUAL",
        last_update_posted_type="ACTUAL",
        first_mcp_posted_type="ACTUAL",
        unposted_events=[r.RegistryEvent(unposted_type="RELEASE", date="2020-01-02")],
        violation_events=[r.RegistryEvent(violation_type="CORRECTION_CONFIRMED", date="2021-01-02")],
    )


def sound_study() -> r.Study:
    """Return a new copy of the study: tests change it."""
    study = r.Study(
        label=LABEL,
        nct="NCT00000001",
        pmid="99000001",
        doi="10.1234/sunshine.1",
        study_type="INTERVENTIONAL",
        phases=["PHASE1", "PHASE2"],
        overall_status="COMPLETED",
        allocation="RANDOMIZED",
        intervention_model="PARALLEL",
        masking="DOUBLE",
        primary_purpose="TREATMENT",
        observational_model="COHORT",
        time_perspective="PROSPECTIVE",
        multicenter=True,
        enrollment=64,
        enrollment_type="ACTUAL",
        start_date="2018-03",
        primary_completion_date="2019",
        completion_date="2019-11-30",
        lead_sponsor=r.Organization(label="Example University", agency_class="OTHER"),
        collaborators=[r.Organization(label="Sample Hospital", agency_class="OTHER")],
        conditions=["D000690"],
        condition_texts=["Made-up disease"],
        registration_evidence=_evidence("Methods"),
        publications=[_publication()],
        interventions=[
            r.Intervention(name="sunshine", label="Sunshine", type="RADIATION", concepts=["D013472"]),
            r.Intervention(name="shade", label="Shade", type="OTHER"),
        ],
        cohorts=_cohorts(),
        outcomes=_outcomes(),
        baseline_variables=[r.BaselineVariable(name="age", label="Age")],
        adverse_events=[
            r.AdverseEvent(
                name="fever",
                term="Fever",
                serious=False,
                treatment_related=False,
                severity="MILD",
                assessment_type="SYSTEMATIC_ASSESSMENT",
            )
        ],
        sites=[r.Site(facility="Sample Hospital", city="Sampleton", country="Exampleland", status="COMPLETED")],
        criteria=[
            r.Criterion(kind="INCLUSION", text="Adults", method="RULE"),
            r.Criterion(kind="EXCLUSION", text="Owls"),
        ],
        links=[r.StudyLink(target="NCT00000002", confidence=Decimal("0.9"), reason="Same sponsor and size")],
        source=r.Source(kind="CURATED", name="sunshine.yaml", sha256="c" * 64, version_date="2021-01-15"),
    )
    _results(study)
    _comparisons(study)
    _what_registries_say(study)
    return study


def emitted(study: r.Study, identity: Identity | None = None) -> tuple[Emission, bytes]:
    """Return a study's emission, and all its triples as the gate wants them: graph, provenance and links.

    The label of an intervention is linked to each of its concepts, as if it had been looked up in MeSH, and a group is
    mapped to an arm, as if it were one that a registry reports results for.
    """
    assert study.source is not None
    emission = emit(study, identity)
    provenance = emit_provenance(study.source, emission.graph, emission.study, "0.1.0", "2021-02-01T00:00:00Z")
    found = [
        ConceptLink("INTERVENTION", part.label, Link(concept, "EXACT", Decimal(1)), ("intervention", part.name))
        for part in study.interventions
        for concept in part.concepts
    ]
    concepts, _ = emit_concept_links(found, emission.study, emission.graph)
    mapped = [
        CohortMapping(group="responders", arm="sun", method="SAME_TITLE")
        for cohort in study.cohorts
        if cohort.name == "responders"
    ]
    mappings, _ = emit_cohort_mappings(mapped, emission.study, emission.graph)
    return emission, emission.triples + provenance + emission.links + concepts + mappings


def triples(study: r.Study) -> bytes:
    """Return all triples of a study as the gate wants them."""
    return emitted(study)[1]
