"""The places of a run, on this machine or in S3."""

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
    Where the input of `run_bulk` comes from; its arguments have the names of the run's.

    Raises:
        ConfigError: Some of it is in S3, and some is not.
    """
    names = [os.fspath(each) for each in ([input] if isinstance(input, str | os.PathLike) else input)]
    if not names or not all(names):
        raise ConfigError(f"input is {names!r}; it takes files, folders, globs, or places in S3, at least one")
    if not any(map(_is_s3, names)):
        besides = [_path(place) for place in (output, state) if place is not None and not _is_s3(place)]
        return LocalSource(names, besides=besides, verify=verify)
    if not all(map(_is_s3, names)):
        raise ConfigError(f"input {names!r}: some of it is in S3, and some is not; run each alone")
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
    Where parts go, and the run's folder.

    With *uploads*, bodies are put into S3, so that encryption makes sense whatever the output is.

    Raises:
        ConfigError: It must be said where the folder is, or the encryption makes no sense.
    """
    if not _is_s3(output):
        if (encryption is not None or kms_key is not None) and not uploads:
            raise ConfigError(
                f"encryption and kms_key are for S3, and the output {os.fspath(output)!r} is a folder on this machine; "
                "leave them out"
            )
        return LocalDestination(_path(output)), _path(output) / ".bulk" if state is None else _path(state)
    if state is None:
        raise ConfigError(
            f"the output {os.fspath(output)!r} is in S3; name a folder on a local disk with state=, for what the run has done"
        )
    from sagemaker_runtime.bulk.s3 import S3Destination

    s3 = client.s3_client(*opt_fns)
    return S3Destination(s3, os.fspath(output), encryption=encryption, kms_key=kms_key), _path(state)


def _is_s3(place: Place) -> bool:
    return os.fspath(place).startswith("s3://")


def _path(place: Place) -> Path:
    return Path(place).expanduser().absolute()
