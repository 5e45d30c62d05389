"""Where tests of credentials find some: a machine that has none, servers on loopback, moto, and a scripted provider."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from attrs import define, field

from sagemaker_runtime import Credentials

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support import ManualClock


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine that knows nothing of AWS, and is not asked over the network either; the place of its shared files."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("BOTO_CONFIG", str(tmp_path / "boto"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@define
class Asked:
    """A request that a server got."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case


@define
class Served:
    """A server on loopback, and what it was asked."""

    url: str
    asked: list[Asked] = field(factory=list)


@contextmanager
def serve(respond: Callable[[Asked], tuple[int, str]]) -> Iterator[Served]:
    """Respond to each request with a status and a body."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
            served.asked.append(asked)
            status, text = respond(asked)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_PUT = do_POST = handle_any  # noqa: N815 - the standard library's names

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Served(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@define
class ScriptedProvider:
    """Gives ``token-1``, ``token-2`` … that live as long as it says; fails, or waits at a gate, when it is set to."""

    clock: ManualClock | None = None
    lasts: float = 3600.0
    asked: int = 0
    failure: BaseException | None = None
    gate: asyncio.Event | None = field(default=None, repr=False)

    async def retrieve(self) -> Credentials:
        self.asked += 1
        token = f"token-{self.asked}"
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return Credentials("AKID", "hush", token, None if self.clock is None else self.clock.now() + self.lasts)
