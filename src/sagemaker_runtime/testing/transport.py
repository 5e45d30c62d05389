"""`StubHTTPClient`: a transport that answers from a script, and keeps what was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from attrs import define, field

from sagemaker_runtime import (
    HTTPClient,
    Options,
    ReadTimeoutError,
    Request,
    Response,
    StaticCredentialsProvider,
    Timeout,
)
from sagemaker_runtime.testing.clock import ManualClock
from sagemaker_runtime.testing.failures import UnexpectedCallError, anew
from sagemaker_runtime.testing.requests import SentRequest
from sagemaker_runtime.testing.responses import StubBody, StubResponse

Answer: TypeAlias = StubResponse | Response | BaseException
ScriptEntry: TypeAlias = Answer | Callable[[Request], Answer]
"""
What to do with one request: answer it, raise an exception, or ask a function which of these to do.

The function gets the request itself; ``stub.requests[-1]`` is then its copy, with what it says in the API's words.
"""


def fake_options(http_client: HTTPClient | None, clock: ManualClock) -> Options:
    """Options with which a client reaches nothing, waits for nothing and signs with AWS's example keys."""
    keys = StaticCredentialsProvider("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    return Options(region="us-east-1", credentials=keys, http_client=http_client, clock=clock)


def _list_of(script: Iterable[ScriptEntry]) -> list[ScriptEntry]:
    return list(script)


@define(eq=False)
class StubHTTPClient:
    """
    A transport that sends nothing: the whole stack runs, and the script answers for the service.

    ::

        stub = StubHTTPClient([respond_error("ThrottlingException"), respond(b"7")])
        client = Client(stub.options())

        output = await client.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="iris", body=b"1,2")
        )

        assert output.body == b"7"
        assert [1, 2] == [sent.attempt for sent in stub.requests]
        stub.assert_done()

    Args:
        script: One entry for each request, in order. An exception is raised in the transport's stead: an error of the
            *service* is an answer, made by `respond_error`.

        repeat: Whether the last entry serves for all requests after it. Without it, one request too many is an
            `UnexpectedCallError`.

        clock: What `StubResponse.after` waits on.
    """

    script: list[ScriptEntry] = field(converter=_list_of)
    """What is left of it."""

    repeat: bool = field(default=False, kw_only=True)
    clock: ManualClock = field(factory=ManualClock, kw_only=True)
    requests: list[SentRequest] = field(factory=list[SentRequest], init=False)
    """What was sent, in order, with the attempts of one call as requests of their own."""

    closed: int = field(default=0, init=False)
    """How often `close` was called. A client does not close a transport that it was given."""

    _begun: int = field(default=0, init=False)
    _unexpected: list[str] = field(factory=list[str], init=False, repr=False)
    _bodies: list[tuple[SentRequest, StubBody]] = field(
        factory=list[tuple[SentRequest, StubBody]], init=False, repr=False
    )

    def options(self) -> Options:
        """Options for a client of this transport and its clock, yours to change: ``Client(stub.options(), ...)``."""
        return fake_options(self, self.clock)

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        """
        The script's next answer.

        Raises:
            UnexpectedCallError: The script has ended.
            ReadTimeoutError: The answer would come after ``timeout.read``.
        """
        sent = SentRequest(request, timeout)
        self.requests.append(sent)
        entry = self._next(sent)
        answer = entry(request) if callable(entry) else entry
        if isinstance(answer, BaseException):
            raise anew(answer)
        if isinstance(answer, Response):
            return answer
        if answer.delay > 0:
            await self.clock.sleep(min(answer.delay, timeout.read))
            if answer.delay > timeout.read:
                raise ReadTimeoutError(f"no byte of an answer within Timeout.read, {timeout.read:g} s")
        body = answer.body()
        self._bodies.append((sent, body))
        return Response(answer.status, answer.headers.copy(), body)

    async def close(self) -> None:
        """Count it."""
        self.closed += 1

    @property
    def unclosed(self) -> list[SentRequest]:
        """The requests whose responses were neither read to their end nor closed."""
        return [sent for sent, body in self._bodies if not body.closed]

    def assert_done(self) -> None:
        """
        Check that the code did what the script foresees, and cleaned up behind it.

        Raises:
            UnexpectedCallError: There was a request too many, also where the code has swallowed that error; a part of
                the script is left (but the last entry of one that repeats); or a response was neither read to its end
                nor closed.
        """
        if self._unexpected:
            raise UnexpectedCallError(self._unexpected[0])
        left = len(self.script) - (1 if self.repeat and self._begun else 0)
        if left > 0:
            raise UnexpectedCallError(
                f"{len(self.requests)} requests were sent, and {left} more foreseen: {self.script[-left:]!r}"
            )
        if self.unclosed:
            shown = ", ".join(f"{sent.method} {sent.path}" for sent in self.unclosed)
            raise UnexpectedCallError(f"neither read to the end nor closed: the response to {shown}")

    def _next(self, sent: SentRequest) -> ScriptEntry:
        if not self.script:
            self._unexpected.append(
                f"request {len(self.requests)}, {sent.method} {sent.path} (attempt {sent.attempt}), is not in the script, "
                f"which had {self._begun} entries; add one, or repeat the last with repeat=True"
            )
            raise UnexpectedCallError(self._unexpected[-1])
        self._begun += 1
        return self.script[0] if self.repeat and len(self.script) == 1 else self.script.pop(0)
