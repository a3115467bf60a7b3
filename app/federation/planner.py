"""A query with SERVICE clauses, taken apart: each clause is answered first, and its solutions stand in its place.

By the algebra (W3C SPARQL 1.1 Query, section 18.2.2) a clause and the same multiset of solutions as VALUES join alike.
Not all of its solutions are needed: of those that are compatible with no solution of what the clause is joined with,
nothing is left in the end. So the bindings of the surroundings are asked for here, sent along as VALUES, and bring back
what is needed. Where it is not certain that this leaves out nothing else, less is sent along, or nothing.

What holds for a pattern that is joined (a group, a branch of a UNION, GRAPH) holds for what is joined inside it. It
ends at OPTIONAL, MINUS and FILTER: a solution missing there can let another one through. What stands on their left
binds what stands on their right, and that is all.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import orjson

from app.errors import BadRequest, QueryRefused, QueryTooLarge, ServiceFailed
from app.federation.bindings import Bindings, sendable, written
from app.federation.blanks import with_true_blanks
from app.federation.bound import BoundJoin
from app.federation.client import Budget, Client
from app.federation.policy import Target
from app.federation.results import Row, Table, values
from app.query.guard import check_query, is_repeatable
from app.settings import Settings
from app.sparql.groups import Element, Group, read_structure
from app.store.base import Answer, Query
from app.store.engines import ENGINES
from app.store.evaluation import resolved

__all__ = ["Plan", "Planner", "Step"]

_JOINED = frozenset({"triples", "values", "graph", "group", "service"})
_NOWHERE = "urn:x-trialweave:nothing"
_PLACE = 32 * 1024 * 1024
"""Characters that a query may have once the solutions stand in it."""

Ask = Callable[[Query], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Step:
    """How one clause was answered: where it stands, what it was bound by, and how many solutions it has."""

    endpoint: str
    clause: str
    bound_by: tuple[str, ...]
    bindings: int | None
    rows: int
    silenced: str | None = None


@dataclass(slots=True)
class Plan:
    """The query for the engine, with solutions for clauses, and how it was made. `blanks` marks their stand-ins."""

    text: str
    steps: list[Step] = field(default_factory=list)
    generations: set[int] = field(default_factory=set)
    blanks: str | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A group graph pattern that a clause is joined with, and the variables it may bind."""

    text: str
    variables: frozenset[str]


class Planner:
    """Plans one query. `ask` answers queries from the store."""

    def __init__(self, query: Query, client: Client, settings: Settings, ask: Ask) -> None:
        self._query, self._client, self._settings, self._ask = query, client, settings, ask
        self.budget = Budget.of(settings)
        self.steps: list[Step] = []
        self._bound = BoundJoin(client, self.budget, settings)
        self._generations: set[int] = set()
        self._done: dict[Element, str] = {}
        self._rows: list[str] = []
        self._mark = secrets.token_hex(8)
        self._blank: set[str] = set()
        self._kept = False
        self._repeatable = is_repeatable(query.text)
        self._targets: dict[Element, Target] = {}

    async def plan(self) -> Plan:
        """Answer all SERVICE clauses. Raises the errors of `app.errors`."""
        self._structure = structure = read_structure(self._query.text)
        if structure.where is None:
            raise QueryRefused("SERVICE stands where it cannot be planned.")
        self._check_targets(structure.where)
        if self._settings.store_url and ENGINES[self._settings.store_engine].loses_values:
            _refuse_lost_values(structure.where, ENGINES[self._settings.store_engine].label)
        await self._check_syntax(structure.where)
        await self._answer_group(structure.where, (), "")
        text = self._filled(self._text(0, len(structure.text)))
        return Plan(text, self.steps, self._generations, self.budget.blanks.prefix if self._blank else None)

    # Which endpoints

    def _check_targets(self, group: Group, *, nested: bool = False) -> None:
        """Resolve and check all endpoints in the text before any is asked: nothing is sent for a query refused."""
        for service in group.services():
            assert service.term is not None
            self._check_targets(service.groups[0], nested=True)
            if service.term.kind == "variable":
                if nested:
                    raise BadRequest(
                        f"SERVICE {service.term.text[:100]} stands in another SERVICE, and nothing there binds its "
                        "endpoint before it is asked; write the address."
                    )
                continue
            try:
                (iri,) = resolved(self._structure.prologue, [service.term.text], self._query.base_iri)
            except SyntaxError:
                why = "its prefix is not declared" if service.term.kind == "name" else "it is no valid IRI"
                raise BadRequest(f"SERVICE {service.term.text[:200]} names no address: {why}.") from None
            self._targets[service] = self._client.policy.allowed(iri.value)

    async def _check_syntax(self, group: Group) -> None:
        """Have the engine read the query, patterns of clauses included, before anything is sent.

        SERVICE and its endpoint become spaces, so that what is wrong keeps its line and column. It is asked of a graph
        that does not exist, which takes no time.
        """
        text = list(self._structure.text)
        for service in _all_services(group):
            inside = service.groups[0].start
            text[service.start : inside] = re.sub(r"[^\s]", " ", "".join(text[service.start : inside]))
        blanked = "".join(text)
        check_query(blanked, self._settings)
        await self._ask(replace(self._query, text=blanked, default_graphs=(_NOWHERE,), named_graphs=()))

    # From the outside in

    async def _answer_group(self, group: Group, around: tuple[_Piece, ...], within: str) -> None:
        """Answer the clauses in a group that is joined with what is `around` it; `within` is its GRAPH, if any."""
        if group.select is not None:
            # What a subselect projects, counts or cuts off need not be what its group has: it stands alone.
            await self._answer_group(group.select.where, (), within)
            return
        pending = [element for element in group.elements if any(element.services())]
        if pending and not within:
            await self._settle_choices(group)
        while pending:
            element = self._next(group, pending, around)
            pending.remove(element)
            await self._answer_element(element, group, around, within)

    async def _settle_choices(self, group: Group) -> None:
        """Put the solutions of limited subselects in their place, as they are to stay the same from now on."""
        for element in group.elements:
            alone = len(element.groups) == 1 and element.kind == "group" and element.groups[0].select is not None
            if not alone or any(element.services()) or not element.groups[0].limited or not self._repeatable:
                continue
            columns = tuple(sorted(element.visible))
            projection = " ".join(f"?{name}" for name in columns)
            most = self._settings.service_bindings
            text = self._select(projection, self._element(element), most)
            found = await self._rows_of(text)
            if len(found) <= most and all(term["type"] in ("uri", "literal") for row in found for term in row.values()):
                rows = [tuple(written(row[name]) if name in row else None for name in columns) for row in found]
                self._done[element] = self._inline(columns, rows)

    def _next(self, group: Group, pending: Sequence[Element], around: tuple[_Piece, ...]) -> Element:
        """The element to be answered next: one that is bound by what is known already, if there is one."""
        joined = [element for element in pending if element.kind in _JOINED]
        known = frozenset[str]().union(*(piece.variables for piece in around))
        known = known.union(*(e.visible for e in group.elements if e.kind in _JOINED and e not in pending))
        ready = [element for element in joined if _awaited(element) <= known] or joined or [pending[0]]
        return next((element for element in ready if element.visible & known), ready[0])

    async def _answer_element(self, element: Element, group: Group, around: tuple[_Piece, ...], within: str) -> None:
        match element.kind:
            case "service":
                await self._answer_service(element, (*around, *self._siblings(element, group, within)))
                if group is self._structure.where and self.steps[-1].bindings is not None:
                    self._keep_together(group)
            case "group":
                for inner in element.groups:
                    await self._answer_group(inner, (*around, *self._siblings(element, group, within)), within)
            case "graph":
                assert element.term is not None
                inside = f"GRAPH {element.term.text}"
                await self._answer_group(element.groups[0], (*around, *self._siblings(element, group, within)), inside)
            case "optional" | "minus":
                before = group.elements[: group.elements.index(element)]
                await self._answer_group(element.groups[0], self._joined(before, within), within)
            case _:  # FILTER with EXISTS, which sees the solutions of the whole group
                for inner in element.groups:
                    await self._answer_group(inner, self._joined(group.elements, within), within)

    def _siblings(self, element: Element, group: Group, within: str) -> tuple[_Piece, ...]:
        """What an element is joined with in its own group."""
        place = group.elements.index(element)
        before, others = group.elements[:place], [other for other in group.elements if other is not element]
        pieces = self._joined(others, within)
        known = frozenset[str]().union(*(piece.variables for piece in pieces))
        made = frozenset[str]().union(*(e.visible for e in before if e.kind in ("bind", "optional")))
        if (element.visible & made) - known and self._repeatable and self._is_known(before):
            # What BIND and OPTIONAL make of it counts too, so all that stands before is taken as it is.
            exact = [e for e in before if e.kind != "filter"]
            text = " ".join(self._element(e) for e in exact)
            piece = _wrapped(text, within, frozenset[str]().union(*(e.visible for e in exact)))
            return piece, *self._joined(group.elements[place + 1 :], within)
        return pieces

    def _joined(self, elements: Iterable[Element], within: str) -> tuple[_Piece, ...]:
        """The joined ones of these elements as far as they are known, with the filters that hold for them alone."""
        elements = list(elements)
        if not self._repeatable:
            return ()  # What RAND or UUID make is another thing each time.
        known = [e for e in elements if e.kind in _JOINED and self._is_known([e])]
        certain = frozenset[str]().union(*(e.certain for e in known))
        filters = [e for e in elements if e.kind == "filter" and not e.groups and e.named and e.named <= certain]
        pieces: list[_Piece] = []
        for island in _islands(known):
            bound = frozenset[str]().union(*(e.certain for e in island))
            text = [self._element(e) for e in island] + [self._element(e) for e in filters if e.named <= bound]
            visible = frozenset[str]().union(*(e.visible for e in island))
            if visible:
                pieces.append(_wrapped(" ".join(text), within, visible))
        return tuple(pieces)

    def _keep_together(self, group: Group) -> None:
        """Make what binds clauses a subselect, which the engine answers by itself, as it has done for the bindings.

        Else it may begin with the solutions of a clause, and look up for each what the rest of the query excludes.
        What is joined may stand anywhere, but not beyond what is not joined.
        """
        local = [e for e in group.elements if e.kind in _JOINED and not any(e.services())]
        if not local or self._kept or not self._is_known(local):
            return
        first, last = (group.elements.index(element) for element in (local[0], local[-1]))
        between = group.elements[first:last]
        pieces = self._joined([*local, *(e for e in group.elements if e.kind == "filter")], "")
        if len(pieces) != 1 or any(e.kind not in _JOINED and e.kind != "filter" for e in between):
            return
        self._kept = True
        self._done |= dict.fromkeys(local, " ") | {local[0]: f" {{ SELECT * {pieces[0].text} }} "}

    # One clause

    async def _answer_service(self, service: Element, around: tuple[_Piece, ...]) -> None:
        await self._answer_nested(service)
        group = service.groups[0]
        columns = tuple(sorted(group.visible))
        if target := self._targets.get(service):
            rows = await self._solutions(service, target, columns, await self._bindings(group, around))
        else:
            columns, rows = await self._of_each_endpoint(service, columns, around)
        self._done[service] = self._inline(columns, rows)

    async def _solutions(
        self, service: Element, target: Target, columns: tuple[str, ...], bindings: Bindings | None
    ) -> list[Row]:
        """What one endpoint answers."""
        silenced: str | None = None
        try:
            table = await self._bound.answer(target, self._remote(service.groups[0]), columns, bindings)
        except ServiceFailed as error:
            if not service.silent:
                raise
            # One solution without bindings (Federated Query, section 2.3 and 4).
            table, silenced = Table(columns, [(None,) * len(columns)]), error.message
        self._note_blanks(table)
        self._note(service, target.url, bindings, len(table.rows), silenced)
        return table.rows

    def _note(
        self, service: Element, endpoint: str, bindings: Bindings | None, rows: int, silenced: str | None = None
    ) -> None:
        bound_by, count = (bindings.columns, len(bindings.rows)) if bindings else ((), None)
        clause = " ".join(self._structure.text[service.start : service.end].split())[:300]
        self.steps.append(Step(endpoint, clause, bound_by, count, rows, silenced))

    async def _of_each_endpoint(
        self, service: Element, columns: tuple[str, ...], around: tuple[_Piece, ...]
    ) -> tuple[tuple[str, ...], list[Row]]:
        """The solutions of a clause whose endpoint is a variable: of each endpoint that the rest of the query binds.

        With each go the bindings that stand beside it, and its solutions have it in that variable (Federated Query,
        section 4). Raises BadRequest where the variable is not bound to addresses, and QueryRefused for what is not on
        the list, before any of them is asked.
        """
        assert service.term is not None
        name = service.term.text[1:]
        found = await self._endpoints(service, name, around)
        targets = {iri: self._named_target(service, iri) for iri in found}
        others = tuple(column for column in columns if column != name)
        rows: list[Row] = []
        for iri, target in targets.items():
            if isinstance(target, str):
                self._note(service, iri, None, 1, target)
                rows.append((f"<{iri}>", *(None for _ in others)))
                continue
            answered = await self._solutions(service, target, columns, found[iri])
            if name in columns:
                place = columns.index(name)
                kept = [row for row in answered if row[place] in (None, f"<{iri}>")]
                rows += [(f"<{iri}>", *row[:place], *row[place + 1 :]) for row in kept]
            else:
                rows += [(f"<{iri}>", *row) for row in answered]
        if not targets:
            self._note(service, service.term.text, Bindings((name,), []), 0)
        return (name, *others), rows

    def _named_target(self, service: Element, iri: str) -> Target | str:
        """The endpoint, or why it is none, if the clause is SILENT."""
        try:
            return self._client.policy.allowed(iri)
        except (BadRequest, QueryRefused) as error:
            if not service.silent:
                raise
            return error.message

    async def _endpoints(self, service: Element, name: str, around: tuple[_Piece, ...]) -> dict[str, Bindings | None]:
        """The endpoints that a variable is bound to, and the bindings that each is to be asked with."""
        group = service.groups[0]
        known = frozenset[str]().union(*(piece.variables for piece in around))
        if name not in known:
            raise _unbound(service, "nothing that is joined with it binds that variable before it is asked")
        shared = (group.certain & known) | {name}
        most = self._settings.service_bindings
        found = await self._distinct(sorted(shared), around)
        if is_too_much := len(found) > most:
            found = await self._distinct([name], around)
        grouped: dict[str, list[dict[str, dict[str, str]]]] = {}
        for row in found:
            if name not in row:
                raise _unbound(service, "there are solutions that do not bind that variable")
            value, kind = row[name]["value"], row[name]["type"]
            if kind != "uri" or value.startswith(self.budget.blanks.prefix):
                what = "a blank node" if kind != "literal" else f'"{value[:100]}"'
                raise _unbound(service, f"it has the value {what}, which is no address")
            grouped.setdefault(value, []).append(row)
        if len(grouped) > most:
            raise QueryTooLarge(f"SERVICE ?{name[:100]} has more than {most:,} endpoints; ask fewer.")
        columns = tuple(sorted(shared & group.certain))
        if is_too_much or not columns:
            return dict.fromkeys(grouped)
        return {iri: sendable(columns, rows, self.budget.blanks.prefix) for iri, rows in grouped.items()}

    async def _answer_nested(self, service: Element) -> None:
        """Answer the clauses inside a clause here, unbound: the endpoint gets their solutions with its query."""
        for inner in service.groups[0].services():
            had, self._blank = self._blank, set()
            await self._answer_service(inner, ())
            if self._blank:
                raise QueryRefused(
                    "A SERVICE inside another one has blank nodes in its solutions, which cannot be sent on."
                )
            self._blank = had

    def _remote(self, group: Group) -> "_Remote":
        inner = self._filled(self._text(group.start + 1, group.end - 1), is_remote=True)
        base = f"BASE <{self._query.base_iri}> " if self._query.base_iri else ""
        return _Remote(f"{base}{self._structure.prologue}", inner, _bound_before(group), group.select is not None)

    async def _bindings(self, group: Group, around: tuple[_Piece, ...]) -> Bindings | None:
        """The bindings that solutions of the clause must be compatible with; None where none are known."""
        shared = group.certain & frozenset[str]().union(*(piece.variables for piece in around))
        if not shared:
            return None
        columns = sorted(shared)
        found = await self._distinct(columns, around)
        if len(found) > self._settings.service_bindings:
            return None
        return sendable(columns, found, self.budget.blanks.prefix)

    async def _distinct(self, columns: Sequence[str], around: tuple[_Piece, ...]) -> list[dict[str, dict[str, str]]]:
        """The distinct bindings of these variables, one more than are sent if there are more."""
        projection = "DISTINCT " + " ".join(f"?{name}" for name in columns)
        pattern = " ".join(piece.text for piece in _connected(around, frozenset(columns)))
        return await self._rows_of(self._select(projection, pattern, self._settings.service_bindings))

    def _select(self, projection: str, pattern: str, most: int) -> str:
        structure = self._structure
        return f"{structure.prologue} SELECT {projection} {structure.dataset} WHERE {{ {pattern} }} LIMIT {most + 1}"

    async def _rows_of(self, text: str) -> list[dict[str, dict[str, str]]]:
        """What the store answers, in terms of the JSON results format."""
        query = replace(self._query, text=self._filled(text), solutions_type="application/sparql-results+json")
        answer = await self._ask(query)
        self._generations.add(answer.generation)
        rows: list[dict[str, dict[str, str]]] = orjson.loads(answer.body)["results"]["bindings"]
        return rows

    def _note_blanks(self, table: Table) -> None:
        """Remember which variables have stand-ins of blank nodes."""
        stand_in = f"<{self.budget.blanks.prefix}"
        for place, name in enumerate(table.columns if table.has_blanks else ()):
            if any((row[place] or "").startswith(stand_in) for row in table.rows):
                self._blank.add(name)

    # Texts

    def _is_known(self, elements: Iterable[Element]) -> bool:
        """Whether these have nothing in them that is unanswered, or may be another the next time."""
        return all(
            element in self._done
            or (
                all(service in self._done for service in element.services())
                and not any(group.limited for group in element.groups)
            )
            for element in elements
        )

    def _element(self, element: Element) -> str:
        return self._text(element.start, element.end)

    def _text(self, start: int, end: int) -> str:
        """A part of the query with solutions in their places, and a line end against a comment in its last line."""
        parts: list[str] = []
        for done in sorted(self._done, key=lambda each: (each.start, -each.end)):
            if start <= done.start and done.end <= end:
                parts += [self._structure.text[start : done.start], self._done[done]]
                start = done.end
        return "".join([*parts, self._structure.text[start:end], "\n"])

    def _inline(self, columns: Sequence[str], rows: Sequence[Row]) -> str:
        self._rows.append(values(columns, rows))
        names = " ".join(f"?{name}" for name in columns)
        return f" VALUES ({names}) {{ ?{self._mark}_{len(self._rows) - 1} }} "

    def _filled(self, text: str, *, is_remote: bool = False) -> str:
        """The text with all rows in it. Raises what is wrong with it but for them, and QueryTooLarge."""
        if not is_remote:
            limits = {"query_bytes": 16 * self._settings.query_bytes, "query_depth": self._settings.query_depth + 8}
            check_query(text, self._settings.model_copy(update=limits))
            if self._blank:
                text = with_true_blanks(text, frozenset(self._blank), self.budget.blanks.prefix)
        filled = re.sub(rf"\?{self._mark}_([0-9]+)", lambda found: self._rows[int(found[1])], text)
        if len(filled) > _PLACE:
            raise QueryTooLarge(
                f"With solutions for its SERVICE clauses the query has more than {_PLACE:,} characters; ask for less."
            )
        return filled


@dataclass(frozen=True, slots=True)
class _Remote:
    """The pattern of a clause on its way to an endpoint; see `BoundJoin`."""

    prologue: str
    pattern: str
    early: frozenset[str]
    is_select: bool

    def text(self, columns: Sequence[str], bindings: Bindings | None, limit: int) -> str:
        """The query for these bindings."""
        names = " ".join(f"?{name}" for name in columns)
        projection = f"SELECT {names}" if names else "SELECT (1 AS ?one)"
        return f"{self.prologue} {projection} WHERE {{ {self._body(bindings)} }} LIMIT {limit}"

    def counting(self, bindings: Bindings | None) -> str | None:
        """The query for the number of rows; None for a subselect, into which some endpoints push their cap."""
        if self.is_select:
            return None
        return f"{self.prologue} SELECT (COUNT(*) AS ?rows) WHERE {{ {self._body(bindings)} }}"

    def _body(self, bindings: Bindings | None) -> str:
        if bindings is None:
            return f"{{ {self.pattern} }}" if self.is_select else self.pattern
        block, filters = bindings.inline(), bindings.filters()
        if self.is_select:
            return f"{block} {{ {self.pattern} }} {filters}"
        if self.early.issuperset(bindings.exact):
            return f"{block} {self.pattern} {filters}"  # First is where engines make the most of it.
        return f"{self.pattern} {block} {filters}"


def _bound_before(group: Group) -> frozenset[str]:
    """The variables that are bound before the first element that would not stand after VALUES unchanged."""
    bound: frozenset[str] = frozenset()
    for element in group.elements:
        if element.kind in ("optional", "minus", "bind"):
            break
        bound |= element.certain
    return bound


def _awaited(element: Element) -> frozenset[str]:
    """The variables whose values are endpoints, and that nothing inside the element itself binds."""
    if element.kind == "service":
        return element.named
    found = frozenset[str]()
    for group in element.groups:
        inner = group.select.where.elements if group.select else group.elements
        own = frozenset[str]().union(*(each.visible for each in inner if not any(each.services())))
        found = found.union(*(_awaited(each) for each in inner)) - own
    return found


def _unbound(service: Element, why: str) -> BadRequest:
    name = service.term.text[:100] if service.term else ""
    return BadRequest(f"SERVICE {name} cannot be asked: {why}; bind {name} to addresses of endpoints, as with VALUES.")


def _refuse_lost_values(group: Group, engine: str) -> None:
    """Refuse clauses where the solutions that stand in their place would be answered wrongly by this engine."""
    for element in (group.select.where if group.select else group).elements:
        if not any(element.services()):
            continue
        if element.kind in ("minus", "filter") or len(element.groups) > 1:
            raise QueryRefused(
                f"The store is {engine}, which answers wrongly where SERVICE stands in MINUS, UNION or EXISTS; "
                "leave that out, or ask a service with another store."
            )
        if element.kind != "service":
            for inner in element.groups:
                _refuse_lost_values(inner, engine)


def _all_services(group: Group) -> Iterator[Element]:
    for service in group.services():
        yield service
        yield from _all_services(service.groups[0])


def _wrapped(text: str, within: str, variables: frozenset[str]) -> _Piece:
    named = frozenset({within.split()[1][1:]}) if within.startswith(("GRAPH ?", "GRAPH $")) else frozenset()
    return _Piece(f"{{ {within} {{ {text} }} }}" if within else f"{{ {text} }}", variables | named)


def _islands(elements: Iterable[Element]) -> list[list[Element]]:
    """The elements by the variables they share, so that none is multiplied with what has nothing to do with it."""
    islands: list[list[Element]] = []
    for element in elements:
        names = element.visible | element.labels
        near = [island for island in islands if any((other.visible | other.labels) & names for other in island)]
        islands = [island for island in islands if island not in near]
        islands.append(sorted([*(e for island in near for e in island), element], key=lambda each: each.start))
    return islands


def _connected(pieces: Iterable[_Piece], shared: frozenset[str]) -> list[_Piece]:
    """The pieces that have to do with these variables, directly or by others."""
    reached, left, found = shared, list(pieces), list[_Piece]()
    while near := [piece for piece in left if piece.variables & reached]:
        found += near
        left = [piece for piece in left if piece not in near]
        reached = reached.union(*(piece.variables for piece in near))
    return found
