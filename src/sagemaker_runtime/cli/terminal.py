"""Writing to stdout and stderr: always UTF-8, quiet when the reader has left, and without a peer's control characters."""

from __future__ import annotations

import os
import sys

from sagemaker_runtime.cli.failures import ReaderLeftError, UsageError

TYPE_CHECKING = False  # `typing` is an import of 5 ms, and `re` one of 3: the overview does without
if TYPE_CHECKING:
    from typing import TextIO

# All but newline and tab: they move the cursor, clear the screen, set the title, type into the shell. With C1, which some
# terminals obey, what reorders text, and what UTF-8 cannot write.
_CONTROLS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"


def escaped(text: str) -> str:
    r"""*text* with ``\x1b`` in place of an escape, and so on; newlines and tabs stay."""
    import re

    return re.sub(_CONTROLS, lambda found: found[0].encode("unicode_escape").decode(), text)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at *stream*."""
    return stream is not None and not stream.closed and stream.isatty()


def say(text: str) -> None:
    """Write to stdout what is ours."""
    write(text.encode(errors="backslashreplace"))


def write(data: bytes) -> None:
    """
    Write to stdout, at once.

    Raises:
        ReaderLeftError: Nobody reads any more.
        UsageError: It is closed, or cannot take it.
    """
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] - of a process that was started without one
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
    """Write a line, or more, to stderr, with a peer's control characters escaped."""
    if is_terminal(sys.stderr) and head and has_colors():
        head = f"\x1b[31m{head}\x1b[0m" if head.startswith("error") else f"\x1b[33m{head}\x1b[0m"
    note(f"{head}{escaped(text)}", is_escaped=True)


def note(text: str, *, is_escaped: bool = False) -> None:
    """Write a line to stderr. A failure to do so is none of the command's."""
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison] - of a process that was started without one
        return
    line = text if is_escaped else escaped(text)
    try:
        sys.stderr.flush()
        sys.stderr.buffer.write(f"{line.rstrip()}\n".encode(errors="backslashreplace"))
        sys.stderr.buffer.flush()
    except OSError:
        _silence(sys.stderr)


def end_line() -> None:
    """Have the prompt of the shell begin a line of its own, behind the terminal's ``^C``."""
    if is_terminal(sys.stderr):
        note("")


def has_colors() -> bool:
    """Whether color is wanted: https://no-color.org."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def _silence(stream: TextIO) -> None:
    """Have what is left in the buffer go nowhere: the interpreter flushes at its end, and must not complain then."""
    from contextlib import suppress

    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
