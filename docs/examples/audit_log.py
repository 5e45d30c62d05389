"""
One line in the audit log for each call, however many attempts it took and however it
ended.

Middleware in Initialize run once per call. The outermost place there also sees calls
that validation refuses.
"""

from __future__ import annotations

import asyncio
import contextlib

from sagemaker_runtime import (
    ATTEMPTS,
    BEFORE,
    Client,
    Context,
    InitializeHandler,
    InitializeInput,
    InvokeEndpointInput,
    Output,
    SageMakerRuntimeError,
    initialize_middleware,
    with_api_options,
)
from sagemaker_runtime.context import OPERATION
from sagemaker_runtime.local import LocalEndpoint


@initialize_middleware("AuditLog")
async def audit_log(
    ctx: Context, step: InitializeInput, next: InitializeHandler
) -> Output:
    outcome = "cancelled"
    try:
        output = await next(ctx, step)
        outcome = "ok"
    except Exception as error:
        outcome = type(error).__name__
        raise
    else:
        return output
    finally:
        # The input's repr shows no body and no custom attributes.
        print(
            ctx[OPERATION],
            outcome,
            len(ctx.get(ATTEMPTS, ())),
            "attempts",
            step.parameters,
        )


async def main() -> None:
    add = with_api_options(lambda stack: stack.initialize.add(audit_log, BEFORE))
    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}) as local,
        Client(local.options(), add) as client,
    ):
        local.fail("echo", call=1, error="ServiceUnavailable")
        for name in ("echo", "no such name"):
            with contextlib.suppress(SageMakerRuntimeError):
                await client.invoke_endpoint(
                    InvokeEndpointInput(endpoint_name=name, body=b"a secret")
                )


if __name__ == "__main__":
    asyncio.run(main())
