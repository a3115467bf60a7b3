"""Whatever is wrong with a document, the pipeline answers in a bounded time: with records that can be stored, or with
one line for each that cannot be read."""

import json
import os
from functools import cache
from random import Random
from time import process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyoxigraph import RdfFormat, parse

from loaders.documents import Document
from loaders.pipeline import Item, Ready, Run, Unreadable, take
from loaders.record import Deleted
from tests.loaders.readers.made_up import full_record
from tests.loaders.readers.mutations import ODD_VALUES, damaged
from tests.loaders.readers.pubmed_sample import MEDLINE, XML, article_set
from tests.paths import SHARED

ALL_RECORDS = "TRIALWEAVE_TEST_ALL_RECORDS"
"""Set this variable for more examples, which take minutes."""

LARGEST = 40_000  # bytes of the documents that are damaged
LONGEST = 5.0  # seconds of processor time; the slowest of them takes a tenth of a second undamaged
LONGEST_LINE = 1000
FORMATS = {".json": "ctgov", ".xml": "pubmed", ".nbib": "pubmed"}

examples = settings(
    max_examples=2000 if os.environ.get(ALL_RECORDS) else 60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


@cache
def originals(kind: str) -> tuple[bytes, ...]:
    """Return made-up documents of a kind, and real ones where they are at hand: a few, with and without results."""
    made_up = {
        ".json": [json.dumps(full_record()).encode(), json.dumps({"studies": [full_record(), full_record()]}).encode()],
        ".xml": [article_set(XML), article_set(XML, XML)],
        ".nbib": [MEDLINE.encode(), f"{MEDLINE}\n{MEDLINE}".encode()],
    }[kind]
    folder = {".json": "ctgov/studies", ".xml": "pubmed/articles"}.get(kind)
    paths = (
        [path for path in sorted((SHARED / "data" / folder).glob("*")) if path.stat().st_size < LARGEST]
        if folder
        else []
    )
    return (*made_up, *(path.read_bytes() for path in paths[:: len(paths) // 20 or 1]))


def answer(data: bytes, kind: str) -> tuple[Item, ...]:
    """Return what the pipeline makes of a document, and fail where that is no answer."""
    started = process_time()
    items = take(Document(f"a{kind}", data), Run(format=FORMATS[kind])).items
    assert process_time() - started < LONGEST
    assert items, "neither a record nor a word"
    for item in items:
        assert_sound(item)
    return items


def assert_sound(item: Item) -> None:
    assert isinstance(item, Ready | Unreadable | Deleted)
    if isinstance(item, Unreadable):
        assert item.messages and all(is_one_line(message) for message in item.messages)
    elif isinstance(item, Ready):
        emission, report = item.prepared.emission, item.prepared.report
        for triples in (emission.triples, emission.links, item.prepared.provenance, report.triples(emission.graph)):
            assert sum(1 for _ in parse(triples, format=RdfFormat.N_TRIPLES)) == triples.count(b"\n")
        assert report.conforms or report.lines()
        assert all(map(is_one_line, item.source.warnings))
        # A finding's line names its node, whose IRI may be made of a long text.
        assert all(is_one_line(finding.statement) for finding in report.findings)


def is_one_line(message: str) -> bool:
    return message.isprintable() and len(message) < LONGEST_LINE and "report this" not in message


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_damaged_starts_sound(kind: str) -> None:
    assert all(isinstance(item, Ready) for data in originals(kind) for item in answer(data, kind))


@pytest.mark.parametrize("kind", FORMATS)
@examples
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_a_damaged_document_is_answered(kind: str, random: Random, times: int) -> None:
    answer(damaged(random.choice(originals(kind)), random, times), kind)


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:20])
def test_a_value_that_belongs_nowhere_is_answered_wherever_it_stands(value: object) -> None:
    """Every field of the registry holds it, one after the other, in one document."""
    for field in ("briefTitle", "nctId", "startDateStruct", "conditions", "enrollmentInfo", "phases"):
        text = json.dumps(full_record())
        assert f'"{field}": ' in text
        answer(with_value(json.loads(text), field, value), ".json")


def with_value(record: dict, field: str, value: object) -> bytes:
    waiting: list = [record]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict) and field in each:
            each[field] = value
        waiting += each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
    return json.dumps(record).encode()
