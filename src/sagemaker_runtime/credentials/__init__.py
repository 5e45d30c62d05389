"""
Credentials and where they come from.

A provider is asked for credentials and keeps nothing; `CredentialsCache` keeps what one gave and asks again before it
expires. The client's default is ``CredentialsCache(DefaultCredentialsProvider())``.
"""

from __future__ import annotations

from sagemaker_runtime.credentials.base import (
    AnonymousCredentialsProvider,
    Credentials,
    CredentialsProvider,
    StaticCredentialsProvider,
)
from sagemaker_runtime.credentials.cache import CredentialsCache
from sagemaker_runtime.credentials.chain import (
    BotocoreCredentialsProvider,
    DefaultCredentialsProvider,
    EnvironmentCredentialsProvider,
)

__all__ = [
    "AnonymousCredentialsProvider",
    "BotocoreCredentialsProvider",
    "Credentials",
    "CredentialsCache",
    "CredentialsProvider",
    "DefaultCredentialsProvider",
    "EnvironmentCredentialsProvider",
    "StaticCredentialsProvider",
]
