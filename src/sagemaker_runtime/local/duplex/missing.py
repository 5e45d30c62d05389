"""`needed`: the error for a package that the duplex operation needs here, and that is not installed."""

from __future__ import annotations

from sagemaker_runtime import ConfigError

EXTRA = "local-duplex"


def needed(package: str, purpose: str) -> ConfigError:
    """What to install for *purpose*."""
    return ConfigError(f"{purpose} needs the package {package}: pip install 'sagemaker-runtime[{EXTRA}]'")
