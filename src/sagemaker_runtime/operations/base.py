"""
The building blocks of operations: shapes, and bindings of members to parts of a request or a response.

A member and its binding are on one line::

    target_model: str | None = field(
        default=None, metadata=header("X-Amzn-SageMaker-Target-Model", TARGET_MODEL_HEADER)
    )

`attrs.field` is called directly, never through a function of ours: type checkers would then not see that a member without
a default is required.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar

import attr
from attr import define, field

from sagemaker_runtime.bodies import is_bytes_like, size_of
from sagemaker_runtime.context import Key, Metadata
from sagemaker_runtime.errors import ServiceError
from sagemaker_runtime.operations.service import SAGEMAKER_RUNTIME, Service
from sagemaker_runtime.redaction import REDACTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_runtime.operations.events import RequestPayloadPart, ResponseStreamEvent

__all__ = [
    "TRAITS",
    "Binding",
    "Operation",
    "OperationInput",
    "OperationOutput",
    "Shape",
    "bindings",
    "required",
]

Location = Literal["label", "header", "payload", "document", "stream", "event payload", "event header"]

SERVICE_ID = SAGEMAKER_RUNTIME.id
"""AWS's id of the service in configuration and telemetry: ``"SageMaker Runtime"``."""

SERVICE_API_VERSION = SAGEMAKER_RUNTIME.api_version
"""The version of the API model that the operations follow: ``"2017-05-13"``."""


class Shape(NamedTuple):
    """
    A shape of the API model, with the constraints on its values.

    ``name`` and ``type`` are the model's. ``min`` and ``max`` limit the characters of a string, the bytes of a blob, or an
    integer itself; None is no limit. The ``max`` of a blob is a quota of the service that has been raised before, so it is
    not checked.
    """

    name: str
    type: Literal["string", "blob", "integer", "structure"] = "string"
    min: int | None = None
    max: int | None = None
    pattern: str | None = None
    """A regular expression in Java's dialect, as in the model, for the whole value; None for none."""

    sensitive: bool = False
    """Whether its values must not be shown in logs, errors and reprs."""


class Binding(NamedTuple):
    """The part of a request or a response (``location``) that a member is bound to, and the member's shape."""

    location: Location
    name: str
    """The label in the path, the header, or the key in the JSON document; empty if the member is the whole body."""

    shape: Shape


_METADATA_KEY = "sagemaker_runtime.binding"


def label(name: str, shape: Shape) -> dict[str, Binding]:
    """The member replaces ``{name}`` in the path, percent-encoded."""
    return {_METADATA_KEY: Binding("label", name, shape)}


def header(name: str, shape: Shape) -> dict[str, Binding]:
    """The member is the value of the header *name*, which is not sent if the member is None."""
    return {_METADATA_KEY: Binding("header", name, shape)}


def payload(shape: Shape) -> dict[str, Binding]:
    """The member is the body."""
    return {_METADATA_KEY: Binding("payload", "", shape)}


def document(name: str, shape: Shape) -> dict[str, Binding]:
    """The member is in the body, a JSON object, under the key *name*."""
    return {_METADATA_KEY: Binding("document", name, shape)}


def stream(shape: Shape) -> dict[str, Binding]:
    """The member is the body, as a stream of events."""
    return {_METADATA_KEY: Binding("stream", "", shape)}


def event_payload(shape: Shape) -> dict[str, Binding]:
    """The member of an event is the payload of the event's message."""
    return {_METADATA_KEY: Binding("event payload", "", shape)}


def event_header(name: str, shape: Shape) -> dict[str, Binding]:
    """The member of an event is the message's header *name*, which is not sent if the member is None."""
    return {_METADATA_KEY: Binding("event header", name, shape)}


def bindings(
    members: type[OperationInput | OperationOutput | ResponseStreamEvent | RequestPayloadPart],
) -> dict[str, Binding]:
    """The bindings of the members of an input, output or event class, by attribute name, in order."""
    known = _BINDINGS.get(members)
    if known is None:
        known = _BINDINGS[members] = {
            attribute.name: attribute.metadata[_METADATA_KEY]
            for attribute in attr.fields(members)
            if _METADATA_KEY in attribute.metadata
        }
    return known.copy()


_BINDINGS: dict[type[object], dict[str, Binding]] = {}


def required(members: type[OperationInput | OperationOutput]) -> frozenset[str]:
    """The names of the attributes without a default."""
    return frozenset(attribute.name for attribute in attr.fields(members) if attribute.default is attr.NOTHING)


def show(value: object, shape: Shape) -> str:
    """*value* as a repr shows it: redacted if its shape is sensitive; a body only by its length."""
    if is_bytes_like(value):
        return f"<{size_of(value)} bytes>"
    if shape.sensitive:
        return REDACTED
    return repr(value)


def _describe(members: OperationInput | OperationOutput) -> str:
    """A repr based on the bindings, so that no sensitive member is shown by mistake."""
    shown = (
        f"{name}={show(value, binding.shape)}"
        for name, binding in bindings(type(members)).items()
        if (value := getattr(members, name)) is not None
    )
    return f"{type(members).__name__}({', '.join(shown)})"


class SharedMembers:
    """For type checkers: members that most inputs have, so that a middleware can read them without a cast."""

    if not TYPE_CHECKING:  # these are not attrs fields: each input declares its own, with the bindings
        __slots__ = ()

    endpoint_name: str
    content_type: str | None
    accept: str | None
    custom_attributes: str | None
    inference_id: str | None


@define(eq=False, repr=False)
class OperationInput(SharedMembers):
    """The base of every operation's input."""

    def __repr__(self) -> str:
        return _describe(self)


@define(kw_only=True)
class OperationOutput:
    """The base of every operation's output."""

    result_metadata: Metadata = field(factory=Metadata, eq=False)
    """The facts about the call, by key: ``REQUEST_ID``, ``ATTEMPTS``, ``TIMING``, ``RAW_RESPONSE``."""

    def __repr__(self) -> str:
        return _describe(self)


InputT_co = TypeVar("InputT_co", bound=OperationInput, covariant=True)
OutputT_co = TypeVar("OutputT_co", bound=OperationOutput, covariant=True)


class Operation(Generic[InputT_co, OutputT_co]):
    """
    One operation of the API, as modelled.

    Args:
        name: The name in the model.

        input_type: Class of the input.

        output_type: Class of the output.

        path: The path with its labels, such as ``/endpoints/{EndpointName}/invocations``.

        errors: The errors that the model lists for it.

        method: HTTP method.

        exactly_one_of: Members of the input of which exactly one must be set, a rule that the model cannot express; empty
            for no such rule.

        repeatable: Whether sending a call twice has no effect except on the bill: the response is complete, and nothing is
            queued or opened. Repeatable calls can be hedged and cached.

        events: The events in the stream of the response, by name in the model; empty without a stream.

        input_events: The same for the request.

        service: The API that it belongs to.
    """

    def __init__(
        self,
        name: str,
        input_type: type[InputT_co],
        output_type: type[OutputT_co],
        path: str,
        errors: tuple[type[ServiceError], ...],
        method: str = "POST",
        exactly_one_of: tuple[str, ...] = (),
        *,
        repeatable: bool = False,
        events: Mapping[str, type[ResponseStreamEvent]] | None = None,
        input_events: Mapping[str, type[RequestPayloadPart]] | None = None,
        service: Service = SAGEMAKER_RUNTIME,
    ) -> None:
        self.name = name
        self.input_type = input_type
        self.output_type = output_type
        self.path = path
        self.errors = errors
        self.method = method
        self.exactly_one_of = exactly_one_of
        self.repeatable = repeatable
        self.events: Mapping[str, type[ResponseStreamEvent]] = {} if events is None else events
        self.input_events: Mapping[str, type[RequestPayloadPart]] = {} if input_events is None else input_events
        self.service = service

    @property
    def duplex(self) -> bool:
        """Whether the request is a stream of events too, and both sides send at the same time."""
        return bool(self.input_events)

    @cached_property
    def stream_member(self) -> str | None:
        """The member of the output that is a stream of events; None without a stream."""
        members = bindings(self.output_type).items()
        return next((name for name, binding in members if binding.location == "stream"), None)

    @cached_property
    def streams(self) -> bool:
        """Whether the response's body is a stream of events."""
        return self.stream_member is not None

    def __repr__(self) -> str:
        return f"<Operation {self.name} of {self.service.id}>"


TRAITS: Key[Operation[OperationInput, OperationOutput]] = Key("traits")
"""The operation, as modelled: whether it streams, whether it may be repeated, its events, its service."""
