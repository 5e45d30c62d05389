"""What the kit asks of those who use it."""

from __future__ import annotations

import subprocess
import sys


def test_the_kit_brings_no_test_framework_and_no_transport_along() -> None:
    """Its users may test with unittest, and pay for no import that a stub has no use for."""
    code = (
        "import sys, sagemaker_runtime; sagemaker_runtime.testing.StubHTTPClient([]); "
        "print(sorted({'pytest', 'unittest', 'aiohttp', 'botocore'} & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603

    assert "[]" == found.stdout.strip()
