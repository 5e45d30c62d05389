"""`Messages`: the messages of a conversation, joined from their parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.errors import EventStreamError, attach_facts
from sagemaker_runtime.operations.events import DuplexMessage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Self

    from sagemaker_runtime.operations.events import ResponsePayloadPart


class Messages:
    """
    Iterates over the messages; see `DuplexStream.messages`. It is not a generator, because a cancelled generator has ended.

    Args:
        parts: The stream.

        pieces: The parts of an incomplete message. They belong to the stream, so that another iterator continues with them.

        operation: The name of the operation, for errors.
    """

    __slots__ = ("_operation", "_parts", "_pieces")

    def __init__(
        self, parts: AsyncIterator[ResponsePayloadPart], pieces: list[ResponsePayloadPart], operation: str
    ) -> None:
        self._parts = parts
        self._pieces = pieces
        self._operation = operation

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> DuplexMessage:
        pieces = self._pieces
        async for part in self._parts:
            pieces.append(part)
            if not part.partial:
                message = DuplexMessage(b"".join([piece.bytes for piece in pieces]), pieces[0].data_type)
                pieces.clear()
                return message
        if pieces:
            size = sum(len(piece.bytes) for piece in pieces)
            error = EventStreamError(f"the conversation ended inside a message, after {size:,} bytes of it")
            attach_facts(error, operation=self._operation)
            raise error
        raise StopAsyncIteration
