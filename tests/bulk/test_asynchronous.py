"""Records through an asynchronous endpoint: what is uploaded, what is waited for, and how seldom S3 is asked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support import ManualClock, ScriptedHTTPClient, answer, client as scripted

from sagemaker_runtime import (
    REQUEST_ID,
    AioHTTPClient,
    AsyncInferenceError,
    Client,
    ConfigError,
    InvokeEndpointAsyncOutput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    Request,
    Response,
    S3Object,
    ServiceError,
    Timeout,
    WaitTimeoutError,
    override,
)
from sagemaker_runtime.async_inference.waiting import AsyncInferenceResult, wait_for_output
from sagemaker_runtime.bulk import is_about_run
from sagemaker_runtime.bulk.asynchronous import INLINE, MARGIN, AsynchronousCalls
from sagemaker_runtime.bulk.waits import AT_ONCE, FORBIDDEN_FOR, Waits
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint

LARGE = b"1" * (INLINE + 1)


def shout(invocation: Invocation) -> Answer:
    if invocation.body == b"bad":
        raise ValueError("kaputt")
    return Answer(body=invocation.body.upper(), content_type=f"{invocation.content_type}; of={invocation.inference_id}")


class Store(AioHTTPClient):
    """A transport that notes what is put and deleted in S3. The small S3 of the local endpoint deletes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.puts: list[Request] = []
        self.deleted: list[str] = []

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        if request.method == "DELETE":
            self.deleted.append(request.path)
            return answer(204, b"")
        if request.method == "PUT":
            self.puts.append(request)
        return await super().send(request, timeout=timeout)


@pytest.fixture
async def http() -> AsyncIterator[Store]:
    made = Store()
    yield made
    await made.close()


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[LocalEndpoint]:
    async with LocalEndpoint({"shout": shout}, folder=tmp_path) as endpoint:
        yield endpoint


@pytest.fixture
async def client(local: LocalEndpoint, http: Store) -> AsyncIterator[Client]:
    async with Client(local.options(), override(http_client=http)) as made:
        yield made


def record(body: bytes = b"hello", **members: object) -> InvokeEndpointInput:
    return InvokeEndpointInput(endpoint_name="shout", body=body, **members)  # type: ignore[arg-type]


@pytest.fixture
def bucket(tmp_path: Path, local: LocalEndpoint) -> str:
    (name,) = (path.name for path in tmp_path.iterdir() if not path.name.startswith("."))
    return name


async def test_a_small_body_goes_with_the_request(client: Client, http: Store) -> None:
    """No upload, no right to write; and the output is that of InvokeEndpoint, the facts of the call included."""
    output = await AsynchronousCalls(client)(record(content_type="text/plain", inference_id="r-1"))

    assert isinstance(output, InvokeEndpointOutput)
    assert (b"HELLO", "text/plain; of=r-1") == (output.body, output.content_type)
    assert output.result_metadata.get(REQUEST_ID)
    assert [] == http.puts


@pytest.mark.parametrize("inference_id", ["run-0-32", None])
async def test_a_large_body_is_uploaded_once_for_each_place(
    client: Client, http: Store, bucket: str, inference_id: str | None
) -> None:
    """Submitted again after a kill, it replaces its object, and the prefix does not grow."""
    calls = AsynchronousCalls(client, upload_to=f"s3://{bucket}/in", kms_key="key-1")
    params = record(LARGE, content_type="text/csv", inference_id=inference_id)

    await calls(params)
    output = await calls(params)

    name = inference_id or hashlib.sha256(LARGE).hexdigest()
    assert LARGE == output.body
    assert [f"/{bucket}/in/{name}"] * 2 == [put.path for put in http.puts]
    assert "text/csv" == http.puts[0].headers["content-type"]
    assert "aws:kms" == http.puts[0].headers["x-amz-server-side-encryption"]
    assert [] == http.deleted


async def test_an_upload_is_removed_when_nobody_needs_it(client: Client, http: Store, bucket: str) -> None:
    """Two records of one content share an object: it is removed after the second."""
    calls = AsynchronousCalls(client, upload_to=f"s3://{bucket}/", remove_uploads=True)

    await asyncio.gather(calls(record(LARGE)), calls(record(LARGE)))

    assert [f"/{bucket}/{hashlib.sha256(LARGE).hexdigest()}"] == http.deleted


async def test_an_object_of_the_input_is_used_as_it_is(
    client: Client, http: Store, bucket: str, tmp_path: Path
) -> None:
    """It is in S3 already: nothing of it passes through this machine."""
    (tmp_path / bucket / "image.txt").write_bytes(b"in s3")

    output = await AsynchronousCalls(client)(record(b"", content_type="text/plain"), f"s3://{bucket}/image.txt")

    assert b"IN S3" == output.body
    assert [] == http.puts


async def test_a_failure_is_the_record_s_and_can_be_traced(client: Client) -> None:
    """With the request id of its submission, which a dead letter has."""
    with pytest.raises(AsyncInferenceError, match="kaputt") as caught:
        await AsynchronousCalls(client)(record(b"bad"))

    assert caught.value.request_id
    assert not is_about_run(caught.value)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (record(LARGE), r"a body has 128,001 bytes, .* set upload_to='s3://bucket/prefix/'"),
        (record(session_id="s"), "an asynchronous endpoint takes no session_id"),
        (record(target_variant="blue"), "an asynchronous endpoint takes no target_variant"),
    ],
)
async def test_what_no_asynchronous_endpoint_takes_stops_the_run(
    client: Client, params: InvokeEndpointInput, text: str
) -> None:
    """Every other record has it too."""
    with pytest.raises(ConfigError, match=text) as caught:
        await AsynchronousCalls(client)(params)

    assert is_about_run(caught.value)


def submitted() -> Response:
    return answer(
        202,
        b"{}",
        X_Amzn_SageMaker_OutputLocation="s3://bucket/out",
        X_Amzn_SageMaker_FailureLocation="s3://bucket/failed",
        x_amzn_RequestId="r-1",
    )


async def test_a_result_that_never_comes_is_given_up_when_the_endpoint_has_no_time_left() -> None:
    """A run would otherwise wait for ever for a record that the queue has dropped."""
    clock = ManualClock()
    http = ScriptedHTTPClient([submitted(), answer(404, b"<Error><Code>NoSuchKey</Code></Error>")])

    async with scripted(http, clock=clock) as client:
        calls = AsynchronousCalls(client, request_ttl_seconds=60, invocation_timeout_seconds=100)
        with pytest.raises(WaitTimeoutError, match="the inference may still be running") as caught:
            await calls(record())

    assert 160 + MARGIN == pytest.approx(clock.monotonic(), abs=1)
    assert "r-1" == caught.value.request_id


async def test_an_s3_that_lets_nothing_be_read_stops_the_run() -> None:
    """To S3, what is missing and what is forbidden are the same for who may not list: for hours, nobody would know."""
    clock = ManualClock()
    http = ScriptedHTTPClient([submitted(), answer(403, b"<Error><Code>AccessDenied</Code></Error>")])

    async with scripted(http, clock=clock) as client:
        with pytest.raises(ConfigError, match=r"for 15 minutes: grant s3:GetObject .* and s3:ListBucket"):
            await AsynchronousCalls(client)(record())

    assert FORBIDDEN_FOR == pytest.approx(clock.monotonic(), abs=30)


class Endpoint:
    """Results that appear one after another, on a clock of its own."""

    def __init__(self, seconds: float) -> None:
        self.clock = ManualClock(auto=False)
        self.seconds = seconds
        self.reads = 0

    async def read(self, location: str) -> S3Object | None:
        self.reads += 1
        number = int(location.rpartition("/")[2])
        return S3Object(b"") if "out" in location and self.clock.monotonic() >= (number + 1) * self.seconds else None

    async def wait(self, waits: Waits | None, number: int) -> AsyncInferenceResult:
        output, failure = f"s3://bucket/out/{number}", f"s3://bucket/failed/{number}"

        async def look(s3: object) -> AsyncInferenceResult:
            return await wait_for_output(output, failure, s3=s3, clock=self.clock, draw=lambda: 0.5)  # type: ignore[arg-type]

        given = InvokeEndpointAsyncOutput(output_location=output, failure_location=failure)
        return await look(self) if waits is None else await waits.run(given, self, look)

    async def reads_of(self, count: int, waits: Waits | None) -> float:
        """Reads of a result, with all submitted at once; hardly later than the endpoint has made them."""
        tasks = [asyncio.create_task(self.wait(waits, number)) for number in range(count)]
        await self.clock.elapse(count * self.seconds * 1.1 + 3)
        assert all(task.done() for task in tasks)
        return self.reads / count


@pytest.mark.parametrize(("seconds", "most"), [(0.005, 1.5), (0.1, 2.5), (2.0, 5.0)])
async def test_a_result_costs_few_reads(seconds: float, most: float) -> None:
    """Each is a request that S3 charges for. With all waiting at once it took 7 to 50."""
    endpoint = Endpoint(seconds)

    assert await endpoint.reads_of(200, Waits(endpoint.clock)) <= most
    assert await Endpoint(seconds).reads_of(200, None) >= 2 * most


async def test_a_failure_is_seen_though_the_first_look_is_at_the_result_alone() -> None:
    """The second look is at both."""
    endpoint = Endpoint(1.0)
    seen: list[str] = []

    async def read(location: str) -> S3Object | None:
        seen.append(location)
        return S3Object(b"no") if "failed" in location else None

    endpoint.read = read  # type: ignore[method-assign]
    task = asyncio.create_task(endpoint.wait(Waits(endpoint.clock), 0))
    await endpoint.clock.elapse(1)

    with pytest.raises(AsyncInferenceError, match="no"):
        await task
    assert ["s3://bucket/out/0", "s3://bucket/out/0", "s3://bucket/failed/0"] == seen


async def test_who_is_cancelled_gives_up_its_turn() -> None:
    """Cancelled while it looks, while it waits for its first look, or for its turn."""
    endpoint = Endpoint(1_000.0)
    waits = Waits(endpoint.clock)
    tasks = [asyncio.create_task(endpoint.wait(waits, number)) for number in range(AT_ONCE + 5)]
    await endpoint.clock.elapse(1)

    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    endpoint.seconds = 0.0
    found = asyncio.create_task(endpoint.wait(waits, 0))
    await endpoint.clock.elapse(60)

    assert all(isinstance(each, asyncio.CancelledError) for each in ended)
    assert b"" == (await found).body


async def test_a_refused_upload_says_which_right_is_missing(client: Client, http: Store, bucket: str) -> None:
    """And what is refused for one is refused for all."""

    async def send(request: Request, *, timeout: Timeout) -> Response:
        return answer(403, b"<Error><Code>AccessDenied</Code></Error>")

    http.send = send  # type: ignore[method-assign]

    with pytest.raises(ServiceError, match="it needs s3:PutObject on s3://") as caught:
        await AsynchronousCalls(client, upload_to=f"s3://{bucket}/in/")(record(LARGE))

    assert is_about_run(caught.value)
