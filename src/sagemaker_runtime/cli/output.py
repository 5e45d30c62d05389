"""Where a response goes: to a file, to a pipe, or to a terminal."""

from __future__ import annotations

import codecs
import os
import stat
import sys
from typing import TYPE_CHECKING, Protocol

from sagemaker_runtime.cli.bodies import path_of
from sagemaker_runtime.cli.failures import UsageError
from sagemaker_runtime.cli.terminal import escaped, is_terminal, note, say, write

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Self

STDOUT = (None, "-", "/dev/stdout")
"""
The names of stdout. Users of the AWS CLI write the last one. It is not opened, because that would empty a log that stdout is
redirected to.
"""

PREVIEW = 160  # bytes of a binary response that a terminal shows


_BINARY: int = getattr(os, "O_BINARY", 0)  # on Windows, which would change the line ends without it


class Sink(Protocol):
    """Takes the bytes of a response as they arrive."""

    def write(self, data: bytes, /) -> None:
        """Write them immediately."""
        ...

    def end(self) -> None:
        """Finish the output: no more bytes follow."""
        ...


def open_sink(name: str | None) -> AbstractContextManager[Sink]:
    """
    The sink for ``-o NAME``; stdout if *name* is one of `STDOUT`.

    Open it before the call, so that nobody pays for a response that cannot be written.

    Raises:
        UsageError: The file cannot be written.
    """
    if name not in STDOUT:
        return _File(name)
    return _Terminal() if is_terminal(sys.stdout) else _Pipe()


class _Pipe:
    """stdout that is not a terminal: it gets the bytes unchanged."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def write(self, data: bytes, /) -> None:
        write(data)

    def end(self) -> None: ...


class _Terminal(_Pipe):
    """A terminal: it gets text with control characters escaped, and only the beginning of a binary response."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._held = ""  # a carriage return that a newline may follow
        self._last = "\n"
        self._shown = self._total = 0
        self._is_binary = False

    def write(self, data: bytes, /) -> None:
        self._total += len(data)
        if not self._is_binary and b"\0" in data:
            self._is_binary, self._shown = True, 0
        if self._is_binary:
            data = data[: max(PREVIEW - self._shown, 0)]
        self._shown += len(data)
        self._show(self._held + self._decoder.decode(data))

    def end(self) -> None:
        self._show(self._held + self._decoder.decode(b"", final=True), is_last=True)
        if self._last != "\n":
            say("\n")
        if self._is_binary:
            more = "" if self._shown == self._total else f"; not all of its {self._total:,} bytes are shown"
            note(f"the response is binary{more}: write it to -o FILE or a pipe")

    def _show(self, text: str, *, is_last: bool = False) -> None:
        self._held = "\r" if text.endswith("\r") and not is_last else ""
        text = text.removesuffix(self._held).replace("\r\n", "\n") if self._held else text.replace("\r\n", "\n")
        if text:
            self._last = text[-1]
            say(escaped(text))


class _File:
    """A file. Its old content stays until a response arrives; a new file is removed if none does."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._path = path_of(name)
        self._is_new = not (self._path.exists() or self._path.is_symlink())
        self._has_begun = False
        self._written = 0
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | _BINARY, 0o666)
        except OSError as error:
            raise self._problem(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
        if self._is_new and not self._has_begun:
            self._path.unlink(missing_ok=True)

    def write(self, data: bytes, /) -> None:
        try:
            self._begin()
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            raise self._problem(error) from None
        self._written += len(data)

    def end(self) -> None:
        try:
            self._begin()
        except OSError as error:
            raise self._problem(error) from None
        if is_terminal(sys.stderr) and is_terminal(sys.stdout):
            note(f"wrote {self._written:,} bytes to {self._name}")

    def _begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            if stat.S_ISREG(os.fstat(self._file).st_mode):
                os.ftruncate(self._file, 0)

    def _problem(self, error: OSError) -> UsageError:
        return UsageError(f"{self._name!r} cannot be written: {error.strerror}")


def say_json(**members: object) -> None:
    """Write a JSON object to stdout, indented; members that are None are left out."""
    from json import dumps

    text = dumps({name: value for name, value in members.items() if value is not None}, indent=4)
    say(f"{text}\n")  # in ASCII, so there is nothing to escape
