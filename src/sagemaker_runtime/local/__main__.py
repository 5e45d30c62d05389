"""Runs the command of `cli` as ``python -m sagemaker_runtime.local``."""

from __future__ import annotations

from sagemaker_runtime.local.cli import leave, main

if __name__ == "__main__":
    leave(main())
