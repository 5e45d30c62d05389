"""What is not installed: each thing that needs it says what to install, before a call is made."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import sagemaker_runtime
from sagemaker_runtime import ArrowCodec, ConfigError, NumPyCodec, ParquetCodec, TritonCodec

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path(sagemaker_runtime.__file__).parent
PROJECT = Path(__file__).parents[1] / "pyproject.toml"


@pytest.mark.parametrize(
    ("package", "extra", "make"),
    [
        ("numpy", "numpy", NumPyCodec),
        ("numpy", "numpy", TritonCodec),
        ("pyarrow", "arrow", ArrowCodec),
        ("pyarrow", "arrow", ParquetCodec),
    ],
)
def test_a_codec_without_its_library_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, package: str, extra: str, make: Callable[[], object]
) -> None:
    """A response that nothing can read was paid for, and an ImportError from within a call does not name the extra."""
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(
        ConfigError, match=rf"^{make.__name__} needs {package}: pip install 'sagemaker-runtime\[{extra}\]'$"
    ):
        make()


def test_each_extra_that_an_error_names_exists() -> None:
    """An extra that the package has not is passed over by pip with a warning that nobody reads."""
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    named = {
        name
        for path in SOURCE.rglob("*.py")
        for found in re.finditer(
            r"(?:require|missing)\(\"\w+\", \"([\w-]+)\"|sagemaker-runtime\[([\w-]+)\]", path.read_text()
        )
        for name in found.groups()
        if name is not None
    }

    assert set(extras) == named
