"""The events of both directions: checks and unwraps those of the caller, and wraps the parts of the model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sagemaker_runtime import EventStreamError
from sagemaker_runtime.local.duplex.conversation import Part
from sagemaker_runtime.local.duplex.event_chain import ChainError
from sagemaker_runtime.local.front.failures import FailureError, failure, refusal
from sagemaker_runtime.streams.frames import Decoder, Message, encode

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from sagemaker_runtime.local.duplex.event_chain import EventChain

_DATA_TYPES = ("UTF8", "BINARY")
_STATES = ("PARTIAL", "COMPLETE")


async def parts_of(read: Callable[[], Awaitable[bytes]], chain: EventChain) -> AsyncGenerator[Part]:
    """
    The parts that the caller sends, until its signed end.

    Args:
        read: Returns the next bytes of the request; empty at the end.

        chain: Checks each event.

    Raises:
        FailureError: An event is malformed, is not signed correctly or violates the API model; or the request ended
            without the signed end.
    """
    outer = Decoder()
    try:
        while data := await read():
            outer.feed(data)
            while (message := outer.take()) is not None:
                event = chain.check(message)
                if not event:
                    if _holds_more(outer) or await read():
                        raise _refused("Data follow the signed message that ends the stream of the request.")
                    return
                yield _part(event)
        outer.end()
    except ChainError as error:
        raise refusal("InvalidSignatureException", str(error)) from None
    except EventStreamError as error:
        raise _refused(f"The stream of the request is broken: {error}") from None
    raise _refused("The stream of the request ended without the signed message that ends it.")


def _holds_more(outer: Decoder) -> bool:
    try:
        outer.end()
    except EventStreamError:
        return True
    return False


def _part(event: bytes) -> Part:
    decoder = Decoder()
    decoder.feed(event)
    message = decoder.take()
    decoder.end()
    if message is None:
        raise _refused("A signed message does not contain a whole event.")
    headers = message.headers
    kind, name = headers.get(":message-type"), headers.get(":event-type")
    if kind != "event" or name != "PayloadPart":
        raise _refused(f"An event of type {name!r:.64} was sent; the operation takes PayloadPart.")
    data_type, state = headers.get("DataType"), headers.get("CompletionState")
    for member, value, allowed in (("DataType", data_type, _DATA_TYPES), ("CompletionState", state, _STATES)):
        if value is not None and value not in allowed:
            raise _refused(f"{member} is {value!r:.64} and takes {' or '.join(allowed)}.")
    return Part(message.payload, is_text=data_type == "UTF8", partial=state == "PARTIAL")


def _refused(message: str) -> FailureError:
    return failure("InputValidationError", message)


def frame_of(part: Part) -> bytes:
    """The frame of one part of the response."""
    headers = {
        ":message-type": "event",
        ":event-type": "PayloadPart",
        "DataType": "UTF8" if part.is_text else "BINARY",
        "CompletionState": "PARTIAL" if part.partial else "COMPLETE",
        ":content-type": "application/octet-stream",
    }
    return encode(Message(headers, part.bytes))


def exception_of(error: FailureError) -> bytes:
    """The frame of an error that ends the stream. A ModelError becomes a ModelStreamError; others keep their name."""
    document = error.document
    if error.code == "ModelError":
        name = "ModelStreamError"
        said = {"Message": document.get("OriginalMessage"), "ErrorCode": document.get("ErrorCode", "StreamBroken")}
    else:
        name, said = error.code or "InternalStreamFailure", {"Message": document.get("Message")}
    headers = {":message-type": "exception", ":exception-type": name, ":content-type": "application/json"}
    return encode(Message(headers, json.dumps(said).encode()))
