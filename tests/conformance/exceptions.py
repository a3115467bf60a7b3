"""Tests of the W3C that are not run or do not pass, by name, each with its reason; docs/conformance.md lists them."""

__all__ = ["EXCEPTIONS", "NOT_RUN"]

NOT_RUN = {
    "sparql11/entailment": "The service has no entailment regime: it answers from what is stored.",
    "sparql11/service": "SERVICE is not available.",
    "sparql11/syntax-fed": "SERVICE is not available, and a query with it is refused before it is read.",
}

EXCEPTIONS: dict[str, str] = {}
