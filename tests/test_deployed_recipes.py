"""The recipes that a server, Lambda or Jupyter runs, each run by that, on a local endpoint that the environment leads to."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import nbformat
import pytest
from nbclient import NotebookClient

from sagemaker_runtime.local import Invocation, LocalEndpoint, StreamError

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
WAIT = 30  # seconds, after which something hangs


def environment(local: LocalEndpoint) -> dict[str, str]:
    paths = os.pathsep.join(filter(None, sys.path))
    home = tempfile.gettempdir()  # gunicorn writes there
    return {**os.environ, **local.environ(), "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1", "HOME": home}


@contextmanager
def served(local: LocalEndpoint, *module: str) -> Iterator[str]:
    """Run a server as its user does, give its URL, and end it by Ctrl-C; it must not complain of anything left open."""
    with subprocess.Popen(  # noqa: S603 - a recipe of ours
        [sys.executable, "-W", "default::ResourceWarning", "-m", *module],
        cwd=EXAMPLES,
        env=environment(local),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        printed: list[str] = []
        try:
            while not (found := re.search(r"http://127\.0\.0\.1:\d+", "".join(printed))):
                line = process.stdout.readline()
                assert line, "".join(printed)
                printed.append(line)
            yield found.group()
        finally:
            process.send_signal(signal.SIGINT)
            try:
                printed.append(process.communicate(timeout=WAIT)[0])
            except subprocess.TimeoutExpired:
                process.kill()  # or the `with` would wait for it for ever
                raise
    # Gunicorn's workers leave open what they listen on, and the browser's connections: those have the server's own port.
    port = found.group().rpartition(":")[2]
    text = re.sub(
        rf"ResourceWarning: unclosed <socket\.socket [^>]*laddr=\('127\.0\.0\.1', {port}\)[^>]*>", "", "".join(printed)
    )
    assert not re.search(r"Traceback|ResourceWarning: (?!Enable)|Exception ignored|Task was destroyed", text), text


class Story:
    """A model of words, the last one of which waits until it may come."""

    def __init__(self) -> None:
        self.has_begun, self.may_end, self.was_left = threading.Event(), threading.Event(), threading.Event()

    async def __call__(self, invocation: Invocation) -> AsyncIterator[bytes]:
        event = b"data: %s\n\n" if invocation.content_type == "application/json" else b"%s "
        self.has_begun.set()
        try:
            yield event % b"Alice"
            while not self.may_end.is_set():
                yield event % b"sat"  # a server sees that its reader has left when it writes
                await asyncio.sleep(0.01)
            yield event % b"up."
        finally:
            self.was_left.set()


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def local(story: Story) -> Iterator[LocalEndpoint]:
    endpoints = {"iris": lambda invocation: b"setosa", "story": story}
    with LocalEndpoint(endpoints) as running:
        yield running


# A worker that is told to end just as it takes a request waits for a lock that it has itself, until gunicorn kills it.
GUNICORN = ("gunicorn", "--preload", "--workers", "2", "--graceful-timeout", "3", "--bind", "127.0.0.1:0")
SERVERS: dict[str, tuple[tuple[str, ...], Callable[[str], httpx.Request]]] = {
    "fastapi": (
        ("uvicorn", "fastapi_events:app", "--port", "0", "--log-level", "info"),
        lambda url: httpx.Request("GET", f"{url}/chat", params={"prompt": "Alice"}),
    ),
    "flask": (
        ("flask", "--app", "flask_stream", "run", "--port", "0"),
        lambda url: httpx.Request("POST", f"{url}/story", content=b"Alice"),
    ),
    "flask under gunicorn": (
        (*GUNICORN, "--threads", "2", "flask_stream:app"),
        lambda url: httpx.Request("POST", f"{url}/story", content=b"Alice"),
    ),
}


@pytest.fixture(params=SERVERS)
def asked(request: pytest.FixtureRequest, local: LocalEndpoint) -> Iterator[Callable[[], httpx.Request]]:
    """A service that is running, as the request that asks it for a story."""
    command, ask = SERVERS[request.param]
    with served(local, *command) as url:
        yield lambda: ask(url)


def test_a_web_service_passes_words_on_while_the_model_still_writes(
    asked: Callable[[], httpx.Request], story: Story
) -> None:
    """One that collects the response first would wait here for ever."""
    with httpx.Client(timeout=WAIT) as browser:
        response = browser.send(asked(), stream=True)
        text = response.iter_text()
        first = next(text)
        story.may_end.set()
        rest = "".join(text)
        response.close()

    assert 200 == response.status_code
    assert "Alice" in first
    assert "up." not in first
    assert "up." in rest


def test_a_reader_that_leaves_a_web_service_ends_the_models_stream(
    asked: Callable[[], httpx.Request], story: Story
) -> None:
    """A model that writes for nobody is paid for."""
    with httpx.Client(timeout=WAIT) as browser:
        response = browser.send(asked(), stream=True)
        next(response.iter_text())
        response.close()

        assert story.was_left.wait(WAIT)


def test_a_model_that_fails_is_a_status_before_the_first_word_and_a_text_after_it(
    asked: Callable[[], httpx.Request], local: LocalEndpoint, story: Story
) -> None:
    """A page that shows half a response must know that it is one."""
    story.may_end.set()
    local.fail("story", call=1, error="ModelError")
    local.inject("story", StreamError(after=1), call=2)

    with httpx.Client(timeout=WAIT) as browser:
        failed = browser.send(asked())
        broken = browser.send(asked())

    assert (502, {"error": "ModelError"}) == (failed.status_code, failed.json())
    assert 200 == broken.status_code
    assert "Alice" in broken.text
    assert "ModelStreamError" in broken.text


def test_the_browser_gets_events_that_it_can_read(local: LocalEndpoint, story: Story) -> None:
    """With a content type that EventSource takes, and one document in each event, whatever it holds."""
    story.may_end.set()
    command, ask = SERVERS["fastapi"]

    with served(local, *command) as url, httpx.Client(timeout=WAIT) as browser:
        response = browser.send(ask(url))

    assert response.headers["content-type"].startswith("text/event-stream")
    assert ["Alice", "up."] == [json.loads(event.removeprefix("data: ")) for event in response.text.split("\n\n")[:-1]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_the_workers_of_gunicorn_call_with_the_client_that_was_made_before_the_fork() -> None:
    """Two workers of one thread each, both in a call: neither may use a connection, a loop or a lock of their parent."""
    both_are_there = threading.Barrier(2)

    def iris(invocation: Invocation) -> bytes:
        both_are_there.wait(WAIT)
        return b"setosa"

    command = (*GUNICORN, "flask_stream:app")
    with LocalEndpoint({"iris": iris}) as local:
        with served(local, *command) as url, ThreadPoolExecutor(2) as browsers:
            ask = [browsers.submit(httpx.post, f"{url}/classify", content=b"5.1", timeout=WAIT) for _ in range(6)]
            responses = [each.result().json() for each in ask]

        assert [{"species": "setosa"}] * 6 == responses
        assert 2 == len({exchange.connection for exchange in local.journal})


def test_the_tests_of_the_lambda_function_pass() -> None:
    """They are on the page: who copies them starts them so. They count the connections of a hundred calls."""
    tests = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "--rootdir", EXAMPLES]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    done = subprocess.run(  # noqa: S603 - a recipe of ours
        [*tests, "test_lambda_function.py"],
        cwd=EXAMPLES,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * WAIT,
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "3 passed" in done.stdout


NOTEBOOK = EXAMPLES / "notebook.ipynb"


def kernel(notebook: nbformat.NotebookNode, local: LocalEndpoint, monkeypatch: pytest.MonkeyPatch) -> NotebookClient:
    for name, value in environment(local).items():
        monkeypatch.setenv(name, value)
    return NotebookClient(notebook, timeout=WAIT, kernel_name="python3", record_timing=False, coalesce_streams=True)


def results(notebook: nbformat.NotebookNode) -> list[str]:
    """What stands below the cells."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return [output.get("text") or output["data"]["text/plain"] for output in outputs]


@pytest.mark.filterwarnings("default::DeprecationWarning")  # Jupyter's own
def test_the_notebook_runs_and_shows_what_it_is_stored_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a real kernel, whose main thread has a running loop: both clients, in one notebook."""

    def iris(invocation: Invocation) -> bytes:
        return b"setosa" if float(invocation.body.split(b",")[2]) < 2.5 else b"virginica"

    def story(invocation: Invocation) -> Iterator[bytes]:
        yield from (invocation.body, b" sat", b" up.")

    stored = nbformat.read(NOTEBOOK, as_version=4)
    with LocalEndpoint({"iris": iris, "story": story}) as local:
        run = kernel(nbformat.read(NOTEBOOK, as_version=4), local, monkeypatch).execute()

    assert results(stored) == results(run)
    assert ["b'setosa'", "Alice sat up.", "[b'setosa', b'virginica', b'setosa']"] == results(run)


@pytest.mark.filterwarnings("default::DeprecationWarning")
def test_the_button_interrupt_of_a_notebook_ends_a_call_and_the_next_cell_calls_again(
    local: LocalEndpoint, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who must restart the kernel loses the data in it."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.id in {"client", "stream", "end"}]
    client, stream, end = notebook.cells
    end.source = client.source.partition("client = SyncClient.load()\n")[2]
    stream.source = f"try:\n{re.sub('^', '    ', stream.source, flags=re.MULTILINE)}\nexcept KeyboardInterrupt:\n    print('interrupted')"
    running = kernel(notebook, local, monkeypatch)

    def interrupt() -> None:
        story.has_begun.wait()  # one that is left before hears nothing of it
        os.kill(running.km.provisioner.pid, signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    running.execute()

    assert story.was_left.wait(WAIT)
    assert "interrupted" in results(notebook)[1]
    assert "b'setosa'" == results(notebook)[2]
