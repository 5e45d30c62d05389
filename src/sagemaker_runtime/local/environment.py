"""`Environment`: the variables that lead any AWS SDK to a local endpoint, and hide the developer's own configuration."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sagemaker_runtime.local.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime import Credentials

_TRUST = ("AWS_CA_BUNDLE", "SSL_CERT_FILE")  # read by the SDKs that read AWS's configuration, and by OpenSSL
_LOOPBACK = ("localhost", "127.0.0.1", "::1", "[::1]")


class Environment:
    """
    The variables, and the file that some of them name.

    A dictionary cannot unset a variable, and an SDK may take an empty one for a profile that does not exist. So the shared
    configuration files and the profile are replaced by a temporary file. Its default profile has the same credentials,
    because some SDKs prefer a named profile to the variables.

    Args:
        region: The region.

        credentials: The credentials.
    """

    def __init__(self, region: str, credentials: Credentials) -> None:
        self._region = region
        self._credentials = credentials
        self._file: Path | None = None
        self._remove: Callable[[], object] | None = None
        self._turn = Lock()

    def variables(self, url: str, ca_bundle: Path | None = None) -> dict[str, str]:
        """The variables for an endpoint at *url*, with its certificate authority in *ca_bundle*; None for plain HTTP."""
        keys, token, file = self._credentials, self._credentials.session_token or "", str(self._written())
        not_proxied = _not_proxied(urlsplit(url).hostname or "")
        return {
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": url,
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME_HTTP2": url,
            "AWS_ENDPOINT_URL_S3": url,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
            "AWS_USE_FIPS_ENDPOINT": "false",
            "AWS_USE_DUALSTACK_ENDPOINT": "false",
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
            "AWS_SESSION_TOKEN": token,  # every SDK takes an empty one for none; the developer's would be sent
            "AWS_SECURITY_TOKEN": token,  # botocore reads this older name first
            "AWS_CREDENTIAL_EXPIRATION": "",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": file,
            "AWS_SHARED_CREDENTIALS_FILE": file,
            "AWS_PROFILE": "default",
            "AWS_DEFAULT_PROFILE": "default",  # botocore reads it before AWS_PROFILE
            "NO_PROXY": not_proxied,
            "no_proxy": not_proxied,
        } | ({} if ca_bundle is None else dict.fromkeys(_TRUST, str(ca_bundle)))

    def remove(self) -> None:
        """Remove the file, if it was written."""
        with self._turn:
            remove, self._remove, self._file = self._remove, None, None
        if remove is not None:
            remove()

    def _written(self) -> Path:
        with self._turn:
            if self._file is None:
                folder, self._remove = temporary_folder(self)
                self._file = folder / "aws"
                keys = self._credentials
                lines = [
                    "[default]",
                    f"region = {self._region}",
                    f"aws_access_key_id = {keys.access_key_id}",
                    f"aws_secret_access_key = {keys.secret_access_key}",
                    *([] if keys.session_token is None else [f"aws_session_token = {keys.session_token}"]),
                ]
                self._file.write_text("\n".join([*lines, ""]))
            return self._file


def _not_proxied(host: str) -> str:
    """The value of NO_PROXY: that of this process's environment, with *host* and this machine."""
    given = [os.environ.get(name, "") for name in ("NO_PROXY", "no_proxy")]
    hosts = [each.strip() for value in given for each in value.split(",") if each.strip()]
    return "*" if "*" in hosts else ",".join(dict.fromkeys([*hosts, host, *_LOOPBACK]))
