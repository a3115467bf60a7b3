"""From a publication to the record of its source: is it the report of a study, and of which?

A PubMed record is about an article. Nothing but these makes it the report of a study here:

    a publication type of clinical studies (Randomized Controlled Trial, Observational Study, …);
    a registry id among its data bank entries;
    exactly one NCT id in its title or abstract, which is a reading by rule and says where it stands.

And none of them does for a review, an editorial, a comment or a notice: those name studies of others. The study goes by
its NCT id when there is one; when there are several, it is not said which, so each becomes a proposed link.
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from pathlib import PurePath
from typing import NamedTuple

from loaders.link.identifiers import normal_nct
from loaders.readers.characters import on_one_line
from loaders.readers.pubmed.text import section
from loaders.readers.registry_ids import mentions
from loaders.record import Article, Evidence, Publication, Source, Study, StudyLink, TextSection

__all__ = ["record"]

_CLINICAL_TYPES = frozenset(
    {
        "Adaptive Clinical Trial", "Clinical Study", "Clinical Trial", "Clinical Trial, Phase I",
        "Clinical Trial, Phase II", "Clinical Trial, Phase III", "Clinical Trial, Phase IV", "Clinical Trial Protocol",
        "Controlled Clinical Trial", "Equivalence Trial", "Multicenter Study", "Observational Study",
        "Pragmatic Clinical Trial", "Randomized Controlled Trial",
    }
)  # fmt: skip
_NO_REPORTS = frozenset(
    {
        "Biography", "Comment", "Consensus Statement", "Editorial", "Expression of Concern", "Guideline",
        "Historical Article", "Meta-Analysis", "Network Meta-Analysis", "News", "Practice Guideline",
        "Published Erratum", "Retraction Notice", "Retraction of Publication", "Review", "Scoping Review",
        "Systematic Review",
    }
)  # fmt: skip
_CLINICALTRIALS = "clinicaltrials.gov"
# The trial registries among NLM's data banks, lower case. The other banks keep sequences, structures and data.
_REGISTRIES = frozenset(
    {
        "anzctr", "chictr", "cris", "ctis", "ctri", "drks", "eu ctr", "eudract", "irct", "isrctn", "japiccti", "jmacct",
        "jprn", "jrct", "lbctr", "ntr", "pactr", "rebec", "repec", "rpcec", "slctr", "tctr", "umin ctr", "umin-ctr",
    }
)  # fmt: skip
_BY_RULE = Decimal("0.95")
_ONE_OF_SEVERAL = Decimal("0.5")
_TITLE = "Title"
_SHOWN = 60  # characters of what a source says that a warning repeats


class _Mention(NamedTuple):
    nct: str
    section: str
    start: int
    end: int


def record(publication: Publication, data: bytes, name: str, version_date: str | None) -> Study | Article:
    """Return the record of one article. `data` are the bytes it was read from, `name` the file they stand in."""
    source = Source(
        kind="PUBMED",
        name=_file_name(name),
        sha256=sha256(data).hexdigest(),
        version_date=version_date,
        warnings=list(_unclear(publication.accessions)),
    )
    types = set(publication.publication_type_texts)
    if types & _NO_REPORTS:
        return Article(publication=publication, source=source)
    banked, others = _registered(publication.accessions)
    named = [] if banked else list(_mentions(publication))
    ids = banked or list(dict.fromkeys(mention.nct for mention in named))
    if not (banked or others or len(ids) == 1 or types & _CLINICAL_TYPES):
        return Article(publication=publication, source=source)
    study = Study(
        label=publication.title or f"PubMed {publication.pmid}",
        nct=ids[0] if len(ids) == 1 else None,
        pmid=publication.pmid,
        doi=publication.doi,
        other_ids=others,
        keywords=publication.keywords,
        publications=[publication],
        source=source,
    )
    if study.nct and named:
        study.registration_evidence = [_evidence(named[0], publication)]
    if len(ids) > 1:
        reason = "The article names several registered studies, and this is one of them."
        study.links = [StudyLink(target=nct, confidence=_ONE_OF_SEVERAL, reason=reason) for nct in ids]
    return study


@lru_cache(maxsize=8)  # A file has thousands of articles.
def _file_name(path: str) -> str:
    return PurePath(path).name


def _registered(accessions: list[str]) -> tuple[list[str], list[str]]:
    """Return the NCT ids among data bank entries, and the ids of other registries in upper case, each once."""
    ncts: dict[str, None] = {}
    others: dict[str, None] = {}
    for accession in accessions:
        bank, _, number = accession.partition("/")
        bank = bank.lower()
        if bank == _CLINICALTRIALS:
            nct = normal_nct(number)
            if nct:
                ncts[nct] = None
        elif bank in _REGISTRIES and number.strip():
            # Some banks are networks that hold NCT ids too. What begins like one and is none identifies nothing.
            number = number.strip().upper()
            if normal_nct(number):
                ncts[number] = None
            elif not number.startswith("NCT"):
                others[number] = None
    return list(ncts), list(others)


def _unclear(accessions: list[str]) -> Iterator[str]:
    for accession in accessions:
        bank, _, number = accession.partition("/")
        if bank.lower() == _CLINICALTRIALS and not normal_nct(number):
            given = on_one_line(number, _SHOWN)
            yield f"'{given}' is not an NCT id, which is NCT and eight digits; it is kept as it is and links nothing"


def _mentions(publication: Publication) -> Iterator[_Mention]:
    """Yield the NCT ids in the abstracts, then in the title, with their places."""
    texts = [(each.label, each.text or "") for each in publication.sections]
    for place, text in (*texts, (_TITLE, publication.title or "")):
        yield from (_Mention(each.nct, place, each.start, each.end) for each in mentions(text) if each.nct)


def _evidence(mention: _Mention, publication: Publication) -> Evidence:
    if mention.section == _TITLE and not any(each.label == _TITLE for each in publication.sections):
        publication.sections.append(_title(publication))
    return Evidence(section=mention.section, start=mention.start, end=mention.end, method="RULE", confidence=_BY_RULE)


def _title(publication: Publication) -> TextSection:
    """Return the title as a section, which it is where evidence points into it."""
    return section(_TITLE, publication.title or "")
