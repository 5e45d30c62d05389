"""The answer of InvokeEndpointWithResponseStream: the model's pieces as the parts of an event stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from sagemaker_runtime.eventstream import MAX_PAYLOAD, Message, encode
from sagemaker_runtime.local.failures import FailureError, stream_failure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

_PART = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}


async def send_stream(
    request: web.Request, head: Mapping[str, str], pieces: AsyncGenerator[bytes]
) -> web.StreamResponse:
    """
    Send the pieces of a model's answer as they come, no faster than the caller takes them.

    The head goes out with the first piece: until then a model that fails is an error like any other.

    Args:
        request: What is answered.

        head: Its headers.

        pieces: Each is one part, as long as it fits into one.

    Raises:
        FailureError: The model failed before its first piece; nothing was sent.
        ConnectionError: The caller has left.
    """
    response = web.StreamResponse(headers={**head, "Content-Type": "application/vnd.amazon.eventstream"})
    piece = await anext(pieces, None)
    await response.prepare(request)
    try:
        while piece is not None:
            for start in range(0, len(piece) or 1, MAX_PAYLOAD):
                await response.write(encode(Message(_PART, piece[start : start + MAX_PAYLOAD])))
            piece = await anext(pieces, None)
    except FailureError as failed:
        await response.write(encode(stream_failure(failed)))
    return response
