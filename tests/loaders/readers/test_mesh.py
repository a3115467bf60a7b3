"""MeSH files become NLM's own triples, whatever form they come in, and broken ones are refused in one line."""

import gzip
from pathlib import Path

import pytest

from loaders.errors import SourceError
from loaders.readers import mesh
from tests.paths import SHARED, needs_shared

SAMPLES = SHARED / "data/mesh/nlm-samples"
VOCABULARY = "<http://id.nlm.nih.gov/mesh/vocab#"
DESCRIPTORS = """<?xml version="1.0"?>
<!DOCTYPE DescriptorRecordSet SYSTEM "https://example.org/descriptors.dtd">
<DescriptorRecordSet>
 <DescriptorRecord DescriptorClass="1">
  <DescriptorUI>D900001</DescriptorUI><DescriptorName><String>Moon Diseases</String></DescriptorName>
  <TreeNumberList><TreeNumber>C99</TreeNumber></TreeNumberList>
 </DescriptorRecord>
 <DescriptorRecord DescriptorClass="1">
  <DescriptorUI>D900002</DescriptorUI><DescriptorName><String>Moon "Fever"</String></DescriptorName>
  <DateCreated><Year>2020</Year><Month>01</Month><Day>02</Day></DateCreated>
  <TreeNumberList><TreeNumber>C99.100</TreeNumber></TreeNumberList>
  <ConceptList><Concept PreferredConceptYN="Y">
   <ConceptUI>M900002</ConceptUI><ConceptName><String>Moon Fever</String></ConceptName>
   <TermList>
    <Term ConceptPreferredTermYN="Y" IsPermutedTermYN="N" LexicalTag="NON" RecordPreferredTermYN="Y">
     <TermUI>T900002</TermUI><String>Moon Fever</String></Term>
    <Term ConceptPreferredTermYN="N" IsPermutedTermYN="Y" LexicalTag="NON" RecordPreferredTermYN="N">
     <TermUI>T900002</TermUI><String>Fever, Moon</String></Term>
   </TermList>
  </Concept></ConceptList>
 </DescriptorRecord>
</DescriptorRecordSet>
"""
LINE = f'<http://id.nlm.nih.gov/mesh/D900001> {VOCABULARY}identifier> "D900001" .\n'


def read(path: Path, content: str | bytes) -> list[str]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [line.decode() for line in mesh.triples(path)]


def said(lines: list[str], subject: str, name: str) -> list[str]:
    start = f"<http://id.nlm.nih.gov/mesh/{subject}> {VOCABULARY}{name}> "
    return [line.removeprefix(start).removesuffix(" .\n") for line in lines if line.startswith(start)]


class TestXml:
    def test_a_descriptor_has_its_terms_its_tree_and_its_broader_descriptor(self, tmp_path: Path) -> None:
        lines = read(tmp_path / "desc.xml", DESCRIPTORS)
        assert said(lines, "D900002", "treeNumber") == ["<http://id.nlm.nih.gov/mesh/C99.100>"]
        assert said(lines, "C99.100", "parentTreeNumber") == ["<http://id.nlm.nih.gov/mesh/C99>"]
        assert said(lines, "D900002", "broaderDescriptor") == ["<http://id.nlm.nih.gov/mesh/D900001>"]
        assert said(lines, "T900002", "prefLabel") == ['"Moon Fever"@en']
        assert said(lines, "T900002", "altLabel") == ['"Fever, Moon"@en']
        assert said(lines, "D900002", "dateCreated") == ['"2020-01-02"^^<http://www.w3.org/2001/XMLSchema#date>']
        assert said(lines, "D900002", "active") == ['"true"^^<http://www.w3.org/2001/XMLSchema#boolean>']
        assert any(r'"Moon \"Fever\""@en' in line for line in lines)

    def test_packed_or_not_makes_no_difference(self, tmp_path: Path) -> None:
        plain = read(tmp_path / "a", DESCRIPTORS)
        assert read(tmp_path / "b", gzip.compress(DESCRIPTORS.encode())) == plain

    @needs_shared
    def test_nlm_samples_give_what_nlm_made_of_them(self) -> None:
        made = {line for file in sorted(SAMPLES.glob("*-samples.xml")) for line in mesh.triples(file)}
        published = set(mesh.triples(SAMPLES / "samples.nt"))
        assert not published - made
        assert {line.split()[1] for line in made - published} == {f"{VOCABULARY}active>".encode()}

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            (DESCRIPTORS[:900], "not well-formed"),
            ("<?xml version='1.0'?><PubmedArticleSet/>", "PubmedArticleSet"),
            (DESCRIPTORS.replace("<DescriptorUI>D900001</DescriptorUI>", ""), "without DescriptorUI"),
            (
                DESCRIPTORS.replace('SYSTEM "https://example.org/descriptors.dtd"', '[<!ENTITY a "aaaa">]'),
                "declares entities",
            ),
            (
                DESCRIPTORS.replace(
                    'SYSTEM "https://example.org/descriptors.dtd"', '[<!ENTITY a SYSTEM "/etc/hosts">]'
                ),
                "declares entities",
            ),
        ],
        ids=["cut off", "other XML", "nameless", "entities", "file entity"],
    )
    def test_refused(self, tmp_path: Path, content: str, complaint: str) -> None:
        with pytest.raises(SourceError, match=complaint) as caught:
            read(tmp_path / "bad.xml", content)
        assert "\n" not in str(caught.value)


class TestNTriples:
    def test_every_form_of_line_comes_out_in_one_form(self, tmp_path: Path) -> None:
        tight, spaced = (
            LINE.replace("> ", ">").replace('" .', '".'),
            "\t" + LINE.replace(" ", "  ").strip() + " # x\r\n",
        )
        assert read(tmp_path / "m.nt", f"# MeSH\n\n{tight}{spaced}{LINE}") == [LINE] * 3

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            (LINE + "not a triple\n", r":2: is not a triple"),
            (LINE + '<http://a b> <http://p> "x" .\n', ":2:"),
            (LINE + f'_:b {VOCABULARY}note> "x" .\n', ":2:.*blank"),
            (LINE + LINE[:-3], ":2:"),
            ('<http://a> <http://b> "c" .\n', "not MeSH"),
            ("", "not MeSH"),
            (gzip.compress(LINE.encode() * 999)[:-20], "cannot be read"),
            (b"\x1f\x8bnot gzip at all", "cannot be read"),
        ],
        ids=["words", "bad IRI", "blank node", "cut off", "other RDF", "empty", "cut-off gzip", "no gzip"],
    )
    def test_refused(self, tmp_path: Path, content: str | bytes, complaint: str) -> None:
        with pytest.raises(SourceError, match=complaint):
            read(tmp_path / "bad.nt", content)

    def test_a_bomb_is_refused_before_it_fills_the_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mesh, "MAX_BYTES", 100_000)
        with pytest.raises(SourceError, match="unpacked"):
            read(tmp_path / "bomb.nt.gz", gzip.compress(LINE.encode() * 10_000))

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"absent\.nt: cannot be read: No such file"):
            list(mesh.triples(tmp_path / "absent.nt"))


def test_the_version_of_a_set_of_files_does_not_depend_on_their_order() -> None:
    assert mesh.version_of(["a", "b"]) == mesh.version_of(["b", "a", "b"]) != mesh.version_of(["a"])
