"""
The User-Agent in the format of the AWS SDKs: ``sdk/version ua/2.1 os/… lang/… api/… m/… app/…``.

Source: the Go SDK's ``aws/middleware/user_agent.go``; the AWS SDKs share the feature ids.
"""

from __future__ import annotations

import os
import platform
import sys
from functools import lru_cache

UA_VERSION = "2.1"  # of the format
RETRY_MODE_FEATURES = {"standard": "E", "adaptive": "F"}  # ids in the m/ part

_SAFE = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!$%&'*+-.^_`|~")
_OS_NAMES = {"linux": "linux", "darwin": "macos", "windows": "windows"}


def component(prefix: str, name: str, value: str = "") -> str:
    """``prefix/name#value``; characters that are not allowed become hyphens."""
    text = f"{_safe(prefix)}/{_safe(name)}"
    return f"{text}#{_safe(value)}" if value else text


def _safe(text: str) -> str:
    return "".join(character if character in _SAFE else "-" for character in text)


@lru_cache(maxsize=64)  # clients of one process share most parts
def user_agent(version: str, *, app_id: str | None, features: tuple[str, ...]) -> str:
    """
    The header's value.

    Args:
        version: The version of this package.

        app_id: The user's name for the application; None to leave it out.

        features: Feature ids for the ``m/`` part, in order.
    """
    system = platform.system().lower()
    parts = [
        component("sagemaker-runtime-python", version),
        f"ua/{UA_VERSION}",
        component("os", _OS_NAMES[system], platform.release()) if system in _OS_NAMES else "os/other",
        component("lang", "python", ".".join(map(str, sys.version_info[:3]))),
        component("md", "pyimpl", platform.python_implementation()),
        component("api", "sagemaker-runtime", version),
    ]
    if environment := os.environ.get("AWS_EXECUTION_ENV"):
        parts.append(component("exec-env", environment))
    if features:
        parts.append(f"m/{','.join(features)}")
    if app_id:
        parts.append(component("app", app_id))
    return " ".join(parts)
