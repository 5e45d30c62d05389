"""Finds the conformance vectors, and makes parametrized tests from a set of them."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

BESIDE = Path(__file__).resolve().parents[2] / ".." / "shared" / "vectors"
VECTORS = Path(os.environ.get("CONFORMANCE_VECTORS") or BESIDE)
ABSENT = f"there are no conformance vectors in {VECTORS}; CONTRIBUTING.md says where they come from"


def load(name: str) -> Any:
    """Load the set *name*, such as ``retry/quota.json``. Without vectors, the test is skipped."""
    if not VECTORS.is_dir():
        pytest.skip(ABSENT)
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def cases(
    name: str,
    select: Callable[[Any], Iterable[Any]] = lambda document: document,
    *,
    id: Callable[[Any], str],
    skip: Callable[[Any], str | None] = lambda _: None,
) -> list[Any]:
    """
    The cases of a set, for ``parametrize``.

    Args:
        name: The set's file.

        select: The cases in the file; by default, the file is a list of them.

        id: A case's name in the report.

        skip: Why a case does not apply here; None if it does.
    """
    if not VECTORS.is_dir():
        return [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=ABSENT))]
    return [
        pytest.param(case, id=id(case), marks=[] if (reason := skip(case)) is None else pytest.mark.skip(reason=reason))
        for case in select(load(name))
    ]


def tally(*sets: Sequence[Any]) -> dict[str, int]:
    """How many cases run, under ``"run"``, and how many are skipped, by reason."""
    if not VECTORS.is_dir():
        pytest.skip(ABSENT)
    params = [param for params in sets for param in params]
    return dict(Counter(param.marks[0].kwargs["reason"] if param.marks else "run" for param in params))


def snake_case(name: str) -> str:
    """The attribute name of a member of the service model: ``inference_id`` for ``InferenceId``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
