"""``python -m sagemaker_runtime.local``: see `cli`."""

from __future__ import annotations

import sys

from sagemaker_runtime.local.cli import main

if __name__ == "__main__":
    sys.exit(main())
