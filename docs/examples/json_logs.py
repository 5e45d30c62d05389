"""
Logs as JSON: the facts of a record are its attributes, so a formatter need not parse
text.

Set the option ``logger`` to a logger at DEBUG. `ClientLogMode` says what is logged, for
a client or for a call.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from sagemaker_runtime import Client, ClientLogMode, InvokeEndpointInput, override
from sagemaker_runtime.local import LocalEndpoint

# and others: docs/observability.md
FACTS = ("aws_operation", "aws_attempt", "aws_error_code", "http_status")


class JSONFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        facts = {name: getattr(record, name) for name in FACTS if hasattr(record, name)}
        return json.dumps({"logger": record.name, **facts})


async def main() -> None:
    logger = logging.getLogger("shop.models")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JSONFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logged = override(
        logger=logger, client_log_mode=ClientLogMode.RETRIES | ClientLogMode.RESPONSE
    )
    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}) as local,
        Client(local.options(), logged) as client,
    ):
        local.fail("echo", call=1, error="ServiceUnavailable")
        await client.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="echo", body=b"hello")
        )
    logger.removeHandler(handler)


if __name__ == "__main__":
    asyncio.run(main())
