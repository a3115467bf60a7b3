"""What strangers' files can do to a load: one line each says what is wrong, and all that is sound is in."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest
from lxml import etree
from typer.testing import CliRunner, Result

from app.cli import commands
from loaders.errors import SourceError
from loaders.readers import clinicaltrials
from tests.loaders.readers.made_up import full_record
from tests.loaders.readers.pubmed_sample import MEDLINE, XML, article_set
from tests.paths import SHARED, STUDIES, needs_shared

GOOD = str(STUDIES / "oh-2018.yaml")
DOCTYPE = (
    '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN" '
    '"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">'
)
LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha"}">' for n in range(10))


def study(nct: str = "NCT00000001", version: str | None = None, title: str | None = None) -> dict:
    made = full_record()
    del made["resultsSection"]  # made-up results are no sound ones
    made["protocolSection"]["identificationModule"]["nctId"] = nct
    if title:
        made["protocolSection"]["identificationModule"]["briefTitle"] = title
    if version:
        made["derivedSection"]["miscInfoModule"]["versionHolder"] = version
    return made


def dumped(*studies: dict) -> bytes:
    return json.dumps(studies[0] if len(studies) == 1 else studies).encode()


def articles() -> str:
    return article_set(XML).decode()


def zipped(entries: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


def load(folder: Path, *sources: str) -> Result:
    return CliRunner().invoke(commands.cli, ["load", *sources, "--data", str(folder / "data"), "--jobs", "1"])


TITLE = "<ArticleTitle>"
BOMB = b"[" + b" " * (32 * 1024**2)
BAD = {
    "cut.json": (dumped(study())[:-900], "is cut off: the JSON ends before it is complete"),
    "latin-1.json": (dumped(study()).replace(b'"NCT00000001"', b'"NCT00000001", "x": "\xe9"'), "is not UTF-8"),
    "nul.json": (dumped(study()).replace(b'"NCT00000001"', b'"NCT0000\x000001"'), "is not JSON: unexpected control"),
    "surrogate.json": (dumped(study()).replace(b'"NCT00000001"', b'"\\ud800"'), "is not JSON"),
    "wide.json": (dumped(study()).decode().encode("utf-16"), "is in UTF-16, which is not read here"),
    "wide-without-mark.json": (dumped(study()).decode().encode("utf-16-le"), "is in UTF-16"),
    "deep-field.json": (
        b'[{"protocolSection": {"x": ' + b"[" * 300 + b"]" * 300 + b"}}]",
        "is nested deeper than 250 levels",
    ),
    "deep.json": (b'{"protocolSection":' + b"[" * 100_000, "is not JSON: depth limit exceeded"),
    "empty.json": (b"", "is empty"),
    "cut.xml": (articles()[:-400].encode(), "cut off in the middle of an article"),
    "laughs.xml": (f"<!DOCTYPE lolz [{LAUGHS}]><lolz>&a9;</lolz>".encode(), "is not a document that is recognised"),
    "laughs-in-pubmed.xml": (
        articles().replace("<PubmedArticleSet", f"<!DOCTYPE PubmedArticleSet [{LAUGHS}]><PubmedArticleSet", 1)
        .replace(TITLE, f"{TITLE}&a9;").encode(),
        "declares entities in its DOCTYPE",
    ),
    "undeclared.xml": (articles().replace(TITLE, f"{TITLE}&a9;").encode(), "Entity 'a9' not defined"),
    "nul.xml": (articles().replace(TITLE, f"{TITLE}\0").encode(), "Invalid character: Char 0x0 out of allowed range"),
    "latin-1.xml": (articles().encode().replace(TITLE.encode(), TITLE.encode() + b"\xe9 "), "not well-formed"),
    "latin-1.nbib": (b"PMID- 1\nTI  - caf\xe9\n", "is not UTF-8 at its byte"),
    "bomb.zip": (zipped({"a.json": BOMB}), "unpacks to more than 200 times its size"),
    "bomb.json.gz": (gzip.compress(BOMB), "unpacks to more than 200 times its size"),
    "nested.zip": (zipped({"a.zip": zipped({"a.json": BOMB})}), "is an archive inside an archive"),
    "up.zip": (zipped({"../../up.json": dumped(study())}), "has a name that leads outside the archive"),
    "absolute.zip": (zipped({"/etc/up.json": dumped(study())}), "has a name that leads outside the archive"),
}  # fmt: skip


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """All bad files and a good one after them, loaded in one run."""
    folder = tmp_path_factory.mktemp("bad")
    for name, (content, _) in BAD.items():
        (folder / name).write_bytes(content)
    return folder, load(folder, *(str(folder / name) for name in BAD), GOOD)


def test_bad_files_cost_themselves_and_no_other(one_run: tuple[Path, Result]) -> None:
    folder, done = one_run
    said = done.stderr.splitlines()
    assert done.exit_code == 1 and done.stdout.startswith(f"1 loaded, {len(BAD)} unreadable; ")
    assert "please report" not in done.stderr and all(line.startswith(f"{folder}/") for line in said)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told_of_in_one_line(name: str, one_run: tuple[Path, Result]) -> None:
    folder, done = one_run
    (said,) = [line for line in done.stderr.splitlines() if line.startswith(f"{folder}/{name}")]
    assert BAD[name][1] in said


def test_the_doctype_of_nlm_is_no_danger(tmp_path: Path) -> None:
    text = articles().replace("<PubmedArticleSet", f"{DOCTYPE}<PubmedArticleSet", 1)
    (tmp_path / "a.xml").write_text(text)
    assert load(tmp_path, str(tmp_path / "a.xml")).exit_code == 0


def test_what_is_wrong_with_one_of_a_list_costs_no_other(tmp_path: Path) -> None:
    parts = [dumped(study("NCT00000001")), b'{"a": "\\ud800"}', b"7", dumped(study("NCT00000002"))[:-1], b"x"]
    (tmp_path / "a.json").write_bytes(b"[" + b",".join(parts[:3]) + b"," + dumped(study("NCT00000003")) + b"]")
    done = load(tmp_path, str(tmp_path / "a.json"))
    assert done.exit_code == 1 and done.stdout.startswith("2 loaded, 2 unreadable; ")
    assert "a.json, record 2: is not JSON" in done.stderr and "a.json, record 3: is not a study" in done.stderr


@pytest.mark.parametrize("newer_first", [False, True])
def test_the_newer_of_two_versions_in_one_run_wins(newer_first: bool, tmp_path: Path) -> None:
    versions = [study(version="2024-01-01", title="Older"), study(version="2024-06-01", title="Newer")]
    (tmp_path / "a.json").write_bytes(dumped(*(versions[::-1] if newer_first else versions)))
    done = load(tmp_path, str(tmp_path / "a.json"))
    assert done.exit_code == 0 and "1 duplicate within the run" in done.stdout
    card = CliRunner().invoke(commands.cli, ["study", "NCT00000001", "--data", str(tmp_path / "data")]).stdout
    assert "Newer" in card and "Older" not in card


def test_the_same_record_twice_in_one_run_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(dumped(study()))
    (tmp_path / "b.json").write_bytes(dumped(study()))
    done = load(tmp_path, str(tmp_path / "a.json"), str(tmp_path / "b.json"))
    assert done.exit_code == 0 and done.stdout.startswith("1 loaded, 1 unchanged; ")


def test_a_study_that_fails_the_gate_is_told_of_and_left_out(tmp_path: Path) -> None:
    wrong = study("NCT00000002")
    wrong["protocolSection"]["designModule"]["enrollmentInfo"]["count"] = -5
    (tmp_path / "a.json").write_bytes(dumped(wrong, study()))
    done = load(tmp_path, str(tmp_path / "a.json"))
    assert done.exit_code == 1 and done.stdout.startswith("1 loaded, 1 quarantined; ")
    assert "study/NCT00000002: Violation: enrollmentCount (-5)" in done.stderr


@needs_shared
def test_selections_of_fields_are_refused_record_by_record() -> None:
    files = sorted((SHARED / "data/ctgov/partial").glob("*.json"))
    found = [record for path in files for record in clinicaltrials.read(path.read_bytes(), path.name)]
    refused = [str(record) for record in found if isinstance(record, SourceError)]
    assert (len(found), len(refused)) == (len(files), 53)
    assert all("is only a part of NCT" in problem for problem in refused)


WIDE = {
    "a.json": lambda: dumped(study()).decode(),
    "a.xml": articles,
    "a.nbib": lambda: MEDLINE.strip(),
    "a.yaml": lambda: Path(GOOD).read_text(encoding="utf-8"),
}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_files_in_utf_16_are_named_wherever_they_lie(encoding: str, tmp_path: Path) -> None:
    below = tmp_path / "all" / "below"
    below.mkdir(parents=True)
    for name, text in WIDE.items():
        (below / name).write_bytes(text().encode(encoding))
    (below / "wide.zip").write_bytes(zipped({"z.json": dumped(study()).decode().encode(encoding)}))
    done = load(tmp_path, str(tmp_path / "all"), GOOD)
    named = [line.removeprefix(f"{below}/").partition(":")[0] for line in done.stderr.splitlines()]
    assert named == sorted([*WIDE, "wide.zip/z.json"]) and done.stderr.count("is in UTF-16") == len(named)
    assert done.exit_code == 1 and done.stdout.startswith(f"1 loaded, {len(named)} unreadable; ")


def asked(folder: Path, query: str, format: str) -> str:
    (folder / "query.rq").write_text(query)
    arguments = ["query", str(folder / "query.rq"), "--data", str(folder / "data"), "--format", format]
    return CliRunner().invoke(commands.cli, arguments).stdout


CONTROLS = {
    "a.json": dumped(study(title="Sun\0shine\x1b \ufffe")),
    "b.nbib": MEDLINE.strip().encode().replace(b"Sunshine in a", b"Sun\0shine\x1b \xef\xbf\xbe in a"),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_characters_that_xml_cannot_hold_are_replaced_with_a_word(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(CONTROLS[name])
    done = load(tmp_path, str(tmp_path / name))
    assert done.exit_code == 0, done.stderr
    assert "control characters, which XML cannot hold, were replaced by U+FFFD (3 times)" in done.stderr
    answer = asked(tmp_path, 'SELECT ?text { ?s ?p ?text FILTER (CONTAINS(STR(?text), "shine")) }', "xml")
    texts = [element.text or "" for element in etree.fromstring(answer.encode()).iter()]
    assert any("Sun\ufffdshine\ufffd \ufffd" in text for text in texts)


def test_a_group_leads_to_its_arm_until_its_record_no_longer_says_so(tmp_path: Path) -> None:
    query = "ASK { ?group <https://w3id.org/trialweave/ontology#mapsToCohort> ?arm }"
    for version, (title, leads) in enumerate(
        [("Arm", "true"), ("Nobody", "false"), ("Arm", "true"), (None, "false")], 1
    ):
        made = study(version=f"2024-01-0{version}")
        if title:
            made["resultsSection"] = {"participantFlowModule": flow("Nobody", title)}
        (tmp_path / "a.json").write_bytes(dumped(made))
        assert load(tmp_path, str(tmp_path / "a.json")).exit_code == 0
        assert asked(tmp_path, query, "json").count(leads) == 1


def flow(*titles: str) -> dict:
    groups = [{"id": f"FG00{number}", "title": title} for number, title in enumerate(titles)]
    achieved = [{"groupId": group["id"], "numSubjects": "5"} for group in groups]
    milestones = [{"type": kind, "achievements": achieved} for kind in ("STARTED", "COMPLETED")]
    return {"groups": groups, "periods": [{"title": "Overall Study", "milestones": milestones}]}


def test_medline_text_is_read_beside_what_is_broken(tmp_path: Path) -> None:
    (tmp_path / "a.nbib").write_bytes(b"PMID- 1\nTI  - caf\xe9\n\n" + MEDLINE.strip().encode() + b"\n")
    done = load(tmp_path, str(tmp_path / "a.nbib"))
    assert done.exit_code == 1 and done.stdout.startswith("1 loaded, 1 unreadable; ")
