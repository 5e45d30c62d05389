"""The command ``python -m sagemaker_runtime.local serve``."""

from __future__ import annotations

import asyncio
import io
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.session import Session

from sagemaker_runtime import (
    Client,
    HTTP2Client,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointWithBidirectionalStreamInput,
    Options,
    StaticCredentialsProvider,
)
from sagemaker_runtime.local.cli import main

MODELS = """
import threading

from sagemaker_runtime.local import Duplex

class Classifier:
    def predict(self, invocation):
        return b"setosa"

class Failing:
    async def start(self):
        raise OSError("the accelerator\\nis gone")

    async def stop(self): ...

    async def invoke(self, invocation): ...

def hang(invocation):
    print("at work", flush=True)
    threading.Event().wait()

def hang_in_the_middle(invocation):
    yield b"first"
    hang(invocation)

async def echo(conversation):
    async for part in conversation:
        yield part

voice = Duplex(echo)
iris = Classifier()
failing = Failing()
number = 7
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that the command is started in, with modules of the user's."""
    (tmp_path / "some_models.py").write_text(MODELS)
    (tmp_path / "broken_models.py").write_text("raise LookupError('no weights\\nin the file')")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("some_models", "broken_models"):
        sys.modules.pop(name, None)


@contextmanager
def serving(*arguments: str, cwd: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, and what it has said once it listens."""
    command = [sys.executable, "-W", "error", "-m", "sagemaker_runtime.local", "serve", *arguments]
    with subprocess.Popen(  # noqa: S603 - our own words
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            said = ""
            for line in process.stdout or ():
                said += line
                if "stops it" in line:
                    break
            yield process, said
        finally:
            process.kill()


def exported(said: str) -> dict[str, str]:
    return dict(re.findall(r"(AWS_\w+)=(\S+)", said))


def options_from(said: str) -> Options:
    """As a client gets them from the environment that the command prints."""
    environment = exported(said)
    return Options(
        base_endpoint=environment["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"],
        region=environment["AWS_REGION"],
        credentials=StaticCredentialsProvider(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]),
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_until_a_signal_to_stop(folder: Path, number: signal.Signals) -> None:
    """What it says at the start is all that a client needs to know; Ctrl-C, or a supervisor, ends it in good order."""
    with serving("iris=some_models:iris.predict", "--region", "eu-west-1", cwd=folder) as (process, said):
        async with Client(options_from(said)) as client:
            output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b"1,2"))
        process.send_signal(number)
        rest, errors = process.communicate(timeout=10)

    assert b"setosa" == output.body
    assert "eu-west-1" == exported(said)["AWS_DEFAULT_REGION"]
    assert "127.0.0.1" == urlsplit(exported(said)["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"]).hostname
    assert "aws sagemaker-runtime invoke-endpoint --endpoint-name iris " in said
    assert ("Stopped.\n", "", 0) == (rest, errors, process.returncode)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("model", ["hang", "hang_in_the_middle"])
@pytest.mark.parametrize("queued", [False, True])
async def test_it_stops_while_a_model_is_at_work_in_a_thread(
    folder: Path, number: signal.Signals, model: str, *, queued: bool
) -> None:
    """No thread can be ended from outside, and whoever pressed Ctrl-C does not want to wait for it."""
    with serving(f"iris=some_models:{model}", cwd=folder) as (process, said):
        async with Client(options_from(said)) as client:
            call = asyncio.create_task(
                client.invoke_endpoint_async(InvokeEndpointAsyncInput(endpoint_name="iris", body=b"1"))
                if queued
                else client.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b"1"))
            )
            assert process.stdout is not None
            assert "at work\n" == await asyncio.to_thread(process.stdout.readline)
            process.send_signal(number)
            rest, errors = await asyncio.to_thread(process.communicate, timeout=10)
            await asyncio.gather(call, return_exceptions=True)

    assert ("Stopped.\n", "", 0) == (rest, errors, process.returncode)


def test_who_reads_no_further_stops_nothing(folder: Path) -> None:
    """``serve ... | head -1`` wants the address, and a server at it."""
    with serving("iris=some_models:iris.predict", cwd=folder) as (process, _):
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.send_signal(signal.SIGTERM)
        errors = process.stderr.read()
        process.wait(timeout=10)

    assert ("", 0) == (errors, process.returncode)


def test_what_it_says_is_all_that_another_client_needs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every AWS client reads it from the environment by itself, as botocore does; its own signer must be believed."""
    with serving("iris=some_models:iris.predict", cwd=folder) as (_, said):
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in exported(said).items():
            monkeypatch.setenv(name, value)
        client = Session().create_client("sagemaker-runtime")
        response = client.invoke_endpoint(EndpointName="iris", Body=b"1,2")
        body = response["Body"].read()
        client.close()

    assert b"setosa" == body


class StopsAt(io.StringIO):
    """A stdout that calls *act* when the start message is out, with all that was said, and then sends SIGTERM."""

    def __init__(self, act: Callable[[str], object]) -> None:
        super().__init__()
        self._act = act

    def flush(self) -> None:
        self._act(self.getvalue())
        signal.raise_signal(signal.SIGTERM)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, act: Callable[[str], object] = len) -> str:
    """The command in this process, until it is up; what it said."""
    out = StopsAt(act)
    monkeypatch.setattr(sys, "stdout", out)
    assert 0 == main(["serve", *arguments])
    return out.getvalue()


def test_keys_of_the_environment_are_taken_and_the_secret_is_not_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command line can be read by all users of a machine, and what is on the screen ends up in logs and in chats."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDLOCAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")

    said = run(monkeypatch, "iris=some_models:iris.predict", "--keys-from-environment")

    assert "AWS_ACCESS_KEY_ID=AKIDLOCAL\n" in said
    assert "hush" not in said
    assert said.endswith("Stopped.\n")


def test_modules_of_another_folder_are_found_when_that_is_asked_for(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A console script does not look into the current folder, where a file may have the name of another module."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "models_elsewhere.py").write_text("def predict(invocation): return b''")
    monkeypatch.setattr(sys, "path", [*sys.path])

    said = run(monkeypatch, "iris=models_elsewhere:predict", "--import-from", f"{elsewhere}")

    assert "iris = models_elsewhere:predict\n" in said
    assert f"{elsewhere}" == sys.path[-1]


def test_random_credentials_are_new_each_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gets used to a secret that is in a document."""
    first, second = (exported(run(monkeypatch, "iris=some_models:iris.predict")) for _ in range(2))

    assert first["AWS_SECRET_ACCESS_KEY"] != second["AWS_SECRET_ACCESS_KEY"]
    assert 40 == len(first["AWS_SECRET_ACCESS_KEY"])


def test_host_and_port_are_where_it_listens(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are printed, and taken; all endpoints are listed."""
    with socket.create_server(("127.0.0.2", 0)) as free:
        port = free.getsockname()[1]
    endpoints = ("iris=some_models:iris.predict", "other=some_models:Classifier.predict")

    said = run(monkeypatch, *endpoints, "--host", "127.0.0.2", "--port", f"{port}")

    assert f"SageMaker Runtime is listening at http://127.0.0.2:{port}, with 2 endpoints:\n" in said
    assert "    iris = some_models:iris.predict\n    other = some_models:Classifier.predict\n" in said


def test_a_page_is_served_if_it_is_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its URL is printed, and nothing else leads to it."""
    pages: list[str] = []

    def look(said: str) -> None:
        (url,) = re.findall(r"To watch the calls, open this page in a browser:\n    (\S+)\n", said)
        if pages:  # called once more, when it has stopped
            return
        # Its event loop waits for this, so that the page could not respond: a connection is all that there is to see.
        with socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=10):
            pages.append(url)

    run(monkeypatch, "iris=some_models:iris.predict", "--page", act=look)
    without = run(monkeypatch, "iris=some_models:iris.predict")

    assert 1 == len(pages)
    assert "browser" not in without


def test_a_page_beyond_this_machine_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything listens."""
    assert 2 == main(["serve", "iris=some_models:iris.predict", "--page", "--host", "::"])
    assert "error: the page is served at a loopback host only" in capsys.readouterr().err


def test_a_folder_that_is_given_is_served_as_s3(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of asynchronous inferences are looked for there. Other uses of S3 in the terminal are left alone."""
    results = tmp_path / "results"

    without = run(monkeypatch, "iris=some_models:iris.predict")
    said = run(monkeypatch, "iris=some_models:iris.predict", "--folder", f"{results}")

    environment = exported(said)
    assert environment["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] == environment["AWS_ENDPOINT_URL_S3"]
    assert ["sagemaker-us-east-1-000000000000"] == [path.name for path in results.iterdir()]
    assert "AWS_ENDPOINT_URL_S3" not in without
    assert "start it with --folder FOLDER" in without
    assert "start it with --folder" not in said


def test_the_handlers_of_signals_are_put_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that calls `main` goes on, and wants its own Ctrl-C."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    run(monkeypatch, "iris=some_models:iris.predict")

    assert before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["iris"], "'iris' is not an endpoint: write NAME=MODULE:FUNCTION, or NAME=http://..."),
        (["iris="], "'iris=' is not an endpoint"),
        (["iris=some_models"], "'some_models' is not a model: write MODULE:FUNCTION, or the URL of a container"),
        (["iris=:f"], "':f' is not a model"),
        (["iris=no_models:f"], "'no_models:f' cannot be imported: ModuleNotFoundError: No module named 'no_models'"),
        (["iris=some_models:irsi"], "AttributeError: module 'some_models' has no attribute 'irsi'"),
        (["iris=some_models:iris.predcit"], "AttributeError: 'Classifier' object has no attribute 'predcit'"),
        (["iris=.some_models:iris"], "'.some_models:iris' cannot be imported: TypeError"),
        (["iris=broken_models:f"], "'broken_models:f' cannot be imported: LookupError: no weights in the file"),
        (["iris=some_models:Classifier"], "'some_models:Classifier' is a class: name an instance of it"),
        (["iris=some_models:failing"], "an endpoint could not be started: OSError: the accelerator is gone"),
        (["iris=some_models:iris.predict", "--folder", __file__], f"the folder {__file__!r} cannot be used: "),
        (["iris=some_models:iris.predict", "--host", ""], "write '0.0.0.0' for that"),
        (["iris=some_models:iris.predict", "--region", "US EAST"], "'US EAST' cannot be the name of a region"),
        (["iris=some_models:number"], "'some_models:number' is of type int, which cannot be called"),
        (["a=some_models:iris.predict", "a=some_models:iris.predict"], "the endpoint 'a' is given twice"),
        (["a/b=some_models:iris.predict"], "'a/b' cannot be the name of an endpoint"),
        (["iris=http://"], "'http://'"),
        (
            ["iris=some_models:iris.predict", "--keys-from-environment"],
            "needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (["iris=some_models:iris.predict", "--import-from", "/no/such"], "--import-from: '/no/such' is not a folder"),
        (["iris=some_models:iris.predict", "--host", "no such host"], "cannot listen at 'no such host', port 0"),
        (["iris=some_models:iris.predict", "--port", "70000"], "cannot listen at '127.0.0.1', port 70000"),
    ],
)
def test_a_mistake_is_reported_in_one_line(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    """Whoever mistyped a name needs that name, not forty lines of import machinery."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)

    code = main(["serve", *arguments])

    said = capsys.readouterr()
    assert (2, "") == (code, said.out)
    assert words in said.err
    assert said.err.startswith("error: ")
    assert 1 == said.err.count("\n")
    assert "hush" not in said.err


def test_the_current_folder_is_named_only_if_modules_are_not_looked_for_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Advice that has been followed already sends people the wrong way: the name is misspelt."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    hint = "No module named 'no_models'; if it is in the current folder, add --import-from .\n"

    assert 2 == main(["serve", "iris=no_models:f"])
    assert capsys.readouterr().err.endswith(hint)
    assert 2 == main(["serve", "iris=no_models:f", "--import-from", "."])
    assert capsys.readouterr().err.endswith("No module named 'no_models'\n")


def test_a_port_that_is_taken_is_reported_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Most often it is the same command in another terminal."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code = main(["serve", "iris=some_models:iris.predict", "--port", f"{port}"])

    said = capsys.readouterr()
    assert (2, "") == (code, said.out)
    assert re.fullmatch(rf"error: .*{port}.*address already in use.*\n", said.err, re.IGNORECASE)


@contextmanager
def container(on_ping: Callable[[], int]) -> Iterator[str]:
    """The URL of a server that tells a story; *on_ping* gives the status of its health."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._respond(on_ping(), b"")

        def do_POST(self) -> None:
            self._respond(200, b"Once upon a time")

        def _respond(self, status: int, body: bytes) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", f"{len(body)}")
            self.end_headers()
            with suppress(ConnectionError):  # whoever asked may have left
                self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


async def test_a_url_stands_for_a_container(folder: Path) -> None:
    """A model that is served already needs no function in front of it."""
    with container(lambda: 200) as url, serving(f"story={url}", cwd=folder) as (_, said):
        async with Client(options_from(said)) as client:
            output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="story", body=b""))

    assert b"Once upon a time" == output.body


def test_it_can_be_stopped_while_it_waits_for_a_container(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Some take minutes to load their weights, and nobody should need `kill -9` in that time."""

    def not_yet() -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return 503

    with container(not_yet) as url:
        code = main(["serve", f"story={url}"])

    said = capsys.readouterr()
    assert (0, "Stopped.\n", "") == (code, said.out, said.err)


@pytest.mark.parametrize(
    ("arguments", "words"), [((), "serve"), (("serve",), "NAME=MODEL"), (("serve", "a=b:c", "--port", "x"), "--port")]
)
def test_a_wrong_command_line_is_reported_as_usual(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    """With the usage, which is what argparse says for every other program."""
    with pytest.raises(SystemExit) as raised:
        main(list(arguments))

    assert 2 == raised.value.code
    assert words in capsys.readouterr().err


def test_the_module_can_be_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``python -m`` finds it, and says how it is used."""
    monkeypatch.setattr(sys, "argv", ["sagemaker_runtime.local", "serve", "--help"])

    with pytest.raises(SystemExit) as raised:
        runpy.run_module("sagemaker_runtime.local", run_name="__main__")

    said = capsys.readouterr().out
    assert 0 == raised.value.code
    assert "python -m sagemaker_runtime.local serve iris=package.module:function" in said


async def test_a_conversation_is_served_over_tls(folder: Path) -> None:
    """The printed lines are all that a client needs: where it is, and whom to trust."""
    with serving("voice=some_models:voice", "--tls", cwd=folder) as (_, said):
        exported = dict(re.findall(r"(\w+)=(\S+)", said))
        assert exported["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME_HTTP2"].startswith("https://127.0.0.1:")
        options = Options(
            region="us-east-1",
            credentials=StaticCredentialsProvider(exported["AWS_ACCESS_KEY_ID"], exported["AWS_SECRET_ACCESS_KEY"]),
            base_endpoint=exported["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME_HTTP2"],
            duplex_http_client=HTTP2Client(ca_bundle=exported["AWS_CA_BUNDLE"]),
        )
        params = InvokeEndpointWithBidirectionalStreamInput(endpoint_name="voice")
        async with (
            asyncio.timeout(20),
            Client(options) as client,
            await client.invoke_endpoint_with_bidirectional_stream(params) as stream,
        ):
            await stream.send("one")
            await stream.end()
            assert ["one"] == [part.text async for part in stream]
