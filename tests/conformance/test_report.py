"""The documentation lists exactly what is run, what passes and what does not."""

from tests.conformance.report import lists
from tests.paths import ROOT, needs_shared


@needs_shared
def test_the_page_says_what_the_suites_do() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text()
    assert page.partition("## Suites\n\n")[2].strip() == lists().strip()
