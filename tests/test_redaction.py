"""A peer may send back what it was sent, in an encoding of its own. It is shown on no path, in none of them."""

from __future__ import annotations

import base64
import html
import json
import logging
import pickle
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from marked import logged, told
from transport.servers import Exchange, Server, client_for, serving

from sagemaker_runtime import (
    AioHTTPClient,
    ClientLogMode,
    Context,
    DeserializeHandler,
    DeserializeInput,
    InvokeEndpointAsyncOutput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    Output,
    S3Client,
    SageMakerRuntimeError,
    StandardRetryer,
    StaticCredentialsProvider,
    deserialize_middleware,
)
from sagemaker_runtime.redaction import REDACTED, Secrets
from sagemaker_runtime.streams.frames import Message, encode
from sagemaker_runtime.testing import Recorder

KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCY"
TOKEN = "IQoJb3JpZ2luX2VjE/+x1/y2+z3=="
ATTRIBUTES = 'customer="4111/1111", <tenant>=a&b\\c'
PASSWORD = "p/s+w=rd"
PAIR = f"us/er:{PASSWORD}"
BASIC = base64.b64encode(PAIR.encode()).decode()
BODY = b'{"name": "Zo\xc3\xab/+", "iban": "DE02"}'
SECRETS = {"key": KEY, "token": TOKEN, "attributes": ATTRIBUTES, "body": BODY.decode()}

Encoding = Callable[[str], str]


def php(text: str) -> str:
    return json.dumps(text)[1:-1].replace("/", "\\/")


def gson(text: str) -> str:
    return "".join(f"\\u{ord(each):04x}" if each in "=<>&'\"\\" else each for each in text)


def every(pattern: str) -> Encoding:
    return lambda text: "".join(pattern.format(ord(each)) for each in text)


ENCODINGS: dict[str, Encoding] = {
    "as it is": str,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON of PHP": php,
    "JSON of Gson": gson,
    "JSON, every character": every("\\u{:04X}"),
    "HTML": html.escape,
    "XML": lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;"),
    "entities": every("&#{};"),
    "entities in hexadecimal": every("&#x{:X};"),
    "URL": lambda text: quote(text, safe=""),
    "URL in lower case": lambda text: quote(text, safe="").replace("%2F", "%2f").replace("%3D", "%3d"),
    "path of a URL": quote,
    "form": quote_plus,
    "repr of bytes": lambda text: repr(text.encode())[2:-1],
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "URL in JSON in HTML": lambda text: html.escape(php(quote(text))),
    "URL in URL": lambda text: quote(quote(text, safe=""), safe=""),
    "URL, some characters": lambda text: "".join(
        f"%{ord(each):02x}" if each.isascii() and at % 3 else each for at, each in enumerate(text)
    ),
    "escape() of JavaScript": every("%u{:04X}"),
    "Python, long": every("\\U{:08x}"),
    "octal": lambda text: "".join(f"\\{each:03o}" for each in text.encode()),
    "entities with zeros": every("&#{:09d};"),
    "entities without an end": lambda text: html.escape(text).replace(";", ""),
    "cut": lambda text: f"{text[: max(24, len(text) - 4)]}...",
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("secret", [*SECRETS.values(), PAIR, PASSWORD, BASIC, "4111/1111", "12345678"])
def test_a_secret_is_found_in_every_encoding(secret: str, encoding: str) -> None:
    """Between other words, which stay."""
    if encoding == "cut" and len(secret) < 24:
        pytest.skip("of a short value, a part may stand in any text by chance")
    sent = {
        "X-Amz-Security-Token": TOKEN,
        "x-amzn-sagemaker-custom-attributes": ATTRIBUTES,
        "proxy-authorization": f"Basic {BASIC}",
        "cookie": "session=12345678",
    }
    quoted = ENCODINGS[encoding](secret)

    redacted = Secrets(sent, body=BODY, others=(KEY,)).redact(f"before {quoted} after")

    assert redacted in (f"before {REDACTED} after", f"before {REDACTED}... after")


def in_lines(text: str, end: str) -> str:
    return end.join(text[at : at + 16] for at in range(0, len(text), 16))


@pytest.mark.parametrize("name", ["X-Auth-Token", "x-access-token", "Authorization"])
def test_a_token_is_found_without_the_scheme_before_it(name: str) -> None:
    """A gateway that refuses it quotes the token alone."""
    redacted = Secrets({name: f"Bearer {TOKEN}"}).redact(f"the token {TOKEN} has expired")

    assert redacted == f"the token {REDACTED} has expired"


@pytest.mark.parametrize(
    "quoted",
    [
        pytest.param(in_lines(TOKEN, "\n").encode(), id="lines"),
        pytest.param(in_lines(TOKEN, "\r\n ").encode(), id="a folded header"),
        pytest.param(in_lines(TOKEN, "\\n\\t").encode(), id="lines in JSON"),
        pytest.param(in_lines(quote(TOKEN), "&#10;").encode(), id="lines of a URL in XML"),
        pytest.param(TOKEN.encode("utf-16"), id="UTF-16"),
        pytest.param(json.dumps(TOKEN).encode("utf-16-be"), id="JSON in UTF-16"),
        pytest.param(TOKEN.encode().hex().encode(), id="hexadecimal"),
        pytest.param(in_lines(TOKEN.encode().hex(" "), "\n").encode(), id="a hex dump"),
        *(
            pytest.param(encode(b"." * before + TOKEN.encode() + b"."), id=f"{encode.__name__} after {before}")
            for encode in (base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes)
            for before in range(3)
        ),
    ],
)
def test_a_secret_is_found_in_what_shows_it_in_another_form(quoted: bytes) -> None:
    """All but what base64 shares with the bytes around it, which is a character or two."""
    redacted = Secrets({"X-Amz-Security-Token": TOKEN}).redact_bytes(b"before: " + quoted + b" :after")

    shown = redacted.replace(REDACTED.encode(), b"").replace(b"before: ", b"").replace(b" :after", b"")
    assert REDACTED.encode() in redacted
    assert len(shown) <= 12


def test_the_beginning_of_a_long_body_is_found() -> None:
    """An echo of ten kilobytes is kept on the error to its 4,096th byte."""
    body = b",".join(b"%d" % number for number in range(3_000))

    assert Secrets(body=body).redact_bytes(body[:4_096]) == REDACTED.encode()


def test_a_group_and_what_a_traceback_hides_are_redacted_too() -> None:
    """A handler of logs may walk all of it, even what `raise … from None` hides."""
    hidden, behind = ValueError(TOKEN), KeyError(TOKEN)
    error = ExceptionGroup("two", [SageMakerRuntimeError(TOKEN), ExceptionGroup("one", [RuntimeError(TOKEN)])])
    error.__context__, error.__cause__, error.__suppress_context__ = hidden, behind, True

    Secrets({"x-amz-security-token": TOKEN}).redact_error(error)

    assert TOKEN not in repr([error, error.exceptions, hidden, behind])


def test_what_is_no_secret_stays_as_it_is() -> None:
    """An error that shows nothing helps nobody; and a value of three characters may stand in any text."""
    sent = {
        "host": "runtime.sagemaker.eu-west-1.amazonaws.com",
        "x-amzn-sagemaker-custom-attributes": "a=1",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261130/eu-west-1/sagemaker/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=" + "0f" * 32,
    }
    text = (
        "AKIDEXAMPLE/20261130/eu-west-1: host:runtime.sagemaker.eu-west-1.amazonaws.com; a=1, \\u00e9 &amp; 100%25 \\n "
        "must be signed with AWS4-HMAC-SHA256"
    )
    secrets = Secrets(sent)

    assert secrets.redact(text) == text
    assert secrets.redact_bytes(body := text.encode()) is body
    assert secrets.redact("x-amzn-sagemaker-custom-attributes:a=1") == REDACTED
    assert "0f0f" not in secrets.redact(f"Signature={'0F' * 32} is wrong")
    assert repr(secrets) == "Secrets(...)"


@pytest.mark.parametrize("length", [1_025, 4_096])
def test_a_value_that_the_end_of_a_kept_text_cuts_is_not_shown(length: int) -> None:
    """A body is kept to its 4,096th byte, and the session token may lie across it."""
    secrets = Secrets({"x-amz-security-token": TOKEN})
    text = "x" * (length - 9) + TOKEN[:9]

    assert secrets.redact(text) == "x" * (length - 9) + REDACTED


@pytest.mark.parametrize("data", [b"\\" * 200_000, b"&" + b"amp;" * 50_000, b"%" + b"25" * 100_000, b"\\u" * 100_000])
def test_a_hostile_text_takes_no_more_time_than_its_length(data: bytes) -> None:
    """The test would not end: each of these is what a pattern that goes back and forth would take hours for."""
    assert Secrets({"x-amz-security-token": TOKEN}).redact_bytes(data) == data


def test_the_same_holds_for_all_that_an_exception_has() -> None:
    """Arguments, attributes, notes, and the exceptions behind it; what is not text stays."""
    error = SageMakerRuntimeError(f"no: {TOKEN}")
    error.add_note(f"see {TOKEN}")
    error.__cause__ = ValueError(TOKEN, 7)
    error.__cause__.__context__ = error  # and back again

    Secrets({"x-amz-security-token": TOKEN}).redact_error(error)

    assert "no: <redacted>" in str(error)
    assert error.__notes__ == ["see <redacted>"]
    assert error.__cause__.args == (REDACTED, 7)


def http(status: int, body: str | bytes, *headers: str, reason: str = "Whatever") -> bytes:
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} {reason}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def event(headers: dict[str, str], payload: str = "") -> bytes:
    return http(200, encode(Message(headers, payload.encode())), "Content-Type: application/vnd.amazon.eventstream")


# What a peer makes of a text that quotes all that it was sent, in an encoding. JSON may hold any escape of its own kind;
# with another it would be no JSON, which is a path as well.
UNARY: dict[str, Callable[[str], bytes]] = {
    "message": lambda said: http(503, f'{{"Message": "{said}"}}'),
    "message of a model": lambda said: http(
        424,
        f'{{"Message": "m", "OriginalMessage": "{said}", "LogStreamArn": "{said}"}}',
        "X-Amzn-ErrorType: ModelError",
    ),
    "code": lambda said: http(400, f'{{"code": "{said}"}}'),
    "code in a header": lambda said: http(400, "{}", f"X-Amzn-ErrorType: {said}"),
    "request id": lambda said: http(400, "{}", f"X-Amzn-RequestId: {said}"),
    "header": lambda said: http(400, "{}", f"X-Debug: {said}"),
    "other member": lambda said: http(400, f'{{"debug": "{said}"}}'),
    "words": lambda said: http(502, said),
    "page": lambda said: http(502, f"<html>{said}"),
    "long page": lambda said: http(502, "." * 4_000 + said),
    "not HTTP": lambda said: f"HTTP/1.1 {said}\r\n\r\n".encode(),
    "bad head": lambda said: f"HTTP/1.1 200 OK\r\n{said}\r\n\r\n".encode(),
    "bad chunk": lambda said: f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{said}\r\n".encode(),
}
QUOTES_NOTHING = {"not HTTP", "bad head", "bad chunk"}  # the transport says what is wrong, and shows nothing of it
STREAMED: dict[str, Callable[[str], bytes]] = {
    "exception": lambda said: event(
        {":message-type": "exception", ":exception-type": "ModelStreamError"}, f'{{"Message": "{said}"}}'
    ),
    "exception without JSON": lambda said: event({":message-type": "exception", ":exception-type": "E"}, said),
    "name of an exception": lambda said: event({":message-type": "exception", ":exception-type": said}, "{}"),
    "error": lambda said: event({":message-type": "error", ":error-code": said, ":error-message": said}),
    "kind of message": lambda said: event({":message-type": said}),
    "kind of event": lambda said: event({":message-type": "event", ":event-type": said}),
    "no stream": lambda said: http(200, said),
    "type": lambda said: http(200, "no stream", f"Content-Type: {said}"),
}


def secrets_sent(server: Server) -> dict[str, str]:
    """Those in play, the signature among them."""
    signature = dict(server.requests[-1].headers).get("authorization", "=none").rpartition("=")[2]
    return {**SECRETS, "signature": signature}


def shown(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """All that anybody may print, log, mail or pickle."""
    facts = [
        getattr(error, name, None) for name in ("code", "body", "original_message", "log_stream_arn", "request_id")
    ]
    return "\n".join([*told(error), repr(facts), repr(pickle.dumps(error)), *logged(caplog)])


def quoting(encode_text: Encoding, wrap: Callable[[str], bytes]) -> Callable[[Exchange], Awaitable[None]]:
    """A peer that sends back all that it was sent, and what it may know besides."""

    async def step(exchange: Exchange) -> None:
        await exchange.read_body()
        signature = dict(exchange.headers).get("authorization", "=none").rpartition("=")[2]
        said = " and ".join(map(encode_text, (*SECRETS.values(), signature)))
        await exchange.send(wrap(said))
        exchange.close()

    return step


def assert_nothing_leaks(server: Server, text: str, encode_text: Encoding, *, quotes: bool = True) -> None:
    for name, secret in secrets_sent(server).items():
        plain = text.replace("\\\\", "\\")  # of a repr
        assert secret not in plain, name
        assert encode_text(secret) not in plain, name
        assert encode_text(secret) not in text, name
    assert (REDACTED in text) == quotes


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("path", UNARY)
async def test_no_path_of_a_call_shows_what_a_peer_sends_back(
    path: str, encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Text, attributes, records of attempts and logs of an error that was retried."""
    caplog.set_level(logging.DEBUG, "sagemaker_runtime")
    encode_text = ENCODINGS[encoding]
    mode = ClientLogMode.RETRIES | ClientLogMode.RESPONSE_WITH_BODY
    async with (
        serving(quoting(encode_text, UNARY[path])) as server,
        client_for(
            server,
            credentials=StaticCredentialsProvider("AKID", KEY, TOKEN),
            client_log_mode=mode,
            retryer=StandardRetryer(max_attempts=2, base_delay=0.0),
        ) as caller,
    ):
        with pytest.raises(SageMakerRuntimeError) as caught:
            await caller.invoke_endpoint(
                InvokeEndpointInput(endpoint_name="e", body=BODY, custom_attributes=ATTRIBUTES)
            )

        assert_nothing_leaks(server, shown(caught.value, caplog), encode_text, quotes=path not in QUOTES_NOTHING)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("path", STREAMED)
async def test_no_path_of_a_stream_shows_what_a_peer_sends_back(
    path: str, encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The head has come then, and the call has returned."""
    caplog.set_level(logging.DEBUG, "sagemaker_runtime")
    encode_text = ENCODINGS[encoding]
    async with (
        serving(quoting(encode_text, STREAMED[path])) as server,
        client_for(
            server,
            credentials=StaticCredentialsProvider("AKID", KEY, TOKEN),
            client_log_mode=ClientLogMode.RESPONSE_EVENT_MESSAGE | ClientLogMode.RESPONSE,
        ) as caller,
    ):
        output = await caller.invoke_endpoint_with_response_stream(
            InvokeEndpointWithResponseStreamInput(endpoint_name="e", body=BODY, custom_attributes=ATTRIBUTES)
        )
        text = ""
        try:
            async with output.body as stream:
                async for each in stream:
                    assert path == "kind of event"
                    del each
        except SageMakerRuntimeError as error:
            text = shown(error, caplog)

        assert_nothing_leaks(server, "\n".join([text, *logged(caplog)]), encode_text, quotes=path != "no stream")


async def test_an_error_of_a_middleware_that_quotes_a_response_is_redacted() -> None:
    """Users write such checks, and put what they got into the text."""

    @deserialize_middleware("Check")
    async def check(ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        output = await next(ctx, step)
        assert output.raw_response is not None
        raise ValueError(f"unexpected {output.raw_response.headers!r}")

    async with (
        serving(quoting(str, UNARY["header"])) as server,
        client_for(
            server,
            credentials=StaticCredentialsProvider("AKID", KEY, TOKEN),
            api_options=[lambda stack: stack.deserialize.add(check)],
        ) as caller,
    ):
        body = json.dumps("a body without a line's end").encode()
        with pytest.raises(ValueError, match="unexpected") as caught:
            await caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="e", body=body))

    assert TOKEN not in repr(caught.value)


async def test_no_more_of_a_response_is_shown_than_can_be_searched(caplog: pytest.LogCaptureFixture) -> None:
    """A hostile page of ten megabytes would hold the loop for seconds, to look for secrets in what nobody reads."""
    caplog.set_level(logging.DEBUG, "sagemaker_runtime")
    letters = "\\u0041" * 100_000

    async def step(exchange: Exchange) -> None:
        await exchange.read_body()
        await exchange.send(http(400, f'{{"message": "{letters}"}}'))

    async with (
        serving(step) as server,
        client_for(server, client_log_mode=ClientLogMode.RESPONSE_WITH_BODY) as caller,
    ):
        with pytest.raises(SageMakerRuntimeError) as caught:
            await caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="e", body=b""))

    assert caught.value.message == "A" * 32_768 + "… and 67,232 characters more"
    assert caplog.messages[-1].endswith(" and 534,479 more bytes")
    assert len(caplog.messages[-1]) < 200_000


S3_ERROR = (
    "<Error><Code>SignatureDoesNotMatch</Code><Message>{0}</Message><CanonicalRequest>{0}</CanonicalRequest></Error>"
)
S3 = {
    "message": lambda said: http(400, S3_ERROR.format(said)),
    "page": lambda said: http(503, f"<html>{said}"),
    "code": lambda said: http(400, f"<Error><Code>{said}</Code></Error>"),
    "request id": lambda said: http(400, "", f"x-amz-request-id: {said}"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("path", S3)
async def test_no_error_of_s3_shows_what_it_sends_back(
    path: str, encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    """S3 answers a wrong signature with the canonical request, in which the session token stands."""
    encode_text = ENCODINGS[encoding]

    async def step(exchange: Exchange) -> None:
        signature = dict(exchange.headers)["authorization"].rpartition("=")[2]
        await exchange.send(S3[path](" and ".join(map(encode_text, (KEY, TOKEN, signature)))))

    transport = AioHTTPClient()
    async with serving(step) as server, client_for(server) as caller:
        reader = S3Client(
            http_client=transport,
            credentials=StaticCredentialsProvider("AKID", KEY, TOKEN),
            region="us-east-1",
            endpoint_url=server.url,
        )
        output = InvokeEndpointAsyncOutput(output_location="s3://bucket/key", inference_id="7")
        with pytest.raises(SageMakerRuntimeError) as caught:
            await caller.wait_for_output(output, timeout=0, s3=reader)
        text = shown(caught.value, caplog)
    await transport.close()

    signature = dict(server.requests[-1].headers)["authorization"].rpartition("=")[2]
    for secret in (KEY, TOKEN, signature, encode_text(KEY), encode_text(TOKEN), encode_text(signature)):
        assert secret not in text
        assert secret not in text.replace("\\\\", "\\")


PROXIED = {
    "reason": lambda said: http(407, "", reason=said),
    "reason of a failure": lambda said: http(502, "", reason=said),
    "page": lambda said: http(407, f"<html>{said}"),
    "header": lambda said: http(407, "{}", f"X-Debug: {said}"),
    "message": lambda said: http(403, f'{{"message": "{said}"}}'),
    "not HTTP": lambda said: f"{said}\r\n\r\n".encode(),
}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("path", PROXIED)
async def test_no_proxys_page_shows_its_password(
    path: str, encoding: str, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The pair in clear, the password by itself, and the header's base64; through a tunnel and without one."""
    caplog.set_level(logging.DEBUG, "sagemaker_runtime")
    encode_text = ENCODINGS[encoding]
    said = " and ".join(map(encode_text, (PAIR, PASSWORD, BASIC)))

    async def step(exchange: Exchange) -> None:
        await exchange.send(PROXIED[path](said))
        exchange.close()

    async with serving(step) as server:
        user, _, password = PAIR.partition(":")
        proxy = f"http://{quote(user, safe='')}:{quote(password, safe='')}@127.0.0.1:{server.port}"
        transport = AioHTTPClient(proxies={"all": proxy})
        async with client_for(
            server,
            http_client=transport,
            base_endpoint=f"{scheme}://host",
            retry_max_attempts=1,
            client_log_mode=ClientLogMode.RESPONSE_WITH_BODY | ClientLogMode.RETRIES,
        ) as caller:
            with pytest.raises(SageMakerRuntimeError) as caught:
                await caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="e", body=b""))
            text = shown(caught.value, caplog)
        await transport.close()

    assert BASIC in str(server.requests[0].headers)
    for secret in (PASSWORD, BASIC, encode_text(PASSWORD), encode_text(BASIC)):
        assert secret not in text
        assert secret not in text.replace("\\\\", "\\")


RECORDED = {
    "body": lambda said: http(400, said),
    "message": lambda said: http(400, f'{{"message": "{said}"}}'),
    "header": lambda said: http(400, "", f"X-Amzn-Debug: {said}"),
    "success": lambda said: http(200, f"heard: {said}"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("path", RECORDED)
async def test_no_recording_holds_what_a_peer_sends_back(path: str, encoding: str, tmp_path: Path) -> None:
    """Recordings are committed. Bodies of requests are in them on purpose; a stream is written message by message."""
    encode_text = ENCODINGS[encoding]
    file = tmp_path / "recording.json"
    async with serving(quoting(encode_text, RECORDED[path])) as server, Recorder(AioHTTPClient(), file) as recorder:
        caller = client_for(
            server,
            http_client=recorder,
            retry_max_attempts=1,
            credentials=StaticCredentialsProvider("AKID", "key", TOKEN),
        )
        try:
            await caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="e", body=b"", custom_attributes=ATTRIBUTES))
        except SageMakerRuntimeError:
            assert path != "success"

    document = json.loads(file.read_text())["exchanges"][0]["response"]
    written = f"{file.read_text()} {''.join(map(str, document['pieces']))} {document['headers'].values()}"
    signature = dict(server.requests[-1].headers)["authorization"].rpartition("=")[2]
    for secret in (TOKEN, ATTRIBUTES, signature, encode_text(TOKEN), encode_text(ATTRIBUTES), encode_text(signature)):
        assert secret not in written
    assert "<scrubbed>" in written


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_no_recording_of_a_stream_holds_it(encoding: str, tmp_path: Path) -> None:
    """In a message's headers and in its payload; the frames are whole again."""
    encode_text = ENCODINGS[encoding]
    file = tmp_path / "recording.json"

    def wrap(said: str) -> bytes:
        return event({":message-type": "exception", ":exception-type": said}, said)

    async with serving(quoting(encode_text, wrap)) as server, Recorder(AioHTTPClient(), file) as recorder:
        caller = client_for(server, http_client=recorder, credentials=StaticCredentialsProvider("AKID", "key", TOKEN))
        output = await caller.invoke_endpoint_with_response_stream(
            InvokeEndpointWithResponseStreamInput(endpoint_name="e", body=b"", custom_attributes=ATTRIBUTES)
        )
        with pytest.raises(SageMakerRuntimeError):
            async with output.body as stream:
                await anext(stream)

    [piece] = json.loads(file.read_text())["exchanges"][0]["response"]["pieces"]
    frame = base64.b64decode(piece["base64"]).decode(errors="replace")
    assert frame.count("<scrubbed>") >= 2
    for secret in (TOKEN, ATTRIBUTES, encode_text(TOKEN), encode_text(ATTRIBUTES)):
        assert secret not in frame


async def test_a_log_of_what_came_shows_no_secret_in_a_success_either(caplog: pytest.LogCaptureFixture) -> None:
    """A gateway that adds what it saw as a header does so in every response; the output itself has it, for the program."""
    caplog.set_level(logging.DEBUG, "sagemaker_runtime")
    good = http(200, f"heard {TOKEN}", f"X-Seen: {php(TOKEN)}", f"X-Amzn-RequestId: {TOKEN}")
    async with (
        serving(good) as server,
        client_for(
            server,
            credentials=StaticCredentialsProvider("AKID", KEY, TOKEN),
            client_log_mode=ClientLogMode.RESPONSE_WITH_BODY,
        ) as caller,
    ):
        output = await caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="e", body=b""))

    text = "\n".join(logged(caplog))
    assert output.body == f"heard {TOKEN}".encode()
    assert TOKEN not in text
    assert php(TOKEN) not in text
    assert text.count(REDACTED) >= 3
