"""Writes to stdout and stderr: always UTF-8, quiet when the reader has left, and with control characters escaped."""

from __future__ import annotations

import os
import sys

from sagemaker_runtime.cli.failures import ReaderLeftError, UsageError

TYPE_CHECKING = False  # to import `typing` takes 5 ms, and `re` 3: the overview does without them
if TYPE_CHECKING:
    from typing import TextIO

# The control characters, except for newline and tab: they move the cursor, clear the screen, set the title, type into the shell.
# Also C1, which some terminals obey, the characters that reorder text, and surrogates, which UTF-8 cannot encode.
_CONTROLS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"


def escaped(text: str) -> str:
    r"""*text* with its control characters escaped, such as ``\x1b``, except for newlines and tabs."""
    import re

    return re.sub(_CONTROLS, lambda found: found[0].encode("unicode_escape").decode(), text)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether *stream* is a terminal."""
    return stream is not None and not stream.closed and stream.isatty()


def say(text: str) -> None:
    """Write text of our own to stdout."""
    write(text.encode(errors="backslashreplace"))


def write(data: bytes) -> None:
    """
    Write to stdout, and flush it.

    Raises:
        ReaderLeftError: The reader has closed it.
        UsageError: It is closed, or cannot be written.
    """
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] - if the process was started without it
        raise UsageError("stdout is closed, and nothing can be written to it; name a file with -o")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        _silence(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise ReaderLeftError from None
        raise UsageError(f"stdout cannot be written: {error.strerror}") from None


def complain(text: str, head: str = "error: ") -> None:
    """Write one or more lines to stderr, with control characters escaped."""
    if is_terminal(sys.stderr) and head and has_colors():
        head = f"\x1b[31m{head}\x1b[0m" if head.startswith("error") else f"\x1b[33m{head}\x1b[0m"
    note(f"{head}{escaped(text)}", is_escaped=True)


def note(text: str, *, is_escaped: bool = False) -> None:
    """Write a line to stderr. If that fails, the command continues."""
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison] - if the process was started without it
        return
    line = text if is_escaped else escaped(text)
    try:
        sys.stderr.flush()
        sys.stderr.buffer.write(f"{line.rstrip()}\n".encode(errors="backslashreplace"))
        sys.stderr.buffer.flush()
    except OSError:
        _silence(sys.stderr)


def end_line() -> None:
    """End the line with the terminal's ``^C``, so that the prompt of the shell begins a new one."""
    if is_terminal(sys.stderr):
        note("")


def has_colors() -> bool:
    """Whether color is wanted: https://no-color.org."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def _silence(stream: TextIO) -> None:
    """Discard what is left in the buffer: the interpreter flushes it at exit, and would report an error."""
    from contextlib import suppress

    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
