"""The events of streams. Each operation lists those that its streams may contain."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, TypeAlias

from attr import define, field

from sagemaker_runtime.bodies import size_of
from sagemaker_runtime.errors import StreamContentError
from sagemaker_runtime.operations import shapes
from sagemaker_runtime.operations.base import event_header, event_payload

if TYPE_CHECKING:
    from sagemaker_runtime.bodies import BytesLike


def _length(data: bytes) -> str:
    return f"<{len(data)} bytes>"


def _size(data: BytesLike) -> str:
    return f"<{size_of(data)} bytes>"


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise StreamContentError(f"the {what} is not UTF-8: {error.reason} at byte {error.start}") from None


@define
class PayloadPart:
    """
    A piece of the response. Its boundaries are arbitrary: it may end inside a word, a JSON document or a character.

    ``iter_text``, ``iter_lines`` and similar methods read across the boundaries.
    """

    bytes: builtins.bytes = field(repr=_length, metadata=event_payload(shapes.PART_BLOB))
    """The content. Never logged."""


@define
class UnknownEvent:
    """An event of a type that this version does not know."""

    tag: str
    """The event's type."""

    payload: builtins.bytes = field(repr=_length)
    """The content. Never logged."""


@define  # not kw_only: only newer versions of attrs can exempt the first member
class ResponsePayloadPart(PayloadPart):
    """A part from the model: one frame of its WebSocket. Parts are neither merged nor split."""

    bytes: builtins.bytes = field(default=b"", repr=_length, metadata=event_payload(shapes.PART_BLOB))
    """The content. Never logged."""

    data_type: str | None = field(default=None, kw_only=True, metadata=event_header("DataType", shapes.DATA_TYPE))
    """``"UTF8"`` for text, ``"BINARY"`` or None for bytes."""

    completion_state: str | None = field(
        default=None, kw_only=True, metadata=event_header("CompletionState", shapes.COMPLETION_STATE)
    )
    """``"PARTIAL"`` if the message continues in the next part; ``"COMPLETE"`` or None if it ends here."""

    p: str | None = field(default=None, kw_only=True, repr=False, metadata=event_header("P", shapes.PADDING))
    """Padding, which hides the length of the part; None for none."""

    @property
    def partial(self) -> bool:
        """Whether the message continues in the next part."""
        return self.completion_state == "PARTIAL"

    @property
    def text(self) -> str:
        """
        The bytes as UTF-8.

        Raises:
            StreamContentError: They are not UTF-8. A part may end inside a character; ``messages()`` joins parts.
        """
        return _text(self.bytes, "part, which is PARTIAL and may end inside a character," if self.partial else "part")


@define
class DuplexMessage:
    """A message from the model, joined from its parts."""

    bytes: builtins.bytes = field(repr=_length)
    """The content. Never logged."""

    data_type: str | None = None
    """The type of its first part: ``"UTF8"`` for text, ``"BINARY"`` or None for bytes."""

    @property
    def text(self) -> str:
        """The bytes as UTF-8; raises StreamContentError if they are not UTF-8."""
        return _text(self.bytes, "message")


@define  # not kw_only: only newer versions of attrs can exempt the first member
class RequestPayloadPart:
    """A part for the model: its container receives it as one WebSocket frame."""

    bytes: BytesLike = field(repr=_size, metadata=event_payload(shapes.PART_BLOB))
    """The content. Never logged."""

    data_type: str | None = field(default=None, kw_only=True, metadata=event_header("DataType", shapes.DATA_TYPE))
    """``"UTF8"`` for a text frame, ``"BINARY"`` or None for a binary frame."""

    completion_state: str | None = field(
        default=None, kw_only=True, metadata=event_header("CompletionState", shapes.COMPLETION_STATE)
    )
    """``"PARTIAL"`` if the message continues in the next part; ``"COMPLETE"`` or None if it ends here."""

    p: str | None = field(default=None, kw_only=True, repr=False, metadata=event_header("P", shapes.PADDING))
    """Padding, which hides the length of the part; None for none."""


ResponseStreamEvent: TypeAlias = PayloadPart | UnknownEvent
"""An event of a response stream."""
