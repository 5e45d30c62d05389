"""`HostedEndpoint`: one endpoint behind the front, what answers for it, and its count of requests."""

from __future__ import annotations

import logging
from contextlib import aclosing
from typing import TYPE_CHECKING

from attrs import frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.local.backends import ModelFailure
from sagemaker_runtime.local.failures import FailureError, failure, model_error
from sagemaker_runtime.local.pieces import pieces_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sagemaker_runtime.local.backends import Backend
    from sagemaker_runtime.local.invocation import Answer, Invocation

logger = logging.getLogger("sagemaker_runtime.local")


@frozen
class Reply:
    """What a model answers, perhaps still at work. To be used in ``async with aclosing(reply.pieces)``."""

    head: Answer
    """All but its body."""

    pieces: AsyncGenerator[bytes]
    """Its body. Raises FailureError when the model fails, before the first piece or later."""


class HostedEndpoint:
    """
    One endpoint: each request that reaches it is counted, and answered by its backend or by a fault.

    Attributes:
        calls: Requests that have reached it, those that met a fault included.
    """

    def __init__(self, name: str, backend: Backend, *, region: str) -> None:
        self.name = name
        self.backend = backend
        self.calls = 0
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
        The backend's answer.

        Raises:
            FailureError: A fault is due, the platform refuses, or the model failed.
        """
        self.calls += 1
        fault = self._faults.pop(self.calls, None)
        if fault is not None:
            raise fault
        try:
            answer = await self.backend.invoke(invocation)
        except FailureError:
            raise
        except Exception as error:
            raise self._failed(error) from error
        return Reply(answer, self._pieces(answer))

    async def _pieces(self, answer: Answer) -> AsyncGenerator[bytes]:
        async with aclosing(pieces_of(answer.body)) as pieces:
            try:
                async for piece in pieces:
                    yield piece
            except Exception as error:
                raise self._failed(error) from error

    def _failed(self, error: Exception) -> FailureError:
        if isinstance(error, ModelFailure):
            return model_error(self.name, error.message, region=self._region, original_status=error.status)
        logger.error("the model of endpoint %r failed", self.name, exc_info=error)
        return model_error(self.name, str(error), region=self._region)
