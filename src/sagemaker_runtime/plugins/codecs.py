"""
Objects in place of bytes: a codec encodes ``InvokeEndpointInput.body`` and decodes ``InvokeEndpointOutput.body``.

::

    iris = JSONCodec()
    params = InvokeEndpointInput(endpoint_name="iris", body=iris.body([[5.1, 3.5]]))
    async with Client(options, with_api_options(iris)) as client:
        prediction = iris.value(await client.invoke_endpoint(params))
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Generic, NoReturn, TypeGuard, TypeVar, cast

from attrs import evolve

from sagemaker_runtime import (
    BEFORE,
    REQUEST_ID,
    InitializeInput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    SageMakerRuntimeError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagemaker_runtime import Context, InitializeHandler, Output, Stack

__all__ = ["BodyCodec", "CSVCodec", "DecodeError", "JSONCodec"]

Given = TypeVar("Given")
Taken = TypeVar("Taken")


class DecodeError(SageMakerRuntimeError):
    """The model ran, and its response is not in the codec's format. The content is not shown."""


class BodyCodec(Generic[Given, Taken]):
    """
    The base of the codecs: a call with an object returns an object, and a call with bytes is left as it is.

    Stands at the front of Initialize, so before the validation, which sees bytes. If the input names no content type, or
    none to accept, the codec sets its own. For InvokeEndpoint only. Of several codecs, the last one added gets the
    object, so one of the call's options takes precedence over the client's.

    Attributes:
        id: The name in the printed stack; a subclass has its own.

        content_type: MIME type that it writes and reads.
    """

    id = "BodyCodec"
    content_type: str

    def encode(self, value: Given) -> bytes:
        """The bytes to send. The call raises whatever this raises."""
        raise NotImplementedError

    def decode(self, body: bytes) -> Taken:
        """
        The object in a response.

        Raises:
            ValueError: The body is not in the format; the call raises `DecodeError`.
        """
        raise NotImplementedError

    def body(self, value: Given) -> bytes:
        """*value* itself, typed so that ``InvokeEndpointInput.body`` takes it."""
        return _typed_as_bytes(value)

    def value(self, output: InvokeEndpointOutput) -> Taken:
        """``output.body`` itself, with the type that it has after decoding."""
        return cast("Taken", output.body)

    def __call__(self, stack: Stack) -> None:
        if stack.id == "InvokeEndpoint":
            stack.initialize.add(self, BEFORE)

    async def handle_initialize(self, ctx: Context, step: InitializeInput, next: InitializeHandler) -> Output:
        given = step.parameters
        if not isinstance(given, InvokeEndpointInput):
            return await next(ctx, step)
        value: object = given.body
        if not self._encodes(value):
            return await next(ctx, step)
        encoded = evolve(
            given,
            body=self.encode(value),
            content_type=given.content_type or self.content_type,
            accept=given.accept or self.content_type,
        )
        output = await next(ctx, InitializeInput(encoded))
        if isinstance(output.result, InvokeEndpointOutput):
            output.result = evolve(output.result, body=_typed_as_bytes(self._decoded(output.result)))
        return output

    def _encodes(self, value: object) -> TypeGuard[Given]:
        return not isinstance(value, bytes)

    def _decoded(self, result: InvokeEndpointOutput) -> Taken:
        try:
            return self.decode(result.body)
        except (ValueError, RecursionError) as error:
            # Not raised here: a JSONDecodeError or UnicodeDecodeError holds the content, and would become the context.
            problem = type(error).__name__
        failure = DecodeError(
            f"the response, {len(result.body)} bytes of type {result.content_type}, cannot be read as {self.content_type} "
            f"({problem})"
        )
        failure.metadata, failure.request_id = result.result_metadata, result.result_metadata.get(REQUEST_ID)
        raise failure


def _typed_as_bytes(value: object) -> bytes:
    """*value* itself: the ``body`` of input and output is declared as bytes, and holds an object outside the codec."""
    return cast("bytes", value)


class JSONCodec(BodyCodec[object, object]):
    """What `json.dumps` takes and `json.loads` returns. ``NaN`` and ``Infinity``, which are not JSON, are refused."""

    id = "JSONCodec"
    content_type = "application/json"

    def encode(self, value: object) -> bytes:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()

    def decode(self, body: bytes) -> object:
        return json.loads(body, parse_constant=_no_json)


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


class _Lines(list[str]):
    """Takes the lines of `csv.writer`, which end with CR LF so that it quotes either character within a field."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n"))


class CSVCodec(BodyCodec["Iterable[Iterable[object]]", list[list[str]]]):
    """
    Takes rows of any objects and writes their ``str()``; returns rows of text. No header line.

    Rows are separated by line feeds; the last has none. None is an empty field. A string counts as a row of its
    characters. Rows without fields at the end cannot be distinguished from the end, so they are lost. A field of a
    response has at most `csv.field_size_limit` characters.
    """

    id = "CSVCodec"
    content_type = "text/csv"

    def encode(self, value: Iterable[Iterable[object]]) -> bytes:
        if isinstance(value, str):  # each of its characters would be a row
            raise TypeError("CSVCodec takes rows; send text that is CSV already as bytes: text.encode()")
        lines = _Lines()
        csv.writer(lines).writerows(value)
        return "\n".join(lines).encode()

    def decode(self, body: bytes) -> list[list[str]]:
        try:
            return list(csv.reader(io.StringIO(body.decode(), newline=""), strict=True))
        except csv.Error as error:
            raise ValueError(str(error)) from None
