"""The types of a model: `Model`, its input `Invocation`, and its output `Answer`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeAlias, TypeVar

from attrs import Attribute, field, frozen
from attrs.validators import instance_of, optional

from sagemaker_runtime import Headers

T = TypeVar("T", str, str | None)

Body: TypeAlias = bytes | Iterator[bytes] | AsyncIterator[bytes]
"""
The body of a model's response: whole, or in pieces.

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
    One request, as the model gets it. Members that are None were not sent.

    Attributes:
        endpoint_name: The endpoint called.

        body: The input. No log shows it.

        content_type: MIME type of the body.

        accept: Desired MIME type of the response.

        custom_attributes: The caller's text. No log shows it.

        target_model: File name of the requested model.

        target_variant: Name of the requested production variant.

        target_container_hostname: Host name of the requested container.

        inference_id: The caller's id for this inference.

        enable_explanations: JMESPath expression that selects the records to explain.

        inference_component_name: Name of the requested inference component.

        session_id: ``"NEW_SESSION"``, or the id of the session to continue. Behind `Sessions`, always an id.

        new_session: Whether `Sessions` opens the session with this request.

        prefix_aware_id: An id shared by requests with the same prompt prefix.

        headers: All headers, as received, for tests of what a client sends. A container receives few of them.
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
    A model's response, for a model that sets more than the body.

    Raises:
        TypeError: The body is neither bytes nor an iterator.
        InvalidHeaderError: A text cannot be sent in a header.
    """

    body: Body = field(repr=_length, validator=instance_of((bytes, Iterator, AsyncIterator)))
    """The body of the response. No log shows it."""

    content_type: str = field(default="application/octet-stream", validator=_sendable)
    """MIME type of the body."""

    custom_attributes: str | None = field(default=None, repr=False, validator=_sendable)
    """Text for the caller; None for none. No log shows it."""

    invoked_production_variant: str = field(default="AllTraffic", validator=_sendable)
    """Name of the variant that responded. ``AllTraffic`` is the only one of an endpoint made in the AWS console."""

    new_session_id: str | None = field(default=None, validator=_sendable)
    """The session that was just opened, as ``<id>; Expires=YYYY-MM-DDThh:mm:ssZ``; None for none. Not sent with a stream."""

    closed_session_id: str | None = field(default=None, validator=_sendable)
    """The id of the session that was just closed; None for none. Not sent with a stream."""

    headers: Headers | None = field(default=None, repr=False, validator=optional(instance_of(Headers)))
    """
    All headers of a container's response, as received. The caller gets only those above; an asynchronous inference is
    refused if they are too long or lack a Content-Length. None for a model that is not a container.
    """


Model: TypeAlias = Callable[[Invocation], Body | Answer | Awaitable[Body | Answer]]
"""
The model of an endpoint: a function, a generator function, or any other callable.

A plain function runs in threads, several calls at a time; a coroutine function and an asynchronous generator run in the
event loop, and are cancelled when the caller leaves.
"""
