"""
Credentials and where they come from.

A provider is asked for credentials and keeps nothing; `CredentialsCache` keeps what one gave and asks again before it
expires. The client's default is ``CredentialsCache(DefaultCredentialsProvider())``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.credentials.base import (
    CREDENTIALS,
    AnonymousCredentialsProvider,
    CachingCredentialsProvider,
    Credentials,
    CredentialsProvider,
    StaticCredentialsProvider,
    checked_credentials,
    checked_provider,
    tells_current,
)

if TYPE_CHECKING:
    from sagemaker_runtime.credentials.cache import CredentialsCache
    from sagemaker_runtime.credentials.chain import (
        BotocoreCredentialsProvider,
        DefaultCredentialsProvider,
        EnvironmentCredentialsProvider,
    )

__all__ = [
    "CREDENTIALS",
    "AnonymousCredentialsProvider",
    "BotocoreCredentialsProvider",
    "CachingCredentialsProvider",
    "Credentials",
    "CredentialsCache",
    "CredentialsProvider",
    "DefaultCredentialsProvider",
    "EnvironmentCredentialsProvider",
    "StaticCredentialsProvider",
    "checked_credentials",
    "checked_provider",
    "tells_current",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # A client that is given its credentials starts without these.
    from sagemaker_runtime.credentials import cache, chain

    value: object = getattr(cache if name == "CredentialsCache" else chain, name)
    return value
