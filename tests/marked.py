"""Secrets that can be told in whatever is printed, the calls that carry them, and the search for them."""

from __future__ import annotations

import base64
import logging
import re
import traceback
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from transport.servers import Server, client_for

from sagemaker_runtime import (
    Client,
    ClientLogMode,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    StaticCredentialsProvider,
)

if TYPE_CHECKING:
    import pytest

KEY, TOKEN = "SECRET-key", "SECRET-token"
ATTRIBUTES_IN, ATTRIBUTES_OUT, COOKIE = "SECRET-attributes-in", "SECRET-attributes-out", "SECRET-cookie"
ASKED, ANSWERED, PART = "SECRET-request-body", "SECRET-response-body", "SECRET-part"
PROXY, QUERY = "SECRET-proxy", "SECRET-query"
SIGNATURE = "a signature"
SENT = {TOKEN, ATTRIBUTES_IN, ASKED, SIGNATURE}  # with each signed request
ANSWER = {ATTRIBUTES_OUT, COOKIE}  # with each answer
BASIC = base64.b64encode(f"user:{PROXY}".encode()).decode()

BODIES = ClientLogMode.REQUEST_WITH_BODY | ClientLogMode.RESPONSE_WITH_BODY
NO_BODIES = ~ClientLogMode(0) & ~BODIES


def marks(*things: object) -> set[str]:
    """The secrets in texts and bytes."""
    text = " ".join(thing.decode(errors="replace") if isinstance(thing, bytes) else str(thing) for thing in things)
    return set(re.findall("SECRET-[a-z-]*[a-z]", text.replace(BASIC, PROXY)))


def reply(status: int, body: str | bytes = "", *headers: str, length: int | None = None) -> bytes:
    """An answer with what is secret in it."""
    body = body.encode() if isinstance(body, str) else body
    lines = [
        f"HTTP/1.1 {status} Whatever",
        f"Content-Length: {len(body) if length is None else length}",
        f"X-Amzn-SageMaker-Custom-Attributes: {ATTRIBUTES_OUT}",
        f"Set-Cookie: session={COOKIE}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def told(error: BaseException) -> list[str]:
    """All that anybody may print of an exception and of those behind it."""
    texts = ["".join(traceback.format_exception(error))]
    behind: list[BaseException | None] = [error]
    while behind:
        each = behind.pop()
        if each is not None:
            facts = [getattr(each, name, None) for name in ("attempts", "metadata", "problems", "__notes__")]
            texts.append(f"{each!r} {each} {facts!r}")
            behind += [each.__cause__, None if each.__suppress_context__ else each.__context__]
    return texts


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What any handler could make of the records: the text, and all attributes."""
    return [f"{logging.Formatter().format(record)} {vars(record)!r}" for record in caplog.records]


def in_play(server: Server, *exchanged: bytes) -> set[str]:
    """The secrets that went over the wire, either way."""
    seen = marks(*exchanged, *(f"{each.headers} {each.body!r}" for each in server.requests))
    return seen | {SIGNATURE for each in server.requests if dict(each.headers).get("authorization")}


def leaks(server: Server, *texts: object) -> set[str]:
    """The secrets in *texts*, the signatures of this server's requests among them."""
    signatures = [dict(each.headers).get("authorization", "=none").rpartition("=")[2] for each in server.requests]
    return marks(*texts) | {SIGNATURE for each in signatures if each in "".join(map(str, texts))}


@asynccontextmanager
async def calling(server: Server, **changes: object):
    """A client with secrets, for *server*."""
    values = {"credentials": StaticCredentialsProvider("AKID", KEY, TOKEN), "client_log_mode": NO_BODIES}
    async with client_for(server, **{**values, **changes}) as caller:
        yield caller


async def call(caller: Client, *, stream: bool = False, **changes: object) -> list[object]:
    """Call, read all, and give what there is to print of it."""
    values = {"endpoint_name": "iris", "body": ASKED.encode(), "custom_attributes": ATTRIBUTES_IN, **changes}
    if not stream:
        params = InvokeEndpointInput(**values)
        output = await caller.invoke_endpoint(params)
        assert output.body.decode() == ANSWERED
        return [repr(params), repr(output), repr(output.result_metadata), str(output)]
    streamed = InvokeEndpointWithResponseStreamInput(**values)
    output = await caller.invoke_endpoint_with_response_stream(streamed)
    async with output.body as parts:
        events = [each async for each in parts]
    return [repr(streamed), repr(output), repr(output.body), repr(events)]
