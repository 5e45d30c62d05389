"""`StorageFront`: a small S3 in front of a `Storage`. It only reads and writes whole objects."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.sax.saxutils import escape

from aiohttp import web

from sagemaker_runtime import Headers
from sagemaker_runtime.local.front.bodies import read_body
from sagemaker_runtime.local.front.signature import ReceivedRequest
from sagemaker_runtime.local.front.welcome import WELCOME, is_browser
from sagemaker_runtime.local.storage.signature import check_payload, check_storage_signature
from sagemaker_runtime.local.storage.storage import Storage, StorageError

if TYPE_CHECKING:
    from sagemaker_runtime import Clock, Credentials
    from sagemaker_runtime.local.storage.storage import StoredObject

MAX_OBJECT = 1_073_741_824  # bytes; inputs of asynchronous inference, which this is for, are up to 1 GB

# Headers that cannot be ignored, because something else than requested would be returned or stored.
_NOT_IMPLEMENTED = ("range", "if-match", "if-none-match", "x-amz-copy-source")


class StorageFront:
    """
    Responds to requests as S3 would, with the bucket in the path.

    Args:
        storage: The objects.

        region: The region that requests must be signed for.

        credentials: The keys that they must be signed with.

        clock: S3's clock.
    """

    def __init__(self, storage: Storage, *, region: str, credentials: Credentials, clock: Clock) -> None:
        self._storage = storage
        self._region = region
        self._credentials = credentials
        self._clock = clock

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """The response to *request*, whatever it is. Each has its own request id."""
        request_id = secrets.token_hex(8).upper()
        try:
            response = await self._respond(request)
        except StorageError as error:
            response = _write_error(error, request_id)
        response.headers["x-amz-request-id"] = request_id
        return response

    async def _respond(self, request: web.BaseRequest) -> web.Response:
        headers = Headers.received(request.headers.items())
        if is_browser(request.method, request.raw_path, headers):
            return web.Response(text=f"{WELCOME}\n", headers={"Cache-Control": "no-store"})
        received = ReceivedRequest(request.method, request.raw_path, request.headers.items(), headers, b"")
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        # The head has everything that is signed, including the body's hash: nobody without a key must fill the memory.
        check_storage_signature(received, credentials=self._credentials, region=self._region, now=now)
        body = await read_body(request, MAX_OBJECT, too_large=_too_large, cut=_cut)
        check_payload(headers, body)
        bucket, key = _names(received)
        if request.method == "PUT":
            if not key:
                await self._storage.create_bucket(bucket)
                return web.Response(headers={"Location": f"/{bucket}"})
            content_type = received.headers.get("content-type")
            return web.Response(headers=_head(await self._storage.write(bucket, key, body, content_type)))
        if request.method not in ("GET", "HEAD"):
            message = "The specified method is not allowed against this resource."
            raise StorageError("MethodNotAllowed", 405, message, {"Method": request.method})
        if not key:
            raise _not_implemented("Resource", "bucket")
        found = await self._storage.read(bucket, key)
        return web.Response(body=found.body, headers={**_head(found), "Content-Type": found.content_type})


def _too_large() -> StorageError:
    message = "Your proposed upload exceeds the maximum allowed object size."
    return StorageError("EntityTooLarge", 400, message, {"MaxSizeAllowed": str(MAX_OBJECT)})


def _cut() -> StorageError:
    message = (
        "Your socket connection to the server was not read from or written to within the timeout period. Idle "
        "connections will be closed."
    )
    return StorageError("RequestTimeout", 400, message)


def _names(request: ReceivedRequest) -> tuple[str, str]:
    """The bucket and the key; the key is empty if the bucket itself is meant."""
    path, _, query = request.target.partition("?")
    if query and not query.startswith("x-id="):  # which some clients add; it has no effect
        raise _not_implemented("Query", query)
    for name in _NOT_IMPLEMENTED:
        if name in request.headers:
            raise _not_implemented("Header", name)
    bucket, _, key = path.removeprefix("/").partition("/")
    try:
        return unquote(bucket, errors="strict"), unquote(key, errors="strict")
    except UnicodeError:
        raise StorageError("InvalidURI", 400, "Couldn't parse the specified URI.") from None


def _head(stored: StoredObject) -> dict[str, str]:
    return {"ETag": stored.etag, "Last-Modified": formatdate(stored.modified, usegmt=True)}


def _not_implemented(element: str, what: str) -> StorageError:
    message = "A header you provided implies functionality that is not implemented"
    return StorageError("NotImplemented", 501, message, {element: what})


def _write_error(error: StorageError, request_id: str) -> web.Response:
    elements = {"Code": error.code, "Message": error.message, **error.elements, "RequestId": request_id}
    body = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in elements.items())
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{body}</Error>'
    return web.Response(
        status=error.status, body=document.encode(errors="replace"), headers={"Content-Type": "application/xml"}
    )
