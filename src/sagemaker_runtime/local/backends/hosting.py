"""`HostedEndpoint`: one endpoint behind the front, with its backend and its count of requests."""

from __future__ import annotations

import logging
from contextlib import aclosing
from typing import TYPE_CHECKING

from attrs import frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.local.backends.backends import ModelFailure
from sagemaker_runtime.local.backends.exceptions import is_ours, text_of
from sagemaker_runtime.local.backends.invocation import Answer
from sagemaker_runtime.local.backends.pieces import close, pieces_of
from sagemaker_runtime.local.duplex.conversation import DuplexBackend
from sagemaker_runtime.local.faults.kinds import ErrorAnswer, Throttled
from sagemaker_runtime.local.front.failures import FailureError, failure, model_error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sagemaker_runtime.local.backends.backends import Backend
    from sagemaker_runtime.local.backends.invocation import Invocation
    from sagemaker_runtime.local.duplex.conversation import Conversation, Part
    from sagemaker_runtime.local.faults.kinds import Fault
    from sagemaker_runtime.local.faults.plan import FaultPlan, InjectedFault, PendingFault

logger = logging.getLogger("sagemaker_runtime.local")


@frozen
class Reply:
    """A model's answer, perhaps not complete yet. To be used in ``async with aclosing(reply.pieces)``."""

    head: Answer
    """All but its body."""

    pieces: AsyncGenerator[bytes]
    """Its body. Raises FailureError when the model fails, before the first piece or later."""


class HostedEndpoint:
    """
    One endpoint: each request that reaches it is counted, and goes to its backend unless a fault takes its place.

    Attributes:
        calls: Requests that have reached it, those that met a fault included.
    """

    def __init__(self, name: str, backend: Backend, *, region: str, plan: FaultPlan) -> None:
        self.name = name
        self.backend = backend
        self.calls = 0
        self._region = region
        self._plan = plan

    def inject(self, fault: Fault, *, call: int, times: int | None) -> None:
        """See `LocalEndpoint.inject`."""
        if call <= self.calls:
            raise ConfigError(f"call {call} of endpoint {self.name!r} is over: it has had {self.calls} calls")
        if times is None:
            self._plan.add_lasting(self.name, call, fault)
            return
        if times < 1:
            raise ConfigError(f"a fault for {times} calls would never be met; times takes 1 or more")
        for number in range(call, call + times):
            self._plan.add(self.name, number, fault)

    def withdraw(self, kind: type[Fault] | None = None) -> None:
        """See `LocalEndpoint.withdraw`."""
        self._plan.withdraw(self.name, kind)

    @property
    def pending(self) -> list[PendingFault]:
        """The faults that requests will meet which have not come yet; those that are drawn by chance are not known."""
        return self._plan.pending(self.name, self.calls)

    def due(self, *, streamed: bool, duplex: bool = False) -> InjectedFault | None:
        """The fault that the next request will meet; None for no fault."""
        return self._plan.due(self.name, self.calls + 1, streamed=streamed, duplex=duplex)

    def count(self, injected: InjectedFault | None) -> None:
        """Count a request, and log the fault that it has met."""
        self.calls += 1
        if injected is not None:
            self._plan.happened(injected)

    async def invoke(self, invocation: Invocation, fault: Fault | None) -> Reply:
        """
        The backend's answer.

        Raises:
            FailureError: The fault is a failure, the platform refuses, or the model failed.
        """
        if isinstance(fault, ErrorAnswer | Throttled):
            raise self.answer_of(fault)
        try:
            answer = _checked(await self.backend.invoke(invocation))
        except FailureError:
            raise
        except BaseException as error:
            if is_ours(error):
                raise
            raise self._failure_of(error) from error
        return Reply(answer, self._pieces(answer))

    async def converse(self, conversation: Conversation) -> AsyncGenerator[Part]:
        """
        The backend's parts of a conversation.

        Raises:
            FailureError: The endpoint does not talk both ways, the platform refuses, or the model failed.
        """
        backend = self.backend
        if not isinstance(backend, DuplexBackend):
            raise failure(
                "InputValidationError", f"Endpoint {self.name} does not support InvokeEndpointWithBidirectionalStream."
            )
        parts = backend.converse(conversation)
        try:
            while True:
                try:
                    part = await anext(parts, None)
                except FailureError:
                    raise
                except BaseException as error:
                    if is_ours(error):
                        raise
                    raise self._failure_of(error) from error
                if part is None:
                    return
                yield part
        finally:
            await close(parts)

    def answer_of(self, fault: ErrorAnswer | Throttled) -> FailureError:
        """The failure in place of the model."""
        return self._with_details(fault.answer())

    async def _pieces(self, answer: Answer) -> AsyncGenerator[bytes]:
        async with aclosing(pieces_of(answer.body)) as pieces:
            while True:
                try:
                    piece = await anext(pieces, None)
                except BaseException as error:
                    if is_ours(error):
                        raise
                    raise self._failure_of(error) from error
                if piece is None:
                    return
                yield piece

    def _with_details(self, injected: FailureError) -> FailureError:
        if injected.code != "ModelError":
            return injected
        return model_error(self.name, str(injected.document["Message"]), region=self._region, status=injected.status)

    def _failure_of(self, error: BaseException) -> FailureError:
        if isinstance(error, ModelFailure):
            failed = model_error(self.name, error.message, region=self._region, original_status=error.status)
            return failed if error.error_code is None else failed.with_error_code(error.error_code)
        logger.error("the model of endpoint %r failed", self.name, exc_info=error)
        return model_error(self.name, text_of(error), region=self._region)


def _checked(answer: object) -> Answer:
    """What a user's backend gave, which no type checker may have seen."""
    if not isinstance(answer, Answer):
        raise TypeError(f"the backend gave {type(answer).__name__}, and must give an Answer")
    return answer
