"""A published generation written to a folder as tables: Parquet or CSV, one file a table, and a manifest.

Rows are gathered until they fill a batch, and batches go straight to the files, so no table is ever held as a whole;
when all tables together hold much, the one that holds the most is written. So what grows with the store is only what
the engine keeps of its own files, some 30 bytes a quad. The folder appears whole or not at all: it is written beside
its place and renamed.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.errors import BadRequest
from app.store.embedded import EmbeddedReader
from app.store.generations import engine_errors
from app.tables.columns import TABLES, Column, Kind, Table
from app.tables.rows import Row, table_rows

if TYPE_CHECKING:
    import pyarrow

__all__ = ["BATCH_ROWS", "FORMATS", "HELD_CHARACTERS", "MANIFEST", "export_tables", "schema"]

FORMATS = ("parquet", "csv")

MANIFEST = "trialweave-tables.json"
"""What a folder of tables holds, and how one is told from any other folder."""

BATCH_ROWS = 16_384
"""Rows of a table that are kept until they are written together: a row group of Parquet."""

HELD_CHARACTERS = 8_000_000
"""Characters that all tables together keep until the one with the most of them is written, a row's cells included."""

_CELL = 60
"""Characters that a cell counts for beside its text, as it takes about as much memory."""

Progress = Callable[[int], None]


def export_tables(
    reader: EmbeddedReader, folder: Path, format: str, progress: Progress = lambda rows: None
) -> dict[str, int]:
    """Write all tables into `folder`, in place of an export that is there, and return the number of rows of each.

    `progress` is told now and then how many rows are written. Raises BadRequest where pyarrow is not installed or the
    folder holds anything else, StoreFull.
    """
    _need_pyarrow()
    folder = folder.resolve()
    with engine_errors(f"writing tables to {folder}"), _replacing(folder) as part:
        rows = _write(reader, part, format, progress)
        manifest = {"format": format, "generation": reader.generation, "rows": rows}
        (part / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    return rows


def schema(table: Table) -> "pyarrow.Schema":
    """Return the columns of a table as Arrow types, with their properties and units as metadata."""
    import pyarrow as pa

    return pa.schema(
        [pa.field(column.name, _arrow_type(column), metadata=_metadata(column)) for column in table.columns]
    )


def _arrow_type(column: Column) -> "pyarrow.DataType":
    import pyarrow as pa

    types = {Kind.INTEGER: pa.int64(), Kind.NUMBER: pa.float64(), Kind.BOOLEAN: pa.bool_(), Kind.DATE: pa.date32()}
    one = types.get(column.kind, pa.string())
    return pa.list_(one) if column.many else one


def _metadata(column: Column) -> dict[str, str] | None:
    known = {"property": column.path, "unit": column.unit}
    return {name: value for name, value in known.items() if value} or None


def _need_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise BadRequest(
            "Tables need pyarrow, which is not installed: pip install pyarrow (the extra 'tables')."
        ) from None


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Yield a folder to write to, which takes the place of `folder` when all is well and is removed when not."""
    part, old = (folder.with_name(folder.name + suffix) for suffix in (".part", ".old"))
    for path in (folder, part, old):
        _check_ours(path)
    for path in (part, old):
        shutil.rmtree(path, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        (part / MANIFEST).write_text("{}\n")  # So that what a killed run leaves is known as ours.
        yield part
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _check_ours(path: Path) -> None:
    """Raise BadRequest where something stands that is neither an export of tables nor an empty folder."""
    if not path.exists() or (path / MANIFEST).is_file():
        return
    if not path.is_dir() or any(path.iterdir()):
        raise BadRequest(
            f"{path} is there and holds no tables of Trialweave, so it is not replaced; name another folder."
        )


def _write(reader: EmbeddedReader, folder: Path, format: str, progress: Progress) -> dict[str, int]:
    with ExitStack() as stack:
        files = {table.name: _File(table, _open(folder, table, format, stack)) for table in TABLES}
        held = 0
        for number, (table, row) in enumerate(table_rows(reader), start=1):
            held += files[table.name].add(row)
            if held >= HELD_CHARACTERS:
                held -= max(files.values(), key=lambda file: file.characters).flush()
            if number % 1000 == 0:
                progress(number)
        for file in files.values():
            file.flush()
    return {name: file.written for name, file in files.items()}


def _open(folder: Path, table: Table, format: str, stack: ExitStack) -> Callable[["pyarrow.RecordBatch"], None]:
    """Open the file of a table until the stack closes, and return what writes a batch to it."""
    from pyarrow import csv, parquet

    path = str(folder / f"{table.name}.{format}")
    if format == "parquet":
        write: Any = stack.enter_context(parquet.ParquetWriter(path, schema(table), compression="zstd")).write_batch
        return write  # type: ignore[no-any-return]
    writer = stack.enter_context(csv.CSVWriter(path, _flat(schema(table))))
    return lambda batch: writer.write_batch(_flattened(batch))


@dataclass(slots=True)
class _File:
    """The file of one table, and the rows that are not written yet."""

    table: Table
    write: Callable[["pyarrow.RecordBatch"], None]
    rows: list[Row] = field(default_factory=list)
    characters: int = 0
    written: int = 0

    def add(self, row: Row) -> int:
        """Take a row, and return by how many characters more or fewer are held."""
        length = sum(map(_length, row.values())) + _CELL * len(row)
        self.rows.append(row)
        self.characters += length
        return length - self.flush() if len(self.rows) >= BATCH_ROWS else length

    def flush(self) -> int:
        """Write what is held, and return how many characters that were."""
        import pyarrow as pa

        written = self.characters
        if not self.rows:
            return written
        fields = schema(self.table)
        arrays = [pa.array([row.get(field.name) for row in self.rows], field.type) for field in fields]
        self.write(pa.RecordBatch.from_arrays(arrays, schema=fields))
        self.written += len(self.rows)
        self.rows, self.characters = [], 0
        return written


def _length(cell: object) -> int:
    if isinstance(cell, str):
        return len(cell)
    return sum(map(len, cell)) if isinstance(cell, list) else 0


def _flat(fields: "pyarrow.Schema") -> "pyarrow.Schema":
    """The same columns without lists, which CSV does not have."""
    import pyarrow as pa

    return pa.schema(
        [pa.field(each.name, pa.string() if pa.types.is_list(each.type) else each.type) for each in fields]
    )


def _flattened(batch: "pyarrow.RecordBatch") -> "pyarrow.RecordBatch":
    """Return a batch with lists as JSON: a separator between texts would occur in one of them some day."""
    import pyarrow as pa

    fields = _flat(batch.schema)
    arrays = [
        pa.array([None if cell is None else json.dumps(cell, ensure_ascii=False) for cell in array.to_pylist()])
        if pa.types.is_list(array.type)
        else array
        for array in batch.columns
    ]
    return pa.RecordBatch.from_arrays([a.cast(f.type) for a, f in zip(arrays, fields, strict=True)], schema=fields)
