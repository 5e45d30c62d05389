"""`temporary_folder`: a folder that is removed with its owner."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING
from weakref import finalize

if TYPE_CHECKING:
    from collections.abc import Callable


def temporary_folder(owner: object) -> tuple[Path, Callable[[], object]]:
    """A new folder that only this user can read, and a function that removes it; the end of *owner* removes it too."""
    folder = Path(mkdtemp(prefix="sagemaker-runtime-"))
    return folder, finalize(owner, _remove, folder, os.getpid())


def _remove(folder: Path, process: int) -> None:
    """Remove the folder, but not at the end of a process that was forked in the meantime."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
