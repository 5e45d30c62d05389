"""AWS's shared configuration files: found as botocore finds them, and parsed by botocore."""

from __future__ import annotations

import codecs
import locale
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from sagemaker_runtime.errors import ConfigError

if TYPE_CHECKING:
    from typing import Any


SHARED_FILES = {"AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials", "AWS_CONFIG_FILE": "~/.aws/config"}
"""The environment variable with the path of each file, and the path if the variable is empty or not set."""

_ADVICE = "save it as UTF-8 without a byte order mark (BOM)"

# UTF-32 first, because its byte order mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    codecs.BOM_UTF8: "UTF-8",
}


def shared_file(variable: str, default: str) -> str | None:
    """
    The path of a file, found as botocore finds it; None if there is none, which is not an error.

    Raises:
        ConfigError: It cannot be read, by us or by botocore, whose credential chain reads it too.
    """
    path = os.path.expanduser(os.path.expandvars(_named(variable) or default))  # noqa: PTH111
    if not os.path.isfile(path):  # noqa: PTH113
        return None
    try:
        content = Path(path).read_bytes()  # botocore treats a file that it cannot read as empty
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    problem = _encoding_problem(content)
    if problem is not None:
        raise ConfigError(f"{path} {problem}")
    return path


def _named(variable: str) -> str:
    path = os.environ.get(variable, "")
    return path if path.strip() else ""


def _encoding_problem(content: bytes) -> str | None:
    """
    Why botocore's parser, which uses the encoding of the locale, cannot read *content*, and what to do; None if it can.

    UTF-16 without a byte order mark is detected too: the parser would find no profiles in it.
    """
    mark = next((mark for mark in _MARKS if content.startswith(mark)), None)
    if mark is not None:
        return (
            f"is in {_MARKS[mark]} with a byte order mark, as some editors and PowerShell write it, which AWS's tools do "
            f"not read; {_ADVICE}"
        )
    if 4 * content.count(b"\0") > len(content):
        return f"has zero bytes, like UTF-16; {_ADVICE}"
    encoding = locale.getpreferredencoding(do_setlocale=False)
    line = _undecodable_line(content, encoding)
    if line is None:
        return None
    if _undecodable_line(content, "UTF-8") is None:
        return (
            f"is in UTF-8, but AWS's tools read it as {encoding.upper()}, the encoding of the locale, which fails in line {line}; "
            "set PYTHONUTF8=1, or write that line in ASCII"
        )
    return f"is not text in {encoding.upper()} in line {line}, but perhaps in Latin-1 or Windows-1252; {_ADVICE}"


def _undecodable_line(content: bytes, encoding: str) -> int | None:
    """The number, from 1, of the first line that is not text in *encoding*; None if all are."""
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        return content.count(b"\n", 0, error.start) + 1
    return None


def parse(path: str, function: Literal["load_config", "raw_config_parse"]) -> dict[str, Any]:
    """
    The sections of a file, parsed by botocore's *function*; only ``load_config`` knows profiles and services.

    Raises:
        ConfigError: It cannot be parsed.
    """
    from botocore import configloader  # not needed on a machine without shared files
    from botocore.exceptions import ConfigParseError

    try:
        return configloader.load_config(path) if function == "load_config" else configloader.raw_config_parse(path)
    except ConfigParseError as error:
        # The parser's message quotes the line, which may contain a secret: show only the error's name and the line number.
        cause = cast("dict[str, object]", error.kwargs)["error"]
        errors: list[tuple[int, str]] = getattr(cause, "errors", [])
        line: int | None = errors[0][0] if errors else getattr(cause, "lineno", None)
        where = "" if line is None else f" in line {line}"
        raise ConfigError(f"{path} cannot be parsed: {type(cause).__name__}{where}") from None
