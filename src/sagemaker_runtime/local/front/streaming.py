"""The response of InvokeEndpointWithResponseStream: the model's pieces as the parts of an event stream."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING

from sagemaker_runtime.local.faults.kinds import CorruptFrame, TruncatedFrame
from sagemaker_runtime.local.front.failures import FailureError, stream_failure
from sagemaker_runtime.streams.frames import MAX_PAYLOAD, Message, encode

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sagemaker_runtime.local.faults.kinds import FrameFault

_PART = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}
_EXCEPTION = {":message-type": "exception", ":content-type": "application/json"}


async def frames_of(pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """
    The frames of a model's response, each as soon as its piece is there.

    Args:
        pieces: The pieces of the response. Each becomes one part, or several if it does not fit into one.

    Raises:
        FailureError: The model failed before its first piece. A later failure becomes the last message of the stream.
    """
    piece = await anext(pieces, None)
    try:
        while piece is not None:
            for start in range(0, len(piece) or 1, MAX_PAYLOAD):
                yield encode(Message(_PART, piece[start : start + MAX_PAYLOAD]))
            piece = await anext(pieces, None)
    except FailureError as failed:
        yield encode(stream_failure(failed))


async def spoil(frames: AsyncGenerator[bytes], fault: FrameFault) -> AsyncGenerator[bytes]:
    """The frames of a response, spoiled by *fault*."""
    good = fault.after
    async with aclosing(frames):
        async for frame in frames:
            if good == 0:
                break
            yield frame
            good -= 1
        else:
            frame = encode(Message(_PART))
        yield _spoilt(frame, fault)
        if not isinstance(fault, CorruptFrame):
            return
        async for frame in frames:
            yield frame


def _spoilt(frame: bytes, fault: FrameFault) -> bytes:
    if isinstance(fault, TruncatedFrame):
        return frame[: len(frame) // 2]
    if isinstance(fault, CorruptFrame):
        wrong = bytearray(frame)
        wrong[fault.at % len(frame)] ^= 0xFF
        return bytes(wrong)
    document = {"Message": fault.message}
    if fault.error == "ModelStreamError":
        document["ErrorCode"] = fault.error_code
    return encode(Message({**_EXCEPTION, ":exception-type": fault.error}, json.dumps(document).encode()))
