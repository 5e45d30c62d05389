"""The command as a program: pipes, signals, locales, exit codes. One process shows what one process can show."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.conftest import COMMAND, ESCAPES

LATIN_1 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "latin-1"}


@contextlib.contextmanager
def started(environment: dict[str, str], *words: str, **pipes: object) -> Iterator[subprocess.Popen[bytes]]:
    """The command, with pipes; killed at the end."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | pipes
    with subprocess.Popen([*COMMAND, *words], env=environment, **pipes) as process:  # noqa: S603 - our own words
        try:
            yield process
        finally:
            process.kill()


def test_five_megabytes_go_in_by_stdin_and_binary_comes_out(program):
    """What a shell pipes into a command has no size to begin with, and no text in it."""
    sized = program("invoke", "--endpoint-name", "size", "--body", "-", body=bytes(5_000_000))
    binary = program("invoke", "--endpoint-name", "binary", body=b"x", NO_COLOR="1")  # without --body, from stdin too

    assert (0, b"5000000", "") == (sized.code, sized.out, sized.err)
    assert (0, bytes(range(256)) * 20, "") == (binary.code, binary.out, binary.err)


def test_no_body_at_all_is_a_mistake(program):
    """As in a job of cron, where stdin is empty: an empty body would be paid for. Files of the folder stand for no module."""
    for name in ("argparse", "base64", "asyncio", "attr"):
        Path(f"{name}.py").write_text("raise LookupError('imported from the current folder')")

    said = program("invoke", "--endpoint-name", "echo")

    assert (2, b"") == (said.code, said.out)
    assert "for an empty body write --body ''" in said.err


def test_a_part_of_a_stream_is_written_before_the_next_one_has_come(environment):
    """Who watches an LLM write wants each token when it is there; then Ctrl-C ends it at once, without a word."""
    with started(environment, "stream", "--endpoint-name", "parts", "--body", "x") as process:
        first = os.read(process.stdout.fileno(), 100)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)

    assert (b"part 0\n", b"") == (first, rest)
    assert (130, b"") == (process.returncode, errors)


@pytest.mark.parametrize("command", ["invoke", "explain", "async"])
def test_ctrl_c_ends_the_wait_for_a_model(environment, endpoint, command):
    """A shell, and what it runs, sees 130. An inference that was accepted goes on, and where its result will be is said."""
    calls = endpoint.calls("wait")
    words = ("--endpoint-name", "wait", "--body", "x", "-o" if command != "explain" else "--svg", "new")
    with started(environment, command, *words, *(["-v"] if command == "async" else [])) as process:
        if command == "async":
            while b"response after" not in process.stderr.readline():  # it was accepted, and the command knows
                pass
        while endpoint.calls("wait") == calls:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)

    assert (130, b"") == (process.returncode, out)
    assert not Path("new").exists()
    assert (b"its result will be at s3://" in errors) == (command == "async")
    assert b"Traceback" not in errors


def test_a_reader_that_has_seen_enough_ends_it_quietly(environment):
    """``... | head -1`` is no failure: not of the stream that is cut, and not of a help that nobody reads to its end."""
    read, write = os.pipe()
    os.close(read)
    with started(environment, "--help", stdout=write) as helping:
        errors = helping.stderr.read()
    os.close(write)
    with started(environment, "stream", "--endpoint-name", "endless", "--body", "x") as process:
        os.read(process.stdout.fileno(), 100)
        process.stdout.close()
        more = process.stderr.read()

    assert (0, b"") == (helping.wait(), errors)
    assert (0, b"") == (process.wait(), more)


def test_text_is_utf_8_whatever_the_locale_says(program):
    """In the body, in the response, in the name of a file, and in an error."""
    Path("\N{SNOWMAN}").write_text("\N{SNOWMAN}")
    body, file = (
        program("invoke", "--endpoint-name", "echo", "--body", text, **LATIN_1)
        for text in ("\N{SNOWMAN}", "@\N{SNOWMAN}")
    )
    refused = program("invoke", "--endpoint-name", "\N{SNOWMAN}", "--body", "x", **LATIN_1)

    assert ("\N{SNOWMAN}".encode(), "\N{SNOWMAN}".encode()) == (body.out, file.out)
    assert 2 == refused.code
    assert "'\N{SNOWMAN}'" in refused.err


@pytest.mark.parametrize(
    ("closed", "code", "line"),
    [
        ("<&-", 2, "error: --body: stdin is closed\n"),
        (">&-", 2, "error: stdout is closed, and nothing can be written to it; name a file with -o\n"),
        ("2>&-", 0, ""),
        ("> /dev/full", 2, "error: stdout cannot be written: No space left on device\n"),
    ],
)
def test_what_is_closed_or_full_is_one_line(environment, closed, code, line):
    """Programs are started without them, by daemons; and disks are full."""
    script = f'"$0" -m sagemaker_runtime invoke --endpoint-name echo --body {"-" if "<" in closed else "x"} -v {closed}'
    quiet = script.replace(" -v ", " ")
    said = subprocess.run(  # noqa: S603 - our own words
        ["/bin/sh", "-c", script if "2>" in closed else quiet, COMMAND[0]],
        env=environment,
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )

    assert (code, line) == (said.returncode, said.stderr.decode())


def test_the_service_refuses_with_exit_code_1(run):
    """The line has what the model said, with its control characters escaped; -v has all of it, and no secret."""
    missing = run("invoke", "--endpoint-name", "misspelt", "--body", "x")
    failed = run("invoke", "--endpoint-name", "fail", "--body", "x")
    queued = run("async", "--endpoint-name", "fail", "--body", "x")

    assert (1, 1, 1) == (missing.code, failed.code, queued.code)
    assert "Endpoint misspelt of account 000000000000 not found" in missing.err
    for said in (failed, queued):
        assert 1 == said.err.count("\n")
        assert r"\x1b[31mno weights\x1b[0m in the file" in said.err


def test_time_over_and_no_connection_are_exit_code_3(run):
    """A script may try again then."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    words = ("invoke", "--endpoint-name", "echo", "--body", "x")

    unreachable = run(*words, "--endpoint-url", f"http://127.0.0.1:{port}")
    total, read = (
        run("invoke", "--endpoint-name", "wait", "--body", "x", option, "0.05")
        for option in ("--timeout", "--cli-read-timeout")
    )
    waited = run("async", "--endpoint-name", "wait", "--body", "x", "--timeout", "0.05")

    assert (3, 3, 3, 3) == (unreachable.code, total.code, read.code, waited.code)
    assert "no response within --timeout, 0.05 s" in total.err
    assert "s3://" in waited.err


def test_what_a_middleware_raises_is_one_line_and_exit_code_1(run, monkeypatch):
    """With -vv there is the traceback, for who wrote it."""
    Path("my_failing.py").write_text(
        "from sagemaker_runtime import build_middleware\n"
        "@build_middleware('Boom')\n"
        "async def boom(ctx, step, next): raise KeyError('tenant')\n"
        "def install(stack): stack.build.add(boom)\n"
        "def broken(stack): raise LookupError('no tenant')\n"
    )
    monkeypatch.syspath_prepend(Path.cwd())
    words = ("invoke", "--endpoint-name", "echo", "--body", "x", "--api-option")

    raised, traced = run(*words, "my_failing:install"), run(*words, "my_failing:install", "-vv")
    broken = run(*words, "my_failing:broken")

    assert (1, "error: KeyError: 'tenant' (-vv shows where)\n") == (raised.code, raised.err)
    assert "my_failing.py" in traced.err
    assert (2, "error: --api-option my_failing:broken raised LookupError: no tenant\n") == (broken.code, broken.err)


def test_more_is_said_with_v_and_no_secret(run, environment):
    """What is shown ends up in the ticket of somebody else."""
    said = run("invoke", "--endpoint-name", "echo", "--body", "x", "--custom-attributes", "tenant=hush-hush", "-vv")

    assert (0, b"x") == (said.code, said.out)
    assert "* HTTP 200, response after " in said.err
    assert "x-amzn-requestid" in said.err
    for secret in ("hush-hush", environment["AWS_SECRET_ACCESS_KEY"]):
        assert secret not in said.err


def test_a_file_keeps_what_it_held_until_there_is_a_response(run):
    """A failed call costs nothing that was there before; and a new file is none without a response."""
    Path("old").write_text("what it held before, and long")

    failed = run("invoke", "--endpoint-name", "fail", "--body", "x", "-o", "old")
    unmade = run("invoke", "--endpoint-name", "fail", "--body", "x", "-o", "new")
    kept = Path("old").read_text()
    run("invoke", "--endpoint-name", "echo", "--body", "short", "-o", "old")
    empty = run("invoke", "--endpoint-name", "echo", "--body", "", "-o", "empty")

    assert (1, 1, 0) == (failed.code, unmade.code, empty.code)
    assert ("what it held before, and long", "short") == (kept, Path("old").read_text())
    assert (False, b"") == (Path("new").exists(), Path("empty").read_bytes())


def test_a_stream_is_read_for_what_is_in_it(run):
    """The data of server-sent events, documents in lines, text; and a line that is no document fails, after those before it."""
    events = run("stream", "--endpoint-name", "events", "--body", "", "--sse")
    documents = run("stream", "--endpoint-name", "documents", "--body", "", "--jsonl")
    text = run("stream", "--endpoint-name", "documents", "--body", "", "--text")
    broken = run("stream", "--endpoint-name", "documents", "--body", "no JSON", "--jsonl")

    assert b'{"token": "a"}\n{"token": "b"}\n' == events.out
    assert '{"a": 1}\n{"b": "\u00e9"}\n' == documents.out.decode() == text.out.decode()
    assert (1, documents.out) == (broken.code, broken.out)
    assert "line 3 of the stream cannot be read as JSON" in broken.err


def test_an_asynchronous_result_is_waited_for(run):
    """The AWS CLI has no way to; with --no-wait there is what it says."""
    waited = run("async", "--endpoint-name", "echo", "--body", "x")
    left = run("async", "--endpoint-name", "echo", "--body", "x", "--no-wait")

    assert (0, b"x", "") == (waited.code, waited.out, waited.err)
    assert b'"OutputLocation": "s3://' in left.out


def test_a_call_is_explained_as_text_and_as_a_picture(run):
    """A failed one too, since that is when somebody asks."""
    text = run("explain", "--endpoint-name", "echo", "--body", "x")
    failed = run("explain", "--endpoint-name", "fail", "--body", "x", "--svg", "call.svg")

    assert text.out.startswith(b"InvokeEndpoint: ")
    assert b"  Signing  " in text.out
    assert (1, b"") == (failed.code, failed.out)
    assert Path("call.svg").read_text().startswith("<svg ")
    assert "failed: ModelError" in Path("call.svg").read_text()


def test_the_doctor_says_where_everything_comes_from(run, environment, monkeypatch):
    """With the secrets masked, the worst finding as the exit code, and all findings whatever the first one is."""
    monkeypatch.setenv("AWS_PROFILE", "")
    monkeypatch.setenv("HTTP_PROXY", "http://user:hush@proxy.example:3128")

    good = run("doctor")
    bad = run("doctor", "--endpoint-url", "http://127.0.0.1:9", "--no-sign-request")

    assert 0 == good.code, good.out
    for words in (
        f"region        {environment['AWS_REGION']}, from AWS_REGION",
        f"endpoint      {environment['AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME']}, from AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME",
        f"credentials   ****************{environment['AWS_ACCESS_KEY_ID'][-4:]}, from the environment",
        "proxy         none, though HTTP_PROXY is set",
        "answers       HTTP ",
    ):
        assert words in good.out.decode()
    assert environment["AWS_SECRET_ACCESS_KEY"] not in good.out.decode()
    assert b"hush" not in good.out
    assert 3 == bad.code
    assert b"endpoint      http://127.0.0.1:9, from --endpoint-url" in bad.out
    assert b"!! answers       no connection to 127.0.0.1:9" in bad.out


def test_the_doctor_names_what_is_not_configured(run, monkeypatch):
    """It is what somebody runs on a machine on which nothing works yet."""
    for name in (
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME",
    ):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/no/such")
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    said = run("doctor")

    assert 2 == said.code
    assert b"!! region        none: give --region, set AWS_REGION" in said.out
    assert b"!! credentials   botocore's credential chain failed" in said.out
    assert b"; configure one of them\n" in said.out  # and no advice to run this command


def test_local_serve_is_the_command_of_the_local_endpoint(environment):
    """Until Ctrl-C, which is the way to stop it, and so no failure; a port that is taken is one line."""
    Path("my_models.py").write_text("def predict(invocation): return b'setosa'")
    words = ("local", "serve", "iris=my_models:predict")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = subprocess.run(  # noqa: S603 - our own words
            [*COMMAND, *words, "--import-from", ".", "--port", f"{taken.getsockname()[1]}"],
            env=environment,
            capture_output=True,
            check=False,
        )
    with started(environment, *words, "--import-from", ".") as process:
        for line in process.stdout:
            if b"stops it" in line:
                break
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)

    assert (2, 1) == (refused.returncode, refused.stderr.count(b"\n"))
    assert b"already in use" in refused.stderr
    assert (b"Stopped.\n", b"", 0) == (out, errors, process.returncode)


def test_a_peer_that_sends_escapes_is_passed_on_as_it_is_to_a_pipe(run):
    """A pipe gets the bytes; what a terminal gets is tested with one."""
    assert ESCAPES == run("invoke", "--endpoint-name", "escapes", "--body", "").out


def test_headers_of_a_peer_are_shown_with_their_escapes_escaped(run):
    """A terminal in which -v is read obeys the peer otherwise; what it sends back of a secret is redacted."""
    response = (
        b"HTTP/1.1 400 \r\nx-amzn-requestid: \x9b31m\xc2\x9b\r\nx-told: tenant=hush-hush\r\ncontent-length: 23\r\n"
        b'\r\n{"message":"\\u001b[2J"}'
    )
    with socket.create_server(("127.0.0.1", 0)) as server:

        def respond() -> None:
            peer, _ = server.accept()
            with peer:
                while b"\r\n\r\nx" not in peer.recv(65536):
                    pass
                peer.sendall(response)

        thread = threading.Thread(target=respond)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        said = run(
            "invoke",
            "--endpoint-name",
            "echo",
            "--body",
            "x",
            "--endpoint-url",
            url,
            "-v",
            "--custom-attributes",
            "tenant=hush-hush",
        )
        thread.join()

    assert 1 == said.code, said.err
    assert all(character == "\n" or character.isprintable() for character in said.err)
    assert r"\x1b[2J" in said.err
    assert "hush-hush" not in said.err
