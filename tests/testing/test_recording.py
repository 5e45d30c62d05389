"""`Recorder` and `Replayer`: what went over the wire comes again, and nothing secret is written down."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from sagemaker_runtime import (
    REQUEST_ID,
    AioHTTPClient,
    Client,
    Credentials,
    EventStreamError,
    InvokeEndpointAsyncOutput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    ModelError,
    NopRetryer,
    ReadTimeoutError,
    Request,
    Response,
    StaticCredentialsProvider,
    Timeout,
    TransportError,
    TruncatedResponseError,
    errors,
    override,
)
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint
from sagemaker_runtime.streams.frames import Message, encode
from sagemaker_runtime.testing import (
    Recorder,
    Replayer,
    StubHTTPClient,
    StubResponse,
    UnexpectedCallError,
    respond,
    respond_error,
    respond_stream,
)
from sagemaker_runtime.testing.responses import StubBody

KEYS = Credentials("AKIDSECRETEXAMPLE", "SECRETwJalrXUtnFEMI", "SECRET-token")
ONCE = override(retryer=NopRetryer())


def is_transport_error(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, TransportError)


def invoke(body: bytes, **members: str) -> InvokeEndpointInput:
    return InvokeEndpointInput(endpoint_name="echo", body=body, **members)


def stream(body: bytes = b"once") -> InvokeEndpointWithResponseStreamInput:
    return InvokeEndpointWithResponseStreamInput(endpoint_name="echo", body=body)


def echo(invocation: Invocation) -> Answer:
    if invocation.body == b"fail":
        raise ValueError("out of memory")
    return Answer(body=invocation.body, content_type="text/plain", custom_attributes="SECRET-answer")


async def record(path: Path, *script: object, scrub=None, calls: int = 1) -> list[object]:
    """Record *calls* calls of a stub with this script, each until it ends or fails."""
    async with Recorder(StubHTTPClient(script), path, scrub=scrub) as recorder:
        return [await outcome(recorder) for _ in range(calls)]


async def outcome(transport: object) -> object:
    """What a call gives: its body, or the type of its error."""
    client = Client(StubHTTPClient([]).options(), override(http_client=transport), ONCE)
    try:
        return (await client.invoke_endpoint(invoke(b"1,2"))).body
    except Exception as error:  # noqa: BLE001 - whatever it is
        return type(error)


async def parts_of(transport: object) -> list[object]:
    """The parts of a stream, and the type of the error that ends it, if one does."""
    client = Client(StubHTTPClient([]).options(), override(http_client=transport), ONCE)
    parts: list[object] = []
    try:
        output = await client.invoke_endpoint_with_response_stream(stream())
        async for part in output.body.iter_bytes():
            parts.append(part)  # noqa: PERF401 - those before an error count
    except Exception as error:  # noqa: BLE001 - whatever it is
        parts.append(type(error))
    return parts


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_what_a_server_sent_is_replayed_without_it(tmp_path: Path) -> None:
    """Responses, errors and streams, through the real transport, and then from the file alone."""
    path = tmp_path / "echo.json"

    async def make_calls(client: Client) -> list[object]:
        first = await client.invoke_endpoint(invoke(b"1,2"))
        with pytest.raises(ModelError) as caught:
            await client.invoke_endpoint(invoke(b"fail"))
        streamed = await client.invoke_endpoint_with_response_stream(stream())
        parts = [part async for part in streamed.body.iter_bytes()]
        return [first.body, first.content_type, first.result_metadata[REQUEST_ID], caught.value.message, parts]

    async with LocalEndpoint({"echo": echo}) as local, Recorder(AioHTTPClient(), path) as recorder:
        recorded = await make_calls(Client(local.options(), override(http_client=recorder)))
    replayer = Replayer(path)
    replayed = await make_calls(Client(replayer.options()))

    assert recorded == replayed
    assert [b"1,2", "text/plain"] == replayed[:2]
    replayer.assert_done()


async def test_nothing_secret_is_in_the_file(tmp_path: Path) -> None:
    """It is made to be committed."""
    path = tmp_path / "echo.json"

    async with (
        LocalEndpoint({"echo": echo}, credentials=KEYS) as local,
        Recorder(AioHTTPClient(), path, scrub=lambda body: body.replace(b"SECRET-body", b"Alice")) as recorder,
    ):
        client = Client(local.options(), override(http_client=recorder))
        await client.invoke_endpoint(invoke(b"SECRET-body", custom_attributes="SECRET-tenant"))
        output = await client.invoke_endpoint_with_response_stream(stream(b"SECRET-body"))
        async with output.body as parts:
            assert [b"SECRET-body"] == [part async for part in parts.iter_bytes()]

    text = path.read_text()
    assert "SECRET" not in text
    assert "Alice" in text
    for name in ("authorization", "signature", "x-amz-date", "user-agent", "amz-sdk", "127.0.0.1"):
        assert name not in text.lower()
    scrubbed = json.loads(text)["exchanges"][0]
    assert ["<scrubbed>"] * 2 == [
        scrubbed[side]["headers"]["x-amzn-sagemaker-custom-attributes"] for side in ("request", "response")
    ]


async def test_a_scrubbed_recording_serves_the_calls_that_it_was_made_of(tmp_path: Path) -> None:
    """The replayer takes the same out of a request before it looks for it, and frames stay whole."""
    path = tmp_path / "scrubbed.json"

    def scrub(body: bytes) -> bytes:
        return body.replace(b"1,2", b"numbers").replace(b"once", b"...").replace(b"Bob", b"Alice")

    async with Recorder(
        StubHTTPClient([respond(b"Bob"), respond_stream([b"Bob ", b"sat"])]), path, scrub=scrub
    ) as recorder:
        await outcome(recorder)
        await parts_of(recorder)
    replayer = Replayer(path, scrub=scrub)

    assert b"Alice" == await outcome(replayer)
    assert [b"Alice ", b"sat"] == await parts_of(replayer)


async def test_the_file_is_stable_and_can_be_read(tmp_path: Path) -> None:
    """When it is recorded again, a diff shows what the service has changed, and nothing else."""
    paths = [tmp_path / "one.json", tmp_path / "two.json"]

    for path in paths:
        await record(path, respond("größer".encode()), respond(b"\xff\x00"), calls=2)

    one, two = (path.read_text() for path in paths)
    assert one == two
    assert '"größer"' in one
    assert '"base64": "/wA="' in one
    assert ["one.json", "two.json"] == names_in(tmp_path)


@pytest.mark.parametrize(
    ("response", "heard"),
    [
        (respond(b"7"), b"7"),
        (respond(b""), b""),
        (respond(b"\x00\xff"), b"\x00\xff"),
        (respond(b"a\x00"), b"a\x00"),
        (ReadTimeoutError("too late"), ReadTimeoutError),
        (respond(b"half", error=TruncatedResponseError("cut")), TruncatedResponseError),
        (lambda request: Response(200, respond().headers, StubBody([b"7"], delimited=False)), TruncatedResponseError),
    ],
)
async def test_an_exchange_comes_again_as_it_went(tmp_path: Path, response: object, heard: object) -> None:
    """The end of a body, and a failure, are as much of it as the bytes are."""
    path = tmp_path / "one.json"

    (recorded,) = await record(path, response)
    replayer = Replayer(path)

    assert (heard, heard) == (recorded, await outcome(replayer))
    replayer.assert_done()


@pytest.mark.parametrize("scrub", [None, lambda body: body])
@pytest.mark.parametrize(
    ("response", "heard"),
    [
        (respond_stream([b"a", b"b"]), [b"a", b"b"]),
        (respond_stream([b"a"], error=TruncatedResponseError("cut")), [b"a", TruncatedResponseError]),
        (
            StubResponse(200, respond_stream([]).headers, (*respond_stream([b"a"]).pieces, b"\x00\x00")),
            [b"a", EventStreamError],
        ),
    ],
)
async def test_a_stream_comes_again_as_it_went(
    tmp_path: Path, response: StubResponse, heard: list[object], scrub
) -> None:
    """What ends too early must not end well when it is replayed; scrubbed, what is broken is left out."""
    path = tmp_path / "stream.json"
    async with Recorder(StubHTTPClient([response]), path, scrub=scrub) as recorder:
        assert heard == await parts_of(recorder)

    replayed = await parts_of(Replayer(path, scrub=scrub))

    broken = scrub is not None and EventStreamError in heard
    assert [b"a", TruncatedResponseError] if broken else heard == replayed


async def test_a_stream_that_was_left_ends_where_it_was_left(tmp_path: Path) -> None:
    """Nobody knows what would have come, so to read on is an error."""
    path = tmp_path / "left.json"
    client_of = lambda transport: Client(StubHTTPClient([]).options(), override(http_client=transport))  # noqa: E731
    async with Recorder(StubHTTPClient([respond_stream([b"a", b"b"])]), path) as recorder:
        output = await client_of(recorder).invoke_endpoint_with_response_stream(stream())
        async with output.body as parts:
            await anext(parts)

    assert [b"a", TruncatedResponseError] == await parts_of(Replayer(path))


async def test_a_repeated_request_gets_the_responses_in_their_order(tmp_path: Path) -> None:
    """A retry's request is the same, and its response is not."""
    path = tmp_path / "again.json"
    await record(path, respond(b"1"), respond(b"2"), calls=2)

    replayer = Replayer(path)

    assert [b"1", b"2"] == [await outcome(replayer) for _ in range(2)]
    with pytest.raises(UnexpectedCallError, match=r"sent more often than .*again\.json has it"):
        await replayer.send(Request(path="/endpoints/echo/invocations", body=b"1,2"), timeout=Timeout())


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (
            Request(path="/endpoints/echo/invocations", body=b"1,3,4"),
            "the body from byte 2 on, 3 bytes in the recording",
        ),
        (
            Request(path="/endpoints/echo/invocations", body=b"1,2,4"),
            "the body from byte 3 on, 3 bytes in the recording",
        ),
        (Request(path="/endpoints/iris/invocations", body=b"1,2"), "the path, /endpoints/echo/invocations in the"),
        (Request("GET", path="/endpoints/echo/invocations", body=b"1,2"), "the method, POST in the recording"),
    ],
)
async def test_a_request_that_was_not_recorded_is_told_from_the_nearest(
    tmp_path: Path, request_: Request, problem: str
) -> None:
    """The text must say whether the code has changed or the recording is the wrong one; the body is not for a log."""
    path = tmp_path / "one.json"
    await record(path, respond(b"1"), respond(b"2"), calls=1)
    replayer = Replayer(path)

    with pytest.raises(UnexpectedCallError, match=f"the nearest differs in {problem}"):
        await replayer.send(request_, timeout=Timeout())

    text = f"{problem}.*; and .* has 1 exchanges that were not used: POST /endpoints/echo/inv"
    with pytest.raises(UnexpectedCallError, match=text):
        replayer.assert_done()


async def test_an_empty_recording_says_that_nothing_is_left(tmp_path: Path) -> None:
    """There is no nearest one to compare with."""
    await record(tmp_path / "empty.json", calls=0)
    replayer = Replayer(tmp_path / "empty.json")

    with pytest.raises(UnexpectedCallError, match="whose exchanges were all used"):
        await replayer.send(Request(), timeout=Timeout())

    await replayer.close()


async def test_a_run_that_fails_leaves_the_good_recording_alone(tmp_path: Path) -> None:
    """Half a recording would pass for a whole one."""
    path, stub = tmp_path / "good.json", StubHTTPClient([respond(b"1")])
    path.write_text("good")

    with pytest.raises(RuntimeError, match="the test has failed"):  # noqa: PT012 - what is inside is the point
        async with Recorder(stub, path) as recorder:
            await outcome(recorder)
            raise RuntimeError("the test has failed")

    assert ("good", 1) == (path.read_text(), stub.closed)


async def test_what_is_neither_response_nor_transport_error_is_not_recorded(tmp_path: Path) -> None:
    """A cancelled call, and an error of the test's own, are no exchange with a service."""
    path = tmp_path / "odd.json"

    (heard,) = await record(path, RuntimeError("odd"))

    assert (RuntimeError, []) == (heard, json.loads(path.read_text())["exchanges"])


@pytest.mark.parametrize("error", [kind for kind in vars(errors).values() if is_transport_error(kind)])
async def test_every_error_of_a_transport_comes_again(tmp_path: Path, error: type[TransportError]) -> None:
    """What is retried and what is not depends on the class."""
    path = tmp_path / "failed.json"
    await record(path, error("of the transport"))

    assert error is await outcome(Replayer(path))


async def test_a_transports_own_error_comes_again_as_ours(tmp_path: Path) -> None:
    """Its class may not be there where the recording is replayed; the one that the retryer knows is."""

    class SlowError(ReadTimeoutError):
        pass

    path = tmp_path / "own.json"
    await record(path, SlowError("slow"))

    assert ReadTimeoutError is await outcome(Replayer(path))


async def test_an_error_in_the_file_that_is_none_of_a_transport_is_refused(tmp_path: Path) -> None:
    """A recording edited by hand must not make a client raise what it never raises."""
    path = tmp_path / "edited.json"
    await record(path, ReadTimeoutError("late"))
    path.write_text(path.read_text().replace("ReadTimeoutError", "ConfigError"))

    with pytest.raises(ValueError, match="the error 'ConfigError', which is not the name of a TransportError"):
        await Replayer(path).send(Request(path="/endpoints/echo/invocations", body=b"1,2"), timeout=Timeout())


def refusing(request: Request) -> StubResponse:
    """What AWS says of a signature that is wrong: what should have been signed, as it got it."""
    quoted = (
        f"POST\n{request.path}\n\nx-amz-security-token:{request.headers['x-amz-security-token']}\n\n"
        f"{request.headers['authorization']}"
    )
    return respond_error(
        "InvalidSignatureException",
        f"The Canonical String for this request should have been\n'{quoted}'",
        status=403,
        headers={"x-amzn-note": request.headers["x-amz-security-token"]},
    )


def refusing_in_a_stream(request: Request) -> StubResponse:
    """The same within messages, cut where nobody would look for it, beside a good one."""
    token = request.headers["x-amz-security-token"].encode()
    good, quoting = (
        encode(Message({":message-type": "event", ":event-type": "PayloadPart", "n": 7, "note": note}, part))
        for note, part in (("", b"good"), (token.decode(), b"seen: " + token))
    )
    middle = quoting.index(token) + 4
    return StubResponse(200, respond_stream([]).headers, (good, quoting[:middle], quoting[middle:]))


@pytest.mark.parametrize("token", ["SECRET-token", 'SECRET/"quoted"+token=='])
@pytest.mark.parametrize("response", [refusing, refusing_in_a_stream])
async def test_what_a_response_quotes_of_the_signature_is_not_recorded(
    tmp_path: Path, response: object, token: str
) -> None:
    """A session token is good for hours, and a recording of a refused call would have it in its error's text."""
    path = tmp_path / "refused.json"
    options = override(credentials=StaticCredentialsProvider("AKIDEXAMPLE", "key", token))
    async with Recorder(StubHTTPClient([response]), path) as recorder:
        client = Client(StubHTTPClient([]).options(), override(http_client=recorder), options, ONCE)
        if response is refusing:
            with pytest.raises(Exception, match="Canonical String"):
                await client.invoke_endpoint(invoke(b"1,2"))
        else:
            output = await client.invoke_endpoint_with_response_stream(stream())
            assert [b"good", b"seen: " + token.encode()] == [part async for part in output.body.iter_bytes()]

    text = path.read_text()
    assert "SECRET" not in text
    assert "Signature=" not in text
    if response is refusing:
        assert 2 == text.count("x-amz-security-token:<scrubbed>") + text.count('"x-amzn-note": "<scrubbed>"')
    else:
        assert [b"good", b"seen: <scrubbed>"] == await parts_of(Replayer(path))


async def test_a_result_in_another_region_is_found_again(tmp_path: Path) -> None:
    """S3 says in a header where the bucket is, and who reads results follows it."""
    path, output = tmp_path / "s3.json", InvokeEndpointAsyncOutput(output_location="s3://bucket/key")
    moved = respond(status=301, headers={"x-amz-bucket-region": "eu-west-1", "x-amz-request-id": "id-7"})
    options = StubHTTPClient([]).options()
    async with Recorder(StubHTTPClient([moved, respond(b"result")]), path) as recorder:
        client = Client(options, override(http_client=recorder))
        assert b"result" == (await client.wait_for_output(output, timeout=0)).body

    replayer = Replayer(path)

    assert b"result" == (await Client(replayer.options()).wait_for_output(output, timeout=0)).body
    assert "id-7" in path.read_text()
    replayer.assert_done()


async def test_a_second_close_changes_nothing(tmp_path: Path) -> None:
    """What was scrubbed must not be scrubbed again, nor a good file replaced when the ``async with`` fails later."""
    path, stub = tmp_path / "twice.json", StubHTTPClient([respond(b"Bob")], repeat=True)
    with pytest.raises(RuntimeError, match="later"):  # noqa: PT012 - what is inside is the point
        async with Recorder(stub, path, scrub=lambda body: b"[%b]" % body) as recorder:
            await outcome(recorder)
            await recorder.close()
            written = path.read_text()
            await recorder.close()
            raise RuntimeError("later")

    assert (written, 1) == (path.read_text(), stub.closed)
    assert ["[Bob]"] == json.loads(written)["exchanges"][0]["response"]["pieces"]


async def test_a_file_that_cannot_be_written_does_not_keep_the_transport_open(tmp_path: Path) -> None:
    """Its connections are worth more than the recording."""
    stub = StubHTTPClient([])

    with pytest.raises(FileNotFoundError):
        await Recorder(stub, tmp_path / "nowhere" / "file.json").close()

    assert 1 == stub.closed


async def test_a_request_that_was_not_recorded_is_an_error_at_the_end_also_where_it_was_swallowed(
    tmp_path: Path,
) -> None:
    """An application that logs every exception and goes on would pass otherwise."""
    path = tmp_path / "one.json"
    await record(path, respond(b"1"))
    replayer = Replayer(path)

    heard = [await outcome(replayer) for _ in range(2)]

    assert [b"1", UnexpectedCallError] == heard
    with pytest.raises(UnexpectedCallError, match="was sent more often than"):
        replayer.assert_done()


class Whole(bytes):
    """A body that may be compared, and not walked through."""

    __slots__ = ()

    def __iter__(self):
        raise AssertionError("gone through byte by byte")


async def test_a_large_body_is_found_without_going_through_it(tmp_path: Path) -> None:
    """Ten recordings of 6 MB would keep the event loop busy for seconds with each request."""
    path = tmp_path / "large.json"
    async with Recorder(StubHTTPClient([respond(b"first"), respond(b"second")]), path) as recorder:
        client = Client(StubHTTPClient([]).options(), override(http_client=recorder))
        for body in (b"1,2,3", b"1,2"):
            await client.invoke_endpoint(invoke(body))

    assert b"second" == await outcome(Replayer(path, scrub=Whole))


@pytest.mark.usefixtures("full_executor")
async def test_a_recording_is_written_while_all_threads_of_the_loop_are_taken(tmp_path: Path) -> None:
    """The program that is recorded may have filled them."""
    path = tmp_path / "it.json"
    async with asyncio.timeout(20), Recorder(StubHTTPClient([]), path):
        pass

    assert path.exists()
