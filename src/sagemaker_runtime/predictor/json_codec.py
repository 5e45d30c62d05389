"""`JSONCodec`: one JSON document."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from sagemaker_runtime.predictor.documents import DocumentReader, DocumentWriter
from sagemaker_runtime.predictor.exceptions import UnreadableError, decoded
from sagemaker_runtime.predictor.media_types import ANOTHER_FORMAT, is_csv, is_json_lines

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

O_co = TypeVar("O_co", covariant=True)


class JSONCodec(Generic[O_co]):
    """
    One JSON document, ``application/json`` in UTF-8.

    ``NaN``, ``Infinity`` and ``-Infinity`` are not JSON, but are written and read nevertheless, as in Python's `json` and in
    `ResponseStream.iter_json_lines`, because models return them. (Types that parse the bytes themselves differ: pydantic
    accepts them, msgspec does not.) The last of duplicate keys wins. A byte order mark is skipped.

    Args:
        type: The type of the result: a pydantic model or TypeAdapter, a ``msgspec.json.Decoder``, or a function of the
            result of `json.loads`, such as ``lambda document: converter.structure(document, Iris)`` for cattrs. None for the
            result of `json.loads`.

        default: Converts what `json.dumps` cannot write, like its argument: ``pydantic_core.to_jsonable_python``,
            ``msgspec.to_builtins``, ``cattrs.unstructure``.

        object_hook: Converts each object in a response, like the argument of `json.loads`.

    Raises:
        ConfigError: The type cannot read JSON.
    """

    content_type = "application/json"
    accept = "application/json"

    # One for each kind of type: a checker that is given their union does not find the type in a model's class.
    @overload
    def __init__(
        self: JSONCodec[object], *, default: DefaultHook | None = None, object_hook: ObjectHook | None = None
    ) -> None: ...

    @overload
    def __init__(
        self,
        *,
        type: DocumentValidator[O_co],
        default: DefaultHook | None = None,
        object_hook: ObjectHook | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self, *, type: DocumentModel[O_co], default: DefaultHook | None = None, object_hook: ObjectHook | None = None
    ) -> None: ...

    @overload
    def __init__(self, *, type: DocumentDecoder[O_co], default: DefaultHook | None = None) -> None: ...

    @overload
    def __init__(
        self,
        *,
        type: Callable[[object], O_co],
        default: DefaultHook | None = None,
        object_hook: ObjectHook | None = None,
    ) -> None: ...

    def __init__(
        self,
        *,
        type: DocumentType[O_co] | None = None,
        default: DefaultHook | None = None,
        object_hook: ObjectHook | None = None,
    ) -> None:
        self._reader = DocumentReader(type, object_hook)
        self._writer = DocumentWriter(default)

    def encode(self, value: object, /) -> bytes:
        """
        The value as a JSON document.

        Raises:
            EncodeError: Something in the value cannot be encoded.
        """
        return self._writer.write(value)

    def decode(self, body: bytes, content_type: str | None, /) -> O_co:
        """
        The value in a response.

        Raises:
            DecodeError: The response is not JSON, or not of the type; or its content type is CSV or JSON Lines, which may be
                valid JSON as well.
        """
        return decoded(partial(self._read, content_type), body, content_type, self.content_type)

    def _read(self, content_type: str | None, body: bytes) -> O_co:
        if is_csv(content_type) or is_json_lines(content_type):
            raise UnreadableError(ANOTHER_FORMAT)
        return self._reader.read(body)
