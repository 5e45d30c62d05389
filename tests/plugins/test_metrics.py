"""What is measured of calls, attempts and streams, over real sockets, as OpenTelemetry's reader in memory gets it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
import support
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.semconv._incubating.attributes import rpc_attributes
from opentelemetry.semconv.attributes import error_attributes
from plugins.otel import Measures
from support import ManualClock, ScriptedHTTPClient
from transport.servers import OK, client_for, params, serving
from transport.streams import END, HALF, WHOLE, chunk, half, open_stream, read

from sagemaker_runtime import (
    Client,
    FinalizeInput,
    InternalStreamFailure,
    InvalidParamsError,
    InvokeEndpointInput,
    NopRetryer,
    ServiceError,
    ServiceUnavailable,
    StackError,
    StandardRetryer,
    finalize_middleware,
    initialize_middleware,
    override,
    serialize_middleware,
)
from sagemaker_runtime.local import LocalEndpoint
from sagemaker_runtime.plugins.metrics import Metrics
from sagemaker_runtime.plugins.waterfall import Waterfall
from sagemaker_runtime.streams.frames import Message, encode
from sagemaker_runtime.testing import assert_conforms

UNAVAILABLE = b"HTTP/1.1 503 X\r\nx-amzn-ErrorType: ServiceUnavailable\r\nContent-Length: 2\r\n\r\n{}"
UNITS = {
    "client.call.duration": "s",
    "client.call.in_flight": "{call}",
    "client.call.attempts": "{attempt}",
    "client.call.attempt_duration": "s",
    "client.call.serialization_duration": "s",
    "client.call.resolve_endpoint_duration": "s",
    "client.call.auth.signing_duration": "s",
    "client.http.time_to_first_byte": "s",
    "client.http.connections.usage": "{connection}",
    "client.retry_quota.available": "{token}",
}
OF_THE_CALL = {
    rpc_attributes.RPC_SERVICE: "SageMaker Runtime",
    rpc_attributes.RPC_METHOD: "InvokeEndpoint",
    "aws.sagemaker.endpoint_name": "iris",
}
OF_THE_CLIENT = {rpc_attributes.RPC_SERVICE: "SageMaker Runtime"}


def measured_by(*metrics, **changes):
    return {"api_options": list(metrics), **changes}


def at_rest(measures):
    """Whether nothing is under way any more."""
    return (0, 0) == (measures.value("client.call.in_flight"), measures.value("client.http.connections.usage"))


async def test_a_call_is_measured_under_the_go_sdks_names_and_units():
    """Dashboards and alarms that were made for the Go SDK serve for this one."""
    measures = Measures()

    async with LocalEndpoint({"iris": lambda invocation: b"setosa"}) as local:
        options = local.options()
        options.api_options = [Metrics(measures.provider)]
        async with Client(options) as client:
            await client.invoke_endpoint(params())
            metrics = measures.collect()

    assert UNITS == {name: metric.unit for name, metric in metrics.items()}
    for name in UNITS:
        (point,) = metrics[name].points
        expected = {
            "client.call.in_flight": {
                rpc_attributes.RPC_SERVICE: "SageMaker Runtime",
                rpc_attributes.RPC_METHOD: "InvokeEndpoint",
            },
            "client.http.connections.usage": {**OF_THE_CLIENT, "state": "acquired"},
            "client.retry_quota.available": OF_THE_CLIENT,
        }.get(name, OF_THE_CALL)
        assert expected == dict(point.attributes), name
        if name.endswith(("duration", "byte")):
            assert (1, True) == (point.count, 0 < point.sum < 10), name
    assert at_rest(measures)


async def test_durations_are_what_the_clock_says():
    """A duration in other units, or from another moment, would be believed as well."""
    measures, clock = Measures(), ManualClock()

    def respond(request):
        clock.advance(0.25)
        return support.answer()

    def slow(seconds):
        def pass_on(ctx, step, next):
            clock.advance(seconds)
            return next(ctx, step)

        return pass_on

    def slow_stack(stack):
        stack.initialize.add(initialize_middleware("Slow")(slow(8)))
        stack.finalize.insert(finalize_middleware("Slow")(slow(2)), before="Signing")
        stack.finalize.swap("Signing", finalize_middleware("Slow2")(slow(1)))

    changes = measured_by(slow_stack, Metrics(measures.provider), clock=clock)
    async with support.client(ScriptedHTTPClient([respond]), **changes) as client:
        await client.invoke_endpoint(params())

    sums = {name: metric.points[0].sum for name, metric in measures.collect().items() if metric.unit == "s"}
    assert {
        "client.call.duration": 11.25,
        "client.call.attempt_duration": 3.25,
        "client.http.time_to_first_byte": 0.25,
        "client.call.auth.signing_duration": 1.0,
        "client.call.serialization_duration": 0.0,
        "client.call.resolve_endpoint_duration": 0.0,
    } == sums


async def test_each_attempt_and_each_error_is_counted_once():
    """Retries are load that no caller sees, and an error that is counted twice is no rate."""
    measures = Measures()
    error = {error_attributes.ERROR_TYPE: "ServiceUnavailable"}

    async with (
        serving(UNAVAILABLE, OK, UNAVAILABLE) as server,
        client_for(server, **measured_by(Metrics(measures.provider))) as client,
    ):
        await client.invoke_endpoint(params())
        with pytest.raises(ServiceUnavailable):
            await client.invoke_endpoint(params())

    assert 5 == measures.value("client.call.attempts", OF_THE_CALL)
    assert 4 == measures.value("client.call.errors", {**OF_THE_CALL, **error})
    assert 4 == measures.value("client.call.errors")
    assert 4 == measures.value("client.call.attempt_duration", error)
    assert 1 == measures.value("client.call.duration", error)
    assert 2 == measures.value("client.call.duration")
    assert at_rest(measures)


async def test_a_call_that_is_refused_is_counted_without_its_endpoints_name():
    """Whatever stands there instead of a name would be a time series of its own."""
    measures = Measures()

    async with serving() as server, client_for(server, **measured_by(Metrics(measures.provider))) as client:
        for name in ("not a name", None):
            with pytest.raises(InvalidParamsError):
                await client.invoke_endpoint(InvokeEndpointInput(endpoint_name=name, body=b""))

    (point,) = measures.collect()["client.call.errors"].points
    expected = {**OF_THE_CALL, error_attributes.ERROR_TYPE: "InvalidParamsError"}
    del expected["aws.sagemaker.endpoint_name"]
    assert (2, expected) == (point.value, dict(point.attributes))
    assert 0 == measures.value("client.call.attempts")


async def test_a_cancelled_call_is_counted_as_such_and_is_in_flight_no_longer():
    """What was counted up must be counted down, or the gauge climbs with each user who goes away."""
    measures, reached = Measures(), asyncio.Event()

    async def hang(exchange):
        reached.set()
        await exchange.until_peer_closes()

    async with serving(hang) as server, client_for(server, **measured_by(Metrics(measures.provider))) as client:
        call = asyncio.create_task(client.invoke_endpoint(params()))
        await reached.wait()
        assert (1, 1) == (measures.value("client.call.in_flight"), measures.value("client.http.connections.usage"))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    assert 1 == measures.value("client.call.errors", {error_attributes.ERROR_TYPE: "CancelledError"})
    assert 1 == measures.value("client.call.errors")
    assert at_rest(measures)


async def test_a_streamed_call_is_in_flight_until_its_stream_ends():
    """It holds a connection and a model that long, and the head is a small part of its time."""
    measures = Measures()

    async with serving(WHOLE) as server, client_for(server, **measured_by(Metrics(measures.provider))) as client:
        stream = await open_stream(client)
        assert (1, 1) == (measures.value("client.call.in_flight"), measures.value("client.http.connections.usage"))
        assert (0, 1) == (measures.value("client.call.duration"), measures.value("client.http.time_to_first_byte"))
        assert [b"one", b"two"] == await read(stream)

    metrics = measures.collect()
    assert 1 == measures.value("client.call.time_to_first_part")
    assert 1 == measures.value("client.call.duration")
    assert "s" == metrics["client.call.time_to_first_part"].unit
    assert "client.call.errors" not in metrics
    assert at_rest(measures)


async def test_a_stream_that_fails_halfway_is_an_error_of_the_call():
    """Its attempt had succeeded, so that it would be counted nowhere."""
    measures = Measures()
    failure = encode(Message({":message-type": "exception", ":exception-type": "InternalStreamFailure"}, b"{}"))
    error = {error_attributes.ERROR_TYPE: "InternalStreamFailure"}

    async with (
        serving(HALF + chunk(failure) + END) as server,
        client_for(server, **measured_by(Metrics(measures.provider))) as client,
    ):
        with pytest.raises(InternalStreamFailure):
            await read(await open_stream(client))

    assert 1 == measures.value("client.call.errors", error)
    assert 1 == measures.value("client.call.duration", error)
    assert at_rest(measures)


@pytest.mark.parametrize("left", ["closed", "abandoned", "refused"])
async def test_a_stream_that_is_left_is_in_flight_no_longer(left):
    """Whoever leaves a stream, and however, the gauges come down."""
    measures = Measures()

    @initialize_middleware("Refuse")
    async def refuse(ctx, step, next):
        await next(ctx, step)
        raise ValueError("refused")

    changes = measured_by(Metrics(measures.provider))
    if left == "refused":
        changes["api_options"].insert(0, lambda stack: stack.initialize.add(refuse))
    async with serving(UNAVAILABLE, half) as server, client_for(server, **changes) as client:
        if left == "refused":
            with pytest.raises(ValueError, match="refused"):
                await open_stream(client)
        else:
            stream = await open_stream(client)
            if left == "closed":
                stream.close()
            else:
                gc.disable()
                with pytest.warns(ResourceWarning):
                    del stream
                gc.enable()

    assert 1 == measures.value("client.call.duration")
    assert at_rest(measures)


async def test_a_hedge_that_lost_is_an_attempt_and_no_error():
    """It was called off, and an alarm on errors must not ring for it."""
    measures, both = Measures(), asyncio.Event()

    @finalize_middleware("Hedge")
    async def hedge(ctx, step, next):
        tasks = [asyncio.ensure_future(next(ctx.for_attempt(), FinalizeInput(step.request.copy()))) for _ in range(2)]
        done, (loser,) = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        loser.cancel()
        await asyncio.gather(loser, return_exceptions=True)
        return done.pop().result()

    async def hang(exchange):
        both.set()
        await exchange.until_peer_closes()

    async def respond(exchange):
        await both.wait()
        await exchange.send(OK)

    changes = measured_by(Metrics(measures.provider), lambda stack: stack.finalize.insert(hedge, after="Retry"))
    async with serving(hang, respond) as server, client_for(server, **changes) as client:
        await client.invoke_endpoint(params())

    assert 2 == measures.value("client.call.attempts")
    assert 0 == measures.value("client.call.errors")
    assert 1 == measures.value("client.call.attempt_duration", {error_attributes.ERROR_TYPE: "CancelledError"})
    assert at_rest(measures)


async def test_the_retry_quota_is_the_lowest_of_the_retryers_that_calls_have_had():
    """A quota that runs out is the first sign of an outage; one of a client that is gone is of no interest."""
    measures = Measures()
    metrics = Metrics(measures.provider)
    client = support.client(None, **measured_by(metrics))
    await client.invoke_endpoint(params())
    assert 500 == measures.value("client.retry_quota.available")

    spent = StandardRetryer()
    spent.quota.acquire(400)
    other = support.client(None, **measured_by(metrics, retryer=spent))
    await other.invoke_endpoint(params())
    assert 101 == measures.value("client.retry_quota.available"), "one token was given back"

    del other, spent
    gc.collect()
    await client.invoke_endpoint(params(), override(retryer=NopRetryer()))
    assert 500 == measures.value("client.retry_quota.available")

    del client
    gc.collect()
    assert "client.retry_quota.available" not in measures.collect()


async def test_two_metrics_of_one_client_do_not_see_each_other():
    """A user's own and an operator's each count once."""
    measures, theirs = Measures(), Measures()
    changes = measured_by(
        Metrics(measures.provider), Metrics(measures.provider, id="Other"), Metrics(theirs.provider, id="Theirs")
    )

    async with serving(UNAVAILABLE, OK) as server, client_for(server, **changes) as client:
        await client.invoke_endpoint(params())
        stack = client.stack("InvokeEndpoint")

    for reader, scope in ((measures, "Metrics"), (measures, "Other"), (theirs, "Theirs")):
        assert 2 == reader.value("client.call.attempts", scope=scope)
        assert 1 == reader.value("client.call.errors", scope=scope)
        assert 2 == reader.value("client.call.auth.signing_duration", scope=scope)
        assert 500 == reader.value("client.retry_quota.available", scope=scope)
    assert ["Theirs", "Other", "Metrics"] == stack.initialize.ids()[:3]
    assert ["Retry", "Metrics", "Other", "Theirs", "RetryMetricsHeader", "Signing"] == stack.finalize.ids()


def test_what_is_timed_is_told_in_the_printed_stack():
    """Whoever looks for the signer finds it in its place, and who stands around it."""
    metrics = Metrics(NoOpMeterProvider())
    stack = support.client(None, **measured_by(metrics)).stack("InvokeEndpoint")

    assert "Signing (Signing, timed by Metrics)" in str(stack)
    assert "OperationSerializer (OperationSerializer, timed by Metrics)" in str(stack)
    assert "<Metrics 'Metrics'>" == repr(metrics)
    with pytest.raises(StackError, match="already has 'Metrics'"):
        metrics(stack)


def test_one_metrics_serves_the_event_loops_of_two_threads():
    """A program with a loop in each thread has one for all."""
    measures = Measures()
    metrics = Metrics(measures.provider)

    async def calls():
        async with serving(OK) as server, client_for(server, **measured_by(metrics)) as client:
            for _ in range(20):
                await client.invoke_endpoint(params())

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: asyncio.run(calls()), range(2)))

    assert 40 == measures.value("client.call.attempts") == measures.value("client.call.duration")
    assert at_rest(measures)


async def test_a_stack_that_lacks_what_is_measured_is_measured_as_far_as_it_goes():
    """A user may remove any middleware, and the call is to go on."""
    measures = Measures()

    @serialize_middleware("ToAServer")
    def to_a_server(ctx, step, next):
        step.request.scheme, step.request.host = "https", "models.test"
        return next(ctx, step)

    def strip(stack):
        stack.finalize.remove("Signing")
        stack.serialize.swap("ResolveEndpoint", to_a_server)

    def without_call(stack):
        stack.initialize.clear()

    changes = measured_by(strip, Metrics(measures.provider), without_call)
    async with support.client(None, **changes) as client:
        await client.invoke_endpoint(params())

    assert ["client.http.connections.usage"] == sorted(measures.collect())


@pytest.mark.parametrize("removed", [["RetryMetricsHeader"], ["RetryMetricsHeader", "Signing"]])
async def test_attempts_are_measured_where_what_each_attempt_does_was_removed(removed):
    """For a service of one's own that takes neither the header nor a signature."""
    measures = Measures()

    def strip(stack):
        for id in removed:
            stack.finalize.remove(id)

    async with support.client(None, **measured_by(strip, Metrics(measures.provider))) as client:
        await client.invoke_endpoint(params())
        places = client.stack("InvokeEndpoint").finalize.ids()

    assert ["Retry", "Metrics", "Signing"][: 4 - len(removed)] == places
    assert 1 == measures.value("client.call.attempts") == measures.value("client.call.attempt_duration")


@pytest.mark.parametrize("waterfall_first", [True, False])
async def test_the_retry_quota_is_seen_beside_a_waterfall(*, waterfall_first):
    """It puts something of its own into each place, and the first sign of an outage must not go out for it."""
    measures = Measures()
    plugins = [Metrics(measures.provider), Waterfall()]
    client = support.client(None, **measured_by(*(reversed(plugins) if waterfall_first else plugins)))
    await client.invoke_endpoint(params())

    assert 500 == measures.value("client.retry_quota.available")

    del client
    gc.collect()
    assert "client.retry_quota.available" not in measures.collect()


@finalize_middleware("Once")
def once(ctx, step, next):
    return next(ctx, step)


@pytest.mark.parametrize(
    "change", [lambda stack: stack.finalize.remove("Retry"), lambda stack: stack.finalize.swap("Retry", once)]
)
async def test_without_a_retryer_there_is_no_quota(change):
    """Its place may be empty, or have something of the user's own in it."""
    measures = Measures()

    async with support.client(None, **measured_by(change, Metrics(measures.provider))) as client:
        await client.invoke_endpoint(params())
        assert "client.retry_quota.available" not in measures.collect()


async def test_it_keeps_the_rules_of_the_stack():
    """What measures must not change what is measured; the stacks whose quota it reads are of all calls together."""
    await assert_conforms(Metrics(Measures().provider), state=["_endpoints", "_errors"])


async def test_endpoints_and_errors_from_outside_do_not_make_time_series_without_end():
    """An SDK keeps each one for good: a gateway that passes on names would grow until it dies. An invalid name is none."""
    measures = Measures()

    def respond(request):
        number = int(request.path.split("/")[2].removeprefix("e"))
        return support.answer(400, b"{}", x_amzn_errortype=f"Error{number}") if number % 2 else support.answer()

    changes = measured_by(Metrics(measures.provider, max_endpoints=3), retryer=NopRetryer())
    async with support.client(ScriptedHTTPClient([respond]), **changes) as client:
        for name in ("not valid", "e0", *(f"e{number}" for number in range(500)), "e0"):
            with contextlib.suppress(ServiceError, InvalidParamsError):
                await client.invoke_endpoint(InvokeEndpointInput(endpoint_name=name, body=b""))

    metrics = measures.collect()
    for name in ("client.call.duration", "client.call.attempts", "client.http.time_to_first_byte"):
        found = {point.attributes.get("aws.sagemaker.endpoint_name") for point in metrics[name].points}
        assert {"e0", "e1", "e2", "_OTHER"} == found - {None}, name
    errors = {point.attributes["error.type"] for point in metrics["client.call.errors"].points}
    assert 101 == len(errors)
    assert {"InvalidParamsError", "Error1", "_OTHER"} <= errors
    assert 3 == measures.value("client.call.duration", {"aws.sagemaker.endpoint_name": "e0"})
    assert max(len(metric.points) for metric in metrics.values()) < 120
