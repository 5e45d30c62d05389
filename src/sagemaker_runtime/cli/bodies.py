"""Reads the value of an option from the command line, a file, or stdin."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sagemaker_runtime.cli.failures import UsageError
from sagemaker_runtime.cli.terminal import is_terminal, note

if TYPE_CHECKING:
    from argparse import Namespace

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4}){4,}(?:[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)|(?:[A-Za-z0-9+/]{4}){16,}")
BINARY_FORMATS = ("raw-in-base64-out", "base64")


def read_body(given: Namespace, command: str) -> bytes:
    """
    The bytes of ``--body``, or of stdin if it is not given and stdin is not a terminal.

    Args:
        given: The command line, with ``body`` and ``cli_binary_format``.

        command: The name that the command was called by. If it is the AWS CLI's, a body that looks like base64 gets a note.

    Raises:
        UsageError: There is no body, or a file cannot be read.
    """
    text: str | None = given.body
    if text is None:
        if is_terminal(sys.stdin):
            raise UsageError("--body is missing: give a text, @FILE, or - for stdin")
        data = _read_stdin("--body")
        if not data:
            raise UsageError("--body is missing, and nothing came from stdin; for an empty body write --body ''")
        return data
    if given.cli_binary_format == "base64" and not text.startswith("fileb://"):
        return _from_base64(_read("--body", text))
    if given.cli_binary_format is None and command.startswith("invoke-endpoint") and _BASE64.fullmatch(text):
        note(
            "note: the body looks like base64, and is sent unchanged; the AWS CLI, version 2, would decode it. "
            "To decode it, add --cli-binary-format base64"
        )
    return _read("--body", text)


def read_text(option: str, text: str | None) -> str | None:
    """
    The text of an option that also takes ``@FILE``; from a file, without its last line end. None if *text* is None.

    Raises:
        UsageError: The file cannot be read, or is not in UTF-8.
    """
    if text is None or not _is_reference(text):
        return None if text is None else _unescaped(text)
    try:
        return _read(option, text).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError(f"{option}: {text} is not text in UTF-8") from None


def _is_reference(text: str) -> bool:
    return text == "-" or text.startswith(("file://", "fileb://")) or (text.startswith("@") and text[:2] != "@@")


def _unescaped(text: str) -> str:
    return text[1:] if text.startswith("@@") else text


def _read(option: str, text: str) -> bytes:
    if not _is_reference(text):
        return _unescaped(text).encode(errors="surrogateescape")
    if text in ("-", "@-"):
        return _read_stdin(option)
    is_at = text.startswith("@")
    name = text[1:] if is_at else text.partition("://")[2]
    literal = f"; to send the text itself, write '@{text}'" if is_at else ""
    if not name:
        raise UsageError(f"{option}: no file name follows {text!r}{literal}")
    try:
        return path_of(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{option}: {name!r} cannot be read: {error.strerror}{literal}") from None


def path_of(name: str) -> Path:
    """The path as the file system encodes it, whatever the locale says, with ``~`` expanded."""
    return Path(os.fsdecode(name.encode(errors="surrogateescape"))).expanduser()


def _read_stdin(option: str) -> bytes:
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - if the process was started without it
        raise UsageError(f"{option}: stdin is closed")
    if is_terminal(sys.stdin):
        note("reading from the terminal; Ctrl-D at the start of a line ends it")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise UsageError(f"{option}: stdin cannot be read: {error.strerror}") from None


def _from_base64(data: bytes) -> bytes:
    from base64 import b64decode

    try:
        return b64decode(b"".join(data.split()), validate=True)
    except ValueError as error:
        raise UsageError(f"--body is not base64, which --cli-binary-format says it is: {error}") from None
