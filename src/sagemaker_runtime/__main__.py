"""``python -m sagemaker_runtime`` runs the command ``sagemaker-runtime``."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        # Python has put the current folder first; a file there must not shadow a module that a command imports.
        del sys.path[0]

    from sagemaker_runtime.cli.main import main

    sys.exit(main())
