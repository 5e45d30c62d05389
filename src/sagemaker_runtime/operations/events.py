"""The events of streams. An operation says which of them its stream may carry."""

from __future__ import annotations

import builtins
from typing import TypeAlias

from attr import define, field

from sagemaker_runtime.operations import shapes
from sagemaker_runtime.operations.base import event_payload


def _length(data: bytes) -> str:
    return f"<{len(data)} bytes>"


@define
class PayloadPart:
    """
    A piece of the response. Its boundaries are arbitrary: it may end inside a word, a JSON document or a character.

    What the pieces make up together is read with ``iter_text``, ``iter_lines`` and the like.
    """

    bytes: builtins.bytes = field(repr=_length, metadata=event_payload(shapes.PART_BLOB))
    """Shown in no log."""


@define
class UnknownEvent:
    """An event that the API model did not list when this was written."""

    tag: str
    """The event's type."""

    payload: builtins.bytes = field(repr=_length)
    """Shown in no log."""


ResponseStreamEvent: TypeAlias = PayloadPart | UnknownEvent
