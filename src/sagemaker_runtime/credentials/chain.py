"""The sources of a machine's credentials: the environment, and botocore's chain."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sagemaker_runtime.asyncio_only import asyncio_only
from sagemaker_runtime.credentials.base import Credentials
from sagemaker_runtime.errors import ConfigError, CredentialsError
from sagemaker_runtime.shared_files import SHARED_FILES, shared_file
from sagemaker_runtime.threads import Threads

if TYPE_CHECKING:
    from sagemaker_runtime.endpoints import EndpointResolverOptions

# Separate from the threads for files, because a process, or somebody who types a code, may take a long time.
_THREADS = Threads(name="sagemaker-runtime-credentials")


class EnvironmentCredentialsProvider:
    """
    Reads ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY`` and ``AWS_SESSION_TOKEN``, at each `retrieve`.

    ``AWS_CREDENTIAL_EXPIRATION``, which ``aws configure export-credentials`` prints, says when they expire. An empty
    variable counts as unset.
    """

    async def retrieve(self) -> Credentials:
        """
        Return the credentials in the environment.

        Raises:
            CredentialsError: There are none, they are incomplete, or they are invalid.
        """
        found = _from_environment()
        if found is None:
            raise CredentialsError(
                "there are no AWS credentials in the environment: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        return found

    def __repr__(self) -> str:
        return "EnvironmentCredentialsProvider()"


class BotocoreCredentialsProvider:
    """
    botocore's whole chain: environment, shared files, process, assume role, web identity, SSO, container, instance.

    Each `retrieve` runs the whole chain in a thread, without botocore's refresh windows and locks, so an edited file takes
    effect. Each run may send a request or start a process, so wrap the provider in a `CredentialsCache`. botocore is
    imported by the first call.

    A profile that needs an MFA code asks for it only once, because it cannot ask again in the background.

    Args:
        profile: The profile in the shared files; keys in the environment are then ignored. None or an empty string for
            ``AWS_PROFILE``, else ``default``.

        region: The region of STS and SSO. None for ``AWS_REGION``, else the one that botocore finds.

        endpoint_options: FIPS and dual stack for STS and SSO. None for the settings that botocore finds.

        ca_bundle: A file or a directory of the certificates to trust for STS and SSO. None for the one that botocore finds.
    """

    def __init__(
        self,
        *,
        profile: str | None = None,
        region: str | None = None,
        endpoint_options: EndpointResolverOptions | None = None,
        ca_bundle: str | None = None,
    ) -> None:
        self._profile = profile if profile and profile.strip() else None
        self._botocore_variables: dict[str, object] = {"region": region, "ca_bundle": ca_bundle}
        if endpoint_options is not None:
            self._botocore_variables["use_fips_endpoint"] = endpoint_options.use_fips_endpoint
            self._botocore_variables["use_dualstack_endpoint"] = endpoint_options.use_dual_stack_endpoint
        self._asked_for_code = False

    @asyncio_only
    async def retrieve(self) -> Credentials:
        """
        Return the credentials of the chain, with their expiry, rounded down to the second, if botocore knows it.

        Raises:
            CredentialsError: The chain found none, or expired ones, or failed. The text does not repeat the output of a
                credential process, or the response of an endpoint, which may contain a secret.
        """
        return await _THREADS.start(self._load)

    def _load(self) -> Credentials:
        from sagemaker_runtime.credentials.botocore_errors import explain  # imports botocore, which few calls need

        try:
            return self._find()
        except Exception as error:  # noqa: BLE001 - botocore's own errors, and any that a process or a file causes
            problem = explain(error)
        # Outside the except: as the context, the original error would be printed too, and it may contain a secret.
        raise CredentialsError(f"botocore's credential chain failed: {problem}")

    def _find(self) -> Credentials:
        from sagemaker_runtime.credentials.botocore_chain import find, new_session  # 180 ms of import

        for variable, default in SHARED_FILES.items():
            shared_file(variable, default)  # raises for a file that cannot be read; botocore would ignore it
        session = new_session(self._profile)
        # botocore does not read AWS_REGION.
        variables = self._botocore_variables
        region = variables["region"] or (os.environ.get("AWS_REGION") or "").strip() or None
        for name, value in (variables | {"region": region}).items():
            if value is not None:
                session.set_config_variable(name, value)
        needs_code = {"role_arn", "mfa_serial"} <= session.get_scoped_config().keys()
        if needs_code and self._asked_for_code:
            raise CredentialsError("the profile needs a new MFA code; create a new provider to be asked for it")
        found = find(session)
        if found is None:
            raise CredentialsError(
                "no AWS credentials were found in the environment, the shared files, a container or an instance "
                "role; configure one of them, or pass credentials=StaticCredentialsProvider(...)"
            )
        credentials, source = found
        self._asked_for_code = needs_code and source == "assume-role"
        return credentials

    def __repr__(self) -> str:
        return f"{type(self).__name__}(profile={self._profile!r})"


class DefaultCredentialsProvider(BotocoreCredentialsProvider):
    """
    The chain of the AWS SDKs: the environment, without importing botocore, else botocore's chain.

    With a *profile*, the keys in the environment are ignored.
    """

    async def retrieve(self) -> Credentials:
        """
        Return the first credentials found.

        Raises:
            CredentialsError: There are none, or those in the first source that has some cannot be used.
        """
        found = _from_environment() if self._profile is None else None
        return found if found is not None else await super().retrieve()


def _from_environment() -> Credentials | None:
    """The credentials in the environment; None if neither key is set. CredentialsError if they cannot be used."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION")
    found = (os.environ.get(name, "") for name in names)
    key, secret, token, expiration = (value if value.strip() else None for value in found)
    if key is None and secret is None:
        return None
    if key is None or secret is None:
        there, missing = (names[1], names[0]) if key is None else names[:2]
        raise CredentialsError(f"{there} is set in the environment, but {missing} is not; set both or neither")
    try:
        return Credentials(key, secret, token, None if expiration is None else _parse_time(expiration), source="env")
    except ConfigError as error:
        problem = error.message
    except ValueError:
        problem = "AWS_CREDENTIAL_EXPIRATION is not a time such as 2030-01-01T00:00:00Z"
    raise CredentialsError(f"the credentials in the environment cannot be used: {problem}")


def _parse_time(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
