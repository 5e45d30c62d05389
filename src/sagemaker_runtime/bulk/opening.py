"""Opens the source and the destination of a run, on this machine or in S3."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.local_folder import LocalDestination, LocalSource

if TYPE_CHECKING:
    from sagemaker_runtime import Client, OptFn
    from sagemaker_runtime.bulk.places import Destination, Source

Place: TypeAlias = "str | os.PathLike[str]"


def open_source(
    client: Client,
    input: Place | Sequence[Place],
    output: Place,
    opt_fns: tuple[OptFn, ...],
    state: Place | None,
    *,
    verify: bool,
) -> Source:
    """
    The source of a run; the arguments are those of `run_bulk`.

    Raises:
        ConfigError: There is no input, or only some of it is in S3.
    """
    names = [os.fspath(each) for each in ([input] if isinstance(input, str | os.PathLike) else input)]
    if not names or not all(names):
        raise ConfigError(f"input is {names!r}; it takes one or more files, folders, globs, or places in S3")
    if not any(map(_is_s3, names)):
        besides = [_path(place) for place in (output, state) if place is not None and not _is_s3(place)]
        return LocalSource(names, besides=besides, verify=verify)
    if not all(map(_is_s3, names)):
        raise ConfigError(f"input {names!r}: some of it is in S3, and some is not; make a run for each")
    from sagemaker_runtime.bulk.s3 import S3Source

    return S3Source(client.s3_client(*opt_fns), names, besides=os.fspath(output) if _is_s3(output) else None)


def open_destination(
    client: Client,
    output: Place,
    opt_fns: tuple[OptFn, ...],
    state: Place | None,
    encryption: str | None,
    kms_key: str | None,
    *,
    uploads: bool,
) -> tuple[Destination, Path]:
    """
    The destination of a run, and the path of its folder.

    With *uploads*, request bodies go to S3, so encryption is allowed even for a local output.

    Raises:
        ConfigError: The output is in S3 and there is no *state*, or encryption is set and nothing goes to S3.
    """
    if not _is_s3(output):
        if (encryption is not None or kms_key is not None) and not uploads:
            raise ConfigError(
                f"encryption and kms_key are for S3, but the output {os.fspath(output)!r} is a folder on this machine; "
                "leave them out"
            )
        return LocalDestination(_path(output)), _path(output) / ".bulk" if state is None else _path(state)
    if state is None:
        raise ConfigError(
            f"the output {os.fspath(output)!r} is in S3; name a folder on a local disk with state=, for the run's journal"
        )
    from sagemaker_runtime.bulk.s3 import S3Destination

    s3 = client.s3_client(*opt_fns)
    return S3Destination(s3, os.fspath(output), encryption=encryption, kms_key=kms_key), _path(state)


def _is_s3(place: Place) -> bool:
    return os.fspath(place).startswith("s3://")


def _path(place: Place) -> Path:
    return Path(place).expanduser().absolute()
