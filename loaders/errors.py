"""What can be wrong with a source document, said so that the person who has to mend it knows where to look."""

from collections.abc import Sequence

__all__ = ["SourceError", "SourceErrors"]


class SourceError(Exception):
    """A document, or one record in it, cannot be read.

    `source` is the file or identifier as the user named it, `problem` one sentence that says what is wrong and what
    to do. `line` counts from 1; `field` is the path of the field inside the record; both only where they are known.
    """

    def __init__(self, source: str, problem: str, *, line: int | None = None, field: str | None = None) -> None:
        self.source = source
        self.problem = problem
        self.line = line
        self.field = field
        where = source if line is None else f"{source}:{line}"
        super().__init__(f"{where}: {problem}" if field is None else f"{where}: {field}: {problem}")


class SourceErrors(SourceError):
    """Several things are wrong with one document; `errors` holds each of them, in document order."""

    def __init__(self, errors: Sequence[SourceError]) -> None:
        super().__init__(errors[0].source, "\n".join(str(error) for error in errors))
        self.errors = tuple(errors)
        self.args = ("\n".join(str(error) for error in errors),)
