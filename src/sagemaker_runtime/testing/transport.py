"""`StubHTTPClient`: a transport that responds from a script, and records what was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from attrs import define, field

from sagemaker_runtime import (
    ClientClosedError,
    ConfigError,
    HTTPClient,
    Options,
    ReadTimeoutError,
    Request,
    Response,
    StaticCredentialsProvider,
    Timeout,
)
from sagemaker_runtime.testing.clock import ManualClock
from sagemaker_runtime.testing.failures import UnexpectedCallError, fresh
from sagemaker_runtime.testing.requests import SentRequest
from sagemaker_runtime.testing.responses import StubBody, StubResponse, respond_error
from sagemaker_runtime.transport.request_head import check_sendable
from sagemaker_runtime.verification import (
    Authorization,
    SignatureRefusedError,
    SigningWitness,
    changed,
    changes,
    check_coverage,
    not_signed,
)

Outcome: TypeAlias = StubResponse | Response | BaseException
ScriptEntry: TypeAlias = Outcome | Callable[[Request], Outcome]
"""
What one request gets: a response, an exception that is raised, or the result of a function that returns one of these.

The function gets the request itself; ``stub.requests[-1]`` is then a copy of it, with its content in terms of the API.
"""


_REFUSED = 403  # the status for a signature that the service rejects


def fake_options(http_client: HTTPClient | None, clock: ManualClock) -> Options:
    """Options for a client that reaches no network, waits for nothing, and signs with AWS's example keys."""
    keys = StaticCredentialsProvider("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    return Options(
        region="us-east-1", credentials=keys, http_client=http_client, clock=clock, http_signer_v4=SigningWitness()
    )


def check_signature(request: Request) -> None:
    """
    Check a signature as far as is possible without the secret: that it covers what it must, and that nothing was changed
    after signing, if its signer remembers the request.

    Requests to S3, and requests that are unsigned or signed in another way than AWS's, are not checked.

    Raises:
        SignatureRefusedError: The service would reject it; or it was removed after signing.
    """
    header = request.headers.get("authorization", "")
    if not header and "x-amz-date" in request.headers:  # only a signer sets this date
        raise not_signed()
    if not header.startswith("AWS4-HMAC-SHA256 "):
        return
    authorization, https = Authorization.parse(header), request.scheme == "https"
    if "/s3/" in authorization.scope:
        return
    check_coverage(authorization, request.headers, request.body, https=https)
    differences = changes(request, authorization, https=https)
    if differences:
        raise changed(differences)


def _list_of(script: Iterable[ScriptEntry]) -> list[ScriptEntry]:
    return list(script)


@define(eq=False)
class StubHTTPClient:
    """
    A transport that sends nothing: the whole stack runs, and the script responds instead of the service.

    ::

        stub = StubHTTPClient([respond_error("ThrottlingException"), respond(b"7")])
        client = Client(stub.options())
        params = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")

        output = await client.invoke_endpoint(params)

        assert output.body == b"7"
        assert [1, 2] == [sent.attempt for sent in stub.requests]
        stub.assert_done()

    It is as strict as the real transports. A request that `AioHTTPClient` would not send raises the same `ConfigError`: for
    example, if its Content-Length is not the length of its body, or a header contains a line break. A request that was changed
    after signing is rejected as the service would, with an ``InvalidSignatureException`` (403) that names the difference,
    and uses no entry of the script. This needs the signer from `options`. With another signer, the stub can only check that
    everything that must be signed is signed; a signature that is not AWS's is not checked.

    Args:
        script: One entry for each request, in order. An exception is raised, as by a transport; an error of the
            *service* is a response, made by `respond_error`.

        repeat: Whether the last entry is used for all further requests. If not, one request too many raises
            `UnexpectedCallError`.

        clock: The clock that `StubResponse.after` waits on.
    """

    script: list[ScriptEntry] = field(converter=_list_of)
    """The entries that have not been used."""

    repeat: bool = field(default=False, kw_only=True)
    clock: ManualClock = field(factory=ManualClock, kw_only=True)
    requests: list[SentRequest] = field(factory=list[SentRequest], init=False)
    """The requests that were sent, in order; each attempt of a call is one."""

    closed: int = field(default=0, init=False)
    """How often `close` was called. A client does not close a transport that its options have set."""

    _begun: int = field(default=0, init=False)
    _unexpected: list[str] = field(factory=list[str], init=False, repr=False)
    _bodies: list[tuple[SentRequest, StubBody]] = field(
        factory=list[tuple[SentRequest, StubBody]], init=False, repr=False
    )

    def options(self) -> Options:
        """New options for a client with this transport and its clock: ``Client(stub.options(), ...)``."""
        return fake_options(self, self.clock)

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        """
        Return or raise the next entry of the script.

        Raises:
            UnexpectedCallError: The script has no entry left.
            ConfigError: The request cannot be sent.
            ClientClosedError: It was closed.
            ReadTimeoutError: The response would come after ``timeout.read``.
        """
        if self.closed:
            raise ClientClosedError("the HTTP client is closed; make a new one")
        try:
            check_sendable(request)
        except ConfigError as error:
            self._unexpected.append(f"a request could not be sent: {error}")
            raise
        sent = SentRequest(request, timeout)
        self.requests.append(sent)
        try:
            check_signature(request)
        except SignatureRefusedError as error:
            self._unexpected.append(
                f"request {len(self.requests)}, {sent.method} {sent.path}, was refused: {error.message}"
            )
            outcome: Outcome = respond_error(error.code, error.message, status=_REFUSED)
        else:
            entry = self._next(sent)
            outcome = entry(request) if callable(entry) else entry
        if isinstance(outcome, BaseException):
            raise fresh(outcome)
        if isinstance(outcome, Response):
            return outcome
        if outcome.delay > 0:
            await self.clock.sleep(min(outcome.delay, timeout.read))
            if outcome.delay > timeout.read:
                raise ReadTimeoutError(f"no byte of a response within Timeout.read, {timeout.read:g} s")
        body = outcome.body()
        self._bodies.append((sent, body))
        return Response(outcome.status, outcome.headers.copy(), body)

    async def close(self) -> None:
        """Count the call in `closed`."""
        self.closed += 1

    @property
    def unclosed(self) -> list[SentRequest]:
        """The requests whose responses were neither read to their end nor closed."""
        return [sent for sent, body in self._bodies if not body.closed]

    def assert_done(self) -> None:
        """
        Check that the code sent a request for each entry of the script, and closed the responses.

        Raises:
            UnexpectedCallError: There was a request too many, or one that was rejected, even if the code swallowed the
                error; entries of the script were not used, except for a last one that repeats; or a response was neither
                read to its end nor closed.
        """
        if self._unexpected:
            raise UnexpectedCallError(self._unexpected[0])
        left = len(self.script) - (1 if self.repeat and self._begun else 0)
        if left > 0:
            raise UnexpectedCallError(
                f"{len(self.requests)} requests were sent, and the script has {left} more: {self.script[-left:]!r}"
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
