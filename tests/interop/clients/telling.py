"""How the clients of this folder are told what to call, and tell what came of it. JSON knows no bytes: Latin-1 is used."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.config import Config

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

# The keys and the region are in the environment, where the SDKs look for them.
SETTINGS: dict[str, Any] = {
    "endpoint_url": os.environ["ENDPOINT_URL"],
    "config": Config(
        retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, connect_timeout=10, read_timeout=10
    ),
}


def calls() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Service, operation and members of each call that standard input has, a line for each."""
    for line in sys.stdin:
        service, operation, members = json.loads(line)
        if "Body" in members:
            members["Body"] = members["Body"].encode("latin-1")
        yield service, operation, members


def tell(response: dict[str, Any], body: list[bytes], error: ClientError | None) -> None:
    """
    Print what came of a call.

    Args:
        response: The members of the output; empty where the call failed.

        body: What its ``Body`` gave: one item, or the parts of a stream.

        error: What the call, or the reading of its body, raised.
    """
    told: dict[str, Any] = {"output": response, "body": [part.decode("latin-1") for part in body]}
    if error is not None:
        told["error"] = error.response
    print(json.dumps(told, default=str), flush=True)  # noqa: T201 - the test reads it
