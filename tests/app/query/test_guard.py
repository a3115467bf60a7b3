import time

import pyoxigraph as ox
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.errors import QueryRefused, QuerySyntaxError, QueryTooLarge, TrialweaveError
from app.query import guard
from app.query.guard import QueryForm, check_query
from app.settings import Settings

SETTINGS = Settings()

FORMS = [
    ("SELECT * { ?s ?p ?o }", QueryForm.SELECT),
    ("select*{}", QueryForm.SELECT),
    ("ASK{}", QueryForm.ASK),
    ("BASE <http://a/> PREFIX ask: <select> ask { ask:select ?p ?o }", QueryForm.ASK),
    ("# SELECT\nPREFIX : <#>\n CoNsTrUcT WHERE { ?s ?p ?o }", QueryForm.CONSTRUCT),
    ("DESCRIBE <http://a/SELECT>", QueryForm.DESCRIBE),
    ("VERSION '1.2' SELECT * { <<?s ?p ?o>> ?q ?r }", QueryForm.SELECT),
]

HARMLESS = [
    "SELECT * { ?service ?load ?o }",
    "SELECT * { ?s ?p 'SERVICE <http://a> { }' }",
    'SELECT * { ?s ?p "it\'s SERVICE" , \'LOAD "x"\' }',
    "SELECT * { ?s ?p '''SERVICE\n''' , \"\"\"LOAD ' \" \n\"\"\" }",
    r"SELECT * { ?s ?p '\'SERVICE' , '''a'SERVICE''b\'''' }",
    "SELECT * { ?s ?p ?o } # SERVICE <http://a> {}",
    "SELECT * { # SERVICE\r ?s ?p ?o }",
    "SELECT * { ?s <http://a/SERVICE> <LOAD> }",
    "SELECT * { ?s <http://a/(b)SERVICE#c> <http://a/d'SERVICE'> }",
    "PREFIX ex: <http://a/> SELECT * { ex:SERVICE ex:load ex:x.SERVICE }",
    "PREFIX service: <http://a/> SELECT * { ?s service:load ?o }",
    "PREFIX service: <http://a/> SELECT * { GRAPH service:load { ?s ?p ?o } }",
    "PREFIX service: <http://a/> SELECT * FROM service:load { ?s ?p ?o }",
    "SELECT * { ?s ?p 'a'@load , _:SERVICE , _:b.SERVICE }",
    r"PREFIX ex: <http://a/> SELECT * { ex:a\-SERVICE ex:b%20LOAD ex:c\#SERVICE }",
    "SELECT * { ?s ?p ?o FILTER(?o<5&&?o>3) }",
    "SELECT * { ?s ?p ?o FILTER(?o < 5 # > ' \n) }",
    "SELECT * { ?s ?p ?o FILTER(?o IN (<urn:a#b>, <urn:a#c>)) }",
    "SELECT * { VALUES (?a ?b) { (<urn:a#b> <urn:a'b>) (<#a> <#b>) } }",
    "SELECT * { ?s (<#a>|<#b>)* ?o }",
    "SELECT (COUNT(DISTINCT <#a>) AS ?n) { }",
    "SELECT * { ?s ?p ?o.?s ?q 1.5,-1.e5,.5 }",
    "SELECT * { VALUES ?x { " + "-1 " * 2000 + "} }",
]

REFUSED = [
    "SELECT * { SERVICE <http://a> { ?s ?p ?o } }",
    "SELECT * { service <http://a> {} }",
    "SELECT * { SeRvIcE SILENT <http://a> {} }",
    "SELECT * { ?s ?p ?o.SERVICE<http://a>{} }",
    "SELECT * { SERVICE?v{} }",
    "SELECT * { SERVICE#comment\n<http://a>{} }",
    "SELECT * { #comment\nSERVICE\r\n<http://a>{} }",
    "BASE <http://a/> SELECT * { SERVICE <b> {} }",
    "PREFIX ex: <http://a/> SELECT * { SERVICE ex:b {} }",
    "SELECT * { ?s ?p ?o FILTER EXISTS { SERVICE <http://a> {} } }",
    "SELECT * { ?s ?p ?o FILTER(NOT EXISTS{SERVICE<http://a>{}}) }",
    "SELECT * { { SELECT * { SERVICE <http://a> {} } } }",
    "SELECT * { OPTIONAL { ?s ?p ?o } SERVICE <http://a> {} }",
    "SELECT * { ?s ?p '\\\\' SERVICE <http://a> {} }",
    "SELECT * { ?s ?p 1SERVICE <http://a> {} }",
    "SELECT * { ?s ?p 1e5SERVICE <http://a> {} }",
    "SELECT * { ?s ?p trueSERVICE <http://a> {} }",
    "SELECT * { ?s ?p true.SERVICE <http://a> {} }",
    "SELECT * { ?s ?p 'x'@en.SERVICE <http://a> {} }",
    "PREFIX : <http://a/> SELECT * { SERVICE:x {} }",
    "PREFIX SERVICE: <http://a/> PREFIX : <http://a/> SELECT * { SERVICE:x {} }",
    "PREFIX ex: <http://a/> SELECT * { SERVICEex:x {} }",
    "PREFIX ex: <http://a/> SELECT * { serviceSilentex:x # c\n {} }",
    "SELECT * { ?s ?p ?a FILTER(?a<<http://x/#>) SERVICE <http://a> {}\n}",
    r"SELECT * { \u0053ERVICE <http://a> {} }",
    r"SELECT * { SERVIC\U00000045 <http://a> {} }",
    r"SELECT * { ?s ?p '' \u000ASERVICE <http://a> {} }",
    r"SELECT * { # \u000A SERVICE <http://a> {} }",
    "LOAD <http://a>",
    "ASK { GRAPH ?g { ?s ?p [ ] } SERVICE <http://a> {} }",
    "SELECT * { load <http://a> }",
]

AMBIGUOUS = [
    # Each of these the engine takes for SERVICE, and a lexer by the grammar for an IRI, a string or a comment.
    "SELECT * { ?s ?p ?a FILTER(?a<1)SERVICE#>\n<http://a>{} }",
    "SELECT * { ?s ?p ?a FILTER(?a<1)#>'''\nSERVICE <http://a> {} #'''\n}",
    "SELECT * { ?s ?p ?a FILTER(?a<'>') SERVICE <http://a> {} FILTER('') }",
    "SELECT * { <<?s?p'#>'>> ?x ?y SERVICE <http://a> {} #'\n}",
    r"SELECT * { VALUES ?v { '''a' } SERVICE <http://a> {} #\x'''" + "\n}",
    r"SELECT * { VALUES ?v { '''a' } SERVICE <http://a> {} #\uD800'''" + "\n}",
    r"SELECT * { VALUES ?v { '''a' } SERVICE <http://a> {} #\U00110000'''" + "\n}",
]


@pytest.mark.parametrize(("text", "form"), FORMS)
def test_the_form_of_a_query_is_found_behind_its_prologue(text: str, form: QueryForm) -> None:
    assert check_query(text, SETTINGS) is form


@pytest.mark.parametrize("text", HARMLESS)
def test_the_letters_of_service_and_load_are_free_where_they_are_no_keyword(text: str) -> None:
    assert check_query(text, SETTINGS) is QueryForm.SELECT


@pytest.mark.parametrize("text", REFUSED)
def test_service_and_load_are_refused_wherever_they_stand(text: str) -> None:
    with pytest.raises(
        QueryRefused, match=r"(SERVICE|LOAD) is not available on this endpoint \(line \d+, column \d+\)"
    ):
        check_query(text, SETTINGS)


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_a_text_in_which_the_engine_would_find_service_after_all_does_not_pass(text: str) -> None:
    assert _engine_sees_service(text), "the engine has changed: this case shows nothing any more"
    with pytest.raises((QueryRefused, QuerySyntaxError)):
        check_query(text, SETTINGS)


def test_a_refusal_says_where() -> None:
    with pytest.raises(QueryRefused, match=r"line 3, column 5"):
        check_query("SELECT *\n{\n    SERVICE <http://a> {}\n}", SETTINGS)


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("", 1, 1, "ends before"),
        ("  # nothing\n", 2, 1, "ends before"),
        ("INSERT DATA { <a:s> <a:p> <a:o> }", 1, 1, "update"),
        ("PREFIX a: <b:c>\nDELETE WHERE { ?s ?p ?o }", 2, 1, "update"),
        ("FOO *", 1, 1, "FOO"),
        ("SELECT * {\n ?s ?p 'abc }", 2, 8, "does not end"),
        ("SELECT * {\n ?s ?p 'a\\qc' }", 2, 8, "escape"),
        ("SELECT * { ) }", 1, 12, "closes no"),
        ("SELECT * { ?s ?p § }", 1, 18, "§"),
    ],
)
def test_what_is_no_query_is_answered_with_the_place(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(QuerySyntaxError, match=words) as caught:
        check_query(text, SETTINGS)
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT * {} #" + "é" * 40_000, "80,013 bytes"),
        ("SELECT * " + "{" * 100 + "}" * 100, "60 levels"),
        ("SELECT * { FILTER(" + "(" * 20_000 + "1" + ")" * 20_000 + ") }", "60 levels"),
        ("SELECT * { ?s ?p ?a FILTER(?a<" + "(" * 10_000 + "1" + ")" * 10_000 + ">1) }", "60 levels"),
        ("SELECT * {" + "<<" * 5_000 + "[" * 100, "60 levels"),
        ("SELECT * {{}" + "UNION{}" * 401 + "}", "400"),
        ("SELECT * { ?s ?p true" + ".OPTIONAL{?s ?p true}" * 401 + "}", "400"),
        ("SELECT * {" + "minus{}" * 401 + "}", "400"),
        ("SELECT * { FILTER(1" + "||1" * 401 + ") }", "400"),
        ("SELECT * { FILTER(1" + "&&1" * 401 + ") }", "400"),
        ("SELECT * { FILTER(" + "!" * 16_000 + "1) }", "400"),
    ],
)
def test_texts_built_to_exhaust_the_parser_are_too_large(text: str, words: str) -> None:
    with pytest.raises(QueryTooLarge, match=words):
        check_query(text, SETTINGS)


WORDS = r"""
    SERVICE SILENT LOAD SELECT VALUES GRAPH EXISTS FILTER OPTIONAL PREFIX BASE true a * { } ( ) [ ] < > << >> <a> <#a>
    ' " ''' \ \' \u0041 '\u0027' # ?v ?a< ex: ex:b : :c _:d @en 1 1.5 1e5 . .. , ; = || && ^^ ? ^ / | - + ! % é
    <http://a/b> <http://a>{} {} · ̀ 𐀀 VALUES(?v){ VALUES?v{ (1) (<a> "x"@en UNDEF)
"""
PIECES = st.sampled_from([*WORDS.split(), '"' * 3, " ", "\n", "\x00"])
SOUP = st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=30).map("".join)


@settings(max_examples=400, deadline=None)
@given(SOUP)
@example("SELECT * {" + "a." * 20_000)
@example("SELECT * {" + "<" * 30_000)
@example("SELECT * {" + "?" * 30_000)
@example("SELECT * {" + "ex:a" + "." * 30_000)
@example("SELECT * {" + "<a" * 20_000)
@example("SELECT * {" + "%" * 30_000)
@example("SELECT * {" + "'" * 30_001)
@example("SELECT * {" + "\\u0041" * 10_000)
@example("SELECT * {" + "@en-" * 10_000)
@example("SELECT * { ?s ?p '" + "\\" * 30_000)
def test_no_text_crashes_the_lexer_or_takes_it_long(text: str) -> None:
    began = time.process_time()
    try:
        check_query(text, SETTINGS)
    except TrialweaveError as error:
        assert "\n" not in error.message[-1:]
    assert time.process_time() - began < 2


def test_twice_the_text_takes_about_twice_the_time() -> None:
    def seconds(size: int) -> float:
        text = "SELECT * {" + "?s ex:a.b 'x' . " * size + "}"
        times = []
        for _ in range(3):
            began = time.process_time()
            check_query(text, SETTINGS)
            times.append(time.process_time() - began)
        return min(times)

    assert seconds(3_200) < 8 * seconds(800) + 0.02


WITHOUT_QUOTES = st.text(st.characters(exclude_characters="\"'\\\r\n", exclude_categories=["Cs"]), max_size=8)
IRI_CHARACTERS = st.text("abcXYZ019/.-_~!$&*+,;=:@()#?'", max_size=12)
SPACES = st.sampled_from(["", " ", "\n", "#x\n", "\t# '<\"\n"])


@settings(max_examples=200, deadline=None)
@given(WITHOUT_QUOTES, WITHOUT_QUOTES, st.sampled_from(["'", '"', "'''", '"""']))
def test_service_in_a_string_is_never_refused(before: str, after: str, quote: str) -> None:
    check_query(f"SELECT * {{ ?s ?p {quote}{before}SERVICE <a> {{{after}{quote} }}", SETTINGS)


@settings(max_examples=200, deadline=None)
@given(IRI_CHARACTERS, IRI_CHARACTERS)
def test_service_in_an_iri_or_a_comment_is_never_refused(before: str, after: str) -> None:
    check_query(f"SELECT * {{ ?s <http://{before}SERVICE{after}> ?o # {before}SERVICE{after}\n }}", SETTINGS)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        ["?s ?p ?o .", "?s ?p 'it''s' .", "?s ?p '#' .", "?s <http://a#'> 1.", "FILTER(?a<1)", "{}", "#'\n"]
    ),
    SPACES,
    st.sampled_from(["SERVICE", "service", "Service SILENT", "sErViCe#\n"]),
    st.sampled_from(["<http://a>", " <http://a>", "?v", " ?v", " ex:a", "\n_:a"]),
)
def test_service_outside_of_them_always_is(before: str, space: str, keyword: str, target: str) -> None:
    with pytest.raises(QueryRefused):
        check_query(f"SELECT * {{ {before}{space}{keyword}{target} {{ ?a ?b ?c }} }}", SETTINGS)


IRIS = [f"<http://id.nlm.nih.gov/mesh/D{number:06}>" for number in range(10_000)]
PLAIN = [
    " ".join(IRIS),
    "\n".join(f'({iri} "caf\u00e9 \\"{number}\\""@en-gb UNDEF)' for number, iri in enumerate(IRIS)),
    " ".join(f"ex:D{number}.x :{number}" for number in range(40_000)),
]


@pytest.mark.parametrize("rows", PLAIN)
@pytest.mark.parametrize("text", ["SELECT * { VALUES ?c { %s } ?s ?p ?c }", "SELECT*{?s ?p ?c}VALUES(?c ?x){%s}"])
def test_ten_thousand_rows_of_values_are_accepted_in_no_time(text: str, rows: str) -> None:
    began = time.process_time()
    check_query(text % rows, SETTINGS)
    assert time.process_time() - began < 0.5  # It takes a tenth of that; token by token it takes half of it.


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { VALUES ?x { " + "1 " * 1_000_000 + "} }",
        "SELECT * { ?s ?p " + "1 , " * 30_000 + " 1 }",
        "SELECT * { VALUES ?x { 1 } ?s ?p " + "<http://a> , " * 10_000 + " 1 }",
        "SELECT * { VALUES ?x { 1 } # " + "<http://a> " * 10_000 + "\n }",
        "SELECT * { VALUES ?x { " + "'''{ <http://a> }''' " * 10_000 + "} }",
        "SELECT * { VALUES ?x { " + "<http://a> " * 80_000 + "} { VALUES ?y { " + "1 " * 150_000 + "} } }",
    ],
)
def test_other_text_is_not_taken_for_rows_of_values(text: str) -> None:
    with pytest.raises(QueryTooLarge, match=r"65,536, and 1,048,576 more in rows of VALUES"):
        check_query(text, SETTINGS)


def _parses(text: str) -> bool:
    try:
        ox.Store().query(text)
    except SyntaxError:
        return False
    except (OSError, RuntimeError, ValueError):
        return True
    return True


def _engine_sees_service(text: str) -> bool:
    """Whether the engine takes the word in the text for the keyword: then no other word can stand in its place."""
    return _parses(text) and not _parses(text.replace("SERVICE", "SERVIXE"))


CLAUSE = "SERVICE<http://127.0.0.1:1/>{?a ?b ?c}"


@settings(max_examples=600, deadline=None)
@given(st.lists(PIECES, max_size=6).map("".join), st.lists(PIECES, max_size=6).map("".join), st.booleans())
def test_whatever_surrounds_it_the_engine_never_gets_to_see_service(before: str, after: str, in_filter: bool) -> None:
    start = "SELECT * { ?s ?p ?a FILTER(?a" if in_filter else "SELECT * { ?s ?p ?o "
    text = f"{start}{before}{CLAUSE}{after}\n}}"
    try:
        check_query(text, SETTINGS)
    except TrialweaveError:
        return
    assert not _engine_sees_service(text)


PIECES = st.sampled_from(
    ["SELECT", "ASK", "PREFIX ex:", "<http://a/(b>", "<urn:a>", "?s", "ex:p", "a", "{", "}", "(", ")", "[", "]", "*",
     ".", ";", '"text"', '"(', '"', "'", "# {\n", "#", "1", "1.5", "<", ">", "UNION", "OPTIONAL", "SERVICE", "serv",
     "ice", "LOAD", "trueNOW", "\\u0053", "_:b", "é", "ſervice", "BASE", "@en", "||", "-"]
)  # fmt: skip


@given(st.lists(st.tuples(PIECES, st.sampled_from(["", " ", "\n"])), max_size=25))
@example([("SELECT", " "), ("*", ""), ("{", ""), ("#", ""), ("}", "")])
@settings(max_examples=500, deadline=None)
def test_the_short_way_never_tells_anything_else_than_the_long_one(pieces: list[tuple[str, str]]) -> None:
    text = "SELECT * " + "".join(piece + space for piece, space in pieces)
    strict = Settings(query_depth=3, query_branches=3)
    short = guard._form_of_simple(text, strict)
    if short is not None:
        assert guard._check(text, strict, services=False) is not None, "not refused by the long way either"
        assert guard._form(text, next(guard.tokens(text))) is short
