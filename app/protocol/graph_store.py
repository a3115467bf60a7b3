"""Which graph a request to the graph store is about, by the SPARQL 1.1 Graph Store HTTP Protocol (W3C, section 4)."""

from dataclasses import dataclass

from app.errors import BadRequest
from app.protocol.request import decode_parameters, is_absolute
from app.store.base import DEFAULT_GRAPH

__all__ = ["ALLOWED", "Target", "parse_target"]

ALLOWED = ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS")
"""What the Allow header of a graph says."""


@dataclass(frozen=True, slots=True)
class Target:
    """A graph, by its IRI. `is_default` says that the request called it the default graph."""

    graph: str
    is_default: bool = False


def parse_target(url: str, query_string: bytes, *, direct: bool) -> Target | None:
    """The graph of a request: the URL itself (section 4.1), or what `graph` or `default` name in its query (4.2).

    None when an indirect request names neither: then it is about the graph store as a whole. Raises BadRequest.
    """
    if direct:
        return Target(url)
    parameters = decode_parameters(query_string, "the URL")
    graphs, default = parameters.get("graph", []), parameters.get("default")
    if default is None and not graphs:
        return None
    if len(graphs) + (default is not None) > 1 or (default and any(default)):
        raise BadRequest("Name one graph: either ?graph= with its IRI or ?default without a value.")
    if default is not None:
        return Target(DEFAULT_GRAPH, is_default=True)
    if not is_absolute(graphs[0]):
        raise BadRequest(f"The value of graph is not an absolute IRI: {graphs[0][:200]}")
    return Target(graphs[0])
