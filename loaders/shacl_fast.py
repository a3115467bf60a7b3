"""The gate's usual engine: a quick look at all rules, and pyshifty for those that may fail.

    data --screen--> the few shapes that may say something, on the statements they can see --pyshifty--> Results

pyshifty takes milliseconds for any graph with all of our shapes, however small it is, and most graphs have no finding.
By itself it differs from the W3C's suite in and-001, nodeKind-001, or-datatypes-001 and uniqueLang-002; tests hold this
engine to the suite where the shapes use what it tests, and to pySHACL everywhere.
"""

from collections import defaultdict
from functools import lru_cache
from typing import Any

import pyoxigraph as ox

# The package's own functions of that name go by way of rdflib; these take and give bytes.
from shifty._shifty import PreparedValidator

from loaders.shacl import Result
from loaders.shacl_screen import screen

__all__ = ["results", "run"]

_SH = "http://www.w3.org/ns/shacl#"


def results(triples: bytes, shapes: bytes) -> list[Result]:
    """Return what shapes say about data (both N-Triples). Raises ValueError for what is not RDF."""
    return [result for rules, data in screen(shapes).parts(triples) for result in run(data, rules)]


def run(triples: bytes, shapes: bytes) -> list[Result]:
    """Run pyshifty with all of the shapes over all of the data. Raises ValueError for what is not RDF."""
    outcome = _validator(shapes).validate_w3c(
        data=triples,
        data_format="ntriples",
        graph_mode="data",
        run_infer=False,
        sort_results=False,
        on_unsupported="error",
    )
    if outcome.conforms:
        return []
    nodes: dict[Any, dict[str, Any]] = defaultdict(dict)
    for quad in ox.parse(outcome.report_turtle, format=ox.RdfFormat.TURTLE):
        nodes[quad.subject][quad.predicate.value.removeprefix(_SH)] = quad.object
    return [_result(node) for node in nodes.values() if "sourceShape" in node]


@lru_cache(maxsize=512)
def _validator(shapes: bytes) -> PreparedValidator:
    return PreparedValidator(shapes=shapes, shapes_format="ntriples")


def _result(node: dict[str, Any]) -> Result:
    path = node.get("resultPath")
    return Result(
        focus=node["focusNode"],
        path=path if isinstance(path, ox.NamedNode) else None,
        value=node.get("value"),
        shape=node["sourceShape"].value,
        component=node["sourceConstraintComponent"].value,
        severity=node["resultSeverity"].value.removeprefix(_SH),
        message=node["resultMessage"].value if "resultMessage" in node else "",
    )
