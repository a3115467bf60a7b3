"""Texts meet the concepts they name, by the method that says how, and stay unlinked where it could be two."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from loaders.link.concepts import concept_links, emit_concept_links
from loaders.link.mesh import METHODS, MeshIndex
from loaders.readers import clinicaltrials
from loaders.readers.mesh import triples
from loaders.record import Intervention, Study, TextKind
from tests.loaders.readers.made_up import full_record
from tests.paths import SHARED, needs_shared

MESH = "http://id.nlm.nih.gov/mesh/"
# (identifier, tree numbers, heading, other entry terms), all made up.
CONCEPTS = (
    ("D1", ("C10.1",), "Lunar Sclerosis", ("Selene's Disease", "Sclerosis of the Moon", "LSD")),
    ("D2", ("C10.2",), "Lunar Tumors", ("Neoplasms, Lunar",)),
    ("D3", ("C20.1",), "Craters", ("Moon Holes",)),
    ("D4", ("C20.2",), "Crater", ()),
    ("D5", ("D02.1",), "Moonacillin", ("MNC-12",)),
    ("D6", ("D02.2", "C30.1"), "Moon Dust", ()),
    ("D7", ("F04.1",), "Moon Therapy", ()),
    ("D8", ("C40.1",), "Gibbous Disease, Type 2", ()),
    ("D9", ("C50.1",), "Old Moon Fever", ()),
    ("C10", (), "Rare Moon Pox", ()),
)


def lines() -> Iterator[bytes]:
    for number, (record, trees, heading, terms) in enumerate(CONCEPTS):
        concept = f"M{number}"
        statements = [(record, "preferredConcept", f"<{MESH}{concept}>")]
        statements += [(record, "treeNumber", f"<{MESH}{tree}>") for tree in trees]
        for place, label in enumerate((heading, *terms)):
            term = f"T{number}x{place}"
            statements.append((concept, "term" if place else "preferredTerm", f"<{MESH}{term}>"))
            statements.append((term, "prefLabel", f'"{label}"@en'))
            if not place:
                statements.append((record, "preferredTerm", f"<{MESH}{term}>"))
        for subject, name, target in statements:
            yield f"<{MESH}{subject}> <{MESH}vocab#{name}> {target} .\n".encode()
    yield f'<{MESH}D9> <{MESH}vocab#active> "false"^^<http://www.w3.org/2001/XMLSchema#boolean> .\n'.encode()
    yield f"<{MESH}C10> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <{MESH}vocab#SCR_Disease> .\n".encode()


@cache
def index() -> MeshIndex:
    return MeshIndex.from_triples(lines(), "v1")


@pytest.mark.parametrize(
    ("text", "kind", "concept", "method"),
    [
        ("Lunar Sclerosis", "CONDITION", "D1", "EXACT"),
        ("  lunar   SCLEROSIS ", "CONDITION", "D1", "EXACT"),
        ("Selene's disease", "CONDITION", "D1", "ENTRY_TERM"),
        ("Selene Disease", "CONDITION", "D1", "NORMALIZED"),
        ("Sclerosis, Lunar", "CONDITION", "D1", "INVERTED"),
        ("moon sclerosis", "CONDITION", "D1", "INVERTED"),
        ("LSD", "CONDITION", "D1", "ENTRY_TERM"),
        ("Lunar tumours", "CONDITION", "D2", "NORMALIZED"),
        ("lunar tumor", "CONDITION", "D2", "NORMALIZED"),
        ("Lunar Neoplasm", "CONDITION", "D2", "INVERTED"),
        ("Lunar Sclerosis (LS)", "CONDITION", "D1", "BRACKETED"),
        ("LS (Lunar Sclerosis)", "CONDITION", "D1", "BRACKETED"),
        ("Stage IIIB/IV lunar tumors", "CONDITION", "D2", "QUALIFIED"),
        ("Severe refractory lunar sclerosis", "CONDITION", "D1", "QUALIFIED"),
        ("Gibbous disease type II", "CONDITION", "D8", "NORMALIZED"),
        ("rare moon pox", "CONDITION", "C10", "EXACT"),
        ("Moonacillin 20 mg/kg tablets", "INTERVENTION", "D5", "QUALIFIED"),
        ("mnc 12", "INTERVENTION", "D5", "NORMALIZED"),
        ("Moon therapy", "INTERVENTION", "D7", "EXACT"),
        ("serum Moonacillin levels", "BIOMARKER", "D5", "QUALIFIED"),
        ("Lunar sclerosis", "KEYWORD", "D1", "EXACT"),
    ],
)
def test_linked(text: str, kind: TextKind, concept: str, method: str) -> None:
    link = index().link(text, kind)
    assert link is not None
    assert (link.concept, link.method, link.confidence) == (concept, method, METHODS[link.method])


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        ("craters of", "CONDITION", "two headings differ in their plural only"),
        ("Lunar Sclerosis (Moon Holes)", "CONDITION", "brackets and the rest name two concepts"),
        ("Moonacillin", "CONDITION", "a drug is no condition"),
        ("Lunar Sclerosis", "INTERVENTION", "a condition is no intervention"),
        ("lsd", "CONDITION", "an acronym has capitals"),
        ("Old Moon Fever", "CONDITION", "it is no longer active"),
        ("Placebo Moonacillin", "INTERVENTION", "a placebo for a drug is not the drug"),
        ("Lunar Sclerosis and Lunar Tumors", "CONDITION", "two conditions are not one"),
        ("Prevention of lunar sclerosis in adults", "CONDITION", "more is said than the concept"),
        ("stage IV", "CONDITION", "nothing is left"),
        ("", "CONDITION", "nothing is there"),
        ("  ,()–", "KEYWORD", "nothing is there but punctuation"),
    ],
)
def test_left_unlinked(text: str, kind: TextKind, why: str) -> None:
    assert index().link(text, kind) is None, why


def test_the_exact_heading_decides_where_lenient_keys_meet() -> None:
    assert [index().link(text, "CONDITION").concept for text in ("Crater", "Craters")] == ["D4", "D3"]  # type: ignore[union-attr]


def test_a_text_in_two_branches_is_linked_in_each() -> None:
    assert index().link("moon dust", "CONDITION") == index().link("moon dust", "INTERVENTION") is not None


def test_a_saved_index_answers_as_before(tmp_path: Path) -> None:
    path = tmp_path / "mesh.index"
    index().save(path)
    opened = MeshIndex.open(path)
    assert (len(opened), opened.version) == (9, "v1")
    assert opened.link("Sclerosis, Lunar", "CONDITION") == index().link("Sclerosis, Lunar", "CONDITION") is not None
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:100], lambda b: b"{}" + b[2:], lambda b: b"x" * 999])
def test_a_damaged_index_is_noticed(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "mesh.index"
    index().save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="index of MeSH terms"):
        MeshIndex.open(path)


def test_the_order_of_the_triples_does_not_matter() -> None:
    assert MeshIndex.from_triples(sorted(lines(), reverse=True), "v1").size == index().size
    assert MeshIndex.from_triples(sorted(lines()), "v1").link("LSD", "CONDITION") == index().link("LSD", "CONDITION")


def test_a_study_s_texts_become_claims_about_it() -> None:
    study = Study(
        label="x",
        nct="NCT01234567",
        condition_texts=["Lunar Sclerosis", "Something else"],
        interventions=[Intervention(name="a", label="Product X", other_names=["Moonacillin", "Moon dust"])],
    )
    links = concept_links(study, index())
    assert [(link.kind, link.text, link.link.concept, link.part) for link in links] == [
        ("CONDITION", "Lunar Sclerosis", "D1", None),
        ("INTERVENTION", "Moonacillin", "D5", ("intervention", "a")),
    ]
    iri = "https://w3id.org/trialweave/study/NCT01234567"
    text, subjects = emit_concept_links(links, iri, "https://w3id.org/trialweave/graph/NCT01234567/curated")
    assert len(subjects) == 2
    assert text.count(f"<{MESH}D1> .\n".encode()) == 1
    assert text.count(f"linkedPart> <{iri}/intervention/a>".encode()) == 1
    assert b"ontology#condition>" not in text  # the source's own conditions are its own to state


def test_an_outcome_that_a_registry_names_after_what_is_measured_is_a_biomarker() -> None:
    planned = [
        {"measure": title, "timeFrame": "Month 6"} for title in ("Moonacillin", "Change in mood", "Lunar Tumors")
    ]
    record = full_record()
    del record["resultsSection"]
    record["protocolSection"]["outcomesModule"] = {"primaryOutcomes": planned}
    (study,) = clinicaltrials.read(json.dumps(record).encode(), "x.json")
    assert isinstance(study, Study)
    links = [link for link in concept_links(study, index()) if link.kind == "BIOMARKER"]
    outcome = next(each for each in study.outcomes if each.label == "Moonacillin")
    assert [(link.text, link.link.concept, link.part) for link in links] == [
        ("Moonacillin", "D5", ("outcome", outcome.name))
    ]


REAL = (
    ("Amyotrophic Lateral Sclerosis (ALS)", "CONDITION", "D000690"),
    ("Sclerosis, amyotrophic lateral", "CONDITION", "D000690"),
    ("Lou Gehrigs disease", "CONDITION", "D000690"),
    ("riluzole 50 mg tablets", "INTERVENTION", "D019782"),
    ("transforming growth factor β1", "BIOMARKER", "D053773"),
    ("Oesophageal neoplasm", "CONDITION", "D004938"),
    ("ALS", "CONDITION", None),
    ("Diabetes", "CONDITION", None),
)


@needs_shared
def test_real_terms_are_found_and_agree_with_the_registry() -> None:
    # One test, because the index of all of MeSH takes seconds to build.
    mesh = MeshIndex.from_triples(triples(SHARED / "data/mesh/mesh2024-descriptors.reconstructed.nt.gz"))
    for text, kind, concept in REAL:
        link = mesh.link(text, kind)
        assert (link and link.concept) == concept, text
    agreed = found = 0
    for path in sorted((SHARED / "data/ctgov/studies").glob("*.json")):
        record = json.loads(path.read_bytes())
        meshes = record.get("derivedSection", {}).get("conditionBrowseModule", {}).get("meshes", [])
        annotated = {int(item["id"][1:]) for item in meshes}  # some snapshots pad the number with zeros
        texts = record["protocolSection"]["conditionsModule"].get("conditions", [])
        linked = {link.concept for text in texts if (link := mesh.link(text, "CONDITION"))}
        if annotated:
            found += len(linked)
            agreed += len({concept for concept in linked if int(concept[1:]) in annotated})
    assert found > 1000
    assert agreed / found > 0.94
