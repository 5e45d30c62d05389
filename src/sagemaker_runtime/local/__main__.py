"""``python -m sagemaker_runtime.local``: see `cli`."""

from __future__ import annotations

from sagemaker_runtime.local.cli import leave, main

if __name__ == "__main__":
    leave(main())
