"""`Front`: what stands before the models. It knows the service's paths, checks what arrives, and words the answers."""

from __future__ import annotations

import json
import re
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote
from uuid import uuid4

from aiohttp import web

from sagemaker_runtime import Headers
from sagemaker_runtime.local.constraints import (
    ENDPOINT_NAME,
    INVOKE_ENDPOINT,
    INVOKE_ENDPOINT_WITH_RESPONSE_STREAM,
    MAX_BODY,
    violations,
)
from sagemaker_runtime.local.failures import ACCOUNT, FailureError, failure
from sagemaker_runtime.local.invocation import Invocation
from sagemaker_runtime.local.signature import ReceivedRequest, check_signature
from sagemaker_runtime.local.streaming import send_stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_runtime import Credentials
    from sagemaker_runtime.local.constraints import Constraint
    from sagemaker_runtime.local.hosting import HostedEndpoint
    from sagemaker_runtime.local.invocation import Answer

_PATH = re.compile(r"/endpoints/(?P<name>[^/?]*)/invocations(?P<streamed>-response-stream)?")


class Front:
    """
    Answers each request as the service would.

    Args:
        hosted: The endpoints by name.

        region: The region that requests must be signed for.

        credentials: What they must be signed with.
    """

    def __init__(self, hosted: Mapping[str, HostedEndpoint], *, region: str, credentials: Credentials) -> None:
        self._hosted = hosted
        self._region = region
        self._credentials = credentials

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The answer to *request*, whatever it is; each has an id of its own."""
        request_id = {"x-amzn-RequestId": str(uuid4())}
        try:
            return await self._invoke(request, request_id)
        except FailureError as error:
            return _write_failure(error, request_id)
        except ConnectionError:  # the caller left in the middle of the exchange; nobody will read this
            return web.Response(status=400)

    async def _invoke(self, request: web.Request, request_id: Mapping[str, str]) -> web.StreamResponse:
        path = _PATH.fullmatch(request.raw_path)
        if path is None or request.method != "POST":
            raise failure("UnknownOperationException", "The operation is not known.", 404)
        name, streamed, body = unquote(path["name"]), path["streamed"] is not None, await _read(request)
        headers = Headers.received(request.headers.items())
        received = ReceivedRequest(request.method, request.raw_path, request.headers.items(), headers, body)
        check_signature(received, credentials=self._credentials, region=self._region, now=datetime.now(UTC))
        members = INVOKE_ENDPOINT_WITH_RESPONSE_STREAM if streamed else INVOKE_ENDPOINT
        invocation = _invocation(name, body, headers, members)
        hosted = self._hosted.get(name)
        if hosted is None:
            raise failure("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
        reply = await hosted.invoke(invocation)
        head = {**_head(reply.head, streamed=streamed), **request_id}
        async with aclosing(reply.pieces) as pieces:
            if streamed:
                return await send_stream(request, head, pieces)
            return web.Response(body=b"".join([piece async for piece in pieces]), headers=head)


async def _read(request: web.Request) -> bytes:
    """The body, as long as it is not too large: aiohttp's own limit would answer in aiohttp's words."""
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > MAX_BODY:
            # Without a name: what users report is a bare 413.
            raise FailureError(None, 413, {"Message": f"Request body is larger than {MAX_BODY} bytes."})
    return bytes(body)


def _invocation(name: str, body: bytes, headers: Headers, members: Mapping[str, Constraint]) -> Invocation:
    sent = {
        attribute: (constraint, value)
        for attribute, constraint in members.items()
        if (value := headers.get(constraint.header)) is not None
    }
    broken = violations([(ENDPOINT_NAME, name), *sent.values()])
    if broken is not None:
        raise broken
    values = {attribute: value for attribute, (_, value) in sent.items()}
    return Invocation(endpoint_name=name, body=body, headers=headers, **values)


def _head(answer: Answer, *, streamed: bool) -> dict[str, str]:
    headers = {
        "X-Amzn-SageMaker-Content-Type" if streamed else "Content-Type": answer.content_type,
        "x-Amzn-Invoked-Production-Variant": answer.invoked_production_variant,
        "X-Amzn-SageMaker-Custom-Attributes": answer.custom_attributes,
    }
    if not streamed:
        headers["X-Amzn-SageMaker-New-Session-Id"] = answer.new_session_id
        headers["X-Amzn-SageMaker-Closed-Session-Id"] = answer.closed_session_id
    return {name: value for name, value in headers.items() if value is not None}


def _write_failure(error: FailureError, request_id: Mapping[str, str]) -> web.Response:
    headers = {"Content-Type": "application/json", **request_id}
    if error.code is not None:
        headers["x-amzn-ErrorType"] = error.code
    return web.Response(status=error.status, body=json.dumps(error.document).encode(), headers=headers)
