"""Foreign SPARQL servers for tests: each on a free port of this machine, in a temporary folder, and gone with the test.

Which one is missing is said in one line, and skips, unless TRIALWEAVE_REQUIRE names it.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import pytest

from tests.paths import ROOT, need

__all__ = ["ENGINES", "server"]

Environment = dict[str, str]

ENGINES = ("oxigraph", "fuseki", "virtuoso")

_START = 60.0
"""Seconds a server may take until it answers."""

_FUSEKI = """
PREFIX fuseki: <http://jena.apache.org/fuseki#>
PREFIX tdb2: <http://jena.apache.org/2016/tdb#>
<#service> a fuseki:Service ; fuseki:name "trialweave" ; fuseki:dataset <#dataset> ;
  fuseki:endpoint [ fuseki:operation fuseki:query ; fuseki:name "sparql" ] ,
    [ fuseki:operation fuseki:update ; fuseki:name "update" ] ,
    [ fuseki:operation fuseki:gsp-rw ; fuseki:name "data" ] .
<#dataset> a tdb2:DatasetTDB2 ; tdb2:location "--mem--" ; tdb2:unionDefaultGraph true .
"""
_VIRTUOSO = """
[Database]
DatabaseFile = virtuoso.db
ErrorLogFile = virtuoso.log
LockFile = virtuoso.lck
TransactionFile = virtuoso.trx
xa_persistent_file = virtuoso.pxa
[TempDatabase]
DatabaseFile = temporary.db
TransactionFile = temporary.trx
[Parameters]
ServerPort = 127.0.0.1:{sql_port}
CheckpointInterval = 0
NumberOfBuffers = 10000
MaxDirtyBuffers = 6000
DirsAllowed = .
[HTTPServer]
ServerPort = 127.0.0.1:{port}
ServerRoot = .
ServerThreads = 10
[SPARQL]
ResultSetMaxRows = 20000
"""


@contextmanager
def server(engine: str, folder: Path) -> Iterator[Environment]:
    """Run a server and yield the settings that name it, as environment variables.

    One more engine can be run, which is no store: rdflib-endpoint has what stands in data.nt in the folder.
    """
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    if engine == "oxigraph":
        program = Path(sys.executable).parent / "oxigraph"
        need(engine, program.exists(), "the oxigraph command")
        command = [str(program), "serve", "--bind", f"127.0.0.1:{port}", "--union-default-graph"]
        settings = {"TRIALWEAVE_STORE_URL": f"{address}/query"}
    elif engine == "fuseki":
        jar = _fuseki_jar()
        need(engine, bool(jar and shutil.which("java")), "java and jena-fuseki-server in .fuseki or $TRIALWEAVE_FUSEKI")
        (folder / "fuseki.ttl").write_text(_FUSEKI)
        options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", str(jar)]
        main = "org.apache.jena.fuseki.main.cmds.FusekiMainCmd"
        command = ["java", *options, main, "--localhost", "--port", str(port), "--config", "fuseki.ttl"]
        settings = {"TRIALWEAVE_STORE_URL": f"{address}/trialweave/sparql"}
    elif engine == "rdflib-endpoint":
        program = Path(sys.executable).parent / engine
        need(engine, program.exists(), f"the {engine} command")
        command = [str(program), "serve", "data.nt", "--host", "127.0.0.1", "--port", str(port)]
        settings = {"TRIALWEAVE_STORE_URL": f"{address}/"}
    else:
        need(engine, bool(shutil.which("virtuoso-t")), "virtuoso-t on the path")
        (folder / "virtuoso.ini").write_text(_VIRTUOSO.format(port=port, sql_port=_free_port()))
        command = ["virtuoso-t", "-c", "virtuoso.ini", "-f"]
        user = {"USER": "dba", "PASSWORD": "dba", "AUTH": "digest"}  # As a new server has it.
        settings = {"TRIALWEAVE_STORE_URL": f"{address}/sparql"} | {
            f"TRIALWEAVE_STORE_{name}": value for name, value in user.items()
        }
    with _running(command, folder, address):
        yield {"TRIALWEAVE_STORE_ENGINE": engine, **settings}


def _fuseki_jar() -> Path | None:
    if named := os.environ.get("TRIALWEAVE_FUSEKI"):
        return Path(named)
    return next((ROOT / ".fuseki").glob("jena-fuseki-server-*.jar"), None)


@contextmanager
def _running(command: list[str], folder: Path, address: str) -> Iterator[None]:
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
    try:
        _wait(process, folder, address)
        yield
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], folder: Path, address: str) -> None:
    opener = build_opener(ProxyHandler({}))
    until = time.monotonic() + _START
    while time.monotonic() < until and process.poll() is None:
        try:
            opener.open(f"{address}/", timeout=5).close()
            return
        except HTTPError:
            return  # An answer is an answer.
        except OSError:
            pass
        time.sleep(0.1)
    pytest.fail(f"{process.args} does not answer: {(folder / 'output').read_text(errors='replace')[-500:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
