"""Makes calls with boto3, which knows nothing of this package."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError
from telling import SETTINGS, calls, tell


@cache
def client(service: str) -> Any:
    return boto3.client(service, **SETTINGS)


for service, operation, members in calls():
    response: dict[str, Any] = {}
    body: list[bytes] = []
    error: ClientError | None = None
    try:
        response = getattr(client(service), operation)(**members)
        content = response.pop("Body", None)
        if operation.endswith("_stream"):
            for event in content:
                body.append(event["PayloadPart"]["Bytes"])  # noqa: PERF401 - those before a failure count
        elif content is not None:
            body.append(content.read())
    except ClientError as failed:
        error = failed
    tell(response, body, error)
