"""Evidence: the characters a study points at hold the number it states, in the text it was counted on."""

from decimal import Decimal
from hashlib import sha256

import pytest

from loaders.evidence import check, locate
from loaders.readers import curated, page
from loaders.record import Cohort, Evidence, Outcome, OutcomeResult, Publication, Study, TextSection
from tests.paths import SEEDS, STUDIES, needs_shared

TEXT = "Pain fell by 2.98 points (2.98 of 10)."
PAGE = Study(
    label="page",
    publications=[
        Publication(
            doi="10.1000/X",
            sections=[TextSection(label="Results", sha256=sha256(TEXT.encode()).hexdigest(), length=38, text=TEXT)],
        )
    ],
)


def claim(start: int, end: int, printed: str = "2.98", digest: str | None = None) -> Study:
    section = TextSection(label="Results", sha256=digest or sha256(TEXT.encode()).hexdigest(), length=38)
    return Study(
        label="curated",
        publications=[Publication(pmid="7", doi="10.1000/x", sections=[section])],
        cohorts=[Cohort(name="all", label="All", kind="ALL")],
        outcomes=[Outcome(name="pain", label="Pain")],
        outcome_results=[
            OutcomeResult(
                cohort="all",
                outcome="pain",
                value=Decimal("2.98"),
                value_text=printed,
                evidence=[Evidence(section="Results", start=start, end=end)],
            )
        ],
    )


def test_a_number_that_stands_there_is_sound():
    assert list(check(claim(13, 17), [PAGE])) == []


@pytest.mark.parametrize(
    ("study", "problem"),
    [
        (claim(14, 18), "'2.98' does not stand at characters 14 to 18 of Results; '.98 ' does"),
        (claim(13, 99), "character 99 lies behind the end of the section Results"),
        (claim(13, 17, digest="0" * 64), "the section Results has changed since its characters were counted"),
    ],
)
def test_a_number_that_does_not_is_told(study, problem):
    assert problem in " ".join(check(study, [PAGE]))


def test_without_the_document_nothing_can_be_said():
    assert list(check(claim(14, 18), [])) == []


def test_a_text_is_located_everywhere_it_stands():
    assert [(place.start, place.end) for place in locate(PAGE, "2.98")] == [(13, 17), (26, 30)]
    assert locate(PAGE, "") == []


@needs_shared
def test_the_bundled_studies_point_at_what_the_pages_print():
    pages = [page.read(path.read_bytes(), path.name) for path in sorted(SEEDS.glob("*.txt"))]
    for path in sorted(STUDIES.glob("*.yaml")):
        study = curated.read(path.read_bytes(), path.name)
        assert list(check(study, pages)) == []
