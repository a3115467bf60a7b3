"""A dump: everything that one generation holds, as files that anybody can check and any store can load.

    trialweave-000007.nq.gz           all quads of named graphs, canonical N-Quads lines in the order of their bytes
    trialweave-000007.graphs.tsv.gz   for each named graph: its IRI, number of triples and fingerprint
    SHA256SUMS                        for `sha256sum --check`
    manifest.ttl                      the same as DCAT distributions
    manifest.json                     what the files are, their sizes and hashes; written last

Same content, same bytes: the order of loading, the time and the machine show only where the quads themselves tell them.
"""

import gzip
import heapq
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, cast

from app.store.embedded import EmbeddedReader
from app.store.fingerprint import fingerprint, total
from app.store.generations import engine_errors
from loaders.link.identifiers import BASE

__all__ = ["FOLDER", "DumpFile", "Manifest", "read_manifest", "write_dump"]

FOLDER = "dump"
"""Where in a data directory the service looks for a dump."""

_RUN = 64 * 1024 * 1024
"""Bytes of lines that are sorted at a time, in about three times as much memory."""


@dataclass(frozen=True, slots=True)
class DumpFile:
    """A file of a dump; `lines` counts those of the text that is compressed in it."""

    name: str
    media_type: str
    bytes: int
    sha256: str
    lines: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a dump consists of. `fingerprint` is that of all graphs together (see `app.store.fingerprint`)."""

    dataset: str
    generation: int
    quads: int
    graphs: int
    fingerprint: str
    files: tuple[DumpFile, ...]

    def find(self, name: str) -> DumpFile | None:
        """Return the file with that name."""
        return next((file for file in self.files if file.name == name), None)


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of the dump in a folder, None when there is none, or none that can be read."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        content = json.loads((folder / "manifest.json").read_bytes())
        return Manifest(**{**content, "files": tuple(DumpFile(**file) for file in content["files"])})
    return None


def write_dump(reader: EmbeddedReader, folder: Path) -> Manifest:
    """Write the generation that the reader holds into a folder, and remove the dump that was there before.

    Needs memory for some runs of lines and one entry a graph, and room for twice the uncompressed text. Whoever reads
    the folder meanwhile finds the old dump until the new manifest is there. Raises StoreError, StoreFull.
    """
    stem = f"trialweave-{reader.generation:06d}"
    with engine_errors(f"writing a dump into {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="sorting-", suffix=".part", dir=folder) as runs:
            sorted_runs = _Runs(Path(runs))
            reader.dump(cast(BinaryIO, sorted_runs), "application/n-quads")
            with ExitStack() as stack:
                files = [stack.enter_context(run.open("rb")) for run in sorted_runs.close_runs()]
                tee = _Written(folder / f"{stem}.nq.gz", "application/n-quads")
                graphs = fingerprint(tee.passing(heapq.merge(*files)))
        listed = _Written(folder / f"{stem}.graphs.tsv.gz", "text/tab-separated-values")
        rows = (f"{graph}\t{number}\t{added:032x}\n".encode() for graph, (number, added) in sorted(graphs.items()))
        for _ in listed.passing(rows):
            pass
        quads = sum(number for number, _ in graphs.values())
        dumped = (tee.described(), listed.described())
        manifest = Manifest(f"{BASE}dataset", reader.generation, quads, len(graphs), total(graphs), dumped)
        _write_manifest(manifest, folder)
    return manifest


class _Runs(io.RawIOBase):
    """Takes lines in any pieces, and keeps them in files of sorted lines."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pieces: list[bytes] = []
        self._size = 0
        self._runs: list[Path] = []

    def writable(self) -> bool:
        """True: that is what it is for."""
        return True

    def write(self, data: object) -> int:
        """Take the next piece of text."""
        piece = bytes(data)  # type: ignore[call-overload]
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= _RUN:
            self._sort()
        return len(piece)

    def close_runs(self) -> list[Path]:
        """Return the files."""
        self._sort()
        return self._runs

    def _sort(self) -> None:
        """Write the whole lines that have come so far; what follows the last line break waits for its rest."""
        text, _, rest = b"".join(self._pieces).rpartition(b"\n")
        self._pieces, self._size = [rest], len(rest)
        if text:
            run = self._folder / f"{len(self._runs)}.nq"
            run.write_bytes(b"\n".join(sorted(text.split(b"\n"))) + b"\n")
            self._runs.append(run)


class _Written:
    """A compressed file while lines pass into it. It has its name only when all of them are in."""

    def __init__(self, path: Path, media_type: str) -> None:
        self._path = path
        self._media_type = media_type
        self._lines = 0

    def passing(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield each line when it is written."""
        part = self._path.with_name(self._path.name + ".part")
        # Neither name nor time of the file: they would make equal content unequal (RFC 1952, section 2.3.1).
        with part.open("wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
            for line in lines:
                packed.write(line)
                self._lines += 1
                yield line
        part.replace(self._path)

    def described(self) -> DumpFile:
        """Return what the manifest says of the file."""
        with self._path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        return DumpFile(self._path.name, self._media_type, self._path.stat().st_size, digest, self._lines)


def _write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write what describes the files, the manifest itself last, and remove those that it does not name."""
    _replace(folder / "SHA256SUMS", "".join(f"{file.sha256}  {file.name}\n" for file in manifest.files))
    _replace(folder / "manifest.ttl", _turtle(manifest))
    _replace(folder / "manifest.json", json.dumps(asdict(manifest), indent=2) + "\n")
    for other in folder.glob("trialweave-*.gz*"):
        if not manifest.find(other.name):
            other.unlink()


def _turtle(manifest: Manifest) -> str:
    """Return the DCAT description. Its IRIs are relative: a dump may lie anywhere."""
    lines = [
        "@prefix dcat: <http://www.w3.org/ns/dcat#> .",
        "@prefix spdx: <http://spdx.org/rdf/terms#> .",
        "@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .",
        "",
    ]
    for file in manifest.files:
        lines += [
            f"<{manifest.dataset}> dcat:distribution <{file.name}> .",
            f"<{file.name}> a dcat:Distribution ; dcat:downloadURL <{file.name}> ;",
            f"    dcat:mediaType <https://www.iana.org/assignments/media-types/{file.media_type}> ;",
            "    dcat:compressFormat <https://www.iana.org/assignments/media-types/application/gzip> ;",
            f'    dcat:byteSize "{file.bytes}"^^xsd:nonNegativeInteger ; spdx:checksum <#{file.name}> .',
            f"<#{file.name}> a spdx:Checksum ; spdx:algorithm spdx:checksumAlgorithm_sha256 ;",
            f'    spdx:checksumValue "{file.sha256}"^^xsd:hexBinary .',
        ]
    return "\n".join(lines) + "\n"


def _replace(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
