"""`Front`: what stands before the models. It knows the service's paths, checks what arrives, and words the answers."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote
from uuid import uuid4

from aiohttp import web

from sagemaker_runtime import Headers
from sagemaker_runtime.local.constraints import ENDPOINT_NAME, HEADERS, MAX_BODY, violations
from sagemaker_runtime.local.failures import ACCOUNT, FailureError, failure
from sagemaker_runtime.local.invocation import Invocation
from sagemaker_runtime.local.signature import ReceivedRequest, check_signature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_runtime import Credentials
    from sagemaker_runtime.local.hosting import HostedModel
    from sagemaker_runtime.local.invocation import Answer

_INVOKE = re.compile(r"/endpoints/([^/?]*)/invocations")


class Front:
    """
    Answers each request as the service would.

    Args:
        hosted: The endpoints by name.

        region: The region that requests must be signed for.

        credentials: What they must be signed with.
    """

    def __init__(self, hosted: Mapping[str, HostedModel], *, region: str, credentials: Credentials) -> None:
        self._hosted = hosted
        self._region = region
        self._credentials = credentials

    async def handle(self, request: web.Request) -> web.Response:
        """The answer to *request*, whatever it is; each has an id of its own."""
        try:
            response = _write_answer(await self._invoke(request))
        except FailureError as error:
            response = _write_failure(error)
        except ConnectionError:  # the caller left in the middle of its request; nobody will read this
            response = web.Response(status=400)
        response.headers["x-amzn-RequestId"] = str(uuid4())
        return response

    async def _invoke(self, request: web.Request) -> Answer:
        path = _INVOKE.fullmatch(request.raw_path)
        if path is None or request.method != "POST":
            raise failure("UnknownOperationException", "The operation is not known.", 404)
        name, body = unquote(path[1]), await _read(request)
        headers = Headers.received(request.headers.items())
        received = ReceivedRequest(request.method, request.raw_path, request.headers.items(), headers, body)
        check_signature(received, credentials=self._credentials, region=self._region, now=datetime.now(UTC))
        invocation = _invocation(name, body, headers)
        hosted = self._hosted.get(name)
        if hosted is None:
            raise failure("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
        return await hosted.invoke(invocation)


async def _read(request: web.Request) -> bytes:
    """The body, as long as it is not too large: aiohttp's own limit would answer in aiohttp's words."""
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > MAX_BODY:
            # Without a name: what users report is a bare 413.
            raise FailureError(None, 413, {"Message": f"Request body is larger than {MAX_BODY} bytes."})
    return bytes(body)


def _invocation(name: str, body: bytes, headers: Headers) -> Invocation:
    sent = {
        attribute: (constraint, value)
        for attribute, constraint in HEADERS.items()
        if (value := headers.get(constraint.header)) is not None
    }
    broken = violations([(ENDPOINT_NAME, name), *sent.values()])
    if broken is not None:
        raise broken
    members = {attribute: value for attribute, (_, value) in sent.items()}
    return Invocation(endpoint_name=name, body=body, headers=headers, **members)


def _write_answer(answer: Answer) -> web.Response:
    headers = {
        "Content-Type": answer.content_type,
        "x-Amzn-Invoked-Production-Variant": answer.invoked_production_variant,
        "X-Amzn-SageMaker-Custom-Attributes": answer.custom_attributes,
        "X-Amzn-SageMaker-New-Session-Id": answer.new_session_id,
        "X-Amzn-SageMaker-Closed-Session-Id": answer.closed_session_id,
    }
    return web.Response(body=answer.body, headers={name: value for name, value in headers.items() if value is not None})


def _write_failure(error: FailureError) -> web.Response:
    headers = {"Content-Type": "application/json"}
    if error.code is not None:
        headers["x-amzn-ErrorType"] = error.code
    return web.Response(status=error.status, body=json.dumps(error.document).encode(), headers=headers)
