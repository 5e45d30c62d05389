"""What credentials are, what gives them, and the two providers that have nothing to look for."""

from __future__ import annotations

from functools import lru_cache
from typing import NoReturn, Protocol, Self, runtime_checkable

from attr import Attribute, field, frozen
from attr.validators import optional

from sagemaker_runtime.checks import is_number
from sagemaker_runtime.context import Key
from sagemaker_runtime.errors import ConfigError, CredentialsError
from sagemaker_runtime.headers import header_problem


def _sendable(_: object, attribute: Attribute[str], value: str) -> None:
    if not _is_sendable(value):
        raise ConfigError(
            f"{attribute.name} is empty, no string, or has a blank at an end or a control character; the value is not shown"
        )


def _is_sendable(value: object) -> bool:
    return isinstance(value, str) and value != "" and value == value.strip() and header_problem(value) is None


def _time(_: object, attribute: Attribute[float], value: object) -> None:
    if not is_number(value):
        raise ConfigError(
            f"{attribute.name} is of type {type(value).__name__} or not finite, and takes seconds since 1970, as in "
            "moment.timestamp()"
        )


@frozen
class Credentials:
    """
    What a request is signed with. The secrets are in no repr.

    Args:
        access_key_id: Not secret: it is sent in clear with each request.

        secret_access_key: Secret; it signs, and is never sent.

        session_token: Secret, and sent. None for credentials that last.

        expires_at: Seconds since 1970, UTC. None: they do not expire.

        source: Where they were found: ``"env"``, or botocore's name, such as ``"shared-credentials-file"``. None if that
            is not known. It makes no difference between two that are otherwise equal.

    Raises:
        ConfigError: A value is empty, or has a character that no credential has (a newline from a file, most often).
    """

    access_key_id: str = field(validator=_sendable)
    secret_access_key: str = field(validator=_sendable, repr=False)
    session_token: str | None = field(default=None, validator=optional(_sendable), repr=False)
    expires_at: float | None = field(default=None, validator=optional(_time), repr=False)
    source: str | None = field(default=None, eq=False, repr=False, kw_only=True)


def same_keys(one: Credentials, other: Credentials) -> bool:
    """Whether they sign alike, whenever they expire."""
    return (one.access_key_id, one.secret_access_key, one.session_token) == (
        other.access_key_id,
        other.secret_access_key,
        other.session_token,
    )


def checked_credentials(credentials: object) -> Credentials:
    """
    What a provider gave.

    Raises:
        CredentialsError: It is not what a provider must give.
    """
    if not isinstance(credentials, Credentials):
        raise CredentialsError(f"the credentials provider gave {type(credentials).__name__}, and must give Credentials")
    return credentials


def checked_provider(provider: CredentialsProvider) -> CredentialsProvider:
    """
    What a middleware may have set `CREDENTIALS` to.

    Raises:
        ConfigError: It is no provider.
    """
    if not callable(getattr(provider, "retrieve", None)):
        raise ConfigError(
            f"a middleware has set CREDENTIALS to an object of type {type(provider).__name__}; it takes a provider, such as "
            "StaticCredentialsProvider(...)"
        )
    return provider


class CredentialsProvider(Protocol):
    """Where credentials come from. It may keep nothing: `CredentialsCache` does that for any provider."""

    async def retrieve(self) -> Credentials:
        """
        Credentials that are valid now.

        Raises:
            CredentialsError: There are none, or they could not be refreshed.
        """
        ...


class CachingCredentialsProvider(CredentialsProvider, Protocol):
    """
    A provider that can also give what is valid now without waiting, so that signing need not await it.

    `current` is asked if the class that defines `retrieve` defines it too; a subclass that overrides `retrieve` alone is
    awaited.
    """

    def current(self) -> Credentials | None:
        """Credentials that are valid now; None if `retrieve` must be awaited. Asked before each attempt."""
        ...


@runtime_checkable
class RenewableCredentialsProvider(CredentialsProvider, Protocol):
    """
    A provider that keeps credentials, and can be told that a service has refused them.

    One that keeps none needs no `renew`: it is asked again with `retrieve`.
    """

    async def renew(self, refused: Credentials) -> Credentials:
        """
        Credentials from the source, if those that are kept are the refused ones: the same again if it has no others.

        Awaited by each attempt that was refused with them, so by many at once.

        Args:
            refused: What the attempt was signed with.

        Raises:
            CredentialsError: The source failed.
        """
        ...


CREDENTIALS: Key[CredentialsProvider] = Key("credentials")
"""
The provider that signs the call. Set by the client, from the options; a middleware may set another one.

It is the provider and not what it gives: that is asked for before each attempt. What it gave is `SIGNED_WITH`.
"""

SIGNED_WITH: Key[Credentials] = Key("signed with")
"""What the attempt was signed with. Set by Signing in the attempt's context; its repr shows no secret."""


@lru_cache(maxsize=256)
def tells_current(kind: type) -> bool:
    """
    Whether providers of this class are `CachingCredentialsProvider`.

    Both methods must be of one class: who overrides `retrieve` alone means it to be asked.
    """
    owner = next((cls for cls in kind.__mro__ if "retrieve" in vars(cls)), None)
    return owner is not None and callable(vars(owner).get("current"))


class StaticCredentialsProvider:
    """Credentials from code. It is not pickled, so that a secret does not leave the process unnoticed."""

    def __init__(self, access_key_id: str, secret_access_key: str, session_token: str | None = None) -> None:
        self._credentials = Credentials(access_key_id, secret_access_key, session_token)

    def current(self) -> Credentials:
        """Always the same."""
        return self._credentials

    async def retrieve(self) -> Credentials:
        """Always the same."""
        return self._credentials

    def __repr__(self) -> str:
        return f"StaticCredentialsProvider({self._credentials.access_key_id!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "StaticCredentialsProvider is not pickled, because the pickle would hold the secret; make it where it is "
            "needed, or pickle its Credentials"
        )

    def __deepcopy__(self, memo: object) -> Self:  # which would pickle
        return self


class AnonymousCredentialsProvider:
    """No credentials: requests are sent unsigned, for an endpoint or a proxy that asks for no signature."""

    async def retrieve(self) -> NoReturn:
        """
        Give nothing.

        Raises:
            CredentialsError: Always; whoever sends unsigned requests does not ask.
        """
        raise CredentialsError("AnonymousCredentialsProvider has no credentials: calls with it are sent unsigned")

    def __repr__(self) -> str:
        return "AnonymousCredentialsProvider()"
