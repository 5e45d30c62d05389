"""The small S3 beside the local endpoint: botocore's own client reads and writes, and nothing leaves the folder."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from botocore.exceptions import ClientError
from local.storage.s3_requests import code_of, local_with, send, signed, with_botocore

from sagemaker_runtime.local import LocalEndpoint
from sagemaker_runtime.local.storage.storage import Storage, StorageError


@pytest.mark.parametrize("key", ["in/iris.csv", "a b+c%20/\u00e9?x=y#z&'()*!~.bin"])
async def test_botocore_reads_what_it_has_written(tmp_path: Path, key: str) -> None:
    """It is what users upload inputs with; a key is text to S3, whatever its characters are in a URL."""
    body = bytes(range(256)) * 300

    def use(s3: Any) -> list[dict[str, Any]]:
        put = s3.put_object(Bucket="inputs", Key=key, Body=body, ContentType="image/x-odd")
        head = s3.head_object(Bucket="inputs", Key=key)
        got = s3.get_object(Bucket="inputs", Key=key)
        return [put, head, {**got, "Body": got["Body"].read()}]

    async with local_with(tmp_path, clock=None) as local:
        put, head, got = await with_botocore(local, use)

    etag = f'"{md5(body, usedforsecurity=False).hexdigest()}"'
    assert [etag, etag, etag] == [response["ETag"] for response in (put, head, got)]
    assert body == got["Body"] == (tmp_path / "inputs" / key).read_bytes()
    assert [(len(body), "image/x-odd")] * 2 == [(one["ContentLength"], one["ContentType"]) for one in (head, got)]
    modified = datetime.fromtimestamp(int((tmp_path / "inputs" / key).stat().st_mtime), UTC)
    assert [modified, modified] == [head["LastModified"], got["LastModified"]]
    assert got["ResponseMetadata"]["RequestId"]


async def test_a_bucket_is_made_on_request_and_stays_as_it_is_when_asked_for_again(tmp_path: Path) -> None:
    """A set-up that creates its buckets runs here as it does elsewhere, twice too."""

    def use(s3: Any) -> bytes:
        s3.create_bucket(Bucket="more")
        s3.put_object(Bucket="more", Key="k", Body=b"1")
        s3.create_bucket(Bucket="more")
        return s3.get_object(Bucket="more", Key="k")["Body"].read()

    async with local_with(tmp_path, clock=None) as local:
        assert b"1" == await with_botocore(local, use)


@pytest.mark.parametrize(
    ("bucket", "key", "status", "code"),
    [
        ("inputs", "gone", 404, "NoSuchKey"),
        ("inputs", "folder", 404, "NoSuchKey"),
        ("nowhere", "gone", 404, "NoSuchBucket"),
        ("Not_A_Bucket", "gone", 400, "InvalidBucketName"),
    ],
)
async def test_what_is_not_there_is_refused_as_s3_refuses_it(
    tmp_path: Path, bucket: str, key: str, status: int, code: str
) -> None:
    """A wait goes on for a missing object, and ends for a missing bucket."""
    (tmp_path / "inputs" / "folder").mkdir(parents=True)

    async with LocalEndpoint({}, folder=tmp_path) as local:
        with pytest.raises(ClientError) as raised:
            await with_botocore(local, lambda s3: s3.get_object(Bucket=bucket, Key=key))
        with pytest.raises(ClientError) as head:
            await with_botocore(local, lambda s3: s3.head_object(Bucket=bucket, Key=key))

    response = raised.value.response
    assert (code, status) == (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"])
    assert status == head.value.response["ResponseMetadata"]["HTTPStatusCode"]


async def test_an_error_has_the_form_of_s3s(tmp_path: Path) -> None:
    """Clients read it by these names, and quote the id."""
    async with local_with(tmp_path) as local:
        status, headers, body = await send(local, signed(local, "GET", "/inputs/a%26%3Cb%3E"))

    document = ET.fromstring(body)  # noqa: S314 - our own
    assert (404, "application/xml") == (status, headers["Content-Type"])
    assert "Error" == document.tag
    assert [
        ("Code", "NoSuchKey"),
        ("Message", "The specified key does not exist."),
        ("Key", "a&<b>"),
        ("RequestId", headers["x-amz-request-id"]),
    ] == [(element.tag, element.text) for element in document]


async def test_a_file_put_there_by_hand_is_an_object_of_the_type_that_its_name_says(tmp_path: Path) -> None:
    """Inputs lie in a repository's folder, and nobody wants to upload them first."""
    async with local_with(tmp_path) as local:
        (tmp_path / "inputs" / "iris.csv").write_bytes(b"5.1")
        (tmp_path / "inputs" / "raw").write_bytes(b"\0")
        found = [await send(local, signed(local, "GET", f"/inputs/{name}")) for name in ("iris.csv", "raw")]

    assert [(200, "text/csv", b"5.1"), (200, "binary/octet-stream", b"\0")] == [
        (status, headers["Content-Type"], body) for status, headers, body in found
    ]


@pytest.mark.parametrize(("given", "kept"), [(None, "binary/octet-stream"), ("a/\u00e9\n", "binary/octet-stream")])
async def test_a_type_that_no_header_could_carry_is_s3s_default(tmp_path: Path, given: str | None, kept: str) -> None:
    """It comes back in a header with each read."""
    storage = Storage(tmp_path, bucket="own")
    await storage.start()

    await storage.write("own", "k", b"1", given)
    found = await storage.read("own", "k")
    await storage.stop()

    assert kept == found.content_type


async def test_a_new_object_takes_the_old_ones_place_at_once(tmp_path: Path) -> None:
    """Who has begun to read goes on with the old one: half of each would be neither."""
    storage = Storage(tmp_path, bucket="own")
    await storage.start()
    await storage.write("own", "k", b"old", "text/old")

    with (tmp_path / "own" / "k").open("rb") as reader:
        await storage.write("own", "k", b"new one", "text/new")
        seen = reader.read()
    found = await storage.read("own", "k")
    await storage.stop()

    assert b"old" == seen
    assert (b"new one", "text/new") == (found.body, found.content_type)
    assert [".types", "own"] == names_in(tmp_path), "nothing half written is left"


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a")])
async def test_a_key_that_continues_another_is_refused(tmp_path: Path, first: str, second: str) -> None:
    """S3 has no folders, and a file system does: so it cannot be an object here, and the one before stays whole."""
    async with local_with(tmp_path) as local:
        await send(local, signed(local, "PUT", f"/inputs/{first}", b"first"))

        status, _, document = await send(local, signed(local, "PUT", f"/inputs/{second}", b"second"))

        assert (400, "InvalidURI") == (status, code_of(document))
        assert b"first" == (await send(local, signed(local, "GET", f"/inputs/{first}")))[2]
    assert [".types", "inputs", "sagemaker-us-east-1-000000000000"] == names_in(tmp_path)


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a")])
async def test_a_key_that_was_refused_is_in_nobodys_way(tmp_path: Path, first: str, second: str) -> None:
    """Where there is no object, there must be no type either, which would take the place of another's."""
    async with local_with(tmp_path) as local:
        await send(local, signed(local, "PUT", f"/inputs/{first}", b"first"))
        await send(local, signed(local, "PUT", f"/inputs/{second}", b"second"))

        status, _, _ = await send(local, signed(local, "PUT", f"/inputs/{first}", b"again"))

        assert 200 == status
        assert b"again" == (await send(local, signed(local, "GET", f"/inputs/{first}")))[2]


async def test_a_key_that_lost_to_a_file_put_there_by_hand_is_in_nobodys_way(tmp_path: Path) -> None:
    """The file has no type, so that the place of its type is free to be spoilt."""
    async with local_with(tmp_path) as local:
        (tmp_path / "inputs" / "hand").write_bytes(b"by hand")

        refused = (await send(local, signed(local, "PUT", "/inputs/hand/x", b"1")))[0]
        taken = (await send(local, signed(local, "PUT", "/inputs/hand", b"2")))[0]

        assert (400, 200) == (refused, taken)
        assert b"2" == (await send(local, signed(local, "GET", "/inputs/hand")))[2]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


ESCAPES = [
    "/inputs/../secret",
    "/inputs/%2e%2e/secret",
    "/inputs/..%2fsecret",
    "/inputs/..%2Fsecret",
    "/inputs/a/../../secret",
    "/inputs/..%5csecret",
    "/inputs/%2e%2e%5Csecret",
    "/inputs//etc/passwd",
    "/inputs/%2fetc/passwd",
    "//etc/passwd",
    "/../secret",
    "/%2e%2e/secret",
    "/..%2f/secret",
    "/./secret",
    "/.types/inputs/k",
    "/in..puts/secret",
    "/inputs/..",
    "/inputs/.",
    "/inputs/k/",
    "/inputs/./k",
    "/inputs/a%00b",
    "/inputs/a%0ab",
    "/inputs/%ff",
    "/inputs/%ed%b0%80",
    "/inputs/way-out/secret",
    "/inputs/secret-link",
    "/way-out/secret",
    "/inputs/" + "a" * 256,
    "/inputs/" + "%C3%A9" * 128,
    "/inputs/" + "/".join(["a" * 200] * 6),
]


def tree(folder: Path) -> dict[str, bytes | None]:
    return {f"{path}": path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
@pytest.mark.parametrize("target", ESCAPES)
async def test_no_key_leads_out_of_the_folder(tmp_path: Path, target: str, method: str) -> None:
    """The port is open to every program of the machine, and whoever signs well may still not read its files."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"hush")
    (tmp_path / "secret").write_bytes(b"hush")
    folder = tmp_path / "folder"

    async with local_with(folder) as local:
        (folder / "way-out").symlink_to(outside)
        (folder / "inputs" / "way-out").symlink_to(outside)
        (folder / "inputs" / "secret-link").symlink_to(outside / "secret")
        before = tree(tmp_path)
        status, _, document = await send(local, signed(local, method, target, b"mine" if method == "PUT" else b""))

        assert 400 <= status < 500, document
        assert before == tree(tmp_path)
    assert b"hush" not in document
    assert method == "HEAD" or code_of(document) in {"InvalidURI", "InvalidBucketName", "AccessDenied"}


@pytest.mark.parametrize(
    ("method", "target", "code"),
    [
        ("GET", "/inputs/circle", "NoSuchKey"),
        ("GET", "/inputs/circle/k", "NoSuchKey"),
        ("PUT", "/inputs/circle/k", "InvalidURI"),
        ("PUT", "/circle", "InvalidURI"),
    ],
)
async def test_links_in_a_circle_lead_nowhere(tmp_path: Path, method: str, target: str, code: str) -> None:
    """They are a mistake of whoever made the folder, and no reason for the server to fail."""
    async with local_with(tmp_path) as local:
        for circle in (tmp_path / "circle", tmp_path / "inputs" / "circle"):
            circle.symlink_to(circle)

        status, _, document = await send(local, signed(local, method, target))

    assert code == code_of(document)
    assert 400 <= status < 500


async def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    """A large input may be kept once and be named twice."""
    async with local_with(tmp_path) as local:
        (tmp_path / "inputs" / "here").write_bytes(b"1")
        (tmp_path / "inputs" / "there").symlink_to(tmp_path / "inputs" / "here")

        assert (200, b"1") == (await send(local, signed(local, "GET", "/inputs/there")))[::2]


async def test_a_temporary_folder_goes_with_the_endpoint_and_a_given_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test run leaves nothing behind, and results that are wanted are still there for the next run."""
    monkeypatch.setattr("tempfile.tempdir", f"{tmp_path}")
    kept = tmp_path / "kept"

    async with LocalEndpoint({}), LocalEndpoint({}, folder=f"{kept}") as local:
        while_it_runs = len(names_in(tmp_path))
        await with_botocore(
            local, lambda s3: s3.put_object(Bucket="sagemaker-us-east-1-000000000000", Key="k", Body=b"1")
        )
    async with LocalEndpoint({}, folder=kept) as local:
        again = await send_now(local, "sagemaker-us-east-1-000000000000/k")

    assert 2 == while_it_runs
    assert ["kept"] == names_in(tmp_path)
    assert b"1" == again


async def send_now(local: LocalEndpoint, name: str) -> bytes:
    return (await send(local, signed(local, "GET", f"/{name}", signing_time=datetime.now(UTC))))[2]


async def test_a_storage_that_has_been_stopped_reads_and_writes_no_more(tmp_path: Path) -> None:
    """What is under way when the endpoint stops must not make the folder again that has just been removed."""
    storage = Storage(tmp_path, bucket="own")
    await storage.start()
    await storage.stop()
    await storage.stop()

    with pytest.raises(StorageError, match="ServiceUnavailable"):
        await storage.write("own", "k", b"")


async def test_models_that_hold_every_thread_do_not_hold_up_the_storage(tmp_path: Path) -> None:
    """A model that hangs keeps its thread for good, and the look for its result must still get a response."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    hanging, release = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        release.wait()

    blocked = asyncio.create_task(asyncio.to_thread(hang))
    async with local_with(tmp_path) as local, asyncio.timeout(10):
        while not hanging.is_set():
            await asyncio.sleep(0)
        (tmp_path / "inputs" / "k").write_bytes(b"1")
        found = await send(local, signed(local, "GET", "/inputs/k"))
    release.set()
    await blocked

    assert b"1" == found[2]
