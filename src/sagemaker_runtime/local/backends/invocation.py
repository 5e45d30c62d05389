"""What a model gets and gives: `Invocation`, `Answer`, and the `Model` between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeAlias, TypeVar

from attrs import Attribute, field, frozen
from attrs.validators import instance_of, optional

from sagemaker_runtime import Headers

T = TypeVar("T", str, str | None)

Body: TypeAlias = bytes | Iterator[bytes] | AsyncIterator[bytes]
"""
What a model says: all at once, or in pieces.

InvokeEndpointWithResponseStream sends each piece as one part, as soon as it is there; InvokeEndpoint joins them. A plain
iterator runs in a thread. At its end, or when the caller leaves, its ``aclose`` or ``close`` is called, if it has one.
"""


def _length(body: Body) -> str:
    return f"<{len(body)} bytes>" if isinstance(body, bytes) else "<pieces>"


def _sendable(_: object, attribute: Attribute[T], value: T) -> None:
    if value is not None:
        Headers({attribute.name: value})  # raises InvalidHeaderError


@frozen(kw_only=True)
class Invocation:
    """
    One request, as the front passes it on. Members that are None were not sent.

    Attributes:
        endpoint_name: The endpoint called.

        body: The input. Shown in no log.

        content_type: MIME type of the body.

        accept: MIME type wanted for the response.

        custom_attributes: Text of the caller. Shown in no log.

        target_model: File name of the model wanted.

        target_variant: Name of the production variant wanted.

        target_container_hostname: Host name of the container wanted.

        inference_id: The caller's id for this inference.

        enable_explanations: JMESPath expression of the records to explain.

        inference_component_name: Name of the inference component wanted.

        session_id: ``"NEW_SESSION"``, or the id of the session to go on with. Behind `Sessions`, always an id.

        new_session: Whether `Sessions` opens the session with this request.

        prefix_aware_id: What requests with the same prefix share.

        headers: All headers as they came, for tests of what a client sends. A container sees few of them.
    """

    endpoint_name: str
    body: bytes = field(repr=_length)
    content_type: str | None = None
    accept: str | None = None
    custom_attributes: str | None = field(default=None, repr=False)
    target_model: str | None = None
    target_variant: str | None = None
    target_container_hostname: str | None = None
    inference_id: str | None = None
    enable_explanations: str | None = None
    inference_component_name: str | None = None
    session_id: str | None = None
    new_session: bool = False
    prefix_aware_id: str | None = None
    headers: Headers = field(factory=Headers)


@frozen(kw_only=True)
class Answer:
    """
    A model's answer, for a model that says more than the bytes.

    Raises:
        TypeError: The body is neither bytes nor an iterator.
        InvalidHeaderError: A text cannot be sent in a header.
    """

    body: Body = field(repr=_length, validator=instance_of((bytes, Iterator, AsyncIterator)))
    """Shown in no log."""

    content_type: str = field(default="application/octet-stream", validator=_sendable)
    """MIME type of the body."""

    custom_attributes: str | None = field(default=None, repr=False, validator=_sendable)
    """Text for the caller. Shown in no log."""

    invoked_production_variant: str = field(default="AllTraffic", validator=_sendable)
    """Name of the production variant that answered; a console-made endpoint's only one is called ``AllTraffic``."""

    new_session_id: str | None = field(default=None, validator=_sendable)
    """The session just opened, as ``<id>; Expires=YYYY-MM-DDThh:mm:ssZ``. Not sent with a stream."""

    closed_session_id: str | None = field(default=None, validator=_sendable)
    """The session just closed. Not sent with a stream."""

    headers: Headers | None = field(default=None, repr=False, validator=optional(instance_of(Headers)))
    """
    All headers of a container's response, as they came. The caller sees none but those above; an asynchronous inference is
    refused for what they are. None for a model that is no container.
    """


Model: TypeAlias = Callable[[Invocation], Body | Answer | Awaitable[Body | Answer]]
"""
Answers for an endpoint: a function, a generator, or any object that can be called.

A plain one runs in a thread, several at once; a coroutine function and an asynchronous generator run in the event loop,
and are cancelled when the caller leaves.
"""
