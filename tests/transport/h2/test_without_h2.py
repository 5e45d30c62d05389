"""A program that has not installed h2."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
for name in ("h2", "hpack", "hyperframe"):
    sys.modules[name] = None
from sagemaker_runtime import *
try:
    HTTP2Client()
except ConfigError as error:
    print(error)
"""


def test_all_names_can_be_imported_and_the_transport_says_what_to_install() -> None:
    """It is an extra: who never talks both ways is not to hear of it."""
    ran = subprocess.run(  # noqa: S603 - a program of this test
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )

    assert "h2 is missing: pip install 'sagemaker-runtime[http2]'" in ran.stdout
