"""The plugins for OpenTelemetry, where it is not installed."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest


@pytest.mark.parametrize("plugin", ["metrics", "tracing"])
def test_a_plugin_without_opentelemetry_names_the_extra(plugin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checklist begins with both, and the name of a package is not the name of the extra."""
    monkeypatch.delitem(sys.modules, f"sagemaker_runtime.plugins.{plugin}", raising=False)
    for name in ("opentelemetry", "opentelemetry.metrics"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(ImportError, match=r"pip install 'sagemaker-runtime\[opentelemetry\]'"):
        import_module(f"sagemaker_runtime.plugins.{plugin}")
