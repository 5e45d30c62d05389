"""Asynchronous inferences: queued, run, and fetched from the small S3, all on one machine."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from both_clients import Client
from botocore.loaders import Loader
from botocore.session import Session
from support import NOON, ManualClock, StillClock

from sagemaker_runtime import (
    ATTEMPTS,
    AsyncInferenceError,
    AsyncInferenceResult,
    Headers,
    InvokeEndpointAsyncInput,
    InvokeEndpointAsyncOutput,
    Options,
    StandardRetryer,
    ValidationError,
    override,
    with_api_options,
)
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint
from sagemaker_runtime.local.backends.backends import FunctionBackend
from sagemaker_runtime.local.backends.hosting import HostedEndpoint
from sagemaker_runtime.local.faults.plan import FaultPlan
from sagemaker_runtime.local.storage.asynchronous import Asynchronous, queued
from sagemaker_runtime.local.storage.storage import Storage
from sagemaker_runtime.operations.routes import route

pytestmark = pytest.mark.twice

BUCKET = "sagemaker-us-east-1-000000000000"
CARELESS = with_api_options(lambda stack: stack.initialize.remove("OperationInputValidation"))

ROUTE = route("POST", "/endpoints/it/async-invocations")


def shout(invocation: Invocation) -> Answer:
    return Answer(body=invocation.body.upper(), content_type="text/x-loud")


def impatient(local: LocalEndpoint) -> Options:
    """Options of a client that waits between two looks for no real time."""
    options = local.options()
    options.clock = StillClock(time.time())
    return options


def sent(**members: Any) -> InvokeEndpointAsyncInput:
    given = {"body": b"5.1"} if members.keys().isdisjoint({"body", "input_location"}) else {}
    return InvokeEndpointAsyncInput(**{"endpoint_name": "it", **given, **members})


async def test_a_result_is_fetched_with_nothing_but_the_endpoints_options() -> None:
    """A service's own code runs as it stands: it knows of no local endpoint, and of no other S3."""
    seen: list[Invocation] = []

    def model(invocation: Invocation) -> Answer:
        seen.append(invocation)
        return shout(invocation)

    members = {"content_type": "text/csv", "accept": "text/plain", "custom_attributes": "a", "inference_id": "id 1"}
    async with LocalEndpoint({"it": model}) as local, Client(impatient(local)) as client:
        output = await client.invoke_endpoint_async(sent(body=b"iris", **members))
        found = await client.wait_for_output(output)

    assert AsyncInferenceResult(b"IRIS", "text/x-loud", str(output.output_location)) == found
    assert members | {"body": b"iris"} == {name: getattr(seen[0], name) for name in (*members, "body")}
    assert "id 1" == output.inference_id


async def test_an_inference_without_an_id_is_given_one_that_the_model_sees_too() -> None:
    """It is what ties the logs of both sides together."""
    async with (
        LocalEndpoint({"it": lambda invocation: str(invocation.inference_id).encode()}) as local,
        Client(impatient(local)) as client,
    ):
        output = await client.invoke_endpoint_async(sent())
        found = await client.wait_for_output(output)

    assert 4 == uuid.UUID(output.inference_id).version
    assert str(output.inference_id).encode() == found.body


async def test_a_generators_pieces_make_one_object() -> None:
    """The same model serves the streaming call and this one."""

    async def model(invocation: Invocation) -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    async with LocalEndpoint({"it": model}) as local, Client(impatient(local)) as client:
        found = await client.wait_for_output(await client.invoke_endpoint_async(sent()))

    assert (b"ab", "application/octet-stream") == (found.body, found.content_type)


async def test_two_inferences_of_one_id_have_a_result_each() -> None:
    """The id is the caller's, and one that is used twice must not give the second caller the first one's result."""
    async with LocalEndpoint({"it": shout}) as local, Client(impatient(local)) as client:
        outputs = [await client.invoke_endpoint_async(sent(body=body, inference_id="same")) for body in (b"a", b"b")]
        found = [await client.wait_for_output(output) for output in outputs]

    assert [b"A", b"B"] == [result.body for result in found]


@pytest.mark.parametrize(
    "location",
    [
        "s3://inputs/a b/1.csv",
        "https://inputs.s3.us-east-1.amazonaws.com/a%20b/1.csv",
        "https://s3.us-east-1.amazonaws.com/inputs/a%20b/1.csv",
    ],
)
async def test_an_input_is_read_from_the_folder(tmp_path: Path, location: str) -> None:
    """Its path is its location, as in all the forms in which the service takes one."""
    (tmp_path / "inputs" / "a b").mkdir(parents=True)
    (tmp_path / "inputs" / "a b" / "1.csv").write_bytes(b"large")

    async with LocalEndpoint({"it": shout}, folder=tmp_path) as local, Client(impatient(local)) as client:
        output = await client.invoke_endpoint_async(sent(input_location=location))
        found = await client.wait_for_output(output)

    assert b"LARGE" == found.body
    assert b"LARGE" == (tmp_path / str(output.output_location).removeprefix("s3://")).read_bytes()


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        (f"s3://{BUCKET}/gone", "cannot be read: NoSuchKey: The specified key does not exist."),
        ("s3://nowhere/gone", "cannot be read: NoSuchBucket: "),
        (f"s3://{BUCKET}/../../etc/passwd", "cannot be read: InvalidURI: "),
        ("https://s3.us-east-1.amazonaws.com/inputs", "cannot be read: "),
        ("https://example.com/inputs/a", "names no object in S3"),
        ("s3://inputs", "names no object in S3"),
    ],
)
async def test_an_input_that_cannot_be_read_is_a_failure_of_the_inference(location: str, problem: str) -> None:
    """The service takes the request without a look at its input, which may still be on its way there."""
    async with LocalEndpoint({"it": shout}) as local, Client(impatient(local)) as client:
        output = await client.invoke_endpoint_async(sent(input_location=location))
        with pytest.raises(AsyncInferenceError) as raised:
            await client.wait_for_output(output)

    assert location in raised.value.message
    assert problem in raised.value.message
    assert output.failure_location == raised.value.failure_location


async def test_a_model_that_fails_is_reported_in_the_services_words() -> None:
    """With the container's own text in them, which is what one looks for."""

    def model(invocation: Invocation) -> bytes:
        raise ValueError("no such flower: \u00e9")

    async with LocalEndpoint({"it": model}) as local, Client(impatient(local)) as client:
        output = await client.invoke_endpoint_async(sent())
        with pytest.raises(AsyncInferenceError) as raised:
            await client.wait_for_output(output)

    assert raised.value.message.startswith(
        'Received server error (500) from primary with message "no such flower: \u00e9". See https://us-east-1.'
    )


class Held:
    """A model that is let go by hand."""

    def __init__(self) -> None:
        self.begun: list[bytes] = []
        self.running = self.most = 0
        self.release = asyncio.Event()
        self.cancelled = 0

    async def judge(self, invocation: Invocation) -> bytes:
        self.begun.append(invocation.body)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.running -= 1
        return invocation.body

    async def until_begun(self, number: int) -> None:
        async with asyncio.timeout(10):
            while len(self.begun) < number:
                await asyncio.sleep(0)


async def test_four_inferences_run_at_once_and_the_others_wait_in_order() -> None:
    """A real endpoint has so many workers and no more, and a queue that could be overtaken would starve somebody."""
    held = Held()
    bodies = [b"%d" % number for number in range(12)]

    async with LocalEndpoint({"it": held.judge, "other": shout}) as local, Client(impatient(local)) as client:
        outputs = [await client.invoke_endpoint_async(sent(body=body)) for body in bodies]
        other = await client.wait_for_output(await client.invoke_endpoint_async(sent(endpoint_name="other")))
        await held.until_begun(4)
        at_once = list(held.begun)
        held.release.set()
        found = [(await client.wait_for_output(output)).body for output in outputs]

    assert b"5.1" == other.body, "another endpoint has a queue of its own"
    assert bodies[:4] == at_once
    assert bodies == held.begun == found
    assert 4 == held.most
    assert 12 == local.calls("it")


@pytest.mark.parametrize(("waited", "expired"), [(60.0, False), (60.5, True)])
async def test_a_request_that_has_waited_too_long_is_not_run(waited: float, *, expired: bool) -> None:
    """Its caller has long given up; the age is that at its turn, by the endpoint's clock."""
    held, clock = Held(), ManualClock()

    async with (
        LocalEndpoint({"it": held.judge}, clock=clock) as local,
        Client(local.options(), override(clock=StillClock(NOON))) as client,
    ):
        for _ in range(4):
            await client.invoke_endpoint_async(sent())
        late = await client.invoke_endpoint_async(sent(body=b"late", request_ttl_seconds=60))
        await held.until_begun(4)
        clock.advance(waited)
        held.release.set()
        outcome = await outcome_of(client, late)

    assert ("The request expired: it was queued for more than 60 seconds." if expired else b"late") == outcome
    assert (b"late" in held.begun) is not expired


async def outcome_of(client: Client, output: InvokeEndpointAsyncOutput) -> bytes | str:
    try:
        return (await client.wait_for_output(output)).body
    except AsyncInferenceError as error:
        return error.message


@pytest.mark.parametrize(("taken", "expired"), [(30.0, False), (30.5, True)])
async def test_a_model_that_takes_too_long_has_failed(taken: float, *, expired: bool) -> None:
    """Even if it comes to an end: the service would have hung up by then."""
    clock = ManualClock()

    async def model(invocation: Invocation) -> bytes:
        await clock.sleep(taken)
        return b"done"

    async with (
        LocalEndpoint({"it": model}, clock=clock) as local,
        Client(local.options(), override(clock=StillClock(NOON))) as client,
    ):
        outcome = await outcome_of(client, await client.invoke_endpoint_async(sent(invocation_timeout_seconds=30)))

    assert ("The model did not respond within 30 seconds." if expired else b"done") == outcome


async def ran(tmp_path: Path, held: Held, *keys: str, **changes: Any) -> list[str]:
    """What is left in *keys* when one request has been run by a queue of its own."""
    storage = Storage(tmp_path, bucket="own")
    await storage.start()
    queue = Asynchronous(storage, ManualClock())
    hosted = HostedEndpoint("it", FunctionBackend(held.judge), region="us-east-1", plan=FaultPlan(None))
    request = queued(ROUTE, b"1", Headers({"x-amzn-sagemaker-filename": "r.out"}))
    queue.put(evolve(request, **changes), hosted, None)
    while queue._tasks:
        await asyncio.sleep(0)
    found = [(await storage.read("own", key)).body.decode() for key in keys or (request.failure_key,)]
    await storage.stop()
    return found


async def test_a_model_that_hangs_is_cancelled(tmp_path: Path) -> None:
    """It would keep one of the four places for good."""
    held = Held()

    left = await ran(tmp_path, held, timeout=0.0)

    assert ["The model did not respond within 0 seconds."] == left
    assert 1 == held.cancelled


async def test_a_result_that_has_no_place_is_a_failure(tmp_path: Path) -> None:
    """Whoever waits hears of it: there is an object where this one's folder would be."""
    held = Held()
    held.release.set()
    (tmp_path / "own" / "async-endpoint-outputs").mkdir(parents=True)
    (tmp_path / "own" / "async-endpoint-outputs" / "it").write_bytes(b"in the way")

    left = await ran(tmp_path, held)

    assert [True] == [text.startswith("InvalidURI: ") for text in left]


async def test_a_failure_that_has_no_place_either_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No caller can be notified, so the log must at least have the reason."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "async-endpoint-failures").write_bytes(b"in the way")

    left = await ran(tmp_path, Held(), "async-endpoint-failures", timeout=0.0, inference_id="i7")

    assert ["in the way"] == left
    assert [
        (logging.ERROR, "the failure of inference i7 cannot be written: The model did not respond within 0 seconds.")
    ] == [(record.levelno, record.getMessage()) for record in caplog.records]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_stop_drops_what_runs_and_what_waits(tmp_path: Path) -> None:
    """The end of a test is not held up by its inferences, and none of them goes on behind the next one's back."""
    held = Held()
    before = asyncio.all_tasks()

    async with LocalEndpoint({"it": held.judge}, folder=tmp_path) as local:
        async with Client(local.options()) as client:
            for _ in range(6):
                await client.invoke_endpoint_async(sent())
        await held.until_begun(4)

    assert 4 == held.cancelled == len(held.begun)
    assert before == asyncio.all_tasks()
    assert [] == files_in(tmp_path)


async def test_an_endpoint_that_was_stopped_takes_requests_again() -> None:
    """Its places are free again, those of inferences that were dropped too."""
    held = Held()
    local = LocalEndpoint({"it": held.judge})
    async with local, Client(local.options()) as client:
        for _ in range(5):
            await client.invoke_endpoint_async(sent())
        await held.until_begun(4)
    held.release.set()

    async with local, Client(impatient(local)) as client:
        found = await client.wait_for_output(await client.invoke_endpoint_async(sent(body=b"again")))

    assert b"again" == found.body


async def test_a_largest_body_passes_and_a_larger_one_does_not() -> None:
    """128,000 bytes, a thousand of them 1,000; what is larger goes by way of S3."""
    async with LocalEndpoint({"it": shout}) as local, Client(impatient(local), CARELESS) as client:
        found = await client.wait_for_output(await client.invoke_endpoint_async(sent(body=bytes(128_000))))
        with pytest.raises(ValidationError, match="less than or equal to 128000") as raised:
            await client.invoke_endpoint_async(sent(body=bytes(128_001)))

    assert 128_000 == len(found.body)
    assert 400 == raised.value.status
    assert 1 == local.calls("it")


async def test_an_unknown_endpoint_takes_nothing() -> None:
    """It is known at once, so no failure object is needed."""
    async with LocalEndpoint({"it": shout}) as local, Client(local.options()) as client:
        with pytest.raises(ValidationError, match="Endpoint ti of account 000000000000 not found"):
            await client.invoke_endpoint_async(sent(endpoint_name="ti"))


async def test_a_fault_of_the_service_hits_the_request_and_one_of_the_model_the_inference() -> None:
    """As it would be: the service responds at once, and calls the model only when the request's turn has come."""
    async with (
        LocalEndpoint({"it": shout}) as local,
        Client(impatient(local), override(retryer=StandardRetryer(draw=lambda: 0.0))) as client,
    ):
        local.fail("it", call=1)
        local.fail("it", call=3, error="ModelError", message="out of memory")
        retried = await client.invoke_endpoint_async(sent())
        failing = await client.invoke_endpoint_async(sent())

        assert b"5.1" == (await client.wait_for_output(retried)).body
        with pytest.raises(AsyncInferenceError, match=r'Received server error \(500\) .* "out of memory"'):
            await client.wait_for_output(failing)

    assert ["ServiceUnavailable", "None"] == [
        str(one.error).partition(":")[0] for one in retried.result_metadata[ATTEMPTS]
    ]
    assert 3 == local.calls("it")


@pytest.mark.parametrize("members", [{"Body": b"iris"}, {"InputLocation": "s3://inputs/1.csv"}])
async def test_botocores_clients_queue_and_fetch_as_they_do_elsewhere(members: dict[str, Any]) -> None:
    """Nobody here wrote them: 202, the id in the document, the locations in headers, and objects in S3."""
    shapes: dict[str, Any] = Loader().load_service_model("sagemaker-runtime", "service-2", "2017-05-13")["shapes"]
    if not members.keys() <= shapes["InvokeEndpointAsyncInput"]["members"].keys():
        pytest.skip("this botocore is older than the member")
    in_time = asyncio.Event()
    loop = asyncio.get_running_loop()

    def model(invocation: Invocation) -> Iterator[bytes]:
        yield invocation.body.upper()
        loop.call_soon_threadsafe(in_time.set)

    def made(local: LocalEndpoint, service: str) -> Any:
        return Session().create_client(
            service,
            region_name=local.region,
            endpoint_url=local.url,
            aws_access_key_id=local.credentials.access_key_id,
            aws_secret_access_key=local.credentials.secret_access_key,
        )

    def invoke(local: LocalEndpoint) -> dict[str, Any]:
        s3, runtime = made(local, "s3"), made(local, "sagemaker-runtime")
        try:
            s3.create_bucket(Bucket="inputs")
            s3.put_object(Bucket="inputs", Key="1.csv", Body=b"iris")
            return runtime.invoke_endpoint_async(EndpointName="it", RequestTTLSeconds=60, **members)
        finally:
            s3.close()
            runtime.close()

    def fetch(local: LocalEndpoint, location: str) -> dict[str, Any]:
        s3 = made(local, "s3")
        bucket, _, key = location.removeprefix("s3://").partition("/")
        try:
            got = s3.get_object(Bucket=bucket, Key=key)
            return {**got, "Body": got["Body"].read()}
        finally:
            s3.close()

    async with LocalEndpoint({"it": model}) as local, asyncio.timeout(20):
        response = await asyncio.to_thread(invoke, local)
        await in_time.wait()
        async with Client(impatient(local)) as client:
            await client.wait_for_output(InvokeEndpointAsyncOutput(output_location=response["OutputLocation"]))
        got = await asyncio.to_thread(fetch, local, response["OutputLocation"])

    assert 202 == response["ResponseMetadata"]["HTTPStatusCode"]
    assert 4 == uuid.UUID(response["InferenceId"]).version
    assert response["FailureLocation"].startswith(f"s3://{BUCKET}/async-endpoint-failures/it/")
    assert (b"IRIS", "application/octet-stream") == (got["Body"], got["ContentType"])
