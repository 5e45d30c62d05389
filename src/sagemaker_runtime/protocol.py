"""
restJson1, as far as this service uses it: input to request, response to output or error. No I/O.

Source: the Smithy specification, "AWS restJson1 protocol". What an operation binds is looked up once, in `Codec`.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from sagemaker_runtime.errors import InvalidParamsError, ServiceError
from sagemaker_runtime.operations.base import Binding, bindings
from sagemaker_runtime.validation import Validator, values_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime.context import Metadata
    from sagemaker_runtime.headers import Headers
    from sagemaker_runtime.operations.base import Operation, OperationInput, OperationOutput
    from sagemaker_runtime.wire import Request

ERROR_BODY_KEPT = 4096  # bytes of an error's body kept on the exception: enough for a proxy's page to be recognised
_MESSAGE_SHOWN = 1024  # characters of a body that is not JSON and serves as the message

_DEFAULT_HEADERS = {
    "accept-encoding": "identity",  # the answer's body is given as it comes, so it must not come compressed
    "content-type": "application/octet-stream",  # what a body is when nobody says (RFC 9110, section 8.3)
}


class Codec:
    """How one operation's input, output and errors travel. Made once for each operation; holds nothing of a call."""

    def __init__(self, operation: Operation[OperationInput, OperationOutput]) -> None:
        self.operation = operation
        self.validator = Validator(operation.input_type)
        members = bindings(operation.input_type)
        headers_in = self._select(members, "header")
        self._headers_in = [header for _, header in headers_in]
        self._header_values = values_of([name for name, _ in headers_in])
        (self._label,) = [(name, binding.name) for name, binding in members.items() if binding.location == "label"]
        (self._payload_in,) = [name for name, binding in members.items() if binding.location == "payload"]
        before, after = operation.path.split("{" + self._label[1] + "}")
        self._path_before, self._path_after = before, after

        output = bindings(operation.output_type)
        self._headers_out = self._select(output, "header")
        (self._payload_out,) = [name for name, binding in output.items() if binding.location == "payload"]
        self._new_output: Callable[..., OperationOutput] = operation.output_type
        self._errors = {error.code.lower(): error for error in operation.errors}

    @staticmethod
    def _select(members: dict[str, Binding], location: str) -> list[tuple[str, str]]:
        return [(name, binding.name.lower()) for name, binding in members.items() if binding.location == location]

    def serialize(self, parameters: OperationInput, request: Request) -> None:
        """
        Write the input into *request*, whose path so far becomes the prefix.

        Raises:
            InvalidParamsError: The label is empty, so that the path would name another resource.
            InvalidHeaderError: A value cannot be sent. Both are found earlier by `validate`, where it stands.
        """
        label: str = getattr(parameters, self._label[0])
        if not label:
            raise InvalidParamsError(f"{self._label[0]} is empty", (f"{self._label[0]} is empty",))
        request.method = self.operation.method
        request.path = _path(request.path, self._path_before, label, self._path_after)
        headers = request.headers
        raw = headers.raw
        raw.update(_DEFAULT_HEADERS)
        for value, header in zip(self._header_values(parameters), self._headers_in, strict=True):
            if value is not None:
                if type(value) is str and value.isascii() and value.isprintable():
                    raw[header] = value
                else:
                    headers[header] = value  # which looks closer
        request.body = getattr(parameters, self._payload_in)

    def deserialize(self, headers: Headers, body: bytes, metadata: Metadata) -> OperationOutput:
        """The output in a successful answer."""
        members: dict[str, object] = {"result_metadata": metadata, self._payload_out: body}
        values = headers.raw
        for name, header in self._headers_out:
            if header in values:
                members[name] = values[header]
        return self._new_output(**members)

    def error(self, status: int, headers: Headers, body: bytes) -> ServiceError:
        """
        The error in a failed answer. Any answer gives one, a proxy's page too.

        The name stands in ``X-Amzn-ErrorType``, else in the body's ``code`` or ``__type``; the message in the body's
        ``message``. A name that the model lists for the operation selects the class.
        """
        found = _json_object(body)
        document = found or {}
        code = _error_code(headers.get("x-amzn-errortype")) or next(
            (code for key in ("code", "Code", "__type") if (code := _error_code(document.get(key)))), None
        )
        message = next((value for key, value in document.items() if key.lower() == "message"), None)
        if not isinstance(message, str):
            message = "" if found is not None else _text_message(status, body)
        error = self._errors.get((code or "").lower(), ServiceError)(message)
        if type(error) is ServiceError:
            error.code = code or str(status)
        for key, (attribute, kind) in error.members.items():
            value = document.get(key)
            if isinstance(value, kind) and not isinstance(value, bool):
                setattr(error, attribute, value)
        error.status = status
        error.body = body[:ERROR_BODY_KEPT]
        error.retry_after = _retry_after(headers.get("x-amz-retry-after"))
        return error


@lru_cache(maxsize=1024)  # a client calls few endpoints, many times
def _path(prefix: str, before: str, label: str, after: str) -> str:
    return f"{prefix.rstrip('/')}{before}{quote(label, safe='')}{after}"


def _json_object(body: bytes) -> dict[str, object] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError; a hostile body can nest too deep
        return None
    return cast("dict[str, object]", document) if isinstance(document, dict) else None


def _error_code(text: object) -> str | None:
    """The bare name in ``namespace#Name:http://uri/``, or None."""
    if not isinstance(text, str):
        return None
    return text.partition(":")[0].rpartition("#")[2].strip() or None


def _text_message(status: int, body: bytes) -> str:
    """The body itself where it is words; for a page of HTML or nothing at all, what the status means."""
    text = body[:_MESSAGE_SHOWN].decode(errors="replace").strip()
    if text and not text.lower().startswith(("<!doctype html", "<html")):
        return text
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _retry_after(text: str | None) -> float | None:
    """Seconds in ``x-amz-retry-after``, which is a whole number of milliseconds; None for anything else."""
    if text is None or re.fullmatch("[0-9]{1,9}", text) is None:
        return None
    return int(text) / 1000
