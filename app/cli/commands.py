"""The commands: load, serve, query, validate, study, export and what keeps a data directory well.

Exit codes: 0 all well, 1 something was turned away or could not be done (the rest is in), 2 the command was not
understood. What a command needs is imported when it runs: `query` must not wait for the validator, nor `load` for HTTP.
"""

import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from app.settings import Settings

if TYPE_CHECKING:
    from loaders.fetch import Network, Wanted

__all__ = ["cli"]

cli = typer.Typer(
    help="A knowledge graph of clinical studies, validated with SHACL and open to SPARQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
link = typer.Typer(
    help="Which studies may be one: propose, list, accept, reject. What other graphs call them: harvest.",
    no_args_is_help=True,
)
cli.add_typer(link, name="link")
keys = typer.Typer(help="Who may write over HTTP: create, list and revoke keys.", no_args_is_help=True)
cli.add_typer(keys, name="keys")
talk = Console(stderr=True, highlight=False, soft_wrap=True)

Data = Annotated[Path | None, typer.Option("--data", help="The data directory.", envvar="TRIALWEAVE_DATA")]
Sources = Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.", show_default=False)]
Loadable = Annotated[
    list[str] | None,
    typer.Argument(help="Files, folders, archives, - for standard input, NCT ids or PubMed ids.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Format = Annotated[str, typer.Option("--format", help="auto, ctgov, pubmed, page or curated.")]
LoadFormat = Annotated[
    str, typer.Option("--format", help="auto, ctgov, pubmed, page, curated, mesh for NLM's files, or rdf.")
]


@cli.command()
def load(
    sources: Loadable = None,
    data: Data = None,
    format: LoadFormat = "auto",
    query: Annotated[
        list[str] | None,
        typer.Option("--query", help="Fetch what a search finds: 'cond=asthma&intr=x' or 'pubmed=asthma[mh]'."),
    ] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Fetch again what was fetched before.")] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Processes that read documents; as many as cores if left out.")
    ] = None,
    runner: Annotated[
        str | None, typer.Option("--runner", help="A Dask cluster that reads them instead: dask://host:port.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Load documents: read, validate, store, publish. What is turned away costs nothing else."""
    from loaders.readers import VOCABULARIES

    if not sources and not query:
        raise typer.BadParameter("Missing argument: name something to load, or give a --query", param_hint="SOURCES")
    if format in VOCABULARIES:
        raise typer.Exit(0 if _load_vocabulary(sources or [], _data(data), as_json=as_json) else 1)
    if runner and not re.fullmatch(r"dask://[^\s/]+:\d+", runner):
        raise typer.BadParameter(f"'{runner}' is no address like dask://host:8786", param_hint="--runner")
    complete = _load(
        sources or [],
        _data(data),
        format,
        query or [],
        jobs=jobs,
        runner=runner,
        refresh=refresh,
        as_json=as_json,
    )
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
    explain: Annotated[bool, typer.Option("--explain", help="Show what SERVICE sent to other endpoints.")] = False,
) -> None:
    """Answer a SPARQL query from a data directory or an endpoint."""
    from app.cli import ask

    text = ask.read_query(file)
    if endpoint:
        answer = ask.ask_endpoint(endpoint, text, format)
    elif quarantine:
        answer = ask.ask_quarantine(_data(data), text, format)
    else:
        explanation = ask.Explanation([], [])
        try:
            answer = ask.ask_directory(Settings(data=_data(data)), text, format, explanation)
        finally:
            if explain:
                ask.show_explanation(explanation)
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
def discrepancies(
    identifier: Annotated[str | None, typer.Argument(help="An NCT id, a PubMed id or a DOI; all if left out.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List where the sources of a study disagree: the property, each value, and who says it."""
    from app.cli.discrepancies import print_discrepancies, read_discrepancies

    found = read_discrepancies(_data(data), identifier)
    if as_json:
        print(json.dumps([each.as_json() for each in found], indent=2, ensure_ascii=False))
    else:
        print_discrepancies(found)
        talk.print(f"{len(found)} discrepanc{'y' if len(found) == 1 else 'ies'}.")


@cli.command()
def export(
    data: Data = None,
    format: Annotated[
        str, typer.Option("--format", help="nq, trig, ttl, nt, rdf or jsonld; parquet or csv for tables.")
    ] = "nq",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file, or a folder for tables; else standard output.")
    ] = None,
    dump: Annotated[
        Path | None, typer.Option("--dump", help="A folder for sorted N-Quads with checksums; served from DATA/dump.")
    ] = None,
) -> None:
    """Write everything that is published, named graphs kept where the format has them; or as tables, in a folder."""
    from app.cli.ask import graph_media_type
    from app.store.opening import open_reader
    from app.tables.export import FORMATS

    if dump is not None:
        if output is not None:
            raise typer.BadParameter("give a folder for the dump or an output, not both", param_hint="--dump")
        _export_dump(_data(data), dump)
        return
    if format in FORMATS:
        _export_tables(_data(data), output, format)
        return
    media_type = graph_media_type(format)
    with open_reader(_data(data)) as reader:
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
    from app.store.opening import require_local

    require_local(_data(data), "A generation is taken back")
    print(f"Generation {roll_back(_data(data))} is current again.")


@cli.command()
def backup(
    target: Annotated[Path, typer.Argument(metavar="DIR", help="The new folder to write.", show_default=False)],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write what is published into a new folder, with its count and fingerprint. Services and loads may go on."""
    from app.backup import back_up

    made = back_up(_data(data), target)
    said = f"Generation {made.generation} with {made.quads:,} quads is in {target}, fingerprint {made.fingerprint}."
    print(json.dumps(asdict(made), indent=2) if as_json else said)


@cli.command()
def restore(
    backup: Annotated[Path, typer.Argument(metavar="DIR", help="The backup.", show_default=False)],
    data: Data = None,
    verify: Annotated[bool, typer.Option("--verify", help="Count and hash every quad before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish what a backup holds as the next generation. A running service takes it up; rollback goes back."""
    from app.backup import restore as restore_from

    restored = restore_from(backup, _data(data), verify=verify)
    said = f"Generation {restored.generation} of {restored.made} is published again: {restored.quads:,} quads, "
    said += "counted and hashed as they were backed up." if verify else "not verified."
    print(json.dumps(asdict(restored), indent=2) if as_json else said)


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


Linked = Annotated[str, typer.Argument(metavar="LINK|SOURCE", help="A link's IRI, or an NCT id, PubMed id or DOI.")]
Target = Annotated[str | None, typer.Argument(help="The registered study that the source is, by its NCT id.")]


@link.command("propose")
def link_propose(data: Data = None, as_json: AsJson = False) -> None:
    """Compare all studies and propose which without a registry id may be which registered one."""
    from app.linking import propose_links

    proposed = propose_links(_data(data))
    print(json.dumps(asdict(proposed), indent=2) if as_json else proposed.line())


@link.command("list")
def link_list(
    data: Data = None,
    status: Annotated[str | None, typer.Option(help="Only PROPOSED, ACCEPTED or REJECTED.")] = None,
    as_json: AsJson = False,
) -> None:
    """List study links, the surest first, with the reasons."""
    from app.linking import links
    from loaders.record import SCHEMES

    if status and status.upper() not in SCHEMES["LinkStatus"]:
        raise typer.BadParameter(f"'{status}' is none of {', '.join(SCHEMES['LinkStatus'])}", param_hint="--status")
    found = links(_data(data), status.upper() if status else None)
    if as_json:
        print(json.dumps([asdict(each) for each in found], indent=2, ensure_ascii=False))
        return
    for each in found:
        source, target = each.source.rpartition("/")[2], each.target.rpartition("/")[2]
        print(f"{each.status} {each.confidence or '-'} {source} {target}")
        print(f"  {each.reason or 'no reason given'}")
    talk.print(f"{len(found)} links.")


@link.command("accept")
def link_accept(source: Linked, target: Target = None, data: Data = None, as_json: AsJson = False) -> None:
    """Take a link for true: the facts of the source go under the target's IRI, and the old IRI keeps answering."""
    from app.linking import accept

    decision = accept(_data(data), source, target)
    print(json.dumps(asdict(decision), indent=2) if as_json else decision.line())


@link.command("reject")
def link_reject(source: Linked, target: Target = None, data: Data = None, as_json: AsJson = False) -> None:
    """Take a link for false, so that it is not proposed again."""
    from app.linking import reject

    decision = reject(_data(data), source, target)
    print(json.dumps(asdict(decision), indent=2) if as_json else decision.line())


@link.command("harvest")
def link_harvest(
    endpoint: Annotated[str, typer.Argument(help="The SPARQL endpoint to ask.", show_default=False)],
    kinds: Annotated[
        list[str],
        typer.Argument(
            metavar="KIND...",
            help="nct, pmid, doi, mesh: items of Wikidata with these ids. mesh-terms: labels and hierarchy of MeSH.",
            show_default=False,
        ),
    ],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Ask an endpoint for what it calls the studies, publications and concepts here, and store that as links."""
    from app.harvest import KINDS

    for kind in kinds:
        if kind not in KINDS:
            raise typer.BadParameter(f"'{kind}' is none of {', '.join(KINDS)}", param_hint="KIND")
    done = [_harvest(Settings(data=_data(data)), endpoint, kind, as_json=as_json) for kind in dict.fromkeys(kinds)]
    if as_json:
        print(json.dumps(done, indent=2))


def _harvest(settings: Settings, endpoint: str, kind: str, *, as_json: bool) -> dict[str, object]:
    """Harvest one kind and print the summary. A terminal sees how far it has come."""
    from app.harvest import harvest

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=talk, transient=True, disable=not talk.is_terminal) as bar:
        task = bar.add_task(f"Harvesting {kind}", total=None)
        try:
            done = harvest(
                settings,
                endpoint,
                kind,
                lambda said: talk.print(said, style="yellow", markup=False),
                lambda answered, of: bar.update(task, completed=answered, total=of),
            )
        except KeyboardInterrupt:
            talk.print("The same command goes on where this one was stopped.")
            raise
    if not as_json:
        print(done.line())
    return asdict(done)


def _data(given: Path | None) -> Path:
    return given if given is not None else Settings().data


def _export_dump(data: Path, folder: Path) -> None:
    """Write a dump into a folder and say what is in it."""
    from app.dump import write_dump
    from app.store.embedded import EmbeddedReader

    with EmbeddedReader(data) as reader:
        manifest = write_dump(reader, folder)
    print(f"{manifest.quads:,} quads of {manifest.graphs:,} graphs, generation {manifest.generation}, in {folder}.")
    print(f"Fingerprint {manifest.fingerprint}")


def _export_tables(data: Path, folder: Path | None, format: str) -> None:
    """Write tables into a folder and say how many rows. A terminal sees how far it has come."""
    from app.store.embedded import EmbeddedReader
    from app.store.opening import require_local
    from app.tables.export import export_tables

    require_local(data, "Tables are written")
    if folder is None:
        raise typer.BadParameter("Missing option: name the folder for the tables", param_hint="-o")
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,} rows"))
    with (
        EmbeddedReader(data) as reader,
        Progress(*columns, TimeElapsedColumn(), console=talk, transient=True, disable=not talk.is_terminal) as bar,
    ):
        task = bar.add_task("Writing tables", total=None)
        rows = export_tables(reader, folder, format, lambda written: bar.update(task, completed=written))
    talk.print(f"{len(rows)} tables, {sum(rows.values()):,} rows of generation {reader.generation} in {folder}.")


def _load(
    sources: list[str],
    data: Path,
    format: str,
    queries: Sequence[str] = (),
    *,
    jobs: int | None = None,
    runner: str | None = None,
    refresh: bool = False,
    as_json: bool = False,
) -> bool:
    """Load, print the summary, and say whether everything is in. A terminal sees how far it has come."""
    from app.graphs import load_graphs
    from app.intake import Outcome
    from app.intake import load as load_into
    from loaders.documents import documents, survey
    from loaders.fetch import Wanted, fetched
    from loaders.readers import FORMATS

    if format not in ("auto", *FORMATS, "rdf"):
        raise typer.BadParameter(f"'{format}' is none of auto, {', '.join(FORMATS)}, rdf", param_hint="--format")
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), TaskProgressColumn())
    rates = (TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("left"))
    with Progress(*columns, *rates, console=talk, transient=True, disable=not talk.is_terminal) as bar:
        task = bar.add_task("Loading", total=None, rate="")
        done, triples, started = 0, 0, perf_counter()

        def report(outcome: Outcome) -> None:
            nonlocal done, triples
            done, triples = done + 1, triples + outcome.triples
            if not bar.disable:
                seconds = perf_counter() - started
                rate = f"{done:,.0f} records, {done / seconds:,.0f} a second; {triples / seconds:,.0f} triples a second"
                bar.update(task, description="Loading", rate=rate)
            style = "red" if outcome.problem else "yellow"
            for message in outcome.messages:
                talk.print(message, style=style, markup=False)

        def fetching(said: str) -> None:
            bar.update(task, description=escape(said))

        files, wanted = _sorted_out(sources, queries)
        size = survey(files)
        if wanted == Wanted():
            bar.update(task, total=size.size)
        found = chain(
            documents(files, lambda more: bar.advance(task, more)),
            fetched(wanted, _network(data, refresh=refresh), fetching),
        )
        key = size.key and f"{size.key} {wanted}"
        try:
            if format == "rdf":
                summary = load_graphs(data, found, report)
            else:
                summary = load_into(data, found, format, report, jobs or os.cpu_count() or 1, key, runner)
        except KeyboardInterrupt:
            talk.print("The same command goes on where this one was stopped.")
            raise
    print(json.dumps(asdict(summary), indent=2, ensure_ascii=False) if as_json else summary.line())
    return summary.complete


def _load_vocabulary(files: list[str], data: Path, *, as_json: bool) -> bool:
    """Load MeSH, print the summary, and say whether it is in. A terminal sees how far it has come."""
    from app.vocabulary import load_mesh

    if not files:
        raise typer.BadParameter("Missing argument: name the files of MeSH to load", param_hint="SOURCES")
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,} triples"))
    with Progress(*columns, TimeElapsedColumn(), console=talk, transient=True, disable=not talk.is_terminal) as bar:
        task = bar.add_task("Loading MeSH", total=None)
        summary = load_mesh(data, files, lambda triples: bar.update(task, completed=triples))
    for problem in summary.problems:
        talk.print(problem, style="red", markup=False)
    print(json.dumps(asdict(summary), indent=2, ensure_ascii=False) if as_json else summary.line())
    return summary.complete


def _sorted_out(sources: list[str], queries: Sequence[str]) -> "tuple[list[str], Wanted]":
    """Return the files among sources, and what is to be fetched."""
    from loaders.fetch import Wanted

    try:
        return Wanted.among(sources, queries)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--query") from None


def _network(data: Path, *, refresh: bool) -> "Network":
    """Return the way to the network, which is only touched for what is named."""
    from loaders.fetch import Network

    settings = Settings(data=data)
    return Network(
        ctgov_url=settings.ctgov_url,
        ctgov_rate=settings.ctgov_rate,
        ncbi_url=settings.ncbi_url,
        cache=settings.cache or data / "cache",
        ncbi_api_key=settings.ncbi_api_key.get_secret_value() if settings.ncbi_api_key else None,
        contact=settings.contact,
        refresh=refresh,
    )


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Whom or what the key is for.")],
    scope: Annotated[str, typer.Option(help="read, write, or admin for the loaders' graphs too.")] = "write",
    days: Annotated[int | None, typer.Option(min=1, help="Days that it holds; without, it has no end.")] = None,
    data: Data = None,
) -> None:
    """Make a key and print it: this once, as only its hash is kept."""
    from app.keys import ApiKeys, Scope

    if scope not in list(Scope):
        raise typer.BadParameter(f"{scope} is no scope; use read, write or admin", param_hint="--scope")
    text, key = ApiKeys(Settings(data=_data(data)).keys_path).create(name, Scope(scope), days)
    talk.print(
        f"Key {key.id} for {escape(name)}, scope {key.scope}, {f'until {key.expires}' if key.expires else 'no end'}:"
    )
    print(text)


@keys.command("list")
def list_keys(data: Data = None, as_json: AsJson = False) -> None:
    """List the keys, without what makes them keys."""
    from app.keys import ApiKeys

    found = ApiKeys(Settings(data=_data(data)).keys_path).all()
    if as_json:
        listed = [{k: v for k, v in asdict(key).items() if k != "hash"} | {"expired": key.expired} for key in found]
        print(json.dumps(listed, indent=1))
        return
    for key in found:
        end = "expired" if key.expired else f"until {key.expires}" if key.expires else "no end"
        print(f"{key.id}  {key.scope:<5}  {end}  {key.name}")
    if not found:
        talk.print("There are no keys.")


@keys.command("revoke")
def revoke_key(key: Annotated[str, typer.Argument(help="The key's id, from `keys list`.")], data: Data = None) -> None:
    """Take a key back; the next request with it is refused."""
    from app.keys import ApiKeys

    revoked = ApiKeys(Settings(data=_data(data)).keys_path).revoke(key)
    talk.print(f"Key {revoked.id} for {escape(revoked.name)} is revoked.")
