"""The lexer sees the same tokens, whether it takes rows of VALUES one by one or by the thousand."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import QuerySyntaxError
from app.sparql.tokens import tokens

WORDS = r"""
    VALUES VALUES?x{ VALUES(?x){ DATA DATA{ SELECT GRAPH SERVICE UNDEF true false trueSERVICE ?v * { } ( ) (1) [ ] < >
    << <http://a/b> <a> <#a'> <a>{ "x" "x"@en "x"^^<a> "\"" "\q" "{" "" ''' 'x' " # #x' 1 -1.5 1.5e-3 1SERVICE 1. . >>
    ex:a ex:a.b ex:a{ SERVICEex:x :a ex: _:b , ; ^^ é
"""
PIECES = st.sampled_from([*WORDS.split(), '"' * 3, " ", " ", "\n"])
SOUP = st.lists(PIECES, max_size=25).map("".join)


def seen(text: str, *, rows: bool) -> tuple[list[str], bool]:
    """The texts of the tokens, those of rows one by one, and whether something in the text is none."""
    found: list[str] = []
    try:
        for token in tokens(text, rows=rows):
            if token.kind == "rows":
                found += [each.text for each in tokens(f"VALUES {{{token.text}")][2:]
            else:
                found.append(token.text)
    except QuerySyntaxError:
        return found, True
    return found, False


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(["SELECT * { VALUES ?x {", "SELECT * { VALUES (?x ?y) { (", "INSERT DATA {", ""]), SOUP)
def test_rows_by_the_thousand_are_the_same_tokens(start: str, text: str) -> None:
    assert seen(start + text, rows=True) == seen(start + text, rows=False)


def test_they_are_taken_by_the_thousand() -> None:
    kinds = [
        token.kind for token in tokens("SELECT * { VALUES ?x { " + "<http://a/b> " * 2_500 + "'b' 1 } }", rows=True)
    ]
    assert kinds == ["word", "mark", "mark", "word", "variable", "mark", *["rows"] * 3, "string", "rows", *["mark"] * 2]
