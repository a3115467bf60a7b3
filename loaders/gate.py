"""The gate: what one source says about one study is checked with the SHACL shapes before it is stored.

    triples --validate--> Report of Findings; a Violation keeps the graph out, a Warning or an Info goes in with it

The shapes (`shapes/*.ttl`) hold the rules and their words; this module runs them and makes their report fit to be read,
stored and queried: sorted, the same for the same data, and without blank nodes.

The validator and its libraries (`loaders.shacl`) are imported when the first graph is checked, for a service that loads
nothing needs none of them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from loaders.link.identifiers import BASE, curie_iri, mesh_iri
from loaders.terms import ONTOLOGY, PREFIXES, VALUES, XSD, literal

if TYPE_CHECKING:
    from loaders.shacl import Profile

__all__ = ["SHAPE", "Engine", "Finding", "Report", "Severity", "short", "validate", "validate_all", "validate_union"]

SHAPE = BASE + "shapes#"
"""What the IRIs of shapes begin with."""

Severity = Literal["Violation", "Warning", "Info"]

Engine = Literal["pyshifty", "pyshacl"]
"""What runs the shapes. Both find the same; pySHACL is slower, and there to hold the other one to."""

_SH = "http://www.w3.org/ns/shacl#"
_TYPE = PREFIXES["rdf"] + "type"
_SHARED = (SHAPE, ONTOLOGY, *PREFIXES.values())
_PREFIXED = {
    mesh_iri(""): "mesh:",
    curie_iri("STATO:"): "STATO:",
    curie_iri("NCIT:"): "NCIT:",
    "https://doi.org/": "doi:",
    "https://orcid.org/": "orcid:",
    "https://clinicaltrials.gov/study/": "clinicaltrials:",
    "https://identifiers.org/clinicaltrials:": "clinicaltrials:",
    "https://pubmed.ncbi.nlm.nih.gov/": "pubmed:",
    "http://rdf.ncbi.nlm.nih.gov/pubmed/": "pubmed:",
    XSD: "xsd:",
    _SH: "sh:",
}
"""Namespaces of others, by the prefixes that bioregistry.io has for them."""
_LONGEST_VALUE = 120
_SAYS_SOURCE_KIND = f"> <{ONTOLOGY}sourceKind> <".encode()
# A line as `loaders.emit` writes it. No literal can look like that: a line end in it is escaped.
_SOURCE_KIND = re.compile(
    rf"<[^>\n]*> <{re.escape(ONTOLOGY)}sourceKind> <{re.escape(VALUES)}SourceKind-(\w+)> \.".encode()
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of validation: which node, what is wrong with it, how bad that is, and the rule that says so.

    `focus`, `path` and `shape` are IRIs; `path` is None where the rule is not about a single property. `value` is the
    offending value for people, or all values of the property where there are too many or they differ; `terms` are the
    same values in N-Triples syntax. `rule` is the label of the shape, `message` says what is wrong and what to do.
    """

    focus: str
    path: str | None
    value: str | None
    shape: str
    rule: str
    severity: Severity
    message: str
    terms: tuple[str, ...] = ()

    @property
    def node(self) -> str:
        """The focus node in short: effect/alsfrs-month-4, study/NCT01363401, publication/pmid-30048006."""
        return short(self.focus)

    @property
    def line(self) -> str:
        """The finding in one line: node, property and value, how bad it is, and what to do."""
        return f"{self.node}: {self.statement}"

    @property
    def statement(self) -> str:
        """The finding in one line without its node, for a report that groups findings by node."""
        value = "" if self.value is None else f" ({_printable(self.value)})"
        about = f"{short(self.path)}{value}: " if self.path else ""
        return f"{self.severity}: {about}{self.message}"

    def triples(self, result: str) -> Iterator[str]:
        """Yield the finding as an sh:ValidationResult named `result`, one N-Triples line each."""
        yield f"<{result}> <{_TYPE}> <{_SH}ValidationResult> .\n"
        yield f"<{result}> <{_SH}focusNode> <{self.focus}> .\n"
        yield f"<{result}> <{_SH}resultSeverity> <{_SH}{self.severity}> .\n"
        yield f"<{result}> <{_SH}sourceShape> <{self.shape}> .\n"
        yield f"<{result}> <{_SH}resultMessage> {literal(self.message)} .\n"
        if self.path:
            yield f"<{result}> <{_SH}resultPath> <{self.path}> .\n"
        for term in self.terms:
            yield f"<{result}> <{_SH}value> {term} .\n"


@dataclass(frozen=True, slots=True)
class Report:
    """What validation found, ordered by node and then the worst first."""

    findings: tuple[Finding, ...] = ()

    @property
    def conforms(self) -> bool:
        """Whether nothing keeps the graph out of the store: there is no Violation."""
        return all(finding.severity != "Violation" for finding in self.findings)

    def lines(self) -> tuple[str, ...]:
        """Return one line a finding."""
        return tuple(finding.line for finding in self.findings)

    def text(self) -> str:
        """Return the report for a curator: each node and its findings, as one wrong limit can break two rules."""
        return "".join(
            f"{node}\n" + "".join(f"  {finding.statement}\n" for finding in findings)
            for node, findings in groupby(self.findings, key=lambda finding: finding.node)
        )

    def triples(self, report: str) -> bytes:
        """Return the report as an sh:ValidationReport named `report` (N-Triples), without blank nodes.

        Results are named by their content beside it: a report `{graph}#report` has results `{graph}#result-…`.
        """
        lines = [
            f"<{report}> <{_TYPE}> <{_SH}ValidationReport> .\n",
            f'<{report}> <{_SH}conforms> "{str(self.conforms).lower()}"^^<{XSD}boolean> .\n',
        ]
        for finding in self.findings:
            digest = blake2b(repr(finding).encode("utf-8", "replace"), digest_size=8).hexdigest()
            result = f"{report.partition('#')[0]}#result-{digest}"
            lines.append(f"<{report}> <{_SH}result> <{result}> .\n")
            lines.extend(finding.triples(result))
        return "".join(sorted(lines)).encode()


def validate(triples: bytes, engine: Engine = "pyshifty") -> Report:
    """Check what one source says about one study: the N-Triples of its graph, its provenance and its links.

    Where the provenance says that the source is the registry, its profile of the rules holds. Never raises on what the
    data say: data that cannot be read or checked give a Report with one Violation.
    """
    return _checked(triples, "registry" if set(_source_kinds(triples)) == {b"CTGOV"} else "extracted", engine)


def validate_all(graphs: Iterable[bytes], engine: Engine = "pyshifty") -> list[Report]:
    """Check several graphs, each by itself: exactly what `validate` says of each, in their order.

    A graph costs what its statements cost and next to nothing besides, so nothing would be gained by checking several
    in one go, where two that describe one node would have to be kept apart.
    """
    return [validate(triples, engine) for triples in graphs]


def validate_union(quads: bytes, engine: Engine = "pyshifty") -> Report:
    """Compare what the sources of one study say: the N-Quads of all its graphs. Every finding is an Info.

    The graph names tell which source says what. N-Triples are read too, but then phases cannot be compared: a study has
    a set of them, and without graph names two sets are one.
    """
    return _checked(quads, "union", engine)


def short(text: str) -> str:
    """Return an IRI of this project without what all of them share, and a known one of others with a prefix.

    Other text stays as it is.

    >>> short("https://w3id.org/trialweave/study/NCT01363401/effect/month-4")
    'effect/month-4'
    >>> short("https://w3id.org/trialweave/value/Masking-DOUBLE")
    'DOUBLE'
    >>> short("http://id.nlm.nih.gov/mesh/D000690")
    'mesh:D000690'
    """
    if text.startswith(VALUES):
        return text.removeprefix(VALUES).partition("-")[2]
    for shared in _SHARED:
        if text.startswith(shared):
            return text.removeprefix(shared)
    for namespace, prefix in _PREFIXED.items():
        if text.startswith(namespace):
            return prefix + text.removeprefix(namespace)
    name = text.removeprefix(BASE)
    part = name.partition("/")[2].partition("/")[2]
    return part if name.startswith("study/") and part else name


def _source_kinds(triples: bytes) -> Iterator[bytes]:
    at = triples.find(_SAYS_SOURCE_KIND)
    while at >= 0:
        end = triples.find(b"\n", at)
        line = triples[triples.rfind(b"\n", 0, at) + 1 : end if end >= 0 else None]
        if match := _SOURCE_KIND.fullmatch(line):
            yield match[1]
        at = triples.find(_SAYS_SOURCE_KIND, at + 1)


def _printable(text: str) -> str:
    """Return text from a source on one line, not too long, and without characters that command a terminal."""
    line = "".join(character if character.isprintable() else "\ufffd" for character in " ".join(text.split()))
    return line if len(line) <= _LONGEST_VALUE else f"{line[:_LONGEST_VALUE]}…"


def _checked(data: bytes, profile: "Profile", engine: Engine) -> Report:
    from loaders.shacl import findings

    try:
        return Report(findings(data, profile, engine))
    except (SyntaxError, ValueError) as error:
        message = f"The data are not readable as RDF: {error}. Correct them and try again."
    except Exception as error:  # Odd data make the libraries raise all sorts of errors, and the gate must stay shut.
        message = f"The data could not be checked ({error.__class__.__name__}: {error}). Please report this."
    return Report((Finding(BASE + "graph", None, None, SHAPE + "Checkable", "Checkable", "Violation", message),))
