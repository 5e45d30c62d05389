"""Credentials, the protocols of their providers, and the two providers that do no I/O."""

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
            f"{attribute.name} is empty, not a string, starts or ends with a blank, or has a control character; the value "
            "is not shown"
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

        source: Where they were found: ``"env"``, or botocore's name for the source, such as
            ``"shared-credentials-file"``. None if unknown. Two credentials that differ only in this are equal.

    Raises:
        ConfigError: A value is empty, or has an invalid character, such as a newline from a file.
    """

    access_key_id: str = field(validator=_sendable)
    secret_access_key: str = field(validator=_sendable, repr=False)
    session_token: str | None = field(default=None, validator=optional(_sendable), repr=False)
    expires_at: float | None = field(default=None, validator=optional(_time), repr=False)
    source: str | None = field(default=None, eq=False, repr=False, kw_only=True)


def same_keys(one: Credentials, other: Credentials) -> bool:
    """Whether both have the same keys and session token; their expiry may differ."""
    return (one.access_key_id, one.secret_access_key, one.session_token) == (
        other.access_key_id,
        other.secret_access_key,
        other.session_token,
    )


def checked_credentials(credentials: object) -> Credentials:
    """
    Return *credentials*, as a provider returned them, if they are `Credentials`.

    Raises:
        CredentialsError: They are of another type.
    """
    if not isinstance(credentials, Credentials):
        raise CredentialsError(
            f"the credentials provider returned {type(credentials).__name__}; it must return Credentials"
        )
    return credentials


def checked_provider(provider: CredentialsProvider) -> CredentialsProvider:
    """
    Return *provider*, which a middleware may have set as `CREDENTIALS`, if it is a provider.

    Raises:
        ConfigError: It has no ``retrieve`` method.
    """
    if not callable(getattr(provider, "retrieve", None)):
        raise ConfigError(
            f"a middleware has set CREDENTIALS to an object of type {type(provider).__name__}; set it to a provider, such "
            "as StaticCredentialsProvider(...)"
        )
    return provider


class CredentialsProvider(Protocol):
    """A source of credentials. It need not cache them: `CredentialsCache` does that for any provider."""

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

    `current` is used only if the class that defines `retrieve` also defines `current`. If a subclass overrides only
    `retrieve`, each attempt awaits that instead.
    """

    def current(self) -> Credentials | None:
        """Return credentials that are valid now; None if `retrieve` must be awaited. Called before each attempt."""
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

        Each attempt that was refused awaits this, so there may be many calls at the same time.

        Args:
            refused: The credentials that the attempt was signed with.

        Raises:
            CredentialsError: The source failed.
        """
        ...


CREDENTIALS: Key[CredentialsProvider] = Key("credentials")
"""
The credentials provider of the call. Set by the client, from the options; a middleware may set another one.

Credentials are requested from it before each attempt. Those that the attempt was signed with are `SIGNED_WITH`.
"""

SIGNED_WITH: Key[Credentials] = Key("signed with")
"""The credentials that the attempt was signed with. Set by Signing in the attempt's context; the repr shows no secret."""


@lru_cache(maxsize=256)
def tells_current(kind: type) -> bool:
    """
    Whether providers of the class *kind* are `CachingCredentialsProvider`.

    One class must define both methods: a subclass that overrides only `retrieve` wants `retrieve` to be called.
    """
    owner = next((cls for cls in kind.__mro__ if "retrieve" in vars(cls)), None)
    return owner is not None and callable(vars(owner).get("current"))


class StaticCredentialsProvider:
    """
    Credentials from code. It cannot be pickled, so that a secret does not leave the process unnoticed.

    Args:
        access_key_id: Not secret.

        secret_access_key: Secret; the repr does not show it.

        session_token: Secret. None for permanent credentials.

    Raises:
        ConfigError: A value is empty, or has an invalid character.
    """

    def __init__(self, access_key_id: str, secret_access_key: str, session_token: str | None = None) -> None:
        self._credentials = Credentials(access_key_id, secret_access_key, session_token)

    def current(self) -> Credentials:
        """Return the credentials."""
        return self._credentials

    async def retrieve(self) -> Credentials:
        """Return the credentials."""
        return self._credentials

    def __repr__(self) -> str:
        return f"StaticCredentialsProvider({self._credentials.access_key_id!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "StaticCredentialsProvider cannot be pickled, because the pickle would contain the secret; create it where it "
            "is needed, or pickle its Credentials"
        )

    def __deepcopy__(self, memo: object) -> Self:  # which would pickle
        return self


class AnonymousCredentialsProvider:
    """No credentials: requests are sent unsigned, for an endpoint or a proxy that needs no signature."""

    async def retrieve(self) -> NoReturn:
        """
        Raise an error.

        Raises:
            CredentialsError: Always; it is not called for unsigned requests.
        """
        raise CredentialsError("AnonymousCredentialsProvider has no credentials: its calls are sent unsigned")

    def __repr__(self) -> str:
        return "AnonymousCredentialsProvider()"
