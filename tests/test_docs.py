"""The documentation's commands do what it says: every console block is run, and its output must be the printed one."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)\)")


def commands(page: Path) -> Iterator[tuple[str, str]]:
    """Yield each command of a page and the output printed below it."""
    for block in CONSOLE.findall(page.read_text()):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Iterator[dict[str, str]]:
    """A data directory with the bundled studies, a server on it, and a folder to work in with docs and studies."""
    folder = tmp_path_factory.mktemp("docs")
    for name in ("docs", "ontology", "studies"):
        (folder / name).symlink_to(ROOT / name)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "TRIALWEAVE_DATA": str(folder / "data"), "NO_COLOR": "1"}
    server = subprocess.Popen(
        ["trialweave", "serve", "studies", "--port", "0"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = server.stderr.readline().split()[-1].rstrip("/")
        yield {**environment, "ADDRESS": address, "FOLDER": str(folder)}
    finally:
        server.terminate()
        server.wait(timeout=20)
        server.stderr.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_console_blocks_print_what_the_page_says(page, environment):
    for command, expected in commands(page):
        done = subprocess.run(
            ["bash", "-c", command.replace("http://127.0.0.1:8000", environment["ADDRESS"])],
            cwd=environment["FOLDER"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        printed = done.stdout.replace(environment["ADDRESS"], "http://127.0.0.1:8000")
        printed = printed.rstrip("\n") + "\n" * bool(expected)
        pattern = "".join(
            r"(?:.*\n)*?" if line == "…\n" else re.escape(line) for line in expected.splitlines(keepends=True)
        )
        assert re.fullmatch(pattern, printed), f"$ {command}\n{printed}{done.stderr}"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if PYTHON.search(page.read_text())], ids=lambda page: page.name
)
def test_python_blocks_print_the_text_below_them(page, environment):
    for program, expected in PYTHON.findall(page.read_text()):
        done = subprocess.run(
            [sys.executable, "-c", program.replace("http://127.0.0.1:8000", environment["ADDRESS"])],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout == expected, f"{program}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_documented_limits_are_the_settings_defaults():
    from app.settings import Settings

    text = "".join((ROOT / "docs" / name).read_text() for name in ("limits.md", "validating.md"))
    rows = re.findall(r"^\| (`TRIALWEAVE_.*?) \| ([0-9, ]+) \|", text, re.MULTILINE)
    assert rows
    for names, values in rows:
        for name, value in zip(re.findall(r"TRIALWEAVE_(\w+)", names), values.split(","), strict=True):
            assert Settings.model_fields[name.lower()].default == float(value), name


def test_the_tests_that_hold_a_promise_are_there():
    named = re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "SECURITY.md").read_text())
    assert named
    for name in named:
        assert (ROOT / name).is_file(), name
