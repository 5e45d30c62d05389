"""boto3, aiobotocore and the AWS CLI against the local endpoint: other people's clients, in environments of their own."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from interop.running import PROGRAMS, SDKS, WHY_SKIPPED, aws, call, has_module

from sagemaker_runtime import Credentials
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint, ModelFailure

if "INTEROP_ENVIRONMENTS" not in os.environ:
    pytest.skip(WHY_SKIPPED, allow_module_level=True)

EVERY_BYTE = bytes(range(256)).decode("latin-1")
BUCKET = "sagemaker-us-east-1-000000000000"  # the one that is there from the start
WAIT = 30.0  # seconds that a result may take
KEYS = Credentials("AKIDLOCAL", "secret/with+signs", "a/session+token==")

# Which credentials are wrong in which way: what the endpoint holds, what the client signs with, and what it is told.
REFUSED = [
    pytest.param(KEYS, evolve(KEYS, secret_access_key="other"), "InvalidSignatureException", id="wrong-secret"),
    pytest.param(KEYS, evolve(KEYS, access_key_id="AKIDOTHER"), "UnrecognizedClientException", id="wrong-key-id"),
    pytest.param(KEYS, evolve(KEYS, session_token="other"), "UnrecognizedClientException", id="wrong-token"),
    pytest.param(evolve(KEYS, expires_at=time.time() - 1.0), KEYS, "ExpiredTokenException", id="expired"),
]


def echo(invocation: Invocation) -> Answer:
    return Answer(
        body=invocation.body,
        content_type=invocation.content_type or "none/none",
        custom_attributes=invocation.custom_attributes,
    )


def words(invocation: Invocation) -> Iterator[bytes]:
    for byte in invocation.body:
        yield bytes([byte])


def broken(invocation: Invocation) -> Iterator[bytes]:
    yield b"one"
    raise ValueError("out of words")


def busy(invocation: Invocation) -> bytes:
    raise ModelFailure("out of memory", 507)


async def object_at(sdk: str, local: LocalEndpoint, location: str) -> dict[str, Any]:
    """An object in S3, as soon as it is there."""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    async with asyncio.timeout(WAIT):
        while True:
            [told] = await call(sdk, local, ("s3:get_object", {"Bucket": bucket, "Key": key}))
            if "error" not in told:
                return told
            assert "NoSuchKey" == told["error"]["Error"]["Code"]


MODELS = {"echo": echo, "words": words, "broken": broken, "busy": busy}


@pytest.fixture
async def local() -> AsyncIterator[LocalEndpoint]:
    async with LocalEndpoint(MODELS, credentials=KEYS) as endpoint:
        yield endpoint


@pytest.mark.parametrize("environment", PROGRAMS)
async def test_no_environment_of_others_has_this_package(environment: str) -> None:
    """A client that could import it might lean on it unseen."""
    assert await has_module(environment, "json")
    assert not await has_module(environment, "sagemaker_runtime")


@pytest.mark.parametrize("sdk", SDKS)
async def test_an_sdk_invokes_an_endpoint(sdk: str, local: LocalEndpoint) -> None:
    """Every byte comes back, and what the SDK reads from headers too."""
    members = {"EndpointName": "echo", "Body": EVERY_BYTE, "ContentType": "text/csv", "CustomAttributes": "tenant=acme"}

    [told] = await call(sdk, local, ("invoke_endpoint", members))

    assert [EVERY_BYTE] == told["body"]
    assert ("text/csv", "tenant=acme", "AllTraffic") == (
        told["output"]["ContentType"],
        told["output"]["CustomAttributes"],
        told["output"]["InvokedProductionVariant"],
    )
    assert 200 == told["output"]["ResponseMetadata"]["HTTPStatusCode"]
    assert told["output"]["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize("sdk", SDKS)
async def test_an_sdk_reads_a_stream_part_by_part(sdk: str, local: LocalEndpoint) -> None:
    """Each piece that the model yields is one event in its decoder, whatever bytes it has."""
    members = {"EndpointName": "words", "Body": EVERY_BYTE}

    [told] = await call(sdk, local, ("invoke_endpoint_with_response_stream", members))

    assert list(EVERY_BYTE) == told["body"]
    assert ("application/octet-stream", "AllTraffic") == (
        told["output"]["ContentType"],
        told["output"]["InvokedProductionVariant"],
    )


@pytest.mark.parametrize("sdk", SDKS)
async def test_an_sdk_reads_how_a_stream_broke(sdk: str, local: LocalEndpoint) -> None:
    """The parts before it are good, and the error is the one of the API model."""
    [told] = await call(sdk, local, ("invoke_endpoint_with_response_stream", {"EndpointName": "broken", "Body": "x"}))

    assert ["one"] == told["body"]
    assert ("ModelStreamError", "out of words") == (told["error"]["Error"]["Code"], told["error"]["Error"]["Message"])


@pytest.mark.parametrize("operation", ["invoke_endpoint", "invoke_endpoint_with_response_stream"])
@pytest.mark.parametrize("sdk", SDKS)
async def test_an_sdk_reads_a_model_error(sdk: str, operation: str, local: LocalEndpoint) -> None:
    """With all its members, under the names that the API model gives them."""
    [told] = await call(sdk, local, (operation, {"EndpointName": "busy", "Body": "x"}))

    error = told["error"]
    assert ("ModelError", 424) == (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"])
    assert (507, "out of memory") == (error["OriginalStatusCode"], error["OriginalMessage"])
    assert error["LogStreamArn"].startswith("arn:aws:logs:us-east-1:")


@pytest.mark.parametrize("sdk", SDKS)
async def test_an_sdk_reads_what_is_wrong_with_a_call(sdk: str, local: LocalEndpoint) -> None:
    """What it lets through itself: an endpoint that is not there, and a member against the service's pattern."""
    missing, malformed = await call(
        sdk,
        local,
        ("invoke_endpoint", {"EndpointName": "missing", "Body": "x"}),
        ("invoke_endpoint", {"EndpointName": "echo", "Body": "x", "TargetVariant": "not_one"}),
    )

    for told, words in ((missing, "Endpoint missing of account"), (malformed, "'targetVariant' failed to satisfy")):
        assert ("ValidationError", 400) == (
            told["error"]["Error"]["Code"],
            told["error"]["ResponseMetadata"]["HTTPStatusCode"],
        )
        assert words in told["error"]["Error"]["Message"]


@pytest.mark.parametrize(("held", "sent", "code"), REFUSED)
@pytest.mark.parametrize("sdk", SDKS)
async def test_an_sdk_is_refused_with_wrong_credentials(
    sdk: str, held: Credentials, sent: Credentials, code: str
) -> None:
    """In every operation alike, in the service's words, and before the model is asked."""
    calls = [
        ("invoke_endpoint", {"EndpointName": "echo", "Body": "x"}),
        ("invoke_endpoint_with_response_stream", {"EndpointName": "echo", "Body": "x"}),
        ("invoke_endpoint_async", {"EndpointName": "echo", "InputLocation": "s3://bucket/key"}),
    ]

    async with LocalEndpoint(MODELS, credentials=held) as local:
        told = await call(sdk, local, *calls, credentials=sent)

        assert 0 == local.calls("echo")
    assert [(code, 403)] * 3 == [
        (each["error"]["Error"]["Code"], each["error"]["ResponseMetadata"]["HTTPStatusCode"]) for each in told
    ]


@pytest.mark.parametrize("sdk", SDKS)
async def test_an_sdk_invokes_asynchronously_and_reads_the_result(sdk: str, local: LocalEndpoint) -> None:
    """Its own S3 client puts the input where the endpoint reads it, and finds the answer where it was told."""
    put, invoked = await call(
        sdk,
        local,
        ("s3:put_object", {"Bucket": BUCKET, "Key": "in/a b+c", "Body": EVERY_BYTE}),
        (
            "invoke_endpoint_async",
            {"EndpointName": "echo", "InputLocation": f"s3://{BUCKET}/in/a b+c", "ContentType": "text/csv"},
        ),
    )
    result = await object_at(sdk, local, invoked["output"]["OutputLocation"])

    assert 200 == put["output"]["ResponseMetadata"]["HTTPStatusCode"]
    assert 202 == invoked["output"]["ResponseMetadata"]["HTTPStatusCode"]
    assert invoked["output"]["InferenceId"]
    assert ([EVERY_BYTE], "text/csv") == (result["body"], result["output"]["ContentType"])


@pytest.mark.parametrize("sdk", SDKS)
async def test_an_sdk_finds_the_failure_of_an_asynchronous_invocation(sdk: str, local: LocalEndpoint) -> None:
    """The body goes along with the call this time; the call itself succeeds."""
    [invoked] = await call(sdk, local, ("invoke_endpoint_async", {"EndpointName": "busy", "Body": "x"}))

    result = await object_at(sdk, local, invoked["output"]["FailureLocation"])

    assert "out of memory" in "".join(result["body"])


@pytest.mark.parametrize("sdk", SDKS)
async def test_an_sdk_is_refused_by_the_storage_with_a_wrong_secret(sdk: str, local: LocalEndpoint) -> None:
    """In S3's words, which are others than the runtime's."""
    sent = evolve(KEYS, secret_access_key="other")

    [told] = await call(sdk, local, ("s3:get_object", {"Bucket": BUCKET, "Key": "in"}), credentials=sent)

    assert "SignatureDoesNotMatch" == told["error"]["Error"]["Code"]


async def test_the_aws_cli_invokes_asynchronously_and_reads_the_result(local: LocalEndpoint, tmp_path: Path) -> None:
    """From a file to S3, through the model, and back to a file."""
    (tmp_path / "request").write_bytes(bytes(range(256)))
    source = f"s3://{BUCKET}/in/request"

    copied = await aws(local, "s3", "cp", "request", source, cwd=tmp_path)
    invoked = await aws(
        local,
        *("sagemaker-runtime", "invoke-endpoint-async", "--endpoint-name", "echo", "--input-location", source),
        cwd=tmp_path,
    )
    assert (0, 0) == (copied[0], invoked[0]), (copied, invoked)
    location = json.loads(invoked[1])["OutputLocation"]
    async with asyncio.timeout(WAIT):
        while (await aws(local, "s3", "cp", location, "answer", cwd=tmp_path))[0] != 0:
            assert not (tmp_path / "answer").exists()

    assert bytes(range(256)) == (tmp_path / "answer").read_bytes()


async def test_the_aws_cli_invokes_an_endpoint(local: LocalEndpoint, tmp_path: Path) -> None:
    """It reads the body from a file, and writes the answer's to one; the rest it prints."""
    (tmp_path / "request").write_bytes(bytes(range(256)))

    status, out, error = await aws(
        local,
        *("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", "echo", "--content-type", "text/csv"),
        *("--body", "fileb://request", "answer"),
        cwd=tmp_path,
    )

    assert (0, "") == (status, error)
    assert {"ContentType": "text/csv", "InvokedProductionVariant": "AllTraffic"} == json.loads(out)
    assert bytes(range(256)) == (tmp_path / "answer").read_bytes()


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        (
            "busy",
            "(ModelError) when calling the InvokeEndpoint operation: Received server error (507) from primary with",
        ),
        ("missing", "(ValidationError) when calling the InvokeEndpoint operation: Endpoint missing of account"),
    ],
)
async def test_the_aws_cli_prints_an_error(endpoint: str, words: str, local: LocalEndpoint, tmp_path: Path) -> None:
    """By its name and with its message, and leaves no answer behind."""
    arguments = ("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", endpoint, "--body", "x", "answer")

    status, _, error = await aws(local, *arguments, cwd=tmp_path)

    assert 0 != status
    assert words in error
    assert not (tmp_path / "answer").exists()


@pytest.mark.parametrize(("held", "sent", "code"), REFUSED)
async def test_the_aws_cli_is_refused_with_wrong_credentials(
    held: Credentials, sent: Credentials, code: str, tmp_path: Path
) -> None:
    """Both its operations alike."""
    synchronous = ("invoke-endpoint", "--endpoint-name", "echo", "--body", "x", "answer")
    asynchronous = ("invoke-endpoint-async", "--endpoint-name", "echo", "--input-location", "s3://bucket/key")

    async with LocalEndpoint(MODELS, credentials=held) as local:
        for operation, arguments in (("InvokeEndpoint", synchronous), ("InvokeEndpointAsync", asynchronous)):
            status, _, error = await aws(local, "sagemaker-runtime", *arguments, cwd=tmp_path, credentials=sent)

            assert 0 != status
            assert f"({code}) when calling the {operation} operation" in error
        assert 0 == local.calls("echo")
