"""The commands: load, serve, query, validate, study, export and what keeps a data directory well.

Exit codes: 0 all well, 1 something was turned away or could not be done (the rest is in), 2 the command was not
understood. What a command needs is imported when it runs: `query` must not wait for the validator, nor `load` for HTTP.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from app.settings import Settings

__all__ = ["cli"]

cli = typer.Typer(
    help="A knowledge graph of clinical studies, validated with SHACL and open to SPARQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
talk = Console(stderr=True, highlight=False, soft_wrap=True)

Data = Annotated[Path | None, typer.Option("--data", help="The data directory.", envvar="TRIALWEAVE_DATA")]
Sources = Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Format = Annotated[str, typer.Option("--format", help="auto, curated or page.")]


@cli.command()
def load(sources: Sources, data: Data = None, format: Format = "auto", as_json: AsJson = False) -> None:
    """Load documents: read, validate, store, publish. What is turned away costs nothing else."""
    complete = _load(sources, _data(data), format, as_json=as_json)
    raise typer.Exit(0 if complete else 1)


@cli.command()
def serve(
    sources: Annotated[list[str] | None, typer.Argument(help="Loaded first, if given.", show_default=False)] = None,
    data: Data = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=0, max=65535)] = 8000,
) -> None:
    """Serve a data directory over HTTP, after loading the sources, if any are given."""
    from app.cli.server import run

    directory = _data(data)
    if sources:
        _load(sources, directory, "auto")
    run(Settings(data=directory), host, port, announce=talk.print)


@cli.command()
def query(
    file: Annotated[str, typer.Argument(help="A file with a SPARQL query, or - for standard input.")],
    data: Data = None,
    endpoint: Annotated[str | None, typer.Option(help="Ask this SPARQL endpoint instead.")] = None,
    format: Annotated[str, typer.Option("--format", help="table, json, csv, tsv, xml, ttl, nt, jsonld, …")] = "table",
    quarantine: Annotated[bool, typer.Option("--quarantine", help="Ask the graphs that were turned away.")] = False,
) -> None:
    """Answer a SPARQL query from a data directory or an endpoint."""
    from app.cli import ask

    text = ask.read_query(file)
    if endpoint:
        answer = ask.ask_endpoint(endpoint, text, format)
    elif quarantine:
        answer = ask.ask_quarantine(_data(data), text, format)
    else:
        answer = ask.ask_directory(Settings(data=_data(data)), text, format)
    ask.show(answer, format)


@cli.command()
def validate(sources: Sources, format: Format = "auto", as_json: AsJson = False) -> None:
    """Check documents without storing them. Evidence is held against the pages given beside a curated study."""
    from app.cli.check import check

    checks = check(sources, format)
    if as_json:
        print(json.dumps([asdict(item) for item in checks], indent=2, ensure_ascii=False))
    else:
        for item in checks:
            for message in item.messages:
                print(message)
            print(f"{item.document}: {item.verdict}")
    raise typer.Exit(0 if all(item.sound for item in checks) else 1)


@cli.command()
def locate(
    page: Annotated[str, typer.Argument(help="The page, as text or HTML.")],
    text: Annotated[str, typer.Argument(help="The words or the number to find.")],
) -> None:
    """Find where a text stands in a page, as the evidence line that a curated study needs."""
    from app.cli.check import places

    found = places(page, text)
    for line in found:
        print(line)
    raise typer.Exit(0 if found else 1)


@cli.command()
def study(
    identifier: Annotated[str, typer.Argument(help="An NCT id, a PubMed id or a DOI.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Print what is known of one study, each number with its source."""
    from app.cli.card import print_card, read_card

    card = read_card(_data(data), identifier)
    if as_json:
        print(json.dumps(card, indent=2, ensure_ascii=False))
    else:
        print_card(card)


@cli.command()
def export(
    data: Data = None,
    format: Annotated[str, typer.Option("--format", help="nq, trig, ttl, nt, rdf or jsonld.")] = "nq",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; standard output if left out.")] = None,
) -> None:
    """Write everything that is published, named graphs kept where the format has them."""
    from app.cli.ask import graph_media_type
    from app.store.embedded import EmbeddedReader

    media_type = graph_media_type(format)
    with EmbeddedReader(_data(data)) as reader:
        if output is None:
            reader.dump(sys.stdout.buffer, media_type)
            return
        temporary = output.with_name(output.name + ".part")
        with temporary.open("wb") as file:
            reader.dump(file, media_type)
        temporary.replace(output)


@cli.command()
def quarantine(data: Data = None, as_json: AsJson = False) -> None:
    """List the graphs that the gate turned away, and why."""
    from app.store.quarantine import Quarantine

    entries = list(Quarantine(_data(data)).entries())
    if as_json:
        print(json.dumps([asdict(entry) for entry in entries], indent=2, ensure_ascii=False))
        return
    for entry in entries:
        print(f"{entry.graph}  from {entry.document}, {entry.rejected_at}")
        for reason in entry.reasons:
            print(f"  {reason}")
    talk.print(f"{len(entries)} graphs in quarantine.")


@cli.command()
def rollback(data: Data = None) -> None:
    """Serve the generation before the current one again."""
    from app.store.embedded import rollback as roll_back

    print(f"Generation {roll_back(_data(data))} is current again.")


@cli.command()
def doctor(data: Data = None, as_json: AsJson = False) -> None:
    """Look at this machine and the data directory, and say what is not well and what to do."""
    from app.cli.doctor import examine

    findings = examine(Settings(data=_data(data)))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.well else 'BAD '} {finding.what}: {finding.state}")
    raise typer.Exit(0 if all(finding.well for finding in findings) else 1)


def _data(given: Path | None) -> Path:
    return given if given is not None else Settings().data


def _load(sources: list[str], data: Path, format: str, *, as_json: bool = False) -> bool:
    """Load, print the summary, and say whether everything is in. A terminal sees how far it has come."""
    from app.intake import Outcome
    from app.intake import load as load_into
    from loaders.documents import documents
    from loaders.readers import FORMATS

    if format not in ("auto", *FORMATS):
        raise typer.BadParameter(f"'{format}' is none of auto, {', '.join(FORMATS)}", param_hint="--format")
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed} documents"))
    with Progress(*columns, TimeElapsedColumn(), console=talk, transient=True, disable=not talk.is_terminal) as bar:
        task = bar.add_task("Loading", total=None)

        def report(outcome: Outcome) -> None:
            bar.advance(task)
            style = "red" if outcome.status in {"quarantined", "unreadable"} else "yellow"
            for message in outcome.messages:
                talk.print(message, style=style, markup=False)

        summary = load_into(data, documents(sources), format, report)
    print(json.dumps(asdict(summary), indent=2, ensure_ascii=False) if as_json else summary.line())
    return summary.complete
