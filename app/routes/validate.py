"""Validation for whoever asks: RDF or a source document in, the SHACL report out; nothing is stored."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from app.errors import BadRequest, BodyTooLarge
from app.pages.rendering import render
from app.protocol.negotiation import GRAPH_FORMATS, HTML, Chosen, Format, negotiate
from app.routes.bodies import answer_with
from app.routes.dependencies import SettingsDependency, ValidatorsDependency
from app.routes.documented import answers, body, problems
from app.store.large import LargeBody
from app.validation.reading import AUTO, RDF_TYPES, kind_of, type_of
from app.validation.worker import JSON

__all__ = ["router"]

router = APIRouter(tags=["validation"])

_GRAPHS = tuple(Format(each.media_type, each.suffix, each.label) for each in GRAPH_FORMATS[:4])
_OFFERS = (_GRAPHS[0], _GRAPHS[1], Format(JSON, "json", "JSON"), *_GRAPHS[2:], HTML)
_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_FORM_OVERHEAD = 3  # Percent-encoding triples a byte.
_PAGE_RESULTS = 1000
_BODY = body((*RDF_TYPES, JSON, "application/xml", _MULTIPART), ["text", "type"])


@dataclass(frozen=True, slots=True)
class _Sent:
    """What is to be validated, and what the client says it is."""

    data: bytes
    content_type: str


@router.get(
    "/validate", operation_id="validate_page", summary="A form to validate a document", response_class=HTMLResponse
)
async def page() -> Response:
    """Show a form to paste or upload what is to be validated."""
    return _page(None)


@router.post(
    "/validate",
    operation_id="validate",
    summary="Validate RDF or a source document",
    responses=answers(_OFFERS, "The report") | problems(415),
    openapi_extra={"requestBody": _BODY},
)
async def validate(request: Request, validators: ValidatorsDependency, settings: SettingsDependency) -> Response:
    """Answer with the SHACL report on the body. Nothing is stored, fetched, executed or inferred."""
    chosen = negotiate(request.headers.getlist("accept"), _OFFERS)
    sent = await _sent(request, settings.validate_bytes)
    kind_of(sent.content_type)  # 415 before a validator is asked
    wanted = JSON if chosen.format is HTML else chosen.format.media_type
    report = await validators.run(sent.data, sent.content_type, wanted)
    return _answer(report, chosen)


async def _sent(request: Request, limit: int) -> _Sent:
    content_type = ", ".join(request.headers.getlist("content-type"))
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == _FORM:
        fields = parse_qs((await _body(request, _FORM_OVERHEAD * limit)).decode("ascii", "replace"))
        return _of_form({name: values[0] for name, values in fields.items()}, limit)
    if media_type == _MULTIPART:
        return await _of_multipart(request.headers, await _body(request, limit + 16 * 1024), limit)
    return _Sent(await _body(request, limit), content_type)


async def _body(request: Request, limit: int) -> bytes:
    sent = bytearray()
    async for chunk in request.stream():
        sent += chunk
        if len(sent) > limit:
            raise _too_large(limit)
    return bytes(sent)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"What is sent has over {limit:,} bytes (TRIALWEAVE_VALIDATE_BYTES); send less at once.")


def _of_form(fields: dict[str, str], limit: int) -> _Sent:
    text = fields.get("text", "").encode()
    if not text.strip():
        raise BadRequest("The form has no text; send it as the field text, or a file as the field file.")
    if len(text) > limit:
        raise _too_large(limit)
    return _Sent(text, fields.get("type") or AUTO)


async def _of_multipart(headers: Headers, sent: bytes, limit: int) -> _Sent:
    async def stream() -> AsyncIterator[bytes]:
        yield sent

    try:
        form = await MultiPartParser(headers, stream(), max_files=1, max_fields=4, max_part_size=limit).parse()  # type: ignore[arg-type]
    except (MultiPartException, KeyError) as error:
        raise BadRequest(f"The form cannot be read: {getattr(error, 'message', 'it has no boundary')}.") from error
    try:
        return await _of_fields(form, limit)
    finally:
        await form.close()


async def _of_fields(form: FormData, limit: int) -> _Sent:
    kind, file = form.get("type"), form.get("file")
    if isinstance(file, UploadFile) and file.size:
        stated = str(kind or AUTO)
        return _Sent(await file.read(), type_of(file.filename or "") if stated == AUTO else stated)
    return _of_form({name: value for name, value in form.items() if isinstance(value, str)}, limit)


def _answer(report: bytes | LargeBody, chosen: Chosen) -> Response:
    if chosen.format is HTML:
        return _page(json.loads(report if isinstance(report, bytes) else report.whole()))
    return answer_with(report, chosen.content_type)


def _page(report: dict[str, object] | None) -> Response:
    kinds: Sequence[tuple[str, str]] = [(AUTO, "told by the content"), *((name, name) for name in RDF_TYPES)]
    return HTMLResponse(
        render("validate.html", report=report, kinds=kinds, most=_PAGE_RESULTS), headers={"Vary": "Accept"}
    )
