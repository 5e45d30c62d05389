"""`StubOperations`: results for whole operations, for tests of code that takes a `Client`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

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
    StackError,
    TransportError,
)
from sagemaker_runtime.context import OPENED, OPERATION
from sagemaker_runtime.operations import OPERATIONS, TRAITS, operation as known
from sagemaker_runtime.streams.frames import Message, encode
from sagemaker_runtime.testing.clock import ManualClock
from sagemaker_runtime.testing.failures import UnexpectedCallError, fresh
from sagemaker_runtime.testing.members import stream_of
from sagemaker_runtime.testing.requests import Input, as_input
from sagemaker_runtime.testing.responses import StubBody
from sagemaker_runtime.testing.transport import StubHTTPClient, fake_options

if TYPE_CHECKING:
    from sagemaker_runtime import Request

OperationOutcome: TypeAlias = OperationOutput | Exception
OperationAnswer: TypeAlias = OperationOutcome | Callable[[Input], OperationOutcome]
"""An output to return, an exception to raise, or a function of the input that returns one of them."""


@define(eq=False)
class _Rule:
    operation: str
    when: Callable[[Input], bool] | None
    answers: list[OperationAnswer]
    used: int = 0
    """How many calls it has answered."""

    _given: int = field(default=0, init=False)
    _last: OperationAnswer | None = field(default=None, init=False)

    def fits(self, operation: str, parameters: Input) -> bool:
        if operation != self.operation or self.when is None:
            return operation == self.operation
        fits: object = self.when(parameters)
        if inspect.isawaitable(fits):
            _discard(fits)
            raise StackError(
                f"the `when` of a rule for {operation} returned an awaitable, which is always true: use a plain def"
            )
        return bool(fits)

    def outcome(self, parameters: Input) -> OperationOutcome:
        self.used += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not callable(answer):
            again, self._last = answer is self._last, answer
            if again and stream_of(known(self.operation), answer) is not None:
                raise UnexpectedCallError(
                    f"the stream of this output for {self.operation} was already given to a call, and can be read only once: "
                    "stream_output([...]) makes a new one for each call"
                )
            return answer
        given = answer(parameters)
        if _is_outcome(given, known(self.operation).output_type):
            return given
        expected = known(self.operation).output_type.__name__
        got = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
        hint = f"return {expected}(...), or an exception to raise"
        if inspect.isawaitable(given):
            _discard(given)
            hint += "; it cannot be an async function"
        raise StackError(f"a function in on({self.operation!r}, ...) returned {got} instead of {expected}: {hint}")

    def left(self) -> str | None:
        """What was not used of it, as an error says it; None if everything was."""
        name = f"{self.operation}{' when ...' if self.when else ''}"
        if not self.used:
            return f"no call matched the rule for {name}"
        unused = self._given - self.used
        return None if unused <= 0 else f"the rule for {name} has {unused} of {self._given} answers left"

    def __attrs_post_init__(self) -> None:
        self._given = len(self.answers)


@define(eq=False)
class StubOperations:
    """
    A middleware that stands in for everything below Initialize: calls of a real `Client` go no further.

    The middleware of Initialize run, and check the input against the API model; nothing is serialized, signed or sent::

        stub = StubOperations()
        stub.on("InvokeEndpoint", InvokeEndpointOutput(body=b"7"))

        assert await code_under_test(Client(stub.options())) == 7
        assert ["iris"] == [parameters.endpoint_name for parameters in stub.inputs]
        stub.assert_done()

    For a client with other options: ``Client(options, with_api_options(stub))``.
    """

    inputs: list[Input] = field(factory=list[Input], init=False)
    """The inputs of all calls, in order."""

    _rules: list[_Rule] = field(factory=list[_Rule], init=False, repr=False)
    _unexpected: list[str] = field(factory=list[str], init=False, repr=False)

    @property
    def id(self) -> str:
        """Its name in the printed stack."""
        return "StubOperations"

    def on(self, operation: str, *answers: OperationAnswer, when: Callable[[Input], bool] | None = None) -> None:
        """
        Add a rule for calls of *operation*. If several rules fit a call, the one added first applies.

        Args:
            operation: The operation's name, such as ``"InvokeEndpoint"``.

            answers: One for each call, in order; the last is used for all further calls. For a stream, `stream_output`.

            when: A function that tells whether the rule applies to an input. None for any input.

        Raises:
            ConfigError: There is no such operation.
            ValueError: There are no *answers*, or the operation cannot return one of them; or *when* is not a function.
        """
        output_type = known(operation if operation in OPERATIONS else str(operation)).output_type
        if not answers:
            raise ValueError(
                f"{operation} needs something to return: an output, an exception, or a function of the input"
            )
        for answer in answers:
            if _is_outcome(answer, output_type) or (callable(answer) and not isinstance(answer, type)):
                continue
            raise ValueError(f"{operation} returns {output_type.__name__}, not {_described(answer)}")
        if when is not None and not callable(when):
            raise ValueError(
                f"when is of type {type(when).__name__}; it takes a function of the input, such as "
                "lambda given: given.endpoint_name == 'iris'"
            )
        self._rules.append(_Rule(operation, when, list(answers)))

    def options(self) -> Options:
        """New options for a client whose calls all end here: ``Client(stub.options(), override(...))``."""
        options = fake_options(StubHTTPClient([self._no_request], repeat=True), ManualClock())
        options.api_options.append(self)
        return options

    def __call__(self, stack: Stack) -> None:
        """Add itself to *stack*, as an entry of ``api_options``."""
        stack.serialize.add(self, position=BEFORE)

    async def handle_serialize(self, ctx: Context, step: SerializeInput, _next: SerializeHandler) -> Output:
        """
        Return or raise the next answer of the first rule that fits.

        Raises:
            UnexpectedCallError: No rule fits, or the answer's stream was already given to another call.
            StackError: A function of the rule returned something that it must not.
        """
        operation, parameters = ctx[OPERATION], as_input(step.parameters)  # OperationInputValidation has checked it
        self.inputs.append(parameters)
        rule = next((rule for rule in self._rules if rule.fits(operation, parameters)), None)
        if rule is None:
            self._unexpected.append(self._problem(operation, parameters))
            raise UnexpectedCallError(self._unexpected[-1])
        outcome = rule.outcome(parameters)
        if isinstance(outcome, Exception):
            raise fresh(outcome)
        stream = stream_of(ctx[TRAITS], outcome)
        if stream is not None:
            ctx[OPENED].append(stream)  # the client closes it if a middleware further out fails
        return Output(outcome, outcome.result_metadata.copy())  # one output may be returned from many calls

    def assert_done(self) -> None:
        """
        Check that the code made the calls that the rules are for, and no other.

        Raises:
            UnexpectedCallError: There was a call that no rule fits, even if the code swallowed the error; or no call matched
                a rule; or a rule has answers that no call got.
        """
        left = [text for rule in self._rules if (text := rule.left()) is not None]
        problems = [*self._unexpected[:1], *left]
        if problems:
            raise UnexpectedCallError(f"{'; and '.join(problems)}. There were {len(self.inputs)} calls")

    def _no_request(self, request: Request) -> UnexpectedCallError:
        """Refuse a request: no operation gets as far as the transport, but a wait for a result does."""
        self._unexpected.append(
            f"StubOperations responds to operations, and {request.method} {request.path} is a request below them; for what "
            "wait_for_output reads, give it s3=..., or the client a transport by override(http_client=StubHTTPClient([...]))"
        )
        return UnexpectedCallError(self._unexpected[-1])

    def _problem(self, operation: str, parameters: Input) -> str:
        """The error's text for a call that no rule fits: which rules there are, and what to write."""
        rules = [f"{rule.operation}{' when ...' if rule.when else ''}" for rule in self._rules]
        there = f"the rules are for {', '.join(rules)}" if rules else "no rules have been added"
        if operation in rules or f"{operation} when ..." in rules:
            there += f", and of those for {operation} none has a `when` that is true for this input"
        output = known(operation)
        example = "stream_output([b'...'])" if output.stream_member else f"{output.output_type.__name__}(...)"
        return f"no rule fits {operation} with {parameters!r}; {there}. Add one with on({operation!r}, {example})"


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


def _is_outcome(given: object, output_type: type[OperationOutput]) -> TypeGuard[OperationOutcome]:
    return isinstance(given, output_type | Exception)


def _described(answer: object) -> str:
    """What was given instead of an output, and what to write."""
    if isinstance(answer, type):
        return f"the class {answer.__name__}: give an object of it, such as {answer.__name__}(...)"
    return f"an object of type {type(answer).__name__}: give an output, an exception, or a function of the input"


def _discard(given: object) -> None:
    """Close a coroutine that nobody will await, or Python would warn about it."""
    if inspect.iscoroutine(given):
        given.close()
