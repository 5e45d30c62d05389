"""`HostedModel`: one endpoint behind the front, its model, its count of requests and the faults it was told to show."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

from attrs import frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.local.failures import FailureError, failure, model_error
from sagemaker_runtime.local.invocation import Answer
from sagemaker_runtime.local.pieces import pieces_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sagemaker_runtime.local.invocation import Body, Invocation, Model

logger = logging.getLogger("sagemaker_runtime.local")


@frozen
class Reply:
    """What a model answers, perhaps still at work. To be used in ``async with aclosing(reply.pieces)``."""

    head: Answer
    """All but its body."""

    pieces: AsyncGenerator[bytes]
    """Its body. Raises FailureError when the model fails, before the first piece or later."""


class HostedModel:
    """
    One endpoint: each request that reaches it is counted, and answered by the model or by a fault.

    Attributes:
        calls: Requests that have reached it, those that met a fault included.
    """

    def __init__(self, name: str, model: Model, *, region: str) -> None:
        self.name = name
        self.calls = 0
        self._model = model
        self._region = region
        self._faults: dict[int, FailureError] = {}

    def fail(self, call: int, *, error: str, status: int | None, message: str | None) -> None:
        """See `LocalEndpoint.fail`."""
        if call <= self.calls:
            raise ConfigError(f"call {call} of endpoint {self.name!r} cannot fail: it has had {self.calls} already")
        fault = failure(error, message, status)
        if error == "ModelError":
            fault = model_error(self.name, str(fault.document["Message"]), region=self._region, status=fault.status)
        self._faults[call] = fault

    async def invoke(self, invocation: Invocation) -> Reply:
        """
        The model's answer.

        Raises:
            FailureError: A fault is due, or the model failed.
        """
        self.calls += 1
        fault = self._faults.pop(self.calls, None)
        if fault is not None:
            raise fault
        try:
            answer = _as_answer(await self._ask(invocation))
        except Exception as error:
            raise self._failed(error) from error
        return Reply(answer, self._pieces(answer))

    async def _ask(self, invocation: Invocation) -> object:
        model = self._model
        if inspect.iscoroutinefunction(model):
            return await model(invocation)
        given = await asyncio.to_thread(_call, model, invocation)
        return await given if inspect.isawaitable(given) else given

    async def _pieces(self, answer: Answer) -> AsyncGenerator[bytes]:
        async with aclosing(pieces_of(answer.body)) as pieces:
            try:
                async for piece in pieces:
                    yield piece
            except Exception as error:
                raise self._failed(error) from error

    def _failed(self, error: Exception) -> FailureError:
        logger.error("the model of endpoint %r failed", self.name, exc_info=error)
        return model_error(self.name, str(error), region=self._region)


def _call(model: Model, invocation: Invocation) -> object:
    try:
        return model(invocation)
    except StopIteration as error:  # a future takes no StopIteration, and would be waited for without end
        raise RuntimeError("the model raised StopIteration") from error


def _as_answer(given: object) -> Answer:
    if isinstance(given, Answer):
        return given
    if isinstance(given, bytes | Iterator | AsyncIterator):
        return Answer(body=cast("Body", given))
    raise TypeError(f"the model gave {type(given).__name__}; it must give bytes, an iterator of bytes or an Answer")
