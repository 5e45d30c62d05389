"""A model that doubles numbers and has bad luck with some, and files of numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sagemaker_runtime.bulk import JSONBody

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sagemaker_runtime.local import Invocation

LIST = JSONBody(key="instances", max_rows=8)


def doubling(failure: Exception | None = None, *, indent: int | None = None) -> Callable[[Invocation], bytes]:
    """
    A model that takes `LIST` and returns twice each number; a request with a 13, a 113 and so on in it fails.

    Args:
        failure: How. None for an exception of its own.

        indent: Of its responses; see `json.dumps`.
    """

    def doubled(invocation: Invocation) -> bytes:
        rows = json.loads(invocation.body)["instances"]
        if any(row % 100 == 13 for row in rows):
            raise ValueError("unlucky") if failure is None else failure.with_traceback(None)
        return json.dumps({"predictions": [2 * row for row in rows]}, indent=indent).encode()

    return doubled


def numbers(folder: Path, number: int, *, begin: int = 0, name: str = "rows") -> Path:
    """A file of JSON Lines with so many numbers."""
    path = folder / f"{name}.jsonl"
    path.write_text("".join(f"{begin + index}\n" for index in range(number)))
    return path
