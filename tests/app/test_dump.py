"""A dump is the same for the same content, can be checked, and can be loaded again."""

import gzip
import json
from hashlib import sha256
from pathlib import Path

import pyoxigraph as ox
import pytest

import app.dump
from app.dump import read_manifest, write_dump
from app.store.base import ReplaceGraph
from app.store.embedded import EmbeddedReader, EmbeddedStore
from app.store.fingerprint import fingerprint, total

GRAPHS = {f"urn:g{n % 3}": b"" for n in range(3)} | {
    "urn:g1": b'<urn:s> <urn:p> "a \\"word\\" . # and\\nmore"@en .\n<urn:s> <urn:p> <urn:o> .\n',
    "urn:g2": b'<urn:s> <urn:p> "\xc3\xa9" .\n' + b"".join(b"<urn:s%d> <urn:p> <urn:o> .\n" % n for n in range(500)),
}


def data(folder: Path, graphs: list[str]) -> Path:
    with EmbeddedStore(folder) as store:
        for graph in graphs:
            store.apply([ReplaceGraph(graph, GRAPHS[graph])])
        store.publish()
    return folder


def test_same_content_same_bytes_in_any_order_and_with_any_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    for name, order, run in (("a", sorted(GRAPHS), app.dump._RUN), ("b", sorted(GRAPHS, reverse=True), 1000)):
        monkeypatch.setattr(app.dump, "_RUN", run)
        with EmbeddedReader(data(tmp_path / name / "data", order)) as reader:
            write_dump(reader, tmp_path / name / "dump")
        written.append({file.name: file.read_bytes() for file in (tmp_path / name / "dump").iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {
        "trialweave-000001.nq.gz", "trialweave-000001.graphs.tsv.gz", "SHA256SUMS", "manifest.ttl", "manifest.json",
    }  # fmt: skip


def test_a_dump_has_everything_sorted_and_says_so(tmp_path: Path) -> None:
    with EmbeddedReader(data(tmp_path / "data", sorted(GRAPHS))) as reader:
        manifest = write_dump(reader, tmp_path / "dump")
    assert read_manifest(tmp_path / "dump") == manifest
    packed = (tmp_path / "dump" / "trialweave-000001.nq.gz").read_bytes()
    lines = gzip.decompress(packed).splitlines(keepends=True)
    assert lines == sorted(lines)
    assert (manifest.quads, manifest.graphs, manifest.files[0].lines) == (503, 2, 503)
    assert len(set(ox.parse(b"".join(lines), format=ox.RdfFormat.N_QUADS))) == 503
    assert f"{sha256(packed).hexdigest()}  trialweave-000001.nq.gz" in (tmp_path / "dump" / "SHA256SUMS").read_text()
    assert total(fingerprint(reversed(lines))) == manifest.fingerprint
    site = "https://example.org/dump/"
    described = ox.parse((tmp_path / "dump" / "manifest.ttl").read_bytes(), format=ox.RdfFormat.TURTLE, base_iri=site)
    assert site + "trialweave-000001.nq.gz" in {quad.subject.value for quad in described}


def test_a_new_dump_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    folder = data(tmp_path / "data", ["urn:g1"])
    for expected in (1, 2):
        with EmbeddedReader(folder) as reader:
            assert write_dump(reader, tmp_path / "dump").generation == expected
        data(folder, ["urn:g2"])
    assert [file.name for file in sorted((tmp_path / "dump").glob("*.nq.gz"))] == ["trialweave-000002.nq.gz"]


@pytest.mark.parametrize("content", [None, "", "{}", json.dumps({"files": 3})])
def test_no_manifest_or_a_broken_one_is_no_dump(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    assert read_manifest(tmp_path) is None
