"""Queries with SERVICE clauses, from text to answer, and what is told of how they were answered."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from app.errors import Busy, TrialweaveError
from app.federation.client import Client
from app.federation.planner import Plan, Planner
from app.federation.policy import Resolver, resolve
from app.federation.results import restore_graph, restore_solutions
from app.query.guard import uses_service
from app.settings import Settings
from app.store.base import Answer, Query
from app.store.evaluation import GRAPH_TYPES, SOLUTION_TYPES

__all__ = ["Explanation", "Federation"]

_TRIES = 3
"""Times that a query is begun anew because the data changed while endpoints were asked."""


@dataclass(slots=True)
class Explanation:
    """How a query was answered, as far as it got: see docs/federation.md for what is in each part."""

    plan: list[dict[str, Any]]
    requests: list[dict[str, Any]]
    query: str | None = None
    error: str | None = None

    def shown(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


class Federation:
    """The endpoints that queries may ask, for one application. Raises ValueError where the settings are wrong."""

    def __init__(self, settings: Settings, resolver: Resolver = resolve) -> None:
        self._settings = settings
        self._client = Client(settings, resolver)

    @property
    def is_on(self) -> bool:
        """Whether there is an endpoint that may be asked."""
        return bool(self._client.policy.targets)

    def concerns(self, text: str) -> bool:
        """Whether a query that the guard has let through is to be answered here."""
        return self.is_on and uses_service(text)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def answer(
        self, query: Query, ask: Callable[[Query], Awaitable[Answer]], explanation: Explanation | None = None
    ) -> Answer:
        """Answer a query; `ask` asks the store. `explanation` is filled, also where this raises an error."""
        for _ in range(_TRIES):
            planner = Planner(query, self._client, self._settings, ask)
            try:
                plan = await planner.plan()
                answer = await self._finish(query, plan, ask)
            except TrialweaveError as error:
                if explanation is not None:
                    explanation.error = error.message
                raise
            finally:
                if explanation is not None:
                    explanation.plan = [asdict(step) for step in planner.steps]
                    explanation.requests = [sent.shown() for sent in planner.budget.sent]
            if explanation is not None:
                explanation.query = plan.text
            if plan.generations <= {answer.generation}:
                return answer
        raise Busy("The data changed while other endpoints were asked; try again in a few seconds.")

    async def _finish(self, query: Query, plan: Plan, ask: Callable[[Query], Awaitable[Answer]]) -> Answer:
        if plan.blanks is None:
            return await ask(replace(query, text=plan.text))
        plain = replace(query, text=plan.text, solutions_type="application/sparql-results+json")
        found = await ask(replace(plain, graph_type="application/n-triples"))
        if found.media_type in GRAPH_TYPES:
            media_type = query.graph_type
            body = await asyncio.to_thread(restore_graph, found.body, plan.blanks, media_type, GRAPH_TYPES)
        else:
            media_type = query.solutions_type
            body = await asyncio.to_thread(restore_solutions, found.body, plan.blanks, media_type, SOLUTION_TYPES)
        return Answer(body, media_type, found.generation)

    def endpoints(self) -> list[dict[str, Any]]:
        """The endpoints of the list, and how they have done since the service started."""
        policy, health = self._client.policy, self._client.health
        return [
            {
                "endpoint": target.url,
                "requests": health[key].requests,
                "errors": health[key].errors,
                "last_asked": _time(health[key].last_asked),
                "last_milliseconds": health[key].last_milliseconds,
                "last_error": health[key].last_error,
                "bindings_a_request": self._client.blocks.get(key),
                "rows_at_most": self._client.caps.known(key),
            }
            for key, target in policy.targets.items()
        ]


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
