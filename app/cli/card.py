"""A study on one screen, for a clinician: who, what was given, what came out, and where each number stands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.lookup import resolve
from app.store.opening import open_reader
from loaders.link.identifiers import BASE

__all__ = ["print_card", "read_card"]

Rows = list[dict[str, str]]

_PREFIXES = """
PREFIX tw: <https://w3id.org/trialweave/ontology#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
PREFIX dcterms: <http://purl.org/dc/terms/>
"""
# One query a section of the card. Each takes ?study; controlled values come as IRIs and are labelled afterwards,
# because a label stands in another graph than the fact.
_SECTIONS = {
    "facts": """
SELECT DISTINCT ?study ?property ?value ?source WHERE {
  VALUES (?p ?property) {
    (rdfs:label "Title") (tw:officialTitle "Official title") (dcterms:identifier "Identifier") (tw:phase "Phase")
    (tw:overallStatus "Status") (tw:allocation "Allocation") (tw:interventionModel "Model") (tw:masking "Masking")
    (tw:primaryPurpose "Purpose") (tw:multicenter "Multicentre") (tw:enrollmentCount "Enrolled")
    (tw:startDate "Start") (tw:completionDate "Completion") (tw:conditionText "Condition")
    (tw:condition "MeSH condition") (tw:keyword "Keyword")
  }
  GRAPH ?source { ?study ?p ?value }
} ORDER BY ?property ?value ?source""",
    "publications": """
SELECT DISTINCT ?study ?publication ?title ?journal ?issued ?volume ?issue ?pages ?source WHERE {
  GRAPH ?source {
    ?study tw:reportedIn ?publication . ?publication dcterms:title ?title .
    OPTIONAL { ?publication tw:journal ?journal } OPTIONAL { ?publication dcterms:issued ?issued }
    OPTIONAL { ?publication tw:volume ?volume } OPTIONAL { ?publication tw:issue ?issue }
    OPTIONAL { ?publication tw:pages ?pages }
  }
} ORDER BY ?publication ?source""",
    "cohorts": """
SELECT ?study ?cohort ?kind ?size ?intervention ?route ?doses ?source WHERE {
  GRAPH ?source {
    ?study tw:hasCohort ?c . ?c rdfs:label ?cohort ; tw:cohortKind ?kind .
    OPTIONAL { ?c tw:cohortSize ?size }
    OPTIONAL {
      ?c tw:receives ?administration . ?administration tw:ofIntervention/rdfs:label ?intervention .
      OPTIONAL { ?administration tw:route ?route } OPTIONAL { ?administration tw:numberOfDoses ?doses }
    }
  }
} ORDER BY ?kind ?cohort ?source ?intervention""",
    "effects": """
SELECT DISTINCT ?study ?outcome ?time ?compared ?reference ?value ?lower ?upper ?level ?p ?significance ?direction
       ?section ?source WHERE {
  GRAPH ?source {
    ?study tw:hasOutcome ?o . ?o rdfs:label ?outcome . ?e a tw:EffectEstimate ; tw:forOutcome ?o .
    OPTIONAL { ?e tw:timeText ?time } OPTIONAL { ?e tw:value ?value } OPTIONAL { ?e tw:pValueText ?p }
    OPTIONAL { ?e tw:comparedCohort/rdfs:label ?compared } OPTIONAL { ?e tw:referenceCohort/rdfs:label ?reference }
    OPTIONAL { ?e tw:ciLower ?lower ; tw:ciUpper ?upper } OPTIONAL { ?e tw:ciLevel ?level }
    OPTIONAL { ?e tw:significance ?significance } OPTIONAL { ?e tw:effectDirection ?direction }
    OPTIONAL { ?e tw:supportedBy/tw:section ?section }
  }
} ORDER BY ?outcome ?time ?source""",
    "results": """
SELECT ?study ?measure ?category ?cohort ?number ?unit ?count ?all ?percentage ?change ?statistic ?derivation
       (GROUP_CONCAT(DISTINCT ?place; separator=" and ") AS ?section) ?source WHERE {
  GRAPH ?source {
    { ?study tw:hasOutcome ?m . ?r tw:forOutcome ?m } UNION { ?study tw:hasBaselineVariable ?m . ?r tw:forVariable ?m }
    ?r a tw:Result ; tw:forCohort/rdfs:label ?cohort . ?m rdfs:label ?measure .
    OPTIONAL { ?r tw:category ?category } OPTIONAL { ?r tw:value ?number } OPTIONAL { ?r tw:unitText ?unit }
    OPTIONAL { ?r tw:count ?count } OPTIONAL { ?r tw:denominator ?all } OPTIONAL { ?r tw:percentage ?percentage }
    OPTIONAL { ?r tw:changeDirection ?change } OPTIONAL { ?r tw:statistic ?statistic }
    OPTIONAL { ?r tw:derivation ?derivation } OPTIONAL { ?r tw:supportedBy/tw:section ?place }
  }
}
GROUP BY ?study ?r ?measure ?category ?cohort ?number ?unit ?count ?all ?percentage ?change ?statistic ?derivation
         ?source
ORDER BY ?measure ?category ?cohort ?source ?count""",
    "events": """
SELECT DISTINCT ?study ?event ?serious ?cohort ?affected ?risk ?derivation ?reporting ?source WHERE {
  GRAPH ?source {
    ?study tw:hasAdverseEvent ?e . ?e tw:aeTerm ?event . OPTIONAL { ?e tw:serious ?serious }
    OPTIONAL {
      ?r tw:forAdverseEvent ?e ; tw:forCohort/rdfs:label ?cohort .
      OPTIONAL { ?r tw:countAffected ?affected } OPTIONAL { ?r tw:countAtRisk ?risk }
      OPTIONAL { ?r tw:derivation ?derivation } OPTIONAL { ?r tw:reportingCompleteness ?reporting }
    }
  }
} ORDER BY DESC(?serious) ?event ?cohort ?source""",
    "associations": """
SELECT DISTINCT ?study ?first ?second ?cohort ?value ?sign ?p ?significance ?source WHERE {
  GRAPH ?source {
    ?study tw:hasCohort ?c . ?c rdfs:label ?cohort .
    ?a a tw:Association ; tw:forCohort ?c ; tw:variable1Text ?first ; tw:variable2Text ?second .
    OPTIONAL { ?a tw:value ?value } OPTIONAL { ?a tw:pValueText ?p } OPTIONAL { ?a tw:associationSign ?sign }
    OPTIONAL { ?a tw:significance ?significance }
  }
} ORDER BY ?first ?second ?source""",
    "links": """
SELECT DISTINCT ?study ?target ?status ?confidence ?reason WHERE {
  ?link tw:linkSource ?study ; tw:linkTarget ?target ; tw:linkStatus ?status .
  OPTIONAL { ?link tw:confidence ?confidence } OPTIONAL { ?link rdfs:comment ?reason }
} ORDER BY ?target""",
}
_LABELS = "SELECT ?value ?label WHERE { ?value skos:inScheme ?scheme ; skos:prefLabel ?label }"


def read_card(data: Path, identifier: str) -> dict[str, Any]:
    """Return everything the card shows, as plain data. Raises NotFound when no stored study has the identifier."""
    with open_reader(data) as reader:
        study = resolve(reader, identifier)
        labels = {row["value"]: row["label"] for row in reader.rows(_PREFIXES + _LABELS)}
        card: dict[str, Any] = {"study": study}
        for section, text in _SECTIONS.items():
            rows = reader.rows(_PREFIXES + text, {"study": study})
            card[section] = [_readable(row, labels) for row in rows]
    return card


def _readable(row: dict[str, str], labels: dict[str, str]) -> dict[str, str]:
    """Return a row without the study, its IRIs in short and its controlled values in words."""
    return {name: labels.get(value) or _short(name, value) for name, value in row.items() if name != "study"}


def _short(name: str, value: str) -> str:
    """Write a graph as the name of its source, a MeSH IRI as its id, and our own IRIs as what follows the base."""
    if name == "source":
        return value.removeprefix(f"{BASE}graph/").partition("/")[2]
    if value.startswith(_MESH):
        return f"MeSH {value.removeprefix(_MESH)}"
    return value.removeprefix(BASE) if name in {"publication", "target"} else value


_MESH = "http://id.nlm.nih.gov/mesh/"


def print_card(card: dict[str, Any]) -> None:
    """Print the card as text; colours only on a terminal."""
    console = Console(highlight=False)
    _print_facts(console, card)
    for title, section, columns in _TABLES:
        rows = _grouped(card[section]) if section == "cohorts" else card[section]
        if rows:
            table = Table(title=f"\n{title}", title_justify="left", title_style="bold", header_style="bold")
            for header in columns:
                table.add_column(header)
            for row in rows:
                table.add_row(*(escape(cell(_Cells(row))) for cell in columns.values()))
            console.print(table)


class _Cells(dict[str, str]):
    """A row in which what is missing is empty."""

    def __missing__(self, key: str) -> str:
        return ""

    def join(self, *names: str, separator: str = " ") -> str:
        """Return the cells that are there, joined."""
        return separator.join(self[name] for name in names if self[name])


def _estimate(row: _Cells) -> str:
    interval = f" ({row['level'] or '?'} % {row['lower']} to {row['upper']})" if row["lower"] else ""
    return (row["value"] or "not given") + interval


def _value(row: _Cells) -> str:
    if row["percentage"]:
        return f"{row['percentage']} %"
    if row["count"]:
        return f"{row['count']} of {row['all']}" if row["all"] else row["count"]
    return row.join("statistic", "number", "unit") if row["number"] else row["change"]


def _administration(row: _Cells) -> str:
    doses = f"{row['doses']} doses" if row["doses"] else ""
    return ", ".join(part for part in (row["intervention"], row["route"].lower(), doses) if part)


def _grouped(rows: Rows) -> Rows:
    """Put what a cohort receives into one row."""
    cohorts: dict[tuple[str, str], _Cells] = {}
    for row in map(_Cells, rows):
        cohort = cohorts.setdefault((row["cohort"], row["source"]), row)
        given = _administration(row)
        cohort["receives"] = f"{cohort['receives']}; {given}" if cohort["receives"] else given
    return list(cohorts.values())


_TABLES: tuple[tuple[str, str, dict[str, Callable[[_Cells], str]]], ...] = (
    (
        "Cohorts",
        "cohorts",
        {
            "Kind": lambda row: row["kind"],
            "Cohort": lambda row: row["cohort"],
            "n": lambda row: row["size"],
            "Receives": lambda row: row["receives"],
            "Source": lambda row: row["source"],
        },
    ),
    (
        "Effects",
        "effects",
        {
            "Outcome": lambda row: row["outcome"],
            "When": lambda row: row["time"],
            "Comparison": lambda row: row.join("compared", "reference", separator=" against "),
            "Estimate (interval)": _estimate,
            "p": lambda row: row["p"],
            "Finding": lambda row: row["significance"] or row["direction"],
            "Stands in": lambda row: row.join("source", "section", separator=", "),
        },
    ),
    (
        "Results",
        "results",
        {
            "Measure": lambda row: row.join("measure", "category", separator=": "),
            "Cohort": lambda row: row["cohort"],
            "Value": _value,
            "How": lambda row: row["derivation"],
            "Stands in": lambda row: row.join("source", "section", separator=", "),
        },
    ),
    (
        "Adverse events",
        "events",
        {
            "Event": lambda row: row["event"],
            "Cohort": lambda row: row["cohort"],
            "Affected / at risk": lambda row: row.join("affected", "risk", separator=" / ") or row["reporting"],
            "How": lambda row: row["derivation"],
            "Source": lambda row: row["source"],
        },
    ),
    (
        "Associations",
        "associations",
        {
            "Variables": lambda row: row.join("first", "second", separator=" and "),
            "Cohort": lambda row: row["cohort"],
            "Coefficient": lambda row: row["value"],
            "p": lambda row: row["p"],
            "Finding": lambda row: row.join("sign", "significance", separator=", "),
            "Source": lambda row: row["source"],
        },
    ),
    (
        "May be the same as",
        "links",
        {
            "Study": lambda row: row["target"],
            "Status": lambda row: row["status"],
            "Confidence": lambda row: row["confidence"],
            "Why": lambda row: row["reason"],
        },
    ),
)


def _print_facts(console: Console, card: dict[str, Any]) -> None:
    facts: dict[str, dict[str, list[str]]] = {}
    for row in card["facts"]:
        facts.setdefault(row["property"], {}).setdefault(row["value"], []).append(row["source"])
    titles = facts.pop("Title", {})
    console.print(f"[bold]{escape(next(iter(titles), card['study']))}[/bold]")
    console.print(escape(card["study"]))
    grid = Table.grid(padding=(0, 2))
    for name, values in facts.items():
        text = "; ".join(f"{escape(value)} [dim]({', '.join(sources)})[/dim]" for value, sources in values.items())
        grid.add_row(name, text)
    for row in map(_Cells, card["publications"]):
        issue = f"({row['issue']})" if row["issue"] else ""
        place = f"{row['volume']}{issue}:{row['pages']}".strip(":")
        where = " ".join(part for part in (row["journal"], row["issued"], place) if part)
        grid.add_row("Publication", f"{escape(where)}  {escape(row['publication'])} [dim]({row['source']})[/dim]")
    console.print(grid)
