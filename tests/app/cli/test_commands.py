"""The command line as its users run it: data on stdout, talk on stderr, exit codes, and never a traceback."""

import csv
import errno
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import main
from tests.app.federation.stub import serving, turtle
from tests.paths import ROOT, SEEDS, STUDIES, needs_shared

EFFECTS = """
PREFIX tw: <https://w3id.org/trialweave/ontology#>
SELECT ?value ?lower ?upper ?operator ?p WHERE {
  ?effect tw:ciLower ?lower ; tw:ciUpper ?upper ; tw:value ?value ; tw:pValueOperator ?operator ; tw:pValue ?p .
} ORDER BY ?value
"""


def run(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a process of its own."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "trialweave"), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1", **environment},
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("cli") / "data")
    done = run("load", "studies", "--data", folder)
    assert done.returncode == 0 and done.stdout.startswith("2 loaded; ") and done.stderr == ""
    return folder


def test_a_query_prints_a_table(data, tmp_path):
    (tmp_path / "q.rq").write_text(EFFECTS)
    done = run("query", str(tmp_path / "q.rq"), "--data", data)
    assert done.returncode == 0
    assert "│ 2.98  │ 1.48  │ 4.47  │ <        │ 0.001 │" in done.stdout
    assert done.stderr == "2 rows\n"


def test_a_query_tells_what_it_sent_to_other_endpoints(data):
    labels = "<http://id.nlm.nih.gov/mesh/D000690> :label 'ALS' ."
    text = """PREFIX tw: <https://w3id.org/trialweave/ontology#>
        SELECT DISTINCT ?label { ?study tw:condition ?concept SERVICE <URL> { ?concept <http://e/label> ?label } }"""
    with serving(turtle(labels)) as stub:
        query = text.replace("URL", stub.url)
        arguments = ("query", "-", "--data", data, "--format", "csv")
        done = run(*arguments, "--explain", stdin=query, TRIALWEAVE_SERVICE_ALLOW=stub.url)
        assert (done.returncode, done.stdout) == (0, "label\nALS\n")
        cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stderr.splitlines() if "│" in line]
        plan, request = cells[0], cells[1]
        assert plan[:4] == [stub.url, "?concept", "1", "1"] and plan[4].startswith("SERVICE <")
        assert request[:2] == [stub.url, "1"] and request[4] == "no" and "VALUES (?concept)" in request[5]
        assert done.stderr.endswith("1 sent\n")
        assert "sent" not in run(*arguments, stdin=query, TRIALWEAVE_SERVICE_ALLOW=stub.url).stderr
    failed = run(*arguments, "--explain", stdin=query, TRIALWEAVE_SERVICE_ALLOW=stub.url)
    assert (failed.returncode, failed.stdout) == (1, "") and "Connection refused" in failed.stderr
    assert failed.stderr.count(stub.url) >= 2  # In the table, and in the sentence.


def test_a_query_from_standard_input_as_csv(data):
    done = run("query", "-", "--data", data, "--format", "csv", stdin=EFFECTS)
    assert list(csv.reader(io.StringIO(done.stdout)))[1:] == [
        ["2.98", "1.48", "4.47", "<", "0.001"],
        ["3.38", "1.23", "5.54", "=", "0.003"],
    ]


def test_an_example_query_is_asked_as_it_is(data):
    done = run("query", "ontology/examples/012-effect-estimates.ttl", "--data", data, "--format", "csv")
    assert done.returncode == 0 and "2.98" in done.stdout


@pytest.mark.parametrize(
    ("text", "format", "start"),
    [
        ("ASK { ?s ?p ?o }", "table", '{"head":{},"boolean":true}'),
        ("ASK { ?s ?p ?o }", "xml", "<?xml"),
        ("CONSTRUCT { ?s a ?o } WHERE { ?s a ?o } LIMIT 1", "table", "@prefix tw:"),
        ("CONSTRUCT { ?s a ?o } WHERE { ?s a ?o } LIMIT 1", "json", "[{"),
        ("SELECT ?s { ?s ?p ?o } LIMIT 1", "tsv", "?s\n"),
    ],
)
def test_every_form_has_an_answer(data, text, format, start):
    done = run("query", "-", "--data", data, "--format", format, stdin=text)
    assert done.returncode == 0 and done.stdout.startswith(start)


@pytest.mark.parametrize(
    ("arguments", "stdin", "exit_code", "message"),
    [
        (["query", "-"], "SELECT ?s WHERE {\n ?s ?p }", 2, "line 2"),
        (["query", "-"], "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }", 1, "SERVICE"),
        (["query", "no-such-file.rq"], "", 1, "no-such-file.rq cannot be read: No such file or directory"),
        (["query", "ontology/values.ttl"], "", 1, "ontology/values.ttl holds no example query"),
        (["query", "-", "--format", "docx"], "ASK {}", 1, "'docx' is not a format"),
        (["query", "-", "--format", "ttl"], "ASK {}", 1, "cannot be answered as ttl"),
        (["study", "NCT99999999"], "", 1, "No study here is known as 'NCT99999999'"),
        (["study", "<x> } DROP ALL"], "", 1, "No study here is known as"),
        (["export", "--format", "docx"], "", 1, "'docx' is not a format for graphs"),
        (["export", "--format", "csv"], "", 2, "name the folder for the tables"),
        (["load", "no-such-file.txt"], "", 1, "no-such-file.txt: there is no such file or folder"),
        (["load", "--format", "ctgov2", "studies"], "", 2, "ctgov2"),
        (["load"], "", 2, "Missing argument"),
        (["frobnicate"], "", 2, "No such command"),
        (["rollback"], "", 1, "before"),
    ],
)
def test_a_mistake_is_one_clear_sentence(data, arguments, stdin, exit_code, message):
    done = run(*arguments, stdin=stdin, TRIALWEAVE_DATA=data)
    assert done.returncode == exit_code
    assert message in done.stderr


def test_a_setting_that_cannot_be_read_is_one_clear_sentence():
    done = run("doctor", TRIALWEAVE_WORKERS="many")
    assert done.returncode == 2 and "TRIALWEAVE_WORKERS: Input should be a valid integer" in done.stderr


def test_a_directory_that_is_not_ours_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("Dear …")
    done = run("load", "studies", "--data", str(tmp_path))
    assert done.returncode == 1 and str(tmp_path) in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_load_says_in_json_what_became_of_each_document(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("label: x\nnct: NCT1\n")
    done = run("load", "studies", str(bad), "--data", str(tmp_path / "data"), "--json")
    assert done.returncode == 1
    summary = json.loads(done.stdout)
    assert [outcome["status"] for outcome in summary["outcomes"]] == ["loaded", "loaded", "unreadable"]
    assert "bad.yaml:2: nct: 'NCT1' is not NCT and eight digits" in done.stderr


def test_the_card_says_what_a_clinician_asks(data):
    card = run("study", "NCT01363401", "--data", data, COLUMNS="200").stdout
    for fact in (
        "Repeated intrathecal mesenchymal stem cells for amyotrophic lateral sclerosis",
        "2.98 (95 % 1.48 to 4.47) │ p < 0.001 │ Favours the compared cohort",
        "0 / 33             │ Interpreted",
        "intrathecal, 2 doses; Riluzole",
        "Long-term survival",
        "No difference or",
        "curated, Results",
    ):
        assert fact in card


@pytest.mark.parametrize("identifier", ["23810205", "PMID:23810205", "10.1016/J.MRI.2013.05.006", "pmid23810205"])
def test_a_study_is_found_by_any_of_its_identifiers(data, identifier):
    card = json.loads(run("study", identifier, "--data", data, "--json").stdout)
    assert card["study"] == "https://w3id.org/trialweave/study/PMID23810205"
    assert {"percentage": "81.8", "derivation": "Reported"}.items() <= next(
        row for row in card["results"] if row.get("percentage") == "81.8"
    ).items()


def test_export_is_what_was_loaded_and_loads_elsewhere(data, tmp_path):
    import pyoxigraph as ox

    quads = run("export", "--data", data).stdout
    assert len(list(ox.parse(quads, format=ox.RdfFormat.N_QUADS))) == quads.count("\n") > 700
    done = run("export", "--data", data, "--format", "ttl", "-o", str(tmp_path / "all.ttl"))
    assert done.stdout == "" and (tmp_path / "all.ttl").read_text().startswith("@prefix")


def test_export_writes_tables_into_a_folder(data, tmp_path):
    import duckdb

    done = run("export", "--data", data, "--format", "parquet", "-o", str(tmp_path / "tables"))
    assert done.returncode == 0 and done.stdout == "" and "rows of generation 1 in" in done.stderr
    (row,) = duckdb.sql(f"SELECT count(*) FROM '{tmp_path}/tables/studies.parquet'").fetchall()
    assert row == (2,)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("Dear …")
    done = run("export", "--data", data, "--format", "csv", "-o", str(tmp_path / "mine"))
    assert done.returncode == 1 and "holds no tables of Trialweave" in done.stderr


def test_validate_checks_without_storing(tmp_path):
    done = run("validate", "studies")
    assert done.returncode == 0 and done.stdout.count(": sound") == 2
    text = (STUDIES / "oh-2018.yaml").read_text().replace("p_value: 0.003", "p_value: 1.2")
    (tmp_path / "oh.yaml").write_text(text)
    done = run("validate", str(tmp_path / "oh.yaml"), "--json")
    assert done.returncode == 1
    (check,) = json.loads(done.stdout)
    assert not check["sound"] and "alsfrs-r-month-6" in check["messages"][0]


def test_validate_takes_rdf_too(data, tmp_path):
    exported = tmp_path / "all.nq"
    run("export", "--data", data, "-o", str(exported))
    done = run("validate", str(exported))
    assert done.returncode == 0 and done.stdout.count(": sound") == 2, done.stdout
    exported.write_text(exported.read_text().replace('"0.003"^^', '"1.2"^^'))
    done = run("validate", str(exported))
    assert done.returncode == 1 and "A p-value must be one number from 0 to 1" in done.stdout
    (tmp_path / "bad.ttl").write_text("<a> <b>\n c .")
    done = run("validate", str(tmp_path / "bad.ttl"))
    assert done.returncode == 1 and "bad.ttl:2: Not Turtle" in done.stdout


def test_validate_tells_of_an_article_that_reports_no_study(tmp_path):
    article = tmp_path / "article.txt"
    article.write_text("PMID- 11111111\nTI  - On leeches.\nDP  - 2010 Jan\nPT  - Journal Article\n")
    done = run("validate", str(article))
    assert ": sound" in done.stdout, done.stdout


@needs_shared
def test_locate_gives_the_line_that_evidence_needs():
    done = run("locate", str(next(SEEDS.glob("000_*"))), "81.8%")
    assert done.stdout.startswith("{section: Results, start: 88, end: 93}")
    assert run("locate", str(next(SEEDS.glob("000_*"))), "not there").returncode == 1


def test_quarantine_lists_what_was_turned_away(tmp_path):
    text = (STUDIES / "oh-2018.yaml").read_text().replace("size: 31", "size: 65")
    (tmp_path / "oh.yaml").write_text(text)
    folder = str(tmp_path / "data")
    assert run("load", str(tmp_path / "oh.yaml"), "--data", folder).returncode == 1
    listed = run("quarantine", "--data", folder)
    assert "graph/NCT01363401/curated" in listed.stdout and "cohort/control" in listed.stdout
    size = "SELECT ?n { <https://w3id.org/trialweave/study/NCT01363401/cohort/control> \
<https://w3id.org/trialweave/ontology#cohortSize> ?n }"
    rows = run("query", "-", "--quarantine", "--data", folder, "--format", "csv", stdin=size).stdout
    assert rows.split() == ["n", "65"]


def test_rollback_brings_the_generation_before_back(data, tmp_path):
    folder, asked = str(tmp_path / "data"), "ASK { GRAPH <https://w3id.org/trialweave/graph/rdf/more> { ?s ?p ?o } }"
    shutil.copytree(data, folder)
    (tmp_path / "more.nt").write_text("<https://example.org/a> <https://example.org/b> <https://example.org/c> .\n")
    assert run("load", "--format", "rdf", str(tmp_path / "more.nt"), "--data", folder).returncode == 0
    assert '"boolean":true' in run("query", "-", "--data", folder, stdin=asked).stdout
    assert run("rollback", "--data", folder).stdout == "Generation 1 is current again.\n"
    assert '"boolean":false' in run("query", "-", "--data", folder, stdin=asked).stdout


def test_doctor_finds_this_machine_well(data):
    done = run("doctor", "--data", data)
    assert done.returncode == 0 and "BAD" not in done.stdout and "generation 1" in done.stdout


def test_output_may_be_cut_off_by_its_reader(data):
    # More than a pipe holds, so that the command notices.
    command = f"{Path(sys.executable).parent / 'trialweave'} export --format jsonld --data {data} | head -c 100"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert len(done.stdout) == 100 and done.stderr == ""


def test_a_full_disk_is_one_clear_sentence(monkeypatch, capsys):
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("app.cli.commands.cli", full)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert "The disk is full; make room and do it again." in capsys.readouterr().err
