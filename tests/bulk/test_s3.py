"""Input and output in S3, against moto's, which others wrote."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import boto3
import pytest
from support import ManualClock, ScriptedHTTPClient, answer

from sagemaker_runtime import (
    AioHTTPClient,
    Client,
    ConfigError,
    ConnectError,
    ReadTimeoutError,
    Request,
    Response,
    S3Client,
    ServiceError,
    StaticCredentialsProvider,
    Timeout,
    TruncatedResponseError,
    load_config,
)
from sagemaker_runtime.bulk.formats.base import Batch
from sagemaker_runtime.bulk.formats.json_lines import JSONLines
from sagemaker_runtime.bulk.local_folder import LocalSource
from sagemaker_runtime.bulk.places import InputFile, Source
from sagemaker_runtime.bulk.s3 import S3Destination, S3Source, listing as listing_module
from sagemaker_runtime.bulk.s3.calls import PATIENCE
from sagemaker_runtime.bulk.s3.destination import PIECE
from sagemaker_runtime.bulk.s3.listing import PAGE
from sagemaker_runtime.bulk.s3.prefetching import AHEAD, SMALL
from sagemaker_runtime.bulk.s3.reading import LARGEST_READ, READ_AHEAD

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client as Boto

KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
ETAG = "0123456789abcdef"


@pytest.fixture(scope="module")
def store(moto: str) -> Iterator[Boto]:
    """Another client of the same S3."""
    s3 = boto3.client(
        "s3", endpoint_url=moto, region_name="us-east-1", aws_access_key_id=KEYS[0], aws_secret_access_key=KEYS[1]
    )
    yield s3
    s3.close()


@pytest.fixture
def bucket(store: Boto, request: pytest.FixtureRequest) -> str:
    """A bucket of its own for each test."""
    name = f"b{crc32(request.node.name.encode()):x}"
    store.create_bucket(Bucket=name)
    return name


class Counting:
    """A transport that notes what it sends."""

    def __init__(self) -> None:
        self.inner = AioHTTPClient()
        self.requests: list[Request] = []

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        self.requests.append(request)
        return await self.inner.send(request, timeout=timeout)

    async def close(self) -> None:
        await self.inner.close()


@pytest.fixture
async def http() -> AsyncIterator[Counting]:
    made = Counting()
    yield made
    await made.close()


@pytest.fixture
def s3(moto: str, http: Counting) -> S3Client:
    return s3_client(http, endpoint_url=moto)


def s3_client(http_client: object, **changes: object) -> S3Client:
    values: dict[str, object] = {
        "http_client": http_client,
        "credentials": StaticCredentialsProvider(*KEYS),
        "region": "us-east-1",
        "clock": ManualClock(),
    }
    return S3Client(**{**values, **changes})  # type: ignore[arg-type]


def put(store: Boto, bucket: str, *keys: str, body: bytes = b"x") -> None:
    for key in keys:
        store.put_object(Bucket=bucket, Key=key, Body=body)


async def names(source: S3Source) -> list[str]:
    return [file.name for file in await asyncio.to_thread(source.files)]


def content(store: Boto, bucket: str, key: str) -> bytes:
    return store.get_object(Bucket=bucket, Key=key)["Body"].read()


def uploads(store: Boto, bucket: str) -> list[str]:
    return [each["Key"] for each in store.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


def read_whole(source: S3Source, file: InputFile) -> bytes:
    with source.open(file) as opened:
        return opened.read()


def file_of(tmp_path: Path, size: int) -> Path:
    path = tmp_path / "part"
    path.write_bytes(os.urandom(1000) * (size // 1000) + b"." * (size % 1000))
    return path


# The input


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("in/", ["a.jsonl", "b.csv", "deep/d.jsonl", "deep/er/c.jsonl"]),
        ("in", ["a.jsonl", "b.csv", "deep/d.jsonl", "deep/er/c.jsonl"]),
        ("in/a.jsonl", ["a.jsonl"]),
        ("in/*.jsonl", ["a.jsonl"]),
        ("in/**/*.jsonl", ["a.jsonl", "deep/d.jsonl", "deep/er/c.jsonl"]),
        ("in/**", ["a.jsonl", "b.csv", "deep/d.jsonl", "deep/er/c.jsonl"]),
        ("in/?.[!j]*", ["b.csv"]),
        ("in/[a-b].*", ["a.jsonl", "b.csv"]),
        ("in/d*", ["d.jsonl", "er/c.jsonl"]),
        ("in/*", ["a.jsonl", "b.csv", "deep/d.jsonl", "deep/er/c.jsonl"]),
        ("in/_*", ["_SUCCESS"]),
        ("in/.hidden/*", ["e.jsonl"]),
        ("odd/", [" +%ü&<.jsonl", "[1].csv"]),
        ("odd/[[]1].csv", ["[1].csv"]),
        ("odd/[]]*", None),
        ("in/[z-a]", "is invalid"),
        ("inn", None),
        ("in/a", None),
        ("nothing/*", None),
    ],
)
async def test_a_place_is_an_object_a_prefix_or_a_glob(
    store: Boto, bucket: str, s3: S3Client, place: str, expected: list[str] | str | None
) -> None:
    """What stands for a folder, and what programs leave beside data, are no records."""
    put(store, bucket, "in/a.jsonl", "in/b.csv", "in/deep/d.jsonl", "in/deep/er/c.jsonl", "inner/no", "in.jsonl")
    put(store, bucket, "in/_SUCCESS", "in/.hidden/e.jsonl", "in/deep/_tmp/f.jsonl")
    put(store, bucket, "odd/ +%ü&<.jsonl", "odd/[1].csv")
    put(store, bucket, "in/", "in/deep/", body=b"")
    source = S3Source(s3, [f"s3://{bucket}/{place}"])

    if isinstance(expected, list):
        assert expected == await names(source)
    else:
        with pytest.raises(ConfigError, match=expected or "no such object, and none below it"):
            await names(source)


async def test_names_are_below_what_all_places_have_in_common(store: Boto, bucket: str, s3: S3Client) -> None:
    """One object that two places name is there once, and a whole bucket is a place too."""
    put(store, bucket, "rows/2025/a", "rows/2026/a", "rows/2026/ab")
    both = S3Source(s3, [f"s3://{bucket}/rows/2025/", f"s3://{bucket}/rows/2026/a", f"s3://{bucket}/rows/*/a"])
    whole = S3Source(s3, [f"s3://{bucket}"])

    assert ["2025/a", "2026/a"] == await names(both)
    assert ["2025/a", "2026/a", "2026/ab"] == await names(whole)


async def test_the_output_is_no_input(store: Boto, bucket: str, s3: S3Client) -> None:
    """A run that goes on would otherwise find its own parts among its input, and refuse it as changed."""
    put(store, bucket, "a.jsonl", "out/part-00000.jsonl", "out2/b.jsonl")

    assert ["a.jsonl", "out2/b.jsonl"] == await names(S3Source(s3, [f"s3://{bucket}/"], besides=f"s3://{bucket}/out/"))


@pytest.mark.parametrize("page", [50, pytest.param(PAGE, marks=pytest.mark.slow)])
async def test_more_objects_than_a_page_are_listed_with_their_identity(
    store: Boto, bucket: str, s3: S3Client, http: Counting, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    """S3 gives 1,000 at once. The identity of each is in the listing, so there is no request for each of them."""
    monkeypatch.setattr(listing_module, "PAGE", page)
    put(store, bucket, *(f"rows/{number:04}" for number in range(page + 5)))

    files = await asyncio.to_thread(S3Source(s3, [f"s3://{bucket}/rows/"]).files)

    assert [f"{number:04}" for number in range(page + 5)] == [file.name for file in files]
    assert 2 == len(http.requests)
    assert {"etag": "9dd4e461268c8034f5c8564e155c67a6", "size": 1} == files[7].identity
    assert f"s3://{bucket}/rows/0007" == files[7].location


async def test_a_changed_object_has_another_identity(store: Boto, bucket: str, s3: S3Client) -> None:
    """Of the same size too."""
    put(store, bucket, "a", "ab", body=b"one")
    source = S3Source(s3, [f"s3://{bucket}/a"])
    (file,) = await asyncio.to_thread(source.files)

    before = await asyncio.to_thread(source.identity, file)
    put(store, bucket, "a", body=b"two")
    after = await asyncio.to_thread(source.identity, file)
    store.delete_object(Bucket=bucket, Key="a")

    assert file.identity == before
    assert before["etag"] != after["etag"]
    assert before["size"] == after["size"]
    with pytest.raises(ConfigError, match=f"input 's3://{bucket}/a' no longer exists"):
        await asyncio.to_thread(source.identity, file)


async def test_an_object_is_read_from_any_place_with_few_requests(
    store: Boto, bucket: str, s3: S3Client, http: Counting
) -> None:
    """Lines come from what was read ahead; a large read fetches what it needs; Parquet begins at the end."""
    body = os.urandom(2**20) * 11 + b"the end"
    put(store, bucket, "a", body=body)
    source = S3Source(s3, [f"s3://{bucket}/a"])
    (file,) = await asyncio.to_thread(source.files)

    def read() -> None:
        with source.open(file) as opened:
            assert opened.seekable()
            opened.seek(-7, os.SEEK_END)
            assert b"the end" == opened.read()
            assert b"" == opened.read(1)
            opened.seek(5)
            assert body[5:10] == opened.read(5)
            opened.seek(5, os.SEEK_CUR)
            assert body[15:20] == opened.read(5)
            opened.seek(0)
            http.requests.clear()
            assert body[: 2 * READ_AHEAD] == b"".join(opened.read(2**16) for _ in range(2 * READ_AHEAD // 2**16))
            assert 2 == len(http.requests)
            opened.seek(0)
            http.requests.clear()
            assert body == opened.read()
            assert 2 == len(http.requests)
            with pytest.raises(ValueError, match="before the beginning"):
                opened.seek(-1)

    await asyncio.to_thread(read)


async def test_an_empty_object_is_read_without_an_error(store: Boto, bucket: str, s3: S3Client) -> None:
    """S3 would respond to a range of nothing with one."""
    put(store, bucket, "a", body=b"")
    source = S3Source(s3, [f"s3://{bucket}/a"])
    (file,) = await asyncio.to_thread(source.files)

    assert b"" == await asyncio.to_thread(read_whole, source, file)
    assert b"" == await asyncio.to_thread(read_whole, S3Source(s3, [f"s3://{bucket}/a"]), file)


async def test_small_objects_are_fetched_side_by_side(store: Boto, bucket: str, s3: S3Client, http: Counting) -> None:
    """One after another, a run over images would wait for S3 all the time. Each is fetched once, and few ahead."""
    bodies = [b"5" * (SMALL + 1) if number == 5 else b"%d" % number for number in range(40)]
    for number, body in enumerate(bodies):
        put(store, bucket, f"in/{number:02}", body=body)
    source = S3Source(s3, [f"s3://{bucket}/in/"])
    files = await asyncio.to_thread(source.files)
    http.requests.clear()
    at_once = most = 0

    async def send(request: Request, *, timeout: Timeout) -> Response:
        nonlocal at_once, most
        http.requests.append(request)
        at_once += 1
        most = max(most, at_once)
        try:
            return await http.inner.send(request, timeout=timeout)
        finally:
            at_once -= 1

    http.send = send  # type: ignore[method-assign]
    found = [await asyncio.to_thread(read_whole, source, file) for file in files]

    assert bodies == found
    assert 40 == len(http.requests)
    assert 5 < most <= AHEAD + 1


async def test_an_object_that_changed_since_it_was_listed_is_an_error(store: Boto, bucket: str, s3: S3Client) -> None:
    """The run has planned with another version, and that is the one that counts, for a source made later too."""
    put(store, bucket, "in/a", "in/b", body=b"one")
    source = S3Source(s3, [f"s3://{bucket}/in/"])
    _, file = await asyncio.to_thread(source.files)
    put(store, bucket, "in/b", body=b"two")
    later = S3Source(s3, [f"s3://{bucket}/in/"])
    await asyncio.to_thread(later.files)

    for each in (source, later):
        with pytest.raises(ConfigError, match="in/b was changed while it was read"):
            await asyncio.to_thread(read_whole, each, file)


async def test_lines_are_read_from_s3_as_from_a_file(store: Boto, bucket: str, s3: S3Client, tmp_path: Path) -> None:
    """Shards begin and end within lines."""
    text = b"".join(b'{"x": "%s"}\n' % (b"y" * (number % 300)) for number in range(20_000))
    (tmp_path / "a.jsonl").write_bytes(text)
    put(store, bucket, "a.jsonl", body=text)

    def batches(source: Source) -> list[Batch]:
        lines, files = JSONLines(shard_bytes=500_000), source.files()
        return [
            batch
            for shard in lines.shards(files, source)
            for batch in lines.batches(files, source, shard, at=shard.begin, number=0, rows=100, size=10**6)
        ]

    local = batches(LocalSource([str(tmp_path / "a.jsonl")]))

    assert local == await asyncio.to_thread(batches, S3Source(s3, [f"s3://{bucket}/a.jsonl"]))
    assert 20_000 == sum(len(batch.records) for batch in local)


async def test_an_object_that_changes_while_it_is_read_is_an_error(store: Boto, bucket: str, s3: S3Client) -> None:
    """Half of one version and half of another would be records that nobody wrote."""
    put(store, bucket, "a", body=b"1" * 2 * READ_AHEAD)
    source = S3Source(s3, [f"s3://{bucket}/a"])
    (file,) = await asyncio.to_thread(source.files)
    opened = source.open(file)

    assert b"1" == await asyncio.to_thread(opened.read, 1)
    put(store, bucket, "a", body=b"2" * 2 * READ_AHEAD)

    with pytest.raises(ConfigError, match=f"s3://{bucket}/a was changed while it was read"):
        await asyncio.to_thread(opened.read)


async def test_parquet_is_read_from_s3_as_from_a_file(store: Boto, bucket: str, s3: S3Client) -> None:
    """Its readers ask for ranges, in an order of their own."""
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"x": list(range(100_000))})
    parquet.write_table(table, sink := pyarrow.BufferOutputStream(), row_group_size=10_000)
    put(store, bucket, "a.parquet", body=sink.getvalue().to_pybytes())
    source = S3Source(s3, [f"s3://{bucket}/a.parquet"])
    (file,) = await asyncio.to_thread(source.files)

    def read() -> object:
        with source.open(file) as opened:
            return parquet.ParquetFile(opened).read()

    assert table == await asyncio.to_thread(read)


# The output


async def test_a_part_is_put_whole_read_and_removed(
    store: Boto, bucket: str, s3: S3Client, http: Counting, tmp_path: Path
) -> None:
    """What has the name is replaced, a type is set, and the local file stays for a second try."""
    path = file_of(tmp_path, 1_234)
    out = S3Destination(s3, f"s3://{bucket}/out")
    put(store, bucket, "out/dead/part-0.jsonl", "outer")

    def publish() -> None:
        out.put(path, "dead/part-0.jsonl")
        out.put(path, "part-1.bin")

    await asyncio.to_thread(publish)

    assert f"s3://{bucket}/out/" == out.where
    assert {"dead/part-0.jsonl", "part-1.bin"} == await asyncio.to_thread(out.names)
    assert path.read_bytes() == content(store, bucket, "out/dead/part-0.jsonl")
    assert "application/jsonlines" == store.head_object(Bucket=bucket, Key="out/dead/part-0.jsonl")["ContentType"]
    assert ["GET", "PUT", "PUT"] == [request.method for request in http.requests[:3]]  # left uploads, and the parts
    with await asyncio.to_thread(out.open, "part-1.bin") as opened:
        assert path.read_bytes() == await asyncio.to_thread(opened.read)
    await asyncio.to_thread(out.remove, "part-1.bin")
    await asyncio.to_thread(out.remove, "part-1.bin")
    assert {"dead/part-0.jsonl"} == await asyncio.to_thread(out.names)
    with pytest.raises(ConfigError, match=r"part-1\.bin no longer exists"):
        await asyncio.to_thread(out.open, "part-1.bin")


@pytest.mark.parametrize("size", [40 * 10**6, pytest.param(200 * 10**6, marks=pytest.mark.slow)])
async def test_a_large_part_is_put_in_pieces_within_20_mb(
    store: Boto, bucket: str, s3: S3Client, http: Counting, tmp_path: Path, size: int
) -> None:
    """It is never in memory whole; nobody sees the object before its end, and no upload is left."""
    path = file_of(tmp_path, size)
    out = S3Destination(s3, f"s3://{bucket}/out/")

    async def send(request: Request, *, timeout: Timeout) -> Response:
        kept = request.copy()
        kept.body = b""
        http.requests.append(kept)
        seen.add(request.query.startswith("partNumber") and "Contents" in store.list_objects_v2(Bucket=bucket))
        return await http.inner.send(request, timeout=timeout)

    seen = set[bool]()
    http.send = send  # type: ignore[method-assign]
    tracemalloc.start()
    try:
        await asyncio.to_thread(out.put, path, "part")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 20 * 10**6
    assert {False} == seen
    assert path.read_bytes() == content(store, bucket, "out/part")
    assert -(-size // PIECE) == sum(request.method == "PUT" for request in http.requests)
    assert [] == uploads(store, bucket)


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from sagemaker_runtime import AioHTTPClient, S3Client, StaticCredentialsProvider
from sagemaker_runtime.bulk.s3 import S3Destination

class Deadly(AioHTTPClient):
    async def send(self, request, *, timeout):
        if request.query.startswith("partNumber=2"):
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().send(request, timeout=timeout)

async def main():
    url, where, path, *keys = sys.argv[1:]
    http = Deadly()
    s3 = S3Client(http_client=http, credentials=StaticCredentialsProvider(*keys), region="us-east-1", endpoint_url=url)
    await asyncio.to_thread(S3Destination(s3, where).put, Path(path), "part")

asyncio.run(main())
"""


async def test_a_killed_writer_leaves_nothing_visible_and_its_upload_is_aborted(
    moto: str, store: Boto, bucket: str, s3: S3Client, tmp_path: Path
) -> None:
    """S3 charges for the pieces of an upload that nobody ends for as long as it is there. Those of others are let alone."""
    path = file_of(tmp_path, PIECE + 10)
    where = f"s3://{bucket}/out/"
    store.create_multipart_upload(Bucket=bucket, Key="out/part-of-another")
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", KILLED, moto, where, str(path), *KEYS], check=False
    )
    out = S3Destination(s3, where)

    assert -signal.SIGKILL == killed.returncode
    assert set() == await asyncio.to_thread(out.names)
    assert ["out/part", "out/part-of-another"] == sorted(uploads(store, bucket))

    path.write_bytes(b"by now it is small")
    await asyncio.to_thread(out.put, path, "part")

    assert ["out/part-of-another"] == uploads(store, bucket)
    assert b"by now it is small" == content(store, bucket, "out/part")


async def test_an_upload_that_fails_is_aborted_at_once(
    store: Boto, bucket: str, s3: S3Client, http: Counting, tmp_path: Path
) -> None:
    """And what failed is raised, not what came of cleaning up."""
    path = file_of(tmp_path, PIECE + 10)

    async def send(request: Request, *, timeout: Timeout) -> Response:
        if request.query.startswith("partNumber=2"):
            return answer(403, b"<Error><Code>AccessDenied</Code><Message>No.</Message></Error>")
        return await http.inner.send(request, timeout=timeout)

    http.send = send  # type: ignore[method-assign]

    with pytest.raises(ServiceError, match="AccessDenied: No") as caught:
        await asyncio.to_thread(S3Destination(s3, f"s3://{bucket}/").put, path, "part")

    assert "UploadPart" == caught.value.operation
    assert [] == uploads(store, bucket)


async def test_a_lost_response_to_the_end_of_an_upload_is_no_failure(
    store: Boto, bucket: str, s3: S3Client, http: Counting, tmp_path: Path
) -> None:
    """The second try to end it finds no upload: it is there already, or aborted, and put again in either case."""
    path = file_of(tmp_path, PIECE + 10)
    lost: list[str] = []

    async def send(request: Request, *, timeout: Timeout) -> Response:
        response = await http.inner.send(request, timeout=timeout)
        if request.method == "POST" and request.query.startswith("uploadId") and not lost:
            lost.append(request.query)
            response.close()
            raise ReadTimeoutError("nothing came")
        return response

    http.send = send  # type: ignore[method-assign]

    await asyncio.to_thread(S3Destination(s3, f"s3://{bucket}/").put, path, "part")

    assert path.read_bytes() == content(store, bucket, "part")
    assert [] == uploads(store, bucket)


@pytest.mark.parametrize("size", [10, PIECE + 10])
async def test_the_encryption_that_was_asked_for_is_that_of_the_object(
    store: Boto, bucket: str, s3: S3Client, tmp_path: Path, size: int
) -> None:
    """In one PUT and in pieces."""
    path = file_of(tmp_path, size)
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd"

    await asyncio.to_thread(S3Destination(s3, f"s3://{bucket}/kms/", kms_key=key).put, path, "part")
    await asyncio.to_thread(S3Destination(s3, f"s3://{bucket}/aes/", encryption="AES256").put, path, "part")

    by_kms, by_aes = (store.head_object(Bucket=bucket, Key=f"{name}/part") for name in ("kms", "aes"))
    assert ("aws:kms", key) == (by_kms["ServerSideEncryption"], by_kms["SSEKMSKeyId"])
    assert "AES256" == by_aes["ServerSideEncryption"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"encryption": "aes256"}, "it takes one of AES256, aws:kms, aws:kms:dsse, or None"),
        ({"encryption": "AES256", "kms_key": "1234"}, "exclude each other"),
    ],
)
async def test_an_encryption_that_makes_no_sense_is_refused_before_the_run(changes: dict[str, str], text: str) -> None:
    """S3 would say so when the first part is done."""
    with pytest.raises(ConfigError, match=text):
        S3Destination(s3_client(ScriptedHTTPClient()), "s3://bucket/", **changes)


# Where and who


async def test_the_environment_says_where_s3_is(
    moto: str, store: Boto, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for boto3: `AWS_ENDPOINT_URL_S3`, which pyarrow's S3 does not know."""
    put(store, bucket, "in/a")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[1])

    async with Client.from_config(await load_config(region="us-east-1")) as client:
        found = await names(S3Source(client.s3_client(), [f"s3://{bucket}/in/"]))

    assert ["a"] == found


async def test_credentials_are_asked_for_before_each_request(
    store: Boto, bucket: str, moto: str, http: Counting
) -> None:
    """A run of a day outlives those it began with."""

    class Rotating:
        asked = 0

        async def retrieve(self) -> object:
            self.asked += 1
            return await StaticCredentialsProvider(f"AKID{self.asked}", KEYS[1]).retrieve()

    put(store, bucket, "a")
    source = S3Source(s3_client(http, endpoint_url=moto, credentials=Rotating()), [f"s3://{bucket}/a"])

    (file,) = await asyncio.to_thread(source.files)
    await asyncio.to_thread(read_whole, source, file)

    used = [request.headers["authorization"].partition("Credential=")[2][:5] for request in http.requests]
    assert ["AKID1", "AKID2"] == used


def fault(code: str, message: str = "No.") -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


def listing(*keys: str) -> bytes:
    contents = "".join(
        f"<Contents><Key>{key}</Key><ETag>&quot;{ETAG}&quot;</ETag><Size>9</Size></Contents>" for key in keys
    )
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>".encode()


def read(s3: S3Client) -> Callable[[], bytes]:
    file = InputFile("a", "s3://bucket/in/a", 9, {"etag": ETAG, "size": 9})
    return S3Source(s3, ["s3://bucket/in/"]).open(file).read


@pytest.mark.parametrize(
    ("status", "code", "error", "text"),
    [
        (404, "NoSuchBucket", ConfigError, "there is no bucket 'bucket': check its name"),
        (404, "NoSuchKey", ConfigError, "s3://bucket/in/a no longer exists"),
        (403, "InvalidObjectState", ConfigError, "s3://bucket/in/a is archived and cannot be read; restore it first"),
        (
            403,
            "AccessDenied",
            ServiceError,
            "it needs s3:GetObject on s3://bucket/in/a, and permission to use the KMS key",
        ),
        (301, "PermanentRedirect", ServiceError, "is not in the region of s3_endpoint_url"),
        (403, "SignatureDoesNotMatch", ServiceError, "SignatureDoesNotMatch: No.: s3://bucket/in/a"),
    ],
)
async def test_a_refusal_says_what_to_do(status: int, code: str, error: type[Exception], text: str) -> None:
    """What S3 says alone sends people to a search."""
    s3 = s3_client(ScriptedHTTPClient([answer(status, fault(code))]))

    with pytest.raises(error, match=text) as caught:
        await asyncio.to_thread(read(s3))

    assert KEYS[1] not in f"{caught.value} {caught.value!r}"


async def test_a_missing_right_to_list_is_named() -> None:
    """The first request of a run, and the right that a policy for reading often lacks."""
    s3 = s3_client(ScriptedHTTPClient([answer(403, fault("AccessDenied"))]))

    with pytest.raises(ServiceError, match="s3:ListBucket on the bucket bucket"):
        await names(S3Source(s3, ["s3://bucket/in/"]))


async def test_an_s3_that_is_busy_is_waited_for() -> None:
    """Any request here may be repeated, one whose response got lost too."""
    clock = ManualClock()
    script = [
        answer(503, fault("SlowDown")),
        ConnectError("refused"),
        ReadTimeoutError("silence"),
        answer(500, fault("InternalError")),
        answer(206, b"some text"),
    ]

    assert b"some text" == await asyncio.to_thread(read(s3_client(ScriptedHTTPClient(script), clock=clock)))
    assert 4 == len(clock.slept)


async def test_an_s3_that_stays_away_ends_the_run_with_its_reason() -> None:
    """After two minutes; the run can go on when it is back."""
    clock = ManualClock()

    with pytest.raises(ConnectError, match="refused") as caught:
        await asyncio.to_thread(read(s3_client(ScriptedHTTPClient([ConnectError("refused")]), clock=clock)))

    assert PATIENCE <= clock.monotonic() < PATIENCE + 10
    tried, where = caught.value.__notes__
    assert tried.startswith("S3 was tried ")
    assert "at s3://bucket/in/a" == where


async def test_an_end_of_an_upload_that_fails_with_200_is_tried_again(tmp_path: Path) -> None:
    """S3 begins to respond before it knows: "a 200 OK response can contain an error"."""
    path = file_of(tmp_path, PIECE + 10)
    script = [
        answer(200, b"<ListMultipartUploadsResult/>"),
        answer(200, b"<X><UploadId>1</UploadId></X>"),
        answer(200, b"", etag='"1"'),
        answer(200, b"", etag='"2"'),
        answer(200, fault("InternalError")),
        answer(200, b"<CompleteMultipartUploadResult/>"),
    ]
    http = ScriptedHTTPClient(script)

    await asyncio.to_thread(S3Destination(s3_client(http), "s3://bucket/").put, path, "part")

    assert 6 == len(http.requests)
    assert http.requests[-1].body == http.requests[-2].body
    assert b"<Part><PartNumber>2</PartNumber><ETag>&quot;2&quot;</ETag></Part>" in http.requests[-1].body


async def test_less_than_was_asked_for_is_an_error() -> None:
    """Rows would be missing, and nobody would know."""
    with pytest.raises(TruncatedResponseError, match="returned 4 bytes of s3://bucket/in/a instead of 9"):
        await asyncio.to_thread(read(s3_client(ScriptedHTTPClient([answer(206, b"some")]))))


async def test_a_store_without_ranges_serves_as_well() -> None:
    """The whole object comes, and what was asked for is cut out."""
    http = ScriptedHTTPClient([answer(200, b"some text")])
    file = InputFile("a", "s3://bucket/in/a", 9, {"etag": ETAG, "size": 9})
    opened = S3Source(s3_client(http), ["s3://bucket/in/"]).open(file)
    opened.seek(5)

    assert b"text" == await asyncio.to_thread(opened.read)
    assert LARGEST_READ > READ_AHEAD


async def test_a_call_in_the_event_loop_itself_is_refused() -> None:
    """It would wait for itself for ever."""
    with pytest.raises(RuntimeError, match="call it in a thread"):
        S3Source(s3_client(ScriptedHTTPClient()), ["s3://bucket/"]).files()


@pytest.mark.parametrize("place", ["s3:/bucket/a", "s3://", "/a/file", "s3:///a"])
async def test_what_is_no_place_in_s3_is_refused(place: str) -> None:
    """By name, and before anything is sent."""
    with pytest.raises(ConfigError, match="is not a place in S3; write it like s3://bucket/prefix/"):
        S3Source(s3_client(ScriptedHTTPClient()), [place])


def test_neither_pyarrow_nor_botocore_is_imported_for_s3() -> None:
    """Reading lines from S3 needs none of their 100 MB."""
    code = "import sys, sagemaker_runtime.bulk.s3; print(sorted({'pyarrow', 'botocore', 'aiohttp'} & set(sys.modules)))"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603

    assert "[]" == found.stdout.strip()
