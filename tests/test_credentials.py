"""Where credentials come from; what never shows them."""

from __future__ import annotations

import asyncio
import pickle
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from sagemaker_runtime import (
    BotocoreCredentialsProvider,
    ConfigError,
    Credentials,
    CredentialsError,
    StaticCredentialsProvider,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def nothing_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that knows nothing of AWS, and is not asked over the network either."""
    import os  # noqa: PLC0415

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("HOME", str(tmp_path))


async def test_static_credentials_are_given_as_they_are_and_never_shown() -> None:
    """Both the provider and what it gives end up in reprs of options and in logs."""
    provider = StaticCredentialsProvider("AKID", "hush", "token-hush")

    credentials = await provider.retrieve()

    assert credentials == Credentials("AKID", "hush", "token-hush")
    assert repr(credentials) == "Credentials(access_key_id='AKID')"
    assert repr(provider) == "StaticCredentialsProvider('AKID')"
    assert credentials == pickle.loads(pickle.dumps(credentials))  # noqa: S301


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("value", ["", "hush\n", " hush", "hu\x00sh", "hu\r\nsh", 5, b"hush"])
def test_a_value_that_is_no_credential_is_refused_and_not_shown(position: int, value: object) -> None:
    """The newline of a file is the usual mistake; signed with it, the service answers with a riddle."""
    values: list[object] = ["AKID", "secret", "token"]
    values[position] = value
    name = ("access_key_id", "secret_access_key", "session_token")[position]

    with pytest.raises(ConfigError, match=f"^{name} is empty, no string, or .*the value is not shown") as caught:
        StaticCredentialsProvider(*values)

    assert "hu" not in str(caught.value)


async def test_the_environment_is_read_at_the_first_call_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may be made before the environment is set; afterwards a call must cost no look-up."""
    provider = BotocoreCredentialsProvider()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")

    first = await provider.retrieve()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OTHER")

    assert first == Credentials("AKID", "hush", "token")
    assert first is await provider.retrieve()


async def test_a_profile_of_the_shared_file_is_read(tmp_path: Path) -> None:
    """The named profile, and not the default one that stands before it."""
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = A\naws_secret_access_key = a\n"
        "[work]\naws_access_key_id = W\naws_secret_access_key = w\n"
    )

    assert await BotocoreCredentialsProvider().retrieve() == Credentials("A", "a")
    assert await BotocoreCredentialsProvider(profile="work").retrieve() == Credentials("W", "w")
    assert repr(BotocoreCredentialsProvider(profile="work")) == "BotocoreCredentialsProvider(profile='work')"


@pytest.mark.parametrize(
    ("profile", "environment", "complaint"),
    [
        (None, {}, "no AWS credentials were found in the environment"),
        ("nowhere", {}, "credential chain failed: .*nowhere"),
        (None, {"AWS_ACCESS_KEY_ID": "AKID"}, "credential chain failed: .*AWS_SECRET_ACCESS_KEY"),
        (None, {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "hush\n"}, "secret_access_key"),
    ],
    ids=["none", "no such profile", "half of them", "a newline at the end"],
)
async def test_whatever_is_wrong_with_the_chain_is_a_credentials_error(
    profile: str | None, environment: dict[str, str], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The protocol promises this one exception, so a caller needs no other clause."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(CredentialsError, match=complaint) as caught:
        await BotocoreCredentialsProvider(profile=profile).retrieve()

    assert "hush" not in str(caught.value)


async def test_a_failure_is_not_kept() -> None:
    """The credentials may turn up later: a file that is still being written, a role that is being attached."""
    provider = BotocoreCredentialsProvider()
    with pytest.raises(CredentialsError):
        await provider.retrieve()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKID")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "hush")

        assert await provider.retrieve() == Credentials("AKID", "hush")


class CountingSource:
    """Stands for botocore's refreshable credentials; a load waits until the test lets it go on."""

    def __init__(self) -> None:
        self.access_key, self.secret_key, self.token = "AKID", "hush", "token-1"
        self.loads = 0
        self.due = False
        self.released = threading.Event()

    def refresh_needed(self) -> bool:
        return self.due

    def get_frozen_credentials(self) -> CountingSource:
        self.released.wait(10)
        self.loads += 1
        self.token, self.due = f"token-{self.loads}", False
        return self


def loading(source: CountingSource) -> BotocoreCredentialsProvider:
    provider = BotocoreCredentialsProvider()
    provider._source = source
    return provider


async def test_calls_that_come_meanwhile_wait_for_the_same_answer() -> None:
    """A hundred calls at the start of a process must not ask an instance's metadata a hundred times."""
    source = CountingSource()
    provider = loading(source)
    waiting = [asyncio.ensure_future(provider.retrieve()) for _ in range(100)]
    await asyncio.sleep(0)

    source.released.set()
    found = await asyncio.gather(*waiting)

    assert source.loads == 1
    assert set(found) == {Credentials("AKID", "hush", "token-1")}


async def test_a_call_that_is_cancelled_cancels_no_other() -> None:
    """The first to come has started the load for all."""
    source = CountingSource()
    provider = loading(source)
    first, second = (asyncio.ensure_future(provider.retrieve()) for _ in range(2))
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.sleep(0)
    source.released.set()

    assert await second == Credentials("AKID", "hush", "token-1")
    assert first.cancelled()


async def test_a_load_that_was_given_up_is_begun_again() -> None:
    """An executor that is shut down drops what has not begun; the next call must not get that cancellation."""
    source = CountingSource()
    provider = loading(source)
    waiting = asyncio.ensure_future(provider.retrieve())
    await asyncio.sleep(0)
    load = provider._loading
    assert load is not None

    load.cancel()
    source.released.set()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await provider.retrieve()).access_key_id == "AKID"


async def test_a_failure_that_nobody_waits_for_is_not_reported_as_forgotten() -> None:
    """Asyncio would print it when the future is collected, long after the call that it belonged to."""
    reported: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    source = CountingSource()
    source.access_key = ""
    provider = loading(source)
    only = asyncio.ensure_future(provider.retrieve())
    await asyncio.sleep(0)

    only.cancel()
    await asyncio.sleep(0)
    source.released.set()
    load = provider._loading
    assert load is not None
    await asyncio.wait([load])
    provider._loading = None
    del load

    assert only.cancelled()
    assert reported == []


async def test_credentials_about_to_expire_are_refreshed() -> None:
    """Botocore knows when; between refreshes a call costs nothing but its question."""
    source = CountingSource()
    source.released.set()
    provider = loading(source)

    first = await provider.retrieve()
    again = await provider.retrieve()
    source.due = True
    refreshed = await provider.retrieve()

    assert first is again
    assert (first.session_token, refreshed.session_token) == ("token-1", "token-2")


def test_one_provider_serves_one_event_loop_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script calls ``asyncio.run`` twice; a load of the first loop must not be awaited in the second."""
    provider = BotocoreCredentialsProvider()
    with pytest.raises(CredentialsError):
        asyncio.run(provider.retrieve())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")

    assert asyncio.run(provider.retrieve()) == Credentials("AKID", "hush")


@pytest.fixture
def refusing_sts() -> Iterator[str]:
    """A security token service on loopback that grants nobody a role."""

    class Refusal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = (
                b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
                b"<Message>not authorized to perform sts:AssumeRole</Message></Error></ErrorResponse>"
            )
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Refusal)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_role_that_may_not_be_assumed_is_a_credentials_error(
    refusing_sts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Botocore raises a ClientError here, which is not one of its BotoCoreErrors; ours must still be of our tree."""
    (tmp_path / "config").write_text(
        "[default]\nregion = us-east-1\nrole_arn = arn:aws:iam::123456789012:role/x\ncredential_source = Environment\n"
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", refusing_sts)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")

    with pytest.raises(CredentialsError, match="AccessDenied"):
        await BotocoreCredentialsProvider(profile="default").retrieve()
