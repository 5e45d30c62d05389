"""`StubOperations`: results for whole operations, for tests of code that takes a `Client`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from attrs import define, field

from sagemaker_runtime import (
    BEFORE,
    Context,
    InvokeEndpointWithResponseStreamOutput,
    Metadata,
    OperationOutput,
    Options,
    Output,
    PayloadPart,
    ResponseStream,
    SerializeHandler,
    SerializeInput,
    ServiceError,
    Stack,
    TransportError,
)
from sagemaker_runtime.context import OPENED, OPERATION
from sagemaker_runtime.operations import TRAITS, operation as known
from sagemaker_runtime.streams.frames import Message, encode
from sagemaker_runtime.testing.clock import ManualClock
from sagemaker_runtime.testing.failures import UnexpectedCallError, fresh
from sagemaker_runtime.testing.members import stream_of
from sagemaker_runtime.testing.requests import Input, as_input
from sagemaker_runtime.testing.responses import StubBody
from sagemaker_runtime.testing.transport import StubHTTPClient, fake_options

OperationOutcome: TypeAlias = OperationOutput | Exception
OperationAnswer: TypeAlias = OperationOutcome | Callable[[Input], OperationOutcome]
"""An output to return, an exception to raise, or a function of the input that returns one of them."""


@define(eq=False)
class _Rule:
    operation: str
    when: Callable[[Input], bool] | None
    answers: list[OperationAnswer]

    def fits(self, operation: str, parameters: Input) -> bool:
        return operation == self.operation and (self.when is None or self.when(parameters))

    def outcome(self, parameters: Input) -> OperationOutcome:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(parameters) if callable(answer) else answer


@define(eq=False)
class StubOperations:
    """
    A middleware that stands in for everything below Initialize: calls of a real `Client` go no further.

    The input is checked against the API model and the middleware of Initialize run; nothing is serialized, signed or
    sent::

        stub = StubOperations()
        stub.on("InvokeEndpoint", InvokeEndpointOutput(body=b"7"))

        assert await code_under_test(Client(stub.options())) == 7
        assert ["iris"] == [parameters.endpoint_name for parameters in stub.inputs]

    For a client with options of its own: ``Client(options, with_api_options(stub))``.
    """

    inputs: list[Input] = field(factory=list[Input], init=False)
    """The inputs of all calls, in order."""

    _rules: list[_Rule] = field(factory=list[_Rule], init=False, repr=False)

    @property
    def id(self) -> str:
        """Its name in the printed stack."""
        return "StubOperations"

    def on(self, operation: str, *answers: OperationAnswer, when: Callable[[Input], bool] | None = None) -> None:
        """
        Add a rule for calls of *operation*. If several rules fit a call, the one added first applies.

        Args:
            operation: Its name, such as ``"InvokeEndpoint"``.

            answers: One for each call, in order; the last is used for all further calls. For a stream, `stream_output`.

            when: Says whether the rule applies to an input. None for any input.

        Raises:
            ConfigError: There is no such operation.
            ValueError: There are no *answers*, or one that the operation cannot return.
        """
        output_type = known(operation).output_type
        if not answers:
            raise ValueError(
                f"{operation} needs something to return: an output, an exception, or a function of the input"
            )
        for answer in answers:
            if isinstance(answer, output_type | Exception) or (callable(answer) and not isinstance(answer, type)):
                continue
            raise ValueError(
                f"{operation} returns {output_type.__name__}, not an object of type {type(answer).__name__}: give an output, "
                "an exception, or a function of the input"
            )
        self._rules.append(_Rule(operation, when, list(answers)))

    def options(self) -> Options:
        """New options for a client whose calls all end here: ``Client(stub.options(), override(...))``."""
        options = fake_options(StubHTTPClient([]), ManualClock())
        options.api_options.append(self)
        return options

    def __call__(self, stack: Stack) -> None:
        """Add itself to *stack*, as an entry of ``api_options``."""
        stack.serialize.add(self, position=BEFORE)

    async def handle_serialize(self, ctx: Context, step: SerializeInput, _next: SerializeHandler) -> Output:
        """
        Return or raise what the first rule that fits says.

        Raises:
            UnexpectedCallError: No rule fits.
        """
        operation, parameters = ctx[OPERATION], as_input(step.parameters)  # OperationInputValidation has checked it
        self.inputs.append(parameters)
        rule = _fitting(self._rules, operation, parameters)
        outcome = rule.outcome(parameters)
        if isinstance(outcome, Exception):
            raise fresh(outcome)
        stream = stream_of(ctx[TRAITS], outcome)
        if stream is not None:
            ctx[OPENED].append(stream)  # the client closes it if a middleware further out fails
        return Output(outcome, outcome.result_metadata.copy())  # one output may be returned from many calls


def stream_output(
    parts: Iterable[bytes],
    *,
    error: ServiceError | TransportError | None = None,
    content_type: str | None = None,
) -> Callable[[Input], InvokeEndpointWithResponseStreamOutput]:
    """
    An output of InvokeEndpointWithResponseStream for `StubOperations.on`, with a new stream for each call.

    Args:
        parts: The bytes of each `PayloadPart`.

        error: Raised to the reader after the last part, such as a `ModelStreamError`.

        content_type: MIME type of all parts together.
    """
    pieces = [encode(Message({}, part)) for part in parts]

    def output(_: Input) -> InvokeEndpointWithResponseStreamOutput:
        metadata = Metadata()
        body = StubBody(list(pieces), error)
        stream = ResponseStream(
            body, lambda message: PayloadPart(message.payload), metadata, "InvokeEndpointWithResponseStream"
        )
        return InvokeEndpointWithResponseStreamOutput(body=stream, content_type=content_type, result_metadata=metadata)

    return output


def _fitting(rules: list[_Rule], operation: str, parameters: Input) -> _Rule:
    """The first rule that fits."""
    for rule in rules:
        if rule.fits(operation, parameters):
            return rule
    known = ", ".join(f"{rule.operation}{' when ...' if rule.when else ''}" for rule in rules)
    there = f"the rules are for {known}" if known else "no rules have been added"
    raise UnexpectedCallError(f"no rule fits {operation} with {parameters!r}; {there}. Add one with on(...)")
