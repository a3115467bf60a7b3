"""What can go wrong, in the project's own words, and the one table that says which HTTP status each thing is.

Every message is one sentence or two for the person who has to act: what was wrong, where, and what to do.
Routes never build error answers themselves: they raise one of these, and `app.main` turns it into
problem+json (RFC 9457) through `STATUS`. The command line prints the same message and exits with `exit_code`.
"""

__all__ = [
    "STATUS",
    "AnswerTooLarge",
    "BadRequest",
    "BodyTooLarge",
    "BudgetSpent",
    "Busy",
    "DeadlineExceeded",
    "Forbidden",
    "MethodNotAllowed",
    "NotAcceptable",
    "NotFound",
    "QueryRefused",
    "QuerySyntaxError",
    "QueryTooLarge",
    "ServiceFailed",
    "ServiceTimeout",
    "ServiceTooLarge",
    "StoreDamaged",
    "StoreError",
    "StoreFailed",
    "StoreFull",
    "StoreInUse",
    "StoreUnreachable",
    "StoreUnreadable",
    "TrialweaveError",
    "Unauthorized",
    "UnreadableDocument",
    "UnsupportedMediaType",
    "Violations",
    "WorkerLost",
    "WritingOff",
]


class TrialweaveError(Exception):
    """The base of all errors that carry a message for people."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(TrialweaveError):
    """The HTTP request is not one the SPARQL protocol (W3C, section 2) or a resource route understands."""


class NotFound(TrialweaveError):
    """Nothing in the published generation has that identifier."""


class NotAcceptable(TrialweaveError):
    """None of the media types in Accept can be produced for this answer (RFC 9110, section 15.5.7)."""


class MethodNotAllowed(TrialweaveError):
    """The resource exists, but not for this HTTP method."""


class UnsupportedMediaType(TrialweaveError):
    """The request body's Content-Type is not one this operation reads."""


class QuerySyntaxError(TrialweaveError):
    """The query text is not SPARQL. `line` and `column` count from 1; both are None when the position is unknown."""

    exit_code = 2

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class UnreadableDocument(TrialweaveError):
    """What was sent to be validated cannot be parsed. `line` and `column` count from 1, None when unknown."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class BodyTooLarge(TrialweaveError):
    """The request's body has more bytes than the setting for it allows."""


class QueryTooLarge(TrialweaveError):
    """The query text is longer, or nested deeper, than this service accepts."""


class QueryRefused(TrialweaveError):
    """The query is valid but asks for something this service does not do, such as SERVICE or LOAD."""


class Unauthorized(TrialweaveError):
    """The request has no key, or one that does not hold (RFC 6750, section 3.1)."""


class Forbidden(TrialweaveError):
    """The request is from somebody known who may not do this, or from where writing is not allowed."""


class Violations(TrialweaveError):
    """A graph would break the SHACL shapes after the write, and the gate is on for writes."""


class WritingOff(TrialweaveError):
    """An update was sent to a service that does not take updates (TRIALWEAVE_WRITE)."""


class AnswerTooLarge(TrialweaveError):
    """The answer has more bytes than the configured cap."""


class Busy(TrialweaveError):
    """No worker became free within the configured wait, or the query had to make room for others."""


class BudgetSpent(TrialweaveError):
    """The client has used up its worker time. `retry_after` is the number of seconds until it has some again."""

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineExceeded(TrialweaveError):
    """The query ran longer than the deadline and was stopped."""


class WorkerLost(TrialweaveError):
    """The worker process ended while it evaluated the query, most often because it ran out of memory or stack."""


class ServiceFailed(TrialweaveError):
    """An endpoint that a SERVICE clause names does not answer, or not with solutions."""


class ServiceTimeout(ServiceFailed):
    """Such an endpoint took longer than it may."""


class ServiceTooLarge(ServiceFailed):
    """Such an endpoint has more to say than is taken from it."""


class StoreError(TrialweaveError):
    """The store could not do what was asked."""


class StoreInUse(StoreError):
    """Another process holds the data directory for writing."""


class StoreUnreadable(StoreError):
    """The path is not a data directory, or one that another version of Trialweave wrote."""


class StoreDamaged(StoreError):
    """The data directory is ours, but what it holds is incomplete or does not open."""


class StoreFull(StoreError):
    """The disk has no room left; what was published before is untouched."""


class StoreUnreachable(StoreError):
    """The remote store does not answer, or says that it is too busy."""


class StoreFailed(StoreError):
    """The remote store answered with an error, or with something that is no whole answer."""


STATUS: dict[type[TrialweaveError], int] = {
    BadRequest: 400,
    QuerySyntaxError: 400,
    UnreadableDocument: 400,
    Unauthorized: 401,
    Forbidden: 403,
    QueryRefused: 403,
    WritingOff: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    NotAcceptable: 406,
    BodyTooLarge: 413,
    QueryTooLarge: 413,
    AnswerTooLarge: 413,
    UnsupportedMediaType: 415,
    Violations: 422,
    BudgetSpent: 429,
    WorkerLost: 500,
    ServiceFailed: 502,
    ServiceTooLarge: 502,
    StoreFailed: 502,
    StoreError: 503,
    Busy: 503,
    DeadlineExceeded: 504,
    ServiceTimeout: 504,
}
