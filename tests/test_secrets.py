"""A secret never appears: in no log, exception, pickle or warning of any call. Each secret here is marked, and in play."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import pickle
import warnings
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import aiohttp
import pytest
from attrs import field, frozen
from marked import (
    ANSWER,
    ANSWERED,
    ASKED,
    ATTRIBUTES_IN,
    COOKIE,
    KEY,
    NO_BODIES,
    PART,
    PROXY,
    QUERY,
    SENT,
    SIGNATURE,
    TOKEN,
    call,
    calling,
    in_play,
    leaks,
    logged,
    marks,
    reply,
    told,
)
from support import ScriptedHTTPClient, answer, client
from transport.servers import Exchange, serving

from sagemaker_runtime import (
    ClientLogMode,
    CredentialsError,
    EndpointNotFoundError,
    InvokeEndpointAsyncOutput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    NopRetryer,
    Request,
    Response,
    S3Client,
    ServiceError,
    StaticCredentialsProvider,
    Timeout,
    build_middleware,
    errors,
)
from sagemaker_runtime.streams.frames import Message, encode
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient


def fault(name: str, status: int, **members: object) -> bytes:
    """An error of the service. Its message is for all to read; what else is in the body is not."""
    document = {"message": "No.", "Detail": ANSWERED, **members}
    return reply(status, str(document).replace("'", '"'), f"X-Amzn-ErrorType: {name}")


def event(kind: str, payload: str, message_type: str = "event") -> bytes:
    """A message of a stream."""
    return encode(Message({":message-type": message_type, f":{message_type}-type": kind}, payload.encode()))


@frozen
class Case:
    """A call that fails, and where its secrets were until then."""

    error: type[Exception]
    answers: tuple[bytes, ...] = ()
    end: str = "keep"  # or close, silence, deaf: what the server does after an answer
    played: set[str] = field(factory=lambda: SENT)
    in_text: set[str] = field(factory=set)  # what the documentation says is shown
    options: dict[str, object] = field(factory=dict)
    params: dict[str, object] = field(factory=dict)
    stream: bool = False


@build_middleware("Tag")
def tag(ctx, step, next):
    step.request.headers["x-mine"] = f"{ATTRIBUTES_IN}\n"
    return next(ctx, step)


class Mistaken:
    """A provider that gives the secret in place of Credentials."""

    async def retrieve(self) -> str:
        return KEY


def unsent(error: type[Exception], **changes: object) -> Case:
    """The secrets are held, and not sent."""
    return Case(error, played=set(), **changes)  # type: ignore[arg-type]


def answered(error: type[Exception], *answers: bytes, **changes: object) -> Case:
    """The server says *answers*, the last of them again and again."""
    return Case(error, answers, **{"played": SENT | marks(*answers), **changes})  # type: ignore[arg-type]


HEAD = reply(200, length=1_000)
STREAM = HEAD + event("PayloadPart", PART)
CASES = {
    "a bad input": unsent(
        errors.InvalidParamsError, params={"custom_attributes": f"{ATTRIBUTES_IN}\n" * 99, "body": ASKED}
    ),
    "too large": answered(errors.ServiceError, reply(413, "{}")),
    "a bad header": unsent(errors.InvalidHeaderError, options={"api_options": [lambda stack: stack.build.add(tag)]}),
    "no endpoint": unsent(EndpointNotFoundError, options={"base_endpoint": None, "region": "atlantis"}),
    "no credentials": unsent(CredentialsError, options={"credentials": Mistaken()}),
    "nobody listens": unsent(errors.ConnectError, options={"base_endpoint": "http://127.0.0.1:1"}),
    "no TLS": unsent(errors.ConnectTimeoutError, end="deaf", options={"timeout": Timeout(connect=0.05)}),
    "connection lost": Case(errors.ConnectionLostError, end="close"),
    "connection lost in the body": answered(
        errors.TruncatedResponseError, reply(200, ANSWERED, length=99), end="close"
    ),
    "write time-out": Case(
        errors.WriteTimeoutError,
        end="deaf",
        played={TOKEN, ATTRIBUTES_IN, SIGNATURE},
        options={"timeout": Timeout(write=0.05), "retry_max_attempts": 1},
        params={"body": ASKED.encode() * 300_000},
    ),
    "read time-out": Case(errors.ReadTimeoutError, end="silence", options={"timeout": Timeout(read=0.05)}),
    "total time-out": Case(errors.TotalTimeoutError, end="silence", options={"timeout": Timeout(total=0.05)}),
    "not HTTP": answered(errors.InvalidResponseError, f"{ANSWERED}\r\n\r\n".encode(), end="close"),
    "a bad head": answered(errors.InvalidResponseError, reply(200, ANSWERED, f"X-More: {COOKIE}\0"), end="close"),
    "validation": answered(errors.ValidationError, fault("ValidationError", 400)),
    "model": answered(errors.ModelError, fault("ModelError", 424, OriginalStatusCode=500, OriginalMessage="Ouch.")),
    "cold start": answered(errors.ModelNotReadyException, fault("ModelNotReadyException", 429)),
    "failure": answered(errors.InternalFailure, fault("InternalFailure", 500)),
    "unavailable": answered(errors.ServiceUnavailable, fault("ServiceUnavailable", 503)),
    "dependency": answered(errors.InternalDependencyException, fault("InternalDependencyException", 530)),
    "skew": answered(
        errors.ServiceError, reply(403, '{"message": "Expired."}', "X-Amzn-ErrorType: RequestTimeTooSkewed")
    ),
    "a page": answered(errors.ServiceError, reply(502, f"<html>{ANSWERED}"), in_text={ANSWERED}),  # as documented
    "words": answered(errors.ServiceError, reply(502, ANSWERED), in_text={ANSWERED}),  # as documented
    "stream: model": answered(
        errors.ModelStreamError, STREAM + event("ModelStreamError", '{"Message": "No."}', "exception"), stream=True
    ),
    "stream: service": answered(
        errors.InternalStreamFailure, STREAM + event("InternalStreamFailure", "{}", "exception"), stream=True
    ),
    "stream: broken": answered(errors.EventStreamError, STREAM + ANSWERED.encode() * 2, stream=True),
    "stream: cut": answered(errors.TruncatedResponseError, STREAM, stream=True, end="close"),
    "stream: silent": answered(
        errors.ReadTimeoutError, STREAM, stream=True, end="silence", options={"timeout": Timeout(read=0.05)}
    ),
}


def follow(exchanged: list[bytes], case: Case) -> Iterator[Callable[[Exchange], Awaitable[None]]]:
    """The server's steps, which note what they say."""

    async def step(exchange: Exchange, data: bytes) -> None:
        if case.end == "deaf":
            await asyncio.Event().wait()
        await exchange.read_body()
        exchanged.append(data)
        await exchange.send(data)
        if case.end == "close":
            exchange.close()
        elif case.end == "silence":
            await exchange.until_peer_closes()

    return (partial(step, data=data) for data in case.answers or (b"",))


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """By anybody: asyncio, aiohttp and botocore log too."""
    caplog.set_level(logging.DEBUG)


OLD_AIOHTTP = tuple(map(int, aiohttp.__version__.split(".")[:2])) < (3, 13)


@pytest.mark.parametrize("name", CASES)
async def test_no_failure_tells_a_secret(
    name: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception is logged, mailed and pasted into a ticket; the start of a body that is not JSON is documented."""
    if OLD_AIOHTTP and name == "a bad head":
        pytest.skip("aiohttp 3.12 takes a NUL in a header for a character like any other")
    case = CASES[name]
    exchanged: list[bytes] = []
    async with serving(*follow(exchanged, case), receive_buffer=4_096 if case.end == "deaf" else None) as server:
        options = dict(case.options)
        if name == "no TLS":
            options["base_endpoint"] = server.url.replace("http", "https")
        async with calling(server, **options) as caller:
            with pytest.raises(case.error) as caught:
                await call(caller, stream=case.stream, **case.params)

        assert case.played <= in_play(server, *exchanged)
        assert case.in_text == leaks(server, *told(caught.value), *logged(caplog), *capsys.readouterr())
        # The body of an error is an attribute for the program to read, and travels with the error.
        assert leaks(server, pickle.dumps(caught.value)) <= marks(getattr(caught.value, "body", b"")) | case.in_text


MODES = [*ClientLogMode, NO_BODIES, ~ClientLogMode(0)]


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("stream", [False, True])
async def test_no_mode_logs_a_secret_and_two_log_bodies(
    mode: ClientLogMode, *, stream: bool, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """A call that fails once and then succeeds; bodies appear under the flags that say so, a stream's parts never."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)  # asyncio then logs each callback, with its arguments
    loop.slow_callback_duration = 0
    good = reply(200, event("PayloadPart", PART) * 2) if stream else reply(200, ANSWERED)
    script = (fault("ServiceUnavailable", 503), good)
    async with serving(*script) as server, calling(server, client_log_mode=mode) as caller:
        shown = await call(caller, stream=stream)

        assert SENT | ANSWER | {ANSWERED} <= in_play(server, *script)
        assert (PART in in_play(server, *script)) == stream
        assert set() == leaks(server, *shown, *capsys.readouterr())
        expected = {ASKED} if ClientLogMode.REQUEST_WITH_BODY in mode else set()
        expected |= {ANSWERED} if ClientLogMode.RESPONSE_WITH_BODY in mode else set()
        assert expected == leaks(server, *logged(caplog))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("status", [200, 407])
async def test_a_proxys_password_is_told_to_the_proxy_alone(
    scheme: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """In a tunnel's failure, in a refusal, and in a call that succeeds."""
    if OLD_AIOHTTP and (scheme, status) == ("https", 200):
        pytest.skip("aiohttp 3.12 leaves the tunnel open in which no TLS came about")
    answer = reply(status, ANSWERED if status == 200 else "{}")
    async with serving(lambda exchange: exchange.send(answer)) as server:
        transport = AioHTTPClient(proxies={"all": f"http://user:{PROXY}@127.0.0.1:{server.port}"})
        async with calling(
            server,
            http_client=transport,
            base_endpoint=f"{scheme}://host",
            retry_max_attempts=1,
            timeout=Timeout(connect=0.1),  # for the tunnel that leads nowhere
        ) as c:
            texts = [repr(transport), repr(c.options)]
            try:
                texts += await call(c)
            except errors.SageMakerRuntimeError as error:
                texts += [*told(error), pickle.dumps(error)]
        await transport.close()

        assert PROXY in in_play(server)
        assert set() == leaks(server, *texts, *logged(caplog))


SIGNED = f"https://bucket.s3.us-east-1.amazonaws.com/key?X-Amz-Signature={QUERY}"
REFUSED = f"<Error><Code>InvalidToken</Code><Message>No.</Message><Token-0>{TOKEN}</Token-0></Error>"


@pytest.mark.parametrize(
    ("location", "answer", "error"),
    [
        ("s3://bucket/key", reply(400, REFUSED), errors.ServiceError),
        ("s3://bucket/key", reply(403, REFUSED.replace("InvalidToken", "AccessDenied")), errors.WaitTimeoutError),
        ("s3://bucket/key", reply(404, "<Error><Code>NoSuchKey</Code></Error>"), errors.WaitTimeoutError),
        ("s3://bucket/key", reply(200, "0", length=9), errors.WaitTimeoutError),
        (SIGNED, b"", errors.ConfigError),
    ],
)
async def test_no_wait_for_s3_tells_a_secret(
    location: str, answer: bytes, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    """S3 echoes what it was sent; and whoever has a presigned URL can read the object."""

    async def step(exchange: Exchange) -> None:
        await exchange.send(answer)
        exchange.close()

    async with serving(step) as server, calling(server) as caller:
        transport = AioHTTPClient()
        reader = S3Client(
            http_client=transport, credentials=caller.options.credentials, region="us-east-1", endpoint_url=server.url
        )
        output = InvokeEndpointAsyncOutput(output_location=location, inference_id="7")
        with pytest.raises(error) as caught:
            await caller.wait_for_output(output, timeout=0, s3=reader)
        await transport.close()

        assert answer == b"" or {TOKEN, SIGNATURE} <= in_play(server, answer)
        assert set() == leaks(server, *told(caught.value), pickle.dumps(caught.value), *logged(caplog))


class OwnReader:
    """Reads presigned URLs, and finds nothing."""

    async def read(self, location: str) -> None:
        assert location == SIGNED


async def test_a_presigned_url_that_a_reader_of_ones_own_takes_is_told_without_its_query() -> None:
    """Which object was waited for is told by what stands before it."""
    async with serving() as server, calling(server) as caller:
        output = InvokeEndpointAsyncOutput(output_location=SIGNED, failure_location=SIGNED)
        with pytest.raises(errors.WaitTimeoutError, match=r"amazonaws\.com/key does not exist yet") as caught:
            await caller.wait_for_output(output, timeout=0, s3=OwnReader())

        assert set() == leaks(server, *told(caught.value), pickle.dumps(caught.value))


async def test_the_warning_of_a_forgotten_stream_tells_no_secret() -> None:
    """Warnings go to standard error, wherever that goes."""
    async with serving(STREAM) as server, calling(server) as caller:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            params = InvokeEndpointWithResponseStreamInput(endpoint_name="iris", body=ASKED.encode())
            output = await caller.invoke_endpoint_with_response_stream(params)
            assert PART in marks((await anext(aiter(output.body))).bytes)
            del output
            gc.collect()

        assert [ResourceWarning] == [each.category for each in caught]
        assert set() == leaks(server, *(f"{each} {each.message!r}" for each in caught))


@pytest.mark.parametrize("token", ["short/+", "a-session-token/of+forty-characters-or-so=="])
async def test_a_refusal_that_quotes_what_was_signed_tells_no_secret(
    token: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A service that finds a signature wrong may answer with all that should have been signed, the session token too."""
    caplog.set_level(logging.DEBUG, "sagemaker_runtime")

    def refuse(request: Request) -> Response:
        signed = "\n".join(f"{name}:{value}" for name, value in request.headers.items())
        document = json.dumps({"message": f"The canonical string should have been '{signed}'"})
        return answer(403, document.encode(), x_amzn_errortype="InvalidSignatureException")

    caller = client(
        ScriptedHTTPClient([refuse]),
        credentials=StaticCredentialsProvider("AKIDEXAMPLE", "secret", token),
        client_log_mode=ClientLogMode.RESPONSE_WITH_BODY | ClientLogMode.RETRIES,
        retryer=NopRetryer(),
    )
    with pytest.raises(ServiceError) as caught:
        await caller.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="iris", body=b"", custom_attributes='trace="hush"')
        )

    error = caught.value
    told = f"{error} {error.body!r} {error.attempts} {caplog.text}"
    assert "The canonical string should have been" in str(error)
    assert "host:runtime.sagemaker.us-east-1.amazonaws.com" in str(error)
    assert f":{token}" not in told
    assert "Signature=" not in told
    assert "hush" not in told
