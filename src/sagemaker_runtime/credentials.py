"""Credentials and where they come from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from attrs import Attribute, field, frozen
from attrs.validators import optional

from sagemaker_runtime.errors import ConfigError, CredentialsError
from sagemaker_runtime.headers import header_problem

if TYPE_CHECKING:
    from botocore.credentials import Credentials as BotocoreCredentials


def _sendable(_: object, attribute: Attribute[str], value: str) -> None:
    if not _is_sendable(value):
        raise ConfigError(
            f"{attribute.name} is empty, no string, or has a blank at an end or a control character; the value is not shown"
        )


def _is_sendable(value: object) -> bool:
    return isinstance(value, str) and value != "" and value == value.strip() and header_problem(value) is None


@frozen
class Credentials:
    """
    What a request is signed with. The secrets are in no repr.

    Raises:
        ConfigError: A value is empty, or has a character that no credential has (a newline from a file, most often).
    """

    access_key_id: str = field(validator=_sendable)
    secret_access_key: str = field(validator=_sendable, repr=False)
    session_token: str | None = field(default=None, validator=optional(_sendable), repr=False)


class CredentialsProvider(Protocol):
    """Where credentials come from. Asked before each attempt, so it keeps what it found."""

    async def retrieve(self) -> Credentials:
        """
        Credentials that are valid now.

        Raises:
            CredentialsError: There are none, or they could not be refreshed.
        """
        ...


class StaticCredentialsProvider:
    """Credentials from code."""

    def __init__(self, access_key_id: str, secret_access_key: str, session_token: str | None = None) -> None:
        self._credentials = Credentials(access_key_id, secret_access_key, session_token)

    async def retrieve(self) -> Credentials:
        """Always the same."""
        return self._credentials

    def __repr__(self) -> str:
        return f"StaticCredentialsProvider({self._credentials.access_key_id!r})"


class BotocoreCredentialsProvider:
    """
    botocore's whole chain: environment, shared files, process, assume role, web identity, SSO, container, instance.

    Nothing is read, and botocore is not imported, before the first `retrieve`; all of it happens in a thread. Calls
    that come meanwhile wait for the same answer, and one that is cancelled cancels no other.

    Args:
        profile: The profile in the shared files. None for ``AWS_PROFILE``, else ``default``.
    """

    def __init__(self, *, profile: str | None = None) -> None:
        self._profile = profile
        self._source: BotocoreCredentials | None = None
        self._credentials: Credentials | None = None
        self._loading: asyncio.Future[Credentials] | None = None

    async def retrieve(self) -> Credentials:
        """What the chain gives; refreshed by botocore when they are about to expire."""
        if self._credentials is not None and not self._refresh_needed():
            return self._credentials
        loop = asyncio.get_running_loop()
        loading = self._loading
        if loading is None or loading.done() or loading.get_loop() is not loop:
            loading = self._loading = loop.run_in_executor(None, self._load)
            loading.add_done_callback(_observe)
        return await asyncio.shield(loading)

    def _refresh_needed(self) -> bool:
        refresh_needed = getattr(self._source, "refresh_needed", None)
        return refresh_needed is not None and refresh_needed()

    def _load(self) -> Credentials:
        from botocore.session import Session  # noqa: PLC0415 - 180 ms of import that many calls do without

        try:
            if self._source is None:
                self._source = Session(profile=self._profile).get_credentials()
            if self._source is None:
                raise CredentialsError(
                    "no AWS credentials were found in the environment, the shared files, a container or an instance "
                    "role; configure one of them, or pass credentials=StaticCredentialsProvider(...)"
                )
            found = self._source.get_frozen_credentials()
            self._credentials = Credentials(found.access_key or "", found.secret_key or "", found.token)
        except CredentialsError:
            raise
        except Exception as error:  # botocore's own kinds, and whatever a credential process or a file provokes
            raise CredentialsError(f"botocore's credential chain failed: {type(error).__name__}: {error}") from error
        return self._credentials

    def __repr__(self) -> str:
        return f"BotocoreCredentialsProvider(profile={self._profile!r})"


def _observe(loading: asyncio.Future[Credentials]) -> None:
    """Look at a failure that nobody waits for any more, so that asyncio does not report it as forgotten."""
    if not loading.cancelled():
        loading.exception()


class AnonymousCredentialsProvider:
    """No credentials: calls are sent without a signature."""

    async def retrieve(self) -> Credentials:
        """Raises CredentialsError: there is nothing to sign with."""
        raise CredentialsError("calls are anonymous, so there is nothing to sign with")
