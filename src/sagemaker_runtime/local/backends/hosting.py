"""`HostedEndpoint`: one endpoint behind the front, with its backend and its count of requests."""

from __future__ import annotations

import logging
from contextlib import aclosing, contextmanager
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
    from collections.abc import AsyncGenerator, Generator

    from sagemaker_runtime.local.backends.backends import Backend
    from sagemaker_runtime.local.backends.invocation import Invocation
    from sagemaker_runtime.local.duplex.conversation import Conversation, Part
    from sagemaker_runtime.local.faults.kinds import Fault
    from sagemaker_runtime.local.faults.plan import FaultPlan, InjectedFault, PendingFault

logger = logging.getLogger("sagemaker_runtime.local")


@frozen
class Reply:
    """A model's response, which may not be complete yet. Use it in ``async with aclosing(reply.pieces)``."""

    head: Answer
    """Everything but its body."""

    pieces: AsyncGenerator[bytes]
    """Its body. Raises FailureError when the model fails, before the first piece or later."""


class HostedEndpoint:
    """
    One endpoint: it counts each request that reaches it, and passes it to its backend, unless a fault replaces that.

    Attributes:
        calls: Requests that have reached it, including those with a fault.
    """

    def __init__(self, name: str, backend: Backend, *, region: str, plan: FaultPlan) -> None:
        self.name = name
        self.backend = backend
        self.calls = 0
        self._region = region
        self._plan = plan

    def inject(self, fault: Fault, *, call: int, times: int | None) -> None:
        """Inject a fault into requests, for `LocalEndpoint.inject`."""
        if call <= self.calls:
            raise ConfigError(f"call {call} of endpoint {self.name!r} is over: it has had {self.calls} calls")
        if times is None:
            self._plan.add_lasting(self.name, call, fault)
            return
        if times < 1:
            raise ConfigError(f"a fault for {times} calls would never occur; times takes 1 or more")
        for number in range(call, call + times):
            self._plan.add(self.name, number, fault)

    def withdraw(self, kind: type[Fault] | None = None) -> None:
        """Withdraw faults, for `LocalEndpoint.withdraw`."""
        self._plan.withdraw(self.name, kind)

    @property
    def pending(self) -> list[PendingFault]:
        """The injected faults that have not occurred yet. Random ones are not among them."""
        return self._plan.pending(self.name, self.calls)

    def due(self, *, streamed: bool, duplex: bool = False) -> InjectedFault | None:
        """The fault of the next request; None for no fault."""
        return self._plan.due(self.name, self.calls + 1, streamed=streamed, duplex=duplex)

    def count(self, injected: InjectedFault | None) -> None:
        """Count a request, and record its fault."""
        self.calls += 1
        if injected is not None:
            self._plan.happened(injected)

    async def invoke(self, invocation: Invocation, fault: Fault | None) -> Reply:
        """
        The backend's response.

        Raises:
            FailureError: The fault is an error, the platform refuses the request, or the model failed.
        """
        if isinstance(fault, ErrorAnswer | Throttled):
            raise self.answer_of(fault)
        with self._failing():
            answer = _checked(await self.backend.invoke(invocation))
        return Reply(answer, self._pieces(answer))

    async def converse(self, conversation: Conversation) -> AsyncGenerator[Part]:
        """
        The backend's parts of a conversation.

        Raises:
            FailureError: The endpoint does not support duplex calls, the platform refuses, or the model failed.
        """
        backend = self.backend
        if not isinstance(backend, DuplexBackend):
            raise failure(
                "InputValidationError", f"Endpoint {self.name} does not support InvokeEndpointWithBidirectionalStream."
            )
        parts = backend.converse(conversation)
        try:
            while True:
                with self._failing():
                    part = await anext(parts, None)
                if part is None:
                    return
                yield part
        finally:
            await close(parts)

    def answer_of(self, fault: ErrorAnswer | Throttled) -> FailureError:
        """The error response of a fault that replaces the model."""
        return self._with_details(fault.answer())

    async def _pieces(self, answer: Answer) -> AsyncGenerator[bytes]:
        async with aclosing(pieces_of(answer.body)) as pieces:
            while True:
                with self._failing():
                    piece = await anext(pieces, None)
                if piece is None:
                    return
                yield piece

    @contextmanager
    def _failing(self) -> Generator[None]:
        """A context in which whatever the backend raises becomes the endpoint's failure."""
        try:
            yield
        except FailureError:
            raise
        except BaseException as error:
            if is_ours(error):
                raise
            raise self._failure_of(error) from error

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
    """Checked at run time, because a user's backend may not be type-checked."""
    if not isinstance(answer, Answer):
        raise TypeError(f"the backend returned {type(answer).__name__}; it must return an Answer")
    return answer
