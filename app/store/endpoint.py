"""A remote SPARQL server as the service sees it: what is sent to it, and what is made of what comes back.

Nothing here opens a connection: `remote` does, once for the loader and once for the service. Solutions are always asked
in one format that shows where it was cut off, and graphs as N-Triples; other formats are written here. So answers look
the same whatever engine gave them, and half an answer, which some engines send with status 200, is an error.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import httpx
import orjson
import pyoxigraph as ox

from app.errors import BadRequest, QueryRefused, QuerySyntaxError, StoreError, StoreFailed, StoreUnreachable
from app.settings import Settings
from app.sparql.tokens import readable, tokens
from app.store.base import Query
from app.store.engines import ENGINES, Engine
from app.store.evaluation import GRAPH_TYPES, PREFIXES, SOLUTION_TYPES, rows_of, write_results
from app.store.substitution import substituted

__all__ = ["Asked", "Endpoint"]

_JSON = "application/sparql-results+json"
_N_TRIPLES = "application/n-triples"
_GRAPH_FORMS = ("CONSTRUCT", "DESCRIBE")
_FORMS = ("SELECT", "ASK", *_GRAPH_FORMS)
_CODEPOINT = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_WORD = re.compile(r"\w+")
_CONNECT = 5.0
"""Seconds until a connection must stand."""
_QUOTED = 300
"""Characters of a server's own words that are repeated."""

_Results = ox.QuerySolutions | ox.QueryBoolean | Iterator[ox.Triple]


@dataclass(frozen=True, slots=True)
class Asked:
    """A query on its way: the form fields, and the media type that is asked for."""

    fields: Mapping[str, str | list[str]]
    accept: str

    @property
    def is_graph(self) -> bool:
        """Whether triples are to come back."""
        return self.accept in GRAPH_TYPES


class Endpoint:
    """The addresses, the ways (see `engines`) and the credentials of a remote store.

    Raises StoreError when the settings do not name one.
    """

    def __init__(self, settings: Settings) -> None:
        self.engine: Engine = ENGINES[settings.store_engine]
        self.url = _address("TRIALWEAVE_STORE_URL", settings.store_url or "")
        self.update_url = self._beside("UPDATE", settings.store_update_url, self.engine.update_path)
        self.graphs_url = self._beside("GRAPHS", settings.store_graphs_url, self.engine.graphs_path)
        self._settings = settings

    def _beside(self, name: str, given: str | None, path: str | None) -> str | None:
        if given:
            return _address(f"TRIALWEAVE_STORE_{name}_URL", given)
        return urljoin(self.url, path) if path else None

    def client_options(self) -> dict[str, Any]:
        """The arguments of an HTTP client. It follows no redirect and takes no proxy from the environment."""
        settings = self._settings
        headers = {"User-Agent": "trialweave"}
        if settings.store_token:
            headers["Authorization"] = f"Bearer {settings.store_token.get_secret_value()}"
        proxy = settings.store_proxy.get_secret_value() if settings.store_proxy else None
        timeout = httpx.Timeout(settings.store_timeout, connect=_CONNECT)
        options = {"headers": headers, "auth": self._auth(), "proxy": proxy, "timeout": timeout}
        return options | {"trust_env": False, "follow_redirects": False}

    def _auth(self) -> httpx.Auth | None:
        user, password = self._settings.store_user, self._settings.store_password
        if user is None:
            return None
        kind = httpx.DigestAuth if self._settings.store_auth == "digest" else httpx.BasicAuth
        return kind(user, password.get_secret_value() if password else "")

    # What is sent

    def ask(self, query: Query) -> Asked:
        """The query as the server is to get it. Raises BadRequest, and QueryRefused for an engine's own additions."""
        self._refuse_additions(query.text)
        text = self.named_here(substituted(query.text, query.substitutions), prefixes=True)
        if query.base_iri:
            text = f"BASE {_iri(query.base_iri)} {text}"
        fields: dict[str, str | list[str]] = {"query": text}
        for name, graphs in (("default", query.default_graphs), ("named", query.named_graphs)):
            if graphs:
                fields[f"{name}-graph-uri"] = list(graphs)
        form = next((each.text.upper() for each in readable(query.text) if each.is_word(*_FORMS)), "SELECT")
        return Asked(fields, _N_TRIPLES if form in _GRAPH_FORMS else self.engine.solutions_type)

    def _refuse_additions(self, text: str) -> None:
        """Refuse what is no SPARQL but reaches files, hosts or SQL on this engine.

        Schemes are looked for in the whole text, strings and comments too: how the engine tells those apart is its own.
        """
        engine = self.engine
        if not (engine.refused_words or engine.refused_schemes):
            return
        decoded = _CODEPOINT.sub(lambda code: chr(min(int(code[1] or code[2], 16), 0x10FFFF)), text)
        for scheme in engine.refused_schemes:
            if re.search(rf"{scheme[:-1]}\s*:", decoded, re.IGNORECASE):
                raise QueryRefused(f"'{scheme}' is not available on this endpoint.")
        for word in (_words(text) | _words(decoded)) & engine.refused_words:
            raise QueryRefused(f"{word} is not available on this endpoint.")

    def named_here(self, text: str, *, prefixes: bool = False) -> str:
        """SPARQL or N-Triples text with the stand-ins for the datatypes that this engine would change.

        With `prefixes`, names such as xsd:duration are looked for as well.
        """
        for datatype, stand_in in self.engine.renamed.items():
            text = text.replace(f"<{datatype}>", f"<{stand_in}>")
            local = re.split("[#/]", datatype)[-1]
            if prefixes and f":{local}" in text:
                text = _with_names_replaced(text, datatype, stand_in)
        return text

    def graph_parameters(self, graph: str) -> dict[str, str]:
        """How the graph store is told which graph is meant."""
        return {self.engine.graph_parameter: graph}

    # What comes back

    def check(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Raise what a status other than success, or an answer that is not whole, means here.

        Raises QuerySyntaxError (400), StoreUnreachable (429, 503), StoreFailed (all others).
        """
        said = body[: 4 * _QUOTED].decode("utf-8", "replace")
        said = " ".join(said.partition("SPARQL query:")[0].split())[:_QUOTED]
        if 200 <= status < 300:
            for name in self.engine.partial_headers:
                if name in headers:
                    raise StoreFailed(
                        f"The store at {self.url} cut its answer short ({name}: {headers[name]}); "
                        "ask for less, or have its limit raised."
                    )
        elif status == 400:
            raise QuerySyntaxError(f"The store at {self.url} does not accept this: {said}")
        elif status in (401, 403):
            raise StoreFailed(
                f"The store at {self.url} refuses the credentials ({status}); see TRIALWEAVE_STORE_USER, _PASSWORD, "
                "_TOKEN and _AUTH."
            )
        elif status in (429, 503):
            raise StoreUnreachable(f"The store at {self.url} is busy ({status}): {said}")
        elif 300 <= status < 400:
            raise StoreFailed(f"The store at {self.url} redirects ({status}), which is not followed; name its address.")
        else:
            raise StoreFailed(f"The store at {self.url} failed ({status}): {said}")

    def read(
        self, asked: Asked, query: Query, media_type: str, body: bytes, limit: int | None = None
    ) -> tuple[bytes, str]:
        """The answer in the media type that the query wants. Raises StoreFailed, AnswerTooLarge, NotAcceptable."""
        wanted = query.graph_type if asked.is_graph else query.solutions_type
        if wanted == _JSON == _plain_type(media_type) and not (self.engine.renamed or self.engine.ask_variable):
            self._whole_json(body)
            return body, wanted
        with self._answer_errors():
            return write_results(self._results(asked, media_type, body), query, limit)

    def _results(self, asked: Asked, media_type: str, body: bytes) -> _Results:
        """What the body says, to be used up inside `_answer_errors` on the same thread."""
        body = self._named_there(body)
        kind = _plain_type(media_type)
        if asked.is_graph and kind in GRAPH_TYPES:
            return (quad.triple for quad in ox.parse(body, format=GRAPH_TYPES[kind]))
        if not asked.is_graph and kind in SOLUTION_TYPES:
            results = ox.parse_query_results(body, format=SOLUTION_TYPES[kind])
            return self._boolean(results) if isinstance(results, ox.QuerySolutions) else results
        raise StoreFailed(f"The store at {self.url} answered with {kind or 'nothing'}, not {asked.accept}.")

    def load(self, asked: Asked, media_type: str, body: bytes, into: ox.Store, graph: ox.NamedNode) -> None:
        """Put the triples of an answer into a graph of another store."""
        with self._answer_errors():
            triples = cast(Iterator[ox.Triple], self._results(asked, media_type, body))
            into.extend(ox.Quad(one.subject, one.predicate, one.object, graph) for one in triples)

    def rows(self, asked: Asked, media_type: str, body: bytes) -> list[dict[str, str]]:
        """The rows of the solutions as plain strings."""
        with self._answer_errors():
            return list(rows_of(self._results(asked, media_type, body)))

    def _boolean(self, results: ox.QuerySolutions) -> ox.QuerySolutions | ox.QueryBoolean:
        names = [variable.value for variable in results.variables]
        if names != [self.engine.ask_variable]:
            return results
        truth = any(str(row[0].value) in ("1", "true") for row in results if isinstance(row[0], ox.Literal))
        boolean = ox.parse_query_results(
            orjson.dumps({"head": {}, "boolean": truth}), format=ox.QueryResultsFormat.JSON
        )
        assert isinstance(boolean, ox.QueryBoolean)
        return boolean

    def _named_there(self, body: bytes) -> bytes:
        for datatype, stand_in in self.engine.renamed.items():
            body = body.replace(stand_in.encode(), datatype.encode())
        return body

    def _whole_json(self, body: bytes) -> None:
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise self._broken(str(error)) from error

    @contextmanager
    def _answer_errors(self) -> Iterator[None]:
        try:
            yield
        except (SyntaxError, UnicodeDecodeError) as error:
            raise self._broken(str(error)) from error

    def _broken(self, reason: str) -> StoreFailed:
        return StoreFailed(f"The store at {self.url} sent a broken or unfinished answer: {reason}.")

    @contextmanager
    def connection_errors(self) -> Iterator[None]:
        """Turn what fails between here and the server into StoreUnreachable or StoreFailed."""
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise StoreUnreachable(f"The store at {self.url} cannot be reached: {error or 'no answer'}.") from error
        except httpx.TimeoutException as error:
            seconds = self._settings.store_timeout
            raise StoreUnreachable(f"The store at {self.url} said nothing for {seconds:g} seconds.") from error
        except httpx.HTTPError as error:
            raise StoreFailed(f"The store at {self.url} broke off: {error or type(error).__name__}.") from error


def _address(name: str, url: str) -> str:
    """The address, if it is one. Credentials in it would be logged, so they are refused."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and not parts.fragment and parts.port != 0
    except ValueError:
        sound, parts = None, urlsplit("")
    if not sound:
        raise StoreError(f"{name} is no address of a server; write http://host:port/path.")
    if parts.username is not None:
        raise StoreError(f"{name} has credentials in it; put them into TRIALWEAVE_STORE_USER and _PASSWORD.")
    return url


def _plain_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _words(text: str) -> set[str]:
    """The keywords in the text, in capitals; all its words where nobody knows how this engine would read it."""
    try:
        words = " ".join(token.text for token in tokens(text) if token.kind == "word")
    except QuerySyntaxError:
        words = text
    return set(_WORD.findall(words.upper()))


def _with_names_replaced(text: str, datatype: str, stand_in: str) -> str:
    """The text with the prefixed names that stand for the datatype replaced."""
    words = list(readable(text))
    declared = {"xsd": PREFIXES["xsd"]} | {
        name.prefix: iri.text[1:-1]
        for keyword, name, iri in zip(words, words[1:], words[2:], strict=False)
        if keyword.is_word("PREFIX")
    }
    pieces: list[str] = []
    end = 0
    for token in words:
        if token.kind == "name" and declared.get(token.prefix, "") + token.text.partition(":")[2] == datatype:
            pieces += [text[end : token.start], f"<{stand_in}>"]
            end = token.end
    return "".join([*pieces, text[end:]])


def _iri(value: str) -> str:
    try:
        return str(ox.NamedNode(value))
    except ValueError as error:
        raise BadRequest(f"{value!r} is not an IRI: {error}.") from error
