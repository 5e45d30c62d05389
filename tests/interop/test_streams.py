"""InvokeEndpointWithResponseStream: frames that LocalStack encoded, and the ways in which they may stop coming."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore import xform_name

from sagemaker_runtime import (
    Client,
    EventStreamError,
    InternalStreamFailure,
    InvokeEndpointWithResponseStreamInput,
    ModelStreamError,
    PayloadPart,
    ServiceError,
    Timeout,
    TruncatedResponseError,
    errors,
    override,
)

if "INTEROP_PYTHON" not in os.environ:
    pytest.skip("INTEROP_PYTHON names no Python that has LocalStack; run `make interop`", allow_module_level=True)

EVERY_BYTE = bytes(range(256))
PART = 65_536  # bytes of a part of huge-M
MAX_MEMORY = 8 * 2**20  # bytes: 128 of those parts, many times the buffers of a connection

# No two values are alike, so that a member under another's header shows.
STREAMING: dict[str, Any] = {
    "EndpointName": "parsed",
    "Body": EVERY_BYTE,
    "ContentType": "application/json",
    "Accept": "text/event-stream",
    "CustomAttributes": "tenant=acme",
    "TargetVariant": "Variant-1",
    "TargetContainerHostname": "container-2",
    "InferenceId": "inference 3/4",
    "InferenceComponentName": "component-5",
    "SessionId": "session-6",
    "PrefixAwareId": "prefix~7",
}


@pytest.fixture
def peak() -> Iterator[Callable[[], int]]:
    """Tells the most bytes that were allocated at once since the test began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


async def stream(client: Client, endpoint: str, got: list[bytes] | None = None, **members: Any) -> list[bytes]:
    """The parts of a stream; *got* has those before a failure too."""
    got = [] if got is None else got
    output = await client.invoke_endpoint_with_response_stream(
        InvokeEndpointWithResponseStreamInput(**{"endpoint_name": endpoint, "body": b"x", **members})
    )
    async with output.body as events:
        async for event in events:
            if isinstance(event, PayloadPart):
                got.append(event.bytes)
    return got


async def test_every_member_of_a_streaming_invocation_arrives_as_itself(client: Client) -> None:
    """Accept travels under another header than a plain invocation's; none that the newest model has is missing."""
    parts = await stream(client, "parsed", **{xform_name(name): value for name, value in STREAMING.items()})

    told = json.loads(b"".join(parts))
    told["members"]["Body"] = base64.b64decode(told["members"]["Body"])
    assert {
        "operation": "InvokeEndpointWithResponseStream",
        "members": STREAMING,
        "modelled": sorted(STREAMING),
    } == told


async def test_every_member_of_a_streaming_answer_is_read(client: Client) -> None:
    """The content type is not the header of that name, which says that the body is an event stream."""
    output = await client.invoke_endpoint_with_response_stream(
        InvokeEndpointWithResponseStreamInput(
            endpoint_name="echo",
            body=EVERY_BYTE,
            content_type="text/csv",
            custom_attributes="tenant=acme",
            target_variant="Variant-1",
        )
    )
    async with output.body as events:
        got = [event async for event in events]

    # LocalStack greets on every stream with an initial-response, as protocols whose heads carry no members do.
    assert [PayloadPart(EVERY_BYTE)] == got
    assert "text/csv" == output.content_type
    assert "tenant=acme" == output.custom_attributes
    assert "Variant-1" == output.invoked_production_variant


@pytest.mark.parametrize("count", [0, 1, 1_000])
async def test_parts_come_all_and_in_order(client: Client, count: int) -> None:
    """A stream may be empty, and frames and reads from the socket do not coincide."""
    parts = await stream(client, f"parts-{count}")

    assert [b"part %d" % number for number in range(count)] == parts


@pytest.mark.parametrize("code", ["InternalFailure", "ServiceUnavailable", "ValidationError", "ModelError"])
async def test_an_error_instead_of_a_stream_has_its_class(client: Client, code: str) -> None:
    """Until the stream begins, errors come as those of any operation."""
    with pytest.raises(ServiceError, match=f"{code} of the server") as caught:
        await stream(client, f"error-{code}")

    assert getattr(errors, code) is type(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "expected", "code", "error_code"),
    [
        ("error-ModelStreamError", ModelStreamError, "ModelStreamError", "ModelInvocationTimeExceeded"),
        ("error-InternalStreamFailure", InternalStreamFailure, "InternalStreamFailure", None),
        ("unmodelled", ServiceError, "InternalError", None),
    ],
)
async def test_an_error_in_a_stream_comes_after_the_parts_before_it(
    client: Client, endpoint: str, expected: type[ServiceError], code: str, error_code: str | None
) -> None:
    """Parts that have come are good; the model's two exceptions have classes, an error message has a code."""
    got: list[bytes] = []

    with pytest.raises(ServiceError) as caught:
        await stream(client, endpoint, got)

    assert [b"one", b"two"] == got
    assert expected is type(caught.value)
    assert code == caught.value.code
    assert error_code == getattr(caught.value, "error_code", None)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("cut-frame", EventStreamError),
        ("cut-body", TruncatedResponseError),
        ("cut-chunk", TruncatedResponseError),
    ],
)
async def test_a_stream_that_breaks_off_never_ends_in_silence(
    client: Client, endpoint: str, expected: type[Exception]
) -> None:
    """Inside a frame of a body that ends well, between two chunks, or inside both: half an answer is no answer."""
    got: list[bytes] = []

    with pytest.raises(expected):
        await stream(client, endpoint, got)

    assert [b"one", b"two"] == got


async def test_ten_thousand_slow_parts_are_handed_out_as_they_come(client: Client, peak: Callable[[], int]) -> None:
    """Both limits are shorter than the stream: one is for a pause in it, the other ends with its head."""
    count, seconds = 10_000, 30
    lags: list[float] = []
    output = await client.invoke_endpoint_with_response_stream(
        InvokeEndpointWithResponseStreamInput(
            endpoint_name="slow", body=b"x", custom_attributes=f"count={count} seconds={seconds}"
        ),
        override(timeout=Timeout(read=10.0, total=20.0)),
    )

    started = time.monotonic()
    async with output.body as events:
        async for event in events:
            if isinstance(event, PayloadPart):
                number, sent = map(int, event.bytes.split())
                assert len(lags) == number
                lags.append(time.monotonic() - sent / 1e9)
    took = time.monotonic() - started

    assert count == len(lags)
    assert took > seconds * 0.9
    assert max(lags) < 5, "seconds by this machine's clock, which both processes read: parts were held back"
    assert peak() < MAX_MEMORY


async def test_a_gigabyte_streams_in_constant_memory(client: Client, peak: Callable[[], int]) -> None:
    """What is not read yet waits at the server, which could send most of it during the pause."""
    mebibytes = 1_024
    count = 0
    output = await client.invoke_endpoint_with_response_stream(
        InvokeEndpointWithResponseStreamInput(endpoint_name=f"huge-{mebibytes}", body=b"x")
    )

    async with output.body as events:
        async for event in events:
            if isinstance(event, PayloadPart):
                assert PART == len(event.bytes)
                assert count == int.from_bytes(event.bytes[:8], "big")
                count += 1
                if count == 100:
                    await asyncio.sleep(2)

    assert mebibytes * 2**20 // PART == count
    assert peak() < MAX_MEMORY
