"""What the small S3 refuses, and uploads that go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from local.storage.s3_requests import code_of, local_with, send, signed
from yarl import URL

from sagemaker_runtime.local.front import bodies
from sagemaker_runtime.local.storage import front as storage_front


@pytest.mark.parametrize(
    ("method", "target", "headers", "status", "code"),
    [
        ("GET", "/inputs/k?x-id=GetObject", {}, 200, None),
        ("GET", "/inputs/k?versionId=1", {}, 501, "NotImplemented"),
        ("GET", "/inputs/k", {"range": "bytes=0-0"}, 501, "NotImplemented"),
        ("PUT", "/inputs/k", {"x-amz-copy-source": "/inputs/other"}, 501, "NotImplemented"),
        ("PUT", "/inputs/k", {"if-none-match": "*"}, 501, "NotImplemented"),
        ("GET", "/inputs", {}, 501, "NotImplemented"),
        ("GET", "/inputs/?list-type=2", {}, 501, "NotImplemented"),
        ("DELETE", "/inputs/k", {}, 405, "MethodNotAllowed"),
    ],
)
async def test_what_it_cannot_do_it_refuses(
    tmp_path: Path, method: str, target: str, headers: dict[str, str], status: int, code: str | None
) -> None:
    """To pass over a condition, a range or a source would be to serve another request than was made."""
    async with local_with(tmp_path) as local:
        (tmp_path / "inputs" / "k").write_bytes(b"12")

        got, _, document = await send(local, signed(local, method, target, headers=headers))

    assert (status, code) == (got, None if status == 200 else code_of(document))
    assert b"12" == (tmp_path / "inputs" / "k").read_bytes()


@pytest.mark.parametrize("rest", [b"zz\r\n", b""], ids=["malformed", "nothing"])
async def test_an_upload_that_does_not_come_to_its_end_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: bytes
) -> None:
    """What has not come whole is no object, and nobody waits for it for ever."""
    monkeypatch.setattr(bodies, "BODY_TIMEOUT", 0.01)
    async with local_with(tmp_path) as local:
        request = signed(local, "PUT", "/inputs/k", payload_hash="UNSIGNED-PAYLOAD")
        lines = ["PUT /inputs/k HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())]
        lines += ["Transfer-Encoding: chunked", "Expect: 100-continue", "", ""]
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(local.url).port)
        try:
            async with asyncio.timeout(5):
                writer.write("\r\n".join(lines).encode())
                await reader.readuntil(b"\r\n\r\n")  # it says that it is reading
                writer.write(b"4\r\nbody\r\n" + rest)
                response = await reader.readuntil(b"\r\n\r\n")
                document = await reader.readuntil(b"</Error>")
        finally:
            writer.close()

    assert response.startswith(b"HTTP/1.1 400 ")
    assert "RequestTimeout" == code_of(document)
    assert not (tmp_path / "inputs" / "k").exists()


async def test_a_caller_that_leaves_in_the_middle_of_an_upload_breaks_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Half of an upload is no object, and no traceback of the server's stands between a test's own lines."""
    head = b"PUT /inputs/k HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
    async with local_with(tmp_path) as local:
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(local.url).port)
        async with asyncio.timeout(5):
            writer.write(head)
            await reader.readuntil(b"\r\n\r\n")  # it says that it is reading
        writer.write(b"half")
        writer.close()
        await writer.wait_closed()
        status, _, _ = await send(local, signed(local, "GET", "/inputs/k"))

    assert 404 == status
    assert [] == caplog.records


async def test_nothing_is_read_of_an_upload_that_is_not_signed_as_it_should_be(tmp_path: Path) -> None:
    """Or every program of the machine could fill the memory without a key."""
    async with local_with(tmp_path) as local:
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(local.url).port)
        try:
            async with asyncio.timeout(5):
                writer.write(b"PUT /inputs/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n")
                response = await reader.readuntil(b"\r\n\r\n")
        finally:
            writer.close()

    assert response.startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("announced", [True, False])
async def test_an_object_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, announced: bool
) -> None:
    """What is stored is read whole into memory, here and by whoever fetches it."""
    monkeypatch.setattr(storage_front, "MAX_OBJECT", 1000)
    async with local_with(tmp_path) as local:
        request = signed(local, "PUT", "/inputs/k", b"x" * 1001)
        body = request.body
        request.body = body if announced else iter_of(body)  # type: ignore[assignment]
        status, _, document = await send(local, request)

    assert (400, "EntityTooLarge") == (status, code_of(document))


async def iter_of(body: bytes) -> AsyncIterator[bytes]:
    yield body
