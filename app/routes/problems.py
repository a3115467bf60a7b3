"""Errors as people and programs get them: problem+json (RFC 9457), or a small page for a browser."""

import logging
import re
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from app.errors import (
    STATUS,
    BadRequest,
    BudgetSpent,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    QuerySyntaxError,
    TrialweaveError,
    UnreadableDocument,
)
from app.pages.rendering import render
from app.protocol.negotiation import HTML, Format, negotiate
from loaders.link.identifiers import BASE

__all__ = ["handle_problems", "problem"]

_log = logging.getLogger(__name__)

_PROBLEM = Format("application/problem+json", "json", "problem", ("application/json",))
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_RETRY_AFTER = "5"


def handle_problems(app: FastAPI) -> None:
    """Have every error leave the application as a problem."""
    app.add_exception_handler(TrialweaveError, _on_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid)


def problem(request: Request, error: TrialweaveError, headers: dict[str, str] | None = None) -> Response:
    """The answer for an error, by the status table of `app.errors`; one that is not in the table is a 500."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    name = type(error).__name__ if type(error) is not TrialweaveError else "InternalError"
    words = _WORDS.sub(" ", name).capitalize()
    content: dict[str, Any] = {
        "type": f"{BASE}problem/{name}",
        "title": words,
        "status": status,
        "detail": error.message,
        "request_id": request.scope.get("request_id", ""),
    }
    if isinstance(error, QuerySyntaxError | UnreadableDocument) and error.line is not None:
        content |= {"line": error.line} | ({"column": error.column} if error.column is not None else {})
    all_headers = {"Vary": "Accept", **(headers or {})}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        all_headers["Retry-After"] = _RETRY_AFTER
    if isinstance(error, BudgetSpent):
        all_headers["Retry-After"] = str(error.retry_after)
    if status == HTTPStatus.UNAUTHORIZED:
        all_headers["WWW-Authenticate"] = 'Bearer realm="Trialweave"'
    if _wants_page(request):
        return HTMLResponse(render("problem.html", **content), status, all_headers)
    return JSONResponse(content, status, all_headers, media_type=_PROBLEM.media_type)


def _wants_page(request: Request) -> bool:
    try:
        return negotiate(request.headers.getlist("accept"), (_PROBLEM, HTML)).format is HTML
    except NotAcceptable:
        return False


async def _on_error(request: Request, error: Exception) -> Response:
    return problem(request, cast(TrialweaveError, error))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    known = cast(HTTPException, error)
    headers = dict(known.headers or {})
    if known.status_code == HTTPStatus.NOT_FOUND:
        return problem(request, NotFound(f"There is nothing at {request.url.path}."), headers)
    if known.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_allowed(request))
        text = f"{request.method} is not a method of {request.url.path}; use {allowed}."
        return problem(request, MethodNotAllowed(text), {"Allow": allowed})
    return problem(request, BadRequest(f"The request could not be read: {known.detail}."), headers)


def _allowed(request: Request) -> list[str]:
    """The methods of all routes at this path; the framework knows those of the first one only."""
    methods: set[str] = set()
    for route in request.app.state.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


async def _on_invalid(request: Request, error: Exception) -> Response:
    _log.info("Refused a request that FastAPI could not validate: %s", error)
    return problem(request, BadRequest("The request's parameters are not what this address takes; see /docs."))
