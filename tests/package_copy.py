"""A copy of the package, for tests that change its source and run a program with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import sagemaker_runtime


def copy_of_the_package(folder: Path) -> Path:
    """The package's source below *folder*."""
    source = Path(sagemaker_runtime.__file__).parent
    return Path(shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__")))


def insert(path: Path, text: str, *, before: str) -> None:
    """Put *text* in front of the only place where *before* stands."""
    source = path.read_text()
    assert 1 == source.count(before), f"{path.name}: {before!r}"
    path.write_text(source.replace(before, text + before))


def run_with(package: Path, *arguments: str | Path) -> None:
    """Run Python with that copy, on a machine that says nothing about AWS; it must succeed."""
    nowhere = str(package.parent / "none")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere}
    environment["PYTHONPATH"] = str(package.parent)
    ran = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-W", "error", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert 0 == ran.returncode, ran.stderr
