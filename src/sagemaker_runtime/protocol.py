"""
restJson1, as far as this service uses it: input to request, response to output or error. No I/O.

Source: the Smithy specification, "AWS restJson1 protocol". `Marshaller` looks up an operation's bindings once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import quote

from sagemaker_runtime.bodies import as_bytes
from sagemaker_runtime.error_responses import ErrorReader, json_object
from sagemaker_runtime.errors import ConfigError, EventStreamError, InvalidParamsError, InvalidResponseError
from sagemaker_runtime.headers import Headers
from sagemaker_runtime.operations.base import bindings
from sagemaker_runtime.redaction import SENSITIVE_HEADERS
from sagemaker_runtime.stable_members import KnownInputs, stable_members, values_of
from sagemaker_runtime.validation import Validator

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime.context import Metadata
    from sagemaker_runtime.errors import ServiceError
    from sagemaker_runtime.operations.base import Binding, Location, Operation, OperationInput, OperationOutput
    from sagemaker_runtime.operations.events import ResponseStreamEvent
    from sagemaker_runtime.streams.frames import Message
    from sagemaker_runtime.streams.response_stream import ResponseStream
    from sagemaker_runtime.wire import Request

_BODY_SHOWN = 100  # bytes of a body that should be JSON
_PATH_LABEL = re.compile(r"\{(\w+)\}")

_DEFAULT_HEADERS = {"accept-encoding": "identity"}  # not compressed: the response's body is returned unchanged
_CONTENT_TYPE = {"content-type": "application/octet-stream"}  # the default of a body (RFC 9110, section 8.3)


class _Head(NamedTuple):
    """The path and the headers of the stable members, which rarely change, so this is cached."""

    path: str
    headers: dict[str, str]


class Marshaller:
    """
    Converts one operation's input to a request, and its responses to outputs, events and errors.

    There is one for each operation; it holds no state of a call.

    Raises:
        ConfigError: The operation uses a binding that is not supported.
    """

    def __init__(self, operation: Operation[OperationInput, OperationOutput]) -> None:
        self.operation = operation
        self.validator = Validator(operation.input_type, operation.exactly_one_of)
        members = bindings(operation.input_type)
        self._stable_names = stable_members(operation.input_type)
        self._stable = values_of(self._stable_names)
        self._heads = KnownInputs[_Head]()
        self._headers_in = dict(_bound(members, "header"))
        self._other_headers = [(name, to) for name, to in self._headers_in.items() if name not in self._stable_names]
        self._labels = {binding.name: name for name, binding in members.items() if binding.location == "label"}
        self._path = _PATH_LABEL.split(operation.path)  # text, label, text … text
        self._payload_in = next((name for name, _ in _bound(members, "payload")), None)
        self._default_headers = _DEFAULT_HEADERS if self._payload_in is None else _DEFAULT_HEADERS | _CONTENT_TYPE

        output = bindings(operation.output_type)
        self._headers_out = _bound(output, "header")
        self._numbers_out = [name for name, _ in self._headers_out if output[name].shape.type == "integer"]
        self._documents_out = [
            (name, binding.name, int if binding.shape.type == "integer" else str)
            for name, binding in output.items()
            if binding.location == "document"
        ]
        self._body_out = next((name for name, _ in _bound(output, "stream") or _bound(output, "payload")), None)
        self._new_output: Callable[..., OperationOutput] = operation.output_type
        self._errors = ErrorReader(operation.errors)
        self._check(members, output)
        self._events = {tag: _EventShape.of(kind) for tag, kind in operation.events.items()}

    def _check(self, members: dict[str, Binding], output: dict[str, Binding]) -> None:
        """Refuse bindings that are not supported. Raises ConfigError."""
        problems = [
            *(f"{name} is bound to a {members[name].location}" for name in members if not _sent(members[name])),
            *(
                f"the label {name} is not a string, or is sensitive: a path is logged"
                for name in self._labels.values()
                if name not in self._stable_names
            ),
            *(
                f"{name} is sensitive, and its header {header} is not among redaction.SENSITIVE_HEADERS"
                for name, header in self._headers_in.items()
                if members[name].shape.sensitive and header not in SENSITIVE_HEADERS
            ),
        ]
        if sorted(self._labels) != sorted(self._path[1::2]):
            problems.append(f"its labels are {sorted(self._labels)}, and {self.operation.path} has {self._path[1::2]}")
        if len(_bound(members, "payload")) > 1:
            problems.append("it has two payloads")
        if problems:
            raise ConfigError(f"{self.operation.name} cannot be written as a request: {'; '.join(problems)}")
        bodies = [location for location in ("payload", "stream", "document") if _bound(output, location)]
        whole = _bound(output, "payload") + _bound(output, "stream")
        if (
            len(whole) > 1
            or len(bodies) > 1
            or len(whole) + len(self._headers_out) + len(self._documents_out) < len(output)
        ):
            raise ConfigError(
                f"{self.operation.name} cannot be read from a response: its output takes headers, and either a payload, a "
                "stream or a document"
            )

    def serialize(self, parameters: OperationInput, request: Request) -> None:
        """
        Write the input to *request*. The path that the request already has becomes the prefix.

        Raises:
            InvalidParamsError: The label is empty, so that the path would name another resource.
            InvalidHeaderError: A value cannot be sent. Validation finds both earlier, unless it was removed.
        """
        stable = self._stable(parameters)
        try:
            head = self._heads.get(stable)
        except TypeError:  # a list, for example, if validation was removed
            head = None
        if head is None:
            head = self._write_head(stable)
            self._heads.keep(stable, head)
        request.method = self.operation.method
        request.path = request.path.rstrip("/") + head.path
        request.headers.raw.update(head.headers)
        for name, header in self._other_headers:
            value = getattr(parameters, name)
            if value is not None:
                if isinstance(value, int) and not isinstance(value, bool):
                    request.headers[header] = int.__repr__(value)  # digits, also for a member of an IntEnum
                else:
                    request.headers[header] = cast("str", value)  # the assignment checks that it is one
        if self._payload_in is not None:
            body = getattr(parameters, self._payload_in)
            if type(body) is bytes:
                request.body = body
            else:
                request.body = b"" if body is None else as_bytes(body)

    def _write_head(self, stable: tuple[Any, ...]) -> _Head:
        values = dict(zip(self._stable_names, stable, strict=True))
        path = list(self._path)
        for place, label in enumerate(self._path[1::2]):
            name = self._labels[label]
            text = values[name]
            if not text or not isinstance(text, str):
                problem = f"{name} is {'empty' if text == '' else f'of type {type(text).__name__}'}"
                raise InvalidParamsError(problem, (problem,))
            path[2 * place + 1] = quote(text, safe="")
        headers = Headers(self._default_headers)
        for name, header in self._headers_in.items():
            value = values.get(name)
            if value is not None:
                headers[header] = value  # the assignment checks that it is a string
        return _Head("".join(path), headers.raw)

    def deserialize(self, headers: Headers, body: bytes | ResponseStream, metadata: Metadata) -> OperationOutput:
        """
        The output in a successful response.

        Args:
            headers: All headers of the response.

            body: The whole body; for an operation that streams, the stream.

            metadata: The output's ``result_metadata``.

        Raises:
            InvalidResponseError: A member is bound to a JSON document, but the body is not a JSON object.
        """
        value_of = headers.raw.get
        members: dict[str, object] = {name: value_of(header) for name, header in self._headers_out}
        for name in self._numbers_out:
            members[name] = _whole_number(members[name])
        if self._body_out is not None:
            members[self._body_out] = body
        elif isinstance(body, bytes) and body and self._documents_out:
            document = json_object(body)
            if document is None:
                raise InvalidResponseError(
                    f"the response's body is not a JSON object; it starts {body[:_BODY_SHOWN]!r}"
                )
            for name, key, kind in self._documents_out:
                value = document.get(key)
                members[name] = value if isinstance(value, kind) and not isinstance(value, bool) else None
        return self._new_output(result_metadata=metadata, **members)

    def error(self, status: int, headers: Headers, body: bytes) -> ServiceError:
        """The error in a failed response; see `ErrorReader.of_response`."""
        return self._errors.of_response(status, headers, body)

    def event(self, message: Message) -> ResponseStreamEvent | None:
        """
        The event in a message of the stream; None for the ``initial-response`` that some servers send before the events.

        Raises:
            ServiceError: The message is an error; its class is the one that the model lists by that name, if any.
            EventStreamError: The message is neither an event nor an error.
        """
        headers, payload = message.headers, message.payload
        kind = headers.get(":message-type")
        if kind == "event":
            if ":event-type" not in headers:
                raise EventStreamError("an event has no :event-type header")
            tag = str(headers[":event-type"])
            shape = self._events.get(tag)
            if shape is not None:
                return shape.read(message)
            if tag == "initial-response":
                return None
            from sagemaker_runtime.operations.events import UnknownEvent  # 1 ms, for streams only

            return UnknownEvent(tag, payload)
        if kind in ("exception", "error"):
            raise self._errors.of_event(message)
        raise EventStreamError(f"a message is of type {kind!r}; the types are event, exception and error")


class _EventShape(NamedTuple):
    """How a message encodes one kind of event."""

    kind: Callable[..., ResponseStreamEvent]
    payload: str | None
    headers: list[tuple[str, str]]

    @classmethod
    def of(cls, kind: type[ResponseStreamEvent]) -> _EventShape:
        members = bindings(kind)
        headers = [(name, binding.name) for name, binding in members.items() if binding.location == "event header"]
        return cls(kind, next((name for name, _ in _bound(members, "event payload")), None), headers)

    def read(self, message: Message) -> ResponseStreamEvent:
        members: dict[str, object] = {name: message.headers.get(header) for name, header in self.headers}
        if self.payload is not None:
            members[self.payload] = message.payload
        return self.kind(**members)


def _sent(binding: Binding) -> bool:
    return binding.location in ("label", "header", "payload")


def _bound(members: dict[str, Binding], location: Location) -> list[tuple[str, str]]:
    """The members bound to *location*, each with its lower-case name there."""
    return [(name, binding.name.lower()) for name, binding in members.items() if binding.location == location]


def _whole_number(text: object) -> int | None:
    """The number in a header; None if it is missing or malformed, so that a bad header does not lose the response."""
    return int(text) if isinstance(text, str) and re.fullmatch("-?[0-9]{1,18}", text) else None
