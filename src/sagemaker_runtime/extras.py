"""What to install: the error for a package that is not, and whose extra of this one has it."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from sagemaker_runtime.errors import ConfigError

__all__ = ["missing", "require"]


def require(package: str, extra: str, what: str) -> None:
    """
    Look whether a package is installed, without importing it.

    Args:
        package: The name that is imported.

        extra: The extra of ``sagemaker-runtime`` that installs it.

        what: What needs it, such as ``"Parquet"``.

    Raises:
        ConfigError: It is not.
    """
    if sys.modules.get(package) is None and find_spec(package) is None:
        raise missing(package, extra, what)


def missing(package: str, extra: str, what: str) -> ConfigError:
    """The error for a package that is not installed; see `require`."""
    return ConfigError(f"{what} needs {package}: pip install 'sagemaker-runtime[{extra}]'")
