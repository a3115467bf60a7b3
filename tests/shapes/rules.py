"""The shapes of a profile as a graph that tests can ask."""

from functools import cache

from rdflib import Graph

from loaders.shacl import Profile, shapes

__all__ = ["rules"]


@cache
def rules(profile: Profile) -> Graph:
    """Return the shapes as the engines get them."""
    return Graph().parse(data=shapes(profile), format="nt")
