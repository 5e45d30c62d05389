"""`JSONLinesCodec`: one JSON document per line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from sagemaker_runtime.predictor.documents import DocumentReader, DocumentWriter, is_blank
from sagemaker_runtime.predictor.exceptions import EncodeError, UnreadableError, decoded
from sagemaker_runtime.predictor.formats import json_lines_of
from sagemaker_runtime.predictor.kinds import is_iterable, is_kind, name_of
from sagemaker_runtime.predictor.media_types import ANOTHER_FORMAT, is_csv

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime.predictor.documents import (
        DefaultHook,
        DocumentDecoder,
        DocumentModel,
        DocumentType,
        DocumentValidator,
        ObjectHook,
    )
    from sagemaker_runtime.predictor.formats import StreamFormat

T = TypeVar("T")


class Documents(list[T]):
    """The documents of a response: a list, whose class tells a type checker what the pieces of a stream are."""


class JSONLinesCodec(Generic[T]):
    """
    One JSON document per line, ``application/jsonlines``: takes any iterable of documents, returns a list.

    Documents are encoded and decoded as by `JSONCodec`. The pieces of a stream are its documents, each as soon as its line
    is complete. Blank lines are skipped.

    Args:
        type: The type of each document in a response, as for `JSONCodec`.

        default: Converts what `json.dumps` cannot write, as for `JSONCodec`.

        object_hook: Converts each object in a response, as for `JSONCodec`.

    Raises:
        ConfigError: The type cannot read JSON.
    """

    content_type = "application/jsonlines"
    accept = "application/jsonlines"

    @overload
    def __init__(
        self: JSONLinesCodec[object], *, default: DefaultHook | None = None, object_hook: ObjectHook | None = None
    ) -> None: ...

    @overload
    def __init__(
        self, *, type: DocumentValidator[T], default: DefaultHook | None = None, object_hook: ObjectHook | None = None
    ) -> None: ...

    @overload
    def __init__(
        self, *, type: DocumentModel[T], default: DefaultHook | None = None, object_hook: ObjectHook | None = None
    ) -> None: ...

    @overload
    def __init__(self, *, type: DocumentDecoder[T], default: DefaultHook | None = None) -> None: ...

    @overload
    def __init__(
        self, *, type: Callable[[object], T], default: DefaultHook | None = None, object_hook: ObjectHook | None = None
    ) -> None: ...

    def __init__(
        self,
        *,
        type: DocumentType[T] | None = None,
        default: DefaultHook | None = None,
        object_hook: ObjectHook | None = None,
    ) -> None:
        self._reader = DocumentReader(type, object_hook)
        self._writer = DocumentWriter(default)
        self.stream_format: StreamFormat[T] = json_lines_of(self._reader)

    def encode(self, value: Iterable[object], /) -> bytes:
        """
        The documents, each with a line feed after it.

        Raises:
            EncodeError: The value is not an iterable of documents, or something in one cannot be written.
        """
        if is_kind(value, str, bytes, Mapping) or not is_iterable(value):
            raise EncodeError(
                f"the value is of type {name_of(value)}; it takes an iterable of documents, and a single one as "
                "[document]"
            )
        return b"".join(self._writer.write(document, f"[{index}]") + b"\n" for index, document in enumerate(value))

    def decode(self, body: bytes, content_type: str | None, /) -> Documents[T]:
        """
        The documents in a response.

        Raises:
            DecodeError: A line is not JSON, or not of the type; or the content type is CSV, which may be valid JSON Lines as
                well.
        """
        return decoded(partial(self._documents, content_type), body, content_type, self.content_type)

    def _documents(self, content_type: str | None, body: bytes) -> Documents[T]:
        if is_csv(content_type):
            raise UnreadableError(ANOTHER_FORMAT)
        lines = enumerate(body.split(b"\n"), 1)
        return Documents(self._reader.read_line(line, number) for number, line in lines if not is_blank(line))
