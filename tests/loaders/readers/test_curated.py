"""Curated studies: the bundled ones read whole, and every mistake is named with its line and what is allowed."""

from decimal import Decimal
from textwrap import dedent

import pytest

from loaders.errors import SourceError, SourceErrors
from loaders.readers import curated
from tests.paths import STUDIES

SOUND = """\
label: A made-up trial
nct: NCT00000001
publications:
  - pmid: 1
    sections: [{label: Results, length: 40, sha256: "SHA"}]
cohorts:
  - {name: all, label: Everyone, kind: ALL, size: 12}
outcomes:
  - {name: pain, label: Pain, type: PRIMARY}
outcome_results:
  - {name: pain-all, outcome: pain, cohort: all, value: 2.980, evidence: [{section: Results, start: 0, end: 5}]}
""".replace("SHA", "0" * 64)


def read(text: str) -> object:
    return curated.read(dedent(text).encode(), "study.yaml")


def problem(text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else dedent(text).encode()
    with pytest.raises(SourceError) as error:
        curated.read(data, "study.yaml")
    return str(error.value)


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_bundled_studies_are_sound(path):
    study = curated.read(path.read_bytes(), str(path))
    assert study.source.name == path.name
    assert study.source.kind == "CURATED"
    numbers = [*study.baseline_results, *study.outcome_results, *study.adverse_event_results, *study.effects]
    assert numbers and all(finding.evidence for finding in numbers), "each number names the section it stands in"


def test_numbers_keep_the_digits_that_were_typed():
    study = curated.read(SOUND.encode(), "study.yaml")
    assert study.outcome_results[0].value == Decimal("2.980")
    assert study.cohorts[0].size == 12


def test_a_word_stays_a_word():
    study = curated.read(SOUND.replace("A made-up trial", "NO").encode(), "study.yaml")
    assert study.label == "NO"


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm():
    data = b"\xef\xbb\xbf" + SOUND.replace("\n", "\r\n").encode()
    assert curated.read(data, "study.yaml").cohorts[0].name == "all"


MISTAKES = {
    "unknown key": (SOUND + "colour: red\n", "study.yaml:12: colour: is not a field here; allowed are: label, nct"),
    "unknown key inside": (
        SOUND.replace("size: 12", "sise: 12"),
        "study.yaml:7: cohorts[0].sise: is not a field here; allowed are: name, label, kind",
    ),
    "unknown value": (
        SOUND.replace("PRIMARY", "MAIN"),
        "study.yaml:9: outcomes[0].type: 'MAIN' is not allowed; use one of 'PRIMARY', 'SECONDARY'",
    ),
    "unknown NCT form": (
        SOUND.replace("NCT00000001", "NCT1"),
        "study.yaml:2: nct: 'NCT1' is not NCT and eight digits, upper case",
    ),
    "not a whole number": (SOUND.replace("size: 12", "size: 1.5"), "cohorts[0].size: '1.5' is not a whole number"),
    "not a number": (SOUND.replace("2.980", "about 3"), "outcome_results[0].value: 'about 3' is not a number"),
    "not finite": (SOUND.replace("2.980", "NaN"), "outcome_results[0].value: 'NaN' is not a number"),
    "not a list": (SOUND + "keywords: pain\n", "keywords: must be a list"),
    "not true or false": (SOUND + "multicenter: maybe\n", "multicenter: 'maybe' is not true or false"),
    "missing": (SOUND.replace("label: Everyone, ", ""), "study.yaml:7: cohorts[0].label: is required and not given"),
    "not a DOI": (SOUND + "doi: https://x.org/1\n", "doi: 'https://x.org/1' is not a DOI without a resolver's address"),
    "no identity": (SOUND.replace("nct: NCT00000001\n", ""), "at least one of nct, pmid and doi"),
    "reserved": (SOUND + "source: {}\n", "source: is filled in when the file is read"),
    "name used twice": (
        SOUND + "effects:\n  - {name: a, outcome: pain}\n  - {name: a, outcome: pain}\n",
        "study.yaml:14: effects[1].name: 'a' is already the name of effects[0]",
    ),
    "dangling cohort": (
        SOUND.replace("cohort: all", "cohort: al"),
        "outcome_results[0].cohort: 'al' is not one of the cohorts of this file: all",
    ),
    "dangling intervention": (
        SOUND.replace("size: 12", "receives: [{intervention: x}]"),
        "cohorts[0].receives[0].intervention: 'x' is not one of the interventions of this file: none",
    ),
    "unknown section": (
        SOUND.replace("{section: Results", "{section: Result"),
        "outcome_results[0].evidence[0].section: 'Result' is not a section of a publication here: Results",
    ),
    "behind the section": (SOUND.replace("end: 5", "end: 41"), "evidence[0].end: 41 lies behind the section's end"),
    "words of the paper": (
        SOUND.replace("length: 40", "length: 40, text: Pain fell"),
        "publications[0].sections[0].text: the words stay in the source document",
    ),
    "key twice": ("label: a\nlabel: b\n", "study.yaml:2: the key 'label' stands here twice"),
    "anchor": ("label: &a x\nacronym: *a\n", "study.yaml:1: anchors and aliases"),
    "tag": ("label: !!python/object:os.system x\n", "the tag tag:yaml.org,2002:python/object:os.system is not allowed"),
    "truncated": ("label: [a\n", "is not YAML"),
    "not a mapping": ("- label\n", "expected keys and values at the top"),
    "key is no word": ("? [a, b]\n: c\n", "study.yaml:1: a key must be a plain word"),
    "control character": ("label: a\x01\n", "study.yaml:1: has a character that YAML does not allow (U+0001)"),
    "escaped control character": ('acronym: a\nlabel: "a\\0"\n', "study.yaml:2: has an escaped control character"),
    "not UTF-8": (b"label: a\nacronym: \xff\n", "study.yaml:2: is not UTF-8 at byte 18"),
    "deep": ("label: " + "[" * 60 + "]" * 60 + "\n", "is nested deeper than 40 levels"),
    "only comments": ("# nothing\n", "is empty"),
}


@pytest.mark.parametrize(("text", "expected"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_clear_sentence(text, expected):
    message = problem(text)
    assert expected in message
    assert "\n" not in message


def test_a_large_file_is_refused_before_it_is_read():
    assert "a curated study has at most" in problem(b"label: " + b"x" * 5_000_000)


def test_an_alias_bomb_costs_nothing():
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert "anchors and aliases" in problem("a0: &a0 [x]\n" + levels)


def test_all_mistakes_are_told_at_once_in_the_order_of_lines():
    with pytest.raises(SourceErrors) as error:
        read(SOUND.replace("NCT00000001", "NCT1").replace("size: 12", "size: x"))
    assert [each.line for each in error.value.errors] == [2, 7]
