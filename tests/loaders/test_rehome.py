"""Re-homing: IRIs move with all their parts, and text never changes."""

from loaders.rehome import rehome

RENAMED = {"https://x.org/study/A": "https://x.org/study/B", "https://x.org/graph/A": "https://x.org/graph/B"}


def test_a_study_moves_with_its_parts_in_subject_and_object():
    triples = (
        b"<https://x.org/study/A> <https://x.org/p> <https://x.org/study/A/cohort/c> .\n"
        b'<https://x.org/study/A/cohort/c> <https://x.org/p> "1"^^<https://x.org/study/A> .\n'
        b"<https://x.org/graph/A#load> <https://x.org/p> <https://x.org/graph/A> .\n"
    )
    assert rehome(triples, RENAMED).decode().splitlines() == [
        "<https://x.org/graph/B#load> <https://x.org/p> <https://x.org/graph/B> .",
        '<https://x.org/study/B/cohort/c> <https://x.org/p> "1"^^<https://x.org/study/A> .',
        "<https://x.org/study/B> <https://x.org/p> <https://x.org/study/B/cohort/c> .",
    ]


def test_a_longer_name_that_only_starts_alike_stays():
    triples = b"<https://x.org/study/AB> <https://x.org/p> <https://x.org/study/A.1> .\n"
    assert rehome(triples, RENAMED) == triples


def test_text_that_looks_like_a_triple_stays():
    triples = b'<https://x.org/s> <https://x.org/p> "<https://x.org/study/A> <https://x.org/study/A> ." .\n'
    assert rehome(triples, RENAMED) == triples


def test_facts_that_become_equal_become_one():
    triples = b'<https://x.org/study/A> <p> "x" .\n<https://x.org/study/B> <p> "x" .\n'
    assert rehome(triples, RENAMED) == b'<https://x.org/study/B> <p> "x" .\n'
