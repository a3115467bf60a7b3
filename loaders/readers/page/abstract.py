"""An abstract cut into its sections, as printed. Offsets of evidence count in the text of these sections.

Two ways of printing are known. PubMed gives each section a paragraph ("Methods: Eleven patients …"). Repositories keep
the abstract in one field, where the labels stand in running text, often glued to the next word because the page lost a
line break ("… sclerosis. MethodsIn a phase 2 …"). A label in running text is one only where a sentence has ended before
it and a colon or a glued capital follows, so "Methods" as a word never cuts.
"""

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from loaders.record import TextSection

__all__ = ["sections"]

_UNLABELLED = "Abstract"
"""The label of text that stands under no label of its own."""

_LABELS = """
    aim|aims|aims and objectives|background|background and aims|background and objective|background and objectives
    background and purpose|background context|background/aims|case presentation|case report|case summary
    clinical trial registration|conclusion|conclusions|conclusions and relevance|context|data sources|design
    design and methods|design and setting|discussion|eligibility criteria|finding|findings|funding|hypothesis|importance
    intervention|interventions|interpretation|introduction|level of evidence|limitations|main outcome measure
    main outcome measures|main outcomes and measures|main results|material and methods|materials and methods
    measurements|measurements and main results|method|methodology|methods|methods and findings|methods and materials
    methods and results|objective|objectives|outcome measure|outcome measures|participants|patient sample
    patients and methods|purpose|purpose of review|rationale|recent findings|result|results|results and discussion
    setting|settings|significance|study design|study design and methods|subjects and methods|summary
    summary of background data|trial registration|trial registration number
"""
# Labels that also begin names (PatientsLikeMe): they need their colon.
_LABELS_WITH_COLON = "patients|population|registration|clinicaltrials.gov identifier|subjects|unlabelled"


def _names(rows: str) -> frozenset[str]:
    return frozenset(name for row in rows.split("\n") for name in row.strip().split("|") if name)


def _pattern(names: frozenset[str]) -> str:
    # The longest first: "Conclusions" is not "Conclusion" with an s before the text.
    ordered = sorted(names, key=len, reverse=True)
    return "|".join(re.escape(name).replace(r"\ and\ ", r"\ (?:and|&)\ ") for name in ordered)


_GLUED_LABELS = _names(_LABELS)
_KNOWN_LABELS = _GLUED_LABELS | _names(_LABELS_WITH_COLON)
# A colon is looked for first: RESULTS: is not RESULT with a capital glued to it.
_LABEL = re.compile(
    rf"(?<![^\W_])(?:(?P<label>(?i:{_pattern(_KNOWN_LABELS)}))(?=\s?:)"
    rf"|(?P<glued>(?i:{_pattern(_GLUED_LABELS)}))(?=[^\W\d_a-z]))"
)
_ANY_LABEL = re.compile(r"(?P<label>[A-Z][^.:;!?]{2,60})(?=:\s)")
_MOST_WORDS = 7
_CLOSING = frozenset(")]\"'”’")
_SENTENCE_END = frozenset(".!?")


class _Cut(NamedTuple):
    start: int
    end: int
    label: str


def sections(paragraphs: Sequence[str], sub_titles: frozenset[str] = frozenset()) -> list[TextSection]:
    """Cut an abstract (in NFC) into sections in printed order; without labels it is one section named Abstract.

    `sub_titles` are words that the page marks up as labels. A section's text is without its label and the colon
    after it and without space at either end, and otherwise verbatim; paragraphs are joined by a line feed.
    """
    text = "\n".join(paragraphs)
    cuts = _paragraph_cuts(text, sub_titles)
    if len(cuts) < 2:
        cuts = list(_running_cuts(text))
    bounds = [_Cut(0, 0, _UNLABELLED), *cuts]
    ends = [cut.start for cut in cuts] + [len(text)]
    found = [_text_section(cut.label, text[cut.end : end]) for cut, end in zip(bounds, ends, strict=True)]
    return [section for section in found if section.length]


def _text_section(label: str, text: str) -> TextSection:
    """Return one section, with the SHA-256 of its text in UTF-8 and its length in characters."""
    text = text.strip().removeprefix(":").lstrip()
    return TextSection(label=label, sha256=sha256(text.encode()).hexdigest(), length=len(text), text=text)


def _paragraph_cuts(text: str, sub_titles: frozenset[str]) -> list[_Cut]:
    """Find the labels that begin a paragraph. An unusual one counts beside two known ones, or if marked up as one."""
    known: list[_Cut] = []
    unusual: list[_Cut] = []
    start = 0
    for paragraph in text.split("\n"):
        match = _LABEL.match(paragraph)
        if match and match["label"] and _well_spelt(match["label"]):
            known.append(_Cut(start, start + match.end(), _spelling(match["label"])))
        elif other := _ANY_LABEL.match(paragraph):
            cut = _Cut(start, start + other.end(), _spelling(other["label"]))
            if other["label"].strip() in sub_titles:
                known.append(cut)
            elif len(other["label"].split()) <= _MOST_WORDS:
                unusual.append(cut)
        start += len(paragraph) + 1
    return sorted(known + unusual) if len(known) >= 2 else known


def _running_cuts(text: str) -> Iterator[_Cut]:
    for match in _LABEL.finditer(text):
        label = match["glued"] or match["label"]
        if not _well_spelt(label) or not _begins_sentence(text, match.start()):
            continue
        if match["glued"] and not _begins_word(text, match.end(), label):
            continue
        yield _Cut(match.start(), match.end(), _spelling(label))


def _well_spelt(label: str) -> bool:
    """Say whether a label is written as labels are: METHODS, Methods or Materials and Methods, never methods."""
    return label.isupper() or (label[0].isupper() and not any(char.isupper() for char in _inner_letters(label)))


def _inner_letters(label: str) -> str:
    return "".join(word[1:] for word in re.split(r"[\s/]", label))


def _begins_sentence(text: str, position: int) -> bool:
    """Say whether a sentence or a line ended before `position`; a few spaces between are looked over."""
    before = text[max(0, position - 8) : position].rstrip(" \u00a0")
    if not before:
        return position <= 8
    if before[-1] in _CLOSING:
        before = before[:-1]
    return before[-1:] in _SENTENCE_END or before[-1:] == "\n"


def _begins_word(text: str, position: int, label: str) -> bool:
    """Say whether a capital glued to a label begins a word of its own: MethodsIn, METHODSWe; not DESIGNS, MethodsX."""
    letter, following = text[position], text[position + 1 : position + 2]
    if following == " ":
        return letter in "AI"
    return letter.isupper() and (not label.isupper() or following.islower() or following == "-")


def _spelling(label: str) -> str:
    """Return the usual spelling: MATERIALS AND METHODS and Materials & Methods are Materials and methods."""
    label = " ".join(label.split())
    folded = label.replace(" & ", " and ").casefold()
    return folded.capitalize() if label.isupper() or folded in _KNOWN_LABELS else label
