"""`called`: the call that the page's form makes, and its results as they arrive."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final

from sagemaker_runtime import (
    ATTEMPTS,
    ConfigError,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    NopRetryer,
    PayloadPart,
    SageMakerRuntimeError,
    override,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from sagemaker_runtime import Client

MEMBERS: Final = (
    "endpoint_name",
    "content_type",
    "accept",
    "target_model",
    "target_variant",
    "inference_component_name",
    "session_id",
    "inference_id",
)
MAX_BODY = 16_777_216  # bytes; more than the service accepts, so that its own error can be seen


async def called(
    client: Client, members: Mapping[str, str], body: bytes, *, streams: bool, retries: bool
) -> AsyncGenerator[dict[str, object]]:
    """
    Make a call.

    Args:
        client: The client that makes it.

        members: The members of the input, by attribute name; empty ones are not sent.

        body: The input's body.

        streams: Whether to request a streamed response.

        retries: Whether to retry as the client does by default.

    Yields:
        ``{"part": base64}`` for each part of the response; then ``{"done": {...}}`` or ``{"error": {...}}``.

    Raises:
        ConfigError: There is no such member.
    """
    unknown = sorted(set(members) - set(MEMBERS))
    if unknown:
        raise ConfigError(f"{unknown[0]!r:.60} is not a field of this form; it has {', '.join(MEMBERS)}")
    given = {name: value for name, value in members.items() if value}
    name = given.pop("endpoint_name", "")
    options = () if retries else (override(retryer=NopRetryer()),)
    try:
        if streams:
            asked = InvokeEndpointWithResponseStreamInput(endpoint_name=name, body=body, **given)
            stream = await client.invoke_endpoint_with_response_stream(asked, *options)
            metadata = stream.result_metadata
            async with stream.body as parts:
                async for part in parts:
                    if isinstance(part, PayloadPart):
                        yield _part(part.bytes)
        else:
            output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name=name, body=body, **given), *options)
            metadata = output.result_metadata
            yield _part(output.body)
    except SageMakerRuntimeError as error:
        kind = type(error).__name__
        yield {"error": {"kind": kind, "message": f"{error}", "attempts": len(error.attempts)}}
    else:
        yield {"done": {"attempts": len(metadata[ATTEMPTS])}}


def _part(data: bytes) -> dict[str, object]:
    return {"part": b64encode(data).decode()}
