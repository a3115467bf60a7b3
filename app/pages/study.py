"""The page of a study as a clinician reads it: who was compared, what was measured and found, and who says so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.pages.facts import Fact, Facts
from app.pages.names import readable, short

__all__ = ["StudyPage"]

_TW = "https://w3id.org/trialweave/ontology#"
_DESCRIPTION = "http://purl.org/dc/terms/description"
_IDENTIFIER = "http://purl.org/dc/terms/identifier"
_EXACT_MATCH = "http://www.w3.org/2004/02/skos/core#exactMatch"
_DESIGN = (
    "phase",
    "overallStatus",
    "allocation",
    "interventionModel",
    "masking",
    "primaryPurpose",
    "observationalModel",
    "timePerspective",
    "multicenter",
    "enrollmentCount",
    "enrollmentType",
    "startDate",
    "primaryCompletionDate",
    "completionDate",
    "condition",
    "conditionText",
    "leadSponsor",
    "collaborator",
)
_SHOWN_KINDS = {"arm": 0, "all": 1, "subgroup": 2}


@dataclass(frozen=True, slots=True)
class Row:
    """A design property: its name in words, and its values with the graphs that state them."""

    name: str
    values: list[tuple[Fact, str]]


@dataclass(frozen=True, slots=True)
class Arm:
    """A cohort that people ask about. `received` has an intervention and how it was given."""

    iri: str
    label: str
    kind: str
    role: str
    size: str
    description: str
    received: list[tuple[str, str, str]]
    graphs: list[str]


@dataclass(frozen=True, slots=True)
class Number:
    """One finding for one cohort, in words: `value` is what was measured, `note` what one must know to read it."""

    iri: str
    subject: str
    cohort: str
    value: str
    time: str
    note: str
    graphs: list[str]


@dataclass(frozen=True, slots=True)
class Effect:
    """A comparison of cohorts."""

    iri: str
    outcome: str
    comparison: str
    measure: str
    estimate: str
    interval: str
    p: str
    direction: str
    time: str
    note: str
    graphs: list[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The definition of a measure, with its findings."""

    iri: str
    label: str
    tags: list[str]
    instrument: str
    time_frame: str
    numbers: list[Number]


@dataclass(frozen=True, slots=True)
class Event:
    """A kind of adverse event with its findings."""

    iri: str
    label: str
    serious: bool
    tags: list[str]
    numbers: list[Number]


@dataclass(frozen=True, slots=True)
class StudyPage:
    """What the template shows."""

    iri: str
    title: str
    official_title: str
    identifiers: list[str]
    registry: list[str]
    matches: list[tuple[str, str]]
    publications: list[tuple[str, str, str]]
    design: list[Row]
    arms: list[Arm]
    outcomes: list[Outcome]
    effects: list[Effect]
    associations: list[Number]
    events: list[Event]
    baseline: list[Number]
    flow: list[Number]
    sources: list[str]

    @classmethod
    def of(cls, iri: str, facts: Facts) -> "StudyPage":
        """Arrange the rows of `study_quads.rq`."""
        reader = _Reader(facts)
        official = facts.first(iri, _TW + "officialTitle")
        return cls(
            iri=iri,
            title=facts.label(iri) or facts.first(iri, _TW + "briefTitle") or official or short(iri),
            official_title=official,
            identifiers=facts.values(iri, _IDENTIFIER),
            registry=facts.values(iri, _TW + "registeredAs"),
            matches=[(each, urlsplit(each).hostname or each) for each in facts.values(iri, _EXACT_MATCH)],
            publications=reader.publications(iri),
            design=reader.design(iri),
            arms=reader.arms(),
            outcomes=reader.outcomes(),
            effects=[reader.effect(each) for each in facts.subjects(_TW + "EffectEstimate")],
            associations=[reader.association(each) for each in facts.subjects(_TW + "Association")],
            events=reader.events(),
            baseline=reader.numbers("BaselineResult", "forVariable"),
            flow=reader.numbers("FlowResult", "milestone"),
            sources=facts.all_graphs(),
        )


class _Reader:
    """Turns the parts of one study into what the page shows of them."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def _one(self, subject: str, name: str) -> str:
        return self._facts.first(subject, _TW + name)

    def _coded(self, subject: str, name: str) -> str:
        value = self._one(subject, name)
        return readable(value) if value else ""

    def _labels(self, subject: str, name: str) -> str:
        return ", ".join(self._label(each) for each in self._facts.values(subject, _TW + name))

    def _label(self, iri: str) -> str:
        return self._facts.label(iri) or readable(iri)

    def publications(self, study: str) -> list[tuple[str, str, str]]:
        """Address, title and citation of each."""
        found = self._facts.values(study, _TW + "reportedIn")
        return [(each, self._facts.label(each) or short(each), self._citation(each)) for each in found]

    def _citation(self, publication: str) -> str:
        year = self._facts.first(publication, "http://purl.org/dc/terms/issued")[:4]
        volume, pages = self._one(publication, "volume"), self._one(publication, "pages")
        first = self._one(publication, "firstCreator")
        where = f"{volume}:{pages}" if volume and pages else volume or pages
        return ", ".join(filter(None, (first, self._one(publication, "journal"), year, where)))

    def design(self, study: str) -> list[Row]:
        """The properties of the study that stand at the top of its page, where stated."""
        table = [(name, self._facts.all(study, _TW + name)) for name in _DESIGN]
        return [
            Row(readable(_TW + name), [(fact, self._text(fact)) for fact in facts]) for name, facts in table if facts
        ]

    def _text(self, fact: Fact) -> str:
        if not fact.object.is_iri:
            return {"true": "yes", "false": "no"}.get(fact.object.value, fact.object.value)
        iri = fact.object.value
        label = self._facts.label(iri)
        if label or "/value/" in iri:
            return label or readable(iri)
        return "MeSH " + iri.rpartition("/")[2] if "/mesh/" in iri else short(iri)

    def arms(self) -> list[Arm]:
        """The cohorts that are arms, the whole sample or subgroups; arms come first."""
        arms = [self._arm(each) for each in self._facts.subjects(_TW + "Cohort")]
        shown = [arm for arm in arms if arm.kind in _SHOWN_KINDS]
        return sorted(shown, key=lambda arm: (_SHOWN_KINDS[arm.kind], arm.role, arm.label))

    def _arm(self, cohort: str) -> Arm:
        description = self._facts.first(cohort, _DESCRIPTION)
        size = " / ".join(self._facts.values(cohort, _TW + "cohortSize"))
        received = [self._received(each) for each in self._facts.values(cohort, _TW + "receives")]
        kind, role = self._coded(cohort, "cohortKind"), self._coded(cohort, "cohortRole")
        return Arm(cohort, self._label(cohort), kind, role, size, description, received, self._facts.graphs(cohort))

    def _received(self, administration: str) -> tuple[str, str, str]:
        intervention = self._one(administration, "ofIntervention")
        doses = self._one(administration, "numberOfDoses")
        amount = (self._one(administration, "doseValue"), self._one(administration, "doseUnitText"))
        text = self._one(administration, "doseText")
        how = (
            self._coded(administration, "route"),
            text or " ".join(filter(None, amount)),
            f"{doses} doses" if doses and not text else "",
        )
        return intervention, self._label(intervention) if intervention else "", ", ".join(filter(None, how))

    def outcomes(self) -> list[Outcome]:
        """Every outcome with its findings, primary ones first."""
        numbers = _grouped(self._facts, self._facts.subjects(_TW + "OutcomeResult"), "forOutcome")
        outcomes = [self._outcome(each, numbers.get(each, [])) for each in self._facts.subjects(_TW + "Outcome")]
        order = ("primary", "secondary")
        return sorted(
            outcomes,
            key=lambda each: (next((n for n, kind in enumerate(order) if kind in each.tags), 2), each.label),
        )

    def _outcome(self, outcome: str, results: Iterable[str]) -> Outcome:
        tags = list(filter(None, (self._coded(outcome, "outcomeType"), self._coded(outcome, "outcomeDomain"))))
        return Outcome(
            outcome,
            self._label(outcome),
            tags,
            self._one(outcome, "instrument"),
            self._one(outcome, "timeFrameText"),
            [self.number(each, "forOutcome") for each in results],
        )

    def events(self) -> list[Event]:
        """Every kind of adverse event with its findings, serious ones first."""
        results = _grouped(self._facts, self._facts.subjects(_TW + "AdverseEventResult"), "forAdverseEvent")
        events = [self._event(each, results.get(each, [])) for each in self._facts.subjects(_TW + "AdverseEvent")]
        return sorted(events, key=lambda each: (not each.serious, each.label))

    def _event(self, event: str, results: Iterable[str]) -> Event:
        serious = _yes_no(self._one(event, "serious"), "serious")
        related = _yes_no(self._one(event, "treatmentRelated"), "treatment-related")
        tags = list(filter(None, (serious, related, self._coded(event, "severity"), self._one(event, "organSystem"))))
        numbers = [self.number(each, "forAdverseEvent") for each in results]
        return Event(event, self._label(event), serious == "serious", tags, numbers)

    def numbers(self, kind: str, subject: str) -> list[Number]:
        """The findings of one class, by what they are about and for whom."""
        found = [self.number(each, subject) for each in self._facts.subjects(_TW + kind)]
        return sorted(found, key=lambda each: (each.subject, each.cohort))

    def number(self, result: str, about: str) -> Number:
        """One finding in words."""
        subject = ", ".join(
            filter(None, (self._labels(result, about), self._one(result, "classTitle"), self._one(result, "category")))
        )
        cohort = self._labels(result, "forCohort")
        return Number(
            result,
            subject,
            cohort,
            self._value(result),
            self._time(result),
            self._note(result),
            self._facts.graphs(result),
        )

    def _value(self, result: str) -> str:
        parts = (
            self._measured(result),
            _share(self._one(result, "countAffected"), self._one(result, "countAtRisk")),
            _share(self._one(result, "count"), self._one(result, "denominator")),
            _with(self._one(result, "percentage"), " %"),
            _with(self._one(result, "countEvents"), " events"),
            self._coded(result, "changeDirection"),
            self._coded(result, "missingReason"),
        )
        return "; ".join(filter(None, parts)) or "stated in words only"

    def _measured(self, result: str) -> str:
        value = self._one(result, "value")
        if not value:
            return ""
        spread, kind = self._one(result, "spread"), self._coded(result, "dispersionType")
        unit, statistic = self._one(result, "unitText"), self._coded(result, "statistic")
        limits = _interval(self._one(result, "lowerLimit"), self._one(result, "upperLimit"))
        around = f"({kind} {spread or limits})" if kind and (spread or limits) else ""
        return " ".join(filter(None, (statistic, value, unit, around)))

    def effect(self, effect: str) -> Effect:
        """One comparison in words."""
        unit = self._one(effect, "unitText")
        value = self._one(effect, "value") or self._one(effect, "valueText")
        level = self._one(effect, "ciLevel")
        interval = _interval(self._one(effect, "ciLower"), self._one(effect, "ciUpper"))
        return Effect(
            iri=effect,
            outcome=self._labels(effect, "forOutcome"),
            comparison=self._comparison(effect),
            measure=self._one(effect, "effectMeasureText") or self._coded(effect, "effectMeasure"),
            estimate=" ".join(filter(None, (value, unit if value else ""))),
            interval=f"{interval} ({level} %)" if interval and level else interval,
            p=self._p(effect),
            direction=self._direction(effect),
            time=self._time(effect),
            note=self._note(effect),
            graphs=self._facts.graphs(effect),
        )

    def _comparison(self, effect: str) -> str:
        compared, reference = self._labels(effect, "comparedCohort"), self._labels(effect, "referenceCohort")
        if compared and reference:
            return f"{compared} against {reference}"
        involved = self._labels(effect, "involvesCohort")
        return f"{involved} (which against which is not stated)" if involved else compared

    def _direction(self, effect: str) -> str:
        direction, significance = self._coded(effect, "effectDirection"), self._coded(effect, "significance")
        cohort = {"favours compared": "comparedCohort", "favours reference": "referenceCohort"}.get(direction)
        favoured = self._labels(effect, cohort) if cohort else direction
        words = f"favours {favoured}" if favoured else ""
        return "; ".join(filter(None, (words, significance)))

    def _p(self, finding: str) -> str:
        value, operator = self._one(finding, "pValue"), self._one(finding, "pValueOperator")
        return f"{'' if operator == '=' else operator} {value}".strip() if value else self._one(finding, "pValueText")

    def association(self, association: str) -> Number:
        """One relation of two variables in words."""
        first, second = (self._one(association, f"variable{n}Text") for n in (1, 2))
        p = self._p(association)
        sign, significance = self._coded(association, "associationSign"), self._coded(association, "significance")
        parts = (
            self._one(association, "value"),
            f"p {p if p[:1] in '<>' else '= ' + p}" if p else "",
            sign,
            significance,
        )
        return Number(
            association,
            f"{first} with {second}",
            self._labels(association, "forCohort"),
            "; ".join(filter(None, parts)) or "stated in words only",
            self._time(association),
            self._note(association),
            self._facts.graphs(association),
        )

    def _time(self, finding: str) -> str:
        anchor = self._coded(finding, "timeAnchor")
        text = self._one(finding, "timeText") or self._one(finding, "timeOffset")
        return f"{text} ({anchor})" if text and anchor and anchor != "unknown" else text

    def _note(self, finding: str) -> str:
        derivation = self._coded(finding, "derivation")
        notes = (derivation if derivation != "reported" else "", self._one(finding, "comment"))
        return ". ".join(filter(None, notes))


def _grouped(facts: Facts, findings: Sequence[str], name: str) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for each in findings:
        groups.setdefault(facts.first(each, _TW + name), []).append(each)
    return groups


def _yes_no(value: str, words: str) -> str:
    return {"true": words, "false": "not " + words}.get(value, "")


def _share(count: str, total: str) -> str:
    if not count:
        return ""
    return f"{count} of {total}" if total else count


def _interval(lower: str, upper: str) -> str:
    return f"{lower or '…'} to {upper or '…'}" if lower or upper else ""


def _with(text: str, unit: str) -> str:
    return text + unit if text else ""
