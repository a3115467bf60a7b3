"""Abstracts as they are printed, and the sections they are cut into. All texts are made up."""

import pytest

from loaders.readers.page.abstract import sections


def cut(*paragraphs: str, sub_titles: frozenset[str] = frozenset()) -> list[tuple[str, str | None]]:
    return [(section.label, section.text) for section in sections(paragraphs, sub_titles)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We asked nine people.", [("Abstract", "We asked nine people.")]),
        ("Objective: To ask.", [("Objective", "To ask.")]),
        (
            "ObjectiveTo ask. MethodsIn a trial we asked. ResultsAll said yes. InterpretationYes (p < 0.05).",
            [
                ("Objective", "To ask."),
                ("Methods", "In a trial we asked."),
                ("Results", "All said yes."),
                ("Interpretation", "Yes (p < 0.05)."),
            ],
        ),
        (
            "BACKGROUND: None. MATERIALS AND METHODS: We asked. RESULTS: Yes! CONCLUSIONS: No?",
            [
                ("Background", "None."),
                ("Materials and methods", "We asked."),
                ("Results", "Yes!"),
                ("Conclusions", "No?"),
            ],
        ),
        ("AIMSTo ask.METHODSA test.", [("Aims", "To ask."), ("Methods", "A test.")]),
        ("MethodsX-rays of ALS. ResultsALS shows.", [("Methods", "X-rays of ALS."), ("Results", "ALS shows.")]),
        ("Materials & Methods: We asked.", [("Materials and methods", "We asked.")]),
        ("CONCLUSIONStem cells grow.", [("Conclusion", "Stem cells grow.")]),
        ("CONCLUSIONSStem cells grow.", [("Conclusions", "Stem cells grow.")]),
        ("Yes (all of them.) Results: Good.", [("Abstract", "Yes (all of them.)"), ("Results", "Good.")]),
        ("We asked. Conclusion: Yes.", [("Abstract", "We asked."), ("Conclusion", "Yes.")]),
        ("Objective :  To ask.", [("Objective", "To ask.")]),
        ("ObjectiveÄrzte asked.", [("Objective", "Ärzte asked.")]),
    ],
)  # fmt: skip
def test_labels_in_running_text_cut(text: str, expected: list[tuple[str, str]]) -> None:
    assert cut(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Nine people. Methods were simple. Results were not.",
        "Our Methods: simple, and Results: none.",
        "We used methods: one and two. results: none.",
        "We compared. MethodsX is a journal.",
        "Recruited. PatientsLikeMe helped.",
        "Compared. DESIGNS: two.",
        "We asked SubMethods: none.",
    ],
)
def test_words_in_a_sentence_do_not_cut(text: str) -> None:
    assert cut(text) == [("Abstract", text)]


def test_paragraphs_with_labels_are_sections_and_others_go_on() -> None:
    found = cut(
        "Background: None.",
        "MAIN OUTCOME MEASURES: The answer. Setting: a sentence inside.",
        "A paragraph that goes on.",
        "Clinical rehabilitation impact: Some.",
        "Level of evidence: II: low.",
    )
    assert found == [
        ("Background", "None."),
        ("Main outcome measures", "The answer. Setting: a sentence inside.\nA paragraph that goes on."),
        ("Clinical rehabilitation impact", "Some."),
        ("Level of evidence", "II: low."),
    ]


def test_paragraphs_without_labels_are_one_section() -> None:
    assert cut("Disease one: an overview.", "More of it: text.") == [
        ("Abstract", "Disease one: an overview.\nMore of it: text.")
    ]


def test_words_that_the_page_marks_as_labels_are_labels() -> None:
    paragraphs = ("What is known: Little.", "What is new: Less.")
    assert cut(*paragraphs) == [("Abstract", "\n".join(paragraphs))]
    assert cut(*paragraphs, sub_titles=frozenset({"What is known", "What is new"})) == [
        ("What is known", "Little."),
        ("What is new", "Less."),
    ]


def test_a_label_without_text_is_no_section() -> None:
    assert cut("Objective: To ask.", "Methods:") == [("Objective", "To ask.")]
    assert cut() == []
