"""Which two studies may be one: proposals with their reasons, for a person to judge.

An article or a page without a registry id is compared with registered studies on plain facts. Each fact that speaks for
or against the identity is one reason with a weight (docs/links.md); the confidence is their sum, and what stays below
`THRESHOLD` is not proposed. Nothing here decides: a proposal is a tw:StudyLink with status PROPOSED.

Studies are only compared when they share something rare (`_keys`), so the work grows with the number of studies, not
with its square. Same facts, same proposals, in any order.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from loaders.link.identifiers import BASE, segment, study_identifier
from loaders.link.words import words
from loaders.record import LinkStatus
from loaders.terms import XSD, decimal, iri, literal, types, value

__all__ = ["THRESHOLD", "Facts", "Proposal", "Reason", "compare", "emit_study_link", "link_iri", "propose"]

_COMMENT = iri("rdfs:comment")
_CONFIDENCE = iri("tw:confidence")
_LINK_SOURCE = iri("tw:linkSource")
_LINK_STATUS = iri("tw:linkStatus")
_LINK_TARGET = iri("tw:linkTarget")
_MODIFIED = iri("dcterms:modified")
_STATUS = value("LinkStatus")
_STUDY_LINK = types("tw:StudyLink")

THRESHOLD = Decimal("0.5")
"""The confidence from which a link is proposed."""

_HIGHEST = Decimal("0.95")  # A rule is never as sure as an identifier.
_MOST_TARGETS = 3  # What looks like more registered studies than this looks like none of them.
_NEAR_BEST = Decimal("0.15")
_MOST_WITH_KEY = 200  # What more studies share than this is not rare.
# What every controlled trial gives tells none from another.
_PLACEBOS = frozenset({"D010919"})
_PLACEBO_WORDS = frozenset({"dummy", "placebo", "sham", "vehicle"})
_SMALLEST_TELLING = 5  # So small an enrolment is shared by chance.
_COMMON_TEXT = """
    after among an as at between both by clinical comparison controlled double effect effectiveness efficacy
    evaluation for from group in into is label multicenter on open or outcome patient phase pilot placebo
    randomized randomised result safety single study subject than therapy to treatment trial using versus vs with
"""
_COMMON_WORDS = frozenset(_COMMON_TEXT.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a study, by all its sources.

    `key` is the last segment of its IRI. `conditions` and `concepts` are MeSH ids, of its conditions and of its
    interventions; an article's MeSH headings say nothing of the role, and stand in both. `publications` are the keys of
    the articles that report it, `cited` those that a registry record lists for background. `people` are family names in
    lower case. `identifiers` are ids of other registries and sponsors, in upper case; `named` are the NCT ids that an
    article names. Dates have their printed precision; `issued` is when the first article appeared.
    """

    key: str
    titles: frozenset[str] = frozenset()
    acronyms: frozenset[str] = frozenset()
    conditions: frozenset[str] = frozenset()
    concepts: frozenset[str] = frozenset()
    interventions: frozenset[str] = frozenset()
    enrollment: int | None = None
    phases: frozenset[str] = frozenset()
    arms: int = 0
    organizations: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    identifiers: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    publications: frozenset[str] = frozenset()
    cited: frozenset[str] = frozenset()
    start: str | None = None
    issued: str | None = None

    @property
    def registered(self) -> bool:
        """Whether the study is known by an id of ClinicalTrials.gov."""
        return study_identifier(self.key)[0] == "nct"


@dataclass(frozen=True, slots=True)
class Reason:
    """One fact that speaks for (or, with a negative weight, against) two studies being one."""

    weight: Decimal
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """That the study `source` may be the registered study `target` (keys), how sure that is, and why."""

    source: str
    target: str
    confidence: Decimal
    reasons: tuple[Reason, ...]

    @property
    def text(self) -> str:
        """The reasons in words, the weightiest first."""
        return "; ".join(reason.text for reason in self.reasons) + "."


def link_iri(source: str, target: str) -> str:
    """Return the IRI of the link between two studies, given by the IRI of the source and the key of the target."""
    return f"{source}/link/{segment(study_identifier(target)[1])}"


def emit_study_link(
    source: str,
    target: str,
    status: LinkStatus,
    confidence: Decimal | None,
    reason: str | None,
    decided_at: str | None = None,
) -> bytes:
    """Return the link from a study, given by its IRI, to a study, given by its key, as N-Triples.

    `decided_at` is the xsd:dateTime in UTC at which a person decided, None for a proposal.
    """
    pairs = [
        *_STUDY_LINK,
        f"{_LINK_SOURCE} <{source}>",
        f"{_LINK_TARGET} <{BASE}study/{target}>",
        f"{_LINK_STATUS} {_STATUS(status)}",
    ]
    if confidence is not None:
        pairs.append(f"{_CONFIDENCE} {decimal(confidence)}")
    if reason:
        pairs.append(f"{_COMMENT} {literal(reason)}")
    if decided_at:
        pairs.append(f"{_MODIFIED} {literal(decided_at)}^^<{XSD}dateTime>")
    return "".join(sorted(f"<{link_iri(source, target)}> {pair} .\n" for pair in pairs)).encode()


def propose(studies: Iterable[Facts]) -> list[Proposal]:
    """Return the proposals for all studies without a registry id, by source and then the surest first."""
    known = sorted(studies, key=lambda study: study.key)
    index: dict[tuple[str, ...], list[Facts]] = defaultdict(list)
    for study in known:
        if study.registered:
            for key in _keys(study):
                index[key].append(study)
    proposals: list[Proposal] = []
    for source in known:
        if not source.registered:
            proposals += _best([compare(source, target) for target in _candidates(source, index)])
    return proposals


def compare(source: Facts, target: Facts) -> Proposal:
    """Weigh what two studies share and where they differ. The confidence is 0 where more speaks against it."""
    reasons = tuple(sorted(_reasons(source, target), key=lambda reason: (-reason.weight, reason.text)))
    total = sum((reason.weight for reason in reasons), Decimal(0))
    return Proposal(source.key, target.key, max(Decimal(0), min(_HIGHEST, total)), reasons)


def _best(compared: list[Proposal]) -> list[Proposal]:
    """Return the likely ones; none when too many are about as likely."""
    likely = sorted((each for each in compared if each.confidence >= THRESHOLD), key=_surest_first)
    near = [each for each in likely if each.confidence >= likely[0].confidence - _NEAR_BEST]
    return near if len(near) <= _MOST_TARGETS else []


def _surest_first(proposal: Proposal) -> tuple[Decimal, str]:
    return -proposal.confidence, proposal.target


def _candidates(source: Facts, index: dict[tuple[str, ...], list[Facts]]) -> list[Facts]:
    found = {
        target.key: target
        for key in _keys(source)
        if len(index.get(key, ())) <= _MOST_WITH_KEY
        for target in index.get(key, ())
    }
    return [found[key] for key in sorted(found)]


def _keys(study: Facts) -> Iterator[tuple[str, ...]]:
    """Yield what two studies must share to be compared: one rare thing, or a condition and something else."""
    yield from (("id", each) for each in study.identifiers)
    yield from (("article", each) for each in (*study.publications, *study.cited))
    yield from (("nct", each) for each in study.named)
    yield ("nct", study.key)
    yield from (("acronym", each) for each in _acronyms(study))
    yield from (("word", each) for each in _title_words(study))
    for condition in study.conditions:
        yield ("condition", condition)
        if study.enrollment is not None:
            yield ("enrolled", condition, str(study.enrollment))
        for concept in study.concepts - _PLACEBOS:
            yield ("treated", condition, concept)


def _reasons(source: Facts, target: Facts) -> Iterator[Reason]:
    yield from _identifier_reasons(source, target)
    yield from _subject_reasons(source, target)
    yield from _size_reasons(source, target)
    yield from _time_reasons(source, target)
    yield from _title_reasons(source, target)
    if shared := source.organizations & target.organizations:
        yield _reason("0.15", f"the same organisation, {_listed(shared)}")
    if shared := source.people & target.people:
        yield _reason("0.1" if len(shared) == 1 else "0.2", f"the same family names, {_listed(shared)}")


def _identifier_reasons(source: Facts, target: Facts) -> Iterator[Reason]:
    if shared := source.identifiers & target.identifiers:
        yield _reason("0.6", f"the same other identifier, {_listed(shared)}")
    if shared := source.publications & target.publications:
        yield _reason("0.6", f"the registry lists {_listed(shared)} among the articles that report the study")
    if shared := source.publications & target.cited:
        yield _reason("0.05", f"the registry lists {_listed(shared)} as background")
    if target.key in source.named:
        yield _reason("0.3", f"the article names {target.key}")


def _subject_reasons(source: Facts, target: Facts) -> Iterator[Reason]:
    if shared := source.conditions & target.conditions:
        yield _reason("0.15", f"the same condition, MeSH {_listed(shared)}")
    # An article's headings stand in both sets: its condition must not count again as its treatment.
    if shared := (source.concepts & target.concepts) - target.conditions - _PLACEBOS:
        yield _reason("0.2", f"the same intervention, MeSH {_listed(shared)}")
    elif pair := _same_intervention(source.interventions, target.interventions):
        yield _reason("0.15", f"interventions of the same name, '{pair[0]}' and '{pair[1]}'")


def _size_reasons(source: Facts, target: Facts) -> Iterator[Reason]:
    if source.enrollment is not None and target.enrollment is not None:
        one, other = sorted((source.enrollment, target.enrollment))
        if one == other and one >= _SMALLEST_TELLING:
            yield _reason("0.25", f"{one} enrolled in both")
        elif one < 0.8 * other:
            yield _reason("-0.2", f"{source.enrollment} and {target.enrollment} enrolled")
    if source.phases and target.phases:
        if source.phases == target.phases:
            yield _reason("0.05", f"the same phase, {_listed(source.phases)}")
        elif not source.phases & target.phases:
            yield _reason("-0.2", f"phases {_listed(source.phases)} and {_listed(target.phases)}")
    if source.arms and target.arms:
        if source.arms == target.arms:
            yield _reason("0.05", f"{source.arms} {'arm' if source.arms == 1 else 'arms'} in both")
        else:
            yield _reason("-0.05", f"{source.arms} and {target.arms} arms")


def _time_reasons(source: Facts, target: Facts) -> Iterator[Reason]:
    if source.start and target.start and len(source.start) >= 7 and source.start[:7] == target.start[:7]:
        yield _reason("0.15", f"both started in {source.start[:7]}")
    if source.issued and target.start:
        precision = min(len(source.issued), len(target.start))
        if source.issued[:precision] < target.start[:precision]:
            yield _reason("-0.5", f"the article of {source.issued} is older than the study, which began {target.start}")


def _title_reasons(source: Facts, target: Facts) -> Iterator[Reason]:
    overlap, shared = max(
        (_overlap(set(_content(one)), set(_content(other))) for one in source.titles for other in target.titles),
        default=(0.0, 0),
    )
    for least, weight in ((0.8, "0.35"), (0.6, "0.25"), (0.4, "0.1")):
        if overlap >= least and shared >= 3:
            yield _reason(weight, f"{shared} words of the titles are the same")
            break
    if acronyms := _acronyms(source) & _acronyms(target):
        yield _reason("0.2", f"the same acronym, {_listed(acronyms)}")


def _overlap(one: set[str], other: set[str]) -> tuple[float, int]:
    """Return how much of both titles together is shared (Dice's coefficient), and how many words that are."""
    shared = len(one & other)
    return (2 * shared / (len(one) + len(other)) if shared else 0.0), shared


def _same_intervention(ones: Iterable[str], others: Iterable[str]) -> tuple[str, str] | None:
    """Return two names of which one has all the words of the other; common words are no name, and placebos no match."""
    treatments = sorted(each for each in others if not _is_placebo(each))
    for one in sorted(each for each in ones if not _is_placebo(each)):
        for other in treatments:
            shorter, longer = sorted((set(_content(one)), set(_content(other))), key=len)
            if shorter and shorter <= longer:
                return one, other
    return None


def _is_placebo(name: str) -> bool:
    return not _PLACEBO_WORDS.isdisjoint(words(name))


def _title_words(study: Facts) -> set[str]:
    return {word for title in study.titles for word in _content(title)}


def _content(text: str) -> list[str]:
    return [word for word in words(text) if word not in _COMMON_WORDS and len(word) > 2]


_ACRONYM = re.compile(r"\b[A-Z][A-Za-z]*[A-Z0-9][A-Z0-9-]{2,}\b")


def _acronyms(study: Facts) -> frozenset[str]:
    """Return the names of the study that are printed in capitals: its acronym, and what looks like one in a title."""
    if study.registered:
        return frozenset(each.upper() for each in study.acronyms if len(each) > 3)
    printed = (match for title in study.titles for match in _ACRONYM.findall(title))
    return frozenset(each.upper() for each in (*study.acronyms, *printed))


def _reason(weight: str, text: str) -> Reason:
    return Reason(Decimal(weight), text)


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(sorted(texts))
