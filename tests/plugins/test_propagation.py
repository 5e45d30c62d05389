"""How a trace reaches what is called: in the header of AWS X-Ray, and in the custom attributes."""

from __future__ import annotations

import logging

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracerProvider, SpanContext, TraceState
from plugins.otel import ATTEMPT, CALL, PARENT, UNAVAILABLE, Spans, id_of, parent_of, traced_by, under
from transport.servers import OK, client_for, params, serving

from sagemaker_runtime import (
    Client,
    InvokeEndpointInput,
    ServiceUnavailable,
)
from sagemaker_runtime.local import Invocation, LocalEndpoint
from sagemaker_runtime.plugins.tracing import Tracing


async def echo(invocation: Invocation) -> bytes:
    return (invocation.custom_attributes or "none").encode()


async def test_a_call_continues_the_trace_it_is_made_in_and_hands_it_on():
    """The header is how AWS knows a trace; it must name the attempt, which is what the next one was called by."""
    spans = Spans()
    async with serving(OK) as server, client_for(server, **traced_by(Tracing(spans.provider))) as client:
        with under(PARENT):
            await client.invoke_endpoint(params())

    (request,) = server.requests
    attempt = id_of(spans.one(ATTEMPT))
    assert PARENT.span_id == parent_of(spans.one(CALL))
    assert (
        f"Root=1-5f84c7a1-e7d1852db8c4fd35d88bf49a;Parent={attempt:016x};Sampled=1"
        == dict(request.headers)["x-amzn-trace-id"]
    )


async def test_an_existing_trace_header_is_kept(monkeypatch):
    """Lambda's says which functions called one another, and is how AWS stops those that do so in a circle."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=25:3")

    async with serving(OK) as server, client_for(server, **traced_by(Tracing(Spans().provider))) as client:
        await client.invoke_endpoint(params())

    assert (
        "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=25:3" == dict(server.requests[0].headers)["x-amzn-trace-id"]
    )


@pytest.mark.parametrize("own", [None, "tenant=acme", "x" * (1_024 - 68)])
async def test_the_trace_reaches_the_container_behind_the_users_own_attributes(own):
    """The platform passes no other header that could carry it, and the user's own text must arrive as it was."""
    spans = Spans()

    async with LocalEndpoint({"it": echo}) as local:
        options = local.options()
        options.api_options = [Tracing(spans.provider, propagate_in_custom_attributes=True)]
        async with Client(options) as client:
            output = await client.invoke_endpoint(
                InvokeEndpointInput(endpoint_name="it", body=b"", custom_attributes=own)
            )

    attempt = spans.one(ATTEMPT).context
    traceparent = f"traceparent=00-{attempt.trace_id:032x}-{attempt.span_id:016x}-{attempt.trace_flags:02x}"
    assert (f"{own},{traceparent}" if own else traceparent) == output.body.decode()


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        ("tenant=acme", "tenant=acme,{traceparent},tracestate=a=1%2Cb=50%25"),
        ("x" * (1_024 - 68), "{own},{traceparent}"),
        ("traceparent=00-1-1-00", "{own}"),
        ("tenant=acme, traceparent=00-1-1-00", "{own}"),
        ("x-my-traceparent=none", "{own},{traceparent},tracestate=a=1%2Cb=50%25"),
    ],
)
async def test_tracestate_is_sent_if_it_fits_and_an_existing_trace_is_kept(own, sent):
    """Commas separate attributes, so those of tracestate are encoded; and the container could use only one of two traces."""
    spans = Spans()
    state = TraceState([("a", "1"), ("b", "50%")])
    tracing = Tracing(spans.provider, propagate_in_custom_attributes=True)

    async with serving(OK) as server, client_for(server, **traced_by(tracing)) as client:
        with under(SpanContext(*PARENT[:4], state)):
            await client.invoke_endpoint(params(custom_attributes=own))

    traceparent = f"traceparent=00-{PARENT.trace_id:032x}-{id_of(spans.one(ATTEMPT)):016x}-01"
    assert (
        sent.format(own=own, traceparent=traceparent)
        == dict(server.requests[0].headers)["x-amzn-sagemaker-custom-attributes"]
    )


async def test_a_trace_that_does_not_fit_is_left_out_with_a_warning(caplog):
    """The user's own text goes first, and a request that is too long would be refused as a whole."""
    own = "x" * 1_024

    async with (
        serving(OK) as server,
        client_for(server, **traced_by(Tracing(Spans().provider, propagate_in_custom_attributes=True))) as client,
    ):
        with caplog.at_level(logging.WARNING):
            await client.invoke_endpoint(params(custom_attributes=own))

    assert own == dict(server.requests[0].headers)["x-amzn-sagemaker-custom-attributes"]
    assert ["InvokeEndpoint sends no trace context: it does not fit beside custom attributes of 1024 characters"] == [
        record.getMessage() for record in caplog.records
    ]
    assert [("InvokeEndpoint", 1)] == [(record.aws_operation, record.aws_attempt) for record in caplog.records]


async def test_custom_attributes_are_left_alone_unless_asked():
    """What a container does with a text it does not expect is not ours to find out."""
    async with serving(OK) as server, client_for(server, **traced_by(Tracing(Spans().provider))) as client:
        await client.invoke_endpoint(params())

    assert "x-amzn-sagemaker-custom-attributes" not in dict(server.requests[0].headers)


@pytest.mark.parametrize("parent", [trace.INVALID_SPAN_CONTEXT, PARENT])
async def test_without_a_tracer_nothing_is_added(parent):
    """A library installs the plugin, and the program that uses it may not trace."""
    tracing = Tracing(NoOpTracerProvider(), propagate_in_custom_attributes=True)

    async with serving(OK) as server, client_for(server, **traced_by(tracing)) as client:
        with under(parent):
            await client.invoke_endpoint(params())

    names = dict(server.requests[0].headers)
    assert "x-amzn-trace-id" not in names
    assert "x-amzn-sagemaker-custom-attributes" not in names


async def test_a_trace_that_is_not_sampled_is_handed_on_as_such():
    """Whoever is called must not begin a trace of its own."""
    spans = Spans(ALWAYS_OFF)

    async with serving(UNAVAILABLE) as server, client_for(server, **traced_by(Tracing(spans.provider))) as client:
        with pytest.raises(ServiceUnavailable):
            await client.invoke_endpoint(params())

    assert () == spans.all
    assert {"Sampled=0"} == {dict(request.headers)["x-amzn-trace-id"].split(";")[2] for request in server.requests}
