"""Bodies: of requests, read up to a limit and never unpacked; of answers, whole or in pieces."""

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from app.errors import TrialweaveError, UnsupportedMediaType
from app.store.large import LargeBody

__all__ = ["answer_with", "read_body"]


async def read_body(request: Request, limit: int, too_large: TrialweaveError) -> bytes:
    """Read the body, or raise `too_large` once it has more bytes than the limit.

    A compressed body is refused (415): what it unpacks to is known only when it is too late.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(
            f"The body is encoded as {encoding[:40]}; send it as it is, without Content-Encoding."
        )
    stated = request.headers.get("content-length", "")
    if stated.isascii() and stated.isdigit() and int(stated) > limit:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large
    return bytes(body)


def answer_with(body: bytes | LargeBody, content_type: str) -> Response:
    """The answer that Accept has chosen, with its length; a large one goes out in pieces."""
    headers = {"Vary": "Accept"}
    if isinstance(body, bytes):
        return Response(body, media_type=content_type, headers=headers)
    headers["Content-Length"] = str(body.size)
    return StreamingResponse(body.pieces(), media_type=content_type, headers=headers)
