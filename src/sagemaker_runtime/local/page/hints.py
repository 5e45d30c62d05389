"""Shell lines with which a client finds the local endpoint. They contain no secret."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_FROM_FILE = ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
_PLACE = (
    "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME",
    "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME_HTTP2",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
)
_STORAGE = ("AWS_ENDPOINT_URL_S3",)
_TRUST = ("AWS_CA_BUNDLE", "SSL_CERT_FILE")
_KEYS = "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_SECURITY_TOKEN"


def shell_lines(environ: Mapping[str, str], *, given_keys: bool, storage: bool) -> list[str]:
    """
    The lines that make a shell's AWS clients call the local endpoint.

    Args:
        environ: `LocalEndpoint.environ`.

        given_keys: Whether the user gave the keys, and so has them. Random keys are in a file, which the lines name.

        storage: Whether S3 calls should go to the local endpoint, too. Otherwise, S3 in that shell is not affected.
    """
    lines = [_export(environ, name) for name in (*_PLACE, *(_STORAGE if storage else ()), *_TRUST) if name in environ]
    if given_keys:
        return [*lines, "# and the keys that you gave the local endpoint"]
    return [*lines, *(_export(environ, name) for name in _FROM_FILE), f"unset {_KEYS}"]


def _export(environ: Mapping[str, str], name: str) -> str:
    return f"export {name}={shlex.quote(environ[name])}"
