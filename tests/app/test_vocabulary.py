"""MeSH is loaded whole or not at all, and studies are linked to the MeSH that is there."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import commands
from app.intake import load
from app.store.embedded import EmbeddedReader, EmbeddedStore
from app.vocabulary import load_mesh, mesh_index
from loaders.documents import documents
from loaders.link.mesh import Link

MESH = "http://id.nlm.nih.gov/mesh"
STUDY = """\
label: A made-up study
nct: NCT01234567
study_type: INTERVENTIONAL
condition_texts: ["Fever, Moon"]
keywords: [gravity]
"""


def mesh_file(folder: Path, heading: str, name: str = "mesh.nt", record: str = "D900001") -> str:
    concept, term = record.replace("D", "M"), record.replace("D", "T")
    statements = [
        (record, "treeNumber", f"<{MESH}/C99.{record[-3:]}>"),
        (record, "preferredConcept", f"<{MESH}/{concept}>"),
        (record, "preferredTerm", f"<{MESH}/{term}>"),
        (concept, "preferredTerm", f"<{MESH}/{term}>"),
        (term, "prefLabel", f'"{heading}"@en'),
    ]
    path = folder / name
    path.write_text("".join(f"<{MESH}/{s}> <{MESH}/vocab#{p}> {o} .\n" for s, p, o in statements))
    return str(path)


def headings(data: Path) -> set[str]:
    query = f"SELECT ?l WHERE {{ GRAPH <{MESH}> {{ ?t <{MESH}/vocab#prefLabel> ?l }} }}"
    with EmbeddedReader(data) as reader:
        return {row["l"] for row in reader.rows(query)}


def links(data: Path) -> list[dict[str, str]]:
    query = """
    PREFIX tw: <https://w3id.org/trialweave/ontology#>
    SELECT ?text ?concept ?method WHERE {
      GRAPH <https://w3id.org/trialweave/graph/links> {
        ?link a tw:ConceptLink ; tw:linkSource <https://w3id.org/trialweave/study/NCT01234567> ;
          tw:linkedText ?text ; tw:linkedConcept ?concept ; tw:matchMethod ?method
      }
    }
    """
    with EmbeddedReader(data) as reader:
        return list(reader.rows(query))


def test_another_load_replaces_mesh_as_a_whole(tmp_path: Path) -> None:
    data = tmp_path / "data"
    two = [mesh_file(tmp_path, "Moon Fever"), mesh_file(tmp_path, "Star Fever", "b.nt", "D900002")]
    assert load_mesh(data, two).generation == 1
    assert headings(data) == {"Moon Fever", "Star Fever"}
    assert load_mesh(data, [mesh_file(tmp_path, "Sun Fever")]).generation == 2
    assert headings(data) == {"Sun Fever"}
    assert len(list(data.glob("mesh-*"))) == 1


def test_the_same_files_are_not_loaded_again(tmp_path: Path) -> None:
    data, files = tmp_path / "data", [mesh_file(tmp_path, "Moon Fever"), mesh_file(tmp_path, "X", "b.nt", "D900002")]
    load_mesh(data, files)
    again = load_mesh(data, files[::-1])
    assert (again.unchanged, again.generation, again.concepts) == (True, 1, 2)


@pytest.mark.parametrize("bad", ["broken", "absent"])
def test_one_bad_file_leaves_mesh_as_it_was(tmp_path: Path, bad: str) -> None:
    data = tmp_path / "data"
    load_mesh(data, [mesh_file(tmp_path, "Moon Fever")])
    second = tmp_path / "bad.nt"
    if bad == "broken":
        second.write_text("<a> <b>\n")
    summary = load_mesh(data, [mesh_file(tmp_path, "Sun Fever"), str(second)])
    assert not summary.complete
    assert [str(second) in problem for problem in summary.problems] == [True]
    assert headings(data) == {"Moon Fever"}
    with EmbeddedStore(data) as store:
        index = mesh_index(data, store)
    assert index is not None
    assert index.link("moon fever", "CONDITION")
    assert not list(data.glob("*.part"))


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"x")], ids=["missing", "damaged"])
def test_the_index_is_made_again_from_the_store(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    data = tmp_path / "data"
    load_mesh(data, [mesh_file(tmp_path, "Moon Fever")])
    (file,) = data.glob("mesh-*.index")
    damage(file)
    with EmbeddedStore(data) as store:
        index = mesh_index(data, store)
    assert index is not None
    link = index.link("Fever, Moon", "CONDITION")
    assert isinstance(link, Link)
    assert link.concept == "D900001"
    assert file.exists()


def test_a_store_without_mesh_has_no_index_and_makes_no_links(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    data = tmp_path / "data"
    load(data, documents([str(tmp_path / "study.yaml")]))
    with EmbeddedStore(data) as store:
        assert mesh_index(data, store) is None
    assert links(data) == []


def test_texts_are_linked_to_the_mesh_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    data, study = tmp_path / "data", [str(tmp_path / "study.yaml")]
    load(data, documents(study))
    load_mesh(data, [mesh_file(tmp_path, "Moon Fever")])
    assert load(data, documents(study)).count("loaded") == 1
    assert links(data) == [
        {
            "text": "Fever, Moon",
            "concept": f"{MESH}/D900001",
            "method": "https://w3id.org/trialweave/value/MatchMethod-INVERTED",
        }
    ]
    assert load(data, documents(study)).count("unchanged") == 1
    load_mesh(data, [mesh_file(tmp_path, "Sun Fever")])
    assert load(data, documents(study)).count("loaded") == 1
    assert links(data) == []


def test_the_command_loads_and_says_what_is_wrong(tmp_path: Path) -> None:
    run, data = CliRunner(), str(tmp_path / "data")
    good = run.invoke(commands.cli, ["load", "--format", "mesh", mesh_file(tmp_path, "Moon Fever"), "--data", data])
    assert (good.exit_code, "5 triples" in good.stdout) == (0, True)
    (tmp_path / "bad.nt").write_text("nothing\n")
    bad = run.invoke(commands.cli, ["load", "--format", "mesh", str(tmp_path / "bad.nt"), "--data", data])
    assert bad.exit_code == 1
    assert "bad.nt:1" in bad.output
    assert "Traceback" not in bad.output
