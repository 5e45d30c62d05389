"""The spans of calls, attempts and streams, over real sockets, as OpenTelemetry's exporter in memory gets them."""

from __future__ import annotations

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
import support
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.semconv._incubating.attributes import (
    aws_attributes,
    cloud_attributes,
    http_attributes,
    rpc_attributes,
)
from opentelemetry.semconv.attributes import error_attributes, server_attributes, url_attributes
from opentelemetry.trace import SpanKind, StatusCode
from plugins.otel import ATTEMPT, CALL, STREAMED_CALL, UNAVAILABLE, Spans, id_of, parent_of, returning, traced_by
from support import ManualClock
from transport.servers import OK, client_for, params, serving
from transport.streams import CHUNKED, END, HALF, WHOLE, chunk, half, open_stream, read

from sagemaker_runtime import (
    Client,
    ConnectError,
    FinalizeInput,
    InternalStreamFailure,
    InvalidParamsError,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    ModelError,
    NopRetryer,
    Output,
    StackError,
    Timeout,
    TotalTimeoutError,
    build_middleware,
    finalize_middleware,
    initialize_middleware,
    with_api_options,
)
from sagemaker_runtime.plugins.tracing import Tracing
from sagemaker_runtime.streams.frames import Message, encode
from sagemaker_runtime.testing import assert_conforms

SECRET = "4111-1111-1111-1111"
RESPONDED = b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: abc-123\r\nContent-Length: 2\r\n\r\nok"


async def test_a_call_has_a_span_and_each_attempt_one_below_it():
    """The call is what a caller waits for, and the attempts are why."""
    spans = Spans()

    async with serving(RESPONDED) as server, client_for(server, **traced_by(Tracing(spans.provider))) as client:
        await client.invoke_endpoint(params())

    attempt, call = spans.all
    assert (ATTEMPT, CALL) == (attempt.name, call.name)
    assert (id_of(call), None) == (parent_of(attempt), parent_of(call))
    assert SpanKind.CLIENT == attempt.kind == call.kind
    assert StatusCode.UNSET == attempt.status.status_code == call.status.status_code
    assert {
        rpc_attributes.RPC_SYSTEM: "aws-api",
        rpc_attributes.RPC_SERVICE: "SageMaker Runtime",
        rpc_attributes.RPC_METHOD: "InvokeEndpoint",
        cloud_attributes.CLOUD_REGION: "us-east-1",
        aws_attributes.AWS_REQUEST_ID: "abc-123",
        http_attributes.HTTP_RESPONSE_STATUS_CODE: 200,
        http_attributes.HTTP_RESPONSE_BODY_SIZE: 2,
        "aws.sagemaker.endpoint_name": "iris",
    } == dict(call.attributes)
    assert {
        http_attributes.HTTP_REQUEST_METHOD: "POST",
        http_attributes.HTTP_REQUEST_BODY_SIZE: 7,
        http_attributes.HTTP_RESPONSE_STATUS_CODE: 200,
        http_attributes.HTTP_RESPONSE_BODY_SIZE: 2,
        url_attributes.URL_FULL: f"{server.url}/endpoints/iris/invocations",
        server_attributes.SERVER_ADDRESS: "127.0.0.1",
        server_attributes.SERVER_PORT: server.port,
        aws_attributes.AWS_REQUEST_ID: "abc-123",
        "operation.attempt": 1,
    } == dict(attempt.attributes)


async def test_an_attempt_that_is_tried_again_has_a_span_with_its_error_and_the_next_one_has_the_reason():
    """A slow call that succeeded is explained by the attempts that did not."""
    spans = Spans()

    async with (
        serving(UNAVAILABLE, OK) as server,
        client_for(server, **traced_by(Tracing(spans.provider))) as client,
    ):
        await client.invoke_endpoint(params())

    first, second, call = spans.all
    assert [id_of(call)] * 2 == [parent_of(first), parent_of(second)]
    assert ("ServiceUnavailable", 503, "r-1", 1) == tuple(
        first.attributes[name]
        for name in (
            error_attributes.ERROR_TYPE,
            http_attributes.HTTP_RESPONSE_STATUS_CODE,
            aws_attributes.AWS_REQUEST_ID,
            "operation.attempt",
        )
    )
    assert (StatusCode.ERROR, None) == (first.status.status_code, first.status.description)
    assert (2, 1, "ServiceUnavailable") == tuple(
        second.attributes[name]
        for name in ("operation.attempt", http_attributes.HTTP_REQUEST_RESEND_COUNT, "operation.retry_reason")
    )
    assert StatusCode.UNSET == second.status.status_code == call.status.status_code
    assert error_attributes.ERROR_TYPE not in call.attributes


async def test_what_is_said_between_caller_and_model_is_in_no_span():
    """Traces are read by more people than bodies are, and are kept longer."""
    spans = Spans()

    @build_middleware("AddQuery")
    def add_query(ctx, step, next):
        step.request.query = f"token={SECRET}"
        return next(ctx, step)

    judged = SECRET[:9]  # a part of what was sent, which the error shows: what is quoted whole is redacted there too
    body = b'{"Message":"cannot judge %b","OriginalMessage":"%b"}' % (judged.encode(), judged.encode())
    failed = b"HTTP/1.1 424 X\r\nx-amzn-ErrorType: ModelError\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    changes = traced_by(Tracing(spans.provider), lambda stack: stack.build.add(add_query))
    async with serving(failed) as server, client_for(server, **changes) as client:
        with pytest.raises(ModelError, match=judged):
            await client.invoke_endpoint(params(SECRET.encode(), custom_attributes="SECRET-tenant"))

    assert [ATTEMPT, CALL] == [span.name for span in spans.all]
    assert "SECRET-tenant" not in spans.text()
    assert {"ModelError"} == {span.attributes[error_attributes.ERROR_TYPE] for span in spans.all}
    assert judged not in spans.text()
    assert "Signature" not in spans.text()


async def test_an_error_of_the_transport_is_shown_in_the_status():
    """Its text is ours, and says what no attribute does: where it could not connect, and why."""
    spans = Spans()
    async with serving() as server:
        pass

    async with client_for(server, **traced_by(Tracing(spans.provider), retryer=NopRetryer())) as client:
        with pytest.raises(ConnectError) as caught:
            await client.invoke_endpoint(params())

    for span in spans.all:
        assert (StatusCode.ERROR, caught.value.message) == (span.status.status_code, span.status.description)
        assert "ConnectError" == span.attributes[error_attributes.ERROR_TYPE]
        assert () == span.events


async def test_a_call_that_is_refused_before_it_is_sent_has_a_span_of_its_own():
    """It is the caller's fault and takes no time, yet it failed."""
    spans = Spans()

    async with serving() as server, client_for(server, **traced_by(Tracing(spans.provider))) as client:
        with pytest.raises(InvalidParamsError):
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name=None, body=b""))

    (call,) = spans.all
    assert "InvalidParamsError" == call.attributes[error_attributes.ERROR_TYPE]
    assert "aws.sagemaker.endpoint_name" not in call.attributes


async def test_a_cancelled_call_ends_its_spans_and_stays_cancelled():
    """A span that never ends is never exported, and a cancellation that is swallowed breaks the caller."""
    spans, clock, reached = Spans(), ManualClock(), asyncio.Event()

    async def hang(exchange):
        reached.set()
        await exchange.until_peer_closes()

    changes = traced_by(Tracing(spans.provider), clock=clock, timeout=Timeout(total=60))
    async with serving(hang) as server, client_for(server, **changes) as client:
        call = asyncio.create_task(client.invoke_endpoint(params()))
        await reached.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    assert [ATTEMPT, CALL] == [span.name for span in spans.all]
    assert ["CancelledError"] * 2 == [span.attributes[error_attributes.ERROR_TYPE] for span in spans.all]


async def test_the_end_of_the_total_time_is_distinguished_from_a_cancellation():
    """Both reach a middleware as CancelledError, and a time limit is the one that somebody has to look into."""
    spans, clock = Spans(), ManualClock()

    async def hang(exchange):
        clock.advance(1)
        await exchange.until_peer_closes()

    changes = traced_by(Tracing(spans.provider), clock=clock, timeout=Timeout(total=0.05))
    async with serving(hang) as server, client_for(server, **changes) as client:
        with pytest.raises(TotalTimeoutError):
            await client.invoke_endpoint(params())

    assert ["TotalTimeoutError"] * 2 == [span.attributes[error_attributes.ERROR_TYPE] for span in spans.all]


def stream_facts(spans):
    """The attempt's and the call's: whether the stream ended, the error, and the events."""
    attempt, call = spans.all
    assert [ATTEMPT, STREAMED_CALL] == [attempt.name, call.name]
    assert id_of(call) == parent_of(attempt)
    return [
        (
            span.attributes["aws.sagemaker.stream_ended"],
            span.attributes.get(error_attributes.ERROR_TYPE),
            [event.name for event in span.events],
        )
        for span in (attempt, call)
    ]


async def test_the_spans_of_a_stream_end_with_it():
    """The head is a small part of a model's response, and a trace should show the whole."""
    spans = Spans()

    async with serving(WHOLE) as server, client_for(server, **traced_by(Tracing(spans.provider))) as client:
        stream = await open_stream(client)
        assert () == spans.all
        assert [b"one", b"two"] == await read(stream)

    assert [(True, None, ["aws.sagemaker.first_part"])] * 2 == stream_facts(spans)
    received = len(WHOLE) - len(CHUNKED) - len(END) - 2 * len(b"2f\r\n\r\n")
    for span in spans.all:
        assert StatusCode.UNSET == span.status.status_code
        assert "abc-123" == span.attributes[aws_attributes.AWS_REQUEST_ID]
        assert received == span.attributes[http_attributes.HTTP_RESPONSE_BODY_SIZE]


async def test_a_stream_that_fails_halfway_fails_its_spans():
    """The caller has seen a success, and only the span's end can say otherwise."""
    spans = Spans()
    failure = encode(
        Message(
            {":message-type": "exception", ":exception-type": "InternalStreamFailure"},
            b'{"Message":"%b"}' % SECRET.encode(),
        )
    )

    async with (
        serving(HALF + chunk(failure) + END) as server,
        client_for(server, **traced_by(Tracing(spans.provider))) as client,
    ):
        with pytest.raises(InternalStreamFailure):
            await read(await open_stream(client))

    assert [(False, "InternalStreamFailure", ["aws.sagemaker.first_part"])] * 2 == stream_facts(spans)
    assert {StatusCode.ERROR} == {span.status.status_code for span in spans.all}
    assert SECRET not in spans.text()


async def test_a_stream_that_is_closed_early_ends_its_spans():
    """A reader who has read enough has not failed; the span says that the stream did not end."""
    spans = Spans()

    async with serving(half) as server, client_for(server, **traced_by(Tracing(spans.provider))) as client:
        async with await open_stream(client) as stream:
            await anext(stream)
        await stream.aclose()

    assert [(False, None, ["aws.sagemaker.first_part"])] * 2 == stream_facts(spans)


@pytest.mark.parametrize("script", [[half], [UNAVAILABLE, half]])
async def test_a_stream_that_is_abandoned_ends_its_spans_at_once(script):
    """Nobody else would end them, so the spans must not keep the stream alive, not even until garbage collection."""
    spans = Spans()

    async with serving(*script) as server, client_for(server, **traced_by(Tracing(spans.provider))) as client:
        stream = await open_stream(client)
        gc.disable()
        try:
            with pytest.warns(ResourceWarning, match="neither read to its end nor closed"):
                del stream
        finally:
            gc.enable()

    assert [(False, None)] * 2 == [
        (span.attributes["aws.sagemaker.stream_ended"], span.attributes.get(error_attributes.ERROR_TYPE))
        for span in spans.all[-2:]
    ]


async def test_a_stream_whose_reader_is_cancelled_ends_its_spans():
    """A user who goes away must not look like a model that fails."""
    spans = Spans()

    async with serving(half) as server, client_for(server, **traced_by(Tracing(spans.provider))) as client:
        stream = await open_stream(client)
        await anext(stream)
        reader = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader

    assert [(False, "CancelledError", ["aws.sagemaker.first_part"])] * 2 == stream_facts(spans)


async def test_a_stream_that_a_middleware_refuses_ends_the_span_of_its_attempt():
    """The attempt's span waits for a stream that the caller never sees."""
    spans = Spans()

    @initialize_middleware("Refuse")
    async def refuse(ctx, step, next):
        await next(ctx, step)
        raise ValueError("refused")

    changes = traced_by(lambda stack: stack.initialize.add(refuse), Tracing(spans.provider))
    async with serving(half) as server, client_for(server, **changes) as client:
        with pytest.raises(ValueError, match="refused"):
            await open_stream(client)

    call, attempt = spans.all
    assert ("ValueError", False) == (
        call.attributes[error_attributes.ERROR_TYPE],
        attempt.attributes["aws.sagemaker.stream_ended"],
    )


@pytest.mark.parametrize("hedge_first", [True, False])
async def test_two_attempts_at_once_have_spans_of_their_own(hedge_first):
    """A hedge and what it hedges run side by side below one call, whichever was added first."""
    spans, both = Spans(), asyncio.Event()

    @finalize_middleware("Hedge")
    async def hedge(ctx, step, next):
        tasks = [asyncio.ensure_future(next(ctx.for_attempt(), FinalizeInput(step.request.copy()))) for _ in range(2)]
        await both.wait()
        done, (loser,) = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        loser.cancel()
        await asyncio.gather(loser, return_exceptions=True)
        return done.pop().result()

    async def hang(exchange):
        await exchange.until_peer_closes()

    async def respond_to(exchange):
        both.set()
        await exchange.send(OK)

    api_options = [lambda stack: stack.finalize.insert(hedge, after="Retry"), Tracing(spans.provider)]
    async with (
        serving(hang, respond_to) as server,
        client_for(server, api_options=api_options if hedge_first else api_options[::-1]) as client,
    ):
        await client.invoke_endpoint(params())

    winner, loser, call = spans.all
    assert [id_of(call)] * 2 == [parent_of(winner), parent_of(loser)]
    assert [None, "CancelledError"] == [span.attributes.get(error_attributes.ERROR_TYPE) for span in (winner, loser)]
    parents = {dict(request.headers)["x-amzn-trace-id"].split(";")[1] for request in server.requests}
    assert {f"Parent={id_of(span):016x}" for span in (winner, loser)} == parents


async def test_two_tracings_of_one_client_do_not_see_each_other():
    """An operator and a user may each send traces to a backend of their own, where the other's spans are not found."""
    ours, theirs = Spans(), Spans()

    async with (
        serving(UNAVAILABLE, OK) as server,
        client_for(server, **traced_by(Tracing(ours.provider), Tracing(theirs.provider, id="Theirs"))) as client,
    ):
        await client.invoke_endpoint(params())
        stack = client.stack("InvokeEndpoint")

    for spans in (ours, theirs):
        assert [ATTEMPT, ATTEMPT, CALL] == [span.name for span in spans.all]
        assert {id_of(spans.one(CALL))} == {parent_of(span) for span in spans.named(ATTEMPT)}
    assert ["Theirs", "Tracing"] == stack.initialize.ids()[:2]
    assert ["Retry", "Tracing", "Theirs", "RetryMetricsHeader"] == stack.finalize.ids()[:4]


def test_two_tracings_under_one_id_are_refused():
    """A tracing that is given to a client and to a call would count each call twice."""
    tracing = Tracing(Spans().provider)

    with pytest.raises(StackError, match="already has 'Tracing'"):
        Client(None, with_api_options(tracing, tracing))

    assert "<Tracing 'Tracing'>" == repr(tracing)


async def test_the_tasks_of_a_client_have_calls_of_their_own():
    """A middleware is one object for all calls; what it knows of one must not be met by another."""
    spans, arrived = Spans(), asyncio.Barrier(2)

    async def together(exchange):
        await exchange.read_body()
        await arrived.wait()
        await exchange.send(OK)

    async with serving(together) as server, client_for(server, **traced_by(Tracing(spans.provider))) as client:
        await asyncio.gather(*(client.invoke_endpoint(params()) for _ in range(2)))

    calls = spans.named(CALL)
    assert 2 == len({span.context.trace_id for span in calls})
    assert {(id_of(span), span.context.trace_id) for span in calls} == {
        (parent_of(span), span.context.trace_id) for span in spans.named(ATTEMPT)
    }


def test_one_tracing_serves_the_event_loops_of_two_threads():
    """A program with a loop in each thread has one tracing for all."""
    spans = Spans()
    tracing = Tracing(spans.provider)

    async def call(_):
        async with serving(OK) as server, client_for(server, **traced_by(tracing)) as client:
            for _ in range(20):
                await client.invoke_endpoint(params())

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda number: asyncio.run(call(number)), range(2)))

    assert {id_of(span) for span in spans.named(CALL)} == {parent_of(span) for span in spans.named(ATTEMPT)}
    assert 40 == len(spans.named(CALL)) == len(spans.named(ATTEMPT))


async def test_the_span_of_the_call_is_current_around_it_and_that_of_the_attempt_within():
    """What other middleware, and an instrumented transport, trace belongs below them; what comes after does not."""
    spans, seen = Spans(), []

    def note(ctx, step, next):
        seen.append(trace.get_current_span().get_span_context().span_id)
        return next(ctx, step)

    def spy(stack):
        stack.build.add(build_middleware("Spy")(note))
        stack.finalize.add(finalize_middleware("Spy")(note))

    async with serving(OK) as server, client_for(server, **traced_by(Tracing(spans.provider), spy)) as client:
        await client.invoke_endpoint(params())

    assert [id_of(spans.one(CALL)), id_of(spans.one(ATTEMPT))] == seen
    assert not trace.get_current_span().get_span_context().is_valid


async def test_a_stream_that_is_not_sampled_is_read_as_any_other():
    """Most are not sampled, in a busy service."""
    spans = Spans(ALWAYS_OFF)

    async with serving(WHOLE) as server, client_for(server, **traced_by(Tracing(spans.provider))) as client:
        assert [b"one", b"two"] == await read(await open_stream(client))

    assert () == spans.all


async def test_an_output_of_a_middleware_has_no_facts_of_the_wire():
    """A cache may return one in the service's stead."""
    spans = Spans()
    output = Output(InvokeEndpointOutput(body=b"cached"))

    async with support.client(None, **traced_by(Tracing(spans.provider), returning(output))) as client:
        await client.invoke_endpoint(params())

    assert http_attributes.HTTP_RESPONSE_STATUS_CODE not in spans.one(ATTEMPT).attributes
    assert aws_attributes.AWS_REQUEST_ID not in spans.one(CALL).attributes


async def test_a_middleware_that_returns_nothing_gets_the_clients_error():
    """The client's error names the mistake; one of the tracing's own would hide it."""
    spans = Spans()

    async with support.client(None, **traced_by(Tracing(spans.provider), returning(None))) as client:
        with pytest.raises(StackError, match="the finalize middleware 'StandIn' returned None"):
            await client.invoke_endpoint(params())

    assert "StackError" == spans.one(CALL).attributes[error_attributes.ERROR_TYPE]
    assert StatusCode.ERROR == spans.one(ATTEMPT).status.status_code


async def test_without_the_span_of_the_call_there_is_none_of_an_attempt():
    """Whoever clears a step has removed what was in it."""
    spans = Spans()

    async with (
        serving(OK) as server,
        client_for(server, **traced_by(Tracing(spans.provider), lambda stack: stack.initialize.clear())) as client,
    ):
        await client.invoke_endpoint(params())

    assert () == spans.all


@pytest.mark.parametrize("removed", [["RetryMetricsHeader"], ["RetryMetricsHeader", "Signing"]])
async def test_an_attempt_has_a_span_where_what_each_attempt_does_was_removed(removed):
    """For a service of one's own that takes neither the header nor a signature."""
    spans = Spans()

    def strip(stack):
        for id in removed:
            stack.finalize.remove(id)

    async with support.client(None, **traced_by(strip, Tracing(spans.provider))) as client:
        await client.invoke_endpoint(params())
        places = client.stack("InvokeEndpoint").finalize.ids()

    assert [ATTEMPT, CALL] == [span.name for span in spans.all]
    assert ["Retry", "Tracing", "Signing"][: 4 - len(removed)] == places


@pytest.mark.parametrize("propagates", [True, False])
async def test_it_keeps_the_rules_of_the_stack(*, propagates):
    """What traces must not change what is traced."""
    await assert_conforms(Tracing(Spans().provider, propagate_in_custom_attributes=propagates))
