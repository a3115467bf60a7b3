"""Every kind of page in a real browser: on a phone, in light and in dark colours, and without a word in the console."""

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from app.dump import write_dump
from app.intake import load
from app.store.embedded import EmbeddedReader
from loaders.documents import documents
from tests.attack.live import serving
from tests.browser.chromium import Page, browsing, program
from tests.paths import STUDIES, is_required

pytestmark = [
    pytest.mark.skipif(
        not program() and not is_required("browser"),
        reason="needs chromium on the path, or another browser of its kind",
    ),
    pytest.mark.timeout(240),
]


def asking(query: str) -> str:
    return f"/sparql?query={quote(query)}"


PAGES = {
    "home": "/",
    "study": "/study/NCT01363401",
    "publication": "/publication/pmid-30048006",
    "part of a study": "/study/NCT01363401/effect/alsfrs-r-month-4",
    "query": "/sparql",
    "rows": asking("SELECT * { GRAPH ?g { ?s ?p ?o } } LIMIT 200"),
    "a long word": asking(f"SELECT ('{'x' * 500}' AS ?x) {{}}"),
    "graph": asking("CONSTRUCT { ?s ?p ?o } { ?s ?p ?o } LIMIT 200"),
    "truth": asking("ASK {}"),
    "mistake": asking(f"SELECT ?{'x' * 300} {{"),
    "nothing there": f"/study/{'N' * 300}",
    "ontology": "/ontology",
    "shapes": "/shapes",
    "dataset": "/dataset",
    "dump": "/dump/",
    "examples": "/.well-known/sparql-examples",
    "validate": "/validate",
    "addresses": "/docs",
}
ERRORS = {"mistake": 400, "nothing there": 404}
PHONE, DESK = 375, 1280
ENOUGH = 4.5
"""How much lighter one of text and background is than the other, at least (W3C WCAG 2.2, 1.4.3)."""

WIDTH = "document.documentElement.scrollWidth"
OUTSIDE = """[...document.querySelectorAll("body *")]
    .filter(each => each.getBoundingClientRect().right > innerWidth + 1 && !each.closest(".scroll"))
    .map(each => each.outerHTML.slice(0, 80))"""
CONTRASTS = """(() => {
    const numbers = text => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(part => part / 255)
        .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
    const behind = each => {
        for (; each; each = each.parentElement) {
            const found = numbers(getComputedStyle(each).backgroundColor);
            if (found.length < 4 || found[3] > 0) return found;
        }
        return [255, 255, 255];
    };
    const told = each => [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    return [...document.querySelectorAll("body *")].filter(told).map(each => {
        const [one, other] = [numbers(getComputedStyle(each).color), behind(each)].map(light);
        return [(Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05), each.outerHTML.slice(0, 80)];
    });
})()"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with the bundled studies and a dump of them."""
    data = tmp_path_factory.mktemp("site") / "data"
    assert load(data, documents([str(STUDIES)])).complete
    with EmbeddedReader(data) as reader:
        write_dump(reader, data / "dump")
    with serving(data, workers=1) as live:
        yield f"http://127.0.0.1:{live.port}"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browsing(tmp_path_factory.mktemp("browser")) as tab:
        yield tab


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_every_page_fits_the_screen_and_can_be_read(page: Page, site: str, width: int, dark: bool) -> None:
    page.look_like(width, dark=dark)
    wrong: dict[str, object] = {}
    for name, path in PAGES.items():
        page.open(site + path)
        contrasts = page.run(CONTRASTS)
        assert contrasts, name
        faint = [(round(ratio, 2), which) for ratio, which in contrasts if ratio < ENOUGH]
        found = {"outside": page.run(OUTSIDE), "faint": faint, "console": complaints(page, ERRORS.get(name))}
        if page.run(WIDTH) > width or any(found.values()):
            wrong[name] = page.run(WIDTH), found
    assert not wrong


def complaints(page: Page, status: int | None) -> list[str]:
    """What the console says, but that the page itself came with the error that it is about."""
    return [each for each in page.errors if f"status of {status} " not in json.dumps(each)]


def test_the_query_page_runs_a_query(page: Page, site: str) -> None:
    page.look_like(PHONE)
    page.open(f"{site}/sparql")
    assert page.run("document.querySelector('table')") is None
    page.run("document.querySelector('textarea').value = 'SELECT (6 * 7 AS ?product) {}'")
    page.follow("document.querySelector('form button').click()")
    assert page.run("document.querySelector('#result').textContent") == "1 row"
    assert page.run(
        "[...document.querySelectorAll('.solutions th, .solutions td')].map(each => each.textContent.trim())"
    ) == [
        "product",
        "42",
    ]
    assert not page.errors


def test_the_colours_follow_the_readers_choice(page: Page, site: str) -> None:
    papers = []
    for dark in (False, True):
        page.look_like(DESK, dark=dark)
        page.open(site)
        papers.append(page.run("getComputedStyle(document.documentElement).backgroundColor"))
    assert papers[0] != papers[1]
