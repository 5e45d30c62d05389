"""
Serve a real classifier on this machine, and send it 150 concurrent calls through the whole stack: ``make demo``.

Only the cloud is mocked: HTTP and signatures are real, and one response is a 503, after which the call is retried. That
call is shown as a waterfall, which is also drawn into a file if you name one, such as ``waterfall.svg``.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter

from iris_classifier import Iris, IrisClassifier, load
from iris_report import Call, Report, show

from sagemaker_runtime import (
    BuildHandler,
    BuildInput,
    Client,
    Context,
    FinalizeHandler,
    FinalizeInput,
    InvokeEndpointInput,
    OptFn,
    Output,
    ServiceError,
    Stack,
    Timeout,
    append_custom_attributes,
    build_middleware,
    override,
    with_api_options,
)
from sagemaker_runtime.local import LocalEndpoint
from sagemaker_runtime.plugins.waterfall import Waterfall

URGENT = override(timeout=Timeout(total=5.0))  # made once, so the client compiles its stack once


@build_middleware("TagTenant")
async def tag_tenant(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
    """Once per call: tell the container which tenant the call is for."""
    append_custom_attributes(step.request.headers, "tenant=acme")
    return await next(ctx, step)


class CountAttempts:
    """Below Retry, so once per attempt: count the statuses. Its state belongs to all calls, never to one."""

    id = "CountAttempts"

    def __init__(self) -> None:
        self.statuses: Counter[int | None] = Counter()

    async def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        try:
            output = await next(ctx, step)
        except ServiceError as error:
            self.statuses[error.status] += 1
            raise
        self.statuses[200] += 1
        return output


async def main() -> Report:
    """Serve and call the classifier, which is fitted on every other row and tested with all of them."""
    irises = load()
    counter = CountAttempts()

    def add_ours(stack: Stack) -> None:
        stack.build.add(tag_tenant)
        stack.finalize.insert(counter, after="Retry")

    async def classify(client: Client, iris: Iris, *opt_fns: OptFn) -> Call:
        body = ",".join(map(str, iris.measurements)).encode()
        started = time.perf_counter()
        params = InvokeEndpointInput(endpoint_name="iris", body=body, content_type="text/csv")
        output = await client.invoke_endpoint(params, *opt_fns)
        return Call(iris, output, time.perf_counter() - started)

    async with LocalEndpoint({"iris": IrisClassifier(irises[::2])}) as local:
        local.fail("iris", call=7, error="ServiceUnavailable")
        async with (
            Client(local.options(), with_api_options(add_ours, Waterfall())) as client,
            asyncio.TaskGroup() as group,
        ):
            urgent = [group.create_task(classify(client, iris, URGENT)) for iris in irises[:20]]
            others = [group.create_task(classify(client, iris)) for iris in irises[20:]]
        return Report(client.stack("InvokeEndpoint"), counter.statuses, [task.result() for task in urgent + others])


if __name__ == "__main__":
    show(asyncio.run(main()), picture=sys.argv[1] if len(sys.argv) > 1 else None)
