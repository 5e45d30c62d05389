"""The command on a terminal: what a person sees. Each command has a process and a pseudoterminal of its own."""

from __future__ import annotations

import os
import pty

import pytest
from cli.conftest import COMMAND

PROMPT = "reading from the terminal; Ctrl-D at the start of a line ends it\r\n"


@pytest.fixture
def terminal(environment):
    """The command on a terminal; what it has written, and its exit code."""

    def terminal(*words: str, typed: bytes = b"", **variables: str) -> tuple[str, int]:
        process, screen = pty.fork()
        if not process:
            os.execve(COMMAND[0], [*COMMAND, *words], environment | {"TERM": "xterm"} | variables)  # noqa: S606
        seen = b""
        while True:
            try:
                piece = os.read(screen, 65536)
            except OSError:  # the other side is closed
                break
            seen += piece
            if typed and seen.endswith(PROMPT.encode()):
                os.write(screen, typed)
        os.close(screen)
        return seen.decode(), os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

    return terminal


def test_control_characters_of_a_peer_are_escaped(terminal):
    """They would clear the screen, set the title, or have the terminal type into the shell. A line is ended for the prompt."""
    seen, code = terminal("invoke", "--endpoint-name", "escapes", "--body", "")

    assert ("\\x1b[2Jred \\x1b]0;title\\x07\r\nnext\r\n", 0) == (seen, code)


def test_the_beginning_of_a_binary_response_is_shown(terminal):
    """All of it would fill the screen, and nothing would look as if there were nothing."""
    seen, code = terminal("invoke", "--endpoint-name", "binary", "--body", "")

    assert 0 == code
    assert seen.startswith("\\x00\\x01")
    assert len(seen) < 1000
    assert "the response is binary; not all of its 5,120 bytes are shown: write it to -o FILE or a pipe" in seen


def test_an_error_is_red_unless_no_color_is_set(terminal):
    """https://no-color.org; and what the model said has no color of its own."""
    words = ("invoke", "--endpoint-name", "fail", "--body", "")

    colored, plain = terminal(*words)[0], terminal(*words, NO_COLOR="1")[0]

    assert colored.startswith("\x1b[31merror: \x1b[0mModelError")
    assert plain.startswith("error: ModelError")
    assert 2 == colored.count("\x1b")


def test_what_is_typed_is_the_body(terminal):
    """Who writes - for stdin by mistake is told what it waits for; Ctrl-C ends that wait, on a line of its own."""
    typed, code = terminal("invoke", "--endpoint-name", "echo", "--body", "-", typed=b"5.1\n\x04")
    left, interrupted = terminal("invoke", "--endpoint-name", "echo", "--body", "-", typed=b"\x03")

    assert typed.endswith("5.1\r\n5.1\r\n")
    assert (0, 130) == (code, interrupted)
    assert left == f"{PROMPT}^C\r\n"


def test_a_wait_for_a_result_is_announced_to_whoever_waits(terminal):
    """An hour of nothing looks like a hang."""
    seen, code = terminal("async", "--endpoint-name", "echo", "--body", "x", "--timeout", "1200")

    announced, result = seen.split("\r\n", 1)
    assert announced.startswith("waiting for s3://")
    assert announced.endswith(", for at most 1,200 s (--timeout)")
    assert ("x", 0) == (result.strip(), code)


def test_where_the_response_is_is_said(terminal):
    """A newcomer to the AWS CLI looks for the prediction on the screen, and it is in the file."""
    seen, _ = terminal("invoke", "--endpoint-name", "echo", "--body", "abc", "-o", "out.txt")
    missing, code = terminal("invoke", "--endpoint-name", "echo", NO_COLOR="1")

    assert "wrote 3 bytes to out.txt\r\n" == seen
    assert ("error: --body is missing: give a text, @FILE, or - for stdin\r\n", 2) == (missing, code)
