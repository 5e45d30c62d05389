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
            f"{attribute.name} is of type {type(value).__name__} or not finite; it takes seconds since 1970, as in "
            "moment.timestamp()"
        )


@frozen
class Credentials:
    """
    The keys that requests are signed with. The repr shows no secrets.

    Args:
        access_key_id: Not secret; it is sent in clear text with each request.

        secret_access_key: Secret; used to sign, and never sent.

        session_token: Secret; sent with each request. None for permanent credentials.

        expires_at: Seconds since 1970, UTC. None if they do not expire.

        source: Where they were found: ``"env"``, or botocore's name, such as ``"shared-credentials-file"``. None if not
            known. It is not compared.

    Raises:
        ConfigError: A value is empty, or has an invalid character, such as a newline from a file.
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
        raise CredentialsError(
            f"the credentials provider returned {type(credentials).__name__}, and must return Credentials"
        )
    return credentials


def checked_provider(provider: CredentialsProvider) -> CredentialsProvider:
    """
    What a middleware may have set `CREDENTIALS` to.

    Raises:
        ConfigError: It is not a provider.
    """
    if not callable(getattr(provider, "retrieve", None)):
        raise ConfigError(
            f"a middleware has set CREDENTIALS to an object of type {type(provider).__name__}; it takes a provider, such as "
            "StaticCredentialsProvider(...)"
        )
    return provider


class CredentialsProvider(Protocol):
    """A source of credentials. It need not cache them, because `CredentialsCache` does so for any provider."""

    async def retrieve(self) -> Credentials:
        """
        Return credentials that are valid now.

        Raises:
            CredentialsError: There are none, or they could not be refreshed.
        """
        ...


class CachingCredentialsProvider(CredentialsProvider, Protocol):
    """
    A provider that can also return valid credentials without waiting, so that signing need not await it.

    `current` is used if the class that defines `retrieve` also defines it. If a subclass overrides only `retrieve`, that is
    awaited instead.
    """

    def current(self) -> Credentials | None:
        """Credentials that are valid now; None if `retrieve` must be awaited. Called before each attempt."""
        ...


@runtime_checkable
class RenewableCredentialsProvider(CredentialsProvider, Protocol):
    """
    A provider that caches credentials, and can renew them after a service has refused them.

    A provider that caches nothing needs no `renew`; `retrieve` is called again instead.
    """

    async def renew(self, refused: Credentials) -> Credentials:
        """
        Return new credentials from the source, or the same ones if it has no others.

        Each attempt that was refused awaits this, so it is called many times at once.

        Args:
            refused: The credentials that the attempt was signed with.

        Raises:
            CredentialsError: The source failed.
        """
        ...


CREDENTIALS: Key[CredentialsProvider] = Key("credentials")
"""
The provider that signs the call. Set by the client, from the options; a middleware may set another one.

This is the provider, not the credentials, which are requested before each attempt. Those in use are `SIGNED_WITH`.
"""

SIGNED_WITH: Key[Credentials] = Key("signed with")
"""The credentials that the attempt was signed with. Set by Signing in the attempt's context; the repr shows no secret."""


@lru_cache(maxsize=256)
def tells_current(kind: type) -> bool:
    """
    Whether providers of this class are `CachingCredentialsProvider`.

    Both methods must be of one class: who overrides `retrieve` alone means it to be asked.
    """
    owner = next((cls for cls in kind.__mro__ if "retrieve" in vars(cls)), None)
    return owner is not None and callable(vars(owner).get("current"))


class StaticCredentialsProvider:
    """Credentials from code. They cannot be pickled, so that a secret does not leave the process unnoticed."""

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
    """No credentials: requests are sent unsigned, for an endpoint or a proxy that needs no signature."""

    async def retrieve(self) -> NoReturn:
        """
        Give nothing.

        Raises:
            CredentialsError: Always; unsigned requests do not call it.
        """
        raise CredentialsError("AnonymousCredentialsProvider has no credentials: calls with it are sent unsigned")

    def __repr__(self) -> str:
        return "AnonymousCredentialsProvider()"
