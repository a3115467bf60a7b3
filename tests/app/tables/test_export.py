"""A folder of tables, read back with DuckDB: it says what SPARQL says, and nothing that stood there is lost."""

import csv
import json
import sys
import tracemalloc

import duckdb
import pytest

from app.errors import BadRequest
from app.store.embedded import EmbeddedReader
from app.tables import export
from app.tables.columns import TABLES, Column, Kind, Table
from app.tables.export import MANIFEST, export_tables, schema
from app.tables.rows import expanded
from loaders.emit import LINKS_GRAPH
from loaders.record import Cohort, Outcome, OutcomeResult, Study
from tests.app.tables.samples import bundled, made_up, real
from tests.paths import needs_shared

IDS = {"ids": lambda table: table.name}
TYPES = {
    Kind.INTEGER: "BIGINT",
    Kind.NUMBER: "DOUBLE",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DATE: "DATE",
}
# Which column holds keys of which table.
REFERENCES = [
    ("administrations", "cohort", "cohorts"),
    ("administrations", "intervention", "interventions"),
    ("results", "cohort", "cohorts"),
    ("results", "outcome", "outcomes"),
    ("results", "variable", "variables"),
    ("results", "event", "events"),
    ("effects", "outcome", "outcomes"),
    ("effects", "compared", "cohorts"),
    ("effects", "reference", "cohorts"),
    ("associations", "cohort", "cohorts"),
    ("cohorts", "subgroup_of", "cohorts"),
    *((table.name, "study", "studies") for table in TABLES if table.name not in ("studies", "publications")),
]


def exported(data, folder, format="parquet"):
    with EmbeddedReader(data) as reader:
        return export_tables(reader, folder, format)


@pytest.fixture(scope="module", params=["bundled", pytest.param("real", marks=needs_shared)])
def both(request, tmp_path_factory):
    """A data directory and its tables: the bundled studies with the seed pages, and thirty registry records."""
    folder = tmp_path_factory.mktemp(request.param)
    data = {"bundled": bundled, "real": real}[request.param](folder / "data")
    exported(data, folder / "tables")
    exported(data, folder / "as-csv", "csv")
    return data, folder / "tables"


def ask(data, text: str) -> list[dict[str, str]]:
    with EmbeddedReader(data) as reader:
        return list(reader.rows(text))


def counted(data, pattern: str) -> int:
    """How many different things and graphs match in SPARQL."""
    rows = ask(data, f"SELECT (COUNT(*) AS ?n) WHERE {{ SELECT DISTINCT ?thing ?graph WHERE {{ {pattern} }} }}")
    return int(rows[0]["n"])


def things(table: Table, more: str = "") -> str:
    thing = f"?thing a {expanded(table.of)} . {more}"
    if table.name in ("links", "concept_links"):
        return f"GRAPH <{LINKS_GRAPH}> {{ {thing} ?thing {expanded('prov:wasDerivedFrom')} ?graph }}"
    return f"GRAPH ?graph {{ {thing} }}"


def sql(folder, text: str) -> list[tuple]:
    with duckdb.connect() as connection:
        connection.execute(f"SET file_search_path = '{folder}'")
        return connection.execute(text).fetchall()


@pytest.mark.parametrize("table", TABLES, **IDS)
def test_there_are_as_many_rows_as_sparql_counts(both, table):
    data, folder = both
    rows = sql(folder, f"SELECT count(*), count(DISTINCT ({table.key}, graph)) FROM '{table.name}.parquet'")
    expected = counted(data, things(table))
    assert rows == [(expected, expected)]
    assert json.loads((folder / MANIFEST).read_text())["rows"][table.name] == expected


@pytest.mark.parametrize("table", TABLES, **IDS)
def test_each_column_has_as_many_values_as_sparql_counts(both, table):
    data, folder = both
    columns = [column for column in table.declared if not column.inverse and column.kind is not Kind.CLASS]
    for column in columns:
        name = f"{column.name}_text" if column.kind is Kind.DATE else column.name
        ((filled,),) = sql(folder, f"SELECT count({name}) FROM '{table.name}.parquet'")
        assert filled == counted(data, things(table, f"?thing {_path(column, table)} ?value .")), column.name


def _path(column: Column, table: Table) -> str:
    """The property path of a column; a code that no scheme has stands under another property, if that is no column."""
    path = "/".join(str(expanded(step)) for step in column.steps)
    text = f"{column.path}Text"
    if column.kind is Kind.CODE and len(column.steps) == 1 and text not in {other.path for other in table.declared}:
        return f"({path}|{expanded(text)})"
    return path


def test_real_records_fill_the_tables(both):
    rows = json.loads((both[1] / MANIFEST).read_text())["rows"]
    wanted = {"studies", "cohorts", "interventions", "administrations", "outcomes", "results", "effects", "events"}
    assert all(rows[name] for name in wanted)


@pytest.mark.parametrize("table", TABLES, **IDS)
def test_columns_have_their_types(both, table):
    described = sql(both[1], f"DESCRIBE SELECT * FROM '{table.name}.parquet'")
    expected = [(column.name, TYPES.get(column.kind, "VARCHAR") + "[]" * column.many) for column in table.columns]
    assert [(name, kind) for name, kind, *_ in described] == expected


@pytest.mark.parametrize(("table", "column", "target"), REFERENCES)
def test_keys_join(both, table, column, target):
    (key,) = (other.key for other in TABLES if other.name == target)
    join = f"ANTI JOIN '{target}.parquet' b ON a.{column} = b.{key} AND a.graph = b.graph"
    assert sql(both[1], f"SELECT a.{column} FROM '{table}.parquet' a {join} WHERE a.{column} IS NOT NULL") == []


def test_the_source_is_that_of_the_graph(both):
    data, folder = both
    kinds = ask(data, f"SELECT ?graph ?kind WHERE {{ ?graph {expanded('tw:sourceKind')} ?kind }}")
    expected = {row["graph"]: row["kind"].rpartition("-")[2] for row in kinds}
    for graph, source in sql(folder, "SELECT DISTINCT graph, source FROM 'studies.parquet'"):
        assert expected[graph] == source


def test_text_beside_a_number_keeps_the_printed_digits(both):
    data, folder = both
    triples = f"?thing {expanded('tw:valueText')} ?text OPTIONAL {{ ?thing {expanded('tw:value')} ?value }}"
    expected = {
        (row["thing"], row["text"], float(row["value"]) if "value" in row else None)
        for row in ask(data, f"SELECT * WHERE {{ ?thing a {expanded('tw:Result')} . {triples} }}")
    }
    assert expected
    found = sql(folder, "SELECT result, value_text, value FROM 'results.parquet' WHERE value_text IS NOT NULL")
    assert set(found) == expected


TEXTS = ['He said "no", and left.', "one\ntwo\r\nthree", "a,b;c\td", "ünïcode – µ", "", "NULL", "  spaces  ", "'"]


@pytest.fixture
def texts(tmp_path):
    """A data directory with texts that are hard on CSV, each the description of an outcome."""
    outcomes = [Outcome(name=f"o{number}", label="x", description=text) for number, text in enumerate(TEXTS)]
    study = Study(label="x", nct="NCT01234567", outcomes=[*outcomes, Outcome(name="none", label="x")], keywords=TEXTS)
    return made_up(tmp_path / "data", study)


def test_csv_gives_every_text_back(texts, tmp_path):
    exported(texts, tmp_path / "out", "csv")
    with (tmp_path / "out" / "outcomes.csv").open(newline="", encoding="utf-8") as file:
        found = [row["description"] for row in csv.DictReader(file)]
    assert sorted(found) == sorted([*TEXTS, ""])
    rows = sql(tmp_path / "out", "SELECT description FROM read_csv('outcomes.csv', header = true, all_varchar = true)")
    assert len(rows) == len(TEXTS) + 1
    assert {text for (text,) in rows if text} == {text for text in TEXTS if text}


def test_csv_tells_an_empty_text_from_none(texts, tmp_path):
    exported(texts, tmp_path / "out", "csv")
    with (tmp_path / "out" / "studies.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert json.loads(row["keywords"]) == sorted(TEXTS)
    raw = (tmp_path / "out" / "outcomes.csv").read_bytes()
    assert raw.count(b',"",') == 1


@pytest.mark.parametrize("table", TABLES, **IDS)
def test_csv_says_what_parquet_says(both, table):
    _, folder = both
    names = [column.name for column in table.columns if not column.many]
    types = {column.name: TYPES.get(column.kind, "VARCHAR") for column in table.columns}
    file = f"{folder.parent}/as-csv/{table.name}.csv"
    as_csv = f"read_csv('{file}', header = true, columns = {types}, allow_quoted_nulls = false)"
    columns = ", ".join(names)
    assert sql(folder, f"SELECT {columns} FROM {as_csv} EXCEPT ALL SELECT {columns} FROM '{table.name}.parquet'") == []
    (counts,) = sql(folder, f"SELECT (SELECT count(*) FROM {as_csv}), (SELECT count(*) FROM '{table.name}.parquet')")
    assert counts[0] == counts[1]


def test_batches_do_not_show_in_the_tables(both, tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr(export, "BATCH_ROWS", 20)
    data, folder = both
    rows = exported(data, tmp_path / "out")
    assert pq.ParquetFile(tmp_path / "out" / "results.parquet").num_row_groups == -(-rows["results"] // 20)
    for table in TABLES:
        both_ways = f"SELECT * FROM '{tmp_path}/out/{table.name}.parquet' EXCEPT ALL FROM '{table.name}.parquet'"
        assert sql(folder, both_ways) == []


def test_long_texts_do_not_pile_up(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr(export, "HELD_CHARACTERS", 10_000)
    cohorts = [Cohort(name=f"c{number}", label="x", kind="ARM", description="x" * 4_000) for number in range(9)]
    exported(made_up(tmp_path / "data", Study(label="x", nct="NCT01234567", cohorts=cohorts)), tmp_path / "out")
    assert pq.ParquetFile(tmp_path / "out" / "cohorts.parquet").num_row_groups == 3


def test_what_is_held_does_not_grow_with_the_store(tmp_path, monkeypatch):
    """Four times the studies, each with rows for several tables, take no more than a fifth more."""
    monkeypatch.setattr(export, "HELD_CHARACTERS", 50_000)
    peaks = []
    for count in (1, 30, 120):  # The first is for what is only imported and made once.
        made = [
            Study(
                label="x",
                nct=f"NCT{number:08}",
                cohorts=[Cohort(name=f"c{each}", label="x", kind="ARM", description="x" * 100) for each in range(8)],
                outcomes=[Outcome(name=f"o{each}", label="x" * 100, type="PRIMARY") for each in range(4)],
            )
            for number in range(count)
        ]
        data = made_up(tmp_path / str(count), *made)
        del made
        tracemalloc.start()
        exported(data, tmp_path / f"out{count}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1], peaks


def test_a_column_carries_its_property_and_unit():
    (table,) = (table for table in TABLES if table.name == "studies")
    assert schema(table).field("enrollment").metadata == {b"property": b"tw:enrollmentCount", b"unit": b"participants"}


@pytest.fixture
def small(tmp_path):
    """A data directory with one result."""
    study = Study(
        label="x",
        nct="NCT01234567",
        cohorts=[Cohort(name="all", label="All", kind="ALL")],
        outcomes=[Outcome(name="pain", label="Pain")],
        outcome_results=[OutcomeResult(cohort="all", outcome="pain", value_text="0.50")],
    )
    return made_up(tmp_path / "data", study)


def test_an_export_replaces_the_one_before(small, tmp_path):
    exported(small, tmp_path / "out", "csv")
    exported(small, tmp_path / "out", "parquet")
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".parquet", ".json"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "data.nq", "out"]


def test_an_empty_folder_is_written_to(small, tmp_path):
    (tmp_path / "out").mkdir()
    exported(small, tmp_path / "out")
    assert (tmp_path / "out" / MANIFEST).exists()


@pytest.mark.parametrize("name", ["out", "out.part", "out.old"])
def test_a_folder_with_anything_else_is_left_alone(small, tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "letter.txt").write_text("Dear …")
    with pytest.raises(BadRequest, match=f"{name} is there and holds no tables of Trialweave"):
        exported(small, tmp_path / "out")
    assert (tmp_path / name / "letter.txt").read_text() == "Dear …"


def test_a_file_in_the_way_is_left_alone(small, tmp_path):
    (tmp_path / "out").write_text("Dear …")
    with pytest.raises(BadRequest, match="holds no tables"):
        exported(small, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "Dear …"


def test_what_a_killed_export_left_is_cleared_away(small, tmp_path):
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / MANIFEST).write_text("{}")
    (tmp_path / "out.part" / "studies.parquet").write_text("half")
    exported(small, tmp_path / "out")
    assert not (tmp_path / "out.part").exists()


def test_an_export_that_fails_leaves_the_one_before(small, tmp_path, monkeypatch):
    exported(small, tmp_path / "out")

    def fail(*_):
        raise RuntimeError("gone")
        yield

    monkeypatch.setattr(export, "table_rows", fail)
    with pytest.raises(RuntimeError):
        exported(small, tmp_path / "out")
    assert sql(tmp_path / "out", "SELECT value_text FROM 'results.parquet'") == [("0.50",)]
    assert not (tmp_path / "out.part").exists()


def test_a_store_with_nothing_in_it_gives_empty_tables(tmp_path):
    rows = exported(tmp_path / "nothing", tmp_path / "out")
    assert set(rows.values()) == {0}
    assert sql(tmp_path / "out", "SELECT count(*) FROM 'studies.parquet'") == [(0,)]


def test_what_is_not_installed_is_said_in_one_sentence(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BadRequest, match="pip install pyarrow"):
        exported(small, tmp_path / "out")
    assert not (tmp_path / "out").exists()
