"""
The five steps: what their middleware receive, what they call, and what they return.

A middleware is an object with an ``id`` and the method of its step; one object may have several::

    class TagTenant:
        id = "TagTenant"

        async def handle_build(
            self, ctx: Context, step: BuildInput, next: BuildHandler
        ) -> Output:
            append_custom_attributes(step.request.headers, "tenant=acme")
            return await next(ctx, step)

The decorator of a step turns a function into one: ``@build_middleware("TagTenant")``.

Like most classes that every program needs, the inputs do not use attrs, which adds 0.1 to 0.5 ms of import time for each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, TypeVar

from sagemaker_runtime.context import Context, Metadata
from sagemaker_runtime.errors import StackError
from sagemaker_runtime.operations.base import OperationInput, OperationOutput
from sagemaker_runtime.wire import Request, Response


class InitializeInput:
    """Once per call: the operation's input."""

    __slots__ = ("parameters",)

    def __init__(self, parameters: OperationInput) -> None:
        self.parameters = parameters


class SerializeInput:
    """Once per call: the input, and the request into which it is serialized."""

    __slots__ = ("parameters", "request")

    def __init__(self, parameters: OperationInput, request: Request) -> None:
        self.parameters = parameters
        self.request = request


class BuildInput:
    """Once per call: the request, complete except for what each attempt adds."""

    __slots__ = ("request",)

    def __init__(self, request: Request) -> None:
        self.request = request


class FinalizeInput:
    """The request. Below Retry, once per attempt, each with its own copy."""

    __slots__ = ("request",)

    def __init__(self, request: Request) -> None:
        self.request = request


class DeserializeInput:
    """Once per attempt: the request as it is sent."""

    __slots__ = ("request",)

    def __init__(self, request: Request) -> None:
        self.request = request


class Output:
    """
    The result that every middleware returns.

    Attributes:
        result: The operation's output; None until OperationDeserializer has created it.

        metadata: The facts collected on the way up; they become ``result_metadata``.

        raw_response: The HTTP response; None if a middleware has created the result.
    """

    __slots__ = ("__weakref__", "metadata", "raw_response", "result")

    def __init__(
        self,
        result: OperationOutput | None = None,
        metadata: Metadata | None = None,
        raw_response: Response | None = None,
    ) -> None:
        self.result = result
        self.metadata = Metadata() if metadata is None else metadata
        self.raw_response = raw_response

    def __repr__(self) -> str:
        return f"Output(result={self.result!r}, metadata={self.metadata!r}, raw_response={self.raw_response!r})"


S = TypeVar("S")

Handler: TypeAlias = Callable[[Context, S], Awaitable[Output]]
"""The rest of the stack, as the middleware of a step calls it: ``await next(ctx, step)``."""

InitializeHandler: TypeAlias = Handler[InitializeInput]
"""What comes after a middleware of Initialize."""

SerializeHandler: TypeAlias = Handler[SerializeInput]
"""What comes after a middleware of Serialize."""

BuildHandler: TypeAlias = Handler[BuildInput]
"""What comes after a middleware of Build."""

FinalizeHandler: TypeAlias = Handler[FinalizeInput]
"""What comes after a middleware of Finalize."""

DeserializeHandler: TypeAlias = Handler[DeserializeInput]
"""What comes after a middleware of Deserialize; after the last, the transport."""


class Middleware(Protocol):
    """The common base of all middleware."""

    @property
    def id(self) -> str:
        """The name in the printed stack: verbs and nouns in CapWords, such as ``"TagTenant"``."""
        ...


class InitializeMiddleware(Middleware, Protocol):
    """Sees the input first and the result last. Once per call."""

    def handle_initialize(self, ctx: Context, step: InitializeInput, next: InitializeHandler, /) -> Awaitable[Output]:
        """Act before, ``await next(ctx, step)``, act after."""
        ...


class SerializeMiddleware(Middleware, Protocol):
    """Turns the input into a request. Once per call."""

    def handle_serialize(self, ctx: Context, step: SerializeInput, next: SerializeHandler, /) -> Awaitable[Output]:
        """Act before, ``await next(ctx, step)``, act after."""
        ...


class BuildMiddleware(Middleware, Protocol):
    """Adds to the request everything that is the same for all attempts. Once per call."""

    def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler, /) -> Awaitable[Output]:
        """Act before, ``await next(ctx, step)``, act after."""
        ...


class FinalizeMiddleware(Middleware, Protocol):
    """Prepares the request for sending. Once per attempt below Retry, once per call above it."""

    def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler, /) -> Awaitable[Output]:
        """Act before, ``await next(ctx, step)``, act after."""
        ...


class DeserializeMiddleware(Middleware, Protocol):
    """Turns the response into a result. Once per attempt."""

    def handle_deserialize(
        self, ctx: Context, step: DeserializeInput, next: DeserializeHandler, /
    ) -> Awaitable[Output]:
        """Act before, ``await next(ctx, step)``, act after."""
        ...


# Functions as middleware: the function itself is the method, so that there is no additional call.


class _Function:
    def __init__(self, id: str, step: str) -> None:
        self.id = id
        self._step = step

    def __repr__(self) -> str:
        return f"<{self._step} middleware {self.id!r}>"


InitializeFunction: TypeAlias = Callable[[Context, InitializeInput, InitializeHandler], Awaitable[Output]]
SerializeFunction: TypeAlias = Callable[[Context, SerializeInput, SerializeHandler], Awaitable[Output]]
BuildFunction: TypeAlias = Callable[[Context, BuildInput, BuildHandler], Awaitable[Output]]
FinalizeFunction: TypeAlias = Callable[[Context, FinalizeInput, FinalizeHandler], Awaitable[Output]]
DeserializeFunction: TypeAlias = Callable[[Context, DeserializeInput, DeserializeHandler], Awaitable[Output]]


class _InitializeFunction(_Function):
    def __init__(self, id: str, function: InitializeFunction) -> None:
        super().__init__(id, "initialize")
        self.handle_initialize = function


class _SerializeFunction(_Function):
    def __init__(self, id: str, function: SerializeFunction) -> None:
        super().__init__(id, "serialize")
        self.handle_serialize = function


class _BuildFunction(_Function):
    def __init__(self, id: str, function: BuildFunction) -> None:
        super().__init__(id, "build")
        self.handle_build = function


class _FinalizeFunction(_Function):
    def __init__(self, id: str, function: FinalizeFunction) -> None:
        super().__init__(id, "finalize")
        self.handle_finalize = function


class _DeserializeFunction(_Function):
    def __init__(self, id: str, function: DeserializeFunction) -> None:
        super().__init__(id, "deserialize")
        self.handle_deserialize = function


def _check_name(id: object, step: str) -> None:
    if not isinstance(id, str):
        raise StackError(f"{step}_middleware got {type(id).__name__} as its name; write @{step}_middleware('Name')")


def initialize_middleware(id: str) -> Callable[[InitializeFunction], InitializeMiddleware]:
    """Turn a function of ``(ctx, step, next)`` into a middleware of the initialize step, with the id *id*."""
    _check_name(id, "initialize")
    return lambda function: _InitializeFunction(id, function)


def serialize_middleware(id: str) -> Callable[[SerializeFunction], SerializeMiddleware]:
    """Turn a function of ``(ctx, step, next)`` into a middleware of the serialize step, with the id *id*."""
    _check_name(id, "serialize")
    return lambda function: _SerializeFunction(id, function)


def build_middleware(id: str) -> Callable[[BuildFunction], BuildMiddleware]:
    """Turn a function of ``(ctx, step, next)`` into a middleware of the build step, with the id *id*."""
    _check_name(id, "build")
    return lambda function: _BuildFunction(id, function)


def finalize_middleware(id: str) -> Callable[[FinalizeFunction], FinalizeMiddleware]:
    """Turn a function of ``(ctx, step, next)`` into a middleware of the finalize step, with the id *id*."""
    _check_name(id, "finalize")
    return lambda function: _FinalizeFunction(id, function)


def deserialize_middleware(id: str) -> Callable[[DeserializeFunction], DeserializeMiddleware]:
    """Turn a function of ``(ctx, step, next)`` into a middleware of the deserialize step, with the id *id*."""
    _check_name(id, "deserialize")
    return lambda function: _DeserializeFunction(id, function)
