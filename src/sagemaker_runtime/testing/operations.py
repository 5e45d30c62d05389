"""`StubOperations`: answers for whole operations, for the tests of code that takes a `Client`."""

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
from sagemaker_runtime.testing.failures import UnexpectedCallError, anew
from sagemaker_runtime.testing.members import stream_of
from sagemaker_runtime.testing.requests import Input, as_input
from sagemaker_runtime.testing.responses import StubBody
from sagemaker_runtime.testing.transport import StubHTTPClient, fake_options

OperationOutcome: TypeAlias = OperationOutput | Exception
OperationAnswer: TypeAlias = OperationOutcome | Callable[[Input], OperationOutcome]
"""An output to give, an exception to raise, or a function of the input that says which."""


@define(eq=False)
class _Rule:
    operation: str
    when: Callable[[Input], bool] | None
    answers: list[OperationAnswer]

    def fits(self, operation: str, parameters: Input) -> bool:
        return operation == self.operation and (self.when is None or self.when(parameters))

    def answer(self, parameters: Input) -> OperationOutcome:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(parameters) if callable(answer) else answer


@define(eq=False)
class StubOperations:
    """
    A middleware that answers for everything below Initialize: a real `Client`, whose calls go no further.

    The input is checked against the API model and the middleware of Initialize run; nothing is written, signed or sent::

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
        Say what calls of *operation* get. Of several rules that fit a call, the one given first counts.

        Args:
            operation: Its name, such as ``"InvokeEndpoint"``.

            answers: One for each call, in order; the last serves for all calls after it. For a stream, `stream_output`.

            when: Whether an input is one that this is for. None for any.

        Raises:
            ConfigError: There is no such operation.
            ValueError: There is no answer, or one that the operation cannot give.
        """
        output_type = known(operation).output_type
        if not answers:
            raise ValueError(f"{operation} needs an answer: an output, an exception, or a function of the input")
        for answer in answers:
            if isinstance(answer, output_type | Exception) or (callable(answer) and not isinstance(answer, type)):
                continue
            raise ValueError(
                f"{operation} gives {output_type.__name__}, not an object of type {type(answer).__name__}: give an output, "
                "an exception, or a function of the input"
            )
        self._rules.append(_Rule(operation, when, list(answers)))

    def options(self) -> Options:
        """Options for a client whose calls all end here, yours to change: ``Client(stub.options(), override(...))``."""
        options = fake_options(StubHTTPClient([]), ManualClock())
        options.api_options.append(self)
        return options

    def __call__(self, stack: Stack) -> None:
        """Stand in *stack*: it is an ``api_options`` entry itself."""
        stack.serialize.add(self, position=BEFORE)

    async def handle_serialize(self, ctx: Context, step: SerializeInput, _next: SerializeHandler) -> Output:
        """
        Answer.

        Raises:
            UnexpectedCallError: No rule fits.
        """
        operation, parameters = ctx[OPERATION], as_input(step.parameters)  # OperationInputValidation has checked it
        self.inputs.append(parameters)
        rule = _fitting(self._rules, operation, parameters)
        outcome = rule.answer(parameters)
        if isinstance(outcome, Exception):
            raise anew(outcome)
        stream = stream_of(ctx[TRAITS], outcome)
        if stream is not None:
            ctx[OPENED].append(stream)  # for the client to close, if a middleware further out fails
        return Output(outcome, outcome.result_metadata.copy())  # one output may serve for many calls


def stream_output(
    parts: Iterable[bytes],
    *,
    error: ServiceError | TransportError | None = None,
    content_type: str | None = None,
) -> Callable[[Input], InvokeEndpointWithResponseStreamOutput]:
    """
    An answer for InvokeEndpointWithResponseStream, whose stream is a new one for each call.

    Args:
        parts: What each `PayloadPart` holds.

        error: Raised to the reader behind the last part, such as a `ModelStreamError`.

        content_type: MIME type of what the parts make up together.
    """
    pieces = [encode(Message({}, part)) for part in parts]

    def answer(_: Input) -> InvokeEndpointWithResponseStreamOutput:
        metadata = Metadata()
        body = StubBody(list(pieces), error)
        stream = ResponseStream(
            body, lambda message: PayloadPart(message.payload), metadata, "InvokeEndpointWithResponseStream"
        )
        return InvokeEndpointWithResponseStreamOutput(body=stream, content_type=content_type, result_metadata=metadata)

    return answer


def _fitting(rules: list[_Rule], operation: str, parameters: Input) -> _Rule:
    """The first rule that fits."""
    for rule in rules:
        if rule.fits(operation, parameters):
            return rule
    known = ", ".join(f"{rule.operation}{' when ...' if rule.when else ''}" for rule in rules)
    there = f"the rules are for {known}" if known else "no rules have been added"
    raise UnexpectedCallError(f"no rule fits {operation} with {parameters!r}; {there}. Add one with on(...)")
