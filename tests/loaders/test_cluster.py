"""Documents on a Dask cluster: the same results in the same order, also when workers are lost half way."""

import os
import pickle
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
from typer.testing import CliRunner

from app.cli import commands
from app.intake import load
from app.store.embedded import EmbeddedReader
from loaders import cluster, pool
from loaders.documents import Document, documents
from loaders.errors import SourceError
from loaders.pipeline import Run, Taken, Unreadable
from tests.paths import STUDIES

distributed = pytest.importorskip("distributed", reason="Dask is not installed")


@pytest.fixture(scope="module")
def workers() -> Iterator[Any]:
    """Two worker processes, watched over by nannies, as on a real cluster."""
    import dask

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", silence_logs=50
        ) as local,
    ):
        yield local


@pytest.fixture
def address(workers: Any) -> str:
    return str(workers.scheduler_address).replace("tcp://", cluster.SCHEME)


def study(number: int) -> Document:
    """A made-up study."""
    text = b"label: A study\nnct: NCT%08d\nenrollment: %d\n" % (number + 1, number)
    return Document(f"{number}.yaml", text)


def pids(workers: Any) -> list[int]:
    return [nanny.pid for nanny in workers.workers.values()]


def test_what_a_lost_worker_had_is_done_again_and_nothing_is_lost_or_doubled(
    address: str, workers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "BATCH_BYTES", 200)
    found = [*map(study, range(120)), SourceError("gone.yaml", "is gone"), Document("bad.yaml", b"label: x")]
    expected = [pickle.dumps([(item,) for item in taken.items]) for _, taken in pool.taken(found, Run())]
    results: list[bytes] = []
    for document, taken in cluster.taken(found, Run(), address):
        assert document is found[len(results)]
        results.append(pickle.dumps([(item,) for item in taken.items]))
        if len(results) == len(found) // 2:
            os.kill(pids(workers)[0], signal.SIGKILL)
    assert results == expected


def test_a_run_on_a_cluster_stores_what_a_run_here_stores(address: str, tmp_path: Path) -> None:
    def lasting(data: Path) -> set[str]:
        with EmbeddedReader(data) as reader:
            # Not when it was loaded, nor when the counts were made.
            named = [quad for quad in reader.quads() if isinstance(quad.graph_name, ox.NamedNode)]
            return {str(q) for q in named if "Time" not in q.predicate.value and "void" not in q.graph_name.value}

    load(tmp_path / "here", documents([str(STUDIES)]))
    done = CliRunner().invoke(
        commands.cli, ["load", str(STUDIES), "--data", str(tmp_path / "there"), "--runner", address]
    )
    assert (done.exit_code, "2 loaded" in done.output) == (0, True), done.output
    assert lasting(tmp_path / "there") == lasting(tmp_path / "here")


def test_an_address_where_no_scheduler_is_costs_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with pytest.raises(SourceError, match=r"dask://127\.0\.0\.1:9: is no Dask scheduler that answers"):
        list(cluster.taken([study(1)], Run(), "dask://127.0.0.1:9"))


def test_an_address_of_another_kind_is_a_mistake_in_the_command() -> None:
    assert CliRunner().invoke(commands.cli, ["load", "x", "--runner", "http://localhost"]).exit_code == 2


def test_workers_with_another_version_are_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "LOADER_VERSION", "99")
    with pytest.raises(SourceError, match=r"has version .* of trialweave; install version 99 there"):
        list(cluster.taken([study(1)], Run(), address))


def test_a_document_that_ends_every_worker_costs_itself(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_take_all", _deadly)
    taken: list[Taken] = [
        result for _, result in cluster.taken([study(1), study(2), Document("bomb.yaml", b"x")], Run(), address)
    ]
    assert [isinstance(result.items[0], Unreadable) for result in taken] == [False, False, True]
    assert "ended the process" in taken[2].items[0].messages[0]  # type: ignore[union-attr]


def _deadly(documents: list[Document], shared: Any) -> list[Taken]:
    if any(document.name == "bomb.yaml" for document in documents):
        os.kill(os.getpid(), signal.SIGKILL)
    return cluster._take_all(documents, shared)
