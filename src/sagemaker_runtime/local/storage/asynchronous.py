"""`Asynchronous`: the queue behind InvokeEndpointAsync, and the results that it stores."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
from collections import defaultdict
from contextlib import aclosing
from typing import TYPE_CHECKING
from urllib.parse import unquote
from uuid import uuid4

from attrs import evolve, frozen

from sagemaker_runtime.local.backends.invocation import Invocation
from sagemaker_runtime.local.backends.pieces import discard
from sagemaker_runtime.local.faults.kinds import ErrorAnswer, Throttled
from sagemaker_runtime.local.front.constraints import check
from sagemaker_runtime.local.front.failures import FailureError, failure
from sagemaker_runtime.local.front.listener import SHUTDOWN_TIMEOUT
from sagemaker_runtime.local.storage.storage import Storage, StorageError, key_problem

if TYPE_CHECKING:
    from sagemaker_runtime import Clock, Headers
    from sagemaker_runtime.local.backends.hosting import HostedEndpoint
    from sagemaker_runtime.local.backends.invocation import Answer
    from sagemaker_runtime.local.faults.kinds import Fault
    from sagemaker_runtime.operations.routes import Route

CONCURRENCY = 4  # concurrent inferences of one endpoint; the others wait in the queue
TTL = 21_600  # seconds; service-2.json, member RequestTTLSeconds
INVOCATION_TIMEOUT = 900  # seconds; service-2.json, member InvocationTimeoutSeconds
MAX_HEADERS = (
    4_096  # bytes; deep-learning-containers#4668 quotes the service, and so does djl-serving#2567 for a missing length
)
_NO_LENGTH = "The response from container primary did not specify the required Content-Length header"
_LONG_HEADERS = (
    f"Response received from the primary container has headers with length greater than {MAX_HEADERS} bytes. Reduce the "
    "length of your container's response headers and update your endpoint."
)
_OUTPUTS = "async-endpoint-outputs"  # this and the next are the SageMaker Python SDK's
_FAILURES = "async-endpoint-failures"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")  # for the name of a file
_S3_URI = re.compile(r"s3://([^/]+)/(.+)", re.DOTALL)
_HTTPS_URL = re.compile(r"https://(?:([^/]+)\.)?s3[.-][a-z0-9-]+\.amazonaws\.com/([^?#]+)", re.DOTALL)

logger = logging.getLogger("sagemaker_runtime.local")


@frozen
class Queued:
    """A request for the queue."""

    invocation: Invocation
    """The request. Its body is empty if the input is at `input_location`."""

    inference_id: str
    input_location: str | None
    output_key: str
    failure_key: str
    ttl: float
    """Seconds that it may wait."""

    timeout: float
    """Seconds that the model may take."""


def queued(route: Route, body: bytes, headers: Headers) -> Queued:
    """
    Make a request for the queue.

    Args:
        route: The operation, and the endpoint's name.

        body: The body. An empty one means none: in a request, the two are the same.

        headers: The headers, as received.

    Raises:
        FailureError: It violates the API model.
    """
    values = route.members(headers)
    check(route.operation.name, values, body)
    name = values["endpoint_name"]
    input_location = values.get("input_location")
    if (input_location is None) == (not body):
        given = "neither" if not body else "both"
        raise failure("ValidationError", f"Exactly one of Body and InputLocation must be given, not {given}.")
    inference_id = values.get("inference_id", str(uuid4()))
    # Several requests may share an id, but each has its own result, so the id alone cannot be the name.
    filename = values.get("filename", f"{_UNFIT.sub('-', inference_id)}-{secrets.token_hex(4)}.out")
    extension = values.get("s3_output_path_extension", "").strip("/")
    output_key = "/".join(part for part in (_OUTPUTS, name, extension, filename) if part)
    problem = key_problem(output_key)
    if problem is not None:  # S3 would accept it; a folder must not
        raise failure("ValidationError", f"The output cannot be stored under the key '{output_key}': {problem}.")
    return Queued(
        invocation=Invocation(
            endpoint_name=name,
            body=body,
            headers=headers,
            content_type=values.get("content_type"),
            accept=values.get("accept"),
            custom_attributes=values.get("custom_attributes"),
            inference_id=inference_id,
        ),
        inference_id=inference_id,
        input_location=input_location,
        output_key=output_key,
        failure_key=f"{_FAILURES}/{name}/{filename.removesuffix('.out')}-error.out",
        ttl=int(values.get("request_ttl_seconds", TTL)),
        timeout=int(values.get("invocation_timeout_seconds", INVOCATION_TIMEOUT)),
    )


def refusal_of(answer: Answer) -> str | None:
    """
    Why the service refuses the response for an asynchronous inference, in its words; None if it does not.

    A function has no headers. The headers that a container would have to send instead are checked.
    """
    headers = answer.headers
    if headers is None:
        members = {
            "content-type": answer.content_type,
            "x-amzn-sagemaker-custom-attributes": answer.custom_attributes,
            "x-amzn-sagemaker-new-session-id": answer.new_session_id,
            "x-amzn-sagemaker-closed-session-id": answer.closed_session_id,
        }
        lines = [f"{name}: {value}\r\n" for name, value in members.items() if value is not None]
    elif "content-length" not in headers:
        return _NO_LENGTH
    else:
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    size = sum(len(line.encode(errors="surrogateescape")) for line in lines)
    return _LONG_HEADERS if size > MAX_HEADERS else None


class Asynchronous:
    """
    Runs inferences in the background: a few at a time for each endpoint, in the order of their requests.

    Args:
        storage: Where inputs are read, and results and failures are written.

        clock: Measures the time in the queue.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(CONCURRENCY))
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, request: Queued, hosted: HostedEndpoint, fault: Fault | None) -> tuple[dict[str, str], bytes]:
        """
        Queue a request.

        Args:
            request: The request.

            hosted: The endpoint.

            fault: The fault of the request; None for no fault.

        Returns:
            The headers and the body of the response.

        Raises:
            FailureError: The fault is an error of the service. An error of the model is written to the storage later.
        """
        if isinstance(fault, ErrorAnswer | Throttled) and fault.answer().code != "ModelError":
            raise fault.answer()
        task = asyncio.create_task(self._run(request, hosted, fault, self._clock.monotonic()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        bucket = self._storage.bucket
        head = {
            "Content-Type": "application/json",
            "X-Amzn-SageMaker-OutputLocation": f"s3://{bucket}/{request.output_key}",
            "X-Amzn-SageMaker-FailureLocation": f"s3://{bucket}/{request.failure_key}",
        }
        return head, json.dumps({"InferenceId": request.inference_id}).encode()

    async def stop(self) -> None:
        """Drop all requests, queued or running, and write nothing for them. Those that do not end in time keep running."""
        self._turns.clear()  # the next start may be in another event loop
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=SHUTDOWN_TIMEOUT)

    async def _run(self, request: Queued, hosted: HostedEndpoint, fault: Fault | None, since: float) -> None:
        bucket = self._storage.bucket
        async with self._turns[hosted.name]:
            try:
                if self._clock.monotonic() - since > request.ttl:
                    raise failure(
                        "InternalFailure", f"The request expired: it was queued for more than {request.ttl:g} seconds."
                    )
                body, content_type = await self._infer(request, hosted, fault)
                await self._storage.write(bucket, request.output_key, body, content_type)
            except (FailureError, StorageError) as error:
                text = (
                    str(error) if isinstance(error, StorageError) else str(error.document.get("Message") or error.code)
                )
                try:
                    await self._storage.write(bucket, request.failure_key, text.encode(errors="replace"), "text/plain")
                except StorageError:
                    logger.exception("the failure of inference %s cannot be written: %s", request.inference_id, text)

    async def _infer(self, request: Queued, hosted: HostedEndpoint, fault: Fault | None) -> tuple[bytes, str]:
        invocation = request.invocation
        if request.input_location is not None:
            # Not read before its turn: the service accepts a request without reading its input.
            invocation = evolve(invocation, body=await self._input(request.input_location))
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(request.timeout):
                reply = await hosted.invoke(invocation, fault)
                refusal = refusal_of(reply.head)
                if refusal is not None:
                    await discard(reply.head.body)
                    raise failure("ModelError", refusal)
                async with aclosing(reply.pieces) as pieces:
                    body = b"".join([piece async for piece in pieces])
            if self._clock.monotonic() - began > request.timeout:  # if a test has moved the clock forward
                raise TimeoutError
        except TimeoutError:
            message = f"The model did not respond within {request.timeout:g} seconds."
            raise failure("InternalFailure", message) from None
        return body, reply.head.content_type

    async def _input(self, location: str) -> bytes:
        match = _S3_URI.fullmatch(location) or _HTTPS_URL.fullmatch(location)
        if match is None:
            raise failure("ValidationError", f"The input location {location} names no object in S3.")
        bucket, key = match[1], match[2]
        if location.startswith("https:"):
            path = unquote(key, errors="replace")
            bucket, key = (bucket, path) if bucket else path.split("/", 1) if "/" in path else (path, "")
        try:
            return (await self._storage.read(bucket, key)).body
        except StorageError as error:
            raise failure("ValidationError", f"The input at {location} cannot be read: {error}") from None
