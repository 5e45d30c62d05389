"""
Signatures from a service of your company, so that this process never holds an AWS key.

The middleware replaces ``Signing``, and the place keeps its name. It runs once per
attempt, and finds everything that it needs in the context.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from sagemaker_runtime import (
    AnonymousCredentialsProvider,
    Client,
    Context,
    Credentials,
    FinalizeHandler,
    FinalizeInput,
    InvokeEndpointInput,
    Output,
    Request,
    SigV4Signer,
    finalize_middleware,
    override,
    with_api_options,
)
from sagemaker_runtime.context import PAYLOAD_HASH, SIGNING_NAME, SIGNING_REGION
from sagemaker_runtime.local import LocalEndpoint


async def signature(
    keys: Credentials, request: Request, ctx: Context
) -> dict[str, str]:
    """Stands in for a request to the signing service: the headers of a signature."""
    SigV4Signer().sign_http(
        signed := request.copy(),
        credentials=keys,
        payload_hash=ctx[PAYLOAD_HASH],
        service=ctx[SIGNING_NAME],
        region=ctx[SIGNING_REGION],
        signing_time=datetime.now(UTC),
    )
    return {name: signed.headers[name] for name in ("authorization", "x-amz-date")}


async def main() -> None:
    async with LocalEndpoint({"echo": lambda invocation: invocation.body}) as local:

        @finalize_middleware("CorporateSigning")
        async def corporate_signing(
            ctx: Context, step: FinalizeInput, next: FinalizeHandler
        ) -> Output:
            step.request.headers.update(
                await signature(local.credentials, step.request, ctx)
            )
            return await next(ctx, step)

        swap = with_api_options(
            lambda stack: stack.finalize.swap("Signing", corporate_signing)
        )
        async with Client(
            local.options(), override(credentials=AnonymousCredentialsProvider()), swap
        ) as client:
            output = await client.invoke_endpoint(
                InvokeEndpointInput(endpoint_name="echo", body=b"accepted")
            )
            print(output.body.decode(), client.stack("InvokeEndpoint").finalize.ids())


if __name__ == "__main__":
    asyncio.run(main())
