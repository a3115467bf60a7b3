"""Text-to-MeSH linking held against the registry's own MeSH annotation: precision and recall by kind and by method.

    python -m bench.mesh_linking --mesh MESH.nt.gz --studies FOLDER [--half tune|report] [--examples]

Half of the records, by the SHA-256 of their NCT ids, were looked at while the rules were written (`tune`); the figures
in docs/mesh-linking.md are those of the other half (`report`). What they mean, and what not, stands there too.
"""

import argparse
import gzip
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from loaders.link.mesh import MeshIndex
from loaders.record import TextKind

__all__ = ["main"]

PLACEBOS = "D010919"
TEXTS: dict[str, TextKind] = {"conditions": "CONDITION", "keywords": "KEYWORD", "interventions": "INTERVENTION"}
MODULES = {
    "conditions": ("conditionBrowseModule",),
    "keywords": ("conditionBrowseModule", "interventionBrowseModule"),
    "interventions": ("interventionBrowseModule",),
}


@dataclass
class Score:
    """Counts over all records: pairs of a record and a concept."""

    texts: int = 0
    linked: int = 0
    found: int = 0
    right: int = 0
    near: int = 0
    annotated: int = 0
    reachable: int = 0
    methods: Counter[str] = field(default_factory=Counter)
    right_by_method: Counter[str] = field(default_factory=Counter)
    wrong: Counter[tuple[str, str]] = field(default_factory=Counter)
    missed: Counter[tuple[str, str]] = field(default_factory=Counter)


class Mesh:
    """Which identifiers MeSH has and where they stand in its trees."""

    def __init__(self, path: Path) -> None:
        self.trees: dict[str, list[str]] = {}
        for line in lines(path):
            subject, predicate, target = line.split(b" ", 2)
            if predicate.endswith(b"#treeNumber>"):
                name, tree = (part.rpartition(b"/")[2].partition(b">")[0].decode() for part in (subject, target))
                self.trees.setdefault(name, []).append(tree)

    def repaired(self, identifier: str) -> str:
        """Return an identifier without the zeros that some snapshots pad it with."""
        if identifier in self.trees:
            return identifier
        letter, digits = identifier[0], identifier[1:].lstrip("0")
        forms = [letter + digits.rjust(width, "0") for width in (6, 9)]
        return next((form for form in forms if form in self.trees), forms[len(digits) > 6])

    def related(self, one: str, others: set[str]) -> bool:
        """Say whether a concept is above or below one of the others in a tree."""
        return any(
            a.startswith(b + ".") or b.startswith(a + ".")
            for a in self.trees.get(one, ())
            for other in others
            for b in self.trees.get(other, ())
        )


def lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        yield from file


def texts_of(protocol: dict[str, Any], field: str) -> list[str]:
    if field == "interventions":
        return [item["name"] for item in protocol.get("armsInterventionsModule", {}).get("interventions", [])]
    return list(protocol.get("conditionsModule", {}).get(field, []))


def records(folder: Path, half: str) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.json")):
        even = sha256(path.stem.encode()).digest()[0] % 2 == 0
        if half == "all" or even == (half == "tune"):
            yield json.loads(path.read_bytes())


def score(record: dict[str, Any], kind: str, mesh: Mesh, index: MeshIndex, total: Score) -> None:
    """Add what one record shows. A record without an annotation of this kind says nothing about right and wrong."""
    derived = record.get("derivedSection", {})
    meshes = [item for module in MODULES[kind] for item in derived.get(module, {}).get("meshes", [])]
    annotation = {mesh.repaired(item["id"]): item.get("term", "") for item in meshes}
    texts = texts_of(record["protocolSection"], kind)
    links = [(text, link) for text in texts if (link := index.link(text, TEXTS[kind]))]
    total.texts += len(texts)
    total.linked += len(links)
    if not annotation:
        return
    total.annotated += len(annotation)
    total.reachable += sum(identifier in mesh.trees for identifier in annotation)
    # The registry never annotates a placebo, though MeSH has a heading for it: that says nothing about the link.
    found = {link.concept: (text, link.method) for text, link in links if link.concept != PLACEBOS}
    for concept, (text, method) in found.items():
        right = concept in annotation
        total.found += 1
        total.right += right
        total.near += not right and mesh.related(concept, set(annotation))
        total.methods[method] += 1
        total.right_by_method[method] += right
        if not right:
            total.wrong[text, f"{concept} {method}"] += 1
    for missing in annotation.keys() - found.keys():
        total.missed[annotation[missing], " | ".join(texts)[:150]] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mesh", type=Path, required=True, help="MeSH as N-Triples, plain or .gz")
    parser.add_argument("--studies", type=Path, required=True, help="a folder of ClinicalTrials.gov v2 records")
    parser.add_argument("--half", choices=("tune", "report", "all"), default="report")
    parser.add_argument("--examples", type=int, default=0, help="how many disagreements to print")
    options = parser.parse_args()
    started = time.perf_counter()
    index = MeshIndex.from_triples(lines(options.mesh))
    seconds = time.perf_counter() - started
    print(f"index of {len(index):,} concepts built in {seconds:.1f} s, {index.size / 2**20:.1f} MiB")
    mesh = Mesh(options.mesh)
    chosen = list(records(options.studies, options.half))
    print(f"{len(chosen):,} records ({options.half})")
    for kind in TEXTS:
        total = Score()
        started = time.perf_counter()
        for record in chosen:
            score(record, kind, mesh, index, total)
        report(kind, total, time.perf_counter() - started, options.examples)


def report(kind: str, total: Score, seconds: float, examples: int) -> None:
    per_text = seconds / max(1, total.texts) * 1e6
    print(f"\n{kind}: {total.linked:,} of {total.texts:,} texts linked, {per_text:.0f} µs a text")
    print(f"  precision    {share(total.right, total.found)}")
    print(f"    or related {share(total.right + total.near, total.found)} (above or below in a tree)")
    print(f"  recall       {share(total.right, total.annotated)}")
    print(f"    of this MeSH's concepts {share(total.right, total.reachable)}")
    for method, count in total.methods.most_common():
        print(f"    {method:12} {share(total.right_by_method[method], count)}")
    for title, disagreements in (("not in the annotation", total.wrong), ("missed", total.missed)):
        for (text, what), count in disagreements.most_common(examples):
            print(f"      {title}: {count} x {what} <- {text}")


def share(part: int, whole: int) -> str:
    return f"{part:5} of {whole:5} = {part / whole if whole else 0:.3f}"


if __name__ == "__main__":
    main()
