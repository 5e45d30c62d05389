"""`run_bulk` with its input and output in S3, and through asynchronous endpoints."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import boto3
import pytest
from bulk.engines.in_threads import InThreads

from sagemaker_runtime import Client, ConfigError, override
from sagemaker_runtime.bulk import ClientRecipe, JSONBody, JSONLines, run_bulk
from sagemaker_runtime.bulk.engines import choosing
from sagemaker_runtime.local import Invocation, LocalEndpoint

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client as Boto

LIST = JSONBody(key="instances", max_rows=8)


def doubled(invocation: Invocation) -> bytes:
    rows = json.loads(invocation.body)["instances"]
    if 13 in rows:
        raise ValueError("unlucky")
    return json.dumps({"predictions": [2 * row for row in rows]}).encode()


@pytest.fixture(scope="module")
def store(moto: str) -> Iterator[Boto]:
    """S3, as somebody else sees it. Its keys are the local endpoint's below."""
    s3 = boto3.client(
        "s3", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="A", aws_secret_access_key="B"
    )
    yield s3
    s3.close()


@pytest.fixture
def bucket(store: Boto, request: pytest.FixtureRequest) -> str:
    name = f"r{crc32(request.node.name.encode()):x}"
    store.create_bucket(Bucket=name)
    return name


@pytest.fixture
async def client(moto: str) -> AsyncIterator[Client]:
    async with (
        LocalEndpoint({"doubled": doubled}) as local,
        Client(local.options(), override(s3_endpoint_url=moto)) as made,
    ):
        yield made


def lines(store: Boto, bucket: str, prefix: str) -> list[dict[str, object]]:
    keys = [each["Key"] for each in store.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
    bodies = [store.get_object(Bucket=bucket, Key=key)["Body"].read() for key in sorted(keys)]
    return [json.loads(line) for body in bodies for line in body.splitlines()]


async def test_input_and_output_may_be_in_s3(client: Client, store: Boto, bucket: str, tmp_path: Path) -> None:
    """The output may lie below the input; its dead letters are taken up from there, and no part of it is seen half."""
    for name in ("a", "b/c"):
        body = "".join(f"{number}\n" for number in range(100)).encode()
        store.put_object(Bucket=bucket, Key=f"in/{name}.jsonl", Body=body)

    async def run(**arguments: object) -> tuple[int, int]:
        report = await run_bulk(
            client,
            "doubled",
            f"s3://{bucket}/in/",
            f"s3://{bucket}/in/out/",
            body=LIST,
            format=JSONLines(shard_bytes=100),
            encryption="AES256",
            state=tmp_path / "state",
            **arguments,  # type: ignore[arg-type]
        )
        return report.succeeded, report.failed

    assert (198, 2) == await run()
    assert (198, 2) == await run(retry_dead=True)

    rows = lines(store, bucket, "in/out/part-")
    assert [("a.jsonl", n, 2 * n) for n in range(100) if n != 13] == [
        (row["file"], row["record"], row["output"]) for row in rows if row["file"] == "a.jsonl"
    ]
    assert ["a.jsonl", "b/c.jsonl"] == sorted({str(row["file"]) for row in rows})
    assert [13, 13] == [letter["record"] for letter in lines(store, bucket, "in/out/dead-letters/")]
    head = store.head_object(Bucket=bucket, Key="in/out/part-00000.jsonl")
    assert "AES256" == head["ServerSideEncryption"]
    page = store.head_object(Bucket=bucket, Key="in/out/report.html")
    assert ("AES256", "text/html; charset=utf-8") == (page["ServerSideEncryption"], page["ContentType"])
    assert [] == [path.name for path in (tmp_path / "state").glob("part-*")]


async def test_an_object_that_has_changed_is_refused(client: Client, store: Boto, bucket: str, tmp_path: Path) -> None:
    """By its ETag: times of S3 say nothing."""
    store.put_object(Bucket=bucket, Key="a.jsonl", Body=b"1\n")
    where = (client, "doubled", f"s3://{bucket}/a.jsonl", tmp_path / "out")
    await run_bulk(*where, body=LIST)
    store.put_object(Bucket=bucket, Key="a.jsonl", Body=b"2\n")

    with pytest.raises(ConfigError, match=f"the input file s3://{bucket}/a.jsonl has changed"):
        await run_bulk(*where, body=LIST)


@pytest.mark.parametrize(
    ("places", "arguments", "said"),
    [
        (["s3://bucket/a", "b.jsonl"], {}, "some of it is in S3, and some is not"),
        (
            ["b.jsonl"],
            {"encryption": "AES256"},
            "encryption and kms_key are for S3, but the output 'out' is a folder on this machine",
        ),
        (["b.jsonl"], {"output": "s3://bucket/out/"}, "is in S3; name a folder on a local disk with state="),
    ],
)
async def test_places_that_do_not_go_together_are_refused(
    client: Client, places: list[str], arguments: dict[str, str], said: str
) -> None:
    """Before anything is read."""
    arguments = {"output": "out"} | arguments
    with pytest.raises(ConfigError, match=said):
        await run_bulk(client, "doubled", places, arguments.pop("output"), **arguments)  # type: ignore[arg-type]


async def test_an_asynchronous_endpoint_is_waited_for(tmp_path: Path) -> None:
    """Each record is submitted, and its result is read from S3; a failure is a dead letter."""
    (tmp_path / "rows.jsonl").write_text("".join(f"{number}\n" for number in range(20)))
    async with LocalEndpoint({"doubled": doubled}, folder=tmp_path / "s3") as local, Client(local.options()) as client:
        report = await run_bulk(
            client,
            "doubled",
            tmp_path / "rows.jsonl",
            tmp_path / "out",
            body=JSONBody(key="instances", max_rows=4),
            asynchronous=True,
            inference_ids=True,
            upload_to="s3://bucket/uploads/",
            encryption="AES256",  # of those: the output need not be in S3 for it
        )

    rows = [json.loads(line) for line in (tmp_path / "out" / "part-00000.jsonl").read_text().splitlines()]
    assert (19, 1) == (report.succeeded, report.failed)
    assert [2 * n for n in range(20) if n != 13] == [row["output"] for row in rows]
    assert {"AsyncInferenceError": 1} == report.failures


async def test_tasks_of_an_engine_leave_parts_in_s3_that_the_driver_publishes(
    client: Client, moto: str, store: Boto, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a copy within S3, encrypted as asked. What workers have left is gone, and of a run without an engine nothing differs."""
    for name in ("a", "b/c"):
        body = "".join(f"{number}\n" for number in range(100)).encode()
        store.put_object(Bucket=bucket, Key=f"in/{name}.jsonl", Body=body)
    credentials = await client.options.credentials.retrieve()
    for name, value in {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(choosing, "OnRay", InThreads)
    recipe = ClientRecipe(endpoint_url=client.options.base_endpoint, s3_endpoint_url=moto)

    async def run(made: Client | ClientRecipe, out: str, **arguments: object) -> tuple[int, int]:
        report = await run_bulk(
            made,
            "doubled",
            f"s3://{bucket}/in/",
            f"s3://{bucket}/{out}/",
            body=LIST,
            format=JSONLines(shard_bytes=200),
            encryption="AES256",
            state=tmp_path / out,
            progress=False,
            **arguments,  # type: ignore[arg-type]
        )
        return report.succeeded, report.failed

    assert (198, 2) == await run(client, "alone")
    assert (198, 2) == await run(recipe, "out", engine="ray")
    assert (198, 2) == await run(recipe, "out", engine="ray", retry_dead=True)

    assert lines(store, bucket, "alone/part-") == lines(store, bucket, "out/part-")
    assert [13, 13] == [letter["record"] for letter in lines(store, bucket, "out/dead-letters/")]
    assert [] == lines(store, bucket, "out/.bulk")
    head = store.head_object(Bucket=bucket, Key="out/part-00000.jsonl")
    assert ("AES256", "application/jsonlines") == (head["ServerSideEncryption"], head["ContentType"])
