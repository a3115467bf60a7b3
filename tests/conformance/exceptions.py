"""Tests of the W3C that are not run or do not pass, by name, each with its reason; docs/conformance.md lists them."""

__all__ = ["EXCEPTIONS", "NOT_RUN"]

NOT_RUN = {
    "sparql11/entailment": "The service has no entailment regime: it answers from what is stored.",
    "sparql11/service": "Run by tests/conformance/test_federation.py; all 7 pass.",
    "sparql11/syntax-fed": "Run by tests/conformance/test_federation.py.",
    "sparql11/service-description": "Its tests are sentences for people; the service's own tests hold it to them.",
    "sparql11/http-rdf-update": "Its tests are prose, and deprecated in favour of graph-store-protocol, which is run.",
}
"""Groups of tests."""

_NUMBERS = "The engine stores the values of numbers, not how they are written: 01 comes back as 1."
_GRAPH = "The engine binds the variable of GRAPH within its group already, not only after it."
_PATH = "The engine finds a path of length zero only at terms that are in the graph."
_LANGUAGE = "The engine keeps the language that all joined strings share; SPARQL 1.1 has a plain string."
_BNODE = "The engine gives BNODE of the same string the same blank node in all solutions."
_DATES = "The engine compares dates with and without a time zone; SPARQL 1.0 had them be an error."
_LENIENT = "The engine accepts what the grammar forbids."
_TRIG = "Its data are one TriG document with several graphs, and the graph store takes graphs one at a time."
_REUSED = "The engine does not let a SELECT use the variable of an aggregate that it makes itself."
_LOAD = "LOAD is refused on purpose: the service fetches nothing."

_BY_REASON = {
    _NUMBERS: """
        sparql11/cast/cast-bool sparql11/cast/cast-int sparql11/cast/cast-float sparql11/cast/cast-double
        sparql11/cast/cast-decimal sparql11/cast/cast-string sparql11/csv-tsv-res/csv03 sparql11/csv-tsv-res/tsv03
        sparql10/open-world/open-eq-01 sparql10/expr-builtin/dawg-str-1 sparql10/expr-builtin/dawg-str-2
        sparql10/expr-builtin/sameTerm-simple sparql10/expr-builtin/sameTerm-eq sparql10/expr-builtin/sameTerm-not-eq
        sparql10/expr-equals/eq-2-1 sparql10/expr-equals/eq-2-2 sparql10/expr-equals/eq-graph-1
        sparql10/expr-equals/eq-graph-2 sparql10/distinct/no-distinct-1 sparql10/distinct/distinct-1
        sparql10/distinct/no-distinct-9 sparql10/distinct/distinct-9 sparql10/reduced/reduced-1
        sparql10/reduced/reduced-2 sparql12/grouping/group01 sparql12/eval-triple-terms/op-2
    """,
    _GRAPH: """
        sparql11/aggregates/agg-empty-group-count-graph sparql11/bindings/graph sparql11/negation/graph-minus
        sparql10/graph/graph-variable-scope sparql10/graph/graph-optional
    """,
    _PATH: """
        sparql11/property-path/zero_or_more_set_start sparql11/property-path/zero_or_more_set_end
        sparql11/property-path/zero_or_one_set_start sparql11/property-path/zero_or_one_set_end
    """,
    _LANGUAGE: "sparql11/aggregates/agg-groupconcat-04 sparql11/aggregates/agg-groupconcat-06",
    _BNODE: "sparql11/functions/bnode01",
    _DATES: "sparql10/open-world/date-2 sparql10/open-world/date-3",
    _LENIENT: """
        sparql10/syntax-sparql3/syn-bad-26 sparql12/syntax-triple-terms-negative/tripleterm-subject-03
        sparql12/syntax-triple-terms-negative/tripleterm-subject-06 sparql12/syntax/nested-aggregate-functions
    """,
    "The engine reads true and false in small letters only.": "sparql10/expr-builtin/case-insensitive-booleans",
    _REUSED: "sparql12/grouping/select-variable-reuse",
    _TRIG: """
        sparql12/eval-triple-terms/graphs-1 sparql12/eval-triple-terms/graphs-2 sparql12/eval-triple-terms/expr-1
    """,
    _LOAD: """
        sparql11/syntax-update-1/test_1 sparql11/syntax-update-1/test_2 sparql11/syntax-update-1/test_3
        sparql11/syntax-update-1/test_4 sparql11/syntax-update-1/test_37 sparql11/syntax-update-1/test_41
        sparql11/syntax-update-1/test_47 sparql11/syntax-update-1/test_48 sparql11/syntax-update-1/test_49
        sparql11/update-silent/load-silent sparql11/update-silent/load-into-silent
    """,
}

EXCEPTIONS = {name: reason for reason, names in _BY_REASON.items() for name in names.split()}
"""Tests that are run and fail."""
