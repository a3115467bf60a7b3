"""The bound join: a clause asked with the bindings it is joined with, in blocks that fit the endpoint."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.errors import ServiceFailed, ServiceTimeout, ServiceTooLarge
from app.federation.client import Budget, Client, Overloaded
from app.federation.policy import Target
from app.federation.results import Row, Table
from app.settings import Settings

__all__ = ["Bindings", "BoundJoin"]

_FIRST, _MOST = 48, 384
"""Bindings in a block, at first and at most: no round numbers, as those are what a cap looks like."""

_ROUND = 100
"""An answer whose number of rows is a multiple of this may have been cut there."""


@dataclass(frozen=True, slots=True)
class Bindings:
    """Distinct rows, each with all of the columns bound."""

    columns: tuple[str, ...]
    rows: list[Row]


class Pattern(Protocol):
    """The pattern of a clause, which can be put into a query."""

    def text(self, columns: Sequence[str], bound: Sequence[str], rows: Sequence[Row], limit: int) -> str:
        """The query for these bindings."""

    def counting(self, bound: Sequence[str], rows: Sequence[Row]) -> str | None:
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
            return await self._whole(target, pattern, columns, (), [])
        if not bindings.rows:
            return Table(columns)
        tables = await self._blocks(target, pattern, columns, bindings)
        if len(tables) > 1 and any(table.has_blanks for table in tables):
            # A blank node that is in two answers would become two: it has to be one answer.
            return await self._whole(target, pattern, columns, (), [])
        rows = [row for table in tables for row in table.rows]
        self._check_rows(target, len(rows))
        return Table(columns, rows, any(table.has_blanks for table in tables))

    async def _blocks(
        self, target: Target, pattern: Pattern, columns: tuple[str, ...], bindings: Bindings
    ) -> list[Table]:
        size = self._client.blocks.get(target.key, _FIRST)
        blocks = [bindings.rows[start : start + size] for start in range(0, len(bindings.rows), size)]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._block(target, pattern, columns, bindings.columns, block))
                    for block in blocks
                ]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        tables = [table for task in tasks for table in task.result()]
        if len(tables) == len(blocks):
            self._client.blocks[target.key] = min(_MOST, 2 * size) if len(blocks) > 1 else size
        return tables

    async def _block(
        self, target: Target, pattern: Pattern, columns: tuple[str, ...], bound: tuple[str, ...], block: list[Row]
    ) -> list[Table]:
        """The answers for a block, of which there are several where it was too much for the endpoint at once."""
        try:
            async with self._turns:
                table = await self._client.ask(
                    target, self._text(pattern, columns, bound, block), columns, self._budget
                )
            if len(block) == 1 or not self._looks_cut(table):
                await self._check_whole(target, pattern, bound, block, table)
                return [table]
        except (Overloaded, ServiceTimeout):
            if len(block) == 1 or self._budget.is_over:
                raise
        middle = len(block) // 2
        self._client.blocks[target.key] = max(1, middle)
        first = await self._block(target, pattern, columns, bound, block[:middle])
        return first + await self._block(target, pattern, columns, bound, block[middle:])

    async def _whole(
        self, target: Target, pattern: Pattern, columns: tuple[str, ...], bound: tuple[str, ...], block: list[Row]
    ) -> Table:
        async with self._turns:
            table = await self._client.ask(target, self._text(pattern, columns, bound, block), columns, self._budget)
        await self._check_whole(target, pattern, bound, block, table)
        return table

    def _text(self, pattern: Pattern, columns: Sequence[str], bound: Sequence[str], block: Sequence[Row]) -> str:
        return pattern.text(columns, bound, block, self._settings.service_rows + 1)

    @staticmethod
    def _looks_cut(table: Table) -> bool:
        return bool(table.rows) and len(table.rows) % _ROUND == 0

    async def _check_whole(
        self, target: Target, pattern: Pattern, bound: tuple[str, ...], block: list[Row], table: Table
    ) -> None:
        """Have the endpoint count, where an answer of a round number of rows may be no more than its cap."""
        if not self._looks_cut(table):
            return
        counting = pattern.counting(bound, block)
        if counting is None:
            raise ServiceTooLarge(
                f"The endpoint {target.url} gave {len(table.rows):,} rows, which may be where it cuts; ask it for less."
            )
        async with self._turns:
            counted = await self._client.ask(target, counting, ("rows",), self._budget)
        try:
            count = int((counted.rows[0][0] or "").split('"')[1])
        except (IndexError, ValueError):
            raise ServiceFailed(f"The endpoint {target.url} does not say how many rows it has.") from None
        if count != len(table.rows):
            raise ServiceTooLarge(
                f"The endpoint {target.url} gave {len(table.rows):,} of {count:,} rows; ask it for less."
            )

    def _check_rows(self, target: Target, count: int) -> None:
        if count > self._settings.service_rows:
            raise ServiceTooLarge(
                f"The endpoint {target.url} has more than {self._settings.service_rows:,} rows; ask for less."
            )
