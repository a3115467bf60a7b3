"""The bound join: a clause asked with the bindings it is joined with, in blocks that fit the endpoint."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from math import ceil
from typing import Protocol

from app.errors import ServiceFailed, ServiceTimeout, ServiceTooLarge
from app.federation.bindings import Bindings
from app.federation.client import Budget, Client, Overloaded
from app.federation.policy import Target
from app.federation.results import Table
from app.settings import Settings

__all__ = ["BoundJoin"]

_FIRST, _MOST = 144, 1152
"""Bindings in a block, at first and at most: IRIs of usual length make it a query of less than 64 kB."""

_GROWTH = 4
"""What blocks grow by when an endpoint has taken them well."""


class Pattern(Protocol):
    """The pattern of a clause, which can be put into a query."""

    def text(self, columns: Sequence[str], bindings: Bindings | None, limit: int) -> str:
        """The query for these bindings."""

    def counting(self, bindings: Bindings | None) -> str | None:
        """The query for the number of its solutions, as ?rows; None where a cap may lie below what is counted."""


class BoundJoin:
    """Asks endpoints on behalf of one query. The size of blocks is learnt for each of them."""

    def __init__(self, client: Client, budget: Budget, settings: Settings) -> None:
        self._client, self._budget, self._settings = client, budget, settings
        self._turns = asyncio.Semaphore(settings.service_parallel)

    async def answer(
        self, target: Target, pattern: Pattern, columns: tuple[str, ...], bindings: Bindings | None
    ) -> Table:
        """The solutions that are compatible with one of the bindings, each as often as the endpoint has it.

        Raises ServiceFailed where any part of it failed: half of the solutions would be a wrong answer.
        """
        if bindings is None:
            return await self._whole(target, pattern, columns)
        if not bindings.rows:
            return Table(columns)
        tables = await self._blocks(target, pattern, columns, bindings)
        if len(tables) > 1 and any(table.has_blanks for table in tables):
            # A blank node that is in two answers would become two: it has to be one answer.
            return await self._whole(target, pattern, columns)
        rows = [row for table in tables for row in table.rows]
        self._check_rows(target, len(rows))
        return Table(columns, rows, any(table.has_blanks for table in tables))

    async def _blocks(
        self, target: Target, pattern: Pattern, columns: tuple[str, ...], bindings: Bindings
    ) -> list[Table]:
        """The answers for blocks: a few at first, and larger ones after, until it is known what the endpoint takes."""
        tables: list[Table] = []
        rows = bindings.rows
        while rows:
            size = self._client.blocks.get(target.key, _FIRST)
            count = len(rows) if size == _MOST else size * self._settings.service_parallel
            wave, rows = replace(bindings, rows=rows[:count]), rows[count:]
            tables += await self._wave(target, pattern, columns, wave, size)
        return tables

    async def _wave(
        self, target: Target, pattern: Pattern, columns: tuple[str, ...], bindings: Bindings, size: int
    ) -> list[Table]:
        """The answers for blocks of equal sizes, asked at the same time."""
        count = ceil(len(bindings.rows) / size)
        blocks = bindings.blocks(ceil(len(bindings.rows) / count))
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._block(target, pattern, columns, block)) for block in blocks]
        except ExceptionGroup as errors:
            # One failure spoils the whole and ends the other requests; the first is the cause of what others there are.
            raise errors.exceptions[0] from None
        tables = [table for task in tasks for table in task.result()]
        if len(tables) == len(blocks):
            self._client.blocks[target.key] = min(_MOST, _GROWTH * size) if count > 1 else size
        return tables

    async def _block(self, target: Target, pattern: Pattern, columns: tuple[str, ...], block: Bindings) -> list[Table]:
        """The answers for a block, of which there are several where it was too much for the endpoint at once."""
        size = len(block.rows)
        try:
            table = await self._ask(target, pattern.text(columns, block, self._limit), columns)
            cut = await self._cut(target, pattern, block, len(table.rows))
            if cut is None:
                return [block.matched(table)]
            if size == 1:
                raise ServiceTooLarge(cut)
        except (Overloaded, ServiceTimeout):
            if size == 1 or self._budget.is_over:
                raise
        middle = size // 2
        self._client.blocks[target.key] = max(1, middle)
        first, second = block.blocks(size - middle)
        found = await self._block(target, pattern, columns, first)
        return found + await self._block(target, pattern, columns, second)

    async def _whole(self, target: Target, pattern: Pattern, columns: tuple[str, ...]) -> Table:
        table = await self._ask(target, pattern.text(columns, None, self._limit), columns)
        if cut := await self._cut(target, pattern, None, len(table.rows)):
            raise ServiceTooLarge(cut)
        return table

    @property
    def _limit(self) -> int:
        return self._settings.service_rows + 1

    async def _ask(self, target: Target, text: str, columns: tuple[str, ...]) -> Table:
        async with self._turns:
            return await self._client.ask(target, text, columns, self._budget)

    # Whether an answer is whole

    async def _cut(self, target: Target, pattern: Pattern, block: Bindings | None, rows: int) -> str | None:
        """Why an answer is not, or may not be, all that there is; None where it is."""
        caps = self._client.caps
        if caps.may_be_cut(target.key, rows) is False:
            return None
        async with caps.finding(target.key):
            counting = pattern.counting(block)
            if caps.may_be_cut(target.key, rows) is None and (caps.is_probed(rows) or counting is None):
                await self._probe(target, rows)
            may_be_cut = caps.may_be_cut(target.key, rows)
            if may_be_cut is False:
                return None
            can_be_split = block is not None and len(block.rows) > 1
            if counting is None or (may_be_cut and can_be_split):
                return f"The endpoint {target.url} gave {rows:,} rows, which may be where it cuts; ask it for less."
            count = await self._count(target, counting)
            caps.learn(target.key, count, rows)
        if count == rows:
            return None
        return f"The endpoint {target.url} gave {rows:,} of {count:,} rows; ask it for less."

    async def _probe(self, target: Target, rows: int) -> None:
        """Ask for more rows than that, of no data, to see how many there can be. Nothing is learnt if that fails."""
        text, wanted = self._client.caps.probe(rows)
        with suppress(ServiceFailed):
            found = await self._ask(target, text, ("a",))
            if len(found.rows) >= rows:
                self._client.caps.learn(target.key, wanted, len(found.rows))

    async def _count(self, target: Target, counting: str) -> int:
        counted = await self._ask(target, counting, ("rows",))
        try:
            return int((counted.rows[0][0] or "").split('"')[1])
        except (IndexError, ValueError):
            raise ServiceFailed(f"The endpoint {target.url} does not say how many rows it has.") from None

    def _check_rows(self, target: Target, count: int) -> None:
        if count > self._settings.service_rows:
            raise ServiceTooLarge(
                f"The endpoint {target.url} has more than {self._settings.service_rows:,} rows; ask for less."
            )
