"""The shared configuration files of AWS: found as botocore finds them, and read by its parser."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from sagemaker_runtime.errors import ConfigError

if TYPE_CHECKING:
    from typing import Any


def shared_file(variable: str, default: str) -> str | None:
    """
    The path of a file, found as botocore finds it; None if there is none, which is no error.

    Raises:
        ConfigError: It cannot be read.
    """
    path = os.path.expanduser(os.path.expandvars(os.environ.get(variable, default)))  # noqa: PTH111
    if not os.path.isfile(path):  # noqa: PTH113
        return None
    try:
        Path(path).read_bytes()  # botocore takes a file that it cannot read for an empty one
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    return path


def parse(path: str, function: Literal["load_config", "raw_config_parse"]) -> dict[str, Any]:
    """
    The sections of a file, by botocore's *function*: ``load_config`` knows profiles and services.

    Raises:
        ConfigError: It cannot be parsed.
    """
    from botocore import configloader  # a machine without shared files does without
    from botocore.exceptions import ConfigParseError

    try:
        return configloader.load_config(path) if function == "load_config" else configloader.raw_config_parse(path)
    except ConfigParseError as error:
        # The parser's own words quote the line, and that may be a secret: so its name and the line's number.
        cause = cast("dict[str, object]", error.kwargs)["error"]
        errors: list[tuple[int, str]] = getattr(cause, "errors", [])
        line: int | None = errors[0][0] if errors else getattr(cause, "lineno", None)
        where = "" if line is None else f" in line {line}"
        raise ConfigError(f"{path} cannot be parsed: {type(cause).__name__}{where}") from None
