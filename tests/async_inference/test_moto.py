"""The wait for an asynchronous inference against moto's S3, which others wrote; boto3 stands for SageMaker."""

from __future__ import annotations

import asyncio
import gc

import boto3
import pytest
import support
from both_clients import wait_for_output
from transport.servers import serving, until_client_lets_go

from sagemaker_runtime import StaticCredentialsProvider, Timeout
from sagemaker_runtime.async_inference.s3 import S3Client, S3Object
from sagemaker_runtime.async_inference.waiting import AsyncInferenceResult
from sagemaker_runtime.errors import AsyncInferenceError, ServiceError, WaitTimeoutError
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient

pytestmark = pytest.mark.twice

KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
BUCKETS = ("results", "results.with.dots")
ODD_KEYS = ["a b", "a+b", "50%", "%20", "é/ö", "a//b", "/a", "a/../b", "../a", "./a", "~a", "a?b=c#d", "'()*!&;", "a/"]


@pytest.fixture(scope="module")
def store(moto):
    """What SageMaker writes with: boto3, with the buckets made."""
    s3 = boto3.client(
        "s3", endpoint_url=moto, region_name="us-east-1", aws_access_key_id=KEYS[0], aws_secret_access_key=KEYS[1]
    )
    for bucket in BUCKETS:
        s3.create_bucket(Bucket=bucket)
    yield s3
    s3.close()


@pytest.fixture
async def reader(moto):
    """A reader with connections of its own."""
    http_client = AioHTTPClient()
    yield reader_of(moto, http_client)
    await http_client.close()


def reader_of(url, http_client, **changes):
    credentials = StaticCredentialsProvider(*KEYS)
    return S3Client(http_client=http_client, credentials=credentials, region="us-east-1", endpoint_url=url, **changes)


class WritingClock(support.ManualClock):
    """A clock on which the object appears at the third look."""

    def __init__(self, put):
        super().__init__()
        self.put = put

    async def sleep(self, seconds, /):
        await super().sleep(seconds)
        if len(self.slept) == 2:
            await asyncio.to_thread(self.put)


def at(bucket, key):
    return f"s3://{bucket}/{key}"


@pytest.mark.parametrize("bucket", BUCKETS)
async def test_a_result_is_found_when_it_appears(store, reader, bucket, client_kind):
    """The whole of it, as a user has it: nothing, nothing, and then the result with its type."""
    result, failure = f"out/{client_kind}.out", "failures/1.out"
    body = bytes(range(256)) * 4_096
    clock = WritingClock(lambda: store.put_object(Bucket=bucket, Key=result, Body=body, ContentType="image/png"))

    found = await wait_for_output(at(bucket, result), at(bucket, failure), s3=reader, clock=clock)

    assert AsyncInferenceResult(body, "image/png", at(bucket, result)) == found
    assert 2 == len(clock.slept)


async def test_a_failure_is_raised_when_it_appears(store, reader, client_kind):
    """Peers look for the result alone, and would be waiting still."""
    result, failure = "out/2.out", f"failures/{client_kind}.out"
    clock = WritingClock(lambda: store.put_object(Bucket="results", Key=failure, Body="kaputt: ö".encode()))

    with pytest.raises(AsyncInferenceError) as caught:
        await wait_for_output(at("results", result), at("results", failure), s3=reader, clock=clock)

    assert ("kaputt: ö", at("results", failure)) == (caught.value.message, caught.value.failure_location)
    assert 2 == len(clock.slept)


async def test_a_deadline_ends_the_wait_for_what_never_comes(store, reader):
    """A 404 of a real store is no trouble, so none is named."""
    clock = support.ManualClock()

    with pytest.raises(WaitTimeoutError, match=r"no result after 60\.0 s and \d+ checks") as caught:
        await wait_for_output(at("results", "never"), at("results", "nor-this"), s3=reader, clock=clock, timeout=60)

    assert 60.0 == pytest.approx(clock.monotonic())
    assert caught.value.__cause__ is None


async def test_a_bucket_that_does_not_exist_is_raised_at_once(store, reader):
    """S3 returns 404, as for an object that is not there yet, and no wait would make it appear."""
    clock = support.ManualClock()

    with pytest.raises(ServiceError, match=r"NoSuchBucket: .+: s3://nowhere/out") as caught:
        await wait_for_output("s3://nowhere/out", None, s3=reader, clock=clock)

    assert (404, "NoSuchBucket") == (caught.value.status, caught.value.code)
    assert [] == clock.slept


@pytest.mark.async_only("a reader has no client")
@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize("bucket", BUCKETS)
async def test_a_key_of_odd_characters_names_the_object_it_names_for_boto3(store, reader, bucket, key):
    """A key is bytes to S3: a blank, a plus or two slashes taken for something else find another object, or none."""
    store.put_object(Bucket=bucket, Key=key, Body=key.encode(), ContentType="text/x-odd")

    assert S3Object(key.encode(), "text/x-odd") == await reader.read(at(bucket, key))


@pytest.mark.async_only("its subject is the cancellation of a task")
async def test_a_wait_over_real_connections_can_be_cancelled_in_the_middle_of_a_body():
    """Both looks are under way, one of them with half its object: connections and tasks end with the wait."""
    reached = asyncio.Event()

    async def half(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        if len(server.requests) == 2:
            reached.set()
        await exchange.until_peer_closes()

    async with serving(half) as server:
        http_client = AioHTTPClient()
        s3 = reader_of(server.url, http_client)
        before = asyncio.all_tasks()
        waiting = asyncio.create_task(
            wait_for_output("s3://bucket/out", "s3://bucket/failure", s3=s3, clock=support.ManualClock())
        )
        await reached.wait()
        for _ in range(100):  # let the halves arrive
            await asyncio.sleep(0)

        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        await until_client_lets_go(server)
        await server.until_open(0)
        assert set() == asyncio.all_tasks() - before - server.tasks.keys()
        del waiting
        gc.collect()  # what was never closed would warn here
        await http_client.close()


async def test_a_wait_survives_a_bad_day_of_the_store():
    """Confused, busy, mute, cut short, and at last there."""

    async def fall_silent(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await exchange.until_peer_closes()

    async def cut_short(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        exchange.close()

    busy = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 33\r\n\r\n<Error><Code>SlowDown</Code></Err"
    there = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/csv\r\n\r\n42"
    clock = support.ManualClock()
    async with serving(b"SSH-2.0-OpenSSH_9.6\r\n", busy, fall_silent, cut_short, there) as server:
        http_client = AioHTTPClient()
        s3 = reader_of(server.url, http_client, timeout=Timeout(read=0.05))

        found = await wait_for_output("s3://bucket/out", None, s3=s3, clock=clock)
        await http_client.close()

    assert AsyncInferenceResult(b"42", "text/csv", "s3://bucket/out") == found
    assert 4 == len(clock.slept)


async def test_a_slow_object_is_not_broken_off_at_the_deadline():
    """As long as it comes, it comes: here the deadline passes between its two halves."""
    clock = support.ManualClock()

    async def slowly(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        clock.advance(60)
        for half in (b"sl", b"ow"):
            await asyncio.sleep(0.01)
            await exchange.send(half)

    async with serving(slowly) as server:
        http_client = AioHTTPClient()

        found = await wait_for_output(
            "s3://bucket/out", None, s3=reader_of(server.url, http_client), clock=clock, timeout=30
        )
        await http_client.close()

    assert b"slow" == found.body
