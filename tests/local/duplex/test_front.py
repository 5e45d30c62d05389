"""The duplex operation at the local endpoint: what is checked, and what comes back, over real sockets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from local.duplex_client import Peer, Stream, connected, event

from sagemaker_runtime import ConfigError
from sagemaker_runtime.local import Conversation, Duplex, LocalEndpoint, ModelFailure, Part


async def shout(conversation: Conversation) -> AsyncIterator[str | bytes | Part]:
    async for part in conversation:
        if part.is_text:
            yield Part(part.text.upper().encode(), is_text=True, partial=part.partial)
        else:
            yield part.bytes.upper()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with LocalEndpoint({"it": Duplex(shout)}) as local, connected(local) as peer:
        yield peer


async def test_both_sides_talk_at_once(peer: Peer) -> None:
    """A part comes back while the caller still sends: that is what the operation is for."""
    stream = peer.call()

    stream.send("one")
    await stream.until("ONE")
    stream.send(b"two")
    await stream.until("ONE", "b:TWO")
    stream.send(end=True)
    await stream.done()

    assert (200, True, None) == (stream.status, stream.ended, stream.reset)
    assert stream.head is not None
    assert "application/vnd.amazon.eventstream" == stream.head["content-type"]
    assert "AllTraffic" == stream.head["x-amzn-invoked-production-variant"]
    assert stream.head["x-amzn-requestid"]


async def test_the_head_comes_when_the_model_listens(peer: Peer) -> None:
    """A caller that waits for the head before it sends must not wait for ever."""
    stream = peer.call()

    await peer.until(lambda: stream.status == 200)

    assert [] == stream.said


async def test_a_target_may_end_in_a_question_mark(peer: Peer) -> None:
    """AWS's own client signs an empty query, and sends ``?``."""
    stream = peer.call(query="?")

    stream.send("one", end=True)
    await stream.done()

    assert ["ONE"] == stream.said


async def test_many_streams_share_a_connection(peer: Peer) -> None:
    """Each has an answer of its own."""
    streams = [peer.call() for _ in range(50)]

    for number, stream in enumerate(streams):
        stream.send(f"a{number}", end=True)
    for stream in streams:
        await stream.done()

    assert [[f"A{number}"] for number in range(50)] == [stream.said for stream in streams]
    assert {1} == {exchange.connection for exchange in peer.local.journal}


async def test_one_stream_too_many_is_refused_and_the_others_go_on() -> None:
    """A client that opens many before it has read the settings may try the rest again."""
    async with LocalEndpoint({"it": Duplex(shout)}, max_streams=2) as local, connected(local) as peer:
        first, second, third = peer.call(), peer.call(), peer.call()
        await third.done()
        assert 7 == third.reset

        for stream in (first, second):
            stream.send("a", end=True)
            await stream.done()
            assert ["A"] == stream.said
        assert 2 == peer.h2.remote_settings.max_concurrent_streams
        assert 2 == len(local.journal)


def tampered(stream: Stream) -> bytes:
    frame = stream.signed(event(b"one"))
    stream.signed(event(b"another"))  # the chain goes on from an event that is never sent
    return frame + stream.signed(event(b"two"))


@pytest.mark.parametrize(
    ("write", "words"),
    [
        pytest.param(
            lambda stream: stream.signed(event(b"x"), secret="wrong"), "differs from the one calculated", id="secret"
        ),
        pytest.param(lambda stream: stream.signed(event(b"x")) * 2, "event 2 .* repeated", id="twice"),
        pytest.param(tampered, "event 2 ", id="one is missing"),
        pytest.param(
            lambda stream: stream.signed(event(b"x"), at=stream.peer.now() + timedelta(minutes=6)),
            "its date is",
            id="late",
        ),
        pytest.param(lambda stream: event(b"x"), "':chunk-signature'", id="not signed"),
    ],
)
async def test_a_wrong_chain_ends_the_stream_with_what_is_wrong(peer: Peer, write: object, words: str) -> None:
    """The head is out, since the model listens: so the error is in the stream, as every error from then on."""
    stream = peer.call()

    assert callable(write)
    stream.write(write(stream))
    await stream.done()

    assert stream.said[-1].startswith("InvalidSignatureException: ")
    assert re.search(words, stream.said[-1])
    assert 0 == stream.reset  # it need not send the rest


@pytest.mark.parametrize(
    ("write", "words"),
    [
        pytest.param(lambda stream: stream.signed(event(b"x", "UTF16")), "DataType is 'UTF16'", id="type"),
        pytest.param(lambda stream: stream.signed(event(b"x", None, "DONE")), "CompletionState is 'DONE'", id="state"),
        pytest.param(lambda stream: stream.signed(event(b"x", name="Other")), "type 'Other'", id="event"),
        pytest.param(lambda stream: stream.signed(b"xyz"), "no whole event|stopped inside", id="no event"),
        pytest.param(lambda stream: b"x" * 40, "prelude does not match", id="no frame"),
    ],
)
async def test_what_breaks_the_model_of_the_api_is_refused(peer: Peer, write: object, words: str) -> None:
    """With the name that the API model has for it."""
    stream = peer.call()

    assert callable(write)
    stream.write(write(stream))
    await stream.done()

    assert stream.said[-1].startswith("InputValidationError: ")
    assert re.search(words, stream.said[-1])


async def test_a_request_without_its_signed_end_is_refused(peer: Peer) -> None:
    """Otherwise whoever cuts a stream short would not be noticed: that is what the end is signed for."""
    stream = peer.call()

    stream.send("one")
    peer.h2.end_stream(stream.number)
    peer.flush()
    await stream.done()

    assert stream.said[-1].startswith("InputValidationError: None: The stream of the request ended without")


async def test_data_after_the_end_are_refused(peer: Peer) -> None:
    """Nothing may follow the message that ends the stream."""
    stream = peer.call()

    stream.write(stream.signed(b""))
    stream.write(stream.signed(event(b"x")))
    await stream.done()

    assert stream.said[-1].startswith("InputValidationError: None: Data follow")


@pytest.mark.parametrize(
    ("asked", "status", "code", "words"),
    [
        pytest.param({"secret": "wrong"}, 403, "InvalidSignatureException", "does not match", id="secret"),
        pytest.param(
            {"change": {"content-type": "text/csv"}}, 403, "InvalidSignatureException", "does not match", id="changed"
        ),
        pytest.param(
            {"headers": {"x-amz-content-sha256": "0" * 64}},
            403,
            "InvalidSignatureException",
            "must be STREAMING-AWS4",
            id="hash",
        ),
        pytest.param({"headers": {"content-type": "text/csv"}}, 400, "InputValidationError", "content type", id="type"),
        pytest.param({"endpoint": "other"}, 400, "InputValidationError", "not found", id="endpoint"),
        pytest.param({"endpoint": "plain"}, 400, "InputValidationError", "does not support", id="unary"),
        pytest.param({"path": "invocations"}, 404, "UnknownOperationException", "over HTTP/2", id="operation"),
        pytest.param(
            {"headers": {"x-amzn-sagemaker-model-query-string": "?"}},
            400,
            "InputValidationError",
            "modelQueryString",
            id="query",
        ),
        pytest.param(
            {"headers": {"x-amzn-sagemaker-model-invocation-path": "/a"}},
            400,
            "InputValidationError",
            "modelInvocationPath",
            id="path",
        ),
    ],
)
async def test_a_request_is_refused_while_its_caller_sends(
    asked: dict[str, object], status: int, code: str, words: str
) -> None:
    """The refusal comes at once, whole, and the caller is told to send no more."""
    models = {"it": Duplex(shout), "plain": lambda invocation: b""}
    async with LocalEndpoint(models) as local, connected(local) as peer:  # type: ignore[arg-type]
        stream = peer.call(**asked)  # type: ignore[arg-type]
        await stream.done()

        name, document = stream.error
        assert (status, code) == (stream.status, name)
        assert words in document["Message"]
        assert stream.ended
        await peer.until(lambda: stream.reset == 0)
        assert [code] == [exchange.error_code for exchange in local.journal]


async def refuses(conversation: Conversation) -> AsyncIterator[str]:
    raise ModelFailure("busy", 503, error_code="Full")
    yield ""


async def breaks(conversation: Conversation) -> AsyncIterator[str]:
    yield "one"
    raise ValueError("out of words")


async def breaks_with_a_code(conversation: Conversation) -> AsyncIterator[str]:
    await anext(conversation)
    raise ModelFailure("enough", error_code="1008")
    yield ""


async def leaves(conversation: Conversation) -> AsyncIterator[str]:
    yield "bye"


async def mumbles(conversation: Conversation) -> AsyncIterator[str]:
    yield 7  # type: ignore[misc]


async def test_a_model_that_refuses_is_a_model_error() -> None:
    """Before it has read or said anything there is a status to say it with."""
    async with LocalEndpoint({"it": Duplex(refuses)}) as local, connected(local) as peer:
        stream = peer.call()
        await stream.done()

    name, document = stream.error
    assert (424, "ModelError") == (stream.status, name)
    assert (503, "busy", "Full") == (
        document["OriginalStatusCode"],
        document["OriginalMessage"],
        document["ErrorCode"],
    )


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (breaks, ["one", "ModelStreamError: StreamBroken: out of words"]),
        (breaks_with_a_code, ["ModelStreamError: 1008: enough"]),
        (leaves, ["bye"]),
    ],
)
async def test_a_model_may_end_before_its_caller(model: Duplex, said: list[str]) -> None:
    """By failing or in peace; the caller is told to send no more, without an error."""
    async with LocalEndpoint({"it": Duplex(model)}) as local, connected(local) as peer:
        stream = peer.call()
        stream.send("go on")
        await stream.done()

        assert (said, True) == (stream.said, stream.ended)
        await peer.until(lambda: stream.reset == 0)


async def test_a_model_that_gives_nonsense_is_told_so() -> None:
    """It is the author of the model who reads it."""
    async with LocalEndpoint({"it": Duplex(mumbles)}) as local, connected(local) as peer:
        stream = peer.call()
        await stream.done()

    assert "type int; each must be str, bytes or a Part" in stream.error[1]["OriginalMessage"]


async def test_a_model_is_closed_when_its_caller_leaves() -> None:
    """It may hold a GPU."""
    closed = asyncio.Event()

    async def waits(conversation: Conversation) -> AsyncIterator[str]:
        try:
            yield "one"
            async for _ in conversation:
                pass
        finally:
            closed.set()

    async with LocalEndpoint({"it": Duplex(waits)}) as local, connected(local) as peer:
        stream = peer.call()
        await stream.until("one")
        peer.h2.reset_stream(stream.number)
        peer.flush()

        async with asyncio.timeout(10):
            await closed.wait()
        assert "left" == local.journal[0].events[-1].name


async def test_a_model_that_does_not_read_makes_its_caller_wait() -> None:
    """The window of the stream is the back pressure; memory stays flat, and other streams go on."""

    async def deaf(conversation: Conversation) -> AsyncIterator[str]:
        yield "one"
        await asyncio.get_running_loop().create_future()

    async with LocalEndpoint({"it": Duplex(deaf), "other": Duplex(shout)}) as local, connected(local) as peer:
        stream = peer.call()
        await stream.until("one")
        sent = 0
        while (room := peer.h2.local_flow_control_window(stream.number)) > 0:
            stream.write(b"x" * min(room, 16_384))
            sent += min(room, 16_384)
        assert 131_072 == sent

        other = peer.call("other")
        other.send("a", end=True)
        await other.done()

        assert ["A"] == other.said
        assert 0 == peer.h2.local_flow_control_window(stream.number)


async def test_a_caller_that_does_not_read_makes_the_model_wait() -> None:
    """The other way round."""
    made = 0

    async def eager(conversation: Conversation) -> AsyncIterator[bytes]:
        nonlocal made
        while made < 100:
            made += 1
            yield bytes(10_000)

    async with LocalEndpoint({"it": Duplex(eager)}) as local, connected(local) as peer:
        peer.reading = False
        stream = peer.call()
        await peer.until(lambda: len(stream.body) == 65_535)
        for _ in range(100):
            await asyncio.sleep(0)

        assert made < 10
        peer.h2.increment_flow_control_window(2_000_000, stream.number)
        peer.flush()
        await stream.done()
        assert 100 == len(stream.messages)


async def test_the_journal_has_each_event_with_its_time() -> None:
    """A user's test asserts on the order of both directions."""
    async with LocalEndpoint({"it": Duplex(shout)}) as local, connected(local) as peer:
        stream = peer.call()
        stream.send("secret")
        await stream.until("SECRET")
        stream.send(end=True)
        await stream.done()

        (exchange,) = local.journal.of("it")
    assert ("InvokeEndpointWithBidirectionalStream", 200, True) == (
        exchange.operation,
        exchange.status,
        exchange.written,
    )
    assert [
        ("endpoint", "head", None),
        ("caller", "PayloadPart", Part(b"secret", is_text=True)),
        ("endpoint", "PayloadPart", Part(b"SECRET", is_text=True)),
        ("caller", "end", None),
        ("endpoint", "end", None),
    ] == [(event.sender, event.name, event.part) for event in exchange.events]
    times = [event.time for event in exchange.events]
    assert sorted(times) == times
    assert times[0] >= exchange.time
    assert [Part(b"secret", is_text=True)] == exchange.parts
    assert "secret" not in repr(exchange.events)


async def test_messages_are_parts_joined() -> None:
    """A character may be cut in two, and a message of bytes keeps its type."""
    heard: list[str | bytes] = []

    async def listens(conversation: Conversation) -> AsyncIterator[str]:
        heard.extend([message async for message in conversation.messages()])
        yield "done"

    async with LocalEndpoint({"it": Duplex(listens)}) as local, connected(local) as peer:
        stream = peer.call()
        for data, data_type, state in (
            (b"caf\xc3", "UTF8", "PARTIAL"),
            (b"\xa9", "UTF8", "COMPLETE"),
            (b"\xff", None, "PARTIAL"),
            (b"\xfe", None, None),
            (b"rest", "UTF8", "PARTIAL"),
        ):
            stream.write(stream.signed(event(data, data_type, state)))
        stream.send(end=True)
        await stream.until("done")

    assert ["café", b"\xff\xfe", "rest"] == heard


async def test_stop_ends_what_is_under_way() -> None:
    """A conversation has no end of its own that a stop could wait for."""
    local = LocalEndpoint({"it": Duplex(shout)})
    await local.start()
    async with connected(local) as peer:
        stream = peer.call()
        await peer.until(lambda: stream.status == 200)

        await local.stop()

        await peer.until(lambda: peer.lost)


async def test_tls_is_spoken_with_a_certificate_of_its_own() -> None:
    """AWS's own client takes nothing else."""
    async with LocalEndpoint({"it": Duplex(shout)}, tls=True) as local, connected(local) as peer:
        assert local.url.startswith("https://")
        assert "h2" == peer.transport.get_extra_info("ssl_object").selected_alpn_protocol()
        stream = peer.call()
        stream.send("one", end=True)
        await stream.done()

        assert ["ONE"] == stream.said
        bundle = local.ca_bundle
        assert bundle is not None
        assert str(bundle) == local.environ()["AWS_CA_BUNDLE"] == local.environ()["SSL_CERT_FILE"]
    assert not bundle.exists()


@pytest.mark.parametrize("model", [7, shout])
def test_what_cannot_talk_is_refused(model: object) -> None:
    """At the start, and not at the first call."""
    if model is shout:
        with pytest.raises(ConfigError, match="max_streams is 0"):
            LocalEndpoint({"it": Duplex(shout)}, max_streams=0)
        return
    with pytest.raises(ConfigError, match=r"asynchronous generator, .* not int"):
        Duplex(model)  # type: ignore[arg-type]
