"""Where the sources of a study disagree: the property, each value, and who says it.

Loading compares the sources of each study and stores what it finds as SHACL results in `…/graph/{study}/disagreements`.
A result names the node and the property; who says which value is read from the assertion graphs themselves.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from app.lookup import resolve
from app.store.opening import Reader, open_reader
from loaders.emit import PROVENANCE_GRAPH, study_iri
from loaders.gate import short
from loaders.link.identifiers import BASE

__all__ = ["Discrepancy", "Said", "print_discrepancies", "read_discrepancies"]


@dataclass(frozen=True, slots=True)
class Said:
    """One of the values, and the assertion graphs that give it. `node` is the cohort or study they give it to."""

    node: str
    value: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One property of one node, about which the sources of a study disagree. All but `message` are IRIs."""

    study: str
    node: str
    property: str
    message: str
    said: tuple[Said, ...]

    def as_json(self) -> dict[str, object]:
        """Return the discrepancy as plain data."""
        return asdict(self)


def read_discrepancies(data: Path, identifier: str | None = None) -> list[Discrepancy]:
    """Return where the sources of one study, or of all studies, disagree, in the order of their IRIs.

    Raises NotFound when no stored study has the identifier.
    """
    with open_reader(data) as reader:
        chosen = {"graph": _graph(resolve(reader, identifier))} if identifier else {}
        others: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
        for row in reader.rows(_RESULTS, chosen):
            found = others[row["graph"], row["node"], row["property"], row["message"]]
            found += [row["other"]] if "other" in row else []
        return [
            Discrepancy(_study(graph), node, path, message, tuple(_said(reader, _study(graph), path, node, *rest)))
            for (graph, node, path, message), rest in sorted(others.items())
        ]


def print_discrepancies(found: list[Discrepancy]) -> None:
    """Print discrepancies as text, those of a study below its IRI; colours only on a terminal."""
    console = Console(highlight=False, soft_wrap=True)
    study = ""
    for each in found:
        if each.study != study:
            study = each.study
            console.print(f"[bold]{escape(study)}[/bold]")
        about = "" if each.node == study else f"{short(each.node)} "
        console.print(f"  {escape(about + short(each.property))}: {escape('; '.join(_in_words(each)))}")


def _in_words(each: Discrepancy) -> Iterator[str]:
    for said in each.said:
        where = "" if said.node == each.node else f"{short(said.node)} "
        sources = ", ".join(source.removeprefix(f"{BASE}graph/").partition("/")[2] for source in said.sources)
        yield f"{where}{short(said.value)} ({sources})"


def _said(reader: Reader, study: str, path: str, *nodes: str) -> Iterator[Said]:
    """Yield the values of a property, of each of the nodes that are compared, with the graphs that hold them."""
    for node in nodes:
        sources: dict[str, list[str]] = defaultdict(list)
        for row in reader.rows(_VALUES, {"study": study, "node": node, "property": path}):
            sources[row["value"]].append(row["source"])
        for value, graphs in sorted(sources.items()):
            yield Said(node, value, tuple(sorted(graphs)))


def _graph(study: str) -> str:
    return f"{BASE}graph/{study.removeprefix(study_iri(''))}/disagreements"


def _study(graph: str) -> str:
    return study_iri(graph.removeprefix(f"{BASE}graph/").partition("/")[0])


# The value of a result is another node where cohorts are compared; else it is a value that the graphs hold as well.
_RESULTS = """
PREFIX sh: <http://www.w3.org/ns/shacl#>
PREFIX tw: <https://w3id.org/trialweave/ontology#>
SELECT DISTINCT ?graph ?node ?property ?message ?other WHERE {
  GRAPH ?graph { ?result sh:focusNode ?node ; sh:resultPath ?property ; sh:resultMessage ?message . }
  FILTER (STRENDS(STR(?graph), "/disagreements"))
  OPTIONAL { GRAPH ?graph { ?result sh:value ?other } ?other a tw:Cohort }
} ORDER BY ?graph ?node ?property ?other
"""
_VALUES = f"""
PREFIX tw: <https://w3id.org/trialweave/ontology#>
PREFIX twv: <https://w3id.org/trialweave/value/>
SELECT DISTINCT ?study ?node ?property ?value ?source WHERE {{
  GRAPH <{PROVENANCE_GRAPH}> {{ ?source tw:aboutStudy ?study }}
  {{ GRAPH ?source {{ ?node ?property ?value }} }}
  UNION {{
    GRAPH ?source {{ ?started tw:forCohort ?node ; tw:milestone twv:Milestone-STARTED ; tw:count ?value }}
    FILTER (?property = tw:cohortSize)
    FILTER NOT EXISTS {{
      GRAPH ?source {{ ?before tw:forCohort ?node ; tw:milestone twv:Milestone-STARTED ; tw:count ?more }}
      FILTER (?more > ?value)
    }}
  }}
}}
"""
