"""The file of a recording: what it must have to be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sagemaker_runtime.testing import (
    Replayer,
    UnexpectedCallError,
)

GOOD = {
    "request": {"method": "POST", "path": "/", "headers": {}, "body": ""},
    "response": {"status": 200, "headers": {}, "pieces": [], "ended": True, "delimited": True},
}


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "nothing", "\ufeff{}"),
        *('{"version": 2}', '{"version": 1}', '{"version": 1, "exchanges": {}}'),
        *('{"version": 1, "exchanges": [{}]}', '{"version": 1, "exchanges": [[]]}'),
        *(
            json.dumps({"version": 1, "exchanges": [{**GOOD, part: {**members, name: odd}}]})
            for part, members in GOOD.items()
            for name in members
            for odd in (None, [None], {"base64": "?"})
            if not (isinstance(members[name], dict) and isinstance(odd, dict))
        ),
        json.dumps({"version": 1, "exchanges": [{**GOOD, "error": 1}]}),
        json.dumps({"version": 1, "exchanges": [{**GOOD, "response": {**GOOD["response"], "headers": {"etag": 1}}}]}),
    ],
)
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, text: str) -> None:
    """At once, and not in the middle of a test."""
    path = tmp_path / "odd.json"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"odd.json is not a recording of version 1 \(.*\); record it again"):
        Replayer(path)


def test_a_file_with_what_it_must_have_is_a_recording(tmp_path: Path) -> None:
    """The one that those above were made of, by leaving something out."""
    path = tmp_path / "good.json"
    path.write_text(json.dumps({"version": 1, "exchanges": [GOOD]}))

    with pytest.raises(UnexpectedCallError, match="has 1 exchanges that were not used: POST /"):
        Replayer(path).assert_done()
