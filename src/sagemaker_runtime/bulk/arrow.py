"""What needs pyarrow says so."""

from __future__ import annotations

from importlib.util import find_spec

from sagemaker_runtime import ConfigError


def require_pyarrow(what: str) -> None:
    """
    Look whether pyarrow is installed.

    Args:
        what: What needs it.

    Raises:
        ConfigError: It is not.
    """
    if find_spec("pyarrow") is None:
        raise ConfigError(f"{what} needs pyarrow: pip install 'sagemaker-runtime[bulk]'")
