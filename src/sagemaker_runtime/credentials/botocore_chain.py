"""
botocore's credential chain, run once: assembled from botocore's public parts, because it does three things differently.

Each source is asked only once, however soon its credentials expire: botocore would ask again immediately if less than 15
minutes were left, and a credential process may require somebody to touch a key. Expired credentials are refused by their
expiry time. An empty environment variable counts as unset.
"""

from __future__ import annotations

import math
import os
import time
from bisect import bisect_left
from functools import partial
from typing import TYPE_CHECKING

from botocore.credentials import (
    AssumeRoleProvider,
    AssumeRoleWithWebIdentityProvider,
    BotoProvider,
    CanonicalNameCredentialSourcer,
    ContainerProvider,
    CredentialProvider,
    DeferredRefreshableCredentials,
    EnvProvider,
    OriginalEC2Provider,
    ProfileProviderBuilder,
    RefreshableCredentials,
)
from botocore.session import Session

from sagemaker_runtime.credentials.base import Credentials
from sagemaker_runtime.dates import iso_date_of
from sagemaker_runtime.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.credentials import Credentials as BotocoreCredentials

_FOREVER = 10**12  # seconds; more than are left until the last year that a datetime can express
_FROM_DISK = "login"  # read from what ``aws login`` has stored, expired or not; other sources return fresh credentials
_STILL_EXPIRED = "Credentials were refreshed, but the refreshed credentials are still expired."


def new_session(profile: str | None) -> Session:
    """A session for *profile* in which an empty variable counts as unset; None for the environment's profile."""
    changed: dict[str, tuple[object, object, object, object]] = {}
    for name, (key, variables, default, convert) in Session.SESSION_VARIABLES.items():
        names = [variables] if isinstance(variables, str) else list(variables or ())
        if any(map(_is_empty, names)):
            changed[name] = (key, [each for each in names if not _is_empty(each)], default, convert)
    return Session(session_vars=changed, profile=profile)


def _is_empty(variable: str) -> bool:
    value = os.environ.get(variable)
    return value is not None and not value.strip()


def find(session: Session) -> tuple[Credentials, str] | None:
    """
    The credentials that the chain returns now, and botocore's name for their source; None if there are none.

    Raises:
        CredentialsError: They have expired.
        Exception: botocore's own errors, and any error that a process or an endpoint causes.
    """
    resolver = session.get_component("credential_provider")
    profile = session.get_config_variable("profile") or "default"
    environment = {name: value for name, value in os.environ.items() if not _is_empty(name)}
    instead: dict[str, CredentialProvider] = {
        "env": EnvProvider(environ=environment),
        "container-role": ContainerProvider(environ=environment),
        "ec2-credentials-file": OriginalEC2Provider(environ=environment),
        "boto-config": BotoProvider(environ=environment),
    }
    if _is_empty("AWS_WEB_IDENTITY_TOKEN_FILE"):
        instead["assume-role-with-web-identity"] = AssumeRoleWithWebIdentityProvider(
            lambda: session.full_config, session.create_client, profile, disable_env_vars=True
        )
    sources = [instead["env"], instead["container-role"], resolver.get_provider("iam-role")]
    instead["assume-role"] = AssumeRoleProvider(
        lambda: session.full_config,
        session.create_client,
        {},
        profile,
        credential_sourcer=CanonicalNameCredentialSourcer([_once(source) for source in sources]),
        profile_provider_builder=_OnceEach(session),
    )
    resolver.providers[:] = [instead.get(provider.METHOD, provider) for provider in resolver.providers]
    source = session.get_credentials()
    if source is None:
        return None
    expires_at = settle(source)
    found = source.get_frozen_credentials()
    keys = found.access_key or "", found.secret_key or "", found.token or None
    return Credentials(*keys, expires_at, source=source.method), source.method


def _once(provider: CredentialProvider) -> CredentialProvider:
    """Return *provider*, changed so that its source is not asked a second time."""
    load: Callable[[], BotocoreCredentials | None] = provider.load

    def load_once() -> BotocoreCredentials | None:
        source = load()
        if source is not None:
            settle(source)
        return source

    vars(provider)["load"] = load_once
    return provider


class _OnceEach:
    """Builds the providers for a source profile, so that each asks its source only once."""

    def __init__(self, session: Session) -> None:
        self._providers = ProfileProviderBuilder(session, cache={}).providers

    def providers(self, profile_name: str, *, disable_env_vars: bool = False) -> list[CredentialProvider]:
        return [_once(provider) for provider in self._providers(profile_name, disable_env_vars)]


def settle(source: BotocoreCredentials) -> float | None:
    """
    Stop *source* from refreshing its credentials, and return their expiry.

    In seconds since 1970; None if they never expire.

    Raises:
        CredentialsError: They have expired.
    """
    if not isinstance(source, RefreshableCredentials):
        return None
    if isinstance(source, DeferredRefreshableCredentials) or source.method == _FROM_DISK:
        try:
            source.get_frozen_credentials()  # the first and only request
        except RuntimeError as error:
            if str(error) != _STILL_EXPIRED:
                raise
    left = _seconds_left(source)
    if left is None:
        expires_at = None
    else:
        expires_at = time.time() + left
        if left < 0:
            raise CredentialsError(
                f"{source.method} returned credentials that expired at {iso_date_of(math.ceil(expires_at))}, by this machine's clock"
            )
    vars(source)["refresh_needed"] = _never
    return expires_at


def _never(*_: object, **__: object) -> bool:
    return False


def _seconds_left(source: RefreshableCredentials) -> int | None:
    """
    Seconds until *source* expires, rounded down; None if it never does.

    botocore does not publish the expiry, only whether less than a given number of seconds is left. So bisect.
    """
    steps = range(-_FOREVER, _FOREVER)
    more_than_left = bisect_left(steps, x=True, key=partial(type(source).refresh_needed, source))
    return None if more_than_left == len(steps) else steps[more_than_left] - 1
