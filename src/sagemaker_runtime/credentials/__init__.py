"""
Credentials and where they come from.

A provider returns credentials and stores nothing. `CredentialsCache` caches a provider's credentials and renews them
before they expire. The client's default is ``CredentialsCache(DefaultCredentialsProvider())``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime._lazy import lazy_names
from sagemaker_runtime.credentials.base import (
    CREDENTIALS,
    SIGNED_WITH,
    AnonymousCredentialsProvider,
    CachingCredentialsProvider,
    Credentials,
    CredentialsProvider,
    RenewableCredentialsProvider,
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
    "SIGNED_WITH",
    "AnonymousCredentialsProvider",
    "BotocoreCredentialsProvider",
    "CachingCredentialsProvider",
    "Credentials",
    "CredentialsCache",
    "CredentialsProvider",
    "DefaultCredentialsProvider",
    "EnvironmentCredentialsProvider",
    "RenewableCredentialsProvider",
    "StaticCredentialsProvider",
    "checked_credentials",
    "checked_provider",
    "tells_current",
]


if not TYPE_CHECKING:  # or a checker would find any name here
    # A client that gets its credentials from code does not import these.
    __getattr__ = lazy_names(
        __name__,
        {
            "cache": "CredentialsCache",
            "chain": "BotocoreCredentialsProvider DefaultCredentialsProvider EnvironmentCredentialsProvider",
        },
    )
