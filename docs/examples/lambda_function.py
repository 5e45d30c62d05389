"""
AWS Lambda: one client, and so one connection, for all calls of an execution
environment.

The module is loaded once per environment. A client created in the handler would read
the configuration and open a connection at each call. The call ends before Lambda ends
the function, so there is time to report a timeout.
"""

from __future__ import annotations

import os
from typing import Protocol

from sagemaker_runtime import (
    InvokeEndpointInput,
    ModelError,
    SyncClient,
    Timeout,
    TotalTimeoutError,
    override,
)

client = SyncClient.load()
ENDPOINT = os.environ["ENDPOINT_NAME"]
TO_RESPOND = 0.5  # seconds


class LambdaContext(Protocol):
    def get_remaining_time_in_millis(self) -> int: ...


def handler(event: dict[str, str], context: LambdaContext) -> dict[str, object]:
    seconds = max(0.1, context.get_remaining_time_in_millis() / 1000 - TO_RESPOND)
    try:
        output = client.invoke_endpoint(
            InvokeEndpointInput(
                endpoint_name=ENDPOINT,
                body=event["body"].encode(),
                content_type="text/csv",
            ),
            override(timeout=Timeout(total=seconds)),
        )
    except TotalTimeoutError:
        return {"statusCode": 504, "body": "the model is too slow"}
    except ModelError as error:
        return {"statusCode": 502, "body": error.original_message or "no reason given"}
    return {"statusCode": 200, "body": output.body.decode()}
